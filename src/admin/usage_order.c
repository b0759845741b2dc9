// SPDX-License-Identifier: MIT
#include "admin/usage_order.h"

#include <stdlib.h>

#include "admin/usage_json.h"

struct place {
    const struct usage_cell *cell;
    double value; // less is before
    bool is_unknown;
};

static double measure_of(const struct usage_cell *cell, enum usage_measure measure)
{
    switch (measure) {
    case USAGE_OF_TIME: return (double)cell->hour;
    case USAGE_OF_REQUESTS: return (double)cell->counts.requests;
    case USAGE_OF_SUCCESS_RATE: return usage_json_success_rate(&cell->counts);
    case USAGE_OF_ATTEMPT_SUCCESS_RATE: return usage_json_attempt_success_rate(&cell->counts);
    case USAGE_OF_FAILED: return (double)cell->counts.failed;
    case USAGE_OF_ATTEMPTS: return (double)cell->counts.attempts;
    case USAGE_OF_FAILED_ATTEMPTS: return (double)cell->counts.failed_attempts;
    case USAGE_OF_TOKENS: return (double)(cell->counts.input + cell->counts.output);
    case USAGE_OF_DURATION: return (double)latency_percentile(&cell->duration, 0.95);
    case USAGE_OF_TTFT: return (double)latency_percentile(&cell->first_token, 0.95);
    }
    return -1;
}

static int compare_text(struct slice a, struct slice b)
{
    int c = a.len && b.len ? memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len) : 0;
    return c ? c : (a.len > b.len) - (a.len < b.len);
}

static int compare(const void *a, const void *b)
{
    const struct place *left = a;
    const struct place *right = b;
    uint64_t n_left = left->cell->counts.attempts;
    uint64_t n_right = right->cell->counts.attempts;
    int c = left->is_unknown - right->is_unknown;
    c = c ? c : (left->value > right->value) - (left->value < right->value);
    c = c ? c : (n_left < n_right) - (n_left > n_right);
    c = c ? c : compare_text(left->cell->model, right->cell->model);
    return c ? c : compare_text(left->cell->key, right->cell->key);
}

static size_t sort_and_cut(struct place *places, size_t n, size_t limit)
{
    qsort(places, n, sizeof(*places), compare);
    return n < limit ? n : limit;
}

struct usage_ranking usage_order_first(struct arena *arena, const struct usage_cells *cells,
                                       const struct usage_order *order, size_t limit)
{
    struct usage_ranking ranking = {.n_all = 0};
    size_t n = 0;
    size_t cap = usage_cells_n(cells) < 2 * limit ? usage_cells_n(cells) : 2 * limit;
    struct place *places = mem_alloc((cap + 1) * sizeof(*places));
    for (size_t i = 0; i < usage_cells_n(cells); i++) {
        const struct usage_cell *cell = usage_cells_at(cells, i);
        double value = measure_of(cell, order->measure);
        if (order->skips_keyless && cell->key.len == 0) {
            continue;
        }
        // There may be very many, of which few are wanted: those that cannot be among them go now and then.
        n = n < cap ? n : sort_and_cut(places, n, limit);
        places[n++] = (struct place){cell, order->is_descending ? -value : value, value < 0};
        ranking.n_all++;
    }
    ranking.n = sort_and_cut(places, n, limit);
    ranking.cells = arena_alloc(arena, (ranking.n + 1) * sizeof(const struct usage_cell *));
    for (size_t i = 0; i < ranking.n; i++) {
        ranking.cells[i] = places[i].cell;
    }
    mem_free(places);
    return ranking;
}
