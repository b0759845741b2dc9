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
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "http/chunked.h"
#include "net/address.h"
#include "net/stream.h"

enum {
    EXCHANGE_ARENA_FIRST = 4096,
    ACCEPT_BURST = 64,
    ACCEPT_RETRY_MS = 100,
    LINGER_MS = 2000,
    LINGER_BYTES_MAX = 256 * 1024 * 1024,
    HEAD_RESERVE = 256,
};

enum conn_state {
    CONN_IDLE,     // between requests
    CONN_HEAD,     // part of a head has come
    CONN_BODY,     // reading a request body
    CONN_EXCHANGE, // the handler works; the request is complete or was answered early
    CONN_LINGER,   // the last answer is out; what still comes is thrown away
    CONN_CLOSING,
};

enum exchange_state {
    EX_READING,  // nothing answered yet
    EX_STARTED,  // head made, still held
    EX_SENDING,  // head sent
    EX_FINISHED, // last byte handed over
};

struct body_reader {
    char *ptr;  // owned until the exchange has it
    size_t len; // so far
    size_t cap; // content-length, or room
    bool is_owned;
    struct chunked_decoder chunked;
};

struct server_conn {
    struct stream stream;
    struct http_server *server; // borrowed
    struct list link;           // of the server's connections
    struct server_exchange *ex; // owned; from a complete head to the end of the response
    struct buf input;           // owned: a part of a head, or pipelined bytes
    struct timer timer;
    struct h1_scan scan;
    struct address peer;
    enum conn_state state;
    uint64_t first_byte_ns;
    uint32_t linger_bytes;
    size_t n_unsent; // bytes held back when the send timer started
    bool peer_has_ended;
    bool close_after; // this response is the last
};

struct listening {
    uv_poll_t poll;
    struct http_server *server; // borrowed
    struct timer retry;
    struct list link;
    int fd;
};

struct http_server {
    struct loop *loop; // borrowed
    struct http_server_limits limits;
    const struct http_server_handler *handler;
    void *arg;
    struct list listeners;
    struct list conns;
    size_t n_conns;
    bool is_draining;
    void (*on_drained)(void *arg);
    void *on_drained_arg;
    int64_t date_second; // of the cached date header
    char date[48];
};

// Response state that only this file sees; lives in the exchange's arena.
struct response {
    struct buf head; // owned; empty once sent
    bool is_chunked;
    bool is_close_delimited; // the end of the connection is the end of the body
    bool has_body;           // not HEAD, 204 or 304
    struct body_reader body;
};

const struct http_server_limits http_server_limits_default = {
    .head = {.start_line_max = 8 * 1024, .head_max = 64 * 1024, .fields_max = H1_FIELDS_MAX},
    .body_max = 50 * 1024 * 1024,
    .connections_max = 20000,
    .header_timeout_ms = 30 * 1000,
    .idle_timeout_ms = 75 * 1000,
    .body_timeout_ms = 60 * 1000,
    .send_timeout_ms = 300 * 1000,
};

static struct response *response_of(struct server_exchange *ex)
{
    return ex->_response;
}

/* What happens on a connection, in order */
static void consume(struct server_conn *conn, char *bytes, size_t len);
static size_t consume_head(struct server_conn *conn, char *bytes, size_t len);
static size_t consume_body(struct server_conn *conn, char *bytes, size_t len);
static void begin_exchange(struct server_conn *conn);
static void end_exchange(struct server_conn *conn);
static void begin_linger(struct server_conn *conn);
static void close_conn(struct server_conn *conn);
static void abort_exchange(struct server_conn *conn);

// ---- timers ---------------------------------------------------------------------------------------------------------

static void reject(struct server_conn *conn, unsigned status, const char *text);

static void watch_sending(struct server_conn *conn);

static void on_timer(struct timer *timer)
{
    struct server_conn *conn = CONTAINER_OF(timer, struct server_conn, timer);
    switch (conn->state) {
    case CONN_HEAD: reject(conn, 408, "the request head took too long"); return;
    case CONN_BODY: reject(conn, 408, "the request body made no progress"); return;
    case CONN_EXCHANGE:
        if (stream_pending(&conn->stream) < conn->n_unsent) {
            watch_sending(conn); // slow, but it takes some
        } else {
            abort_exchange(conn);
        }
        return;
    case CONN_IDLE:
    case CONN_LINGER:
    case CONN_CLOSING: close_conn(conn); return;
    }
}

