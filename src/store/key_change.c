// SPDX-License-Identifier: MIT
// What an operator changes: checked, made in the pool, noted in the log.
#include <math.h>

#include "base/clock.h"
#include "store/key_settings_json.h"
#include "store/key_store_internal.h"

// ---- what may be

static enum key_store_refusal check_secret(struct slice secret)
{
    if (secret.len == 0) {
        return KEY_STORE_EMPTY;
    }
    if (secret.len > KEY_SECRET_MAX) {
        return KEY_STORE_TOO_LONG;
    }
    return key_secret_problem(secret) ? KEY_STORE_BAD_CHARACTER : KEY_STORE_OK;
}

static size_t count_characters(struct slice text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        n += ((unsigned char)text.ptr[i] & 0xC0) != 0x80;
    }
    return n;
}

static bool has_group(const struct key_store *store, struct slice id)
{
    return id.len == 0 || slice_eq(id, SLICE("default")) || map_find(&store->pool.groups->by_id, id);
}

// `self` is the key that is changed, NULL for a new one.
static enum key_store_refusal check_draft(const struct key_store *store, const struct key_draft *draft,
                                          const struct stored_key *self)
{
    if (draft->secret.ptr || !self) {
        enum key_store_refusal refusal = check_secret(draft->secret);
        const struct stored_key *other = key_pool_find_secret(&store->pool, draft->secret);
        if (refusal != KEY_STORE_OK) {
            return refusal;
        }
        if (other && other != self) {
            return KEY_STORE_EXISTS;
        }
    }
    if (draft->group.ptr && !has_group(store, draft->group)) {
        return KEY_STORE_NO_SUCH_GROUP;
    }
    if (draft->notes.ptr && count_characters(draft->notes) > store->notes_max) {
        return KEY_STORE_NOTES_TOO_LONG;
    }
    return !isfinite(draft->weight) || draft->weight < 0 ? KEY_STORE_BAD_WEIGHT : KEY_STORE_OK;
}

// ---- keys

static void apply_draft(struct key_store *store, const struct key_draft *draft, struct key_record *record)
{
    if (draft->secret.ptr) {
        // A provider that only followed from the secret follows the new one.
        struct slice implied = record->secret.len ? key_provider_name(key_provider_of(record->secret)) : SLICE_EMPTY;
        if (slice_eq(record->provider, implied)) {
            record->provider = key_store_share(store, key_provider_name(key_provider_of(draft->secret)));
        }
        record->secret = draft->secret;
    }
    if (draft->notes.ptr) {
        record->notes = draft->notes;
    }
    if (draft->group.ptr) {
        record->group = key_store_share(store, draft->group.len ? draft->group : SLICE("default"));
    }
    if (draft->provider.len) {
        record->provider = key_store_share(store, draft->provider);
    }
    if (draft->proxy.ptr) {
        record->proxy = key_store_share(store, draft->proxy);
    }
    if (draft->weight > 0) {
        record->weight = draft->weight;
    }
    if (draft->max_inflight >= 0) {
        record->max_inflight = draft->max_inflight < UINT32_MAX ? (uint32_t)draft->max_inflight : UINT32_MAX;
    }
}

static void log_key(struct key_store *store, struct stored_key *before, struct stored_key *after)
{
    const struct change change = {.kind = CHANGE_KEY, .key = {.before = before, .after = after}};
    key_log_add(store, &change);
}

// A new version takes the place of a key; `extra` as stored_key_new().
static struct stored_key *put_version(struct key_store *store, struct stored_key *before,
                                      const struct key_record *record, struct key_extra *extra)
{
    struct stored_key *after = stored_key_new(record, extra);
    after->status_wish = before->status_wish;
    after->written_status = before->written_status;
    after->built_status = before->built_status;
    key_pool_replace(&store->pool, before, after);
    log_key(store, before, after);
    return after;
}

enum key_store_refusal key_store_add(struct key_store *store, const struct key_draft *draft,
                                     const struct key_record **record_r)
{
    char id[KEY_ID_MAX];
    key_writer_settle(store);
    enum key_store_refusal refusal = check_draft(store, draft, NULL);
    if (refusal != KEY_STORE_OK) {
        return refusal;
    }
    if (store->pool.by_id.n >= KEY_SLOTS_MAX) {
        return KEY_STORE_FULL;
    }
    struct key_record record = {
        .id = key_new_id(&store->pool, id),
        .group = key_store_share(store, SLICE("default")),
        .created_ms = clock_wall_ms(),
        .weight = 1,
        .slot = KEY_NO_SLOT,
    };
    apply_draft(store, draft, &record);
    struct stored_key *key = stored_key_new(&record, NULL);
    key_pool_append(&store->pool, key);
    log_key(store, NULL, key);
    *record_r = &key->record;
    return KEY_STORE_OK;
}

enum key_store_refusal key_store_change(struct key_store *store, struct slice id, const struct key_draft *draft)
{
    key_writer_settle(store);
    struct stored_key *key = key_pool_find(&store->pool, id);
    if (!key) {
        return KEY_STORE_NO_SUCH_KEY;
    }
    enum key_store_refusal refusal = check_draft(store, draft, key);
    if (refusal == KEY_STORE_OK) {
        struct key_record record = key->record;
        apply_draft(store, draft, &record);
        put_version(store, key, &record, key->extra);
    }
    return refusal;
}

enum key_store_refusal key_store_remove(struct key_store *store, struct slice id)
{
    key_writer_settle(store);
    struct stored_key *key = key_pool_find(&store->pool, id);
    if (!key) {
        return KEY_STORE_NO_SUCH_KEY;
    }
    key_pool_remove(&store->pool, key);
    log_key(store, key, NULL);
    return KEY_STORE_OK;
}

