// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "keys/algorithm.h"

#define NOW INT64_C(1800014400000) // 2027-01-15 12:00 UTC
#define HOUR_MS INT64_C(3600000)
#define MIDNIGHT (NOW + 12 * HOUR_MS)
#define END_OF_MONTH (MIDNIGHT + 16 * 24 * HOUR_MS)
#define DAY (uint32_t)(NOW / (24 * HOUR_MS))
#define MONTH (2027 * 12 + 0)

static const struct key_settings settings = {.window_hours = 24, .daily_limit = 1000, .monthly_limit = 5000};
static const struct key_scoring scoring = {&settings, NOW, {20e6, 40e6}};

static void each_algorithm_has_its_name(void **state)
{
    static const char *const names[KEY_ALGORITHM_COUNT] = {
        "round-robin",   "random",         "least-used",  "weighted-score", "least-token-used",
        "max-remaining", "weighted-usage", "quota-aware", "time-window",
    };
    for (int i = 0; i < KEY_ALGORITHM_COUNT; i++) {
        assert_true(slice_eq(key_algorithm_of((enum key_algorithm_id)i)->name, slice_from_cstr(names[i])));
    }
    assert_ptr_equal(key_algorithm_of(KEY_ALGORITHM_COUNT), &key_algorithm_round_robin);
}

#define KNOWN(left, of) .allowance = (of), .used = (of) - (left)
#define UNKNOWN .allowance = -1

// Two keys of which the first is better, or (with `is_equal`) neither.
struct pair {
    const char *name;
    enum key_algorithm_id algorithm;
    struct key_slot better;
    struct key_slot worse;
    bool is_equal;
};

static const struct pair pairs[] = {
    {"the turn that comes first", KEY_ROUND_ROBIN, {.pass = 1, .usage_count = 9}, {.pass = 2}, false},
    {"all the same", KEY_ROUND_ROBIN, {.weight = 5, .pass = 3}, {.weight = 1, .pass = 3}, true},
    {"more weight", KEY_RANDOM, {.weight = 2}, {.weight = 1.5f, .pass = 7}, false},
    {"used less", KEY_LEAST_USED, {.usage_count = 1, .input_tokens = 5}, {.usage_count = 2}, false},
    {"fewer tokens", KEY_LEAST_TOKEN_USED, {.input_tokens = 3, .output_tokens = 6}, {.input_tokens = 10}, false},
    {"output counts", KEY_LEAST_TOKEN_USED, {.input_tokens = 5}, {.output_tokens = 6}, false},
    {"more left", KEY_MAX_REMAINING, {KNOWN(5000, 10000)}, {KNOWN(4000, 90000)}, false},
    {"metered since", KEY_MAX_REMAINING, {KNOWN(5000, 9000)}, {KNOWN(6000, 9000), .input_tokens = 1001}, false},
    {"metered before", KEY_MAX_REMAINING, {KNOWN(5, 9), .input_tokens = 7, .tokens_at_sync = 7}, {KNOWN(5, 9)}, true},
    {"unknown, unused", KEY_MAX_REMAINING, {UNKNOWN}, {UNKNOWN, .output_tokens = 1}, false},
    {"unknown, like a typical one", KEY_MAX_REMAINING, {UNKNOWN}, {KNOWN(20000000, 40000000)}, true},
    {"a full one before an unknown", KEY_MAX_REMAINING, {KNOWN(40000000, 40000000)}, {UNKNOWN}, false},
    {"an unknown before one half used", KEY_MAX_REMAINING, {UNKNOWN}, {KNOWN(10000000, 20000000)}, false},
    {"half used before much metered",
     KEY_MAX_REMAINING,
     {KNOWN(10000001, 20000000)},
     {UNKNOWN, .input_tokens = 20000000},
     false},
    {"anything before the exhausted",
     KEY_MAX_REMAINING,
     {UNKNOWN, .input_tokens = UINT64_C(1) << 50},
     {KNOWN(0, 9000)},
     false},
    {"quota-aware ranks alike", KEY_QUOTA_AWARE, {KNOWN(5000, 10000)}, {KNOWN(4000, 90000)}, false},
    {"more left of its own", KEY_WEIGHTED_USAGE, {KNOWN(5000000, 10000000)}, {KNOWN(5000000, 20000000)}, false},
    {"more left in tokens", KEY_WEIGHTED_USAGE, {KNOWN(20000000, 40000000)}, {KNOWN(10000000, 20000000)}, false},
    {"succeeds more often",
     KEY_WEIGHTED_USAGE,
     {KNOWN(5, 9), .total_requests = 10, .success_requests = 9},
     {KNOWN(5, 9), .total_requests = 10, .success_requests = 8},
     false},
    {"no request is no failure",
     KEY_WEIGHTED_USAGE,
     {UNKNOWN},
     {UNKNOWN, .total_requests = 10, .success_requests = 9},
     false},
    {"unknown, metered less", KEY_WEIGHTED_USAGE, {UNKNOWN, .input_tokens = 5}, {UNKNOWN, .input_tokens = 6}, false},
    // 0.4 + 0.3 + 0.3 · 2/3 against 0.4 · 1/2 + 0.3 + 0.3
    {"parts weigh 40, 30, 30",
     KEY_WEIGHTED_USAGE,
     {KNOWN(40000000, 40000000), .total_requests = 3, .success_requests = 2},
     {UNKNOWN},
     false},
    {"60 for success",
     KEY_WEIGHTED_SCORE,
     {.total_requests = 10, .success_requests = 10, .last_used_ms = NOW - 24 * HOUR_MS},
     {.total_requests = 10, .success_requests = 5, .last_used_ms = NOW},
     false},
    {"30 for freshness",
     KEY_WEIGHTED_SCORE,
     {.total_requests = 10, .success_requests = 6, .last_used_ms = NOW},
     {.total_requests = 10, .success_requests = 10, .last_used_ms = NOW - 24 * HOUR_MS},
     false},
    {"10 for experience",
     KEY_WEIGHTED_SCORE,
     {.total_requests = 500, .success_requests = 500},
     {.total_requests = 499, .success_requests = 499},
     false},
    {"a new key is fresh", KEY_WEIGHTED_SCORE, {.last_used_ms = NOW}, {.last_used_ms = 0}, true},
    {"enough experience",
     KEY_WEIGHTED_SCORE,
     {.total_requests = 1000, .success_requests = 1000},
     {.total_requests = 9999, .success_requests = 9999},
     true},
    {"the stalest",
     KEY_WEIGHTED_SCORE,
     {.last_used_ms = NOW - 25 * HOUR_MS},
     {.last_used_ms = NOW - 900 * HOUR_MS},
     true},
    {"hopeless, but not without a chance",
     KEY_WEIGHTED_SCORE,
     {.total_requests = 9, .last_used_ms = 1},
     {.total_requests = 1, .last_used_ms = 1},
     true},
};

