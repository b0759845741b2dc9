// SPDX-License-Identifier: MIT
// Passes a stream on, event by event, as far as the gate lets it. Bytes leave as they came; an event that no client
// could read, or that was not asked for, is left out.
#include "gateway/conversion.h"
#include "gateway/failover.h"
#include "gateway/owner.h"
#include "gateway/relay_internal.h"

enum {
    END_GRACE_MS = 5000, // for what may follow the end of a stream
};

// One feed of events, on their way to the client. What is dropped splits it.
struct passing {
    struct exchange *x;
    struct slice piece;
    size_t sent;     // up to here it has been passed on, or dropped
    size_t at;       // the event under way begins here
    int result;      // of the last write
    bool may_be_cut; // the end of the connection was the end of the last event, too
};

static void pass_until(struct passing *passing, size_t end)
{
    if (end > passing->sent) {
        passing->result =
            relay_pass_on(passing->x, slice_of(passing->piece.ptr + passing->sent, end - passing->sent), false);
        passing->sent = end;
    }
}

static void drop_event(struct passing *passing, size_t end)
{
    if (passing->at == 0) {
        buf_deinit(&passing->x->event_tail); // its beginning came before
    } else {
        pass_until(passing, passing->at);
    }
    passing->sent = end;
}

static void read_event(struct exchange *x, const struct sse_event *event)
{
    owner_note(x, event->data);
    if (!x->gate.is_open && !x->told_error.ptr && usage_tap_has_error(x->tap)) {
        x->told_error = arena_dup(exchange_arena(x), event->data);
    }
}

// Clients give up on an event that is no JSON, although those before and after it are good. What they have not asked
// for they do not get.
static bool is_dropped(struct exchange *x, const struct sse_event *event, enum usage_event_verdict verdict)
{
    bool is_bad = verdict == USAGE_EVENT_BAD;
    x->n_bad_events += is_bad;
    return !x->is_event_out && !event->is_loose && (is_bad || (x->hides_usage && usage_is_extra_event(event->data)));
}

// Was the event that tells of a failure cut? Without its last blank line only JSON can be known to be all of it.
static bool is_half(const struct passing *passing, struct slice data)
{
    return (passing->may_be_cut || slice_starts_with(data, SLICE("{"))) && !relay_is_json(data);
}

static void on_event(void *arg, const struct sse_event *event)
{
    struct passing *passing = arg;
    struct exchange *x = passing->x;
    bool had_error = usage_tap_has_error(x->tap);
    enum usage_event_verdict verdict = usage_tap_event(x->tap, event->name, event->data);
    x->gate.n_events++;
    if (!had_error && usage_tap_has_error(x->tap)) {
        x->has_half_error = is_half(passing, event->data);
    }
    if (verdict == USAGE_EVENT_READ) {
        read_event(x, event);
    }
    if (verdict != USAGE_EVENT_TEXT && is_dropped(x, event, verdict)) {
        drop_event(passing, event->end);
    }
    x->is_event_out = false;
    passing->at = event->end;
}

// What is behind the last complete event waits for its end, so that it can still be dropped.
static void keep_rest(struct passing *passing)
{
    struct exchange *x = passing->x;
    if (sse_parser_is_between_events(&x->sse) || x->is_event_out) {
        pass_until(passing, passing->piece.len);
        return;
    }
    pass_until(passing, passing->at);
    buf_append(&x->event_tail, slice_after(passing->piece, passing->at));
    if (x->event_tail.len > RELAY_KEPT_MAX) {
        passing->result = relay_pass_on(x, SLICE_EMPTY, false);
        x->is_event_out = true;
    }
}

// Of an event larger than any that we read: the answer goes on unread.
static int go_blind(struct exchange *x, struct slice piece)
{
    usage_tap_free(x->tap);
    x->tap = NULL;
    timer_cancel(&x->first_content);
    gate_open(x);
    return relay_pass_on(x, piece, false);
}

static int pass_rest(struct passing *passing)
{
    struct exchange *x = passing->x;
    bool was_open = x->gate.is_open;
    keep_rest(passing);
    if (!was_open && gate_consider(x, x->gate.held.len)) {
        passing->result = gate_write(x, SLICE_EMPTY, false);
    }
    return passing->result;
}

// The answer ends with this piece, and nothing is wrong with it: the end leaves in the same write.
static bool end_with(struct passing *passing)
{
    struct exchange *x = passing->x;
    if (!sse_parser_is_between_events(&x->sse) || !usage_tap_is_complete(x->tap) || usage_tap_has_error(x->tap)) {
        return false;
    }
    relay_end_well(x);
    relay_pass_on(x, slice_after(passing->piece, passing->sent), true);
    return true;
}

