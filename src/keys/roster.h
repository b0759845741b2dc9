// SPDX-License-Identifier: MIT
// All keys of the table, each at its place in its tier, as this process remembers them. Follows what the table says has
// changed, and looks at everything again now and then.
#pragma once

#include "keys/tier.h"

struct key_place {
    uint32_t tier; // UINT32_MAX: none
    uint32_t place;
};

struct key_roster {
    struct key_table *table; // borrowed
    struct key_settings settings;
    uint32_t settings_version; // of settings and groups
    const struct key_algorithm *algorithm;
    struct allowance_scale allowances;

    struct key_tier *tiers; // owned; in the order in which they serve; never none
    uint32_t n_tiers;       // the last one is that of keys in no group
    uint16_t _tier_of_group[KEY_GROUPS_MAX];

    struct key_place *_places; // owned; of slots
    uint32_t _n_places;
    uint64_t _changes_at;
    uint32_t _swept; // slots before it were looked at in this round
    struct allowance_census _census;
};

void key_roster_init(struct key_roster *roster, struct key_table *table);
void key_roster_deinit(struct key_roster *roster);

// Brings it up to date with what is known to have changed. Comes first of all: before it, there is nothing.
void key_roster_follow(struct key_roster *roster, int64_t now_ms);
// Looks again at one `parts`th of the keys; at all in as many calls.
void key_roster_sweep(struct key_roster *roster, uint32_t parts, int64_t now_ms);

// Where a key is. False: nowhere.
bool key_roster_find(const struct key_roster *roster, uint32_t slot, struct key_place *place_r);
struct key_scoring key_roster_scoring(const struct key_roster *roster, int64_t now_ms);
