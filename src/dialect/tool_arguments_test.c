// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dialect/tool_arguments.h"

struct row {
    const char *escaped; // NULL: `raw` is there
    const char *raw;
    enum tool_kind kind;
    const char *string;
    const char *object;
    bool is_object;
};

static const struct row ROWS[] = {
    // Text that models wrote, as it came.
    {"{\\\"a\\\": 1.0}", NULL, TOOL_FUNCTION, "\"{\\\"a\\\": 1.0}\"", "{\"a\": 1.0}", true},
    {" {\\\"n\\\":12345678901234567890} \\n", NULL, TOOL_FUNCTION, "\" {\\\"n\\\":12345678901234567890} \\n\"",
     "{\"n\":12345678901234567890}", true},
    {"", NULL, TOOL_FUNCTION, "\"{}\"", "{}", true},
    {" \\n", NULL, TOOL_FUNCTION, "\" \\n\"", "{}", true},
    {"{\\\"a\\\":{\\\"b\\\":[{\\\"c\\\":null}]}}", NULL, TOOL_FUNCTION,
     "\"{\\\"a\\\":{\\\"b\\\":[{\\\"c\\\":null}]}}\"", "{\"a\":{\"b\":[{\"c\":null}]}}", true},
    {"{\\\"a\\\":\\\"\\\\n\\\"}", NULL, TOOL_FUNCTION, "\"{\\\"a\\\":\\\"\\\\n\\\"}\"", "{\"a\":\"\\n\"}", true},
    // Not what it should be.
    {"[1]", NULL, TOOL_FUNCTION, "\"[1]\"", "{\"value\":[1]}", false},
    {"\\\"x\\\"", NULL, TOOL_FUNCTION, "\"\\\"x\\\"\"", "{\"value\":\"x\"}", false},
    {"null", NULL, TOOL_FUNCTION, "\"null\"", "{}", true},
    {"{\\\"a\\\":", NULL, TOOL_FUNCTION, "\"{\\\"a\\\":\"", "{\"_raw\":\"{\\\"a\\\":\"}", false},
    {"{}{}", NULL, TOOL_FUNCTION, "\"{}{}\"", "{\"_raw\":\"{}{}\"}", false},
    {"rm -rf \\\\", NULL, TOOL_FUNCTION, "\"rm -rf \\\\\"", "{\"_raw\":\"rm -rf \\\\\"}", false},
    // Values of JSON.
    {NULL, "{\"a\": \"\\u00e9\\\"\"}", TOOL_FUNCTION, "\"{\\\"a\\\": \\\"\\\\u00e9\\\\\\\"\\\"}\"",
     "{\"a\": \"\\u00e9\\\"\"}", true},
    {NULL, "7", TOOL_FUNCTION, "\"7\"", "{\"value\":7}", false},
    {NULL, "null", TOOL_FUNCTION, "\"null\"", "{}", true},
    // Free text.
    {"SELECT \\\"x\\\"", NULL, TOOL_CUSTOM, "\"SELECT \\\"x\\\"\"", "{\"input\":\"SELECT \\\"x\\\"\"}", true},
    {"{}", NULL, TOOL_CUSTOM, "\"{}\"", "{\"input\":\"{}\"}", true},
    {"", NULL, TOOL_CUSTOM, "\"\"", "{\"input\":\"\"}", true},
    {NULL, "{\"input\":\"x\"}", TOOL_CUSTOM, "\"{\\\"input\\\":\\\"x\\\"}\"", "{\"input\":\"x\"}", true},
};

static void check(const struct row *row, struct slice found, const char *expected)
{
    if (!slice_eq(found, slice_from_cstr(expected))) {
        fail_msg("%s: %.*s instead of %s", row->escaped ? row->escaped : row->raw, SLICE_ARG(found), expected);
    }
}

static void both_forms(void **state)
{
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        const struct row *row = &ROWS[i];
        struct call call = {.kind = row->kind,
                            .escaped_arguments = slice_from_cstr(row->escaped),
                            .raw_arguments = slice_from_cstr(row->raw)};
        struct arena arena;
        struct buf out = BUF_EMPTY;
        struct json_writer w;
        arena_init(&arena, 1024);
        json_writer_init(&w, &out);
        arguments_write_string(&w, &call);
        check(row, buf_slice(&out), row->string);
        buf_clear(&out);
        json_writer_init(&w, &out);
        assert_int_equal(arguments_write_object(&w, &call, &arena), row->is_object);
        check(row, buf_slice(&out), row->object);
        buf_deinit(&out);
        arena_deinit(&arena);
    }
}

// Deeper than any reader goes: a string with what the model wrote.
static void hopeless_nesting_stays_text(void **state)
{
    struct arena arena;
    arena_init(&arena, 1024);
    char *deep = arena_text(&arena, 2000);
    memset(deep, '[', 2000);
    struct slice raw;
    assert_false(arguments_object_of(slice_of(deep, 2000), &arena, &raw));
    assert_true(slice_starts_with(raw, SLICE("{\"_raw\":\"[[[")));
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_forms),
        cmocka_unit_test(hopeless_nesting_stays_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
