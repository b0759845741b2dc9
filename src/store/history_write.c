// SPDX-License-Identifier: MIT
#include "store/history_write.h"

#include "base/fnv.h"

enum {
    ARENA_SIZE = 2048,
    HASHES_MAX = 1 + 3 + 1 + REQUEST_TRAIL_MAX,
    NUMBER_TRIES = 64,
    TRIM_ROWS = 2000,
    STEP_HOURS = 24
};

// Ends what history_db_exec(db, "BEGIN IMMEDIATE") began.
static int end_transaction(struct history_db *db, int r)
{
    return r == SQLITE_OK ? history_db_exec(db, "COMMIT") : r;
}

// ---- sums -----------------------------------------------------------------------------------------------------------

static const char add_usage[] =
    "INSERT INTO usage VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17)"
    "ON CONFLICT(hour,model,key)DO UPDATE SET requests=requests+excluded.requests,success=success+excluded.success,"
    "failed=failed+excluded.failed,aborted=aborted+excluded.aborted,partial=partial+excluded.partial,"
    "attempts=attempts+excluded.attempts,failed_attempts=failed_attempts+excluded.failed_attempts,"
    "input=input+excluded.input,output=output+excluded.output,reasoning=reasoning+excluded.reasoning,"
    "cache_read=cache_read+excluded.cache_read,cache_write=cache_write+excluded.cache_write,"
    "duration=merge_latency(duration,excluded.duration),first_token=merge_latency(first_token,excluded.first_token)";

static void bind_counts(sqlite3_stmt *statement, int at, const struct usage_counts *counts)
{
    const uint64_t values[] = {counts->requests, counts->success,   counts->failed,          counts->aborted,
                               counts->partial,  counts->attempts,  counts->failed_attempts, counts->input,
                               counts->output,   counts->reasoning, counts->cache_read,      counts->cache_write};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        sqlite3_bind_int64(statement, at + (int)i, values[i] <= INT64_MAX ? (int64_t)values[i] : INT64_MAX);
    }
}

static void bind_latency(sqlite3_stmt *statement, int at, const struct latency_histogram *histogram, struct buf *bytes)
{
    buf_clear(bytes);
    if (histogram->n) {
        latency_encode(histogram, bytes);
        history_db_bind_blob(statement, at, buf_slice(bytes));
    } else {
        sqlite3_bind_null(statement, at);
    }
}

static int write_cells(struct history_db *db, const struct usage_cells *cells)
{
    sqlite3_stmt *statement;
    struct buf duration = BUF_EMPTY;
    struct buf first_token = BUF_EMPTY;
    size_t n = usage_cells_n(cells);
    int r = history_db_prepare(db, add_usage, &statement);
    for (size_t i = 0; r == SQLITE_OK && i < n; i++) {
        const struct usage_cell *cell = usage_cells_at(cells, i);
        sqlite3_bind_int64(statement, 1, cell->hour);
        history_db_bind_text(statement, 2, cell->model);
        history_db_bind_text(statement, 3, cell->key);
        bind_counts(statement, 4, &cell->counts);
        bind_latency(statement, 16, &cell->duration, &duration);
        bind_latency(statement, 17, &cell->first_token, &first_token);
        r = history_db_run(db, statement);
    }
    sqlite3_finalize(statement);
    buf_deinit(&duration);
    buf_deinit(&first_token);
    return r;
}

// ---- rows with a number ---------------------------------------------------------------------------------------------

// Inserts a row whose other values are bound. *n_r is its number: `n`, or the next one that is free; untouched where
// none is.
static int insert(struct history_db *db, sqlite3_stmt *statement, int64_t n, int64_t *n_r)
{
    int r = SQLITE_OK;
    for (int64_t i = 0; r == SQLITE_OK && i < NUMBER_TRIES; i++) {
        sqlite3_bind_int64(statement, 1, n + i);
        r = history_db_run(db, statement);
        if (sqlite3_changes(db->sqlite)) {
            *n_r = n + i;
            return r;
        }
    }
    return r;
}

// ---- requests -------------------------------------------------------------------------------------------------------

