// SPDX-License-Identifier: MIT
// Happy path: conversion_start() → (the attempt) → conversion_on_head() → conversion_on_piece() … (last).
// Failure modes: a request that cannot be translated is refused; an upstream's error is answered in the client's words,
// with a status of its own as long as nothing has left; an answer that breaks off ends in the dialect's error event.
// Ends when: the last piece has left, or an error.
#include "gateway/conversion.h"

#include "base/clock.h"
#include "base/random.h"
#include "dialect/estimate.h"
#include "gateway/failover.h"
#include "gateway/lease.h"
#include "gateway/owner.h"
#include "gateway/relay_internal.h"

enum { ERROR_BODY_MAX = 256 * 1024, TOKEN_LEN = 24, OUT_KEPT_MAX = 16 * 1024 };

// ---- the request ----------------------------------------------------------------------------------------------------

// Which upstreams have a route for counting: none of Chat's, and of Factory's that of Anthropic only.
static bool upstream_counts(const struct upstream *upstream)
{
    switch (upstream->dialect) {
    case DIALECT_ANTHROPIC: return true;
    case DIALECT_CHAT: return false;
    case DIALECT_RESPONSES: return !upstream->is_factory;
    case DIALECT_GEMINI: return !upstream->model->endpoint->is_generate_route;
    }
    return false;
}

static bool needs_conversion(const struct exchange *x, const struct upstream *upstream)
{
    bool counts = route_counts_tokens(x->route.kind);
    return upstream->dialect != x->route.dialect || (counts && !upstream_counts(upstream));
}

bool conversion_is_needed(const struct exchange *x)
{
    return needs_conversion(x, x->upstream);
}

bool conversion_wants_array(const struct exchange *x)
{
    struct slice alt;
    bool is_sse = url_query_get(&x->ex->arena, x->route.query, SLICE("alt"), &alt) && slice_eq(alt, SLICE("sse"));
    return x->route.kind == ROUTE_GEMINI_STREAM && !is_sse;
}

static struct translate_options options_of(const struct exchange *x, const struct upstream *upstream)
{
    return (struct translate_options){
        .client = x->route.dialect,
        .upstream = upstream->dialect,
        .upstream_model = upstream_model_name(upstream),
        .mode = (enum loss_mode)exchange_config(x)->translation,
        .wants_stream = x->wants_stream,
        .has_stream_in_path = true, // it has been found out already
        .streams_json_array = conversion_wants_array(x),
        .writes_model = upstream->model->endpoint->is_generate_route,
        .counts = route_counts_tokens(x->route.kind),
    };
}

static void refuse(struct exchange *x)
{
    const struct loss *loss = &x->conversion->request.loss;
    struct neutral_error error = {
        .fault = loss->fault, .message = loss->message, .code = loss->code, .param = loss->param, .retry_after_s = -1};
    x->has_fault = true;
    exchange_fail_with(x, &error);
}

static void answer_count(struct exchange *x, int64_t n_tokens)
{
    struct buf body = BUF_EMPTY;
    if (x->upstream_status && x->upstream_status < 300) {
        way_is_good(x);
        lease_end(x, false);
    }
    translate_write_count(x->route.dialect, n_tokens, &body);
    exchange_respond(x, 200, SLICE("application/json"), buf_slice(&body));
    buf_deinit(&body);
}

// Says so: a client that decides by the figure should know that nobody has counted.
static void answer_estimate(struct exchange *x)
{
    struct conversion *conversion = x->conversion;
    loss_warn_path(&conversion->request.loss, LOSS_ESTIMATED, SLICE("input_tokens"));
    answer_count(x, estimate_request(&conversion->request.req, x->upstream->dialect));
}

bool conversion_is_possible(struct exchange *x, const struct upstream *upstream)
{
    struct arena scratch;
    struct json_doc doc;
    struct buf body = BUF_EMPTY;
    if (!needs_conversion(x, upstream)) {
        return true;
    }
    struct translate_options options = options_of(x, upstream);
    arena_init(&scratch, 4096);
    struct translated_request *request = arena_zalloc(&scratch, sizeof(*request));
    bool is_possible = json_parse(&doc, &scratch, x->doc.text, NULL) == 0 &&
                       translate_request(&scratch, &doc, &options, request, &body);
    buf_deinit(&body);
    arena_deinit(&scratch);
    return is_possible;
}

