// SPDX-License-Identifier: MIT
// From the document to the pool and the table: at the start, and when an operator has edited it. What makes no sense is
// never dropped: it is kept in the document, under rejected_keys and rejected_groups.
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "store/key_settings_json.h"
#include "store/key_store_internal.h"
#include "json/utf8.h"

enum { REJECTIONS_LOGGED = 10, ENTRY_ARENA_SIZE = 16 * 1024 };

struct loading {
    struct key_store *store;
    struct key_pool pool; // the new one
    struct arena arena;   // of one entry
    struct buf rejected_keys;
    struct buf rejected_groups;
    size_t n_rejected;
    size_t index; // of the entry
};

// ---- what makes sense

const char *key_secret_problem(struct slice secret)
{
    if (secret.len == 0) {
        return "has no key";
    }
    if (secret.len > KEY_SECRET_MAX) {
        return "has a key that is too long";
    }
    for (size_t i = 0; i < secret.len; i++) {
        if ((unsigned char)secret.ptr[i] <= ' ' || secret.ptr[i] == 0x7F) {
            return "has a key with a space or a control character in it";
        }
    }
    // Nothing else can be written in JSON: it would be another key after a restart.
    return utf8_valid_len(secret) < secret.len ? "has a key that is not UTF-8" : NULL;
}

struct slice key_new_id(const struct key_pool *pool, char out[KEY_ID_MAX])
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    enum { N_RANDOM = 9, BASE = 36 };
    struct slice id;
    do {
        size_t len = (size_t)snprintf(out, KEY_ID_MAX - N_RANDOM, "key_%lld_", (long long)clock_wall_ms());
        for (int i = 0; i < N_RANDOM; i++) {
            out[len++] = digits[(int)(random_unit() * BASE)];
        }
        id = slice_of(out, len);
    } while (key_pool_find(pool, id));
    return id;
}

static const char *key_problem(const struct loading *loading, const struct document_key *key)
{
    const char *problem = key_secret_problem(key->secret);
    if (problem) {
        return problem;
    }
    if (key->id.len > KEY_ID_MAX) {
        return "has an id that is too long";
    }
    if (key_pool_find(&loading->pool, key->id)) {
        return "has the id of an entry before it";
    }
    if (key_pool_find_secret(&loading->pool, key->secret)) {
        return "has the key of an entry before it";
    }
    return loading->pool.by_id.n >= KEY_SLOTS_MAX ? "is one too many" : NULL;
}

static const char *group_problem(const struct loading *loading, const struct document_group *group)
{
    if (group->id.len == 0) {
        return "has no id";
    }
    if (group->id.len > KEY_GROUP_ID_MAX) {
        return "has an id that is too long";
    }
    if (slice_eq(group->id, SLICE("default"))) {
        return "is named default, which is there by itself and comes last";
    }
    if (map_find(&loading->pool.groups->by_id, group->id)) {
        return "has the id of an entry before it";
    }
    return loading->pool.groups->n >= KEY_GROUPS_MAX - 1 ? "is one too many" : NULL;
}

static void reject(struct loading *loading, const char *array, const char *problem, struct slice raw, struct buf *kept)
{
    pool_document_join(kept, raw);
    if (loading->n_rejected++ < REJECTIONS_LOGGED) {
        log_warn(KEY_STORE_LOG, KEY_STORE_FILE ": %s[%zu] %s; it is not used, and kept under rejected_%s", array,
                 loading->index, problem, kept == &loading->rejected_keys ? "keys" : "groups");
    }
}

// ---- an entry

