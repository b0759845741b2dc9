// SPDX-License-Identifier: MIT
// A connection is always in one state, and what the socket brings is handled by that state:
//
//   IDLE ──first byte──▶ HEAD ──complete──▶ BODY ──complete──▶ EXCHANGE ──response out──▶ IDLE
//    │                    │ malformed        │ too large         │ `connection: close`
//    └──peer ends──▶ CLOSING ◀──────────── LINGER ◀──────────────┘
//
// LINGER: the answer is out and FIN sent, but the client may still be sending its request; reading on for a moment
// keeps a reset from destroying the answer on its way (RFC 9112 §9.6).
#include "http/server_conn.h"

#include <assert.h>
#include <stdio.h>

#include "base/clock.h"
#include "http/server_internal.h"

enum { EXCHANGE_ARENA_FIRST = 4096, LINGER_MS = 2000, LINGER_BYTES_MAX = 256 * 1024 * 1024 };

/* What happens on a connection, in order */
static void consume(struct server_conn *conn, char *bytes, size_t len);
static size_t consume_head(struct server_conn *conn, char *bytes, size_t len);
static size_t consume_body(struct server_conn *conn, char *bytes, size_t len);
static void begin_exchange(struct server_conn *conn);
static void begin_linger(struct server_conn *conn);

// ---- timers ---------------------------------------------------------------------------------------------------------

static void reject(struct server_conn *conn, unsigned status, const char *text);

static void on_timer(struct timer *timer)
{
    struct server_conn *conn = CONTAINER_OF(timer, struct server_conn, timer);
    switch (conn->state) {
    case CONN_HEAD: reject(conn, 408, "the request head took too long"); return;
    case CONN_BODY: reject(conn, 408, "the request body made no progress"); return;
    case CONN_EXCHANGE:
        if (stream_pending(&conn->stream) < conn->n_unsent) {
            server_conn_watch_sending(conn); // slow, but it takes some
        } else {
            server_conn_abort(conn);
        }
        return;
    case CONN_IDLE:
    case CONN_LINGER:
    case CONN_CLOSING: server_conn_close(conn); return;
    }
}

static void set_timer(struct server_conn *conn, uint32_t ms)
{
    timer_start(&conn->server->loop->timers, &conn->timer, ms, on_timer);
}

void server_conn_watch_sending(struct server_conn *conn)
{
    conn->n_unsent = stream_pending(&conn->stream);
    set_timer(conn, conn->server->limits.send_timeout_ms);
}

// ---- reading --------------------------------------------------------------------------------------------------------

static void set_idle(struct server_conn *conn)
{
    conn->state = CONN_IDLE;
    conn->first_byte_ns = 0;
    conn->scan = (struct h1_scan){0};
    set_timer(conn, conn->server->limits.idle_timeout_ms);
}

// One state after the other as long as there are bytes; a state that cannot use them yet keeps them.
static void consume(struct server_conn *conn, char *bytes, size_t len)
{
    while (len > 0) {
        size_t used = 0;
        switch (conn->state) {
        case CONN_IDLE:
        case CONN_HEAD: used = consume_head(conn, bytes, len); break;
        case CONN_BODY: used = consume_body(conn, bytes, len); break;
        case CONN_EXCHANGE:
            // A pipelined request: it waits, and the client is not read any further.
            buf_append(&conn->input, slice_of(bytes, len));
            stream_pause(&conn->stream);
            return;
        case CONN_LINGER:
            conn->linger_bytes += (uint32_t)len;
            if (conn->linger_bytes > LINGER_BYTES_MAX) {
                server_conn_close(conn);
            }
            return;
        case CONN_CLOSING: return;
        }
        bytes += used;
        len -= used;
    }
}

