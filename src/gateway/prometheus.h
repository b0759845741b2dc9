// SPDX-License-Identifier: MIT
// The text format of Prometheus, 0.0.4: a family, then all of its samples.
#pragma once

#include "base/buf.h"
#include "base/histogram.h"
#include "base/slice.h"

enum prometheus_type { PROMETHEUS_COUNTER, PROMETHEUS_GAUGE, PROMETHEUS_HISTOGRAM };

struct prometheus_family {
    const char *name; // a counter's ends in _total
    enum prometheus_type type;
    const char *help; // one line, without backslashes
};

// The first one without a name ends them. Any text may be a value.
enum { PROMETHEUS_LABELS_MAX = 3 };
struct prometheus_label {
    const char *name;
    struct slice value;
};
struct prometheus_labels {
    struct prometheus_label all[PROMETHEUS_LABELS_MAX + 1];
};
#define PROMETHEUS_NO_LABELS ((struct prometheus_labels){0})
#define PROMETHEUS_LABELS(...) ((struct prometheus_labels){{__VA_ARGS__}})

void prometheus_begin(struct buf *out, const struct prometheus_family *family);
void prometheus_count(struct buf *out, const struct prometheus_family *family, struct prometheus_labels labels,
                      uint64_t value);
void prometheus_number(struct buf *out, const struct prometheus_family *family, struct prometheus_labels labels,
                       double value);
void prometheus_histogram(struct buf *out, const struct prometheus_family *family, struct prometheus_labels labels,
                          const struct histogram *histogram);
// The same where only the number of values and their sum are known.
void prometheus_histogram_sum(struct buf *out, const struct prometheus_family *family, struct prometheus_labels labels,
                              uint64_t n, double sum_seconds);
// A family with one sample and no labels.
void prometheus_one(struct buf *out, const struct prometheus_family *family, uint64_t value);
