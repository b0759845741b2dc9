// SPDX-License-Identifier: MIT
#include "cli/admin_call.h"

#include "http/sse_parser.h"

enum { CONNECT_MS = 5000, HEAD_MS = 600 * 1000, IDLE_MS = 600 * 1000, ANSWER_MAX = 256 * 1024 * 1024 };

struct running {
    struct client_call call;
    const struct admin_peer *peer;
    const struct admin_request *request;
    struct admin_answer answer;
    struct sse_parser events;
    bool is_stream;
    bool is_done;
};

static struct running *running_of(struct client_call *call)
{
    return CONTAINER_OF(call, struct running, call);
}

static void finish(struct running *running)
{
    running->is_done = true;
    loop_stop(running->peer->loop);
}

static void fail(struct running *running, const char *detail)
{
    running->answer.status = 0;
    running->answer.detail = detail;
    finish(running);
}

static void on_head(struct client_call *call, const struct h1_response *resp)
{
    struct running *running = running_of(call);
    const struct h1_field *type = h1_find_field(resp->fields, resp->n_fields, HEADER_CONTENT_TYPE);
    running->answer.status = resp->status;
    running->is_stream =
        running->request->on_event && type && slice_starts_with_nocase(type->value, SLICE("text/event-stream"));
}

static void on_event(void *arg, const struct sse_event *event)
{
    struct running *running = arg;
    running->request->on_event(running->request->arg, event->data);
}

static int feed_events(struct running *running, struct slice bytes, bool last)
{
    int r = sse_parser_feed(&running->events, bytes, on_event, running);
    return r == 0 && last ? sse_parser_finish(&running->events, on_event, running) : r;
}

static void on_body(struct client_call *call, char *bytes, size_t len, bool last)
{
    struct running *running = running_of(call);
    if (!running->is_stream && running->answer.body.len + len <= ANSWER_MAX) {
        buf_append(&running->answer.body, slice_of(bytes, len));
    } else if (!running->is_stream || feed_events(running, slice_of(bytes, len), last) != 0) {
        if (!last) {
            client_call_cancel(call);
        }
        fail(running, "the answer is too large");
        return;
    }
    if (last) {
        finish(running);
    }
}

static void on_fail(struct client_call *call, enum client_failure failure, const char *detail)
{
    struct running *running = running_of(call);
    running->answer.failure = failure;
    fail(running, client_failure_text(failure));
}

static void write_head(struct buf *head, const struct running *running)
{
    const struct admin_request *request = running->request;
    buf_printf(head, "%s %.*s HTTP/1.1\r\n", http_method_text(request->method), SLICE_ARG(request->target));
    h1_write_field(head, SLICE("host"), running->peer->host);
    h1_write_field(head, SLICE("x-admin-key"), running->peer->key);
    h1_write_field(head, SLICE("user-agent"), SLICE("droid2api-keys/" DROID2API_VERSION));
    h1_write_field(head, SLICE("accept"), request->on_event ? SLICE("text/event-stream") : SLICE("application/json"));
    if (request->body.len) {
        h1_write_field(head, SLICE("content-type"), SLICE("application/json"));
    }
    buf_printf(head, "content-length: %zu\r\n\r\n", request->body.len);
}

void admin_call(const struct admin_peer *peer, const struct admin_request *request, struct admin_answer *answer_r)
{
    static const struct client_call_events events = {on_head, on_body, on_fail};
    struct running running = {.peer = peer, .request = request};
    struct buf head = BUF_EMPTY;
    write_head(&head, &running);
    struct client_request req = {
        .origin = peer->origin,
        .method = request->method,
        .head = buf_slice(&head),
        .body = &request->body,
        .n_body = request->body.len > 0,
        .connect_timeout_ms = CONNECT_MS,
        .header_timeout_ms = HEAD_MS,
        .idle_timeout_ms = IDLE_MS,
    };
    sse_parser_init(&running.events, SSE_EVENT_MAX_DEFAULT);
    client_call_start(peer->client, &running.call, &req, &events);
    while (!running.is_done) {
        loop_run(peer->loop);
    }
    sse_parser_deinit(&running.events);
    buf_deinit(&head);
    *answer_r = running.answer;
}

void admin_answer_deinit(struct admin_answer *answer)
{
    buf_deinit(&answer->body);
}
