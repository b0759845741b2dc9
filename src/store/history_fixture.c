// SPDX-License-Identifier: MIT
#include "store/history_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "store/history_internal.h"
#include "usage/request_fixture.h"

enum { LIMIT_MS = 30000, N_MODELS = 3, N_KEYS = 4, CELLS_MAX = 100000 };

static void init_rest(struct history_fixture *f)
{
    f->expected = usage_cells_new(USAGE_BY_HOUR | USAGE_BY_MODEL | USAGE_BY_KEY, CELLS_MAX);
    f->cells = usage_cells_new(USAGE_BY_HOUR | USAGE_BY_MODEL | USAGE_BY_KEY, CELLS_MAX);
    f->memory = aligned_alloc(64, HISTORY_FIXTURE_RING);
    assert_non_null(f->memory);
    memset(f->memory, 0, HISTORY_FIXTURE_RING);
    f->feed = usage_feed_new(shm_ring_of(f->memory, HISTORY_FIXTURE_RING));
    history_fixture_open(f);
}

void history_fixture_init(struct history_fixture *f)
{
    *f = (struct history_fixture){.n_told = 0};
    store_fixture_init(&f->store);
    init_rest(f);
}

void history_fixture_init_in(struct history_fixture *f, const char *folder)
{
    *f = (struct history_fixture){.n_told = 0};
    snprintf(f->store.folder, sizeof(f->store.folder), "%s", folder);
    init_rest(f);
}

void history_fixture_deinit(struct history_fixture *f)
{
    if (f->history) {
        history_fixture_close(f);
    }
    usage_feed_free(f->feed);
    usage_cells_free(f->expected);
    usage_cells_free(f->cells);
    buf_deinit(&f->json);
    buf_deinit(&f->problem);
    free(f->memory);
    store_fixture_deinit(&f->store);
}

void history_fixture_open(struct history_fixture *f)
{
    loop_init(&f->loop);
    f->history = history_new(&(struct history_options){&f->loop, f->store.folder, 30});
    history_add_ring(f->history, shm_ring_of(f->memory, HISTORY_FIXTURE_RING));
}

static void on_closed(void *arg)
{
    *(bool *)arg = true;
}

void history_fixture_close(struct history_fixture *f)
{
    bool is_closed = false;
    history_close(f->history, on_closed, &is_closed);
    assert_false(is_closed);
    loop_deinit(&f->loop);
    assert_true(is_closed);
    history_free(f->history);
    f->history = NULL;
}

// ---- telling --------------------------------------------------------------------------------------------------------

struct request_facts history_fixture_facts(unsigned number, int64_t time_ms)
{
    static const struct slice models[N_MODELS] = {SLICE_INIT("sonnet"), SLICE_INIT("gpt"), SLICE_INIT("flash")};
    static const struct slice keys[N_KEYS] = {{NULL, 0}, SLICE_INIT("key_1"), SLICE_INIT("key_2"), SLICE_INIT("key_3")};
    struct slice model = models[number % N_MODELS];
    return (struct request_facts){
        .path = SLICE("/v1/messages"),
        .model = model,
        .counted_model = model,
        .upstream_model = SLICE("upstream"),
        .endpoint = SLICE("main"),
        .key = keys[number / N_MODELS % N_KEYS],
        .client = SLICE("127.0.0.1"),
        .route = SLICE("messages"),
        .dialect = SLICE("anthropic"),
        .time_ms = time_ms,
        .ttft_ms = number % 5 ? (int64_t)(number % 700) : -1,
        .duration_ms = number % 3000,
        .usage = {number % 100, number % 10, -1, 0, 1},
        .end = number % 11 == 0   ? REQUEST_FAILED
               : number % 13 == 0 ? REQUEST_ABORTED
                                  : REQUEST_SUCCESS,
        .status = number % 11 == 0 ? 502 : 200,
        .n_attempts = 1,
    };
}

void history_fixture_tell(struct history_fixture *f, const struct request_facts *facts)
{
    usage_feed_add(f->feed, facts);
    usage_cells_count(f->expected, facts);
    f->n_told++;
}

void history_fixture_tell_some(struct history_fixture *f, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        char id[32];
        struct request_facts facts = history_fixture_facts(f->n_told, clock_wall_ms() - (int64_t)(i % 3) * 3600000);
        int len = snprintf(id, sizeof(id), "request-%u", f->n_told);
        facts.id = slice_of(id, (size_t)len);
        history_fixture_tell(f, &facts);
    }
}

// ---- waiting --------------------------------------------------------------------------------------------------------

