// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kit/loopback.h"
#include "net/resolver.h"

enum { QUERIES_MAX = 4, TTL_MS = 1000 };

struct question {
    struct fixture *fixture;
    struct resolver_query *query;
    struct resolver_result result;
    bool is_answered;
    struct question *cancels;    // this one, when answered
    struct question *asks_again; // with this one, when answered
};

struct fixture {
    struct loop loop;
    struct resolver *resolver;
    struct question questions[QUERIES_MAX];
};

static int set_up(void **state)
{
    static struct fixture f;
    f = (struct fixture){0};
    loop_init(&f.loop);
    f.resolver = resolver_new(&f.loop, TTL_MS);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    resolver_close(f->resolver);
    loop_deinit(&f->loop);
    resolver_free(f->resolver);
    return 0;
}

static void on_answer(void *arg, const struct resolver_result *result);

static void ask(struct fixture *f, size_t i, const char *host)
{
    struct question *question = &f->questions[i];
    question->fixture = f;
    question->is_answered = false;
    assert_int_equal(resolver_start(f->resolver, slice_from_cstr(host), on_answer, question, &question->query), 0);
    assert_false(question->is_answered); // never from inside
}

static void on_answer(void *arg, const struct resolver_result *result)
{
    struct question *question = arg;
    assert_false(question->is_answered);
    question->is_answered = true;
    question->result = *result;
    if (question->cancels) {
        resolver_cancel(question->cancels->query);
    }
    if (question->asks_again) {
        ask(question->fixture, (size_t)(question->asks_again - question->fixture->questions), "localhost");
    }
}

static bool is_answered(void *arg)
{
    return ((struct question *)arg)->is_answered;
}

static void expect_answer(struct fixture *f, size_t i)
{
    assert_true(loopback_until(&f->loop, is_answered, &f->questions[i]));
}

static bool is_remembered(struct fixture *f, const char *host)
{
    struct resolver_result result;
    return resolver_find(f->resolver, slice_from_cstr(host), &result);
}

static void literal_addresses_need_no_look_up(void **state)
{
    static const char *const literals[] = {"127.0.0.1", "::1", "2001:db8::1"};
    static const char *const names[] = {"", "localhost", "127.0.0", "127.0.0.1.", "[::1]", "1.2.3.4.5", "::g"};
    struct fixture *f = *state;
    struct resolver_result result;
    char text[ADDRESS_TEXT_SIZE];
    for (size_t i = 0; i < sizeof(literals) / sizeof(*literals); i++) {
        assert_true(resolver_find(f->resolver, slice_from_cstr(literals[i]), &result));
        assert_int_equal(result.r, 0);
        assert_int_equal(result.n_addresses, 1);
        assert_true(slice_eq(address_text(&result.addresses[0], text), slice_from_cstr(literals[i])));
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        assert_false(is_remembered(f, names[i]));
    }
}

static void a_name_is_looked_up_once_and_remembered(void **state)
{
    struct fixture *f = *state;
    ask(f, 0, "localhost");
    ask(f, 1, "localhost");
    assert_false(is_remembered(f, "localhost"));
    expect_answer(f, 0);
    assert_true(f->questions[1].is_answered); // in the same turn: one look-up for both
    assert_int_equal(f->questions[0].result.r, 0);
    assert_in_range(f->questions[0].result.n_addresses, 1, RESOLVER_ADDRESSES_MAX);
    assert_memory_equal(&f->questions[0].result, &f->questions[1].result, sizeof(struct resolver_result));
    assert_true(is_remembered(f, "localhost"));
    resolver_forget(f->resolver, SLICE("localhost"));
    assert_false(is_remembered(f, "localhost"));
    resolver_forget(f->resolver, SLICE("never.asked")); // harmless
}

static void a_name_that_does_not_exist_is_asked_for_again(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 2; i++) {
        ask(f, 0, "no-such-host.invalid");
        expect_answer(f, 0);
        assert_true(f->questions[0].result.r < 0);
        assert_int_equal(f->questions[0].result.n_addresses, 0);
        assert_false(is_remembered(f, "no-such-host.invalid"));
    }
}

static void who_cancels_hears_nothing(void **state)
{
    struct fixture *f = *state;
    ask(f, 0, "localhost");
    ask(f, 1, "localhost");
    ask(f, 2, "localhost");
    resolver_cancel(f->questions[0].query);
    f->questions[1].cancels = &f->questions[2]; // while the answers are being handed out
    expect_answer(f, 1);
    assert_false(f->questions[0].is_answered);
    assert_false(f->questions[2].is_answered);
}

static void a_look_up_that_nobody_waits_for_is_remembered(void **state)
{
    struct fixture *f = *state;
    ask(f, 0, "localhost");
    resolver_cancel(f->questions[0].query);
    ask(f, 1, "no-such-host.invalid");
    expect_answer(f, 1);
    ask(f, 2, "localhost");
    expect_answer(f, 2);
    assert_true(is_remembered(f, "localhost"));
    assert_false(f->questions[0].is_answered);
}

static void asking_again_from_an_answer_works(void **state)
{
    struct fixture *f = *state;
    f->questions[0].asks_again = &f->questions[1];
    ask(f, 0, "localhost");
    expect_answer(f, 1);
    assert_int_equal(f->questions[1].result.r, 0);
}

static void a_name_longer_than_any_is_refused(void **state)
{
    static char name[400];
    struct fixture *f = *state;
    struct resolver_query *query = NULL;
    memset(name, 'a', sizeof(name));
    for (int i = 0; i < 3; i++) {
        assert_true(resolver_start(f->resolver, slice_of(name, sizeof(name)), on_answer, NULL, &query) < 0);
    }
    assert_true(resolver_start(f->resolver, SLICE_EMPTY, on_answer, NULL, &query) < 0);
    assert_null(query);
}

static void closing_with_a_look_up_under_way_is_clean(void **state)
{
    struct fixture *f = *state;
    ask(f, 0, "no-such-host.invalid");
    resolver_cancel(f->questions[0].query); // the rest is up to tear_down
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(literal_addresses_need_no_look_up),
        TEST(a_name_is_looked_up_once_and_remembered),
        TEST(a_name_that_does_not_exist_is_asked_for_again),
        TEST(who_cancels_hears_nothing),
        TEST(a_look_up_that_nobody_waits_for_is_remembered),
        TEST(asking_again_from_an_answer_works),
        TEST(a_name_longer_than_any_is_refused),
        TEST(closing_with_a_look_up_under_way_is_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
