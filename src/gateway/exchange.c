// SPDX-License-Identifier: MIT
// The table of contents of a request:
//
//   head complete ─▶ identify ─▶ route ─▶ authenticate ─▶ (body comes)
//   body complete ─▶ decode ─▶ choose a model ─▶ (translate) ─▶ lease a credential ─▶ attempt ─▶ relay
//                 ─▶ account
//
// Each step answers NEXT, or DONE when it has ended the exchange or handed it to the upstream.
#include "gateway/gateway_internal.h"

#include <assert.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/random.h"
#include "dialect/adjust.h"
#include "gateway/conversion.h"
#include "gateway/explain.h"
#include "gateway/failover.h"
#include "gateway/lease.h"
#include "http/request_id.h"
#include "http/trace_context.h"

enum { SMALL_BODY_MAX = 4096 };

enum step_result { NEXT, DONE };
typedef enum step_result (*step_fn)(struct exchange *x);

/* Steps, in the order they happen */
static enum step_result step_identify(struct exchange *x);
static enum step_result step_route(struct exchange *x);
static enum step_result step_authenticate(struct exchange *x);
static enum step_result step_serve(struct exchange *x);
static enum step_result step_decode(struct exchange *x);
static enum step_result step_choose_model(struct exchange *x);
static enum step_result step_translate(struct exchange *x);
static enum step_result step_lease(struct exchange *x);
static enum step_result step_attempt(struct exchange *x);

static const step_fn steps_of_head[] = {step_identify, step_route, step_authenticate};
static const step_fn steps_of_request[] = {step_serve,     step_decode, step_choose_model,
                                           step_translate, step_lease,  step_attempt};

static void run(struct exchange *x, const step_fn *steps, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (steps[i](x) == DONE) {
            return;
        }
    }
}

// ---- the head -------------------------------------------------------------------------------------------------------

static enum step_result step_identify(struct exchange *x)
{
    const struct h1_request *req = &x->ex->req;
    x->request_id = request_id_of(exchange_arena(x), req);
    struct trace_context trace = trace_context_of(req->fields, req->n_fields);
    x->trace_id = trace.trace_id;
    x->trace_flags = trace.flags;
    return NEXT;
}

static void answer_preflight(struct exchange *x)
{
    const struct h1_field *asked =
        h1_find_field(x->ex->req.fields, x->ex->req.n_fields, HEADER_ACCESS_CONTROL_REQUEST_HEADERS);
    struct buf headers = BUF_EMPTY;
    exchange_write_headers(x, &headers);
    buf_append(&headers, SLICE("access-control-allow-methods: GET, POST, OPTIONS\r\naccess-control-max-age: 86400\r\n"
                               "access-control-allow-headers: "));
    buf_append(&headers, asked ? asked->value : SLICE("*"));
    buf_append(&headers, SLICE("\r\n"));
    x->status = 204;
    server_respond(x->ex, x->status, buf_slice(&headers), SLICE_EMPTY);
    buf_deinit(&headers);
}

static enum step_result step_route(struct exchange *x)
{
    x->route = route_find(exchange_arena(x), &x->ex->req);
    if (x->route.kind == ROUTE_NOT_FOUND) {
        exchange_fail(x, FAULT_ROUTE_NOT_FOUND, SLICE("There is no such route."));
        return DONE;
    }
    if (x->route.is_wrong_method) {
        exchange_fail(x, FAULT_METHOD_NOT_ALLOWED, SLICE("This route does not take this method."));
        return DONE;
    }
    if (x->ex->req.method == HTTP_OPTIONS) {
        answer_preflight(x);
        return DONE;
    }
    return NEXT;
}

static enum step_result step_authenticate(struct exchange *x)
{
    const struct config *config = exchange_config(x);
    bool is_public =
        x->route.group == ROUTE_GROUP_SERVICE || (x->route.group == ROUTE_GROUP_LIST && config->public_models);
    if (is_public) {
        return NEXT;
    }
    x->access = access_check(exchange_arena(x), config, &x->ex->req, x->route.query);
    if (!lease_is_test(x) && !x->access.is_allowed) {
        exchange_fail(
            x, FAULT_INVALID_API_KEY,
            SLICE("The access key is missing or wrong. Send it as 'Authorization: Bearer KEY' or 'x-api-key: KEY'."));
        return DONE;
    }
    return NEXT;
}

