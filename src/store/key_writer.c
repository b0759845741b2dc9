// SPDX-License-Identifier: MIT
// When the document is written, and what comes of it.
//
// Happy path: a commit, or counters that moved → the text is built in slices of the loop's time → a work item writes
// it → what it contains is published, its commits are called back. Changes made meanwhile wait for the next text.
// Failure modes: it cannot be written → all changes are taken back, their commits fail, counters are tried again later
// and later. The file was edited by hand → the edit is taken over; changes that were not durable yet are taken back.
// Ends when: key_writer_close() has written what was left.
#include <assert.h>
#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/key_store_internal.h"

enum { NS_PER_MS = 1000000 };

static const double write_bounds[HISTOGRAM_BOUNDS] = {5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05,
                                                      0.1,  0.2,  0.5,  1,    2,    5,    10};

static void on_worked(uv_work_t *work, int status);

void key_writer_take_stock(struct key_store *store)
{
    store->writer.durable_fingerprint = key_text_fingerprint(store);
}

// ---- work items

static void on_work(uv_work_t *work)
{
    struct key_store *store = work->data;
    file_work_run(&store->writer.item);
}

static void start_work(struct key_store *store, bool is_write)
{
    struct key_writer *w = &store->writer;
    w->state = WRITER_WORKING;
    w->item.is_write = is_write;
    w->item.is_last = w->is_last;
    w->item.text = buf_slice(&w->text.bytes);
    arena_init(&w->item.arena, 1024);
    int r = uv_queue_work(&store->loop->uv, &w->work, on_work, on_worked);
    assert(r == 0);
    (void)r;
}

// Counters that turn out not to have moved are not written again.
static bool is_worth_writing(const struct key_store *store)
{
    const struct key_writer *w = &store->writer;
    return store->log.n || w->is_stale || w->text.fingerprint != w->durable_fingerprint;
}

static void end_building(struct key_store *store)
{
    struct key_writer *w = &store->writer;
    uv_idle_stop(&w->idle);
    w->was_inflight = w->text.has_inflight;
    start_work(store, is_worth_writing(store));
}

static void build(struct key_store *store, size_t n_keys)
{
    if (!key_text_has_begun(&store->writer.text)) {
        store->writer.sequence = store->sequence;
        key_text_begin(store);
    }
    if (key_text_add(store, n_keys)) {
        end_building(store);
    }
}

static void on_idle(uv_idle_t *idle)
{
    build(idle->data, STORE_SLICE_KEYS);
}

// The text begins with the next round of the loop: what else is changed in this one goes into it, too.
static void start_building(struct key_store *store)
{
    store->writer.state = WRITER_BUILDING;
    uv_idle_start(&store->writer.idle, on_idle);
}

void key_writer_settle(struct key_store *store)
{
    if (store->writer.state == WRITER_BUILDING && key_text_has_begun(&store->writer.text)) {
        build(store, SIZE_MAX);
    }
}

// ---- what came of it

// Moves the waiting commits up to a sequence.
static void take_commits(struct key_store *store, uint64_t sequence, struct list *commits)
{
    list_init(commits);
    while (!list_is_empty(&store->waiting)) {
        struct key_store_commit *commit = CONTAINER_OF(store->waiting.next, struct key_store_commit, _link);
        if (commit->_sequence > sequence) {
            return;
        }
        list_remove(&commit->_link);
        list_append(commits, &commit->_link);
    }
}

static void call_back(struct list *commits, int r)
{
    while (!list_is_empty(commits)) {
        struct key_store_commit *commit = CONTAINER_OF(commits->next, struct key_store_commit, _link);
        list_remove(&commit->_link);
        commit->fn(commit, r);
    }
}

// All commits that wait have failed.
static void take_back(struct key_store *store, struct list *commits)
{
    take_commits(store, UINT64_MAX, commits);
    if (store->log.n) {
        key_log_undo(store);
        // Groups that came before what is undone may have told the table already.
        key_publish_membership(store);
    }
    store->writer.durable_sequence = store->sequence;
}

static void note_written_statuses(struct key_pool *pool)
{
    for (size_t i = 0; i < pool->n_listed; i++) {
        pool->keys[i]->written_status = pool->keys[i]->built_status;
    }
}

