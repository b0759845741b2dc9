// SPDX-License-Identifier: MIT
// What an attempt does to its key: the one place that bans, cools down and counts.
#pragma once

#include "keys/blame.h"
#include "keys/key_table.h"

enum {
    COOLDOWN_REFUSED_MS = 60 * 1000,
    COOLDOWN_FIRST_MS = 1000, // of a 429 that says nothing; doubles, with jitter
    COOLDOWN_LAST_MS = 60 * 1000,
    COOLDOWN_ASKED_MAX_MS = 3600 * 1000, // of what the upstream asks for
};

struct key_consequence {
    bool is_banned;            // by this attempt
    int64_t cooldown_until_ms; // set by this attempt; 0: none
};

// `jitter` is in [0, 1). A key that is gone meanwhile is left alone.
struct key_consequence key_apply(struct key_table *table, const struct key_settings *settings, struct key_lease key,
                                 enum blame blame, const struct attempt_evidence *evidence, uint32_t model,
                                 int64_t now_ms, double jitter);
// The tokens of an answer, complete or not.
void key_apply_usage(struct key_table *table, const struct key_settings *settings, struct key_lease key, uint64_t input,
                     uint64_t output, int64_t now_ms);
// Ends cooldowns: of one model, or (0) all. True: there was one.
bool key_clear_cooldown(struct key_table *table, uint32_t slot, uint32_t model, int64_t now_ms);
