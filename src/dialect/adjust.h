// SPDX-License-Identifier: MIT
// What configuration changes in a request whose dialect stays the same, as splices on the client's own bytes.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dialect/dialect.h"
#include "json/json_splice.h"

// REASONING_* of config/config.h, in the same order.
enum adjust_reasoning { ADJUST_AUTO, ADJUST_OFF, ADJUST_LOW, ADJUST_MEDIUM, ADJUST_HIGH, ADJUST_XHIGH };

struct adjustments {
    // The upstream's name for the model; ptr NULL: leave it. Not used for Gemini (it is in the path).
    struct slice model;
    bool has_model_member;      // Gemini bodies of /v1/generate carry `model`
    struct slice system_prompt; // plain text; empty: none. Goes before the client's own
    enum adjust_reasoning reasoning;
    uint32_t reasoning_budget; // tokens, for a level on dialects that count; 0: leave reasoning alone there
    bool fast;
    bool asks_usage; // Chat: a stream that would not tell what it cost is asked to
};

// The body must be on the tape to this depth at least (json_options.record_depth).
enum { ADJUST_RECORD_DEPTH = 3 };

// Adds the splices. `splice->doc` is the parsed body, an object. Members that the client got wrong (a system that is a
// number, say) are left alone: the upstream will tell it.
void adjust_request(enum dialect dialect, const struct adjustments *adjustments, struct json_splice *splice);

// Does a Chat request ask for the usage of its stream by itself?
bool adjust_has_usage_asked(const struct json_doc *doc);

// The flag that has to be among those of the header `anthropic-beta`, or empty: what adjust_request() asks for works
// only with it.
struct slice adjust_beta_flag(enum dialect dialect, const struct adjustments *adjustments);
