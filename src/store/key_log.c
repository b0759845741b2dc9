// SPDX-License-Identifier: MIT
// Notes of changes that are not durable yet.
#include <assert.h>

#include "store/key_store_internal.h"

void key_log_add(struct key_store *store, const struct change *change)
{
    struct change_log *log = &store->log;
    if (log->n == log->cap) {
        log->cap = log->cap ? log->cap * 2 : 16;
        log->changes = mem_realloc(log->changes, log->cap * sizeof(*log->changes));
    }
    log->changes[log->n] = *change;
    log->changes[log->n++].sequence = ++store->sequence;
}

static void free_before(const struct change *change)
{
    switch (change->kind) {
    case CHANGE_KEY: stored_key_free(change->key.before); break;
    case CHANGE_GROUPS: pool_groups_free(change->groups.before); break;
    case CHANGE_RULES: pool_rules_free(change->rules.before); break;
    }
}

void key_log_publish(struct key_store *store, uint64_t sequence)
{
    struct change_log *log = &store->log;
    size_t n = 0;
    while (n < log->n && log->changes[n].sequence <= sequence) {
        key_publish_change(store, &log->changes[n]);
        free_before(&log->changes[n]);
        n++;
    }
    if (n && n == log->n) {
        key_log_deinit(store);
    } else if (n) {
        memmove(log->changes, log->changes + n, (log->n - n) * sizeof(*log->changes));
        log->n -= n;
    }
}

static void undo_key(struct key_pool *pool, struct stored_key *before, struct stored_key *after)
{
    if (before && after) {
        key_pool_replace(pool, after, before);
    } else if (before) {
        key_pool_insert(pool, before);
    } else {
        key_pool_remove(pool, after);
    }
}

static void undo(struct key_pool *pool, const struct change *change)
{
    switch (change->kind) {
    case CHANGE_KEY: undo_key(pool, change->key.before, change->key.after); break;
    case CHANGE_GROUPS:
        pool->groups = change->groups.before;
        pool_groups_free(change->groups.after);
        break;
    case CHANGE_RULES:
        pool->rules = change->rules.before;
        pool_rules_free(change->rules.after);
        break;
    }
}

void key_log_undo(struct key_store *store)
{
    struct change_log *log = &store->log;
    for (size_t i = log->n; i > 0; i--) {
        undo(&store->pool, &log->changes[i - 1]);
    }
    key_pool_compact(&store->pool); // from here on nothing of what was undone is listed
    for (size_t i = 0; i < log->n; i++) {
        if (log->changes[i].kind == CHANGE_KEY) {
            stored_key_free(log->changes[i].key.after);
        }
    }
    key_log_deinit(store);
}

void key_log_deinit(struct key_store *store)
{
    mem_free(store->log.changes);
    store->log = (struct change_log){0};
}
