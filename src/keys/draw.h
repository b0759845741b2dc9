// SPDX-License-Identifier: MIT
// How one pick takes a key, out of a tier or a certain one. What is remembered is only a hint: a key is looked at again
// before it is taken, and what has changed is remembered anew. Since keys mostly get worse, the first that is as good
// as remembered is the best.
#pragma once

#include "keys/dice.h"
#include "keys/roster.h"
#include "keys/selector.h"

// A key that one pick passes over.
struct key_aside {
    uint32_t place;
    struct rank rank; // as remembered
};

struct key_draw {
    struct key_roster *roster;   // borrowed
    const struct key_wish *wish; // borrowed
    struct dice *dice;           // borrowed
    struct arena *arena;         // borrowed
    struct key_lease avoided;    // passed over by key_draw_from(); identity 0: none
    struct key_choice *choice;   // borrowed; until_ms falls to the earliest return of those that are away
    struct key_aside *asides;    // owned; kept from pick to pick
    size_t n_asides;
    size_t cap_asides;
};

// Takes the key that the algorithm wants, if any is eligible now.
bool key_draw_from(struct key_draw *draw, struct key_tier *tier);
// Takes this key if it is eligible.
bool key_draw_eligible(struct key_draw *draw, uint32_t slot, uint32_t identity);
// Takes this key if it is there.
bool key_draw_any(struct key_draw *draw, uint32_t slot, uint32_t identity);
