// SPDX-License-Identifier: MIT
// Passes an answer on as it comes, with the metering tap beside it. The client's pace is the upstream's: what the
// client does not take pauses the upstream.
#include "base/clock.h"
#include "gateway/conversion.h"
#include "gateway/failover.h"
#include "gateway/gateway_internal.h"
#include "gateway/lease.h"

enum {
    TAP_LIMIT = 64 * 1024,
    TAP_EVENT_MAX = SSE_EVENT_MAX_DEFAULT,
    EVENT_KEPT_MAX = 64 * 1024, // of an event that is not complete; more of it leaves before it can be checked
    UNPACKED_PIECE = 16 * 1024,
    END_GRACE_MS = 5000, // for what may follow the end of a stream
};

// An event without its last blank line, or one larger than this, has partly left already: nothing may be put in.
bool relay_may_put_in(struct exchange *x)
{
    return x->conversion ? conversion_begin_stream(x) : x->is_sse && x->tap && !x->is_event_out;
}

// ---- the head -------------------------------------------------------------------------------------------------------

// Headers of the upstream that are about its connection, its clients' browsers, or that we write ourselves.
static const uint64_t dropped_headers =
    HEADER_BIT(HEADER_CONNECTION) | HEADER_BIT(HEADER_CONTENT_LENGTH) | HEADER_BIT(HEADER_DATE) |
    HEADER_BIT(HEADER_KEEP_ALIVE) | HEADER_BIT(HEADER_PROXY_AUTHENTICATE) | HEADER_BIT(HEADER_PROXY_CONNECTION) |
    HEADER_BIT(HEADER_SET_COOKIE) | HEADER_BIT(HEADER_TE) | HEADER_BIT(HEADER_TRAILER) |
    HEADER_BIT(HEADER_TRANSFER_ENCODING) | HEADER_BIT(HEADER_UPGRADE) | HEADER_BIT(HEADER_X_REQUEST_ID);

static bool has_option(const struct h1_field *connection, struct slice name)
{
    struct slice options = connection->value;
    while (options.len) {
        if (slice_eq_nocase(slice_trim(slice_split(&options, ',')), name)) {
            return true;
        }
    }
    return false;
}

// Does Connection say that a field of this name is for us only (RFC 9110 §7.6.1)?
static bool is_of_connection(const struct h1_response *resp, struct slice name)
{
    for (size_t i = 0; i < resp->n_fields; i++) {
        if (resp->fields[i].id == HEADER_CONNECTION && has_option(&resp->fields[i], name)) {
            return true;
        }
    }
    return false;
}

static bool is_passed_on(const struct exchange *x, const struct h1_response *resp, const struct h1_field *field)
{
    if (field->id != HEADER_OTHER) {
        uint64_t dropped = dropped_headers | (x->inflater ? HEADER_BIT(HEADER_CONTENT_ENCODING) : 0);
        return !(HEADER_BIT(field->id) & dropped);
    }
    bool is_ours = slice_starts_with_nocase(field->name, SLICE("access-control-")) ||
                   (x->is_sse && slice_eq_nocase(field->name, SLICE("x-accel-buffering")));
    return !is_ours && !is_of_connection(resp, field->name);
}

static void append_upstream_headers(const struct exchange *x, struct buf *headers, const struct h1_response *resp)
{
    for (size_t i = 0; i < resp->n_fields; i++) {
        const struct h1_field *field = &resp->fields[i];
        if (is_passed_on(x, resp, field)) {
            h1_write_field(headers, field->name, field->value);
        }
    }
}

static bool has_type(const struct h1_response *resp, struct slice wanted)
{
    const struct h1_field *type = h1_find_field(resp->fields, resp->n_fields, HEADER_CONTENT_TYPE);
    return type && slice_starts_with_nocase(type->value, wanted);
}

static bool is_event_stream(const struct h1_response *resp)
{
    return has_type(resp, SLICE("text/event-stream"));
}

// Some servers send events as plain text, or as nothing in particular.
static bool may_be_event_stream(const struct exchange *x, const struct h1_response *resp)
{
    return x->wants_stream && !route_counts_tokens(x->route.kind) && !has_type(resp, SLICE("application/json"));
}

