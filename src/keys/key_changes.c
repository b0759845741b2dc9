// SPDX-License-Identifier: MIT
// What readers should look at again: a ring with any number of writers. An entry is one word, so that it is there whole
// or not at all, and it is written before it is counted: who comes upon one that its writer has not counted (it may
// have died) counts it. So no place is ever left open, and nobody waits for anybody.
#include "keys/key_table_internal.h"

// What an entry says of its number: not 0 on the first lap, so that it differs from one that was never written.
static uint32_t mark_of(uint64_t number)
{
    return (uint32_t)(number + 1);
}

static uint32_t mark_in(uint64_t entry)
{
    return (uint32_t)(entry >> 32);
}

static bool is_free_for(uint64_t entry, uint64_t number)
{
    return number < KEY_CHANGES ? entry == 0 : mark_in(entry) == mark_of(number - KEY_CHANGES);
}

void key_changed(struct key_table *table, uint32_t slot)
{
    struct key_table_shared *shared = table->shared;
    bool is_written = false;
    while (!is_written) {
        uint64_t number = atomic_load_explicit(&shared->n_changes, memory_order_acquire);
        _Atomic uint64_t *place = &shared->changes[number % KEY_CHANGES];
        uint64_t entry = atomic_load_explicit(place, memory_order_acquire);
        if (is_free_for(entry, number)) {
            is_written = atomic_compare_exchange_strong_explicit(place, &entry, (uint64_t)mark_of(number) << 32 | slot,
                                                                 memory_order_acq_rel, memory_order_acquire);
        }
        // Ours or another's: entry `number` is there now. It is counted once, by whoever is first.
        atomic_compare_exchange_strong_explicit(&shared->n_changes, &number, number + 1, memory_order_acq_rel,
                                                memory_order_relaxed);
    }
}

uint64_t key_changes_now(const struct key_table *table)
{
    return atomic_load_explicit(&table->shared->n_changes, memory_order_acquire);
}

bool key_changes_next(const struct key_table *table, uint64_t *at, uint32_t *slot_r, bool *is_lost)
{
    uint64_t n = key_changes_now(table);
    uint64_t entry = atomic_load_explicit(&table->shared->changes[*at % KEY_CHANGES], memory_order_acquire);
    if (mark_in(entry) == mark_of(*at) && n <= *at + KEY_CHANGES) {
        *is_lost = false;
        *slot_r = (uint32_t)entry;
        ++*at;
        return true;
    }
    // The entry may have been taken by a later change after n was read.
    *is_lost = n > *at + KEY_CHANGES || (n >= *at && !is_free_for(entry, *at));
    if (*is_lost) {
        *at = key_changes_now(table);
    }
    return false;
}
