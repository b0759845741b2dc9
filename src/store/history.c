// SPDX-License-Identifier: MIT
// When the database is worked at, and what comes of it. One thing at a time.
//
// Happy path: a timer looks into the rings → what is there waits → a moment later one work item writes it all. Asks
// stand in a line behind it; each answer has in it what waits when it is given.
// Failure modes: the database cannot be used → what was to be written waits again, the log says it once, and each
// second it is tried again until it goes.
// Ends when: history_close() has tried to write what was left, once.
#include <assert.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/history_internal.h"
#include "store/write_bounds.h"

enum { MS_PER_DAY = 24 * 3600 * 1000 };

static void on_write_due(struct timer *timer);

struct history *history_new(const struct history_options *options)
{
    struct history *history = mem_zalloc(sizeof(*history));
    history->loop = options->loop;
    history->retention_days = options->retention_days;
    history->take_ms = HISTORY_TAKE_MS;
    history->uv_work.data = history;
    histogram_init(&history->numbers.writes, store_write_bounds);
    history_intake_init(&history->intake);
    history_batch_init(&history->waiting);
    history_db_init(&history->work.db, options->folder);
    list_init(&history->asks);
    timer_init(&history->take);
    timer_init(&history->write);
    timer_init(&history->prune);
    timer_init(&history->rest);
    return history;
}

// Asks that nobody will answer.
static void forget_all(struct history *history)
{
    while (!list_is_empty(&history->asks)) {
        history_ask_free(CONTAINER_OF(history->asks.next, struct history_ask, link));
    }
    if (history->work.ask) {
        history->work.ask->is_forgotten = true;
    }
}

void history_free(struct history *history)
{
    if (history) {
        assert(history->state == HISTORY_CLOSED);
        forget_all(history);
        history_batch_deinit(&history->waiting);
        history_intake_deinit(&history->intake);
        history_db_deinit(&history->work.db);
        mem_free(history);
    }
}

// ---- what came of it ------------------------------------------------------------------------------------------------

static void log_notes(struct history_db *db)
{
    struct slice rest = buf_slice(&db->notes);
    while (rest.len) {
        struct slice line = slice_split(&rest, '\n');
        log_warn(HISTORY_LOG, "%.*s", SLICE_ARG(line));
    }
    buf_deinit(&db->notes);
}

static bool is_write(enum history_task task)
{
    return task == HISTORY_WRITE || task == HISTORY_LAST_WRITE;
}

static void note_failure(struct history *history)
{
    const char *problem = history->work.db.problem;
    if (strcmp(history->problem, problem) != 0) {
        memcpy(history->problem, problem, sizeof(history->problem));
        log_warn(HISTORY_LOG, "%s; what is to be written is kept in memory as far as there is room", problem);
    }
    if (!timer_is_running(&history->write)) {
        timer_start(&history->loop->timers, &history->write, HISTORY_RETRY_MS, on_write_due);
    }
}

// That something can be read does not mean that writing goes, too.
static void note_success(struct history *history)
{
    if (history->problem[0] && is_write(history->work.task)) {
        history->problem[0] = '\0';
        log_info(HISTORY_LOG, HISTORY_FILE " is written again");
    }
}

static void end_write(struct history *history)
{
    struct history_work *work = &history->work;
    if (!history_batch_is_empty(&work->batch)) { // else it was only tried whether it goes
        history->numbers.n_writes_failed += work->r != SQLITE_OK;
        if (work->r == SQLITE_OK) {
            histogram_add(&history->numbers.writes, work->duration_ns);
        }
    }
    if (work->r != SQLITE_OK) {
        struct history_dropped dropped = history_batch_put_back(&history->waiting, &work->batch);
        history->intake.n_requests_lost += dropped.n_requests;
        history->numbers.n_audit_lost += dropped.n_audit;
    }
    history_batch_deinit(&work->batch);
}

