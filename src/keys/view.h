// SPDX-License-Identifier: MIT
// What a process remembers of the keys of a tier: which are ready and how good they are, and when the others return.
// Keys are known by their places, 0 to n - 1.
#pragma once

#include "keys/key_look.h"
#include "keys/share_tree.h"

struct key_view {
    uint32_t model;   // for which it is; 0: keys that cool for single models are ready
    int64_t asked_ms; // when it was last picked from
    uint32_t n_ready;
    enum key_rule rule;
    struct rank_tree _ranks;   // KEY_LEAST: of those that are ready
    struct share_tree _shares; // KEY_SHARE: the same
    struct rank_tree _returns; // of the others: the time is the score
};

void key_view_init(struct key_view *view, enum key_rule rule); // without places
void key_view_deinit(struct key_view *view);
void key_view_copy(struct key_view *view, const struct key_view *from); // `view` need not be initialised
// More places, empty ones.
void key_view_grow(struct key_view *view, uint32_t n);

void key_view_ready(struct key_view *view, uint32_t place, struct rank rank);
void key_view_away(struct key_view *view, uint32_t place, int64_t until_ms); // 0: until somebody says so
void key_view_put(struct key_view *view, uint32_t place, const struct key_look *look);
// `to` becomes what `from` is, and `from` is empty.
void key_view_move(struct key_view *view, uint32_t from, uint32_t to);

bool key_view_is_ready(const struct key_view *view, uint32_t place);
struct rank key_view_rank(const struct key_view *view, uint32_t place); // as remembered, if it is ready
// The place whose turn it is; under KEY_SHARE `at`, in [0, 1), decides. False: none is ready.
bool key_view_next(const struct key_view *view, double at, uint32_t *place_r);

// The one that returns first. False: none does.
bool key_view_returning(const struct key_view *view, uint32_t *place_r, int64_t *at_ms_r);
