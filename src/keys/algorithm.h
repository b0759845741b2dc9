// SPDX-License-Identifier: MIT
// What an algorithm is: a score for a key. Either the key with the least score is chosen, or each with a chance in
// proportion to it. Finding it, ties and eligibility are the selector's business.
#pragma once

#include "keys/allowance.h"
#include "keys/key_table.h"

struct key_scoring {
    const struct key_settings *settings; // borrowed
    int64_t now_ms;
    struct allowance_scale allowances; // of all keys
};

enum key_rule {
    KEY_LEAST, // ties go to the key that was picked longest ago
    KEY_SHARE, // scores are weights: not negative
};

struct key_algorithm {
    struct slice name;
    enum key_rule rule;
    // A finite number. Using a key does not make its score better, except under KEY_SHARE: what a reader remembers is
    // then never too bad, and looking again when a key comes up is enough. Where a score does get better by itself
    // (time passes, an answer succeeds) readers see it within a minute.
    double (*score)(const struct key_slot *slot, const struct key_scoring *scoring);
    // Keys that are not to be used although they are eligible; NULL: none. *until_ms_r: when that ends by itself; 0:
    // not by time.
    bool (*is_over_quota)(const struct key_slot *slot, const struct key_scoring *scoring, int64_t *until_ms_r);
    // The key was picked from its group; NULL: nothing to do.
    void (*on_pick)(struct key_slot *slot, struct key_group *group);
    // The key has come to its group, or is looked at there again: puts right what it brought from elsewhere. NULL:
    // nothing to do.
    void (*settle)(struct key_slot *slot, const struct key_group *group);
};

const struct key_algorithm *key_algorithm_of(enum key_algorithm_id id);

// From 0 to 1; a key without any request is trusted: 1.
double key_success_rate(const struct key_slot *slot);
// What was metered here since the key exists.
uint64_t key_total_tokens(const struct key_slot *slot);

// One each, in a file of its own.
extern const struct key_algorithm key_algorithm_round_robin;
extern const struct key_algorithm key_algorithm_random;
extern const struct key_algorithm key_algorithm_least_used;
extern const struct key_algorithm key_algorithm_weighted_score;
extern const struct key_algorithm key_algorithm_least_token_used;
extern const struct key_algorithm key_algorithm_max_remaining;
extern const struct key_algorithm key_algorithm_weighted_usage;
extern const struct key_algorithm key_algorithm_quota_aware;
extern const struct key_algorithm key_algorithm_time_window;
