// SPDX-License-Identifier: MIT
// What a model can do beyond its dialect, told by its name: models of one API differ in what they refuse. One table; an
// unknown name gets what the newest models of its dialect do.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "dialect/dialect.h"
#include "dialect/neutral.h"

enum thinking_style {
    THINKING_BY_BUDGET, // Anthropic up to 4.5: enabled with a budget. Gemini 2.5: thinkingBudget
    THINKING_BY_EITHER, // Anthropic 4.6
    THINKING_BY_LEVEL,  // Anthropic from 4.7: adaptive with an effort. Gemini 3: thinkingLevel
};

struct profile {
    int64_t max_output;    // tokens; sent where the dialect wants a limit and the client gave none. 0: it wants none
    bool rejects_sampling; // temperature, top_p and the like
    bool rejects_stops;    // Chat: reasoning models
    bool is_compatible_server; // Chat that is not OpenAI's own: older members, functions only
    bool has_developer_role;   // Chat
    bool can_switch_thinking_off;
    enum effort least_effort;     // besides none
    enum effort most_effort;      // NONE: the model does not think, and refuses whatever speaks of it
    unsigned missing_efforts;     // those in between that it does not know: bits 1u << effort
    enum thinking_style thinking; // Anthropic, Gemini
    int64_t budget_min;           // Anthropic, Gemini 2.5
    int64_t budget_max;
    bool has_system_turns;       // Anthropic: role system in the middle
    bool has_schema_output;      // Anthropic: output_config.format
    bool rejects_prefill;        // Anthropic
    bool rejects_both_sampling;  // Anthropic: temperature and top_p together
    bool takes_media_results;    // Gemini 3: functionResponse.parts
    bool mixes_schema_and_tools; // Gemini 3
    bool takes_urls;             // Gemini: fileData with an http URL
    bool needs_signatures;       // Gemini 3: on the first call of a turn
};

// `model` is the upstream's name for it; case does not matter, a vendor prefix ("models/", "anthropic/") neither.
struct profile profile_of(enum dialect dialect, struct slice model);

static inline bool profile_thinks(const struct profile *profile)
{
    return profile->most_effort != EFFORT_NONE;
}

// The level that comes nearest to what is wanted (not UNSET) among those that a thinking model has. NONE stays if
// thinking can be switched off, and is the least level else; a level that is missing becomes HIGH.
enum effort profile_effort(const struct profile *profile, enum effort wanted);
