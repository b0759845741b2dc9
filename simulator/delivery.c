// SPDX-License-Identifier: MIT
#include "simulator/delivery.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "net/loop.h"
#include "net/stream.h"

enum {
    LEAVE_MS = 5000,           // how long a client may take to leave after our FIN
    RETRY_MS = 4,              // when the kernel takes no more of a message composed by hand
    GIANT_BURST = 1024 * 1024, // bytes of one turn
    SPLIT_GAP_NS = 50 * 1000,  // between two pieces, so that a reader who is awake gets them one by one
};

/* Steps, in the order they happen */
static void begin(struct delivery *d);
static void start_head(struct delivery *d);
static void go_on(struct delivery *d);
static void settle(struct delivery *d);

// ---- the pump -------------------------------------------------------------------------------------------------------

static void pump_giant(struct delivery *d);
static void resume_raw(struct delivery *d);

static void on_turn(uv_idle_t *idle)
{
    struct delivery_pump *pump = CONTAINER_OF(idle, struct delivery_pump, _idle);
    struct list turn;
    list_move_all(&pump->_deliveries, &turn);
    while (!list_is_empty(&turn)) {
        struct delivery *d = CONTAINER_OF(turn.next, struct delivery, pump_link);
        list_remove(&d->pump_link);
        (d->is_raw ? resume_raw : pump_giant)(d);
    }
    if (list_is_empty(&pump->_deliveries)) {
        uv_idle_stop(idle);
    }
}

void delivery_pump_init(struct delivery_pump *pump, struct loop *loop)
{
    uv_idle_init(&loop->uv, &pump->_idle);
    list_init(&pump->_deliveries);
}

void delivery_pump_close(struct delivery_pump *pump)
{
    uv_close((uv_handle_t *)&pump->_idle, NULL);
}

static void go_on_next_turn(struct delivery *d)
{
    list_remove(&d->pump_link);
    list_append(&d->pump->_deliveries, &d->pump_link);
    uv_idle_start(&d->pump->_idle, on_turn);
}

// ---- timers ---------------------------------------------------------------------------------------------------------

static struct loop *loop_of(const struct delivery *d)
{
    return http_server_loop(d->ex->server);
}

static void wait_for(struct delivery *d, uint64_t ms, timer_fn fn)
{
    timer_start(&loop_of(d)->timers, &d->timer, ms, fn);
}

static void on_head_due(struct timer *timer)
{
    begin(CONTAINER_OF(timer, struct delivery, timer));
}

static void on_event_due(struct timer *timer)
{
    go_on(CONTAINER_OF(timer, struct delivery, timer));
}

static void on_retry(struct timer *timer)
{
    resume_raw(CONTAINER_OF(timer, struct delivery, timer));
}

static void on_leave_late(struct timer *timer)
{
    server_break(CONTAINER_OF(timer, struct delivery, timer)->ex);
}

// ---- messages composed by hand --------------------------------------------------------------------------------------

// May the next piece go? There is always one turn of the loop between two pieces, and a little time.
static bool is_piece_due(struct delivery *d)
{
    uint64_t now_ns = clock_monotonic_ns();
    if (now_ns - d->split_ns < SPLIT_GAP_NS) {
        return false;
    }
    d->split_ns = now_ns;
    return true;
}

// Sends what the kernel takes: all of it, or `split` bytes at a time. False: resume_raw() comes later.
static bool flush_raw(struct delivery *d)
{
    size_t split = (size_t)d->answer->script.split;
    while (d->raw_sent < d->raw.len) {
        if (split && !is_piece_due(d)) {
            go_on_next_turn(d);
            return false;
        }
        size_t len = d->raw.len - d->raw_sent;
        len = split && len > split ? split : len;
        ssize_t n = send(server_socket(d->ex), d->raw.ptr + d->raw_sent, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0) {
            wait_for(d, RETRY_MS, on_retry); // if it is broken, on_abort comes first
            return false;
        }
        d->raw_sent += (size_t)n;
    }
    buf_deinit(&d->raw);
    d->raw_sent = 0;
    return true;
}

static void resume_raw(struct delivery *d)
{
    if (flush_raw(d)) {
        (d->goal == DELIVERY_GO_ON ? go_on : settle)(d);
    }
}

static size_t body_len(const struct answer *answer)
{
    return answer->bytes.len;
}

