// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "gateway/route.h"
#include "json/json_reader.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static int make_arena(void **state)
{
    static struct arena arena;
    arena_init(&arena, 1024);
    *state = &arena;
    return 0;
}

static int free_arena(void **state)
{
    arena_deinit(*state);
    return 0;
}

// `header` names one header of the request; NULL: none.
static struct route find(struct arena *arena, enum http_method method, const char *target, const char *header)
{
    struct h1_field field = {.value = SLICE("x")};
    struct h1_request req = {.method = method, .target = slice_from_cstr(target), .fields = &field};
    if (header) {
        field.name = slice_from_cstr(header);
        field.id = header_name_of(field.name);
        req.n_fields = 1;
    }
    return route_find(arena, &req);
}

static void assert_slice(struct slice given, const char *expected, const char *target)
{
    if ((given.ptr != NULL) != (expected != NULL) || !slice_eq(given, slice_from_cstr(expected))) {
        fail_msg("%s: \"%.*s\" is not \"%s\"", target, SLICE_ARG(given), expected ? expected : "(none)");
    }
}

// ---- what is found --------------------------------------------------------------------------------------------------

static const struct {
    enum http_method method;
    const char *target;
    const char *header;
    enum route_kind kind;
    enum route_group group;
    enum dialect dialect;
    const char *model;
    const char *query;
} found[] = {
    {HTTP_POST, "/v1/chat/completions", NULL, ROUTE_CHAT, ROUTE_GROUP_MODEL, DIALECT_CHAT, NULL, NULL},
    {HTTP_POST, "/v1/responses", NULL, ROUTE_RESPONSES, ROUTE_GROUP_MODEL, DIALECT_RESPONSES, NULL, NULL},
    {HTTP_POST, "/v1/responses/input_tokens", NULL, ROUTE_RESPONSES_COUNT, ROUTE_GROUP_MODEL, DIALECT_RESPONSES, NULL,
     NULL},
    {HTTP_POST, "/v1/messages", NULL, ROUTE_MESSAGES, ROUTE_GROUP_MODEL, DIALECT_ANTHROPIC, NULL, NULL},
    {HTTP_POST, "/v1/messages?beta=true", NULL, ROUTE_MESSAGES, ROUTE_GROUP_MODEL, DIALECT_ANTHROPIC, NULL,
     "beta=true"},
    {HTTP_POST, "/v1/messages?", NULL, ROUTE_MESSAGES, ROUTE_GROUP_MODEL, DIALECT_ANTHROPIC, NULL, ""},
    {HTTP_POST, "/v1/messages?a=/?b", NULL, ROUTE_MESSAGES, ROUTE_GROUP_MODEL, DIALECT_ANTHROPIC, NULL, "a=/?b"},
    {HTTP_POST, "/v1/messages/count_tokens", NULL, ROUTE_COUNT_TOKENS, ROUTE_GROUP_MODEL, DIALECT_ANTHROPIC, NULL,
     NULL},
    {HTTP_POST, "/v1/generate", NULL, ROUTE_GENERATE, ROUTE_GROUP_MODEL, DIALECT_GEMINI, NULL, NULL},
    // What the client sends beside it does not change the dialect of a generation route.
    {HTTP_POST, "/v1/chat/completions", "anthropic-version", ROUTE_CHAT, ROUTE_GROUP_MODEL, DIALECT_CHAT, NULL, NULL},

    // Lists, by the header that tells SDKs apart.
    {HTTP_GET, "/v1/models", NULL, ROUTE_MODELS, ROUTE_GROUP_LIST, DIALECT_CHAT, NULL, NULL},
    {HTTP_HEAD, "/v1/models", NULL, ROUTE_MODELS, ROUTE_GROUP_LIST, DIALECT_CHAT, NULL, NULL},
    {HTTP_GET, "/v1/models?limit=2", "Anthropic-Version", ROUTE_MODELS, ROUTE_GROUP_LIST, DIALECT_ANTHROPIC, NULL,
     "limit=2"},
    {HTTP_GET, "/v1/models", "x-goog-api-key", ROUTE_MODELS, ROUTE_GROUP_LIST, DIALECT_GEMINI, NULL, NULL},
    {HTTP_GET, "/v1/models", "x-goog-api-client", ROUTE_MODELS, ROUTE_GROUP_LIST, DIALECT_GEMINI, NULL, NULL},
    {HTTP_GET, "/v1/models", "x-api-key", ROUTE_MODELS, ROUTE_GROUP_LIST, DIALECT_CHAT, NULL, NULL},
    {HTTP_GET, "/v1beta/models", NULL, ROUTE_GEMINI_MODELS, ROUTE_GROUP_LIST, DIALECT_GEMINI, NULL, NULL},
    {HTTP_GET, "/v1beta/models", "anthropic-version", ROUTE_GEMINI_MODELS, ROUTE_GROUP_LIST, DIALECT_GEMINI, NULL,
     NULL},

    // One model.
    {HTTP_GET, "/v1/models/gpt", NULL, ROUTE_MODEL, ROUTE_GROUP_LIST, DIALECT_CHAT, "gpt", NULL},
    {HTTP_GET, "/v1/models/gpt", "anthropic-version", ROUTE_MODEL, ROUTE_GROUP_LIST, DIALECT_ANTHROPIC, "gpt", NULL},
    {HTTP_GET, "/v1beta/models/gemini?x", NULL, ROUTE_GEMINI_MODEL, ROUTE_GROUP_LIST, DIALECT_GEMINI, "gemini", "x"},
    {HTTP_GET, "/v1/models/org/model", NULL, ROUTE_MODEL, ROUTE_GROUP_LIST, DIALECT_CHAT, "org/model", NULL},
    {HTTP_GET, "/v1/models/org%2Fmodel%2d1", NULL, ROUTE_MODEL, ROUTE_GROUP_LIST, DIALECT_CHAT, "org/model-1", NULL},
    {HTTP_GET, "/v1/models/ft:gpt:x", NULL, ROUTE_MODEL, ROUTE_GROUP_LIST, DIALECT_CHAT, "ft:gpt:x", NULL},
    {HTTP_GET, "/v1/models/ft:gpt:", NULL, ROUTE_MODEL, ROUTE_GROUP_LIST, DIALECT_CHAT, "ft:gpt:", NULL},
    {HTTP_GET, "/v1/models/a+b%20c", NULL, ROUTE_MODEL, ROUTE_GROUP_LIST, DIALECT_CHAT, "a+b c", NULL},
    // An action that is none is a part of the name; so is one that was encoded.
    {HTTP_GET, "/v1beta/models/m:embedContent", NULL, ROUTE_GEMINI_MODEL, ROUTE_GROUP_LIST, DIALECT_GEMINI,
     "m:embedContent", NULL},
    {HTTP_GET, "/v1beta/models/m%3AgenerateContent", NULL, ROUTE_GEMINI_MODEL, ROUTE_GROUP_LIST, DIALECT_GEMINI,
     "m:generateContent", NULL},
    {HTTP_GET, "/v1/models/m:GenerateContent", NULL, ROUTE_MODEL, ROUTE_GROUP_LIST, DIALECT_CHAT, "m:GenerateContent",
     NULL},

    // Actions on a model.
    {HTTP_POST, "/v1beta/models/gemini:generateContent", NULL, ROUTE_GEMINI_GENERATE, ROUTE_GROUP_MODEL, DIALECT_GEMINI,
     "gemini", NULL},
    {HTTP_POST, "/v1beta/models/gemini:streamGenerateContent?alt=sse", NULL, ROUTE_GEMINI_STREAM, ROUTE_GROUP_MODEL,
     DIALECT_GEMINI, "gemini", "alt=sse"},
    {HTTP_POST, "/v1beta/models/gemini:countTokens", NULL, ROUTE_GEMINI_COUNT, ROUTE_GROUP_MODEL, DIALECT_GEMINI,
     "gemini", NULL},
    {HTTP_POST, "/v1/models/gemini:generateContent", "anthropic-version", ROUTE_GEMINI_GENERATE, ROUTE_GROUP_MODEL,
     DIALECT_GEMINI, "gemini", NULL},
    {HTTP_POST, "/v1/models/ft:gpt:x:generateContent", NULL, ROUTE_GEMINI_GENERATE, ROUTE_GROUP_MODEL, DIALECT_GEMINI,
     "ft:gpt:x", NULL},
    {HTTP_POST, "/v1/models/m:countTokens:generateContent", NULL, ROUTE_GEMINI_GENERATE, ROUTE_GROUP_MODEL,
     DIALECT_GEMINI, "m:countTokens", NULL},
    {HTTP_POST, "/v1beta/models/org%2fm%3Ax:generateContent", NULL, ROUTE_GEMINI_GENERATE, ROUTE_GROUP_MODEL,
     DIALECT_GEMINI, "org/m:x", NULL},
    {HTTP_POST, "/v1beta/models/org/m:streamGenerateContent", NULL, ROUTE_GEMINI_STREAM, ROUTE_GROUP_MODEL,
     DIALECT_GEMINI, "org/m", NULL},
    {HTTP_POST, "/v1beta/models/100%25:countTokens", NULL, ROUTE_GEMINI_COUNT, ROUTE_GROUP_MODEL, DIALECT_GEMINI,
     "100%", NULL},

    // Service.
    {HTTP_GET, "/", NULL, ROUTE_ROOT, ROUTE_GROUP_SERVICE, DIALECT_CHAT, NULL, NULL},
    {HTTP_HEAD, "/?x=1", NULL, ROUTE_ROOT, ROUTE_GROUP_SERVICE, DIALECT_CHAT, NULL, "x=1"},
    {HTTP_GET, "/health", NULL, ROUTE_HEALTH, ROUTE_GROUP_SERVICE, DIALECT_CHAT, NULL, NULL},
    {HTTP_HEAD, "/ready", NULL, ROUTE_READY, ROUTE_GROUP_SERVICE, DIALECT_CHAT, NULL, NULL},
    {HTTP_GET, "/metrics", NULL, ROUTE_METRICS, ROUTE_GROUP_SERVICE, DIALECT_CHAT, NULL, NULL},
    {HTTP_GET, "/favicon.ico", NULL, ROUTE_FAVICON, ROUTE_GROUP_SERVICE, DIALECT_CHAT, NULL, NULL},

    // Preflights: model routes and lists.
    {HTTP_OPTIONS, "/v1/messages", NULL, ROUTE_MESSAGES, ROUTE_GROUP_MODEL, DIALECT_ANTHROPIC, NULL, NULL},
    {HTTP_OPTIONS, "/v1/models", NULL, ROUTE_MODELS, ROUTE_GROUP_LIST, DIALECT_CHAT, NULL, NULL},
    {HTTP_OPTIONS, "/v1beta/models/m:generateContent", NULL, ROUTE_GEMINI_GENERATE, ROUTE_GROUP_MODEL, DIALECT_GEMINI,
     "m", NULL},

    // Targets in absolute form, as proxies send them: the path decides.
    {HTTP_POST, "http://gateway.example/v1/messages?beta=true", NULL, ROUTE_MESSAGES, ROUTE_GROUP_MODEL,
     DIALECT_ANTHROPIC, NULL, "beta=true"},
    {HTTP_GET, "HTTPS://gateway.example:8443/v1/models/a%2Fb", NULL, ROUTE_MODEL, ROUTE_GROUP_LIST, DIALECT_CHAT, "a/b",
     NULL},
    {HTTP_GET, "http://gateway.example", NULL, ROUTE_ROOT, ROUTE_GROUP_SERVICE, DIALECT_CHAT, NULL, NULL},
    {HTTP_GET, "http://[::1]:80?x", NULL, ROUTE_ROOT, ROUTE_GROUP_SERVICE, DIALECT_CHAT, NULL, "x"},
};

