// SPDX-License-Identifier: MIT
#include "keys/key_table.h"

#include <errno.h>
#include <string.h>

#include "base/random.h"
#include "keys/key_table_internal.h"

enum { DRAINING_LOOKS = 4 }; // at slots that drain, for each key that is added

static void list_push(struct key_slot_list *list, uint32_t slot)
{
    if (list->_n == list->_cap) {
        list->_cap = list->_cap ? list->_cap * 2 : 64;
        list->_slots = mem_realloc(list->_slots, list->_cap * sizeof(*list->_slots));
    }
    list->_slots[list->_n++] = slot;
}

static void list_deinit(struct key_slot_list *list)
{
    mem_free(list->_slots);
    *list = (struct key_slot_list){0};
}

// ---- the table as a whole

static void set_region(struct key_table *table, struct shm_region region)
{
    struct key_table_shared *shared = region.base;
    *table = (struct key_table){.region = region, .shared = shared, .slots = shared->slots};
}

int key_table_create(struct key_table *table)
{
    struct shm_region region;
    int r = shm_region_create(&region, sizeof(struct key_table_shared));
    if (r != 0) {
        return r;
    }
    set_region(table, region);
    table->shared->slot_size = sizeof(struct key_slot);
    table->shared->layout = KEY_TABLE_LAYOUT;
    random_bytes(table->shared->token, KEY_TOKEN_SIZE);
    key_rules_init(table->shared);
    return 0;
}

int key_table_attach_take(struct key_table *table, int fd)
{
    struct shm_region region;
    int r = shm_region_attach_take(&region, fd);
    if (r != 0) {
        return r;
    }
    const struct key_table_shared *shared = region.base;
    if (region.size != sizeof(*shared) || shared->layout != KEY_TABLE_LAYOUT ||
        shared->slot_size != sizeof(struct key_slot)) {
        shm_region_close(&region);
        return -EPROTO;
    }
    set_region(table, region);
    return 0;
}

void key_table_close(struct key_table *table)
{
    list_deinit(&table->_free);
    list_deinit(&table->_draining);
    shm_region_close(&table->region);
    *table = (struct key_table){.region = table->region};
}

uint32_t key_table_end(const struct key_table *table)
{
    return atomic_load_explicit(&table->shared->end, memory_order_acquire);
}

uint64_t key_table_ticket(struct key_table *table)
{
    return atomic_fetch_add_explicit(&table->shared->ticket, 1, memory_order_relaxed) + 1;
}

struct slice key_table_token(const struct key_table *table)
{
    return slice_of(table->shared->token, KEY_TOKEN_SIZE);
}

uint32_t key_table_n_usable(const struct key_table *table)
{
    return atomic_load(&table->shared->n_usable);
}

// ---- which slots are free

// The slot has no key.
static void give_up_slot(struct key_table *table, uint32_t slot)
{
    bool is_leased = atomic_load(&key_of(table, slot)->inflight) != 0;
    list_push(is_leased ? &table->_draining : &table->_free, slot);
}

// Looks at a few slots that drain, each time at others.
static bool take_drained(struct key_table *table, size_t n_looks, uint32_t *slot_r)
{
    struct key_slot_list *list = &table->_draining;
    for (size_t n = 0; n < n_looks && list->_n; n++) {
        size_t at = table->_next_look++ % list->_n;
        uint32_t slot = list->_slots[at];
        if (atomic_load(&key_of(table, slot)->inflight) == 0) {
            list->_slots[at] = list->_slots[--list->_n];
            *slot_r = slot;
            return true;
        }
    }
    return false;
}

static bool take_slot(struct key_table *table, uint32_t *slot_r)
{
    uint32_t end = key_table_end(table);
    if (table->_free._n) {
        *slot_r = table->_free._slots[--table->_free._n];
        return true;
    }
    if (take_drained(table, DRAINING_LOOKS, slot_r)) {
        return true;
    }
    if (end < KEY_SLOTS_MAX) {
        *slot_r = end;
        // Before there is a key in it: who finds the table after a crash in between must look there.
        atomic_store_explicit(&table->shared->end, end + 1, memory_order_release);
        return true;
    }
    return take_drained(table, table->_draining._n, slot_r);
}

// ---- one key

static uint32_t new_identity(struct key_table *table)
{
    uint32_t identity;
    do {
        identity = atomic_fetch_add(&table->shared->next_identity, 1) + 1;
    } while (identity == 0);
    return identity;
}