static uint32_t hash(char kind, struct slice text)
{
    uint64_t hash = fnv_add(fnv_add(FNV_START, slice_of(&kind, 1)), text);
    return (uint32_t)(hash ^ hash >> 32);
}

uint32_t history_hash_id(struct slice id)
{
    return hash('i', request_text_cut(id, REQUEST_ID_MAX));
}

uint32_t history_hash_model(struct slice model)
{
    return hash('m', request_text_cut(model, REQUEST_MODEL_MAX));
}

uint32_t history_hash_key(struct slice key)
{
    return hash('k', request_text_cut(key, REQUEST_KEY_MAX));
}

static size_t add_hash(uint32_t *hashes, size_t n, uint32_t hash)
{
    for (size_t i = 0; i < n; i++) {
        if (hashes[i] == hash) {
            return n;
        }
    }
    hashes[n] = hash;
    return n + 1;
}

static size_t hashes_of(const struct request_facts *facts, uint32_t hashes[HASHES_MAX])
{
    size_t n = add_hash(hashes, 0, history_hash_id(facts->id));
    n = add_hash(hashes, n, history_hash_model(facts->model));
    n = add_hash(hashes, n, history_hash_model(facts->counted_model));
    n = add_hash(hashes, n, history_hash_model(facts->upstream_model));
    n = add_hash(hashes, n, history_hash_key(facts->key));
    for (uint32_t i = 0; i < facts->trail.n && n < HASHES_MAX; i++) {
        struct slice key = facts->trail.entries[i].key;
        n = key.len ? add_hash(hashes, n, history_hash_key(key)) : n;
    }
    return n;
}

struct request_writer {
    sqlite3_stmt *request;
    sqlite3_stmt *mark;
    struct arena arena;
};

static int write_request(struct history_db *db, struct request_writer *writer, const struct history_request *request)
{
    struct request_facts facts;
    uint32_t hashes[HASHES_MAX];
    int64_t n = -1;
    if (!request_record_decode(slice_of(request->record, request->len), &writer->arena, &facts)) {
        return SQLITE_OK;
    }
    history_db_bind_blob(writer->request, 2, slice_of(request->record, request->len));
    int r = insert(db, writer->request, request->n, &n);
    if (r != SQLITE_OK || n < 0) {
        return r;
    }
    size_t n_hashes = hashes_of(&facts, hashes);
    sqlite3_bind_int64(writer->mark, 1, n);
    sqlite3_bind_int64(writer->mark, 2, facts.status);
    history_db_bind_blob(writer->mark, 3, slice_of((const char *)hashes, n_hashes * sizeof(hashes[0])));
    db->n_marks++;
    return history_db_run(db, writer->mark);
}

static int write_list(struct history_db *db, struct request_writer *writer, const struct list *requests)
{
    int r = SQLITE_OK;
    for (const struct list *at = requests->next; r == SQLITE_OK && at != requests; at = at->next) {
        r = write_request(db, writer, CONTAINER_OF(at, const struct history_request, link));
        arena_reset(&writer->arena);
    }
    return r;
}

static int write_requests(struct history_db *db, const struct history_batch *batch)
{
    struct request_writer writer = {.request = NULL};
    arena_init(&writer.arena, ARENA_SIZE);
    int r = history_db_prepare(db, "INSERT INTO request VALUES(?,?)ON CONFLICT DO NOTHING", &writer.request);
    if (r == SQLITE_OK) {
        r = history_db_prepare(db, "INSERT OR REPLACE INTO request_mark VALUES(?,?,?)", &writer.mark);
    }
    if (r == SQLITE_OK) {
        r = write_list(db, &writer, &batch->plain);
    }
    if (r == SQLITE_OK) {
        r = write_list(db, &writer, &batch->failed);
    }
    sqlite3_finalize(writer.request);
    sqlite3_finalize(writer.mark);
    arena_deinit(&writer.arena);
    return r;
}

// ---- audit entries --------------------------------------------------------------------------------------------------

