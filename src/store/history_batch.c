// SPDX-License-Identifier: MIT
#include "store/history_batch.h"

enum { SEQUENCE_MASK = (1 << HISTORY_SEQUENCE_BITS) - 1, TEXT_MAX = 1024 };

int64_t history_number(int64_t time_ms, unsigned sequence)
{
    return time_ms << HISTORY_SEQUENCE_BITS | (sequence & SEQUENCE_MASK);
}

int64_t history_number_before(int64_t before_ms)
{
    return before_ms > 0 && before_ms < INT64_MAX >> HISTORY_SEQUENCE_BITS ? history_number(before_ms, 0) : INT64_MAX;
}

static void init_lists(struct history_batch *batch)
{
    list_init(&batch->plain);
    list_init(&batch->failed);
    list_init(&batch->audit);
    batch->n_plain = 0;
    batch->n_failed = 0;
    batch->n_audit = 0;
}

static struct usage_cells *new_cells(void)
{
    return usage_cells_new(USAGE_BY_HOUR | USAGE_BY_MODEL | USAGE_BY_KEY, HISTORY_CELLS_WAITING);
}

void history_batch_init(struct history_batch *batch)
{
    batch->cells = new_cells();
    init_lists(batch);
}

static void drop_request(struct list *link, size_t *n)
{
    struct history_request *request = CONTAINER_OF(link, struct history_request, link);
    list_remove(link);
    mem_free(request);
    (*n)--;
}

static void drop_line(struct list *link, size_t *n)
{
    struct history_audit_line *line = CONTAINER_OF(link, struct history_audit_line, link);
    list_remove(link);
    mem_free(line);
    (*n)--;
}

void history_batch_deinit(struct history_batch *batch)
{
    usage_cells_free(batch->cells);
    batch->cells = NULL;
    while (batch->n_plain) {
        drop_request(batch->plain.next, &batch->n_plain);
    }
    while (batch->n_failed) {
        drop_request(batch->failed.next, &batch->n_failed);
    }
    while (batch->n_audit) {
        drop_line(batch->audit.next, &batch->n_audit);
    }
}

bool history_batch_is_empty(const struct history_batch *batch)
{
    return usage_cells_n(batch->cells) == 0 && batch->n_plain + batch->n_failed + batch->n_audit == 0;
}

// ---- requests -------------------------------------------------------------------------------------------------------

bool history_batch_drop_plain(struct history_batch *batch)
{
    if (batch->n_plain == 0) {
        return false;
    }
    drop_request(batch->plain.prev, &batch->n_plain);
    return true;
}

static size_t keep_requests_bounded(struct history_batch *batch)
{
    size_t n_dropped = 0;
    for (; batch->n_plain + batch->n_failed > HISTORY_REQUESTS_WAITING; n_dropped++) {
        if (batch->n_plain) {
            drop_request(batch->plain.next, &batch->n_plain);
        } else {
            drop_request(batch->failed.next, &batch->n_failed);
        }
    }
    return n_dropped;
}

size_t history_batch_add_request(struct history_batch *batch, struct slice record, int64_t n, bool is_failed)
{
    struct history_request *request = mem_alloc(sizeof(*request) + record.len);
    request->n = n;
    request->len = record.len;
    memcpy(request->record, record.ptr, record.len);
    list_append(is_failed ? &batch->failed : &batch->plain, &request->link);
    batch->n_failed += is_failed;
    batch->n_plain += !is_failed;
    return keep_requests_bounded(batch);
}

// ---- audit entries --------------------------------------------------------------------------------------------------

static struct slice cut(struct slice text)
{
    return request_text_cut(text, TEXT_MAX);
}

size_t history_batch_add_audit(struct history_batch *batch, const struct history_audit_entry *entry, unsigned sequence)
{
    const struct slice texts[HISTORY_AUDIT_TEXTS] = {cut(entry->who), cut(entry->action), cut(entry->target),
                                                     cut(entry->detail), cut(entry->outcome)};
    if (batch->n_audit >= HISTORY_AUDIT_WAITING) {
        return 1;
    }
    size_t len = 0;
    for (size_t i = 0; i < HISTORY_AUDIT_TEXTS; i++) {
        len += texts[i].len;
    }
    struct history_audit_line *line = mem_alloc(sizeof(*line) + len);
    char *to = (char *)(line + 1);
    for (size_t i = 0; i < HISTORY_AUDIT_TEXTS; i++) {
        line->texts[i] = slice_of(to, texts[i].len);
        to = texts[i].len ? (char *)memcpy(to, texts[i].ptr, texts[i].len) + texts[i].len : to;
    }
    line->n = history_number(entry->time_ms, sequence);
    list_append(&batch->audit, &line->link);
    batch->n_audit++;
    return 0;
}

static size_t keep_audit_bounded(struct history_batch *batch)
{
    size_t n_dropped = 0;
    for (; batch->n_audit > HISTORY_AUDIT_WAITING; n_dropped++) {
        drop_line(batch->audit.prev, &batch->n_audit);
    }
    return n_dropped;
}

// ---- as a whole -----------------------------------------------------------------------------------------------------

// Puts all nodes of `first` before those of `list`.
static void prepend_all(struct list *list, struct list *first)
{
    while (!list_is_empty(first)) {
        struct list *last = first->prev;
        list_remove(last);
        list_prepend(list, last);
    }
}

struct history_dropped history_batch_put_back(struct history_batch *batch, struct history_batch *from)
{
    usage_cells_add_all(batch->cells, from->cells);
    usage_cells_free(from->cells);
    from->cells = NULL;
    prepend_all(&batch->plain, &from->plain);
    prepend_all(&batch->failed, &from->failed);
    prepend_all(&batch->audit, &from->audit);
    batch->n_plain += from->n_plain;
    batch->n_failed += from->n_failed;
    batch->n_audit += from->n_audit;
    init_lists(from);
    return (struct history_dropped){keep_requests_bounded(batch), keep_audit_bounded(batch)};
}

void history_batch_take_cells(struct history_batch *batch, struct history_batch *to)
{
    to->cells = batch->cells;
    init_lists(to);
    batch->cells = new_cells();
}

void history_batch_take_all(struct history_batch *batch, struct history_batch *to)
{
    history_batch_take_cells(batch, to);
    list_move_all(&batch->plain, &to->plain);
    list_move_all(&batch->failed, &to->failed);
    list_move_all(&batch->audit, &to->audit);
    to->n_plain = batch->n_plain;
    to->n_failed = batch->n_failed;
    to->n_audit = batch->n_audit;
    init_lists(batch);
}