static unsigned status_of(enum h1_result result)
{
    switch (result) {
    case H1_START_LINE_LONG: return 414;
    case H1_HEAD_LARGE: return 431;
    case H1_BAD_VERSION: return 505;
    case H1_OK:
    case H1_NEED_MORE:
    case H1_BAD_SYNTAX:
    case H1_BAD_FRAMING: break;
    }
    return 400;
}

static struct server_exchange *new_exchange(struct server_conn *conn)
{
    struct server_exchange *ex = mem_zalloc(sizeof(*ex));
    arena_init(&ex->arena, EXCHANGE_ARENA_FIRST);
    ex->server = conn->server;
    ex->started_ns = conn->first_byte_ns;
    ex->_conn = conn;
    ex->_response = arena_zalloc(&ex->arena, sizeof(struct response));
    conn->ex = ex;
    return ex;
}

static void free_exchange(struct server_conn *conn)
{
    struct server_exchange *ex = conn->ex;
    struct response *response = response_of(ex);
    conn->ex = NULL;
    stream_read_into(&conn->stream, NULL, 0);
    if (response->body.is_owned) {
        mem_free(response->body.ptr);
    }
    buf_deinit(&response->head);
    arena_deinit(&ex->arena);
    mem_free(ex);
}

// Parses the head out of a copy in the arena, so that its slices live as long as the exchange.
static enum h1_result parse_head(struct server_exchange *ex, struct slice head)
{
    struct h1_field fields[H1_FIELDS_MAX];
    struct slice copy = arena_dup(&ex->arena, head);
    ex->req.fields = fields;
    enum h1_result result = h1_parse_request(&ex->req, copy.ptr, copy.len, &ex->server->limits.head);
    if (result == H1_OK) {
        size_t size = ex->req.n_fields * sizeof(*fields);
        ex->req.fields = memcpy(arena_alloc(&ex->arena, size + 1), fields, size);
    }
    return result;
}

static void on_complete_head(struct server_conn *conn, struct slice head)
{
    struct server_exchange *ex = new_exchange(conn);
    enum h1_result result = parse_head(ex, head);
    if (result != H1_OK) {
        free_exchange(conn);
        reject(conn, status_of(result), h1_result_text(result));
        return;
    }
    conn->close_after = !ex->req.keep_alive || conn->server->is_draining;
    begin_exchange(conn);
}

// Returns how many bytes were used.
static size_t consume_head(struct server_conn *conn, char *bytes, size_t len)
{
    size_t skip = 0;
    if (conn->input.len == 0) {
        skip = h1_skip_empty_lines(bytes, len);
        if (skip == len) {
            return len;
        }
    }
    if (conn->state == CONN_IDLE) {
        conn->state = CONN_HEAD;
        conn->first_byte_ns = clock_monotonic_ns();
    }
    // In one piece most of the time: then nothing is copied before it is complete.
    size_t before = conn->input.len;
    struct slice head = slice_of(bytes + skip, len - skip);
    if (before) {
        buf_append(&conn->input, head);
        head = buf_slice(&conn->input);
    }
    size_t head_len = 0;
    enum h1_result result = h1_scan(&conn->scan, head.ptr, head.len, &conn->server->limits.head, &head_len);
    if (result == H1_NEED_MORE) {
        if (before == 0) {
            buf_append(&conn->input, head);
            set_timer(conn, conn->server->limits.header_timeout_ms);
        }
        return len;
    }
    if (result != H1_OK) {
        reject(conn, status_of(result), h1_result_text(result));
        return len;
    }
    size_t used = skip + head_len - before;
    struct buf input = conn->input;
    conn->input = BUF_EMPTY;
    on_complete_head(conn, slice_of(head.ptr, head_len));
    buf_deinit(&input);
    return used;
}

