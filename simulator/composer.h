// SPDX-License-Identifier: MIT
// Between answer.c and the four dialects: what is to be said, and the means to write it down event by event.
#pragma once

#include "simulator/answer.h"
#include "json/json_writer.h"

struct composer_call {
    struct slice name;
    struct slice arguments; // JSON
};

enum {
    COMPOSER_GIANT_PIECE = 16 * 1024, // text of a giant answer travels in pieces of this size
    COMPOSER_FRAGMENT = 6,            // bytes of a call's arguments in one delta, and the rest of a character
    COMPOSER_OWN_PIECE = 12,          // bytes in a delta of a text that was written beforehand
};

struct composer {
    const struct ask *ask;                // NULL for an error
    const struct script *script;          // borrowed, as all of these
    const struct answer_context *context; // NULL for an error
    struct answer *answer;
    struct answer_usage usage;
    // What is to be said.
    bool is_refusal;
    uint64_t n_reasoning; // deltas
    uint64_t n_text;      // deltas; 0 when there are calls
    struct composer_call calls[2];
    unsigned n_calls;
    struct buf reasoning; // owned: all of it
    struct buf text;      // owned: all of it
    bool has_own_text;    // `text` was written beforehand, and is to be cut into deltas
    struct buf seal;      // owned: the signature of the thoughts
    int64_t told_output;  // of the event under way; -1: it has no usage figures
    bool is_over;         // an error event was written: nothing comes behind it
    // How it is written.
    struct buf data;      // owned: the JSON of the event under way
    struct json_writer w; // into `data`
    struct buf token;     // owned: the text of the delta under way
    uint64_t sequence;    // of Responses events
};

// An answer that is one JSON body, for composers without a request.
struct answer *composer_new_body(unsigned status, const struct script *script);

// One event (or the whole body): begin, write members through c->w, end. `name` is for the event line; empty: none.
void composer_begin(struct composer *c);
void composer_end(struct composer *c, struct slice name);
// The event under way has the usage figures, and says so many tokens of output.
void composer_tell_output(struct composer *c, uint64_t tokens);
void composer_add_raw(struct composer *c, struct slice data); // an event that is no object: "[DONE]"

// The text of a delta; good until the next call.
struct slice composer_text_delta(struct composer *c, uint64_t index);
struct slice composer_reasoning_delta(struct composer *c, uint64_t index);

// The deltas [from, to) of the text: calls `write` for each; for a giant answer once, and keeps that as its piece.
typedef void (*composer_delta_fn)(struct composer *c, uint64_t index, struct slice text);
void composer_text_deltas(struct composer *c, uint64_t from, uint64_t to, composer_delta_fn write);

// Walks over the fragments of a call's arguments: start with *at = 0; false at the end.
bool composer_next_fragment(struct slice arguments, size_t *at, struct slice *fragment_r);

// A member whose value is `prefix` and the unique part of this answer's ids.
void composer_member_id(struct composer *c, struct slice name, struct slice prefix);
// The same for a call, whose ids differ within an answer.
void composer_member_call_id(struct composer *c, struct slice name, struct slice prefix, unsigned call);

// Opaque bytes that stand for a signature or for encrypted reasoning, and belong to `bound`; good until the next call.
struct slice composer_seal(struct composer *c, struct slice bound);
// The unique part of an answer's id behind `prefix`; good until the next call.
struct slice composer_id(struct composer *c, struct slice prefix);

extern const struct slice composer_refusal;

// The dialects: a stream of events, and one whole body.
void answer_anthropic_stream(struct composer *c);
void answer_anthropic_body(struct composer *c);
void answer_chat_stream(struct composer *c);
void answer_chat_body(struct composer *c);
void answer_responses_stream(struct composer *c);
void answer_responses_body(struct composer *c);
void answer_gemini_stream(struct composer *c);
void answer_gemini_body(struct composer *c);

// An overload that shows after the answer has begun, as the data of an event.
void answer_write_overload(struct composer *c);
