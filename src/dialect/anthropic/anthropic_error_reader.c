// SPDX-License-Identifier: MIT
// Errors of Anthropic Messages, read.
#include "dialect/anthropic/anthropic.h"

static const struct {
    struct slice type;
    enum fault fault;
} TYPES[] = {
    {SLICE_INIT("invalid_request_error"), FAULT_INVALID_REQUEST},
    {SLICE_INIT("authentication_error"), FAULT_UPSTREAM_AUTH},
    {SLICE_INIT("billing_error"), FAULT_BILLING},
    {SLICE_INIT("permission_error"), FAULT_PERMISSION},
    {SLICE_INIT("not_found_error"), FAULT_NOT_FOUND},
    {SLICE_INIT("conflict_error"), FAULT_CONFLICT},
    {SLICE_INIT("request_too_large"), FAULT_REQUEST_TOO_LARGE},
    {SLICE_INIT("rate_limit_error"), FAULT_RATE_LIMIT},
    {SLICE_INIT("api_error"), FAULT_UPSTREAM_SERVER},
    {SLICE_INIT("timeout_error"), FAULT_UPSTREAM_TIMEOUT},
    {SLICE_INIT("overloaded_error"), FAULT_UPSTREAM_OVERLOADED},
};

// One type stands for much; what it was is said in words only.
static enum fault fault_of_message(struct slice message)
{
    if (slice_starts_with(message, SLICE("prompt is too long")) ||
        slice_find(message, SLICE("exceed context limit")) != SLICE_NOT_FOUND) {
        return FAULT_CONTEXT_LENGTH;
    }
    if (slice_find(message, SLICE("credit balance is too low")) != SLICE_NOT_FOUND) {
        return FAULT_BILLING;
    }
    return FAULT_INVALID_REQUEST;
}

static void read_type(struct slice type, struct neutral_error *error)
{
    for (size_t i = 0; i < sizeof(TYPES) / sizeof(*TYPES); i++) {
        if (slice_eq(type, TYPES[i].type)) {
            error->fault = TYPES[i].fault;
        }
    }
    if (error->fault == FAULT_INVALID_REQUEST) {
        error->fault = fault_of_message(error->message);
    }
}

// The type is not handed on as such: it is Anthropic's, and the fault says as much.
void anthropic_read_error(const struct json_doc *doc, unsigned status, struct arena *arena,
                          struct neutral_error *error_r)
{
    const struct json_node *error = json_get(doc, json_root(doc), SLICE("error"));
    const struct json_node *details = json_get(doc, error, SLICE("details"));
    struct slice message = json_string(doc, json_get(doc, error, SLICE("message")), arena);
    if (message.len) {
        error_r->message = message;
    }
    if (!error_r->message.len && status == 0) {
        error_r->message = SLICE("the upstream reported an error");
    }
    error_r->code = json_string(doc, json_get(doc, details, SLICE("error_code")), arena);
    read_type(json_string(doc, json_get(doc, error, SLICE("type")), arena), error_r);
}
