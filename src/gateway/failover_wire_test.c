// SPDX-License-Identifier: MIT
// Several attempts at one request, as client and upstreams see them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/clock.h"
#include "gateway/held.h"
#include "gateway/wire_fixture.h"
#include "health/breaker.h"

// ---- what is asked and answered -------------------------------------------------------------------------------------

#define ENDPOINT "{\"name\": \"e\", \"base_url\": \"http://127.0.0.1:%u/v1\"}"
#define CHAT_WITH(members) "{\"id\": \"chat\", \"type\": \"common\", \"endpoint\": \"e\"" members "}"
#define CONFIG_WITH(models)                                                                                            \
    "{\"endpoint\": [" ENDPOINT "], \"models\": [" models "],"                                                         \
    " \"key_pool\": {\"retry\": {\"enabled\": true, \"maxRetries\": 2, \"retryDelay\": 2}}}"

#define QUESTION "\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]"
#define EVENTS_HEAD "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
#define CHUNKED_HEAD "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
#define CONTENT "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n"
#define FINISH "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"
#define JSON_HEAD "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n"
#define JSON_ANSWER "{\"choices\":[{\"index\":0,\"message\":{\"content\":\"good\"},\"finish_reason\":\"stop\"}]}"
#define ERROR_WITH(status, more)                                                                                       \
    "HTTP/1.1 " status " x\r\ncontent-type: application/json\r\nconnection: close\r\n" more                            \
    "\r\n{\"error\":{\"message\":\"said no\"}}"

static void start(struct wire *f, const char *config, const char *environment)
{
    wire_write_config(f, config);
    wire_start(f, environment);
}

static void ask_chat(struct wire *f, const char *members)
{
    char body[512];
    snprintf(body, sizeof(body), "{\"model\":\"chat\"," QUESTION "%s}", members);
    wire_ask(f, "/v1/chat/completions", WIRE_KEY, body);
}

#define STREAM ",\"stream\":true"

static void answer_next(struct wire *f, const char *bytes)
{
    wire_take_request(f);
    wire_answer_and_close(f, bytes);
}

// ---- another attempt ------------------------------------------------------------------------------------------------

static void an_attempt_that_failed_makes_way_for_another(void **state)
{
    static const char *const failures[] = {
        ERROR_WITH("500", ""),
        ERROR_WITH("503", ""),
        ERROR_WITH("529", ""),
        "",
        "HTTP/1.1 200 OK\r\ncont",
        "nonsense\r\n\r\n",
        JSON_HEAD,
        JSON_HEAD "{\"choi",
        JSON_HEAD "<html>",
    };
    struct wire *f = *state;
    start(f, CONFIG_WITH(CHAT_WITH("")), NULL);
    for (size_t i = 0; i < sizeof(failures) / sizeof(*failures); i++) {
        ask_chat(f, "");
        answer_next(f, failures[i]);
        answer_next(f, JSON_HEAD JSON_ANSWER);
        assert_true(wire_client_sees(f, JSON_ANSWER));
        assert_true(wire_has_text(wire_received(f), "HTTP/1.1 200 "));
        assert_true(wire_has_text(wire_received(f), "x-droid2api-attempts: 2\r\n"));
        wire_reconnect(f);
    }
}

// ---- what an error that is passed on looks like ---------------------------------------------------------------------

// Its length was promised, its bytes did not all come: the next answer on that connection must not be taken for them.
static void an_error_that_breaks_off_is_told_whole(void **state)
{
    struct wire *f = *state;
    start(f, CONFIG_WITH(CHAT_WITH("")), NULL);
    ask_chat(f, "");
    answer_next(f, "HTTP/1.1 400 x\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n"
                   "{\"error\":{\"message\":\"said no\"}}");
    assert_true(wire_client_sees(f, "HTTP/1.1 400 "));
    assert_true(wire_client_sees(f, "said no"));
    assert_false(wire_has_text(wire_received(f), "content-length: 500"));
    ask_chat(f, "");
    answer_next(f, JSON_HEAD JSON_ANSWER);
    assert_true(wire_client_sees(f, JSON_ANSWER));
}

static void an_error_that_ends_with_its_connection_is_told_whole(void **state)
{
    static const char *const bodies[] = {"", "{\"error\":{\"mess", "["};
    struct wire *f = *state;
    start(f, CONFIG_WITH(CHAT_WITH("")), NULL);
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
        char answer[200];
        snprintf(answer, sizeof(answer),
                 "HTTP/1.1 400 x\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n%s", bodies[i]);
        ask_chat(f, "");
        answer_next(f, answer);
        assert_true(wire_client_sees(f, "HTTP/1.1 400 "));
        assert_true(wire_client_sees(f, "\r\n\r\n{\"error\":{\"message\":\""));
        assert_true(wire_client_sees(f, "}}"));
        wire_reconnect(f);
    }
}

static void an_error_in_the_stream_is_told_at_once(void **state)
{
    struct wire *f = *state;
    start(f, CONFIG_WITH(CHAT_WITH("")), NULL);
    ask_chat(f, STREAM);
    wire_take_request(f);
    wire_answer(f, EVENTS_HEAD "data: {\"error\":{\"message\":\"said no\",\"type\":\"invalid_request_error\"}}\n\n");
    assert_true(wire_client_sees(f, "said no"));
}

