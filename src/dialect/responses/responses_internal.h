// SPDX-License-Identifier: MIT
// What the files of this folder share.
#pragma once

#include "dialect/responses/responses.h"

// ---- requests, decoded

// One request on its way in. A decoder that returns false has refused; the loss says why.
struct responses_request {
    struct neutral_request *req;
    struct arena *arena;
    struct loss *loss;
    const struct json_doc *doc;
};

// A member that is a string: decoded; empty else.
static inline struct slice responses_plain_member(const struct responses_request *in, const struct json_node *node,
                                                  const char *name)
{
    return json_string(in->doc, neutral_member(in->doc, node, slice_from_cstr(name)), in->arena);
}

// The member `input`: instructions and turns, and the tools that stand among them.
bool responses_decode_input(const struct responses_request *in, const struct json_node *input);
// The parts of a message or of a tool's output, appended to *last_r; `content` is a string or an array.
bool responses_decode_parts(const struct responses_request *in, const struct json_node *content,
                            struct neutral_part **last_r);
// An array of tools. Later definitions of a tool that is there already replace it: input items may load what the
// member `tools` had deferred.
bool responses_decode_tools(const struct responses_request *in, const struct json_node *tools);
// After all tools are known.
bool responses_decode_choice(const struct responses_request *in, const struct json_node *choice);

// ---- requests, encoded

// Does the client speak this dialect, too?
static inline bool responses_is_own(const struct encoding *encoding)
{
    return encoding->req->origin == DIALECT_RESPONSES;
}

// Each writes a member with its name, or nothing.
void responses_write_input(const struct encoding *encoding, struct json_writer *w);
void responses_write_tools(const struct encoding *encoding, struct json_writer *w);
// Is this the request's one instruction that goes into the member `instructions`? NULL: there is none like that.
const struct neutral_turn *responses_lone_instruction(const struct neutral_request *req);
// One part of a message or of a tool's output; nothing for what cannot stand there, which was refused or warned of.
// May it stand in a message of the user's or in the output of a tool? What may not is refused or, in lenient mode,
// told.
bool responses_takes_part(const struct encoding *encoding, const struct neutral_part *part);
void responses_write_part(const struct encoding *encoding, struct json_writer *w, const struct neutral_part *part);
// A text with another one, escaped, in front of it.
void responses_write_text_part(const struct encoding *encoding, struct json_writer *w, const struct neutral_part *part,
                               struct slice before);
// A text that says nothing but its text, so that a string can stand for it.
bool responses_is_plain_text(const struct encoding *encoding, const struct neutral_part *part);
static inline void responses_write_type(struct json_writer *w, const char *type)
{
    json_member_string(w, SLICE("type"), slice_from_cstr(type));
}
void responses_write_escaped(struct json_writer *w, const char *name, struct slice escaped);
// Goes on with the string that was written last.
void responses_append_to_string(struct json_writer *w, struct slice escaped);

// ---- errors

// The error object of a body, an event or a failed response; fills what it finds.
void responses_read_error_object(const struct json_doc *doc, const struct json_node *object, struct arena *arena,
                                 struct neutral_error *error_r);
// The payload of an error event: nested as the provider sends it, and flat as its type definitions have it.
void responses_write_error_payload(struct json_writer *w, const struct fault_report *report, int64_t sequence_number);
// The member `error` of a failed response.
void responses_write_failure(struct json_writer *w, const struct fault_report *report);

// ---- answers, decoded

struct item;
struct part;

// State of a stream; a body uses one, too.
struct responses_decoding {
    struct item *items; // arena; the newest first
    size_t n_items;
    struct part *told_last; // that the last piece of text was for
    bool has_text;
    bool has_refusal;
    bool has_call; // something that the client has to execute
};

// One event or body under way.
struct responses_reading {
    struct responses_decoding *decoder;
    struct answer *answer;
    const struct json_doc *doc;
    const struct json_node *root; // the event
};

// Members, however many of them are missing.
static inline struct arena *responses_arena(const struct responses_reading *r)
{
    return answer_context(r->answer)->arena;
}

static inline const struct json_node *responses_get(const struct responses_reading *r, const struct json_node *object,
                                                    const char *name)
{
    return json_get(r->doc, object, slice_from_cstr(name));
}

static inline bool responses_is_text(const struct responses_reading *r, const struct json_node *object,
                                     const char *name, const char *text)
{
    return json_string_is(r->doc, responses_get(r, object, name), slice_from_cstr(text));
}

