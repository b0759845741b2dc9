// SPDX-License-Identifier: MIT
// What the parts of the history share: history.c decides what is done when, history_work.c does it off the loop,
// history_ask.c makes answers.
#pragma once

#include "base/arena.h"
#include "base/map.h"
#include "net/loop.h"
#include "store/history.h"
#include "store/history_batch.h"
#include "store/history_db.h"
#include "store/history_intake.h"
#include "store/history_read.h"

enum {
    HISTORY_TAKE_MS = 200,      // between two looks into the rings while something comes;
    HISTORY_TAKE_IDLE_MS = 500, // while nothing does
    HISTORY_WRITE_MS = 250,     // from the first that waits to the write
    HISTORY_RETRY_MS = 1000,
    HISTORY_REST_MS = 30 * 1000, // without anything to do the database is closed, and takes no memory
    HISTORY_PRUNE_MS = 3600 * 1000,
    HISTORY_PRUNE_FIRST_MS = 60 * 1000,
    HISTORY_PRUNE_PIECE_MS = 50, // between two pieces
};
#define HISTORY_LOG "history"

enum history_task {
    HISTORY_WRITE, // also tries whether it would go, when there is a problem and nothing to write
    HISTORY_PRUNE,
    HISTORY_REST,
    HISTORY_LAST_WRITE,
    HISTORY_USAGE,
    HISTORY_REQUESTS,
    HISTORY_REQUEST,
    HISTORY_AUDIT,
    HISTORY_RESET,
    HISTORY_CLEANUP,
};

// A question or an order of an operator.
struct history_ask {
    struct list link; // in history->asks, unless it is what is worked at
    struct history *history;
    enum history_task task;
    bool is_forgotten;
    bool has_more; // of an order: this was one piece of it
    union {
        history_usage_fn usage;
        history_json_fn json;
        history_done_fn done;
    } fn;
    void *arg;
    struct arena arena; // texts of the question

    int64_t from_s;
    int64_t to_s;
    int64_t before_ms;
    size_t limit;
    struct request_filter filter;
    struct usage_filter usage_filter;
    struct slice id;
    struct map known; // of a cleanup: ids of keys
    bool has_known;
    int64_t hour; // how far it has come with them

    struct usage_cells *cells; // owned; the answer
    struct history_findings findings;
    bool is_found; // already, in memory
    uint64_t n;
};
void history_ask_free(struct history_ask *ask);
// The answer, with what waits; the ask is gone after it. `problem` is empty, or why the database did not answer.
void history_ask_answer(struct history_ask *ask, struct slice problem);
void history_ask_prepare(struct history_ask *ask); // on the loop, before the work

struct history_work {
    enum history_task task;
    struct history_db db;
    struct history_batch batch; // what is written, or what a reset takes out of memory
    struct history_ask *ask;    // owned; NULL: none
    int64_t before_ms;          // of pruning
    uint64_t n;                 // rows that are gone
    int r;                      // 0 or a failure as in history_db.h
    uint64_t duration_ns;
};
void history_work_run(struct history_work *work); // off the loop

enum history_state { HISTORY_IDLE, HISTORY_WORKING, HISTORY_CLOSED };

struct history {
    struct loop *loop; // borrowed
    uint32_t retention_days;
    enum history_state state;
    bool is_closing;
    bool is_write_due;
    bool is_prune_due;
    bool is_rest_due;
    bool is_take_soon;
    uint64_t take_ms; // to the next look
    struct history_intake intake;
    struct history_batch waiting;
    struct list asks; // in the order in which they came
    uv_work_t uv_work;
    struct history_work work;
    struct timer take;
    struct timer write;
    struct timer prune;
    struct timer rest;
    char problem[HISTORY_PROBLEM_SIZE];
    unsigned audit_sequence;
    struct history_numbers numbers;
    void (*on_closed)(void *arg);
    void *closed_arg;
};
size_t history_take_now(struct history *history); // how many messages came
void history_start_next(struct history *history); // unless something is worked at already
