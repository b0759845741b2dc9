// SPDX-License-Identifier: MIT
#include "base/iso8601.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/clock.h"

static void refuses_what_is_no_time(void **state)
{
    static const char *const texts[] = {
        "",
        "now",
        "2026",
        "2026-01",
        "2026-1-02",
        "2026-13-01",
        "2026-00-01",
        "2026-01-00",
        "2026-01-32",
        "2026-04-31",
        "2026-01-02T",
        "2026-01-02T03",
        "2026-01-02T03:0",
        "2026-01-02T24:00",
        "2026-01-02T03:60",
        "2026-01-02T03:04:61",
        "2026-01-02T03:04:",
        "2026-01-02T03:04:05Zx",
        "2026-01-02T03:04:05+1",
        "2026-01-02T03:04:05+24:00",
        "2026-01-02T03:04:05+01:60",
        "2026-01-02T03:04:05 Z",
        "2026-01-02x",
        "-026-01-02",
        " 2026-01-02",
        "1767323045678",
    };
    int64_t ms = 1;
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        if (iso8601_read(slice_from_cstr(texts[i]), &ms)) {
            fail_msg("%s was taken for a time", texts[i]);
        }
    }
    assert_int_equal(ms, 1);
}

static void reads_what_people_and_programs_write(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"1970-01-01", 0},
        {"1970-01-01T00:00:00.000Z", 0},
        {"1970-01-01T00:00:00.1Z", 100},
        {"1970-01-01T00:00:00.0019999Z", 1},
        {"1970-01-01 00:01", 60000},
        {"1970-01-01t00:00:01z", 1000},
        {"1970-01-01T02:00+02:00", 0},
        {"1969-12-31T22:00:00-0200", 0},
        {"2026-01-02T03:04:05.678Z", 1767323045678},
        {"2024-02-29T00:00:00Z", 1709164800000},
        {"9999-12-31T23:59:59.999Z", 253402300799999},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        int64_t ms;
        assert_true(iso8601_read(slice_from_cstr(cases[i].text), &ms));
        assert_int_equal(ms, cases[i].ms);
    }
}

static void reads_what_the_clock_writes(void **state)
{
    (void)state;
    srand(1);
    for (int i = 0; i < 10000; i++) {
        int64_t given = ((int64_t)rand() << 12) % 253402300799999;
        int64_t ms;
        char text[CLOCK_ISO8601_SIZE];
        clock_format_iso8601(text, given);
        assert_true(iso8601_read(slice_from_cstr(text), &ms));
        assert_int_equal(ms, given);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_is_no_time),
        cmocka_unit_test(reads_what_people_and_programs_write),
        cmocka_unit_test(reads_what_the_clock_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
