// SPDX-License-Identifier: MIT
// Leases: while one is out, its slot belongs to the key it was taken for.
//
// Why a slot is never given away under a lease: a taker writes `inflight` (+1), then reads `identity`; the keeper
// writes `identity` (0), then reads `inflight`. All four are sequentially consistent, so of the two reads at least one
// sees the other side's write:
// - The taker sees that the identity is not the one it wants: it takes its 1 back and has touched nothing else.
// - The taker sees the identity it wants: then its +1 is before the keeper's 0 in the one order of all, so whenever the
//   keeper looks later, it sees the lease until that is returned, and lets the slot rest.
// A taker that comes late (the slot was given to another key between its two steps, or long before) wants an identity
// that never comes back, so it is in the first case. Its passing +1 can only make the keeper wait, never the reverse.
// The return is a release and the keeper's look an acquire: what the holder wrote is there before the slot is reset.
//
// The secret is no part of this: it is copied under `version`, and wiped as soon as the key is removed.
#include "keys/key_table_internal.h"

// Readers that found the key full wait to hear that it has room again.
static void tell_who_waits(struct key_table *table, uint32_t slot)
{
    struct key_slot *key = key_of(table, slot);
    if (atomic_load(&key->is_awaited) && atomic_exchange(&key->is_awaited, false)) {
        key_changed(table, slot);
    }
}

static void let_go(struct key_table *table, uint32_t slot)
{
    // In the reverse order of taking: killed in between, a lease is left over, but none is returned twice.
    if (table->_held) {
        atomic_fetch_sub_explicit(&table->_held[slot], 1, memory_order_relaxed);
    }
    uint32_t before = atomic_fetch_sub(&key_of(table, slot)->inflight, 1);
    assert(before > 0);
    tell_who_waits(table, slot);
}

bool key_lease_take(struct key_table *table, uint32_t slot, uint32_t identity, struct arena *arena,
                    struct key_lease *lease_r, struct key_info *info_r)
{
    struct key_copy copy;
    if (identity == 0 || slot >= key_table_end(table)) {
        return false;
    }
    struct key_slot *key = key_of(table, slot);
    atomic_fetch_add(&key->inflight, 1);
    if (table->_held) {
        atomic_fetch_add_explicit(&table->_held[slot], 1, memory_order_relaxed);
    }
    if (atomic_load(&key->identity) != identity || !key_slot_copy(table, slot, &copy) || copy.identity != identity) {
        let_go(table, slot);
        return false;
    }
    *lease_r = (struct key_lease){.slot = slot, .identity = identity};
    *info_r = key_copy_info(&copy, arena);
    return true;
}

void key_lease_return(struct key_table *table, struct key_lease *lease)
{
    assert(lease->identity != 0);
    let_go(table, lease->slot);
    *lease = (struct key_lease){0};
}

void key_table_hold_as(struct key_table *table, uint32_t holder)
{
    key_table_forget_leases(table, holder);
    atomic_store(&table->shared->is_held[holder], true);
    table->_held = table->shared->held[holder];
}

void key_table_forget_leases(struct key_table *table, uint32_t holder)
{
    assert(holder < KEY_HOLDERS_MAX);
    _Atomic uint32_t *held = table->shared->held[holder];
    uint32_t end = key_table_end(table);
    for (uint32_t slot = 0; slot < end; slot++) {
        uint32_t n = atomic_exchange_explicit(&held[slot], 0, memory_order_relaxed);
        if (n) {
            uint32_t before = atomic_fetch_sub(&key_of(table, slot)->inflight, n);
            assert(before >= n);
            tell_who_waits(table, slot);
        }
    }
}