bool conversion_start(struct exchange *x)
{
    struct conversion *conversion = arena_zalloc(exchange_arena(x), sizeof(*conversion));
    struct translate_options options = options_of(x, x->upstream);
    x->conversion = conversion;
    conversion->is_counting = options.counts;
    conversion->client_streams = x->wants_stream;
    conversion->doc = x->doc;
    if (!x->is_doc_whole && json_parse(&conversion->doc, exchange_arena(x), x->doc.text, NULL) != 0) {
        exchange_fail(x, FAULT_INVALID_JSON, SLICE("The request body is JSON of too many parts."));
        return false;
    }
    buf_reserve(&conversion->body, x->doc.text.len + 1024);
    if (!translate_request(exchange_arena(x), &conversion->doc, &options, &conversion->request, &conversion->body)) {
        refuse(x);
        return false;
    }
    if (options.counts && !upstream_counts(x->upstream)) {
        answer_estimate(x);
        return false;
    }
    return true;
}

struct slice conversion_query(const struct exchange *x)
{
    bool is_gemini_stream = x->upstream->dialect == DIALECT_GEMINI && x->wants_stream && !x->conversion->is_counting;
    return is_gemini_stream && !x->upstream->model->endpoint->is_generate_route ? SLICE("?alt=sse") : SLICE_EMPTY;
}

// ---- the head of the answer -----------------------------------------------------------------------------------------

static void start_translation(struct exchange *x)
{
    struct conversion *conversion = x->conversion;
    char *token = arena_text(exchange_arena(x), TOKEN_LEN);
    random_token(token, TOKEN_LEN);
    struct answer_context context = {
        .arena = exchange_arena(x),
        .upstream = x->upstream->dialect,
        .client = x->route.dialect,
        .client_model = x->upstream == x->asked ? x->model_id : x->upstream->model->id,
        .req = &conversion->request.req,
        .token = slice_of(token, TOKEN_LEN),
        .now_s = clock_wall_ms() / 1000,
        .shows_reasoning = exchange_config(x)->chat_reasoning,
        .loss = &conversion->request.loss,
        .estimated_input = -1,
        .request_id = x->request_id,
        .secret = x->credential.secret,
    };
    if (x->route.dialect == DIALECT_ANTHROPIC && conversion->client_streams) {
        // Those clients take the size of the conversation from the first event, before anybody has counted.
        context.estimated_input = estimate_request(&conversion->request.req, x->upstream->dialect);
    }
    conversion->translation = translation_new(&context);
    if (x->has_own_head) {
        translation_commit(conversion->translation);
    }
}

void conversion_on_head(struct exchange *x, const struct h1_response *resp)
{
    const struct h1_field *retry_after = h1_find_field(resp->fields, resp->n_fields, HEADER_RETRY_AFTER);
    if (retry_after) {
        x->conversion->retry_after = arena_dup(exchange_arena(x), retry_after->value);
    }
    if (resp->status < 300 && !x->conversion->is_counting) {
        start_translation(x);
    }
}

// ---- the body -------------------------------------------------------------------------------------------------------

static void start_json_array(struct exchange *x)
{
    struct buf headers = BUF_EMPTY;
    exchange_write_headers(x, &headers);
    h1_write_field(&headers, SLICE("content-type"), SLICE("application/json"));
    x->status = 200;
    server_start(x->ex, x->status, buf_slice(&headers), H1_NO_LENGTH);
    buf_deinit(&headers);
}

static void need_response(struct exchange *x)
{
    if (server_has_started(x->ex)) {
        return;
    }
    if (x->conversion->request.req.streams_json_array) {
        start_json_array(x);
    } else {
        exchange_start_stream(x);
    }
    translation_commit(x->conversion->translation);
}

static void send_out(struct exchange *x)
{
    struct buf *out = &x->conversion->out;
    if (out->len == 0 || !gate_consider(x, out->len)) {
        return;
    }
    need_response(x);
    x->conversion->has_spoken = true;
    if (server_write(x->ex, buf_slice(out), false) != 0 && x->call_is_running) {
        relay_pause(x);
    }
    buf_clear(out);
    if (out->cap > OUT_KEPT_MAX) {
        buf_deinit(out);
    }
}

void conversion_flush(struct exchange *x)
{
    if (x->conversion->client_streams && x->conversion->translation) {
        send_out(x);
    }
}

// What such an answer amounts to, had it come with a status.
static struct attempt_failure failure_of(const struct neutral_error *error)
{
    bool is_cut = error->fault == FAULT_UPSTREAM_TRUNCATED || error->fault == FAULT_UPSTREAM_PROTOCOL;
    return (struct attempt_failure){
        .event = is_cut ? ATTEMPT_NO_ANSWER : ATTEMPT_ANSWERED,
        .status = is_cut ? 0 : fault_status(error->fault),
        .text = error->message,
        .fault = error->fault,
        .message = error->message,
        .error = error,
    };
}

