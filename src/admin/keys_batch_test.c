// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "admin/admin_fixture.h"

static void expect_counts(struct admin_fixture *f, int n_success, int n_duplicate, int n_invalid)
{
    admin_fixture_expect(f, 200);
    if (admin_fixture_int(f, "data.success") != n_success || admin_fixture_int(f, "data.duplicate") != n_duplicate ||
        admin_fixture_int(f, "data.invalid") != n_invalid) {
        fail_msg("not %d, %d, %d: %.*s", n_success, n_duplicate, n_invalid, SLICE_ARG(f->body));
    }
}

static void wrong_batches_add_nothing(void **state)
{
    static const struct {
        const char *body;
        unsigned status;
    } rows[] = {
        {NULL, 400},
        {"{}", 400},
        {"{\"keys\":null}", 400},
        {"{\"keys\":{}}", 400},
        {"{\"keys\":7}", 400},
        {"{\"keys\":[\"fk-a\"],\"poolGroup\":\"nowhere\"}", 400},
        {"{\"keys\":\"fk-a\",\"poolGroup\":1}", 400},
        {"{\"keys\":[\"fk-a\"],\"notes\":[]}", 400},
    };
    struct admin_fixture *f = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        admin_fixture_ask(f, "POST", "/admin/keys/batch", rows[i].body);
        admin_fixture_expect(f, rows[i].status);
    }
    assert_int_equal(key_store_n_keys(f->store), 0);
}

static void a_list_is_added(void **state)
{
    struct admin_fixture *f = *state;
    admin_fixture_add(f, "fk-there", "default");
    admin_fixture_ask(
        f, "POST", "/admin/keys/batch",
        "{\"keys\":[\"fk-a\",\" fk-b \",\"\",7,\"fk-a\",\"fk-there\",\"a\\u0001b\",null],\"notes\":\"n\"}");
    expect_counts(f, 2, 2, 4);
    assert_int_equal(admin_fixture_count(f, "data.errors"), 4);
    assert_memory_equal(admin_fixture_text(f, "data.errors.0"), "Line 3: ", 8);
    assert_memory_equal(admin_fixture_text(f, "data.errors.1"), "Line 4: ", 8);
    assert_memory_equal(admin_fixture_text(f, "data.errors.2"), "Line 7: ", 8);
    assert_memory_equal(admin_fixture_text(f, "data.errors.3"), "Line 8: ", 8);
    const struct key_record *record = key_store_find_secret(f->store, SLICE("fk-b"));
    assert_non_null(record);
    assert_true(slice_eq(record->notes, SLICE("n")));
    assert_true(record->slot != KEY_NO_SLOT);
}

static void a_text_is_added_line_by_line(void **state)
{
    struct admin_fixture *f = *state;
    admin_fixture_add_group(f, "main");
    admin_fixture_ask(f, "POST", "/admin/keys/batch",
                      "{\"keys\":\"\\ufefffk-a\\r\\n\\n  fk-b\\t\\nwith space\\nfk-a\\nfk-c\",\"poolGroup\":\"main\"}");
    expect_counts(f, 3, 1, 1);
    assert_memory_equal(admin_fixture_text(f, "data.errors.0"), "Line 4: ", 8); // empty lines count, but are no keys
    assert_non_null(key_store_find_secret(f->store, SLICE("fk-a"))); // without the byte order mark of some editors
    admin_fixture_ask(f, "GET", "/admin/keys?poolGroup=main", NULL);
    assert_int_equal(admin_fixture_int(f, "data.pagination.total"), 3);
    admin_fixture_restart(f);
    admin_fixture_ask(f, "GET", "/admin/keys?poolGroup=main", NULL);
    assert_int_equal(admin_fixture_int(f, "data.pagination.total"), 3);
}

static void an_empty_batch_is_one(void **state)
{
    struct admin_fixture *f = *state;
    admin_fixture_ask(f, "POST", "/admin/keys/batch", "{\"keys\":[]}");
    expect_counts(f, 0, 0, 0);
    admin_fixture_ask(f, "POST", "/admin/keys/batch", "{\"keys\":\"\\n\\n\"}");
    expect_counts(f, 0, 0, 0);
}

// `n` keys, of which every one with `is_bad` is invalid.
static void ask_many(struct admin_fixture *f, unsigned n, bool is_bad)
{
    struct buf body = BUF_EMPTY;
    buf_append(&body, SLICE("{\"keys\":\""));
    for (unsigned i = 0; i < n; i++) {
        buf_printf(&body, "fk-%s-%u\\n", is_bad ? "not good" : "one-of-many", i);
    }
    buf_append(&body, SLICE("\"}"));
    admin_fixture_ask_with(f, "POST", "/admin/keys/batch", "x-admin-key: " ADMIN_FIXTURE_KEY "\r\n", buf_slice(&body));
    buf_deinit(&body);
}

static void a_hundred_thousand_fit_and_no_more(void **state)
{
    struct admin_fixture *f = *state;
    ask_many(f, KEY_BATCH_MAX + 1, false);
    admin_fixture_expect(f, 413);
    assert_int_equal(key_store_n_keys(f->store), 0);
    ask_many(f, KEY_BATCH_MAX, false);
    expect_counts(f, KEY_BATCH_MAX, 0, 0);
    admin_fixture_ask(f, "GET", "/admin/keys?sort=key&order=desc&limit=1&page=100000&q=key_", NULL);
    admin_fixture_expect(f, 200);
    assert_int_equal(admin_fixture_int(f, "data.pagination.total"), KEY_BATCH_MAX);
    assert_int_equal(admin_fixture_count(f, "data.keys"), 1);
}

static void very_many_errors_are_cut(void **state)
{
    struct admin_fixture *f = *state;
    ask_many(f, 1500, true);
    expect_counts(f, 0, 0, 1500);
    assert_int_equal(admin_fixture_count(f, "data.errors"), 1001);
    assert_string_equal(admin_fixture_text(f, "data.errors.1000"), "500 more are not listed.");
}

static void keys_go_by_their_status(void **state)
{
    struct admin_fixture *f = *state;
    admin_fixture_ask(f, "POST", "/admin/keys/batch",
                      "{\"keys\":[\"fk-0\",\"fk-1\",\"fk-2\",\"fk-3\",\"fk-4\",\"fk-5\"]}");
    for (unsigned i = 0; i < 5; i++) {
        char secret[8];
        snprintf(secret, sizeof(secret), "fk-%u", i);
        admin_fixture_put_aside(f, secret, i < 2 ? KEY_BANNED : KEY_DISABLED);
    }
    admin_fixture_ask(f, "DELETE", "/admin/keys/banned", NULL);
    admin_fixture_expect(f, 200);
    assert_int_equal(admin_fixture_int(f, "data.count"), 2);
    admin_fixture_ask(f, "DELETE", "/admin/keys/disabled", NULL);
    assert_int_equal(admin_fixture_int(f, "data.count"), 3);
    admin_fixture_ask(f, "DELETE", "/admin/keys/disabled", NULL);
    assert_int_equal(admin_fixture_int(f, "data.count"), 0);
    assert_int_equal(key_store_n_keys(f->store), 1);
    assert_non_null(key_store_find_secret(f->store, SLICE("fk-5")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, admin_fixture_setup, admin_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(wrong_batches_add_nothing),
        TEST(a_list_is_added),
        TEST(a_text_is_added_line_by_line),
        TEST(an_empty_batch_is_one),
        TEST(a_hundred_thousand_fit_and_no_more),
        TEST(very_many_errors_are_cut),
        TEST(keys_go_by_their_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
