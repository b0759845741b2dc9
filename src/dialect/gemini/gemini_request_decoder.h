// SPDX-License-Identifier: MIT
// What the files that decode a request share. The first rejection stays, so nobody gives up early: what is not as it
// should be is rejected and left out.
#pragma once

#include "dialect/loss.h"
#include "dialect/neutral.h"

struct gemini_reading {
    struct neutral_request *req;
    const struct json_doc *doc;
    struct arena *arena;
    struct loss *loss;
};

// A member of that type; NULL when there is none, or it is of another type and has been rejected.
const struct json_node *gemini_read_typed(const struct gemini_reading *r, const struct json_node *object,
                                          struct slice camel, enum json_type type);
enum tri gemini_read_tri(const struct gemini_reading *r, const struct json_node *object, struct slice camel);
// Rejects what is not of that type.
bool gemini_expect(const struct gemini_reading *r, const struct json_node *node, enum json_type type);

void gemini_read_system(const struct gemini_reading *r, const struct json_node *system);      // NULL: there is none
void gemini_read_contents(const struct gemini_reading *r, const struct json_node *contents);  // an array
void gemini_read_tools(const struct gemini_reading *r, const struct json_node *tools);        // an array or NULL
void gemini_read_tool_config(const struct gemini_reading *r, const struct json_node *config); // an object or NULL