// ---- fallbacks ------------------------------------------------------------------------------------------------------

#define CLAUDE "{\"id\": \"claude\", \"type\": \"anthropic\", \"endpoint\": \"e\"}"
#define CLAUDE_ANSWER                                                                                                  \
    "{\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude\",\"content\":[{\"type\":\"text\",\"text\":"      \
    "\"from claude\"}],\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}"

static void a_fallback_may_speak_another_dialect(void **state)
{
    struct wire *f = *state;
    start(f, CONFIG_WITH(CHAT_WITH(", \"fallbacks\": [\"claude\"]") "," CLAUDE), NULL);
    ask_chat(f, "");
    answer_next(f, ERROR_WITH("503", ""));
    assert_true(wire_has_text(wire_take_request(f), "POST /v1/messages "));
    wire_answer_and_close(f, JSON_HEAD CLAUDE_ANSWER);
    assert_true(wire_client_sees(f, "from claude"));
    assert_true(wire_has_text(wire_received(f), "\"object\":\"chat.completion\""));
    assert_true(wire_has_text(wire_received(f), "\"model\":\"claude\""));
}

// What cannot be said in the other dialect (n) leaves the request where it was.
static void a_fallback_that_cannot_take_the_request_is_passed_over(void **state)
{
    struct wire *f = *state;
    start(f, CONFIG_WITH(CHAT_WITH(", \"fallbacks\": [\"claude\"]") "," CLAUDE), "TRANSLATION_MODE=strict");
    ask_chat(f, ",\"n\":3");
    for (int i = 0; i < 3; i++) {
        answer_next(f, ERROR_WITH("503", ""));
    }
    assert_true(wire_client_sees(f, "said no"));
    assert_true(wire_has_text(wire_received(f), "HTTP/1.1 503 "));
}

// A second answer of a lone endpoint, with credentials of its own.
static void no_key_of_the_pool_pays_for_another_credential(void **state)
{
    struct wire *f = *state;
    wire_add_keys(f, 4);
    start(f,
          "{\"endpoint\": [" ENDPOINT ", {\"name\": \"own\", \"base_url\": \"http://127.0.0.1:%u/v2\","
          " \"headers\": {\"authorization\": \"Bearer own\"}}], \"models\": [" CHAT_WITH(
              ", \"fallbacks\": [\"own\"]") ", {\"id\": \"own\", \"type\": \"common\", \"endpoint\": \"own\"}]}",
          NULL);
    ask_chat(f, "");
    answer_next(f, ERROR_WITH("503", ""));
    assert_true(wire_has_text(wire_take_request(f), "Bearer own\r\n"));
    wire_answer_and_close(f, ERROR_WITH("402", ""));
    assert_true(wire_client_sees(f, "HTTP/1.1 402 "));
    assert_true(wire_has_text(wire_received(f), "x-droid2api-attempts: 2\r\n"));
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(atomic_load(&key_of(&f->keys, i)->status), KEY_ACTIVE);
        assert_int_equal(atomic_load(&key_of(&f->keys, i)->inflight), 0);
        assert_int_equal(atomic_load(&key_of(&f->keys, i)->error_count), 0);
    }
}

// ---- heartbeats -----------------------------------------------------------------------------------------------------

static bool is_later(void *until_ms)
{
    return clock_wall_ms() >= *(int64_t *)until_ms;
}

static void run_for(struct wire *f, int64_t ms)
{
    int64_t until_ms = clock_wall_ms() + ms;
    assert_true(loopback_until(&f->loop, is_later, &until_ms));
}

// Long enough for heartbeats that come every 10 ms, if they come.
static void let_hearts_beat(struct wire *f)
{
    run_for(f, 100);
}

static void no_heartbeat_gets_into_an_answer_that_is_no_stream(void **state)
{
    static char large[300 * 1024];
    struct wire *f = *state;
    start(f, CONFIG_WITH(CHAT_WITH("")), "STREAM_KEEPALIVE_MS=200"); // the head comes before the first one
    for (int is_large = 0; is_large < 2; is_large++) {
        ask_chat(f, STREAM);
        wire_take_request(f);
        wire_answer(f, JSON_HEAD "{\"a\":\"");
        memset(large, 'x', sizeof(large) - 1);
        if (is_large) {
            wire_answer(f, large);
        }
        run_for(f, 500);
        wire_answer_and_close(f, "\"}");
        assert_true(wire_client_sees(f, "\r\n0\r\n\r\n"));
        assert_true(wire_has_text(wire_received(f), "content-type: application/json\r\n"));
        assert_true(wire_has_text(wire_received(f), "\"}\r\n0\r\n\r\n"));
        assert_false(wire_has_text(wire_received(f), "event-stream"));
        assert_false(wire_has_text(wire_received(f), "\r\n:"));
        wire_reconnect(f);
    }
}

