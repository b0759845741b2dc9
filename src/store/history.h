// SPDX-License-Identifier: MIT
// data/usage.db: usage by hour, model and key, single requests, and what operators did. SQLite in WAL mode, used off
// the loop by one work item at a time; what is to be written waits in memory, in bounded space, and is written at most
// half a second later. It may be deleted, locked or on a full disk: then everything goes on, what waits is kept (sums
// completely; requests and audit entries up to a limit, then they are counted as lost), and it is tried again each
// second. Answers have in them what is not written yet.
//
// A database that is damaged is renamed to usage.db.corrupt-<time>, loudly, and a new one is begun. It is opened when
// there is something to write or to ask, and closed after a while without either. What it has of single requests is
// bounded whatever the retention: the newest HISTORY_REQUESTS_KEPT.
#pragma once

#include "base/buf.h"
#include "base/list.h"
#include "net/loop.h"
#include "shm/ring.h"
#include "usage/usage_cells.h"

enum {
    HISTORY_REQUESTS_PER_SECOND = 500,  // that are written one by one; of more, those that failed first; sums have all
    HISTORY_REQUESTS_KEPT = 500 * 1000, // in the file: about 200 MB
    HISTORY_REQUESTS_WAITING = 2000,
    HISTORY_AUDIT_WAITING = 10000,
    HISTORY_CELLS_WAITING = 100000,
};

struct history;

struct history_options {
    struct loop *loop;
    const char *folder; // copied
    uint32_t retention_days;
};
// Never fails: what is wrong with the database is told by history_problem().
struct history *history_new(const struct history_options *options);
void history_set_retention(struct history *history, uint32_t days);
// Takes what is in the rings, writes what waits (one try), then calls back. Then loop_deinit(), then free. Questions
// that are open are forgotten.
void history_close(struct history *history, void (*on_closed)(void *arg), void *arg);
void history_free(struct history *history);

// What usage_feed.h puts into this ring is taken several times a second, and at history_take(). Borrowed until
// history_free().
void history_add_ring(struct history *history, struct shm_ring ring);
void history_take(struct history *history); // soon, not at once; cheap when called again

// What is wrong, for operators ("usage.db is locked by another process"); empty: all is well. Borrowed until the next
// turn of the loop.
struct slice history_problem(const struct history *history);

struct history_audit_entry {
    int64_t time_ms;
    struct slice who;     // address
    struct slice action;  // "keys.add"
    struct slice target;  // "key_1"; may be empty
    struct slice detail;  // for people, without secrets
    struct slice outcome; // "done", "not done: …"
};
void history_add_audit(struct history *history, const struct history_audit_entry *entry); // copied

// ---- questions -----------------------------------------------------------------------------------------------------
// Each is answered on the loop, never from inside the call, with what is in the database and what waits. `problem` is
// empty, or says why the answer lacks what the database has. The handle is void in the callback; forgetting it before
// means that the callback does not come.

struct history_ask;
void history_ask_forget(struct history_ask *ask);

// Sums of all hours from `from_s` to before `to_s` (seconds since 1970; 0: from the beginning, without an end), in the
// wanted dimensions. `cells` is the callee's no longer than the call.
typedef void (*history_usage_fn)(void *arg, const struct usage_cells *cells, struct slice problem);
struct history_ask *history_usage(struct history *history, int64_t from_s, int64_t to_s, unsigned dimensions,
                                  history_usage_fn fn, void *arg);
// The same of one model or key only.
struct history_ask *history_usage_of(struct history *history, int64_t from_s, int64_t to_s, unsigned dimensions,
                                     const struct usage_filter *filter, history_usage_fn fn, void *arg);

// A JSON value: an array, the newest first; or one object, empty when there is none.
typedef void (*history_json_fn)(void *arg, struct slice json, struct slice problem);
struct history_ask *history_requests(struct history *history, const struct request_filter *filter, history_json_fn fn,
                                     void *arg);
struct history_ask *history_request(struct history *history, struct slice id, history_json_fn fn, void *arg);
struct history_ask *history_audit(struct history *history, size_t limit, int64_t before_ms, history_json_fn fn,
                                  void *arg);

// Removes all usage (not requests, not the audit trail), also what was told and waits; or whatever ended before that
// time, and usage of keys that are not among `ids` (NULL: keys do not matter; usage without a key stays). `r` is 0 or a
// negative errno code, and history_problem() says more; `n` is how many rows are gone, also of a cleanup that failed
// half way. An order that is forgotten while it stands in line is not carried out.
typedef void (*history_done_fn)(void *arg, int r, uint64_t n);
struct history_ask *history_reset(struct history *history, history_done_fn fn, void *arg);
struct history_ask *history_cleanup(struct history *history, int64_t before_ms, const struct slice *ids, size_t n_ids,
                                    history_done_fn fn, void *arg);

// ---- for metrics

struct history_numbers {
    uint64_t n_requests_lost; // of which only the sums are kept
    uint64_t n_audit_lost;
    uint64_t n_writes;
    uint64_t n_writes_failed;
    double write_seconds; // of all writes together
};
struct history_numbers history_numbers(const struct history *history);
