// SPDX-License-Identifier: MIT
// The key that has the most tokens left.
#include "keys/algorithm.h"

static double score(const struct key_slot *slot, const struct key_scoring *scoring)
{
    return -allowance_left(slot, &scoring->allowances);
}

const struct key_algorithm key_algorithm_max_remaining = {
    .name = SLICE_INIT("max-remaining"),
    .rule = KEY_LEAST,
    .score = score,
};