static struct exchange *exchange_new(struct gateway *gateway, struct server_exchange *ex)
{
    struct exchange *x = arena_zalloc(&ex->arena, sizeof(*x));
    x->gateway = gateway;
    x->ex = ex;
    x->routing = routing_ref(gateway->routing);
    x->spent = USAGE_UNKNOWN;
    timer_init(&x->first_content);
    timer_init(&x->total);
    timer_init(&x->heartbeat);
    timer_init(&x->pause);
    timer_init(&x->gate.release);
    ex->user = x;
    return x;
}

void exchange_on_head(void *gateway, struct server_exchange *ex)
{
    run(exchange_new(gateway, ex), steps_of_head, sizeof(steps_of_head) / sizeof(*steps_of_head));
}

// ---- the request ----------------------------------------------------------------------------------------------------

void exchange_on_request(void *gateway, struct server_exchange *ex)
{
    struct exchange *x = ex->user;
    (void)gateway;
    x->complete_ns = clock_monotonic_ns();
    run(x, steps_of_request, sizeof(steps_of_request) / sizeof(*steps_of_request));
}

static enum step_result step_serve(struct exchange *x)
{
    if (x->route.group == ROUTE_GROUP_MODEL) {
        x->counts_inflight = true;
        x->gateway->n_inflight++;
        return NEXT;
    }
    service_answer(x);
    return DONE;
}

static void fail_decode(struct exchange *x, int r)
{
    char text[160];
    size_t line = 1;
    size_t column = 1;
    json_position(x->doc.text, x->doc.error_offset, &line, &column);
    if (r == JSON_E_SYNTAX) {
        snprintf(text, sizeof(text), "The request body is not valid JSON: %s at line %zu, column %zu.",
                 x->doc.error ? x->doc.error : "syntax error", line, column);
    } else {
        snprintf(text, sizeof(text), "The request body is JSON of too many %s.",
                 r == JSON_E_DEPTH ? "levels" : "parts");
    }
    exchange_fail(x, FAULT_INVALID_JSON, slice_from_cstr(text));
}

static enum step_result step_decode(struct exchange *x)
{
    // Deep enough for every member that is read or replaced; what lies deeper is only checked. A small body is taken
    // whole, in case it has to be translated.
    static const struct json_options options = {.record_depth = ADJUST_RECORD_DEPTH};
    x->is_doc_whole = x->ex->body.len <= SMALL_BODY_MAX;
    int r = json_parse(&x->doc, exchange_arena(x), x->ex->body, x->is_doc_whole ? NULL : &options);
    if (r != 0) {
        fail_decode(x, r);
        return DONE;
    }
    if (!json_is(json_root(&x->doc), JSON_OBJECT)) {
        exchange_fail(x, FAULT_INVALID_JSON, SLICE("The request body must be a JSON object."));
        return DONE;
    }
    const struct json_node *stream = json_get(&x->doc, json_root(&x->doc), SLICE("stream"));
    // In Gemini's own routes the path says it, and the body has no word in it.
    bool is_in_path = x->route.kind == ROUTE_GEMINI_STREAM || x->route.kind == ROUTE_GEMINI_GENERATE;
    x->wants_stream = is_in_path ? x->route.kind == ROUTE_GEMINI_STREAM : json_is(stream, JSON_TRUE);
    return NEXT;
}

static bool find_model_id(struct exchange *x)
{
    if (x->route.model.ptr) {
        x->model_id = x->route.model;
        return true;
    }
    const struct json_node *model = json_get(&x->doc, json_root(&x->doc), SLICE("model"));
    x->model_id = json_string(&x->doc, model, exchange_arena(x));
    return x->model_id.len > 0;
}

static void fail_unknown_model(struct exchange *x)
{
    struct slice shown = x->model_id.len > 200 ? slice_of(x->model_id.ptr, 200) : x->model_id;
    struct slice text =
        arena_printf(exchange_arena(x), "The model '%.*s' does not exist here. GET /v1/models lists those that do.",
                     SLICE_ARG(shown));
    exchange_fail(x, FAULT_MODEL_NOT_FOUND, text);
}

static enum step_result step_choose_model(struct exchange *x)
{
    if (!find_model_id(x)) {
        exchange_fail(x, FAULT_MISSING_MODEL, SLICE("The request names no model: 'model' must be a non-empty string."));
        return DONE;
    }
    x->asked = x->upstream = routing_find(x->routing, x->model_id);
    if (!x->upstream) {
        fail_unknown_model(x);
        return DONE;
    }
    attempt_watch_total(x);
    heartbeat_watch(x);
    return NEXT;
}

