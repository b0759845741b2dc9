// SPDX-License-Identifier: MIT
// Errors in each provider's own form, and the list of models.
#include <stdio.h>

#include "simulator/composer.h"

struct error_row {
    unsigned status;
    const char *openai_type;
    const char *openai_code; // NULL: null
    const char *anthropic_type;
    const char *gemini_status;
    const char *message;
};

// The last row stands for every other status.
static const struct error_row rows[] = {
    {400, "invalid_request_error", NULL, "invalid_request_error", "INVALID_ARGUMENT", "The request is not valid."},
    {401, "invalid_request_error", "invalid_api_key", "authentication_error", "UNAUTHENTICATED",
     "Incorrect API key provided."},
    {402, "insufficient_quota", "insufficient_quota", "billing_error", "FAILED_PRECONDITION",
     "The balance of this account is used up."},
    {403, "permission_error", "permission_denied", "permission_error", "PERMISSION_DENIED",
     "This key may not use this resource."},
    {404, "invalid_request_error", "model_not_found", "not_found_error", "NOT_FOUND", "The model does not exist."},
    {408, "server_error", "request_timeout", "timeout_error", "DEADLINE_EXCEEDED", "The request took too long."},
    {409, "conflict_error", "conflict", "conflict_error", "ABORTED", "The resource was changed by another request."},
    {413, "invalid_request_error", "request_too_large", "request_too_large", "INVALID_ARGUMENT",
     "The request is too large."},
    {422, "invalid_request_error", "unprocessable", "invalid_request_error", "INVALID_ARGUMENT",
     "The request cannot be processed."},
    {429, "rate_limit_error", "rate_limit_exceeded", "rate_limit_error", "RESOURCE_EXHAUSTED",
     "Rate limit reached. Try again later."},
    {499, "server_error", "cancelled", "api_error", "CANCELLED", "The request was cancelled."},
    {500, "server_error", NULL, "api_error", "INTERNAL", "Internal server error."},
    {501, "server_error", "not_implemented", "api_error", "UNIMPLEMENTED", "Not implemented."},
    {502, "server_error", "bad_gateway", "api_error", "UNAVAILABLE", "Bad gateway."},
    {503, "server_error", "service_unavailable", "overloaded_error", "UNAVAILABLE",
     "The model is overloaded. Try again later."},
    {504, "server_error", "timeout", "timeout_error", "DEADLINE_EXCEEDED", "The request timed out."},
    {529, "server_error", "overloaded", "overloaded_error", "UNAVAILABLE", "Overloaded."},
    {0, "server_error", NULL, "api_error", "UNKNOWN", "Something went wrong."},
};

static const struct error_row *find_row(unsigned status)
{
    const struct error_row *row = rows;
    while (row->status != 0 && row->status != status) {
        row++;
    }
    return row;
}

static void write_openai(struct composer *c, const struct error_row *row, struct slice message)
{
    struct json_writer *w = &c->w;
    json_key(w, SLICE("error"));
    json_begin_object(w);
    json_member_string(w, SLICE("message"), message);
    json_member_string(w, SLICE("type"), slice_from_cstr(row->openai_type));
    json_key(w, SLICE("param"));
    json_write_null(w);
    json_key(w, SLICE("code"));
    if (row->openai_code) {
        json_write_string(w, slice_from_cstr(row->openai_code));
    } else {
        json_write_null(w);
    }
    json_end_object(w);
}

static void write_anthropic(struct composer *c, const struct error_row *row, struct slice message)
{
    struct json_writer *w = &c->w;
    json_member_string(w, SLICE("type"), SLICE("error"));
    json_key(w, SLICE("error"));
    json_begin_object(w);
    json_member_string(w, SLICE("type"), slice_from_cstr(row->anthropic_type));
    json_member_string(w, SLICE("message"), message);
    json_end_object(w);
    json_member_string(w, SLICE("request_id"), SLICE("req_sim"));
}

// Gemini says when to come back in the body, not in a header.
static void write_retry_info(struct composer *c)
{
    struct json_writer *w = &c->w;
    char delay[32];
    int len = snprintf(delay, sizeof(delay), "%llds", (long long)c->script->retry_after);
    json_key(w, SLICE("details"));
    json_begin_array(w);
    json_begin_object(w);
    json_member_string(w, SLICE("@type"), SLICE("type.googleapis.com/google.rpc.RetryInfo"));
    json_member_string(w, SLICE("retryDelay"), slice_of(delay, (size_t)len));
    json_end_object(w);
    json_end_array(w);
}

static void write_gemini(struct composer *c, unsigned status, const struct error_row *row, struct slice message)
{
    struct json_writer *w = &c->w;
    json_key(w, SLICE("error"));
    json_begin_object(w);
    json_member_int(w, SLICE("code"), status);
    json_member_string(w, SLICE("message"), message);
    json_member_string(w, SLICE("status"), slice_from_cstr(row->gemini_status));
    if (c->script->retry_after != SCRIPT_NONE) {
        write_retry_info(c);
    }
    json_end_object(w);
}

