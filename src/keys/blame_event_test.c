// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "keys/blame.h"
#include "keys/blame_event.h"

#define N_OF(array) (sizeof(array) / sizeof(*(array)))
#define ANTHROPIC(type, message)                                                                                       \
    "{\"type\":\"error\",\"error\":{\"type\":\"" type "\",\"message\":\"" message "\"},\"request_id\":\"req_1\"}"
#define OPENAI(message, type, code)                                                                                    \
    "{\"error\":{\"message\":\"" message "\",\"type\":\"" type "\",\"param\":null,\"code\":" code "}}"
#define FAILED(code, message)                                                                                          \
    "{\"type\":\"response.failed\",\"sequence_number\":1,\"response\":{\"id\":\"resp_1\",\"object\":\"response\","     \
    "\"status\":\"failed\",\"error\":{\"code\":\"" code "\",\"message\":\"" message "\"},\"output\":[]}}"
#define GEMINI(code, message, status)                                                                                  \
    "{\"error\":{\"code\":" code ",\"message\":\"" message "\",\"status\":\"" status "\"}}"

struct event {
    const char *data;
    unsigned status;
    enum blame blame; // what follows from it
};

static const struct event ERRORS[] = {
    // ---- Anthropic
    {ANTHROPIC("overloaded_error", "Overloaded"), 529, BLAME_ENDPOINT},
    {ANTHROPIC("rate_limit_error", "This request would exceed your organization's rate limit."), 429, BLAME_KEY_MODEL},
    {ANTHROPIC("api_error", "Internal server error"), 500, BLAME_PROVIDER},
    {ANTHROPIC("authentication_error", "invalid x-api-key"), 401, BLAME_KEY_REFUSED},
    {ANTHROPIC("permission_error", "Your API key does not have permission."), 403, BLAME_KEY_REFUSED},
    {ANTHROPIC("billing_error", "Your credits have been exhausted"), 402, BLAME_KEY_CREDIT},
    {ANTHROPIC("invalid_request_error", "Your credit balance is too low"), 400, BLAME_KEY_CREDIT},
    {ANTHROPIC("invalid_request_error", "prompt is too long: 2 tokens > 1 maximum"), 400, BLAME_CLIENT},
    {ANTHROPIC("not_found_error", "model: x"), 404, BLAME_CLIENT},
    {ANTHROPIC("request_too_large", "x"), 413, BLAME_CLIENT},
    {ANTHROPIC("timeout_error", "x"), 504, BLAME_ENDPOINT},
    {ANTHROPIC("something_new", "x"), 500, BLAME_PROVIDER},

    // ---- OpenAI, and what is like it
    {OPENAI("The server had an error while processing your request", "server_error", "null"), 500, BLAME_PROVIDER},
    {OPENAI("Rate limit reached for gpt-4o", "tokens", "\"rate_limit_exceeded\""), 429, BLAME_KEY_MODEL},
    {OPENAI("You exceeded your current quota", "insufficient_quota", "\"insufficient_quota\""), 429, BLAME_KEY_CREDIT},
    {OPENAI("Incorrect API key provided", "invalid_request_error", "\"invalid_api_key\""), 401, BLAME_KEY_REFUSED},
    {OPENAI("too long", "invalid_request_error", "\"context_length_exceeded\""), 400, BLAME_CLIENT},
    {OPENAI("x", "BadRequestError", "400"), 400, BLAME_CLIENT},
    {"{\"object\":\"error\",\"message\":\"x\",\"type\":\"BadRequestError\",\"param\":null,\"code\":400}", 400,
     BLAME_CLIENT},
    {"{\"id\":\"gen-1\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"},"
     "\"finish_reason\":\"error\"}],\"error\":{\"code\":502,\"message\":\"Provider disconnected\"}}",
     502, BLAME_ENDPOINT},
    {"{\"error\":{\"code\":\"429\",\"message\":\"slow down\"}}", 429, BLAME_KEY_MODEL},
    {"{\"error\":{\"code\":\"1113\",\"message\":\"余额不足\"}}", 402, BLAME_KEY_CREDIT},
    {"{\"error\":{\"code\":\"1302\",\"message\":\"x\"}}", 429, BLAME_KEY_MODEL},
    {"{\"error\":\"upstream is gone\"}", 500, BLAME_PROVIDER},
    {"{\"error\":\"Insufficient balance\"}", 402, BLAME_KEY_CREDIT},
    {"{\"error\":{\"message\":\"Insufficient balance\"}}", 402, BLAME_KEY_CREDIT},
    {"{\"error\":{\"message\":\"Invalid API key\"}}", 401, BLAME_KEY_REFUSED},
    {"{\"error\":{\"message\":\"This model's maximum context length is 8 tokens\"}}", 400, BLAME_CLIENT},
    {"{\"error\":{\"message\":\"no idea\",\"code\":7}}", 500, BLAME_PROVIDER},
    {"{\"error\":{}}", 500, BLAME_PROVIDER},

    // ---- Responses
    {FAILED("server_error", "An error occurred"), 500, BLAME_PROVIDER},
    {FAILED("rate_limit_exceeded", "Rate limit reached"), 429, BLAME_KEY_MODEL},
    {FAILED("insufficient_quota", "You exceeded your current quota"), 429, BLAME_KEY_CREDIT},
    {FAILED("context_length_exceeded", "Your input exceeds the context window of this model."), 400, BLAME_CLIENT},
    {FAILED("invalid_prompt", "x"), 400, BLAME_CLIENT},
    {FAILED("slow_down", "x"), 503, BLAME_ENDPOINT},
    {"{\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"error\":null}}", 500, BLAME_PROVIDER},
    {"{\"type\":\"response.failed\"}", 500, BLAME_PROVIDER},
    {"{\"type\":\"error\",\"code\":\"rate_limit_exceeded\",\"message\":\"x\",\"param\":null,\"sequence_number\":0}",
     429, BLAME_KEY_MODEL},
    {"{\"type\":\"error\",\"code\":null,\"message\":\"x\",\"param\":null,\"sequence_number\":0}", 500, BLAME_PROVIDER},
    {"{\"type\":\"error\",\"sequence_number\":2,\"error\":{\"type\":\"invalid_request_error\",\"code\":"
     "\"context_length_exceeded\",\"message\":\"x\",\"param\":\"input\"}}",
     400, BLAME_CLIENT},

    // ---- Gemini
    {GEMINI("429", "Resource has been exhausted (e.g. check quota).", "RESOURCE_EXHAUSTED"), 429, BLAME_KEY_MODEL},
    {GEMINI("503", "The model is overloaded. Please try again later.", "UNAVAILABLE"), 503, BLAME_ENDPOINT},
    {GEMINI("500", "An internal error has occurred.", "INTERNAL"), 500, BLAME_PROVIDER},
    {GEMINI("400", "API key not valid. Please pass a valid API key.", "INVALID_ARGUMENT"), 400, BLAME_KEY_REFUSED},
    {GEMINI("403", "Your API key was reported as leaked.", "PERMISSION_DENIED"), 403, BLAME_KEY_REFUSED},
    {GEMINI("14", "x", "UNAVAILABLE"), 503, BLAME_ENDPOINT},
    {"[" GEMINI("504", "x", "DEADLINE_EXCEEDED"), 504, BLAME_ENDPOINT},
    {"[\n" GEMINI("429", "x", "RESOURCE_EXHAUSTED") "\n]", 429, BLAME_KEY_MODEL},
};

