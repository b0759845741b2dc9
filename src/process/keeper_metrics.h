// SPDX-License-Identifier: MIT
// What the keeper knows and a scrape tells: keys by pool and status, durable writes, what of the usage was lost.
#pragma once

#include "base/buf.h"
#include "keys/key_table.h"
#include "store/history.h"
#include "store/key_store.h"

struct keeper_metrics;

// Both are borrowed.
struct keeper_metrics *keeper_metrics_new(const struct key_table *table, const struct key_store *store);
void keeper_metrics_free(struct keeper_metrics *metrics); // takes NULL

// `n_usage_lost`: records of requests that have not even reached the history, of which the sums have. Keys are counted
// anew unless that was done just now: a pool of 100,000 takes a millisecond, and may not take more than one in a
// hundred of the time, however often somebody asks.
void keeper_metrics_write(struct keeper_metrics *metrics, const struct history_numbers *history, uint64_t n_usage_lost,
                          struct buf *out);
