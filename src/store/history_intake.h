// SPDX-License-Identifier: MIT
// From the rings into what waits to be written: every request is counted in sums and remembered among the recent ones;
// which ones are also written one by one is decided here. Who fills a ring is another process: nothing it says is
// believed.
#pragma once

#include "shm/ring.h"
#include "store/history_batch.h"
#include "usage/recent.h"

struct history_intake {
    struct shm_ring *rings; // owned; the memory is borrowed
    size_t n_rings;
    struct recent *recent; // owned
    struct arena arena;    // of one message
    unsigned sequence;
    uint64_t second_began_ms; // the second in which so many were taken one by one:
    size_t n_taken;
    size_t n_taken_failed;
    uint64_t n_requests_lost;
};

void history_intake_init(struct history_intake *intake);
void history_intake_deinit(struct history_intake *intake);
void history_intake_add_ring(struct history_intake *intake, struct shm_ring ring);
// Takes what is in the rings; how many messages. `now_ms` is of a clock that only goes forward.
size_t history_intake_take(struct history_intake *intake, struct history_batch *batch, uint64_t now_ms,
                           int64_t wall_ms);
