// SPDX-License-Identifier: MIT
#include "keys/quota_warning.h"

static bool crosses(uint64_t now, uint64_t tokens, uint64_t limit, double ratio)
{
    double line = (double)limit * ratio;
    uint64_t before = now > tokens ? now - tokens : 0;
    return limit && ratio > 0 && (double)before < line && (double)now >= line;
}

enum quota_period quota_crossed(const struct key_slot *slot, const struct key_settings *settings, uint64_t tokens,
                                int64_t now_ms)
{
    if (!settings->monthly_limit && !settings->daily_limit) {
        return QUOTA_NONE;
    }
    if (crosses(key_month_tokens(slot, now_ms), tokens, settings->monthly_limit, settings->warning_ratio)) {
        return QUOTA_MONTH;
    }
    if (crosses(key_day_tokens(slot, now_ms), tokens, settings->daily_limit, settings->warning_ratio)) {
        return QUOTA_DAY;
    }
    return QUOTA_NONE;
}
