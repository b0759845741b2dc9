// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "admin/admin.h"
#include "admin/admin_access.h"

struct fixture {
    struct arena arena;
    struct config config;
    struct admin_guard *guard;
    struct h1_field fields[H1_FIELDS_MAX];
};

static int set_up(void **state)
{
    static struct fixture f;
    f = (struct fixture){.guard = admin_guard_new()};
    arena_init(&f.arena, 1024);
    f.config.admin_access_key = SLICE("a right and long key");
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    admin_guard_free(f->guard);
    arena_deinit(&f->arena);
    return 0;
}

// `lines` are complete header lines.
static struct h1_request request(struct fixture *f, const char *lines)
{
    struct h1_limits limits = {.start_line_max = 8192, .head_max = 65536, .fields_max = H1_FIELDS_MAX};
    struct slice head = arena_printf(&f->arena, "GET /admin/stats HTTP/1.1\r\nHost: a\r\n%s\r\n", lines);
    struct h1_request req = {.fields = f->fields};
    assert_int_equal(h1_parse_request(&req, head.ptr, head.len, &limits), H1_OK);
    return req;
}

static enum admin_verdict check(struct fixture *f, const char *lines, const char *client, uint64_t now_ms,
                                uint64_t *retry_after_ms_r)
{
    struct h1_request req = request(f, lines);
    return admin_access_check(f->guard, &f->config, &req, slice_from_cstr(client), now_ms, retry_after_ms_r);
}

#define RIGHT "x-admin-key: a right and long key\r\n"
#define WRONG "x-admin-key: a wrong and long key\r\n"

// ---- the key --------------------------------------------------------------------------------------------------------

static void the_key_may_come_in_two_headers(void **state)
{
    static const struct {
        const char *lines;
        enum admin_verdict verdict;
    } rows[] = {
        {"", ADMIN_UNAUTHORIZED},
        {WRONG, ADMIN_UNAUTHORIZED},
        {"x-admin-key:\r\n", ADMIN_UNAUTHORIZED},
        {"x-admin-key: a right and long ke\r\n", ADMIN_UNAUTHORIZED},
        {"x-admin-key: a right and long key2\r\n", ADMIN_UNAUTHORIZED},
        {"x-admin-key: A right and long key\r\n", ADMIN_UNAUTHORIZED},
        {"authorization: a right and long key\r\n", ADMIN_UNAUTHORIZED},
        {"authorization: Basic a right and long key\r\n", ADMIN_UNAUTHORIZED},
        {"x-api-key: a right and long key\r\n", ADMIN_UNAUTHORIZED},
        {RIGHT, ADMIN_ALLOWED},
        {"authorization: Bearer a right and long key\r\n", ADMIN_ALLOWED},
        {"Authorization: bearer  a right and long key\r\n", ADMIN_ALLOWED},
        {"authorization: Bearer something else\r\n" RIGHT, ADMIN_ALLOWED},
        {WRONG "authorization: Bearer a right and long key\r\n", ADMIN_ALLOWED},
    };
    struct fixture *f = *state;
    uint64_t wait_ms;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char client[32];
        snprintf(client, sizeof(client), "192.0.2.%zu", i);
        assert_int_equal(check(f, rows[i].lines, client, 1000, &wait_ms), rows[i].verdict);
    }
    f->config.admin_access_key = SLICE_EMPTY;
    assert_int_equal(check(f, RIGHT, "192.0.2.1", 1000, &wait_ms), ADMIN_NOT_CONFIGURED);
    assert_int_equal(check(f, "x-admin-key:\r\n", "192.0.2.1", 1000, &wait_ms), ADMIN_NOT_CONFIGURED);
}

// ---- guessing -------------------------------------------------------------------------------------------------------

static void ten_failures_a_minute_block_an_address(void **state)
{
    struct fixture *f = *state;
    uint64_t wait_ms = 0;
    for (uint64_t i = 0; i < ADMIN_FAILURES_MAX; i++) {
        assert_int_equal(check(f, i % 2 ? WRONG : "", "192.0.2.1", 5000 + i, &wait_ms), ADMIN_UNAUTHORIZED);
    }
    // Whoever guesses gets no answer, not even to the right key.
    assert_int_equal(check(f, WRONG, "192.0.2.1", 6000, &wait_ms), ADMIN_BLOCKED);
    assert_int_equal(wait_ms, 59000);
    assert_int_equal(check(f, RIGHT, "192.0.2.1", 64999, &wait_ms), ADMIN_BLOCKED);
    assert_int_equal(wait_ms, 1);
    assert_int_equal(check(f, RIGHT, "::ffff:192.0.2.1", 64999, &wait_ms), ADMIN_BLOCKED);
    assert_int_equal(check(f, RIGHT, "192.0.2.2", 6000, &wait_ms), ADMIN_ALLOWED);
    // A minute after the first failure it begins anew.
    assert_int_equal(check(f, RIGHT, "192.0.2.1", 65000, &wait_ms), ADMIN_ALLOWED);
    assert_int_equal(check(f, WRONG, "192.0.2.1", 65000, &wait_ms), ADMIN_UNAUTHORIZED);
}

static void nine_failures_do_not(void **state)
{
    struct fixture *f = *state;
    uint64_t wait_ms = 0;
    for (unsigned i = 0; i < ADMIN_FAILURES_MAX - 1; i++) {
        assert_int_equal(check(f, WRONG, "192.0.2.1", 5000, &wait_ms), ADMIN_UNAUTHORIZED);
    }
    assert_int_equal(check(f, RIGHT, "192.0.2.1", 5000, &wait_ms), ADMIN_ALLOWED);
}

