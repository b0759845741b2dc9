// SPDX-License-Identifier: MIT
// How often something took how long, in steps that are fixed beforehand: what Prometheus calls a histogram.
#pragma once

#include <stdint.h>

enum { HISTOGRAM_BOUNDS = 14 };

struct histogram {
    const double *bounds; // static: HISTOGRAM_BOUNDS of them, in seconds, rising; each counts what is at most it
    uint64_t counts[HISTOGRAM_BOUNDS + 1]; // not cumulative; the last one is of what is longer
    double sum_seconds;
};

void histogram_init(struct histogram *histogram, const double *bounds);
void histogram_add(struct histogram *histogram, uint64_t ns);
uint64_t histogram_total(const struct histogram *histogram);