static void after_a_heartbeat_the_next_attempt_goes_on_in_the_same_stream(void **state)
{
    struct wire *f = *state;
    start(f, CONFIG_WITH(CHAT_WITH("")), "STREAM_KEEPALIVE_MS=10");
    ask_chat(f, STREAM);
    wire_take_request(f);
    assert_true(wire_client_sees(f, "\r\n:"));
    wire_answer_and_close(f, ERROR_WITH("500", ""));
    wire_take_request(f);
    wire_answer_and_close(f, EVENTS_HEAD CONTENT FINISH);
    assert_true(wire_client_sees(f, "\r\n0\r\n\r\n"));
    assert_true(wire_has_text(wire_received(f), CONTENT));
    assert_false(wire_has_text(slice_after(wire_received(f), 10), "HTTP/1.1"));
    assert_false(wire_has_text(wire_received(f), "said no"));
}

// Any answer will do, before so many failures follow each other that nothing is asked any more.
static void close_breakers(struct wire *f)
{
    wire_reconnect(f);
    ask_chat(f, "");
    answer_next(f, ERROR_WITH("400", ""));
    assert_true(wire_client_sees(f, "HTTP/1.1 400"));
    wire_reconnect(f);
}

// Whatever comes then: of which dialect the upstream is makes no difference to a stream that has begun.
static void after_a_heartbeat_every_failure_is_told_in_the_stream(void **state)
{
    static const char *const targets[] = {"/v1/chat/completions", "/v1/messages", "/v1/responses"};
    static const char *const failures[] = {
        ERROR_WITH("400", ""),
        ERROR_WITH("503", ""),
        "HTTP/1.1 302 x\r\nlocation: /\r\ncontent-length: 0\r\n\r\n",
        JSON_HEAD "<html>",
        "nonsense\r\n\r\n",
        EVENTS_HEAD CONTENT,
        EVENTS_HEAD,
        CHUNKED_HEAD "40\r\n" CONTENT,
    };
    struct wire *f = *state;
    start(f,
          "{\"endpoint\": [" ENDPOINT
          "], \"models\": [" CHAT_WITH(", \"hold_back\": -1") "], \"key_pool\": {\"retry\": {\"enabled\": false}}}",
          "STREAM_KEEPALIVE_MS=10");
    for (size_t i = 0; i < 3 * sizeof(failures) / sizeof(*failures); i++) {
        wire_ask(f, targets[i % 3], WIRE_KEY,
                 "{\"model\":\"chat\",\"stream\":true,\"max_tokens\":9,\"input\":\"a\"," QUESTION "}");
        wire_take_request(f);
        assert_true(wire_client_sees(f, i % 3 == 1 ? "event: ping" : "\r\n:"));
        wire_answer_and_close(f, failures[i / 3]);
        assert_true(loopback_receive_end(&f->client, &f->loop));
        assert_true(wire_has_text(wire_received(f), "error"));
        assert_false(slice_ends_with(wire_received(f), SLICE("\r\n0\r\n\r\n")));
        assert_false(wire_has_text(slice_after(wire_received(f), 10), "HTTP/1.1"));
        assert_false(wire_has_text(wire_received(f), "\"a\""));
        close_breakers(f);
    }
}

// ---- streams --------------------------------------------------------------------------------------------------------

static void gemini_arrays_leave_as_they_come(void **state)
{
    static const char *const ends[] = {"{\"candidates\":[{\"finishReason\":\"STOP\"}]}]", ""};
    struct wire *f = *state;
    start(f, CONFIG_WITH("{\"id\": \"gemini\", \"type\": \"google\", \"endpoint\": \"e\"}"), NULL);
    for (size_t i = 0; i < 2; i++) {
        wire_ask(f, "/v1beta/models/gemini:streamGenerateContent", WIRE_KEY, "{\"contents\":[]}");
        wire_take_request(f);
        wire_answer(f, JSON_HEAD "[{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"first\"}]}}]},");
        assert_true(wire_client_sees(f, "first"));
        wire_answer_and_close(f, ends[i]);
        assert_true(loopback_receive_end(&f->client, &f->loop) || i == 0);
        assert_int_equal(slice_ends_with(wire_received(f), SLICE("\r\n0\r\n\r\n")), i == 0);
        wire_reconnect(f);
    }
}

#define GEMINI "{\"id\": \"gemini\", \"type\": \"google\", \"endpoint\": \"e\"}"
#define ELEMENT "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"first\"}]}}]}"
#define LONGER_HEAD "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n"