static void prepare_body(struct server_conn *conn)
{
    struct server_exchange *ex = conn->ex;
    struct body_reader *body = &response_of(ex)->body;
    if (!ex->req.is_chunked) {
        body->cap = (size_t)ex->req.content_length;
        // What fits beside the head lives in the arena; more gets memory of its own, which the socket fills directly.
        body->is_owned = body->cap > EXCHANGE_ARENA_FIRST / 2;
        body->ptr = body->is_owned ? mem_alloc(body->cap) : arena_text(&ex->arena, body->cap);
    }
    if (ex->req.expects_continue) {
        static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
        struct iovec iov = {(void *)text, sizeof(text) - 1};
        if (stream_write(&conn->stream, &iov, 1) < 0) {
            return; // on_end tells
        }
    }
    set_timer(conn, conn->server->limits.body_timeout_ms);
}

// Between the complete head and the handler: may the body come, and is there one?
static void begin_exchange(struct server_conn *conn)
{
    struct server_exchange *ex = conn->ex;
    const struct http_server_handler *handler = conn->server->handler;
    void *arg = conn->server->arg;
    bool has_body = ex->req.is_chunked || ex->req.content_length > 0;
    conn->state = CONN_EXCHANGE;
    timer_cancel(&conn->timer);
    if (has_body && ex->req.content_length > 0 && (uint64_t)ex->req.content_length > conn->server->limits.body_max) {
        reject(conn, 413, "the request body is larger than the limit");
        return;
    }
    // A body that nobody will read leaves the connection at an unknown place: it closes after the answer.
    bool closed_after = conn->close_after;
    conn->close_after |= has_body;
    if (handler->on_head) {
        ex->_is_announced = true;
        handler->on_head(arg, ex);
        if (conn->ex != ex || ex->_state != EX_READING) {
            return;
        }
    }
    conn->close_after = closed_after;
    if (has_body) {
        conn->state = CONN_BODY;
        prepare_body(conn);
    } else {
        ex->_is_announced = true;
        handler->on_request(arg, ex);
    }
}

static void on_complete_body(struct server_conn *conn)
{
    struct server_exchange *ex = conn->ex;
    struct body_reader *body = &response_of(ex)->body;
    ex->body = slice_of(body->ptr, body->len);
    conn->state = CONN_EXCHANGE;
    timer_cancel(&conn->timer);
    ex->_is_announced = true;
    conn->server->handler->on_request(conn->server->arg, ex);
}

static size_t consume_sized(struct server_conn *conn, const char *bytes, size_t len)
{
    struct body_reader *body = &response_of(conn->ex)->body;
    size_t want = body->cap - body->len;
    size_t take = len < want ? len : want;
    // Bytes that the socket has put at their place already are not copied.
    if (bytes != body->ptr + body->len) {
        memcpy(body->ptr + body->len, bytes, take);
    }
    body->len += take;
    if (body->len == body->cap) {
        on_complete_body(conn);
    } else if (body->is_owned) {
        stream_read_into(&conn->stream, body->ptr + body->len, body->cap - body->len);
    }
    return take;
}

static void append_body(struct body_reader *body, const char *bytes, size_t len)
{
    if (body->len + len > body->cap) {
        size_t cap = body->cap ? body->cap * 2 : 4096;
        while (cap < body->len + len) {
            cap *= 2;
        }
        body->ptr = mem_realloc(body->is_owned ? body->ptr : NULL, cap);
        body->is_owned = true;
        body->cap = cap;
    }
    memcpy(body->ptr + body->len, bytes, len);
    body->len += len;
}

static size_t consume_chunked(struct server_conn *conn, char *bytes, size_t len)
{
    struct body_reader *body = &response_of(conn->ex)->body;
    size_t data_len;
    size_t used;
    enum chunked_result result = chunked_decode(&body->chunked, bytes, len, &data_len, &used);
    if (result == CHUNKED_BAD) {
        reject(conn, 400, "the chunked request body is malformed");
        return len;
    }
    if (data_len > conn->server->limits.body_max - body->len) {
        reject(conn, 413, "the request body is larger than the limit");
        return len;
    }
    if (data_len) {
        append_body(body, bytes, data_len);
    }
    if (result == CHUNKED_DONE) {
        on_complete_body(conn);
    }
    return used;
}