enum key_store_refusal key_store_set_status(struct key_store *store, struct slice id, enum key_status status)
{
    key_writer_settle(store);
    struct stored_key *key = key_pool_find(&store->pool, id);
    if (!key) {
        return KEY_STORE_NO_SUCH_KEY;
    }
    // What was remembered of errors goes, what others wrote stays.
    struct document_key said = document_key_default;
    said.rest = key->extra ? key->extra->rest : SLICE_EMPTY;
    struct stored_key *version = put_version(store, key, &key->record, key_extra_new(&said, SLICE_EMPTY));
    version->status_wish = (int8_t)status;
    return KEY_STORE_OK;
}

// ---- groups

static enum key_store_refusal check_group_id(struct slice id)
{
    if (slice_eq(id, SLICE("default"))) {
        return KEY_STORE_DEFAULT_GROUP;
    }
    if (id.len == 0 || id.len > KEY_GROUP_ID_MAX) {
        return KEY_STORE_BAD_GROUP_ID;
    }
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        bool is_alphanumeric = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!is_alphanumeric && (i == 0 || (c != '_' && c != '-'))) {
            return KEY_STORE_BAD_GROUP_ID;
        }
    }
    return KEY_STORE_OK;
}

// A version of the groups without `left_out`, or with `changed` in its place, and `added` at the end (each may be
// NULL).
static void put_groups(struct key_store *store, const struct key_group_record *left_out,
                       const struct key_group_record *changed, const struct key_group_record *added)
{
    struct pool_groups *before = store->pool.groups;
    struct pool_groups *after = pool_groups_new();
    for (size_t i = 0; i < before->n; i++) {
        if (&before->records[i] != left_out) {
            pool_groups_add(after, &before->records[i], before->rests[i]);
        } else if (changed) {
            pool_groups_add(after, changed, before->rests[i]);
        }
    }
    if (added) {
        pool_groups_add(after, added, SLICE_EMPTY);
    }
    const struct change change = {.kind = CHANGE_GROUPS, .groups = {.before = before, .after = after}};
    store->pool.groups = after;
    key_log_add(store, &change);
}

enum key_store_refusal key_store_add_group(struct key_store *store, const struct key_group_record *group)
{
    key_writer_settle(store);
    enum key_store_refusal refusal = check_group_id(group->id);
    if (refusal != KEY_STORE_OK) {
        return refusal;
    }
    if (key_store_find_group(store, group->id)) {
        return KEY_STORE_EXISTS;
    }
    if (store->pool.groups->n >= KEY_GROUPS_MAX - 1) {
        return KEY_STORE_FULL;
    }
    put_groups(store, NULL, NULL, group);
    return KEY_STORE_OK;
}

static enum key_store_refusal find_group(const struct key_store *store, struct slice id,
                                         const struct key_group_record **group_r)
{
    if (slice_eq(id, SLICE("default"))) {
        return KEY_STORE_DEFAULT_GROUP;
    }
    *group_r = key_store_find_group(store, id);
    return *group_r ? KEY_STORE_OK : KEY_STORE_NO_SUCH_GROUP;
}

enum key_store_refusal key_store_change_group(struct key_store *store, const struct key_group_record *group)
{
    const struct key_group_record *before;
    key_writer_settle(store);
    enum key_store_refusal refusal = find_group(store, group->id, &before);
    if (refusal == KEY_STORE_OK) {
        const struct key_group_record after = {
            .id = before->id,
            .name = group->name.ptr ? group->name : before->name,
            .description = group->description.ptr ? group->description : before->description,
            .priority = group->priority,
        };
        put_groups(store, before, &after, NULL);
    }
    return refusal;
}

static size_t empty_group(struct key_store *store, struct slice id)
{
    size_t n = 0;
    struct slice emptied = key_store_share(store, id);
    struct slice other = key_store_share(store, SLICE("default"));
    key_pool_compact(&store->pool);
    for (size_t i = 0; i < store->pool.n_listed; i++) {
        struct stored_key *key = store->pool.keys[i];
        if (key->record.group.ptr == emptied.ptr) {
            struct key_record record = key->record;
            record.group = other;
            put_version(store, key, &record, key->extra);
            n++;
        }
    }
    return n;
}

enum key_store_refusal key_store_remove_group(struct key_store *store, struct slice id, size_t *n_keys_r)
{
    const struct key_group_record *group;
    key_writer_settle(store);
    enum key_store_refusal refusal = find_group(store, id, &group);
    if (refusal == KEY_STORE_OK) {
        *n_keys_r = empty_group(store, id);
        put_groups(store, group, NULL, NULL);
    }
    return refusal;
}

// ---- settings

static void put_rules(struct key_store *store, struct slice config, const struct key_settings *settings)
{
    struct pool_rules *before = store->pool.rules;
    struct pool_rules *after = pool_rules_new(config, settings);
    const struct change change = {.kind = CHANGE_RULES, .rules = {.before = before, .after = after}};
    store->pool.rules = after;
    key_log_add(store, &change);
}

void key_store_set_settings(struct key_store *store, const struct key_settings *settings)
{
    struct arena arena;
    arena_init(&arena, 4096);
    key_writer_settle(store);
    const struct pool_rules *rules = store->pool.rules;
    put_rules(store, key_settings_edit(rules->config, &rules->settings, settings, &arena), settings);
    arena_deinit(&arena);
}

void key_store_reset_settings(struct key_store *store)
{
    struct arena arena;
    arena_init(&arena, 4096);
    key_writer_settle(store);
    put_rules(store, key_settings_strip(store->pool.rules->config, &arena), &store->defaults);
    arena_deinit(&arena);
}