// Wherever it was cut, what the client has is one JSON value, and it says what happened.
static void a_gemini_array_that_breaks_off_says_so(void **state)
{
    static const char *const rests[] = {"", ",", ",{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"sec"};
    struct wire *f = *state;
    start(f, CONFIG_WITH(GEMINI), NULL);
    for (size_t i = 0; i < sizeof(rests) / sizeof(*rests); i++) {
        wire_ask(f, "/v1beta/models/gemini:streamGenerateContent", WIRE_KEY, "{\"contents\":[]}");
        wire_take_request(f);
        wire_answer(f, LONGER_HEAD "[" ELEMENT);
        assert_true(wire_client_sees(f, "[" ELEMENT));
        wire_answer_and_close(f, rests[i]);
        assert_true(loopback_receive_end(&f->client, &f->loop));
        assert_true(wire_has_text(wire_received(f), "\r\n,\r\n{\"error\":{\"code\":"));
        assert_true(wire_has_text(wire_received(f), "}}]\r\n"));
        assert_false(wire_has_text(wire_received(f), "sec"));
        assert_false(slice_ends_with(wire_received(f), SLICE("\r\n0\r\n\r\n")));
        wire_reconnect(f);
    }
}

static void a_gemini_array_that_is_closed_is_whole(void **state)
{
    struct wire *f = *state;
    start(f, CONFIG_WITH(GEMINI), NULL);
    wire_ask(f, "/v1beta/models/gemini:streamGenerateContent", WIRE_KEY, "{\"contents\":[]}");
    answer_next(f, LONGER_HEAD "[" ELEMENT "]");
    assert_true(wire_client_sees(f, "\r\n0\r\n\r\n"));
    assert_false(wire_has_text(wire_received(f), "error"));
}

// For who wants events, or one answer, a part of a JSON value is of no use.
static void one_answer_to_who_wants_a_stream_may_be_replaced(void **state)
{
    static const char *const queries[] = {"", "?alt=sse"};
    struct wire *f = *state;
    start(f, CONFIG_WITH(GEMINI), NULL);
    for (size_t i = 0; i < 2; i++) {
        char target[80];
        snprintf(target, sizeof(target), "/v1beta/models/gemini:streamGenerateContent%s", queries[i]);
        wire_ask(f, target, WIRE_KEY, "{\"contents\":[]}");
        answer_next(f, LONGER_HEAD ELEMENT);
        answer_next(f, JSON_HEAD ELEMENT);
        assert_true(wire_client_sees(f, ELEMENT));
        assert_true(wire_has_text(wire_received(f), "x-droid2api-attempts: 2\r\n"));
        wire_reconnect(f);
    }
}

static void a_failure_that_is_told_first_is_never_seen(void **state)
{
    struct wire *f = *state;
    start(f, CONFIG_WITH(CHAT_WITH("")), NULL);
    ask_chat(f, STREAM);
    answer_next(f, EVENTS_HEAD "data: {\"error\":{\"message\":\"said no\",\"type\":\"server_error\"}}\n\n");
    answer_next(f, EVENTS_HEAD CONTENT FINISH);
    assert_true(wire_client_sees(f, "\r\n0\r\n\r\n"));
    assert_true(wire_has_text(wire_received(f), CONTENT));
    assert_false(wire_has_text(wire_received(f), "said no"));
}

// The event that tells of it has no end, but all its words or half of them; the client gets an event that is whole.
static void a_failure_that_is_told_last_is_told_whole(void **state)
{
    static const struct {
        const char *event;
        const char *seen;
    } cases[] = {
        {"event: error\ndata: {\"error\":{\"message\":\"said no\"}}",
         "data: {\"error\":{\"message\":\"said no\"}}\n\n"},
        {"event: error\ndata: {\"error\":{\"message\":\"said no\"}", "ended early"},
        {"event: error\ndata: said n", "ended early"},
        {"event: error\ndata: ", "ended early"},
        {"event: error\ndata:", "ended early"},
    };
    struct wire *f = *state;
    start(f, CONFIG_WITH(CHAT_WITH("")), NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        ask_chat(f, STREAM);
        wire_take_request(f);
        wire_answer(f, EVENTS_HEAD CONTENT);
        assert_true(wire_client_sees(f, CONTENT));
        wire_answer_and_close(f, cases[i].event);
        assert_true(loopback_receive_end(&f->client, &f->loop));
        assert_true(wire_has_text(wire_received(f), cases[i].seen));
        assert_int_equal(wire_has_text(wire_received(f), "said no"), i == 0);
        assert_false(slice_ends_with(wire_received(f), SLICE("\r\n0\r\n\r\n")));
        wire_reconnect(f);
    }
}

// The words count, not the status: the key rests, another one answers, and nobody sees the error.
static void an_error_with_a_good_status_is_a_failure(void **state)
{
    static const char error[] = "{\"error\":{\"message\":\"said no\",\"code\":429}}";
    struct wire *f = *state;
    wire_add_keys(f, 2);
    start(f, CONFIG_WITH(CHAT_WITH("")), NULL);
    ask_chat(f, "");
    wire_take_request(f);
    wire_answer(f, JSON_HEAD);
    wire_answer_and_close(f, error);
    answer_next(f, JSON_HEAD JSON_ANSWER);
    assert_true(wire_client_sees(f, JSON_ANSWER));
    assert_false(wire_has_text(wire_received(f), "said no"));
    uint64_t n_good = 0;
    uint64_t n_bad = 0;
    for (uint32_t i = 0; i < 2; i++) {
        n_good += atomic_load(&key_of(&f->keys, i)->success_requests);
        n_bad += atomic_load(&key_of(&f->keys, i)->error_count);
    }
    assert_int_equal(n_good, 1);
    assert_int_equal(n_bad, 1);
}

// Nothing else can be tried: the client gets it as it came, and it counts as no success.
static void an_error_with_a_good_status_is_passed_on_at_last(void **state)
{
    static const char error[] = "{\"error\":{\"message\":\"said no\",\"type\":\"server_error\"}}";
    struct wire *f = *state;
    start(f, CONFIG_WITH(CHAT_WITH("")), NULL);
    ask_chat(f, "");
    for (int i = 0; i < 3; i++) {
        wire_take_request(f);
        wire_answer(f, JSON_HEAD);
        wire_answer_and_close(f, error);
    }
    assert_true(wire_client_sees(f, error));
    assert_true(wire_has_text(wire_received(f), "HTTP/1.1 200 "));
    assert_true(wire_has_text(wire_received(f), "x-droid2api-attempts: 3\r\n"));
}

static void a_comment_does_not_give_up_the_next_attempt(void **state)
{
    static const char *const beginnings[] = {": working\n\n", "\xef\xbb\xbf", "\xef", "\n"};
    struct wire *f = *state;
    start(f, CONFIG_WITH(CHAT_WITH("")), NULL);
    for (size_t i = 0; i < sizeof(beginnings) / sizeof(*beginnings); i++) {
        char answer[200];
        snprintf(answer, sizeof(answer), EVENTS_HEAD "%s", beginnings[i]);
        ask_chat(f, STREAM);
        answer_next(f, answer);
        answer_next(f, EVENTS_HEAD CONTENT FINISH);
        assert_true(wire_client_sees(f, CONTENT FINISH));
        assert_true(wire_client_sees(f, "\r\n0\r\n\r\n"));
        wire_reconnect(f);
    }
}

static void a_failure_that_is_told_late_is_no_success_of_the_key(void **state)
{
    struct wire *f = *state;
    wire_add_keys(f, 1);
    start(f, CONFIG_WITH(CHAT_WITH("")), NULL);
    ask_chat(f, STREAM);
    wire_take_request(f);
    wire_answer(f, EVENTS_HEAD CONTENT);
    assert_true(wire_client_sees(f, CONTENT));
    wire_answer_and_close(f, "data: {\"error\":{\"message\":\"said no\",\"type\":\"server_error\"}}\n\n");
    assert_true(wire_client_sees(f, "said no"));
    assert_true(loopback_until(&f->loop, wire_is_idle, f));
    assert_int_equal(atomic_load(&key_of(&f->keys, 0)->success_requests), 0);
    assert_int_equal(atomic_load(&key_of(&f->keys, 0)->inflight), 0);
}

static void a_stream_that_has_said_its_end_ends_well_whatever_follows(void **state)
{
    struct wire *f = *state;
    start(f, CONFIG_WITH(CHAT_WITH("")), "UPSTREAM_TOTAL_TIMEOUT_MS=100");
    ask_chat(f, STREAM);
    wire_take_request(f);
    wire_answer(f, EVENTS_HEAD CONTENT FINISH);
    assert_true(wire_client_sees(f, "\r\n0\r\n\r\n"));
    assert_false(wire_has_text(wire_received(f), "error"));
}

#define HELD_BACK(limits) CONFIG_WITH(CHAT_WITH(", \"hold_back\": " limits))

static void check_hold_back(struct wire *f, const char *config)
{
    start(f, config, NULL);
    for (int is_translated = 0; is_translated < 2; is_translated++) {
        wire_ask(f, is_translated ? "/v1/messages" : "/v1/chat/completions", WIRE_KEY,
                 "{\"model\":\"chat\",\"stream\":true,\"max_tokens\":9," QUESTION "}");
        wire_take_request(f);
        wire_answer_and_close(f,
                              EVENTS_HEAD "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"wrong\"}}]}\n\n");
        wire_take_request(f);
        wire_answer_and_close(f, EVENTS_HEAD CONTENT FINISH);
        assert_true(wire_client_sees(f, "\r\n0\r\n\r\n"));
        assert_true(wire_has_text(wire_received(f), "\"a\""));
        assert_false(wire_has_text(wire_received(f), "wrong"));
        assert_false(wire_has_text(wire_received(f), "error"));
        wire_reconnect(f);
    }
}

static void an_answer_held_as_a_whole_may_be_replaced(void **state)
{
    check_hold_back(*state, HELD_BACK("-1"));
}

static void some_events_held_back_may_be_replaced(void **state)
{
    check_hold_back(*state, HELD_BACK("{\"events\": 2}"));
}

static void a_time_of_events_held_back_may_be_replaced(void **state)
{
    check_hold_back(*state, HELD_BACK("{\"ms\": 60000}"));
}

static void what_was_held_back_long_enough_leaves(void **state)
{
    struct wire *f = *state;
    start(f, HELD_BACK("{\"ms\": 20}"), NULL);
    ask_chat(f, STREAM);
    wire_take_request(f);
    wire_answer(f, EVENTS_HEAD CONTENT);
    assert_true(wire_client_sees(f, CONTENT));
    wire_answer_and_close(f, "");
    assert_true(wire_client_sees(f, "data: {\"error\""));
    assert_true(loopback_receive_end(&f->client, &f->loop));
    assert_false(slice_ends_with(wire_received(f), SLICE("0\r\n\r\n")));
}

static void an_event_that_is_no_json_is_left_out_however_it_comes(void **state)
{
    static const char *const ends[] = {"\n\n", "\r\n\r\n", "\r\r"};
    struct wire *f = *state;
    start(f, CONFIG_WITH(CHAT_WITH("")), NULL);
    for (size_t i = 0; i < 3; i++) {
        char bad[128];
        ask_chat(f, STREAM);
        wire_take_request(f);
        wire_answer(f, EVENTS_HEAD);
        snprintf(bad, sizeof(bad), "data: {\"wrong\":%s" CONTENT, ends[i]);
        for (const char *at = bad; *at; at++) {
            loopback_send(&f->upstream, &f->loop, slice_of(at, 1));
        }
        assert_true(wire_client_sees(f, "\"a\"}}]}\n\n"));
        wire_answer_and_close(f, FINISH);
        assert_true(wire_client_sees(f, "\r\n0\r\n\r\n"));
        assert_false(wire_has_text(wire_received(f), "wrong"));
        wire_reconnect(f);
    }
}

// ---- budgets --------------------------------------------------------------------------------------------------------

static void retries_end_with_their_budget(void **state)
{
    struct wire *f = *state;
    start(f, CONFIG_WITH(CHAT_WITH("")), NULL);
    ask_chat(f, "");
    for (int i = 0; i < 3; i++) {
        answer_next(f, ERROR_WITH("503", ""));
    }
    assert_true(wire_client_sees(f, "said no"));
    assert_true(wire_has_text(wire_received(f), "HTTP/1.1 503 "));
    assert_true(wire_has_text(wire_received(f), "x-droid2api-attempts: 3\r\n"));
}

static void one_timer_runs_over_all_attempts(void **state)
{
    struct wire *f = *state;
    start(f, CONFIG_WITH(CHAT_WITH("")), "UPSTREAM_TOTAL_TIMEOUT_MS=100\nKEY_POOL_RETRY_DELAY_MS=10000");
    ask_chat(f, "");
    answer_next(f, ERROR_WITH("503", ""));
    assert_true(wire_client_sees(f, "HTTP/1.1 504 "));
}

// The proxies are played by the upstream.
static void each_way_is_tried_once(void **state)
{
    struct wire *f = *state;
    start(f,
          "{\"proxies\": [{\"name\": \"p\", \"url\": \"http://127.0.0.1:%u\"}, {\"name\": \"q\", \"url\": "
          "\"http://127.0.0.1:%u\"}], \"endpoint\": [{\"name\": \"e\", \"base_url\": \"http://other.invalid/v1\"}],"
          " \"models\": [" CHAT_WITH("") "]}",
          NULL);
    ask_chat(f, "");
    for (int i = 0; i < 2; i++) {
        assert_true(wire_has_text(wire_take_request(f), "CONNECT other.invalid:80 "));
        wire_answer(f, "HTTP/1.1 200 x\r\n\r\n");
        answer_next(
            f, "HTTP/1.1 403 x\r\ncontent-type: text/html\r\ncontent-length: 6\r\nconnection: close\r\n\r\n<html>");
    }
    assert_true(wire_client_sees(f, "HTTP/1.1 403 "));
    assert_true(wire_has_text(wire_received(f), "x-droid2api-attempts: 2\r\n"));
}

static void after_failures_in_a_row_one_finds_out_for_all(void **state)
{
    struct wire *f = *state;
    start(f,
          "{\"endpoint\": [" ENDPOINT
          "], \"models\": [" CHAT_WITH("") "], \"key_pool\": {\"retry\": {\"enabled\": false}}}",
          NULL);
    for (int i = 0; i < BREAKER_THRESHOLD; i++) {
        ask_chat(f, "");
        answer_next(f, ERROR_WITH("503", ""));
        assert_true(wire_client_sees(f, "said no"));
        wire_reconnect(f);
    }
    ask_chat(f, "");
    assert_true(wire_client_sees(f, "is not asked for the moment"));
    assert_true(wire_has_text(wire_received(f), "retry-after: 1\r\n"));
    int64_t until_ms = clock_wall_ms() + BREAKER_OPEN_MS + 1;
    assert_true(loopback_until(&f->loop, is_later, &until_ms));
    struct loopback_client second;
    loopback_connect(&second, f->port);
    wire_reconnect(f);
    ask_chat(f, "");
    wire_take_request(f);
    loopback_send(&second, &f->loop,
                  SLICE("POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\n" WIRE_KEY
                        "content-length: 16\r\n\r\n{\"model\":\"chat\"}"));
    assert_true(loopback_receive_text(&second, &f->loop, SLICE("HTTP/1.1 503 ")));
    loopback_close(&second);
    wire_answer_and_close(f, JSON_HEAD JSON_ANSWER);
    assert_true(wire_client_sees(f, JSON_ANSWER));
    ask_chat(f, "");
    answer_next(f, JSON_HEAD JSON_ANSWER);
}

// ---- leaving in every phase -----------------------------------------------------------------------------------------

enum phase { PHASE_ERROR, PHASE_PAUSE, PHASE_SECOND, PHASE_HELD, PHASE_LINE, N_PHASES };

static void reach(struct wire *f, enum phase phase)
{
    ask_chat(f, STREAM);
    wire_take_request(f);
    switch (phase) {
    case PHASE_ERROR: wire_answer(f, "HTTP/1.1 503 x\r\ncontent-length: 99\r\n\r\n{"); break;
    case PHASE_PAUSE: wire_answer_and_close(f, ERROR_WITH("503", "")); break;
    case PHASE_SECOND:
        wire_answer_and_close(f, ERROR_WITH("402", ""));
        wire_take_request(f);
        break;
    case PHASE_HELD: wire_answer(f, EVENTS_HEAD CONTENT); break;
    case PHASE_LINE:
        wire_answer_and_close(f, ERROR_WITH("429", "retry-after: 60\r\n"));
        answer_next(f, ERROR_WITH("429", "retry-after: 60\r\n"));
        break;
    case N_PHASES: break;
    }
    let_hearts_beat(f);
}

static void start_pool(struct wire *f)
{
    wire_add_keys(f, 3);
    start(f, HELD_BACK("-1"), "KEY_POOL_RETRY_DELAY_MS=5000\nPOOL_WAIT_MS=60000");
}

static bool holds_no_key(struct wire *f)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < 3; i++) {
        n += atomic_load(&key_of(&f->keys, i)->inflight);
    }
    return n == 0;
}