static int write_line(struct history_db *db, sqlite3_stmt *statement, const struct history_audit_line *line)
{
    int64_t n = line->n;
    for (int i = 0; i < HISTORY_AUDIT_TEXTS; i++) {
        history_db_bind_text(statement, 2 + i, line->texts[i]);
    }
    return insert(db, statement, n, &n);
}

static int write_audit(struct history_db *db, const struct list *audit)
{
    sqlite3_stmt *statement;
    int r = history_db_prepare(db, "INSERT INTO audit VALUES(?,?,?,?,?,?)ON CONFLICT DO NOTHING", &statement);
    for (const struct list *at = audit->next; r == SQLITE_OK && at != audit; at = at->next) {
        r = write_line(db, statement, CONTAINER_OF(at, const struct history_audit_line, link));
    }
    sqlite3_finalize(statement);
    return r;
}

// ---- removing -------------------------------------------------------------------------------------------------------

// Runs a statement whose parameters are all numbers, and counts the rows that it changed.
static int run_counted(struct history_db *db, const char *sql, const int64_t *numbers, int n_numbers, uint64_t *n_r)
{
    sqlite3_stmt *statement;
    int r = history_db_prepare(db, sql, &statement);
    for (int i = 0; r == SQLITE_OK && i < n_numbers; i++) {
        sqlite3_bind_int64(statement, i + 1, numbers[i]);
    }
    if (r == SQLITE_OK) {
        r = history_db_run(db, statement);
        *n_r += (uint64_t)sqlite3_changes(db->sqlite);
    }
    sqlite3_finalize(statement);
    return r;
}

#define OLDEST_ROWS(table)                                                                                             \
    "DELETE FROM " table " WHERE n<=(SELECT max(n) FROM(SELECT n FROM " table " WHERE n<?1 ORDER BY n LIMIT ?2))"

static int remove_requests(struct history_db *db, int64_t before, int64_t n_rows, uint64_t *n_r)
{
    const int64_t numbers[] = {before, n_rows};
    uint64_t n_requests = 0;
    uint64_t n_marks = 0;
    int r = run_counted(db, OLDEST_ROWS("request"), numbers, 2, &n_requests);
    if (r == SQLITE_OK) {
        r = run_counted(db, OLDEST_ROWS("request_mark"), numbers, 2, &n_marks);
    }
    db->n_marks -= (int64_t)n_marks;
    *n_r += n_requests;
    return r;
}

// Of a file that is full of requests as many go as came, and some more until it is no more than full.
static int keep_requests_bounded(struct history_db *db)
{
    uint64_t n = 0;
    int64_t n_surplus = db->n_marks - HISTORY_REQUESTS_KEPT;
    if (n_surplus <= 0) {
        return SQLITE_OK;
    }
    return remove_requests(db, INT64_MAX, n_surplus < TRIM_ROWS ? n_surplus : TRIM_ROWS, &n);
}

static int remove_old(struct history_db *db, int64_t before_ms, uint64_t *n_r)
{
    const int64_t hours[] = {before_ms / 1000, HISTORY_PIECE_ROWS};
    const int64_t numbers[] = {history_number(before_ms, 0), HISTORY_PIECE_ROWS};
    int r = run_counted(db,
                        "DELETE FROM usage WHERE(hour,model,key)IN(SELECT hour,model,key FROM usage WHERE hour<?1 "
                        "ORDER BY hour,model,key LIMIT ?2)",
                        hours, 2, n_r);
    if (r == SQLITE_OK) {
        r = remove_requests(db, numbers[0], numbers[1], n_r);
    }
    return r == SQLITE_OK ? run_counted(db, OLDEST_ROWS("audit"), numbers, 2, n_r) : r;
}

int history_prune(struct history_db *db, int64_t before_ms, uint64_t *n_r)
{
    int r = history_db_exec(db, "BEGIN IMMEDIATE");
    return end_transaction(db, r == SQLITE_OK ? remove_old(db, before_ms, n_r) : r);
}

int history_remove_usage(struct history_db *db, uint64_t *n_r)
{
    return run_counted(db, "DELETE FROM usage", NULL, 0, n_r);
}

// ---- keys that are gone ---------------------------------------------------------------------------------------------

