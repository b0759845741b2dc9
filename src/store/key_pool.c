// SPDX-License-Identifier: MIT
// Versions of keys, groups and settings, and which of them are current.
#include <assert.h>
#include <stdlib.h>

#include "store/key_settings_json.h"
#include "store/key_store_internal.h"

// ---- texts

struct shared_name {
    struct slice text;
};

struct slice key_store_share(struct key_store *store, struct slice text)
{
    if (text.len == 0) {
        return SLICE_EMPTY;
    }
    struct shared_name *name = map_find(&store->names, text);
    if (!name) {
        name = arena_alloc(&store->names_arena, sizeof(*name));
        name->text = arena_dup(&store->names_arena, text);
        map_set(&store->names, name->text, name);
    }
    return name->text;
}

// Copies a text to *at and moves behind it.
static struct slice put_text(char **at, struct slice text)
{
    if (text.len == 0) {
        return SLICE_EMPTY;
    }
    struct slice copy = slice_of(memcpy(*at, text.ptr, text.len), text.len);
    *at += text.len;
    return copy;
}

// ---- a key

struct stored_key *stored_key_new(const struct key_record *record, struct key_extra *extra)
{
    size_t text_len = record->id.len + record->secret.len + record->notes.len;
    struct stored_key *key = mem_alloc(sizeof(*key) + text_len);
    char *at = key->text;
    *key = (struct stored_key){.record = *record, .extra = extra, .status_wish = NO_STATUS_WISH};
    key->record.id = put_text(&at, record->id);
    key->record.secret = put_text(&at, record->secret);
    key->record.notes = put_text(&at, record->notes);
    if (extra) {
        extra->n_refs++;
    }
    return key;
}

void stored_key_free(struct stored_key *key)
{
    if (key) {
        explicit_bzero(key->text, key->record.id.len + key->record.secret.len);
        key_extra_unref(key->extra);
        mem_free(key);
    }
}

struct key_extra *key_extra_new(const struct document_key *key, struct slice cut)
{
    bool is_banned = key->status == KEY_BANNED;
    bool has_special_error =
        !slice_eq(key->last_error, cut) || !slice_eq(key->banned_reason, is_banned ? cut : SLICE_EMPTY);
    if (!key->rest.len && !has_special_error) {
        return NULL;
    }
    size_t text_len = key->rest.len + key->last_error.len + key->banned_reason.len + cut.len;
    struct key_extra *extra = mem_alloc(sizeof(*extra) + text_len);
    char *at = extra->text;
    *extra = (struct key_extra){.n_refs = 0};
    extra->rest = put_text(&at, key->rest);
    if (has_special_error) {
        extra->last_error = put_text(&at, key->last_error);
        extra->banned_reason = put_text(&at, key->banned_reason);
        extra->cut = put_text(&at, cut);
    }
    return extra;
}

void key_extra_unref(struct key_extra *extra)
{
    if (extra && --extra->n_refs == 0) {
        mem_free(extra);
    }
}

// ---- groups and settings

struct pool_groups *pool_groups_new(void)
{
    struct pool_groups *groups = mem_zalloc(sizeof(*groups));
    arena_init(&groups->arena, 1024);
    map_init(&groups->by_id);
    groups->records = arena_alloc(&groups->arena, KEY_GROUPS_MAX * sizeof(*groups->records));
    groups->rests = arena_alloc(&groups->arena, KEY_GROUPS_MAX * sizeof(*groups->rests));
    return groups;
}

void pool_groups_add(struct pool_groups *groups, const struct key_group_record *record, struct slice rest)
{
    assert(groups->n < KEY_GROUPS_MAX - 1);
    struct key_group_record *added = &groups->records[groups->n];
    *added = (struct key_group_record){
        .id = arena_dup(&groups->arena, record->id),
        .name = arena_dup(&groups->arena, record->name),
        .description = arena_dup(&groups->arena, record->description),
        .priority = record->priority,
    };
    groups->rests[groups->n++] = arena_dup(&groups->arena, rest);
    map_set(&groups->by_id, added->id, added);
}

void pool_groups_free(struct pool_groups *groups)
{
    if (groups) {
        map_deinit(&groups->by_id);
        arena_deinit(&groups->arena);
        mem_free(groups);
    }
}

struct pool_rules *pool_rules_new(struct slice config, const struct key_settings *settings)
{
    struct pool_rules *rules = mem_zalloc(sizeof(*rules) + config.len);
    char *at = (char *)(rules + 1);
    rules->settings = *settings;
    rules->config = put_text(&at, config);
    return rules;
}

