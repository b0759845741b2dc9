// SPDX-License-Identifier: MIT
// An answer to which every key of a choice contributes a piece: written as fast as the client takes it, so that however
// many keys there are, little of it is in memory. Keys that are removed meanwhile are left out.
//
// Happy path: key_walk_start() → `write` for each → the end. Ends when: all is written, or the client leaves.
#pragma once

#include "admin/admin_internal.h"
#include "base/buf.h"

struct key_walk {
    const struct slice *ids; // arena: those chosen at the start
    size_t n_ids;
    size_t at;
    size_t n_written;
    struct slice head; // arena; before the first piece
    struct slice tail; // arena; behind the last one
    void (*write)(struct key_walk *walk, const struct key_record *record, struct buf *out);
    struct admin_exchange *x;
    void *arg;
};

// Ids of the keys that fit, copied.
struct key_filter;
struct slice *key_walk_choose(struct admin_exchange *x, const struct key_filter *filter, size_t *n_r);

// `walk` is filled but for its counters, and lives in the arena. `headers` are complete lines. Nothing of the exchange
// may be touched afterwards.
void key_walk_start(struct admin_exchange *x, struct key_walk *walk, struct slice headers);
