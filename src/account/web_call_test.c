// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "account/account_fixture.h"
#include "account/web_call.h"
#include "kit/loopback.h"

struct fixture {
    struct account_fixture account;
    struct web_call *call; // owned
    unsigned n_done;
    unsigned status;
    struct buf body;
    struct buf detail;
    bool frees;       // the call, in on_done
    unsigned n_again; // how often on_done starts it again
};

static void on_done(struct web_call *call, const struct web_answer *answer);

static bool start(struct fixture *f, struct web_request request)
{
    struct arena arena;
    arena_init(&arena, 256);
    request.url = request.url.len && request.url.ptr[0] != '/'
                      ? request.url
                      : arena_printf(&arena, "%s%.*s", f->account.url, SLICE_ARG(request.url));
    f->call->user = f;
    bool is_started = web_call_start(f->account.client, &f->account.loop, f->call, &request, on_done);
    arena_deinit(&arena);
    return is_started;
}

static void on_done(struct web_call *call, const struct web_answer *answer)
{
    struct fixture *f = call->user;
    f->n_done++;
    f->status = answer->status;
    buf_clear(&f->body);
    buf_append(&f->body, answer->body);
    buf_clear(&f->detail);
    buf_append(&f->detail, slice_from_cstr(answer->detail));
    assert_int_equal(answer->detail == NULL, answer->status != 0);
    if (f->frees) {
        mem_free(f->call);
        f->call = NULL;
    } else if (f->n_again > 0) {
        f->n_again--;
        assert_true(start(f, (struct web_request){0}));
    }
}

static bool is_done(void *arg)
{
    return ((struct fixture *)arg)->n_done > 0;
}

static int set_up(void **state)
{
    struct fixture *f = mem_zalloc(sizeof(*f));
    account_fixture_init(&f->account);
    f->call = mem_zalloc(sizeof(*f->call));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    if (f->call) {
        web_call_cancel(f->call);
    }
    account_fixture_run_out(&f->account);
    account_fixture_deinit(&f->account);
    mem_free(f->call);
    buf_deinit(&f->body);
    buf_deinit(&f->detail);
    mem_free(f);
    return 0;
}

static void what_is_no_address_is_not_called(void **state)
{
    struct fixture *f = *state;
    static const char *const wrong[] = {"ftp://a", "http://", "no address", "http://a b"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        assert_false(start(f, (struct web_request){.url = slice_from_cstr(wrong[i])}));
    }
    web_call_cancel(f->call);
}

static void nobody_listens(void **state)
{
    struct fixture *f = *state;
    uint16_t port;
    char url[64];
    close(loopback_listen(&port));
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);
    assert_true(start(f, (struct web_request){.url = slice_from_cstr(url)}));
    assert_int_equal(f->n_done, 0);
    assert_true(account_until(&f->account, is_done, f));
    assert_int_equal(f->status, 0);
    assert_true(f->detail.len > 0);
}

static void no_answer_in_time(void **state)
{
    struct fixture *f = *state;
    f->account.answer = NULL;
    assert_true(start(f, (struct web_request){.timeout_ms = 30}));
    assert_true(account_until(&f->account, is_done, f));
    assert_int_equal(f->status, 0);
    assert_true(slice_eq(buf_slice(&f->detail), SLICE("no complete answer in time")));
}

static void answer_half(struct account_fixture *account, struct server_exchange *ex)
{
    (void)account;
    server_start(ex, 200, SLICE_EMPTY, 100);
    server_write(ex, SLICE("half"), false);
    server_flush(ex);
}

static void half_an_answer_is_none(void **state)
{
    struct fixture *f = *state;
    f->account.answer = answer_half;
    assert_true(start(f, (struct web_request){.timeout_ms = 30}));
    assert_true(account_until(&f->account, is_done, f));
    assert_int_equal(f->status, 0);
    assert_int_equal(f->body.len, 0);
}

static void answer_much(struct account_fixture *account, struct server_exchange *ex)
{
    static char piece[WEB_ANSWER_MAX];
    bool has_length = slice_eq(ex->req.target, SLICE("/length"));
    bool fits = slice_eq(ex->req.target, SLICE("/fits"));
    (void)account;
    memset(piece, 'x', sizeof(piece));
    server_start(ex, 200, SLICE_EMPTY, has_length ? WEB_ANSWER_MAX + 1 : H1_NO_LENGTH);
    server_write(ex, slice_of(piece, sizeof(piece)), fits);
    if (!fits) {
        server_write(ex, SLICE("y"), true);
    }
}