static size_t consume_body(struct server_conn *conn, char *bytes, size_t len)
{
    set_timer(conn, conn->server->limits.body_timeout_ms);
    return conn->ex->req.is_chunked ? consume_chunked(conn, bytes, len) : consume_sized(conn, bytes, len);
}

// ---- answers of the connection itself -------------------------------------------------------------------------------

// Answers a request that no handler gets to see, or whose body failed, and closes.
static void reject(struct server_conn *conn, unsigned status, const char *text)
{
    const struct http_server_handler *handler = conn->server->handler;
    struct http_reject why = {status, text};
    struct buf headers = BUF_EMPTY;
    struct buf body = BUF_EMPTY;
    if (handler->on_reject) {
        handler->on_reject(conn->server->arg, conn->ex, &why, &headers, &body);
    } else {
        buf_append(&headers, SLICE("content-type: text/plain; charset=utf-8\r\n"));
        buf_printf(&body, "%s\n", text);
    }
    if (status == 503) {
        buf_append(&headers, SLICE("retry-after: 1\r\n"));
    }
    if (!conn->ex) {
        // An exchange for the answer alone, unknown to the handler.
        struct server_exchange *ex = new_exchange(conn);
        ex->req.minor_version = 1;
        ex->req.content_length = H1_NO_LENGTH;
    }
    conn->state = CONN_EXCHANGE;
    conn->close_after = true;
    timer_cancel(&conn->timer);
    server_respond(conn->ex, status, buf_slice(&headers), buf_slice(&body));
    buf_deinit(&headers);
    buf_deinit(&body);
}

// ---- after the response ---------------------------------------------------------------------------------------------

void server_conn_break_exchange(struct server_conn *conn)
{
    struct server_exchange *ex = conn->ex;
    // What was written is let out; the missing end tells that it is not all. A body without framing needs a reset for
    // that.
    bool needs_reset = response_of(ex)->is_close_delimited;
    conn->state = CONN_CLOSING;
    timer_cancel(&conn->timer);
    if (ex->_is_announced) {
        conn->server->handler->on_finished(conn->server->arg, ex);
    }
    free_exchange(conn);
    if (needs_reset) {
        stream_reset(&conn->stream);
    } else if (stream_pending(&conn->stream)) {
        conn->state = CONN_EXCHANGE; // until on_drain
        conn->close_after = true;
        set_timer(conn, LINGER_MS);
    } else {
        stream_close(&conn->stream);
    }
}

void server_conn_end_exchange(struct server_conn *conn)
{
    struct server_exchange *ex = conn->ex;
    if (ex->_is_announced) {
        conn->server->handler->on_finished(conn->server->arg, ex);
    }
    free_exchange(conn);
    if (stream_pending(&conn->stream)) {
        return; // stays in CONN_EXCHANGE, with the send timer, until on_drain
    }
    if (conn->close_after || conn->server->is_draining) {
        begin_linger(conn);
        return;
    }
    set_idle(conn);
    if (conn->input.len) {
        stream_kick(&conn->stream); // pipelined: goes on outside of this call
    }
}

static void begin_linger(struct server_conn *conn)
{
    if (conn->peer_has_ended) {
        server_conn_close(conn);
        return;
    }
    conn->state = CONN_LINGER;
    buf_deinit(&conn->input);
    stream_shutdown(&conn->stream);
    stream_resume(&conn->stream);
    set_timer(conn, LINGER_MS);
}

void server_conn_close(struct server_conn *conn)
{
    conn->state = CONN_CLOSING;
    timer_cancel(&conn->timer);
    stream_close(&conn->stream);
}

