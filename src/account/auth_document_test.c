// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "account/auth_document.h"

static void assert_slice(struct slice given, const char *expected)
{
    if (!slice_eq(given, slice_from_cstr(expected))) {
        fail_msg("\"%.*s\" is not \"%s\"", SLICE_ARG(given), expected);
    }
}

static void what_is_no_document(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "[]", "null", "{\"refresh_token\":", "rt-one"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        struct arena arena;
        struct auth_document document;
        arena_init(&arena, 256);
        assert_false(auth_document_read(slice_from_cstr(wrong[i]), &arena, &document));
        arena_deinit(&arena);
    }
}

static void reading(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *refresh_token;
        const char *access_token;
        int64_t expires_ms;
        int64_t refreshed_ms;
    } cases[] = {
        {"{}", "", "", 0, 0},
        {"{\"refresh_token\":\"rt\",\"api_key\":\"at\",\"expires_at\":1234567890000}", "rt", "at", 1234567890000, 0},
        {"\xef\xbb\xbf{\"access_token\":\"at\",\"last_refresh\":\"2009-02-13T23:31:30Z\"}", "", "at", 0, 1234567890000},
        {"{\"api_key\":\"at\",\"access_token\":\"other\"}", "", "at", 0, 0},
        {"{\"api_key\":\"\",\"access_token\":\"other\"}", "", "other", 0, 0},
        {"{\"api_key\":null,\"access_token\":7,\"expires_at\":{}}", "", "", 0, 0},
        {"{\"api_key\":\"a\\nb\",\"refresh_token\":\"a b\"}", "", "", 0, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct arena arena;
        struct auth_document document;
        arena_init(&arena, 256);
        assert_true(auth_document_read(slice_from_cstr(cases[i].text), &arena, &document));
        assert_slice(document.refresh_token, cases[i].refresh_token);
        assert_slice(document.access_token, cases[i].access_token);
        assert_int_equal(document.expires_ms, cases[i].expires_ms);
        assert_int_equal(document.refreshed_ms, cases[i].refreshed_ms);
        arena_deinit(&arena);
    }
}

static const struct auth_document written = {
    .refresh_token = SLICE_INIT("rt-2"),
    .access_token = SLICE_INIT("at-2"),
    .source = SLICE_INIT("seed"),
    .expires_ms = 1234567890001,
    .refreshed_ms = 1234567890002,
};

static void writing(void **state)
{
    (void)state;
    static const struct {
        const char *before;
        const char *after;
    } cases[] = {
        {"", "{\"refresh_token\":\"rt-2\",\"api_key\":\"at-2\",\"expires_at\":1234567890001,"
             "\"last_refresh\":1234567890002,\"source\":\"seed\"}"},
        {"[1]", "{\"refresh_token\":\"rt-2\",\"api_key\":\"at-2\",\"expires_at\":1234567890001,"
                "\"last_refresh\":1234567890002,\"source\":\"seed\"}"},
        // What else is there, and how things are spelled, stays.
        {"{\n  \"user\": {\"id\": 1.50},\n  \"access_token\": \"at-1\",\n  \"expires_at\": "
         "\"2009-02-13T23:31:30Z\"\n}\n",
         "{\n  \"user\": {\"id\": 1.50},\n  \"access_token\": \"at-2\",\n  \"expires_at\": "
         "\"2009-02-13T23:31:30.001Z\",\"refresh_token\":\"rt-2\",\"last_refresh\":1234567890002,\"source\":\"seed\"\n}"
         "\n"},
        {"{\"api_key\":\"x\",\"access_token\":\"y\",\"expires_at\":1,\"last_refresh\":2,\"source\":\"z\","
         "\"refresh_token\":\"w\"}",
         "{\"api_key\":\"at-2\",\"access_token\":\"at-2\",\"expires_at\":1234567890001,\"last_refresh\":1234567890002,"
         "\"source\":\"seed\",\"refresh_token\":\"rt-2\"}"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buf out = BUF_EMPTY;
        auth_document_write(slice_from_cstr(cases[i].before), &written, &out);
        assert_slice(buf_slice(&out), cases[i].after);
        buf_deinit(&out);
    }
}

static void what_was_written_is_read(void **state)
{
    (void)state;
    static const char *const before[] = {"", "{\"access_token\":\"\"}", "{\"source\":\"old\",\"expires_at\":\"\"}"};
    for (size_t i = 0; i < sizeof(before) / sizeof(*before); i++) {
        for (unsigned has_source = 0; has_source < 2; has_source++) {
            struct auth_document given = written;
            struct auth_document read;
            struct buf out = BUF_EMPTY;
            struct arena arena;
            given.source = has_source ? written.source : SLICE_EMPTY;
            arena_init(&arena, 256);
            auth_document_write(slice_from_cstr(before[i]), &given, &out);
            assert_true(auth_document_read(buf_slice(&out), &arena, &read));
            assert_true(slice_eq(read.refresh_token, given.refresh_token));
            assert_true(slice_eq(read.access_token, given.access_token));
            assert_true(slice_eq(read.source, given.source));
            assert_int_equal(read.expires_ms, given.expires_ms);
            assert_int_equal(read.refreshed_ms, given.refreshed_ms);
            buf_deinit(&out);
            arena_deinit(&arena);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_document),
        cmocka_unit_test(reading),
        cmocka_unit_test(writing),
        cmocka_unit_test(what_was_written_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