int64_t key_table_add(struct key_table *table, const struct key_info *info,
                      void (*adjust)(void *arg, struct key_slot *slot), void *arg)
{
    uint32_t slot;
    if (!take_slot(table, &slot)) {
        return -ENOSPC;
    }
    struct key_slot *key = key_of(table, slot);
    key_slot_begin(key);
    key_slot_reset(key);
    key_slot_write(table, slot, info);
    atomic_store(&key->status, KEY_ACTIVE);
    if (adjust) {
        adjust(arg, key);
    }
    key_slot_end(key);
    if (atomic_load(&key->status) == KEY_ACTIVE) {
        atomic_fetch_add(&table->shared->n_usable, 1);
    }
    atomic_store(&key->identity, new_identity(table));
    key_changed(table, slot);
    return slot;
}

void key_table_change(struct key_table *table, uint32_t slot, const struct key_info *info)
{
    struct key_slot *key = key_of(table, slot);
    assert(atomic_load(&key->identity) != 0);
    key_slot_begin(key);
    key_slot_write(table, slot, info);
    key_slot_end(key);
    key_changed(table, slot);
}

// From here on no lease is given (see key_lease.c), and no status can be set.
static void vacate(struct key_table *table, uint32_t slot)
{
    struct key_slot *key = key_of(table, slot);
    if (atomic_exchange(&key->status, KEY_NO_STATUS) == KEY_ACTIVE) {
        atomic_fetch_sub(&table->shared->n_usable, 1);
    }
    atomic_store(&key->identity, 0);
    key_slot_begin(key);
    key_slot_wipe(table, slot);
    key_slot_end(key);
}

void key_table_remove(struct key_table *table, uint32_t slot)
{
    assert(atomic_load(&key_of(table, slot)->identity) != 0);
    vacate(table, slot);
    key_changed(table, slot);
    give_up_slot(table, slot);
}

// Counted first when it becomes usable, last when it no longer is: the number is never below the true one, so two who
// do both at once never take it below zero.
bool key_table_set_status(struct key_table *table, uint32_t slot, enum key_status from, enum key_status to)
{
    struct key_slot *key = key_of(table, slot);
    uint8_t status = (uint8_t)from;
    if (to == KEY_ACTIVE) {
        atomic_fetch_add(&table->shared->n_usable, 1);
    }
    bool is_set = atomic_compare_exchange_strong(&key->status, &status, (uint8_t)to);
    if (is_set ? from == KEY_ACTIVE : to == KEY_ACTIVE) {
        atomic_fetch_sub(&table->shared->n_usable, 1);
    }
    if (is_set) {
        key_changed(table, slot);
    }
    return is_set;
}

// ---- after somebody died

// Half changed or half removed.
static bool is_broken(const struct key_slot *key)
{
    return atomic_load(&key->version) % 2 != 0 || atomic_load(&key->status) == KEY_NO_STATUS;
}

static void repair_slot(struct key_table *table, uint32_t slot)
{
    struct key_slot *key = key_of(table, slot);
    if (atomic_load(&key->error_version) % 2 != 0) {
        key_error_clear(key);
    }
    if (atomic_load(&key->identity) != 0 && is_broken(key)) {
        vacate(table, slot);
        key_changed(table, slot);
    } else if (atomic_load(&key->identity) == 0) {
        // Whether a key that was being added was already counted as usable, only counting all keys again would tell.
        atomic_store(&key->status, KEY_NO_STATUS);
        key_slot_begin(key);
        key_slot_wipe(table, slot);
        key_slot_end(key);
    }
    if (atomic_load(&key->identity) == 0) {
        give_up_slot(table, slot);
    }
}

void key_table_take_over(struct key_table *table)
{
    list_deinit(&table->_free);
    list_deinit(&table->_draining);
    for (uint32_t slot = key_table_end(table); slot > 0; slot--) { // so that the first ones are taken first
        repair_slot(table, slot - 1);
    }
}

void key_table_forget_all_leases(struct key_table *table)
{
    uint32_t n_usable = 0;
    uint32_t end = key_table_end(table);
    for (uint32_t holder = 0; holder < KEY_HOLDERS_MAX; holder++) {
        if (atomic_load(&table->shared->is_held[holder])) {
            key_table_forget_leases(table, holder);
        }
    }
    for (uint32_t slot = 0; slot < end; slot++) {
        struct key_slot *key = key_of(table, slot);
        atomic_store(&key->inflight, 0);
        n_usable += atomic_load(&key->identity) != 0 && atomic_load(&key->status) == KEY_ACTIVE;
    }
    atomic_store(&table->shared->n_usable, n_usable);
}
