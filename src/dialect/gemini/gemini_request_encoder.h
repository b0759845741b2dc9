// SPDX-License-Identifier: MIT
// What the files that encode a request share.
#pragma once

#include "dialect/dialect_internal.h"

struct gemini_writing {
    const struct encoding *encoding;
    struct json_writer *w;
};

static inline const struct profile *gemini_profile(const struct gemini_writing *g)
{
    return &g->encoding->target->profile;
}

// Members of a request's object.
void gemini_write_system(const struct gemini_writing *g);
void gemini_write_contents(const struct gemini_writing *g);
// True when there are functions among the tools.
bool gemini_write_tools(const struct gemini_writing *g);
void gemini_write_tool_config(const struct gemini_writing *g, bool has_functions);
void gemini_write_thinking(const struct gemini_writing *g); // a member of generationConfig