static void a_long_answer_is_cut_off(void **state)
{
    struct fixture *f = *state;
    f->account.answer = answer_much;
    static const char *const targets[] = {"/length", "/chunked"};
    for (size_t i = 0; i < 2; i++) {
        f->n_done = 0;
        assert_true(start(f, (struct web_request){.url = slice_from_cstr(targets[i])}));
        assert_true(account_until(&f->account, is_done, f));
        assert_int_equal(f->status, 0);
        assert_true(slice_eq(buf_slice(&f->detail), SLICE("the answer is too long")));
    }
    f->n_done = 0;
    assert_true(start(f, (struct web_request){.url = SLICE("/fits")}));
    assert_true(account_until(&f->account, is_done, f));
    assert_int_equal(f->status, 200);
    assert_int_equal(f->body.len, WEB_ANSWER_MAX);
}

static void what_is_sent_and_what_comes(void **state)
{
    struct fixture *f = *state;
    char host[64];
    f->account.status = 418;
    f->account.body = "a teapot";
    assert_true(start(f, (struct web_request){.url = SLICE("/a/b?c=d"),
                                              .method = HTTP_POST,
                                              .headers = SLICE("x-one: two\r\n"),
                                              .body = SLICE("the body"),
                                              .user_agent = SLICE("tester/1")}));
    assert_int_equal(f->n_done, 0);
    assert_true(account_until(&f->account, is_done, f));
    assert_int_equal(f->status, 418);
    assert_true(slice_eq(buf_slice(&f->body), SLICE("a teapot")));
    assert_true(slice_eq(buf_slice(&f->account.seen), SLICE("POST /a/b?c=d the body\n")));
    snprintf(host, sizeof(host), "host: %s\n", f->account.url + 7);
    const char *const heads[] = {host, "x-one: two\n", "user-agent: tester/1\n", "content-length: 8\n",
                                 "accept: application/json\n"};
    for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
        assert_true(slice_find(buf_slice(&f->account.heads), slice_from_cstr(heads[i])) != SLICE_NOT_FOUND);
    }
}

static void a_call_has_no_body_unless_given(void **state)
{
    struct fixture *f = *state;
    assert_true(start(f, (struct web_request){0}));
    assert_true(account_until(&f->account, is_done, f));
    assert_int_equal(f->status, 200);
    assert_true(slice_eq(buf_slice(&f->account.seen), SLICE("GET / \n")));
    assert_true(slice_find(buf_slice(&f->account.heads), SLICE("content-length")) == SLICE_NOT_FOUND);
}

static void cancelled_calls_do_not_call_back(void **state)
{
    struct fixture *f = *state;
    f->account.answer = NULL;
    assert_true(start(f, (struct web_request){.timeout_ms = 20}));
    assert_true(account_until_requests(&f->account, 1));
    web_call_cancel(f->call);
    web_call_cancel(f->call);
    account_turn(&f->account, 60);
    assert_int_equal(f->n_done, 0);
}

static void the_call_may_be_freed_in_its_end(void **state)
{
    struct fixture *f = *state;
    f->frees = true;
    assert_true(start(f, (struct web_request){.timeout_ms = 1000}));
    assert_true(account_until(&f->account, is_done, f));
    assert_null(f->call);
}

static bool is_done_four_times(void *arg)
{
    return ((struct fixture *)arg)->n_done == 4;
}

static void the_call_may_be_started_in_its_end(void **state)
{
    struct fixture *f = *state;
    f->n_again = 3;
    assert_true(start(f, (struct web_request){.timeout_ms = 1000}));
    assert_true(account_until(&f->account, is_done_four_times, f));
    assert_int_equal(f->status, 200);
    assert_int_equal(f->account.n_requests, 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_no_address_is_not_called),
        TEST(nobody_listens),
        TEST(no_answer_in_time),
        TEST(half_an_answer_is_none),
        TEST(a_long_answer_is_cut_off),
        TEST(what_is_sent_and_what_comes),
        TEST(a_call_has_no_body_unless_given),
        TEST(cancelled_calls_do_not_call_back),
        TEST(the_call_may_be_freed_in_its_end),
        TEST(the_call_may_be_started_in_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