static void set_timer(struct server_conn *conn, uint32_t ms)
{
    timer_start(&conn->server->loop->timers, &conn->timer, ms, on_timer);
}

// From now on the client has to take some of what is held back for it.
static void watch_sending(struct server_conn *conn)
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
                close_conn(conn);
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

// ---- the response ---------------------------------------------------------------------------------------------------

static struct slice date_line(struct http_server *server)
{
    int64_t second = clock_wall_ms() / 1000;
    if (second != server->date_second) {
        time_t time = (time_t)second;
        struct tm tm;
        server->date_second = second;
        strftime(server->date, sizeof(server->date), "date: %a, %d %b %Y %H:%M:%S GMT\r\n", gmtime_r(&time, &tm));
    }
    return slice_from_cstr(server->date);
}

static void write_status_line(struct buf *head, unsigned status)
{
    if (status == 200) {
        buf_append(head, SLICE("HTTP/1.1 200 OK\r\n"));
    } else {
        buf_printf(head, "HTTP/1.1 %u %s\r\n", status, http_status_reason(status));
    }
}

static void write_connection_line(struct server_exchange *ex, struct buf *head)
{
    if (ex->_conn->close_after) {
        buf_append(head, SLICE("connection: close\r\n"));
    } else if (ex->req.minor_version == 0) {
        buf_append(head, SLICE("connection: keep-alive\r\n"));
    }
}

void server_start(struct server_exchange *ex, unsigned status, struct slice headers, int64_t content_length)
{
    assert(ex->_state == EX_READING);
    struct response *response = response_of(ex);
    struct server_conn *conn = ex->_conn;
    ex->_state = EX_STARTED;
    response->has_body = h1_response_has_body(ex->req.method, (uint16_t)status);
    response->is_chunked = content_length == H1_NO_LENGTH && ex->req.minor_version == 1 && response->has_body;
    response->is_close_delimited = content_length == H1_NO_LENGTH && ex->req.minor_version == 0 && response->has_body;
    conn->close_after |= response->is_close_delimited;
    struct buf *head = &response->head;
    buf_reserve(head, headers.len + HEAD_RESERVE);
    write_status_line(head, status);
    buf_append(head, headers);
    buf_append(head, date_line(conn->server));
    if (response->is_chunked) {
        buf_append(head, SLICE("transfer-encoding: chunked\r\n"));
    } else if (content_length != H1_NO_LENGTH && status >= 200 && status != 204) {
        buf_append(head, SLICE("content-length: "));
        buf_append_u64(head, (uint64_t)content_length);
        buf_append(head, SLICE("\r\n"));
    }
    write_connection_line(ex, head);
    buf_append(head, SLICE("\r\n"));
}

static int write_out(struct server_exchange *ex, struct iovec *iov, size_t n)
{
    struct response *response = response_of(ex);
    int r = stream_write(&ex->_conn->stream, iov, n);
    if (ex->_state == EX_STARTED) {
        ex->_state = EX_SENDING;
        buf_deinit(&response->head);
    }
    if (r == STREAM_PENDING) {
        watch_sending(ex->_conn);
    }
    return r == STREAM_PENDING ? STREAM_PENDING : 0; // what is broken is told by on_abort
}

void server_flush(struct server_exchange *ex)
{
    if (ex->_state == EX_STARTED) {
        struct response *response = response_of(ex);
        struct iovec iov = {response->head.ptr, response->head.len};
        write_out(ex, &iov, 1);
    }
}

void server_discard(struct server_exchange *ex)
{
    if (ex->_state == EX_STARTED) {
        ex->_state = EX_READING;
        buf_deinit(&response_of(ex)->head);
    }
}

static struct iovec iovec_of(struct slice s)
{
    return (struct iovec){(void *)s.ptr, s.len};
}

