// SPDX-License-Identifier: MIT
// What is told of requests that are over, for each way in which one can end.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/wire_fixture.h"

#define CHUNK "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hello\"},\"finish_reason\":null}]}\n\n"
#define STREAM_HEAD "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
#define ANSWER                                                                                                         \
    "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"hi\"},\"finish_reason\":\"stop\"}]," \
    "\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":3}}"

static int set_up(void **state)
{
    int r = wire_set_up(state);
    wire_write_config(*state, "{\"endpoint\": [{\"name\": \"e\", \"base_url\": \"http://127.0.0.1:%u/v1\"}],\n"
                              " \"models\": [{\"id\": \"chat\", \"type\": \"common\", \"endpoint\": \"e\","
                              " \"upstream_model\": \"big-chat\"}],\n"
                              " \"key_pool\": {\"retry\": {\"enabled\": false}}}");
    return r;
}

static void ask(struct wire *f, const char *body)
{
    wire_ask(f, "/v1/chat/completions?key=key-three", WIRE_KEY "x-request-id: mine\r\n", body);
}

static void answer(struct wire *f, const char *status, const char *body)
{
    struct buf text = BUF_EMPTY;
    buf_printf(&text, "HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n%s", status,
               strlen(body), body);
    buf_append_char(&text, '\0');
    wire_answer(f, text.ptr);
    buf_deinit(&text);
}

static void assert_text(struct slice given, const char *wanted)
{
    assert_true(slice_eq(given, slice_from_cstr(wanted)));
}

static void a_success_is_told_whole(void **state)
{
    struct wire *f = *state;
    wire_start(f, NULL);
    ask(f, "{\"model\":\"chat\"}");
    wire_take_request(f);
    answer(f, "200 OK", ANSWER);
    struct request_facts facts = wire_take_facts(f);
    assert_text(facts.id, "mine");
    assert_text(facts.path, "/v1/chat/completions"); // without the key in its query
    assert_text(facts.model, "chat");
    assert_text(facts.counted_model, "chat");
    assert_text(facts.upstream_model, "big-chat");
    assert_text(facts.endpoint, "e");
    assert_text(facts.key, "");
    assert_text(facts.client, "127.0.0.1");
    assert_text(facts.route, "/v1/chat/completions");
    assert_text(facts.dialect, dialect_name(DIALECT_CHAT));
    assert_text(facts.fault, "");
    assert_int_equal(facts.end, REQUEST_SUCCESS);
    assert_int_equal(facts.status, 200);
    assert_int_equal(facts.n_attempts, 1);
    assert_int_equal(facts.usage.input, 12);
    assert_int_equal(facts.usage.output, 3);
    assert_false(facts.is_partial);
    assert_true(facts.time_ms > INT64_C(1700000000000));
    assert_int_equal(facts.trail.n, 1);
    assert_string_equal(facts.trail.entries[0].outcome, "ok");
    assert_text(facts.trail.entries[0].model, "big-chat");
}

static void a_key_of_the_pool_is_named_by_its_id(void **state)
{
    struct wire *f = *state;
    wire_add_keys(f, 1);
    wire_start(f, NULL);
    wire_ask(f, "/v1/chat/completions", "", "{\"model\":\"chat\"}");
    wire_take_request(f);
    answer(f, "200 OK", ANSWER);
    assert_text(wire_take_facts(f).key, "id-0");
}

static void what_was_refused_here_has_failed(void **state)
{
    static const struct {
        const char *body;
        unsigned status;
        const char *fault;
        const char *model;
    } rows[] = {
        {"{\"model\":\"none\"}", 404, "model_not_found", "none"},
        {"{\"model\":", 400, "invalid_json", ""},
        {"{}", 400, "missing_model", ""},
    };
    struct wire *f = *state;
    wire_start(f, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        wire_reconnect(f);
        ask(f, rows[i].body);
        struct request_facts facts = wire_take_facts(f);
        assert_int_equal(facts.end, REQUEST_FAILED);
        assert_int_equal(facts.status, rows[i].status);
        assert_text(facts.fault, rows[i].fault);
        assert_text(facts.model, rows[i].model);
        assert_text(facts.counted_model, "");
        assert_int_equal(facts.n_attempts, 0);
        assert_int_equal(facts.trail.n, 0);
        assert_int_equal(facts.ttft_ms, -1);
        assert_int_equal(facts.usage.input, -1);
    }
}