static inline struct slice responses_plain(const struct responses_reading *r, const struct json_node *object,
                                           const char *name)
{
    return json_string(r->doc, responses_get(r, object, name), responses_arena(r));
}

// What the events of an item say. Texts that have been told already are not told again.
void responses_item_added(const struct responses_reading *r);
void responses_text_delta(const struct responses_reading *r, enum block_kind kind); // of text or refusal
void responses_text_done(const struct responses_reading *r, enum block_kind kind);
void responses_annotation_added(const struct responses_reading *r);
void responses_part_done(const struct responses_reading *r);
void responses_reasoning_delta(const struct responses_reading *r, bool is_summary);
void responses_reasoning_done(const struct responses_reading *r, bool is_summary);
void responses_arguments_delta(const struct responses_reading *r, bool is_custom);
// More for the text that the last piece was for.
void responses_more_text(void *decoding, struct answer *answer, struct slice escaped);
void responses_arguments_done(const struct responses_reading *r, bool is_custom);
void responses_item_done(const struct responses_reading *r);
// What has not been told yet of a whole response.
void responses_rest_of_output(const struct responses_reading *r, const struct json_node *response);

// ---- answers, encoded

// A response as it stands at one moment.
struct responses_object {
    const struct answer_context *context;
    struct slice id;
    const struct answer_head *head;
    struct slice status;
    struct slice items;                 // the elements of its output, with commas between them
    const struct usage *usage;          // NULL: it is not over yet
    struct slice incomplete_reason;     // empty: none
    const struct fault_report *failure; // NULL: none
};

void responses_write_object(struct json_writer *w, const struct responses_object *object);

// What is open in the output: an item, and in it a part (the arguments of a call count as one).
enum responses_item { NO_ITEM, ITEM_OF_TEXTS, ITEM_OF_THOUGHTS, ITEM_OF_CALL };
enum responses_part {
    PART_OF_TEXT,
    PART_OF_REFUSAL,
    PART_OF_SUMMARY,
    PART_OF_THOUGHT,
    PART_OF_FUNCTION,
    PART_OF_CUSTOM
};

// The output of a response as it grows. Its text is kept once, as the JSON that ends up in the last event; the events
// on the way take their pieces from there.
struct responses_output {
    const struct answer_context *context;
    struct buf *events;   // borrowed: where events go; NULL: nobody wants them
    struct buf items;     // owned: elements of the output
    struct buf place;     // owned: what all events of the open item, and of the open part, say of where it is
    struct buf secret;    // owned: encrypted_content of the open block, plain; empty: none
    struct buf citations; // owned: of the open text
    struct buf logprobs;  // owned
    int64_t sequence_number;
    uint32_t n_items; // the open one not among them
    uint32_t n_parts; // of the open item, the open one not among them
    uint32_t n_citations;
    enum responses_item item;
    enum responses_part part;
    bool is_part_open;
    bool is_incomplete; // the answer was cut off: what is closed at its end is not completed
    bool has_refusal;   // there are words of one
    struct slice phase; // of the open message
    size_t item_start;  // offsets in `items`
    size_t part_start;
    size_t text_start;
    size_t id_len;     // of the open item; its id is in `place`
    size_t item_place; // length of what `place` says of the item
};

void responses_output_deinit(struct responses_output *output);
// Begins an event, up to its sequence number. Only with `events`.
void responses_output_event(struct responses_output *output, struct slice head);
#define RESPONSES_EVENT(name) SLICE("event: " name "\ndata: {\"type\":\"" name "\",\"sequence_number\":")
void responses_output_open(struct responses_output *output, const struct neutral_block *block);
void responses_output_delta(struct responses_output *output, const struct neutral_block *block, struct slice escaped);
void responses_output_part(struct responses_output *output, const struct neutral_block *block);
void responses_output_opaque(struct responses_output *output, const struct neutral_block *block,
                             const struct neutral_opaque *opaque);
void responses_output_citation(struct responses_output *output, const struct neutral_block *block, struct slice raw);
// `elements` of an array, without its brackets.
void responses_output_logprobs(struct responses_output *output, const struct neutral_block *block,
                               struct slice elements);
void responses_output_close(struct responses_output *output, const struct neutral_block *block, bool is_partial);
// Closes what is open.
void responses_output_end(struct responses_output *output);
// Only what is closed counts.
struct slice responses_output_closed_items(const struct responses_output *output);
