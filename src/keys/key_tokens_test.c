// SPDX-License-Identifier: MIT
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "keys/key_table.h"

static const int64_t hour_ms = 3600 * 1000;
static const int64_t day_ms = 24 * 3600 * 1000;
static const int64_t start_ms = 1767225600000; // 2026-01-01T00:00:00Z

static struct key_settings with_window(uint32_t hours)
{
    struct key_settings settings = key_settings_default;
    settings.window_hours = hours;
    return settings;
}

static void count(struct key_slot *slot, uint64_t n, int64_t now_ms)
{
    key_count_tokens(slot, &key_settings_default, n, 0, now_ms);
}

static void input_and_output_count_everywhere(void **state)
{
    struct key_slot slot = {0};
    key_count_tokens(&slot, &key_settings_default, 100, 20, start_ms);
    key_count_tokens(&slot, &key_settings_default, 3, 0, start_ms + 1);
    assert_int_equal(atomic_load(&slot.input_tokens), 103);
    assert_int_equal(atomic_load(&slot.output_tokens), 20);
    assert_int_equal(key_window_tokens(&slot, &key_settings_default, start_ms + 2), 123);
    assert_int_equal(key_day_tokens(&slot, start_ms + 2), 123);
    assert_int_equal(key_month_tokens(&slot, start_ms + 2), 123);
}

static void sums_saturate(void **state)
{
    struct key_slot slot = {0};
    key_count_tokens(&slot, &key_settings_default, UINT64_MAX, UINT64_MAX, start_ms);
    key_count_tokens(&slot, &key_settings_default, UINT64_MAX, 1, start_ms);
    assert_true(atomic_load(&slot.input_tokens) == UINT64_MAX);
    assert_true(key_day_tokens(&slot, start_ms) == UINT64_MAX);
    assert_true(key_month_tokens(&slot, start_ms) == UINT64_MAX);
    assert_true(key_window_tokens(&slot, &key_settings_default, start_ms) == UINT32_MAX); // of one part
    atomic_store(&slot.allowance, INT64_MAX);
    assert_true(key_remaining(&slot) == 0);
}

// The window, worked out from all that was ever counted.
static void the_window_slides_in_twelfths(void **state)
{
    enum { N = 3000 };
    static const uint32_t hours[] = {1, 2, 7, 24, 168, 0};
    for (size_t h = 0; h < sizeof(hours) / sizeof(*hours); h++) {
        static int64_t parts[N];
        static uint64_t tokens[N];
        struct key_slot slot = {0};
        struct key_settings settings = with_window(hours[h]);
        int64_t part_ms = (hours[h] ? hours[h] : 1) * hour_ms / 12;
        int64_t now_ms = start_ms;
        srand(1);
        for (size_t i = 0; i < N; i++) {
            // Mostly little time passes, at times more than a window.
            now_ms += rand() % (rand() % 50 ? part_ms / 5 : 14 * part_ms);
            parts[i] = now_ms / part_ms;
            tokens[i] = (uint64_t)(rand() % 1000);
            key_count_tokens(&slot, &settings, tokens[i], 0, now_ms);
            uint64_t expected = 0;
            for (size_t before = 0; before <= i; before++) {
                expected += parts[before] > parts[i] - 12 ? tokens[before] : 0;
            }
            assert_int_equal(key_window_tokens(&slot, &settings, now_ms), expected);
        }
        assert_int_equal(key_window_tokens(&slot, &settings, now_ms + 12 * part_ms), 0);
    }
}