static void the_client_may_leave_between_attempts(void **state)
{
    struct wire *f = *state;
    start_pool(f);
    for (enum phase phase = 0; phase < N_PHASES; phase++) {
        reach(f, phase);
        assert_int_equal(gateway_n_inflight(f->gateway), 1);
        loopback_close(&f->client);
        assert_true(loopback_until(&f->loop, wire_is_idle, f));
        assert_true(holds_no_key(f));
        loopback_close(&f->upstream);
        loopback_connect(&f->client, f->port);
    }
    assert_int_equal(atomic_load(&key_of(&f->keys, 0)->success_requests), 0);
}

static void everything_can_be_broken_off_between_attempts(void **state)
{
    for (enum phase phase = 0; phase < N_PHASES; phase++) {
        struct wire *f = *state;
        start_pool(f);
        reach(f, phase);
        gateway_close(f->gateway);
        f->is_closed = true;
        assert_true(holds_no_key(f));
        if (phase + 1 < N_PHASES) {
            wire_tear_down(state);
            wire_set_up(state);
        }
    }
}

static void a_reload_between_attempts_disturbs_nothing(void **state)
{
    struct wire *f = *state;
    start(f, CONFIG_WITH(CHAT_WITH(", \"fallbacks\": [\"claude\"]") "," CLAUDE), NULL);
    ask_chat(f, "");
    wire_take_request(f);
    for (int i = 0; i < 3; i++) {
        wire_write_config(f, CONFIG_WITH(CLAUDE));
        gateway_set_config(f->gateway, config_fixture_load(f->config, NULL, false));
    }
    wire_answer_and_close(f, ERROR_WITH("503", ""));
    answer_next(f, JSON_HEAD CLAUDE_ANSWER);
    assert_true(wire_client_sees(f, "from claude"));
}

