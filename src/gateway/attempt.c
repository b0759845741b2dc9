// SPDX-License-Identifier: MIT
// One attempt at an upstream: the request as it goes out, and what became of it.
#include <assert.h>

#include "base/clock.h"
#include "base/random.h"
#include "dialect/adjust.h"
#include "dialect/kinship.h"
#include "gateway/conversion.h"
#include "gateway/failover.h"
#include "gateway/gateway_internal.h"
#include "gateway/lease.h"
#include "http/trace_context.h"
#include "http/url.h"

enum { UPSTREAM_HEAD_RESERVE = 1024 };

// ---- the body -------------------------------------------------------------------------------------------------------

static uint32_t budget_of(const struct config *config, enum reasoning_level level)
{
    switch (level) {
    case REASONING_AUTO:
    case REASONING_OFF: return 0;
    case REASONING_LOW: return config->reasoning_budget[0];
    case REASONING_MEDIUM: return config->reasoning_budget[1];
    case REASONING_HIGH:
    case REASONING_XHIGH: return config->reasoning_budget[2];
    }
    return 0;
}

static struct adjustments adjustments_of(const struct exchange *x)
{
    const struct config_model *model = x->upstream->model;
    struct slice sent_as = upstream_model_name(x->upstream);
    bool counts = route_counts_tokens(x->route.kind);
    struct adjustments adjustments = {
        .has_model_member = x->upstream->dialect != DIALECT_GEMINI || model->endpoint->is_generate_route,
        .reasoning = counts ? ADJUST_AUTO : (enum adjust_reasoning)model->reasoning,
        .reasoning_budget = budget_of(exchange_config(x), model->reasoning),
        .fast = !counts && model->fast,
        .system_prompt = exchange_config(x)->system_prompt,
    };
    bool may_ask = x->upstream->dialect == DIALECT_CHAT && !x->conversion && x->wants_stream && !counts;
    adjustments.asks_usage = may_ask && model->endpoint->asks_usage && !adjust_has_usage_asked(&x->doc);
    // The client's spelling stays when it names the same model: then nothing of the body changes.
    bool is_in_body = x->route.model.ptr == NULL;
    if (!is_in_body || !slice_eq(x->model_id, sent_as)) {
        adjustments.model = sent_as;
    }
    return adjustments;
}

static bool is_adjusting(const struct adjustments *adjustments)
{
    return adjustments->reasoning != ADJUST_AUTO || adjustments->fast || adjustments->system_prompt.len;
}

// A translated body names the upstream's model already. What configuration changes in it are the same splices, on the
// body as the upstream would have got it from a client of its own dialect.
static size_t make_translated_body(struct exchange *x, struct adjustments *adjustments)
{
    static const struct json_options options = {.record_depth = ADJUST_RECORD_DEPTH};
    struct arena *arena = exchange_arena(x);
    struct slice body = buf_slice(&x->conversion->body);
    struct json_splice splice;
    size_t len = body.len;
    adjustments->model = SLICE_EMPTY;
    x->body = arena_alloc(arena, sizeof(*x->body));
    x->body[0] = body;
    x->n_body = 1;
    if (is_adjusting(adjustments)) {
        struct json_doc *doc = arena_alloc(arena, sizeof(*doc));
        int r = json_parse(doc, arena, body, &options);
        assert(r == 0); // our own work
        json_splice_init(&splice, arena, doc);
        adjust_request(x->upstream->dialect, adjustments, &splice);
        x->body = json_splice_result(&splice, &x->n_body, &len);
    }
    return len;
}

static size_t make_body(struct exchange *x, struct adjustments *adjustments)
{
    struct json_splice splice;
    size_t len;
    if (x->conversion) {
        return make_translated_body(x, adjustments);
    }
    json_splice_init(&splice, exchange_arena(x), &x->doc);
    adjust_request(x->upstream->dialect, adjustments, &splice);
    x->body = json_splice_result(&splice, &x->n_body, &len);
    return len;
}

// What another account has sealed, this one cannot read: it goes without. The body is read once more, as it would have
// gone out; that is rare.
static size_t strip_seals(struct exchange *x, size_t len)
{
    struct arena *arena = exchange_arena(x);
    struct json_doc *doc = arena_alloc(arena, sizeof(*doc));
    struct json_splice splice;
    if (json_parse(doc, arena, arena_concat(arena, x->body, x->n_body), NULL) != 0) {
        return len;
    }
    json_splice_init(&splice, arena, doc);
    if (kinship_strip(x->upstream->dialect, &splice)) {
        x->body = json_splice_result(&splice, &x->n_body, &len);
    }
    return len;
}

