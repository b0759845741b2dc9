// SPDX-License-Identifier: MIT
// One request to an admin API and its whole answer, waited for: a command does one thing after the other.
#pragma once

#include "base/buf.h"
#include "http/client.h"
#include "net/loop.h"

struct admin_peer {
    struct loop *loop;            // borrowed
    struct http_client *client;   // borrowed
    struct client_origin *origin; // of the client
    struct slice host;            // value of the Host header; borrowed, as all of these
    struct slice key;             // the admin key
};

struct admin_request {
    enum http_method method;
    struct slice target; // path and query, encoded
    struct slice body;   // JSON, or empty
    // With it the answer is wanted as a stream of events, whose data comes here one by one. An answer of another kind
    // is an answer as usual.
    void (*on_event)(void *arg, struct slice data);
    void *arg;
};

struct admin_answer {
    unsigned status;    // 0: there is none
    struct buf body;    // owned; what was no event
    const char *detail; // without a whole answer: why
    enum client_failure failure;
};

// Runs the loop until the answer is there.
void admin_call(const struct admin_peer *peer, const struct admin_request *request, struct admin_answer *answer_r);
void admin_answer_deinit(struct admin_answer *answer);