// What waited counts as removed, too.
static void end_reset(struct history *history)
{
    struct history_work *work = &history->work;
    if (work->r == SQLITE_OK) {
        work->ask->n += usage_cells_n(work->batch.cells);
    } else {
        history_batch_put_back(&history->waiting, &work->batch);
    }
    history_batch_deinit(&work->batch);
}

static void on_prune_due(struct timer *timer);

static void end_prune(struct history *history)
{
    bool has_more = history->work.r == SQLITE_OK && history->work.n;
    timer_start(&history->loop->timers, &history->prune, has_more ? HISTORY_PRUNE_PIECE_MS : HISTORY_PRUNE_MS,
                on_prune_due);
}

static void end_ask(struct history *history)
{
    struct history_ask *ask = history->work.ask;
    history->work.ask = NULL;
    if (history->work.r == SQLITE_OK && ask->has_more && !history->is_closing) {
        list_append(&history->asks, &ask->link);
    } else if (ask->is_forgotten) {
        history_ask_free(ask);
    } else {
        history_take_now(history);
        history_ask_answer(ask, history->work.r == SQLITE_OK ? SLICE_EMPTY : slice_from_cstr(history->work.db.problem));
    }
}

static void on_rest_due(struct timer *timer)
{
    struct history *history = CONTAINER_OF(timer, struct history, rest);
    history->is_rest_due = true;
    history_start_next(history);
}

static void on_worked(struct history *history)
{
    struct history_work *work = &history->work;
    history->state = HISTORY_IDLE;
    log_notes(&work->db);
    if (work->r != SQLITE_OK) {
        note_failure(history);
    } else {
        note_success(history);
    }
    if (is_write(work->task)) {
        end_write(history);
    } else if (work->task == HISTORY_RESET) {
        end_reset(history);
    } else if (work->task == HISTORY_PRUNE) {
        end_prune(history);
    }
    if (work->task != HISTORY_REST) {
        history->is_rest_due = false;
        timer_start(&history->loop->timers, &history->rest, HISTORY_REST_MS, on_rest_due);
    }
}

static void end_close(struct history *history)
{
    timer_cancel(&history->take);
    timer_cancel(&history->write);
    timer_cancel(&history->prune);
    timer_cancel(&history->rest);
    if (!history_batch_is_empty(&history->waiting)) {
        log_warn(HISTORY_LOG, "%s; what waited is lost: %zu sums, %zu requests, %zu audit entries", history->problem,
                 usage_cells_n(history->waiting.cells), history->waiting.n_plain + history->waiting.n_failed,
                 history->waiting.n_audit);
    }
    history->state = HISTORY_CLOSED;
    history->on_closed(history->closed_arg);
}

// ---- what is next ---------------------------------------------------------------------------------------------------

static void run(uv_work_t *uv_work)
{
    struct history *history = uv_work->data;
    history_work_run(&history->work);
}

// An answer may lead to the end of the history: it comes last.
static void on_run(uv_work_t *uv_work, int status)
{
    struct history *history = uv_work->data;
    (void)status; // it is never cancelled
    on_worked(history);
    if (history->work.task == HISTORY_LAST_WRITE) {
        end_close(history);
        return;
    }
    if (history->work.ask) {
        end_ask(history);
    }
    history_start_next(history);
}

static void start(struct history *history, enum history_task task, struct history_ask *ask)
{
    struct history_work *work = &history->work;
    history->state = HISTORY_WORKING;
    work->task = task;
    work->ask = ask;
    int r = uv_queue_work(&history->loop->uv, &history->uv_work, run, on_run);
    assert(r == 0);
    (void)r;
}

static void start_write(struct history *history, enum history_task task)
{
    history_take_now(history);
    history->is_write_due = false;
    timer_cancel(&history->write);
    history_batch_take_all(&history->waiting, &history->work.batch);
    start(history, task, NULL);
}

