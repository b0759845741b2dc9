// SPDX-License-Identifier: MIT
// What a translation loses. Three ways (the tables of docs/TRANSLATION.md say which where): silently, because it
// changes nothing that matters; with a token in the response header x-droid2api-warnings; or not at all, because the
// request is refused with a 400 that names the member. A strict gateway turns warnings into refusals, a lenient one
// refusals into warnings, except where nothing sensible could be sent.
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/slice.h"
#include "dialect/fault.h"
#include "json/json_reader.h"

enum loss_mode { LOSS_NORMAL, LOSS_STRICT, LOSS_LENIENT };

enum { LOSS_WARNINGS_MAX = 16 };

struct loss {
    struct arena *arena;        // borrowed
    const struct json_doc *doc; // borrowed: the client's body
    enum loss_mode mode;
    struct slice warnings[LOSS_WARNINGS_MAX]; // "dropped:top_k"; each once
    size_t n_warnings;
    size_t n_more; // that found no room

    bool is_refused;      // the first refusal stays
    enum fault fault;     // INVALID_REQUEST or UNSUPPORTED_PARAMETER
    struct slice message; // plain
    struct slice param;   // plain: where, in the client's own words ("messages[3].content[1]"); may be empty
    struct slice code;    // plain: what clients look for ("thread_unsupported_request"); mostly empty
};

void loss_init(struct loss *loss, struct arena *arena, const struct json_doc *doc, enum loss_mode mode);

// What a warning says was done. The token is "<word>:<path of the node>".
enum loss_kind {
    LOSS_DROPPED,  // left out
    LOSS_CHANGED,  // sent with another value
    LOSS_EMULATED, // done by other means that do not do quite the same
    LOSS_ADDED,    // something was put in that the client did not say
    LOSS_ESTIMATED,
};

// `at` NULL: nothing happens, so that members which the client did not send need no test.
void loss_warn(struct loss *loss, enum loss_kind kind, const struct json_node *at);
// The same where there is no node in the client's body; `path` is static or in the arena.
void loss_warn_path(struct loss *loss, enum loss_kind kind, struct slice path);

// Refuses, or in lenient mode warns that it was dropped. `why` is a static sentence or in the arena, without the path:
// "the upstream of this model takes one candidate only". True: refused, so give up.
bool loss_refuse(struct loss *loss, const struct json_node *at, const char *why);
// Refuses in every mode.
void loss_refuse_always(struct loss *loss, const struct json_node *at, const char *why);
// The client's request itself is wrong in its own dialect: "must be an array". In every mode.
void loss_reject_input(struct loss *loss, const struct json_node *at, const char *why);

// "messages[3].content[1].image_url", in the arena; empty for the root or NULL.
struct slice loss_path(struct arena *arena, const struct json_doc *doc, const struct json_node *at);

// The value of x-droid2api-warnings, in the arena; empty when there are none.
struct slice loss_header(const struct loss *loss);
