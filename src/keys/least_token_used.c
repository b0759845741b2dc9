// SPDX-License-Identifier: MIT
// The key that has cost the fewest tokens since it is here.
#include "keys/algorithm.h"

static double score(const struct key_slot *slot, const struct key_scoring *scoring)
{
    return (double)key_total_tokens(slot);
}

const struct key_algorithm key_algorithm_least_token_used = {
    .name = SLICE_INIT("least-token-used"),
    .rule = KEY_LEAST,
    .score = score,
};
