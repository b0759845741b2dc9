// SPDX-License-Identifier: MIT
// Happy path:
//  - client_conn_run(): head and body of the request go out, as much as the kernel takes; the rest on every drain;
//  - the head of the response comes (interim ones before it are dropped), then its body, decoded in place;
//  - with the last byte the connection goes back to the pool, and only then the caller hears of it.
// Failure modes: the peer ends or resets (before the head of a reused connection's call: once again on a fresh one), a
// time-out, anything that is not HTTP/1.1.
// Ends when: the stream is closed.
#include "http/client_conn.h"

#include <assert.h>
#include <stdio.h>

enum { SEND_IOV_MAX = 64, INTERIM_MAX = 16 };

/* Steps, in the order they happen */
static void send_request(struct client_conn *conn);
static void consume(struct client_conn *conn, char *bytes, size_t len);
static void on_response_head(struct client_conn *conn, struct h1_response *resp, bool is_all);
static void deliver(struct client_conn *conn, char *bytes, size_t len, bool last);
static void fail(struct client_conn *conn, enum client_failure failure, const char *detail);

// ---- states ---------------------------------------------------------------------------------------------------------

static void on_timer(struct timer *timer)
{
    struct client_conn *conn = CONTAINER_OF(timer, struct client_conn, timer);
    switch (conn->state) {
    case CLIENT_CONN_IDLE: client_conn_drop(conn); return;
    case CLIENT_CONN_HEAD: fail(conn, CLIENT_FAIL_HEADER_TIMEOUT, "no response head in time"); return;
    case CLIENT_CONN_LENGTH:
    case CLIENT_CONN_CHUNKED:
    case CLIENT_CONN_UNTIL_CLOSE: fail(conn, CLIENT_FAIL_IDLE_TIMEOUT, "the response stood still for too long"); return;
    case CLIENT_CONN_CLOSING: return;
    }
}

static void set_timer(struct client_conn *conn, uint32_t ms)
{
    if (ms) {
        timer_start(&conn->origin->client->loop->timers, &conn->timer, ms, on_timer);
    } else {
        timer_cancel(&conn->timer);
    }
}

static void leave_list(struct client_conn *conn)
{
    if (conn->state == CLIENT_CONN_IDLE) {
        conn->origin->n_idle--;
    } else if (conn->state != CLIENT_CONN_CLOSING) {
        conn->origin->n_busy--;
    }
    list_remove(&conn->link);
}

static void detach(struct client_conn *conn)
{
    if (conn->call) {
        conn->call->_conn = NULL;
        conn->call = NULL;
    }
}

void client_conn_drop(struct client_conn *conn)
{
    if (conn->state == CLIENT_CONN_CLOSING) {
        return;
    }
    detach(conn);
    leave_list(conn);
    conn->state = CLIENT_CONN_CLOSING;
    timer_cancel(&conn->timer);
    stream_close(&conn->stream);
}

static void put_into_pool(struct client_conn *conn)
{
    struct client_origin *origin = conn->origin;
    const struct http_client_limits *limits = &origin->client->limits;
    if (!conn->keep_alive || !conn->is_sent || origin->n_idle >= limits->idle_per_origin) {
        client_conn_drop(conn);
        return;
    }
    detach(conn);
    leave_list(conn);
    conn->state = CLIENT_CONN_IDLE;
    origin->n_idle++;
    list_prepend(&origin->idle, &conn->link);
    set_timer(conn, limits->idle_timeout_ms);
    stream_resume(&conn->stream);
}

static void fail(struct client_conn *conn, enum client_failure failure, const char *detail)
{
    struct client_call *call = conn->call;
    client_conn_drop(conn);
    call->events->on_fail(call, failure, detail);
}

// ---- the request ----------------------------------------------------------------------------------------------------

// The pieces behind what was sent, as far as they fit.
static size_t gather(const struct client_call *call, struct iovec *iov)
{
    size_t skip = call->_sent;
    size_t n = 0;
    for (size_t i = 0; i <= call->req.n_body && n < SEND_IOV_MAX; i++) {
        struct slice piece = i == 0 ? call->req.head : call->req.body[i - 1];
        if (skip >= piece.len) {
            skip -= piece.len;
            continue;
        }
        iov[n++] = (struct iovec){(void *)(piece.ptr + skip), piece.len - skip};
        skip = 0;
    }
    return n;
}

// An upstream that answers early has its body timed (or is paused) while the rest of the request still goes out.
static void await_head(struct client_conn *conn)
{
    if (conn->state == CLIENT_CONN_HEAD) {
        set_timer(conn, conn->call->req.header_timeout_ms);
    }
}

