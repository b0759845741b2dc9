// SPDX-License-Identifier: MIT
// The key that was used least often.
#include "keys/algorithm.h"

static double score(const struct key_slot *slot, const struct key_scoring *scoring)
{
    return (double)atomic_load_explicit(&slot->usage_count, memory_order_relaxed);
}

const struct key_algorithm key_algorithm_least_used = {
    .name = SLICE_INIT("least-used"),
    .rule = KEY_LEAST,
    .score = score,
};
