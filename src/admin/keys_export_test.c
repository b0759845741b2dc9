// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "admin/admin_fixture.h"
#include "base/clock.h"
#include "kit/loopback.h"

static void fill(struct admin_fixture *f)
{
    admin_fixture_add_group(f, "main");
    admin_fixture_add(f, "fk-one", "default");
    admin_fixture_add(f, "fk-two", "main");
    const char *id = admin_fixture_add(f, "fk-three", "main");
    char target[128];
    snprintf(target, sizeof(target), "/admin/keys/%s/toggle", id);
    admin_fixture_ask(f, "PATCH", target, NULL);
}

static void a_text_has_a_key_on_each_line(void **state)
{
    static const struct {
        const char *query;
        const char *text;
        const char *name; // up to the date
    } rows[] = {
        {"", "fk-one\nfk-two\nfk-three\n", "keys_all_"},
        {"?status=all&format=txt", "fk-one\nfk-two\nfk-three\n", "keys_all_"},
        {"?status=active", "fk-one\nfk-two\n", "keys_active_"},
        {"?status=disabled", "fk-three\n", "keys_disabled_"},
        {"?status=banned", "", "keys_banned_"},
        {"?poolGroup=main", "fk-two\nfk-three\n", "keys_all_"},
        {"?poolGroup=main&status=active", "fk-two\n", "keys_active_"},
    };
    struct admin_fixture *f = *state;
    fill(f);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char target[128];
        char name[128];
        char now[CLOCK_ISO8601_SIZE];
        snprintf(target, sizeof(target), "/admin/keys/export%s", rows[i].query);
        clock_format_iso8601(now, clock_wall_ms());
        admin_fixture_ask(f, "GET", target, NULL);
        assert_int_equal(f->status, 200);
        assert_true(slice_eq(f->body, slice_from_cstr(rows[i].text)));
        assert_memory_equal(admin_fixture_header(f, "content-type"), "text/plain", 10);
        snprintf(name, sizeof(name), "attachment; filename=\"%s%.10s.txt\"", rows[i].name, now);
        if (strcmp(admin_fixture_header(f, "content-disposition"), name) != 0) {
            clock_format_iso8601(now, clock_wall_ms()); // midnight has passed
            snprintf(name, sizeof(name), "attachment; filename=\"%s%.10s.txt\"", rows[i].name, now);
        }
        assert_string_equal(admin_fixture_header(f, "content-disposition"), name);
    }
}

static void json_has_more(void **state)
{
    struct admin_fixture *f = *state;
    fill(f);
    admin_fixture_ask(f, "GET", "/admin/keys/export?format=json&poolGroup=main", NULL);
    assert_int_equal(f->status, 200);
    assert_string_equal(admin_fixture_header(f, "content-type"), "application/json");
    assert_int_equal(admin_fixture_count(f, "keys"), 2);
    assert_string_equal(admin_fixture_text(f, "keys.0.key"), "fk-two");
    assert_string_equal(admin_fixture_text(f, "keys.1.status"), "disabled");
    assert_string_equal(admin_fixture_text(f, "keys.1.poolGroup"), "main");
    admin_fixture_ask(f, "GET", "/admin/keys/export?format=json&status=banned", NULL);
    assert_int_equal(admin_fixture_count(f, "keys"), 0);
}

// More than a socket takes at once; meanwhile keys go.
static void a_slow_client_gets_all_that_stay(void **state)
{
    enum { N_KEYS = 100000, SECRET_LEN = 200 };
    struct admin_fixture *f = *state;
    for (unsigned i = 0; i < N_KEYS; i++) {
        char secret[SECRET_LEN + 1];
        struct key_draft draft = {.max_inflight = -1};
        const struct key_record *record;
        snprintf(secret, sizeof(secret), "fk-%0197u", i);
        draft.secret = slice_of(secret, SECRET_LEN);
        assert_int_equal(key_store_add(f->store, &draft, &record), KEY_STORE_OK);
    }
    admin_fixture_send(f, "GET", "/admin/keys/export", "x-admin-key: " ADMIN_FIXTURE_KEY "\r\n", SLICE_EMPTY);
    assert_true(loopback_receive_bytes(f->client, &f->loop, 1000));
    assert_true(f->client->received.len < (size_t)N_KEYS * SECRET_LEN / 4 * 3);
    // The last one has not been written yet, the first one has.
    const struct key_record *last = key_store_key(f->store, N_KEYS - 1);
    const struct key_record *first = key_store_key(f->store, 0);
    struct slice gone = arena_dup(&f->config->config->_arena, last->secret);
    assert_int_equal(key_store_remove(f->store, last->id), KEY_STORE_OK);
    assert_int_equal(key_store_remove(f->store, first->id), KEY_STORE_OK);
    admin_fixture_receive(f, false);
    assert_int_equal(f->body.len, (size_t)(N_KEYS - 1) * (SECRET_LEN + 1));
    assert_true(slice_find(f->body, gone) == SLICE_NOT_FOUND);
    for (size_t at = 0, i = 0; i < N_KEYS - 1; i++, at += SECRET_LEN + 1) {
        uint64_t number = 0;
        assert_true(slice_to_u64(slice_of(f->body.ptr + at + 3, SECRET_LEN - 3), &number));
        assert_int_equal(number, i);
    }
}

static void a_client_that_leaves_ends_it(void **state)
{
    struct admin_fixture *f = *state;
    for (unsigned i = 0; i < 50000; i++) {
        char secret[201];
        struct key_draft draft = {.max_inflight = -1};
        const struct key_record *record;
        snprintf(secret, sizeof(secret), "fk-%0197u", i);
        draft.secret = slice_from_cstr(secret);
        assert_int_equal(key_store_add(f->store, &draft, &record), KEY_STORE_OK);
    }
    admin_fixture_send(f, "GET", "/admin/keys/export", "x-admin-key: " ADMIN_FIXTURE_KEY "\r\n", SLICE_EMPTY);
    assert_true(loopback_receive_bytes(f->client, &f->loop, 1000));
    loopback_close(f->client);
    loopback_connect(f->client, f->port);
    admin_fixture_ask(f, "GET", "/admin/stats", NULL);
    assert_int_equal(admin_fixture_int(f, "data.total"), 50000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, admin_fixture_setup, admin_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_text_has_a_key_on_each_line),
        TEST(json_has_more),
        TEST(a_slow_client_gets_all_that_stay),
        TEST(a_client_that_leaves_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
