// SPDX-License-Identifier: MIT
#include "base/iso8601.h"

#include <time.h>

// Takes exactly `n` digits off the text.
static bool take_number(struct slice *rest, size_t n, int *value_r)
{
    if (rest->len < n) {
        return false;
    }
    int value = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned digit = (unsigned char)rest->ptr[i] - (unsigned)'0';
        if (digit > 9) {
            return false;
        }
        value = value * 10 + (int)digit;
    }
    *rest = slice_after(*rest, n);
    *value_r = value;
    return true;
}

static bool take_char(struct slice *rest, char c)
{
    if (rest->len == 0 || rest->ptr[0] != c) {
        return false;
    }
    *rest = slice_after(*rest, 1);
    return true;
}

static bool take_date(struct slice *rest, struct tm *tm)
{
    static const int month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year;
    int month;
    int day;
    if (!take_number(rest, 4, &year) || !take_char(rest, '-') || !take_number(rest, 2, &month) ||
        !take_char(rest, '-') || !take_number(rest, 2, &day)) {
        return false;
    }
    if (month < 1 || month > 12 || day < 1 || day > month_days[month - 1]) {
        return false;
    }
    *tm = (struct tm){.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
    return true;
}

static int take_milliseconds(struct slice *rest)
{
    int ms = 0;
    int unit = 100;
    for (int digit; take_number(rest, 1, &digit); unit /= 10) {
        ms += digit * unit;
    }
    return ms;
}

static bool take_time_of_day(struct slice *rest, struct tm *tm, int *ms)
{
    if (!take_number(rest, 2, &tm->tm_hour) || !take_char(rest, ':') || !take_number(rest, 2, &tm->tm_min)) {
        return false;
    }
    if (take_char(rest, ':')) {
        if (!take_number(rest, 2, &tm->tm_sec)) {
            return false;
        }
        if (take_char(rest, '.')) {
            *ms = take_milliseconds(rest);
        }
    }
    return tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec <= 60;
}

static bool take_zone(struct slice *rest, int *offset_minutes)
{
    int hours;
    int minutes;
    if (rest->len == 0 || take_char(rest, 'Z') || take_char(rest, 'z')) {
        return true;
    }
    int sign = take_char(rest, '-') ? -1 : take_char(rest, '+') ? 1 : 0;
    if (!sign || !take_number(rest, 2, &hours)) {
        return false;
    }
    take_char(rest, ':');
    if (!take_number(rest, 2, &minutes) || hours > 23 || minutes > 59) {
        return false;
    }
    *offset_minutes = sign * (hours * 60 + minutes);
    return true;
}

bool iso8601_read(struct slice text, int64_t *wall_ms_r)
{
    struct tm tm;
    int ms = 0;
    int offset_minutes = 0;
    if (!take_date(&text, &tm)) {
        return false;
    }
    if (take_char(&text, 'T') || take_char(&text, 't') || take_char(&text, ' ')) {
        if (!take_time_of_day(&text, &tm, &ms) || !take_zone(&text, &offset_minutes)) {
            return false;
        }
    }
    if (text.len) {
        return false;
    }
    *wall_ms_r = (int64_t)timegm(&tm) * 1000 + ms - (int64_t)offset_minutes * 60000;
    return true;
}