static void on_written(struct key_store *store, struct list *commits)
{
    struct key_writer *w = &store->writer;
    uint64_t duration_ns = w->text.build_ns + w->item.duration_ns;
    histogram_add(&w->numbers.writes, w->item.duration_ns);
    if (w->failure) {
        log_info(KEY_STORE_LOG, "%s/" KEY_STORE_FILE " is written again", store->folder);
    }
    w->failure = 0;
    w->retry_ms = 0;
    w->is_stale = false;
    w->durable_sequence = w->sequence;
    w->durable_fingerprint = w->text.fingerprint;
    w->next_ns = clock_monotonic_ns() + duration_ns * (STORE_BUSY_SHARE - 1);
    note_written_statuses(&store->pool);
    take_commits(store, w->sequence, commits);
    key_log_publish(store, w->sequence);
}

static void on_failed(struct key_store *store, int r, struct list *commits)
{
    struct key_writer *w = &store->writer;
    if (r != w->failure) {
        log_error(KEY_STORE_LOG, "%s/" KEY_STORE_FILE " cannot be %s: %s; what is counted stays in memory",
                  store->folder, w->item.is_write ? "written" : "read", uv_strerror(r));
    }
    w->failure = r;
    if (!w->item.is_write) {
        return;
    }
    w->numbers.n_failed++;
    w->retry_ms = w->retry_ms == 0                        ? STORE_RETRY_FIRST_MS
                  : w->retry_ms * 2 < STORE_RETRY_LAST_MS ? w->retry_ms * 2
                                                          : STORE_RETRY_LAST_MS;
    w->next_ns = clock_monotonic_ns() + w->retry_ms * NS_PER_MS;
    w->is_stale = true;
    take_back(store, commits);
}

static void on_edited(struct key_store *store, struct list *commits)
{
    struct key_writer *w = &store->writer;
    if (store->log.n) {
        log_warn(KEY_STORE_LOG, KEY_STORE_FILE " was edited by hand while it was changed here; the edit counts");
    }
    take_back(store, commits);
    pool_load_edited(store, &w->item.document);
    w->item.known = w->item.stamp;
    w->is_last = false; // what was counted meanwhile is still to be written
    log_info(KEY_STORE_LOG, KEY_STORE_FILE " was edited by hand and is in force: %zu keys, %zu groups",
             store->pool.by_id.n, store->pool.groups->n);
}

static void on_broken(struct key_store *store)
{
    struct key_writer *w = &store->writer;
    if (!durable_stamp_eq(w->item.stamp, w->broken)) {
        w->broken = w->item.stamp;
        log_warn(KEY_STORE_LOG,
                 KEY_STORE_FILE " was edited by hand and is no whole document (%.*s); the keys stay as "
                                "they were",
                 SLICE_ARG(w->item.explained));
    }
    if (w->item.is_write) {
        w->is_stale = true;
        w->is_on_hold = true;
    }
}

static void on_gone(struct key_writer *w)
{
    w->item.known = w->item.stamp;
    w->is_stale = true;
    log_warn(KEY_STORE_LOG, KEY_STORE_FILE " is gone; it is written again");
}

static void on_found(struct key_store *store, struct list *commits)
{
    struct key_writer *w = &store->writer;
    struct file_work *item = &w->item;
    if (item->is_write && item->finding == FILE_IS_OURS && item->explained.len) {
        log_error(KEY_STORE_LOG, KEY_STORE_FILE " was no whole document (%.*s)", SLICE_ARG(item->explained));
    }
    if (item->r < 0) {
        on_failed(store, item->r, commits);
        return;
    }
    switch (item->finding) {
    case FILE_IS_EDITED: on_edited(store, commits); return;
    case FILE_IS_BROKEN: on_broken(store); return;
    case FILE_IS_GONE:
        if (!item->is_write) {
            on_gone(w);
            return;
        }
        break;
    case FILE_IS_OURS: break;
    }
    if (item->is_write) {
        on_written(store, commits);
    }
}

static void close_step(struct key_store *store);

static void on_worked(uv_work_t *work, int status)
{
    struct key_store *store = work->data;
    struct key_writer *w = &store->writer;
    struct list commits;
    list_init(&commits);
    (void)status; // it is never cancelled
    w->state = WRITER_IDLE;
    on_found(store, &commits);
    int r = w->item.finding == FILE_IS_EDITED ? -EAGAIN : w->item.r;
    key_text_drop(&w->text);
    arena_deinit(&w->item.arena);
    if (w->is_closing) {
        close_step(store);
    } else {
        key_writer_poke(store);
    }
    call_back(&commits, r);
}

