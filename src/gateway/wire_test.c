// SPDX-License-Identifier: MIT
// The gateway between a client and an upstream that are both played by hand on plain sockets: what each sees of the
// other's misbehaviour.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/socket.h>

#include "gateway/gate.h"
#include "gateway/wire_fixture.h"
#include "http/sse_parser.h"

// A configuration in which nothing is tried again, with more models.
static void write_config(struct wire *f, const char *more)
{
    char json[1024];
    snprintf(json, sizeof(json),
             "{\"endpoint\": [{\"name\": \"e\", \"base_url\": \"http://127.0.0.1:%%u/v1\",\n"
             " \"headers\": {\"OpenAI-Organization\": \"ours\"}}],\n"
             " \"models\": [{\"id\": \"chat\", \"type\": \"common\", \"endpoint\": \"e\"},\n"
             " {\"id\": \"claude\", \"type\": \"anthropic\", \"endpoint\": \"e\"},\n"
             " {\"id\": \"gemini\", \"type\": \"google\", \"endpoint\": \"e\"}%s],\n"
             " \"key_pool\": {\"retry\": {\"enabled\": false}}}",
             more);
    wire_write_config(f, json);
}

static int set_up(void **state)
{
    int r = wire_set_up(state);
    write_config(*state, "");
    return r;
}

static void ask_chat(struct wire *f)
{
    wire_ask(f, "/v1/chat/completions", WIRE_KEY, "{\"model\":\"chat\",\"stream\":true}");
}

// ---- towards the upstream -------------------------------------------------------------------------------------------

static void a_key_in_the_query_injects_no_header(void **state)
{
    struct wire *f = *state;
    wire_start(f, NULL);
    wire_ask(f, "/v1beta/models/gemini:generateContent?key=a%0d%0ax-injected:%20yes", "", "{}");
    assert_true(wire_client_sees(f, "HTTP/1.1 503 "));
    assert_true(wire_client_sees(f, "no_credentials") || wire_client_sees(f, "UNAVAILABLE"));
    assert_int_equal(f->upstream.fd, -1);
}

static void no_spelling_of_the_key_parameter_travels(void **state)
{
    struct wire *f = *state;
    wire_start(f, "FACTORY_API_KEY=key-one\nAPI_ACCESS_KEY=key-two");
    wire_ask(f, "/v1beta/models/gemini:generateContent?a=1&%6bey=key-two&b=2", "", "{}");
    struct slice head = wire_take_request(f);
    assert_true(wire_has_text(head, ":generateContent?a=1&b=2 HTTP/1.1\r\n"));
    assert_false(wire_has_text(head, "key-two"));
}

static void a_header_of_the_configuration_is_not_joined_by_the_clients(void **state)
{
    struct wire *f = *state;
    wire_start(f, NULL);
    wire_ask(f, "/v1/chat/completions", WIRE_KEY "openai-organization: theirs\r\nOpenAI-Project: p\r\n",
             "{\"model\":\"chat\"}");
    struct slice head = wire_take_request(f);
    assert_true(wire_has_text(head, "OpenAI-Organization: ours\r\n"));
    assert_true(wire_has_text(head, "OpenAI-Project: p\r\n"));
    assert_false(wire_has_text(head, "theirs"));
}

// Also the one of them that the gateway itself reads.
static void what_a_client_says_of_itself_travels(void **state)
{
    struct wire *f = *state;
    wire_start(f, NULL);
    wire_ask(f, "/v1/messages",
             WIRE_KEY "X-Claude-Code-Session-Id: s-1\r\nX-Claude-Code-Other: o\r\nsession_id: s-2\r\n",
             "{\"model\":\"claude\"}");
    struct slice head = wire_take_request(f);
    assert_true(wire_has_text(head, "X-Claude-Code-Session-Id: s-1\r\n"));
    assert_true(wire_has_text(head, "X-Claude-Code-Other: o\r\n"));
    assert_false(wire_has_text(head, "s-2"));
}

