// SPDX-License-Identifier: MIT
#include "keys/algorithm.h"

static const struct key_algorithm *const algorithms[KEY_ALGORITHM_COUNT] = {
    [KEY_ROUND_ROBIN] = &key_algorithm_round_robin,
    [KEY_RANDOM] = &key_algorithm_random,
    [KEY_LEAST_USED] = &key_algorithm_least_used,
    [KEY_WEIGHTED_SCORE] = &key_algorithm_weighted_score,
    [KEY_LEAST_TOKEN_USED] = &key_algorithm_least_token_used,
    [KEY_MAX_REMAINING] = &key_algorithm_max_remaining,
    [KEY_WEIGHTED_USAGE] = &key_algorithm_weighted_usage,
    [KEY_QUOTA_AWARE] = &key_algorithm_quota_aware,
    [KEY_TIME_WINDOW] = &key_algorithm_time_window,
};

const struct key_algorithm *key_algorithm_of(enum key_algorithm_id id)
{
    return algorithms[id < KEY_ALGORITHM_COUNT ? id : KEY_ROUND_ROBIN];
}

double key_success_rate(const struct key_slot *slot)
{
    uint64_t total = atomic_load_explicit(&slot->total_requests, memory_order_relaxed);
    uint64_t success = atomic_load_explicit(&slot->success_requests, memory_order_relaxed);
    return success >= total ? 1 : (double)success / (double)total;
}

uint64_t key_total_tokens(const struct key_slot *slot)
{
    return atomic_load_explicit(&slot->input_tokens, memory_order_relaxed) +
           atomic_load_explicit(&slot->output_tokens, memory_order_relaxed);
}
