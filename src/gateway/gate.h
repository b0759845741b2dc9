// SPDX-License-Identifier: MIT
// What of an answer must not leave yet, because another attempt may still take its place unseen: as much of a stream as
// the operator wants to hold back, and everything before the first content where he limits the time to that; and of an
// answer that is no stream all of it, up to a limit, since nobody can use a part of it. Else a stream leaves as it
// comes.
#pragma once

#include "base/buf.h"
#include "net/timer.h"

enum {
    GATE_JSON_MAX = 256 * 1024, // of an answer that is no stream
    GATE_EVENTS_MAX = 64 * 1024 // of events before the first content
};

struct exchange;

struct gate {
    struct buf held;      // owned: what waits to leave as it is
    struct timer release; // runs as long as time holds the answer back
    uint32_t n_events;
    bool is_open; // what comes leaves at once
    bool is_time_up;
};

// A good answer begins.
void gate_begin(struct exchange *x);
// Opens it if what has come allows it. `n_waiting` bytes wait in all. True: it is open.
bool gate_consider(struct exchange *x, size_t n_waiting);
// Passes bytes on, or keeps them: as server_write().
int gate_write(struct exchange *x, struct slice bytes, bool last);
// Whatever was held leaves with the next bytes.
void gate_open(struct exchange *x);
// The attempt is over: nothing of it leaves.
void gate_close(struct exchange *x);
