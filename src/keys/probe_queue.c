// SPDX-License-Identifier: MIT
#include "keys/probe_queue.h"

#include <string.h>

static int64_t waits_since(const struct key_slot *slot)
{
    int64_t banned_ms = atomic_load(&slot->banned_ms);
    int64_t tested_ms = atomic_load(&slot->last_test_ms);
    return banned_ms > tested_ms ? banned_ms : tested_ms;
}

// A disabled key is none of ours, whatever it was before.
static bool is_banned(const struct key_slot *slot)
{
    return atomic_load(&slot->identity) != 0 && atomic_load(&slot->status) == KEY_BANNED;
}

static void insert(struct probe_queue *queue, const struct probe_candidate *candidate)
{
    size_t at = queue->n;
    while (at > 0 && queue->_keys[at - 1].since_ms > candidate->since_ms) {
        at--;
    }
    if (at == PROBE_QUEUE_MAX) {
        return;
    }
    queue->n += queue->n < PROBE_QUEUE_MAX;
    memmove(&queue->_keys[at + 1], &queue->_keys[at], (queue->n - at - 1) * sizeof(*candidate));
    queue->_keys[at] = *candidate;
}

bool probe_queue_look(struct probe_queue *queue, const struct key_table *table, int64_t wait_ms, int64_t now_ms)
{
    uint32_t all = key_table_end(table);
    uint32_t end = all - queue->_next_slot > PROBE_LOOK_SLOTS ? queue->_next_slot + PROBE_LOOK_SLOTS : all;
    for (uint32_t i = queue->_next_slot; i < end; i++) {
        const struct key_slot *slot = key_of(table, i);
        if (is_banned(slot) && now_ms - waits_since(slot) >= wait_ms) {
            insert(queue, &(struct probe_candidate){i, atomic_load(&slot->identity), waits_since(slot)});
        }
    }
    queue->_next_slot = end < all ? end : 0;
    return end == all;
}

// What was read last must still hold when the mark is made, so that two who read the same do not both get the key.
static bool claim(struct key_slot *slot, uint32_t identity, int64_t wait_ms, int64_t now_ms)
{
    int64_t tested_ms = atomic_load(&slot->last_test_ms);
    bool is_due = now_ms - waits_since(slot) >= wait_ms;
    return is_due && is_banned(slot) && atomic_load(&slot->identity) == identity &&
           atomic_compare_exchange_strong(&slot->last_test_ms, &tested_ms, now_ms);
}

bool probe_queue_take(struct probe_queue *queue, struct key_table *table, int64_t wait_ms, int64_t now_ms,
                      uint32_t *slot_r)
{
    while (queue->n > 0) {
        struct probe_candidate first = queue->_keys[0];
        queue->n--;
        memmove(&queue->_keys[0], &queue->_keys[1], queue->n * sizeof(first));
        if (claim(key_of(table, first.slot), first.identity, wait_ms, now_ms)) {
            *slot_r = first.slot;
            return true;
        }
    }
    return false;
}
