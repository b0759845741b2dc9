// SPDX-License-Identifier: MIT
// Probabilities of tokens, in Gemini's form (two lists, one of the chosen tokens and one of those that might have been)
// and in OpenAI's (one list, which the hub has).
#pragma once

#include "dialect/answer.h"
#include "json/json_writer.h"

// Appends an array of OpenAI's; nothing when `result` is no logprobsResult. The bytes of a token, which Gemini does not
// say, are those of its text.
void gemini_logprobs_read(const struct json_doc *doc, const struct json_node *result, struct arena *arena,
                          struct buf *out);
// Writes a logprobsResult of an array of OpenAI's. False: it is none, and nothing was written.
bool gemini_logprobs_write(struct json_writer *w, struct slice array, struct arena *arena);