void pool_rules_merge(struct key_settings *settings, struct slice config, struct buf *problems)
{
    struct arena arena;
    struct json_doc doc;
    arena_init(&arena, 4096);
    if (config.len && json_parse(&doc, &arena, config, NULL) == 0) {
        key_settings_merge_good(settings, &doc, json_root(&doc), problems);
    }
    arena_deinit(&arena);
}

void pool_rules_free(struct pool_rules *rules)
{
    mem_free(rules);
}

// ---- what is current

void key_pool_init(struct key_pool *pool)
{
    *pool = (struct key_pool){.groups = pool_groups_new()};
    text_index_init(&pool->by_id);
    text_index_init(&pool->by_secret);
    arena_init(&pool->tail.arena, 1024);
}

void key_pool_deinit(struct key_pool *pool)
{
    key_pool_compact(pool);
    for (size_t i = 0; i < pool->n_listed; i++) {
        stored_key_free(pool->keys[i]);
    }
    mem_free(pool->keys);
    text_index_deinit(&pool->by_id);
    text_index_deinit(&pool->by_secret);
    pool_groups_free(pool->groups);
    pool_rules_free(pool->rules);
    arena_deinit(&pool->tail.arena);
    *pool = (struct key_pool){0};
}

static void list_key(struct key_pool *pool, struct stored_key *key)
{
    if (pool->n_listed == pool->cap) {
        pool->cap = pool->cap ? pool->cap * 2 : 64;
        pool->keys = mem_realloc(pool->keys, pool->cap * sizeof(struct stored_key *));
    }
    pool->is_unsorted |= pool->n_listed && pool->keys[pool->n_listed - 1]->rank > key->rank;
    pool->keys[pool->n_listed++] = key;
    key->is_listed = true;
}

void key_pool_insert(struct key_pool *pool, struct stored_key *key)
{
    if (key->is_removed) {
        key->is_removed = false;
        pool->n_removed -= key->is_listed;
    }
    if (!key->is_listed) {
        list_key(pool, key);
    }
    text_index_put(&pool->by_id, &key->record.id);
    text_index_put(&pool->by_secret, &key->record.secret);
}

void key_pool_append(struct key_pool *pool, struct stored_key *key)
{
    key->rank = pool->next_rank++;
    key_pool_insert(pool, key);
}

void key_pool_remove(struct key_pool *pool, struct stored_key *key)
{
    text_index_remove(&pool->by_id, key->record.id);
    text_index_remove(&pool->by_secret, key->record.secret);
    key->is_removed = true;
    pool->n_removed++;
}

static int compare_ranks(const void *a, const void *b)
{
    uint32_t first = (*(struct stored_key *const *)a)->rank;
    uint32_t second = (*(struct stored_key *const *)b)->rank;
    return first < second ? -1 : first > second;
}

void key_pool_compact(struct key_pool *pool)
{
    if (pool->n_removed) {
        size_t n = 0;
        for (size_t i = 0; i < pool->n_listed; i++) {
            struct stored_key *key = pool->keys[i];
            if (key->is_removed) {
                key->is_listed = false;
            } else {
                pool->keys[n++] = key;
            }
        }
        pool->n_listed = n;
        pool->n_removed = 0;
    }
    if (pool->is_unsorted) {
        qsort(pool->keys, pool->n_listed, sizeof(*pool->keys), compare_ranks);
        pool->is_unsorted = false;
    }
}

static struct stored_key **place_of(struct key_pool *pool, struct stored_key *key)
{
    if (pool->is_unsorted) {
        key_pool_compact(pool);
    }
    struct stored_key **place = bsearch(&key, pool->keys, pool->n_listed, sizeof(*pool->keys), compare_ranks);
    assert(place && *place == key);
    return place;
}

void key_pool_replace(struct key_pool *pool, struct stored_key *before, struct stored_key *after)
{
    after->rank = before->rank;
    after->is_listed = true;
    *place_of(pool, before) = after;
    before->is_listed = false;
    if (!slice_eq(before->record.secret, after->record.secret)) {
        text_index_remove(&pool->by_secret, before->record.secret);
    }
    text_index_put(&pool->by_id, &after->record.id);
    text_index_put(&pool->by_secret, &after->record.secret);
}

struct stored_key *key_pool_find(const struct key_pool *pool, struct slice id)
{
    const struct slice *found = text_index_find(&pool->by_id, id);
    return found ? CONTAINER_OF(found, struct stored_key, record.id) : NULL;
}

struct stored_key *key_pool_find_secret(const struct key_pool *pool, struct slice secret)
{
    const struct slice *found = text_index_find(&pool->by_secret, secret);
    return found ? CONTAINER_OF(found, struct stored_key, record.secret) : NULL;
}
