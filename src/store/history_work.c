// SPDX-License-Identifier: MIT
// One work item: everything that touches the database.
#include "base/clock.h"
#include "store/history_internal.h"
#include "store/history_write.h"

// First what is too old, then hour after hour what is of keys that are gone.
static int clean_up(struct history_db *db, struct history_ask *ask)
{
    uint64_t n = 0;
    int r = SQLITE_OK;
    ask->has_more = true;
    if (ask->hour == INT64_MIN) {
        r = history_prune(db, ask->before_ms, &n);
        ask->hour = r == SQLITE_OK && n == 0 ? INT64_MIN + 1 : INT64_MIN;
        ask->has_more = n > 0 || ask->has_known;
    } else if (ask->has_known) {
        r = history_remove_strangers(db, &ask->known, &ask->hour, &n);
        ask->has_more = ask->hour != INT64_MAX;
    }
    ask->n += r == SQLITE_OK ? n : 0;
    return r;
}

static int do_task(struct history_work *work)
{
    struct history_ask *ask = work->ask;
    struct history_db *db = &work->db;
    switch (work->task) {
    case HISTORY_WRITE:
    case HISTORY_LAST_WRITE: return history_write(db, &work->batch);
    case HISTORY_PRUNE: return history_prune(db, work->before_ms, &work->n);
    case HISTORY_USAGE: return history_read_usage(db, ask->from_s, ask->to_s, &ask->usage_filter, ask->cells);
    case HISTORY_REQUESTS: return history_read_requests(db, &ask->filter, &ask->findings);
    case HISTORY_REQUEST: return history_read_request(db, ask->id, &ask->findings);
    case HISTORY_AUDIT: return history_read_audit(db, ask->limit, ask->before_ms, &ask->findings);
    case HISTORY_RESET: return history_remove_usage(db, &ask->n);
    case HISTORY_CLEANUP: return clean_up(db, ask);
    case HISTORY_REST: break;
    }
    return SQLITE_OK;
}

static int try_once(struct history_work *work)
{
    int r = history_db_open(&work->db);
    return r == SQLITE_OK ? do_task(work) : r;
}

// What a first try has found, before it failed.
static void forget_findings(struct history_ask *ask)
{
    if (ask && ask->cells) {
        usage_cells_clear(ask->cells);
    }
    if (ask) {
        history_findings_deinit(&ask->findings);
    }
}

static bool needs_database(const struct history_work *work)
{
    switch (work->task) {
    case HISTORY_REST: return false;
    case HISTORY_LAST_WRITE: return !history_batch_is_empty(&work->batch);
    case HISTORY_REQUEST: return !work->ask->is_found;
    case HISTORY_WRITE:
    case HISTORY_PRUNE:
    case HISTORY_USAGE:
    case HISTORY_REQUESTS:
    case HISTORY_AUDIT:
    case HISTORY_RESET:
    case HISTORY_CLEANUP: break;
    }
    return true;
}

static int try_twice(struct history_work *work)
{
    int r = try_once(work);
    if (r != SQLITE_OK && history_db_recover(&work->db, r)) {
        forget_findings(work->ask);
        r = try_once(work);
        if (r != SQLITE_OK) {
            history_db_recover(&work->db, r);
        }
    }
    return r;
}

void history_work_run(struct history_work *work)
{
    uint64_t start_ns = clock_monotonic_ns();
    work->n = 0;
    work->r = needs_database(work) ? try_twice(work) : SQLITE_OK;
    if (work->r != SQLITE_OK) {
        forget_findings(work->ask);
    }
    if (work->task == HISTORY_REST || work->task == HISTORY_LAST_WRITE) {
        history_db_close(&work->db);
    }
    if (work->task == HISTORY_REST) {
        mem_trim();
    }
    work->duration_ns = clock_monotonic_ns() - start_ns;
}
