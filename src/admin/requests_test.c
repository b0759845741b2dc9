// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "admin/admin_fixture.h"

static const int64_t then_ms = 1767323045678; // 2026-01-02T03:04:05.678Z

// The i-th of four: each a second later.
static void tell(struct admin_fixture *f, unsigned i)
{
    static const struct {
        const char *id;
        const char *model;
        const char *key;
        unsigned status;
    } rows[] = {
        {"request-0", "small", "key_1", 200},
        {"request-1", "a/b", "key_2", 429},
        {"mine/1 \xc3\xa4", "small", "key_2", 502},
        {"request-3", "small", "", 503},
    };
    struct trail_entry entries[] = {
        {.key = SLICE("key_tried"), .outcome = "http_4xx", .reason = "key_model", .status = 429},
        {.key = slice_from_cstr(rows[i].key), .outcome = rows[i].status == 200 ? "ok" : "http_5xx", .took_ms = 8},
    };
    struct request_facts facts = {
        .id = slice_from_cstr(rows[i].id),
        .path = SLICE("/v1/messages"),
        .model = slice_from_cstr(rows[i].model),
        .counted_model = slice_from_cstr(rows[i].model),
        .key = slice_from_cstr(rows[i].key),
        .client = SLICE("192.0.2.7"),
        .route = SLICE("messages"),
        .dialect = SLICE("anthropic"),
        .trail = {.entries = entries, .n = 2, .cap = 2},
        .time_ms = then_ms + 1000 * i,
        .ttft_ms = 5,
        .duration_ms = 50,
        .usage = USAGE_UNKNOWN,
        .end = rows[i].status == 200 ? REQUEST_SUCCESS : REQUEST_FAILED,
        .status = rows[i].status,
        .n_attempts = 2,
    };
    admin_fixture_tell(f, &facts);
}

static void tell_four(struct admin_fixture *f)
{
    for (unsigned i = 0; i < 4; i++) {
        tell(f, i);
    }
}

static void without_traffic_nothing_is_known(void **state)
{
    struct admin_fixture *f = *state;
    admin_fixture_ask(f, "GET", "/admin/requests", NULL);
    admin_fixture_expect(f, 200);
    assert_int_equal(admin_fixture_count(f, "data"), 0);
    assert_true(admin_fixture_is_null(f, "incomplete"));
    admin_fixture_ask(f, "GET", "/admin/requests/mine", NULL);
    admin_fixture_expect(f, 404);
}

static void find_mine(struct admin_fixture *f)
{
    admin_fixture_ask(f, "GET", "/admin/requests/mine%2F1%20%C3%A4", NULL);
    admin_fixture_expect(f, 200);
    assert_true(admin_fixture_is_null(f, "incomplete"));
    assert_string_equal(admin_fixture_text(f, "data.id"), "mine/1 \xc3\xa4");
    assert_string_equal(admin_fixture_text(f, "data.time"), "2026-01-02T03:04:07.678Z");
    assert_int_equal(admin_fixture_int(f, "data.status"), 502);
    assert_string_equal(admin_fixture_text(f, "data.trail.0.outcome"), "http_4xx");
    assert_string_equal(admin_fixture_text(f, "data.trail.1.outcome"), "http_5xx");
}

static void one_is_found_by_its_id(void **state)
{
    struct admin_fixture *f = *state;
    tell_four(f);
    find_mine(f);
    admin_fixture_restart(f); // memory is gone, the database is there
    find_mine(f);
    admin_fixture_ask(f, "GET", "/admin/requests/gone", NULL);
    admin_fixture_expect(f, 404);
    admin_fixture_ask(f, "DELETE", "/admin/requests/gone", NULL);
    admin_fixture_expect(f, 405);
}

static void a_list_is_asked_for_with_filters(void **state)
{
    static const struct {
        const char *target;
        size_t n;
        int64_t first; // status
    } rows[] = {
        {"/admin/requests", 4, 503},
        {"/admin/requests?limit=1000&status=&before=&model=&key=", 4, 503},
        {"/admin/requests?limit=1&status=429", 1, 429},
        {"/admin/requests?limit=2", 2, 503},
        {"/admin/requests?status=5xx", 2, 503},
        {"/admin/requests?status=418", 0, 0},
        {"/admin/requests?before=1767323047678", 2, 429},
        {"/admin/requests?before=2026-01-02T03:04:06.678Z", 1, 200},
        {"/admin/requests?model=a%2Fb&key=key_2", 1, 429},
        {"/admin/requests?model=small", 3, 503},
        {"/admin/requests?key=key_tried", 4, 503},
        {"/admin/requests?key=key_1", 1, 200},
    };
    struct admin_fixture *f = *state;
    tell_four(f);
    for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(*rows); i++) {
        size_t at = i % (sizeof(rows) / sizeof(*rows));
        if (i == sizeof(rows) / sizeof(*rows)) {
            admin_fixture_restart(f);
        }
        admin_fixture_ask(f, "GET", rows[at].target, NULL);
        admin_fixture_expect(f, 200);
        if (admin_fixture_count(f, "data") != rows[at].n) {
            fail_msg("%s: %.*s", rows[at].target, SLICE_ARG(f->body));
        }
        if (rows[at].n) {
            assert_int_equal(admin_fixture_int(f, "data.0.status"), rows[at].first);
            assert_null(admin_fixture_find(f, "data.0.trail"));
        }
    }
}

static void wrong_filters_are_refused(void **state)
{
    static const char *const targets[] = {
        "/admin/requests?limit=0",     "/admin/requests?limit=1001",  "/admin/requests?status=99",
        "/admin/requests?status=600",  "/admin/requests?status=6xx",  "/admin/requests?status=4x",
        "/admin/requests?status=good", "/admin/requests?before=soon", "/admin/requests?before=0",
        "/admin/requests?model=%zz",   "/admin/requests?key=%00",     "/admin/requests?before=99999999999999999999",
    };
    struct admin_fixture *f = *state;
    for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++) {
        admin_fixture_ask(f, "GET", targets[i], NULL);
        if (f->status != 400) {
            fail_msg("%s: %u", targets[i], f->status);
        }
        admin_fixture_expect(f, 400);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, admin_fixture_setup, admin_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_traffic_nothing_is_known),
        TEST(one_is_found_by_its_id),
        TEST(a_list_is_asked_for_with_filters),
        TEST(wrong_filters_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
