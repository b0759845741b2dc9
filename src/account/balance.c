// SPDX-License-Identifier: MIT
// Happy path of a run: its keys take their turns → balance_fetch → balance_book → with the last key the document is
// written → the callback. Failure modes: of a key that cannot be asked or does not answer the reason is noted; one that
// is gone meanwhile is left out; what cannot be written stays in memory. Ends when: the document is written.
#include "account/balance.h"

#include <assert.h>

#include "account/balance_book.h"
#include "account/balance_fetch.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"

enum {
    FETCHES_MAX = 50,
    FAILURES_MAX = 10, // of a busy provider in a row: from then on nothing is asked twice
    PACE_MS = 1000,
    INTERVAL_CHECK_MS = 60 * 1000,
    FIRST_CHECK_MS = 1000,
};

struct balance_sync {
    struct balance_sync_options options;
    struct balance_book *book; // owned

    struct arena memory; // of the settings
    struct slice base_url;
    struct slice user_agent;
    bool is_enabled;
    int64_t interval_ms;
    uint32_t batch_size;

    struct list runs;
    struct balance_run *full; // whose turn it is to ask for all; NULL: nobody's
    struct list queries;
    size_t n_running;
    size_t n_allowed; // to begin before the next beat of the pace
    size_t n_failures_in_row;
    struct timer kick;
    struct timer pace;
    struct timer interval;
    bool is_closed;
};

struct balance_run {
    struct list link; // of the sync
    struct balance_sync *sync;
    struct arena memory;
    struct slice *ids;
    size_t n_ids;
    size_t next; // not yet begun
    size_t n_running;
    struct slice *failed;
    size_t n_failed;
    size_t n_success;
    bool is_full;
    bool is_fetched;        // only the document is missing
    uint64_t begun_version; // of the book
    uint64_t version;       // that must be written before it ends
    void (*fn)(void *arg, const struct balance_result *result);
    void *arg;
};

// One key of a run that is being asked for.
struct query {
    struct list link; // of the sync
    struct balance_fetch fetch;
    struct balance_run *run;
    char *id; // owned
    uint32_t slot;
    uint32_t identity;
};

/* Steps, in the order they happen */
static void on_pace(struct timer *timer);
static void pump(struct balance_sync *sync);
static void begin_next(struct balance_run *run);
static void on_fetched(struct balance_fetch *fetch, enum balance_outcome outcome, const struct balance *balance,
                       struct slice reason);
static void settle(struct balance_sync *sync);

// ---- the end of runs ------------------------------------------------------------------------------------------------

static void run_free(struct balance_run *run)
{
    list_remove(&run->link);
    arena_deinit(&run->memory);
    mem_free(run);
}

static void note_fetched(struct balance_run *run)
{
    struct balance_book *book = run->sync->book;
    if (run->is_full) {
        balance_book_set_last_full_sync(book, clock_wall_ms());
        log_info("account", "balances: %zu of %zu keys answered", run->n_success, run->n_ids);
    }
    run->sync->full = run->sync->full == run ? NULL : run->sync->full;
    run->is_fetched = true;
    run->version = balance_book_version(book);
}

// Of the runs, one that has come to its end; *wants_write_r: one waits for the document.
static struct balance_run *find_ended(struct balance_sync *sync, bool *wants_write_r)
{
    uint64_t written = balance_book_written_version(sync->book);
    *wants_write_r = false;
    for (struct list *at = sync->runs.next; at != &sync->runs; at = at->next) {
        struct balance_run *run = CONTAINER_OF(at, struct balance_run, link);
        if (!run->is_fetched && run->next == run->n_ids && run->n_running == 0) {
            note_fetched(run);
        }
        if (run->is_fetched && run->version <= written) {
            return run;
        }
        *wants_write_r |= run->is_fetched;
    }
    return NULL;
}

