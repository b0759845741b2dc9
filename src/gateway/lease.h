// SPDX-License-Identifier: MIT
// The credential of a request: which of the five levels gives it, and of the key pool which key. A key that was taken
// goes back with what became of it, exactly once.
#pragma once

#include "account/token_source.h"
#include "gateway/gateway_internal.h"
#include "keys/consequences.h"
#include "keys/selector.h"

enum { LEASE_TRIES_MAX = 100 }; // keys that one request may use up

// What a request has to do with the key pool, or with tokens. In its arena.
struct lease {
    struct exchange *exchange;          // borrowed
    struct key_choice key;              // the last one; its lease has identity 0 while none is out
    struct key_consequence consequence; // of the last attempt that was settled
    struct key_lease *tried;            // those that this request had already; first those that were to blame
    size_t n_tried;
    size_t n_blamed;
    int64_t until_ms; // when lease_take_another() found none: the earliest return of one; 0: none will by itself
    size_t cap_tried;
    struct key_lease only;  // a test of this key; identity 0: no test
    struct key_lease owner; // of something in the request that only one account can read; identity 0: none
    bool owner_is_needed;   // without it the request means nothing: it goes on from an answer that the owner keeps
    bool strips_seals;      // the owner cannot serve: what it has sealed is taken out
    bool has_response_id;   // of the answer: noted
    uint32_t model;
    uint64_t conversation;
    struct token_wait token_wait;
    bool waits;           // for a token, or has done so
    bool has_other_token; // lease_take_other_token() was called: once is enough
};

enum lease_result {
    LEASE_TAKEN,  // x->credential has it
    LEASE_WAITS,  // exchange_on_credential() comes later
    LEASE_FAILED, // the exchange has been answered
};

// Is this request a test of a key (account/key_test.h)? One that only claims to be one is none. Also finds which.
bool lease_is_test(struct exchange *x);

enum lease_result lease_take(struct exchange *x);
// Another key of the pool after a failed attempt; the one before has been settled. False: there is none.
bool lease_take_another(struct exchange *x);
// A key for the same way once more: another one where there is one, else one that was tried and is not to blame. What
// is no key of the pool is still good. False: there is none, and the exchange goes its way without.
bool lease_take_again(struct exchange *x);
// A key if there is one now; else *until_ms_r says when there will be (0: never). Nothing else follows.
bool lease_try(struct exchange *x, int64_t *until_ms_r);
// Keys that were tried may be taken again: for another model, or later.
void lease_begin_again(struct exchange *x);
// The key goes back without having been used.
void lease_return(struct exchange *x);
// After lease_take_another() has found none: in how many seconds a key will be eligible again; -1: none will by itself.
int64_t lease_wait_s(const struct exchange *x);
// What became of an attempt: whose fault it was, and what follows for the key. Returns the key.
struct verdict lease_settle(struct exchange *x, const struct attempt_evidence *evidence);
static inline bool lease_is_out(const struct exchange *x)
{
    return x->lease && x->lease->key.lease.identity;
}
// What the answer has cost so far is the key's.
void lease_count_tokens(struct exchange *x);
// At the end of the exchange, whatever it was; once more does no harm. A good answer ends it before its own end leaves,
// so that a client who has all of it finds in the table what it did to the key: a test of a key looks there, from
// another process.
void lease_end(struct exchange *x, bool client_has_left);

// The status of an answer: a token that is refused is not used for long.
void lease_note_status(struct exchange *x, unsigned status);
// After a 401: is there a newer access token, or will there be? Once in a request.
bool lease_has_other_token(const struct exchange *x);
enum lease_result lease_take_other_token(struct exchange *x); // as lease_take()
// The key's own way out; NULL: it has none.
const struct way *lease_way(struct exchange *x);
