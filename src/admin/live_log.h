// SPDX-License-Identifier: MIT
// The last log entries of all processes, and those who watch them come.
#pragma once

#include "base/buf.h"
#include "base/list.h"
#include "base/log.h"

enum {
    LIVE_LOG_ENTRIES = 500,
    LIVE_LOG_TEXT_MAX = 2048, // bytes that are kept of an entry
};

struct live_log_entry {
    uint64_t number; // from 1 on, without gaps
    int64_t wall_ms;
    enum log_level level;
    struct slice area;
    struct slice text;
};

struct live_log;
struct live_log *live_log_new(void);
void live_log_free(struct live_log *log);

// Copied. Cheap when nobody watches: what must be done for watchers is done later, by whoever drains.
void live_log_add(struct live_log *log, const struct log_message *message);
void live_log_clear(struct live_log *log); // numbers go on

// The newest is live_log_newest(); NULL: it is not there (any more). Borrowed until the next change.
uint64_t live_log_newest(const struct live_log *log); // 0: there was none yet
uint64_t live_log_oldest(const struct live_log *log); // of those that are there; live_log_newest() + 1: none is
const struct live_log_entry *live_log_entry(const struct live_log *log, uint64_t number);

struct live_log_stats {
    size_t n_kept;
    uint64_t n_all; // since the start
    uint64_t n_by_level[LOG_OFF];
};
struct live_log_stats live_log_stats(const struct live_log *log);

// `fn` comes once for each entry, from within live_log_add(): it only marks that there is something.
struct live_log_watcher {
    struct list link;
    void (*fn)(struct live_log_watcher *watcher);
};
void live_log_watch(struct live_log *log, struct live_log_watcher *watcher);
void live_log_unwatch(struct live_log_watcher *watcher);

// The daily files that the entries go to as well, told by whoever writes them.
struct live_log_file {
    bool is_wanted;      // there are to be files at all
    bool is_written;     // and nothing is wrong with them
    const char *folder;  // borrowed until the next entry
    const char *path;    // of the file of today; borrowed likewise
    const char *problem; // NULL: none
    uint64_t n_dropped;  // lines that were not written, since the start
};
typedef struct live_log_file (*live_log_file_fn)(void *arg);
void live_log_set_file(struct live_log *log, live_log_file_fn fn, void *arg); // fn NULL: nobody writes them
struct live_log_file live_log_file(const struct live_log *log);