// We ask for identity. A provider that compresses all the same is unpacked: the client may not have offered it, and the
// answer must be read. False for a coding that we cannot decode: such an answer passes as it is, unread.
static bool make_readable(struct exchange *x, const struct h1_response *resp)
{
    const struct h1_field *encoding = h1_find_field(resp->fields, resp->n_fields, HEADER_CONTENT_ENCODING);
    if (encoding && inflater_knows(encoding->value)) {
        x->inflater = inflater_new();
    }
    return !encoding || x->inflater || slice_eq_nocase(encoding->value, SLICE("identity"));
}

static void on_first_content_timeout(struct timer *timer)
{
    struct exchange *x = CONTAINER_OF(timer, struct exchange, first_content);
    attempt_cancel(x);
    x->outcome = "first_token_timeout";
    failover_on_failure(x, &(struct attempt_failure){
                               .event = ATTEMPT_NO_ANSWER,
                               .was_silent = true,
                               .fault = FAULT_UPSTREAM_TIMEOUT,
                               .message = SLICE("the upstream began no answer in time"),
                           });
}

static void start_reading(struct exchange *x)
{
    sse_parser_init(&x->sse, TAP_EVENT_MAX);
    uint32_t first_token_ms = x->upstream->model->timeouts.first_token_ms;
    if (x->is_sse && first_token_ms) {
        timer_start(&x->gateway->loop->timers, &x->first_content, first_token_ms, on_first_content_timeout);
    }
}

// How many answers the client has asked for at once.
static unsigned n_choices(const struct exchange *x)
{
    const struct json_doc *doc = &x->doc;
    const struct json_node *root = json_root(doc);
    int64_t n = 1;
    if (x->upstream->dialect == DIALECT_CHAT) {
        json_int64(doc, json_get(doc, root, SLICE("n")), &n);
    } else if (x->upstream->dialect == DIALECT_GEMINI) {
        json_int64(doc, json_get(doc, json_get(doc, root, SLICE("generationConfig")), SLICE("candidateCount")), &n);
    }
    return n > 0 && n < 64 ? (unsigned)n : 1;
}

static void attach_tap(struct exchange *x, const struct h1_response *resp)
{
    if (!make_readable(x, resp) || resp->status >= 300) {
        x->is_sse = false;
        return;
    }
    x->tap = usage_tap_new(x->upstream->dialect, TAP_LIMIT);
    x->is_array = !x->is_sse && conversion_wants_array(x);
    if (x->is_sse) {
        usage_tap_expect(x->tap, n_choices(x));
    }
    start_reading(x);
}

// The upstream has said something that no client can use. False, for the caller to return.
static bool fail_protocol(struct exchange *x, struct slice message)
{
    attempt_cancel(x);
    x->outcome = "protocol";
    failover_on_failure(
        x, &(struct attempt_failure){.event = ATTEMPT_NO_ANSWER, .fault = FAULT_UPSTREAM_PROTOCOL, .message = message});
    return false;
}

// False: this attempt is over.
static bool convert(struct exchange *x, const struct h1_response *resp)
{
    if (!make_readable(x, resp)) {
        return fail_protocol(x, SLICE("the upstream's answer has a coding that was not asked for"));
    }
    x->is_sse = (x->is_sse || may_be_event_stream(x, resp)) && resp->status < 300;
    conversion_on_head(x, resp);
    start_reading(x);
    heartbeat_watch(x);
    return true;
}

static const char *outcome_of(unsigned status)
{
    return status < 300 ? "ok" : status < 400 ? "http_3xx" : status < 500 ? "http_4xx" : "http_5xx";
}

void relay_on_head(struct exchange *x, const struct h1_response *resp)
{
    x->head_ns = clock_monotonic_ns();
    x->upstream_status = resp->status;
    x->outcome = outcome_of(resp->status);
    lease_note_status(x, resp->status);
    if (!failover_holds(x, resp)) {
        relay_begin(x, resp);
    }
}

