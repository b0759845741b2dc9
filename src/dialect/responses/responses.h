// SPDX-License-Identifier: MIT
// OpenAI Responses, as its row in dialect.c needs it.
#pragma once

#include "dialect/dialect_internal.h"

void responses_write_error(struct json_writer *w, const struct fault_report *report);
void responses_write_error_event(struct buf *out, const struct fault_report *report);

extern const struct usage_grammar responses_usage;
extern const struct kinship_grammar responses_kinship;

void responses_adjust_system(struct json_splice *splice, struct slice prompt);
void responses_adjust_reasoning(struct json_splice *splice, const struct adjustments *adjustments);
void responses_adjust_fast(struct json_splice *splice);

bool responses_decode_request(struct neutral_request *req, struct arena *arena, struct loss *loss);
void responses_encode_request(const struct encoding *encoding, struct buf *out);
extern const struct answer_decoder responses_decoder;
extern const struct answer_encoder responses_encoder;
void responses_read_error(const struct json_doc *doc, unsigned status, struct arena *arena,
                          struct neutral_error *error_r);
