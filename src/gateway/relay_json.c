// SPDX-License-Identifier: MIT
// Passes an answer on that is one JSON value: held until all of it is here, up to a limit. Gemini's stream in the form
// of an array leaves element by element.
#include "gateway/failover.h"
#include "gateway/owner.h"
#include "gateway/relay_internal.h"
#include "keys/blame_event.h"

enum { ERROR_MAX = 16 * 1024 }; // an answer that is longer is no error

bool relay_is_json(struct slice text)
{
    static const struct json_options options = {.record_depth = 1};
    struct arena scratch;
    struct json_doc doc;
    arena_init(&scratch, 1024);
    bool is = json_parse(&doc, &scratch, text, &options) == 0;
    arena_deinit(&scratch);
    return is;
}

// Nothing, or the page of a proxy on the way.
static bool is_no_answer(struct slice whole)
{
    struct slice text = slice_trim(whole);
    return text.len == 0 || *text.ptr == '<';
}

// Some providers tell of a failure with a good status. An answer that has cost something is none.
static bool tells_error(struct exchange *x, struct slice whole)
{
    return whole.len <= ERROR_MAX && exchange_usage(x).output < 0 && blame_status_of_event(whole);
}

// False: another attempt follows. Else `whole` may have left.
static bool read_whole(struct exchange *x, struct slice whole)
{
    usage_tap_answer(x->tap, whole);
    if (tells_error(x, whole)) {
        x->told_error = arena_dup(exchange_arena(x), whole);
        return failover_on_told_error(x);
    }
    owner_note(x, whole);
    relay_note_content(x, true);
    return true;
}

// The whole answer is there, and nothing of it has left.
static void end_whole(struct exchange *x, struct slice whole, struct slice piece)
{
    if (x->tap && x->upstream_status != 204 && is_no_answer(whole)) {
        relay_fail_protocol(x, SLICE("the upstream's answer has nothing in it"));
        return;
    }
    if (x->tap && x->is_close_delimited && !relay_is_json(whole)) {
        relay_fail_cut(x);
        return;
    }
    if (x->tap && !read_whole(x, whole)) {
        return;
    }
    relay_end_well(x);
    gate_write(x, piece, true);
}

// Too much to be held: from here on it is read as it passes.
static int release_json(struct exchange *x)
{
    if (x->tap) {
        usage_tap_json(x->tap, buf_slice(&x->gate.held));
        relay_note_content(x, usage_tap_has_content(x->tap));
    }
    return gate_write(x, SLICE_EMPTY, false);
}

static void end_released(struct exchange *x, struct slice piece)
{
    if (x->tap && x->is_close_delimited && !usage_tap_is_complete(x->tap)) {
        gate_write(x, piece, false);
        relay_fail_cut(x);
        return;
    }
    relay_end_well(x);
    gate_write(x, piece, true);
}

// What is behind the last whole element waits for its end, so that one which tells of an error can take its place.
static int pass_elements(struct exchange *x, struct slice piece)
{
    size_t end = usage_tap_element_end(x->tap);
    int r = 0;
    if (end) {
        x->gate.n_events++; // what is held back of a stream is counted in them
        x->is_event_out = false;
        r = relay_pass_on(x, slice_of(piece.ptr, end), false);
    }
    buf_append(&x->event_tail, slice_after(piece, end));
    if (x->is_event_out || x->event_tail.len > RELAY_KEPT_MAX) {
        x->is_event_out = true;
        r = relay_pass_on(x, SLICE_EMPTY, false);
    }
    return r;
}

void relay_end_array(struct exchange *x, struct slice message)
{
    struct buf end = BUF_EMPTY;
    if (!x->is_event_out) {
        if (!usage_tap_has_error(x->tap)) {
            buf_append(&end, SLICE(",\r\n"));
            fault_write_body(x->fault, x->route.dialect, message, x->request_id, &end);
        }
        buf_append_char(&end, ']');
        server_write(x->ex, buf_slice(&end), false);
        buf_deinit(&end);
    }
    server_break(x->ex);
}

// Gemini's other form of a stream: one array whose elements leave as they come. False: as below.
static bool relay_array(struct exchange *x, struct slice piece, bool last)
{
    usage_tap_json(x->tap, piece);
    owner_note(x, piece);
    relay_note_content(x, usage_tap_has_content(x->tap));
    if (last) {
        if (usage_tap_is_complete(x->tap)) {
            relay_end_well(x);
            relay_pass_on(x, piece, true);
        } else {
            relay_fail_cut(x);
        }
        return false;
    }
    int r = pass_elements(x, piece);
    if (!x->gate.is_open && gate_consider(x, x->gate.held.len)) {
        r = gate_write(x, SLICE_EMPTY, false);
    }
    if (r != 0) {
        relay_pause(x);
    }
    return true;
}

// False: the exchange, or this attempt, is over.
bool relay_json(struct exchange *x, struct slice piece, bool last)
{
    struct gate *gate = &x->gate;
    int r = 0;
    if (piece.len && x->n_body_bytes == piece.len) { // who asked for a stream may get one answer all the same
        x->is_array = x->is_array && slice_starts_with_nocase(slice_trim(piece), SLICE("["));
    }
    if (x->is_array) {
        return relay_array(x, piece, last);
    }
    if (!gate->is_open && last && gate->held.len == 0) {
        end_whole(x, piece, piece);
        return false;
    }
    if (!gate->is_open) {
        buf_append(&gate->held, piece);
        if (last) {
            end_whole(x, buf_slice(&gate->held), SLICE_EMPTY);
            return false;
        }
        r = gate_consider(x, gate->held.len) ? release_json(x) : 0;
    } else {
        if (x->tap) {
            usage_tap_json(x->tap, piece);
            owner_note(x, piece);
        }
        if (last) {
            end_released(x, piece);
            return false;
        }
        r = gate_write(x, piece, false);
    }
    if (r != 0) {
        relay_pause(x);
    }
    return true;
}
