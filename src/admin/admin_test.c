// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "admin/admin_fixture.h"

// ---- who may ask ----------------------------------------------------------------------------------------------------

static void expect_failure(struct admin_fixture *f, unsigned status, const char *error)
{
    admin_fixture_expect(f, status);
    assert_string_equal(admin_fixture_text(f, "error"), error);
    assert_string_equal(admin_fixture_header(f, "content-type"), "application/json");
    assert_null(admin_fixture_header(f, "access-control-allow-origin"));
}

static void without_the_key_nothing_is_told(void **state)
{
    struct admin_fixture *f = *state;
    static const char *const targets[] = {"/admin/stats", "/admin", "/admin/nothing", "/admin/keys?reveal=true"};
    for (size_t i = 0; i < 4; i++) {
        admin_fixture_ask_with(f, "GET", targets[i], "", SLICE_EMPTY);
        expect_failure(f, 401, "Unauthorized");
        assert_true(slice_find(f->body, SLICE(ADMIN_FIXTURE_KEY)) == SLICE_NOT_FOUND);
    }
    admin_fixture_ask_with(f, "GET", "/admin/stats", "authorization: Bearer " ADMIN_FIXTURE_KEY "\r\n", SLICE_EMPTY);
    admin_fixture_expect(f, 200);
}

static void guessing_is_stopped(void **state)
{
    struct admin_fixture *f = *state;
    for (unsigned i = 0; i < 10; i++) {
        admin_fixture_ask_with(f, "GET", "/admin/stats", "x-admin-key: wrong\r\n", SLICE_EMPTY);
        expect_failure(f, 401, "Unauthorized");
    }
    admin_fixture_ask(f, "GET", "/admin/stats", NULL);
    expect_failure(f, 429, "Too many requests");
    const char *seconds = admin_fixture_header(f, "retry-after");
    uint64_t n = 0;
    assert_true(seconds && slice_to_u64(slice_from_cstr(seconds), &n) && n > 0 && n <= 60);
}

static void it_is_off_without_an_admin_key(void **state)
{
    struct admin_fixture *f = *state;
    config_fixture_load(f->config, "", false);
    admin_set_config(f->admin, f->config->config);
    admin_fixture_ask(f, "GET", "/admin/stats", NULL);
    expect_failure(f, 503, "Service unavailable");
    assert_non_null(strstr(admin_fixture_text(f, "message"), "ADMIN_ACCESS_KEY"));
}

static void addresses_are_checked_through_trusted_proxies(void **state)
{
    struct admin_fixture *f = *state;
    admin_fixture_configure(f, "ADMIN_ALLOW_IPS=203.0.113.0/24\nTRUST_PROXY=127.0.0.1");
    admin_fixture_ask(f, "GET", "/admin/stats", NULL);
    expect_failure(f, 403, "Forbidden");
    admin_fixture_ask_with(f, "GET", "/admin/stats",
                           "x-admin-key: " ADMIN_FIXTURE_KEY "\r\nx-forwarded-for: 203.0.113.9\r\n", SLICE_EMPTY);
    admin_fixture_expect(f, 200);
    admin_fixture_configure(f, "ADMIN_ALLOW_IPS=203.0.113.0/24");
    admin_fixture_ask_with(f, "GET", "/admin/stats",
                           "x-admin-key: " ADMIN_FIXTURE_KEY "\r\nx-forwarded-for: 203.0.113.9\r\n", SLICE_EMPTY);
    expect_failure(f, 403, "Forbidden");
}

// ---- what is asked --------------------------------------------------------------------------------------------------

