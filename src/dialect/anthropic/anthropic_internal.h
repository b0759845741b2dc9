// SPDX-License-Identifier: MIT
// What the files of this folder share. Never included from outside of it.
#pragma once

#include "dialect/anthropic/anthropic.h"

// ---- reading a request

struct anthropic_reader {
    struct neutral_request *req;
    const struct json_doc *doc;
    struct arena *arena;
    struct loss *loss; // what is refused is told here only; reading goes on, and what it gives no longer counts
};

void anthropic_read_messages(const struct anthropic_reader *r, const struct json_node *system,
                             const struct json_node *messages);
// What a person would have read of a block that only Anthropic knows, escaped; ptr NULL: nothing.
struct slice anthropic_rendering(const struct anthropic_reader *r, const struct json_node *block);
// The texts of an array of blocks, each on lines of its own; escaped.
struct slice anthropic_texts_of(const struct anthropic_reader *r, const struct json_node *blocks);
// A part for an image or a document; NULL when its source is none.
struct neutral_part *anthropic_read_media(const struct anthropic_reader *r, const struct json_node *block,
                                          enum part_kind kind);
// The texts of a list of parts with an empty line between them, escaped; ptr NULL: there is none.
struct slice anthropic_join_texts(struct arena *arena, const struct neutral_part *parts);
enum cache_mark anthropic_read_cache(const struct anthropic_reader *r, const struct json_node *owner);

void anthropic_read_tools(const struct anthropic_reader *r, const struct json_node *tools);
void anthropic_read_tool_choice(const struct anthropic_reader *r, const struct json_node *choice); // after the tools
void anthropic_read_thinking(const struct anthropic_reader *r, const struct json_node *thinking);
void anthropic_read_output_config(const struct anthropic_reader *r, const struct json_node *config);
void anthropic_read_format(const struct anthropic_reader *r, const struct json_node *format);

// ---- reading an answer

// A block that only Anthropic knows, while it comes.
struct anthropic_native;

struct anthropic_native *anthropic_native_new(struct arena *arena, const struct json_doc *doc,
                                              const struct json_node *block);
void anthropic_native_add(struct anthropic_native *native, const struct json_doc *doc, const struct json_node *delta);
struct slice anthropic_native_raw(const struct anthropic_native *native); // the whole block; in the arena

// The tool by which a model that takes no schema for its answer is given one all the same.
extern const struct slice anthropic_format_tool;

// ---- writing a request

// Whether and how the model is to think, and what follows for other members.
struct anthropic_plan {
    enum { PLAN_NONE, PLAN_DISABLED, PLAN_ENABLED, PLAN_ADAPTIVE } thinking;
    int64_t budget;     // of ENABLED
    enum effort effort; // UNSET: not said
    int64_t max_tokens;
};

struct anthropic_request {
    const struct encoding *encoding;
    const struct neutral_request *req;
    const struct profile *profile;
    struct json_writer w;
    struct arena *arena;
    struct loss *loss;
    bool is_own;          // the client speaks Anthropic, too
    bool has_format_tool; // the schema of the answer goes as that of a tool
    struct anthropic_plan plan;
    size_t n_marks_left_out; // the first cache marks, where there are too many
    bool has_short_mark;     // no long one may follow
};

struct anthropic_plan anthropic_plan_thinking(const struct anthropic_request *e);
void anthropic_write_thinking(struct anthropic_request *e);

// The members `system` and `messages`. `addition`: a text for the end of the system prompt, escaped; or empty.
void anthropic_write_system(struct anthropic_request *e, struct slice addition);
void anthropic_write_messages(struct anthropic_request *e);
// False: the image or document cannot be sent, and the loss says why.
bool anthropic_takes_media(struct anthropic_request *e, const struct neutral_part *part);
void anthropic_write_media(struct anthropic_request *e, const struct neutral_part *part);

void anthropic_write_tools(struct anthropic_request *e); // and the choice among them
bool anthropic_is_tool_forced(const struct anthropic_request *e);
// A schema of the request on a tape of its own, if it has to be turned into JSON Schema first.
const struct json_node *anthropic_schema_of(const struct anthropic_request *e, const struct json_node *schema,
                                            bool is_openapi, struct json_doc *doc_r);

size_t anthropic_count_marks(const struct neutral_request *req);
// The member `cache_control`, if that mark is to be sent. They are told of in the order of the prefix: tools, system,
// messages.
void anthropic_write_cache(struct anthropic_request *e, enum cache_mark mark);

// Schemas of an answer or a strict tool. True: it demands less than before.
bool anthropic_write_strict_schema(struct json_writer *w, const struct json_doc *doc, const struct json_node *schema);
// Schemas of a tool; NULL: it has none. True: alternatives at the root were made one.
bool anthropic_write_tool_schema(struct json_writer *w, const struct json_doc *doc, const struct json_node *schema);
// An object without alternatives at its root.
bool anthropic_is_plain_schema(const struct json_doc *doc, const struct json_node *schema);

// ---- writing an answer

// Members of a message.
void anthropic_write_envelope(struct json_writer *w, const struct answer_context *context); // id, type, role, model
void anthropic_write_finish(struct json_writer *w, const struct finish *finish, const struct answer_context *context);
// The value of `usage`.
void anthropic_write_usage(struct json_writer *w, const struct usage *usage, const struct answer_context *context);
// A whole block of reasoning without text.
void anthropic_write_redacted(struct json_writer *w, const struct neutral_opaque *opaque);
// What stands for the signature (or the data of a redacted block): as it is if it is of the `native` kind, else
// wrapped; of kind NONE, a mark that says that nobody can read it.
void anthropic_append_seal(const struct neutral_opaque *opaque, enum opaque_kind native, struct buf *escaped);
void anthropic_write_body(const struct answer_context *context, const struct neutral_response *response,
                          struct buf *out);
