// SPDX-License-Identifier: MIT
// A set-associative table: a tag belongs into one set, anywhere in it. An entry is valid when its `check` fits its tag
// and its key; that is all that readers rely on, so no order of memory matters, and an entry that two writers have
// mixed up, or that is half written, is an empty one.
#include "keys/affinity.h"

#include <assert.h>

#include "base/fnv.h"
#include "keys/key_table_internal.h"

enum { KIND_BITS = 2 };

static uint64_t load(const _Atomic uint64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

static void store(_Atomic uint64_t *place, uint64_t value)
{
    atomic_store_explicit(place, value, memory_order_relaxed);
}

static uint32_t load_32(const _Atomic uint32_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

static void store_32(_Atomic uint32_t *place, uint32_t value)
{
    atomic_store_explicit(place, value, memory_order_relaxed);
}

// Every bit of the result depends on every bit of the value, and no two values have the same.
static uint64_t mix(uint64_t value)
{
    value = (value ^ value >> 33) * UINT64_C(0xFF51AFD7ED558CCD);
    value = (value ^ value >> 33) * UINT64_C(0xC4CEB9FE1A85EC53);
    return value ^ value >> 33;
}

// The kind is in the low bits, and never 0 there.
uint64_t affinity_tag(enum affinity_kind kind, struct slice text)
{
    return mix(fnv_add(FNV_START, text)) << KIND_BITS | ((uint64_t)kind + 1);
}

static int64_t ttl_s(uint64_t tag)
{
    bool is_conversation = (tag & ((1U << KIND_BITS) - 1)) == AFFINITY_CONVERSATION + 1;
    return is_conversation ? AFFINITY_TTL_MS / 1000 : AFFINITY_OWNER_TTL_MS / 1000;
}

static uint32_t check_of(uint64_t tag, uint64_t key)
{
    return (uint32_t)(mix(tag ^ mix(key)) >> 32);
}

static struct affinity_entry *set_of(struct key_table *table, uint64_t tag)
{
    return &table->shared->affinity[(mix(tag) % AFFINITY_SETS) * AFFINITY_WAYS];
}

static uint32_t seconds(int64_t now_ms)
{
    return now_ms > 0 ? (uint32_t)(now_ms / 1000) : 0;
}

// How long ago an entry was last used; a clock that was set back makes that 0.
static int64_t age_s(const struct affinity_entry *entry, uint32_t now_s)
{
    uint32_t used_s = load_32(&entry->used_s);
    return now_s > used_s ? now_s - used_s : 0;
}

// The tag and key of an entry: false when it is free, mixed up or too old.
static bool read_entry(const struct affinity_entry *entry, uint32_t now_s, uint64_t *tag_r, uint64_t *key_r)
{
    *tag_r = load(&entry->tag);
    *key_r = load(&entry->key);
    return *tag_r && load_32(&entry->check) == check_of(*tag_r, *key_r) && age_s(entry, now_s) <= ttl_s(*tag_r);
}

bool affinity_find(struct key_table *table, enum affinity_kind kind, uint64_t tag, int64_t now_ms,
                   struct key_lease *key_r)
{
    struct affinity_entry *set = set_of(table, tag);
    uint32_t now_s = seconds(now_ms);
    assert((tag & ((1U << KIND_BITS) - 1)) == (uint64_t)kind + 1);
    for (struct affinity_entry *entry = set; entry < set + AFFINITY_WAYS; entry++) {
        uint64_t other;
        uint64_t key;
        if (load(&entry->tag) == tag && read_entry(entry, now_s, &other, &key) && other == tag) {
            if (age_s(entry, now_s) > 0) {
                store_32(&entry->used_s, now_s);
            }
            *key_r = (struct key_lease){.slot = (uint32_t)(key >> 32), .identity = (uint32_t)key};
            return true;
        }
    }
    return false;
}

// The entry of this tag; else one that is worth nothing; else the one that was not used for longest.
static struct affinity_entry *find_room(struct affinity_entry *set, uint64_t tag, uint32_t now_s)
{
    struct affinity_entry *room = NULL;
    int64_t room_age = -1;
    for (struct affinity_entry *entry = set; entry < set + AFFINITY_WAYS; entry++) {
        uint64_t other;
        uint64_t key;
        int64_t age = read_entry(entry, now_s, &other, &key) ? age_s(entry, now_s) : INT64_MAX;
        if (other == tag) {
            return entry;
        }
        if (age > room_age) {
            room = entry;
            room_age = age;
        }
    }
    return room;
}

void affinity_put(struct key_table *table, uint64_t tag, struct key_lease lease, int64_t now_ms)
{
    uint32_t now_s = seconds(now_ms);
    uint64_t key = (uint64_t)lease.slot << 32 | lease.identity;
    struct affinity_entry *entry = find_room(set_of(table, tag), tag, now_s);
    assert(lease.identity != 0);
    store_32(&entry->used_s, now_s);
    if (load(&entry->tag) == tag && load(&entry->key) == key && load_32(&entry->check) == check_of(tag, key)) {
        return; // as mostly; the line stays clean
    }
    store(&entry->tag, tag);
    store(&entry->key, key);
    store_32(&entry->check, check_of(tag, key));
}
