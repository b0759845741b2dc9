// SPDX-License-Identifier: MIT
#include "store/history_read.h"

#include <stdlib.h>

#include "base/clock.h"
#include "store/history_write.h"
#include "json/json_writer.h"

enum { ARENA_SIZE = 2048, HASHES_WANTED_MAX = 2 };

// ---- findings -------------------------------------------------------------------------------------------------------

void history_findings_deinit(struct history_findings *findings)
{
    mem_free(findings->items);
    buf_deinit(&findings->text);
    *findings = (struct history_findings){.n = 0};
}

// What was written to the text since `at` is a value.
static void add(struct history_findings *findings, int64_t n, size_t at)
{
    if (findings->n == findings->cap) {
        findings->cap = findings->cap ? 2 * findings->cap : 32;
        findings->items = mem_realloc(findings->items, findings->cap * sizeof(findings->items[0]));
    }
    findings->items[findings->n++] = (struct history_found){n, at, findings->text.len - at};
}

static int compare_newest_first(const void *a, const void *b)
{
    const struct history_found *one = a;
    const struct history_found *other = b;
    return (one->n < other->n) - (one->n > other->n);
}

void history_findings_write(struct history_findings *findings, size_t limit, struct buf *out)
{
    size_t n = findings->n < limit ? findings->n : limit;
    if (findings->n) {
        qsort(findings->items, findings->n, sizeof(findings->items[0]), compare_newest_first);
    }
    buf_append_char(out, '[');
    for (size_t i = 0; i < n; i++) {
        if (i) {
            buf_append_char(out, ',');
        }
        buf_append(out, slice_of(findings->text.ptr + findings->items[i].at, findings->items[i].len));
    }
    buf_append_char(out, ']');
}

// ---- usage ----------------------------------------------------------------------------------------------------------

static uint64_t count_at(sqlite3_stmt *statement, int at)
{
    int64_t value = sqlite3_column_int64(statement, at);
    return value > 0 ? (uint64_t)value : 0;
}

static void read_cell(sqlite3_stmt *row, struct usage_cell *cell)
{
    *cell = (struct usage_cell){
        .hour = sqlite3_column_int64(row, 0),
        .model = history_db_column(row, 1),
        .key = history_db_column(row, 2),
        .counts = {.requests = count_at(row, 3),
                   .success = count_at(row, 4),
                   .failed = count_at(row, 5),
                   .aborted = count_at(row, 6),
                   .partial = count_at(row, 7),
                   .attempts = count_at(row, 8),
                   .failed_attempts = count_at(row, 9),
                   .input = count_at(row, 10),
                   .output = count_at(row, 11),
                   .reasoning = count_at(row, 12),
                   .cache_read = count_at(row, 13),
                   .cache_write = count_at(row, 14)},
    };
    latency_decode_into(&cell->duration, history_db_column(row, 15));
    latency_decode_into(&cell->first_token, history_db_column(row, 16));
}

int history_read_usage(struct history_db *db, int64_t from_s, int64_t to_s, const struct usage_filter *filter,
                       struct usage_cells *cells)
{
    sqlite3_stmt *statement;
    struct usage_cell cell;
    int r = history_db_prepare(db, "SELECT * FROM usage WHERE hour>=? AND hour<?", &statement);
    if (r != SQLITE_OK) {
        return r;
    }
    sqlite3_bind_int64(statement, 1, from_s);
    sqlite3_bind_int64(statement, 2, to_s ? to_s : INT64_MAX);
    while ((r = history_db_step(db, statement)) == SQLITE_ROW) {
        if (!usage_filter_takes(filter, history_db_column(statement, 1), history_db_column(statement, 2))) {
            continue;
        }
        read_cell(statement, &cell);
        usage_cells_add(cells, &cell);
        latency_deinit(&cell.duration);
        latency_deinit(&cell.first_token);
    }
    sqlite3_finalize(statement);
    return r == SQLITE_DONE ? SQLITE_OK : r;
}

