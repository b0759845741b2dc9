// SPDX-License-Identifier: MIT
// Sums of what requests used, by hour, model and key: what the traffic side saves up when nobody takes its records,
// what waits to be written, and the answer to every question about usage.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "usage/latency_histogram.h"
#include "usage/request_record.h"

struct usage_counts {
    uint64_t requests; // success + failed + aborted
    uint64_t success;
    uint64_t failed;
    uint64_t aborted;
    uint64_t partial;         // of all: the usage is what was seen of an answer that was cut
    uint64_t attempts;        // at an upstream, with this key
    uint64_t failed_attempts; // of them
    uint64_t input;           // tokens; what an answer did not say counts as 0
    uint64_t output;
    uint64_t reasoning;
    uint64_t cache_read;
    uint64_t cache_write;
};

void usage_counts_add(struct usage_counts *into, const struct usage_counts *from);

// A cell whose dimension was added up has 0 or the empty text there.
struct usage_cell {
    int64_t hour; // seconds since 1970: local_hour_start()
    struct slice model;
    struct slice key; // id
    struct usage_counts counts;
    struct latency_histogram duration;    // of those that succeeded
    struct latency_histogram first_token; // of all that got that far
};

// Dimensions that are kept apart. A day is told by the hour at which it begins; not with USAGE_BY_HOUR.
enum usage_dimension { USAGE_BY_HOUR = 1, USAGE_BY_DAY = 2, USAGE_BY_MODEL = 4, USAGE_BY_KEY = 8 };

struct usage_cells; // owns its cells and their texts

// `n_max`: of more, new ones count for key "other", and where too many of those are new, for model "other", too: sums
// stay right. There are at most USAGE_CELLS_OTHER more, and one for each hour.
enum { USAGE_CELLS_OTHER = 1000 };
struct usage_cells *usage_cells_new(unsigned dimensions, size_t n_max);
void usage_cells_free(struct usage_cells *cells); // accepts NULL

// A finished request. Its own key gets the request; keys that were tried get their attempts, and those of a trail that
// is longer than what is kept of it count for no key. It makes no difference whether the facts come from a record.
void usage_cells_count(struct usage_cells *cells, const struct request_facts *facts);
// Adds sums that were made elsewhere, in dimensions that are at least as fine.
void usage_cells_add(struct usage_cells *cells, const struct usage_cell *cell);
void usage_cells_add_all(struct usage_cells *cells, const struct usage_cells *others);

size_t usage_cells_n(const struct usage_cells *cells);
// In no particular order, until the next change.
const struct usage_cell *usage_cells_at(const struct usage_cells *cells, size_t i);
void usage_cells_clear(struct usage_cells *cells);

// One cell as bytes, for another process. At most USAGE_CELL_ENCODED_MAX bytes are appended.
enum { USAGE_CELL_ENCODED_MAX = 160 + REQUEST_MODEL_MAX + REQUEST_KEY_MAX + 2 * LATENCY_ENCODED_MAX };
void usage_cell_encode(const struct usage_cell *cell, struct buf *out);
// False: that is none. Slices point into `bytes`; the histograms are the caller's, to be freed by latency_deinit().
bool usage_cell_decode(struct slice bytes, struct usage_cell *cell_r);
