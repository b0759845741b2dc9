// SPDX-License-Identifier: MIT
// Banned keys whose time for a probe has come, the one that has waited longest first. All keys are looked at in pieces,
// as there may be very many of them; only some of those that are due are remembered, the rest is found the next time.
//
// A key waits since its ban or, if that was later, since its last test, whoever asked for that: so a failed probe
// starts the wait anew. Nothing but the table is needed to know, also after a restart.
#pragma once

#include "keys/key_table.h"

enum {
    PROBE_QUEUE_MAX = 32,
    PROBE_LOOK_SLOTS = 4096, // in one piece
};

struct probe_candidate {
    uint32_t slot;
    uint32_t identity;
    int64_t since_ms;
};

// Begin with all zero.
struct probe_queue {
    struct probe_candidate _keys[PROBE_QUEUE_MAX]; // the oldest first
    size_t n;
    uint32_t _next_slot;
};

// Looks at the next piece of all keys. True: that was the last one; the next call begins anew.
bool probe_queue_look(struct probe_queue *queue, const struct key_table *table, int64_t wait_ms, int64_t now_ms);
// Takes the oldest that is still banned and due, and marks it as tested now: of several processes only one gets it.
// False: none is left in the queue.
bool probe_queue_take(struct probe_queue *queue, struct key_table *table, int64_t wait_ms, int64_t now_ms,
                      uint32_t *slot_r);
