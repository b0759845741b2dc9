// SPDX-License-Identifier: MIT
// Sums that did not fit are in two sets: one is being told, cell by cell, and does not change; the other collects.
#include "usage/usage_feed.h"

#include <assert.h>

enum { CELLS_MAX = 10000 };
static_assert((USAGE_RING_MIN - SHM_RING_HEAD) / 4 - 16 > USAGE_CELL_ENCODED_MAX, "the least ring takes any cell");

struct usage_feed {
    struct shm_ring ring;
    struct usage_cells *telling; // owned
    struct usage_cells *waiting; // owned
    size_t n_told;               // cells of `telling`
    uint64_t n_lost;
    struct buf scratch;
    void (*on_filling)(void *arg);
    void *arg;
    bool is_filling;
};

struct usage_feed *usage_feed_new(struct shm_ring ring)
{
    const unsigned dimensions = USAGE_BY_HOUR | USAGE_BY_MODEL | USAGE_BY_KEY;
    struct usage_feed *feed = mem_zalloc(sizeof(*feed));
    assert(ring.size >= USAGE_RING_MIN);
    feed->ring = ring;
    feed->telling = usage_cells_new(dimensions, CELLS_MAX);
    feed->waiting = usage_cells_new(dimensions, CELLS_MAX);
    return feed;
}

void usage_feed_free(struct usage_feed *feed)
{
    if (feed) {
        usage_cells_free(feed->telling);
        usage_cells_free(feed->waiting);
        buf_deinit(&feed->scratch);
        mem_free(feed);
    }
}

void usage_feed_on_filling(struct usage_feed *feed, void (*fn)(void *arg), void *arg)
{
    feed->on_filling = fn;
    feed->arg = arg;
}

uint64_t usage_feed_n_lost(const struct usage_feed *feed)
{
    return feed->n_lost;
}

// ---- sums -----------------------------------------------------------------------------------------------------------

static bool tell_cell(struct usage_feed *feed, const struct usage_cell *cell)
{
    buf_clear(&feed->scratch);
    buf_append_char(&feed->scratch, USAGE_SUMS);
    usage_cell_encode(cell, &feed->scratch);
    char *out = shm_ring_reserve(&feed->ring, feed->scratch.len);
    if (!out) {
        return false;
    }
    memcpy(out, feed->scratch.ptr, feed->scratch.len);
    shm_ring_commit(&feed->ring, feed->scratch.len);
    return true;
}

static bool tell_cells(struct usage_feed *feed)
{
    size_t n = usage_cells_n(feed->telling);
    while (feed->n_told < n && tell_cell(feed, usage_cells_at(feed->telling, feed->n_told))) {
        feed->n_told++;
    }
    return feed->n_told == n;
}

static void swap(struct usage_feed *feed)
{
    struct usage_cells *told = feed->telling;
    usage_cells_clear(told);
    feed->telling = feed->waiting;
    feed->waiting = told;
    feed->n_told = 0;
}

bool usage_feed_flush(struct usage_feed *feed)
{
    if (!tell_cells(feed)) {
        return false;
    }
    if (usage_cells_n(feed->telling) || usage_cells_n(feed->waiting)) {
        swap(feed);
    }
    return tell_cells(feed);
}

// ---- requests -------------------------------------------------------------------------------------------------------

static bool tell_request(struct usage_feed *feed, const struct request_facts *facts)
{
    char *out = shm_ring_reserve(&feed->ring, 1 + REQUEST_RECORD_MAX);
    if (!out) {
        return false;
    }
    out[0] = USAGE_REQUEST;
    shm_ring_commit(&feed->ring, 1 + request_record_encode(facts, out + 1));
    return true;
}

static void watch_filling(struct usage_feed *feed)
{
    bool was_filling = feed->is_filling;
    feed->is_filling = shm_ring_used(&feed->ring) >= feed->ring.size / 4;
    if (feed->is_filling && !was_filling && feed->on_filling) {
        feed->on_filling(feed->arg);
    }
}

void usage_feed_add(struct usage_feed *feed, const struct request_facts *facts)
{
    if (!tell_request(feed, facts)) {
        usage_cells_count(feed->waiting, facts);
        feed->n_lost++;
    }
    watch_filling(feed);
}