// Callbacks may begin runs, or close everything.
static void settle(struct balance_sync *sync)
{
    bool wants_write = false;
    for (struct balance_run *run; !sync->is_closed && (run = find_ended(sync, &wants_write));) {
        struct balance_result result = {run->n_ids, run->n_success, run->failed, run->n_failed};
        list_remove(&run->link);
        if (run->fn) {
            run->fn(run->arg, &result);
        }
        run_free(run);
    }
    if (!sync->is_closed) {
        balance_book_save(sync->book, wants_write);
    }
}

static void on_written(void *arg)
{
    settle(arg);
}

// ---- one key --------------------------------------------------------------------------------------------------------

static void query_free(struct query *query)
{
    list_remove(&query->link);
    mem_free(query->id);
    mem_free(query);
}

static bool is_still_there(const struct query *query)
{
    const struct balance_sync_options *options = &query->run->sync->options;
    return atomic_load(&key_of(options->table, query->slot)->identity) == query->identity &&
           key_store_find(options->store, slice_from_cstr(query->id)) != NULL;
}

static void note_failed(struct balance_run *run, struct slice id)
{
    run->failed[run->n_failed++] = arena_dup(&run->memory, id);
}

static void on_fetched(struct balance_fetch *fetch, enum balance_outcome outcome, const struct balance *balance,
                       struct slice reason)
{
    struct query *query = CONTAINER_OF(fetch, struct query, fetch);
    struct balance_run *run = query->run;
    struct balance_sync *sync = run->sync;
    struct slice id = slice_from_cstr(query->id);
    bool is_there = is_still_there(query);
    sync->n_failures_in_row = outcome == BALANCE_BUSY ? sync->n_failures_in_row + 1 : 0;
    if (is_there && balance) {
        balance_book_put(sync->book, id, query->slot, balance);
        run->n_success++;
    } else {
        note_failed(run, id);
    }
    if (is_there && !balance) {
        balance_book_put_failure(sync->book, id, reason);
    }
    query_free(query);
    run->n_running--;
    sync->n_running--;
    pump(sync);
    settle(sync);
}

static bool has_balance(const struct key_record *record)
{
    return slice_eq(record->provider, key_provider_name(KEY_FACTORY));
}

static void start_query(struct balance_run *run, const struct key_record *record)
{
    struct balance_sync *sync = run->sync;
    struct key_settings settings;
    struct query *query = mem_zalloc(sizeof(*query));
    key_table_settings(sync->options.table, &settings);
    query->run = run;
    query->id = mem_alloc(record->id.len + 1);
    memcpy(query->id, record->id.ptr, record->id.len);
    query->id[record->id.len] = '\0';
    query->slot = record->slot;
    query->identity = atomic_load(&key_of(sync->options.table, record->slot)->identity);
    list_append(&sync->queries, &query->link);
    run->n_running++;
    sync->n_running++;
    sync->n_allowed--;
    balance_fetch_start(&query->fetch,
                        &(struct balance_fetch_options){
                            .loop = sync->options.loop,
                            .client = sync->options.client,
                            .base_url = sync->base_url,
                            .user_agent = sync->user_agent,
                            .secret = record->secret,
                            .timeout_ms = settings.request_timeout_ms,
                            .n_tries = sync->n_failures_in_row < FAILURES_MAX ? BALANCE_TRIES_MAX : 1,
                        },
                        on_fetched);
}

// What another run has found out since this one was asked for need not be asked again.
static bool is_answered(struct balance_run *run, struct slice id)
{
    const struct balance *known = balance_book_find(run->sync->book, id);
    if (!run->is_full || !balance_book_is_newer(run->sync->book, id, run->begun_version)) {
        return false;
    }
    if (known->is_success) {
        run->n_success++;
    } else {
        note_failed(run, id);
    }
    return true;
}

