// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "usage/local_hour.h"

static void use_zone(const char *zone)
{
    assert_int_equal(setenv("TZ", zone, 1), 0);
    tzset();
}

// "2026-03-29T00:59:00Z" in seconds since 1970.
static int64_t utc(const char *text)
{
    struct tm tm = {0};
    char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    assert_true(end && *end == 0);
    return timegm(&tm);
}

static const char *text_of(int64_t wall_s, char out[32])
{
    time_t seconds = wall_s;
    struct tm tm;
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &tm));
    return out;
}

struct row {
    const char *zone;
    const char *moment; // all in UTC
    const char *hour;
    const char *day;
    const char *next_day;
    const char *date; // local
    unsigned hour_of_day;
};

static const struct row rows[] = {
    {"UTC", "2026-01-02T03:04:05Z", "2026-01-02T03:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z",
     "2026-01-02", 3},
    {"UTC", "1969-12-31T23:59:59Z", "1969-12-31T23:00:00Z", "1969-12-31T00:00:00Z", "1970-01-01T00:00:00Z",
     "1969-12-31", 23},
    {"Asia/Shanghai", "2026-01-01T15:59:59Z", "2026-01-01T15:00:00Z", "2025-12-31T16:00:00Z", "2026-01-01T16:00:00Z",
     "2026-01-01", 23},
    {"Asia/Shanghai", "2026-01-01T16:00:00Z", "2026-01-01T16:00:00Z", "2026-01-01T16:00:00Z", "2026-01-02T16:00:00Z",
     "2026-01-02", 0},
    // Half an hour off.
    {"Asia/Kolkata", "2026-05-05T10:29:59Z", "2026-05-05T09:30:00Z", "2026-05-04T18:30:00Z", "2026-05-05T18:30:00Z",
     "2026-05-05", 15},
    {"Asia/Kolkata", "2026-05-05T10:30:00Z", "2026-05-05T10:30:00Z", "2026-05-04T18:30:00Z", "2026-05-05T18:30:00Z",
     "2026-05-05", 16},
    {"America/St_Johns", "2026-01-10T03:29:00Z", "2026-01-10T02:30:00Z", "2026-01-09T03:30:00Z", "2026-01-10T03:30:00Z",
     "2026-01-09", 23},
    {"America/St_Johns", "2026-07-10T02:30:00Z", "2026-07-10T02:30:00Z", "2026-07-10T02:30:00Z", "2026-07-11T02:30:00Z",
     "2026-07-10", 0},
    // A day of 23 hours, on which 02:00 does not come.
    {"Europe/Berlin", "2026-03-29T00:59:59Z", "2026-03-29T00:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z",
     "2026-03-29", 1},
    {"Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z",
     "2026-03-29", 3},
    {"Europe/Berlin", "2026-03-29T21:59:59Z", "2026-03-29T21:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z",
     "2026-03-29", 23},
    // A day of 25 hours: 02:00 comes twice, and these are two hours.
    {"Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T00:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z",
     "2026-10-25", 2},
    {"Europe/Berlin", "2026-10-25T01:30:00Z", "2026-10-25T01:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z",
     "2026-10-25", 2},
    {"Europe/Berlin", "2026-10-25T22:59:59Z", "2026-10-25T22:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z",
     "2026-10-25", 23},
    // Three quarters of an hour off, and set at such a time.
    {"Pacific/Chatham", "2026-06-01T11:14:59Z", "2026-06-01T10:15:00Z", "2026-05-31T11:15:00Z", "2026-06-01T11:15:00Z",
     "2026-06-01", 23},
    {"Pacific/Chatham", "2026-06-01T11:15:00Z", "2026-06-01T11:15:00Z", "2026-06-01T11:15:00Z", "2026-06-02T11:15:00Z",
     "2026-06-02", 0},
    // From 02:45 to 03:45, in the middle of an hour: the second piece is an hour of its own.
    {"Pacific/Chatham", "2026-09-26T13:59:59Z", "2026-09-26T13:15:00Z", "2026-09-26T11:15:00Z", "2026-09-27T10:15:00Z",
     "2026-09-27", 2},
    {"Pacific/Chatham", "2026-09-26T14:00:00Z", "2026-09-26T14:00:00Z", "2026-09-26T11:15:00Z", "2026-09-27T10:15:00Z",
     "2026-09-27", 3},
    {"Pacific/Chatham", "2026-09-26T14:14:59Z", "2026-09-26T14:00:00Z", "2026-09-26T11:15:00Z", "2026-09-27T10:15:00Z",
     "2026-09-27", 3},
    {"Pacific/Chatham", "2026-09-26T14:15:00Z", "2026-09-26T14:15:00Z", "2026-09-26T11:15:00Z", "2026-09-27T10:15:00Z",
     "2026-09-27", 4},
    // By half an hour, back from 02:00 to 01:30.
    {"Australia/Lord_Howe", "2026-04-04T14:59:59Z", "2026-04-04T14:00:00Z", "2026-04-04T13:00:00Z",
     "2026-04-05T13:30:00Z", "2026-04-05", 1},
    {"Australia/Lord_Howe", "2026-04-04T15:10:00Z", "2026-04-04T15:00:00Z", "2026-04-04T13:00:00Z",
     "2026-04-05T13:30:00Z", "2026-04-05", 1},
    // Midnight does not come: the day begins at 01:00; and in autumn it comes twice.
    {"America/Havana", "2026-03-08T05:10:00Z", "2026-03-08T05:00:00Z", "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z",
     "2026-03-08", 1},
    {"America/Havana", "2026-11-01T20:00:00Z", "2026-11-01T20:00:00Z", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z",
     "2026-11-01", 15},
};