static void write_raw_head(struct delivery *d)
{
    struct answer *answer = d->answer;
    const struct script *script = &answer->script;
    buf_printf(&d->raw, "HTTP/1.%d %u %s\r\n", script->http10 ? 0 : 1, answer->status,
               http_status_reason(answer->status));
    buf_append(&d->raw, buf_slice(&answer->headers));
    if (script->close || script->http10) {
        // The end of the connection is the end of the body.
    } else if (answer->is_stream) {
        buf_append(&d->raw, SLICE("transfer-encoding: chunked\r\n"));
    } else {
        buf_printf(&d->raw, "content-length: %zu\r\n", body_len(answer));
    }
    buf_append(&d->raw, SLICE("connection: close\r\n\r\n"));
}

static void write_raw(struct delivery *d, struct slice bytes, bool last)
{
    const struct script *script = &d->answer->script;
    bool is_chunked = d->answer->is_stream && !script->close && !script->http10;
    if (is_chunked && bytes.len > 0) {
        buf_printf(&d->raw, "%zx\r\n", bytes.len);
    }
    buf_append(&d->raw, bytes);
    if (is_chunked && bytes.len > 0) {
        buf_append(&d->raw, SLICE("\r\n"));
    }
    if (is_chunked && last) {
        buf_append(&d->raw, SLICE("0\r\n\r\n"));
    }
    if (last) {
        d->goal = DELIVERY_END;
    }
}

static void send_by_hand(struct delivery *d, struct slice text)
{
    // A fresh response: the socket's buffer takes these few bytes.
    ssize_t n = send(server_socket(d->ex), text.ptr, text.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)n; // a broken connection is told by on_abort
}

// ---- the end --------------------------------------------------------------------------------------------------------

static void finish_by_hand(struct delivery *d)
{
    shutdown(server_socket(d->ex), SHUT_WR);
    d->goal = DELIVERY_OVER;
    wait_for(d, LEAVE_MS, on_leave_late);
}

static void reset(struct delivery *d)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(server_socket(d->ex), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    d->goal = DELIVERY_OVER;
    server_break(d->ex);
}

static void on_stall_over(struct timer *timer)
{
    finish_by_hand(CONTAINER_OF(timer, struct delivery, timer));
}

static void fall_silent(struct delivery *d)
{
    uint64_t stall_ms = (uint64_t)d->answer->script.stall_ms;
    if (stall_ms && !timer_is_running(&d->timer)) {
        wait_for(d, stall_ms, on_stall_over);
    }
}

// Reaches the goal as soon as every byte before it has left.
static void settle(struct delivery *d)
{
    if (d->raw.len > d->raw_sent || (!d->is_raw && server_pending(d->ex) > 0)) {
        return;
    }
    switch (d->goal) {
    case DELIVERY_END:
    case DELIVERY_CUT: finish_by_hand(d); return;
    case DELIVERY_RESET: reset(d); return;
    case DELIVERY_SILENT: fall_silent(d); return;
    case DELIVERY_GO_ON:
    case DELIVERY_OVER: return;
    }
}

// ---- the head -------------------------------------------------------------------------------------------------------

void delivery_start_take(struct delivery *d, struct server_exchange *ex, struct answer *answer,
                         struct delivery_pump *pump)
{
    d->ex = ex;
    d->answer = answer;
    d->pump = pump;
    timer_init(&d->timer);
    list_init(&d->pump_link);
    if (answer->script.hang == SCRIPT_HANG_BEFORE) {
        d->goal = DELIVERY_SILENT;
        fall_silent(d);
    } else if (answer->script.head_ms) {
        wait_for(d, (uint64_t)answer->script.head_ms, on_head_due);
    } else {
        begin(d);
    }
}

// Where the fault is, in events or in the bytes of a body; everything when there is none.
static void find_fault(struct delivery *d)
{
    const struct answer *answer = d->answer;
    const struct script *script = &answer->script;
    struct {
        int64_t at;
        enum delivery_goal goal;
    } faults[] = {
        {script->hang, DELIVERY_SILENT},
        {script->cut, DELIVERY_CUT},
        {script->reset, DELIVERY_RESET},
    };
    d->limit = answer->is_stream ? answer->n_events : body_len(answer);
    if (answer->is_stream && script->cut == SCRIPT_CUT_END) {
        d->fault = DELIVERY_CUT;
    }
    for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
        // A stream with all its events still lacks its end; a body with all its bytes lacks nothing.
        uint64_t end = d->limit + (answer->is_stream && d->fault == DELIVERY_GO_ON ? 1 : 0);
        if (faults[i].at >= 0 && (uint64_t)faults[i].at < end) {
            d->limit = (size_t)faults[i].at;
            d->fault = faults[i].goal;
        }
    }
}