// ---- the head -------------------------------------------------------------------------------------------------------

static struct slice action_of(const struct exchange *x)
{
    if (route_counts_tokens(x->route.kind)) {
        return SLICE("countTokens");
    }
    return x->wants_stream ? SLICE("streamGenerateContent") : SLICE("generateContent");
}

// The client's query travels on, but for the key that it may hold.
static void append_query(struct buf *head, struct slice query)
{
    char separator = '?';
    while (query.ptr && query.len) {
        struct slice pair = slice_split(&query, '&');
        if (pair.len && !url_query_is(pair, SLICE("key"))) {
            buf_append_char(head, separator);
            buf_append(head, pair);
            separator = '&';
        }
    }
}

static void append_target(struct exchange *x, struct buf *head)
{
    const struct config_model *model = x->upstream->model;
    const struct config_endpoint *endpoint = model->endpoint;
    buf_append(head, endpoint->path);
    if (x->upstream->dialect == DIALECT_GEMINI && !endpoint->is_generate_route) {
        buf_append(head, SLICE("/models/"));
        url_encode(head, upstream_model_name(x->upstream), "/@");
        buf_append_char(head, ':');
        buf_append(head, action_of(x));
        if (x->route.kind == ROUTE_GENERATE && x->wants_stream && !x->conversion) {
            buf_append(head, SLICE("?alt=sse"));
            return;
        }
    } else if (route_counts_tokens(x->route.kind)) {
        buf_append(head, x->upstream->dialect == DIALECT_ANTHROPIC ? SLICE("/count_tokens") : SLICE("/input_tokens"));
    }
    if (x->conversion) {
        buf_append(head, conversion_query(x));
        return;
    }
    append_query(head, x->route.query);
}

// `anthropic-beta` travels too, but is written apart because of the flags that configuration adds.
static bool travels(const struct upstream *upstream, const struct h1_field *field)
{
    static const uint64_t known = HEADER_BIT(HEADER_ACCEPT) | HEADER_BIT(HEADER_ANTHROPIC_VERSION) |
                                  HEADER_BIT(HEADER_X_CLAUDE_CODE_SESSION_ID) | HEADER_BIT(HEADER_X_GOOG_API_CLIENT);
    static const struct slice prefixes[] = {SLICE_INIT("x-stainless-"), SLICE_INIT("openai-"), SLICE_INIT("anthropic-"),
                                            SLICE_INIT("x-claude-code-")};
    if (field->id != HEADER_OTHER) {
        return (HEADER_BIT(field->id) & known & ~upstream->overridden) != 0;
    }
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
        if (slice_starts_with_nocase(field->name, prefixes[i])) {
            return !upstream_endpoint_sets(upstream->model->endpoint, field->name);
        }
    }
    return false;
}

// What the client said in its dialect means nothing to an upstream of another one.
static void append_client_headers(struct exchange *x, struct buf *head)
{
    const struct h1_request *req = &x->ex->req;
    for (size_t i = 0; i < req->n_fields && !x->conversion; i++) {
        if (travels(x->upstream, &req->fields[i])) {
            h1_write_field(head, req->fields[i].name, req->fields[i].value);
        }
    }
}

// Each attempt is a call of its own. Without a traceparent that travels on, a tracestate would mean nothing.
static void append_trace(struct exchange *x, struct buf *head)
{
    const struct h1_request *req = &x->ex->req;
    struct trace_context trace = {x->trace_id, x->trace_flags};
    char parent[TRACEPARENT_LEN];
    if (!x->trace_id.len || upstream_overrides(x->upstream, HEADER_TRACEPARENT)) {
        return;
    }
    trace_context_write(&trace, parent);
    h1_write_field(head, header_name_text(HEADER_TRACEPARENT), slice_of(parent, sizeof(parent)));
    for (size_t i = 0; i < req->n_fields; i++) {
        if (req->fields[i].id == HEADER_TRACESTATE && !upstream_overrides(x->upstream, HEADER_TRACESTATE)) {
            h1_write_field(head, header_name_text(HEADER_TRACESTATE), req->fields[i].value);
        }
    }
}

static void append_beta(struct exchange *x, struct buf *head, struct slice flag)
{
    const struct h1_request *req = &x->ex->req;
    bool has_any = false;
    if (upstream_overrides(x->upstream, HEADER_ANTHROPIC_BETA)) {
        return;
    }
    for (size_t i = 0; i < req->n_fields && !x->conversion; i++) {
        if (req->fields[i].id == HEADER_ANTHROPIC_BETA && req->fields[i].value.len) {
            buf_append(head, has_any ? SLICE(",") : SLICE("anthropic-beta: "));
            buf_append(head, req->fields[i].value);
            has_any = true;
            flag = slice_find(req->fields[i].value, flag) == SLICE_NOT_FOUND ? flag : SLICE_EMPTY;
        }
    }
    if (flag.len) {
        buf_append(head, has_any ? SLICE(",") : SLICE("anthropic-beta: "));
        buf_append(head, flag);
        has_any = true;
    }
    if (has_any) {
        buf_append(head, SLICE("\r\n"));
    }
}

