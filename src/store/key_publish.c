// SPDX-License-Identifier: MIT
// What the table is told once it is durable.
#include <float.h>

#include "base/log.h"
#include "store/key_store_internal.h"

// ---- what a key is

static float weight_of(double weight)
{
    return weight < FLT_MIN ? FLT_MIN : weight > FLT_MAX ? FLT_MAX : (float)weight;
}

static uint8_t provider_of(const struct key_record *record)
{
    for (unsigned provider = KEY_FACTORY; provider <= KEY_GLM; provider++) {
        if (slice_eq(key_provider_name(provider), record->provider)) {
            return (uint8_t)provider;
        }
    }
    return (uint8_t)key_provider_of(record->secret);
}

static struct key_info info_of(const struct key_record *record, uint16_t group)
{
    return (struct key_info){
        .id = record->id,
        .secret = record->secret,
        .provider = provider_of(record),
        .group = group,
        .weight = weight_of(record->weight),
        .max_inflight = record->max_inflight,
        .proxy = record->proxy.len ? key_proxy_tag(record->proxy) : 0,
    };
}

static uint16_t group_of(const struct key_store *store, const struct key_record *record)
{
    return key_table_find_group(store->table, record->group);
}

// ---- between a slot and an entry

#define GET(field) atomic_load_explicit(&(field), memory_order_relaxed)
#define SET(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)

static struct slice slot_error_of(const struct document_key *key)
{
    return key->status == KEY_BANNED && key->banned_reason.len ? key->banned_reason : key->last_error;
}

static void restore_usage(const struct document_key *key, struct key_slot *slot)
{
    SET(slot->usage_count, key->usage_count);
    SET(slot->total_requests, key->total_requests);
    SET(slot->success_requests, key->success_requests);
    SET(slot->error_count, key->error_count);
    SET(slot->input_tokens, key->input_tokens);
    SET(slot->output_tokens, key->output_tokens);
    SET(slot->last_used_ms, key->last_used_ms);
    SET(slot->day, key->day);
    SET(slot->month, key->month);
    SET(slot->day_tokens, key->day_tokens);
    SET(slot->month_tokens, key->month_tokens);
    SET(slot->allowance, key->allowance);
    SET(slot->used, key->used);
    SET(slot->tokens_at_sync, key->tokens_at_sync);
    SET(slot->synced_ms, key->synced_ms);
    for (size_t i = 0; i < KEY_WINDOW_BUCKETS; i++) {
        SET(slot->window[i], (uint64_t)key->window[i].period << 32 | key->window[i].tokens);
    }
}

void key_state_restore(void *document_key, struct key_slot *slot)
{
    const struct document_key *key = document_key;
    SET(slot->status, (uint8_t)key->status);
    SET(slot->test_result, (uint8_t)key->test_result);
    SET(slot->last_test_ms, key->last_test_ms);
    SET(slot->banned_ms, key->banned_ms);
    SET(slot->errors_in_row, key->errors_in_row);
    SET(slot->cooldown_n, key->cooldown_n);
    SET(slot->cooldown_until_ms, key->cooldown_until_ms);
    for (size_t i = 0; i < KEY_MODEL_COOLDOWNS; i++) {
        SET(slot->cooldowns[i].n, key->cooldowns[i].n);
        SET(slot->cooldowns[i].until_ms, key->cooldowns[i].until_ms);
        SET(slot->cooldowns[i].model, key->cooldowns[i].model);
    }
    restore_usage(key, slot);
    struct slice error = slot_error_of(key);
    if (error.len || key->last_error_ms) {
        key_set_last_error(slot, error, key->last_error_ms);
    }
}

static void save_usage(const struct key_slot *slot, struct document_key *key)
{
    key->usage_count = GET(slot->usage_count);
    key->total_requests = GET(slot->total_requests);
    key->success_requests = GET(slot->success_requests);
    key->error_count = GET(slot->error_count);
    key->input_tokens = GET(slot->input_tokens);
    key->output_tokens = GET(slot->output_tokens);
    key->last_used_ms = GET(slot->last_used_ms);
    key->day = GET(slot->day);
    key->month = GET(slot->month);
    key->day_tokens = GET(slot->day_tokens);
    key->month_tokens = GET(slot->month_tokens);
    key->allowance = GET(slot->allowance);
    key->used = GET(slot->used);
    key->tokens_at_sync = GET(slot->tokens_at_sync);
    key->synced_ms = GET(slot->synced_ms);
    for (size_t i = 0; i < KEY_WINDOW_BUCKETS; i++) {
        uint64_t bucket = GET(slot->window[i]);
        key->window[i] = (struct document_bucket){.period = (uint32_t)(bucket >> 32), .tokens = (uint32_t)bucket};
    }
}

