// SPDX-License-Identifier: MIT
// What streams and whole answers of Gemini have in common.
#pragma once

#include "dialect/dialect_internal.h"

// An opaque value as thoughtSignature, plain text in the arena: Google's own as it is, those of others wrapped, so that
// they come back intact. Empty for kind OPAQUE_NONE.
struct slice gemini_signature_of(struct arena *arena, const struct neutral_opaque *opaque);
// A part. `signature` may be empty.
void gemini_write_text_part(struct json_writer *w, struct slice escaped, bool is_thought, struct slice signature);
// The same for a call; the arguments are escaped JSON text. False: they are no object, and nothing was written.
bool gemini_write_call_part(struct json_writer *w, const struct neutral_block *call, struct slice arguments,
                            struct slice signature);
// The members finishReason and, where there is something to say, finishMessage. `lost_call`: one that was made could
// not be written.
void gemini_write_finish(struct json_writer *w, const struct answer_context *context, const struct finish *finish,
                         bool lost_call);
// The member usageMetadata, which clients expect at the end; empty where nothing is known.
void gemini_write_usage(struct json_writer *w, const struct usage *usage);
// The members modelVersion and responseId.
void gemini_write_head(struct json_writer *w, const struct answer_context *context, const struct answer_head *head);
// A whole body.
void gemini_write_body(const struct answer_context *context, const struct neutral_response *response, struct buf *out);
