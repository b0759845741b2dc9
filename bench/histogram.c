// SPDX-License-Identifier: MIT
#include "histogram.h"

#include <stddef.h>

enum { SUB_BUCKETS = 1 << HISTOGRAM_SUB_BITS };

static unsigned shift_of(uint64_t value)
{
    return value < SUB_BUCKETS ? 0 : 63U - (unsigned)__builtin_clzll(value) - HISTOGRAM_SUB_BITS;
}

static size_t bucket_of(uint64_t value)
{
    if (value < SUB_BUCKETS) {
        return value;
    }
    unsigned shift = shift_of(value);
    return ((size_t)shift << HISTOGRAM_SUB_BITS) + (size_t)(value >> shift);
}

static uint64_t bucket_end(size_t bucket)
{
    if (bucket < (size_t)2 * SUB_BUCKETS) {
        return bucket;
    }
    unsigned shift = (unsigned)(bucket >> HISTOGRAM_SUB_BITS) - 1;
    uint64_t first = (uint64_t)(bucket - ((size_t)shift << HISTOGRAM_SUB_BITS)) << shift;
    return first + ((uint64_t)1 << shift) - 1;
}

void histogram_add(struct histogram *h, uint64_t value)
{
    h->n++;
    h->max = value > h->max ? value : h->max;
    h->counts[bucket_of(value)]++;
}

uint64_t histogram_quantile(const struct histogram *h, double quantile)
{
    uint64_t wanted = (uint64_t)(quantile * (double)h->n + 0.5);
    uint64_t seen = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->counts[i];
        if (h->counts[i] > 0 && seen >= wanted) {
            uint64_t end = bucket_end(i);
            return end < h->max ? end : h->max;
        }
    }
    return h->max;
}