static void attempts_are_counted_once(void **state)
{
    struct wire *f = *state;
    start(f, CONFIG_WITH(CHAT_WITH("")), "KEY_POOL_RETRY_DELAY_MS=5000");
    ask_chat(f, "");
    answer_next(f, ERROR_WITH("503", ""));
    let_hearts_beat(f);
    loopback_close(&f->client);
    assert_true(loopback_until(&f->loop, wire_is_idle, f));
    loopback_connect(&f->client, f->port);
    loopback_send(&f->client, &f->loop, SLICE("GET /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"));
    assert_true(loopback_receive_end(&f->client, &f->loop));
    assert_true(wire_has_text(wire_received(f), "attempts_total{endpoint=\"e\",outcome=\"http_5xx\"} 1\n"));
    assert_false(wire_has_text(wire_received(f), "attempts_total{endpoint=\"e\",outcome=\"cancelled\"} 1\n"));
}

// More than is kept of it: it is judged by its beginning.
static void a_giant_error_is_judged_by_its_beginning(void **state)
{
    static char noise[HELD_MAX + 100];
    struct wire *f = *state;
    start(f, CONFIG_WITH(CHAT_WITH("")), NULL);
    memset(noise, ' ', sizeof(noise) - 1);
    for (int status = 503; status >= 400; status -= 103) {
        char head[128];
        snprintf(head, sizeof(head), "HTTP/1.1 %d x\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n",
                 status);
        ask_chat(f, "");
        wire_take_request(f);
        wire_answer(f, head);
        wire_answer(f, noise);
        if (status == 503) {
            loopback_close(&f->upstream);
            answer_next(f, JSON_HEAD JSON_ANSWER);
            assert_true(wire_client_sees(f, "HTTP/1.1 200 "));
        } else {
            wire_answer_and_close(f, "the end");
            assert_true(wire_client_sees(f, "the end"));
            assert_true(wire_has_text(wire_received(f), "HTTP/1.1 400 "));
        }
        assert_true(wire_client_sees(f, "\r\n0\r\n\r\n") || status == 503);
        wire_reconnect(f);
    }
}