static void send_request(struct client_conn *conn)
{
    struct client_call *call = conn->call;
    struct iovec iov[SEND_IOV_MAX];
    for (size_t n; (n = gather(call, iov)) > 0;) {
        ssize_t sent = stream_send(&conn->stream, iov, n);
        if (sent < 0) {
            return; // on_end tells
        }
        call->_sent += (size_t)sent;
        size_t offered = 0;
        for (size_t i = 0; i < n; i++) {
            offered += iov[i].iov_len;
        }
        if ((size_t)sent < offered) {
            await_head(conn); // progress: on_drain goes on
            return;
        }
    }
    conn->is_sent = true;
    await_head(conn);
}

void client_conn_run(struct client_conn *conn, struct client_call *call)
{
    leave_list(conn);
    list_append(&conn->origin->busy, &conn->link);
    conn->origin->n_busy++;
    conn->state = CLIENT_CONN_HEAD;
    conn->call = call;
    conn->scan = (struct h1_scan){0};
    conn->n_interim = 0;
    conn->is_sent = false;
    call->_conn = conn;
    call->_sent = 0;
    set_timer(conn, call->req.header_timeout_ms);
    send_request(conn);
}

static void on_drain(struct stream *stream)
{
    struct client_conn *conn = CONTAINER_OF(stream, struct client_conn, stream);
    if (conn->call && !conn->is_sent) {
        send_request(conn);
    }
}

// ---- the response ---------------------------------------------------------------------------------------------------

static void begin_body(struct client_conn *conn, const struct h1_response *resp)
{
    conn->keep_alive = resp->keep_alive;
    if (!h1_response_has_body(conn->call->req.method, resp->status) || resp->content_length == 0) {
        conn->state = CLIENT_CONN_LENGTH;
        conn->body_left = 0;
    } else if (resp->is_chunked) {
        conn->state = CLIENT_CONN_CHUNKED;
        conn->chunked = (struct chunked_decoder){0};
    } else if (resp->content_length != H1_NO_LENGTH) {
        conn->state = CLIENT_CONN_LENGTH;
        conn->body_left = (uint64_t)resp->content_length;
    } else {
        conn->state = CLIENT_CONN_UNTIL_CLOSE;
        conn->keep_alive = false;
    }
    set_timer(conn, conn->call->req.idle_timeout_ms);
}

// `is_all`: no byte has come behind the head yet.
static void on_response_head(struct client_conn *conn, struct h1_response *resp, bool is_all)
{
    struct client_call *call = conn->call;
    if (resp->status < 200) {
        // Interim answers say nothing that a client of ours may see (RFC 9110 §15.2); 101 was never asked for.
        if (resp->status == 101 || ++conn->n_interim > INTERIM_MAX) {
            fail(conn, CLIENT_FAIL_PROTOCOL, "an unexpected interim response");
        }
        conn->scan = (struct h1_scan){0};
        return;
    }
    begin_body(conn, resp);
    call->events->on_head(call, resp);
    if (conn->call == call && conn->state == CLIENT_CONN_LENGTH && conn->body_left == 0) {
        conn->keep_alive &= is_all;
        deliver(conn, NULL, 0, true);
    }
}

static void parse_head(struct client_conn *conn, struct slice head, bool is_all)
{
    struct h1_field fields[H1_FIELDS_MAX];
    struct h1_response resp = {.fields = fields};
    enum h1_result result = h1_parse_response(&resp, head.ptr, head.len, &conn->origin->client->limits.head);
    if (result == H1_OK) {
        on_response_head(conn, &resp, is_all);
    } else {
        fail(conn, CLIENT_FAIL_PROTOCOL, h1_result_text(result));
    }
}

// Returns how many bytes were used.
static size_t consume_head(struct client_conn *conn, char *bytes, size_t len)
{
    conn->call->has_response_bytes = true;
    size_t before = conn->input.len;
    struct slice head = slice_of(bytes, len);
    if (before) {
        buf_append(&conn->input, head);
        head = buf_slice(&conn->input);
    }
    size_t head_len = 0;
    enum h1_result result = h1_scan(&conn->scan, head.ptr, head.len, &conn->origin->client->limits.head, &head_len);
    if (result == H1_NEED_MORE) {
        if (before == 0) {
            buf_append(&conn->input, head);
        }
        return len;
    }
    if (result != H1_OK) {
        fail(conn, CLIENT_FAIL_PROTOCOL, h1_result_text(result));
        return len;
    }
    struct buf input = conn->input;
    conn->input = BUF_EMPTY;
    parse_head(conn, slice_of(head.ptr, head_len), head.len == head_len);
    buf_deinit(&input);
    return head_len - before;
}

// Hands a piece on. With the last one the connection is back in the pool, or closed, before the caller hears of it.
static void deliver(struct client_conn *conn, char *bytes, size_t len, bool last)
{
    struct client_call *call = conn->call;
    if (last) {
        put_into_pool(conn);
    } else if (timer_is_running(&conn->timer)) {
        set_timer(conn, call->req.idle_timeout_ms);
    }
    if (len || last) {
        call->events->on_body(call, bytes, len, last);
    }
}