static void append_anthropic(struct exchange *x, struct buf *head, struct slice beta_flag)
{
    const struct h1_request *req = &x->ex->req;
    bool has_version = !x->conversion && h1_find_field(req->fields, req->n_fields, HEADER_ANTHROPIC_VERSION);
    if (!has_version && !upstream_overrides(x->upstream, HEADER_ANTHROPIC_VERSION)) {
        h1_write_field(head, SLICE("anthropic-version"), SLICE("2023-06-01"));
    }
    append_beta(x, head, beta_flag);
}

// The client's id, or a fresh one.
static void append_id(struct exchange *x, struct buf *head, enum header_name name)
{
    const struct h1_field *given = h1_find_field(x->ex->req.fields, x->ex->req.n_fields, name);
    char id[RANDOM_UUID_SIZE];
    if (upstream_overrides(x->upstream, name)) {
        return;
    }
    if (!given) {
        random_uuid(id);
    }
    h1_write_field(head, header_name_text(name), given ? given->value : slice_of(id, RANDOM_UUID_SIZE - 1));
}

static struct slice make_head(struct exchange *x, size_t body_len, struct slice beta_flag)
{
    struct buf head = BUF_EMPTY;
    buf_reserve(&head, UPSTREAM_HEAD_RESERVE);
    buf_append(&head, SLICE("POST "));
    append_target(x, &head);
    buf_append(&head, SLICE(" HTTP/1.1\r\n"));
    buf_append(&head, x->upstream->fixed_head);
    if (x->upstream->auth_line.len) {
        buf_append(&head, x->upstream->auth_line);
        buf_append(&head, x->credential.secret);
        buf_append(&head, SLICE("\r\n"));
    }
    append_client_headers(x, &head);
    append_trace(x, &head);
    if (x->upstream->dialect == DIALECT_ANTHROPIC) {
        append_anthropic(x, &head, beta_flag);
    }
    if (x->upstream->is_factory) {
        append_id(x, &head, HEADER_X_SESSION_ID);
        append_id(x, &head, HEADER_X_ASSISTANT_MESSAGE_ID);
    }
    buf_append(&head, SLICE("content-length: "));
    buf_append_u64(&head, body_len);
    buf_append(&head, SLICE("\r\n\r\n"));
    struct slice text = arena_dup(exchange_arena(x), buf_slice(&head));
    buf_deinit(&head);
    return text;
}

// ---- what became of it ----------------------------------------------------------------------------------------------

static struct exchange *exchange_of(struct client_call *call)
{
    return CONTAINER_OF(call, struct exchange, call);
}

static void on_head(struct client_call *call, const struct h1_response *resp)
{
    relay_on_head(exchange_of(call), resp);
}

static void on_body(struct client_call *call, char *bytes, size_t len, bool last)
{
    struct exchange *x = exchange_of(call);
    x->call_is_running = !last;
    relay_on_body(x, bytes, len, last);
}

// One row for each way in which a call fails.
static const struct {
    enum fault fault;
    enum attempt_event event; // unless something of the answer was passed on
    bool was_silent;
    const char *outcome;
} failures[] = {
    [CLIENT_FAIL_RESOLVE] = {FAULT_UPSTREAM_UNREACHABLE, ATTEMPT_NOT_REACHED, false, "resolve"},
    [CLIENT_FAIL_CONNECT] = {FAULT_UPSTREAM_UNREACHABLE, ATTEMPT_NOT_REACHED, false, "connect"},
    [CLIENT_FAIL_CONNECT_TIMEOUT] = {FAULT_UPSTREAM_TIMEOUT, ATTEMPT_NOT_REACHED, true, "connect_timeout"},
    [CLIENT_FAIL_PROXY] = {FAULT_UPSTREAM_UNREACHABLE, ATTEMPT_NOT_REACHED, false, "proxy"},
    [CLIENT_FAIL_TLS] = {FAULT_UPSTREAM_UNREACHABLE, ATTEMPT_NOT_REACHED, false, "tls"},
    [CLIENT_FAIL_SEND] = {FAULT_UPSTREAM_UNREACHABLE, ATTEMPT_NO_ANSWER, false, "send"},
    [CLIENT_FAIL_CLOSED] = {FAULT_UPSTREAM_UNREACHABLE, ATTEMPT_NO_ANSWER, false, "closed"},
    [CLIENT_FAIL_HEADER_TIMEOUT] = {FAULT_UPSTREAM_TIMEOUT, ATTEMPT_NO_ANSWER, true, "header_timeout"},
    [CLIENT_FAIL_PROTOCOL] = {FAULT_UPSTREAM_PROTOCOL, ATTEMPT_NO_ANSWER, false, "protocol"},
    [CLIENT_FAIL_TRUNCATED] = {FAULT_UPSTREAM_TRUNCATED, ATTEMPT_NO_ANSWER, false, "truncated"},
    [CLIENT_FAIL_IDLE_TIMEOUT] = {FAULT_UPSTREAM_TIMEOUT, ATTEMPT_NO_ANSWER, true, "idle_timeout"},
};

