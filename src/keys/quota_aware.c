// SPDX-License-Identifier: MIT
// The key that has the most tokens left, of those that are below their limits for the day and the month and have
// something left at all.
#include <time.h>

#include "keys/algorithm.h"

#define DAY_MS (24LL * 3600 * 1000)

static double score(const struct key_slot *slot, const struct key_scoring *scoring)
{
    return -allowance_left(slot, &scoring->allowances);
}

static int64_t next_day_ms(int64_t now_ms)
{
    return (now_ms / DAY_MS + 1) * DAY_MS;
}

static int64_t next_month_ms(int64_t now_ms)
{
    time_t now_s = (time_t)(now_ms / 1000);
    struct tm utc;
    gmtime_r(&now_s, &utc);
    struct tm first = {.tm_year = utc.tm_year, .tm_mon = utc.tm_mon + 1, .tm_mday = 1};
    return (int64_t)timegm(&first) * 1000;
}

static bool is_over_quota(const struct key_slot *slot, const struct key_scoring *scoring, int64_t *until_ms_r)
{
    const struct key_settings *settings = scoring->settings;
    int64_t now_ms = scoring->now_ms;
    if (key_remaining(slot) == 0) {
        *until_ms_r = 0;
        return true;
    }
    if (settings->monthly_limit && key_month_tokens(slot, now_ms) >= settings->monthly_limit) {
        *until_ms_r = next_month_ms(now_ms);
        return true;
    }
    if (settings->daily_limit && key_day_tokens(slot, now_ms) >= settings->daily_limit) {
        *until_ms_r = next_day_ms(now_ms);
        return true;
    }
    return false;
}

const struct key_algorithm key_algorithm_quota_aware = {
    .name = SLICE_INIT("quota-aware"),
    .rule = KEY_LEAST,
    .score = score,
    .is_over_quota = is_over_quota,
};