static bool is_plain(const struct delivery *d)
{
    const struct script *script = &d->answer->script;
    return d->fault == DELIVERY_GO_ON && !script->first_ms && !d->answer->giant.n_pieces && !script_is_raw(script) &&
           !script->stamp && (!d->answer->is_stream || !script->pace_ms);
}

static void begin(struct delivery *d)
{
    const struct script *script = &d->answer->script;
    struct answer *answer = d->answer;
    if (script->reset == 0) {
        reset(d);
        return;
    }
    if (script->is_garbage) {
        send_by_hand(d, SLICE("\x16\x03\x01 this is not HTTP\r\n\r\n"));
        finish_by_hand(d);
        return;
    }
    if (script->interim) {
        send_by_hand(d, SLICE("HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n"));
    }
    find_fault(d);
    if (!is_plain(d)) {
        start_head(d);
        return;
    }
    d->sent_bytes = body_len(answer);
    d->n_events = answer->n_events;
    if (answer->is_stream) {
        server_start(d->ex, answer->status, buf_slice(&answer->headers), H1_NO_LENGTH);
        (void)server_write(d->ex, buf_slice(&answer->bytes), true);
    } else {
        server_respond(d->ex, answer->status, buf_slice(&answer->headers), buf_slice(&answer->bytes));
    }
}

static uint64_t giant_len(const struct answer *answer)
{
    const struct answer_giant *giant = &answer->giant;
    return giant->n_pieces ? (giant->n_pieces - 1) * giant->piece.len + giant->last_piece : 0;
}

static void start_head(struct delivery *d)
{
    const struct answer *answer = d->answer;
    const struct script *script = &answer->script;
    bool is_alone = script->first_ms || (d->limit == 0 && d->fault != DELIVERY_GO_ON);
    d->is_raw = script_is_raw(script);
    d->due_ms = loop_now_ms(loop_of(d)) + (uint64_t)script->first_ms;
    if (d->is_raw) {
        write_raw_head(d);
    } else {
        int64_t length = answer->is_stream ? H1_NO_LENGTH : (int64_t)(body_len(answer) + giant_len(answer));
        server_start(d->ex, answer->status, buf_slice(&answer->headers), length);
    }
    if (is_alone && d->is_raw && !flush_raw(d)) {
        return; // goes on by itself
    }
    if (is_alone && !d->is_raw) {
        server_flush(d->ex);
    }
    go_on(d);
}

// ---- the body -------------------------------------------------------------------------------------------------------

// Writes the time of sending into events that have a place for it. The bytes are shared, but what is written leaves
// before anybody else writes again.
static void stamp(struct answer *answer, size_t from, size_t to)
{
    char digits[ANSWER_STAMP_DIGITS + 1];
    snprintf(digits, sizeof(digits), "%0*" PRIu64, ANSWER_STAMP_DIGITS, clock_monotonic_ns());
    for (size_t i = from; i < to; i++) {
        if (answer->events[i].stamp_at) {
            memcpy(answer->bytes.ptr + answer->events[i].stamp_at, digits, ANSWER_STAMP_DIGITS);
        }
    }
}

static size_t event_start(const struct answer *answer, size_t index)
{
    return index == 0 ? 0 : answer->events[index - 1].end;
}

// Returns false when it must not go on: blocked, or over.
static bool emit(struct delivery *d, struct slice bytes, bool last)
{
    d->sent_bytes += bytes.len;
    if (!d->is_raw) {
        return server_write(d->ex, bytes, last) == 0 && !last;
    }
    write_raw(d, bytes, last);
    bool is_out = flush_raw(d);
    if (is_out && last) {
        settle(d);
    }
    return is_out && !last;
}

static bool emit_events(struct delivery *d, size_t to)
{
    struct answer *answer = d->answer;
    size_t from = d->n_events;
    if (answer->script.stamp) {
        stamp(answer, from, to);
    }
    d->n_events = to;
    size_t start = event_start(answer, from);
    bool last = to == answer->n_events && d->fault == DELIVERY_GO_ON;
    return emit(d, slice_of(answer->bytes.ptr + start, event_start(answer, to) - start), last);
}

