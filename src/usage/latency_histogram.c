// SPDX-License-Identifier: MIT
#include "usage/latency_histogram.h"

#include <string.h>

#include "usage/varint.h"

// Up to 2^(LINEAR_BITS + 1) each value has a step of its own.
enum { LINEAR_BITS = 3, LINEAR = 1 << LINEAR_BITS };

static unsigned step_of(uint64_t ms)
{
    if (ms < LINEAR) {
        return (unsigned)ms;
    }
    unsigned octave = 63U - (unsigned)__builtin_clzll(ms) - LINEAR_BITS;
    unsigned step = octave * LATENCY_STEPS_PER_OCTAVE + (unsigned)(ms >> octave);
    return step < LATENCY_STEPS ? step : LATENCY_STEPS - 1;
}

// The greatest value that counts in this step.
static int64_t step_end(unsigned step)
{
    if (step < LINEAR) {
        return step;
    }
    unsigned octave = step / LATENCY_STEPS_PER_OCTAVE - 1;
    unsigned within = step % LATENCY_STEPS_PER_OCTAVE + LATENCY_STEPS_PER_OCTAVE;
    return ((int64_t)(within + 1) << octave) - 1;
}

static uint64_t sum64(uint64_t a, uint64_t b)
{
    return a <= UINT64_MAX - b ? a + b : UINT64_MAX;
}

static uint32_t sum32(uint32_t a, uint32_t b)
{
    return a <= UINT32_MAX - b ? a + b : UINT32_MAX;
}

// Makes place for the steps from `first` to before `end`.
static void cover(struct latency_histogram *histogram, unsigned first, unsigned end)
{
    unsigned old_first = histogram->_first;
    unsigned old_end = old_first + histogram->_n_counts;
    if (histogram->_n_counts && first >= old_first && end <= old_end) {
        return;
    }
    if (histogram->_n_counts) {
        first = first < old_first ? first : old_first;
        end = end > old_end ? end : old_end;
    }
    uint32_t *counts = mem_zalloc((end - first) * sizeof(*counts));
    if (histogram->_n_counts) {
        memcpy(counts + (old_first - first), histogram->_counts, histogram->_n_counts * sizeof(*counts));
    }
    mem_free(histogram->_counts);
    histogram->_counts = counts;
    histogram->_first = (uint16_t)first;
    histogram->_n_counts = (uint16_t)(end - first);
}

static void add_to_step(struct latency_histogram *histogram, unsigned step, uint32_t n)
{
    uint32_t *count = &histogram->_counts[step - histogram->_first];
    *count = sum32(*count, n);
}

void latency_add(struct latency_histogram *histogram, uint64_t ms)
{
    unsigned step = step_of(ms);
    cover(histogram, step, step + 1);
    add_to_step(histogram, step, 1);
    histogram->n = sum64(histogram->n, 1);
    histogram->sum_ms = sum64(histogram->sum_ms, ms);
}

void latency_merge(struct latency_histogram *into, const struct latency_histogram *from)
{
    if (from->_n_counts) {
        cover(into, from->_first, from->_first + from->_n_counts);
    }
    for (unsigned i = 0; i < from->_n_counts; i++) {
        add_to_step(into, from->_first + i, from->_counts[i]);
    }
    into->n = sum64(into->n, from->n);
    into->sum_ms = sum64(into->sum_ms, from->sum_ms);
}

void latency_deinit(struct latency_histogram *histogram)
{
    mem_free(histogram->_counts);
    *histogram = (struct latency_histogram){0};
}

// Counts may have saturated, so that there are fewer than `n`.
static uint64_t n_counted(const struct latency_histogram *histogram)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < histogram->_n_counts; i++) {
        n += histogram->_counts[i];
    }
    return n;
}

int64_t latency_percentile(const struct latency_histogram *histogram, double fraction)
{
    uint64_t n = n_counted(histogram);
    if (n == 0) {
        return -1;
    }
    double wanted = fraction > 0 ? (fraction < 1 ? fraction : 1) * (double)n : 0;
    uint64_t seen = 0;
    int64_t value = -1;
    for (unsigned i = 0; i < histogram->_n_counts && (value < 0 || (double)seen < wanted); i++) {
        seen += histogram->_counts[i];
        value = histogram->_counts[i] ? step_end(histogram->_first + i) : value;
    }
    return value;
}

// ---- as bytes -------------------------------------------------------------------------------------------------------

// How many there are and their sum; then for each step that has some its distance from the one before, and its count.
void latency_encode(const struct latency_histogram *histogram, struct buf *out)
{
    if (histogram->_n_counts == 0) {
        return;
    }
    char *at = buf_reserve(out, LATENCY_ENCODED_MAX);
    unsigned next = 0;
    at = varint_write(at, histogram->n);
    at = varint_write(at, histogram->sum_ms);
    for (unsigned i = 0; i < histogram->_n_counts; i++) {
        if (histogram->_counts[i]) {
            at = varint_write(at, histogram->_first + i - next);
            at = varint_write(at, histogram->_counts[i]);
            next = histogram->_first + i + 1;
        }
    }
    out->len = (size_t)(at - out->ptr);
}

struct step_count {
    unsigned step;
    uint32_t n;
};

// The steps that follow, LATENCY_STEPS at most; -1: that is none.
static int decode_steps(struct slice bytes, struct step_count *steps)
{
    uint64_t next = 0;
    int n_steps = 0;
    while (bytes.len) {
        uint64_t distance;
        uint64_t n;
        if (!varint_take(&bytes, &distance) || !varint_take(&bytes, &n) || distance >= LATENCY_STEPS - next || n == 0 ||
            n > UINT32_MAX) {
            return -1;
        }
        next += distance;
        steps[n_steps++] = (struct step_count){.step = (unsigned)next, .n = (uint32_t)n};
        if (++next == LATENCY_STEPS && bytes.len) {
            return -1;
        }
    }
    return n_steps;
}

// Each is counted in one step, but for those that came after its count was full.
static bool adds_up(const struct step_count *steps, int n_steps, uint64_t n)
{
    uint64_t counted = 0;
    bool is_full = false;
    for (int i = 0; i < n_steps; i++) {
        counted += steps[i].n;
        is_full = is_full || steps[i].n == UINT32_MAX;
    }
    return counted == n || (counted < n && is_full);
}

bool latency_decode_into(struct latency_histogram *into, struct slice bytes)
{
    struct step_count steps[LATENCY_STEPS];
    uint64_t n;
    uint64_t sum_ms;
    if (bytes.len == 0) {
        return true;
    }
    if (!varint_take(&bytes, &n) || !varint_take(&bytes, &sum_ms)) {
        return false;
    }
    int n_steps = decode_steps(bytes, steps);
    if (n_steps <= 0 || !adds_up(steps, n_steps, n)) {
        return false;
    }
    cover(into, steps[0].step, steps[n_steps - 1].step + 1);
    for (int i = 0; i < n_steps; i++) {
        add_to_step(into, steps[i].step, steps[i].n);
    }
    into->n = sum64(into->n, n);
    into->sum_ms = sum64(into->sum_ms, sum_ms);
    return true;
}
