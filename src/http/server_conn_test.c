// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/server_conn.h"
#include "kit/loopback.h"
#include "net/stream.h"

// A server whose answers the target chooses: /echo the body, /early refuses at the head, /chunks in three pieces,
// /wait answers when the test says so, /break in the middle, /big more than a socket holds.
struct fixture {
    struct loop loop;
    struct http_server *server;
    struct loopback_client client;
    struct server_exchange *waiting; // of /wait
    unsigned n_heads;
    unsigned n_requests;
    unsigned n_finished;
    unsigned n_aborted;
    unsigned n_drains;
    uint16_t port;
    bool is_drained;
};

static const struct slice plain = SLICE_INIT("content-type: text/plain\r\n");
enum { BIG = 8 * 1024 * 1024 };

static void on_head(void *arg, struct server_exchange *ex)
{
    ((struct fixture *)arg)->n_heads++;
    if (slice_eq(ex->req.target, SLICE("/early"))) {
        server_respond(ex, 401, plain, SLICE("early"));
    }
}

static void answer_chunks(struct server_exchange *ex)
{
    server_start(ex, 200, plain, H1_NO_LENGTH);
    server_write(ex, SLICE("one"), false);
    server_write(ex, SLICE("two"), false);
    server_write(ex, SLICE("three"), true);
}

static void answer_big(struct server_exchange *ex)
{
    static char big[BIG];
    memset(big, 'b', sizeof(big));
    server_start(ex, 200, plain, BIG);
    server_write(ex, slice_of(big, sizeof(big)), true);
}

static void on_request(void *arg, struct server_exchange *ex)
{
    struct fixture *f = arg;
    struct slice target = ex->req.target;
    f->n_requests++;
    if (slice_eq(target, SLICE("/chunks"))) {
        answer_chunks(ex);
    } else if (slice_eq(target, SLICE("/wait"))) {
        f->waiting = ex;
    } else if (slice_eq(target, SLICE("/break"))) {
        server_start(ex, 200, plain, H1_NO_LENGTH);
        server_write(ex, SLICE("half"), false);
        server_break(ex);
    } else if (slice_eq(target, SLICE("/big"))) {
        answer_big(ex);
    } else {
        server_respond(ex, 200, plain, ex->body.len ? ex->body : SLICE("empty"));
    }
}

static void on_drain(void *arg, struct server_exchange *ex)
{
    (void)ex;
    ((struct fixture *)arg)->n_drains++;
}

static void on_finished(void *arg, struct server_exchange *ex)
{
    (void)ex;
    ((struct fixture *)arg)->n_finished++;
}

static void on_abort(void *arg, struct server_exchange *ex)
{
    struct fixture *f = arg;
    f->n_aborted++;
    f->waiting = f->waiting == ex ? NULL : f->waiting;
}

static const struct http_server_handler handler = {on_head, on_request, on_drain, on_finished, on_abort, NULL};

static struct http_server_limits test_limits(void)
{
    struct http_server_limits limits = http_server_limits_default;
    limits.body_max = 1000000;
    limits.connections_max = 20;
    return limits;
}

static void start(struct fixture *f, const struct http_server_limits *limits)
{
    *f = (struct fixture){.client = {.fd = -1}};
    loop_init(&f->loop);
    f->server = http_server_new(&f->loop, limits, &handler, f);
    http_server_listen_take(f->server, loopback_listen(&f->port));
    loopback_connect(&f->client, f->port);
}

static void stop(struct fixture *f)
{
    http_server_abort_all(f->server);
    loop_deinit(&f->loop);
    http_server_free(f->server);
    loopback_close(&f->client);
}

static int set_up(void **state)
{
    static struct fixture f;
    struct http_server_limits limits = test_limits();
    start(&f, &limits);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    stop(*state);
    return 0;
}

static bool ask(struct fixture *f, const char *request, const char *expected)
{
    loopback_send(&f->client, &f->loop, slice_from_cstr(request));
    return loopback_receive_text(&f->client, &f->loop, slice_from_cstr(expected));
}

// ---- what must be refused
// ---------------------------------------------------------------------------------------------

