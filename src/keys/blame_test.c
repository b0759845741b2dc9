// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "keys/blame.h"
#include "keys/blame_rules.h"

#define N_OF(array) (sizeof(array) / sizeof(*(array)))
#define OPENAI(message, type, code)                                                                                    \
    "{\n  \"error\": {\n    \"message\": \"" message "\",\n    \"type\": \"" type                                      \
    "\",\n    \"param\": null,\n    \"code\": \"" code "\"\n  }\n}"
#define ANTHROPIC(type, message) "{\"type\":\"error\",\"error\":{\"type\":\"" type "\",\"message\":\"" message "\"}}"
#define GOOGLE(code, message, status, details)                                                                         \
    "{\n  \"error\": {\n    \"code\": " code ",\n    \"message\": \"" message "\",\n    \"status\": \"" status         \
    "\",\n    \"details\": [" details "]\n  }\n}"
#define QUOTA_ID(id)                                                                                                   \
    "{\"@type\":\"type.googleapis.com/google.rpc.QuotaFailure\",\"violations\":[{\"quotaId\":\"" id "\"}]}"
#define GOOGLE_PLAN                                                                                                    \
    "You exceeded your current quota, please check your plan and billing details. For more information on this "       \
    "error, "                                                                                                          \
    "head to: https://ai.google.dev/gemini-api/docs/rate-limits."

struct answer {
    unsigned status;
    const char *text;
    enum blame blame;
};

