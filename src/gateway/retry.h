// SPDX-License-Identifier: MIT
// What follows a failed attempt: another key, the same way once more after a while, another model, or the error to the
// client. Pure. Two budgets bound it: each key is tried at most once, without a wait; the same way `retry_max` times,
// with one. The timer of the whole request bounds both.
//
//   whose fault it was   what is tried, in this order
//   client               – (an input that is too long: a fallback)
//   key                  another key or token; a fallback; a lone credential that is limited: once more if that is soon
//   address              each other proxy once; a fallback
//   provider (500)       once more; another key; a fallback; once more …
//   endpoint, network    a fallback; once more … (a way that stayed silent never again)
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "keys/blame.h"
#include "keys/key_settings.h"

enum {
    RETRY_WAIT_MAX_MS = 10 * 1000, // a client does not wait longer than this for a single retry
    RETRY_PATIENCE_MS = 3 * 1000,  // for a limit of the only key there is
};

enum retry_step {
    RETRY_GIVE_UP,
    RETRY_OTHER_KEY,   // at once
    RETRY_OTHER_TOKEN, // as soon as it is here
    RETRY_OTHER_WAY,   // at once, through another proxy
    RETRY_SAME,        // after *delay_ms_r
    RETRY_OTHER_MODEL, // at once
};

// Of one request.
struct retry_state {
    uint32_t n_retries;  // of the budget
    uint32_t n_on_model; // attempts at this model that have failed
    uint32_t n_ways;     // other ways to it that were taken
};

struct retry_facts {
    const struct key_settings *settings;
    enum blame blame;
    bool was_silent;
    bool is_context_length;
    bool is_pooled;       // the credential is of the key pool
    bool has_other_key;   // there may be one that was not tried
    bool has_other_token; // the credential was an access token, and there is a newer one, or will be
    bool has_other_way;
    bool has_fallback;
    int64_t asked_ms; // that the upstream wants to be left alone; -1: it did not say
    double jitter;    // [0, 1)
};

// Counts what it decides in `state`.
enum retry_step retry_next(struct retry_state *state, const struct retry_facts *facts, uint32_t *delay_ms_r);

// Before an attempt: the way is known to be down until `open_ms` from now. Another model, a wait, or the end.
enum retry_step retry_blocked(struct retry_state *state, const struct retry_facts *facts, int64_t open_ms,
                              uint32_t *delay_ms_r);
