// SPDX-License-Identifier: MIT
// What is asked of the database. Results as in history_db.h; after a failure some of the answer may be there.
#pragma once

#include "store/history_batch.h"
#include "store/history_db.h"

// JSON values to be put in order: from the database, and from what waits.
struct history_found {
    int64_t n; // history_number()
    size_t at; // in the text
    size_t len;
};
struct history_findings {
    struct history_found *items; // owned
    size_t n;
    size_t cap;
    struct buf text;
};
void history_findings_deinit(struct history_findings *findings);

MUST_USE int history_read_usage(struct history_db *db, int64_t from_s, int64_t to_s, struct usage_cells *cells);
// The newest that pass, without their trails.
MUST_USE int history_read_requests(struct history_db *db, const struct request_filter *filter,
                                   struct history_findings *findings);
// The newest one with that id, with its trail.
MUST_USE int history_read_request(struct history_db *db, struct slice id, struct history_findings *findings);
MUST_USE int history_read_audit(struct history_db *db, size_t limit, int64_t before_ms,
                                struct history_findings *findings);

// The same out of what waits.
void history_find_usage(const struct history_batch *batch, int64_t from_s, int64_t to_s, struct usage_cells *cells);
void history_find_requests(const struct history_batch *batch, const struct request_filter *filter,
                           struct history_findings *findings);
void history_find_request(const struct history_batch *batch, struct slice id, struct history_findings *findings);
void history_find_audit(const struct history_batch *batch, int64_t before_ms, struct history_findings *findings);

// A JSON array of what was found, the newest first; of all that is there at most `limit`.
void history_findings_write(struct history_findings *findings, size_t limit, struct buf *out);
