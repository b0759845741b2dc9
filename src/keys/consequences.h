// SPDX-License-Identifier: MIT
// What an attempt does to its key: the one place that bans, cools down and counts.
//
//   who is to blame       status                      cooldown                       counted
//   nobody, complete      –                           ended, of key and model        total, success; errors in a row: 0
//   key: credit           banned if bans_402          else a minute or as asked      total, error; in a row
//   key: refused          banned if bans_401          else a minute                  total, error; in a row
//   key and model         –                           as asked, up to an hour; else  total, error
//                                                     1 s doubling to 60 s
//   anybody else          –                           –                              –
//
// A rule of the operator may say how long a cooldown is.
// So success_requests / total_requests says how well the key itself does: what clients, the network and providers get
// wrong is not in it. Errors in a row ban at the threshold; that is a suspicion only, and so never takes the last
// eligible key of its tier.
#pragma once

#include "keys/blame.h"
#include "keys/key_table.h"

enum {
    COOLDOWN_REFUSED_MS = 60 * 1000,
    COOLDOWN_FIRST_MS = 1000, // of a 429 that says nothing; doubles, with jitter
    COOLDOWN_LAST_MS = 60 * 1000,
    COOLDOWN_ASKED_MAX_MS = 3600 * 1000, // of what the upstream asks for, and of a quota that comes back in hours
};

struct key_consequence {
    bool is_banned;            // by this attempt: of several at once, one only
    int64_t cooldown_until_ms; // in force for this key and model after this attempt set or found it; 0: none was set
};

// `key` is a lease that is still out; a key that is gone meanwhile is left alone. `jitter` is in [0, 1). The last error
// that is kept with the key never has its secret in it. Picking and usage_count are the selector's business.
struct key_consequence key_apply(struct key_table *table, const struct key_settings *settings, struct key_lease key,
                                 const struct verdict *verdict, const struct attempt_evidence *evidence, uint32_t model,
                                 int64_t now_ms, double jitter);

// The tokens of an answer, complete or not.
void key_apply_usage(struct key_table *table, const struct key_settings *settings, struct key_lease key, uint64_t input,
                     uint64_t output, int64_t now_ms);

// What a test of a key has shown, beside key_apply() for its attempt: only a success to the end, and what is the key's
// own fault, is a result; a test that could not be made leaves the last one. A banned key becomes active by a success
// if `may_reactivate`: the test was a probe, or an operator asked for it. True: it did.
bool key_apply_test(struct key_table *table, struct key_lease key, const struct verdict *verdict,
                    const struct attempt_evidence *evidence, bool may_reactivate, int64_t now_ms);

// The key was not to blame after all, as is known only now that others fared alike: what was done to it a moment ago
// (within `window_ms`) is undone, the cooldown of this model and a ban on suspicion.
void key_pardon(struct key_table *table, struct key_lease key, uint32_t model, int64_t window_ms, int64_t now_ms);

// Ends cooldowns: of one model, or (0) all. True: there was one.
bool key_clear_cooldown(struct key_table *table, uint32_t slot, uint32_t model, int64_t now_ms);
