// SPDX-License-Identifier: MIT
// The four API dialects.
#pragma once

#include "base/slice.h"

enum dialect {
    DIALECT_ANTHROPIC, // Anthropic Messages
    DIALECT_CHAT,      // OpenAI Chat Completions
    DIALECT_RESPONSES, // OpenAI Responses
    DIALECT_GEMINI,    // Google generateContent
};
enum { N_DIALECTS = 4 };

const char *dialect_name(enum dialect dialect); // "anthropic", "chat", "responses", "gemini"

// What may be sent between two events of a silent stream so that nobody on the way gives up on it. Empty for Gemini,
// whose clients take data lines only.
struct slice dialect_heartbeat(enum dialect dialect);
