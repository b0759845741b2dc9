// SPDX-License-Identifier: MIT
// The end of the ring at which requests are told, by whoever carries them. Nothing here waits: when the ring is full,
// the sums of what does not fit are kept here and go out when there is room; only what is told of a single request is
// lost then, and counted.
#pragma once

#include "shm/ring.h"
#include "usage/request_record.h"
#include "usage/usage_cells.h"

// The first byte of each message.
enum usage_message {
    USAGE_REQUEST = 'R', // request_record_encode() follows
    USAGE_SUMS = 'S',    // usage_cell_encode() follows
};

// The least memory of a ring: each message of sums has room. Records need more, and are left out where they have none.
enum { USAGE_RING_MIN = 16 * 1024 };

struct usage_feed;
struct usage_feed *usage_feed_new(struct shm_ring ring);
void usage_feed_free(struct usage_feed *feed); // accepts NULL
// `fn` comes from within usage_feed_add() when a quarter of the ring is in use and again each time that it was emptied
// and filled that far: time to take what is there, soon.
void usage_feed_on_filling(struct usage_feed *feed, void (*fn)(void *arg), void *arg);

void usage_feed_add(struct usage_feed *feed, const struct request_facts *facts);
// Tries again to tell the sums that did not fit; call it now and then. True: nothing is left.
bool usage_feed_flush(struct usage_feed *feed);
uint64_t usage_feed_n_lost(const struct usage_feed *feed); // requests of which only the sums remain
