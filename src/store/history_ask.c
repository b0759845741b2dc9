// SPDX-License-Identifier: MIT
// Questions and orders of operators, and how they are answered: with what the database has, and with what waits.
#include <errno.h>

#include "store/history_internal.h"

static struct history_ask *new_ask(struct history *history, enum history_task task, void *arg)
{
    struct history_ask *ask = mem_zalloc(sizeof(*ask));
    ask->history = history;
    ask->task = task;
    ask->arg = arg;
    arena_init(&ask->arena, 256);
    map_init(&ask->known);
    list_init(&ask->link);
    return ask;
}

// Not yet here: an answer never comes from inside the question.
static struct history_ask *put_into_line(struct history_ask *ask)
{
    list_append(&ask->history->asks, &ask->link);
    history_start_next(ask->history);
    return ask;
}

void history_ask_free(struct history_ask *ask)
{
    list_remove(&ask->link);
    usage_cells_free(ask->cells);
    history_findings_deinit(&ask->findings);
    map_deinit(&ask->known);
    arena_deinit(&ask->arena);
    mem_free(ask);
}

void history_ask_forget(struct history_ask *ask)
{
    if (ask == ask->history->work.ask) {
        ask->is_forgotten = true;
    } else {
        history_ask_free(ask);
    }
}

// ---- asking ---------------------------------------------------------------------------------------------------------

struct history_ask *history_usage(struct history *history, int64_t from_s, int64_t to_s, unsigned dimensions,
                                  history_usage_fn fn, void *arg)
{
    static const struct usage_filter all = {.model = {NULL, 0}};
    return history_usage_of(history, from_s, to_s, dimensions, &all, fn, arg);
}

struct history_ask *history_usage_of(struct history *history, int64_t from_s, int64_t to_s, unsigned dimensions,
                                     const struct usage_filter *filter, history_usage_fn fn, void *arg)
{
    struct history_ask *ask = new_ask(history, HISTORY_USAGE, arg);
    ask->usage_filter.model = arena_dup(&ask->arena, filter->model);
    ask->usage_filter.key = arena_dup(&ask->arena, filter->key);
    ask->from_s = from_s;
    ask->to_s = to_s;
    ask->cells = usage_cells_new(dimensions, HISTORY_CELLS_WAITING);
    ask->fn.usage = fn;
    return put_into_line(ask);
}

struct history_ask *history_requests(struct history *history, const struct request_filter *filter, history_json_fn fn,
                                     void *arg)
{
    struct history_ask *ask = new_ask(history, HISTORY_REQUESTS, arg);
    ask->filter = *filter;
    ask->filter.model = arena_dup(&ask->arena, filter->model);
    ask->filter.key = arena_dup(&ask->arena, filter->key);
    ask->fn.json = fn;
    return put_into_line(ask);
}

struct history_ask *history_request(struct history *history, struct slice id, history_json_fn fn, void *arg)
{
    struct history_ask *ask = new_ask(history, HISTORY_REQUEST, arg);
    ask->id = arena_dup(&ask->arena, id);
    ask->fn.json = fn;
    return put_into_line(ask);
}

struct history_ask *history_audit(struct history *history, size_t limit, int64_t before_ms, history_json_fn fn,
                                  void *arg)
{
    struct history_ask *ask = new_ask(history, HISTORY_AUDIT, arg);
    ask->limit = limit;
    ask->before_ms = before_ms;
    ask->fn.json = fn;
    return put_into_line(ask);
}

struct history_ask *history_reset(struct history *history, history_done_fn fn, void *arg)
{
    struct history_ask *ask = new_ask(history, HISTORY_RESET, arg);
    ask->fn.done = fn;
    return put_into_line(ask);
}

struct history_ask *history_cleanup(struct history *history, int64_t before_ms, const struct slice *ids, size_t n_ids,
                                    history_done_fn fn, void *arg)
{
    struct history_ask *ask = new_ask(history, HISTORY_CLEANUP, arg);
    ask->before_ms = before_ms;
    ask->has_known = ids != NULL;
    ask->hour = INT64_MIN;
    for (size_t i = 0; ids && i < n_ids; i++) {
        map_set(&ask->known, arena_dup(&ask->arena, ids[i]), ask);
    }
    ask->fn.done = fn;
    return put_into_line(ask);
}

// ---- answering ------------------------------------------------------------------------------------------------------

void history_ask_prepare(struct history_ask *ask)
{
    if (ask->task == HISTORY_REQUEST) {
        ask->is_found = recent_write_json(ask->history->intake.recent, ask->id, &ask->findings.text);
    }
}

static void answer_usage(struct history_ask *ask, struct slice problem)
{
    history_find_usage(&ask->history->waiting, ask->from_s, ask->to_s, &ask->usage_filter, ask->cells);
    ask->fn.usage(ask->arg, ask->cells, problem);
}

// When the database cannot be read, the recent ones in memory are what there is.
static void answer_requests(struct history_ask *ask, struct slice problem)
{
    struct buf json = BUF_EMPTY;
    if (problem.len) {
        recent_write_list(ask->history->intake.recent, &ask->filter, &json);
    } else {
        history_find_requests(&ask->history->waiting, &ask->filter, &ask->findings);
        history_findings_write(&ask->findings, ask->filter.limit, &json);
    }
    ask->fn.json(ask->arg, buf_slice(&json), problem);
    buf_deinit(&json);
}

static void answer_request(struct history_ask *ask, struct slice problem)
{
    struct history_findings *findings = &ask->findings;
    if (ask->is_found) {
        ask->fn.json(ask->arg, buf_slice(&findings->text), SLICE_EMPTY);
        return;
    }
    history_find_request(&ask->history->waiting, ask->id, findings);
    const struct history_found *last = findings->n ? &findings->items[findings->n - 1] : NULL;
    struct slice json = last ? slice_of(findings->text.ptr + last->at, last->len) : SLICE_EMPTY;
    ask->fn.json(ask->arg, json, last ? SLICE_EMPTY : problem);
}

static void answer_audit(struct history_ask *ask, struct slice problem)
{
    struct buf json = BUF_EMPTY;
    history_find_audit(&ask->history->waiting, ask->before_ms, &ask->findings);
    history_findings_write(&ask->findings, ask->limit, &json);
    ask->fn.json(ask->arg, buf_slice(&json), problem);
    buf_deinit(&json);
}

void history_ask_answer(struct history_ask *ask, struct slice problem)
{
    switch (ask->task) {
    case HISTORY_USAGE: answer_usage(ask, problem); break;
    case HISTORY_REQUESTS: answer_requests(ask, problem); break;
    case HISTORY_REQUEST: answer_request(ask, problem); break;
    case HISTORY_AUDIT: answer_audit(ask, problem); break;
    case HISTORY_RESET:
    case HISTORY_CLEANUP: ask->fn.done(ask->arg, problem.len ? -EIO : 0, ask->n); break;
    case HISTORY_WRITE:
    case HISTORY_PRUNE:
    case HISTORY_REST:
    case HISTORY_LAST_WRITE: break;
    }
    history_ask_free(ask);
}
