// SPDX-License-Identifier: MIT
// Sends one answer to one client, with all delays and faults that its script asks for.
//
// Happy path: delivery_start() → (head delay) → head → (first delay) → events, each at its time → the exchange ends.
// Failure modes: none of its own; faults end in silence, FIN or RST.
// Ends when: the exchange does; on_finished and on_abort must call delivery_stop().
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "http/server_conn.h"
#include "simulator/answer.h"
#include "simulator/journal.h"

// Those deliveries that go on at every turn of the loop: bytes in small pieces, giants.
struct delivery_pump {
    uv_idle_t _idle;
    struct list _deliveries;
};

void delivery_pump_init(struct delivery_pump *pump, struct loop *loop);
void delivery_pump_close(struct delivery_pump *pump);

// What is still to be done when all bytes so far have left.
enum delivery_goal {
    DELIVERY_GO_ON,  // more bytes will come
    DELIVERY_END,    // of a message composed by hand: FIN
    DELIVERY_CUT,    // FIN within the message
    DELIVERY_RESET,  // RST
    DELIVERY_SILENT, // nothing, for ever or until `stall` is over
    DELIVERY_OVER,   // FIN is out; the client is expected to leave
};

struct delivery {
    struct server_exchange *ex;  // borrowed: this lives in its arena
    struct delivery_pump *pump;  // borrowed
    struct answer *answer;       // ref
    struct journal_entry *entry; // of journal_begin(); may be NULL
    struct timer timer;
    struct list pump_link;
    struct buf raw;           // owned: a message composed by hand
    size_t raw_sent;          // of it
    uint64_t split_ns;        // monotonic: when the last piece of a split message went
    uint64_t due_ms;          // when the next event goes
    uint64_t n_pieces;        // of a giant, sent
    uint64_t sent_bytes;      // of bodies
    size_t n_events;          // sent
    size_t limit;             // events (bytes of a body) until the fault; all of them when there is none
    enum delivery_goal fault; // what happens there; DELIVERY_GO_ON: nothing
    enum delivery_goal goal;
    bool is_raw;
};

// `delivery` is zeroed memory in the exchange's arena, with `entry` set. Takes the reference to the answer. The
// exchange may be over when this returns.
void delivery_start_take(struct delivery *delivery, struct server_exchange *ex, struct answer *answer,
                         struct delivery_pump *pump);
void delivery_drained(struct delivery *delivery); // on_drain of the exchange
void delivery_stop(struct delivery *delivery);    // the exchange is over

// The usage figures that have been sent so far; those of a stream's later events replace earlier ones. False: none
// were.
bool delivery_told(const struct delivery *delivery, struct journal_told *told_r);

// Did the simulator itself end it, so that the client's leaving is no abort?
static inline bool delivery_is_over(const struct delivery *delivery)
{
    return delivery->goal == DELIVERY_OVER;
}