static void the_path_decides_whether_gemini_streams(void **state)
{
    struct wire *f = *state;
    wire_start(f, NULL);
    wire_ask(f, "/v1beta/models/gemini:generateContent", WIRE_KEY, "{\"stream\":true}");
    assert_true(wire_has_text(wire_take_request(f), "/models/gemini:generateContent HTTP/1.1\r\n"));
}

// ---- towards the client ---------------------------------------------------------------------------------------------

// Whatever the connection refuses by itself: no head at all, a length over the limit, a body that is malformed.
static void every_refusal_carries_a_request_id(void **state)
{
    static const struct {
        const char *request;
        const char *status;
        const char *id;
    } rows[] = {
        {"nonsense\r\n\r\n", "400", "-"},
        {"POST /v1/messages HTTP/1.1\r\nhost: a\r\nx-request-id: mine\r\ncontent-length: 99999999999\r\n\r\n", "413",
         "mine\r\n"},
        {"POST /v1/messages HTTP/1.1\r\nhost: a\r\nx-request-id: mine\r\ntransfer-encoding: chunked\r\n\r\nx\r\n",
         "400", "mine\r\n"},
    };
    struct wire *f = *state;
    wire_start(f, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char line[64];
        loopback_send(&f->client, &f->loop, slice_from_cstr(rows[i].request));
        assert_true(loopback_receive_end(&f->client, &f->loop));
        struct slice received = buf_slice(&f->client.received);
        assert_true(slice_starts_with(slice_after(received, 9), slice_from_cstr(rows[i].status)));
        snprintf(line, sizeof(line), "\r\nx-request-id: %s", rows[i].id[0] == '-' ? "" : rows[i].id);
        size_t at = slice_find(received, slice_from_cstr(line));
        assert_int_not_equal(at, SLICE_NOT_FOUND);
        assert_true(slice_find(slice_after(received, at + 1), SLICE("\r\nx-request-id:")) == SLICE_NOT_FOUND);
        assert_true(wire_has_text(received, "\r\ncontent-type: application/json\r\n"));
        loopback_close(&f->client);
        loopback_connect(&f->client, f->port);
    }
}

#define CONTENT "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n"

static void a_cut_stream_of_known_length_still_gets_its_error_event(void **state)
{
    struct wire *f = *state;
    wire_start(f, NULL);
    ask_chat(f);
    wire_take_request(f);
    wire_answer(f, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 53\r\n\r\n" CONTENT
                   "data: {}\n");
    assert_true(wire_client_sees(f, "ended early"));
    assert_true(loopback_receive_end(&f->client, &f->loop));
    assert_false(wire_has_text(buf_slice(&f->client.received), "content-length"));
    assert_false(slice_ends_with(buf_slice(&f->client.received), SLICE("0\r\n\r\n")));
}

// Nothing of the event that was cut is passed on.
static void an_error_event_is_no_part_of_an_event_that_was_cut(void **state)
{
    static const char *const ends[] = {"data: {\"choices\":1", "data: {}\n", ": comment", "event: x\n"};
    struct wire *f = *state;
    wire_start(f, NULL);
    for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
        char text[256];
        ask_chat(f);
        wire_take_request(f);
        snprintf(text, sizeof(text),
                 "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n" CONTENT "%s",
                 ends[i]);
        wire_answer(f, text);
        loopback_close(&f->upstream);
        assert_true(loopback_receive_end(&f->client, &f->loop));
        struct slice received = buf_slice(&f->client.received);
        size_t at = slice_find(received, SLICE(CONTENT));
        assert_int_not_equal(at, SLICE_NOT_FOUND);
        struct slice rest = slice_after(received, at + sizeof(CONTENT) - 1);
        assert_false(wire_has_text(rest, ends[i]));
        assert_true(wire_has_text(rest, "\r\ndata: {\"error\""));
        loopback_close(&f->client);
        loopback_connect(&f->client, f->port);
    }
}

static bool has_taken_all(void *arg)
{
    struct wire *f = arg;
    loopback_receive_bytes(&f->client, &f->loop, f->client.received.len + 1);
    return f->client.received.len > SSE_EVENT_MAX_DEFAULT;
}