// Where the upstream speaks another dialect.
static enum step_result step_translate(struct exchange *x)
{
    return !conversion_is_needed(x) || conversion_start(x) ? NEXT : DONE;
}

static enum step_result step_lease(struct exchange *x)
{
    if (x->upstream->auth_line.len == 0) {
        x->credential = (struct credential){0}; // of a model that was tried before
        return NEXT;                            // the endpoint's own headers carry the credential, or it takes none
    }
    return lease_take(x) == LEASE_TAKEN ? NEXT : DONE;
}

void exchange_on_credential(struct exchange *x)
{
    step_attempt(x);
}

// The endpoint may be known to be down.
static enum step_result step_attempt(struct exchange *x)
{
    failover_attempt(x);
    return DONE;
}

static const step_fn steps_of_model[] = {step_translate, step_lease, step_attempt};

void exchange_use_model(struct exchange *x, struct upstream *upstream)
{
    conversion_deinit(x);
    x->upstream = upstream;
    run(x, steps_of_model, sizeof(steps_of_model) / sizeof(*steps_of_model));
}

// ---- answers --------------------------------------------------------------------------------------------------------

void exchange_write_headers(struct exchange *x, struct buf *headers)
{
    h1_write_field(headers, SLICE("x-request-id"), x->request_id);
    if (x->route.group != ROUTE_GROUP_SERVICE) {
        buf_append(headers, SLICE("access-control-allow-origin: *\r\n"));
    }
    if (x->route.kind != ROUTE_NOT_FOUND && x->route.is_wrong_method) {
        buf_printf(headers, "allow: %s\r\n", x->route.allow);
    }
    if (x->n_attempts) {
        buf_append(headers, SLICE("x-droid2api-attempts: "));
        buf_append_u64(headers, x->n_attempts);
        buf_append(headers, SLICE("\r\n"));
    }
    if (x->route.group == ROUTE_GROUP_MODEL) {
        explain_write_header(x, headers);
    }
    struct slice warnings = x->conversion ? conversion_warnings(x) : SLICE_EMPTY;
    if (warnings.len) {
        h1_write_field(headers, SLICE("x-droid2api-warnings"), warnings);
    }
    if (x->conversion && x->route.dialect == DIALECT_ANTHROPIC) {
        h1_write_field(headers, SLICE("request-id"), x->request_id);
    }
}

void exchange_start_stream(struct exchange *x)
{
    struct buf headers = BUF_EMPTY;
    server_discard(x->ex);
    exchange_write_headers(x, &headers);
    buf_append(&headers, SLICE("content-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n"
                               "x-accel-buffering: no\r\n"));
    x->status = 200;
    x->has_own_head = true;
    server_start(x->ex, x->status, buf_slice(&headers), H1_NO_LENGTH);
    buf_deinit(&headers);
}

void exchange_respond(struct exchange *x, unsigned status, struct slice content_type, struct slice body)
{
    struct buf headers = BUF_EMPTY;
    exchange_write_headers(x, &headers);
    h1_write_field(&headers, SLICE("content-type"), content_type);
    if (x->retry_after_s > 0 || status == 503) {
        buf_append(&headers, SLICE("retry-after: "));
        buf_append_u64(&headers, x->retry_after_s > 0 ? (uint64_t)x->retry_after_s : 1);
        buf_append(&headers, SLICE("\r\n"));
    }
    x->status = status;
    server_respond(x->ex, status, buf_slice(&headers), body);
    buf_deinit(&headers);
}

// The answer to a wrong path or method also says which ones there are.
static void add_route_list(struct buf *body)
{
    if (body->len && body->ptr[body->len - 1] == '}') {
        body->len--;
        buf_append(body, SLICE(",\"available_endpoints\":"));
        buf_append(body, route_list_json());
        buf_append_char(body, '}');
    }
}

