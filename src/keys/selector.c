// SPDX-License-Identifier: MIT
#include "keys/selector.h"

#include "base/random.h"
#include "keys/affinity.h"
#include "keys/draw.h"
#include "keys/key_load.h"

enum { TICKS_OF_A_SWEEP = 60 * 1000 / KEY_SELECTOR_TICK_MS };

struct key_selector {
    struct key_roster roster;
    struct dice dice;
    struct key_aside *asides; // owned; room for those of a pick
    size_t cap_asides;
};

struct key_selector *key_selector_new(struct key_table *table)
{
    struct key_selector *selector = mem_zalloc(sizeof(*selector));
    key_roster_init(&selector->roster, table);
    key_table_settings(table, &selector->roster.settings);
    random_bytes(&selector->dice.state, sizeof(selector->dice.state));
    return selector;
}

void key_selector_free(struct key_selector *selector)
{
    if (selector) {
        key_roster_deinit(&selector->roster);
        mem_free(selector->asides);
        mem_free(selector);
    }
}

void key_selector_seed(struct key_selector *selector, uint64_t seed)
{
    selector->dice.state = seed;
}

const struct key_settings *key_selector_settings(struct key_selector *selector)
{
    return &selector->roster.settings;
}

void key_selector_tick(struct key_selector *selector, int64_t now_ms)
{
    struct key_roster *roster = &selector->roster;
    key_roster_follow(roster, now_ms);
    key_roster_sweep(roster, TICKS_OF_A_SWEEP, now_ms);
    for (uint32_t i = 0; i < roster->n_tiers; i++) {
        key_tier_drop_models(&roster->tiers[i], now_ms);
    }
}

// Tiers before this one may serve.
static uint32_t end_of_tiers(const struct key_roster *roster)
{
    const struct key_settings *settings = &roster->settings;
    uint32_t end = roster->n_tiers - (settings->has_tiers && settings->is_strict);
    if (!settings->has_tiers || (settings->falls_back && !settings->is_strict)) {
        return end;
    }
    for (uint32_t i = 0; i < end; i++) {
        if (roster->tiers[i].n_keys) {
            return i + 1;
        }
    }
    return end;
}

// The key if it is in a tier that may serve.
static bool find_place(const struct key_roster *roster, struct key_lease key, struct key_place *place_r)
{
    return key.identity && key_roster_find(roster, key.slot, place_r) && place_r->tier < end_of_tiers(roster);
}

static bool draw_known(struct key_draw *draw, struct key_lease key, const struct key_place *place)
{
    if (!key_draw_eligible(draw, key.slot, key.identity)) {
        return false;
    }
    draw->roster->tiers[place->tier].n_picks_since++;
    draw->choice->was_bound = true;
    return true;
}

// From the tiers before `end`, in turn.
static bool draw_best(struct key_draw *draw, uint32_t end)
{
    for (uint32_t i = 0; i < end; i++) {
        if (key_draw_from(draw, &draw->roster->tiers[i])) {
            return true;
        }
    }
    return false;
}

static bool draw_owner(struct key_draw *draw)
{
    struct key_place place;
    return find_place(draw->roster, draw->wish->owner, &place) && draw_known(draw, draw->wish->owner, &place);
}

static bool draw_elsewhere(struct key_draw *draw, struct key_lease key, const struct key_place *place)
{
    draw->avoided = key;
    bool is_drawn = draw_best(draw, place->tier + 1);
    draw->avoided = (struct key_lease){0};
    return is_drawn;
}

// The key of the conversation; or, where that has far too much to do, another one that is no worse, if there is one.
static bool draw_bound(struct key_draw *draw, uint64_t conversation)
{
    struct key_roster *roster = draw->roster;
    int64_t now_ms = draw->wish->now_ms;
    struct key_lease key;
    struct key_place place;
    if (!conversation || !affinity_find(roster->table, AFFINITY_CONVERSATION, conversation, now_ms, &key) ||
        !find_place(roster, key, &place)) {
        return false;
    }
    bool is_overrun =
        key_is_overrun(roster, &roster->tiers[place.tier], key_of(roster->table, key.slot), draw->dice, now_ms);
    if (is_overrun && draw_elsewhere(draw, key, &place)) {
        affinity_put(roster->table, conversation, draw->choice->lease, now_ms);
        return true;
    }
    return draw_known(draw, key, &place);
}

static bool draw_key(struct key_draw *draw)
{
    const struct key_wish *wish = draw->wish;
    if (wish->only.identity) {
        return key_draw_any(draw, wish->only.slot, wish->only.identity);
    }
    uint64_t conversation = draw->roster->settings.has_affinity ? wish->conversation : 0;
    bool is_owner = draw_owner(draw);
    if (!is_owner && draw_bound(draw, conversation)) {
        return true;
    }
    if (!is_owner && !draw_best(draw, end_of_tiers(draw->roster))) {
        return false;
    }
    if (conversation) {
        affinity_put(draw->roster->table, conversation, draw->choice->lease, wish->now_ms);
    }
    return true;
}

enum key_pick key_selector_pick(struct key_selector *selector, const struct key_wish *wish, struct arena *arena,
                                struct key_choice *choice_r)
{
    key_roster_follow(&selector->roster, wish->now_ms);
    *choice_r = (struct key_choice){.until_ms = INT64_MAX};
    struct key_draw draw = {
        .roster = &selector->roster,
        .wish = wish,
        .dice = &selector->dice,
        .arena = arena,
        .choice = choice_r,
        .asides = selector->asides,
        .cap_asides = selector->cap_asides,
    };
    bool is_drawn = draw_key(&draw);
    selector->asides = draw.asides;
    selector->cap_asides = draw.cap_asides;
    if (is_drawn) {
        choice_r->until_ms = 0;
        return KEY_PICKED;
    }
    *choice_r = (struct key_choice){.until_ms = choice_r->until_ms == INT64_MAX ? 0 : choice_r->until_ms};
    return choice_r->until_ms ? KEY_LATER : KEY_NEVER;
}