static const struct {
    const char *request;
    const char *status;
} refused[] = {
    {"GET / HTTP/1.1\nHost: a\r\n\r\n", "400"},
    {"GET /\r\n\r\n", "400"},
    {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", "505"},
    {"GET / HTTP/1.1\r\n\r\n", "400"},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", "400"},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", "400"},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\n", "400"},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "400"},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400"},
    {"POST / HTTP/1.1\r\nHost : a\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", "400"},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000001\r\n\r\n", "413"},
};

static void malformed_requests_get_an_error_and_the_connection_closes(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
        struct loopback_client client;
        loopback_connect(&client, f->port);
        loopback_send(&client, &f->loop, slice_from_cstr(refused[i].request));
        loopback_send(&client, &f->loop, SLICE("GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"));
        shutdown(client.fd, SHUT_WR);
        assert_true(loopback_receive_end(&client, &f->loop));
        struct slice answer = buf_slice(&client.received);
        assert_true(slice_starts_with(slice_after(answer, 9), slice_from_cstr(refused[i].status)));
        // One answer, and nothing behind it.
        assert_true(slice_find(slice_after(answer, 12), SLICE("HTTP/1.1 ")) == SLICE_NOT_FOUND);
        loopback_close(&client);
    }
    assert_int_equal(f->n_requests, 0);
}

static void a_chunked_body_over_the_limit_is_413(void **state)
{
    struct fixture *f = *state;
    static char megabyte[1000001];
    memset(megabyte, 'x', sizeof(megabyte));
    loopback_send(&f->client, &f->loop,
                  SLICE("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nf4241\r\n"));
    loopback_send(&f->client, &f->loop, slice_of(megabyte, sizeof(megabyte)));
    assert_true(loopback_receive_text(&f->client, &f->loop, SLICE("HTTP/1.1 413")));
    assert_int_equal(f->n_requests, 0);
}

static void too_many_connections_are_503(void **state)
{
    struct fixture *f = *state;
    struct loopback_client clients[20];
    for (size_t i = 0; i < 20; i++) {
        loopback_connect(&clients[i], f->port);
    }
    // The first connection of the fixture and nineteen of these fit.
    assert_true(loopback_receive_text(&clients[19], &f->loop, SLICE("HTTP/1.1 503")));
    assert_true(loopback_receive_text(&clients[19], &f->loop, SLICE("retry-after: ")));
    assert_int_equal(clients[0].received.len, 0);
    for (size_t i = 0; i < 20; i++) {
        loopback_close(&clients[i]);
    }
}

// ---- time-outs
// --------------------------------------------------------------------------------------------------------

static void slow_clients_run_into_their_time_outs(void **state)
{
    (void)state;
    static const struct {
        const char *sent;
        const char *expected; // empty: closed without a word
    } rows[] = {
        {"", ""},
        {"GET / HTTP/1.1\r\nHo", "HTTP/1.1 408"},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc", "HTTP/1.1 408"},
    };
    struct http_server_limits limits = test_limits();
    limits.header_timeout_ms = limits.idle_timeout_ms = limits.body_timeout_ms = 30;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct fixture f;
        start(&f, &limits);
        loopback_send(&f.client, &f.loop, slice_from_cstr(rows[i].sent));
        assert_true(loopback_receive_text(&f.client, &f.loop, slice_from_cstr(rows[i].expected)));
        shutdown(f.client.fd, SHUT_WR);
        assert_true(loopback_receive_end(&f.client, &f.loop));
        stop(&f);
    }
}

static void a_client_that_does_not_read_is_given_up(void **state)
{
    (void)state;
    struct fixture f;
    struct http_server_limits limits = test_limits();
    limits.send_timeout_ms = 50;
    start(&f, &limits);
    loopback_send(&f.client, &f.loop, SLICE("GET /big HTTP/1.1\r\nHost: a\r\n\r\n"));
    while (http_server_n_connections(f.server)) {
        uv_run(&f.loop.uv, UV_RUN_ONCE);
    }
    assert_int_equal(f.n_requests, 1);
    stop(&f);
}