static bool is_stranger(const struct map *known, struct slice key)
{
    return key.len && !slice_eq(key, SLICE("other")) && !map_find(known, key);
}

static int remove_cell(struct history_db *db, sqlite3_stmt *remove, int64_t hour, sqlite3_stmt *cell)
{
    sqlite3_bind_int64(remove, 1, hour);
    sqlite3_bind_value(remove, 2, sqlite3_column_value(cell, 0));
    sqlite3_bind_value(remove, 3, sqlite3_column_value(cell, 1));
    return history_db_run(db, remove);
}

static int remove_strangers_of(struct history_db *db, sqlite3_stmt *cells, sqlite3_stmt *remove,
                               const struct map *known, int64_t hour, uint64_t *n_r)
{
    int r;
    sqlite3_bind_int64(cells, 1, hour);
    while ((r = history_db_step(db, cells)) == SQLITE_ROW) {
        if (is_stranger(known, history_db_column(cells, 1))) {
            r = remove_cell(db, remove, hour, cells);
            if (r != SQLITE_OK) {
                break;
            }
            ++*n_r;
        }
    }
    sqlite3_reset(cells);
    return r == SQLITE_DONE ? SQLITE_OK : r;
}

static int next_hour(struct history_db *db, sqlite3_stmt *hours, int64_t *hour)
{
    sqlite3_bind_int64(hours, 1, *hour);
    int r = history_db_step(db, hours);
    *hour = r == SQLITE_ROW ? sqlite3_column_int64(hours, 0) : INT64_MAX;
    sqlite3_reset(hours);
    return r == SQLITE_ROW || r == SQLITE_DONE ? SQLITE_OK : r;
}

static int remove_strangers(struct history_db *db, const struct map *known, int64_t *hour, uint64_t *n_r)
{
    sqlite3_stmt *hours;
    sqlite3_stmt *cells = NULL;
    sqlite3_stmt *remove = NULL;
    int r = history_db_prepare(db, "SELECT hour FROM usage WHERE hour>? ORDER BY hour LIMIT 1", &hours);
    r = r == SQLITE_OK ? history_db_prepare(db, "SELECT model,key FROM usage WHERE hour=?", &cells) : r;
    r = r == SQLITE_OK ? history_db_prepare(db, "DELETE FROM usage WHERE hour=? AND model=? AND key=?", &remove) : r;
    for (int i = 0; r == SQLITE_OK && i < STEP_HOURS; i++) {
        r = next_hour(db, hours, hour);
        if (r != SQLITE_OK || *hour == INT64_MAX) {
            break;
        }
        r = remove_strangers_of(db, cells, remove, known, *hour, n_r);
    }
    sqlite3_finalize(hours);
    sqlite3_finalize(cells);
    sqlite3_finalize(remove);
    return r;
}

int history_remove_strangers(struct history_db *db, const struct map *known, int64_t *hour, uint64_t *n_r)
{
    int64_t until = *hour;
    uint64_t n = 0;
    int r = history_db_exec(db, "BEGIN IMMEDIATE");
    r = end_transaction(db, r == SQLITE_OK ? remove_strangers(db, known, &until, &n) : r);
    if (r == SQLITE_OK) {
        *hour = until;
        *n_r += n;
    }
    return r;
}

// ---- a batch --------------------------------------------------------------------------------------------------------

static int write_all(struct history_db *db, const struct history_batch *batch)
{
    int r = usage_cells_n(batch->cells) ? write_cells(db, batch->cells) : SQLITE_OK;
    if (r == SQLITE_OK && batch->n_plain + batch->n_failed) {
        r = write_requests(db, batch);
        r = r == SQLITE_OK ? keep_requests_bounded(db) : r;
    }
    return r == SQLITE_OK && batch->n_audit ? write_audit(db, &batch->audit) : r;
}

int history_write(struct history_db *db, const struct history_batch *batch)
{
    int r = history_db_exec(db, "BEGIN IMMEDIATE");
    return end_transaction(db, r == SQLITE_OK ? write_all(db, batch) : r);
}