static void unknown_routes_and_methods(void **state)
{
    static const struct {
        const char *method;
        const char *target;
        unsigned status;
        const char *allow; // NULL: no such header
    } rows[] = {
        {"GET", "/admin", 404, NULL},
        {"GET", "/admin/nothing", 404, NULL},
        {"GET", "/admin/keys/", 404, NULL},
        {"DELETE", "/admin/audit", 405, "GET, HEAD"},
        {"GET", "/admin/stats/nothing", 404, NULL},
        {"POST", "/admin/stats/summary", 405, "GET, HEAD"},
        {"GET", "/admin/stats/reset", 405, "POST"},
        {"POST", "/admin/stats", 405, "GET, HEAD"},
        {"DELETE", "/admin/keys", 405, "GET, HEAD, POST"},
        {"OPTIONS", "/admin/keys", 405, "GET, HEAD, POST"},
        {"GET", "/admin/keys/x/toggle", 405, "PATCH"},
        {"GET", "/admin/keys/key_1", 404, NULL},
        {"DELETE", "/admin/keys/key_1", 404, NULL},
        {"PATCH", "/admin/keys/key_1/toggle", 404, NULL},
        {"POST", "/admin/keys/key_1/test", 404, NULL},
        {"DELETE", "/admin/keys/key_1/cooldown", 404, NULL},
        {"GET", "/admin/token/usage/key_1", 404, NULL},
    };
    struct admin_fixture *f = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        admin_fixture_ask(f, rows[i].method, rows[i].target, NULL);
        expect_failure(f, rows[i].status, rows[i].status == 404 ? "Not found" : "Method not allowed");
        const char *allow = admin_fixture_header(f, "allow");
        assert_true(!allow == !rows[i].allow && (!allow || strcmp(allow, rows[i].allow) == 0));
    }
}

static void bodies_that_are_no_objects_are_refused(void **state)
{
    static const struct {
        const char *body;
        const char *told; // in the message
    } rows[] = {
        {"{", "line 1, column"},
        {"{\"key\":}", "line 1, column 8"},
        {"{\n\"key\": 'x'}", "line 2"},
        {"[]", "must be a JSON object"},
        {"\"x\"", "must be a JSON object"},
        {"\xff", "not valid JSON"},
        {"{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}", "levels"},
    };
    struct admin_fixture *f = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        admin_fixture_ask(f, "POST", "/admin/keys", rows[i].body);
        expect_failure(f, 400, "Bad request");
        if (!strstr(admin_fixture_text(f, "message"), rows[i].told)) {
            fail_msg("%s: %s", rows[i].body, admin_fixture_text(f, "message"));
        }
    }
}

static void queries_that_are_wrong_are_refused_by_name(void **state)
{
    static const char *const targets[] = {
        "/admin/keys?page=0",          "/admin/keys?page=x",
        "/admin/keys?page=-1",         "/admin/keys?limit=0",
        "/admin/keys?limit=1001",      "/admin/keys?limit=99999999999999999999",
        "/admin/keys?status=gone",     "/admin/keys?sort=secret",
        "/admin/keys?order=up",        "/admin/keys?q=%00",
        "/admin/keys?poolGroup=a%00",  "/admin/keys?includeTokenUsage=maybe",
        "/admin/keys/export?format=x", "/admin/keys/export?status=",
        "/admin/token/trend?days=0",   "/admin/token/usage?forceRefresh=2",
    };
    struct admin_fixture *f = *state;
    for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++) {
        admin_fixture_ask(f, "GET", targets[i], NULL);
        if (strstr(targets[i], "status=") && targets[i][strlen(targets[i]) - 1] == '=') {
            assert_int_equal(f->status, 200); // empty is not given
            continue;
        }
        expect_failure(f, 400, "Bad request");
        const char *name = strchr(targets[i], '?') + 1;
        char quoted[64];
        snprintf(quoted, sizeof(quoted), "'%.*s'", (int)strcspn(name, "="), name);
        if (!strstr(admin_fixture_text(f, "message"), quoted)) {
            fail_msg("%s: %s", targets[i], admin_fixture_text(f, "message"));
        }
    }
}

static void answers_carry_the_request_id(void **state)
{
    struct admin_fixture *f = *state;
    admin_fixture_ask_with(f, "GET", "/admin/stats",
                           "x-request-id: one-of-mine\r\nx-admin-key: " ADMIN_FIXTURE_KEY "\r\n", SLICE_EMPTY);
    assert_string_equal(admin_fixture_header(f, "x-request-id"), "one-of-mine");
    admin_fixture_ask_with(f, "GET", "/admin/stats", "x-request-id: two words\r\n", SLICE_EMPTY);
    assert_int_equal(strlen(admin_fixture_header(f, "x-request-id")), 36);
    assert_string_equal(admin_fixture_header(f, "cache-control"), "no-store");
}

