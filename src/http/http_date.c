// SPDX-License-Identifier: MIT
#include "http/http_date.h"

#include <time.h>

struct date {
    unsigned day;
    unsigned month; // from 0
    unsigned year;
    unsigned hour;
    unsigned minute;
    unsigned second;
};

enum { N_DAYS = 7, N_MONTHS = 12, NAME_LEN = 3, YEARS_AHEAD = 50 };

static const struct slice day_names[N_DAYS] = {
    SLICE_INIT("Monday"), SLICE_INIT("Tuesday"),  SLICE_INIT("Wednesday"), SLICE_INIT("Thursday"),
    SLICE_INIT("Friday"), SLICE_INIT("Saturday"), SLICE_INIT("Sunday"),
};

// The number that a letter of a pattern stands for; NULL: the letter stands for itself.
static unsigned *number_of(struct date *date, char letter)
{
    switch (letter) {
    case '_': return &date->day; // or a space
    case 'd': return &date->day;
    case 'y': return &date->year;
    case 'h': return &date->hour;
    case 'm': return &date->minute;
    case 's': return &date->second;
    default: return NULL;
    }
}

static bool take_month(struct slice *rest, struct date *date)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (unsigned i = 0; i < N_MONTHS; i++) {
        if (slice_starts_with(*rest, slice_of(names + (size_t)NAME_LEN * i, NAME_LEN))) {
            date->month = i;
            *rest = slice_after(*rest, NAME_LEN);
            return true;
        }
    }
    return false;
}

static bool take_byte(struct slice *rest, char letter, struct date *date)
{
    unsigned *number = number_of(date, letter);
    if (rest->len == 0) {
        return false;
    }
    char c = letter == '_' && *rest->ptr == ' ' ? '0' : *rest->ptr;
    *rest = slice_after(*rest, 1);
    if (!number) {
        return c == letter;
    }
    *number = *number * 10 + (unsigned)(c - '0');
    return c >= '0' && c <= '9';
}

// "N" is the name of a month, other letters are digits (see number_of()).
static bool matches(struct slice text, const char *pattern, struct date *date_r)
{
    struct date date = {0};
    for (; *pattern; pattern++) {
        if (!(*pattern == 'N' ? take_month(&text, &date) : take_byte(&text, *pattern, &date))) {
            return false;
        }
    }
    *date_r = date;
    return text.len == 0 && date.day >= 1 && date.day <= 31 && date.hour < 24 && date.minute < 60 && date.second <= 60;
}

// The name of a day and what follows it: a long name before a year of two digits, elsewhere a short one.
static bool take_day_name(struct slice *rest, bool is_long, struct slice separator)
{
    for (size_t i = 0; i < N_DAYS; i++) {
        struct slice name = slice_of(day_names[i].ptr, is_long ? day_names[i].len : NAME_LEN);
        if (slice_starts_with(*rest, name) && slice_starts_with(slice_after(*rest, name.len), separator)) {
            *rest = slice_after(*rest, name.len + separator.len);
            return true;
        }
    }
    return false;
}

static unsigned whole_year(unsigned year, int64_t now_wall_ms)
{
    time_t now_s = (time_t)(now_wall_ms / 1000);
    struct tm now;
    gmtime_r(&now_s, &now);
    unsigned this_year = (unsigned)now.tm_year + 1900;
    year += this_year - this_year % 100;
    return year > this_year + YEARS_AHEAD ? year - 100 : year;
}

static bool read_form(struct slice text, int64_t now_wall_ms, struct date *date_r)
{
    struct slice rest = text;
    if (take_day_name(&rest, false, SLICE(", "))) {
        return matches(rest, "dd N yyyy hh:mm:ss GMT", date_r);
    }
    if (take_day_name(&rest, false, SLICE(" "))) {
        return matches(rest, "N _d hh:mm:ss yyyy", date_r);
    }
    if (take_day_name(&rest, true, SLICE(", ")) && matches(rest, "dd-N-yy hh:mm:ss GMT", date_r)) {
        date_r->year = whole_year(date_r->year, now_wall_ms);
        return true;
    }
    return false;
}

bool http_date_read(struct slice text, int64_t now_wall_ms, int64_t *wall_ms_r)
{
    struct date date;
    if (!read_form(text, now_wall_ms, &date)) {
        return false;
    }
    struct tm tm = {
        .tm_year = (int)date.year - 1900,
        .tm_mon = (int)date.month,
        .tm_mday = (int)date.day,
        .tm_hour = (int)date.hour,
        .tm_min = (int)date.minute,
        .tm_sec = (int)date.second,
    };
    *wall_ms_r = (int64_t)timegm(&tm) * 1000;
    return true;
}
