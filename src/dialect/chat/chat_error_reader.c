// SPDX-License-Identifier: MIT
// Errors of Chat Completions, read. `error` is an object or a string, `code` a string or a number, and either may stand
// beside the other.
#include "dialect/chat/chat_internal.h"

struct word {
    struct slice text;
    enum fault fault;
};

// Codes that say more than the status does.
static const struct word CODES[] = {
    {SLICE_INIT("context_length_exceeded"), FAULT_CONTEXT_LENGTH},
    {SLICE_INIT("string_above_max_length"), FAULT_INVALID_REQUEST},
    {SLICE_INIT("model_not_found"), FAULT_NOT_FOUND},
    {SLICE_INIT("unsupported_parameter"), FAULT_UNSUPPORTED_PARAMETER},
    {SLICE_INIT("unsupported_value"), FAULT_UNSUPPORTED_PARAMETER},
    {SLICE_INIT("invalid_api_key"), FAULT_UPSTREAM_AUTH},
    {SLICE_INIT("insufficient_quota"), FAULT_QUOTA},
    {SLICE_INIT("billing_hard_limit_reached"), FAULT_BILLING},
    {SLICE_INIT("billing_not_active"), FAULT_BILLING},
    {SLICE_INIT("rate_limit_exceeded"), FAULT_RATE_LIMIT},
    {SLICE_INIT("content_filter"), FAULT_CONTENT_POLICY},
    {SLICE_INIT("content_policy_violation"), FAULT_CONTENT_POLICY},
    {SLICE_INIT("invalid_prompt"), FAULT_CONTENT_POLICY},
    {SLICE_INIT("bio_policy"), FAULT_CONTENT_POLICY},
    {SLICE_INIT("unsupported_country_region_territory"), FAULT_REGION},
    {SLICE_INIT("server_is_overloaded"), FAULT_UPSTREAM_OVERLOADED},
    {SLICE_INIT("slow_down"), FAULT_UPSTREAM_OVERLOADED},
    {SLICE_INIT("server_error"), FAULT_UPSTREAM_SERVER},
};

// Types are vague, so that they count only where there is no status.
static const struct word TYPES[] = {
    {SLICE_INIT("invalid_request_error"), FAULT_INVALID_REQUEST},
    {SLICE_INIT("authentication_error"), FAULT_UPSTREAM_AUTH},
    {SLICE_INIT("permission_error"), FAULT_PERMISSION},
    {SLICE_INIT("not_found_error"), FAULT_NOT_FOUND},
    {SLICE_INIT("rate_limit_error"), FAULT_RATE_LIMIT},
    {SLICE_INIT("requests"), FAULT_RATE_LIMIT},
    {SLICE_INIT("tokens"), FAULT_RATE_LIMIT},
    {SLICE_INIT("insufficient_quota"), FAULT_QUOTA},
    {SLICE_INIT("overloaded_error"), FAULT_UPSTREAM_OVERLOADED},
    {SLICE_INIT("service_unavailable_error"), FAULT_UPSTREAM_OVERLOADED},
    {SLICE_INIT("server_error"), FAULT_UPSTREAM_SERVER},
};

// What those say of an overlong request that have no code for it.
static const struct slice TOO_LONG[] = {
    SLICE_INIT("maximum context length"),
    SLICE_INIT("context_length_exceeded"),
    SLICE_INIT("prompt is too long"),
    SLICE_INIT("exceeds the context window"),
};

static const struct word *find_word(const struct word *words, size_t n, struct slice text)
{
    for (size_t i = 0; i < n; i++) {
        if (slice_eq_nocase(words[i].text, text)) {
            return &words[i];
        }
    }
    return NULL;
}

// A status as a number or as a string of digits; 0: it is none.
static unsigned status_of(const struct json_doc *doc, const struct json_node *node)
{
    int64_t number;
    uint64_t digits;
    if (json_int64(doc, node, &number)) {
        return number >= 400 && number <= 599 ? (unsigned)number : 0;
    }
    bool is_status =
        json_is(node, JSON_STRING) && slice_to_u64(json_escaped(doc, node), &digits) && digits >= 400 && digits <= 599;
    return is_status ? (unsigned)digits : 0;
}

static void take_text(const struct json_doc *doc, const struct json_node *node, struct arena *arena,
                      struct slice *text_r)
{
    struct slice text = json_string(doc, node, arena);
    if (text.len) {
        *text_r = text;
    }
}

static void take_members(const struct json_doc *doc, const struct json_node *object, struct arena *arena,
                         struct neutral_error *error_r)
{
    const struct json_node *code = json_get(doc, object, SLICE("code"));
    take_text(doc, json_get(doc, object, SLICE("message")), arena, &error_r->message);
    take_text(doc, json_get(doc, object, SLICE("type")), arena, &error_r->type);
    take_text(doc, json_get(doc, object, SLICE("param")), arena, &error_r->param);
    if (json_is(code, JSON_NUMBER)) {
        error_r->code = json_raw(doc, code);
    } else {
        take_text(doc, code, arena, &error_r->code);
    }
}

static bool is_too_long(struct slice message)
{
    for (size_t i = 0; i < sizeof(TOO_LONG) / sizeof(*TOO_LONG); i++) {
        if (slice_find(message, TOO_LONG[i]) != SLICE_NOT_FOUND) {
            return true;
        }
    }
    return false;
}

static void classify(const struct json_doc *doc, const struct json_node *object, unsigned status,
                     struct neutral_error *error_r)
{
    const struct word *code = find_word(CODES, sizeof(CODES) / sizeof(*CODES), error_r->code);
    const struct word *type = find_word(TYPES, sizeof(TYPES) / sizeof(*TYPES), error_r->type);
    unsigned told = status_of(doc, json_get(doc, object, SLICE("code")));
    if (!told) {
        told = status_of(doc, json_get(doc, object, SLICE("status_code")));
    }
    if (code) {
        error_r->fault = code->fault;
    } else if (status == 0 && told) {
        error_r->fault = fault_of_upstream_status(told);
    } else if (type && (status == 0 || type->fault == FAULT_QUOTA)) {
        error_r->fault = type->fault;
    }
    if ((error_r->fault == FAULT_INVALID_REQUEST || status == 400) && is_too_long(error_r->message)) {
        error_r->fault = FAULT_CONTEXT_LENGTH;
    }
}

void chat_read_error(const struct json_doc *doc, unsigned status, struct arena *arena, struct neutral_error *error_r)
{
    const struct json_node *root = json_root(doc);
    const struct json_node *error = json_get(doc, root, SLICE("error"));
    const struct json_node *object = json_is(error, JSON_OBJECT) ? error : root;
    take_members(doc, object, arena, error_r);
    take_text(doc, error, arena, &error_r->message); // the message itself
    classify(doc, object, status, error_r);
}
