// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "usage/latency_histogram.h"

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 16;
}

// Of all magnitudes alike.
static uint64_t random_ms(uint64_t *seed)
{
    return next_random(seed) >> (21 + next_random(seed) % 27);
}

static void assert_same(const struct latency_histogram *a, const struct latency_histogram *b)
{
    struct buf a_bytes = BUF_EMPTY;
    struct buf b_bytes = BUF_EMPTY;
    latency_encode(a, &a_bytes);
    latency_encode(b, &b_bytes);
    assert_int_equal(a->n, b->n);
    assert_int_equal(a->sum_ms, b->sum_ms);
    assert_true(slice_eq(buf_slice(&a_bytes), buf_slice(&b_bytes)));
    buf_deinit(&a_bytes);
    buf_deinit(&b_bytes);
}

static void of_nothing_there_is_no_percentile(void **state)
{
    struct latency_histogram empty = {0};
    struct buf bytes = BUF_EMPTY;
    assert_int_equal(latency_percentile(&empty, 0.5), -1);
    latency_encode(&empty, &bytes);
    assert_int_equal(bytes.len, 0);
    assert_true(latency_decode_into(&empty, SLICE_EMPTY));
    latency_merge(&empty, &empty);
    assert_int_equal(empty.n, 0);
    assert_int_equal(latency_percentile(&empty, 1), -1);
    latency_deinit(&empty);
}

// Each value alone is told with at most 1/8 too much, and never with too little.
static void one_value_is_told_within_a_step(void **state)
{
    for (uint64_t base = 1; base < UINT64_C(1) << 27; base += 1 + base / 50) {
        struct latency_histogram one = {0};
        latency_add(&one, base);
        int64_t told = latency_percentile(&one, 0.5);
        assert_true(told >= (int64_t)base);
        assert_true(told <= (int64_t)(base + base / 8));
        assert_int_equal(latency_percentile(&one, 0), told);
        assert_int_equal(latency_percentile(&one, 1), told);
        latency_deinit(&one);
    }
}

static void what_is_longer_than_all_counts_in_the_last_step(void **state)
{
    static const uint64_t values[] = {UINT64_C(1) << 27, UINT64_C(1) << 40, UINT64_MAX, UINT64_MAX - 1};
    struct latency_histogram all = {0};
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
        latency_add(&all, values[i]);
        assert_int_equal(latency_percentile(&all, 1), (INT64_C(1) << 27) - 1);
    }
    assert_int_equal(all.n, 4);
    assert_true(all.sum_ms == UINT64_MAX);
    latency_deinit(&all);
}

static void percentiles_split_what_was_added(void **state)
{
    struct latency_histogram hundred = {0};
    for (uint64_t i = 100; i > 0; i--) { // within one step each is exact up to 16
        latency_add(&hundred, i <= 90 ? 3 : i <= 99 ? 10 : 15);
    }
    assert_int_equal(latency_percentile(&hundred, 0), 3);
    assert_int_equal(latency_percentile(&hundred, 0.5), 3);
    assert_int_equal(latency_percentile(&hundred, 0.9), 3);
    assert_int_equal(latency_percentile(&hundred, 0.95), 10);
    assert_int_equal(latency_percentile(&hundred, 0.99), 10);
    assert_int_equal(latency_percentile(&hundred, 1), 15);
    assert_int_equal(latency_percentile(&hundred, 2), 15);
    assert_int_equal(latency_percentile(&hundred, -1), 3);
    latency_deinit(&hundred);
}

// However many are split over several and put together again, by merging or as bytes: it is the same.
static void parts_add_up_to_the_whole(void **state)
{
    uint64_t seed = 7;
    for (int round = 0; round < 200; round++) {
        struct latency_histogram whole = {0};
        struct latency_histogram merged = {0};
        struct latency_histogram decoded = {0};
        struct latency_histogram parts[4] = {{0}};
        struct buf bytes = BUF_EMPTY;
        for (uint64_t i = next_random(&seed) % 100; i > 0; i--) {
            uint64_t ms = random_ms(&seed);
            latency_add(&whole, ms);
            latency_add(&parts[next_random(&seed) % 4], ms);
        }
        for (size_t i = 0; i < 4; i++) {
            buf_clear(&bytes);
            latency_encode(&parts[i], &bytes);
            assert_true(bytes.len <= LATENCY_ENCODED_MAX);
            assert_true(latency_decode_into(&decoded, buf_slice(&bytes)));
            latency_merge(&merged, &parts[i]);
            latency_deinit(&parts[i]);
        }
        assert_same(&whole, &merged);
        assert_same(&whole, &decoded);
        buf_deinit(&bytes);
        latency_deinit(&whole);
        latency_deinit(&merged);
        latency_deinit(&decoded);
    }
}