// ---- when

static void on_again(struct timer *timer)
{
    struct key_store *store = CONTAINER_OF(timer, struct key_store, writer.again);
    store->writer.is_on_hold = false;
    key_writer_poke(store);
}

void key_writer_poke(struct key_store *store)
{
    struct key_writer *w = &store->writer;
    if (w->state != WRITER_IDLE || list_is_empty(&store->waiting)) {
        return;
    }
    if (!w->is_on_hold) {
        start_building(store);
    } else if (!timer_is_running(&w->again)) {
        timer_start(&store->loop->timers, &w->again, STORE_EDIT_AGAIN_MS, on_again);
    }
}

// May anything have been counted since it was asked last? A pick takes a ticket, and what changes a key's standing
// tells so; what a request in flight will count shows when it has ended.
static bool may_have_moved(struct key_store *store)
{
    struct key_writer *w = &store->writer;
    uint64_t ticket = key_table_ticket(store->table);
    uint64_t changes = key_changes_now(store->table);
    bool has_moved =
        ticket != w->ticket + 1 || changes != w->changes || w->was_inflight || w->n_ticks % STORE_FULL_LOOK_TICKS == 0;
    w->ticket = ticket;
    w->changes = changes;
    return has_moved;
}

static void on_tick(struct timer *timer)
{
    struct key_store *store = CONTAINER_OF(timer, struct key_store, writer.tick);
    struct key_writer *w = &store->writer;
    timer_start(&store->loop->timers, timer, STORE_TICK_MS, on_tick);
    if (w->state != WRITER_IDLE) {
        return;
    }
    w->n_ticks++;
    w->is_on_hold = false;
    bool is_due = clock_monotonic_ns() >= w->next_ns;
    if (is_due && (store->log.n || w->is_stale || may_have_moved(store))) {
        start_building(store);
    } else {
        start_work(store, false);
    }
}

static void on_ready(struct timer *timer)
{
    struct key_store *store = CONTAINER_OF(timer, struct key_store, writer.ready);
    struct list commits;
    list_move_all(&store->ready, &commits);
    call_back(&commits, 0);
}

void key_writer_call_later(struct key_store *store)
{
    if (!timer_is_running(&store->writer.ready)) {
        timer_start(&store->loop->timers, &store->writer.ready, 0, on_ready);
    }
}

// ---- beginning and end

void key_writer_init(struct key_store *store)
{
    struct key_writer *w = &store->writer;
    uv_idle_init(&store->loop->uv, &w->idle);
    w->idle.data = store;
    w->work.data = store;
    w->item.folder = store->folder;
    histogram_init(&w->numbers.writes, write_bounds);
    timer_init(&w->tick);
    timer_init(&w->again);
    timer_init(&w->ready);
    timer_start(&store->loop->timers, &w->tick, STORE_TICK_MS, on_tick);
    may_have_moved(store); // from here on
}

static void on_idle_closed(uv_handle_t *handle)
{
    struct key_store *store = handle->data;
    struct list commits;
    list_move_all(&store->ready, &commits);
    call_back(&commits, 0);
    store->on_closed(store->closed_arg);
}

static void close_step(struct key_store *store)
{
    struct key_writer *w = &store->writer;
    if (!w->is_last) {
        w->is_last = true;
        start_building(store);
        build(store, SIZE_MAX);
        return;
    }
    w->state = WRITER_CLOSED;
    timer_cancel(&w->ready);
    uv_close((uv_handle_t *)&w->idle, on_idle_closed);
}

void key_writer_close(struct key_store *store)
{
    struct key_writer *w = &store->writer;
    w->is_closing = true;
    timer_cancel(&w->tick);
    timer_cancel(&w->again);
    if (w->state == WRITER_IDLE) {
        close_step(store);
    } else if (w->state == WRITER_BUILDING) {
        build(store, SIZE_MAX); // what is written now is followed by the last one
    }
}

const struct key_store_numbers *key_store_numbers(const struct key_store *store)
{
    return &store->writer.numbers;
}

void key_writer_deinit(struct key_store *store)
{
    assert(store->writer.state == WRITER_CLOSED);
    key_text_drop(&store->writer.text);
}
