// SPDX-License-Identifier: MIT
#include "keys/tier.h"

void key_tier_init(struct key_tier *tier, uint16_t group, enum key_rule rule)
{
    *tier = (struct key_tier){.group = group};
    key_view_init(&tier->all, rule);
}

void key_tier_deinit(struct key_tier *tier)
{
    for (uint32_t i = 0; i < tier->n_models; i++) {
        key_view_deinit(&tier->models[i]);
    }
    key_view_deinit(&tier->all);
    mem_free(tier->slots);
}

static void grow(struct key_tier *tier)
{
    tier->cap = tier->cap ? 2 * tier->cap : 4;
    tier->slots = mem_realloc(tier->slots, tier->cap * sizeof(*tier->slots));
    key_view_grow(&tier->all, tier->cap);
    for (uint32_t i = 0; i < tier->n_models; i++) {
        key_view_grow(&tier->models[i], tier->cap);
    }
}

uint32_t key_tier_join(struct key_tier *tier, uint32_t slot)
{
    if (tier->n_keys == tier->cap) {
        grow(tier);
    }
    tier->slots[tier->n_keys] = slot;
    return tier->n_keys++;
}

bool key_tier_leave(struct key_tier *tier, uint32_t place, uint32_t *moved_r)
{
    uint32_t last = --tier->n_keys;
    if (last == place) {
        key_view_away(&tier->all, place, 0);
        for (uint32_t i = 0; i < tier->n_models; i++) {
            key_view_away(&tier->models[i], place, 0);
        }
        return false;
    }
    tier->slots[place] = tier->slots[last];
    key_view_move(&tier->all, last, place);
    for (uint32_t i = 0; i < tier->n_models; i++) {
        key_view_move(&tier->models[i], last, place);
    }
    *moved_r = tier->slots[place];
    return true;
}

struct key_view *key_tier_view(struct key_tier *tier, uint32_t model, int64_t now_ms)
{
    for (uint32_t i = 0; i < tier->n_models; i++) {
        if (tier->models[i].model == model) {
            tier->models[i].asked_ms = now_ms;
            return &tier->models[i];
        }
    }
    return &tier->all;
}

// A place for one more view.
static struct key_view *make_room(struct key_tier *tier)
{
    if (tier->n_models < KEY_TIER_MODELS) {
        return &tier->models[tier->n_models++];
    }
    struct key_view *oldest = &tier->models[0];
    for (uint32_t i = 1; i < tier->n_models; i++) {
        oldest = tier->models[i].asked_ms < oldest->asked_ms ? &tier->models[i] : oldest;
    }
    key_view_deinit(oldest);
    return oldest;
}

struct key_view *key_tier_add_model(struct key_tier *tier, uint32_t model, int64_t now_ms)
{
    struct key_view *view = make_room(tier);
    key_view_copy(view, &tier->all);
    view->model = model;
    view->asked_ms = now_ms;
    return view;
}

void key_tier_drop_models(struct key_tier *tier, int64_t now_ms)
{
    for (uint32_t i = tier->n_models; i-- > 0;) {
        if (now_ms - tier->models[i].asked_ms > KEY_TIER_MODEL_MS) {
            key_view_deinit(&tier->models[i]);
            tier->models[i] = tier->models[--tier->n_models];
        }
    }
}
