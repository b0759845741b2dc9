// SPDX-License-Identifier: MIT
// Google generateContent, as its row in dialect.c needs it.
#pragma once

#include "dialect/dialect_internal.h"

void gemini_write_error(struct json_writer *w, const struct fault_report *report);
void gemini_write_error_event(struct buf *out, const struct fault_report *report);

extern const struct usage_grammar gemini_usage;
extern const struct kinship_grammar gemini_kinship;

void gemini_adjust_system(struct json_splice *splice, struct slice prompt);
void gemini_adjust_reasoning(struct json_splice *splice, const struct adjustments *adjustments);

bool gemini_decode_request(struct neutral_request *req, struct arena *arena, struct loss *loss);
void gemini_encode_request(const struct encoding *encoding, struct buf *out);
extern const struct answer_decoder gemini_decoder;
extern const struct answer_encoder gemini_encoder;
void gemini_read_error(const struct json_doc *doc, unsigned status, struct arena *arena, struct neutral_error *error_r);

// Google's word for a signature that cannot be had any more.
#define GEMINI_SKIP_SIGNATURE "skip_thought_signature_validator"