static void on_fail(struct client_call *call, enum client_failure failure, const char *detail)
{
    struct exchange *x = exchange_of(call);
    const char *text = client_failure_text(failure);
    x->call_is_running = false;
    x->outcome = failures[failure].outcome;
    // The log gets the detail; the client gets what happened without names of our network.
    struct slice log_text = arena_printf(exchange_arena(x), "%s (%s)", text, detail);
    x->detail = arena_cstr(exchange_arena(x), log_text);
    failover_on_failure(x, &(struct attempt_failure){
                               .event = failures[failure].event,
                               .was_silent = failures[failure].was_silent,
                               .fault = failures[failure].fault,
                               .message = slice_from_cstr(text),
                           });
}

void attempt_cancel(struct exchange *x)
{
    if (x->call_is_running) {
        x->call_is_running = false;
        x->outcome = x->outcome ? x->outcome : "cancelled";
        client_call_cancel(&x->call);
    }
}

static void on_total_timeout(struct timer *timer)
{
    struct exchange *x = CONTAINER_OF(timer, struct exchange, total);
    if (relay_ends_well(x)) {
        return;
    }
    x->outcome = "total_timeout";
    failover_stop(x);
    exchange_fail(x, FAULT_UPSTREAM_TIMEOUT, SLICE("the request took longer than it may in all"));
}

void attempt_start(struct exchange *x)
{
    static const struct client_call_events events = {on_head, on_body, on_fail};
    const struct config_timeouts *timeouts = &x->upstream->model->timeouts;
    struct adjustments adjustments = adjustments_of(x);
    x->hides_usage = adjustments.asks_usage;
    size_t body_len = make_body(x, &adjustments);
    if (x->lease && x->lease->strips_seals) {
        body_len = strip_seals(x, body_len);
    }
    x->way = way_choose(x);
    struct client_request req = {
        .origin = x->way->origin,
        .method = HTTP_POST,
        .head = make_head(x, body_len, adjust_beta_flag(x->upstream->dialect, &adjustments)),
        .body = x->body,
        .n_body = x->n_body,
        .connect_timeout_ms = timeouts->connect_ms,
        .header_timeout_ms = timeouts->header_ms,
        .idle_timeout_ms = timeouts->idle_ms,
    };
    x->n_attempts++;
    x->has_unnoted_attempt = true;
    x->has_uncounted_attempt = true;
    x->call_is_running = true;
    x->sent_ns = clock_monotonic_ns();
    client_call_start(x->gateway->client, &x->call, &req, &events);
}

void attempt_watch_total(struct exchange *x)
{
    uint32_t total_ms = x->asked->model->timeouts.total_ms;
    if (total_ms) {
        timer_start(&x->gateway->loop->timers, &x->total, total_ms, on_total_timeout);
    }
}

void attempt_reset(struct exchange *x)
{
    attempt_cancel(x);
    x->spent = usage_add(x->spent, exchange_usage(x));
    metrics_count_attempt(x->upstream->endpoint_series, x->outcome);
    x->has_uncounted_attempt = false;
    timer_cancel(&x->first_content);
    gate_close(x);
    relay_deinit(x);
    if (x->conversion) {
        conversion_reset(x);
    }
    server_discard(x->ex); // a head of the upstream's that has not left
    x->outcome = NULL;
    x->detail = NULL;
    x->told_error = SLICE_EMPTY;
    x->has_fault = false;
    x->is_sse = false;
    x->is_array = false;
    x->status = x->has_own_head ? x->status : 0;
    x->is_paused = false;
    x->upstream_status = 0;
    x->n_body_bytes = 0;
    x->head_ns = 0;
    x->first_ns = 0;
}