void key_state_save(const struct key_slot *slot, struct arena *arena, struct document_key *key)
{
    uint8_t status = GET(slot->status);
    key->status = status <= KEY_BANNED ? (enum key_status)status : KEY_DISABLED;
    uint8_t test_result = GET(slot->test_result);
    key->test_result = test_result <= KEY_TEST_FAILED ? (enum key_test_result)test_result : KEY_UNTESTED;
    key->last_test_ms = GET(slot->last_test_ms);
    key->banned_ms = GET(slot->banned_ms);
    key->errors_in_row = GET(slot->errors_in_row);
    key->cooldown_n = GET(slot->cooldown_n);
    key->cooldown_until_ms = GET(slot->cooldown_until_ms);
    for (size_t i = 0; i < KEY_MODEL_COOLDOWNS; i++) {
        key->cooldowns[i].model = GET(slot->cooldowns[i].model);
        key->cooldowns[i].n = GET(slot->cooldowns[i].n);
        key->cooldowns[i].until_ms = GET(slot->cooldowns[i].until_ms);
    }
    save_usage(slot, key);
    key->last_error_ms = GET(slot->last_error_ms);
    key->last_error = key_last_error(slot, arena);
    key->banned_reason = key->status == KEY_BANNED ? key->last_error : SLICE_EMPTY;
}

// ---- an operator's status

void key_wish_apply(struct document_key *key, enum key_status status)
{
    bool was_banned = key->status == KEY_BANNED;
    key->status = status;
    if (was_banned && status != KEY_BANNED) {
        key->banned_ms = 0;
        key->banned_reason = SLICE_EMPTY;
    }
    if (status == KEY_ACTIVE) {
        key->errors_in_row = 0;
        key->cooldown_n = 0;
        key->cooldown_until_ms = 0;
        memset(key->cooldowns, 0, sizeof(key->cooldowns));
        key->last_error = SLICE_EMPTY;
        key->last_error_ms = 0;
        key->test_result = key->test_result == KEY_TEST_FAILED ? KEY_UNTESTED : key->test_result;
    }
}

// The key may be used at once: nothing of what kept it from it stays.
static void absolve(struct key_slot *slot)
{
    SET(slot->errors_in_row, 0);
    SET(slot->cooldown_n, 0);
    SET(slot->cooldown_until_ms, 0);
    for (size_t i = 0; i < KEY_MODEL_COOLDOWNS; i++) {
        SET(slot->cooldowns[i].model, 0);
        SET(slot->cooldowns[i].n, 0);
        SET(slot->cooldowns[i].until_ms, 0);
    }
    key_set_last_error(slot, SLICE_EMPTY, 0);
    uint8_t failed = KEY_TEST_FAILED;
    atomic_compare_exchange_strong(&slot->test_result, &failed, KEY_UNTESTED);
}

void key_publish_status(struct key_table *table, uint32_t slot, enum key_status status)
{
    struct key_slot *key = key_of(table, slot);
    enum key_status before = GET(key->status);
    if (status == KEY_ACTIVE) {
        absolve(key); // before it is active: who sees it active may use it
    }
    while (before != status && !key_table_set_status(table, slot, before, status)) {
        before = GET(key->status); // a rule was quicker
    }
    if (status != KEY_BANNED) {
        SET(key->banned_ms, 0);
    }
    key_changed(table, slot);
}

void key_publish_ban(struct key_table *table, uint32_t slot, const struct document_key *ban)
{
    struct key_slot *key = key_of(table, slot);
    key_publish_status(table, slot, KEY_BANNED);
    SET(key->banned_ms, ban->banned_ms);
    key_set_last_error(key, slot_error_of(ban), ban->last_error_ms);
}

// ---- notes

bool key_publish_new(struct key_store *store, struct stored_key *key, struct document_key *state)
{
    struct key_info info = info_of(&key->record, group_of(store, &key->record));
    int64_t slot = key_table_add(store->table, &info, state ? key_state_restore : NULL, state);
    if (slot < 0) {
        log_error(KEY_STORE_LOG, "the table of keys is full: %.*s cannot be used", SLICE_ARG(key->record.id));
        return false;
    }
    key->record.slot = (uint32_t)slot;
    return true;
}