void history_fixture_run_until(struct history_fixture *f, bool (*is_true)(struct history_fixture *f))
{
    uint64_t end_ns = clock_monotonic_ns() + (uint64_t)LIMIT_MS * 1000000;
    while (!is_true(f)) {
        if (clock_monotonic_ns() > end_ns) {
            fail_msg("waited for too long; the log says:\n%.*s", SLICE_ARG(buf_slice(&f->store.log)));
        }
        uv_run(&f->loop.uv, UV_RUN_ONCE); // the look into the rings ends it, once in a while
    }
}

bool history_fixture_is_written(struct history_fixture *f)
{
    const struct shm_ring ring = shm_ring_of(f->memory, HISTORY_FIXTURE_RING);
    return usage_feed_flush(f->feed) && shm_ring_used(&ring) == 0 && f->history->state == HISTORY_IDLE &&
           history_batch_is_empty(&f->history->waiting) && f->history->problem[0] == '\0';
}

bool history_fixture_is_settled(struct history_fixture *f)
{
    return f->history->problem[0] || history_fixture_is_written(f);
}

void history_fixture_write(struct history_fixture *f)
{
    history_take(f->history);
    history_fixture_run_until(f, history_fixture_is_written);
}

// ---- asking ---------------------------------------------------------------------------------------------------------

static bool is_answered(struct history_fixture *f)
{
    return f->is_answered;
}

static void wait_for_answer(struct history_fixture *f)
{
    assert_false(f->is_answered);
    history_fixture_run_until(f, is_answered);
}

static void begin(struct history_fixture *f)
{
    f->is_answered = false;
    buf_clear(&f->json);
    buf_clear(&f->problem);
    usage_cells_clear(f->cells);
}

static void on_usage(void *arg, const struct usage_cells *cells, struct slice problem)
{
    struct history_fixture *f = arg;
    usage_cells_add_all(f->cells, cells);
    buf_append(&f->problem, problem);
    f->is_answered = true;
}

static void on_json(void *arg, struct slice json, struct slice problem)
{
    struct history_fixture *f = arg;
    buf_append(&f->json, json);
    buf_append(&f->problem, problem);
    f->is_answered = true;
}

static void on_done(void *arg, int r, uint64_t n)
{
    struct history_fixture *f = arg;
    f->r = r;
    f->n = n;
    f->is_answered = true;
}

void history_fixture_ask_usage(struct history_fixture *f, unsigned dimensions)
{
    begin(f);
    history_usage(f->history, 0, 0, dimensions, on_usage, f);
    wait_for_answer(f);
}

void history_fixture_ask_requests(struct history_fixture *f, const struct request_filter *filter)
{
    begin(f);
    history_requests(f->history, filter, on_json, f);
    wait_for_answer(f);
}

void history_fixture_ask_request(struct history_fixture *f, const char *id)
{
    begin(f);
    history_request(f->history, slice_from_cstr(id), on_json, f);
    wait_for_answer(f);
}

void history_fixture_ask_audit(struct history_fixture *f, size_t limit, int64_t before_ms)
{
    begin(f);
    history_audit(f->history, limit, before_ms, on_json, f);
    wait_for_answer(f);
}

void history_fixture_reset(struct history_fixture *f)
{
    begin(f);
    history_reset(f->history, on_done, f);
    wait_for_answer(f);
}

void history_fixture_cleanup(struct history_fixture *f, int64_t before_ms, const struct slice *ids, size_t n_ids)
{
    begin(f);
    history_cleanup(f->history, before_ms, ids, n_ids, on_done, f);
    wait_for_answer(f);
}

void history_fixture_assert_exact(struct history_fixture *f)
{
    usage_feed_flush(f->feed);
    history_fixture_ask_usage(f, USAGE_BY_HOUR | USAGE_BY_MODEL | USAGE_BY_KEY);
    request_fixture_assert_same_cells(f->cells, f->expected);
}

void history_fixture_assert_problem(struct history_fixture *f, const char *part)
{
    if (slice_find(history_problem(f->history), slice_from_cstr(part)) == SLICE_NOT_FOUND) {
        fail_msg("\"%s\" is not in the problem \"%s\"", part, f->history->problem);
    }
}

int64_t history_fixture_number(struct history_fixture *f, const char *sql)
{
    char path[128];
    sqlite3 *sqlite;
    sqlite3_stmt *statement;
    snprintf(path, sizeof(path), "%s/" HISTORY_FILE, f->store.folder);
    assert_int_equal(sqlite3_open_v2(path, &sqlite, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(sqlite, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    assert_int_equal(sqlite3_close(sqlite), SQLITE_OK);
    return number;
}
