// SPDX-License-Identifier: MIT
// Requests that wait for a key of the pool, rather than be told that there is none just now: first come, first served,
// as long as the operator lets them (POOL_WAIT_MS), and no more of them than limits.pool_queue_max.
#pragma once

#include <stdint.h>

#include "base/list.h"

struct exchange;
struct gateway;

struct wait_line {
    struct list waiters;
    size_t n;
};

// A request's place in it.
struct wait_place {
    struct list link;
    uint64_t began_ns;
    int64_t until_ms; // wall clock, of all waits of the request together; 0: it has not waited yet
    bool is_in_line;
};

void wait_line_init(struct wait_line *line);
// Is there a line, with room, and has this request time left?
bool wait_line_may_join(const struct exchange *x);
void wait_line_join(struct exchange *x);
void wait_line_leave(struct exchange *x); // harmless if it is not in it
// Serves those for whom there is a key now, and sends away whose time is up. To be called several times a second.
void wait_line_tick(struct gateway *gateway);
