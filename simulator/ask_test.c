// SPDX-License-Identifier: MIT
#include "simulator/ask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_routes(void **state)
{
    static const struct {
        const char *target;
        enum http_method method;
        int r;
        enum provider provider;
        enum ask_action action;
    } rows[] = {
        {"/v1/messages?beta=true", HTTP_POST, 0, PROVIDER_ANTHROPIC, ASK_GENERATE},
        {"/v1/messages/count_tokens", HTTP_POST, 0, PROVIDER_ANTHROPIC, ASK_COUNT_TOKENS},
        {"/v1/chat/completions", HTTP_POST, 0, PROVIDER_CHAT, ASK_GENERATE},
        {"/v1/responses", HTTP_POST, 0, PROVIDER_RESPONSES, ASK_GENERATE},
        {"/v1/responses/input_tokens", HTTP_POST, 0, PROVIDER_RESPONSES, ASK_COUNT_TOKENS},
        {"/api/llm/a/v1/messages", HTTP_POST, 0, PROVIDER_ANTHROPIC, ASK_GENERATE},
        {"/api/llm/a/v1/messages/count_tokens", HTTP_POST, 0, PROVIDER_ANTHROPIC, ASK_COUNT_TOKENS},
        {"/api/llm/o/v1/responses", HTTP_POST, 0, PROVIDER_RESPONSES, ASK_GENERATE},
        {"/api/llm/o/v1/chat/completions", HTTP_POST, 0, PROVIDER_CHAT, ASK_GENERATE},
        {"/api/llm/g/v1/generate", HTTP_POST, 0, PROVIDER_GEMINI, ASK_GENERATE},
        {"/v1beta/models/m:generateContent", HTTP_POST, 0, PROVIDER_GEMINI, ASK_GENERATE},
        {"/v1/models/m:countTokens", HTTP_POST, 0, PROVIDER_GEMINI, ASK_COUNT_TOKENS},
        {"/v1/models", HTTP_GET, 0, PROVIDER_CHAT, ASK_LIST_MODELS},
        {"/v1beta/models", HTTP_GET, 0, PROVIDER_GEMINI, ASK_LIST_MODELS},
        {"/v1/messages", HTTP_GET, ASK_E_METHOD, PROVIDER_ANTHROPIC, ASK_GENERATE},
        {"/v1beta/models/m:generateContent", HTTP_GET, ASK_E_METHOD, PROVIDER_GEMINI, ASK_GENERATE},
        {"/v1/embeddings", HTTP_POST, ASK_E_ROUTE, 0, 0},
        {"/v1beta/models/m:sing", HTTP_POST, ASK_E_ROUTE, PROVIDER_GEMINI, 0},
        {"/v1beta/models/:generateContent", HTTP_POST, ASK_E_ROUTE, 0, 0},
        {"/v1beta/models/m", HTTP_POST, ASK_E_ROUTE, 0, 0},
        {"/", HTTP_GET, ASK_E_ROUTE, 0, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct arena arena;
        struct ask ask;
        arena_init(&arena, 256);
        assert_int_equal(ask_route(&ask, &arena, rows[i].method, slice_from_cstr(rows[i].target)), rows[i].r);
        if (rows[i].r == 0) {
            assert_int_equal(ask.provider, rows[i].provider);
            assert_int_equal(ask.action, rows[i].action);
        }
        arena_deinit(&arena);
    }
}

static void test_gemini_paths(void **state)
{
    struct arena arena;
    struct ask ask;
    arena_init(&arena, 256);
    assert_int_equal(
        ask_route(&ask, &arena, HTTP_POST, SLICE("/v1beta/models/a~tokens%3D5:streamGenerateContent?alt=sse&key=k")),
        0);
    assert_true(slice_eq(ask.model, SLICE("a~tokens=5")));
    assert_true(slice_eq(ask.credential, SLICE("k")));
    assert_true(ask.is_stream && !ask.is_array);
    assert_int_equal(ask_route(&ask, &arena, HTTP_POST, SLICE("/v1/models/a:streamGenerateContent")), 0);
    assert_true(ask.is_stream && ask.is_array);
    assert_int_equal(ask_route(&ask, &arena, HTTP_POST, SLICE("/v1/models/a:generateContent")), 0);
    assert_false(ask.is_stream);
    arena_deinit(&arena);
}

static void test_credentials(void **state)
{
    static const struct {
        struct h1_field field;
        const char *credential;
    } rows[] = {
        {{SLICE_INIT("Authorization"), SLICE_INIT("Bearer  key-one"), HEADER_AUTHORIZATION}, "key-one"},
        {{SLICE_INIT("Authorization"), SLICE_INIT("bearer key-one~status=402"), HEADER_AUTHORIZATION},
         "key-one~status=402"},
        {{SLICE_INIT("x-api-key"), SLICE_INIT("key-two"), HEADER_X_API_KEY}, "key-two"},
        {{SLICE_INIT("x-goog-api-key"), SLICE_INIT("key-three"), HEADER_X_GOOG_API_KEY}, "key-three"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct ask ask = {0};
        ask_headers(&ask, &rows[i].field, 1);
        assert_true(slice_eq(ask.credential, slice_from_cstr(rows[i].credential)));
    }
}

static void test_list_in_the_shape_of_the_client(void **state)
{
    struct h1_field anthropic = {SLICE("anthropic-version"), SLICE("2023-06-01"), HEADER_ANTHROPIC_VERSION};
    struct h1_field google = {SLICE("x-goog-api-key"), SLICE("k"), HEADER_X_GOOG_API_KEY};
    struct ask ask = {.action = ASK_LIST_MODELS, .provider = PROVIDER_CHAT};
    ask_headers(&ask, &anthropic, 1);
    assert_int_equal(ask.provider, PROVIDER_ANTHROPIC);
    ask_headers(&ask, &google, 1);
    assert_int_equal(ask.provider, PROVIDER_GEMINI);
    ask = (struct ask){.action = ASK_GENERATE, .provider = PROVIDER_CHAT};
    ask_headers(&ask, &anthropic, 1);
    assert_int_equal(ask.provider, PROVIDER_CHAT);
}

static void test_bad_bodies(void **state)
{
    static const char *const bodies[] = {"", "[]", "{", "{\"model\":1}", "{}", "{\"model\":\"\"}", "\"model\""};
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
        struct arena arena;
        struct ask ask = {.provider = PROVIDER_CHAT};
        arena_init(&arena, 256);
        assert_int_equal(ask_body(&ask, &arena, slice_from_cstr(bodies[i])), ASK_E_BODY);
        assert_non_null(ask.error);
        arena_deinit(&arena);
    }
}

#define TOOL_CHAT "{\"type\":\"function\",\"function\":{\"name\":\"one\"}}"
#define TOOL_RESP "{\"type\":\"function\",\"name\":\"one\"}"

static void test_bodies(void **state)
{
    static const struct {
        enum provider provider;
        const char *body;
        const char *tool; // the first, NULL: none
        bool forces_call;
        bool has_result;
    } rows[] = {
        {PROVIDER_CHAT, "{\"model\":\"m\",\"tools\":[" TOOL_CHAT "]}", "one", false, false},
        {PROVIDER_CHAT, "{\"model\":\"m\",\"tools\":[" TOOL_CHAT "],\"tool_choice\":\"auto\"}", "one", false, false},
        {PROVIDER_CHAT, "{\"model\":\"m\",\"tools\":[" TOOL_CHAT "],\"tool_choice\":\"none\"}", "one", false, false},
        {PROVIDER_CHAT, "{\"model\":\"m\",\"tools\":[" TOOL_CHAT "],\"tool_choice\":\"required\"}", "one", true, false},
        {PROVIDER_CHAT,
         "{\"model\":\"m\",\"tools\":[" TOOL_CHAT
         "],\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"two\"}}}",
         "two", true, false},
        {PROVIDER_CHAT,
         "{\"model\":\"m\",\"tools\":[" TOOL_CHAT "],\"messages\":[{\"role\":\"user\"},{\"role\":\"tool\"}]}", "one",
         false, true},
        {PROVIDER_CHAT,
         "{\"model\":\"m\",\"tools\":[" TOOL_CHAT "],\"messages\":[{\"role\":\"tool\"},{\"role\":\"user\"}]}", "one",
         false, true},
        {PROVIDER_CHAT,
         "{\"model\":\"m\",\"tools\":[" TOOL_CHAT
         "],\"messages\":[{\"role\":\"tool\"},{\"role\":\"assistant\"},{\"role\":\"user\"}]}",
         "one", false, false},
        {PROVIDER_RESPONSES, "{\"model\":\"m\",\"tools\":[{\"type\":\"web_search\"}," TOOL_RESP "],\"input\":\"x\"}",
         "one", false, false},
        {PROVIDER_RESPONSES,
         "{\"model\":\"m\",\"tools\":[" TOOL_RESP "],\"tool_choice\":{\"type\":\"function\",\"name\":\"two\"},"
         "\"input\":[{\"type\":\"function_call_output\"}]}",
         "two", true, true},
        {PROVIDER_ANTHROPIC, "{\"model\":\"m\",\"tools\":[{\"name\":\"one\"}],\"tool_choice\":{\"type\":\"any\"}}",
         "one", true, false},
        {PROVIDER_ANTHROPIC,
         "{\"model\":\"m\",\"tools\":[{\"name\":\"one\"}],\"tool_choice\":{\"type\":\"tool\",\"name\":\"two\"},"
         "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\"},{\"type\":\"text\"}]}]}",
         "two", true, true},
        {PROVIDER_GEMINI,
         "{\"model\":\"m\",\"tools\":[{\"googleSearch\":{}},{\"functionDeclarations\":[{\"name\":\"one\"}]}],"
         "\"toolConfig\":{\"functionCallingConfig\":{\"mode\":\"ANY\",\"allowedFunctionNames\":[\"two\"]}},"
         "\"contents\":[{\"parts\":[{\"functionResponse\":{}}]}]}",
         "two", true, true},
        {PROVIDER_GEMINI,
         "{\"model\":\"m\",\"tools\":[{\"function_declarations\":[{\"name\":\"one\"}]}],"
         "\"tool_config\":{\"function_calling_config\":{\"mode\":\"AUTO\"}},\"contents\":[{\"parts\":[]}]}",
         "one", false, false},
        {PROVIDER_CHAT, "{\"model\":\"m\",\"tools\":{},\"tool_choice\":[],\"messages\":3}", NULL, false, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct arena arena;
        struct ask ask = {.provider = rows[i].provider};
        arena_init(&arena, 256);
        assert_int_equal(ask_body(&ask, &arena, slice_from_cstr(rows[i].body)), 0);
        assert_true(slice_eq(ask.model, SLICE("m")));
        assert_int_equal(ask.n_tools > 0, rows[i].tool != NULL);
        assert_true(!rows[i].tool || slice_eq(ask.tools[0], slice_from_cstr(rows[i].tool)));
        assert_int_equal(ask.forces_call, rows[i].forces_call);
        assert_int_equal(ask.has_result, rows[i].has_result);
        arena_deinit(&arena);
    }
}

static void test_stream_and_usage(void **state)
{
    struct arena arena;
    struct ask ask = {.provider = PROVIDER_CHAT};
    struct slice body = SLICE("{\"stream\":true,\"stream_options\":{\"include_usage\":true},\"model\":\"m\\u007et\"}");
    arena_init(&arena, 256);
    assert_int_equal(ask_body(&ask, &arena, body), 0);
    assert_true(ask.is_stream && ask.wants_usage);
    assert_true(slice_eq(ask.model, SLICE("m~t")));
    assert_int_equal(ask.body_len, body.len);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_routes),           cmocka_unit_test(test_gemini_paths),
        cmocka_unit_test(test_credentials),      cmocka_unit_test(test_list_in_the_shape_of_the_client),
        cmocka_unit_test(test_bad_bodies),       cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_stream_and_usage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