static void write_error(struct composer *c, enum provider provider, unsigned status, struct slice message)
{
    const struct error_row *row = find_row(status);
    message = message.len > 0 ? message : slice_from_cstr(row->message);
    composer_begin(c);
    switch (provider) {
    case PROVIDER_ANTHROPIC: write_anthropic(c, row, message); break;
    case PROVIDER_CHAT:
    case PROVIDER_RESPONSES: write_openai(c, row, message); break;
    case PROVIDER_GEMINI: write_gemini(c, status, row, message); break;
    }
    composer_end(c, SLICE_EMPTY);
}

void answer_write_overload(struct composer *c)
{
    const struct error_row *row = find_row(503);
    struct slice message = slice_from_cstr(row->message);
    if (c->ask->provider == PROVIDER_ANTHROPIC) {
        write_anthropic(c, row, message);
    } else if (c->ask->provider == PROVIDER_GEMINI) {
        write_gemini(c, 503, row, message);
    } else {
        if (c->ask->provider == PROVIDER_RESPONSES) {
            json_member_string(&c->w, SLICE("type"), SLICE("error"));
            json_member_int(&c->w, SLICE("sequence_number"), (int64_t)c->sequence++);
        }
        write_openai(c, row, message);
    }
}

static struct answer *new_body(unsigned status, const struct script *script)
{
    struct answer *answer = mem_zalloc(sizeof(*answer));
    answer->n_refs = 1;
    answer->status = status;
    answer->script = *script;
    answer->script.body = SLICE_EMPTY;
    answer->script.tool = SLICE_EMPTY;
    answer->script.args = SLICE_EMPTY;
    buf_append(&answer->headers, SLICE("content-type: application/json\r\n"));
    return answer;
}

struct answer *answer_error(enum provider provider, unsigned status, struct slice message, const struct script *script)
{
    struct answer *answer = new_body(status, script);
    struct composer c = {.script = script, .answer = answer};
    if (script->retry_after != SCRIPT_NONE) {
        buf_printf(&answer->headers, "retry-after: %lld\r\n", (long long)script->retry_after);
    }
    if (script->body.ptr) {
        composer_add_raw(&c, script->body);
    } else {
        write_error(&c, provider, status, message);
    }
    buf_deinit(&c.data);
    return answer;
}

static const struct slice models[] = {
    SLICE_INIT("sim"),
    SLICE_INIT("sim~kind=reasoning"),
    SLICE_INIT("sim~kind=tool"),
    SLICE_INIT("sim~tokens=120~pace=20"),
};
enum { N_MODELS = sizeof(models) / sizeof(*models) };

static void write_model(struct json_writer *w, enum provider provider, struct slice model)
{
    json_begin_object(w);
    if (provider == PROVIDER_GEMINI) {
        char name[64];
        int len = snprintf(name, sizeof(name), "models/%.*s", SLICE_ARG(model));
        json_member_string(w, SLICE("name"), slice_of(name, (size_t)len));
        json_member_string(w, SLICE("displayName"), model);
        json_key(w, SLICE("supportedGenerationMethods"));
        json_write_raw(w, SLICE("[\"generateContent\",\"countTokens\"]"));
    } else if (provider == PROVIDER_ANTHROPIC) {
        json_member_string(w, SLICE("type"), SLICE("model"));
        json_member_string(w, SLICE("id"), model);
        json_member_string(w, SLICE("display_name"), model);
        json_member_string(w, SLICE("created_at"), SLICE("2026-01-01T00:00:00Z"));
    } else {
        json_member_string(w, SLICE("id"), model);
        json_member_string(w, SLICE("object"), SLICE("model"));
        json_member_int(w, SLICE("created"), 1767225600);
        json_member_string(w, SLICE("owned_by"), SLICE("simulator"));
    }
    json_end_object(w);
}

struct answer *answer_list_models(enum provider provider)
{
    struct script script;
    script_init(&script);
    struct composer c = {.script = &script, .answer = new_body(200, &script)};
    composer_begin(&c);
    json_key(&c.w, provider == PROVIDER_GEMINI ? SLICE("models") : SLICE("data"));
    json_begin_array(&c.w);
    for (size_t i = 0; i < N_MODELS; i++) {
        write_model(&c.w, provider, models[i]);
    }
    json_end_array(&c.w);
    if (provider == PROVIDER_ANTHROPIC) {
        json_member_bool(&c.w, SLICE("has_more"), false);
        json_member_string(&c.w, SLICE("first_id"), models[0]);
        json_member_string(&c.w, SLICE("last_id"), models[N_MODELS - 1]);
    } else if (provider != PROVIDER_GEMINI) {
        json_member_string(&c.w, SLICE("object"), SLICE("list"));
    }
    composer_end(&c, SLICE_EMPTY);
    buf_deinit(&c.data);
    return c.answer;
}
