// SPDX-License-Identifier: MIT
#include "net/stream.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/tls.h"

enum { STREAM_IOV_MAX = 1024 };

static void on_poll(uv_poll_t *poll, int status, int events);

// ---- what we wait for -----------------------------------------------------------------------------------------------

static void update_mask(struct stream *stream)
{
    if (stream->_is_closing) {
        return;
    }
    int mask = 0;
    if (stream->_is_reading && !stream->_has_ended) {
        mask |= UV_READABLE;
    } else if (stream->_events->on_hangup && !stream->_has_ended && !stream->_has_hung_up) {
        mask |= UV_DISCONNECT;
    }
    if ((stream_pending(stream) || stream->_wants_drain || stream->_failure) && !stream->_has_failed) {
        mask |= UV_WRITABLE;
    }
    if (mask == stream->_mask) {
        return;
    }
    stream->_mask = mask;
    if (mask) {
        uv_poll_start(&stream->_poll, mask, on_poll);
    } else {
        uv_poll_stop(&stream->_poll);
    }
}

void stream_open_take(struct stream *stream, struct loop *loop, int fd, struct tls_session *tls,
                      const struct stream_events *events)
{
    *stream = (struct stream){.loop = loop, ._events = events, ._tls = tls, ._fd = fd, ._is_reading = true};
    int r = uv_poll_init(&loop->uv, &stream->_poll, fd);
    assert(r == 0);
    (void)r;
    // The handshake may have left decrypted bytes behind, which the socket will not announce.
    stream->_wants_drain = tls && tls_has_pending(tls);
    update_mask(stream);
}

void stream_pause(struct stream *stream)
{
    stream->_is_reading = false;
    update_mask(stream);
}

void stream_resume(struct stream *stream)
{
    stream->_is_reading = true;
    stream->_wants_drain |= stream->_tls && tls_has_pending(stream->_tls);
    update_mask(stream);
}

void stream_kick(struct stream *stream)
{
    stream->_wants_drain = true;
    update_mask(stream);
}

void stream_read_into(struct stream *stream, char *into, size_t len)
{
    stream->_into = into;
    stream->_into_len = into ? len : 0;
}

// ---- writing --------------------------------------------------------------------------------------------------------

