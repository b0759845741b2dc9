// SPDX-License-Identifier: MIT
// What a key is, as it lies in a slot. The keeper makes `version` odd before it writes and even again after it; a
// reader that has seen the same even version before and after copying has a copy of one moment. Words are written with
// release and read with acquire (see shm/shared_words.h), and so are the numbers here.
#include <sched.h>
#include <string.h>

#include "keys/key_table_internal.h"
#include "shm/shared_words.h"

enum {
    LOOKS = 128,     // at a slot that is being written, before its writer counts as dead
    LOOKS_AWAKE = 64 // of these without giving way: writing takes less, unless the writer was interrupted
};

static_assert(offsetof(struct key_slot, cooldown_until_ms) % 8 == 0, "copied in words");
static_assert(offsetof(struct key_slot, error_version) % 8 == 0, "copied in words");
static_assert(offsetof(struct key_slot, last_error) % 8 == 0, "copied in words");
static_assert(offsetof(struct key_slot, id) % 8 == 0 && KEY_ID_MAX % 8 == 0, "copied in words");
static_assert(offsetof(struct key_slot, secret) % 8 == 0 && KEY_SECRET_NEAR % 8 == 0, "copied in words");
static_assert(offsetof(struct key_table_shared, far_secrets) % 8 == 0 && KEY_SECRET_MAX % 8 == 0, "copied in words");
static_assert(KEY_ID_MAX <= UINT8_MAX && KEY_SECRET_MAX <= UINT16_MAX && KEY_GROUPS_MAX <= UINT16_MAX, "they fit");

#define SET(field, value) atomic_store_explicit(&(field), (value), memory_order_release)
#define GET(field) atomic_load_explicit(&(field), memory_order_acquire)

static char *secret_of(const struct key_table *table, uint32_t slot, size_t len)
{
    return len > KEY_SECRET_NEAR ? table->shared->far_secrets[slot] : key_of(table, slot)->secret;
}

// After a keeper that died the version is odd already.
void key_slot_begin(struct key_slot *slot)
{
    SET(slot->version, atomic_load_explicit(&slot->version, memory_order_relaxed) | 1);
}

void key_slot_end(struct key_slot *slot)
{
    SET(slot->version, (atomic_load_explicit(&slot->version, memory_order_relaxed) | 1) + 1);
}

static void wipe_secret(struct key_table *table, uint32_t slot)
{
    size_t len = GET(key_of(table, slot)->secret_len);
    shared_words_zero(secret_of(table, slot, len), len);
}

void key_slot_write(struct key_table *table, uint32_t slot, const struct key_info *info)
{
    struct key_slot *key = key_of(table, slot);
    assert(info->id.len <= KEY_ID_MAX && info->secret.len <= KEY_SECRET_MAX && info->group < KEY_GROUPS_MAX);
    assert(info->weight > 0);
    SET(key->provider, info->provider);
    SET(key->group, info->group);
    SET(key->weight, info->weight);
    SET(key->max_inflight, info->max_inflight);
    SET(key->proxy, info->proxy);
    SET(key->id_len, (uint8_t)info->id.len);
    shared_words_write(key->id, info->id.ptr, info->id.len);
    wipe_secret(table, slot);
    // The length first: whoever finds the slot half written then wipes enough.
    SET(key->secret_len, (uint16_t)info->secret.len);
    shared_words_write(secret_of(table, slot, info->secret.len), info->secret.ptr, info->secret.len);
}

void key_slot_wipe(struct key_table *table, uint32_t slot)
{
    struct key_slot *key = key_of(table, slot);
    wipe_secret(table, slot);
    SET(key->secret_len, 0);
    SET(key->id_len, 0);
    shared_words_zero(key->id, KEY_ID_MAX);
}

void key_slot_reset(struct key_slot *slot)
{
    const size_t first = offsetof(struct key_slot, cooldown_until_ms);
    shared_words_zero(&slot->cooldown_until_ms, offsetof(struct key_slot, error_version) - first);
    SET(slot->test_result, KEY_UNTESTED);
    SET(slot->allowance, -1);
    key_error_clear(slot);
}

static bool copy_once(const struct key_table *table, uint32_t slot, struct key_copy *copy_r)
{
    const struct key_slot *key = key_of(table, slot);
    copy_r->identity = GET(key->identity);
    copy_r->provider = GET(key->provider);
    copy_r->group = GET(key->group);
    copy_r->weight = GET(key->weight);
    copy_r->max_inflight = GET(key->max_inflight);
    copy_r->proxy = GET(key->proxy);
    copy_r->id_len = GET(key->id_len);
    copy_r->secret_len = GET(key->secret_len);
    if (copy_r->id_len > KEY_ID_MAX || copy_r->secret_len > KEY_SECRET_MAX) {
        return false;
    }
    shared_words_read(copy_r->id, key->id, copy_r->id_len);
    shared_words_read(copy_r->secret, secret_of(table, slot, copy_r->secret_len), copy_r->secret_len);
    return true;
}

bool key_slot_copy(const struct key_table *table, uint32_t slot, struct key_copy *copy_r)
{
    const struct key_slot *key = key_of(table, slot);
    for (int n = 0; n < LOOKS; n++) {
        uint32_t version = GET(key->version);
        if (GET(key->identity) == 0) {
            return false;
        }
        // What was read before was read with acquire, so the second look at the version is after it.
        if (version % 2 == 0 && copy_once(table, slot, copy_r) &&
            atomic_load_explicit(&key->version, memory_order_relaxed) == version) {
            return copy_r->identity != 0;
        }
        if (n >= LOOKS_AWAKE) {
            sched_yield();
        }
    }
    return false;
}

struct key_info key_copy_info(const struct key_copy *copy, struct arena *arena)
{
    return (struct key_info){
        .id = arena_dup(arena, slice_of(copy->id, copy->id_len)),
        .secret = arena_dup(arena, slice_of(copy->secret, copy->secret_len)),
        .provider = copy->provider,
        .group = copy->group,
        .weight = copy->weight,
        .max_inflight = copy->max_inflight,
        .proxy = copy->proxy,
    };
}

bool key_read(const struct key_table *table, uint32_t slot, struct arena *arena, struct key_info *info_r)
{
    struct key_copy copy;
    if (slot >= key_table_end(table) || !key_slot_copy(table, slot, &copy)) {
        return false;
    }
    *info_r = key_copy_info(&copy, arena);
    return true;
}
