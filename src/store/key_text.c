// SPDX-License-Identifier: MIT
// The document as text, of what the pool says and what the table has counted, made some keys at a time.
#include "base/clock.h"
#include "keys/algorithm.h"
#include "keys/consequences.h"
#include "store/key_store_internal.h"

enum { KEY_TEXT_GUESS = 700 };

// Numbers that tell whether what is counted for a key has moved.
static uint64_t mix_state(uint64_t hash, const struct document_key *key)
{
    const uint64_t numbers[] = {
        key->usage_count,
        key->total_requests,
        key->success_requests + (key->error_count << 32),
        key->input_tokens,
        key->output_tokens,
        (uint64_t)key->last_used_ms,
        (uint64_t)key->last_test_ms,
        (uint64_t)key->banned_ms,
        (uint64_t)key->last_error_ms,
        (uint64_t)key->cooldown_until_ms,
        (uint64_t)(key->cooldowns[0].until_ms ^ key->cooldowns[1].until_ms << 1 ^ key->cooldowns[2].until_ms << 2 ^
                   key->cooldowns[3].until_ms << 3),
        (uint64_t)key->errors_in_row << 16 | (uint64_t)key->status << 8 | (uint64_t)key->test_result,
        (uint64_t)key->allowance ^ (uint64_t)key->used << 20,
        (uint64_t)key->synced_ms,
    };
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        hash = (hash ^ numbers[i]) * UINT64_C(0x9E3779B97F4A7C15);
        hash ^= hash >> 29;
    }
    return hash;
}

// Cooldowns that ended long ago no longer tell how long the next one should be.
static void drop_past_cooldowns(struct document_key *key, int64_t now_ms)
{
    int64_t oldest_ms = now_ms - COOLDOWN_ASKED_MAX_MS;
    if (key->cooldown_until_ms < oldest_ms) {
        key->cooldown_until_ms = 0;
        key->cooldown_n = 0;
    }
    for (size_t i = 0; i < KEY_MODEL_COOLDOWNS; i++) {
        if (key->cooldowns[i].until_ms < oldest_ms) {
            key->cooldowns[i].model = 0;
        }
    }
}

static void add_extra(struct document_key *key, const struct key_extra *extra)
{
    key->rest = extra->rest;
    if ((extra->last_error.len || extra->banned_reason.len) && slice_eq(key->last_error, extra->cut)) {
        key->last_error = extra->last_error;
        key->banned_reason = extra->banned_reason;
    }
}

static void add_state(struct key_store *store, const struct stored_key *stored, struct arena *arena, int64_t now_ms,
                      struct document_key *key)
{
    struct key_text *text = &store->writer.text;
    const struct key_slot *slot = key_of(store->table, stored->record.slot);
    const struct key_scoring scoring = {.settings = &store->pool.rules->settings, .now_ms = now_ms};
    key_state_save(slot, arena, key);
    text->has_inflight |= atomic_load_explicit(&slot->inflight, memory_order_relaxed) != 0;
    if (key->last_used_ms > text->newest_use_ms) {
        text->newest_use_ms = key->last_used_ms;
        text->rotation_index = (int64_t)text->at;
    }
    key->weight_score = key_algorithm_of(KEY_WEIGHTED_SCORE)->score(slot, &scoring);
}

static void build_key(struct key_store *store, struct stored_key *stored, struct arena *arena, int64_t now_ms)
{
    const struct key_record *record = &stored->record;
    struct document_key key = document_key_default;
    if (record->slot != KEY_NO_SLOT) {
        add_state(store, stored, arena, now_ms, &key);
    }
    key.id = record->id;
    key.secret = record->secret;
    key.provider = record->provider;
    key.group = record->group;
    key.notes = record->notes;
    key.proxy = record->proxy;
    key.weight = record->weight;
    key.max_inflight = record->max_inflight;
    key.created_ms = record->created_ms;
    if (stored->extra) {
        add_extra(&key, stored->extra);
    }
    if (stored->status_wish != NO_STATUS_WISH) {
        key_wish_apply(&key, (enum key_status)stored->status_wish);
    }
    store->writer.text.fingerprint = mix_state(store->writer.text.fingerprint, &key);
    drop_past_cooldowns(&key, now_ms);
    stored->built_status = (uint8_t)key.status;
    pool_document_add(&store->writer.text.bytes, &key, store->writer.text.at == 0);
}

static void build_tail(struct key_store *store)
{
    struct key_text *text = &store->writer.text;
    const struct pool_groups *groups = store->pool.groups;
    const struct pool_tail *rest = &store->pool.tail;
    struct document_group *entries = mem_alloc((groups->n + 1) * sizeof(*entries));
    for (size_t i = 0; i < groups->n; i++) {
        const struct key_group_record *record = &groups->records[i];
        entries[i] =
            (struct document_group){record->id, record->name, record->description, record->priority, groups->rests[i]};
    }
    const struct document_tail tail = {
        .groups = entries,
        .n_groups = groups->n,
        .config = store->pool.rules->config,
        .last_rotation_index = text->newest_use_ms ? text->rotation_index : rest->last_rotation_index,
        .stats_rest = rest->stats_rest,
        .rejected_keys = rest->rejected_keys,
        .rejected_groups = rest->rejected_groups,
        .rest = rest->rest,
    };
    pool_document_end(&text->bytes, &tail);
    mem_free(entries);
}

void key_text_begin(struct key_store *store)
{
    struct key_text *text = &store->writer.text;
    key_pool_compact(&store->pool);
    text->at = 0;
    text->fingerprint = 0;
    text->build_ns = 0;
    text->newest_use_ms = 0;
    text->has_inflight = false;
    size_t guess = store->pool.n_listed * KEY_TEXT_GUESS;
    buf_reserve(&text->bytes, (guess > text->len_hint ? guess : text->len_hint) + 4096);
    pool_document_begin(&text->bytes);
}

bool key_text_add(struct key_store *store, size_t n_keys)
{
    struct key_text *text = &store->writer.text;
    uint64_t start_ns = clock_monotonic_ns();
    int64_t now_ms = clock_wall_ms();
    struct arena arena;
    arena_init(&arena, 4096);
    size_t left = store->pool.n_listed - text->at;
    for (size_t end = text->at + (n_keys < left ? n_keys : left); text->at < end; text->at++) {
        build_key(store, store->pool.keys[text->at], &arena, now_ms);
        arena_reset(&arena);
    }
    arena_deinit(&arena);
    bool is_whole = text->at == store->pool.n_listed;
    if (is_whole) {
        build_tail(store);
    }
    text->build_ns += clock_monotonic_ns() - start_ns;
    return is_whole;
}

void key_text_drop(struct key_text *text)
{
    text->len_hint = text->bytes.len ? text->bytes.len + text->bytes.len / 16 : text->len_hint;
    buf_deinit(&text->bytes);
}

uint64_t key_text_fingerprint(const struct key_store *store)
{
    struct arena arena;
    uint64_t fingerprint = 0;
    arena_init(&arena, 1024);
    for (size_t i = 0; i < store->pool.n_listed; i++) {
        const struct key_record *record = &store->pool.keys[i]->record;
        struct document_key key = document_key_default;
        if (record->slot != KEY_NO_SLOT) {
            key_state_save(key_of(store->table, record->slot), &arena, &key);
        }
        fingerprint = mix_state(fingerprint, &key);
        arena_reset(&arena);
    }
    arena_deinit(&arena);
    return fingerprint;
}
