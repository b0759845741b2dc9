// SPDX-License-Identifier: MIT
#include "base/map.h"

#include <assert.h>

#include "base/random.h"

enum { MAP_CAP_MIN = 8 };

// wyhash-like folding of 8-byte words under a key of this process.
static uint64_t fold(uint64_t a, uint64_t b)
{
    __uint128_t product = (__uint128_t)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_of(struct slice key)
{
    uint64_t seed = random_process_seed();
    uint64_t hash = seed ^ (key.len * 0x9e3779b97f4a7c15U);
    size_t i = 0;
    for (; i + 8 <= key.len; i += 8) {
        uint64_t word;
        memcpy(&word, key.ptr + i, 8);
        hash = fold(hash ^ word, seed | 1) + 0xd6e8feb86659fd93U;
    }
    uint64_t tail = 0;
    if (i < key.len) {
        memcpy(&tail, key.ptr + i, key.len - i);
    }
    return fold(hash ^ tail, 0xa0761d6478bd642fU ^ seed);
}

void map_init(struct map *map)
{
    *map = (struct map){0};
}

void map_deinit(struct map *map)
{
    mem_free(map->_entries);
    map_init(map);
}

// The slot of the key, or the free slot where it would go.
static struct map_entry *slot_of(const struct map *map, struct slice key, uint64_t hash)
{
    size_t at = hash & (map->_cap - 1);
    while (map->_entries[at].value && !(map->_entries[at].hash == hash && slice_eq(map->_entries[at].key, key))) {
        at = (at + 1) & (map->_cap - 1);
    }
    return &map->_entries[at];
}

static void grow(struct map *map)
{
    struct map old = *map;
    map->_cap = old._cap ? old._cap * 2 : MAP_CAP_MIN;
    map->_entries = mem_zalloc(map->_cap * sizeof(*map->_entries));
    for (size_t i = 0; i < old._cap; i++) {
        if (old._entries[i].value) {
            *slot_of(map, old._entries[i].key, old._entries[i].hash) = old._entries[i];
        }
    }
    mem_free(old._entries);
}

void *map_set(struct map *map, struct slice key, void *value)
{
    assert(value);
    if ((map->n_entries + 1) * 4 > map->_cap * 3) {
        grow(map);
    }
    uint64_t hash = hash_of(key);
    struct map_entry *slot = slot_of(map, key, hash);
    void *before = slot->value;
    map->n_entries += before == NULL;
    *slot = (struct map_entry){key, value, hash};
    return before;
}

void *map_find(const struct map *map, struct slice key)
{
    return map->_cap ? slot_of(map, key, hash_of(key))->value : NULL;
}

void *map_remove(struct map *map, struct slice key)
{
    struct map_entry *hole = map->_cap ? slot_of(map, key, hash_of(key)) : NULL;
    if (!hole || !hole->value) {
        return NULL;
    }
    void *before = hole->value;
    // Close the gap: later entries of the run move up unless they already stand at or behind their home slot.
    size_t mask = map->_cap - 1;
    size_t gap = (size_t)(hole - map->_entries);
    for (size_t at = (gap + 1) & mask; map->_entries[at].value; at = (at + 1) & mask) {
        size_t home = map->_entries[at].hash & mask;
        if (((at - home) & mask) >= ((at - gap) & mask)) {
            map->_entries[gap] = map->_entries[at];
            gap = at;
        }
    }
    map->_entries[gap] = (struct map_entry){0};
    map->n_entries--;
    return before;
}

const struct map_entry *map_next(const struct map *map, size_t *at)
{
    while (*at < map->_cap) {
        const struct map_entry *entry = &map->_entries[(*at)++];
        if (entry->value) {
            return entry;
        }
    }
    return NULL;
}