// Doubled again and again, far beyond what a count can hold.
static void counts_that_are_full_stay_full(void **state)
{
    struct latency_histogram many = {0};
    struct latency_histogram again = {0};
    struct buf bytes = BUF_EMPTY;
    latency_add(&many, 5);
    latency_add(&many, 900);
    for (int i = 0; i < 70; i++) {
        latency_merge(&many, &many);
        buf_clear(&bytes);
        latency_encode(&many, &bytes);
        assert_true(bytes.len <= LATENCY_ENCODED_MAX);
        assert_true(latency_decode_into(&again, buf_slice(&bytes)));
        assert_same(&many, &again);
        latency_deinit(&again);
    }
    assert_true(many.n == UINT64_MAX && many.sum_ms == UINT64_MAX);
    assert_int_equal(latency_percentile(&many, 0.5), 5);
    assert_int_equal(latency_percentile(&many, 0.51), 959);
    buf_deinit(&bytes);
    latency_deinit(&many);
}

static void all_steps_at_once_fit(void **state)
{
    struct latency_histogram all = {0};
    struct buf bytes = BUF_EMPTY;
    for (uint64_t ms = 0; ms < UINT64_C(1) << 27; ms += 1 + ms / 16) {
        latency_add(&all, ms);
    }
    for (int i = 0; i < 64; i++) {
        latency_merge(&all, &all);
    }
    latency_encode(&all, &bytes);
    assert_true(bytes.len > LATENCY_STEPS * 6 && bytes.len <= LATENCY_ENCODED_MAX);
    buf_deinit(&bytes);
    latency_deinit(&all);
}

static void what_is_damaged_adds_nothing(void **state)
{
    static const struct slice damaged[] = {
        SLICE_INIT("\x01"),                             // no sum
        SLICE_INIT("\x01\x05"),                         // no counts
        SLICE_INIT("\x00\x00"),                         // none is told by no bytes
        SLICE_INIT("\x01\x05\x05"),                     // half a count
        SLICE_INIT("\x01\x05\x05\x00"),                 // a count of none
        SLICE_INIT("\x02\x05\x05\x01"),                 // one is missing
        SLICE_INIT("\x01\x05\x05\x02"),                 // one too many
        SLICE_INIT("\x01\x05\xC8\x01\x01"),             // no such step
        SLICE_INIT("\x02\x05\xC7\x01\x01\x00\x01"),     // nor that behind the last one
        SLICE_INIT("\x01\x05\x05\x80\x80\x80\x80\x10"), // a count of 2^32
        SLICE_INIT("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"),
        SLICE_INIT("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02\x05\x05\x01"), // more than 64 bits
    };
    struct latency_histogram histogram = {0};
    for (size_t i = 0; i < sizeof(damaged) / sizeof(*damaged); i++) {
        if (latency_decode_into(&histogram, damaged[i])) {
            fail_msg("row %zu was taken", i);
        }
        assert_int_equal(histogram.n, 0);
        assert_int_equal(latency_percentile(&histogram, 1), -1);
    }
    assert_true(latency_decode_into(&histogram, SLICE("\x01\x05\x05\x01")));
    assert_int_equal(latency_percentile(&histogram, 1), 5);
    latency_deinit(&histogram);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_nothing_there_is_no_percentile),
        cmocka_unit_test(one_value_is_told_within_a_step),
        cmocka_unit_test(what_is_longer_than_all_counts_in_the_last_step),
        cmocka_unit_test(percentiles_split_what_was_added),
        cmocka_unit_test(parts_add_up_to_the_whole),
        cmocka_unit_test(counts_that_are_full_stay_full),
        cmocka_unit_test(all_steps_at_once_fit),
        cmocka_unit_test(what_is_damaged_adds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
