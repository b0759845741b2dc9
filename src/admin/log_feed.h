// SPDX-License-Identifier: MIT
// The live log for those who read it as it comes. Whoever logs only leaves a mark; readers are served afterwards, in
// turns, a part of them in each, and all together get so many bytes in a while: what a reader cannot have got when the
// log has forgotten it is told as a number.
//
// Happy path: log_feed_join() → send … send → log_feed_leave(). Failure modes: a reader that does not take what it was
// sent gets nothing more until log_feed_resume(). Ends when: log_feed_drain() has called `end` of all readers.
#pragma once

#include "admin/log_filter.h"
#include "net/loop.h"

struct log_feed;
struct log_reader;

enum { LOG_FEED_ROUND_MS = 100 }; // no reader is served more often

// Filled by whoever joins. Callbacks must not log, join or leave, but `end` may leave.
struct log_reader {
    struct log_filter filter; // its keyword lives as long as the reader
    uint64_t next;            // the first entry that it has not got yet
    // Whole server-sent events, borrowed. False: it has got them, and now it needs log_feed_resume().
    bool (*send)(struct log_reader *reader, struct slice events);
    void (*end)(struct log_reader *reader); // it has left the feed, and nothing more will come
    bool is_late;                           // waits for log_feed_resume()
    struct log_feed *_feed;                 // borrowed; NULL: it has left
    struct list _link;
};

struct log_feed *log_feed_new(struct loop *loop, struct live_log *log);
void log_feed_free(struct log_feed *feed); // NULL is fine; all readers have left

// What is there from `next` on is sent at once as far as it may be. After log_feed_drain() the reader is ended here.
void log_feed_join(struct log_feed *feed, struct log_reader *reader);
void log_feed_leave(struct log_reader *reader); // harmless when it has left
void log_feed_resume(struct log_reader *reader);
void log_feed_drain(struct log_feed *feed); // each is served once more, and ended
size_t log_feed_n_readers(const struct log_feed *feed);
