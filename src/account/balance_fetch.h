// SPDX-License-Identifier: MIT
// The balance of one key, asked for at its provider: the organization, then what it has used.
//
// Happy path: organization → usage → on_done with a balance. Failure modes: a provider that is busy (429, 5xx, no
// answer) is asked again after RETRY_FIRST_MS and four times that; everything else ends at once, with a reason. Ends
// when: on_done has run, or balance_fetch_cancel().
#pragma once

#include "account/balance_answer.h"
#include "account/web_call.h"

enum { BALANCE_TRIES_MAX = 3, BALANCE_RETRY_FIRST_MS = 2000 };

struct balance_fetch_options {
    struct loop *loop;
    struct http_client *client;
    struct slice base_url;
    struct slice user_agent;
    struct slice secret;
    uint32_t timeout_ms; // of each request
    unsigned n_tries;    // of each request, 1…BALANCE_TRIES_MAX
};

enum balance_outcome { BALANCE_FETCHED, BALANCE_REFUSED, BALANCE_BUSY };

struct balance_fetch;
// `balance` is NULL, or `reason` empty. Both are good during the call.
typedef void (*balance_fetch_fn)(struct balance_fetch *fetch, enum balance_outcome outcome,
                                 const struct balance *balance, struct slice reason);

// Embedded in the caller's object; zeros before.
struct balance_fetch {
    struct web_call _call;
    struct timer _timer;
    struct arena _arena;
    struct balance_fetch_options _options; // texts in the arena
    struct slice _organization;            // arena
    balance_fetch_fn _on_done;
    unsigned _step;
    unsigned _n_tries; // of this step
    bool _is_running;
};

// Texts are copied. on_done never comes from inside.
void balance_fetch_start(struct balance_fetch *fetch, const struct balance_fetch_options *options,
                         balance_fetch_fn on_done);
void balance_fetch_cancel(struct balance_fetch *fetch); // harmless after the end
