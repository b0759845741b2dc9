// SPDX-License-Identifier: MIT
// A whole answer, made beforehand: its bytes, where its events end, and what is to be done to them on the way.
// Shared by all requests that get the same answer. Pure.
//
// compose: ask + script → answer_compose() → composer.c, which asks one of answer_{anthropic,chat,responses,gemini}.c
// for the events (or the one JSON text) in their order.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "simulator/ask.h"
#include "simulator/script.h"

// The figures that go into an answer.
struct answer_usage {
    uint64_t input;       // all of it, cached parts included
    uint64_t cache_read;  // 3, or 0 when the input is too small
    uint64_t cache_write; // 2, or 0
    uint64_t output;      // without reasoning
    uint64_t reasoning;   // 10 for kind=reasoning
};

// A repeated middle part, for answers that are too large to be made beforehand. It goes where event `at_event` would
// begin; in a JSON answer at the byte `at_byte`.
struct answer_giant {
    uint64_t n_pieces;   // 0: there is none
    uint64_t last_piece; // bytes of text in the last piece of a JSON answer
    size_t at_byte;      // in `bytes`
    struct buf piece;    // owned
    size_t number_at;    // in `piece`: where the sequence number is inserted; 0: it has none
    uint64_t number;     // the first one
};

struct answer_event {
    size_t end;          // behind its last byte
    size_t stamp_at;     // where the time of sending is written; 0: nowhere
    int64_t told_output; // tokens that it says the answer has, those of reasoning too; -1: it has no usage figures
};

enum { ANSWER_STAMP_DIGITS = 19 };

struct answer {
    unsigned status;
    bool is_stream;
    struct buf headers;          // owned: complete lines, without framing
    struct buf bytes;            // owned: all events, or the whole body
    struct answer_event *events; // owned; a body without events is one event
    size_t n_events;
    size_t events_cap;
    struct answer_giant giant;
    struct answer_usage usage;
    struct script script; // without its texts
    unsigned n_refs;
};

// What an answer depends on beside request and script.
struct answer_context {
    uint64_t id;           // makes ids of messages and calls unique
    uint64_t input_tokens; // 0: as the body says, ceil(length / 4)
    int64_t now_s;         // wall time
    struct slice body;     // the request's: for echo=1
};

struct answer *answer_compose(const struct ask *ask, const struct script *script, const struct answer_context *context);

// An error in the provider's own form; `message` may be empty. For any status.
struct answer *answer_error(enum provider provider, unsigned status, struct slice message, const struct script *script);

struct answer *answer_list_models(enum provider provider);

// The routes beside the models: what a key has left, whose it is, and what a token endpoint gives.
struct answer *answer_balance(const struct script *script, uint64_t used, int64_t now_ms);
struct answer *answer_organization(const struct script *script);
struct answer_grant {
    struct slice access_token;
    struct slice refresh_token;
    int64_t expires_s; // SCRIPT_NONE: not told
};
struct answer *answer_grant(const struct script *script, const struct answer_grant *grant);
struct answer *answer_grant_error(const struct script *script, unsigned status, struct slice error,
                                  struct slice description);

struct answer *answer_ref(struct answer *answer);
void answer_unref(struct answer *answer); // accepts NULL

struct slice answer_event(const struct answer *answer, size_t index);

struct answer_usage answer_usage_of(const struct ask *ask, const struct script *script,
                                    const struct answer_context *context);