static void start_response(struct exchange *x, const struct h1_response *resp)
{
    struct buf headers = BUF_EMPTY;
    buf_reserve(&headers, 512);
    exchange_write_headers(x, &headers);
    append_upstream_headers(x, &headers, resp);
    if (x->is_sse) {
        buf_append(&headers, SLICE("x-accel-buffering: no\r\n"));
    }
    x->status = resp->status;
    // The head is made here and leaves with the first piece of the body. To a stream something may be added (a
    // heartbeat, an error), or something left out, so that its length is not known even if the upstream gave one.
    server_start(x->ex, resp->status, buf_slice(&headers),
                 x->is_sse || x->is_array || x->inflater ? H1_NO_LENGTH : resp->content_length);
    buf_deinit(&headers);
}

bool relay_begin(struct exchange *x, const struct h1_response *resp)
{
    x->is_sse = is_event_stream(resp);
    x->is_close_delimited = resp->content_length == H1_NO_LENGTH && !resp->is_chunked;
    if (resp->status < 300) {
        gate_begin(x);
    } else {
        gate_open(x); // it has been decided about already
    }
    if (x->conversion) {
        return convert(x, resp);
    }
    attach_tap(x, resp);
    if (x->has_own_head && !x->is_sse) {
        return fail_protocol(x, SLICE("the upstream's answer is no stream"));
    }
    if (!x->has_own_head) {
        start_response(x, resp);
    }
    heartbeat_watch(x);
    return true;
}

// All of an answer is here, and its end is about to leave. Of an error it is known already whose fault it was.
static void end_well(struct exchange *x)
{
    if (x->tap && usage_tap_has_error(x->tap)) {
        x->outcome = "stream_error";
        x->has_fault = true;
        x->fault = FAULT_UPSTREAM_SERVER;
        if (!x->told_error.ptr) {
            way_is_bad(x, BLAME_ENDPOINT, -1); // else it has been judged
        }
    } else if (x->upstream_status < 300) {
        way_is_good(x);
        lease_end(x, false);
    }
    gate_open(x);
}

// ---- the body: events -----------------------------------------------------------------------------------------------

// One feed of events, on their way to the client. What is dropped splits it.
struct passing {
    struct exchange *x;
    struct slice piece;
    size_t sent; // up to here it has been passed on, or dropped
    size_t at;   // the event under way begins here
    int result;  // of the last write
};

// With the beginning that came before, if there is one.
static int pass_on(struct exchange *x, struct slice bytes, bool last)
{
    struct buf all = x->event_tail;
    if (all.len == 0) {
        return bytes.len || last ? gate_write(x, bytes, last) : 0;
    }
    x->event_tail = BUF_EMPTY;
    buf_append(&all, bytes);
    int r = gate_write(x, buf_slice(&all), last);
    buf_deinit(&all);
    return r;
}

