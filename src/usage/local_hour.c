// SPDX-License-Identifier: MIT
#include "usage/local_hour.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

// Clocks are set at full quarters of an hour, and zones are quarters apart.
enum { QUARTER_S = 15 * 60, HOUR_S = 60 * 60, DAY_S = 24 * HOUR_S, NOON = 12 };
#define WALL_MIN_S INT64_C(-62135596800) // year 1
#define WALL_MAX_S INT64_C(253370764799) // year 9998

static int64_t clamp(int64_t wall_s)
{
    return wall_s < WALL_MIN_S ? WALL_MIN_S : wall_s > WALL_MAX_S ? WALL_MAX_S : wall_s;
}

static struct tm local_tm(int64_t wall_s)
{
    struct tm tm;
    time_t seconds = (time_t)wall_s;
    struct tm *is_done = localtime_r(&seconds, &tm);
    assert(is_done); // only years that no int can tell are refused
    return tm;
}

static int64_t quarter_of(int64_t wall_s)
{
    int64_t rest = wall_s % QUARTER_S;
    return wall_s - (rest < 0 ? rest + QUARTER_S : rest);
}

// ---- hours ----------------------------------------------------------------------------------------------------------

int64_t local_hour_start(int64_t wall_s)
{
    wall_s = clamp(wall_s);
    struct tm now = local_tm(wall_s);
    int64_t start = wall_s - now.tm_min * 60 - now.tm_sec;
    // A clock that was set since then: from that moment on.
    for (int64_t at = quarter_of(wall_s); at > start; at -= QUARTER_S) {
        if (local_tm(at - 1).tm_gmtoff != now.tm_gmtoff) {
            return at;
        }
    }
    return start;
}

int64_t local_hour_of(struct local_hour *last, int64_t wall_s)
{
    if (wall_s < last->_from || wall_s >= last->_until) {
        last->_start = local_hour_start(wall_s);
        last->_from = quarter_of(clamp(wall_s));
        last->_until = last->_from + QUARTER_S;
    }
    return last->_start;
}

unsigned local_hour_of_day(int64_t wall_s)
{
    return (unsigned)local_tm(clamp(wall_s)).tm_hour;
}

// ---- days -----------------------------------------------------------------------------------------------------------

static bool is_same_day(const struct tm *a, const struct tm *b)
{
    return a->tm_yday == b->tm_yday && a->tm_year == b->tm_year;
}

static bool is_of_day(int64_t wall_s, const struct tm *day)
{
    struct tm tm = local_tm(wall_s);
    return is_same_day(&tm, day);
}

// Midnight by the clock of that moment, unless the clock was set meanwhile: then it is near. It may not have come at
// all on that day, or twice.
int64_t local_day_start(int64_t wall_s)
{
    wall_s = clamp(wall_s);
    struct tm day = local_tm(wall_s);
    int64_t start = wall_s - day.tm_hour * HOUR_S - day.tm_min * 60 - day.tm_sec;
    while (start < wall_s && !is_of_day(start, &day)) {
        start += QUARTER_S;
    }
    while (is_of_day(start - QUARTER_S, &day)) {
        start -= QUARTER_S;
    }
    return start;
}

int64_t local_day_of(struct local_day *last, int64_t wall_s)
{
    if (wall_s < last->_from || wall_s >= last->_until) {
        last->_from = local_day_start(wall_s);
        last->_until = local_day_add(last->_from, 1);
    }
    return last->_from;
}

int64_t local_day_add(int64_t day_start, int n)
{
    struct tm day = local_tm(clamp(day_start));
    struct tm noon = {.tm_year = day.tm_year, .tm_mon = day.tm_mon, .tm_mday = day.tm_mday + n, .tm_hour = NOON};
    noon.tm_isdst = -1;
    return local_day_start(mktime(&noon)); // there always is a noon
}

void local_date(int64_t wall_s, char out[LOCAL_DATE_SIZE])
{
    struct tm tm = local_tm(clamp(wall_s));
    unsigned year = (unsigned)(tm.tm_year + 1900) % 10000;
    snprintf(out, LOCAL_DATE_SIZE, "%04u-%02u-%02u", year, (unsigned)(tm.tm_mon + 1) % 100, (unsigned)tm.tm_mday % 100);
}
