// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/arena.h"
#include "dialect/fault.h"
#include "json/json_reader.h"

#define EXACT_MESSAGE SLICE("say \"hi\"\n")
#define EXACT_ID SLICE("req-1")

static void assert_text(const struct buf *buf, const char *expected)
{
    assert_int_equal(buf->len, strlen(expected));
    assert_memory_equal(buf->ptr, expected, buf->len);
}

// ---- exact bytes, one fault per dialect

struct exact_case {
    enum fault fault;
    enum dialect dialect;
    const char *body;
    const char *event;
};

#define TRUNCATED_OPENAI                                                                                               \
    "{\"message\":\"say \\\"hi\\\"\\n\",\"type\":\"server_error\",\"param\":null,\"code\":\"upstream_truncated\"}"
#define TRUNCATED_ANTHROPIC                                                                                            \
    "{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"say "                                         \
    "\\\"hi\\\"\\n\"},\"request_id\":\"req-1\"}"
#define TRUNCATED_GEMINI "{\"error\":{\"code\":502,\"message\":\"say \\\"hi\\\"\\n\",\"status\":\"INTERNAL\"}}"

static const struct exact_case EXACT[] = {
    {FAULT_UPSTREAM_TRUNCATED, DIALECT_CHAT, "{\"error\":" TRUNCATED_OPENAI "}",
     "data: {\"error\":" TRUNCATED_OPENAI "}\n\n"},
    {FAULT_UPSTREAM_TRUNCATED, DIALECT_RESPONSES, "{\"error\":" TRUNCATED_OPENAI "}",
     "event: error\ndata: {\"type\":\"error\",\"sequence_number\":2147483646,\"error\":" TRUNCATED_OPENAI
     ",\"code\":\"upstream_truncated\",\"message\":\"say \\\"hi\\\"\\n\",\"param\":null}\n\n"
     "event: response.failed\ndata: {\"type\":\"response.failed\",\"sequence_number\":2147483647,"
     "\"response\":{\"id\":\"req-1\",\"object\":\"response\",\"created_at\":0,\"status\":\"failed\","
     "\"error\":{\"code\":\"upstream_truncated\",\"message\":\"say \\\"hi\\\"\\n\"},\"incomplete_details\":null,"
     "\"instructions\":null,\"metadata\":{},\"model\":\"\",\"output\":[],\"parallel_tool_calls\":true,"
     "\"temperature\":null,\"tool_choice\":\"auto\",\"tools\":[],\"top_p\":null,\"usage\":null}}\n\n"},
    {FAULT_UPSTREAM_TRUNCATED, DIALECT_ANTHROPIC, TRUNCATED_ANTHROPIC,
     "event: error\ndata: " TRUNCATED_ANTHROPIC "\n\n"},
    {FAULT_UPSTREAM_TRUNCATED, DIALECT_GEMINI, TRUNCATED_GEMINI, "data: " TRUNCATED_GEMINI "\r\n\r\n"},
    {FAULT_INVALID_REQUEST, DIALECT_CHAT,
     "{\"error\":{\"message\":\"say \\\"hi\\\"\\n\",\"type\":\"invalid_request_error\",\"param\":null,\"code\":null}}",
     NULL},
    {FAULT_INVALID_API_KEY, DIALECT_ANTHROPIC,
     "{\"type\":\"error\",\"error\":{\"type\":\"authentication_error\",\"message\":\"say \\\"hi\\\"\\n\"},"
     "\"request_id\":\"req-1\"}",
     NULL},
};

static void test_exact_bytes(void **state)
{
    for (size_t i = 0; i < sizeof(EXACT) / sizeof(EXACT[0]); i++) {
        struct buf out = BUF_EMPTY;
        fault_write_body(EXACT[i].fault, EXACT[i].dialect, EXACT_MESSAGE, EXACT_ID, &out);
        assert_text(&out, EXACT[i].body);
        if (EXACT[i].event) {
            buf_clear(&out);
            fault_write_event(EXACT[i].fault, EXACT[i].dialect, EXACT_MESSAGE, EXACT_ID, &out);
            assert_text(&out, EXACT[i].event);
        }
        buf_deinit(&out);
    }
}

// ---- every fault in every dialect reads back

// Quotes, control characters, markup, line ends of SSE, text outside of ASCII.
#define ODD_TEXT "a\"b\\c\td\r\n\r\ndata: e\x01</f> \xc3\xa9\xf0\x9f\x98\x80\xe2\x80\xa8"
#define ODD_MESSAGE SLICE(ODD_TEXT)

static void check_message(const struct json_doc *doc, const struct json_node *error)
{
    assert_true(json_string_is(doc, json_get(doc, error, SLICE("message")), ODD_MESSAGE));
}

static void check_openai(const struct json_doc *doc, const struct json_node *error)
{
    const struct json_node *code = json_get(doc, error, SLICE("code"));
    check_message(doc, error);
    assert_true(json_is(json_get(doc, error, SLICE("type")), JSON_STRING));
    assert_true(json_is(json_get(doc, error, SLICE("param")), JSON_NULL));
    assert_true(json_is(code, JSON_STRING) || json_is(code, JSON_NULL));
}

