// SPDX-License-Identifier: MIT
// How keys are chosen and judged: the part of the configuration that the pool follows. Plain values, so that it can be
// copied into shared memory.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// In the order of the documentation.
enum key_algorithm_id {
    KEY_ROUND_ROBIN,
    KEY_RANDOM,
    KEY_LEAST_USED,
    KEY_WEIGHTED_SCORE,
    KEY_LEAST_TOKEN_USED,
    KEY_MAX_REMAINING,
    KEY_WEIGHTED_USAGE,
    KEY_QUOTA_AWARE,
    KEY_TIME_WINDOW,
    KEY_ALGORITHM_COUNT,
};

struct key_settings {
    uint32_t algorithm; // enum key_algorithm_id

    bool retries; // another key, or the same endpoint, after a failure
    uint32_t retry_max;
    uint32_t retry_delay_ms;

    bool bans;              // by rule; an operator may always disable a key
    uint32_t ban_threshold; // errors in a row
    bool bans_402;
    bool bans_401;
    uint32_t probe_minutes; // after which a banned key may be probed; 0: never

    uint32_t concurrent_limit;   // key tests and balance queries at once
    uint32_t request_timeout_ms; // of a key test and of a balance query

    bool has_tiers; // groups by priority; else all keys are one tier
    bool falls_back;
    bool is_strict;

    uint64_t daily_limit;   // tokens per key; 0: none
    uint64_t monthly_limit; // tokens per key; 0: none
    double warning_ratio;   // of a limit, from which on the log warns
    uint32_t window_hours;  // of time-window

    bool has_affinity;
    uint32_t max_inflight; // per key; 0: no limit
};

extern const struct key_settings key_settings_default;