static void reach_goal(struct delivery *d)
{
    d->goal = d->fault;
    if (!d->is_raw) {
        server_flush(d->ex);
    }
    settle(d);
}

// Waits for the next event if it is not due yet.
static bool must_wait(struct delivery *d)
{
    uint64_t now = loop_now_ms(loop_of(d));
    if (now >= d->due_ms) {
        return false;
    }
    wait_for(d, d->due_ms - now, on_event_due);
    return true;
}

static void send_events(struct delivery *d)
{
    uint64_t pace = (uint64_t)d->answer->script.pace_ms;
    while (d->n_events < d->limit) {
        if (must_wait(d)) {
            return;
        }
        d->due_ms += pace;
        if (!emit_events(d, pace ? d->n_events + 1 : d->limit)) {
            return;
        }
    }
    reach_goal(d);
}

static void send_body(struct delivery *d)
{
    if (must_wait(d)) {
        return;
    }
    if (d->fault == DELIVERY_GO_ON) {
        (void)emit_events(d, d->answer->n_events);
    } else if (d->limit == 0 || d->sent_bytes > 0 || emit(d, slice_of(d->answer->bytes.ptr, d->limit), false)) {
        reach_goal(d);
    }
}

static void go_on(struct delivery *d)
{
    if (d->answer->giant.n_pieces) {
        pump_giant(d);
    } else if (d->answer->is_stream) {
        send_events(d);
    } else {
        send_body(d);
    }
}

// ---- giants ---------------------------------------------------------------------------------------------------------

static int write_piece(struct delivery *d)
{
    const struct answer_giant *giant = &d->answer->giant;
    struct slice piece = buf_slice(&giant->piece);
    uint64_t index = d->n_pieces++;
    if (!d->answer->is_stream) {
        piece.len = d->n_pieces == giant->n_pieces ? giant->last_piece : piece.len;
        d->sent_bytes += piece.len;
        return server_write(d->ex, piece, false);
    }
    if (!giant->number_at) {
        d->sent_bytes += piece.len;
        return server_write(d->ex, piece, false);
    }
    struct buf numbered = BUF_EMPTY;
    buf_append(&numbered, slice_of(piece.ptr, giant->number_at));
    buf_append_u64(&numbered, giant->number + index);
    buf_append(&numbered, slice_after(piece, giant->number_at));
    d->sent_bytes += numbered.len;
    int r = server_write(d->ex, buf_slice(&numbered), false);
    buf_deinit(&numbered);
    return r;
}

static void pump_giant(struct delivery *d)
{
    const struct answer *answer = d->answer;
    if (d->n_pieces == 0) {
        d->sent_bytes += answer->giant.at_byte;
        (void)server_write(d->ex, slice_of(answer->bytes.ptr, answer->giant.at_byte), false);
    }
    for (size_t sent = 0; d->n_pieces < answer->giant.n_pieces; sent += answer->giant.piece.len) {
        if (sent >= GIANT_BURST) {
            go_on_next_turn(d);
            return;
        }
        if (write_piece(d) != 0) {
            return; // on_drain goes on
        }
    }
    struct slice rest = slice_after(buf_slice(&answer->bytes), answer->giant.at_byte);
    d->sent_bytes += rest.len;
    (void)server_write(d->ex, rest, true);
}

// ---- from the exchange ----------------------------------------------------------------------------------------------

void delivery_drained(struct delivery *d)
{
    if (d->goal != DELIVERY_GO_ON) {
        settle(d);
    } else if (!d->is_raw && server_has_started(d->ex) && !timer_is_running(&d->timer)) {
        go_on(d);
    }
}

void delivery_stop(struct delivery *d)
{
    timer_cancel(&d->timer);
    list_remove(&d->pump_link);
    buf_deinit(&d->raw);
    answer_unref(d->answer);
}

bool delivery_told(const struct delivery *d, struct journal_told *told_r)
{
    const struct answer *answer = d->answer;
    for (size_t i = answer ? d->n_events : 0; i-- > 0;) {
        if (answer->events[i].told_output >= 0) {
            *told_r = (struct journal_told){1, answer->usage.input, (uint64_t)answer->events[i].told_output,
                                            answer->usage.cache_read};
            return true;
        }
    }
    return false;
}
