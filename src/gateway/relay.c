// SPDX-License-Identifier: MIT
// Passes an answer on as it comes, with the metering tap beside it. The client's pace is the upstream's: what the
// client does not take pauses the upstream.
#include "base/clock.h"
#include "gateway/conversion.h"
#include "gateway/failover.h"
#include "gateway/gateway_internal.h"
#include "gateway/lease.h"
#include "gateway/relay_internal.h"

enum {
    TAP_LIMIT = 64 * 1024,
    TAP_EVENT_MAX = SSE_EVENT_MAX_DEFAULT,
    UNPACKED_PIECE = 16 * 1024,
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

static void fail_answer(struct exchange *x, const char *outcome, enum fault fault, struct slice message)
{
    attempt_cancel(x);
    x->outcome = outcome;
    failover_on_failure(x, &(struct attempt_failure){.event = ATTEMPT_NO_ANSWER, .fault = fault, .message = message});
}

bool relay_fail_protocol(struct exchange *x, struct slice message)
{
    fail_answer(x, "protocol", FAULT_UPSTREAM_PROTOCOL, message);
    return false;
}

static void fail_truncated(struct exchange *x)
{
    fail_answer(x, "truncated", FAULT_UPSTREAM_TRUNCATED, SLICE("the upstream's answer ended early"));
}

void relay_fail_cut(struct exchange *x)
{
    buf_deinit(&x->event_tail); // half an event is of no use
    fail_truncated(x);
}

// False: this attempt is over.
static bool convert(struct exchange *x, const struct h1_response *resp)
{
    if (!make_readable(x, resp)) {
        return relay_fail_protocol(x, SLICE("the upstream's answer has a coding that was not asked for"));
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
    x->is_close_delimited = resp->content_length == H1_NO_LENGTH && !resp->is_chunked && resp->status != 204;
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
        return relay_fail_protocol(x, SLICE("the upstream's answer is no stream"));
    }
    if (!x->has_own_head) {
        start_response(x, resp);
    }
    heartbeat_watch(x);
    return true;
}

// All of an answer is here, and its end is about to leave. Of an error it is known already whose fault it was.
void relay_end_well(struct exchange *x)
{
    if (x->told_error.ptr || (x->tap && usage_tap_has_error(x->tap))) {
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

// With the beginning that came before, if there is one.
int relay_pass_on(struct exchange *x, struct slice bytes, bool last)
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

void relay_note_content(struct exchange *x, bool has_content)
{
    if (!x->first_ns && has_content) {
        x->first_ns = clock_monotonic_ns();
        timer_cancel(&x->first_content);
        way_is_good(x);
    }
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
            return relay_fail_protocol(x, SLICE("the upstream's compressed answer is malformed"));
        }
        if (r == INFLATE_NEED_INPUT && last) {
            fail_truncated(x);
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

void relay_pause(struct exchange *x)
{
    if (!x->is_paused) {
        x->is_paused = true;
        client_call_pause(&x->call);
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
