// SPDX-License-Identifier: MIT
#include "base/histogram.h"

#include <stddef.h>

void histogram_init(struct histogram *histogram, const double *bounds)
{
    *histogram = (struct histogram){.bounds = bounds};
}

void histogram_add(struct histogram *histogram, uint64_t ns)
{
    double seconds = (double)ns / 1e9; // correctly rounded, so that 30 s is 30
    size_t i = 0;
    while (i < HISTOGRAM_BOUNDS && seconds > histogram->bounds[i]) {
        i++;
    }
    histogram->counts[i]++;
    histogram->sum_seconds += seconds;
}

uint64_t histogram_total(const struct histogram *histogram)
{
    uint64_t n = 0;
    for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++) {
        n += histogram->counts[i];
    }
    return n;
}