static void start_ask(struct history *history)
{
    struct history_ask *ask = CONTAINER_OF(history->asks.next, struct history_ask, link);
    list_remove(&ask->link);
    history_take_now(history);
    if (ask->task == HISTORY_RESET) {
        history_batch_take_cells(&history->waiting, &history->work.batch);
    }
    history_ask_prepare(ask);
    start(history, ask->task, ask);
}

static void start_prune(struct history *history)
{
    history->is_prune_due = false;
    history->work.before_ms = clock_wall_ms() - (int64_t)history->retention_days * MS_PER_DAY;
    start(history, HISTORY_PRUNE, NULL);
}

void history_start_next(struct history *history)
{
    if (history->state != HISTORY_IDLE) {
        return;
    }
    if (history->is_closing) {
        start_write(history, HISTORY_LAST_WRITE);
    } else if (history->is_write_due) {
        start_write(history, HISTORY_WRITE);
    } else if (!list_is_empty(&history->asks)) {
        start_ask(history);
    } else if (history->is_prune_due) {
        start_prune(history);
    } else if (history->is_rest_due) {
        history->is_rest_due = false;
        start(history, HISTORY_REST, NULL);
    }
}

// ---- when -----------------------------------------------------------------------------------------------------------

static void on_write_due(struct timer *timer)
{
    struct history *history = CONTAINER_OF(timer, struct history, write);
    history->is_write_due = true;
    history_start_next(history);
}

static void on_prune_due(struct timer *timer)
{
    struct history *history = CONTAINER_OF(timer, struct history, prune);
    history->is_prune_due = true;
    history_start_next(history);
}

static void plan_write(struct history *history)
{
    bool is_planned = timer_is_running(&history->write) || history->is_write_due || history->is_closing;
    if (!is_planned && !history_batch_is_empty(&history->waiting)) {
        timer_start(&history->loop->timers, &history->write, HISTORY_WRITE_MS, on_write_due);
        if (!timer_is_running(&history->prune)) {
            timer_start(&history->loop->timers, &history->prune, HISTORY_PRUNE_FIRST_MS, on_prune_due);
        }
    }
}

size_t history_take_now(struct history *history)
{
    size_t n = history_intake_take(&history->intake, &history->waiting, loop_now_ms(history->loop), clock_wall_ms());
    plan_write(history);
    return n;
}

static void on_take(struct timer *timer)
{
    struct history *history = CONTAINER_OF(timer, struct history, take);
    size_t n = history_take_now(history);
    history->is_take_soon = false;
    history->take_ms = n                                             ? HISTORY_TAKE_MS
                       : 2 * history->take_ms < HISTORY_TAKE_IDLE_MS ? 2 * history->take_ms
                                                                     : HISTORY_TAKE_IDLE_MS;
    timer_start(&history->loop->timers, timer, history->take_ms, on_take);
}

void history_take(struct history *history)
{
    if (!history->is_take_soon && !history->is_closing) {
        history->is_take_soon = true;
        timer_start(&history->loop->timers, &history->take, 0, on_take);
    }
}

void history_add_ring(struct history *history, struct shm_ring ring)
{
    history_intake_add_ring(&history->intake, ring);
    history_take(history);
}

void history_add_audit(struct history *history, const struct history_audit_entry *entry)
{
    history->numbers.n_audit_lost += history_batch_add_audit(&history->waiting, entry, history->audit_sequence++);
    plan_write(history);
}

void history_set_retention(struct history *history, uint32_t days)
{
    history->retention_days = days;
}

struct slice history_problem(const struct history *history)
{
    return slice_from_cstr(history->problem);
}

struct history_numbers history_numbers(const struct history *history)
{
    struct history_numbers numbers = history->numbers;
    numbers.n_requests_lost = history->intake.n_requests_lost;
    return numbers;
}

void history_close(struct history *history, void (*on_closed)(void *arg), void *arg)
{
    assert(!history->is_closing);
    history->is_closing = true;
    history->on_closed = on_closed;
    history->closed_arg = arg;
    forget_all(history);
    history_take_now(history);
    history_start_next(history);
}
