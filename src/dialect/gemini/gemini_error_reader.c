// SPDX-License-Identifier: MIT
// Errors of Gemini, read. The status word says more than the number, and the details more than the word.
#include "dialect/gemini/gemini.h"
#include "dialect/retry_delay.h"

struct status_row {
    struct slice word;
    enum fault fault;
};

static const struct status_row STATUSES[] = {
    {SLICE_INIT("INVALID_ARGUMENT"), FAULT_INVALID_REQUEST},
    {SLICE_INIT("FAILED_PRECONDITION"), FAULT_INVALID_REQUEST},
    {SLICE_INIT("OUT_OF_RANGE"), FAULT_INVALID_REQUEST},
    {SLICE_INIT("UNAUTHENTICATED"), FAULT_UPSTREAM_AUTH},
    {SLICE_INIT("PERMISSION_DENIED"), FAULT_PERMISSION},
    {SLICE_INIT("NOT_FOUND"), FAULT_NOT_FOUND},
    {SLICE_INIT("ABORTED"), FAULT_CONFLICT},
    {SLICE_INIT("ALREADY_EXISTS"), FAULT_CONFLICT},
    {SLICE_INIT("RESOURCE_EXHAUSTED"), FAULT_RATE_LIMIT},
    {SLICE_INIT("CANCELLED"), FAULT_CANCELLED},
    {SLICE_INIT("INTERNAL"), FAULT_UPSTREAM_SERVER},
    {SLICE_INIT("UNKNOWN"), FAULT_UPSTREAM_SERVER},
    {SLICE_INIT("DATA_LOSS"), FAULT_UPSTREAM_SERVER},
    {SLICE_INIT("UNIMPLEMENTED"), FAULT_NOT_IMPLEMENTED},
    {SLICE_INIT("UNAVAILABLE"), FAULT_UPSTREAM_OVERLOADED},
    {SLICE_INIT("DEADLINE_EXCEEDED"), FAULT_UPSTREAM_TIMEOUT},
};

static bool contains(struct slice text, struct slice piece)
{
    return slice_find(text, piece) != SLICE_NOT_FOUND;
}

static void read_status(struct slice word, struct neutral_error *error)
{
    for (size_t i = 0; i < sizeof(STATUSES) / sizeof(*STATUSES); i++) {
        if (slice_eq(word, STATUSES[i].word)) {
            error->fault = STATUSES[i].fault;
            return;
        }
    }
}

// What the sentence says that no member does.
static void read_message(struct slice message, struct slice status, struct neutral_error *error)
{
    if (error->fault == FAULT_INVALID_REQUEST && contains(message, SLICE("input token count")) &&
        contains(message, SLICE("exceeds the maximum"))) {
        error->fault = FAULT_CONTEXT_LENGTH;
    } else if (slice_eq(status, SLICE("FAILED_PRECONDITION")) && contains(message, SLICE("location"))) {
        error->fault = FAULT_REGION;
    } else if (error->fault == FAULT_RATE_LIMIT && contains(message, SLICE("limit: 0"))) {
        bool is_zero = !contains(message, SLICE("limit: 0."));
        error->fault = is_zero ? FAULT_QUOTA : FAULT_RATE_LIMIT;
    } else if (error->fault == FAULT_NOT_FOUND && slice_starts_with(message, SLICE("models/"))) {
        error->code = SLICE("model_not_found"); // what clients of OpenAI look for
    }
}

// In whole seconds, rounded up.
static void read_delay(struct slice delay, struct neutral_error *error)
{
    int64_t ms = retry_delay_ms(delay);
    error->retry_after_s = ms < 0 ? error->retry_after_s : (ms + 999) / 1000;
}

static void read_reason(struct slice reason, struct neutral_error *error)
{
    if (slice_eq(reason, SLICE("API_KEY_INVALID"))) {
        error->fault = FAULT_UPSTREAM_AUTH;
    } else if (slice_eq(reason, SLICE("SERVICE_DISABLED"))) {
        error->fault = FAULT_PERMISSION;
    }
}

// A limit of a day is not over in a minute.
static void read_violations(const struct json_doc *doc, const struct json_node *violations, struct arena *arena,
                            struct neutral_error *error)
{
    const struct json_node *violation = NULL;
    while (json_is(violations, JSON_ARRAY) && json_next_element(doc, violations, &violation)) {
        if (contains(json_string(doc, json_get(doc, violation, SLICE("quotaId")), arena), SLICE("PerDay"))) {
            error->fault = FAULT_QUOTA;
        }
    }
}

static void read_details(const struct json_doc *doc, const struct json_node *details, struct arena *arena,
                         struct neutral_error *error)
{
    const struct json_node *detail = NULL;
    while (json_is(details, JSON_ARRAY) && json_next_element(doc, details, &detail)) {
        read_reason(json_string(doc, json_get(doc, detail, SLICE("reason")), arena), error);
        read_delay(json_string(doc, json_get(doc, detail, SLICE("retryDelay")), arena), error);
        read_violations(doc, json_get(doc, detail, SLICE("violations")), arena, error);
    }
}

void gemini_read_error(const struct json_doc *doc, unsigned status, struct arena *arena, struct neutral_error *error_r)
{
    const struct json_node *object = json_get(doc, json_root(doc), SLICE("error"));
    int64_t code;
    if (!json_is(object, JSON_OBJECT)) {
        return;
    }
    if (status == 0 && json_int64(doc, json_get(doc, object, SLICE("code")), &code) && code >= 400 && code < 600) {
        error_r->fault = fault_of_upstream_status((unsigned)code);
    }
    struct slice word = json_string(doc, json_get(doc, object, SLICE("status")), arena);
    struct slice message = json_string(doc, json_get(doc, object, SLICE("message")), arena);
    if (message.len) {
        error_r->message = message;
    }
    read_status(word, error_r);
    read_message(error_r->message, word, error_r);
    read_details(doc, json_get(doc, object, SLICE("details")), arena, error_r);
}