static const struct answer ANSWERS[] = {
    // ---- by status alone
    {200, "", BLAME_NOBODY},
    {204, "insufficient_quota", BLAME_NOBODY},
    {301, "", BLAME_ENDPOINT},
    {307, "<html>", BLAME_ENDPOINT},
    {400, "", BLAME_CLIENT},
    {401, "", BLAME_KEY_REFUSED},
    {402, "", BLAME_KEY_CREDIT},
    {403, "", BLAME_ADDRESS},
    {404, "", BLAME_CLIENT},
    {405, "", BLAME_CLIENT},
    {407, "", BLAME_ADDRESS},
    {408, "", BLAME_ENDPOINT},
    {409, "", BLAME_CLIENT},
    {413, "<html><h1>413 Request Entity Too Large</h1></html>", BLAME_CLIENT},
    {415, "", BLAME_CLIENT},
    {422, "", BLAME_CLIENT},
    {429, "", BLAME_KEY_MODEL},
    {451, "", BLAME_ADDRESS},
    {499, "", BLAME_CLIENT},
    {500, "", BLAME_PROVIDER},
    {500, "invalid api key, insufficient_quota", BLAME_PROVIDER},
    {501, "", BLAME_ENDPOINT},
    {502, "<html>cloudflare</html>", BLAME_ENDPOINT},
    {503, "{\"error\":{\"code\":503,\"message\":\"The model is overloaded.\"}}", BLAME_ENDPOINT},
    {504, "", BLAME_ENDPOINT},
    {529, ANTHROPIC("overloaded_error", "Overloaded"), BLAME_ENDPOINT},
    {0, "", BLAME_ENDPOINT},
    {100, "", BLAME_ENDPOINT},
    {700, "", BLAME_ENDPOINT},
    {100000, "", BLAME_ENDPOINT},

    // ---- credit
    {429,
     OPENAI("You exceeded your current quota, please check your plan and billing details.", "insufficient_quota",
            "insufficient_quota"),
     BLAME_KEY_CREDIT},
    {429,
     "{\"error\":{\"message\":\"You exceeded your current quota, please check your plan and billing details. For more "
     "information on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.\"}}",
     BLAME_KEY_CREDIT},
    {429,
     OPENAI("Your account is not active, please check your billing details on our website.", "billing_not_active",
            "billing_not_active"),
     BLAME_KEY_CREDIT},
    {400, OPENAI("Billing hard limit has been reached", "invalid_request_error", "billing_hard_limit_reached"),
     BLAME_KEY_CREDIT},
    {400,
     ANTHROPIC("invalid_request_error", "Your credit balance is too low to access the Anthropic API. Please go to "
                                        "Plans & Billing to upgrade or purchase credits."),
     BLAME_KEY_CREDIT},
    {400,
     ANTHROPIC("invalid_request_error",
               "You have reached your specified API usage limits. You will regain access on 2026-01-01 at 00:00 UTC."),
     BLAME_KEY_CREDIT},
    {403, ANTHROPIC("billing_error", "Your credits have been exhausted"), BLAME_KEY_CREDIT},
    {402,
     "{\"detail\":\"No active subscription found.\\nSubscribe to start using "
     "Droid.\",\"status\":402,\"title\":\"Payment Required\"}",
     BLAME_KEY_CREDIT},
    {402,
     "{\"detail\":\"Ready for more? Reload your tokens at https://app.factory.ai/settings/billing\",\"status\":402}",
     BLAME_KEY_CREDIT},
    {402, "<html>Payment Required</html>", BLAME_KEY_CREDIT},
    {403, "{\"detail\":\"You are out of credits\"}", BLAME_KEY_CREDIT},
    {429, "{\"detail\":\"You have reached your usage limit\"}", BLAME_KEY_CREDIT},
    {429,
     "{\"error\":{\"code\":\"1113\",\"message\":\"Insufficient balance or no resource package. Please recharge.\"}}",
     BLAME_KEY_CREDIT},
    {429, "{\"error\":{\"code\":\"1113\",\"message\":\"余额不足或无可用资源包,请充值。\"}}", BLAME_KEY_CREDIT},
    {429, "{\"error\":{\"code\":\"1113\",\"message\":\"\\u4F59\\u989D\\u4E0D\\u8DB3\"}}", BLAME_KEY_CREDIT},
    {401, "{\"error\":\"Insufficient Balance\"}", BLAME_KEY_CREDIT},
    {429,
     GOOGLE("429", "Resource has been exhausted (e.g. check quota).", "RESOURCE_EXHAUSTED",
            "{\"reason\": \"INSUFFICIENT_G1_CREDITS_BALANCE\"}"),
     BLAME_KEY_CREDIT},
    {429, GOOGLE("429", "Your prepayment credits are depleted.", "RESOURCE_EXHAUSTED", ""), BLAME_KEY_CREDIT},
    {429, GOOGLE("429", GOOGLE_PLAN, "RESOURCE_EXHAUSTED", QUOTA_ID("GenerateRequestsPerDayPerProject")),
     BLAME_KEY_CREDIT},
    {429, "YOU EXCEEDED YOUR CURRENT QUOTA", BLAME_KEY_CREDIT},

    // ---- a rate, or a window
    {429,
     OPENAI("Rate limit reached for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, Used 29000, "
            "Requested 2000. Please try again in 2s. You can increase your rate limit by adding a payment method to "
            "your account at https://platform.openai.com/account/billing.",
            "tokens", "rate_limit_exceeded"),
     BLAME_KEY_MODEL},
    {429,
     ANTHROPIC("rate_limit_error",
               "This request would exceed your organization's rate limit of 40,000 input tokens per minute."),
     BLAME_KEY_MODEL},
    {429, ANTHROPIC("rate_limit_error", "This request would exceed your account's rate limit. Please try again later."),
     BLAME_KEY_MODEL},
    {429,
     GOOGLE("429", GOOGLE_PLAN, "RESOURCE_EXHAUSTED", QUOTA_ID("GenerateRequestsPerMinutePerProjectPerModel-FreeTier")),
     BLAME_KEY_MODEL},
    {429,
     GOOGLE("429", GOOGLE_PLAN, "RESOURCE_EXHAUSTED", QUOTA_ID("GenerateRequestsPerDayPerProjectPerModel-FreeTier")),
     BLAME_KEY_MODEL},
    {429, GOOGLE("429", "Resource has been exhausted (e.g. check quota).", "RESOURCE_EXHAUSTED", ""), BLAME_KEY_MODEL},
    {429, GOOGLE_PLAN, BLAME_KEY_MODEL},
    {429,
     "Quota exceeded for aiplatform.googleapis.com/generate_content_requests_per_minute_per_project_per_base_model "
     "with base model: gemini-pro.",
     BLAME_KEY_MODEL},
    {429, ANTHROPIC("rate_limit_error", "Claude AI usage limit reached|1767225600"), BLAME_KEY_MODEL},
    {429,
     "{\"error\":{\"type\":\"usage_limit_reached\",\"message\":\"The usage limit has been "
     "reached\",\"resets_in_seconds\":7200}}",
     BLAME_KEY_MODEL},
    {429,
     "{\"error\":{\"code\":\"1308\",\"message\":\"已达到 5 小时的使用上限。您的限额将在 2026-08-25 07:41:44 重置。\"}}",
     BLAME_KEY_MODEL},
    {429, "{\"error\":{\"message\":\"Usage limit reached for 5 hour. Your limit will reset at 2026-08-25 07:41:44\"}}",
     BLAME_KEY_MODEL},

    // ---- the key
    {401, OPENAI("Incorrect API key provided: sk-abc***xyz.", "invalid_request_error", "invalid_api_key"),
     BLAME_KEY_REFUSED},
    {401, ANTHROPIC("authentication_error", "invalid x-api-key"), BLAME_KEY_REFUSED},
    {401, "no JSON at all", BLAME_KEY_REFUSED},
    {403, ANTHROPIC("permission_error", "Your API key does not have permission to use the specified resource."),
     BLAME_KEY_REFUSED},
    {403, ANTHROPIC("permission_error", "OAuth authentication is currently not allowed for this organization."),
     BLAME_KEY_REFUSED},
    {403, GOOGLE("403", "Your API key was reported as leaked. Please use another API key.", "PERMISSION_DENIED", ""),
     BLAME_KEY_REFUSED},
    {403,
     GOOGLE("403", "Permission denied: Consumer 'projects/1' has been suspended.", "PERMISSION_DENIED",
            "{\"reason\": \"CONSUMER_SUSPENDED\"}"),
     BLAME_KEY_REFUSED},
    {400,
     GOOGLE("400", "API key not valid. Please pass a valid API key.", "INVALID_ARGUMENT",
            "{\"reason\": \"API_KEY_INVALID\"}"),
     BLAME_KEY_REFUSED},
    {400, GOOGLE("400", "API key expired. Please renew the API key.", "INVALID_ARGUMENT", ""), BLAME_KEY_REFUSED},
    {400, ANTHROPIC("invalid_request_error", "This organization has been disabled."), BLAME_KEY_REFUSED},
    {429,
     OPENAI("Your access was terminated due to violation of our policies, please check your email.",
            "access_terminated", "x"),
     BLAME_KEY_REFUSED},

    // ---- the key and one model
    {403, OPENAI("Project `proj_x` does not have access to model `gpt-5`", "invalid_request_error", "model_not_found"),
     BLAME_KEY_MODEL},
    {403, OPENAI("Your organization must be verified to use the model `o3`.", "invalid_request_error", "x"),
     BLAME_KEY_MODEL},

    // ---- the address
    {403,
     "{\"error\":{\"code\":\"unsupported_country_region_territory\",\"message\":\"Country, region, or territory not "
     "supported\",\"param\":null,\"type\":\"request_forbidden\"}}",
     BLAME_ADDRESS},
    {403, "{\"error\":{\"type\":\"forbidden\",\"message\":\"Request not allowed\"}}", BLAME_ADDRESS},
    {401, OPENAI("Your IP 192.0.2.1 is not authorized for this API key.", "invalid_request_error", "ip_not_authorized"),
     BLAME_ADDRESS},
    {403,
     GOOGLE("403", "The provided API key has an IP address restriction.", "PERMISSION_DENIED",
            "{\"reason\": \"API_KEY_IP_ADDRESS_BLOCKED\"}"),
     BLAME_ADDRESS},
    {400, GOOGLE("400", "User location is not supported for the API use.", "FAILED_PRECONDITION", ""), BLAME_ADDRESS},
    {429, "{\"message\":\"Too many requests from this IP address\"}", BLAME_ADDRESS},
    {403, "<!DOCTYPE html><title>Attention Required! | Cloudflare</title> your api key", BLAME_ADDRESS},
    {429, " \r\n<html><body>Too many requests</body></html>", BLAME_ADDRESS},
    {401, "\xEF\xBB\xBF<html><h1>401 Authorization Required</h1></html>", BLAME_ADDRESS},
    {403, "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", BLAME_ADDRESS},
    {403, "\x1f\x8b\x08\xff\xfe binary", BLAME_ADDRESS},

    // ---- what was sent
    {400,
     OPENAI("This model's maximum context length is 128000 tokens.", "invalid_request_error",
            "context_length_exceeded"),
     BLAME_CLIENT},
    {400, ANTHROPIC("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"), BLAME_CLIENT},
    {400, ANTHROPIC("invalid_request_error", "messages.1.content.0: Invalid `signature` in `thinking` block"),
     BLAME_CLIENT},
    {400,
     OPENAI("Your request was rejected as a result of our safety system.", "invalid_request_error",
            "content_policy_violation"),
     BLAME_CLIENT},
    {400,
     OPENAI("Your organization must be verified to generate reasoning summaries.", "invalid_request_error",
            "unsupported_value"),
     BLAME_CLIENT},
    {403, "{\"error\":{\"message\":\"x requires moderation. Your input was flagged for y\",\"code\":403}}",
     BLAME_CLIENT},
    {403,
     GOOGLE("403", "You do not have permission to access the File abc or it may not exist.", "PERMISSION_DENIED", ""),
     BLAME_CLIENT},
    {404,
     OPENAI("The model `x` does not exist or you do not have access to it.", "invalid_request_error",
            "model_not_found"),
     BLAME_CLIENT},

    // ---- what was sent speaks for itself, and is not believed
    {400, OPENAI("Invalid value: 'insufficient_quota'.", "invalid_request_error", "invalid_value"), BLAME_CLIENT},
    {400, "{\"error\":{\"message\":\"Unknown parameter: 'x'.\",\"param\":\"insufficient_quota\",\"code\":null}}",
     BLAME_CLIENT},
    {400, "{\"error\":{\"message\":\"Unknown: \\\"insufficient_quota\\\"\"}}", BLAME_CLIENT},
    {400, "{\"error\":{\"message\":\"x\",\"message\\\":\\\"insufficient_quota\\\"\":1}}", BLAME_CLIENT},
    {422, "{\"detail\":[{\"loc\":[\"body\",\"invalid api key\"],\"msg\":\"field required\",\"input\":\"api key\"}]}",
     BLAME_CLIENT},
    {404, ANTHROPIC("not_found_error", "model: credit balance is too low"), BLAME_CLIENT},
    {400, ANTHROPIC("invalid_request_error", "tools.0.name: your ip address is cloudflare"), BLAME_CLIENT},
};