static void a_missing_route_for_counting_is_no_failure(void **state)
{
    struct wire *f = *state;
    start(f, CONFIG_WITH("{\"id\": \"gpt\", \"type\": \"openai\", \"endpoint\": \"e\"}"), NULL);
    wire_ask(f, "/v1/messages/count_tokens", WIRE_KEY, "{\"model\":\"gpt\"," QUESTION "}");
    answer_next(f, ERROR_WITH("501", ""));
    assert_true(wire_client_sees(f, "\"input_tokens\":"));
    assert_true(wire_has_text(wire_received(f), "x-droid2api-attempts: 1\r\n"));
}

static void on_drained(void *arg)
{
    struct wire *f = arg;
    f->is_drained = true;
    gateway_close(f->gateway);
    f->is_closed = true;
}

static bool is_drained(void *arg)
{
    return ((struct wire *)arg)->is_drained;
}

static void a_drain_waits_for_the_next_attempt(void **state)
{
    struct wire *f = *state;
    start(f, CONFIG_WITH(CHAT_WITH("")), "KEY_POOL_RETRY_DELAY_MS=50");
    ask_chat(f, "");
    answer_next(f, ERROR_WITH("503", ""));
    gateway_drain(f->gateway, on_drained, f);
    answer_next(f, JSON_HEAD JSON_ANSWER);
    assert_true(wire_client_sees(f, JSON_ANSWER));
    loopback_close(&f->client);
    assert_true(loopback_until(&f->loop, is_drained, f));
}

