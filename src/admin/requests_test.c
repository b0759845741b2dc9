// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "admin/admin_fixture.h"

// Who carries traffic: it knows one request, and remembers what it was asked for.
struct carrier {
    struct admin_requests_filter asked; // its texts are copied
    char model[64];
    char key[64];
    size_t n_asked;
};

static bool write_one(void *arg, struct slice id, struct buf *out)
{
    struct carrier *carrier = arg;
    carrier->n_asked++;
    if (!slice_eq(id, SLICE("mine/1 \xc3\xa4"))) {
        return false;
    }
    buf_append(out, SLICE("{\"id\":\"mine\",\"trail\":[{\"outcome\":\"ok\"}]}"));
    return true;
}

static void keep(char to[64], struct slice text)
{
    assert_true(text.len < 64);
    memcpy(to, text.len ? text.ptr : "", text.len);
    to[text.len] = '\0';
}

static void write_list(void *arg, const struct admin_requests_filter *filter, struct buf *out)
{
    struct carrier *carrier = arg;
    carrier->n_asked++;
    carrier->asked = *filter;
    keep(carrier->model, filter->model);
    keep(carrier->key, filter->key);
    buf_append(out, SLICE("[{\"id\":\"mine\"},{\"id\":\"other\"}]"));
}

static void join(struct admin_fixture *f, struct carrier *carrier)
{
    struct admin_requests requests = {.arg = carrier, .one = write_one, .list = write_list};
    *carrier = (struct carrier){.n_asked = 0};
    admin_set_requests(f->admin, &requests);
}

static void without_traffic_nothing_is_known(void **state)
{
    struct admin_fixture *f = *state;
    admin_fixture_ask(f, "GET", "/admin/requests", NULL);
    admin_fixture_expect(f, 200);
    assert_int_equal(admin_fixture_count(f, "data"), 0);
    admin_fixture_ask(f, "GET", "/admin/requests/mine", NULL);
    admin_fixture_expect(f, 404);
}

static void one_is_found_by_its_id(void **state)
{
    struct admin_fixture *f = *state;
    struct carrier carrier;
    join(f, &carrier);
    admin_fixture_ask(f, "GET", "/admin/requests/mine%2F1%20%C3%A4", NULL);
    admin_fixture_expect(f, 200);
    assert_string_equal(admin_fixture_text(f, "data.id"), "mine");
    assert_string_equal(admin_fixture_text(f, "data.trail.0.outcome"), "ok");
    admin_fixture_ask(f, "GET", "/admin/requests/gone", NULL);
    admin_fixture_expect(f, 404);
    admin_fixture_ask(f, "DELETE", "/admin/requests/gone", NULL);
    admin_fixture_expect(f, 405);
    assert_int_equal(carrier.n_asked, 2);
}

static void a_list_is_asked_for_with_filters(void **state)
{
    static const struct {
        const char *target;
        struct admin_requests_filter asked;
        const char *model;
        const char *key;
    } rows[] = {
        {"/admin/requests", {.limit = 50}, "", ""},
        {"/admin/requests?limit=1000&status=&before=&model=&key=", {.limit = 1000}, "", ""},
        {"/admin/requests?limit=1&status=429", {.limit = 1, .status_min = 429, .status_max = 429}, "", ""},
        {"/admin/requests?status=5xx", {.limit = 50, .status_min = 500, .status_max = 599}, "", ""},
        {"/admin/requests?before=1767323045678", {.limit = 50, .before_ms = 1767323045678}, "", ""},
        {"/admin/requests?before=2026-01-02T03:04:05.678Z", {.limit = 50, .before_ms = 1767323045678}, "", ""},
        {"/admin/requests?model=a%2Fb&key=key_1", {.limit = 50}, "a/b", "key_1"},
    };
    struct admin_fixture *f = *state;
    struct carrier carrier;
    join(f, &carrier);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        admin_fixture_ask(f, "GET", rows[i].target, NULL);
        admin_fixture_expect(f, 200);
        assert_int_equal(admin_fixture_count(f, "data"), 2);
        assert_int_equal(carrier.asked.limit, rows[i].asked.limit);
        assert_int_equal(carrier.asked.before_ms, rows[i].asked.before_ms);
        assert_int_equal(carrier.asked.status_min, rows[i].asked.status_min);
        assert_int_equal(carrier.asked.status_max, rows[i].asked.status_max);
        assert_string_equal(carrier.model, rows[i].model);
        assert_string_equal(carrier.key, rows[i].key);
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
    struct carrier carrier;
    join(f, &carrier);
    for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++) {
        admin_fixture_ask(f, "GET", targets[i], NULL);
        if (f->status != 400) {
            fail_msg("%s: %u", targets[i], f->status);
        }
        admin_fixture_expect(f, 400);
    }
    assert_int_equal(carrier.n_asked, 0);
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
