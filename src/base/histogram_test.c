// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/histogram.h"

static const double bounds[HISTOGRAM_BOUNDS] = {1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 0.3, 1, 2.5, 5, 10, 30, 60, 300};

// A bound belongs to its step, one nanosecond more does not.
static void bounds_are_inclusive(void **state)
{
    (void)state;
    for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
        struct histogram histogram;
        uint64_t ns = (uint64_t)(bounds[i] * 1e9 + 0.5);
        histogram_init(&histogram, bounds);
        histogram_add(&histogram, ns);
        histogram_add(&histogram, ns + 1);
        assert_int_equal(histogram.counts[i], 1);
        assert_int_equal(histogram.counts[i + 1], 1);
        assert_int_equal(histogram_total(&histogram), 2);
    }
}

static void anything_has_a_step(void **state)
{
    static const uint64_t times[] = {0, 1, 999, 1000000000, UINT64_MAX};
    struct histogram histogram;
    double sum = 0;
    (void)state;
    histogram_init(&histogram, bounds);
    assert_int_equal(histogram_total(&histogram), 0);
    for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
        histogram_add(&histogram, times[i]);
        sum += (double)times[i] / 1e9;
        assert_int_equal(histogram_total(&histogram), i + 1);
        assert_true(histogram.sum_seconds == sum);
    }
    assert_int_equal(histogram.counts[0], 3);
    assert_int_equal(histogram.counts[HISTOGRAM_BOUNDS], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_are_inclusive),
        cmocka_unit_test(anything_has_a_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
