// SPDX-License-Identifier: MIT
// Passes an answer on as it comes, with the metering tap beside it. The client's pace is the upstream's: what the
// client does not take pauses the upstream.
#include "base/clock.h"
#include "gateway/conversion.h"
#include "gateway/failover.h"
#include "gateway/gateway_internal.h"
#include "gateway/lease.h"

enum { TAP_LIMIT = 64 * 1024, TAP_EVENT_MAX = SSE_EVENT_MAX_DEFAULT, UNPACKED_PIECE = 16 * 1024 };

// ---- heartbeats -----------------------------------------------------------------------------------------------------

static void on_silence(struct timer *timer);

static void watch_silence(struct exchange *x)
{
    uint32_t ms = exchange_config(x)->stream_keepalive_ms;
    if (x->is_sse && ms) {
        timer_start(&x->gateway->loop->timers, &x->heartbeat, ms, on_silence);
    }
}

// Only between two events something may be put in. A translated stream begins with it if it has not begun.
static bool may_put_in(struct exchange *x)
{
    return x->conversion ? conversion_begin_stream(x) : x->tap && sse_parser_is_between_events(&x->sse);
}

// Proxies and clients give up on a stream that says nothing for long.
static void on_silence(struct timer *timer)
{
    struct exchange *x = CONTAINER_OF(timer, struct exchange, heartbeat);
    struct slice heartbeat = dialect_heartbeat(x->route.dialect);
    if (heartbeat.len && !x->is_paused && may_put_in(x)) {
        server_write(x->ex, heartbeat, false);
    }
    watch_silence(x);
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
    x->outcome = "first_token_timeout";
    attempt_cancel(x);
    exchange_fail(x, FAULT_UPSTREAM_TIMEOUT, SLICE("the upstream began no answer in time"));
}

static void start_reading(struct exchange *x)
{
    sse_parser_init(&x->sse, TAP_EVENT_MAX);
    uint32_t first_token_ms = x->upstream->model->timeouts.first_token_ms;
    if (x->is_sse && first_token_ms) {
        timer_start(&x->gateway->loop->timers, &x->first_content, first_token_ms, on_first_content_timeout);
    }
}

static void attach_tap(struct exchange *x, const struct h1_response *resp)
{
    if (!make_readable(x, resp) || resp->status >= 300) {
        x->is_sse = false;
        return;
    }
    x->tap = usage_tap_new(x->upstream->dialect, TAP_LIMIT);
    start_reading(x);
}

