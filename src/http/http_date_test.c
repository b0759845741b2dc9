// SPDX-License-Identifier: MIT
#include "http/http_date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const int64_t now_ms = 1767323045678; // 2026-01-02

static void refuses_what_is_no_date(void **state)
{
    static const char *const texts[] = {
        "",
        "Sun",
        "Sun, ",
        "sun, 06 Nov 1994 08:49:37 GMT",
        "Sum, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun,  6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 32 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 1994 08:49:3: GMT",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 GM",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sunday, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sunday 06-Nov-94 08:49:37 GMT",
        "Sunday Nov  6 08:49:37 1994",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 1994 GMT",
        "Sun Nov   08:49:37 1994",
        "1994-11-06T08:49:37Z",
    };
    int64_t ms = 1;
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        if (http_date_read(slice_from_cstr(texts[i]), now_ms, &ms)) {
            fail_msg("%s was taken for a date", texts[i]);
        }
    }
    assert_int_equal(ms, 1);
}

static void reads_all_three_forms(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", INT64_C(784111777000)},
        {"Sunday, 06-Nov-94 08:49:37 GMT", INT64_C(784111777000)},
        {"Sun Nov  6 08:49:37 1994", INT64_C(784111777000)},
        {"Wed Nov 16 08:49:37 1994", INT64_C(784975777000)},
        {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
        {"Mon, 01 Jan 1970 00:00:00 GMT", 0}, // a Thursday
        {"Thu, 29 Feb 2024 23:59:60 GMT", INT64_C(1709251200000)},
        {"Friday, 02-Jan-26 03:04:05 GMT", INT64_C(1767323045000)},
        {"Thursday, 02-Jan-76 00:00:00 GMT", INT64_C(3345148800000)}, // 2076, 50 years ahead
        {"Sunday, 02-Jan-77 00:00:00 GMT", INT64_C(221011200000)},    // 1977
        {"Fri, 31 Dec 9999 23:59:59 GMT", INT64_C(253402300799000)},
        {"Sat, 01 Jan 0000 00:00:00 GMT", INT64_C(-62167219200000)},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        int64_t ms = -1;
        if (!http_date_read(slice_from_cstr(cases[i].text), now_ms, &ms)) {
            fail_msg("%s was taken for no date", cases[i].text);
        }
        assert_int_equal(ms, cases[i].ms);
    }
}

static void every_part_of_a_date_is_no_date(void **state)
{
    struct slice text = SLICE("Sunday, 06-Nov-94 08:49:37 GMT");
    int64_t ms;
    (void)state;
    for (size_t len = 0; len < text.len; len++) {
        assert_false(http_date_read(slice_of(text.ptr, len), now_ms, &ms));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_is_no_date),
        cmocka_unit_test(reads_all_three_forms),
        cmocka_unit_test(every_part_of_a_date_is_no_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
