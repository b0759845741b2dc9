// SPDX-License-Identifier: MIT
// For tests: a history in a folder of its own, a ring that is told requests, and what the sums must be.
#pragma once

#include <sqlite3.h>

#include "store/history.h"
#include "store/store_fixture.h"
#include "usage/usage_feed.h"

enum { HISTORY_FIXTURE_RING = 256 * 1024 };

struct history_fixture {
    struct store_fixture store; // its folder, log and arena; there are no keys
    struct loop loop;
    struct history *history; // NULL while closed
    char *memory;            // owned; of the ring
    struct usage_feed *feed;
    struct usage_cells *expected; // what was told and not reset
    unsigned n_told;
    // The last answer.
    bool is_answered;
    struct usage_cells *cells;
    struct buf json;
    struct buf problem;
    int r;
    uint64_t n;
};

void history_fixture_init(struct history_fixture *f);
void history_fixture_init_in(struct history_fixture *f, const char *folder); // of somebody else
void history_fixture_deinit(struct history_fixture *f);
void history_fixture_open(struct history_fixture *f);
void history_fixture_close(struct history_fixture *f);

struct request_facts history_fixture_facts(unsigned number, int64_t time_ms); // of a few models and keys
void history_fixture_tell(struct history_fixture *f, const struct request_facts *facts);
void history_fixture_tell_some(struct history_fixture *f, unsigned n); // now, one after the other

// Runs the loop until `is_true`; fails the test after a while.
void history_fixture_run_until(struct history_fixture *f, bool (*is_true)(struct history_fixture *f));
bool history_fixture_is_written(struct history_fixture *f); // all that was told is in the file
bool history_fixture_is_settled(struct history_fixture *f); // it is, or cannot be now
void history_fixture_write(struct history_fixture *f);      // runs until what was told is in the file

// Asks, and runs the loop until there is an answer.
void history_fixture_ask_usage(struct history_fixture *f, unsigned dimensions);
void history_fixture_ask_requests(struct history_fixture *f, const struct request_filter *filter);
void history_fixture_ask_request(struct history_fixture *f, const char *id);
void history_fixture_ask_audit(struct history_fixture *f, size_t limit, int64_t before_ms);
void history_fixture_reset(struct history_fixture *f);
void history_fixture_cleanup(struct history_fixture *f, int64_t before_ms, const struct slice *ids, size_t n_ids);
// The answer has exactly the cells that are expected.
void history_fixture_assert_exact(struct history_fixture *f);
void history_fixture_assert_problem(struct history_fixture *f, const char *part);

// A second connection, as another program has it: in a process of its own, because locks belong to processes.
int64_t history_fixture_number(struct history_fixture *f, const char *sql);
