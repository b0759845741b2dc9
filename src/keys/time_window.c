// SPDX-License-Identifier: MIT
// The key that has cost the fewest tokens in the last hours.
#include "keys/algorithm.h"

static double score(const struct key_slot *slot, const struct key_scoring *scoring)
{
    return (double)key_window_tokens(slot, scoring->settings, scoring->now_ms);
}

const struct key_algorithm key_algorithm_time_window = {
    .name = SLICE_INIT("time-window"),
    .rule = KEY_LEAST,
    .score = score,
};