static void what_waits_in_line_is_served_by_the_key_that_comes_back(void **state)
{
    struct wire *f = *state;
    wire_add_keys(f, 2);
    start(f, CONFIG_WITH(CHAT_WITH("")), "POOL_WAIT_MS=5000");
    ask_chat(f, "");
    answer_next(f, ERROR_WITH("429", "retry-after: 1\r\n"));
    answer_next(f, ERROR_WITH("429", "retry-after: 1\r\n"));
    answer_next(f, JSON_HEAD JSON_ANSWER);
    assert_true(wire_client_sees(f, JSON_ANSWER));
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(atomic_load(&key_of(&f->keys, i)->inflight), 0);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, wire_set_up, wire_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(an_attempt_that_failed_makes_way_for_another),
        TEST(an_error_that_breaks_off_is_told_whole),
        TEST(an_error_that_ends_with_its_connection_is_told_whole),
        TEST(an_error_in_the_stream_is_told_at_once),
        TEST(a_fallback_may_speak_another_dialect),
        TEST(a_fallback_that_cannot_take_the_request_is_passed_over),
        TEST(no_key_of_the_pool_pays_for_another_credential),
        TEST(no_heartbeat_gets_into_an_answer_that_is_no_stream),
        TEST(after_a_heartbeat_the_next_attempt_goes_on_in_the_same_stream),
        TEST(after_a_heartbeat_every_failure_is_told_in_the_stream),
        TEST(gemini_arrays_leave_as_they_come),
        TEST(a_gemini_array_that_breaks_off_says_so),
        TEST(a_gemini_array_that_is_closed_is_whole),
        TEST(one_answer_to_who_wants_a_stream_may_be_replaced),
        TEST(a_failure_that_is_told_first_is_never_seen),
        TEST(a_failure_that_is_told_last_is_told_whole),
        TEST(an_error_with_a_good_status_is_a_failure),
        TEST(an_error_with_a_good_status_is_passed_on_at_last),
        TEST(a_comment_does_not_give_up_the_next_attempt),
        TEST(a_failure_that_is_told_late_is_no_success_of_the_key),
        TEST(a_stream_that_has_said_its_end_ends_well_whatever_follows),
        TEST(an_answer_held_as_a_whole_may_be_replaced),
        TEST(some_events_held_back_may_be_replaced),
        TEST(a_time_of_events_held_back_may_be_replaced),
        TEST(what_was_held_back_long_enough_leaves),
        TEST(an_event_that_is_no_json_is_left_out_however_it_comes),
        TEST(retries_end_with_their_budget),
        TEST(one_timer_runs_over_all_attempts),
        TEST(each_way_is_tried_once),
        TEST(after_failures_in_a_row_one_finds_out_for_all),
        TEST(the_client_may_leave_between_attempts),
        TEST(everything_can_be_broken_off_between_attempts),
        TEST(a_reload_between_attempts_disturbs_nothing),
        TEST(attempts_are_counted_once),
        TEST(a_giant_error_is_judged_by_its_beginning),
        TEST(a_missing_route_for_counting_is_no_failure),
        TEST(a_drain_waits_for_the_next_attempt),
        TEST(what_waits_in_line_is_served_by_the_key_that_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