static void consume_length(struct client_conn *conn, char *bytes, size_t len)
{
    size_t take = len < conn->body_left ? len : (size_t)conn->body_left;
    conn->body_left -= take;
    // Bytes behind the end of the response make the connection useless.
    conn->keep_alive &= take == len;
    deliver(conn, bytes, take, conn->body_left == 0);
}

static void consume_chunked(struct client_conn *conn, char *bytes, size_t len)
{
    size_t data_len;
    size_t used;
    enum chunked_result result = chunked_decode(&conn->chunked, bytes, len, &data_len, &used);
    if (result == CHUNKED_BAD) {
        fail(conn, CLIENT_FAIL_PROTOCOL, "the chunked body is malformed");
        return;
    }
    conn->keep_alive &= used == len;
    deliver(conn, bytes, data_len, result == CHUNKED_DONE);
}

static void consume(struct client_conn *conn, char *bytes, size_t len)
{
    const struct client_call *call = conn->call;
    while (conn->state == CLIENT_CONN_HEAD && conn->call == call && len) {
        size_t used = consume_head(conn, bytes, len);
        bytes += used;
        len -= used;
    }
    if (conn->call != call || !call) {
        // The call is over with its head (or was cancelled); what came behind it does not belong to anybody.
        if (len) {
            client_conn_drop(conn);
        }
        return;
    }
    if (len == 0) {
        return;
    }
    switch (conn->state) {
    case CLIENT_CONN_LENGTH: consume_length(conn, bytes, len); return;
    case CLIENT_CONN_CHUNKED: consume_chunked(conn, bytes, len); return;
    case CLIENT_CONN_UNTIL_CLOSE: deliver(conn, bytes, len, false); return;
    case CLIENT_CONN_IDLE:
    case CLIENT_CONN_HEAD:
    case CLIENT_CONN_CLOSING: return;
    }
}

static void on_data(struct stream *stream, char *bytes, size_t len)
{
    consume(CONTAINER_OF(stream, struct client_conn, stream), bytes, len);
}

// ---- the end --------------------------------------------------------------------------------------------------------

static void on_end_of_head(struct client_conn *conn, int r)
{
    struct client_call *call = conn->call;
    if (call->is_reused && !call->has_response_bytes && !call->_has_retried) {
        // The upstream had closed a kept connection just as the request was on its way (RFC 9112 §9.3.1).
        call->_has_retried = true;
        client_conn_drop(conn);
        client_call_redial(call);
        return;
    }
    char text[128];
    snprintf(text, sizeof(text), "%s before a response", r == 0 ? "closed" : uv_strerror(r));
    fail(conn, conn->is_sent ? CLIENT_FAIL_CLOSED : CLIENT_FAIL_SEND, text);
}

static void on_end(struct stream *stream, int r)
{
    struct client_conn *conn = CONTAINER_OF(stream, struct client_conn, stream);
    switch (conn->state) {
    case CLIENT_CONN_IDLE: client_conn_drop(conn); return;
    case CLIENT_CONN_HEAD: on_end_of_head(conn, r); return;
    case CLIENT_CONN_UNTIL_CLOSE:
        if (r == 0) {
            deliver(conn, NULL, 0, true);
            return;
        }
        fail(conn, CLIENT_FAIL_TRUNCATED, uv_strerror(r));
        return;
    case CLIENT_CONN_LENGTH:
    case CLIENT_CONN_CHUNKED:
        fail(conn, CLIENT_FAIL_TRUNCATED, r == 0 ? "closed within the body" : uv_strerror(r));
        return;
    case CLIENT_CONN_CLOSING: return;
    }
}

static void on_closed(struct stream *stream)
{
    struct client_conn *conn = CONTAINER_OF(stream, struct client_conn, stream);
    assert(!conn->call);
    buf_deinit(&conn->input);
    mem_free(conn);
}

static const struct stream_events conn_events = {on_data, on_end, on_drain, on_closed, NULL};

struct client_conn *client_conn_new_take(struct client_origin *origin, int fd, struct tls_session *tls)
{
    struct client_conn *conn = mem_zalloc(sizeof(*conn));
    conn->origin = origin;
    conn->state = CLIENT_CONN_IDLE;
    origin->n_idle++;
    list_prepend(&origin->idle, &conn->link);
    timer_init(&conn->timer);
    stream_open_take(&conn->stream, origin->client->loop, fd, tls, &conn_events);
    return conn;
}

void client_conn_pause(struct client_conn *conn)
{
    timer_cancel(&conn->timer);
    stream_pause(&conn->stream);
}

void client_conn_resume(struct client_conn *conn)
{
    stream_resume(&conn->stream);
    set_timer(conn,
              conn->state == CLIENT_CONN_HEAD ? conn->call->req.header_timeout_ms : conn->call->req.idle_timeout_ms);
}
