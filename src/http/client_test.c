// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/client.h"
#include "kit/loopback.h"

// An upstream played by hand: the test accepts and answers on plain sockets.
struct fixture {
    struct loop loop;
    struct http_client *client;
    struct client_origin *origin;
    struct client_call call;
    int listener;
    uint16_t port;
    unsigned status;
    unsigned n_heads;
    struct buf body;
    bool is_complete;
    bool calls_again; // from inside on_body
    bool pauses;      // from inside on_body
    bool has_failed;
    enum client_failure failure;
};

static struct fixture *fixture_of(struct client_call *call)
{
    return CONTAINER_OF(call, struct fixture, call);
}

static void on_head(struct client_call *call, const struct h1_response *resp)
{
    fixture_of(call)->status = resp->status;
    fixture_of(call)->n_heads++;
}

static void call_once_more(struct fixture *f);

static void on_body(struct client_call *call, char *bytes, size_t len, bool last)
{
    struct fixture *f = fixture_of(call);
    buf_append(&f->body, slice_of(bytes, len));
    f->is_complete = last;
    if (f->pauses) {
        client_call_pause(call);
    }
    if (last && f->calls_again) {
        call_once_more(f);
    }
}

static void on_fail(struct client_call *call, enum client_failure failure, const char *detail)
{
    assert_non_null(detail);
    fixture_of(call)->has_failed = true;
    fixture_of(call)->failure = failure;
}

static const struct client_call_events events = {on_head, on_body, on_fail};

static int set_up(void **state)
{
    static struct fixture f;
    f = (struct fixture){0};
    loop_init(&f.loop);
    f.client = http_client_new(&f.loop, &http_client_limits_default);
    f.listener = loopback_listen(&f.port);
    struct http_origin origin = {.host = SLICE("127.0.0.1"), .port = f.port};
    f.origin = http_client_origin(f.client, &origin);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    client_call_cancel(&f->call);
    http_client_close(f->client);
    loop_deinit(&f->loop);
    http_client_free(f->client);
    buf_deinit(&f->body);
    if (f->listener >= 0) {
        close(f->listener);
    }
    return 0;
}

static void call_with(struct fixture *f, const struct client_request *given)
{
    struct client_request req = *given;
    req.origin = req.origin ? req.origin : f->origin;
    req.method = HTTP_POST;
    req.head = req.head.len ? req.head : SLICE("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n");
    f->is_complete = f->has_failed = false;
    f->status = 0;
    buf_clear(&f->body);
    client_call_start(f->client, &f->call, &req, &events);
}

static void call(struct fixture *f)
{
    call_with(f, &(struct client_request){0});
}

static void call_once_more(struct fixture *f)
{
    f->calls_again = false;
    call(f);
}

static int try_accept(int listener)
{
    return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
}

static bool has_connection(void *arg)
{
    struct loopback_client *upstream = arg;
    upstream->fd = upstream->fd >= 0 ? upstream->fd : try_accept((int)upstream->received.cap);
    return upstream->fd >= 0;
}

// Accepts the next connection and reads the head of a request from it.
static struct loopback_client accept_request(struct fixture *f)
{
    struct loopback_client upstream = {.fd = -1, .received = {.cap = (size_t)f->listener}};
    assert_true(loopback_until(&f->loop, has_connection, &upstream));
    upstream.received = BUF_EMPTY;
    assert_true(loopback_receive_text(&upstream, &f->loop, SLICE("\r\n\r\n")));
    return upstream;
}

static bool is_over(void *arg)
{
    struct fixture *f = arg;
    return f->is_complete || f->has_failed;
}

static void finish(struct fixture *f)
{
    assert_true(loopback_until(&f->loop, is_over, f));
}

static void expect_failure(struct fixture *f, enum client_failure failure)
{
    finish(f);
    assert_true(f->has_failed);
    assert_int_equal(f->failure, failure);
    assert_int_equal(http_client_count(f->client).n_busy, 0);
}

// ---- failures -------------------------------------------------------------------------------------------------------

static void a_closed_port_is_a_connect_failure(void **state)
{
    struct fixture *f = *state;
    close(f->listener);
    f->listener = -1;
    call(f);
    assert_false(f->has_failed); // never from inside
    expect_failure(f, CLIENT_FAIL_CONNECT);
}