static struct verdict judge_all(unsigned status, struct slice text, const struct blame_rules *rules)
{
    struct attempt_evidence evidence = {
        .event = ATTEMPT_ANSWERED, .status = status, .text = text, .retry_after_ms = -1};
    return blame_judge(&evidence, rules);
}

static enum blame judge(unsigned status, struct slice text)
{
    return judge_all(status, text, NULL).blame;
}

static void answers_are_judged_by_status_and_text(void **state)
{
    for (size_t i = 0; i < N_OF(ANSWERS); i++) {
        enum blame blame = judge(ANSWERS[i].status, slice_from_cstr(ANSWERS[i].text));
        if (blame != ANSWERS[i].blame) {
            fail_msg("%u %s: %s, not %s", ANSWERS[i].status, ANSWERS[i].text, blame_name(blame),
                     blame_name(ANSWERS[i].blame));
        }
    }
}

static struct slice in_capitals(struct buf *buf, struct slice text)
{
    buf_clear(buf);
    for (size_t i = 0; i < text.len; i++) {
        bool is_escape = i > 0 && text.ptr[i - 1] == '\\';
        char c = text.ptr[i];
        buf_append_char(buf, (char)(c >= 'a' && c <= 'z' && !is_escape ? c - ('a' - 'A') : c));
    }
    return buf_slice(buf);
}