static void publish_new(struct key_store *store, struct stored_key *key)
{
    if (!key_publish_new(store, key, NULL)) {
        return;
    }
    // A later version may be waiting already.
    struct stored_key *current = key_pool_find(&store->pool, key->record.id);
    if (current) {
        current->record.slot = key->record.slot;
    }
}

static void publish_wish(struct key_store *store, struct stored_key *key)
{
    struct stored_key *current = key_pool_find(&store->pool, key->record.id);
    if (key->status_wish == NO_STATUS_WISH) {
        return;
    }
    key_publish_status(store->table, key->record.slot, (enum key_status)key->status_wish);
    if (current && current->status_wish == key->status_wish) {
        current->status_wish = NO_STATUS_WISH; // it was carried over from here
    }
    key->status_wish = NO_STATUS_WISH;
}

static bool is_same_to_the_table(const struct key_record *a, const struct key_record *b)
{
    return slice_eq(a->id, b->id) && slice_eq(a->secret, b->secret) && slice_eq(a->group, b->group) &&
           slice_eq(a->provider, b->provider) && slice_eq(a->proxy, b->proxy) && !(a->weight < b->weight) &&
           !(a->weight > b->weight) && a->max_inflight == b->max_inflight;
}

void key_publish_version(struct key_store *store, const struct stored_key *before, struct stored_key *after)
{
    struct key_slot *slot = key_of(store->table, after->record.slot);
    uint16_t group = group_of(store, &after->record);
    if (!is_same_to_the_table(&before->record, &after->record) || GET(slot->group) != group) {
        struct key_info info = info_of(&after->record, group);
        if (!slice_eq(before->record.secret, after->record.secret)) {
            SET(slot->test_result, KEY_UNTESTED);
        }
        key_table_change(store->table, after->record.slot, &info);
    }
}

static void publish_changed(struct key_store *store, const struct stored_key *before, struct stored_key *after)
{
    after->record.slot = before->record.slot;
    if (after->record.slot != KEY_NO_SLOT) {
        key_publish_version(store, before, after);
        publish_wish(store, after);
    }
}

static void publish_removed(struct key_store *store, const struct stored_key *key)
{
    if (key->record.slot != KEY_NO_SLOT) {
        key_table_remove(store->table, key->record.slot);
    }
}

static void publish_key(struct key_store *store, struct stored_key *before, struct stored_key *after)
{
    if (!before) {
        publish_new(store, after);
        if (after->record.slot != KEY_NO_SLOT) {
            publish_wish(store, after);
        }
    } else if (after) {
        publish_changed(store, before, after);
    } else {
        publish_removed(store, before);
    }
}

// The table has what is durable, which need not be what is current.
static void change_group(struct key_table *table, uint32_t slot, uint16_t group, struct arena *arena)
{
    struct key_info info;
    arena_reset(arena);
    if (key_read(table, slot, arena, &info)) {
        info.group = group;
        key_table_change(table, slot, &info);
    }
}

void key_publish_membership(struct key_store *store)
{
    struct slice name = SLICE_EMPTY;
    uint16_t group = 0;
    struct arena arena;
    arena_init(&arena, 1024);
    key_pool_compact(&store->pool);
    for (size_t i = 0; i < store->pool.n_listed; i++) {
        const struct key_record *record = &store->pool.keys[i]->record;
        if (record->group.ptr != name.ptr) { // shared texts: neighbours mostly have the same
            name = record->group;
            group = group_of(store, record);
        }
        if (record->slot != KEY_NO_SLOT && GET(key_of(store->table, record->slot)->group) != group) {
            change_group(store->table, record->slot, group, &arena);
        }
    }
    arena_deinit(&arena);
}

void key_publish_groups(struct key_table *table, const struct pool_groups *groups)
{
    struct key_group_info *infos = mem_alloc(KEY_GROUPS_MAX * sizeof(*infos));
    for (size_t i = 0; i < groups->n; i++) {
        infos[i] = (struct key_group_info){.id = groups->records[i].id, .priority = groups->records[i].priority};
    }
    key_table_set_groups(table, infos, groups->n);
    mem_free(infos);
}

void key_publish_change(struct key_store *store, const struct change *change)
{
    switch (change->kind) {
    case CHANGE_KEY: publish_key(store, change->key.before, change->key.after); break;
    case CHANGE_GROUPS:
        key_publish_groups(store->table, change->groups.after);
        key_publish_membership(store);
        break;
    case CHANGE_RULES: key_table_set_settings(store->table, &change->rules.after->settings); break;
    }
}