// False: the exchange is over.
static bool convert(struct exchange *x, const struct h1_response *resp)
{
    if (!make_readable(x, resp)) {
        attempt_cancel(x);
        exchange_fail(x, FAULT_UPSTREAM_PROTOCOL, SLICE("the upstream's answer has a coding that was not asked for"));
        return false;
    }
    x->is_sse = (x->is_sse || may_be_event_stream(x, resp)) && resp->status < 300;
    conversion_on_head(x, resp);
    start_reading(x);
    watch_silence(x);
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

bool relay_begin(struct exchange *x, const struct h1_response *resp)
{
    if (resp->status >= 300 && resp->status < 400) {
        // Following it would take the credential to another place; passing it on would send the client there.
        attempt_cancel(x);
        exchange_fail(x, FAULT_UPSTREAM_PROTOCOL, SLICE("the upstream answered with a redirect"));
        return false;
    }
    x->is_sse = is_event_stream(resp);
    if (x->conversion) {
        return convert(x, resp);
    }
    attach_tap(x, resp);
    struct buf headers = BUF_EMPTY;
    buf_reserve(&headers, 512);
    exchange_write_headers(x, &headers);
    append_upstream_headers(x, &headers, resp);
    if (x->is_sse) {
        buf_append(&headers, SLICE("x-accel-buffering: no\r\n"));
    }
    x->status = resp->status;
    // The head is made here and leaves with the first piece of the body. To a stream something may be added (a
    // heartbeat, an error), so that its length is not known even if the upstream gave one.
    server_start(x->ex, resp->status, buf_slice(&headers),
                 x->is_sse || x->inflater ? H1_NO_LENGTH : resp->content_length);
    buf_deinit(&headers);
    watch_silence(x);
    return true;
}

// ---- the body -------------------------------------------------------------------------------------------------------

static void on_event(void *arg, const struct sse_event *event)
{
    struct exchange *x = arg;
    usage_tap_event(x->tap, event->name, event->data);
    lease_note_answer(x, event->data);
}

// `is_all`: these bytes are the whole body.
static void feed_tap(struct exchange *x, struct slice bytes, bool is_all)
{
    if (!x->tap) {
        return;
    }
    int r = 0;
    if (x->is_sse) {
        r = sse_parser_feed(&x->sse, bytes, on_event, x);
    } else if (is_all) {
        usage_tap_answer(x->tap, bytes);
        lease_note_answer(x, bytes);
    } else {
        usage_tap_json(x->tap, bytes);
        lease_note_answer(x, bytes);
    }
    if (r != 0) {
        // An event larger than any that we read: the answer goes on unread.
        usage_tap_free(x->tap);
        x->tap = NULL;
        timer_cancel(&x->first_content);
        return;
    }
    if (!x->first_ns && usage_tap_has_content(x->tap)) {
        x->first_ns = clock_monotonic_ns();
        timer_cancel(&x->first_content);
    }
}

// At the end of the answer: an event without its last blank line counts too. True when there was one.
static bool finish_events(struct exchange *x)
{
    if (!x->is_sse || !x->tap || sse_parser_is_between_events(&x->sse)) {
        return false;
    }
    return sse_parser_finish(&x->sse, on_event, x) == 0;
}

// Did the stream end before its own protocol says so?
static bool is_cut(const struct exchange *x)
{
    return x->is_sse && x->tap && !usage_tap_is_complete(x->tap) && !usage_tap_has_error(x->tap);
}

static void relay_last(struct exchange *x, struct slice piece)
{
    feed_tap(x, piece, x->n_body_bytes == piece.len);
    bool is_within_event = finish_events(x);
    if (!is_cut(x)) {
        lease_end(x, false);
        server_write(x->ex, piece, true);
        return;
    }
    x->outcome = "truncated";
    if (piece.len) {
        server_write(x->ex, piece, false); // else the head may not have left yet: then the failure has a status
    }
    if (is_within_event) {
        // So that the event which was cut does not swallow the one that tells of it.
        server_write(x->ex, SLICE("\n\n"), false);
    }
    exchange_fail(x, FAULT_UPSTREAM_TRUNCATED, SLICE("the upstream's answer ended early"));
}

// A piece of the answer, unpacked. False: the exchange is over, and gone.
static bool relay_piece(struct exchange *x, struct slice piece, bool last)
{
    x->n_body_bytes += piece.len;
    if (x->conversion) {
        if (!conversion_on_piece(x, piece, last)) {
            return false;
        }
        // What the upstream says may be nothing that the client is told of: then it hears silence all the same.
        if (conversion_has_spoken(x)) {
            watch_silence(x);
        }
        return true;
    }
    if (last) {
        relay_last(x, piece);
        return false;
    }
    // Out first, read afterwards: the tap delays nothing.
    if (server_write(x->ex, piece, false) != 0 && !x->is_paused) {
        x->is_paused = true;
        client_call_pause(&x->call);
    }
    feed_tap(x, piece, false);
    watch_silence(x);
    return true;
}

// ---- compressed answers ---------------------------------------------------------------------------------------------

static void fail_unpacking(struct exchange *x, enum fault fault, struct slice text)
{
    attempt_cancel(x);
    x->outcome = fault == FAULT_UPSTREAM_TRUNCATED ? "truncated" : "protocol";
    exchange_fail(x, fault, text);
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
}