static void case_does_not_matter(void **state)
{
    struct buf buf = BUF_EMPTY;
    for (size_t i = 0; i < N_OF(ANSWERS); i++) {
        assert_int_equal(judge(ANSWERS[i].status, in_capitals(&buf, slice_from_cstr(ANSWERS[i].text))),
                         ANSWERS[i].blame);
    }
    buf_deinit(&buf);
}

// Whatever is cut off: no key is blamed for a request that it would not be blamed for without any text, or with all.
static void a_cut_text_invents_nothing(void **state)
{
    for (size_t i = 0; i < N_OF(ANSWERS); i++) {
        struct slice text = slice_from_cstr(ANSWERS[i].text);
        if (ANSWERS[i].blame != BLAME_CLIENT || ANSWERS[i].status == 403) {
            continue;
        }
        for (size_t len = 0; len < text.len; len++) {
            assert_int_equal(judge(ANSWERS[i].status, slice_of(text.ptr, len)), BLAME_CLIENT);
        }
    }
}

static void only_the_first_4_kb_are_read(void **state)
{
    static const struct slice PHRASE = SLICE_INIT("insufficient_quota");
    char text[8192];
    memset(text, 'x', sizeof(text));
    memcpy(text + 4096 - PHRASE.len, PHRASE.ptr, PHRASE.len);
    assert_int_equal(judge(429, slice_of(text, sizeof(text))), BLAME_KEY_CREDIT);
    memset(text, 'x', sizeof(text));
    memcpy(text + 4097 - PHRASE.len, PHRASE.ptr, PHRASE.len);
    assert_int_equal(judge(429, slice_of(text, sizeof(text))), BLAME_KEY_MODEL);
}

