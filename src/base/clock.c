// SPDX-License-Identifier: MIT
#include "base/clock.h"

#include <string.h>
#include <time.h>

uint64_t clock_monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

int64_t clock_wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_seconds_until(int64_t wall_ms)
{
    int64_t ms = wall_ms - clock_wall_ms();
    return ms > 1000 ? (ms + 999) / 1000 : 1;
}

static void put_digits(char *out, int n, int64_t value)
{
    for (int i = n - 1; i >= 0; i--) {
        out[i] = (char)('0' + value % 10);
        value /= 10;
    }
}

void clock_format_iso8601(char out[CLOCK_ISO8601_SIZE], int64_t wall_ms)
{
    const int64_t first_ms = -62167219200000; // 0000-01-01T00:00:00.000Z
    const int64_t last_ms = 253402300799999;  // 9999-12-31T23:59:59.999Z
    wall_ms = wall_ms < first_ms ? first_ms : wall_ms > last_ms ? last_ms : wall_ms;
    int64_t ms = wall_ms % 1000;
    int64_t seconds = wall_ms / 1000;
    if (ms < 0) {
        ms += 1000;
        seconds--;
    }
    time_t time = (time_t)seconds;
    struct tm tm;
    gmtime_r(&time, &tm);
    memcpy(out, "0000-00-00T00:00:00.000Z", CLOCK_ISO8601_SIZE);
    put_digits(out, 4, tm.tm_year + 1900);
    put_digits(out + 5, 2, tm.tm_mon + 1);
    put_digits(out + 8, 2, tm.tm_mday);
    put_digits(out + 11, 2, tm.tm_hour);
    put_digits(out + 14, 2, tm.tm_min);
    put_digits(out + 17, 2, tm.tm_sec);
    put_digits(out + 20, 3, ms);
}
