// SPDX-License-Identifier: MIT
// The hub, response side: an answer as a stream of events in no dialect. A spoke's decoder tells an answer what it
// read, in whatever order and quality the provider sends it; the answer makes a well-formed stream of events out of
// that and gives it to a sink. Whole bodies are told the same way.
//
// What a sink can rely on:
//   - START comes first, once, together with the first sign of an answer. Then blocks, and USAGE at any time; at last
//     one FINISH per candidate and END, or ERROR at any place, also without START. END or ERROR is the last event, and
//     there is exactly one.
//   - Every delta belongs to an open block; every block that was opened is closed before the FINISH of its candidate.
//     Blocks of one candidate may overlap (Chat's parallel calls): sequencer.h puts them in a row.
//   - Blocks that are complete when they open are closed at once.
//   - PART stands between two deltas only: it tells of a second part, and of a third.
//   - JSON that is passed on as it stands is on one line.
//   - Candidates count from 0 without a gap; clients of Anthropic and of Responses have one.
//   - The id of a call is unique in the answer, has at most 64 characters of [A-Za-z0-9_-].
//   - The reason of FINISH fits: TOOL_CALLS exactly when a call was made and nothing stronger was said.
//
// Plain and escaped text as in neutral.h. Texts of an event are good during the call only, except those of a block and
// of a FINISH, which live as long as the answer. No sink may tell the answer anything.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/list.h"
#include "base/slice.h"
#include "dialect/argument_scan.h"
#include "dialect/dialect.h"
#include "dialect/fault.h"
#include "dialect/loss.h"
#include "dialect/neutral.h"
#include "dialect/opaque.h"
#include "dialect/usage.h"

enum block_kind {
    BLOCK_TEXT,
    BLOCK_REASONING,
    BLOCK_CALL, // its deltas are the arguments: JSON text (of a custom tool: free text), escaped
    BLOCK_REFUSAL,
    BLOCK_MEDIA,  // complete when it opens, no deltas
    BLOCK_NATIVE, // complete when it opens: for its own dialect only
};

enum { CANDIDATES_MAX = 128 };

struct neutral_block {
    uint32_t index; // within its candidate, from 0, in the order of opening
    uint32_t candidate;
    enum block_kind kind;
    // BLOCK_CALL
    struct slice call_id; // plain; the answer mints one where there is none
    struct slice name;    // plain; as the client called the tool: the answer maps it back
    struct slice name_space;
    enum tool_kind tool_kind;
    // BLOCK_REASONING
    bool is_summary; // else the thoughts themselves
    // BLOCK_TEXT of Responses
    struct slice phase;
    // BLOCK_MEDIA
    struct media media;
    // BLOCK_NATIVE
    struct slice raw; // the block as it stands
    // What is known of it when it opens; later values come as EVENT_OPAQUE. Kind OPAQUE_NONE: nothing.
    struct neutral_opaque opaque;

    // Of the answer
    bool _is_open;
    bool _has_delta;
    bool _is_part_due;               // a new part begins with the next delta
    struct argument_scan _arguments; // of a call, unless its input is free text
    struct buf *_held;               // arguments of a custom tool that wait to be unwrapped; NULL: they are not wrapped
    struct list _among_open;         // in its candidate
    struct neutral_block *_last_call; // the one before
    // For the stages behind it: each has a slot of its own.
    uint32_t target_index; // encoder: where the block stands in its target
    void *encoder;         // encoder
    void *sequencer;
};

// Ordered by strength: the stronger one wins.
enum finish_reason {
    FINISH_UNSET,
    FINISH_OTHER,
    FINISH_STOP,
    FINISH_STOP_SEQUENCE,
    FINISH_TOOL_CALLS,
    FINISH_PAUSE,
    FINISH_COMPACTION,
    FINISH_CANCELLED,
    FINISH_TOOL_ERROR, // the model's call was malformed
    FINISH_CONTEXT_WINDOW,
    FINISH_LENGTH,
    FINISH_REFUSAL,
    FINISH_CONTENT_FILTER,
};

struct finish {
    enum finish_reason reason;
    struct slice native;        // plain: the provider's word; may be empty
    struct slice stop_sequence; // escaped; ptr NULL: not said
    struct slice detail;        // escaped: an explanation; ptr NULL: none
    struct slice category;      // escaped; Anthropic's refusals
};

// A failure that an upstream told of. Message, code and so on are those of the provider.
struct neutral_error {
    enum fault fault;
    struct slice message;  // plain
    struct slice type;     // plain; empty: not said
    struct slice code;     // plain
    struct slice param;    // plain
    int64_t retry_after_s; // -1: not said
};

enum event_kind {
    EVENT_START,
    EVENT_OPEN,
    EVENT_DELTA,
    EVENT_OPAQUE,   // of a block: complete; of several the last wins
    EVENT_PART,     // of a reasoning block: what follows is a new part
    EVENT_CITATION, // of a text block
    EVENT_LOGPROBS, // of a text block
    EVENT_CLOSE,
    EVENT_USAGE,
    EVENT_FINISH,
    EVENT_ERROR,
    EVENT_END,
};

// What EVENT_START says. The same for all candidates.
struct answer_head {
    struct slice id;           // plain, as the provider said it; may be empty
    struct slice model;        // plain
    int64_t created_s;         // 0: not said
    struct slice service_tier; // plain; may be empty
    const struct usage *usage; // the answer sets it: the figures that are known at START; USAGE comes all the same
};