// An answer that tells of a failure although its status was a good one.
static void fail_in_answer(struct exchange *x, const struct neutral_error *error)
{
    attempt_cancel(x);
    x->outcome = error->fault == FAULT_UPSTREAM_TRUNCATED ? "truncated" : "stream_error";
    if (!x->gate.is_open) {
        struct neutral_error *copy = arena_alloc(exchange_arena(x), sizeof(*copy));
        *copy = *error; // its texts are in the arena
        struct attempt_failure failure = failure_of(copy);
        failover_on_failure(x, &failure);
        return;
    }
    x->has_fault = true;
    x->fault = error->fault;
    x->detail = arena_cstr(exchange_arena(x), error->message);
    send_out(x); // what came before the error, and the dialect's event that tells of it
    server_break(x->ex);
}

// Sends what there is. False: the exchange is over, and gone.
static bool pass_on(struct exchange *x, bool last)
{
    struct conversion *conversion = x->conversion;
    const struct neutral_error *error = translation_error(conversion->translation);
    relay_note_content(x, translation_has_content(conversion->translation));
    if (error) {
        fail_in_answer(x, error);
        return false;
    }
    if (!last && translation_is_cut_short(conversion->translation)) {
        attempt_cancel(x); // the rest of the answer is of no use to anybody
        translation_finish(conversion->translation, &conversion->out);
        last = true;
    }
    if (last) {
        way_is_good(x);
        gate_open(x);
        lease_end(x, false);
    }
    if (last && !conversion->client_streams) {
        exchange_respond(x, 200, SLICE("application/json"), buf_slice(&conversion->out));
        return false;
    }
    if (last) {
        need_response(x);
        server_write(x->ex, buf_slice(&conversion->out), true); // the end in one piece with what is before it
        return false;
    }
    if (conversion->client_streams) {
        send_out(x);
    }
    return true;
}

bool conversion_ends_well(struct exchange *x)
{
    struct translation *translation = x->conversion->translation;
    if (!translation || translation_error(translation) || !translation_is_finished(translation)) {
        return false;
    }
    translation_finish(translation, &x->conversion->out);
    if (translation_error(translation)) {
        return false;
    }
    attempt_cancel(x);
    x->outcome = "ok";
    x->detail = NULL;
    pass_on(x, true);
    return true;
}

static void answer_upstream_error(struct exchange *x)
{
    struct conversion *conversion = x->conversion;
    struct neutral_error error;
    translate_read_error(exchange_arena(x), x->upstream->dialect, x->upstream_status, buf_slice(&conversion->whole),
                         conversion->retry_after, &error);
    error.message = translate_hide_secret(exchange_arena(x), error.message, x->credential.secret);
    exchange_fail_with(x, &error);
}

// Routes for counting are missing at many providers.
bool conversion_cannot_count(const struct exchange *x)
{
    unsigned status = x->upstream_status;
    return x->conversion && x->conversion->is_counting && (status == 404 || status == 405 || status == 501);
}

static void finish_counting(struct exchange *x)
{
    struct conversion *conversion = x->conversion;
    struct json_doc doc;
    int64_t n_tokens;
    if (conversion_cannot_count(x)) {
        answer_estimate(x);
    } else if (x->upstream_status >= 300) {
        answer_upstream_error(x);
    } else if (json_parse(&doc, exchange_arena(x), buf_slice(&conversion->whole), NULL) == 0 &&
               translate_read_count(x->upstream->dialect, &doc, &n_tokens)) {
        answer_count(x, n_tokens);
    } else {
        relay_fail_protocol(x, SLICE("the upstream's answer has no number of tokens"));
    }
}

static void finish_whole(struct exchange *x)
{
    struct conversion *conversion = x->conversion;
    if (conversion->is_counting) {
        finish_counting(x);
    } else if (!conversion->translation) {
        answer_upstream_error(x);
    } else {
        buf_reserve(&conversion->out, conversion->whole.len + 1024);
        owner_note(x, buf_slice(&conversion->whole));
        translation_answer(conversion->translation, buf_slice(&conversion->whole), &conversion->out);
        pass_on(x, true);
    }
}

// Another attempt would fare alike.
static void fail_too_large(struct exchange *x, struct slice message)
{
    attempt_cancel(x);
    exchange_fail(x, FAULT_UPSTREAM_PROTOCOL, message);
}

