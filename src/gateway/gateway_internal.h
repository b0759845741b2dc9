// SPDX-License-Identifier: MIT
// The objects that the files of this folder share. Never included from outside of it.
#pragma once

#include "account/credential.h"
#include "base/arena.h"
#include "dialect/fault.h"
#include "dialect/usage.h"
#include "gateway/access.h"
#include "gateway/gate.h"
#include "gateway/gateway.h"
#include "gateway/metrics.h"
#include "gateway/retry.h"
#include "gateway/route.h"
#include "gateway/upstream.h"
#include "gateway/wait_line.h"
#include "http/client.h"
#include "http/inflater.h"
#include "http/server_conn.h"
#include "http/sse_parser.h"
#include "usage/trail.h"
#include "json/json_splice.h"

struct gateway {
    struct loop *loop;             // borrowed
    struct key_table *keys;        // borrowed; NULL: there is no pool
    struct key_selector *selector; // owned; NULL without keys
    struct token_source *tokens;   // borrowed; NULL: there are none
    struct timer selector_tick;
    struct wait_line line;
    struct health health;
    struct http_server *server; // owned
    struct http_client *client; // owned
    struct routing *routing;    // ref: of new requests
    struct metrics *metrics;    // owned
    struct usage_feed *usage;   // borrowed; NULL: nobody is told of requests
    uint64_t (*log_dropped)(void);
    void (*write_more_metrics)(void *arg, struct buf *out); // NULL: there are no more
    void *more_metrics_arg;
    int64_t started_wall_ms;
    uint64_t started_ns;
    size_t n_inflight; // model requests
    size_t n_storm;    // the most of them since memory was given back
    struct timer calm;
    bool is_draining;
};

// One request and its response, from the complete head to the end. Lives in the arena of its server_exchange.
struct exchange {
    struct gateway *gateway;    // borrowed
    struct server_exchange *ex; // borrowed; its arena is ours
    struct routing *routing;    // ref
    struct route route;
    struct access access;
    struct slice request_id;
    struct slice trace_id; // of the trace that it is part of; empty: of none
    uint8_t trace_flags;

    // decoded request
    struct json_doc doc;
    bool is_doc_whole;                 // all of it is on the tape, not just what pass-through may change
    struct slice model_id;             // as the client named it
    bool wants_stream;                 // as the client asked
    struct upstream *asked;            // borrowed: routing; of the model that was asked for; NULL before it is chosen
    struct upstream *upstream;         // borrowed: routing; the one in use: the same, or a fallback
    size_t n_fallbacks;                // so many of them have been used up
    struct upstream *checked_fallback; // the next one, once it is known that it can take the request

    struct conversion *conversion; // arena; NULL: client and upstream speak one dialect

    // the attempt
    struct credential credential;
    struct lease *lease; // arena; NULL: neither a key of the pool nor a token
    struct held *held;   // arena; NULL: no answer is held back
    struct client_call call;
    struct slice *body; // pieces of what is sent
    size_t n_body;
    struct timer first_content; // runs from the head to the first content
    struct timer total;         // runs over the whole request
    struct timer heartbeat;     // runs while a stream is silent
    unsigned n_attempts;
    bool call_is_running;
    const struct way *way; // borrowed: of the attempt
    unsigned probes;       // bits (way.c): others wait for what becomes of it
    struct retry_state retry;
    struct timer pause; // runs before an attempt that must wait
    uint64_t pause_began_ns;
    struct wait_place wait;
    struct trail trail;
    bool has_unnoted_attempt;   // of which the trail knows nothing yet
    bool has_uncounted_attempt; // nor the metrics

    // the response
    struct gate gate;
    bool has_own_head;       // the head was sent before the upstream said anything: a stream's
    bool is_close_delimited; // the answer ends with its connection
    struct slice told_error; // arena: the event in which the answer says that it failed
    struct buf event_tail;   // owned: the beginning of an event that is not complete
    bool is_event_out;       // the beginning of the event under way has left
    bool has_half_error;     // the event in which it says so was cut
    unsigned n_bad_events;   // that were left out, since they were no JSON
    unsigned upstream_status;
    bool is_sse;
    bool is_array;             // a stream all the same: Gemini's, in one JSON array
    bool is_paused;            // the upstream waits for the client
    struct inflater *inflater; // owned; NULL where the answer is not compressed
    struct buf packed;         // owned; compressed bytes that wait for the client
    bool has_packed;           // some wait, or more unpacked ones do
    bool packed_is_last;       // they are the last of the answer
    bool hides_usage;          // the client has not asked for the event that tells of it
    struct sse_parser sse;
    struct usage_tap *tap; // owned
    struct usage spent;    // by attempts that were given up: a provider charges for them, too
    uint64_t n_body_bytes;

