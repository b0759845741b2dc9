// SPDX-License-Identifier: MIT
// What remains of a request when it is over: its numbers in the metrics, its line in the access log, and its facts for
// whoever counts usage.
#include "base/clock.h"
#include "base/log.h"
#include "gateway/conversion.h"
#include "gateway/failover.h"
#include "gateway/gateway_internal.h"
#include "gateway/lease.h"
#include "usage/usage_feed.h"

enum { LINE_MAX_BYTES = 2048, CLIENT_LEFT_STATUS = 499 };

// A fixed line that truncates: no allocation for something that comes with every request.
struct line {
    char text[LINE_MAX_BYTES];
    size_t len;
};

static void put(struct line *line, struct slice s)
{
    size_t room = sizeof(line->text) - line->len;
    size_t n = s.len < room ? s.len : room;
    if (n) {
        memcpy(line->text + line->len, s.ptr, n);
        line->len += n;
    }
}

// Text from outside: what is not printable becomes '?'.
static void put_foreign(struct line *line, struct slice s)
{
    size_t from = line->len;
    put(line, s);
    text_replace_controls(line->text + from, line->len - from, '?');
}

static bool is_plain(struct slice value)
{
    unsigned char is_odd = 0; // of the width of a character, so that the compiler looks at many at a time
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        is_odd |= (unsigned char)((c <= ' ') | (c == '"') | (c == 0x7f));
    }
    return !is_odd;
}

// A value from outside. One that has spaces stands in quotes, so that it cannot look like several.
static void put_value(struct line *line, struct slice name, struct slice value)
{
    put(line, name);
    if (is_plain(value)) {
        put(line, value);
        return;
    }
    put(line, SLICE("\""));
    size_t from = line->len;
    put_foreign(line, value);
    for (size_t i = from; i < line->len; i++) {
        line->text[i] = (char)(line->text[i] == '"' ? '\'' : line->text[i]);
    }
    put(line, SLICE("\""));
}

static void put_number(struct line *line, struct slice name, uint64_t value)
{
    put(line, name);
    if (sizeof(line->text) - line->len >= 20) {
        line->len += format_u64(line->text + line->len, value);
    }
}

// Milliseconds with one decimal.
static void put_ms(struct line *line, struct slice name, uint64_t ns)
{
    put_number(line, name, ns / 1000000);
    put_number(line, SLICE("."), ns / 100000 % 10);
    put(line, SLICE("ms"));
}

static void put_tokens(struct line *line, struct slice name, int64_t value)
{
    if (value >= 0) {
        put_number(line, name, (uint64_t)value);
    }
}

// The access log shows where a request went, never its query: a key may be in it.
static struct slice path_of(struct slice target)
{
    size_t end = slice_find_char(target, '?');
    return end == SLICE_NOT_FOUND ? target : slice_of(target.ptr, end);
}

// Only where it says more than the rest of the line.
static void put_trail(struct line *line, const struct trail *trail)
{
    if (trail->n > 1) {
        struct buf text = BUF_EMPTY;
        trail_write_line(trail, &text);
        put(line, SLICE(" trail=\""));
        put(line, buf_slice(&text)); // names in it are clean
        put(line, SLICE("\""));
        buf_deinit(&text);
    }
}

static size_t write_short(struct line *line, const struct exchange *x, const struct metrics_request *request)
{
    put_foreign(line, x->ex->req.method_text);
    put(line, SLICE(" "));
    put_foreign(line, path_of(x->ex->req.target));
    put_number(line, SLICE(" "), request->status);
    put_ms(line, SLICE(" "), request->duration_ns);
    if (x->model_id.len) {
        put_value(line, SLICE(" model="), x->model_id);
    }
    put_tokens(line, SLICE(" in="), request->usage.input);
    put_tokens(line, SLICE(" out="), request->usage.output);
    if (x->has_fault) {
        put(line, SLICE(" fault="));
        put(line, slice_from_cstr(fault_name(x->fault)));
    }
    return line->len;
}

// An answer that was cut has cost what it had told until then, and maybe more.
static bool is_partial(const struct exchange *x)
{
    return x->first_ns && (x->has_fault || x->client_has_left);
}

static void write_rest(struct line *line, struct exchange *x, const struct metrics_request *request)
{
    if (x->upstream) {
        put_value(line, SLICE(" endpoint="), x->upstream->model->endpoint->name);
        put(line, SLICE(" credential="));
        put(line, slice_from_cstr(credential_level_name(x->credential.level)));
        if (x->lease && x->lease->key.id.len) {
            put(line, SLICE(" key="));
            put(line, x->lease->key.id);
        }
        put_number(line, SLICE(" attempts="), x->n_attempts);
        if (x->conversion) {
            put(line, SLICE(" translated="));
            put(line, slice_from_cstr(dialect_name(x->upstream->dialect)));
            struct slice warnings = conversion_warnings(x);
            if (warnings.len) {
                put_value(line, SLICE(" warnings="), warnings);
            }
        }
    }
    if (request->first_token_ns) {
        put_ms(line, SLICE(" ttft="), request->first_token_ns);
    }
    put_tokens(line, SLICE(" reasoning="), request->usage.reasoning);
    put_tokens(line, SLICE(" cache_read="), request->usage.cache_read);
    put_tokens(line, SLICE(" cache_write="), request->usage.cache_write);
    if (is_partial(x)) {
        put(line, SLICE(" usage=partial"));
    }
    if (x->n_bad_events) {
        put_number(line, SLICE(" bad_events="), x->n_bad_events);
    }
    put_number(line, SLICE(" bytes="), x->n_body_bytes);
    put(line, SLICE(" client="));
    put(line, server_peer_address(x->ex));
    put_value(line, SLICE(" id="), x->request_id);
    if (x->trace_id.len) {
        put_value(line, SLICE(" trace="), x->trace_id);
    }
    if (x->detail) {
        put_value(line, SLICE(" detail="), slice_from_cstr(x->detail));
    }
    put_trail(line, &x->trail);
}

