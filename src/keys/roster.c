// SPDX-License-Identifier: MIT
#include "keys/roster.h"

#include <stdlib.h>

static const struct key_place nowhere = {UINT32_MAX, 0};

void key_roster_init(struct key_roster *roster, struct key_table *table)
{
    *roster = (struct key_roster){.table = table};
    key_table_settings(table, &roster->settings);
}

static void forget(struct key_roster *roster)
{
    for (uint32_t i = 0; i < roster->n_tiers; i++) {
        key_tier_deinit(&roster->tiers[i]);
    }
    mem_free(roster->tiers);
    mem_free(roster->_places);
    roster->tiers = NULL;
    roster->_places = NULL;
    roster->n_tiers = roster->_n_places = 0;
}

void key_roster_deinit(struct key_roster *roster)
{
    forget(roster);
}

struct key_scoring key_roster_scoring(const struct key_roster *roster, int64_t now_ms)
{
    return (struct key_scoring){&roster->settings, now_ms, roster->allowances};
}

bool key_roster_find(const struct key_roster *roster, uint32_t slot, struct key_place *place_r)
{
    if (slot >= roster->_n_places || roster->_places[slot].tier == UINT32_MAX) {
        return false;
    }
    *place_r = roster->_places[slot];
    return true;
}

// ---- one key

static struct key_place *place_of(struct key_roster *roster, uint32_t slot)
{
    if (slot >= roster->_n_places) {
        uint32_t n = roster->_n_places ? 2 * roster->_n_places : 64;
        n = n > slot ? n : slot + 1;
        roster->_places = mem_realloc(roster->_places, n * sizeof(*roster->_places));
        for (uint32_t i = roster->_n_places; i < n; i++) {
            roster->_places[i] = nowhere;
        }
        roster->_n_places = n;
    }
    return &roster->_places[slot];
}

static uint32_t tier_of(const struct key_roster *roster, const struct key_slot *slot)
{
    if (!atomic_load_explicit(&slot->identity, memory_order_acquire)) {
        return UINT32_MAX;
    }
    uint32_t group = atomic_load_explicit(&slot->group, memory_order_relaxed);
    return roster->_tier_of_group[group < KEY_GROUPS_MAX ? group : 0];
}

static void leave(struct key_roster *roster, struct key_place *place)
{
    uint32_t moved;
    if (place->tier != UINT32_MAX && key_tier_leave(&roster->tiers[place->tier], place->place, &moved)) {
        roster->_places[moved].place = place->place;
    }
    *place = nowhere;
}

static void look_in_views(struct key_roster *roster, struct key_tier *tier, uint32_t place, struct key_slot *slot,
                          int64_t now_ms)
{
    struct key_scoring scoring = key_roster_scoring(roster, now_ms);
    struct key_look look;
    key_look_at(slot, roster->algorithm, &scoring, 0, &look);
    key_view_put(&tier->all, place, &look);
    for (uint32_t i = 0; i < tier->n_models; i++) {
        key_look_at(slot, roster->algorithm, &scoring, tier->models[i].model, &look);
        key_view_put(&tier->models[i], place, &look);
    }
}

// The key is where it belongs, and known as it is.
static void look(struct key_roster *roster, uint32_t slot_index, int64_t now_ms)
{
    struct key_slot *slot = key_of(roster->table, slot_index);
    struct key_place *place = place_of(roster, slot_index);
    uint32_t tier_index = tier_of(roster, slot);
    if (place->tier != tier_index) {
        leave(roster, place);
    }
    if (tier_index == UINT32_MAX) {
        return;
    }
    struct key_tier *tier = &roster->tiers[tier_index];
    if (place->tier == UINT32_MAX) {
        *place = (struct key_place){tier_index, key_tier_join(tier, slot_index)};
    }
    if (roster->algorithm->settle) {
        roster->algorithm->settle(slot, key_table_group_turn(roster->table, tier->group));
    }
    look_in_views(roster, tier, place->place, slot, now_ms);
}

// ---- all keys

