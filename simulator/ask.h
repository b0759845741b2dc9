// SPDX-License-Identifier: MIT
// What a request to a provider asks for: which dialect, which model, whether to stream, which tools. Pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"
#include "http/h1_head.h"

enum provider { PROVIDER_ANTHROPIC, PROVIDER_CHAT, PROVIDER_RESPONSES, PROVIDER_GEMINI };

enum ask_action {
    ASK_GENERATE,
    ASK_COUNT_TOKENS,
    ASK_LIST_MODELS,
    ASK_BALANCE,      // what is left of the key's account
    ASK_ORGANIZATION, // whose account that is
    ASK_TOKEN,        // an access token for a refresh token
};

enum { ASK_TOOLS_MAX = 128 };

// Slices point into the request or are in the arena.
struct ask {
    enum provider provider;
    enum ask_action action;
    struct slice model;
    struct slice credential;
    uint64_t body_len;
    bool is_stream;
    bool is_array;    // a Gemini stream without alt=sse: a JSON array
    bool wants_usage; // stream_options.include_usage
    bool takes_model; // the model is in the path, not in the body
    bool forces_call; // tool_choice demands a call
    bool has_result;  // a tool result has come since the assistant spoke
    unsigned n_tools; // names in `tools`, at most ASK_TOOLS_MAX
    struct slice tools[ASK_TOOLS_MAX];
    bool wants_json;     // an answer that is JSON
    struct slice schema; // that it must fit, raw; empty: any object
    const char *error;   // what was wrong with the body
    uint64_t plan;       // number of the plan that its directives come from, too; 0: there is none
};

enum {
    ASK_E_ROUTE = 1,  // nothing is there
    ASK_E_METHOD = 2, // another method is wanted
    ASK_E_BODY = 3,   // see `error`
};

// First step: method and target. Sets provider, action, is_stream and model as far as they say so.
MUST_USE int ask_route(struct ask *ask, struct arena *arena, enum http_method method, struct slice target);

// Second step: the credential, from wherever a provider takes one; and for a list of models whose shape is wanted.
void ask_headers(struct ask *ask, const struct h1_field *fields, size_t n_fields);

// Is a tool of this name offered? After the third step.
bool ask_offers(const struct ask *ask, struct slice tool);

// Third step: the body.
MUST_USE int ask_body(struct ask *ask, struct arena *arena, struct slice body);