static void routes_are_found(void **state)
{
    for (size_t i = 0; i < COUNT(found); i++) {
        struct route route = find(*state, found[i].method, found[i].target, found[i].header);
        if (route.kind != found[i].kind || route.group != found[i].group || route.dialect != found[i].dialect ||
            route.is_wrong_method) {
            fail_msg("%s (%s): kind %d, group %d, dialect %d, wrong method %d", found[i].target,
                     found[i].header ? found[i].header : "no header", route.kind, route.group, route.dialect,
                     route.is_wrong_method);
        }
        assert_slice(route.model, found[i].model, found[i].target);
        assert_slice(route.query, found[i].query, found[i].target);
    }
}

// ---- what is not ----------------------------------------------------------------------------------------------------

// No route has two spellings, so nothing that looks at paths before us can be led around.
static void other_spellings_are_not_found(void **state)
{
    static const struct {
        const char *target;
        enum dialect dialect;
    } cases[] = {
        {"/v1", DIALECT_CHAT},
        {"/v1/", DIALECT_CHAT},
        {"/v1/message", DIALECT_CHAT},
        {"/v1/messages/", DIALECT_ANTHROPIC},
        {"/v1/messages/batches", DIALECT_ANTHROPIC},
        {"/v1/messages;x", DIALECT_ANTHROPIC},
        {"/V1/messages", DIALECT_CHAT},
        {"/v1/Messages", DIALECT_CHAT},
        {"//v1/messages", DIALECT_CHAT},
        {"/v1//messages", DIALECT_CHAT},
        {"/v1/./messages", DIALECT_CHAT},
        {"/x/../v1/messages", DIALECT_CHAT},
        {"/v1/%6dessages", DIALECT_CHAT},
        {"/%76%31/messages", DIALECT_CHAT},
        {"/v1%2Fmessages", DIALECT_CHAT},
        {"/v1/%2e%2e/health", DIALECT_CHAT},
        {"/%2e", DIALECT_CHAT},
        {"/health/", DIALECT_CHAT},
        {"/v1/models/", DIALECT_CHAT},
        {"/v1/models/:generateContent", DIALECT_GEMINI},
        {"/v1beta", DIALECT_CHAT},
        {"/v1beta/", DIALECT_GEMINI},
        {"/v1beta/models/", DIALECT_GEMINI},
        {"/v1beta/models/:countTokens", DIALECT_GEMINI},
        {"/v1beta/files", DIALECT_GEMINI},
        {"/v1beta/chat/completions", DIALECT_GEMINI},
        // Names that cannot be decoded.
        {"/v1/models/a%00b", DIALECT_CHAT},
        {"/v1beta/models/%00:generateContent", DIALECT_GEMINI},
        // Targets that are none.
        {"/v1/models/%", DIALECT_CHAT},
        {"/v1/models/%4", DIALECT_CHAT},
        {"/v1/models/%zz", DIALECT_CHAT},
        {"/v1/messages#x", DIALECT_CHAT},
        {"/v1/mess ages", DIALECT_CHAT},
        {"/v1\\messages", DIALECT_CHAT},
        {"*", DIALECT_CHAT},
        {"", DIALECT_CHAT},
        {"v1/messages", DIALECT_CHAT},
        {"ftp://gateway.example/v1/messages", DIALECT_CHAT},
        {"http:///v1/messages", DIALECT_CHAT},
        {"http://gateway.example//v1/messages", DIALECT_CHAT},
        {"http://gateway.example:0/v1/messages", DIALECT_CHAT},
    };
    static const enum http_method methods[] = {HTTP_GET, HTTP_POST, HTTP_DELETE, HTTP_OPTIONS};
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t m = 0; m < COUNT(methods); m++) {
            struct route route = find(*state, methods[m], cases[i].target, NULL);
            if (route.kind != ROUTE_NOT_FOUND || route.dialect != cases[i].dialect || route.is_wrong_method ||
                route.group != ROUTE_GROUP_SERVICE) {
                fail_msg("%s: kind %d, dialect %d, wrong method %d, group %d", cases[i].target, route.kind,
                         route.dialect, route.is_wrong_method, route.group);
            }
        }
    }
}

