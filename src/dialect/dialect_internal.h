// SPDX-License-Identifier: MIT
// What each dialect brings to the family: one row, filled from its folder. Never included from outside of dialect/.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "dialect/adjust.h"
#include "dialect/answer.h"
#include "dialect/collect.h"
#include "dialect/dialect.h"
#include "dialect/event_shape.h"
#include "dialect/fault.h"
#include "dialect/loss.h"
#include "dialect/neutral.h"
#include "dialect/normalise.h"
#include "json/json_writer.h"

// ---- errors

struct fault_info {
    const char *name;
    unsigned status;
    const char *openai_type;
    const char *openai_code; // NULL: null
    const char *anthropic_type;
    const char *gemini_status;
};

struct fault_report {
    enum fault fault;
    const struct fault_info *info;
    unsigned status;         // as the dialect numbers it
    struct slice message;    // plain text
    struct slice request_id; // may be empty
    // What an upstream or our own check of the request said; empty: what the fault says, or null.
    struct slice type; // of OpenAI
    struct slice code; // of OpenAI
    struct slice param;
    int64_t retry_after_s; // -1: not known
};

// The error object that both OpenAI dialects use, all four members.
void fault_write_openai_error(struct json_writer *w, const struct fault_report *report);
// A member whose value is a text or, for NULL, null.
void fault_write_member(struct json_writer *w, struct slice name, const char *text_or_null);

// ---- usage

// Token counts as providers state them, before they are made inclusive.
enum figure {
    FIGURE_INPUT,
    FIGURE_TOOL_INPUT, // input that is stated beside the rest of it
    FIGURE_CACHE_READ,
    FIGURE_CACHE_WRITE,
    FIGURE_OUTPUT,
    FIGURE_REASONING,
    FIGURE_TOTAL,
    N_FIGURES
};

// Where a figure stands in the usage object. Of several rows for one figure the last one that is stated wins.
struct usage_row {
    struct slice outer; // empty: `name` is a member of the usage object itself
    struct slice name;
    enum figure figure;
};

// What an answer has said so far.
struct usage_seen {
    int64_t figures[N_FIGURES]; // -1: nothing
    bool is_complete;
    bool has_content;
    bool has_error;
    unsigned n_choices; // that were asked for; 0 is 1
    uint64_t finished;  // a bit for each of them that has told why it ended
};

// One event, parsed; its root is an object.
struct usage_event {
    const struct json_doc *doc;
    const struct json_node *root;
    struct slice kind; // the member `type`, else the name of the event
};

struct usage_grammar {
    const struct usage_row *rows;
    size_t n_rows;
    struct slice usage_member;        // of a whole answer
    struct slice quoted_usage_member; // the same as it stands there
    struct slice wrapper_member;      // an object around the answer, if there is one
    struct slice count_member;        // all that the answer to a request for counting says; empty: no such request
    bool is_cache_beside_input;       // else it is included
    bool is_reasoning_beside_output;
    bool is_total_telling; // reasoning that the total has and the output lacks belongs to the output
    bool ends_with_done;   // "[DONE]" is an end of its own
    // A piece of text that an event brings stands behind one of these: a member's name, up to the quote of its value.
    const struct slice *texts;
    size_t n_texts;
    // Could this event say anything new? Called for every event, so it only searches.
    bool (*is_telling)(struct slice name, struct slice data, const struct usage_seen *seen);
    void (*read_event)(const struct usage_event *event, struct usage_seen *seen);
};

// Takes over what a usage object states; `object` may be NULL or anything else.
void usage_read_rows(const struct usage_grammar *grammar, const struct json_doc *doc, const struct json_node *object,
                     struct usage_seen *seen);

// One of the choices (candidates) of the answer has ended: the member `index` of `choice` says which.
void usage_finish_choice(const struct json_doc *doc, const struct json_node *choice, struct usage_seen *seen);

// Searches over the text of an event, for is_telling().
// Does it have a member with one of these names, at any depth, whose value is not null?
bool usage_states(struct slice data, const struct slice *names, size_t n_names);
// The value of `type` where it is the first member, as it is in practice; else empty.
struct slice usage_peek_type(struct slice data);
size_t usage_skip_spaces(struct slice s, size_t at); // the next place that is no JSON white space

// Checks on a parsed event.
bool usage_is_filled(const struct json_doc *doc, const struct json_node *value); // a text, list or object not empty
bool usage_has_error_member(const struct usage_event *event);

// ---- adjustments

enum { N_ADJUST_LEVELS = ADJUST_XHIGH + 1 };

// A plain text as a JSON string, in the arena of the splice.
struct slice adjust_quote(struct json_splice *splice, struct slice text);
// `before`, the plain text as a JSON string, `after`.
struct slice adjust_wrap(struct json_splice *splice, const char *before, struct slice text, const char *after);
// Puts plain text and an empty line before a string.
void adjust_prefix_string(struct json_splice *splice, const struct json_node *string, struct slice text);
// The level as OpenAI says it; only for levels.
struct slice adjust_effort(enum adjust_reasoning level);
// Absent or null, so that setting it takes nothing from the client.
static inline bool adjust_is_unset(const struct json_node *node)
{
    return !node || node->type == JSON_NULL;
}

// What usage_read_rows() has gathered, made inclusive.
struct usage usage_of_seen(const struct usage_grammar *grammar, const struct usage_seen *seen);

// ---- what belongs together

enum { N_CONVERSATION_IDS = 2, N_SYSTEM_MEMBERS = 2 };

