// SPDX-License-Identifier: MIT
#include "gateway/gate.h"

#include "gateway/conversion.h"
#include "gateway/gateway_internal.h"

static const struct config_hold_back *hold_back(const struct exchange *x)
{
    return &x->upstream->model->hold_back;
}

static bool holds_whole(const struct exchange *x)
{
    return hold_back(x)->ms < 0;
}

static void on_time_up(struct timer *timer)
{
    struct exchange *x = CONTAINER_OF(timer, struct exchange, gate.release);
    x->gate.is_time_up = true;
    if (x->conversion) {
        conversion_flush(x);
    } else if (gate_consider(x, x->gate.held.len)) {
        gate_write(x, SLICE_EMPTY, false);
    }
}

void gate_begin(struct exchange *x)
{
    int32_t ms = hold_back(x)->ms;
    x->gate.is_time_up = ms == 0;
    if (ms > 0) {
        timer_start(&x->gateway->loop->timers, &x->gate.release, (uint64_t)ms, on_time_up);
    }
}

// Either limit ends it; without one of them the other counts alone.
static bool is_held_long_enough(const struct exchange *x)
{
    const struct config_hold_back *limits = hold_back(x);
    bool are_enough = limits->events && x->gate.n_events >= limits->events;
    if (limits->ms > 0) {
        return x->gate.is_time_up || are_enough;
    }
    return !limits->events || are_enough;
}

// Who limits the time to the first content wants another attempt when it is over; then nothing may have left.
static bool waits_for_content(const struct exchange *x)
{
    const struct config_hold_back *limits = hold_back(x);
    return x->upstream->model->timeouts.first_token_ms || limits->ms || limits->events;
}

static bool may_open(const struct exchange *x, size_t n_waiting)
{
    if (holds_whole(x) || n_waiting > exchange_config(x)->max_answer_bytes) {
        return n_waiting > exchange_config(x)->max_answer_bytes;
    }
    if (!x->is_sse && !x->tap && !x->conversion) {
        return true; // a coding that we cannot read: what is in it is not known anyway
    }
    if (!x->is_sse && (!x->is_array || !x->first_ns)) {
        return n_waiting > GATE_JSON_MAX;
    }
    // A provider's comments are not worth the chance of another attempt: heartbeats of ours do as well.
    bool is_nothing = x->is_sse && x->gate.n_events == 0;
    if (is_nothing || (!x->first_ns && waits_for_content(x))) {
        return n_waiting > GATE_EVENTS_MAX;
    }
    return is_held_long_enough(x);
}

bool gate_consider(struct exchange *x, size_t n_waiting)
{
    // An answer that begins with its failure is decided about first.
    if (!x->gate.is_open && n_waiting && !x->told_error.ptr && may_open(x, n_waiting)) {
        gate_open(x);
    }
    return x->gate.is_open;
}

void gate_open(struct exchange *x)
{
    x->gate.is_open = true;
    timer_cancel(&x->gate.release);
}

int gate_write(struct exchange *x, struct slice bytes, bool last)
{
    struct gate *gate = &x->gate;
    if (!gate->is_open) {
        buf_append(&gate->held, bytes);
        return 0;
    }
    if (gate->held.len == 0) {
        return server_write(x->ex, bytes, last);
    }
    struct buf all = gate->held;
    gate->held = BUF_EMPTY;
    buf_append(&all, bytes);
    int r = server_write(x->ex, buf_slice(&all), last);
    buf_deinit(&all);
    return r;
}

void gate_close(struct exchange *x)
{
    timer_cancel(&x->gate.release);
    buf_deinit(&x->gate.held);
    x->gate.held = BUF_EMPTY;
    x->gate.n_events = 0;
    x->gate.is_open = false;
    x->gate.is_time_up = false;
}
