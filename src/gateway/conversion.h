// SPDX-License-Identifier: MIT
// A model whose upstream speaks another dialect than the client: the request is translated before the attempt, the
// answer on its way back. Used by exchange.c, attempt.c, relay.c and accounting.c, which ask for `x->conversion` first:
// it is NULL for an exchange that needs none. Only conversion_is_needed(), _start() and _deinit() may be called then.
#pragma once

#include "dialect/translate.h"
#include "gateway/gateway_internal.h"

struct conversion {
    struct json_doc doc; // the client's body, on the tape in full
    struct translated_request request;
    struct buf body;                 // owned: what goes upstream
    struct translation *translation; // from the upstream's head on, where it is a success
    struct buf whole;                // owned: an answer that must be there as a whole
    struct buf out;                  // owned: what is about to leave to the client
    struct slice retry_after;        // arena: of the upstream's answer
    bool is_counting;                // tokens are to be counted, nothing to be generated
    bool client_streams;             // else it gets one body at the end
    bool has_spoken;                 // something was sent since conversion_has_spoken() was asked
};

// Does this request need it? Counting does too, where the upstream cannot count.
bool conversion_is_needed(const struct exchange *x);
// Could that upstream be asked at all? Tries it, when it speaks another dialect.
bool conversion_is_possible(struct exchange *x, const struct upstream *upstream);
// Translates the request. False: the exchange has been answered (refused, or counted here).
bool conversion_start(struct exchange *x);
// Gemini's form of a stream for those who do not ask for events: one JSON array.
bool conversion_wants_array(const struct exchange *x);
// The query of the upstream's path; empty without one.
struct slice conversion_query(const struct exchange *x);

// The value of x-droid2api-warnings, in the arena: what request and answer have lost so far; empty: nothing.
struct slice conversion_warnings(const struct exchange *x);

// The head of an answer has come; `resp` is good during the call only.
void conversion_on_head(struct exchange *x, const struct h1_response *resp);
// A piece of the answer, unpacked. False: the exchange is over, and gone.
bool conversion_on_piece(struct exchange *x, struct slice piece, bool last);
// Ends a stream that has begun with the dialect's error event, or well if the answer was complete already.
void conversion_end_stream(struct exchange *x, struct slice message);
// Begins the client's stream if it has not begun, so that a heartbeat may be put in. False: there is none to begin.
bool conversion_begin_stream(struct exchange *x);
// The upstream has no route for counting, which is no failure of it: an estimate is the answer.
bool conversion_cannot_count(const struct exchange *x);
// Has anything been sent since this was asked last?
bool conversion_has_spoken(struct exchange *x);
// What the answer has said so far of tokens.
struct usage conversion_usage(const struct exchange *x);
// The same as relay_ends_well().
bool conversion_ends_well(struct exchange *x);
// What waits may leave now, if the gate says so.
void conversion_flush(struct exchange *x);
// The attempt is over: the request stays, what came of the answer is forgotten.
void conversion_reset(struct exchange *x);
void conversion_deinit(struct exchange *x); // frees what is outside of the arena; again: nothing happens