static void head_is_get_without_its_body(void **state)
{
    static const char *const targets[] = {"/admin/stats", "/admin/keys", "/admin/keys/export", "/admin/token/usage"};
    struct admin_fixture *f = *state;
    for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++) {
        admin_fixture_ask(f, "HEAD", targets[i], NULL);
        assert_int_equal(f->status, 200);
        admin_fixture_ask(f, "GET", "/admin/stats", NULL); // nothing is left over on the connection
        admin_fixture_expect(f, 200);
    }
}

static void what_the_connection_refuses_looks_the_same(void **state)
{
    struct admin_fixture *f = *state;
    admin_fixture_send(f, "POST", "/admin/keys",
                       "x-admin-key: " ADMIN_FIXTURE_KEY "\r\ncontent-length: 99999999999\r\n", SLICE_EMPTY);
    admin_fixture_receive(f, false);
    expect_failure(f, 413, "Payload too large");
    assert_int_equal(strlen(admin_fixture_header(f, "x-request-id")), 36);
}

// ---- the state ------------------------------------------------------------------------------------------------------

static void stats_count_the_keys(void **state)
{
    struct admin_fixture *f = *state;
    char target[128];
    admin_fixture_add(f, "fk-number-one", "default");
    admin_fixture_add(f, "fk-number-two", "default");
    const char *id = admin_fixture_add(f, "fk-number-three", "default");
    snprintf(target, sizeof(target), "/admin/keys/%s/toggle", id);
    admin_fixture_ask(f, "PATCH", target, NULL);
    admin_fixture_expect(f, 200);
    admin_fixture_ask(f, "GET", "/admin/stats", NULL);
    admin_fixture_expect(f, 200);
    assert_int_equal(admin_fixture_int(f, "data.total"), 3);
    assert_int_equal(admin_fixture_int(f, "data.active"), 2);
    assert_int_equal(admin_fixture_int(f, "data.disabled"), 1);
    assert_int_equal(admin_fixture_int(f, "data.banned"), 0);
    assert_int_equal(admin_fixture_int(f, "data.cooling"), 0);
    assert_int_equal(admin_fixture_int(f, "data.untested"), 3);
    assert_int_equal(admin_fixture_int(f, "data.workers"), 1);
    assert_int_equal(admin_fixture_int(f, "data.last_rotation_index"), 0);
    assert_string_equal(admin_fixture_text(f, "data.algorithm"), "round-robin");
    assert_string_equal(admin_fixture_text(f, "data.mode"), "solo");
    assert_string_equal(admin_fixture_text(f, "data.version"), DROID2API_VERSION);
    assert_false(admin_fixture_bool(f, "data.weak_admin_key"));
    assert_false(admin_fixture_bool(f, "data.redis.enabled"));
    assert_true(admin_fixture_int(f, "data.uptime_s") >= 5);
}

static void a_weak_key_is_told(void **state)
{
    struct admin_fixture *f = *state;
    config_fixture_load(f->config, "ADMIN_ACCESS_KEY=123", false);
    admin_set_config(f->admin, f->config->config);
    admin_fixture_ask_with(f, "GET", "/admin/stats", "x-admin-key: 123\r\n", SLICE_EMPTY);
    assert_true(admin_fixture_bool(f, "data.weak_admin_key"));
}

static void paths_that_are_served(void **state)
{
    (void)state;
    assert_true(admin_serves(SLICE("/admin")));
    assert_true(admin_serves(SLICE("/admin/")));
    assert_true(admin_serves(SLICE("/admin/x")));
    assert_false(admin_serves(SLICE("/administrator")));
    assert_false(admin_serves(SLICE("/")));
    assert_false(admin_serves(SLICE("")));
    assert_false(admin_serves(SLICE("/v1/admin")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, admin_fixture_setup, admin_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_the_key_nothing_is_told),
        TEST(guessing_is_stopped),
        TEST(it_is_off_without_an_admin_key),
        TEST(addresses_are_checked_through_trusted_proxies),
        TEST(unknown_routes_and_methods),
        TEST(bodies_that_are_no_objects_are_refused),
        TEST(queries_that_are_wrong_are_refused_by_name),
        TEST(answers_carry_the_request_id),
        TEST(head_is_get_without_its_body),
        TEST(what_the_connection_refuses_looks_the_same),
        TEST(stats_count_the_keys),
        TEST(a_weak_key_is_told),
        cmocka_unit_test(paths_that_are_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