static void what_is_no_answer_is_judged_by_what_happened(void **state)
{
    static const struct blame_rule ALL = {0, 999, SLICE_INIT(""), BLAME_CLIENT, 1000};
    static const struct blame_rules EVERYTHING = {&ALL, 1};
    static const struct {
        enum attempt_event event;
        enum blame blame;
    } EVENTS[] = {
        {ATTEMPT_COMPLETE, BLAME_NOBODY}, {ATTEMPT_NOT_REACHED, BLAME_NETWORK}, {ATTEMPT_NO_ANSWER, BLAME_ENDPOINT},
        {ATTEMPT_BROKE, BLAME_ENDPOINT},  {ATTEMPT_ABANDONED, BLAME_NOBODY},
    };
    for (size_t i = 0; i < 2 * N_OF(EVENTS); i++) {
        bool was_silent = i >= N_OF(EVENTS);
        struct attempt_evidence evidence = {
            .event = EVENTS[i % N_OF(EVENTS)].event,
            .status = 401,
            .text = SLICE("insufficient_quota"),
            .retry_after_ms = -1,
            .was_silent = was_silent,
        };
        struct verdict verdict = blame_judge(&evidence, &EVERYTHING);
        assert_int_equal(verdict.blame, EVENTS[i % N_OF(EVENTS)].blame);
        assert_int_equal(verdict.cooldown_ms, -1);
        assert_false(verdict.is_lasting);
        assert_false(verdict.is_context_length);
        assert_int_equal(verdict.spends_route, was_silent && evidence.event == ATTEMPT_NO_ANSWER);
    }
}

static void another_key_helps_only_where_a_key_is_to_blame(void **state)
{
    for (int blame = 0; blame < N_BLAMES; blame++) {
        bool is_of_key = strncmp(blame_name(blame), "key_", 4) == 0;
        assert_int_equal(blame_wants_another_key(blame), is_of_key);
    }
}

