// SPDX-License-Identifier: MIT
// Arguments of a call that come one value at a time, each with its place in the whole: {"jsonPath": "$.a.b[0]",
// "stringValue": "…"}. They are put together into one object, because the pieces come in no order that could be passed
// on as text.
#pragma once

#include "base/arena.h"
#include "json/json_reader.h"

struct gemini_partial_args;

struct gemini_partial_args *gemini_partial_args_new(struct arena *arena); // in the arena
// One piece. What makes no sense (a path that is none, a value within a text) is left out.
void gemini_partial_args_add(struct gemini_partial_args *args, const struct json_doc *doc,
                             const struct json_node *piece);
// The object, as JSON in the arena.
struct slice gemini_partial_args_json(const struct gemini_partial_args *args);
