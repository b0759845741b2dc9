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
// The blocks of a `content` (a string or an array) as parts.
struct neutral_part *anthropic_read_content(const struct anthropic_reader *r, const struct json_node *content);
// What a person would have read of a block that only Anthropic knows, escaped; ptr NULL: nothing.
struct slice anthropic_rendering(const struct anthropic_reader *r, const struct json_node *block);
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
