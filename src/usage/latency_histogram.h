// SPDX-License-Identifier: MIT
// How long things took, kept so that many can be added up and percentiles told afterwards: counts in steps that grow
// with the value, eight in each doubling, from 1 ms to about 37 hours. A percentile is off by at most one step, 1/8 of
// its value.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

enum {
    LATENCY_STEPS_PER_OCTAVE = 8,
    LATENCY_STEPS = 200, // what is longer than the last one counts in it
};

// Takes memory only for what it has: most have few different values. Zeros are an empty one. All numbers saturate.
struct latency_histogram {
    uint64_t n;
    uint64_t sum_ms;
    uint32_t *_counts; // owned, of the steps from _first on; NULL while there is none
    uint16_t _first;
    uint16_t _n_counts;
};

void latency_add(struct latency_histogram *histogram, uint64_t ms);
void latency_merge(struct latency_histogram *into, const struct latency_histogram *from);
void latency_deinit(struct latency_histogram *histogram);
// The value that `fraction` (0 to 1) of all are at most; -1 when there is none. In ms.
int64_t latency_percentile(const struct latency_histogram *histogram, double fraction);

// As bytes, for the database and for other processes: short where there are few different values, none for an empty
// histogram. At most LATENCY_ENCODED_MAX bytes are appended.
enum { LATENCY_ENCODED_MAX = 20 + LATENCY_STEPS * 7 };
void latency_encode(const struct latency_histogram *histogram, struct buf *out);
// Adds what is encoded. False: that is none (damaged); then nothing was added.
bool latency_decode_into(struct latency_histogram *into, struct slice bytes);