static size_t write_chunk_size(char *out, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    size_t n_digits = 1;
    while (n_digits < 16 && len >> (4 * n_digits)) {
        n_digits++;
    }
    for (size_t i = 0; i < n_digits; i++) {
        out[i] = hex[(len >> (4 * (n_digits - 1 - i))) & 15];
    }
    memcpy(out + n_digits, "\r\n", 2);
    return n_digits + 2;
}

int server_write(struct server_exchange *ex, struct slice bytes, bool last)
{
    if (ex->_state == EX_FINISHED) {
        return 0;
    }
    struct response *response = response_of(ex);
    struct iovec iov[4];
    size_t n = 0;
    char size_line[20];
    if (ex->_state == EX_STARTED) {
        iov[n++] = iovec_of(buf_slice(&response->head));
    }
    if (bytes.len && response->has_body) {
        if (response->is_chunked) {
            iov[n++] = (struct iovec){size_line, write_chunk_size(size_line, bytes.len)};
        }
        iov[n++] = iovec_of(bytes);
        if (response->is_chunked) {
            iov[n++] = iovec_of(last ? SLICE("\r\n0\r\n\r\n") : SLICE("\r\n"));
        }
    } else if (last && response->is_chunked) {
        iov[n++] = iovec_of(SLICE("0\r\n\r\n"));
    }
    int r = n ? write_out(ex, iov, n) : 0;
    if (last) {
        ex->_state = EX_FINISHED;
        end_exchange(ex->_conn);
        return 0;
    }
    return r;
}

void server_respond(struct server_exchange *ex, unsigned status, struct slice headers, struct slice body)
{
    server_start(ex, status, headers, (int64_t)body.len);
    server_write(ex, body, true);
}

void server_break(struct server_exchange *ex)
{
    struct server_conn *conn = ex->_conn;
    if (ex->_state == EX_FINISHED || conn->state == CONN_CLOSING) {
        return;
    }
    ex->_state = EX_FINISHED;
    conn->state = CONN_CLOSING;
    timer_cancel(&conn->timer);
    // What was written is let out; the missing end tells that it is not all. A body without framing needs a reset for
    // that.
    bool needs_reset = response_of(ex)->is_close_delimited;
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

// ---- after the response ---------------------------------------------------------------------------------------------

static void end_exchange(struct server_conn *conn)
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
        close_conn(conn);
        return;
    }
    conn->state = CONN_LINGER;
    buf_deinit(&conn->input);
    stream_shutdown(&conn->stream);
    stream_resume(&conn->stream);
    set_timer(conn, LINGER_MS);
}

static void close_conn(struct server_conn *conn)
{
    conn->state = CONN_CLOSING;
    timer_cancel(&conn->timer);
    stream_close(&conn->stream);
}

static void abort_exchange(struct server_conn *conn)
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
    close_conn(conn);
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
        abort_exchange(conn);
    }
}