// Reads all of a big answer at a slow pace. *stall_ms_r: the longest time that this test itself was held up.
static size_t read_slowly(struct fixture *f, uint64_t *stall_ms_r)
{
    static char piece[64 * 1024];
    size_t n_received = 0;
    uint64_t before = clock_monotonic_ns();
    *stall_ms_r = 0;
    for (ssize_t n = 1; n != 0 && n_received < BIG;) {
        uv_run(&f->loop.uv, UV_RUN_NOWAIT);
        usleep(5000);
        n = recv(f->client.fd, piece, sizeof(piece), MSG_DONTWAIT);
        n_received += n > 0 ? (size_t)n : 0;
        uint64_t now = clock_monotonic_ns();
        uint64_t took_ms = (now - before) / 1000000;
        *stall_ms_r = took_ms > *stall_ms_r ? took_ms : *stall_ms_r;
        before = now;
    }
    return n_received;
}

// Longer than the time-out in all; the kernel, which holds megabytes, lets the server on in shorter steps. On a
// machine that stops for a while they are not: then it says nothing, and is done again.
static void a_client_that_reads_slowly_is_not(void **state)
{
    (void)state;
    enum { STALL_MS = 15, TRIES = 20 };
    struct http_server_limits limits = test_limits();
    limits.send_timeout_ms = 400;
    for (int i = 0; i < TRIES; i++) {
        struct fixture f;
        uint64_t stall_ms;
        start(&f, &limits);
        loopback_send(&f.client, &f.loop, SLICE("GET /big HTTP/1.1\r\nHost: a\r\n\r\n"));
        bool is_whole = read_slowly(&f, &stall_ms) >= BIG && f.n_aborted == 0;
        stop(&f);
        if (is_whole) {
            return;
        }
        assert_true(stall_ms > STALL_MS);
    }
    fail_msg("the machine never let it run");
}

// ---- what must work
// ---------------------------------------------------------------------------------------------------