    // the account
    unsigned status;  // what the client got; 0 before
    enum fault fault; // when has_fault
    bool has_fault;
    const char *outcome;   // of the attempt, for the metrics; NULL before
    const char *detail;    // arena: what went wrong, for the log; NULL
    int64_t retry_after_s; // for the client; 0: nothing to say
    bool counts_inflight;
    bool client_has_left;
    uint64_t complete_ns; // the request was complete
    uint64_t sent_ns;     // the attempt began
    uint64_t head_ns;     // the upstream's head came
    uint64_t first_ns;    // the first content came
};

static inline struct arena *exchange_arena(struct exchange *x)
{
    return &x->ex->arena;
}

static inline const struct config *exchange_config(const struct exchange *x)
{
    return x->routing->config;
}

// exchange.c: the events of the server.
void exchange_on_head(void *gateway, struct server_exchange *ex);
void exchange_on_request(void *gateway, struct server_exchange *ex);
void exchange_on_drain(void *gateway, struct server_exchange *ex);
void exchange_on_finished(void *gateway, struct server_exchange *ex);
void exchange_on_abort(void *gateway, struct server_exchange *ex);
void exchange_on_reject(void *gateway, struct server_exchange *ex, const struct http_reject *reject,
                        struct buf *headers, struct buf *body);

// Ends the exchange with an error in the client's dialect: a response, or the event that ends a stream which has begun.
// Nothing of the exchange may be touched afterwards.
void exchange_fail(struct exchange *x, enum fault fault, struct slice message);
struct neutral_error;
// The same for what an upstream said, or a translation refused, in words of the client's dialect; only before the head.
void exchange_fail_with(struct exchange *x, const struct neutral_error *error);
// With a status that is not the usual one of that fault in the client's dialect.
void exchange_fail_as(struct exchange *x, const struct neutral_error *error, unsigned status);
// Begins the response of a client that streams, before the upstream has said anything.
void exchange_start_stream(struct exchange *x);
// Answers with a whole response of our own.
void exchange_respond(struct exchange *x, unsigned status, struct slice content_type, struct slice body);
// Header lines that every answer to this request carries.
void exchange_write_headers(struct exchange *x, struct buf *headers);

// Goes on with a request that waited for its credential.
void exchange_on_credential(struct exchange *x);
// Begins again with another model, after an attempt of which nothing was passed on.
void exchange_use_model(struct exchange *x, struct upstream *upstream);
// What the answer has told so far.
struct usage exchange_usage(const struct exchange *x); // of the attempt under way

// attempt.c: sends the request upstream. What becomes of it ends the exchange, or leads to another attempt.
void attempt_start(struct exchange *x);
void attempt_cancel(struct exchange *x);
void attempt_watch_total(struct exchange *x); // of all attempts together
// It is over and nothing of it was passed on: everything that is about it alone is forgotten.
void attempt_reset(struct exchange *x);

// way.c: how to get there, and whether it is worth trying.
// The way of the next attempt; RETRY_SAME: one may be made now. Else the way is known to be down.
const struct way *way_choose(struct exchange *x);
bool way_has_other(const struct exchange *x);
// False: the endpoint is known to be down; *open_ms_r is how long that holds at least.
bool way_is_open(struct exchange *x, int64_t *open_ms_r);
void way_is_good(struct exchange *x);
void way_is_bad(struct exchange *x, enum blame blame, int64_t asked_ms);
void way_is_left(struct exchange *x); // nothing was learnt

// heartbeat.c
void heartbeat_watch(struct exchange *x); // from now on, silence is filled

// relay.c: passes the answer on.
void relay_on_head(struct exchange *x, const struct h1_response *resp);
// The same, whatever it is. False: the exchange is over, and gone.
bool relay_begin(struct exchange *x, const struct h1_response *resp);
void relay_on_body(struct exchange *x, char *bytes, size_t len, bool last);
void relay_on_drain(struct exchange *x);
// The client takes no more for the moment: nothing more is read for it until relay_on_drain().
void relay_pause(struct exchange *x);
// May something be put between two events now?
bool relay_may_put_in(struct exchange *x);
// The connection is of no more use. Had the answer come to the end that its own protocol knows? Then that is its end.
bool relay_ends_well(struct exchange *x);
// What was held back has been decided about and leaves.
void relay_flush(struct exchange *x);
// Ends an array of answers that breaks off, with a last element that tells of it where there is a place for one.
void relay_end_array(struct exchange *x, struct slice message);
bool relay_is_json(struct slice text);
void relay_deinit(struct exchange *x);

// gateway.c: one model request less.
void gateway_ends_one(struct gateway *gateway);

// service.c: everything that needs no upstream.
void service_answer(struct exchange *x);

// scrape.c: answers GET /metrics.
void scrape_answer(struct exchange *x);

// accounting.c: metrics and the access log, once, at the end.
void accounting_finish(struct exchange *x, bool client_has_left);
