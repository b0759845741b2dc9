// SPDX-License-Identifier: MIT
// What happens after an attempt that failed: as long as nothing of its answer has been passed on, retry.h says what is
// tried next; else, and when nothing is left to try, the client is told.
#pragma once

#include "gateway/gateway_internal.h"

struct neutral_error;

struct attempt_failure {
    enum attempt_event event;          // had nothing been passed on
    unsigned status;                   // ATTEMPT_ANSWERED: that it came with, or amounts to
    bool was_silent;                   // it let a time-out pass
    struct slice text;                 // of ATTEMPT_ANSWERED: what it says
    int64_t asked_ms;                  // to be left alone for so long; 0: it did not say
    enum fault fault;                  // for the client, when nothing else is tried
    struct slice message;              // the same
    const struct neutral_error *error; // in more words; NULL: there are none. In the arena
};

// The attempt makes way for another one, or the exchange ends. It may be gone afterwards.
void failover_on_failure(struct exchange *x, const struct attempt_failure *failure);
// x->told_error has come and nothing else. False: another attempt follows; else the answer goes on to the client.
bool failover_on_told_error(struct exchange *x);
// No key of the pool can serve now (`until_ms`: one will then) or ever (0): another model, a wait, or the end.
void failover_without_key(struct exchange *x, int64_t until_ms);

// An entry of the trail, about what is under way now.
void failover_note(struct exchange *x, const char *outcome, const char *reason, uint64_t began_ns);
// The one of the attempt under way, unless it is there already. NULL: it has no reason.
void failover_note_attempt(struct exchange *x, const char *reason);

// Makes the next attempt, unless the way there is known to be down.
void failover_attempt(struct exchange *x);
// Ends whatever is under way for the exchange: an attempt, a pause, a place in the line.
void failover_stop(struct exchange *x);

// Shall this answer be held back until it is known what becomes of it? Called with the head; `resp` is copied.
bool failover_holds(struct exchange *x, const struct h1_response *resp);
// A piece of an answer that is held.
void failover_on_piece(struct exchange *x, struct slice piece, bool last);
void failover_deinit(struct exchange *x);
