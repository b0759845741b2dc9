// SPDX-License-Identifier: MIT
// The registry: one row per dialect.
#include "dialect/dialect.h"

#include "dialect/anthropic/anthropic.h"
#include "dialect/chat/chat.h"
#include "dialect/dialect_internal.h"
#include "dialect/gemini/gemini.h"
#include "dialect/responses/responses.h"

static const struct spoke SPOKES[N_DIALECTS] = {
    [DIALECT_ANTHROPIC] = {.name = "anthropic",
                           .write_error = anthropic_write_error,
                           .write_error_event = anthropic_write_error_event,
                           .usage = &anthropic_usage,
                           .kinship = &anthropic_kinship,
                           .decode_request = anthropic_decode_request,
                           .encode_request = anthropic_encode_request,
                           .decoder = &anthropic_decoder,
                           .encoder = &anthropic_encoder,
                           .read_error = anthropic_read_error,
                           .adjust_system = anthropic_adjust_system,
                           .adjust_reasoning = anthropic_adjust_reasoning,
                           .adjust_fast = anthropic_adjust_fast,
                           .fast_beta = SLICE_INIT("fast-mode-2026-02-01"),
                           .heartbeat = SLICE_INIT("event: ping\ndata: {\"type\": \"ping\"}\n\n")},
    [DIALECT_CHAT] = {.name = "chat",
                      .write_error = chat_write_error,
                      .write_error_event = chat_write_error_event,
                      .usage = &chat_usage,
                      .kinship = &chat_kinship,
                      .decode_request = chat_decode_request,
                      .encode_request = chat_encode_request,
                      .decoder = &chat_decoder,
                      .encoder = &chat_encoder,
                      .read_error = chat_read_error,
                      .adjust_system = chat_adjust_system,
                      .adjust_reasoning = chat_adjust_reasoning,
                      .adjust_fast = chat_adjust_fast,
                      .heartbeat = SLICE_INIT(": keep-alive\n\n")},
    [DIALECT_RESPONSES] = {.name = "responses",
                           .write_error = responses_write_error,
                           .write_error_event = responses_write_error_event,
                           .usage = &responses_usage,
                           .kinship = &responses_kinship,
                           .decode_request = responses_decode_request,
                           .encode_request = responses_encode_request,
                           .decoder = &responses_decoder,
                           .encoder = &responses_encoder,
                           .read_error = responses_read_error,
                           .adjust_system = responses_adjust_system,
                           .adjust_reasoning = responses_adjust_reasoning,
                           .adjust_fast = responses_adjust_fast,
                           .heartbeat = SLICE_INIT(": keep-alive\n\n")},
    [DIALECT_GEMINI] = {.name = "gemini",
                        .write_error = gemini_write_error,
                        .write_error_event = gemini_write_error_event,
                        .usage = &gemini_usage,
                        .kinship = &gemini_kinship,
                        .decode_request = gemini_decode_request,
                        .encode_request = gemini_encode_request,
                        .decoder = &gemini_decoder,
                        .encoder = &gemini_encoder,
                        .read_error = gemini_read_error,
                        .has_model_in_path = true,
                        .adjust_system = gemini_adjust_system,
                        .adjust_reasoning = gemini_adjust_reasoning},
};

const struct spoke *dialect_spoke(enum dialect dialect)
{
    return &SPOKES[dialect];
}

const char *dialect_name(enum dialect dialect)
{
    return SPOKES[dialect].name;
}

struct slice dialect_heartbeat(enum dialect dialect)
{
    return SPOKES[dialect].heartbeat;
}