static void an_unknown_name_is_a_resolve_failure(void **state)
{
    struct fixture *f = *state;
    struct http_origin origin = {.host = SLICE("no-such-host.invalid"), .port = 80};
    call_with(f, &(struct client_request){.origin = http_client_origin(f->client, &origin)});
    expect_failure(f, CLIENT_FAIL_RESOLVE);
}

static void answers_that_are_no_http_fail(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *answer;
        enum client_failure failure;
    } rows[] = {
        {"SSH-2.0-x\r\n\r\n", CLIENT_FAIL_PROTOCOL},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", CLIENT_FAIL_PROTOCOL},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", CLIENT_FAIL_PROTOCOL},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnope\r\n", CLIENT_FAIL_PROTOCOL},
        {"HTTP/1.1 101 Switching\r\n\r\n", CLIENT_FAIL_PROTOCOL},
        {"", CLIENT_FAIL_CLOSED},
        {"HTTP/1.1 200 OK\r\n", CLIENT_FAIL_CLOSED},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", CLIENT_FAIL_TRUNCATED},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", CLIENT_FAIL_TRUNCATED},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        call(f);
        struct loopback_client upstream = accept_request(f);
        loopback_send(&upstream, &f->loop, slice_from_cstr(rows[i].answer));
        loopback_close(&upstream);
        expect_failure(f, rows[i].failure);
    }
}

static void silence_runs_into_the_header_time_out(void **state)
{
    struct fixture *f = *state;
    call_with(f, &(struct client_request){.header_timeout_ms = 30});
    struct loopback_client upstream = accept_request(f);
    expect_failure(f, CLIENT_FAIL_HEADER_TIMEOUT);
    loopback_close(&upstream);
}