static enum log_level level_of(const struct exchange *x, const struct metrics_request *request)
{
    if (x->route.group == ROUTE_GROUP_SERVICE && request->status < 400) {
        return LOG_DEBUG; // probes and scrapes come all the time
    }
    return request->status >= 500 ? LOG_WARN : LOG_INFO;
}

static void write_access_line(struct exchange *x, const struct metrics_request *request)
{
    enum log_level level = level_of(x, request);
    if (!log_is_on(level)) {
        return;
    }
    struct line line;
    line.len = 0;
    size_t short_len = write_short(&line, x, request);
    write_rest(&line, x, request);
    log_emit(level, "access", slice_of(line.text, line.len), short_len);
}

static uint64_t overhead_of(const struct exchange *x, uint64_t now)
{
    if (!x->sent_ns || !x->head_ns || x->is_sse) {
        return 0;
    }
    uint64_t before = x->sent_ns - x->complete_ns;
    uint64_t after = now - x->head_ns;
    return before + after;
}

struct usage exchange_usage(const struct exchange *x)
{
    if (x->conversion) {
        return conversion_usage(x);
    }
    return x->tap ? usage_tap_usage(x->tap) : USAGE_UNKNOWN;
}

// An answer that broke off has a fault, whatever its status said.
static enum request_end end_of(const struct exchange *x, unsigned status)
{
    if (x->client_has_left) {
        return REQUEST_ABORTED;
    }
    return x->has_fault || status == 0 || status >= 400 ? REQUEST_FAILED : REQUEST_SUCCESS;
}

static void tell(struct exchange *x, const struct metrics_request *request)
{
    struct request_facts facts = {
        .id = x->request_id,
        .path = path_of(x->ex->req.target),
        .model = x->model_id,
        .client = server_peer_address(x->ex),
        .route = slice_from_cstr(route_label(x->route.kind)),
        .dialect = slice_from_cstr(dialect_name(x->route.dialect)),
        .trace_id = x->trace_id,
        .fault = x->has_fault ? slice_from_cstr(fault_name(x->fault)) : SLICE_EMPTY,
        .trail = x->trail,
        .time_ms = clock_wall_ms(),
        .ttft_ms = request->first_token_ns ? (int64_t)(request->first_token_ns / 1000000) : -1,
        .duration_ms = request->duration_ns / 1000000,
        .usage = request->usage,
        .end = end_of(x, request->status),
        .is_partial = is_partial(x),
        .status = request->status,
        .n_attempts = x->n_attempts,
    };
    if (x->upstream) {
        facts.counted_model = x->upstream->model->id;
        facts.upstream_model = upstream_model_name(x->upstream);
        facts.endpoint = x->upstream->model->endpoint->name;
        facts.key = x->lease ? x->lease->key.id : SLICE_EMPTY;
    }
    usage_feed_add(x->gateway->usage, &facts);
}

// What an upstream has begun to answer may all be held back still.
static bool has_seen_nothing(const struct exchange *x)
{
    return !x->status || (x->upstream_status && !x->gate.is_open && !x->has_own_head);
}

void accounting_finish(struct exchange *x, bool client_has_left)
{
    uint64_t now = clock_monotonic_ns();
    x->client_has_left = client_has_left;
    struct metrics_request request = {
        .model = x->upstream ? x->upstream->series : NULL,
        .route = x->route.kind,
        .status = client_has_left && has_seen_nothing(x) ? CLIENT_LEFT_STATUS : x->status,
        .duration_ns = now - x->ex->started_ns,
        .first_token_ns = x->first_ns ? x->first_ns - x->ex->started_ns : 0,
        .overhead_ns = overhead_of(x, now),
        .usage = usage_add(x->spent, exchange_usage(x)),
    };
    metrics_count_request(x->gateway->metrics, &request);
    if (x->has_uncounted_attempt) {
        metrics_count_attempt(x->upstream->endpoint_series, x->outcome ? x->outcome : "cancelled");
        failover_note_attempt(x, NULL);
    }
    if (client_has_left && x->n_attempts) {
        metrics_count_abort(x->gateway->metrics, METRICS_CLIENT);
        x->detail = x->detail ? x->detail : "the client left";
    } else if (x->has_fault && x->upstream_status) {
        metrics_count_abort(x->gateway->metrics, METRICS_UPSTREAM);
    }
    write_access_line(x, &request);
    if (x->gateway->usage && x->counts_inflight) {
        tell(x, &request);
    }
}