static struct key_record record_of(struct loading *loading, const struct document_key *key, char id[KEY_ID_MAX])
{
    struct key_store *store = loading->store;
    struct slice provider = key->provider.len ? key->provider : key_provider_name(key_provider_of(key->secret));
    store->writer.is_stale |= key->id.len == 0; // else it would have another one after a restart
    return (struct key_record){
        .id = key->id.len ? key->id : key_new_id(&loading->pool, id),
        .secret = key->secret,
        .notes = key->notes,
        .group = key_store_share(store, key->group.len ? key->group : SLICE("default")),
        .provider = key_store_share(store, provider),
        .proxy = key_store_share(store, key->proxy),
        .created_ms = key->created_ms,
        .weight = key->weight,
        .max_inflight = key->max_inflight,
        .slot = KEY_NO_SLOT,
    };
}

static void append(struct loading *loading, struct stored_key *key, enum key_status status)
{
    key->written_status = (uint8_t)status;
    key_pool_append(&loading->pool, key);
}

static void add_new(struct loading *loading, struct document_key *key)
{
    char id[KEY_ID_MAX];
    struct key_record record = record_of(loading, key, id);
    struct stored_key *added = stored_key_new(&record, NULL);
    append(loading, added, key->status);
    if (key_publish_new(loading->store, added, key)) {
        struct slice cut = key_last_error(key_of(loading->store->table, added->record.slot), &loading->arena);
        added->extra = key_extra_new(key, cut);
    } else {
        added->extra = key_extra_new(key, SLICE_EMPTY);
    }
    if (added->extra) {
        added->extra->n_refs++;
    }
}

static void load_keys(struct loading *loading, const struct pool_document *document,
                      void (*take)(struct loading *loading, struct document_key *key))
{
    struct document_key key;
    struct slice raw;
    const struct json_node *at = NULL;
    for (loading->index = 0; pool_document_next_key(document, &at, &loading->arena, &key, &raw); loading->index++) {
        key.secret = slice_trim(key.secret);
        const char *problem = key_problem(loading, &key);
        if (problem) {
            reject(loading, "keys", problem, raw, &loading->rejected_keys);
        } else {
            take(loading, &key);
        }
        arena_reset(&loading->arena);
    }
}

static void load_groups(struct loading *loading, const struct pool_document *document)
{
    struct document_group group;
    struct slice raw;
    const struct json_node *at = NULL;
    for (loading->index = 0; pool_document_next_group(document, &at, &loading->arena, &group, &raw); loading->index++) {
        const char *problem = group_problem(loading, &group);
        if (problem) {
            reject(loading, "poolGroups", problem, raw, &loading->rejected_groups);
        } else {
            const struct key_group_record record = {group.id, group.name, group.description, group.priority};
            pool_groups_add(loading->pool.groups, &record, group.rest);
        }
        arena_reset(&loading->arena);
    }
}

static void load_rules(struct loading *loading, const struct pool_document *document)
{
    struct key_settings settings = loading->store->defaults;
    struct buf problems = BUF_EMPTY;
    pool_rules_merge(&settings, document->config, &problems);
    struct slice rest = buf_slice(&problems);
    while (rest.len) {
        struct slice problem = slice_split(&rest, '\n');
        log_warn(KEY_STORE_LOG, KEY_STORE_FILE ": config: %.*s; the default is used", SLICE_ARG(problem));
    }
    buf_deinit(&problems);
    loading->pool.rules = pool_rules_new(document->config, &settings);
}

// ---- the whole

static void begin(struct loading *loading, struct key_store *store, const struct pool_document *document)
{
    *loading = (struct loading){.store = store};
    key_pool_init(&loading->pool);
    text_index_reserve(&loading->pool.by_id, pool_document_entries_max(document));
    text_index_reserve(&loading->pool.by_secret, pool_document_entries_max(document));
    arena_init(&loading->arena, ENTRY_ARENA_SIZE);
    buf_append(&loading->rejected_keys, document->rejected_keys);
    buf_append(&loading->rejected_groups, document->rejected_groups);
    load_groups(loading, document);
    load_rules(loading, document);
    key_publish_groups(store->table, loading->pool.groups);
    key_table_set_settings(store->table, &loading->pool.rules->settings);
}

