// SPDX-License-Identifier: MIT
// Anything as a cell of sums, and as the histogram in it. What is taken is the same when it is written and read again.
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "usage/usage_cells.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void fuzz_histogram(struct slice bytes)
{
    struct latency_histogram histogram = {0};
    struct latency_histogram again = {0};
    struct buf written = BUF_EMPTY;
    bool is_taken = latency_decode_into(&histogram, bytes);
    int64_t half = latency_percentile(&histogram, 0.5);
    assert(is_taken ? (half >= 0) == (bytes.len > 0) : half == -1 && histogram.n == 0);
    assert(half <= latency_percentile(&histogram, 1));
    latency_encode(&histogram, &written);
    assert(written.len <= LATENCY_ENCODED_MAX);
    is_taken = latency_decode_into(&again, buf_slice(&written));
    assert(is_taken && again.n == histogram.n && again.sum_ms == histogram.sum_ms);
    latency_merge(&again, &histogram);
    assert(latency_percentile(&again, 1) == latency_percentile(&histogram, 1));
    buf_deinit(&written);
    latency_deinit(&again);
    latency_deinit(&histogram);
}

static void fuzz_cell(struct slice bytes)
{
    struct usage_cell cell;
    struct usage_cell again;
    struct buf written = BUF_EMPTY;
    if (!usage_cell_decode(bytes, &cell)) {
        return;
    }
    usage_cell_encode(&cell, &written);
    assert(written.len <= USAGE_CELL_ENCODED_MAX);
    bool is_taken = usage_cell_decode(buf_slice(&written), &again);
    assert(is_taken && again.hour == cell.hour && slice_eq(again.model, cell.model) && slice_eq(again.key, cell.key));
    assert(memcmp(&again.counts, &cell.counts, sizeof(cell.counts)) == 0);
    struct usage_cells *days = usage_cells_new(USAGE_BY_DAY | USAGE_BY_KEY, 1);
    usage_cells_add(days, &cell);
    usage_cells_add(days, &again);
    assert(usage_cells_n(days) == 1);
    usage_cells_free(days);
    latency_deinit(&cell.duration);
    latency_deinit(&cell.first_token);
    latency_deinit(&again.duration);
    latency_deinit(&again.first_token);
    buf_deinit(&written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    fuzz_histogram(slice_of((const char *)data, len));
    fuzz_cell(slice_of((const char *)data, len));
    return 0;
}
