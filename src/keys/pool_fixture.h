// SPDX-License-Identifier: MIT
// For tests of selection: a table, a selector over it, and a clock that stands still.
#pragma once

#include "keys/selector.h"

// A noon: nothing that lasts for seconds crosses the border of a day or of a part of the window.
#define POOL_NOON_MS INT64_C(1800014400000)

enum { POOL_SEED = 42 };

struct pool {
    struct key_table table;
    struct key_settings settings; // pool_apply() puts them in force
    struct key_selector *selector;
    struct arena arena;
    int64_t now_ms;
    uint32_t n_added;
};

// Without keys, tiers and affinity.
void pool_init(struct pool *pool, enum key_algorithm_id algorithm);
void pool_deinit(struct pool *pool);
void pool_apply(struct pool *pool);

uint32_t pool_add(struct pool *pool, uint16_t group, float weight);                 // returns its slot
void pool_fill(struct pool *pool, uint32_t n);                                      // slots 0 to n - 1, of weight 1
struct key_lease pool_key(const struct pool *pool, uint32_t slot);                  // names the key; no lease is out
void pool_cool(struct pool *pool, uint32_t slot, uint32_t model, int64_t until_ms); // model 0: for all

// The slot picked, its lease already returned; UINT32_MAX: none.
uint32_t pool_pick(struct pool *pool);
uint32_t pool_pick_with(struct pool *pool, struct key_selector *selector, const struct key_wish *wish);
