// SPDX-License-Identifier: MIT
// Everything that can go wrong with a model request, as one list. A dialect turns a fault into its own error body.
#pragma once

#include "base/buf.h"
#include "base/slice.h"
#include "dialect/dialect.h"

// X(NAME, name, status, OpenAI type, OpenAI code or NULL, Anthropic type, Gemini status)
#define FAULTS(X)                                                                                                      \
    X(INVALID_JSON, "invalid_json", 400, "invalid_request_error", "invalid_json", "invalid_request_error",             \
      "INVALID_ARGUMENT")                                                                                              \
    X(INVALID_REQUEST, "invalid_request", 400, "invalid_request_error", NULL, "invalid_request_error",                 \
      "INVALID_ARGUMENT")                                                                                              \
    X(MISSING_MODEL, "missing_model", 400, "invalid_request_error", "missing_model", "invalid_request_error",          \
      "INVALID_ARGUMENT")                                                                                              \
    X(INVALID_API_KEY, "invalid_api_key", 401, "invalid_request_error", "invalid_api_key", "authentication_error",     \
      "UNAUTHENTICATED")                                                                                               \
    X(MODEL_NOT_FOUND, "model_not_found", 404, "invalid_request_error", "model_not_found", "not_found_error",          \
      "NOT_FOUND")                                                                                                     \
    X(ROUTE_NOT_FOUND, "route_not_found", 404, "invalid_request_error", "not_found", "not_found_error", "NOT_FOUND")   \
    X(METHOD_NOT_ALLOWED, "method_not_allowed", 405, "invalid_request_error", "method_not_allowed",                    \
      "invalid_request_error", "INVALID_ARGUMENT")                                                                     \
    X(REQUEST_TOO_LARGE, "request_too_large", 413, "invalid_request_error", "request_too_large", "request_too_large",  \
      "INVALID_ARGUMENT")                                                                                              \
    X(INTERNAL, "internal", 500, "server_error", "internal_error", "api_error", "INTERNAL")                            \
    X(NOT_IMPLEMENTED, "not_implemented", 501, "invalid_request_error", "not_implemented", "invalid_request_error",    \
      "UNIMPLEMENTED")                                                                                                 \
    X(UPSTREAM_UNREACHABLE, "upstream_unreachable", 502, "server_error", "upstream_unreachable", "api_error",          \
      "UNAVAILABLE")                                                                                                   \
    X(UPSTREAM_PROTOCOL, "upstream_protocol", 502, "server_error", "upstream_protocol_error", "api_error", "INTERNAL") \
    X(UPSTREAM_TRUNCATED, "upstream_truncated", 502, "server_error", "upstream_truncated", "api_error", "INTERNAL")    \
    X(NO_CREDENTIALS, "no_credentials", 503, "server_error", "no_credentials", "api_error", "UNAVAILABLE")             \
    X(OVERLOADED, "overloaded", 503, "server_error", "overloaded", "overloaded_error", "UNAVAILABLE")                  \
    X(UPSTREAM_TIMEOUT, "upstream_timeout", 504, "server_error", "upstream_timeout", "api_error", "DEADLINE_EXCEEDED")

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
// Appends what ends a stream that has begun, SSE framing included: one event, for Responses two.
void fault_write_event(enum fault fault, enum dialect dialect, struct slice message, struct slice request_id,
                       struct buf *out);
// The fault that comes nearest to a status of our own connection layer (400, 408, 413, 414, 431, 501, 505). Its own
// status may be another one: what is sent is the status, with the body of this fault.
enum fault fault_of_status(unsigned status);