static void end_stream(struct exchange *x, struct slice message)
{
    // What is still held of a translation will never leave; an error behind it would have no beginning.
    if (x->conversion && x->conversion->translation && x->gate.is_open) {
        conversion_end_stream(x, message);
        return;
    }
    if (x->is_array && x->tap && !x->conversion) {
        relay_end_array(x, message);
        return;
    }
    if (x->is_sse || x->has_own_head) {
        struct buf event = BUF_EMPTY;
        // An event that was cut is closed first, so that ours is not taken for a part of it. Of a stream that is no
        // longer read nobody knows.
        if (x->gate.is_open && !relay_may_put_in(x)) {
            buf_append(&event, SLICE("\n\n"));
        }
        fault_write_event(x->fault, x->route.dialect, message, x->request_id, &event);
        server_write(x->ex, buf_slice(&event), false);
        buf_deinit(&event);
    }
    server_break(x->ex);
}

void exchange_fail(struct exchange *x, enum fault fault, struct slice message)
{
    x->has_fault = true;
    x->fault = fault;
    if (!x->detail) {
        x->detail = arena_cstr(exchange_arena(x), message);
    }
    if (server_head_is_sent(x->ex)) {
        end_stream(x, message);
        return;
    }
    server_discard(x->ex); // a head of the upstream's that has not left
    struct buf body = BUF_EMPTY;
    fault_write_body(fault, x->route.dialect, message, x->request_id, &body);
    if (fault == FAULT_ROUTE_NOT_FOUND || fault == FAULT_METHOD_NOT_ALLOWED) {
        add_route_list(&body);
    }
    exchange_respond(x, fault_status(fault), SLICE("application/json"), buf_slice(&body));
    buf_deinit(&body);
}

void exchange_fail_with(struct exchange *x, const struct neutral_error *error)
{
    exchange_fail_as(x, error, fault_status_in(error->fault, x->route.dialect));
}

void exchange_fail_as(struct exchange *x, const struct neutral_error *error, unsigned status)
{
    struct buf body = BUF_EMPTY;
    x->fault = error->fault;
    x->retry_after_s = error->retry_after_s;
    if (!x->detail) {
        x->detail = arena_cstr(exchange_arena(x), error->message);
    }
    if (server_head_is_sent(x->ex)) {
        x->has_fault = true;
        fault_write_error_event(error, x->route.dialect, x->request_id, &body);
        server_write(x->ex, buf_slice(&body), false);
        buf_deinit(&body);
        server_break(x->ex);
        return;
    }
    server_discard(x->ex);
    fault_write_error_body(error, x->route.dialect, x->request_id, &body);
    exchange_respond(x, status, SLICE("application/json"), buf_slice(&body));
    buf_deinit(&body);
}

void exchange_on_reject(void *gateway, struct server_exchange *ex, const struct http_reject *reject,
                        struct buf *headers, struct buf *body)
{
    (void)gateway;
    enum dialect dialect = DIALECT_CHAT;
    char id[RANDOM_UUID_SIZE];
    struct slice request_id;
    struct exchange *x = ex ? ex->user : NULL;
    if (x) {
        dialect = x->route.dialect;
        request_id = x->request_id;
        x->status = reject->status;
        x->detail = reject->text;
    } else if (ex) {
        dialect = route_find(&ex->arena, &ex->req).dialect;
        request_id = request_id_of(&ex->arena, &ex->req);
    } else {
        random_uuid(id);
        request_id = slice_of(id, RANDOM_UUID_SIZE - 1);
    }
    h1_write_field(headers, SLICE("content-type"), SLICE("application/json"));
    h1_write_field(headers, SLICE("x-request-id"), request_id);
    fault_write_body(fault_of_status(reject->status), dialect, slice_from_cstr(reject->text), request_id, body);
}

// ---- the end --------------------------------------------------------------------------------------------------------

void exchange_on_drain(void *gateway, struct server_exchange *ex)
{
    (void)gateway;
    relay_on_drain(ex->user);
}

static void end(struct exchange *x, bool client_has_left)
{
    failover_stop(x);
    accounting_finish(x, client_has_left);
    lease_end(x, client_has_left);
    failover_deinit(x);
    gate_close(x);
    relay_deinit(x);
    conversion_deinit(x);
    timer_cancel(&x->first_content);
    timer_cancel(&x->total);
    timer_cancel(&x->heartbeat);
    if (x->counts_inflight) {
        gateway_ends_one(x->gateway);
    }
    routing_unref(x->routing);
}

void exchange_on_finished(void *gateway, struct server_exchange *ex)
{
    (void)gateway;
    end(ex->user, false);
}

void exchange_on_abort(void *gateway, struct server_exchange *ex)
{
    (void)gateway;
    end(ex->user, true);
}