struct neutral_event {
    enum event_kind kind;
    struct neutral_block *block; // of those that have one
    uint32_t candidate;          // FINISH
    union {
        const struct answer_head *head;      // START
        struct slice text;                   // DELTA: escaped, never empty
        const struct neutral_opaque *opaque; // OPAQUE
        struct slice raw;            // CITATION: a url_citation of Responses as JSON; LOGPROBS: an array of OpenAI's
        const struct usage *usage;   // USAGE: all that is known by now
        const struct finish *finish; // FINISH
        const struct neutral_error *error; // ERROR
        bool is_partial;                   // CLOSE: the block was cut off (of a call: may not be executed)
    };
};

struct event_sink {
    void (*take)(void *arg, const struct neutral_event *event);
    void *arg;
};

// What is to be known about the request when its answer is translated.
struct answer_context {
    struct arena *arena; // as long as the answer
    enum dialect upstream;
    enum dialect client;
    struct slice client_model;         // plain: as the client asked for it
    const struct neutral_request *req; // normalised: it knows the tools' names on both sides
    struct slice token;                // base62, at least 22 characters, random: for ids that we mint
    int64_t now_s;                     // Unix time
    bool shows_reasoning;              // Chat clients: emit reasoning_content
    struct loss *loss;                 // borrowed: what the answer loses; NULL: nobody wants to know
    int64_t estimated_input;           // tokens, for clients that want a figure first; -1: unknown
    struct slice request_id;           // plain: for errors; may be empty
    struct slice secret;               // plain: not to be seen in errors; may be empty
};

struct answer;

struct answer *answer_new(const struct answer_context *context, struct event_sink sink); // in the arena; copies both
void answer_deinit(struct answer *answer); // what it holds outside of the arena

// ---- for decoders. After ERROR or END nothing more is passed on, so that they need not ask.

// What it is told from now on stays as long as the answer, so that nothing need be copied.
void answer_borrow(struct answer *answer);
bool answer_is_borrowing(const struct answer *answer);
// The first counts, of later ones what was missing. `head` is copied.
void answer_start(struct answer *answer, const struct answer_head *head);
// Opens a block: its kind and what belongs to it are taken from `block` (copied). Candidates out of range are folded
// into a block that goes nowhere. Closes the block of answer_flow(). Never NULL.
struct neutral_block *answer_open(struct answer *answer, uint32_t candidate, const struct neutral_block *block);
// Empty: nothing happens. Of a stream's calls 16 MB are taken, then it is an ERROR.
void answer_delta(struct answer *answer, struct neutral_block *block, struct slice escaped);
void answer_part(struct answer *answer, struct neutral_block *block);
void answer_opaque(struct answer *answer, struct neutral_block *block, const struct neutral_opaque *opaque);
void answer_citation(struct answer *answer, struct neutral_block *block, struct slice raw);
// `raw`: an array, as json_raw() gives it.
void answer_logprobs(struct answer *answer, struct neutral_block *block, struct slice raw);
void answer_close(struct answer *answer, struct neutral_block *block, bool is_partial); // a closed one: nothing happens
// Closes what is open in a candidate; calls are marked as cut off if `is_partial`, except those that are complete.
void answer_close_all(struct answer *answer, uint32_t candidate, bool is_partial);
// A text (reasoning, refusal) block of the candidate that is open already, or a new one; closes an open block of
// another of these kinds first. What dialects without blocks need.
struct neutral_block *answer_flow(struct answer *answer, uint32_t candidate, enum block_kind kind, bool is_summary);
// Figures that are known replace earlier ones. They are passed on at the end (and with START).
void answer_usage(struct answer *answer, const struct usage *usage);
// A decoder has read a piece of a call, which it may keep until it knows more: what looks the same may tell more then.
void answer_note(struct answer *answer);
// Recorded; it is passed on at the end, because figures and blocks may still come. The stronger reason stays.
void answer_finish(struct answer *answer, uint32_t candidate, const struct finish *finish);
// The upstream has said that this may be the end of the candidate, but may say so with every piece of it.
void answer_may_end(struct answer *answer, uint32_t candidate);
void answer_error(struct answer *answer, const struct neutral_error *error);
// The same for a failure that nobody told of. `message` is plain and outlives the answer.
void answer_fail(struct answer *answer, enum fault fault, struct slice message);
// The answer has ended. `is_terminated`: with the dialect's own ending. A candidate without a reason gets the one that
// fits if it is; if it is not, the answer was cut off: ERROR. An answer in which nothing was opened or finished is an
// ERROR, too.
void answer_end(struct answer *answer, bool is_terminated);

// The answer broke off, whatever reason it may have told before: ERROR.
void answer_break_off(struct answer *answer);

// ---- questions

// Of a call: are its arguments a whole JSON value by now, so that nothing more can follow?
static inline bool block_is_complete(const struct neutral_block *block)
{
    return argument_scan_is_complete(&block->_arguments);
}

// How much the answer was told so far that could matter: of two equal numbers nothing lies between.
uint64_t answer_n_told(const struct answer *answer);
// What was told last, if it was a delta (else NULL): its block, and its text as it was told, good as long as it was
// then.
struct neutral_block *answer_last_delta(const struct answer *answer, struct slice *text_r);
bool answer_has_content(const struct answer *answer);                    // has anything been generated?
bool answer_is_over(const struct answer *answer);                        // ERROR or END has been passed on
bool answer_has_finish(const struct answer *answer, uint32_t candidate); // has a reason been told?
bool answer_is_finished(const struct answer *answer);                    // has one been told for each candidate?
const struct usage *answer_usage_so_far(const struct answer *answer);
const struct answer_context *answer_context(const struct answer *answer);
