// SPDX-License-Identifier: MIT
#include "cli/drill_call.h"

#include "base/clock.h"
#include "http/sse_parser.h"
#include "json/json_writer.h"

enum { CONNECT_MS = 5000, REFUSAL_MAX = 1024 * 1024 };

// One request and its answer.
struct asking {
    struct client_call call;
    struct timer limit;
    const struct drill_peer *peer;
    struct drill_result *result;
    struct sse_parser events;
    struct buf head;
    struct buf body;
    struct slice body_slice;
    struct buf refusal;
    uint64_t began_ns;
    bool is_done;
};

static struct asking *asking_of(struct client_call *call)
{
    return CONTAINER_OF(call, struct asking, call);
}

static void finish(struct asking *asking, bool has_ended)
{
    asking->is_done = true;
    asking->result->has_ended = has_ended;
    asking->result->took_ms = (clock_monotonic_ns() - asking->began_ns) / 1000000;
    timer_cancel(&asking->limit);
    loop_stop(asking->peer->loop);
}

static void on_event(void *arg, const struct sse_event *event)
{
    struct asking *asking = arg;
    if (event->data.len > 0) {
        drill_view_event(&asking->result->view, event->data);
    }
}

static void on_head(struct client_call *call, const struct h1_response *resp)
{
    asking_of(call)->result->view.status = resp->status;
}

static void take(struct asking *asking, struct slice bytes, bool last)
{
    struct drill_view *view = &asking->result->view;
    if (view->status != 200) {
        if (asking->refusal.len + bytes.len <= REFUSAL_MAX) {
            buf_append(&asking->refusal, bytes);
        }
        return;
    }
    int r = sse_parser_feed(&asking->events, bytes, on_event, asking);
    if (r == 0 && last) {
        r = sse_parser_finish(&asking->events, on_event, asking);
    }
    view->has_garbage |= r != 0;
}

static void on_body(struct client_call *call, char *bytes, size_t len, bool last)
{
    struct asking *asking = asking_of(call);
    take(asking, slice_of(bytes, len), last);
    if (last) {
        asking->result->view.is_whole = true;
        if (asking->result->view.status != 200) {
            drill_view_refusal(&asking->result->view, buf_slice(&asking->refusal));
        }
        finish(asking, true);
    }
}

static void on_fail(struct client_call *call, enum client_failure failure, const char *detail)
{
    finish(asking_of(call), true);
}

static void on_limit(struct timer *timer)
{
    struct asking *asking = CONTAINER_OF(timer, struct asking, limit);
    client_call_cancel(&asking->call);
    finish(asking, false);
}

// ---- the request ----------------------------------------------------------------------------------------------------

static const char question_text[] = "Explain why a gateway earns trust only when the provider behind it misbehaves.";

static void write_path(struct buf *out, const struct drill_question *question)
{
    switch (question->dialect) {
    case DRILL_ANTHROPIC: buf_append(out, SLICE("/v1/messages")); return;
    case DRILL_RESPONSES: buf_append(out, SLICE("/v1/responses")); return;
    case DRILL_CHAT: buf_append(out, SLICE("/v1/chat/completions")); return;
    case DRILL_GEMINI:
        buf_printf(out, "/v1beta/models/%.*s:streamGenerateContent?alt=sse", SLICE_ARG(question->model));
        return;
    }
}

static void write_messages(struct json_writer *w)
{
    json_key(w, SLICE("messages"));
    json_begin_array(w);
    json_begin_object(w);
    json_member_string(w, SLICE("role"), SLICE("user"));
    json_member_string(w, SLICE("content"), SLICE(question_text));
    json_end_object(w);
    json_end_array(w);
}

static void write_gemini(struct buf *out)
{
    buf_printf(out, "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"%s\"}]}]}", question_text);
}

static void write_body(struct buf *out, const struct drill_question *question)
{
    struct json_writer w;
    if (question->dialect == DRILL_GEMINI) {
        write_gemini(out);
        return;
    }
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_member_string(&w, SLICE("model"), question->model);
    json_member_bool(&w, SLICE("stream"), true);
    if (question->dialect == DRILL_RESPONSES) {
        json_member_string(&w, SLICE("input"), SLICE(question_text));
    } else {
        write_messages(&w);
    }
    if (question->dialect == DRILL_ANTHROPIC) {
        json_member_int(&w, SLICE("max_tokens"), 1024);
    } else if (question->dialect == DRILL_CHAT) {
        json_key(&w, SLICE("stream_options"));
        json_write_raw(&w, SLICE("{\"include_usage\":true}"));
    }
    json_end_object(&w);
}

// The credential for the provider is one that the simulator takes: any.
static void write_head(struct buf *out, const struct drill_peer *peer, const struct drill_question *question,
                       size_t body_len)
{
    buf_append(out, SLICE("POST "));
    write_path(out, question);
    buf_append(out, SLICE(" HTTP/1.1\r\n"));
    h1_write_field(out, SLICE("host"), peer->host);
    h1_write_field(out, SLICE("user-agent"), SLICE("droid2api-drill/" DROID2API_VERSION));
    h1_write_field(out, SLICE("content-type"), SLICE("application/json"));
    if (question->dialect == DRILL_ANTHROPIC) {
        h1_write_field(out, SLICE("anthropic-version"), SLICE("2023-06-01"));
    }
    if (peer->access_key.len) {
        buf_printf(out, "authorization: Bearer %.*s\r\n", SLICE_ARG(peer->access_key));
    }
    h1_write_field(out, SLICE("x-api-key"), SLICE("drill"));
    buf_printf(out, "content-length: %zu\r\n\r\n", body_len);
}

static void start(struct asking *asking, const struct drill_peer *peer, const struct drill_question *question)
{
    static const struct client_call_events events = {on_head, on_body, on_fail};
    drill_view_init(&asking->result->view, question->dialect);
    sse_parser_init(&asking->events, SSE_EVENT_MAX_DEFAULT);
    timer_init(&asking->limit);
    asking->peer = peer;
    asking->began_ns = clock_monotonic_ns();
    write_body(&asking->body, question);
    write_head(&asking->head, peer, question, asking->body.len);
    asking->body_slice = buf_slice(&asking->body);
    struct client_request req = {
        .origin = peer->origin,
        .method = HTTP_POST,
        .head = buf_slice(&asking->head),
        .body = &asking->body_slice,
        .n_body = 1,
        .connect_timeout_ms = CONNECT_MS,
    };
    timer_start(&peer->loop->timers, &asking->limit, question->limit_ms, on_limit);
    client_call_start(peer->client, &asking->call, &req, &events);
}

static bool is_any_open(const struct asking *askings, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!askings[i].is_done) {
            return true;
        }
    }
    return false;
}

static void leave(struct asking *asking)
{
    if (!asking->is_done) {
        client_call_cancel(&asking->call);
        finish(asking, false);
    }
    sse_parser_deinit(&asking->events);
    buf_deinit(&asking->head);
    buf_deinit(&asking->body);
    buf_deinit(&asking->refusal);
}

void drill_call_all(const struct drill_peer *peer, const struct drill_question *questions, struct drill_result *results,
                    size_t n)
{
    struct asking *askings = mem_zalloc(n * sizeof(*askings));
    for (size_t i = 0; i < n; i++) {
        askings[i].result = &results[i];
        start(&askings[i], peer, &questions[i]);
    }
    while (is_any_open(askings, n) && !*peer->is_interrupted) {
        loop_run(peer->loop);
    }
    for (size_t i = 0; i < n; i++) {
        leave(&askings[i]);
    }
    mem_free(askings);
}