static const char *const NO_ERRORS[] = {
    "",
    "[DONE]",
    "{}",
    "[",
    "\"error\"",
    "{\"type\":\"ping\"}",
    "{\"choices\":[{\"delta\":{\"content\":\"{\\\"error\\\":{\\\"code\\\":429}}\"}}]}",
    "{\"choices\":[{\"delta\":{\"content\":\"x\"}}],\"error\":null}",
    "{\"choices\":[],\"error\":\"\"}",
    "{\"choices\":[],\"error\":false}",
    "{\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\",\"status\":\"in_progress\",\"error\":null}}",
    "{\"type\":\"response.in_progress\",\"response\":{\"metadata\":{\"error\":{\"code\":429}}}}",
    "{\"type\":\"response.output_text.delta\",\"delta\":\"error\"}",
    "{\"type\":\"content_block_start\",\"content_block\":{\"type\":\"tool_use\",\"input\":{\"error\":{\"code\":429}}}}",
    "{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"args\":{\"error\":{\"code\":429}}}}]}}]}",
    "{\"a\":[{\"error\":1},[2,{\"error\":{}}]],\"text\":\"}\\\"error\\\":{\"}",
};

static void errors_in_streams_stand_for_a_status(void **state)
{
    for (size_t i = 0; i < N_OF(ERRORS); i++) {
        struct slice data = slice_from_cstr(ERRORS[i].data);
        unsigned status = blame_status_of_event(data);
        if (status != ERRORS[i].status) {
            fail_msg("%s: %u, not %u", ERRORS[i].data, status, ERRORS[i].status);
        }
        struct attempt_evidence evidence = {.status = status, .text = data, .retry_after_ms = -1};
        enum blame blame = blame_judge(&evidence, NULL).blame;
        if (blame != ERRORS[i].blame) {
            fail_msg("%s: %s, not %s", ERRORS[i].data, blame_name(blame), blame_name(ERRORS[i].blame));
        }
    }
}

static void what_a_model_says_is_no_error(void **state)
{
    for (size_t i = 0; i < N_OF(NO_ERRORS); i++) {
        unsigned status = blame_status_of_event(slice_from_cstr(NO_ERRORS[i]));
        if (status) {
            fail_msg("%s: %u", NO_ERRORS[i], status);
        }
    }
}

// Whatever is cut off or put around with spaces, it stays within bounds; and no error comes of what has none.
static void cut_events_do_no_harm(void **state)
{
    for (size_t i = 0; i < N_OF(ERRORS); i++) {
        for (size_t len = 0; len < strlen(ERRORS[i].data); len++) {
            unsigned status = blame_status_of_event(slice_of(ERRORS[i].data, len));
            assert_true(status == 0 || (status >= 400 && status <= 599));
        }
    }
    for (size_t i = 0; i < N_OF(NO_ERRORS); i++) {
        for (size_t len = 0; len < strlen(NO_ERRORS[i]); len++) {
            assert_int_equal(blame_status_of_event(slice_of(NO_ERRORS[i], len)), 0);
        }
    }
}

static void white_space_does_not_matter(void **state)
{
    assert_int_equal(blame_status_of_event(SLICE(" { \"x\" : [ 1 , { } ] ,\n\t\"error\" : { \"code\" : 429 } } ")),
                     429);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_in_streams_stand_for_a_status),
        cmocka_unit_test(what_a_model_says_is_no_error),
        cmocka_unit_test(cut_events_do_no_harm),
        cmocka_unit_test(white_space_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
