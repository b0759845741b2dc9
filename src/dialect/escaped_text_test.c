// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dialect/escaped_text.h"

struct row {
    const char *text;
    const char *trimmed;
};

static const struct row ROWS[] = {
    {"", ""},
    {"a", "a"},
    {" a b ", " a b"},
    {"a \\n\\r\\t\\f \\u0020\\u000A\\u000d\\u0009", "a"},
    {" \\n\\u000c", ""},
    {"a\\\\n", "a\\\\n"},  // a backslash and an n
    {"a\\\\\\n", "a\\\\"}, // a backslash and a line feed
    {"a\\\\u0020", "a\\\\u0020"},
    {"a\\\\\\u0020 ", "a\\\\"},
    {"a\\b", "a\\b"},
    {"a\\u00e9 ", "a\\u00e9"},
    {"a\\\" ", "a\\\""},
    {"n", "n"},
    {"u0020", "u0020"},
    {"\xE4\xBD\xA0 ", "\xE4\xBD\xA0"},
};

static void white_space_goes_from_the_end(void **state)
{
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        struct slice trimmed = escaped_text_trim_end(slice_from_cstr(ROWS[i].text));
        if (!slice_eq(trimmed, slice_from_cstr(ROWS[i].trimmed))) {
            fail_msg("%s: %.*s", ROWS[i].text, SLICE_ARG(trimmed));
        }
    }
}

// What nothing is left of is blank, and nothing else.
static void blank_is_what_trimming_leaves_nothing_of(void **state)
{
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        assert_int_equal(escaped_text_is_blank(slice_from_cstr(ROWS[i].text)), ROWS[i].trimmed[0] == '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(white_space_goes_from_the_end),
        cmocka_unit_test(blank_is_what_trimming_leaves_nothing_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