static void a_body_that_stands_still_runs_into_the_idle_time_out(void **state)
{
    struct fixture *f = *state;
    call_with(f, &(struct client_request){.header_timeout_ms = 4000, .idle_timeout_ms = 30});
    struct loopback_client upstream = accept_request(f);
    loopback_send(&upstream, &f->loop, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc"));
    expect_failure(f, CLIENT_FAIL_IDLE_TIMEOUT);
    loopback_close(&upstream);
}

// ---- answers --------------------------------------------------------------------------------------------------------

static void responses_split_at_every_byte_are_the_same(void **state)
{
    struct fixture *f = *state;
    static const struct slice answer =
        SLICE_INIT("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    struct loopback_client upstream = {.fd = -1};
    for (size_t at = 1; at < answer.len; at++) {
        call(f);
        if (upstream.fd < 0) {
            upstream = accept_request(f); // every later call runs on the kept connection
        }
        assert_true(loopback_receive_text(&upstream, &f->loop, SLICE("\r\n\r\n")));
        buf_clear(&upstream.received);
        loopback_send(&upstream, &f->loop, slice_of(answer.ptr, at));
        loopback_send(&upstream, &f->loop, slice_after(answer, at));
        finish(f);
        assert_true(f->is_complete);
        assert_int_equal(f->status, 200);
        assert_true(slice_eq(buf_slice(&f->body), SLICE("abcde")));
    }
    assert_int_equal(f->n_heads, answer.len - 1);
    assert_int_equal(http_client_count(f->client).n_idle, 1);
    loopback_close(&upstream);
}

static void a_body_may_end_with_the_connection(void **state)
{
    struct fixture *f = *state;
    call(f);
    struct loopback_client upstream = accept_request(f);
    loopback_send(&upstream, &f->loop, SLICE("HTTP/1.1 200 OK\r\n\r\nall of it"));
    loopback_close(&upstream);
    finish(f);
    assert_true(f->is_complete);
    assert_true(slice_eq(buf_slice(&f->body), SLICE("all of it")));
    assert_int_equal(http_client_count(f->client).n_idle, 0);
}

static void an_empty_body_completes_at_the_head(void **state)
{
    struct fixture *f = *state;
    call(f);
    struct loopback_client upstream = accept_request(f);
    loopback_send(&upstream, &f->loop, SLICE("HTTP/1.1 204 No Content\r\n\r\n"));
    finish(f);
    assert_true(f->is_complete);
    assert_int_equal(f->body.len, 0);
    loopback_close(&upstream);
}

static void bytes_behind_the_response_spoil_the_connection(void **state)
{
    struct fixture *f = *state;
    call(f);
    struct loopback_client upstream = accept_request(f);
    loopback_send(&upstream, &f->loop, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n"));
    finish(f);
    assert_true(f->is_complete);
    assert_int_equal(http_client_count(f->client).n_idle, 0);
    loopback_close(&upstream);
}

// The connection must not be in the pool when the caller hears of the end: he may take it at once.
static void bytes_behind_a_response_without_a_body_spoil_no_other_call(void **state)
{
    struct fixture *f = *state;
    f->calls_again = true;
    call(f);
    struct loopback_client upstream = accept_request(f);
    loopback_send(&upstream, &f->loop, SLICE("HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\n"));
    struct loopback_client fresh = accept_request(f);
    assert_false(f->call.is_reused);
    loopback_send(&fresh, &f->loop, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfresh"));
    finish(f);
    assert_true(slice_eq(buf_slice(&f->body), SLICE("fresh")));
    loopback_close(&upstream);
    loopback_close(&fresh);
}

static bool has_no_idle(void *arg)
{
    return http_client_count(((struct fixture *)arg)->client).n_idle == 0;
}

static void keep_one(struct fixture *f, struct loopback_client *upstream)
{
    call(f);
    *upstream = accept_request(f);
    loopback_send(upstream, &f->loop, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
    finish(f);
    assert_int_equal(http_client_count(f->client).n_idle, 1);
}

static void an_idle_connection_that_the_upstream_closes_is_dropped(void **state)
{
    struct fixture *f = *state;
    struct loopback_client upstream;
    keep_one(f, &upstream);
    loopback_close(&upstream);
    assert_true(loopback_until(&f->loop, has_no_idle, f));
}

// The upstream closes just as the request goes out: the loop has not seen the end yet when the call starts.
static void a_stale_connection_is_replaced_once(void **state)
{
    struct fixture *f = *state;
    struct loopback_client upstream;
    keep_one(f, &upstream);
    loopback_close(&upstream);
    call(f);
    assert_true(f->call.is_reused);
    struct loopback_client fresh = accept_request(f);
    assert_false(f->has_failed);
    loopback_send(&fresh, &f->loop, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfresh"));
    finish(f);
    assert_true(slice_eq(buf_slice(&f->body), SLICE("fresh")));
    loopback_close(&fresh);
}

static void a_stale_connection_is_replaced_only_once(void **state)
{
    struct fixture *f = *state;
    struct loopback_client upstream;
    keep_one(f, &upstream);
    loopback_close(&upstream);
    call(f);
    struct loopback_client fresh = accept_request(f);
    loopback_close(&fresh);
    expect_failure(f, CLIENT_FAIL_CLOSED);
}

static void a_reused_connection_that_had_answered_a_byte_is_not_replaced(void **state)
{
    struct fixture *f = *state;
    struct loopback_client upstream;
    keep_one(f, &upstream);
    call(f);
    assert_true(loopback_receive_text(&upstream, &f->loop, SLICE("\r\n\r\n")));
    loopback_send(&upstream, &f->loop, SLICE("H"));
    loopback_close(&upstream);
    expect_failure(f, CLIENT_FAIL_CLOSED);
}

static void a_large_request_goes_out_in_pieces(void **state)
{
    struct fixture *f = *state;
    enum { SIZE = 4 * 1024 * 1024 };
    static char half[SIZE / 2];
    memset(half, 'r', sizeof(half));
    struct slice body[] = {slice_of(half, sizeof(half)), slice_of(half, sizeof(half))};
    struct slice head = SLICE("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4194304\r\n\r\n");
    call_with(f, &(struct client_request){.head = head, .body = body, .n_body = 2});
    struct loopback_client upstream = accept_request(f);
    assert_true(loopback_receive_bytes(&upstream, &f->loop, head.len + SIZE));
    loopback_send(&upstream, &f->loop, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
    finish(f);
    assert_true(f->is_complete);
    assert_int_equal(upstream.received.len, head.len + SIZE);
    loopback_close(&upstream);
}

enum { UPLOAD = 8 * 1024 * 1024 };

// Calls with a body larger than the kernel takes, of which the upstream has read the head.
static struct loopback_client upload(struct fixture *f, uint32_t header_timeout_ms)
{
    static char body[UPLOAD];
    static struct slice piece;
    memset(body, 'u', sizeof(body));
    piece = slice_of(body, sizeof(body));
    call_with(f,
              &(struct client_request){.head = SLICE("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 8388608\r\n\r\n"),
                                       .body = &piece,
                                       .n_body = 1,
                                       .header_timeout_ms = header_timeout_ms});
    return accept_request(f);
}

static bool is_past(void *arg)
{
    return clock_monotonic_ns() >= *(uint64_t *)arg;
}

static bool has_body(void *arg)
{
    return ((struct fixture *)arg)->body.len > 0;
}

static void an_early_answer_is_not_under_the_header_time_out(void **state)
{
    struct fixture *f = *state;
    f->pauses = true;
    struct loopback_client upstream = upload(f, 400);
    loopback_send(&upstream, &f->loop, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab"));
    assert_true(loopback_until(&f->loop, has_body, f));
    // The rest of the request goes out meanwhile.
    assert_true(loopback_receive_bytes(&upstream, &f->loop, UPLOAD));
    uint64_t later_ns = clock_monotonic_ns() + 600 * 1000000;
    assert_true(loopback_until(&f->loop, is_past, &later_ns));
    assert_false(f->has_failed);
    client_call_resume(&f->call);
    loopback_send(&upstream, &f->loop, SLICE("cd"));
    finish(f);
    assert_true(f->is_complete);
    loopback_close(&upstream);
}

// The upstream refuses and closes with a request unread: what it said before the reset is heard, also by the next
// write.
static void an_early_answer_survives_the_reset_behind_it(void **state)
{
    static char answer[100000];
    struct fixture *f = *state;
    struct slice head = SLICE("HTTP/1.1 413 Content Too Large\r\nContent-Length: 99000\r\n\r\n");
    memset(answer, 'a', sizeof(answer));
    memcpy(answer, head.ptr, head.len);
    struct loopback_client upstream = upload(f, 4000);
    assert_int_equal(send(upstream.fd, answer, head.len + 99000, MSG_DONTWAIT), head.len + 99000);
    loopback_close(&upstream);
    finish(f);
    assert_int_equal(f->status, 413);
    assert_true(f->is_complete);
    assert_int_equal(f->body.len, 99000);
}

static void cancelling_closes_the_connection_at_once(void **state)
{
    struct fixture *f = *state;
    call(f);
    struct loopback_client upstream = accept_request(f);
    client_call_cancel(&f->call);
    assert_true(loopback_receive_end(&upstream, &f->loop));
    assert_false(is_over(f));
    loopback_close(&upstream);
}

static void a_paused_call_reads_no_more(void **state)
{
    struct fixture *f = *state;
    call(f);
    struct loopback_client upstream = accept_request(f);
    client_call_pause(&f->call);
    loopback_send(&upstream, &f->loop, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
    for (int i = 0; i < 20; i++) {
        uv_run(&f->loop.uv, UV_RUN_NOWAIT);
    }
    assert_int_equal(f->n_heads, 0);
    client_call_resume(&f->call);
    finish(f);
    assert_true(f->is_complete);
    loopback_close(&upstream);
}

#define WITH_CLIENT(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CLIENT(a_closed_port_is_a_connect_failure),
        WITH_CLIENT(an_unknown_name_is_a_resolve_failure),
        WITH_CLIENT(answers_that_are_no_http_fail),
        WITH_CLIENT(silence_runs_into_the_header_time_out),
        WITH_CLIENT(a_body_that_stands_still_runs_into_the_idle_time_out),
        WITH_CLIENT(responses_split_at_every_byte_are_the_same),
        WITH_CLIENT(a_body_may_end_with_the_connection),
        WITH_CLIENT(an_empty_body_completes_at_the_head),
        WITH_CLIENT(bytes_behind_the_response_spoil_the_connection),
        WITH_CLIENT(bytes_behind_a_response_without_a_body_spoil_no_other_call),
        WITH_CLIENT(an_idle_connection_that_the_upstream_closes_is_dropped),
        WITH_CLIENT(a_stale_connection_is_replaced_once),
        WITH_CLIENT(a_stale_connection_is_replaced_only_once),
        WITH_CLIENT(a_reused_connection_that_had_answered_a_byte_is_not_replaced),
        WITH_CLIENT(a_large_request_goes_out_in_pieces),
        WITH_CLIENT(an_early_answer_is_not_under_the_header_time_out),
        WITH_CLIENT(an_early_answer_survives_the_reset_behind_it),
        WITH_CLIENT(cancelling_closes_the_connection_at_once),
        WITH_CLIENT(a_paused_call_reads_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
