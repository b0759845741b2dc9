// SPDX-License-Identifier: MIT
#include "admin/log_feed.h"

#include <assert.h>

#include "http/sse_writer.h"

enum {
    PARTS = 10,                     // of the readers, one of which is served in a turn
    TURN_READERS_MAX = 4,           // with more than PARTS times as many readers a round takes longer
    ROUND_BYTES = 1024 * 1024,      // for all readers together: what they cost beside a traffic that fills a core
    ROUND_ENTRIES = 10 * 1000,      // that are looked at for all readers together
    PIECE_MIN = 4 * 1024,           // for one reader
    PIECE_MAX = 128 * 1024,         //
    ENTRIES_MIN = 50,               // looked at for one reader
    ENTRIES_MAX = LIVE_LOG_ENTRIES, //
};

// An entry as an event, made for the first reader who wants it, for all of them.
struct event {
    uint64_t number; // 0: none
    struct buf text;
};

struct log_feed {
    struct loop *loop;    // borrowed
    struct live_log *log; // borrowed
    struct live_log_watcher watcher;
    struct list readers; // the next to be served first
    size_t n_readers;
    size_t n_due; // readers from the front for whom there may be something
    struct timer turn;
    struct event *events; // owned: LIVE_LOG_ENTRIES, by number; NULL while nobody reads
    struct buf piece;     // what one reader gets
    bool is_drained;
};

static void on_turn(struct timer *timer);

static void schedule(struct log_feed *feed)
{
    if (feed->n_due && !timer_is_running(&feed->turn)) {
        size_t n_turns = feed->n_readers < PARTS ? feed->n_readers : PARTS;
        timer_start(&feed->loop->timers, &feed->turn, LOG_FEED_ROUND_MS / n_turns, on_turn);
    }
}

static void mark_all(struct log_feed *feed)
{
    feed->n_due = feed->n_readers;
    schedule(feed);
}

static void on_entry(struct live_log_watcher *watcher)
{
    mark_all(CONTAINER_OF(watcher, struct log_feed, watcher));
}

// ---- one reader -----------------------------------------------------------------------------------------------------

static struct slice event_of(struct log_feed *feed, const struct live_log_entry *entry)
{
    struct event *event = &feed->events[entry->number % LIVE_LOG_ENTRIES];
    if (event->number != entry->number) {
        struct buf data = BUF_EMPTY;
        struct json_writer w;
        event->number = entry->number;
        buf_clear(&event->text);
        json_writer_init(&w, &data);
        log_filter_write(&w, entry);
        buf_append(&event->text, SLICE("id: "));
        buf_append_u64(&event->text, entry->number);
        buf_append_char(&event->text, '\n');
        sse_write_event(&event->text, SLICE("log"), buf_slice(&data));
        buf_deinit(&data);
    }
    return buf_slice(&event->text);
}

static void write_skipped(struct buf *out, uint64_t count)
{
    char data[48] = "{\"count\":";
    size_t len = strlen(data);
    len += format_u64(data + len, count);
    data[len++] = '}';
    sse_write_event(out, SLICE("skipped"), slice_of(data, len));
}

static size_t share_of(const struct log_feed *feed, size_t all, size_t min, size_t max)
{
    size_t share = all / feed->n_readers;
    return share < min ? min : share > max ? max : share;
}

static void gather(struct log_feed *feed, struct log_reader *reader)
{
    size_t bytes_max = share_of(feed, ROUND_BYTES, PIECE_MIN, PIECE_MAX);
    size_t n_left = share_of(feed, ROUND_ENTRIES, ENTRIES_MIN, ENTRIES_MAX);
    uint64_t newest = live_log_newest(feed->log);
    uint64_t oldest = live_log_oldest(feed->log);
    buf_clear(&feed->piece);
    if (reader->next < oldest) {
        write_skipped(&feed->piece, oldest - reader->next);
        reader->next = oldest;
    }
    for (; reader->next <= newest && n_left && feed->piece.len < bytes_max; reader->next++, n_left--) {
        const struct live_log_entry *entry = live_log_entry(feed->log, reader->next);
        if (log_filter_passes(&reader->filter, entry)) {
            buf_append(&feed->piece, event_of(feed, entry));
        }
    }
}

