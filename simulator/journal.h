// SPDX-License-Identifier: MIT
// What the simulator has seen: counters, and (unless switched off) the requests themselves. Pure: no clock.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/list.h"
#include "http/h1_head.h"

enum journal_outcome {
    JOURNAL_OPEN,
    JOURNAL_FINISHED,
    JOURNAL_ABORTED, // the client left
};

enum {
    JOURNAL_ENTRIES_MAX = 1000,
    JOURNAL_BODIES_MAX = 64,
    JOURNAL_BODY_SIZE_MAX = 2 * 1024 * 1024,
};

struct journal_entry {
    struct list link;      // newest first
    struct list body_link; // of those with a body, newest first
    uint64_t id;
    struct buf members; // owned: the JSON members that do not change
    struct buf body;    // owned
    uint64_t started_ns;
    uint64_t ended_ns;
    uint64_t sent_bytes;
    enum journal_outcome outcome;
    unsigned n_refs;
};

// Usage that answers have told, cached and reasoning parts included.
struct journal_told {
    uint64_t answers;
    uint64_t input;
    uint64_t output;
    uint64_t cache_read;
};

struct journal {
    struct list entries;
    struct list bodies;
    size_t n_entries;
    size_t n_bodies;
    uint64_t n_requests;
    uint64_t n_finished;
    uint64_t n_aborted;
    uint64_t n_open;
    uint64_t last_abort_ns;
    uint64_t last_id;
    struct journal_told told;
    bool is_recording;
};

struct journal_request {
    const struct h1_request *head;
    struct slice body;
    struct slice model;
    struct slice key;
    uint16_t peer_port;
    uint64_t now_ns;
};

void journal_init(struct journal *journal, bool is_recording);
void journal_deinit(struct journal *journal);

// Counts a request. When recording: an entry that stays good until journal_end(); else NULL.
struct journal_entry *journal_begin(struct journal *journal, const struct journal_request *request);
// Exactly once for every journal_begin(); `entry` may be NULL.
void journal_end(struct journal *journal, struct journal_entry *entry, enum journal_outcome outcome,
                 uint64_t sent_bytes, uint64_t now_ns);
// Adds what one answer has told.
void journal_add_told(struct journal *journal, const struct journal_told *told);
// The client left before its request was complete.
void journal_count_abort(struct journal *journal, uint64_t now_ns);

// Forgets all entries and starts counting anew; what is open stays counted as open.
void journal_forget(struct journal *journal);

// Answers of the control routes.
void journal_write_stats(const struct journal *journal, struct buf *out, size_t n_connections);
void journal_write_requests(const struct journal *journal, struct buf *out, uint64_t limit);
bool journal_find_body(const struct journal *journal, uint64_t id, struct slice *body_r);