static void the_better_key_has_the_better_score(void **state)
{
    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
        const struct key_algorithm *algorithm = key_algorithm_of(pairs[i].algorithm);
        double better = algorithm->score(&pairs[i].better, &scoring);
        double worse = algorithm->score(&pairs[i].worse, &scoring);
        assert_true(isfinite(better) && isfinite(worse));
        double by = algorithm->rule == KEY_SHARE ? better - worse : worse - better;
        if (algorithm->rule == KEY_SHARE && (better <= 0 || worse <= 0)) {
            fail_msg("%s: a key has no chance", pairs[i].name);
        }
        if (pairs[i].is_equal ? by != 0 : by <= 0) {
            fail_msg("%s: %g and %g", pairs[i].name, better, worse);
        }
    }
}

static void weighted_score_is_60_30_10(void **state)
{
    const struct key_slot slot = {.total_requests = 200, .success_requests = 150, .last_used_ms = NOW - 5 * HOUR_MS};
    double score = key_algorithm_weighted_score.score(&slot, &scoring);
    assert_true(fabs(score - (0.6 * 75 + 0.3 * 80 + 0.1 * 20)) < 1e-9);
}

static void weighted_usage_is_40_30_30(void **state)
{
    const struct key_slot slot = {KNOWN(5000000, 20000000), .total_requests = 10, .success_requests = 5};
    double score = key_algorithm_weighted_usage.score(&slot, &scoring);
    assert_true(fabs(score + (0.4 / 8 + 0.3 / 4 + 0.3 / 2)) < 1e-9);
}

static void the_window_counts_what_is_in_it(void **state)
{
    struct key_slot slot = {.identity = 1};
    assert_true(key_algorithm_time_window.score(&slot, &scoring) == 0);
    key_count_tokens(&slot, &settings, 30, 12, NOW);
    assert_true(key_algorithm_time_window.score(&slot, &scoring) == 42);
    struct key_scoring later = scoring;
    later.now_ms = NOW + 27 * HOUR_MS;
    assert_true(key_algorithm_time_window.score(&slot, &later) == 0);
}

struct quota_row {
    const char *name;
    struct key_slot slot;
    bool is_over;
    int64_t until_ms;
};