static void begin_next(struct balance_run *run)
{
    struct slice id = run->ids[run->next++];
    const struct key_record *record = key_store_find(run->sync->options.store, id);
    if (is_answered(run, id)) {
        return;
    }
    if (record && record->slot != KEY_NO_SLOT && has_balance(record) && slice_is_visible(record->secret)) {
        start_query(run, record);
    } else {
        note_failed(run, id);
    }
}

// ---- whose turn it is -----------------------------------------------------------------------------------------------

// Runs take turns, but those for all keys come one after the other, since the first one brings the others most of what
// they want. NULL: nothing is left to begin.
static struct balance_run *next_run(struct balance_sync *sync)
{
    for (struct list *at = sync->runs.next; at != &sync->runs; at = at->next) {
        struct balance_run *run = CONTAINER_OF(at, struct balance_run, link);
        bool must_wait = run->is_full && sync->full && sync->full != run;
        if (run->next < run->n_ids && !must_wait) {
            sync->full = run->is_full ? run : sync->full;
            list_remove(&run->link);
            list_append(&sync->runs, &run->link);
            return run;
        }
    }
    return NULL;
}

static void pump(struct balance_sync *sync)
{
    struct key_settings settings;
    struct balance_run *run;
    key_table_settings(sync->options.table, &settings);
    size_t limit = settings.concurrent_limit < FETCHES_MAX ? settings.concurrent_limit : FETCHES_MAX;
    while (sync->n_allowed > 0 && sync->n_running < (limit ? limit : 1) && (run = next_run(sync))) {
        begin_next(run);
    }
}

static void beat(struct balance_sync *sync)
{
    sync->n_allowed = sync->batch_size;
    if (!list_is_empty(&sync->runs)) {
        timer_start(&sync->options.loop->timers, &sync->pace, PACE_MS, on_pace);
    }
}

static void on_pace(struct timer *timer)
{
    struct balance_sync *sync = CONTAINER_OF(timer, struct balance_sync, pace);
    beat(sync);
    pump(sync);
    settle(sync);
}

// A run has been added: it takes what the present second still allows.
static void on_kick(struct timer *timer)
{
    struct balance_sync *sync = CONTAINER_OF(timer, struct balance_sync, kick);
    if (!timer_is_running(&sync->pace)) {
        beat(sync);
    }
    pump(sync);
    settle(sync);
}

static void on_interval(struct timer *timer)
{
    struct balance_sync *sync = CONTAINER_OF(timer, struct balance_sync, interval);
    int64_t since_ms = clock_wall_ms() - balance_book_last_full_sync_ms(sync->book);
    bool is_due = since_ms < 0 || since_ms >= sync->interval_ms;
    timer_start(&sync->options.loop->timers, timer, INTERVAL_CHECK_MS, on_interval);
    if (sync->is_enabled && is_due && list_is_empty(&sync->runs)) {
        balance_sync_run(sync, NULL, 0, NULL, NULL);
    }
}

// ---- what others see ------------------------------------------------------------------------------------------------

static bool is_usable(const struct balance_sync *sync, const struct key_record *record)
{
    return record->slot != KEY_NO_SLOT && atomic_load(&key_of(sync->options.table, record->slot)->status) == KEY_ACTIVE;
}

static void take_all(struct balance_run *run)
{
    const struct key_store *store = run->sync->options.store;
    size_t n_keys = key_store_n_keys(store);
    run->ids = arena_alloc(&run->memory, (n_keys + 1) * sizeof(*run->ids));
    for (size_t i = 0; i < n_keys; i++) {
        const struct key_record *record = key_store_key(store, i);
        if (has_balance(record) && is_usable(run->sync, record)) {
            run->ids[run->n_ids++] = arena_dup(&run->memory, record->id);
        }
    }
}

static void take_given(struct balance_run *run, const struct slice *ids, size_t n_ids)
{
    run->ids = arena_alloc(&run->memory, n_ids * sizeof(*run->ids));
    for (size_t i = 0; i < n_ids; i++) {
        run->ids[run->n_ids++] = arena_dup(&run->memory, ids[i]);
    }
}