static void check_error(const struct json_doc *doc, enum fault fault, enum dialect dialect)
{
    const struct json_node *root = json_root(doc);
    const struct json_node *error = json_get(doc, root, SLICE("error"));
    int64_t code;
    switch (dialect) {
    case DIALECT_CHAT:
    case DIALECT_RESPONSES: check_openai(doc, error); break;
    case DIALECT_ANTHROPIC:
        if (fault == FAULT_CONTEXT_LENGTH) {
            // The words that its clients look for come first.
            assert_true(
                json_string_is(doc, json_get(doc, error, SLICE("message")), SLICE("prompt is too long: " ODD_TEXT)));
        } else {
            check_message(doc, error);
        }
        assert_true(json_string_is(doc, json_get(doc, root, SLICE("type")), SLICE("error")));
        assert_true(json_is(json_get(doc, error, SLICE("type")), JSON_STRING));
        assert_true(json_string_is(doc, json_get(doc, root, SLICE("request_id")), SLICE("r\"1")));
        break;
    case DIALECT_GEMINI:
        check_message(doc, error);
        assert_true(json_int64(doc, json_get(doc, error, SLICE("code")), &code));
        assert_int_equal(code, fault_status(fault));
        assert_true(json_is(json_get(doc, error, SLICE("status")), JSON_STRING));
        break;
    }
}

static void check_payload(struct slice text, enum fault fault, enum dialect dialect)
{
    struct arena arena;
    struct json_doc doc;
    arena_init(&arena, 4096);
    assert_int_equal(json_parse(&doc, &arena, text, NULL), 0);
    check_error(&doc, fault, dialect);
    arena_deinit(&arena);
}

// The data of the first event: everything is in one line, and the event ends with an empty one.
static struct slice data_of_first_event(struct slice text)
{
    size_t at = slice_find(text, SLICE("data: "));
    assert_true(at == 0 || text.ptr[at - 1] == '\n');
    struct slice data = slice_after(text, at + strlen("data: "));
    size_t end = slice_find_char(data, '\n');
    assert_true(end != SLICE_NOT_FOUND);
    assert_true(slice_starts_with(slice_after(data, end), SLICE("\n\n")) ||
                slice_starts_with(slice_after(data, end), SLICE("\n\r\n")));
    return slice_of(data.ptr, end);
}

static void test_every_fault_reads_back(void **state)
{
    for (int f = 0; f < FAULT_COUNT; f++) {
        for (int d = 0; d < N_DIALECTS; d++) {
            struct buf out = BUF_EMPTY;
            fault_write_body((enum fault)f, (enum dialect)d, ODD_MESSAGE, SLICE("r\"1"), &out);
            check_payload(buf_slice(&out), (enum fault)f, (enum dialect)d);
            buf_clear(&out);
            fault_write_event((enum fault)f, (enum dialect)d, ODD_MESSAGE, SLICE("r\"1"), &out);
            check_payload(data_of_first_event(buf_slice(&out)), (enum fault)f, (enum dialect)d);
            buf_deinit(&out);
        }
    }
}

static void test_no_request_id(void **state)
{
    struct buf out = BUF_EMPTY;
    fault_write_body(FAULT_INTERNAL, DIALECT_ANTHROPIC, SLICE("x"), SLICE_EMPTY, &out);
    assert_text(&out, "{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"x\"},\"request_id\":null}");
    buf_deinit(&out);
}

static void test_names_and_statuses(void **state)
{
    assert_string_equal(fault_name(FAULT_INVALID_JSON), "invalid_json");
    assert_string_equal(fault_name(FAULT_UPSTREAM_TIMEOUT), "upstream_timeout");
    assert_int_equal(fault_status(FAULT_UPSTREAM_TIMEOUT), 504);
    assert_int_equal(fault_status(FAULT_METHOD_NOT_ALLOWED), 405);
    for (int f = 0; f < FAULT_COUNT; f++) {
        assert_in_range(fault_status((enum fault)f), 400, 599);
        for (int other = 0; other < f; other++) {
            assert_string_not_equal(fault_name((enum fault)f), fault_name((enum fault)other));
        }
    }
}

static void test_faults_of_statuses(void **state)
{
    static const struct {
        unsigned status;
        enum fault fault;
    } ROWS[] = {
        {400, FAULT_INVALID_REQUEST},   {408, FAULT_INVALID_REQUEST},    {413, FAULT_REQUEST_TOO_LARGE},
        {414, FAULT_REQUEST_TOO_LARGE}, {431, FAULT_REQUEST_TOO_LARGE},  {500, FAULT_INTERNAL},
        {501, FAULT_NOT_IMPLEMENTED},   {505, FAULT_NOT_IMPLEMENTED},    {503, FAULT_OVERLOADED},
        {404, FAULT_ROUTE_NOT_FOUND},   {405, FAULT_METHOD_NOT_ALLOWED},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        assert_int_equal(fault_of_status(ROWS[i].status), ROWS[i].fault);
    }
}

static void test_dialect_names(void **state)
{
    assert_string_equal(dialect_name(DIALECT_ANTHROPIC), "anthropic");
    assert_string_equal(dialect_name(DIALECT_CHAT), "chat");
    assert_string_equal(dialect_name(DIALECT_RESPONSES), "responses");
    assert_string_equal(dialect_name(DIALECT_GEMINI), "gemini");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_bytes),        cmocka_unit_test(test_every_fault_reads_back),
        cmocka_unit_test(test_no_request_id),      cmocka_unit_test(test_names_and_statuses),
        cmocka_unit_test(test_faults_of_statuses), cmocka_unit_test(test_dialect_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