static void days_and_months_begin_at_midnight_utc(void **state)
{
    struct key_slot slot = {0};
    uint64_t today = 0;
    uint64_t this_month = 0;
    int day = -1;
    int month = -1;
    // From 1990 to 2110, and the 29th of February of 2000, but not of 2100.
    for (int64_t now_ms = 7305 * day_ms; now_ms < 51136 * day_ms; now_ms += 5 * hour_ms) {
        struct tm tm;
        time_t seconds = (time_t)(now_ms / 1000);
        gmtime_r(&seconds, &tm);
        today = tm.tm_mday == day ? today : 0;
        this_month = tm.tm_mon == month ? this_month : 0;
        assert_int_equal(key_day_tokens(&slot, now_ms), today);
        assert_int_equal(key_month_tokens(&slot, now_ms), this_month);
        count(&slot, 7, now_ms);
        today += 7;
        this_month += 7;
        assert_int_equal(key_day_tokens(&slot, now_ms), today);
        assert_int_equal(key_month_tokens(&slot, now_ms), this_month);
        assert_int_equal(atomic_load(&slot.month), (tm.tm_year + 1900) * 12 + tm.tm_mon);
        day = tm.tm_mday;
        month = tm.tm_mon;
    }
}

static void a_clock_that_steps_back_a_little_goes_on_counting(void **state)
{
    struct key_slot slot = {0};
    int64_t midnight_ms = start_ms + 31 * day_ms; // of a month, too
    count(&slot, 5, midnight_ms + 10);
    count(&slot, 7, midnight_ms - 10);
    assert_int_equal(key_day_tokens(&slot, midnight_ms - 5), 12);
    assert_int_equal(key_month_tokens(&slot, midnight_ms - 5), 12);
    assert_int_equal(key_window_tokens(&slot, &key_settings_default, midnight_ms - 5), 12);
    count(&slot, 1, midnight_ms + 20);
    assert_int_equal(key_day_tokens(&slot, midnight_ms + 20), 13);
    assert_int_equal(key_month_tokens(&slot, midnight_ms + 20), 13);
    assert_int_equal(key_window_tokens(&slot, &key_settings_default, midnight_ms + 20), 13);
}

static void a_clock_that_was_far_ahead_is_corrected(void **state)
{
    struct key_slot slot = {0};
    count(&slot, 1000, start_ms + 100 * day_ms);
    assert_int_equal(key_day_tokens(&slot, start_ms), 0);
    assert_int_equal(key_month_tokens(&slot, start_ms), 0);
    assert_int_equal(key_window_tokens(&slot, &key_settings_default, start_ms), 0);
    for (int hour = 0; hour < 24; hour++) { // every part of the window once
        count(&slot, 1, start_ms + hour * hour_ms);
    }
    assert_int_equal(key_day_tokens(&slot, start_ms + 23 * hour_ms), 24);
    assert_int_equal(key_month_tokens(&slot, start_ms + 23 * hour_ms), 24);
    assert_int_equal(key_window_tokens(&slot, &key_settings_default, start_ms + 23 * hour_ms), 24);
}

static void another_length_of_the_window_begins_a_new_one(void **state)
{
    static const uint32_t hours[] = {1, 23, 25, 48, 8760};
    for (size_t h = 0; h < sizeof(hours) / sizeof(*hours); h++) {
        struct key_slot slot = {0};
        struct key_settings settings = with_window(hours[h]);
        count(&slot, 5, start_ms);
        assert_int_equal(key_window_tokens(&slot, &settings, start_ms), 0);
        key_count_tokens(&slot, &settings, 3, 0, start_ms);
        assert_int_equal(key_window_tokens(&slot, &settings, start_ms), 3);
    }
}

static void times_that_cannot_be_do_no_harm(void **state)
{
    static const int64_t times[] = {INT64_MIN, -1, 0, 1, INT64_MAX};
    for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
        struct key_slot slot = {0};
        count(&slot, 5, times[i]);
        assert_int_equal(key_day_tokens(&slot, times[i]), 5);
        assert_int_equal(key_month_tokens(&slot, times[i]), 5);
        assert_int_equal(key_window_tokens(&slot, &key_settings_default, times[i]), 5);
    }
}