// ---- methods --------------------------------------------------------------------------------------------------------

static void a_wrong_method_is_told_with_the_right_ones(void **state)
{
    static const struct {
        const char *target;
        const char *allow;
    } cases[] = {
        {"/v1/messages", "POST, OPTIONS"},
        {"/v1/generate", "POST, OPTIONS"},
        {"/v1beta/models/m:generateContent", "POST, OPTIONS"},
        {"/v1/models/ft:gpt:x:countTokens", "POST, OPTIONS"},
        {"/v1/models", "GET, HEAD, OPTIONS"},
        {"/v1/models/m", "GET, HEAD, OPTIONS"},
        {"/v1beta/models/m", "GET, HEAD, OPTIONS"},
        {"/", "GET, HEAD"},
        {"/health", "GET, HEAD"},
        {"/metrics", "GET, HEAD"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (int m = HTTP_GET; m <= HTTP_METHOD_OTHER; m++) {
            const char *text = http_method_text((enum http_method)m);
            bool is_allowed = text && strstr(cases[i].allow, text) != NULL;
            struct route route = find(*state, (enum http_method)m, cases[i].target, NULL);
            if (route.kind == ROUTE_NOT_FOUND || route.is_wrong_method == is_allowed) {
                fail_msg("%s %s: kind %d, wrong method %d", text ? text : "?", cases[i].target, route.kind,
                         route.is_wrong_method);
            }
            assert_string_equal(route.allow, cases[i].allow);
        }
    }
}

// ---- properties -----------------------------------------------------------------------------------------------------

// Any name of any bytes but NUL arrives as it was, with an action behind it or none.
static void names_survive_their_encoding(void **state)
{
    static const char *const actions[] = {"", ":generateContent", ":streamGenerateContent", ":countTokens"};
    for (unsigned c = 1; c < 256; c++) {
        char name[] = {'a', (char)c, ':', (char)c, '\0'};
        for (size_t a = 0; a < COUNT(actions); a++) {
            char target[128];
            snprintf(target, sizeof(target), "/v1beta/models/%%61%%%02x%%3a%%%02X%s", c, c, actions[a]);
            struct route route = find(*state, a ? HTTP_POST : HTTP_GET, target, NULL);
            assert_false(route.is_wrong_method);
            assert_int_equal(route.group, a ? ROUTE_GROUP_MODEL : ROUTE_GROUP_LIST);
            assert_slice(route.model, name, target);
        }
    }
}

// The list in the answer to a wrong path is true: each of its lines is a route, and each public kind is in it.
static void the_list_of_routes_is_true(void **state)
{
    struct json_doc doc;
    bool is_listed[N_ROUTE_KINDS] = {false};
    assert_int_equal(json_parse(&doc, *state, route_list_json(), NULL), 0);
    const struct json_node *line = NULL;
    while (json_next_element(&doc, json_root(&doc), &line)) {
        struct slice target = json_string(&doc, line, *state);
        struct slice method = slice_split(&target, ' ');
        char *text = arena_cstr(*state, target);
        for (char *c = text; *c; c++) {
            *c = *c == '{' || *c == '}' ? '-' : *c;
        }
        struct route route = find(*state, slice_eq(method, SLICE("POST")) ? HTTP_POST : HTTP_GET, text, NULL);
        assert_int_not_equal(route.kind, ROUTE_NOT_FOUND);
        assert_false(route.is_wrong_method);
        is_listed[route.kind] = true;
    }
    for (int kind = ROUTE_NOT_FOUND + 1; kind < N_ROUTE_KINDS; kind++) {
        bool is_unlisted = kind == ROUTE_ROOT || kind == ROUTE_FAVICON;
        assert_int_equal(is_listed[kind], !is_unlisted);
    }
}

static void every_kind_has_a_label_of_its_own(void **state)
{
    (void)state;
    for (int a = 0; a < N_ROUTE_KINDS; a++) {
        assert_non_null(route_label((enum route_kind)a));
        for (int b = 0; b < a; b++) {
            assert_string_not_equal(route_label((enum route_kind)a), route_label((enum route_kind)b));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(routes_are_found, make_arena, free_arena),
        cmocka_unit_test_setup_teardown(other_spellings_are_not_found, make_arena, free_arena),
        cmocka_unit_test_setup_teardown(a_wrong_method_is_told_with_the_right_ones, make_arena, free_arena),
        cmocka_unit_test_setup_teardown(names_survive_their_encoding, make_arena, free_arena),
        cmocka_unit_test_setup_teardown(the_list_of_routes_is_true, make_arena, free_arena),
        cmocka_unit_test(every_kind_has_a_label_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
