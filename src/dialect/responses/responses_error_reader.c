// SPDX-License-Identifier: MIT
// Errors of Responses, read: of bodies, of events and of failed responses.
#include "dialect/responses/responses_internal.h"

struct code {
    struct slice code;
    enum fault fault;
};

// By `code`, else by `type`. Codes that are not here leave it to the status.
static const struct code CODES[] = {
    {SLICE_INIT("context_length_exceeded"), FAULT_CONTEXT_LENGTH},
    {SLICE_INIT("insufficient_quota"), FAULT_QUOTA},
    {SLICE_INIT("rate_limit_exceeded"), FAULT_RATE_LIMIT},
    {SLICE_INIT("rate_limit_error"), FAULT_RATE_LIMIT},
    {SLICE_INIT("server_is_overloaded"), FAULT_UPSTREAM_OVERLOADED},
    {SLICE_INIT("slow_down"), FAULT_UPSTREAM_OVERLOADED},
    {SLICE_INIT("service_unavailable_error"), FAULT_UPSTREAM_OVERLOADED},
    {SLICE_INIT("overloaded_error"), FAULT_UPSTREAM_OVERLOADED},
    {SLICE_INIT("server_error"), FAULT_UPSTREAM_SERVER},
    {SLICE_INIT("vector_store_timeout"), FAULT_UPSTREAM_TIMEOUT},
    {SLICE_INIT("timeout"), FAULT_UPSTREAM_TIMEOUT},
    {SLICE_INIT("invalid_prompt"), FAULT_CONTENT_POLICY},
    {SLICE_INIT("bio_policy"), FAULT_CONTENT_POLICY},
    {SLICE_INIT("image_content_policy_violation"), FAULT_CONTENT_POLICY},
    {SLICE_INIT("content_policy_violation"), FAULT_CONTENT_POLICY},
    {SLICE_INIT("content_filter"), FAULT_CONTENT_POLICY},
    {SLICE_INIT("invalid_api_key"), FAULT_UPSTREAM_AUTH},
    {SLICE_INIT("authentication_error"), FAULT_UPSTREAM_AUTH},
    {SLICE_INIT("permission_error"), FAULT_PERMISSION},
    {SLICE_INIT("unsupported_country_region_territory"), FAULT_REGION},
    {SLICE_INIT("data_residency_mismatch"), FAULT_REGION},
    {SLICE_INIT("model_not_found"), FAULT_MODEL_NOT_FOUND},
    {SLICE_INIT("unsupported_parameter"), FAULT_UNSUPPORTED_PARAMETER},
    {SLICE_INIT("invalid_request_error"), FAULT_INVALID_REQUEST},
};

static const struct code *find_code(struct slice code)
{
    for (size_t i = 0; i < sizeof(CODES) / sizeof(CODES[0]); i++) {
        if (slice_eq(CODES[i].code, code)) {
            return &CODES[i];
        }
    }
    return NULL;
}

// Types that say less than a status: "invalid_request_error" comes with a wrong key as with a missing model,
// "server_error" with an overload.
static bool is_vague(enum fault fault)
{
    return fault == FAULT_INVALID_REQUEST || fault == FAULT_UPSTREAM_SERVER;
}

static void classify(struct neutral_error *error, unsigned status)
{
    const struct code *code = find_code(error->code);
    const struct code *type = find_code(error->type);
    if (code && (status == 0 || !is_vague(code->fault))) {
        error->fault = code->fault;
    } else if (type && (status == 0 || !is_vague(type->fault))) {
        error->fault = type->fault;
    } else if (status == 0 && slice_starts_with(error->code, SLICE("image_"))) {
        error->fault = FAULT_INVALID_REQUEST;
    }
}

static void take_text(const struct json_doc *doc, const struct json_node *object, const char *name, struct arena *arena,
                      struct slice *text_r)
{
    const struct json_node *node = json_get(doc, object, slice_from_cstr(name));
    struct slice text = json_string(doc, node, arena);
    if (json_is(node, JSON_NUMBER)) {
        text = json_raw(doc, node);
    }
    if (text.len) {
        *text_r = text;
    }
}

static void read_object(const struct json_doc *doc, const struct json_node *object, unsigned status,
                        struct arena *arena, struct neutral_error *error_r)
{
    take_text(doc, object, "message", arena, &error_r->message);
    take_text(doc, object, "code", arena, &error_r->code);
    take_text(doc, object, "param", arena, &error_r->param);
    take_text(doc, object, "type", arena, &error_r->type);
    // What an event calls itself is no type of an error.
    if (slice_eq(error_r->type, SLICE("error"))) {
        error_r->type = SLICE_EMPTY;
    }
    classify(error_r, status);
}

void responses_read_error_object(const struct json_doc *doc, const struct json_node *object, struct arena *arena,
                                 struct neutral_error *error_r)
{
    read_object(doc, object, 0, arena, error_r);
}

// The member `error` is an object, or with compatible servers a text beside a code.
void responses_read_error(const struct json_doc *doc, unsigned status, struct arena *arena,
                          struct neutral_error *error_r)
{
    const struct json_node *root = json_root(doc);
    const struct json_node *error = json_get(doc, root, SLICE("error"));
    if (json_is(error, JSON_STRING)) {
        error_r->message = json_string(doc, error, arena);
    }
    read_object(doc, json_is(error, JSON_OBJECT) ? error : root, status, arena, error_r);
}
