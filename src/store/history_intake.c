// SPDX-License-Identifier: MIT
#include "store/history_intake.h"

#include "usage/local_hour.h"
#include "usage/usage_feed.h"

enum { SECOND_MS = 1000, AHEAD_MAX_MS = 24 * 3600 * 1000, ARENA_SIZE = 2048 };

void history_intake_init(struct history_intake *intake)
{
    *intake = (struct history_intake){.recent = recent_new(RECENT_REQUESTS)};
    arena_init(&intake->arena, ARENA_SIZE);
}

void history_intake_deinit(struct history_intake *intake)
{
    recent_free(intake->recent);
    arena_deinit(&intake->arena);
    mem_free(intake->rings);
}

void history_intake_add_ring(struct history_intake *intake, struct shm_ring ring)
{
    intake->rings = mem_realloc(intake->rings, (intake->n_rings + 1) * sizeof(ring));
    intake->rings[intake->n_rings++] = ring;
}

// A time that cannot be would stay in the database for ever.
static int64_t believed(int64_t time_ms, int64_t wall_ms)
{
    return time_ms >= 0 && time_ms <= wall_ms + AHEAD_MAX_MS ? time_ms : wall_ms;
}

// Is there room in this second for another one that is written by itself? Those that failed may take the place of one
// that did not.
static bool is_chosen(struct history_intake *intake, struct history_batch *batch, bool is_failed)
{
    if (intake->n_taken < HISTORY_REQUESTS_PER_SECOND) {
        intake->n_taken++;
        intake->n_taken_failed += is_failed;
        return true;
    }
    if (!is_failed || intake->n_taken_failed >= HISTORY_REQUESTS_PER_SECOND) {
        return false;
    }
    intake->n_requests_lost += history_batch_drop_plain(batch);
    intake->n_taken_failed++;
    return true;
}

static void take_request(struct history_intake *intake, struct history_batch *batch, struct slice record,
                         int64_t wall_ms)
{
    struct request_facts facts;
    if (record.len > REQUEST_RECORD_MAX || !request_record_decode(record, &intake->arena, &facts)) {
        return;
    }
    facts.time_ms = believed(facts.time_ms, wall_ms);
    usage_cells_count(batch->cells, &facts);
    recent_add(intake->recent, record);
    bool is_failed = facts.end != REQUEST_SUCCESS || facts.n_attempts > 1;
    if (is_chosen(intake, batch, is_failed)) {
        int64_t n = history_number(facts.time_ms, intake->sequence++);
        intake->n_requests_lost += history_batch_add_request(batch, record, n, is_failed);
    } else {
        intake->n_requests_lost++;
    }
}

static void take_sums(struct history_batch *batch, struct slice bytes, int64_t wall_ms)
{
    struct usage_cell cell;
    if (usage_cell_decode(bytes, &cell)) {
        bool is_possible = cell.hour >= 0 && cell.hour <= (wall_ms + AHEAD_MAX_MS) / SECOND_MS;
        cell.hour = is_possible ? cell.hour : local_hour_start(wall_ms / SECOND_MS);
        usage_cells_add(batch->cells, &cell);
        latency_deinit(&cell.duration);
        latency_deinit(&cell.first_token);
    }
}

static void take_message(struct history_intake *intake, struct history_batch *batch, struct slice message,
                         int64_t wall_ms)
{
    if (message.len && message.ptr[0] == USAGE_REQUEST) {
        take_request(intake, batch, slice_after(message, 1), wall_ms);
    } else if (message.len && message.ptr[0] == USAGE_SUMS) {
        take_sums(batch, slice_after(message, 1), wall_ms);
    }
    arena_reset(&intake->arena);
}

// At most what fits into the ring: who fills it as fast as it is taken must not keep us here.
static size_t take_ring(struct history_intake *intake, struct shm_ring *ring, struct history_batch *batch,
                        int64_t wall_ms)
{
    struct slice message;
    size_t n = 0;
    for (size_t n_bytes = 0; n_bytes < ring->size && (message = shm_ring_peek(ring)).ptr; n++) {
        n_bytes += 1 + message.len;
        take_message(intake, batch, message, wall_ms);
        shm_ring_pop(ring);
    }
    return n;
}

size_t history_intake_take(struct history_intake *intake, struct history_batch *batch, uint64_t now_ms, int64_t wall_ms)
{
    size_t n = 0;
    if (now_ms - intake->second_began_ms >= SECOND_MS) {
        intake->second_began_ms = now_ms;
        intake->n_taken = 0;
        intake->n_taken_failed = 0;
    }
    for (size_t i = 0; i < intake->n_rings; i++) {
        n += take_ring(intake, &intake->rings[i], batch, wall_ms);
    }
    return n;
}
