// SPDX-License-Identifier: MIT
// What goes out on a connection: head and body of a response, gathered into as few writes as there can be.
#include <assert.h>
#include <time.h>

#include "base/clock.h"
#include "base/hex.h"
#include "http/server_internal.h"

enum { HEAD_RESERVE = 256 };

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
        server_conn_watch_sending(ex->_conn);
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
    size_t n_digits = 1;
    while (n_digits < 16 && len >> (4 * n_digits)) {
        n_digits++;
    }
    for (size_t i = 0; i < n_digits; i++) {
        out[i] = HEX_DIGITS[(len >> (4 * (n_digits - 1 - i))) & 15];
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
        server_conn_end_exchange(ex->_conn);
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
    if (ex->_state != EX_FINISHED && conn->state != CONN_CLOSING) {
        ex->_state = EX_FINISHED;
        server_conn_break_exchange(conn);
    }
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

struct slice server_peer_address(const struct server_exchange *ex)
{
    return slice_of(ex->_conn->peer, ex->_conn->peer_len);
}

int server_socket(const struct server_exchange *ex)
{
    return ex->_conn->stream._fd;
}
