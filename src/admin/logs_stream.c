// SPDX-License-Identifier: MIT
// The log as it comes, as server-sent events: what the watcher has not seen of the past first.
#include <sys/socket.h>

#include "admin/log_feed.h"
#include "admin/reply.h"
#include "admin/shape.h"
#include "http/sse_writer.h"

enum { HEARTBEAT_MS = 15 * 1000, HISTORY_DEFAULT = 100, UNSENT_MAX = 128 * 1024 };

static const struct shape_member stream_members[] = {
    {"level", SHAPE_TEXT, .values = "debug info warn error", .help = "this level and above"},
    {"keyword", SHAPE_TEXT, .help = "part of the message or of its area; upper and lower case are the same"},
    {"limit", SHAPE_INTEGER, .min = 0, .max = LIVE_LOG_ENTRIES, .help = "how many entries of the past come first"},
    {"after", SHAPE_INTEGER, .min = 0, .max = LOG_FILTER_NUMBER_MAX, .help = "go on behind the entry with this number"},
    {.name = NULL},
};
const struct shape logs_stream_query = {.members = stream_members};

struct stream {
    struct log_reader reader;
    struct admin_exchange *x; // borrowed
    struct timer heartbeat;
};

static void on_heartbeat(struct timer *timer);

static bool send_events(struct stream *stream, struct slice events)
{
    timer_start(&stream->x->admin->options.loop->timers, &stream->heartbeat, HEARTBEAT_MS, on_heartbeat);
    return server_write(stream->x->ex, events, false) == 0;
}

static void on_heartbeat(struct timer *timer)
{
    struct stream *stream = CONTAINER_OF(timer, struct stream, heartbeat);
    struct buf comment = BUF_EMPTY;
    if (stream->reader.is_late) {
        return; // what it has not taken yet is proof enough that we are here
    }
    sse_write_comment(&comment, SLICE("nothing to tell"));
    stream->reader.is_late = !send_events(stream, buf_slice(&comment));
    buf_deinit(&comment);
}

static bool on_events(struct log_reader *reader, struct slice events)
{
    return send_events(CONTAINER_OF(reader, struct stream, reader), events);
}

// Nobody waits for a watcher that does not read.
static void on_feed_end(struct log_reader *reader)
{
    struct stream *stream = CONTAINER_OF(reader, struct stream, reader);
    if (reader->is_late) {
        server_break(stream->x->ex);
    } else {
        server_write(stream->x->ex, SLICE_EMPTY, true);
    }
}

static void on_drain(struct admin_exchange *x)
{
    struct stream *stream = x->state;
    timer_start(&x->admin->options.loop->timers, &stream->heartbeat, HEARTBEAT_MS, on_heartbeat);
    log_feed_resume(&stream->reader);
}

static void on_end(struct admin_exchange *x)
{
    struct stream *stream = x->state;
    timer_cancel(&stream->heartbeat);
    log_feed_leave(&stream->reader);
}

// What a browser sends by itself when it comes again. It knows better than the address that it was told at first.
static bool read_last_id(const struct admin_exchange *x, uint64_t *number_r)
{
    const struct h1_request *req = &x->ex->req;
    for (size_t i = 0; i < req->n_fields; i++) {
        if (slice_eq_nocase(req->fields[i].name, SLICE("last-event-id"))) {
            return slice_to_u64(req->fields[i].value, number_r);
        }
    }
    return false;
}

// The first entry that the watcher gets. A number that is not reached yet is of a process before this one.
static uint64_t read_start(struct query_reader *query, const struct admin_exchange *x, const struct log_filter *filter)
{
    const struct live_log *log = x->admin->options.live_log;
    uint32_t limit = query_integer(query, SLICE("limit"), HISTORY_DEFAULT);
    uint64_t seen = 0;
    bool has_seen = log_filter_read_number(query, SLICE("after"), &seen);
    has_seen |= read_last_id(x, &seen);
    if (has_seen && seen <= live_log_newest(log)) {
        return seen + 1;
    }
    return log_filter_start(filter, log, UINT64_MAX, limit);
}

// A kernel keeps megabytes for a client that does not read, and nobody wants to read minutes later what happened now.
static void bound_unsent(struct admin_exchange *x)
{
    int size = UNSENT_MAX;
    (void)setsockopt(server_socket(x->ex), SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)); // no harm if it cannot be
}

void logs_stream(struct admin_exchange *x)
{
    if (!logs_are_here(x)) {
        return;
    }
    struct query_reader query = query_read(x);
    struct log_filter filter = log_filter_read(&query);
    uint64_t start = read_start(&query, x, &filter);
    if (!query_is_good(x, &query)) {
        return;
    }
    reply_start_events(x);
    if (x->ex->req.method == HTTP_HEAD) {
        server_write(x->ex, SLICE_EMPTY, true);
        return;
    }
    struct stream *stream = arena_zalloc(admin_arena(x), sizeof(*stream));
    stream->reader = (struct log_reader){.filter = filter, .next = start, .send = on_events, .end = on_feed_end};
    stream->x = x;
    timer_init(&stream->heartbeat);
    timer_start(&x->admin->options.loop->timers, &stream->heartbeat, HEARTBEAT_MS, on_heartbeat);
    x->state = stream;
    x->on_drain = on_drain;
    x->on_end = on_end;
    bound_unsent(x);
    log_feed_join(x->admin->log_feed, &stream->reader);
}