static ssize_t send_plain(int fd, const struct iovec *iov, size_t n_iov)
{
    struct msghdr msg = {.msg_iov = (struct iovec *)iov, .msg_iovlen = n_iov < STREAM_IOV_MAX ? n_iov : STREAM_IOV_MAX};
    ssize_t n;
    do {
        n = sendmsg(fd, &msg, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return errno == EAGAIN || errno == ENOBUFS ? 0 : -errno;
    }
    return n;
}

// Small pieces become one record; a piece of a record's size goes as it is.
static struct slice next_record(struct loop *loop, const struct iovec *iov, size_t n_iov, size_t skip)
{
    while (n_iov && skip >= iov->iov_len) {
        skip -= iov->iov_len;
        iov++;
        n_iov--;
    }
    if (n_iov == 0) {
        return SLICE_EMPTY;
    }
    struct slice first = slice_of((const char *)iov->iov_base + skip, iov->iov_len - skip);
    if (n_iov == 1 || first.len >= LOOP_WRITE_BUFFER_SIZE) {
        return first;
    }
    if (!loop->write_buffer) {
        loop->write_buffer = mem_alloc(LOOP_WRITE_BUFFER_SIZE);
    }
    size_t len = 0;
    for (; n_iov && len < LOOP_WRITE_BUFFER_SIZE; iov++, n_iov--, skip = 0) {
        size_t room = LOOP_WRITE_BUFFER_SIZE - len;
        size_t take = iov->iov_len - skip < room ? iov->iov_len - skip : room;
        memcpy(loop->write_buffer + len, (const char *)iov->iov_base + skip, take);
        len += take;
    }
    return slice_of(loop->write_buffer, len);
}

static ssize_t send_tls(struct stream *stream, const struct iovec *iov, size_t n_iov)
{
    size_t sent = 0;
    for (;;) {
        struct slice record = next_record(stream->loop, iov, n_iov, sent);
        if (record.len == 0) {
            return (ssize_t)sent;
        }
        ssize_t n = tls_write(stream->_tls, record.ptr, record.len);
        if (n < 0) {
            return n == UV_EAGAIN ? (ssize_t)sent : n;
        }
        sent += (size_t)n;
    }
}

static ssize_t send_now(struct stream *stream, const struct iovec *iov, size_t n_iov)
{
    ssize_t n = stream->_tls ? send_tls(stream, iov, n_iov) : send_plain(stream->_fd, iov, n_iov);
    if (n < 0) {
        stream->_failure = (int)n;
        update_mask(stream);
    }
    return n;
}

static size_t total_len(const struct iovec *iov, size_t n_iov)
{
    size_t len = 0;
    for (size_t i = 0; i < n_iov; i++) {
        len += iov[i].iov_len;
    }
    return len;
}

// Keeps what is behind the first `skip` bytes.
static void hold_back(struct stream *stream, const struct iovec *iov, size_t n_iov, size_t skip)
{
    for (size_t i = 0; i < n_iov; i++) {
        size_t drop = skip < iov[i].iov_len ? skip : iov[i].iov_len;
        buf_append(&stream->_out, slice_of((const char *)iov[i].iov_base + drop, iov[i].iov_len - drop));
        skip -= drop;
    }
}

int stream_write(struct stream *stream, const struct iovec *iov, size_t n_iov)
{
    if (stream->_failure || stream->_is_closing) {
        return stream->_failure ? stream->_failure : UV_ECANCELED;
    }
    ssize_t n = 0;
    if (stream_pending(stream) == 0) {
        n = send_now(stream, iov, n_iov);
        if (n < 0) {
            return (int)n;
        }
        if ((size_t)n == total_len(iov, n_iov)) {
            return 0;
        }
    }
    hold_back(stream, iov, n_iov, (size_t)n);
    stream->_wants_drain = true;
    update_mask(stream);
    return STREAM_PENDING;
}

ssize_t stream_send(struct stream *stream, const struct iovec *iov, size_t n_iov)
{
    assert(stream_pending(stream) == 0);
    if (stream->_failure || stream->_is_closing) {
        return stream->_failure ? stream->_failure : UV_ECANCELED;
    }
    ssize_t n = send_now(stream, iov, n_iov);
    if (n >= 0 && (size_t)n < total_len(iov, n_iov)) {
        stream->_wants_drain = true;
        update_mask(stream);
    }
    return n;
}

static void finish_shutdown(struct stream *stream)
{
    if (stream->_shuts_down && stream_pending(stream) == 0 && !stream->_is_closing) {
        stream->_shuts_down = false;
        shutdown(stream->_fd, SHUT_WR);
    }
}

void stream_shutdown(struct stream *stream)
{
    stream->_shuts_down = true;
    finish_shutdown(stream);
}

static void flush_held_back(struct stream *stream)
{
    struct iovec rest = {stream->_out.ptr + stream->_out_sent, stream_pending(stream)};
    ssize_t n = send_now(stream, &rest, 1);
    if (n > 0) {
        stream->_out_sent += (size_t)n;
    }
    if (stream_pending(stream) == 0) {
        // A connection that has caught up owns no buffer.
        buf_deinit(&stream->_out);
        stream->_out_sent = 0;
    }
}

// ---- events from the loop -------------------------------------------------------------------------------------------

// The peer's orderly end is told once, and an error once, also after it.
static void end(struct stream *stream, int r)
{
    if (stream->_is_closing || stream->_has_failed || (r == 0 && stream->_has_ended)) {
        return;
    }
    stream->_has_ended = true;
    if (r != 0) {
        stream->_has_failed = true;
        stream->_failure = r;
    }
    update_mask(stream);
    stream->_events->on_end(stream, r);
}

static void on_writable(struct stream *stream)
{
    if (stream_pending(stream)) {
        flush_held_back(stream);
    }
    if (stream->_failure || stream_pending(stream)) {
        return;
    }
    finish_shutdown(stream);
    if (stream->_wants_drain) {
        stream->_wants_drain = false;
        stream->_events->on_drain(stream);
    }
}

static ssize_t read_some(struct stream *stream, char *into, size_t len)
{
    if (stream->_tls) {
        return tls_read(stream->_tls, into, len);
    }
    ssize_t n;
    do {
        n = read(stream->_fd, into, len);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? (errno == EAGAIN ? UV_EAGAIN : -errno) : n;
}

// One read: false when there is nothing more for now.
static bool read_once(struct stream *stream)
{
    char *into = stream->_into ? stream->_into : stream->loop->read_buffer;
    size_t len = stream->_into ? stream->_into_len : LOOP_READ_BUFFER_SIZE;
    ssize_t n = read_some(stream, into, len);
    if (n == UV_EAGAIN) {
        return false;
    }
    if (n <= 0) {
        // Whoever wrote has been told of the reset, and the socket tells it once: that is no orderly end.
        end(stream, n == 0 && stream->_failure ? stream->_failure : (int)n);
        return false;
    }
    if (stream->_into) {
        stream->_into_len -= (size_t)n;
        stream->_into = stream->_into_len ? stream->_into + n : NULL;
    }
    stream->_events->on_data(stream, into, (size_t)n);
    return true;
}

static bool may_read(const struct stream *stream)
{
    return stream->_is_reading && !stream->_has_ended && !stream->_is_closing;
}

// In the clear one read a turn, so that every connection gets its turn: the poll is level-triggered and comes again.
// What TLS has decrypted already must be fetched now, because the socket will not announce it.
static void on_readable(struct stream *stream)
{
    while (may_read(stream) && read_once(stream)) {
        if (!stream->_tls || !may_read(stream) || !tls_has_pending(stream->_tls)) {
            return;
        }
    }
}

static int socket_error(const struct stream *stream)
{
    int error = 0;
    socklen_t len = sizeof(error);
    getsockopt(stream->_fd, SOL_SOCKET, SO_ERROR, &error, &len);
    return error ? -error : UV_ECONNRESET;
}

// What had arrived before a reset is still delivered, as far as somebody reads: an upstream may refuse a request, and
// close, while it is being sent.
static void end_behind_data(struct stream *stream)
{
    while (may_read(stream) && read_once(stream)) {
    }
    end(stream, stream->_failure ? stream->_failure : socket_error(stream));
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct stream *stream = CONTAINER_OF(poll, struct stream, _poll);
    if (status < 0) {
        stream->_mask = 0; // libuv has stopped the poll
        end_behind_data(stream);
        return;
    }
    if (events & UV_WRITABLE) {
        bool was_kicked = stream->_tls != NULL;
        on_writable(stream);
        events |= was_kicked ? UV_READABLE : 0;
    }
    if ((events & UV_READABLE) && may_read(stream)) {
        on_readable(stream);
    }
    if ((events & UV_DISCONNECT) && !stream->_is_closing && !stream->_has_hung_up) {
        stream->_has_hung_up = true;
        stream->_events->on_hangup(stream);
    }
    if (stream->_failure && !stream->_is_closing) {
        end_behind_data(stream);
        return;
    }
    update_mask(stream);
}

// ---- the end --------------------------------------------------------------------------------------------------------

static void on_handle_closed(uv_handle_t *handle)
{
    struct stream *stream = CONTAINER_OF((uv_poll_t *)handle, struct stream, _poll);
    stream->_events->on_closed(stream);
}

static void close_with(struct stream *stream, bool orderly)
{
    if (stream->_is_closing) {
        return;
    }
    stream->_is_closing = true;
    uv_close((uv_handle_t *)&stream->_poll, on_handle_closed);
    tls_session_free(stream->_tls, orderly && !stream->_failure);
    stream->_tls = NULL;
    close(stream->_fd);
    stream->_fd = -1;
    buf_deinit(&stream->_out);
    stream->_out_sent = 0;
}

void stream_close(struct stream *stream)
{
    close_with(stream, true);
}

void stream_reset(struct stream *stream)
{
    if (!stream->_is_closing) {
        struct linger now = {.l_onoff = 1, .l_linger = 0};
        setsockopt(stream->_fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    }
    close_with(stream, false);
}
