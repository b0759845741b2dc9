// SPDX-License-Identifier: MIT
// Counts the events of a stream ("\n\n") and reads the send times that the simulator writes into them (`stamp=1`).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "histogram.h"

struct event_counter {
    uint64_t stamp;   // the number read so far
    uint32_t n;       // events seen
    uint8_t matched;  // how much of `stamp_after` stands before here
    uint8_t n_digits; // of the stamp
    bool after_feed;  // the last byte was a line feed
};

// A stamp is the number (CLOCK_MONOTONIC, ns) that follows the text `stamp_after`, such as `"content":"`; NULL: none.
// What passed between it and `now_ns` goes to `delays`.
void event_counter_feed(struct event_counter *c, const char *data, size_t len, const char *stamp_after, uint64_t now_ns,
                        struct histogram *delays);
