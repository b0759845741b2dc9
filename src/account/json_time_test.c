// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "account/json_time.h"

static void times(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        int64_t wall_ms;
    } cases[] = {
        {"1234567890000", 1234567890000},
        {"1234567890", 1234567890000}, // seconds
        {"1234567890000.75", 1234567890000},
        {"\"1234567890000\"", 1234567890000},
        {"\"2009-02-13T23:31:30.000Z\"", 1234567890000},
        {"\"2009-02-14T01:31:30+02:00\"", 1234567890000},
        {"0", 0},
        {"-5", 0},
        {"\"\"", 0},
        {"\"soon\"", 0},
        {"\"1960-01-01T00:00:00Z\"", 0},
        {"null", 0},
        {"true", 0},
        {"[1234567890000]", 0},
        {"{}", 0},
        {"1e300", 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct arena arena;
        struct json_doc doc;
        arena_init(&arena, 256);
        assert_int_equal(json_parse(&doc, &arena, slice_from_cstr(cases[i].json), NULL), 0);
        if (json_time_ms(&doc, json_root(&doc)) != cases[i].wall_ms) {
            fail_msg("%s is %lld", cases[i].json, (long long)json_time_ms(&doc, json_root(&doc)));
        }
        arena_deinit(&arena);
    }
    assert_int_equal(json_time_ms(NULL, NULL), 0);
}

static void numbers(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        bool is_number;
        double value;
        int64_t whole;
    } cases[] = {
        {"20000000", true, 20000000, 20000000},
        {"\"20000000\"", true, 20000000, 20000000},
        {"\"0.25\"", true, 0.25, 0},
        {"12.75", true, 12.75, 12},
        {"-1", true, -1, -1},
        {"\" 7 \"", true, 7, 7},
        {"\"7x\"", false, 0, 0},
        {"\"true\"", false, 0, 0},
        {"\"[1]\"", false, 0, 0},
        {"null", false, 0, 0},
        {"{}", false, 0, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct arena arena;
        struct json_doc doc;
        double value = 99;
        int64_t whole = 99;
        arena_init(&arena, 256);
        assert_int_equal(json_parse(&doc, &arena, slice_from_cstr(cases[i].json), NULL), 0);
        assert_int_equal(json_loose_double(&doc, json_root(&doc), &value), cases[i].is_number);
        assert_int_equal(json_loose_int(&doc, json_root(&doc), &whole), cases[i].is_number);
        if (cases[i].is_number) {
            assert_true(value == cases[i].value);
            assert_int_equal(whole, cases[i].whole);
        }
        arena_deinit(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(times), cmocka_unit_test(numbers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
