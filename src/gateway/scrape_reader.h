// SPDX-License-Identifier: MIT
// For tests: reads Prometheus text format 0.0.4 as strictly as a scraper does, and looks for what a scraper would only
// find out later (a series there twice, a histogram that does not add up). A failure is one of the test.
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"

enum family_type { FAMILY_COUNTER, FAMILY_GAUGE, FAMILY_HISTOGRAM };

struct sample {
    struct slice series; // "name{labels}" as written
    struct slice name;
    struct slice labels; // without braces
    double value;
};

// One scrape. Everything lives in the arena.
struct scrape {
    struct arena arena;
    struct buf text;
    struct map families; // by name
    struct map samples;  // by series
    // while reading
    struct slice family;
    enum family_type type;
    struct slice histogram; // labels without `le` of the histogram under way; ptr NULL outside of one
    double n_below;
    double bound;
};

// `text` is taken: of the caller's buffer nothing is left.
void scrape_read_take(struct scrape *s, struct buf *text);
void scrape_deinit(struct scrape *s);

// -1: there is no such series.
double scrape_value(const struct scrape *s, const char *series);
void scrape_assert_value(const struct scrape *s, const char *series, double expected);
// Of all series of that name.
double scrape_sum(const struct scrape *s, const char *name);
size_t scrape_n_series(const struct scrape *s, const char *name);

// `name="value"` at the front of *labels, and the comma behind it. Returns the value, unescaped.
struct slice scrape_take_label(struct scrape *s, struct slice *labels, struct slice *name_r);