static void pass_until(struct passing *passing, size_t end)
{
    if (end > passing->sent) {
        passing->result = pass_on(passing->x, slice_of(passing->piece.ptr + passing->sent, end - passing->sent), false);
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

static void note_content(struct exchange *x, bool has_content)
{
    if (!x->first_ns && has_content) {
        x->first_ns = clock_monotonic_ns();
        timer_cancel(&x->first_content);
        way_is_good(x);
    }
}

static void read_event(struct exchange *x, const struct sse_event *event)
{
    lease_note_answer(x, event->data);
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

static void on_event(void *arg, const struct sse_event *event)
{
    struct passing *passing = arg;
    struct exchange *x = passing->x;
    bool had_error = usage_tap_has_error(x->tap);
    enum usage_event_verdict verdict = usage_tap_event(x->tap, event->name, event->data);
    x->gate.n_events++;
    if (!had_error && usage_tap_has_error(x->tap)) {
        x->has_half_error = slice_starts_with_nocase(event->data, SLICE("{")) && !relay_is_json(event->data);
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
    if (x->event_tail.len > EVENT_KEPT_MAX) {
        passing->result = pass_on(x, SLICE_EMPTY, false);
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
    return pass_on(x, piece, false);
}

static int pass_events(struct exchange *x, struct slice piece)
{
    struct passing passing = {.x = x, .piece = piece};
    if (!x->tap) {
        return pass_on(x, piece, false);
    }
    if (sse_parser_feed(&x->sse, piece, on_event, &passing) != 0) {
        return go_blind(x, slice_after(piece, passing.sent));
    }
    note_content(x, usage_tap_has_content(x->tap));
    bool was_open = x->gate.is_open;
    keep_rest(&passing);
    if (!was_open && gate_consider(x, x->gate.held.len)) {
        passing.result = gate_write(x, SLICE_EMPTY, false);
    }
    return passing.result;
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
    struct passing passing = {.x = x};
    if (x->tap && !sse_parser_is_between_events(&x->sse) && sse_parser_finish(&x->sse, on_event, &passing) == 0) {
        note_content(x, usage_tap_has_content(x->tap));
    }
    return !x->has_half_error;
}

// Did the stream end before its own protocol says so?
static bool is_cut(const struct exchange *x)
{
    return x->tap && !usage_tap_is_complete(x->tap) && !usage_tap_has_error(x->tap);
}

static void fail_cut(struct exchange *x)
{
    attempt_cancel(x);
    x->outcome = "truncated";
    buf_deinit(&x->event_tail); // half an event is of no use
    failover_on_failure(x, &(struct attempt_failure){.event = ATTEMPT_NO_ANSWER,
                                                     .fault = FAULT_UPSTREAM_TRUNCATED,
                                                     .message = SLICE("the upstream's answer ended early")});
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
    end_well(x);
    pass_on(x, is_in_tail ? SLICE("\n\n") : SLICE_EMPTY, false);
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
    end_well(x);
    pass_on(x, SLICE_EMPTY, true);
    return true;
}

static void end_events(struct exchange *x)
{
    bool had_error = x->tap && usage_tap_has_error(x->tap);
    if (!finish_events(x)) {
        fail_cut(x);
        return;
    }
    if (!check_told_error(x)) {
        return;
    }
    if (is_cut(x)) {
        fail_cut(x);
    } else if (x->is_close_delimited && x->tap && !usage_tap_is_complete(x->tap)) {
        end_after_error(x, !had_error);
    } else {
        end_well(x);
        pass_on(x, SLICE_EMPTY, true);
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
static bool relay_events(struct exchange *x, struct slice piece, bool last)
{
    if (pass_events(x, piece) != 0 && !x->is_paused && !last) {
        x->is_paused = true;
        client_call_pause(&x->call);
    }
    if (last) {
        end_events(x);
        return false;
    }
    heartbeat_watch(x);
    watch_end(x);
    return check_told_error(x);
}

// ---- the body: one JSON value ---------------------------------------------------------------------------------------

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

// The whole answer is there, and nothing of it has left.
static void end_whole(struct exchange *x, struct slice whole, struct slice piece)
{
    if (x->tap && is_no_answer(whole)) {
        fail_protocol(x, SLICE("the upstream's answer has nothing in it"));
        return;
    }
    if (x->tap && x->is_close_delimited && !relay_is_json(whole)) {
        fail_cut(x);
        return;
    }
    if (x->tap) {
        usage_tap_answer(x->tap, whole);
        lease_note_answer(x, whole);
        note_content(x, true);
    }
    end_well(x);
    gate_write(x, piece, true);
}

// Too much to be held: from here on it is read as it passes.
static int release_json(struct exchange *x)
{
    if (x->tap) {
        usage_tap_json(x->tap, buf_slice(&x->gate.held));
        note_content(x, usage_tap_has_content(x->tap));
    }
    return gate_write(x, SLICE_EMPTY, false);
}

static void end_released(struct exchange *x, struct slice piece)
{
    if (x->tap && x->is_close_delimited && !usage_tap_is_complete(x->tap)) {
        gate_write(x, piece, false);
        fail_cut(x);
        return;
    }
    end_well(x);
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
        r = pass_on(x, slice_of(piece.ptr, end), false);
    }
    buf_append(&x->event_tail, slice_after(piece, end));
    if (x->is_event_out || x->event_tail.len > EVENT_KEPT_MAX) {
        x->is_event_out = true;
        r = pass_on(x, SLICE_EMPTY, false);
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
    lease_note_answer(x, piece);
    note_content(x, usage_tap_has_content(x->tap));
    if (last) {
        if (usage_tap_is_complete(x->tap)) {
            end_well(x);
            pass_on(x, piece, true);
        } else {
            fail_cut(x);
        }
        return false;
    }
    int r = pass_elements(x, piece);
    if (!x->gate.is_open && gate_consider(x, x->gate.held.len)) {
        r = gate_write(x, SLICE_EMPTY, false);
    }
    if (r != 0 && !x->is_paused) {
        x->is_paused = true;
        client_call_pause(&x->call);
    }
    return true;
}

// False: the exchange, or this attempt, is over.
static bool relay_json(struct exchange *x, struct slice piece, bool last)
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
            lease_note_answer(x, piece);
        }
        if (last) {
            end_released(x, piece);
            return false;
        }
        r = gate_write(x, piece, false);
    }
    if (r != 0 && !x->is_paused) {
        x->is_paused = true;
        client_call_pause(&x->call);
    }
    return true;
}

// A piece of the answer, unpacked. False: the exchange, or this attempt, is over.
static bool relay_piece(struct exchange *x, struct slice piece, bool last)
{
    x->n_body_bytes += piece.len;
    if (!x->conversion) {
        return x->is_sse ? relay_events(x, piece, last) : relay_json(x, piece, last);
    }
    if (!conversion_on_piece(x, piece, last)) {
        return false;
    }
    // What the upstream says may be nothing that the client is told of: then it hears silence all the same.
    if (conversion_has_spoken(x)) {
        heartbeat_watch(x);
    }
    return true;
}

// ---- compressed answers ---------------------------------------------------------------------------------------------

static void fail_unpacking(struct exchange *x, enum fault fault, struct slice text)
{
    attempt_cancel(x);
    x->outcome = fault == FAULT_UPSTREAM_TRUNCATED ? "truncated" : "protocol";
    failover_on_failure(x, &(struct attempt_failure){.event = ATTEMPT_NO_ANSWER, .fault = fault, .message = text});
}

// Unpacks and passes on as long as the client takes it; what is left waits. False: the exchange is over, and gone.
static bool unpack(struct exchange *x, struct slice packed, bool last)
{
    char out[UNPACKED_PIECE];
    for (;;) {
        size_t n;
        enum inflate_result r = inflater_run(x->inflater, &packed, out, sizeof(out), &n);
        bool is_end = r == INFLATE_DONE && last;
        if ((n || is_end) && !relay_piece(x, slice_of(out, n), is_end)) {
            return false;
        }
        if (r == INFLATE_BAD) {
            fail_unpacking(x, FAULT_UPSTREAM_PROTOCOL, SLICE("the upstream's compressed answer is malformed"));
            return false;
        }
        if (r == INFLATE_NEED_INPUT && last) {
            fail_unpacking(x, FAULT_UPSTREAM_TRUNCATED, SLICE("the upstream's answer ended early"));
            return false;
        }
        if (r != INFLATE_NEED_ROOM) {
            return true;
        }
        if (x->is_paused) {
            buf_append(&x->packed, packed);
            x->has_packed = true;
            x->packed_is_last = last;
            return true;
        }
    }
}

void relay_on_body(struct exchange *x, char *bytes, size_t len, bool last)
{
    if (x->held) {
        failover_on_piece(x, slice_of(bytes, len), last);
    } else if (x->inflater) {
        unpack(x, slice_of(bytes, len), last);
    } else {
        relay_piece(x, slice_of(bytes, len), last);
    }
}

void relay_on_drain(struct exchange *x)
{
    if (!x->is_paused) {
        return;
    }
    x->is_paused = false;
    if (x->has_packed) {
        struct buf packed = x->packed;
        bool was_last = x->packed_is_last;
        x->packed = BUF_EMPTY;
        x->has_packed = false;
        bool goes_on = unpack(x, buf_slice(&packed), was_last);
        buf_deinit(&packed);
        if (!goes_on || x->is_paused) {
            return;
        }
    }
    client_call_resume(&x->call);
}

void relay_deinit(struct exchange *x)
{
    usage_tap_free(x->tap);
    x->tap = NULL;
    sse_parser_deinit(&x->sse);
    inflater_free(x->inflater);
    x->inflater = NULL;
    buf_deinit(&x->packed);
    x->has_packed = false;
    x->packed_is_last = false;
    buf_deinit(&x->event_tail);
    x->is_event_out = false;
    x->has_half_error = false;
}
