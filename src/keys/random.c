// SPDX-License-Identifier: MIT
// Any key, with a chance in proportion to its weight.
#include "keys/algorithm.h"

static double score(const struct key_slot *slot, const struct key_scoring *scoring)
{
    return (double)atomic_load_explicit(&slot->weight, memory_order_relaxed);
}

const struct key_algorithm key_algorithm_random = {.name = SLICE_INIT("random"), .rule = KEY_SHARE, .score = score};
