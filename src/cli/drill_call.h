// SPDX-License-Identifier: MIT
// Requests to the gateway as a client makes them: several at once, each with its own view of the answer.
#pragma once

#include "cli/drill_view.h"
#include "http/client.h"

struct drill_peer {
    struct loop *loop;            // borrowed
    struct http_client *client;   // borrowed
    struct client_origin *origin; // of the client: the gateway
    struct slice host;            // value of the Host header; borrowed
    struct slice access_key;      // empty: none; borrowed
    const bool *is_interrupted;   // somebody wants the drill to end; the loop is stopped then
};

struct drill_question {
    enum drill_dialect dialect;
    struct slice model; // id; borrowed
    uint32_t limit_ms;  // longer is a hang
};

struct drill_result {
    struct drill_view view; // owned
    bool has_ended;
    uint64_t took_ms;
};

// Runs the loop until all answers are there, or time is up. `results` is filled; the caller deinits their views.
void drill_call_all(const struct drill_peer *peer, const struct drill_question *questions, struct drill_result *results,
                    size_t n);
