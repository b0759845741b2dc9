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
    X(NO_AVAILABLE_KEY, "no_available_key", 429, "rate_limit_error", "no_available_key", "rate_limit_error",           \
      "RESOURCE_EXHAUSTED")                                                                                            \
    X(NO_USABLE_KEY, "no_usable_key", 503, "server_error", "no_available_key", "overloaded_error", "UNAVAILABLE")      \
    X(NO_CREDENTIALS, "no_credentials", 503, "server_error", "no_credentials", "api_error", "UNAVAILABLE")             \
    X(OVERLOADED, "overloaded", 503, "server_error", "overloaded", "overloaded_error", "UNAVAILABLE")                  \
    X(UPSTREAM_TIMEOUT, "upstream_timeout", 504, "server_error", "upstream_timeout", "api_error", "DEADLINE_EXCEEDED") \
    /* What an upstream of another dialect said, or our check of a request that is to be translated. */                \
    X(UNSUPPORTED_PARAMETER, "unsupported_parameter", 400, "invalid_request_error", "unsupported_parameter",           \
      "invalid_request_error", "INVALID_ARGUMENT")                                                                     \
    X(CONTEXT_LENGTH, "context_length", 400, "invalid_request_error", "context_length_exceeded",                       \
      "invalid_request_error", "INVALID_ARGUMENT")                                                                     \
    X(CONTENT_POLICY, "content_policy", 400, "invalid_request_error", "content_policy_violation",                      \
      "invalid_request_error", "INVALID_ARGUMENT")                                                                     \
    X(UPSTREAM_AUTH, "upstream_auth", 401, "invalid_request_error", "invalid_api_key", "authentication_error",         \
      "INVALID_ARGUMENT")                                                                                              \
    X(BILLING, "billing", 402, "insufficient_quota", "insufficient_quota", "billing_error", "PERMISSION_DENIED")       \
    X(PERMISSION, "permission", 403, "invalid_request_error", "permission_denied", "permission_error",                 \
      "PERMISSION_DENIED")                                                                                             \
    X(REGION, "region", 403, "invalid_request_error", "unsupported_country_region_territory", "permission_error",      \
      "FAILED_PRECONDITION")                                                                                           \
    X(NOT_FOUND, "not_found", 404, "invalid_request_error", "not_found", "not_found_error", "NOT_FOUND")               \
    X(CONFLICT, "conflict", 409, "invalid_request_error", "conflict", "conflict_error", "ABORTED")                     \
    X(UNPROCESSABLE, "unprocessable", 422, "invalid_request_error", NULL, "invalid_request_error", "INVALID_ARGUMENT") \
    X(RATE_LIMIT, "rate_limit", 429, "rate_limit_error", "rate_limit_exceeded", "rate_limit_error",                    \
      "RESOURCE_EXHAUSTED")                                                                                            \
    X(QUOTA, "quota", 429, "insufficient_quota", "insufficient_quota", "rate_limit_error", "RESOURCE_EXHAUSTED")       \
    X(CANCELLED, "cancelled", 499, "server_error", "cancelled", "api_error", "CANCELLED")                              \
    X(UPSTREAM_SERVER, "upstream_server", 500, "server_error", NULL, "api_error", "INTERNAL")                          \
    X(UPSTREAM_OVERLOADED, "upstream_overloaded", 503, "service_unavailable_error", "server_is_overloaded",            \
      "overloaded_error", "UNAVAILABLE")

enum fault {
#define X(name, ...) FAULT_##name,
    FAULTS(X)
#undef X
        FAULT_COUNT,
};

unsigned fault_status(enum fault fault);
// The status in a dialect: a few differ (Anthropic's 529, Google's 400 for what others number apart).
unsigned fault_status_in(enum fault fault, enum dialect dialect);
const char *fault_name(enum fault fault); // "upstream_timeout", …: for logs and metrics

// Appends the error body of a response in the client's dialect. `message` is plain text and is for the client.
void fault_write_body(enum fault fault, enum dialect dialect, struct slice message, struct slice request_id,
                      struct buf *out);
// Appends what ends a stream that has begun, SSE framing included: one event, for Responses two.
void fault_write_event(enum fault fault, enum dialect dialect, struct slice message, struct slice request_id,
                       struct buf *out);
struct neutral_error;
// The same for a failure that an upstream told of, and for refusals of a translation: with its own code and so on.
void fault_write_error_body(const struct neutral_error *error, enum dialect dialect, struct slice request_id,
                            struct buf *out);
void fault_write_error_event(const struct neutral_error *error, enum dialect dialect, struct slice request_id,
                             struct buf *out);
// The class of an upstream's failure by its status alone.
enum fault fault_of_upstream_status(unsigned status);
// The fault that comes nearest to a status of our own connection layer (400, 408, 413, 414, 431, 501, 505). Its own
// status may be another one: what is sent is the status, with the body of this fault.
enum fault fault_of_status(unsigned status);
