// SPDX-License-Identifier: MIT
// OpenAI Chat Completions, as its row in dialect.c needs it.
#pragma once

#include "dialect/dialect_internal.h"

void chat_write_error(struct json_writer *w, const struct fault_report *report);
void chat_write_error_event(struct buf *out, const struct fault_report *report);

extern const struct usage_grammar chat_usage;
extern const struct kinship_grammar chat_kinship;

void chat_adjust_system(struct json_splice *splice, struct slice prompt);
void chat_adjust_reasoning(struct json_splice *splice, const struct adjustments *adjustments);
void chat_adjust_fast(struct json_splice *splice);

bool chat_decode_request(struct neutral_request *req, struct arena *arena, struct loss *loss);
void chat_encode_request(const struct encoding *encoding, struct buf *out);
extern const struct answer_decoder chat_decoder;
extern const struct answer_encoder chat_encoder;
void chat_read_error(const struct json_doc *doc, unsigned status, struct arena *arena, struct neutral_error *error_r);