static void end(struct loading *loading, const struct pool_document *document)
{
    struct pool_tail *tail = &loading->pool.tail;
    tail->last_rotation_index = document->last_rotation_index;
    tail->stats_rest = arena_dup(&tail->arena, document->stats_rest);
    tail->rest = arena_dup(&tail->arena, document->rest);
    tail->rejected_keys = arena_dup(&tail->arena, buf_slice(&loading->rejected_keys));
    tail->rejected_groups = arena_dup(&tail->arena, buf_slice(&loading->rejected_groups));
    if (loading->n_rejected > REJECTIONS_LOGGED) {
        log_warn(KEY_STORE_LOG, KEY_STORE_FILE ": %zu entries in all are not used, and kept", loading->n_rejected);
    } else if (document->rejected_keys.len || document->rejected_groups.len) {
        log_info(KEY_STORE_LOG, KEY_STORE_FILE ": what was rejected before is still there");
    }
    buf_deinit(&loading->rejected_keys);
    buf_deinit(&loading->rejected_groups);
    arena_deinit(&loading->arena);
    loading->store->pool = loading->pool;
}

void pool_load(struct key_store *store, const struct pool_document *document)
{
    struct loading loading;
    begin(&loading, store, document);
    load_keys(&loading, document, add_new);
    end(&loading, document);
}

// ---- an edited one

// The entry's key as it was before, if it was there and is not taken by an entry before this one.
static struct stored_key *find_known(const struct loading *loading, const struct document_key *key)
{
    const struct key_pool *pool = &loading->store->pool;
    struct stored_key *known = key_pool_find(pool, key->id);
    if (!known || known->record.slot == KEY_NO_SLOT) {
        known = key_pool_find_secret(pool, key->secret);
    }
    return known && known->record.slot != KEY_NO_SLOT ? known : NULL;
}

// Of what the file says of errors only the reason of a new ban counts: the others are in the table.
static struct key_extra *extra_of(const struct document_key *key, const struct stored_key *known)
{
    struct document_key said = document_key_default;
    said.status = key->status;
    said.rest = key->rest;
    if (known->extra) {
        said.last_error = known->extra->last_error;
        said.banned_reason = known->extra->banned_reason;
    }
    return key_extra_new(&said, known->extra ? known->extra->cut : SLICE_EMPTY);
}

static void take_over(struct loading *loading, struct document_key *key)
{
    struct key_store *store = loading->store;
    struct stored_key *known = find_known(loading, key);
    if (!known) {
        add_new(loading, key);
        return;
    }
    char id[KEY_ID_MAX];
    struct key_record record = record_of(loading, key, id);
    if (!key->id.len) {
        record.id = known->record.id;
    }
    record.slot = known->record.slot;
    struct stored_key *version = stored_key_new(&record, extra_of(key, known));
    append(loading, version, key->status);
    key_publish_version(store, known, version);
    // A status that is other than ours was set by the operator, unless a rule has changed ours since it was written.
    bool is_set = key->status != known->written_status;
    if (is_set && key->status == KEY_BANNED) {
        key_publish_ban(store->table, record.slot, key);
    } else if (is_set) {
        key_publish_status(store->table, record.slot, key->status);
    }
    known->record.slot = KEY_NO_SLOT; // it has gone over
}

static void remove_left(struct key_store *store, struct key_pool *pool)
{
    key_pool_compact(pool);
    for (size_t i = 0; i < pool->n_listed; i++) {
        if (pool->keys[i]->record.slot != KEY_NO_SLOT) {
            key_table_remove(store->table, pool->keys[i]->record.slot);
        }
    }
}

void pool_load_edited(struct key_store *store, const struct pool_document *document)
{
    struct key_pool before = store->pool;
    struct loading loading;
    begin(&loading, store, document);
    load_keys(&loading, document, take_over);
    end(&loading, document);
    remove_left(store, &before);
    key_pool_deinit(&before);
}
