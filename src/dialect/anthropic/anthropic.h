// SPDX-License-Identifier: MIT
// Anthropic Messages, as its row in dialect.c needs it.
#pragma once

#include "dialect/dialect_internal.h"

void anthropic_write_error(struct json_writer *w, const struct fault_report *report);
void anthropic_write_error_event(struct buf *out, const struct fault_report *report);

extern const struct usage_grammar anthropic_usage;
extern const struct kinship_grammar anthropic_kinship;

void anthropic_adjust_system(struct json_splice *splice, struct slice prompt);
void anthropic_adjust_reasoning(struct json_splice *splice, const struct adjustments *adjustments);
void anthropic_adjust_fast(struct json_splice *splice);

bool anthropic_decode_request(struct neutral_request *req, struct arena *arena, struct loss *loss);
void anthropic_encode_request(const struct encoding *encoding, struct buf *out);
extern const struct answer_decoder anthropic_decoder;
extern const struct answer_encoder anthropic_encoder;
void anthropic_read_error(const struct json_doc *doc, unsigned status, struct arena *arena,
                          struct neutral_error *error_r);