static void what_the_upstream_refused_has_failed(void **state)
{
    struct wire *f = *state;
    wire_start(f, NULL);
    ask(f, "{\"model\":\"chat\"}");
    wire_take_request(f);
    answer(f, "400 Bad Request", "{\"error\":{\"message\":\"no\"}}");
    struct request_facts facts = wire_take_facts(f);
    assert_int_equal(facts.end, REQUEST_FAILED);
    assert_int_equal(facts.status, 400);
    assert_text(facts.counted_model, "chat");
    assert_int_equal(facts.n_attempts, 1);
    assert_string_equal(facts.trail.entries[0].outcome, "http_4xx");
}

static void a_stream_that_broke_has_failed_although_it_began_well(void **state)
{
    struct wire *f = *state;
    wire_start(f, NULL);
    ask(f, "{\"model\":\"chat\",\"stream\":true}");
    wire_take_request(f);
    wire_answer(f, STREAM_HEAD CHUNK);
    assert_true(wire_client_sees(f, "hello"));
    loopback_close(&f->upstream);
    struct request_facts facts = wire_take_facts(f);
    assert_int_equal(facts.end, REQUEST_FAILED);
    assert_int_equal(facts.status, 200);
    assert_text(facts.fault, "upstream_truncated");
    assert_true(facts.is_partial);
    assert_true(facts.ttft_ms >= 0);
}

static void who_leaves_has_not_failed(void **state)
{
    struct wire *f = *state;
    wire_start(f, NULL);
    for (int has_begun = 0; has_begun < 2; has_begun++) {
        wire_reconnect(f);
        ask(f, "{\"model\":\"chat\",\"stream\":true}");
        wire_take_request(f);
        if (has_begun) {
            wire_answer(f, STREAM_HEAD CHUNK);
            assert_true(wire_client_sees(f, "hello"));
        }
        loopback_close(&f->client);
        struct request_facts facts = wire_take_facts(f);
        assert_int_equal(facts.end, REQUEST_ABORTED);
        assert_int_equal(facts.status, has_begun ? 200 : 499);
        assert_int_equal(facts.is_partial, has_begun);
        assert_int_equal(facts.n_attempts, 1);
        assert_string_equal(facts.trail.entries[0].outcome, has_begun ? "ok" : "cancelled");
        loopback_close(&f->upstream);
    }
}

// Only model requests are usage.
static void other_requests_are_not_told(void **state)
{
    struct wire *f = *state;
    wire_start(f, NULL);
    wire_ask(f, "/v1/nothing", WIRE_KEY, "{}");
    assert_true(wire_client_sees(f, "HTTP/1.1 404 "));
    wire_reconnect(f);
    loopback_send(&f->client, &f->loop, SLICE("GET /health HTTP/1.1\r\nhost: a\r\n\r\n"));
    assert_true(wire_client_sees(f, "HTTP/1.1 200 "));
    wire_reconnect(f);
    ask(f, "{\"model\":\"none\"}"); // comes behind them
    assert_text(wire_take_facts(f).model, "none");
    assert_null(shm_ring_peek(&f->usage_ring).ptr);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, wire_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_success_is_told_whole),
        TEST(a_key_of_the_pool_is_named_by_its_id),
        TEST(what_was_refused_here_has_failed),
        TEST(what_the_upstream_refused_has_failed),
        TEST(a_stream_that_broke_has_failed_although_it_began_well),
        TEST(who_leaves_has_not_failed),
        TEST(other_requests_are_not_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
