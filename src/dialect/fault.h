// SPDX-License-Identifier: MIT
// Everything that can go wrong with a model request, as one list. A dialect turns a fault into its own error body.
#pragma once

#include "base/buf.h"
#include "base/slice.h"
#include "dialect/dialect.h"

// X(name, status, OpenAI type, OpenAI code or NULL, Anthropic type, Gemini status)
#define FAULTS(X)                                                                                                      \
    X(INVALID_JSON, 400, "invalid_request_error", "invalid_json", "invalid_request_error", "INVALID_ARGUMENT")         \
    X(INVALID_REQUEST, 400, "invalid_request_error", NULL, "invalid_request_error", "INVALID_ARGUMENT")                \
    X(MISSING_MODEL, 400, "invalid_request_error", "missing_model", "invalid_request_error", "INVALID_ARGUMENT")       \
    X(INVALID_API_KEY, 401, "invalid_request_error", "invalid_api_key", "authentication_error", "UNAUTHENTICATED")     \
    X(MODEL_NOT_FOUND, 404, "invalid_request_error", "model_not_found", "not_found_error", "NOT_FOUND")                \
    X(ROUTE_NOT_FOUND, 404, "invalid_request_error", "not_found", "not_found_error", "NOT_FOUND")                      \
    X(METHOD_NOT_ALLOWED, 405, "invalid_request_error", "method_not_allowed", "invalid_request_error",                 \
      "INVALID_ARGUMENT")                                                                                              \
    X(REQUEST_TOO_LARGE, 413, "invalid_request_error", "request_too_large", "request_too_large", "INVALID_ARGUMENT")   \
    X(INTERNAL, 500, "server_error", "internal_error", "api_error", "INTERNAL")                                        \
    X(NOT_IMPLEMENTED, 501, "invalid_request_error", "not_implemented", "invalid_request_error", "UNIMPLEMENTED")      \
    X(UPSTREAM_UNREACHABLE, 502, "server_error", "upstream_unreachable", "api_error", "UNAVAILABLE")                   \
    X(UPSTREAM_PROTOCOL, 502, "server_error", "upstream_protocol_error", "api_error", "INTERNAL")                      \
    X(UPSTREAM_TRUNCATED, 502, "server_error", "upstream_truncated", "api_error", "INTERNAL")                          \
    X(NO_CREDENTIALS, 503, "server_error", "no_credentials", "api_error", "UNAVAILABLE")                               \
    X(OVERLOADED, 503, "server_error", "overloaded", "overloaded_error", "UNAVAILABLE")                                \
    X(UPSTREAM_TIMEOUT, 504, "server_error", "upstream_timeout", "api_error", "DEADLINE_EXCEEDED")

enum fault {
#define X(name, ...) FAULT_##name,
    FAULTS(X)
#undef X
        FAULT_COUNT,
};

unsigned fault_status(enum fault fault);
const char *fault_name(enum fault fault); // "upstream_timeout", …: for logs and metrics

// Appends the error body of a response in the client's dialect. `message` is plain text and is for the client.
void fault_write_body(enum fault fault, enum dialect dialect, struct slice message, struct slice request_id,
                      struct buf *out);
// Appends the event that ends a stream which has begun (SSE framing included).
void fault_write_event(enum fault fault, enum dialect dialect, struct slice message, struct slice request_id,
                       struct buf *out);
// The same for a status of our own connection layer (400, 408, 413, 414, 431, 501, 505).
enum fault fault_of_status(unsigned status);