void history_find_usage(const struct history_batch *batch, int64_t from_s, int64_t to_s,
                        const struct usage_filter *filter, struct usage_cells *cells)
{
    for (size_t i = 0; i < usage_cells_n(batch->cells); i++) {
        const struct usage_cell *cell = usage_cells_at(batch->cells, i);
        if (cell->hour >= from_s && (to_s == 0 || cell->hour < to_s) &&
            usage_filter_takes(filter, cell->model, cell->key)) {
            usage_cells_add(cells, cell);
        }
    }
}

// ---- requests -------------------------------------------------------------------------------------------------------

struct search {
    struct history_findings *findings;
    const struct request_filter *filter; // NULL: only one with that id
    struct slice id;
    struct arena arena;
};

static bool passes(const struct search *search, const struct request_facts *facts)
{
    return search->filter ? request_filter_takes(search->filter, facts)
                          : slice_eq(facts->id, request_text_cut(search->id, REQUEST_ID_MAX));
}

static void look_at(struct search *search, struct slice record, int64_t n)
{
    struct request_facts facts;
    size_t at = search->findings->text.len;
    if (request_record_decode(record, &search->arena, &facts) && passes(search, &facts)) {
        request_record_write_json(&facts, search->filter == NULL, &search->findings->text);
        add(search->findings, n, at);
    }
    arena_reset(&search->arena);
}

// What a request must have among its marks. It may have it by chance, so it is looked at afterwards.
struct wanted {
    int64_t before;
    unsigned status_min;
    unsigned status_max;
    uint32_t hashes[HASHES_WANTED_MAX];
    size_t n_hashes;
    size_t limit;
};

static struct wanted wanted_by(const struct request_filter *filter)
{
    struct wanted wanted = {.before = history_number_before(filter->before_ms),
                            .status_min = filter->status_max ? filter->status_min : 0,
                            .status_max = filter->status_max ? filter->status_max : UINT32_MAX,
                            .limit = filter->limit};
    if (filter->model.len) {
        wanted.hashes[wanted.n_hashes++] = history_hash_model(filter->model);
    }
    if (filter->key.len) {
        wanted.hashes[wanted.n_hashes++] = history_hash_key(filter->key);
    }
    return wanted;
}

// An empty hash is in all of them.
static void bind_wanted(sqlite3_stmt *statement, const struct wanted *wanted)
{
    sqlite3_bind_int64(statement, 1, wanted->before);
    sqlite3_bind_int64(statement, 2, wanted->status_min);
    sqlite3_bind_int64(statement, 3, wanted->status_max);
    for (size_t i = 0; i < HASHES_WANTED_MAX; i++) {
        size_t len = i < wanted->n_hashes ? sizeof(wanted->hashes[i]) : 0;
        history_db_bind_blob(statement, 4 + (int)i, slice_of((const char *)&wanted->hashes[i], len));
    }
}

static int search_database(struct history_db *db, const struct wanted *wanted, struct search *search)
{
    sqlite3_stmt *statement;
    int r = history_db_prepare(db,
                               "SELECT m.n,r.record FROM request_mark m CROSS JOIN request r ON r.n=m.n "
                               "WHERE m.n<?1 AND m.status BETWEEN ?2 AND ?3 AND instr(m.hashes,?4) AND "
                               "instr(m.hashes,?5) ORDER BY m.n DESC",
                               &statement);
    if (r != SQLITE_OK) {
        return r;
    }
    bind_wanted(statement, wanted);
    arena_init(&search->arena, ARENA_SIZE);
    r = SQLITE_DONE;
    while (search->findings->n < wanted->limit && (r = history_db_step(db, statement)) == SQLITE_ROW) {
        look_at(search, history_db_column(statement, 1), sqlite3_column_int64(statement, 0));
    }
    arena_deinit(&search->arena);
    sqlite3_finalize(statement);
    return r == SQLITE_DONE || r == SQLITE_ROW ? SQLITE_OK : r;
}

int history_read_requests(struct history_db *db, const struct request_filter *filter, struct history_findings *findings)
{
    const struct wanted wanted = wanted_by(filter);
    struct search search = {.findings = findings, .filter = filter};
    return search_database(db, &wanted, &search);
}

