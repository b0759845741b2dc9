// SPDX-License-Identifier: MIT
// Many timers, cheap to start and cancel: a hashed wheel driven by one libuv timer. Resolution TIMER_TICK_MS; a timer
// never fires early.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/list.h"

enum { TIMER_TICK_MS = 4, TIMER_SLOTS = 4096 };

struct timer;
struct timer_wheel;
typedef void (*timer_fn)(struct timer *timer);

// Embedded in what it belongs to; timer_init() before anything else.
struct timer {
    struct list _link;
    uint64_t _deadline_tick;
    timer_fn _fn;
    struct timer_wheel *_wheel; // borrowed; NULL while not running
};

struct timer_wheel {
    uv_timer_t _uv;
    struct list *_slots;                  // owned: TIMER_SLOTS rings of timers, by deadline modulo TIMER_SLOTS
    uint64_t _occupied[TIMER_SLOTS / 64]; // a bit for each slot that may have timers
    uint64_t _tick;                       // up to where timers have fired
    uint64_t _armed_tick;                 // when the libuv timer fires; UINT64_MAX while it does not run
    size_t _n_timers;
};

void timer_wheel_init(struct timer_wheel *wheel, uv_loop_t *uv);
void timer_wheel_close(struct timer_wheel *wheel);  // all timers must have been cancelled, or are never looked at again
void timer_wheel_deinit(struct timer_wheel *wheel); // after the loop has run the close callback

// Starts, or starts anew. `fn` runs once, at least `ms` from now; the timer may be restarted or freed inside it.
void timer_start(struct timer_wheel *wheel, struct timer *timer, uint64_t ms, timer_fn fn);
void timer_cancel(struct timer *timer); // harmless when it does not run

static inline void timer_init(struct timer *timer)
{
    list_init(&timer->_link);
    timer->_wheel = NULL;
}

static inline bool timer_is_running(const struct timer *timer)
{
    return timer->_wheel != NULL;
}
