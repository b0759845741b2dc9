// SPDX-License-Identifier: MIT
#include "net/timer.h"

#include <string.h>

#include "base/mem.h"

static void on_wheel(uv_timer_t *uv);

void timer_wheel_init(struct timer_wheel *wheel, uv_loop_t *uv)
{
    memset(wheel, 0, sizeof(*wheel));
    uv_timer_init(uv, &wheel->_uv);
    wheel->_slots = mem_alloc(TIMER_SLOTS * sizeof(*wheel->_slots));
    for (size_t i = 0; i < TIMER_SLOTS; i++) {
        list_init(&wheel->_slots[i]);
    }
    wheel->_tick = uv_now(uv) / TIMER_TICK_MS;
    wheel->_armed_tick = UINT64_MAX;
}

void timer_wheel_close(struct timer_wheel *wheel)
{
    uv_close((uv_handle_t *)&wheel->_uv, NULL);
}

void timer_wheel_deinit(struct timer_wheel *wheel)
{
    mem_free(wheel->_slots);
}

static void mark(struct timer_wheel *wheel, size_t slot)
{
    wheel->_occupied[slot / 64] |= UINT64_C(1) << (slot % 64);
}

static void unmark(struct timer_wheel *wheel, size_t slot)
{
    wheel->_occupied[slot / 64] &= ~(UINT64_C(1) << (slot % 64));
}

// How many slots from `from` to the next marked one (0: it is marked itself); TIMER_SLOTS when none is.
static size_t distance_to_marked(const struct timer_wheel *wheel, size_t from)
{
    for (size_t n = 0; n < TIMER_SLOTS;) {
        size_t slot = (from + n) % TIMER_SLOTS;
        uint64_t word = wheel->_occupied[slot / 64] >> (slot % 64);
        if (word) {
            n += (size_t)__builtin_ctzll(word);
            return n < TIMER_SLOTS ? n : TIMER_SLOTS;
        }
        n += 64 - slot % 64;
    }
    return TIMER_SLOTS;
}

static void arm(struct timer_wheel *wheel, uint64_t tick)
{
    if (tick == wheel->_armed_tick) {
        return;
    }
    uint64_t now_ms = uv_now(wheel->_uv.loop);
    uint64_t at_ms = tick * TIMER_TICK_MS;
    wheel->_armed_tick = tick;
    uv_timer_start(&wheel->_uv, on_wheel, at_ms > now_ms ? at_ms - now_ms : 0, 0);
}

static void arm_next(struct timer_wheel *wheel)
{
    if (wheel->_n_timers == 0) {
        wheel->_armed_tick = UINT64_MAX;
        uv_timer_stop(&wheel->_uv);
        return;
    }
    uint64_t from = wheel->_tick + 1;
    arm(wheel, from + distance_to_marked(wheel, from % TIMER_SLOTS));
}

// Fires what is due in one slot. Timers of a later turn of the wheel go back.
static void run_slot(struct timer_wheel *wheel, size_t slot, uint64_t now_tick)
{
    struct list due;
    list_move_all(&wheel->_slots[slot], &due);
    unmark(wheel, slot);
    while (!list_is_empty(&due)) {
        struct timer *timer = CONTAINER_OF(due.next, struct timer, _link);
        list_remove(&timer->_link);
        if (timer->_deadline_tick > now_tick) {
            list_append(&wheel->_slots[slot], &timer->_link);
            mark(wheel, slot);
            continue;
        }
        timer->_wheel = NULL;
        wheel->_n_timers--;
        timer->_fn(timer);
    }
}

static void on_wheel(uv_timer_t *uv)
{
    struct timer_wheel *wheel = CONTAINER_OF(uv, struct timer_wheel, _uv);
    uint64_t now_tick = uv_now(uv->loop) / TIMER_TICK_MS;
    uint64_t n_ticks = now_tick - wheel->_tick;
    uint64_t first = wheel->_tick + 1;
    wheel->_armed_tick = UINT64_MAX;
    // Moved on before anything fires: what is started meanwhile belongs to a later tick.
    wheel->_tick = now_tick;
    size_t n_slots = n_ticks < TIMER_SLOTS ? (size_t)n_ticks : TIMER_SLOTS;
    for (size_t i = 0; i < n_slots;) {
        i += distance_to_marked(wheel, (first + i) % TIMER_SLOTS);
        if (i < n_slots) {
            run_slot(wheel, (first + i) % TIMER_SLOTS, now_tick);
            i++;
        }
    }
    arm_next(wheel);
}

void timer_start(struct timer_wheel *wheel, struct timer *timer, uint64_t ms, timer_fn fn)
{
    timer_cancel(timer);
    uint64_t deadline_ms = uv_now(wheel->_uv.loop) + ms;
    uint64_t tick = (deadline_ms + TIMER_TICK_MS - 1) / TIMER_TICK_MS;
    if (tick <= wheel->_tick) {
        tick = wheel->_tick + 1;
    }
    timer->_deadline_tick = tick;
    timer->_fn = fn;
    timer->_wheel = wheel;
    wheel->_n_timers++;
    list_append(&wheel->_slots[tick % TIMER_SLOTS], &timer->_link);
    mark(wheel, tick % TIMER_SLOTS);
    if (tick < wheel->_armed_tick) {
        arm(wheel, tick);
    }
}

void timer_cancel(struct timer *timer)
{
    if (timer->_wheel) {
        list_remove(&timer->_link);
        timer->_wheel->_n_timers--;
        timer->_wheel = NULL;
    }
}
