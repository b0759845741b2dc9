// SPDX-License-Identifier: MIT
// Cells of sums in an order: by time, or as a ranking.
#pragma once

#include "base/arena.h"
#include "usage/usage_cells.h"

enum usage_measure {
    USAGE_OF_TIME, // the hour of the cell
    USAGE_OF_REQUESTS,
    USAGE_OF_SUCCESS_RATE,
    USAGE_OF_ATTEMPT_SUCCESS_RATE,
    USAGE_OF_FAILED,
    USAGE_OF_ATTEMPTS,
    USAGE_OF_FAILED_ATTEMPTS,
    USAGE_OF_TOKENS,
    USAGE_OF_DURATION, // the 95th percentile
    USAGE_OF_TTFT,
};

// Cells of which the measure says nothing (a rate of nothing) are last in both directions. Among equals, those with
// more attempts are first, then names decide.
struct usage_order {
    enum usage_measure measure;
    bool is_descending;
    bool skips_keyless; // cells of no key are left out
};

struct usage_ranking {
    const struct usage_cell **cells; // arena; each of them borrowed
    size_t n;
    size_t n_all; // how many there would have been without a limit
};
struct usage_ranking usage_order_first(struct arena *arena, const struct usage_cells *cells,
                                       const struct usage_order *order, size_t limit);
