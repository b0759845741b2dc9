// SPDX-License-Identifier: MIT
// What is written to the database, and removed from it. Each is one transaction: after a failure nothing has changed.
// Results as in history_db.h.
#pragma once

#include "base/map.h"
#include "store/history_batch.h"
#include "store/history_db.h"

enum {
    HISTORY_PIECE_ROWS = 1000, // that are removed at once: a long removal must not hold up what else is to do
};

MUST_USE int history_write(struct history_db *db, const struct history_batch *batch);

// Removes some rows of what ended before that time; *n_r of them: as long as it is not 0 there may be more.
MUST_USE int history_prune(struct history_db *db, int64_t before_ms, uint64_t *n_r);
MUST_USE int history_remove_usage(struct history_db *db, uint64_t *n_r);
// Removes usage of keys that are not among `known`, in the first hours after `*hour`, which moves on; INT64_MAX: that
// was the last one. Usage of no key of the pool, and of those that were added up as "other", stays.
MUST_USE int history_remove_strangers(struct history_db *db, const struct map *known, int64_t *hour, uint64_t *n_r);

// What a request is looked for by, as it is in request_mark.
uint32_t history_hash_id(struct slice id);
uint32_t history_hash_model(struct slice model);
uint32_t history_hash_key(struct slice key);