// An answer that is no stream of events is read as a whole.
static bool collect(struct exchange *x, struct slice piece, bool last)
{
    struct conversion *conversion = x->conversion;
    bool is_error = x->upstream_status >= 300;
    uint64_t limit = is_error ? ERROR_BODY_MAX : exchange_config(x)->max_answer_bytes;
    if (conversion->whole.len + piece.len <= limit) {
        buf_append(&conversion->whole, piece);
    } else if (!is_error) {
        fail_too_large(x, SLICE("the upstream's answer is too large to be translated"));
        return false;
    }
    if (last) {
        finish_whole(x);
    }
    return !last;
}

static void on_event(void *arg, const struct sse_event *event)
{
    struct exchange *x = arg;
    x->gate.n_events++;
    translation_feed(x->conversion->translation, event->name, event->data, &x->conversion->out);
    owner_note(x, event->data);
}

// Of a client that does not stream nothing can leave before the end, and a stream of Responses ends with all that was
// in it: what such an answer takes is bounded.
static bool is_too_large(const struct exchange *x)
{
    bool is_kept = !x->conversion->client_streams || x->route.dialect == DIALECT_RESPONSES;
    return is_kept && x->n_body_bytes > exchange_config(x)->max_answer_bytes;
}

bool conversion_on_piece(struct exchange *x, struct slice piece, bool last)
{
    struct conversion *conversion = x->conversion;
    if (!x->is_sse || !conversion->translation) {
        return collect(x, piece, last);
    }
    buf_reserve(&conversion->out, 2 * piece.len); // events of one dialect are about as long as those of another
    int r = sse_parser_feed(&x->sse, piece, on_event, x);
    if (r == 0 && last) {
        r = sse_parser_finish(&x->sse, on_event, x);
    }
    if (r != 0 || is_too_large(x)) {
        fail_too_large(x, r ? SLICE("the upstream sent an event that is too large")
                            : SLICE("the upstream's answer is too large to be translated"));
        return false;
    }
    if (last && x->is_close_delimited && !translation_is_finished(conversion->translation)) {
        static const struct neutral_error cut = {.fault = FAULT_UPSTREAM_TRUNCATED,
                                                 .message = SLICE_INIT("the upstream's answer ended early"),
                                                 .retry_after_s = -1};
        translation_fail(conversion->translation, &cut, &conversion->out);
    } else if (last) {
        translation_finish(conversion->translation, &conversion->out);
    }
    return pass_on(x, last);
}

// ---- the end --------------------------------------------------------------------------------------------------------

void conversion_end_stream(struct exchange *x, struct slice message)
{
    struct conversion *conversion = x->conversion;
    bool was_complete = translation_is_over(conversion->translation) && !translation_error(conversion->translation);
    if (was_complete) {
        server_write(x->ex, SLICE_EMPTY, true);
        return;
    }
    struct neutral_error error = {.fault = x->fault, .message = message, .retry_after_s = -1};
    translation_fail(conversion->translation, &error, &conversion->out);
    send_out(x);
    server_break(x->ex);
}

bool conversion_begin_stream(struct exchange *x)
{
    const struct conversion *conversion = x->conversion;
    if (!conversion->client_streams || !conversion->translation || conversion->request.req.streams_json_array) {
        return false;
    }
    need_response(x);
    return true;
}

bool conversion_has_spoken(struct exchange *x)
{
    bool has_spoken = x->conversion->has_spoken;
    x->conversion->has_spoken = false;
    return has_spoken;
}

struct slice conversion_warnings(const struct exchange *x)
{
    const struct loss *loss = &x->conversion->request.loss;
    return loss->n_warnings ? loss_header(loss) : SLICE_EMPTY;
}

struct usage conversion_usage(const struct exchange *x)
{
    return x->conversion->translation ? *translation_usage(x->conversion->translation) : USAGE_UNKNOWN;
}

void conversion_reset(struct exchange *x)
{
    struct conversion *conversion = x->conversion;
    if (conversion->translation) {
        translation_deinit(conversion->translation);
        conversion->translation = NULL;
    }
    buf_deinit(&conversion->whole);
    buf_deinit(&conversion->out);
    conversion->has_spoken = false;
    conversion->retry_after = SLICE_EMPTY;
}

void conversion_deinit(struct exchange *x)
{
    struct conversion *conversion = x->conversion;
    if (conversion) {
        conversion_reset(x);
        buf_deinit(&conversion->body);
        x->conversion = NULL;
    }
}
