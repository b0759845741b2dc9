// SPDX-License-Identifier: MIT
#include "gateway/prometheus.h"

#include <stdio.h>

void prometheus_begin(struct buf *out, const struct prometheus_family *family)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help, family->name, types[family->type]);
}

static void write_value(struct buf *out, struct slice value)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (c == '\\' || c == '"' || c == '\n') {
            buf_append_char(out, '\\');
        }
        buf_append_char(out, c == '\n' ? 'n' : c);
    }
}

static void write_label(struct buf *out, const char *name, struct slice value, bool is_first)
{
    buf_append_char(out, is_first ? '{' : ',');
    buf_append(out, slice_from_cstr(name));
    buf_append(out, SLICE("=\""));
    write_value(out, value);
    buf_append_char(out, '"');
}

// The name, and the labels with their braces. `le` is one more of them; NULL: none.
static void write_series(struct buf *out, const char *name, const char *suffix, const struct prometheus_labels *labels,
                         const char *le)
{
    size_t n = 0;
    buf_append(out, slice_from_cstr(name));
    buf_append(out, slice_from_cstr(suffix));
    for (; labels->all[n].name; n++) {
        write_label(out, labels->all[n].name, labels->all[n].value, n == 0);
    }
    if (le) {
        write_label(out, "le", slice_from_cstr(le), n == 0);
    }
    if (n || le) {
        buf_append_char(out, '}');
    }
}

void prometheus_count(struct buf *out, const struct prometheus_family *family, struct prometheus_labels labels,
                      uint64_t value)
{
    write_series(out, family->name, "", &labels, NULL);
    buf_printf(out, " %llu\n", (unsigned long long)value);
}

void prometheus_number(struct buf *out, const struct prometheus_family *family, struct prometheus_labels labels,
                       double value)
{
    write_series(out, family->name, "", &labels, NULL);
    buf_printf(out, " %.15g\n", value);
}

void prometheus_histogram_sum(struct buf *out, const struct prometheus_family *family, struct prometheus_labels labels,
                              uint64_t n, double sum_seconds)
{
    write_series(out, family->name, "_bucket", &labels, "+Inf");
    buf_printf(out, " %llu\n", (unsigned long long)n);
    write_series(out, family->name, "_sum", &labels, NULL);
    buf_printf(out, " %.9g\n", sum_seconds);
    write_series(out, family->name, "_count", &labels, NULL);
    buf_printf(out, " %llu\n", (unsigned long long)n);
}

void prometheus_histogram(struct buf *out, const struct prometheus_family *family, struct prometheus_labels labels,
                          const struct histogram *histogram)
{
    uint64_t n = 0;
    for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
        char bound[32];
        n += histogram->counts[i];
        snprintf(bound, sizeof(bound), "%g", histogram->bounds[i]);
        write_series(out, family->name, "_bucket", &labels, bound);
        buf_printf(out, " %llu\n", (unsigned long long)n);
    }
    n += histogram->counts[HISTOGRAM_BOUNDS];
    prometheus_histogram_sum(out, family, labels, n, histogram->sum_seconds);
}

void prometheus_one(struct buf *out, const struct prometheus_family *family, uint64_t value)
{
    prometheus_begin(out, family);
    prometheus_count(out, family, PROMETHEUS_NO_LABELS, value);
}
