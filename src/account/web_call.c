// SPDX-License-Identifier: MIT
#include "account/web_call.h"

#include <assert.h>

#include "http/url.h"

// ---- the end --------------------------------------------------------------------------------------------------------

// The caller may do anything to the call in his callback, so nothing of it is touched afterwards.
static void finish(struct web_call *call, unsigned status, const char *detail)
{
    struct buf body = call->_body;
    struct arena arena = call->_arena;
    struct web_answer answer = {.status = status, .body = status ? buf_slice(&body) : SLICE_EMPTY, .detail = detail};
    call->_body = BUF_EMPTY;
    call->_is_running = false;
    timer_cancel(&call->_timer);
    call->_on_done(call, &answer);
    buf_deinit(&body);
    arena_deinit(&arena);
}

void web_call_cancel(struct web_call *call)
{
    if (call->_is_running) {
        call->_is_running = false;
        timer_cancel(&call->_timer);
        client_call_cancel(&call->_call);
        buf_deinit(&call->_body);
        arena_deinit(&call->_arena);
    }
}

static void give_up(struct web_call *call, const char *detail)
{
    client_call_cancel(&call->_call);
    finish(call, 0, detail);
}

static void on_timeout(struct timer *timer)
{
    give_up(CONTAINER_OF(timer, struct web_call, _timer), "no complete answer in time");
}

// ---- the answer -----------------------------------------------------------------------------------------------------

static struct web_call *web_call_of(struct client_call *call)
{
    return CONTAINER_OF(call, struct web_call, _call);
}

static void on_head(struct client_call *client_call, const struct h1_response *resp)
{
    web_call_of(client_call)->_status = resp->status;
}

static void on_body(struct client_call *client_call, char *bytes, size_t len, bool last)
{
    struct web_call *call = web_call_of(client_call);
    if (len > WEB_ANSWER_MAX - call->_body.len) {
        if (last) {
            finish(call, 0, "the answer is too long");
        } else {
            give_up(call, "the answer is too long");
        }
        return;
    }
    buf_append(&call->_body, slice_of(bytes, len));
    if (last) {
        finish(call, call->_status, NULL);
    }
}

static void on_fail(struct client_call *client_call, enum client_failure failure, const char *detail)
{
    struct web_call *call = web_call_of(client_call);
    struct slice text = arena_printf(&call->_arena, "%s (%s)", client_failure_text(failure), detail);
    finish(call, 0, arena_cstr(&call->_arena, text));
}

// ---- the request ----------------------------------------------------------------------------------------------------

static struct slice make_head(struct web_call *call, const struct web_request *request, const struct url *url)
{
    bool is_v6 = slice_find_char(url->host, ':') != SLICE_NOT_FOUND;
    struct buf head = BUF_EMPTY;
    buf_printf(&head, "%s %.*s%s%.*s HTTP/1.1\r\n", http_method_text(request->method), SLICE_ARG(url->path),
               url->query.ptr ? "?" : "", SLICE_ARG(url->query));
    buf_printf(&head, "host: %s%.*s%s", is_v6 ? "[" : "", SLICE_ARG(url->host), is_v6 ? "]" : "");
    if (url->has_port) {
        buf_printf(&head, ":%u", url->port);
    }
    buf_append(&head, SLICE("\r\naccept: application/json\r\naccept-encoding: identity\r\n"));
    if (request->user_agent.len) {
        h1_write_field(&head, SLICE("user-agent"), request->user_agent);
    }
    buf_append(&head, request->headers);
    if (request->body.len || request->method == HTTP_POST) {
        buf_append(&head, SLICE("content-length: "));
        buf_append_u64(&head, request->body.len);
        buf_append(&head, SLICE("\r\n"));
    }
    buf_append(&head, SLICE("\r\n"));
    struct slice text = arena_dup(&call->_arena, buf_slice(&head));
    buf_deinit(&head);
    return text;
}

bool web_call_start(struct http_client *client, struct loop *loop, struct web_call *call,
                    const struct web_request *request, web_done_fn on_done)
{
    static const struct client_call_events events = {on_head, on_body, on_fail};
    struct url url;
    assert(!call->_is_running);
    if (url_parse(&url, request->url) != 0) {
        return false;
    }
    call->_on_done = on_done;
    call->_status = 0;
    call->_is_running = true;
    call->_body = BUF_EMPTY;
    arena_init(&call->_arena, 1024);
    timer_init(&call->_timer);
    struct slice *body = arena_alloc(&call->_arena, sizeof(*body));
    *body = arena_dup(&call->_arena, request->body);
    struct http_origin origin = {.host = url.host, .port = url.port, .is_tls = url.is_tls};
    struct client_request req = {
        .origin = http_client_origin(client, &origin),
        .method = request->method,
        .head = make_head(call, request, &url),
        .body = body,
        .n_body = body->len ? 1 : 0,
    };
    if (request->timeout_ms) {
        timer_start(&loop->timers, &call->_timer, request->timeout_ms, on_timeout);
    }
    client_call_start(client, &call->_call, &req, &events);
    return true;
}
