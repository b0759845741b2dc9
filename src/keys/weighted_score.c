// SPDX-License-Identifier: MIT
// Any key, with a chance in proportion to what speaks for it: 60 % how often it succeeds, 30 % how lately it was used,
// 10 % how experienced it is; each from 0 to 100. A key that was never used counts as fresh, and none has no chance.
#include "keys/algorithm.h"

#define HOUR_MS (3600.0 * 1000)
#define LEAST_WEIGHT 1.0

static double freshness(const struct key_slot *slot, int64_t now_ms)
{
    int64_t used_ms = atomic_load_explicit(&slot->last_used_ms, memory_order_relaxed);
    double lost = used_ms && now_ms > used_ms ? 4 * (double)(now_ms - used_ms) / HOUR_MS : 0;
    return lost < 100 ? 100 - lost : 0;
}

static double experience(const struct key_slot *slot)
{
    double n = (double)atomic_load_explicit(&slot->total_requests, memory_order_relaxed) / 10;
    return n < 100 ? n : 100;
}

static double score(const struct key_slot *slot, const struct key_scoring *scoring)
{
    double weight =
        0.6 * 100 * key_success_rate(slot) + 0.3 * freshness(slot, scoring->now_ms) + 0.1 * experience(slot);
    return weight > LEAST_WEIGHT ? weight : LEAST_WEIGHT;
}

const struct key_algorithm key_algorithm_weighted_score = {
    .name = SLICE_INIT("weighted-score"),
    .rule = KEY_SHARE,
    .score = score,
};