static const struct quota_row quota_rows[] = {
    {"nothing is known", {UNKNOWN}, false, 0},
    {"below both", {UNKNOWN, .day = DAY, .day_tokens = 999, .month = MONTH, .month_tokens = 4999}, false, 0},
    {"the day", {UNKNOWN, .day = DAY, .day_tokens = 1000, .month = MONTH, .month_tokens = 1000}, true, MIDNIGHT},
    {"yesterday", {UNKNOWN, .day = DAY - 1, .day_tokens = 1000, .month = MONTH, .month_tokens = 1000}, false, 0},
    {"the month", {UNKNOWN, .day = DAY, .day_tokens = 0, .month = MONTH, .month_tokens = 5000}, true, END_OF_MONTH},
    {"last month", {UNKNOWN, .month = MONTH - 1, .month_tokens = 5000}, false, 0},
    {"both", {UNKNOWN, .day = DAY, .day_tokens = 1000, .month = MONTH, .month_tokens = 5000}, true, END_OF_MONTH},
    {"nothing remains", {KNOWN(0, 9000)}, true, 0},
    {"nothing remains by our metering", {KNOWN(10, 9000), .output_tokens = 10}, true, 0},
    {"something remains", {KNOWN(10, 9000), .output_tokens = 9}, false, 0},
};

static void quotas_keep_keys_away(void **state)
{
    for (size_t i = 0; i < sizeof(quota_rows) / sizeof(*quota_rows); i++) {
        const struct quota_row *row = &quota_rows[i];
        int64_t until_ms = 0;
        bool is_over = key_algorithm_quota_aware.is_over_quota(&row->slot, &scoring, &until_ms);
        if (is_over != row->is_over || until_ms != row->until_ms) {
            fail_msg("%s: %d until %ld", row->name, is_over, (long)until_ms);
        }
    }
    struct key_settings unlimited = {0};
    struct key_scoring free_scoring = {&unlimited, NOW, scoring.allowances};
    struct key_slot slot = {UNKNOWN, .day = DAY, .day_tokens = UINT64_MAX, .month = MONTH, .month_tokens = UINT64_MAX};
    int64_t until_ms;
    assert_false(key_algorithm_quota_aware.is_over_quota(&slot, &free_scoring, &until_ms));
}

static void a_turn_costs_the_less_the_more_a_key_weighs(void **state)
{
    for (int weight = 1; weight <= 10; weight++) {
        struct key_group groups[2] = {0};
        struct key_slot light = {.weight = 1};
        struct key_slot heavy = {.weight = (float)weight};
        key_algorithm_round_robin.on_pick(&light, &groups[0]);
        for (int i = 0; i < weight; i++) {
            key_algorithm_round_robin.on_pick(&heavy, &groups[1]);
        }
        assert_int_equal(light.pass, heavy.pass);
    }
}

static void extreme_weights_neither_stop_nor_overflow(void **state)
{
    static const float weights[] = {1e-38f, 1e-6f, 1e-3f, 1e6f, 1e38f};
    for (size_t i = 0; i < sizeof(weights) / sizeof(*weights); i++) {
        struct key_group group = {0};
        struct key_slot slot = {.weight = weights[i]};
        uint64_t before = 0;
        for (int n = 0; n < 1000; n++) {
            key_algorithm_round_robin.on_pick(&slot, &group);
            assert_true(slot.pass > before && slot.pass - before < UINT64_C(1) << 40);
            before = slot.pass;
        }
    }
}

static void nobody_is_far_ahead_of_the_group(void **state)
{
    struct key_group group = {.pass = 1000};
    struct key_slot slot = {.weight = 1, .pass = UINT64_C(1) << 60};
    key_algorithm_round_robin.settle(&slot, &group);
    uint64_t most = slot.pass;
    struct key_slot behind = {.weight = 1, .pass = 3};
    key_algorithm_round_robin.settle(&behind, &group);
    assert_int_equal(behind.pass, 3);
    // Its turn is one step ahead, as after a pick.
    key_algorithm_round_robin.on_pick(&behind, &group);
    assert_int_equal(behind.pass, most);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_algorithm_has_its_name),
        cmocka_unit_test(the_better_key_has_the_better_score),
        cmocka_unit_test(weighted_score_is_60_30_10),
        cmocka_unit_test(weighted_usage_is_40_30_30),
        cmocka_unit_test(the_window_counts_what_is_in_it),
        cmocka_unit_test(quotas_keep_keys_away),
        cmocka_unit_test(a_turn_costs_the_less_the_more_a_key_weighs),
        cmocka_unit_test(extreme_weights_neither_stop_nor_overflow),
        cmocka_unit_test(nobody_is_far_ahead_of_the_group),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