int history_read_request(struct history_db *db, struct slice id, struct history_findings *findings)
{
    const struct wanted wanted = {
        .status_max = UINT32_MAX, .hashes = {history_hash_id(id)}, .n_hashes = 1, .before = INT64_MAX, .limit = 1};
    struct search search = {.findings = findings, .id = id};
    return search_database(db, &wanted, &search);
}

static void look_through(const struct list *requests, struct search *search)
{
    for (const struct list *at = requests->next; at != requests; at = at->next) {
        const struct history_request *request = CONTAINER_OF(at, const struct history_request, link);
        look_at(search, slice_of(request->record, request->len), request->n);
    }
}

static void search_batch(const struct history_batch *batch, struct search *search)
{
    arena_init(&search->arena, ARENA_SIZE);
    look_through(&batch->plain, search);
    look_through(&batch->failed, search);
    arena_deinit(&search->arena);
}

void history_find_requests(const struct history_batch *batch, const struct request_filter *filter,
                           struct history_findings *findings)
{
    struct search search = {.findings = findings, .filter = filter};
    search_batch(batch, &search);
}

void history_find_request(const struct history_batch *batch, struct slice id, struct history_findings *findings)
{
    struct search search = {.findings = findings, .id = id};
    search_batch(batch, &search);
}

// ---- audit entries --------------------------------------------------------------------------------------------------

static void member(struct json_writer *w, struct slice name, struct slice text)
{
    json_key(w, name);
    if (text.len) {
        json_write_string(w, text);
    } else {
        json_write_null(w);
    }
}

static void add_audit(struct history_findings *findings, int64_t n, const struct slice texts[HISTORY_AUDIT_TEXTS])
{
    static const struct slice names[HISTORY_AUDIT_TEXTS] = {
        SLICE_INIT("who"), SLICE_INIT("action"), SLICE_INIT("target"), SLICE_INIT("detail"), SLICE_INIT("outcome")};
    char time[CLOCK_ISO8601_SIZE];
    struct json_writer w;
    size_t at = findings->text.len;
    json_writer_init(&w, &findings->text);
    json_begin_object(&w);
    clock_format_iso8601(time, n >> HISTORY_SEQUENCE_BITS);
    json_member_string(&w, SLICE("time"), slice_of(time, CLOCK_ISO8601_SIZE - 1));
    for (size_t i = 0; i < HISTORY_AUDIT_TEXTS; i++) {
        member(&w, names[i], texts[i]);
    }
    json_end_object(&w);
    add(findings, n, at);
}

int history_read_audit(struct history_db *db, size_t limit, int64_t before_ms, struct history_findings *findings)
{
    sqlite3_stmt *statement;
    struct slice texts[HISTORY_AUDIT_TEXTS];
    int r = history_db_prepare(db, "SELECT * FROM audit WHERE n<? ORDER BY n DESC LIMIT ?", &statement);
    if (r != SQLITE_OK) {
        return r;
    }
    sqlite3_bind_int64(statement, 1, history_number_before(before_ms));
    sqlite3_bind_int64(statement, 2, limit < INT32_MAX ? (int64_t)limit : INT32_MAX);
    while ((r = history_db_step(db, statement)) == SQLITE_ROW) {
        for (int i = 0; i < HISTORY_AUDIT_TEXTS; i++) {
            texts[i] = history_db_column(statement, 1 + i);
        }
        add_audit(findings, sqlite3_column_int64(statement, 0), texts);
    }
    sqlite3_finalize(statement);
    return r == SQLITE_DONE ? SQLITE_OK : r;
}

void history_find_audit(const struct history_batch *batch, int64_t before_ms, struct history_findings *findings)
{
    for (const struct list *at = batch->audit.next; at != &batch->audit; at = at->next) {
        const struct history_audit_line *line = CONTAINER_OF(at, const struct history_audit_line, link);
        if (line->n < history_number_before(before_ms)) {
            add_audit(findings, line->n, line->texts);
        }
    }
}