// False: that was all.
static bool pass_events(struct exchange *x, struct slice piece, bool last)
{
    struct passing passing = {.x = x, .piece = piece};
    if (!x->tap) {
        passing.result = relay_pass_on(x, piece, false);
    } else if (sse_parser_feed(&x->sse, piece, on_event, &passing) != 0) {
        passing.result = go_blind(x, slice_after(piece, passing.sent));
    } else {
        relay_note_content(x, usage_tap_has_content(x->tap));
        if (last && end_with(&passing)) {
            return false;
        }
        passing.result = pass_rest(&passing);
    }
    if (passing.result != 0 && !last) {
        relay_pause(x);
    }
    return true;
}

void relay_flush(struct exchange *x)
{
    gate_open(x);
    if (x->conversion) {
        conversion_flush(x);
    } else {
        gate_write(x, SLICE_EMPTY, false); // not the beginning of an event, which waits for its end
    }
}

// The answer told of its own failure before it said anything else. False: it is decided about.
static bool check_told_error(struct exchange *x)
{
    if (!x->told_error.ptr || x->gate.is_open) {
        return true;
    }
    return failover_on_told_error(x);
}

// An event without its last blank line counts too. False: it tells of an error, and was cut.
static bool finish_events(struct exchange *x)
{
    struct passing passing = {.x = x, .may_be_cut = x->is_close_delimited};
    if (x->tap && !sse_parser_is_between_events(&x->sse) && sse_parser_finish(&x->sse, on_event, &passing) == 0) {
        relay_note_content(x, usage_tap_has_content(x->tap));
    }
    return !x->has_half_error;
}

// Did the stream end before its own protocol says so?
static bool is_cut(const struct exchange *x)
{
    return x->tap && !usage_tap_is_complete(x->tap) && !usage_tap_has_error(x->tap);
}

// The upstream has told of its failure, and that is the last that came. The client has been told, too; that more should
// have followed it sees by the end. `is_in_tail`: the event that told it has not left, and lacks its blank line only.
// Always true, for the caller to return.
static bool end_after_error(struct exchange *x, bool is_in_tail)
{
    attempt_cancel(x);
    if (!is_in_tail) {
        buf_deinit(&x->event_tail); // half an event is of no use
    }
    relay_end_well(x);
    relay_pass_on(x, is_in_tail ? SLICE("\n\n") : SLICE_EMPTY, false);
    gate_write(x, SLICE_EMPTY, false);
    server_break(x->ex);
    return true;
}

bool relay_ends_well(struct exchange *x)
{
    bool is_stream = x->is_sse || (x->is_array && x->tap);
    if (!is_stream || !x->upstream_status || x->held) {
        return false;
    }
    if (x->conversion) {
        return conversion_ends_well(x);
    }
    if (!x->tap || x->is_event_out) {
        return false;
    }
    if (!usage_tap_is_complete(x->tap)) {
        bool has_told = x->is_sse && usage_tap_has_error(x->tap) && !x->has_half_error;
        return has_told && x->gate.is_open && end_after_error(x, false);
    }
    attempt_cancel(x);
    x->outcome = "ok";
    x->detail = NULL;
    if (x->is_sse) {
        buf_deinit(&x->event_tail); // half an event is of no use
    }
    relay_end_well(x);
    relay_pass_on(x, SLICE_EMPTY, true);
    return true;
}

static void end_events(struct exchange *x)
{
    bool had_error = x->tap && usage_tap_has_error(x->tap);
    if (!finish_events(x)) {
        relay_fail_cut(x);
        return;
    }
    if (!check_told_error(x)) {
        return;
    }
    if (is_cut(x)) {
        relay_fail_cut(x);
    } else if (x->is_close_delimited && x->tap && !usage_tap_is_complete(x->tap)) {
        end_after_error(x, !had_error);
    } else {
        relay_end_well(x);
        relay_pass_on(x, SLICE_EMPTY, true);
    }
}

// Some servers leave the connection open behind the end of a stream.
static void on_grace_over(struct timer *timer)
{
    relay_ends_well(CONTAINER_OF(timer, struct exchange, first_content));
}

static void watch_end(struct exchange *x)
{
    if (x->first_ns && x->tap && usage_tap_is_complete(x->tap) && !timer_is_running(&x->first_content)) {
        timer_start(&x->gateway->loop->timers, &x->first_content, END_GRACE_MS, on_grace_over);
    }
}

// False: the exchange, or this attempt, is over.
bool relay_events(struct exchange *x, struct slice piece, bool last)
{
    if (!pass_events(x, piece, last)) {
        return false;
    }
    if (last) {
        end_events(x);
        return false;
    }
    heartbeat_watch(x);
    watch_end(x);
    return check_told_error(x);
}
