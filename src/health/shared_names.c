// SPDX-License-Identifier: MIT
#include "health/shared_names.h"

#include <assert.h>
#include <stdbool.h>

#include "base/fnv.h"

static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "a lock in shared memory would be held for ever by who dies with it");

static bool is_or_becomes(_Atomic uint64_t *entry, uint64_t hash)
{
    uint64_t found = atomic_load_explicit(entry, memory_order_relaxed);
    if (found == 0 && atomic_compare_exchange_strong(entry, &found, hash)) {
        return true;
    }
    return found == hash; // maybe because another has just made it so
}

size_t shared_names_find(_Atomic uint64_t *names, size_t n_names, struct slice name)
{
    uint64_t hash = fnv_add(FNV_START, name);
    hash += hash == 0; // which means nobody
    for (size_t i = 0; i < n_names; i++) {
        size_t at = (size_t)((hash + i) % n_names);
        if (is_or_becomes(&names[at], hash)) {
            return at;
        }
    }
    return n_names;
}
