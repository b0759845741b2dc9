// SPDX-License-Identifier: MIT
// Google generateContent, as its row in dialect.c needs it.
#pragma once

#include "dialect/dialect_internal.h"

void gemini_write_error(struct json_writer *w, const struct fault_report *report);
void gemini_write_error_event(struct buf *out, const struct fault_report *report);

extern const struct usage_grammar gemini_usage;

void gemini_adjust_system(struct json_splice *splice, struct slice prompt);
void gemini_adjust_reasoning(struct json_splice *splice, const struct adjustments *adjustments);
