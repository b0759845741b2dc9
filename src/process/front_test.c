// SPDX-License-Identifier: MIT
// Two handlers that say who they are, behind the front on a real server.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/socket.h>

#include "kit/loopback.h"
#include "process/front.h"

struct witness {
    const char *name;
    unsigned n_heads;
    unsigned n_requests;
    unsigned n_drains;
    unsigned n_finished;
    unsigned n_aborted;
    unsigned n_rejected;
};

struct fixture {
    struct loop loop;
    struct http_server *server;
    struct witness main;
    struct witness side;
    struct front front;
    struct loopback_client client;
    uint16_t port;
};

enum { BIG = 8 * 1024 * 1024 };

static void on_head(void *arg, struct server_exchange *ex)
{
    ((struct witness *)arg)->n_heads++;
    ex->user = arg;
}

static void on_request(void *arg, struct server_exchange *ex)
{
    struct witness *witness = arg;
    static char big[BIG];
    witness->n_requests++;
    assert_ptr_equal(ex->user, arg);
    if (slice_ends_with(ex->req.target, SLICE("big"))) {
        server_start(ex, 200, SLICE_EMPTY, BIG);
        server_write(ex, slice_of(big, BIG), false);
    } else if (!slice_ends_with(ex->req.target, SLICE("wait"))) {
        server_respond(ex, 200, SLICE_EMPTY, slice_from_cstr(witness->name));
    }
}

static void on_drain(void *arg, struct server_exchange *ex)
{
    assert_ptr_equal(ex->user, arg);
    ((struct witness *)arg)->n_drains++;
    server_write(ex, SLICE_EMPTY, true);
}

static void on_finished(void *arg, struct server_exchange *ex)
{
    assert_ptr_equal(ex->user, arg);
    ((struct witness *)arg)->n_finished++;
}

static void on_abort(void *arg, struct server_exchange *ex)
{
    assert_ptr_equal(ex->user, arg);
    ((struct witness *)arg)->n_aborted++;
}

static void on_reject(void *arg, struct server_exchange *ex, const struct http_reject *reject, struct buf *headers,
                      struct buf *body)
{
    (void)ex;
    (void)reject;
    (void)headers;
    ((struct witness *)arg)->n_rejected++;
    buf_append(body, slice_from_cstr(((struct witness *)arg)->name));
}

static const struct http_server_handler witness_handler = {on_head,     on_request, on_drain,
                                                           on_finished, on_abort,   on_reject};

static bool side_serves(struct slice path)
{
    return slice_starts_with(path, SLICE("/side/"));
}

static int set_up(void **state)
{
    static struct fixture f;
    struct http_server_limits limits = http_server_limits_default;
    f = (struct fixture){.main = {.name = "<main>"}, .side = {.name = "<side>"}};
    f.front = (struct front){&witness_handler, &f.main, &witness_handler, &f.side, side_serves};
    limits.body_max = 100;
    loop_init(&f.loop);
    f.server = http_server_new(&f.loop, &limits, &front_handler, &f.front);
    http_server_listen_take(f.server, loopback_listen(&f.port));
    loopback_connect(&f.client, f.port);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    http_server_abort_all(f->server);
    loop_deinit(&f->loop);
    http_server_free(f->server);
    loopback_close(&f->client);
    return 0;
}

static void the_path_decides(void **state)
{
    static const struct {
        const char *target;
        const char *name;
    } rows[] = {
        {"/", "<main>"},     {"/side/x", "<side>"}, {"/side/x?q=/main", "<side>"}, {"/main?q=/side/x", "<main>"},
        {"/side", "<main>"}, {"/side?x", "<main>"}, {"http://a/side/x", "<side>"}, {"http://a/x?/side/x", "<main>"},
        {"*", "<main>"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char request[128];
        snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", rows[i].target);
        buf_clear(&f->client.received);
        loopback_send(&f->client, &f->loop, slice_from_cstr(request));
        assert_true(loopback_receive_text(&f->client, &f->loop, slice_from_cstr(rows[i].name)));
    }
    assert_int_equal(f->main.n_heads, 6);
    assert_int_equal(f->main.n_finished, 6);
    assert_int_equal(f->side.n_heads, 3);
    assert_int_equal(f->side.n_finished, 3);
}

static void what_is_rejected_goes_by_the_path_too(void **state)
{
    static const struct {
        const char *request;
        const char *name;
    } rows[] = {
        {"BROKEN\r\n\r\n", "<main>"},
        {"POST /side/x HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n", "<side>"},
        {"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n", "<main>"},
        {"POST /side/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "<side>"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct loopback_client client;
        loopback_connect(&client, f->port);
        loopback_send(&client, &f->loop, slice_from_cstr(rows[i].request));
        assert_true(loopback_receive_text(&client, &f->loop, slice_from_cstr(rows[i].name)));
        loopback_close(&client);
    }
    assert_int_equal(f->main.n_rejected, 2);
    assert_int_equal(f->side.n_rejected, 2);
}

static void on_drain_goes_where_the_head_went(void **state)
{
    struct fixture *f = *state;
    loopback_send(&f->client, &f->loop, SLICE("GET /side/big HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(loopback_receive_bytes(&f->client, &f->loop, BIG));
    assert_int_equal(f->side.n_drains, 1);
    assert_int_equal(f->main.n_drains, 0);
}

static bool has_request(void *arg)
{
    return ((struct witness *)arg)->n_requests > 0;
}

static bool is_aborted(void *arg)
{
    return ((struct witness *)arg)->n_aborted > 0;
}

static void a_client_that_leaves_is_told_to_who_has_it(void **state)
{
    struct fixture *f = *state;
    loopback_send(&f->client, &f->loop, SLICE("GET /side/wait HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(loopback_until(&f->loop, has_request, &f->side));
    shutdown(f->client.fd, SHUT_RDWR);
    assert_true(loopback_until(&f->loop, is_aborted, &f->side));
    assert_int_equal(f->main.n_aborted, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_path_decides),
        TEST(what_is_rejected_goes_by_the_path_too),
        TEST(on_drain_goes_where_the_head_went),
        TEST(a_client_that_leaves_is_told_to_who_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