void server_conn_abort(struct server_conn *conn)
{
    struct server_exchange *ex = conn->ex;
    conn->state = CONN_CLOSING;
    if (ex) {
        ex->_state = EX_FINISHED;
        if (ex->_is_announced) {
            conn->server->handler->on_abort(conn->server->arg, ex);
        }
        free_exchange(conn);
    }
    server_conn_close(conn);
}

// ---- events of the stream -------------------------------------------------------------------------------------------

static void on_data(struct stream *stream, char *bytes, size_t len)
{
    consume(CONTAINER_OF(stream, struct server_conn, stream), bytes, len);
}

// The peer's end while a request is under way: who announced that this request is the last has a right to its answer
// (half-close); for everybody else it is the way in which clients leave.
static void on_end(struct stream *stream, int r)
{
    struct server_conn *conn = CONTAINER_OF(stream, struct server_conn, stream);
    conn->peer_has_ended = true;
    bool is_half_close =
        r == 0 && conn->state == CONN_EXCHANGE && (!conn->ex || !conn->ex->req.keep_alive || !conn->ex->_is_announced);
    if (is_half_close) {
        conn->close_after = true; // nobody can ask any more
    } else {
        server_conn_abort(conn);
    }
}

// The same end, seen while pipelined requests wait and the socket is not read: what waits is not worth an answer then.
static void on_hangup(struct stream *stream)
{
    struct server_conn *conn = CONTAINER_OF(stream, struct server_conn, stream);
    bool is_under_way = conn->state == CONN_EXCHANGE && conn->ex && conn->ex->_is_announced;
    if (is_under_way && conn->ex->req.keep_alive) {
        server_conn_abort(conn);
    }
}

static void on_drain(struct stream *stream)
{
    struct server_conn *conn = CONTAINER_OF(stream, struct server_conn, stream);
    if (conn->state == CONN_EXCHANGE && conn->ex) {
        timer_cancel(&conn->timer);
        if (conn->ex->_is_announced) {
            conn->server->handler->on_drain(conn->server->arg, conn->ex);
        }
        return;
    }
    if (conn->state == CONN_EXCHANGE) {
        // The exchange is over, and now its bytes are out.
        if (conn->close_after || conn->server->is_draining) {
            begin_linger(conn);
            return;
        }
        set_idle(conn);
    }
    if (conn->state == CONN_IDLE && conn->input.len) {
        struct buf input = conn->input;
        conn->input = BUF_EMPTY;
        stream_resume(stream);
        consume(conn, input.ptr, input.len);
        buf_deinit(&input);
    }
}

static void on_closed(struct stream *stream)
{
    struct server_conn *conn = CONTAINER_OF(stream, struct server_conn, stream);
    struct http_server *server = conn->server;
    assert(!conn->ex);
    list_remove(&conn->link);
    server->n_conns--;
    buf_deinit(&conn->input);
    mem_free(conn);
    if (server->is_draining && server->n_conns == 0 && server->on_drained) {
        void (*on_drained)(void *) = server->on_drained;
        server->on_drained = NULL;
        on_drained(server->on_drained_arg);
    }
}

static const struct stream_events conn_events = {on_data, on_end, on_drain, on_closed, on_hangup};

// ---- the beginning --------------------------------------------------------------------------------------------------

static void refuse(struct server_conn *conn)
{
    conn->state = CONN_EXCHANGE;
    reject(conn, 503, "too many connections");
}

void server_conn_accept(struct http_server *server, int fd, const struct address *peer)
{
    struct server_conn *conn = mem_zalloc(sizeof(*conn));
    conn->server = server;
    conn->peer_len = (uint8_t)address_text(peer, conn->peer).len;
    timer_init(&conn->timer);
    list_append(&server->conns, &conn->link);
    server->n_conns++;
    stream_open_take(&conn->stream, server->loop, fd, NULL, &conn_events);
    set_idle(conn);
    set_timer(conn, server->limits.header_timeout_ms);
    if (server->n_conns > server->limits.connections_max) {
        refuse(conn);
    }
}