static void requests_split_at_every_byte_are_the_same(void **state)
{
    struct fixture *f = *state;
    static const char *const requests[] = {
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nT: "
        "v\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
        struct slice request = slice_from_cstr(requests[i]);
        for (size_t at = 1; at < request.len; at++) {
            buf_clear(&f->client.received);
            loopback_send(&f->client, &f->loop, slice_of(request.ptr, at));
            loopback_send(&f->client, &f->loop, slice_after(request, at));
            assert_true(loopback_receive_text(&f->client, &f->loop, SLICE("content-length: 5\r\n\r\nhello")));
        }
    }
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct fixture *f = *state;
    loopback_send(&f->client, &f->loop,
                  SLICE("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n111"
                        "GET /chunks HTTP/1.1\r\nHost: a\r\n\r\n"
                        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n333"));
    assert_true(loopback_receive_text(&f->client, &f->loop, SLICE("333")));
    struct slice all = buf_slice(&f->client.received);
    size_t first = slice_find(all, SLICE("\r\n\r\n111"));
    size_t second = slice_find(all, SLICE("3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n"));
    assert_true(first != SLICE_NOT_FOUND && second != SLICE_NOT_FOUND && first < second);
    assert_int_equal(f->n_finished, 3);
}

static void pipelined_behind_a_waiting_request(void **state)
{
    struct fixture *f = *state;
    loopback_send(&f->client, &f->loop,
                  SLICE("GET /wait HTTP/1.1\r\nHost: a\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n"));
    while (!f->waiting) {
        uv_run(&f->loop.uv, UV_RUN_ONCE);
    }
    assert_int_equal(f->n_requests, 1);
    server_respond(f->waiting, 200, plain, SLICE("waited"));
    assert_true(loopback_receive_text(&f->client, &f->loop, SLICE("empty")));
    assert_int_equal(f->n_requests, 2);
}

static void http_1_0_is_answered_without_chunks_and_closed(void **state)
{
    struct fixture *f = *state;
    assert_true(ask(f, "GET /chunks HTTP/1.0\r\n\r\n", "onetwothree"));
    assert_true(loopback_receive_end(&f->client, &f->loop));
    assert_true(slice_find(buf_slice(&f->client.received), SLICE("chunked")) == SLICE_NOT_FOUND);
}

static void http_1_0_may_keep_alive(void **state)
{
    struct fixture *f = *state;
    assert_true(ask(f, "GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "connection: keep-alive"));
    assert_true(ask(f, "POST /echo HTTP/1.0\r\nContent-Length: 6\r\n\r\nsecond", "second"));
}

static void head_gets_the_head_only(void **state)
{
    struct fixture *f = *state;
    assert_true(ask(f, "HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n", "content-length: 5\r\n\r\n"));
    buf_clear(&f->client.received);
    assert_true(ask(f, "HEAD /chunks HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\n"));
    assert_true(slice_ends_with(buf_slice(&f->client.received), SLICE("\r\n\r\n")));
    buf_clear(&f->client.received);
    assert_true(ask(f, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n", "empty"));
}

static void expect_continue_is_answered_before_the_body(void **state)
{
    struct fixture *f = *state;
    assert_true(ask(f, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n",
                    "HTTP/1.1 100 Continue\r\n\r\n"));
    assert_true(ask(f, "body", "\r\n\r\nbody"));
}

static void a_refused_head_gets_no_100_and_no_body(void **state)
{
    struct fixture *f = *state;
    assert_true(
        ask(f, "POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n", "early"));
    assert_true(slice_starts_with(buf_slice(&f->client.received), SLICE("HTTP/1.1 401")));
    assert_true(slice_find(buf_slice(&f->client.received), SLICE("connection: close")) != SLICE_NOT_FOUND);
    assert_true(loopback_receive_end(&f->client, &f->loop));
    assert_int_equal(f->n_requests, 0);
    assert_int_equal(f->n_finished, 1);
}

// The client is still sending when the refusal comes: it must be able to read it.
static void an_early_answer_survives_a_large_upload(void **state)
{
    struct fixture *f = *state;
    static char upload[900000];
    loopback_send(&f->client, &f->loop, SLICE("POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n"));
    loopback_send(&f->client, &f->loop, slice_of(upload, sizeof(upload)));
    assert_true(loopback_receive_text(&f->client, &f->loop, SLICE("early")));
    assert_true(loopback_receive_end(&f->client, &f->loop));
    assert_false(f->client.was_reset);
}

static void a_half_closed_client_that_said_close_gets_its_answer(void **state)
{
    struct fixture *f = *state;
    loopback_send(&f->client, &f->loop, SLICE("GET /wait HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    shutdown(f->client.fd, SHUT_WR);
    while (!f->waiting) {
        uv_run(&f->loop.uv, UV_RUN_ONCE);
    }
    for (int i = 0; i < 20; i++) {
        uv_run(&f->loop.uv, UV_RUN_NOWAIT);
    }
    assert_int_equal(f->n_aborted, 0);
    server_respond(f->waiting, 200, plain, SLICE("answer"));
    assert_true(loopback_receive_text(&f->client, &f->loop, SLICE("answer")));
    assert_true(loopback_receive_end(&f->client, &f->loop));
}

static bool is_aborted(void *arg)
{
    return ((struct fixture *)arg)->n_aborted > 0;
}

static bool has_finished(void *arg)
{
    return ((struct fixture *)arg)->n_finished > 0;
}

static bool has_no_connections(void *arg)
{
    return http_server_n_connections(((struct fixture *)arg)->server) == 0;
}

// The answer is out of the handler's hands and waits for the client, which says meanwhile that nothing more will come.
static void a_client_that_half_closes_before_a_large_response_is_out_gets_all_of_it(void **state)
{
    struct fixture *f = *state;
    loopback_send(&f->client, &f->loop, SLICE("GET /big HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(loopback_until(&f->loop, has_finished, f));
    shutdown(f->client.fd, SHUT_WR);
    assert_true(loopback_receive_bytes(&f->client, &f->loop, BIG));
    assert_true(loopback_receive_end(&f->client, &f->loop));
    assert_true(loopback_until(&f->loop, has_no_connections, f));
}

static void a_client_that_leaves_aborts_its_exchange(void **state)
{
    struct fixture *f = *state;
    loopback_send(&f->client, &f->loop, SLICE("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"));
    while (!f->waiting) {
        uv_run(&f->loop.uv, UV_RUN_ONCE);
    }
    close(f->client.fd);
    f->client.fd = -1;
    assert_true(loopback_until(&f->loop, is_aborted, f));
    assert_int_equal(f->n_finished, 0);
}

static void it_is_noticed_behind_pipelined_requests_too(void **state)
{
    struct fixture *f = *state;
    loopback_send(&f->client, &f->loop,
                  SLICE("GET /wait HTTP/1.1\r\nHost: a\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n"));
    while (!f->waiting) {
        uv_run(&f->loop.uv, UV_RUN_ONCE);
    }
    close(f->client.fd);
    f->client.fd = -1;
    assert_true(loopback_until(&f->loop, is_aborted, f));
    assert_int_equal(f->n_requests, 1);
}

static void a_broken_response_has_no_proper_end(void **state)
{
    struct fixture *f = *state;
    assert_true(ask(f, "GET /break HTTP/1.1\r\nHost: a\r\n\r\n", "4\r\nhalf\r\n"));
    assert_true(loopback_receive_end(&f->client, &f->loop));
    assert_true(slice_ends_with(buf_slice(&f->client.received), SLICE("half\r\n")));
    assert_int_equal(f->n_finished, 1);
}

static void a_broken_response_without_framing_is_reset(void **state)
{
    struct fixture *f = *state;
    loopback_send(&f->client, &f->loop, SLICE("GET /break HTTP/1.0\r\n\r\n"));
    assert_true(loopback_receive_end(&f->client, &f->loop));
    assert_true(f->client.was_reset);
}

static void a_large_response_arrives_whole(void **state)
{
    struct fixture *f = *state;
    assert_true(ask(f, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\n"));
    size_t head = slice_find(buf_slice(&f->client.received), SLICE("\r\n\r\n")) + 4;
    assert_true(loopback_receive_bytes(&f->client, &f->loop, head + BIG));
    assert_int_equal(f->client.received.len, head + BIG);
    buf_clear(&f->client.received);
    assert_true(ask(f, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n", "empty"));
}

static void on_drained(void *arg)
{
    ((struct fixture *)arg)->is_drained = true;
}

static bool is_drained(void *arg)
{
    return ((struct fixture *)arg)->is_drained;
}

static void draining_lets_a_response_finish(void **state)
{
    struct fixture *f = *state;
    struct loopback_client idle;
    loopback_connect(&idle, f->port);
    loopback_send(&f->client, &f->loop, SLICE("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"));
    while (!f->waiting || http_server_n_connections(f->server) < 2) {
        uv_run(&f->loop.uv, UV_RUN_ONCE);
    }
    http_server_drain(f->server, on_drained, f);
    assert_true(loopback_receive_end(&idle, &f->loop));
    assert_false(f->is_drained);
    server_respond(f->waiting, 200, plain, SLICE("last"));
    assert_true(loopback_receive_text(&f->client, &f->loop, SLICE("last")));
    assert_true(loopback_receive_end(&f->client, &f->loop));
    close(f->client.fd);
    f->client.fd = -1;
    assert_true(loopback_until(&f->loop, is_drained, f));
    loopback_close(&idle);
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVER(malformed_requests_get_an_error_and_the_connection_closes),
        WITH_SERVER(a_chunked_body_over_the_limit_is_413),
        WITH_SERVER(too_many_connections_are_503),
        cmocka_unit_test(slow_clients_run_into_their_time_outs),
        cmocka_unit_test(a_client_that_does_not_read_is_given_up),
        cmocka_unit_test(a_client_that_reads_slowly_is_not),
        WITH_SERVER(requests_split_at_every_byte_are_the_same),
        WITH_SERVER(pipelined_requests_are_answered_in_order),
        WITH_SERVER(pipelined_behind_a_waiting_request),
        WITH_SERVER(http_1_0_is_answered_without_chunks_and_closed),
        WITH_SERVER(http_1_0_may_keep_alive),
        WITH_SERVER(head_gets_the_head_only),
        WITH_SERVER(expect_continue_is_answered_before_the_body),
        WITH_SERVER(a_refused_head_gets_no_100_and_no_body),
        WITH_SERVER(an_early_answer_survives_a_large_upload),
        WITH_SERVER(a_half_closed_client_that_said_close_gets_its_answer),
        WITH_SERVER(a_client_that_half_closes_before_a_large_response_is_out_gets_all_of_it),
        WITH_SERVER(a_client_that_leaves_aborts_its_exchange),
        WITH_SERVER(it_is_noticed_behind_pipelined_requests_too),
        WITH_SERVER(a_broken_response_has_no_proper_end),
        WITH_SERVER(a_broken_response_without_framing_is_reset),
        WITH_SERVER(a_large_response_arrives_whole),
        WITH_SERVER(draining_lets_a_response_finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