// False: there is more than the reader may get at a time.
static bool serve(struct log_feed *feed, struct log_reader *reader)
{
    if (reader->is_late) {
        return true;
    }
    gather(feed, reader);
    if (feed->piece.len) {
        reader->is_late = !reader->send(reader, buf_slice(&feed->piece));
    }
    return reader->is_late || reader->next > live_log_newest(feed->log);
}

// ---- all of them ----------------------------------------------------------------------------------------------------

static void on_turn(struct timer *timer)
{
    struct log_feed *feed = CONTAINER_OF(timer, struct log_feed, turn);
    bool is_all = true;
    size_t n_part = (feed->n_readers + PARTS - 1) / PARTS;
    for (size_t n = n_part < TURN_READERS_MAX ? n_part : TURN_READERS_MAX; n && feed->n_due; n--) {
        struct log_reader *reader = CONTAINER_OF(feed->readers.next, struct log_reader, _link);
        list_remove(&reader->_link);
        list_append(&feed->readers, &reader->_link);
        feed->n_due--;
        is_all &= serve(feed, reader);
    }
    if (!is_all) {
        feed->n_due = feed->n_readers;
    }
    schedule(feed);
}

struct log_feed *log_feed_new(struct loop *loop, struct live_log *log)
{
    struct log_feed *feed = mem_zalloc(sizeof(*feed));
    feed->loop = loop;
    feed->log = log;
    feed->watcher.fn = on_entry;
    list_init(&feed->readers);
    timer_init(&feed->turn);
    return feed;
}

void log_feed_free(struct log_feed *feed)
{
    if (feed) {
        assert(feed->n_readers == 0);
        mem_free(feed);
    }
}

static void begin(struct log_feed *feed)
{
    feed->events = mem_zalloc(LIVE_LOG_ENTRIES * sizeof(*feed->events));
    live_log_watch(feed->log, &feed->watcher);
}

// Nobody reads: then there is nothing to be marked and nothing to be kept.
static void rest(struct log_feed *feed)
{
    live_log_unwatch(&feed->watcher);
    timer_cancel(&feed->turn);
    for (size_t i = 0; i < LIVE_LOG_ENTRIES; i++) {
        buf_deinit(&feed->events[i].text);
    }
    mem_free(feed->events);
    feed->events = NULL;
    buf_deinit(&feed->piece);
}

static void end(struct log_reader *reader)
{
    serve(reader->_feed, reader);
    log_feed_leave(reader);
    reader->end(reader);
}

void log_feed_join(struct log_feed *feed, struct log_reader *reader)
{
    reader->_feed = feed;
    list_append(&feed->readers, &reader->_link);
    if (feed->n_readers++ == 0) {
        begin(feed);
    }
    if (feed->is_drained) {
        end(reader);
    } else if (!serve(feed, reader)) {
        mark_all(feed);
    }
}

void log_feed_leave(struct log_reader *reader)
{
    struct log_feed *feed = reader->_feed;
    if (!feed) {
        return;
    }
    reader->_feed = NULL;
    list_remove(&reader->_link);
    if (--feed->n_readers == 0) {
        rest(feed);
    }
    feed->n_due = feed->n_due < feed->n_readers ? feed->n_due : feed->n_readers;
}

void log_feed_resume(struct log_reader *reader)
{
    reader->is_late = false;
    if (reader->_feed) {
        mark_all(reader->_feed);
    }
}

void log_feed_drain(struct log_feed *feed)
{
    feed->is_drained = true;
    while (!list_is_empty(&feed->readers)) {
        end(CONTAINER_OF(feed->readers.next, struct log_reader, _link));
    }
}

size_t log_feed_n_readers(const struct log_feed *feed)
{
    return feed->n_readers;
}
