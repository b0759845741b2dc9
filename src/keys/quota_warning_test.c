// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "keys/quota_warning.h"

static const int64_t NOW_MS = 1767323045678;

struct row {
    uint64_t before;
    uint64_t tokens;
    uint64_t daily;
    uint64_t monthly;
    double ratio;
    enum quota_period expected;
};

static void the_line_is_crossed_once(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {0, 79, 100, 0, 0.8, QUOTA_NONE},    {0, 80, 100, 0, 0.8, QUOTA_DAY},        {79, 1, 100, 0, 0.8, QUOTA_DAY},
        {80, 1, 100, 0, 0.8, QUOTA_NONE},    {0, 500, 100, 0, 0.8, QUOTA_DAY},       {0, 80, 0, 100, 0.8, QUOTA_MONTH},
        {79, 1, 100, 100, 0.8, QUOTA_MONTH}, {79, 1, 0, 0, 0.8, QUOTA_NONE},         {0, 80, 100, 0, 0, QUOTA_NONE},
        {10, 0, 100, 0, 0.1, QUOTA_NONE},    {0, 1, UINT64_MAX, 0, 0.5, QUOTA_NONE},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct key_slot slot = {0};
        struct key_settings settings = key_settings_default;
        settings.daily_limit = rows[i].daily;
        settings.monthly_limit = rows[i].monthly;
        settings.warning_ratio = rows[i].ratio;
        key_count_tokens(&slot, &settings, rows[i].before, 0, NOW_MS);
        key_count_tokens(&slot, &settings, rows[i].tokens, 0, NOW_MS);
        if (quota_crossed(&slot, &settings, rows[i].tokens, NOW_MS) != rows[i].expected) {
            fail_msg("row %zu", i);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_line_is_crossed_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