// A quoted name to search a text for, or what several names end with: behind a string that is no name there is no
// colon.
struct seal_mark {
    struct slice quoted;
    uint8_t rare[2]; // offsets of two of its letters that are rare in texts
};

// Where a request says what tells its conversation from others, and what only its maker can read. Tables are shorter
// where a name is empty.
struct kinship_grammar {
    struct slice id_object;                // the member that has the ids in it; empty: they are members of the body
    struct slice ids[N_CONVERSATION_IDS];  // by which clients name a conversation, the better one first
    struct slice system[N_SYSTEM_MEMBERS]; // spellings
    struct slice messages;
    struct slice content;         // of a message
    bool may_lack_role;           // a message without a role is the user's
    struct seal_mark seal;        // of members whose strings only their maker can read
    struct seal_mark sealed_type; // of objects whose member `data` is such a string
    // Takes such things out; see kinship_strip(). NULL: a request has none that anybody checks.
    size_t (*strip)(struct json_splice *splice);
};

// ---- translation of requests

// What an encoder is given. The request has been normalised for the target.
struct encoding {
    const struct neutral_request *req;
    const struct target *target;
    bool wants_stream;
    bool writes_model; // Gemini: into the body
    bool counts;       // the body asks for a count of tokens: members that such a request may not have are left out
    struct arena *arena;
    struct loss *loss;
};

// Does the client speak a dialect of OpenAI's?
bool encoding_is_of_openai(const struct encoding *encoding);
// A member with a value of the client's as it stands; nothing for NULL.
void encoding_write_node(const struct encoding *encoding, struct json_writer *w, struct slice name,
                         const struct json_node *node);
// The value of a member: a schema of the client's as JSON Schema.
void encoding_write_schema(const struct encoding *encoding, struct json_writer *w, const struct json_node *schema,
                           bool is_openapi);
// What OpenAI is to be told of the answer's schema: one from a client that knows no such thing as strict is taken
// strictly where it can be.
enum tri encoding_format_strictness(const struct encoding *encoding);

// ---- events of streams

// Is the data of an event "[DONE]", which is no JSON? OpenAI's streams end with it, and some of other dialects.
static inline bool event_is_done(struct slice data)
{
    return slice_starts_with(slice_trim(data), SLICE("[DONE]"));
}

// ---- translation of answers

// Decoder of one dialect: tells an answer what it reads. Its state is `state_size` zeroed bytes in the answer's arena.
struct answer_decoder {
    size_t state_size;
    // One event of a stream; `doc` is parsed (any JSON value) and good during the call only. `name` is that of the
    // event line, empty without one.
    void (*read_event)(void *state, struct answer *answer, const struct json_doc *doc, struct slice name);
    void (*read_done)(void *state, struct answer *answer); // "[DONE]"; NULL where it means nothing
    // The stream has ended as far as HTTP knows. Calls answer_end() unless that was done.
    void (*read_end)(void *state, struct answer *answer);
    // Another piece of text for the block that the last event gave one to, and nothing else; NULL: to tell the answer
    // is all that there is to do.
    void (*read_more_text)(void *state, struct answer *answer, struct slice escaped);
    // Members of events that mean nothing and differ from event to event.
    const struct shape_member *noise;
    size_t n_noise;
    // A whole body, which stays as long as the answer; ends it too.
    void (*read_body)(struct answer *answer, const struct json_doc *doc);
};

// Encoder of one dialect. Its state is `state_size` zeroed bytes in the answer's arena.
struct answer_encoder {
    size_t state_size;
    bool takes_overlap; // blocks need no sequencer
    void (*write_event)(void *state, const struct answer_context *context, const struct neutral_event *event,
                        struct buf *out);
    void (*deinit)(void *state); // NULL: nothing outside of the arena
    // A whole body. The response has no error.
    void (*write_body)(const struct answer_context *context, const struct neutral_response *response, struct buf *out);
};

// A report for a failure of an upstream.
struct fault_report fault_report_of(const struct neutral_error *error, enum dialect dialect, struct slice request_id);

// ---- the row

struct spoke {
    const char *name;
    void (*write_error)(struct json_writer *w, const struct fault_report *report); // a whole body
    void (*write_error_event)(struct buf *out, const struct fault_report *report);
    const struct usage_grammar *usage;
    const struct kinship_grammar *kinship;
    bool has_model_in_path;
    void (*adjust_system)(struct json_splice *splice, struct slice prompt);
    void (*adjust_reasoning)(struct json_splice *splice, const struct adjustments *adjustments);
    void (*adjust_fast)(struct json_splice *splice); // NULL: the dialect has no such thing
    struct slice fast_beta;
    struct slice heartbeat; // between two events of a silent stream; empty where clients take data only

    // False: it was refused; the loss says why. `req` has been initialised.
    bool (*decode_request)(struct neutral_request *req, struct arena *arena, struct loss *loss);
    // Refusals go into the loss; then what was written does not count.
    void (*encode_request)(const struct encoding *encoding, struct buf *out);
    const struct answer_decoder *decoder;
    const struct answer_encoder *encoder;
    // The error object of a body or of an event within a stream, whatever is there of it: fills what it finds. `status`
    // is that of the response, 0 within a stream. `error_r` has been filled by status.
    void (*read_error)(const struct json_doc *doc, unsigned status, struct arena *arena, struct neutral_error *error_r);
};

const struct spoke *dialect_spoke(enum dialect dialect);
