// SPDX-License-Identifier: MIT
// The best of what is left (40 %, as a part of the greatest allowance), of how much of its own allowance that is (30 %)
// and of how often it succeeds (30 %).
#include "keys/algorithm.h"

static double score(const struct key_slot *slot, const struct key_scoring *scoring)
{
    double left = allowance_left(slot, &scoring->allowances) / scoring->allowances.greatest;
    return -(0.4 * (left < 1 ? left : 1) + 0.3 * allowance_share_left(slot, &scoring->allowances) +
             0.3 * key_success_rate(slot));
}

const struct key_algorithm key_algorithm_weighted_usage = {
    .name = SLICE_INIT("weighted-usage"),
    .rule = KEY_LEAST,
    .score = score,
};