// The same end, seen while pipelined requests wait and the socket is not read: what waits is not worth an answer then.
static void on_hangup(struct stream *stream)
{
    struct server_conn *conn = CONTAINER_OF(stream, struct server_conn, stream);
    bool is_under_way = conn->state == CONN_EXCHANGE && conn->ex && conn->ex->_is_announced;
    if (is_under_way && conn->ex->req.keep_alive) {
        abort_exchange(conn);
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

// ---- listening ------------------------------------------------------------------------------------------------------

static void refuse(struct server_conn *conn)
{
    conn->state = CONN_EXCHANGE;
    reject(conn, 503, "too many connections");
}

static void accept_one(struct http_server *server, int fd, const struct address *peer)
{
    struct server_conn *conn = mem_zalloc(sizeof(*conn));
    conn->server = server;
    conn->peer = *peer;
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

static void on_accept(uv_poll_t *poll, int status, int events);

static void on_accept_retry(struct timer *timer)
{
    struct listening *listening = CONTAINER_OF(timer, struct listening, retry);
    uv_poll_start(&listening->poll, UV_READABLE, on_accept);
}

static void on_accept(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    struct listening *listening = CONTAINER_OF(poll, struct listening, poll);
    for (int i = 0; i < ACCEPT_BURST; i++) {
        struct address peer;
        socklen_t len = sizeof(peer);
        int fd = accept4(listening->fd, &peer.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            accept_one(listening->server, fd, &peer);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            // The connection stays in the queue: look again when some have closed.
            log_warn("server", "cannot accept connections: %s", strerror(errno));
            uv_poll_stop(poll);
            timer_start(&listening->server->loop->timers, &listening->retry, ACCEPT_RETRY_MS, on_accept_retry);
        }
        return;
    }
}

void http_server_listen_take(struct http_server *server, int fd)
{
    struct listening *listening = mem_zalloc(sizeof(*listening));
    listening->server = server;
    listening->fd = fd;
    timer_init(&listening->retry);
    list_append(&server->listeners, &listening->link);
    uv_poll_init(&server->loop->uv, &listening->poll, fd);
    uv_poll_start(&listening->poll, UV_READABLE, on_accept);
}

static void on_listening_closed(uv_handle_t *handle)
{
    mem_free(CONTAINER_OF((uv_poll_t *)handle, struct listening, poll));
}

static void close_listeners(struct http_server *server)
{
    while (!list_is_empty(&server->listeners)) {
        struct listening *listening = CONTAINER_OF(server->listeners.next, struct listening, link);
        list_remove(&listening->link);
        timer_cancel(&listening->retry);
        uv_close((uv_handle_t *)&listening->poll, on_listening_closed);
        close(listening->fd);
    }
}

// ---- the server -----------------------------------------------------------------------------------------------------

struct http_server *http_server_new(struct loop *loop, const struct http_server_limits *limits,
                                    const struct http_server_handler *handler, void *arg)
{
    struct http_server *server = mem_zalloc(sizeof(*server));
    server->loop = loop;
    server->limits = *limits;
    server->handler = handler;
    server->arg = arg;
    list_init(&server->listeners);
    list_init(&server->conns);
    return server;
}

void http_server_set_limits(struct http_server *server, const struct http_server_limits *limits)
{
    server->limits = *limits;
}

void http_server_drain(struct http_server *server, void (*on_drained)(void *arg), void *arg)
{
    server->is_draining = true;
    close_listeners(server);
    if (server->n_conns == 0) {
        on_drained(arg);
        return;
    }
    server->on_drained = on_drained;
    server->on_drained_arg = arg;
    struct list *next;
    for (struct list *at = server->conns.next; at != &server->conns; at = next) {
        struct server_conn *conn = CONTAINER_OF(at, struct server_conn, link);
        next = at->next;
        if (conn->state == CONN_IDLE || conn->state == CONN_LINGER) {
            close_conn(conn);
        } else {
            conn->close_after = true;
        }
    }
}

void http_server_abort_all(struct http_server *server)
{
    close_listeners(server);
    struct list *next;
    for (struct list *at = server->conns.next; at != &server->conns; at = next) {
        struct server_conn *conn = CONTAINER_OF(at, struct server_conn, link);
        next = at->next;
        if (conn->state != CONN_CLOSING) {
            abort_exchange(conn);
        }
    }
}

void http_server_free(struct http_server *server)
{
    assert(server->n_conns == 0);
    mem_free(server);
}

size_t http_server_n_connections(const struct http_server *server)
{
    return server->n_conns;
}

struct loop *http_server_loop(struct http_server *server)
{
    return server->loop;
}

bool server_has_started(const struct server_exchange *ex)
{
    return ex->_state != EX_READING;
}

bool server_head_is_sent(const struct server_exchange *ex)
{
    return ex->_state == EX_SENDING || ex->_state == EX_FINISHED;
}

size_t server_pending(const struct server_exchange *ex)
{
    return stream_pending(&ex->_conn->stream);
}

struct slice server_peer_address(struct server_exchange *ex)
{
    char text[ADDRESS_TEXT_SIZE];
    return arena_dup(&ex->arena, address_text(&ex->_conn->peer, text));
}

int server_socket(const struct server_exchange *ex)
{
    return ex->_conn->stream._fd;
}
