// SPDX-License-Identifier: MIT
// One non-blocking byte stream over a connected socket, in the clear or under TLS. Reads land in the loop's shared
// buffer; writes go to the kernel at once, and only what it does not take is kept.
//
// Happy path: stream_open() → on_data … on_data → on_end; stream_close() → on_closed.
// Failure modes: a read or write error is on_end(r < 0), once, never from inside a call of ours; it may come after
// on_end(0).
// Ends when: on_closed has run; only then may the memory go.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>
#include <uv.h>

#include "base/buf.h"
#include "base/mem.h"
#include "net/loop.h"

struct stream;
struct tls_session;

// Callbacks come from the loop, never from inside a stream_*() call. Inside any of them the stream may be closed.
struct stream_events {
    // `bytes` may be changed and are good during the call.
    void (*on_data)(struct stream *stream, char *bytes, size_t len);
    // No more data: 0 is an orderly end by the peer (it may still read), negative an error. Nothing follows but
    // on_closed.
    void (*on_end)(struct stream *stream, int r);
    // All that was held back has gone to the kernel (after STREAM_PENDING), or stream_send() may go on.
    void (*on_drain)(struct stream *stream);
    void (*on_closed)(struct stream *stream);
    // The peer has ended its side while reading is paused; bytes of it may be unread still. NULL: it is not watched
    // for.
    void (*on_hangup)(struct stream *stream);
};

enum { STREAM_PENDING = 1 };

struct stream {
    uv_poll_t _poll;
    struct loop *loop;                   // borrowed
    const struct stream_events *_events; // borrowed, static
    struct tls_session *_tls;            // owned; NULL in the clear
    struct buf _out;                     // accepted by stream_write(), not yet taken by the kernel
    size_t _out_sent;                    // how much of it the kernel has
    char *_into;                         // borrowed from the user: where the next bytes go, see stream_read_into()
    size_t _into_len;
    int _fd;
    int _failure; // of a write, to be told by on_end
    int _mask;    // what we poll for
    bool _wants_drain;
    bool _is_reading;
    bool _has_ended;   // nothing more will be read
    bool _has_failed;  // on_end has told an error
    bool _shuts_down;  // FIN once _out is empty
    bool _has_hung_up; // on_hangup has been called
    bool _is_closing;
};

// Takes the connected non-blocking socket, and the TLS session (whose handshake is done) if there is one. Reading
// starts at once.
void stream_open_take(struct stream *stream, struct loop *loop, int fd, struct tls_session *tls,
                      const struct stream_events *events);

// Writes all of it: what the kernel does not take now is copied and sent later. 0: all is with the kernel;
// STREAM_PENDING: some is held back, on_drain will come, and a decent caller pauses its source; negative: the stream is
// broken (on_end follows too).
MUST_USE int stream_write(struct stream *stream, const struct iovec *iov, size_t n_iov);

// Writes what the kernel takes now and keeps nothing: the number of bytes, or a negative error. Less than all: on_drain
// will come. Not to be mixed with held-back writes (asserted).
MUST_USE ssize_t stream_send(struct stream *stream, const struct iovec *iov, size_t n_iov);

// Bytes accepted and not yet with the kernel.
static inline size_t stream_pending(const struct stream *stream)
{
    return stream->_out.len - stream->_out_sent;
}

// on_drain will come, soon, even if nothing is held back: a way to go on outside of the call under way.
void stream_kick(struct stream *stream);

// Pausing stops reading from the kernel, so that the peer is slowed down by TCP. While paused the end of the peer goes
// unnoticed too, unless there is an on_hangup.
void stream_pause(struct stream *stream);
void stream_resume(struct stream *stream);

// The next bytes go straight to `into` instead of the shared buffer, up to `len`; on_data tells as ever. Ends by itself
// when `len` are in. The memory must last until then, or until stream_read_into(stream, NULL, 0).
void stream_read_into(struct stream *stream, char *into, size_t len);

// Nobody will write any more: FIN after what is held back. The peer may go on.
void stream_shutdown(struct stream *stream);

// Gives up what is held back. on_closed comes later, exactly once.
void stream_close(struct stream *stream);
void stream_reset(struct stream *stream); // the same with RST: a message that must not look complete
