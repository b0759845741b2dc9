// SPDX-License-Identifier: MIT
// Durations in nanoseconds, counted in buckets no wider than 1/128 of their value.
#pragma once

#include <stdint.h>

enum { HISTOGRAM_SUB_BITS = 7, HISTOGRAM_BUCKETS = (64 - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS };

struct histogram {
    uint64_t n;
    uint64_t max;
    uint64_t counts[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *h, uint64_t value);

// The value below which `quantile` (0…1) of the values lie, rounded up to its bucket's end; 0 when empty.
uint64_t histogram_quantile(const struct histogram *h, double quantile);
