// SPDX-License-Identifier: MIT
// Which key a request gets: tier after tier, by the algorithm in force, one conversation to one key. A selector belongs
// to one process; it remembers scores and looks again at what comes up, so that a pick costs O(log n) although other
// processes use the same keys.
#pragma once

#include "keys/eligibility.h"
#include "keys/key_table.h"

struct key_selector;

struct key_selector *key_selector_new(struct key_table *table); // `table` is borrowed
void key_selector_free(struct key_selector *selector);

struct key_wish {
    uint32_t model;                // key_model_tag() of what is sent upstream; 0: none
    uint64_t conversation;         // affinity tag; 0: belongs to none
    struct key_lease only;         // this key and no other, eligible or not (a test of a key); identity 0: any
    struct key_lease owner;        // this key as long as it is eligible; identity 0: none
    const struct key_lease *tried; // not these
    size_t n_tried;
    int64_t now_ms;
};

enum key_pick {
    KEY_PICKED,
    KEY_LATER, // none is eligible now, nor before until_ms unless somebody does something
    KEY_NEVER, // none will be before somebody does something
};

struct key_choice {
    struct key_lease lease; // to be returned
    struct slice secret;    // arena
    struct slice id;        // arena
    uint64_t proxy;
    bool was_bound;   // it is the key of the conversation, or the owner
    int64_t until_ms; // KEY_LATER: the earliest return, of tried keys too
};

enum key_pick key_selector_pick(struct key_selector *selector, const struct key_wish *wish, struct arena *arena,
                                struct key_choice *choice_r);

// The settings that the last pick followed.
const struct key_settings *key_selector_settings(struct key_selector *selector);

// The same picks for the same seed, where chance decides: for tests.
void key_selector_seed(struct key_selector *selector, uint64_t seed);

// Looks again at a few remembered scores; called every KEY_SELECTOR_TICK_MS, all are looked at within a minute.
enum { KEY_SELECTOR_TICK_MS = 100 };
void key_selector_tick(struct key_selector *selector, int64_t now_ms);