static void expect(const struct row *row, const char *what, int64_t given, const char *wanted)
{
    char text[32];
    if (strcmp(text_of(given, text), wanted) != 0) {
        fail_msg("%s %s: %s is %s, not %s", row->zone, row->moment, what, text, wanted);
    }
}

static void hours_and_days_begin_where_the_clock_says(void **state)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const struct row *row = &rows[i];
        int64_t moment = utc(row->moment);
        char date[LOCAL_DATE_SIZE];
        use_zone(row->zone);
        expect(row, "the hour", local_hour_start(moment), row->hour);
        expect(row, "the day", local_day_start(moment), row->day);
        expect(row, "the next day", local_day_add(local_day_start(moment), 1), row->next_day);
        expect(row, "the day before the next", local_day_add(local_day_add(local_day_start(moment), 1), -1), row->day);
        local_date(moment, date);
        assert_string_equal(date, row->date);
        assert_int_equal(local_hour_of_day(moment), row->hour_of_day);
    }
}

static void who_remembers_says_the_same(void **state)
{
    static const char *const zones[] = {"UTC",           "Asia/Kolkata",    "America/St_Johns",
                                        "Europe/Berlin", "Pacific/Chatham", "Australia/Lord_Howe",
                                        "America/Havana"};
    for (size_t i = 0; i < sizeof(zones) / sizeof(*zones); i++) {
        struct local_hour hour = {0};
        struct local_day day = {0};
        use_zone(zones[i]);
        for (int64_t at = utc("2026-01-01T00:00:00Z"); at < utc("2027-01-02T00:00:00Z"); at += 7 * 60 + 13) {
            int64_t start = local_hour_start(at);
            assert_int_equal(local_hour_of(&hour, at), start);
            assert_int_equal(local_day_of(&day, at), local_day_start(at));
            assert_true(start <= at && at - start < 3600);
            assert_int_equal(local_hour_start(start), start);
            assert_true(local_day_start(at) <= start);
        }
        assert_int_equal(local_hour_of(&hour, 86400), local_hour_start(86400)); // and far away
        assert_int_equal(local_day_of(&day, 86400), local_day_start(86400));
    }
}

static void days_are_walked_one_by_one(void **state)
{
    char date[LOCAL_DATE_SIZE];
    use_zone("Europe/Berlin");
    int64_t first = local_day_start(utc("2026-01-01T12:00:00Z"));
    int64_t day = first;
    for (int i = 0; i < 365; i++) {
        assert_int_equal(local_day_add(first, i), day);
        assert_int_equal(local_day_start(day), day);
        assert_int_equal(local_day_start(day - 1), local_day_add(day, -1));
        day = local_day_add(day, 1);
    }
    local_date(day, date);
    assert_string_equal(date, "2027-01-01");
}

static void no_moment_is_too_far_away(void **state)
{
    static const int64_t moments[] = {INT64_MIN,     INT64_MIN + 1, INT64_C(-62200000000), INT64_C(253402300800),
                                      INT64_MAX - 1, INT64_MAX};
    use_zone("Europe/Berlin");
    for (size_t i = 0; i < sizeof(moments) / sizeof(*moments); i++) {
        struct local_hour hour = {0};
        struct local_day day = {0};
        char date[LOCAL_DATE_SIZE];
        int64_t start = local_hour_start(moments[i]);
        assert_int_equal(local_hour_start(start), start);
        assert_int_equal(local_hour_of(&hour, moments[i]), start);
        assert_int_equal(local_day_of(&day, moments[i]), local_day_start(start));
        local_date(moments[i], date);
        assert_int_equal(strlen(date), LOCAL_DATE_SIZE - 1);
        assert_true(local_hour_of_day(moments[i]) < 24);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hours_and_days_begin_where_the_clock_says),
        cmocka_unit_test(who_remembers_says_the_same),
        cmocka_unit_test(days_are_walked_one_by_one),
        cmocka_unit_test(no_moment_is_too_far_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