static void what_remains_is_the_balance_less_what_was_metered_since(void **state)
{
    static const struct {
        int64_t allowance;
        int64_t used;
        uint64_t at_sync;
        uint64_t metered;
        int64_t remaining;
    } rows[] = {
        {-1, 0, 0, 0, -1},
        {-1, 5, 0, 7, -1},
        {0, 0, 0, 0, 0},
        {100, 0, 0, 0, 100},
        {100, 30, 0, 0, 70},
        {100, 30, 50, 50, 70},
        {100, 30, 50, 60, 60},
        {100, 30, 50, 120, 0},
        {100, 30, 50, 121, 0},
        {100, 130, 0, 0, 0},
        {100, -1, 0, 10, 90},
        {100, 30, 50, 40, 70}, // counters were reset since
        {INT64_MAX, 0, 0, 0, INT64_MAX},
        {INT64_MAX, INT64_MAX, 0, UINT64_MAX, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct key_slot slot = {0};
        atomic_store(&slot.allowance, rows[i].allowance);
        atomic_store(&slot.used, rows[i].used);
        atomic_store(&slot.tokens_at_sync, rows[i].at_sync);
        atomic_store(&slot.input_tokens, rows[i].metered / 3);
        atomic_store(&slot.output_tokens, rows[i].metered - rows[i].metered / 3);
        assert_true(key_remaining(&slot) == rows[i].remaining);
    }
}

enum { N_THREADS = 4, N_MONTHS = 500, N_COUNTS = 20 };

struct crowd {
    struct key_slot slot;
    pthread_barrier_t barrier;
};

static int64_t month_ms(int month)
{
    return start_ms + month * 31 * day_ms;
}

// All begin a month at the same moment.
static void *count_in_a_crowd(void *arg)
{
    struct crowd *crowd = arg;
    for (int month = 0; month < N_MONTHS; month++) {
        pthread_barrier_wait(&crowd->barrier);
        for (int i = 0; i < N_COUNTS; i++) {
            key_count_tokens(&crowd->slot, &key_settings_default, 2, 1, month_ms(month));
        }
        pthread_barrier_wait(&crowd->barrier);
    }
    return NULL;
}

static void nothing_is_lost_when_many_count_at_the_turn_of_a_month(void **state)
{
    struct crowd crowd = {0};
    pthread_t threads[N_THREADS];
    const uint64_t n_each = UINT64_C(3) * N_THREADS * N_COUNTS;
    assert_int_equal(pthread_barrier_init(&crowd.barrier, NULL, N_THREADS + 1), 0);
    for (int i = 0; i < N_THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, count_in_a_crowd, &crowd), 0);
    }
    for (int month = 0; month < N_MONTHS; month++) {
        pthread_barrier_wait(&crowd.barrier);
        pthread_barrier_wait(&crowd.barrier);
        assert_int_equal(key_day_tokens(&crowd.slot, month_ms(month)), n_each);
        assert_int_equal(key_month_tokens(&crowd.slot, month_ms(month)), n_each);
        assert_int_equal(key_window_tokens(&crowd.slot, &key_settings_default, month_ms(month)), n_each);
    }
    for (int i = 0; i < N_THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    pthread_barrier_destroy(&crowd.barrier);
    assert_int_equal(atomic_load(&crowd.slot.input_tokens), N_MONTHS * n_each / 3 * 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_saturate),
        cmocka_unit_test(times_that_cannot_be_do_no_harm),
        cmocka_unit_test(input_and_output_count_everywhere),
        cmocka_unit_test(the_window_slides_in_twelfths),
        cmocka_unit_test(days_and_months_begin_at_midnight_utc),
        cmocka_unit_test(a_clock_that_steps_back_a_little_goes_on_counting),
        cmocka_unit_test(a_clock_that_was_far_ahead_is_corrected),
        cmocka_unit_test(another_length_of_the_window_begins_a_new_one),
        cmocka_unit_test(what_remains_is_the_balance_less_what_was_metered_since),
        cmocka_unit_test(nothing_is_lost_when_many_count_at_the_turn_of_a_month),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