struct balance_run *balance_sync_run(struct balance_sync *sync, const struct slice *ids, size_t n_ids,
                                     void (*fn)(void *arg, const struct balance_result *result), void *arg)
{
    struct balance_run *run = mem_zalloc(sizeof(*run));
    assert(!sync->is_closed);
    arena_init(&run->memory, 1024);
    run->sync = sync;
    run->fn = fn;
    run->arg = arg;
    run->is_full = n_ids == 0;
    run->begun_version = balance_book_version(sync->book);
    if (run->is_full) {
        take_all(run);
    } else {
        take_given(run, ids, n_ids);
    }
    run->failed = arena_alloc(&run->memory, (run->n_ids + 1) * sizeof(*run->failed));
    list_append(&sync->runs, &run->link);
    timer_start(&sync->options.loop->timers, &sync->kick, 0, on_kick);
    return run;
}

void balance_run_forget(struct balance_run *run)
{
    run->fn = NULL;
}

const struct balance *balance_find(const struct balance_sync *sync, struct slice key_id)
{
    return balance_book_find(sync->book, key_id);
}

struct balance_summary balance_summary(const struct balance_sync *sync)
{
    return balance_book_summary(sync->book);
}

int64_t balance_last_full_sync_ms(const struct balance_sync *sync)
{
    return balance_book_last_full_sync_ms(sync->book);
}

size_t balance_cleanup(struct balance_sync *sync, int64_t before_ms)
{
    size_t n = balance_book_cleanup(sync->book, before_ms);
    balance_book_save(sync->book, true);
    return n;
}

void balance_forget_all(struct balance_sync *sync)
{
    balance_book_forget_all(sync->book);
    balance_book_save(sync->book, true);
}

struct balance_sync *balance_sync_new(const struct balance_sync_options *options)
{
    struct balance_sync *sync = mem_zalloc(sizeof(*sync));
    struct balance_book_options book = {
        options->loop, options->store, options->table, options->folder, on_written, sync,
    };
    sync->options = *options;
    arena_init(&sync->memory, 256);
    list_init(&sync->runs);
    list_init(&sync->queries);
    timer_init(&sync->kick);
    timer_init(&sync->pace);
    timer_init(&sync->interval);
    sync->book = balance_book_open(&book);
    return sync;
}

void balance_sync_set_config(struct balance_sync *sync, const struct config *config)
{
    const struct config_balance_sync *settings = &config->balance_sync;
    arena_deinit(&sync->memory);
    sync->base_url = arena_dup(&sync->memory, settings->base_url);
    sync->user_agent = arena_dup(&sync->memory, config->user_agent);
    sync->is_enabled = settings->enabled;
    sync->interval_ms = (int64_t)settings->interval_minutes * 60 * 1000;
    sync->batch_size = settings->batch_size ? settings->batch_size : 1;
    timer_start(&sync->options.loop->timers, &sync->interval, FIRST_CHECK_MS, on_interval);
}

void balance_sync_close(struct balance_sync *sync)
{
    sync->is_closed = true;
    timer_cancel(&sync->kick);
    timer_cancel(&sync->pace);
    timer_cancel(&sync->interval);
    while (!list_is_empty(&sync->queries)) {
        struct query *query = CONTAINER_OF(sync->queries.next, struct query, link);
        balance_fetch_cancel(&query->fetch);
        query_free(query);
    }
    balance_book_close(sync->book);
}

void balance_sync_free(struct balance_sync *sync)
{
    if (!sync) {
        return;
    }
    while (!list_is_empty(&sync->runs)) {
        run_free(CONTAINER_OF(sync->runs.next, struct balance_run, link));
    }
    balance_book_free(sync->book);
    arena_deinit(&sync->memory);
    mem_free(sync);
}