struct ranked_group {
    int32_t priority;
    uint16_t index;
};

static int by_priority(const void *a, const void *b)
{
    const struct ranked_group *left = a;
    const struct ranked_group *right = b;
    if (left->priority != right->priority) {
        return left->priority < right->priority ? -1 : 1;
    }
    return left->index < right->index ? -1 : left->index > right->index;
}

// Groups in the order in which they serve; `default` is the last. Returns how many there are.
static uint32_t rank_groups(const struct key_roster *roster, struct ranked_group ranked[KEY_GROUPS_MAX])
{
    uint32_t n = 0;
    uint32_t end = roster->settings.has_tiers ? key_table_n_groups(roster->table) : 0;
    for (uint32_t i = 1; i < end; i++) {
        if (key_table_group(roster->table, i, NULL, &ranked[n].priority)) {
            ranked[n++].index = (uint16_t)i;
        }
    }
    qsort(ranked, n, sizeof(*ranked), by_priority);
    ranked[n++] = (struct ranked_group){0};
    return n;
}

static void make_tiers(struct key_roster *roster)
{
    struct ranked_group ranked[KEY_GROUPS_MAX];
    uint32_t n = rank_groups(roster, ranked);
    roster->tiers = mem_alloc(n * sizeof(*roster->tiers));
    roster->n_tiers = n;
    for (uint32_t i = 0; i < KEY_GROUPS_MAX; i++) {
        roster->_tier_of_group[i] = (uint16_t)(n - 1);
    }
    for (uint32_t i = 0; i < n; i++) {
        key_tier_init(&roster->tiers[i], ranked[i].index, roster->algorithm->rule);
        roster->_tier_of_group[ranked[i].index] = (uint16_t)i;
    }
}

static void take_census(struct key_roster *roster)
{
    struct allowance_census census = {0};
    uint32_t end = key_table_end(roster->table);
    for (uint32_t i = 0; i < end; i++) {
        const struct key_slot *slot = key_of(roster->table, i);
        if (atomic_load_explicit(&slot->identity, memory_order_acquire)) {
            allowance_census_add(&census, slot);
        }
    }
    roster->allowances = allowance_census_scale(&census);
}

static void begin_anew(struct key_roster *roster, int64_t now_ms)
{
    forget(roster);
    // What changes from here on is looked at once more later.
    roster->_changes_at = key_changes_now(roster->table);
    roster->settings_version = key_table_settings_version(roster->table);
    key_table_settings(roster->table, &roster->settings);
    roster->algorithm = key_algorithm_of((enum key_algorithm_id)roster->settings.algorithm);
    make_tiers(roster);
    take_census(roster);
    roster->_census = (struct allowance_census){0};
    roster->_swept = 0;
    uint32_t end = key_table_end(roster->table);
    for (uint32_t i = 0; i < end; i++) {
        look(roster, i, now_ms);
    }
}

void key_roster_follow(struct key_roster *roster, int64_t now_ms)
{
    bool has_lost = !roster->n_tiers || key_table_settings_version(roster->table) != roster->settings_version;
    uint32_t slot;
    while (!has_lost && key_changes_next(roster->table, &roster->_changes_at, &slot, &has_lost)) {
        if (!has_lost) {
            look(roster, slot, now_ms);
        }
    }
    if (has_lost) {
        begin_anew(roster, now_ms);
    }
}

void key_roster_sweep(struct key_roster *roster, uint32_t parts, int64_t now_ms)
{
    uint32_t end = key_table_end(roster->table);
    for (uint32_t n = end / parts + 1; n > 0 && roster->_swept < end; n--) {
        const struct key_slot *slot = key_of(roster->table, roster->_swept);
        if (atomic_load_explicit(&slot->identity, memory_order_acquire)) {
            allowance_census_add(&roster->_census, slot);
        }
        look(roster, roster->_swept++, now_ms);
    }
    if (roster->_swept >= end) {
        roster->_swept = 0;
        roster->allowances = allowance_census_scale(&roster->_census);
        roster->_census = (struct allowance_census){0};
    }
}
