// SPDX-License-Identifier: MIT
// Hours and days of the operator's time zone (TZ). An hour begins where a clock on his wall shows :00, which in some
// zones is half an hour off from UTC, or where that clock is set in the middle of one. Whoever changes TZ while the
// program runs calls tzset(). Times outside of the years 1 to 9998 are as the nearest that is inside.
#pragma once

#include <stdint.h>

// Seconds since 1970 of the beginning of the local hour, and of the local day, that this moment is in.
int64_t local_hour_start(int64_t wall_s);
int64_t local_day_start(int64_t wall_s);

// The same for times of which most are near each other: what was asked last is remembered here. Zeros: nothing yet.
struct local_hour {
    int64_t _from; // moments from here to before _until have the answer _start
    int64_t _until;
    int64_t _start;
};
int64_t local_hour_of(struct local_hour *last, int64_t wall_s);
struct local_day {
    int64_t _from;
    int64_t _until;
};
int64_t local_day_of(struct local_day *last, int64_t wall_s);

// The day that is `n` days later (or, negative, earlier) than the one that begins at `day_start`: days may have 23 or
// 25 hours.
int64_t local_day_add(int64_t day_start, int n);
// "2026-01-02", and the hour of day (0 to 23).
enum { LOCAL_DATE_SIZE = 11 };
void local_date(int64_t wall_s, char out[LOCAL_DATE_SIZE]);
unsigned local_hour_of_day(int64_t wall_s);