// What a provider repeats from a request is no word of the provider.
static void a_client_cannot_have_keys_blamed_by_being_quoted(void **state)
{
    static const struct {
        unsigned status;
        const char *text;
        const char *request;
        enum blame blame;
    } ROWS[] = {
        {400, ANTHROPIC("invalid_request_error", "insufficient_quota: Extra inputs are not permitted"),
         "{\"model\":\"m\",\"insufficient_quota\":1}", BLAME_CLIENT},
        {400, ANTHROPIC("invalid_request_error", "INSUFFICIENT_QUOTA: Extra inputs are not permitted"),
         "{\"model\":\"m\",\"Insufficient_Quota\":1}", BLAME_CLIENT},
        {400, ANTHROPIC("invalid_request_error", "insufficient_quota: Extra inputs are not permitted"),
         "{\"model\":\"m\",\"insufficient\\u005fquota\":1}", BLAME_CLIENT},
        {400, ANTHROPIC("invalid_request_error", "no credits: Extra inputs are not permitted"),
         "{\"model\":\"m\",\"no\\u0020credits\":1}", BLAME_CLIENT},
        {400, GOOGLE("400", "insufficient_quota is not a valid role", "INVALID_ARGUMENT", ""),
         "{\"contents\":[{\"role\":\"insufficient_quota\"}]}", BLAME_CLIENT},
        // The provider's own words, whatever else is in the request.
        {400, ANTHROPIC("invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
         "{\"messages\":[{\"content\":\"caf\\u00e9 \\u003cb\\u003e\"}]}", BLAME_KEY_CREDIT},
        // Before anybody has looked at the request nothing of it can be quoted.
        {402, "insufficient_quota", "insufficient_quota", BLAME_KEY_CREDIT},
        {401, "invalid api key", "invalid api key", BLAME_KEY_REFUSED},
    };
    (void)state;
    for (size_t i = 0; i < N_OF(ROWS); i++) {
        struct attempt_evidence evidence = {
            .event = ATTEMPT_ANSWERED,
            .status = ROWS[i].status,
            .text = slice_from_cstr(ROWS[i].text),
            .request = slice_from_cstr(ROWS[i].request),
            .retry_after_ms = -1,
        };
        if (blame_judge(&evidence, NULL).blame != ROWS[i].blame) {
            fail_msg("row %zu: %s", i, blame_name(blame_judge(&evidence, NULL).blame));
        }
    }
}

static void quotas_of_hours_and_days_last(void **state)
{
    static const struct {
        const char *text;
        bool lasts;
    } TEXTS[] = {
        {GOOGLE("429", GOOGLE_PLAN, "RESOURCE_EXHAUSTED",
                QUOTA_ID("GenerateRequestsPerDayPerProjectPerModel-FreeTier")),
         true},
        {GOOGLE("429", "Quota exceeded for metric: x.googleapis.com/y, limit: 0, model: gemini-3-pro",
                "RESOURCE_EXHAUSTED", ""),
         true},
        {GOOGLE("429", GOOGLE_PLAN, "RESOURCE_EXHAUSTED",
                QUOTA_ID("GenerateRequestsPerMinutePerProjectPerModel-FreeTier")),
         false},
        {ANTHROPIC("rate_limit_error", "Claude AI usage limit reached|1767225600"), true},
        {ANTHROPIC("rate_limit_error", "This request would exceed your account's rate limit."), false},
        {"", false},
    };
    for (size_t i = 0; i < N_OF(TEXTS); i++) {
        struct verdict verdict = judge_all(429, slice_from_cstr(TEXTS[i].text), NULL);
        assert_int_equal(verdict.blame, BLAME_KEY_MODEL);
        assert_int_equal(verdict.is_lasting, TEXTS[i].lasts);
    }
}

static void an_input_that_is_too_long_is_told_apart(void **state)
{
    static const struct {
        unsigned status;
        const char *text;
        bool is_too_long;
    } TEXTS[] = {
        {400,
         OPENAI("This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 "
                "tokens. Please reduce the length of the messages.",
                "invalid_request_error", "context_length_exceeded"),
         true},
        {400,
         OPENAI("Your input exceeds the context window of this model. Please adjust your input and try again.",
                "invalid_request_error", "x"),
         true},
        {400, ANTHROPIC("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"), true},
        {413, ANTHROPIC("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"), true},
        {400,
         ANTHROPIC("invalid_request_error", "input length and `max_tokens` exceed context limit: 190000 + 20000 > "
                                            "200000, decrease input length or `max_tokens` and try again"),
         true},
        {400,
         GOOGLE("400", "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
                "INVALID_ARGUMENT", ""),
         true},
        {400,
         GOOGLE("400",
                "Unable to submit request because the input token count is 40000 but model only supports up to 32768.",
                "INVALID_ARGUMENT", ""),
         true},
        {400,
         "{\"object\":\"error\",\"message\":\"This model's maximum context length is 4096 tokens. However, you "
         "requested 5000 tokens\",\"type\":\"BadRequestError\",\"param\":null,\"code\":400}",
         true},
        {400,
         "{\"error\":{\"code\":400,\"message\":\"the request exceeds the available context size\",\"type\":"
         "\"exceed_context_size_error\"}}",
         true},
        {422, "{\"error\":\"Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096.\"}", true},
        {400, "{\"error\":{\"code\":\"1261\",\"message\":\"Prompt exceeds max length\"}}", true},

        {413, ANTHROPIC("request_too_large", "Request exceeds the maximum size"), false},
        {413, "<html>413 Request Entity Too Large</html>", false},
        {400, OPENAI("max_tokens is too large: 100000.", "invalid_request_error", "invalid_value"), false},
        {400, ANTHROPIC("invalid_request_error", "messages.0: unexpected role"), false},
        {400, "", false},
        // Not where somebody else than the client is to blame.
        {500, OPENAI("x", "x", "context_length_exceeded"), false},
        {401, OPENAI("x", "x", "context_length_exceeded"), false},
        {429, OPENAI("maximum context length", "x", "rate_limit_exceeded"), false},
    };
    for (size_t i = 0; i < N_OF(TEXTS); i++) {
        struct verdict verdict = judge_all(TEXTS[i].status, slice_from_cstr(TEXTS[i].text), NULL);
        if (verdict.is_context_length != TEXTS[i].is_too_long) {
            fail_msg("%u %s", TEXTS[i].status, TEXTS[i].text);
        }
        assert_true(!TEXTS[i].is_too_long || verdict.blame == BLAME_CLIENT);
    }
}

static void rules_of_the_operator_come_first(void **state)
{
    static const struct blame_rule RULES[] = {
        {429, 429, SLICE_INIT("come back tomorrow"), BLAME_KEY_CREDIT, -1},
        {400, 499, SLICE_INIT("tenant is paused"), BLAME_KEY_REFUSED, 60000},
        {503, 503, SLICE_INIT(""), BLAME_KEY_MODEL, 5000},
        {503, 503, SLICE_INIT(""), BLAME_CLIENT, 1},
        {402, 402, SLICE_INIT("trial"), BLAME_ENDPOINT, 0},
        {422, 422, SLICE_INIT(""), BLAME_CLIENT, -1},
    };
    static const struct blame_rules ALL = {RULES, N_OF(RULES)};
    static const struct {
        unsigned status;
        const char *text;
        struct verdict verdict;
    } TEXTS[] = {
        {429, "Come back TOMORROW", {BLAME_KEY_CREDIT, -1, false, false, false}},
        {429, "come back later", {BLAME_KEY_MODEL, -1, false, false, false}},
        // Also where the text quotes: the operator knows what the endpoint says.
        {400, "{\"error\":{\"message\":\"x: tenant is paused\"}}", {BLAME_KEY_REFUSED, 60000, false, false, false}},
        {499, "tenant is paused", {BLAME_KEY_REFUSED, 60000, false, false, false}},
        {500, "tenant is paused", {BLAME_PROVIDER, -1, false, false, false}},
        {503, "anything", {BLAME_KEY_MODEL, 5000, false, false, false}},
        {502, "anything", {BLAME_ENDPOINT, -1, false, false, false}},
        {402, "your trial", {BLAME_ENDPOINT, 0, false, false, false}},
        {402, "pay", {BLAME_KEY_CREDIT, -1, false, false, false}},
        {422, "prompt is too long", {BLAME_CLIENT, -1, false, true, false}},
        {200, "trial", {BLAME_NOBODY, -1, false, false, false}},
    };
    for (size_t i = 0; i < N_OF(TEXTS); i++) {
        struct verdict verdict = judge_all(TEXTS[i].status, slice_from_cstr(TEXTS[i].text), &ALL);
        assert_int_equal(verdict.blame, TEXTS[i].verdict.blame);
        assert_int_equal(verdict.cooldown_ms, TEXTS[i].verdict.cooldown_ms);
        assert_int_equal(verdict.is_lasting, TEXTS[i].verdict.is_lasting);
        assert_int_equal(verdict.is_context_length, TEXTS[i].verdict.is_context_length);
    }
}

static void without_rules_nothing_changes(void **state)
{
    static const struct blame_rules NONE = {NULL, 0};
    for (size_t i = 0; i < N_OF(ANSWERS); i++) {
        struct verdict verdict = judge_all(ANSWERS[i].status, slice_from_cstr(ANSWERS[i].text), &NONE);
        assert_int_equal(verdict.blame, ANSWERS[i].blame);
        assert_int_equal(verdict.cooldown_ms, -1);
    }
}

static void credit_is_never_shared(void **state)
{
    for (int blame = 0; blame < N_BLAMES; blame++) {
        bool may = blame == BLAME_KEY_MODEL || blame == BLAME_KEY_REFUSED;
        assert_int_equal(blame_may_be_shared(blame), may);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_judged_by_status_and_text),
        cmocka_unit_test(case_does_not_matter),
        cmocka_unit_test(a_cut_text_invents_nothing),
        cmocka_unit_test(only_the_first_4_kb_are_read),
        cmocka_unit_test(what_is_no_answer_is_judged_by_what_happened),
        cmocka_unit_test(another_key_helps_only_where_a_key_is_to_blame),
        cmocka_unit_test(a_client_cannot_have_keys_blamed_by_being_quoted),
        cmocka_unit_test(quotas_of_hours_and_days_last),
        cmocka_unit_test(an_input_that_is_too_long_is_told_apart),
        cmocka_unit_test(rules_of_the_operator_come_first),
        cmocka_unit_test(without_rules_nothing_changes),
        cmocka_unit_test(credit_is_never_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