static void an_ipv6_customer_is_one_address(void **state)
{
    struct fixture *f = *state;
    uint64_t wait_ms = 0;
    for (unsigned i = 0; i < ADMIN_FAILURES_MAX; i++) {
        char client[64];
        snprintf(client, sizeof(client), "2001:db8:0:1::%x", i + 1);
        assert_int_equal(check(f, WRONG, client, 5000, &wait_ms), ADMIN_UNAUTHORIZED);
    }
    assert_int_equal(check(f, WRONG, "2001:db8:0:1:ffff::1", 5000, &wait_ms), ADMIN_BLOCKED);
    assert_int_equal(check(f, WRONG, "2001:db8:0:2::1", 5000, &wait_ms), ADMIN_UNAUTHORIZED);
}

// More addresses than are remembered: the latest one is among those that are.
static void the_table_of_addresses_is_bounded(void **state)
{
    struct fixture *f = *state;
    uint64_t wait_ms = 0;
    for (unsigned i = 0; i < 3 * ADMIN_ADDRESSES_MAX; i++) {
        char client[32];
        snprintf(client, sizeof(client), "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
        check(f, WRONG, client, 5000 + i, &wait_ms);
    }
    for (unsigned i = 0; i < ADMIN_FAILURES_MAX; i++) {
        check(f, WRONG, "192.0.2.1", 50000, &wait_ms);
    }
    assert_int_equal(check(f, RIGHT, "192.0.2.1", 50000, &wait_ms), ADMIN_BLOCKED);
}

// ---- addresses ------------------------------------------------------------------------------------------------------

static void only_allowed_addresses_may_call(void **state)
{
    struct fixture *f = *state;
    uint64_t wait_ms;
    assert_true(cidr_list_parse(SLICE("10.0.0.0/8, 2001:db8::/32"), &f->arena, &f->config.admin_allow));
    assert_int_equal(check(f, RIGHT, "10.1.2.3", 1000, &wait_ms), ADMIN_ALLOWED);
    assert_int_equal(check(f, RIGHT, "2001:db8::7", 1000, &wait_ms), ADMIN_ALLOWED);
    assert_int_equal(check(f, RIGHT, "192.0.2.1", 1000, &wait_ms), ADMIN_FORBIDDEN);
    assert_int_equal(check(f, RIGHT, "", 1000, &wait_ms), ADMIN_FORBIDDEN);
    assert_int_equal(check(f, WRONG, "10.1.2.3", 1000, &wait_ms), ADMIN_UNAUTHORIZED);
    f->config.admin_access_key = SLICE_EMPTY;
    assert_int_equal(check(f, RIGHT, "192.0.2.1", 1000, &wait_ms), ADMIN_FORBIDDEN);
}

#define FORWARDED(list) "x-forwarded-for: " list "\r\n"

static void the_client_is_the_last_address_that_is_not_trusted(void **state)
{
    static const struct {
        const char *peer;
        const char *lines;
        const char *client;
    } rows[] = {
        {"198.51.100.1", "", "198.51.100.1"},
        {"198.51.100.1", FORWARDED("10.9.9.9"), "198.51.100.1"}, // who says so is not trusted
        {"10.0.0.1", "", "10.0.0.1"},
        {"10.0.0.1", FORWARDED("203.0.113.7"), "203.0.113.7"},
        {"10.0.0.1", FORWARDED("1.1.1.1, 203.0.113.7"), "203.0.113.7"}, // the first one is anybody's claim
        {"10.0.0.1", FORWARDED("1.1.1.1, 203.0.113.7 ,10.0.0.2"), "203.0.113.7"},
        {"10.0.0.1", FORWARDED("1.1.1.1") FORWARDED("203.0.113.7"), "203.0.113.7"},
        {"10.0.0.1", FORWARDED("203.0.113.7") FORWARDED("10.0.0.2"), "203.0.113.7"},
        {"10.0.0.1", FORWARDED("10.0.0.3, 10.0.0.2"), "10.0.0.3"},
        {"10.0.0.1", FORWARDED("203.0.113.7:4711"), "203.0.113.7"},
        {"10.0.0.1", FORWARDED("[2001:db8::7]:4711"), "2001:db8::7"},
        {"10.0.0.1", FORWARDED("[2001:db8::7]"), "2001:db8::7"},
        {"10.0.0.1", FORWARDED("2001:db8::7"), "2001:db8::7"},
        {"10.0.0.1", FORWARDED("203.0.113.7, unknown"), "10.0.0.1"},
        {"10.0.0.1", FORWARDED("203.0.113.7,"), "10.0.0.1"},
        {"10.0.0.1", FORWARDED("203.0.113.0/24"), "10.0.0.1"},
        {"10.0.0.1", FORWARDED("[2001:db8::7"), "10.0.0.1"},
        {"::ffff:10.0.0.1", FORWARDED("203.0.113.7"), "203.0.113.7"},
    };
    struct fixture *f = *state;
    assert_true(cidr_list_parse(SLICE("10.0.0.0/8"), &f->arena, &f->config.trusted_proxies));
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct h1_request req = request(f, rows[i].lines);
        struct slice client = admin_client_address(&f->config, &req, slice_from_cstr(rows[i].peer));
        assert_string_equal(arena_cstr(&f->arena, client), rows[i].client);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_key_may_come_in_two_headers),
        TEST(ten_failures_a_minute_block_an_address),
        TEST(nine_failures_do_not),
        TEST(an_ipv6_customer_is_one_address),
        TEST(the_table_of_addresses_is_bounded),
        TEST(only_allowed_addresses_may_call),
        TEST(the_client_is_the_last_address_that_is_not_trusted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
