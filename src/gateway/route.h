// SPDX-License-Identifier: MIT
// What a request target and method ask for.
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "dialect/dialect.h"
#include "http/h1_head.h"
#include "http/url.h"

enum route_kind {
    ROUTE_NOT_FOUND,
    ROUTE_CHAT,
    ROUTE_RESPONSES,
    ROUTE_RESPONSES_COUNT,
    ROUTE_MESSAGES,
    ROUTE_COUNT_TOKENS,
    ROUTE_GENERATE, // Gemini body with its model inside
    ROUTE_GEMINI_GENERATE,
    ROUTE_GEMINI_STREAM,
    ROUTE_GEMINI_COUNT,
    ROUTE_MODELS,
    ROUTE_MODEL,
    ROUTE_GEMINI_MODELS,
    ROUTE_GEMINI_MODEL,
    ROUTE_ROOT,
    ROUTE_HEALTH,
    ROUTE_READY,
    ROUTE_METRICS,
    ROUTE_FAVICON,
    N_ROUTE_KINDS,
};

enum route_group {
    ROUTE_GROUP_MODEL,   // generation and counting: needs access, reaches an upstream
    ROUTE_GROUP_LIST,    // model lists: public unless configured otherwise
    ROUTE_GROUP_SERVICE, // health, metrics, page
};

struct route {
    enum route_kind kind;
    enum route_group group;
    enum dialect dialect; // of the answer, also of an error
    bool is_wrong_method; // the path exists; `allow` says for what
    const char *allow;    // "GET, HEAD", …
    struct slice model;   // from the path, decoded; ptr NULL where the path names none
    struct slice query;   // without "?"; ptr NULL when there is none
};

// Decoded parts live in the arena. Never fails: what is unknown is ROUTE_NOT_FOUND, in the dialect that its path
// suggests.
struct route route_find(struct arena *arena, const struct h1_request *req);

// Does the route count tokens rather than generate any?
static inline bool route_counts_tokens(enum route_kind kind)
{
    return kind == ROUTE_COUNT_TOKENS || kind == ROUTE_RESPONSES_COUNT || kind == ROUTE_GEMINI_COUNT;
}

const char *route_label(enum route_kind kind); // "/v1/messages": for metrics and logs

// The routes as a JSON array of "METHOD /path", for the 404 answer and for /.
struct slice route_list_json(void);
