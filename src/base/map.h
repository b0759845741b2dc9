// SPDX-License-Identifier: MIT
// Hash map from text to a pointer: open addressing, linear probing, keyed hash (an outsider cannot choose collisions).
#pragma once

#include <stddef.h>

#include "base/mem.h"
#include "base/slice.h"

struct map_entry {
    struct slice key; // borrowed: must live as long as the entry
    void *value;      // NULL marks a free slot
    uint64_t hash;
};

struct map {
    struct map_entry *_entries; // owned; NULL while empty
    size_t _cap;                // a power of two
    size_t n_entries;
};

void map_init(struct map *map);
void map_deinit(struct map *map); // neither keys nor values are freed

// Adds or replaces; `value` is not NULL, `key` is borrowed. Returns the value that was there, or NULL.
void *map_set(struct map *map, struct slice key, void *value);
void *map_find(const struct map *map, struct slice key); // NULL when absent
void *map_remove(struct map *map, struct slice key);     // what was there, or NULL

// Walks over all entries in no particular order: start with *at = 0; NULL at the end. The map may not change meanwhile.
const struct map_entry *map_next(const struct map *map, size_t *at);
