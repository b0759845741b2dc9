// SPDX-License-Identifier: MIT
// Errors in each provider's own form, and the list of models.
#include <stdio.h>

#include "simulator/composer.h"

struct error_row {
    unsigned status;
    enum script_why why;
    const char *openai_type;
    const char *openai_code; // NULL: null
    const char *anthropic_type;
    const char *gemini_status;
    const char *message;
    const char *anthropic_message; // NULL: as all, here and below
    const char *gemini_message;
};

// The last row stands for every other status. Who counts requests says so in his own way, and Gemini does it in the
// words that others have for an empty account.
static const struct error_row rows[] = {
    {.status = 400,
     .openai_type = "invalid_request_error",
     .anthropic_type = "invalid_request_error",
     .gemini_status = "INVALID_ARGUMENT",
     .message = "The request is not valid."},
    {.status = 400,
     .why = SCRIPT_WHY_CONTEXT,
     .openai_type = "invalid_request_error",
     .openai_code = "context_length_exceeded",
     .anthropic_type = "invalid_request_error",
     .gemini_status = "INVALID_ARGUMENT",
     .message = "This model's maximum context length is 128000 tokens. However, your messages resulted in 130001 "
                "tokens. Please reduce the length of the messages.",
     .anthropic_message = "prompt is too long: 200001 tokens > 200000 maximum",
     .gemini_message = "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576)."},
    {.status = 400,
     .why = SCRIPT_WHY_POLICY,
     .openai_type = "invalid_request_error",
     .openai_code = "content_policy_violation",
     .anthropic_type = "invalid_request_error",
     .gemini_status = "INVALID_ARGUMENT",
     .message = "Your request was rejected as a result of our safety rules: content_policy_violation.",
     .anthropic_message = "Output blocked by content filtering policy",
     .gemini_message = "The prompt was blocked: PROHIBITED_CONTENT."},
    {.status = 400,
     .why = SCRIPT_WHY_QUOTA,
     .openai_type = "billing_error",
     .openai_code = "billing_hard_limit_reached",
     .anthropic_type = "invalid_request_error",
     .gemini_status = "FAILED_PRECONDITION",
     .message = "Billing hard limit has been reached.",
     .anthropic_message = "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to "
                          "upgrade or purchase credits."},
    {.status = 401,
     .openai_type = "invalid_request_error",
     .openai_code = "invalid_api_key",
     .anthropic_type = "authentication_error",
     .gemini_status = "UNAUTHENTICATED",
     .message = "Incorrect API key provided.",
     .anthropic_message = "invalid x-api-key",
     .gemini_message = "API key not valid. Please pass a valid API key."},
    {.status = 402,
     .openai_type = "insufficient_quota",
     .openai_code = "insufficient_quota",
     .anthropic_type = "billing_error",
     .gemini_status = "FAILED_PRECONDITION",
     .message = "The balance of this account is used up."},
    {.status = 403,
     .openai_type = "permission_error",
     .openai_code = "permission_denied",
     .anthropic_type = "permission_error",
     .gemini_status = "PERMISSION_DENIED",
     .message = "This API key may not use this resource."},
    {.status = 403,
     .why = SCRIPT_WHY_QUOTA,
     .openai_type = "insufficient_quota",
     .openai_code = "insufficient_quota",
     .anthropic_type = "billing_error",
     .gemini_status = "PERMISSION_DENIED",
     .message = "The balance of this account is used up."},
    {.status = 403,
     .why = SCRIPT_WHY_ADDRESS,
     .openai_type = "request_forbidden",
     .openai_code = "unsupported_country_region_territory",
     .anthropic_type = "forbidden",
     .gemini_status = "FAILED_PRECONDITION",
     .message = "Requests from your IP address are not allowed: country, region, or territory not supported."},
    {.status = 404,
     .openai_type = "invalid_request_error",
     .openai_code = "model_not_found",
     .anthropic_type = "not_found_error",
     .gemini_status = "NOT_FOUND",
     .message = "The model does not exist."},
    {.status = 408,
     .openai_type = "server_error",
     .openai_code = "request_timeout",
     .anthropic_type = "timeout_error",
     .gemini_status = "DEADLINE_EXCEEDED",
     .message = "The request took too long."},
    {.status = 409,
     .openai_type = "conflict_error",
     .openai_code = "conflict",
     .anthropic_type = "conflict_error",
     .gemini_status = "ABORTED",
     .message = "The resource was changed by another request."},
    {.status = 413,
     .openai_type = "invalid_request_error",
     .openai_code = "request_too_large",
     .anthropic_type = "request_too_large",
     .gemini_status = "INVALID_ARGUMENT",
     .message = "The request is too large."},
    {.status = 422,
     .openai_type = "invalid_request_error",
     .openai_code = "unprocessable",
     .anthropic_type = "invalid_request_error",
     .gemini_status = "INVALID_ARGUMENT",
     .message = "The request cannot be processed."},
    {.status = 429,
     .openai_type = "rate_limit_error",
     .openai_code = "rate_limit_exceeded",
     .anthropic_type = "rate_limit_error",
     .gemini_status = "RESOURCE_EXHAUSTED",
     .message = "Rate limit reached in organization org-sim on requests per min (RPM): Limit 3, Used 3, Requested 1.",
     .anthropic_message = "This request would exceed your organization's rate limit of 50 requests per minute.",
     .gemini_message = "You exceeded your current quota, please check your plan and billing details."},
    {.status = 429,
     .why = SCRIPT_WHY_QUOTA,
     .openai_type = "insufficient_quota",
     .openai_code = "insufficient_quota",
     .anthropic_type = "rate_limit_error",
     .gemini_status = "RESOURCE_EXHAUSTED",
     .message = "You exceeded your current quota, please check your plan and billing details.",
     .anthropic_message = "Your credit balance is too low to access the Anthropic API.",
     .gemini_message = "Your prepayment credits are depleted. Please go to AI Studio to manage your billing."},
    {.status = 429,
     .why = SCRIPT_WHY_ADDRESS,
     .openai_type = "rate_limit_error",
     .anthropic_type = "rate_limit_error",
     .gemini_status = "RESOURCE_EXHAUSTED",
     .message = "Too many requests from this IP address."},
    {.status = 499,
     .openai_type = "server_error",
     .openai_code = "cancelled",
     .anthropic_type = "api_error",
     .gemini_status = "CANCELLED",
     .message = "The request was cancelled."},
    {.status = 500,
     .openai_type = "server_error",
     .anthropic_type = "api_error",
     .gemini_status = "INTERNAL",
     .message = "Internal server error."},
    {.status = 501,
     .openai_type = "server_error",
     .openai_code = "not_implemented",
     .anthropic_type = "api_error",
     .gemini_status = "UNIMPLEMENTED",
     .message = "Not implemented."},
    {.status = 502,
     .openai_type = "server_error",
     .openai_code = "bad_gateway",
     .anthropic_type = "api_error",
     .gemini_status = "UNAVAILABLE",
     .message = "Bad gateway."},
    {.status = 503,
     .openai_type = "server_error",
     .openai_code = "service_unavailable",
     .anthropic_type = "overloaded_error",
     .gemini_status = "UNAVAILABLE",
     .message = "The model is overloaded. Try again later."},
    {.status = 504,
     .openai_type = "server_error",
     .openai_code = "timeout",
     .anthropic_type = "timeout_error",
     .gemini_status = "DEADLINE_EXCEEDED",
     .message = "The request timed out."},
    {.status = 529,
     .openai_type = "server_error",
     .openai_code = "overloaded",
     .anthropic_type = "overloaded_error",
     .gemini_status = "UNAVAILABLE",
     .message = "Overloaded."},
    {.status = 0,
     .openai_type = "server_error",
     .anthropic_type = "api_error",
     .gemini_status = "UNKNOWN",
     .message = "Something went wrong."},
};

// What it is about counts as far as there is a row for it.
static const struct error_row *find_row(unsigned status, enum script_why why)
{
    const struct error_row *plain = NULL;
    const struct error_row *row = rows;
    for (; row->status != 0; row++) {
        if (row->status == status && row->why == why) {
            return row;
        }
        plain = row->status == status && row->why == SCRIPT_WHY_PLAIN ? row : plain;
    }
    return plain ? plain : row;
}

static struct slice message_of(const struct error_row *row, enum provider provider)
{
    const char *own = provider == PROVIDER_ANTHROPIC ? row->anthropic_message
                      : provider == PROVIDER_GEMINI  ? row->gemini_message
                                                     : NULL;
    return slice_from_cstr(own ? own : row->message);
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
    const struct error_row *row = find_row(status, (enum script_why)c->script->why);
    message = message.len > 0 ? message : message_of(row, provider);
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
    const struct error_row *row = find_row(503, SCRIPT_WHY_PLAIN);
    struct slice message = message_of(row, c->ask->provider);
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

struct answer *answer_error(enum provider provider, unsigned status, struct slice message, const struct script *script)
{
    struct answer *answer = composer_new_body(status, script);
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
    struct composer c = {.script = &script, .answer = composer_new_body(200, &script)};
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