static void an_error_event_is_no_part_of_a_giant_event_either(void **state)
{
    struct wire *f = *state;
    static char noise[65536];
    memset(noise, 'x', sizeof(noise));
    wire_start(f, NULL);
    ask_chat(f);
    wire_take_request(f);
    wire_answer(f, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 99999999\r\n\r\ndata: ");
    for (size_t sent = 0; sent <= SSE_EVENT_MAX_DEFAULT; sent += sizeof(noise)) {
        loopback_send(&f->upstream, &f->loop, slice_of(noise, sizeof(noise)));
        loopback_receive_bytes(&f->client, &f->loop, f->client.received.len + 1);
    }
    assert_true(loopback_until(&f->loop, has_taken_all, f));
    loopback_close(&f->upstream);
    assert_true(wire_client_sees(f, "\n\ndata: {\"error\""));
}

static void an_empty_stream_is_an_error_with_a_status(void **state)
{
    struct wire *f = *state;
    wire_start(f, NULL);
    ask_chat(f);
    wire_take_request(f);
    wire_answer(f, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 0\r\n\r\n");
    assert_true(wire_client_sees(f, "HTTP/1.1 502 "));
    assert_true(wire_client_sees(f, "upstream_truncated"));
}

static void headers_of_the_upstreams_connection_stay_there(void **state)
{
    struct wire *f = *state;
    wire_start(f, NULL);
    ask_chat(f);
    wire_take_request(f);
    wire_answer(f, "HTTP/1.1 200 OK\r\nconnection: keep-alive, X-Hop\r\nx-hop: 1\r\nx-end: 2\r\nconnection: x-too\r\n"
                   "X-Too: 3\r\nx-accel-buffering: yes\r\ncontent-type: text/event-stream\r\ncontent-length: 14\r\n\r\n"
                   "data: [DONE]\n\n");
    assert_true(wire_client_sees(f, "0\r\n\r\n"));
    struct slice received = buf_slice(&f->client.received);
    assert_true(wire_has_text(received, "x-end: 2\r\n"));
    assert_false(wire_has_text(received, "x-hop") || wire_has_text(received, "X-Too"));
    assert_true(wire_has_text(received, "x-accel-buffering: no\r\n"));
    assert_false(wire_has_text(received, "x-accel-buffering: yes"));
}

static void a_stream_to_an_old_client_ends_with_the_connection(void **state)
{
    static const struct {
        const char *body;
        bool is_complete;
    } rows[] = {{"data: [DONE]\n\n", true}, {CONTENT, false}};
    struct wire *f = *state;
    wire_start(f, NULL);
    for (size_t i = 0; i < 2; i++) {
        char text[256];
        static const char request[] = "POST /v1/chat/completions HTTP/1.0\r\nconnection: keep-alive\r\n" WIRE_KEY
                                      "content-length: 16\r\n\r\n{\"model\":\"chat\"}";
        loopback_send(&f->client, &f->loop, SLICE(request));
        wire_take_request(f);
        snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n%s", rows[i].body);
        wire_answer(f, text);
        loopback_close(&f->upstream);
        assert_true(loopback_receive_end(&f->client, &f->loop));
        assert_int_equal(f->client.was_reset, !rows[i].is_complete);
        assert_false(wire_has_text(buf_slice(&f->client.received), "chunked"));
        loopback_close(&f->client);
        loopback_connect(&f->client, f->port);
    }
}

static void a_short_body_that_is_cut_is_an_error_with_a_status(void **state)
{
    struct wire *f = *state;
    wire_start(f, NULL);
    ask_chat(f);
    wire_take_request(f);
    wire_answer(f, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 20\r\n\r\n{\"half\":");
    loopback_close(&f->upstream);
    assert_true(wire_client_sees(f, "HTTP/1.1 502 "));
    assert_true(wire_client_sees(f, "upstream_truncated"));
    assert_false(wire_has_text(buf_slice(&f->client.received), "half"));
}

static void a_long_body_that_is_cut_is_short_for_the_client_too(void **state)
{
    struct wire *f = *state;
    static char text[GATE_JSON_MAX + 16];
    wire_start(f, NULL);
    ask_chat(f);
    wire_take_request(f);
    memset(text, 'x', sizeof(text));
    text[0] = '"';
    wire_answer(f, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999999\r\n\r\n");
    loopback_send(&f->upstream, &f->loop, slice_of(text, sizeof(text)));
    assert_true(wire_client_sees(f, "\r\n\r\n\"xxx"));
    loopback_close(&f->upstream);
    assert_true(loopback_receive_end(&f->client, &f->loop));
    assert_true(f->client.received.len < 999999);
    assert_true(slice_ends_with(buf_slice(&f->client.received), SLICE("xxx")));
}

static void heartbeats_do_not_pile_up_for_a_client_that_does_not_read(void **state)
{
    struct wire *f = *state;
    enum { EVENT = 60000, N_EVENTS = 400 };
    static char event[EVENT];
    memset(event, 'x', sizeof(event));
    memcpy(event, "data: ", 6);
    memcpy(event + EVENT - 2, "\n\n", 2);
    wire_start(f, "STREAM_KEEPALIVE_MS=20");
    wire_ask(f, "/v1/messages", WIRE_KEY, "{\"model\":\"claude\",\"stream\":true}");
    wire_take_request(f);
    wire_answer(f, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n");
    for (int i = 0; i < N_EVENTS; i++) {
        if (send(f->upstream.fd, event, EVENT, MSG_DONTWAIT | MSG_NOSIGNAL) != EVENT) {
            break;
        }
        for (int turn = 0; turn < 5; turn++) {
            uv_run(&f->loop.uv, UV_RUN_NOWAIT);
        }
    }
    uint64_t before = uv_now(&f->loop.uv);
    while (uv_now(&f->loop.uv) - before < 1000) {
        uv_run(&f->loop.uv, UV_RUN_ONCE);
    }
    loopback_close(&f->upstream);
    assert_true(loopback_receive_end(&f->client, &f->loop));
    size_t n_pings = 0;
    struct slice rest = buf_slice(&f->client.received);
    rest = slice_after(rest, slice_find(rest, SLICE("data: xxx"))); // before that there was silence
    for (size_t at; (at = slice_find(rest, SLICE("event: ping"))) != SLICE_NOT_FOUND; n_pings++) {
        rest = slice_after(rest, at + 1);
    }
    assert_true(f->client.received.len > 1000000);
    assert_true(n_pings < 10); // one every 20 ms would be 50; a few come in while the events are being written
}

// ---- leaving, reloading and stopping in every phase -----------------------------------------------------------------

enum phase { PHASE_BODY, PHASE_CONNECTING, PHASE_HEAD, PHASE_STREAM, PHASE_PAUSED, N_PHASES };

static void reach(struct wire *f, enum phase phase)
{
    if (phase == PHASE_BODY) {
        loopback_send(&f->client, &f->loop,
                      SLICE("POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\n" WIRE_KEY "content-length: 9\r\n\r\n{"));
        return;
    }
    if (phase == PHASE_CONNECTING) {
        wire_ask(f, "/v1/chat/completions", WIRE_KEY, "{\"model\":\"nowhere\"}");
        return;
    }
    ask_chat(f);
    wire_take_request(f);
    if (phase == PHASE_HEAD) {
        return;
    }
    wire_answer(f, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" CONTENT);
    assert_true(wire_client_sees(f, CONTENT));
    if (phase == PHASE_PAUSED) {
        static char noise[65536];
        memset(noise, ':', sizeof(noise));
        for (int i = 0; i < 400 && send(f->upstream.fd, noise, sizeof(noise), MSG_DONTWAIT | MSG_NOSIGNAL) > 0; i++) {
            uv_run(&f->loop.uv, UV_RUN_NOWAIT);
        }
    }
}

// A name that takes time to be resolved, and a port where nobody answers.
static void start_with_nowhere(struct wire *f)
{
    wire_write_config(f, "{\"endpoint\": [{\"name\": \"e\", \"base_url\": \"http://127.0.0.1:%u/v1\"},"
                         " {\"name\": \"n\", \"base_url\": \"http://nowhere.invalid/v1\"}],"
                         " \"models\": [{\"id\": \"chat\", \"type\": \"common\", \"endpoint\": \"e\"},"
                         " {\"id\": \"nowhere\", \"type\": \"common\", \"endpoint\": \"n\"}],"
                         " \"key_pool\": {\"retry\": {\"enabled\": false}}}");
    wire_start(f, NULL);
}

static void the_client_may_leave_in_every_phase(void **state)
{
    struct wire *f = *state;
    start_with_nowhere(f);
    for (enum phase phase = PHASE_BODY; phase < N_PHASES; phase++) {
        for (int with_reset = 0; with_reset < 2; with_reset++) {
            reach(f, phase);
            struct linger now = {.l_onoff = with_reset};
            setsockopt(f->client.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
            loopback_close(&f->client);
            assert_true(loopback_until(&f->loop, wire_is_idle, f));
            loopback_close(&f->upstream);
            loopback_connect(&f->client, f->port);
        }
    }
}

static void a_reload_disturbs_no_request(void **state)
{
    struct wire *f = *state;
    wire_start(f, NULL);
    ask_chat(f);
    wire_take_request(f);
    for (int i = 0; i < 3; i++) {
        write_config(f, i % 2 ? "" : ", {\"id\": \"more\", \"type\": \"common\", \"endpoint\": \"e\"}");
        gateway_set_config(f->gateway, config_fixture_load(f->config, NULL, false));
    }
    wire_answer(f, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: [DONE]\n\n");
    loopback_close(&f->upstream);
    assert_true(wire_client_sees(f, "0\r\n\r\n"));
}

static void on_drained(void *arg)
{
    struct wire *f = arg;
    f->is_drained = true;
    gateway_close(f->gateway); // as the process does
    f->is_closed = true;
}

static bool is_drained(void *arg)
{
    return ((struct wire *)arg)->is_drained;
}

static void a_drain_waits_for_the_stream(void **state)
{
    struct wire *f = *state;
    wire_start(f, NULL);
    reach(f, PHASE_STREAM);
    gateway_drain(f->gateway, on_drained, f);
    wire_answer(f, "data: [DONE]\n\n");
    assert_false(f->is_drained);
    loopback_close(&f->upstream);
    assert_true(wire_client_sees(f, "\r\n0\r\n\r\n"));
    assert_true(loopback_receive_end(&f->client, &f->loop));
    loopback_close(&f->client);
    assert_true(loopback_until(&f->loop, is_drained, f));
}

static void everything_can_be_broken_off(void **state)
{
    for (enum phase phase = PHASE_BODY; phase < N_PHASES; phase++) {
        struct wire *f = *state;
        start_with_nowhere(f);
        reach(f, phase);
        gateway_drain(f->gateway, on_drained, f);
        assert_false(f->is_drained);
        gateway_close(f->gateway);
        f->is_closed = true;
        if (phase + 1 < N_PHASES) {
            wire_tear_down(state);
            set_up(state);
        }
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, wire_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_key_in_the_query_injects_no_header),
        TEST(no_spelling_of_the_key_parameter_travels),
        TEST(a_header_of_the_configuration_is_not_joined_by_the_clients),
        TEST(what_a_client_says_of_itself_travels),
        TEST(the_path_decides_whether_gemini_streams),
        TEST(every_refusal_carries_a_request_id),
        TEST(a_cut_stream_of_known_length_still_gets_its_error_event),
        TEST(an_error_event_is_no_part_of_an_event_that_was_cut),
        TEST(an_error_event_is_no_part_of_a_giant_event_either),
        TEST(an_empty_stream_is_an_error_with_a_status),
        TEST(headers_of_the_upstreams_connection_stay_there),
        TEST(a_stream_to_an_old_client_ends_with_the_connection),
        TEST(a_short_body_that_is_cut_is_an_error_with_a_status),
        TEST(a_long_body_that_is_cut_is_short_for_the_client_too),
        TEST(heartbeats_do_not_pile_up_for_a_client_that_does_not_read),
        TEST(the_client_may_leave_in_every_phase),
        TEST(a_reload_disturbs_no_request),
        TEST(a_drain_waits_for_the_stream),
        TEST(everything_can_be_broken_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
