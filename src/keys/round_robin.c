// SPDX-License-Identifier: MIT
// Each key in turn; a key of weight 2 has twice as many turns. This is stride scheduling: a pick costs a key a step
// that is the smaller the greater its weight, and the key that has come least far is next. With equal weights that is
// plain rotation. Processes share the turns, since they are in the slots.
#include "keys/algorithm.h"

// Divisible by 1 to 10, so that small whole weights come out exact.
#define STEP (2520.0 * 1024)
// So that no weight, however small, makes a pass overflow.
#define STEP_MAX 0x1p36

static uint64_t step_of(const struct key_slot *slot)
{
    double step = STEP / (double)atomic_load_explicit(&slot->weight, memory_order_relaxed);
    return step >= 1 ? (uint64_t)(step < STEP_MAX ? step : STEP_MAX) : 1;
}

static double score(const struct key_slot *slot, const struct key_scoring *scoring)
{
    return (double)atomic_load_explicit(&slot->pass, memory_order_relaxed);
}

// The group comes to the key's turn. A key that was away is behind the group: it takes its turn now, but not those that
// it has missed.
static uint64_t take_turn(struct key_group *group, uint64_t pass)
{
    uint64_t turn = atomic_load_explicit(&group->pass, memory_order_relaxed);
    while (turn < pass) {
        if (atomic_compare_exchange_weak_explicit(&group->pass, &turn, pass, memory_order_relaxed,
                                                  memory_order_relaxed)) {
            return pass;
        }
    }
    return turn;
}

static void on_pick(struct key_slot *slot, struct key_group *group)
{
    uint64_t step = step_of(slot);
    uint64_t pass = atomic_load_explicit(&slot->pass, memory_order_relaxed);
    uint64_t next;
    do {
        next = take_turn(group, pass) + step;
    } while (
        !atomic_compare_exchange_weak_explicit(&slot->pass, &pass, next, memory_order_relaxed, memory_order_relaxed));
}

// No key is more than its step ahead of its group; one that comes from another group, or had less weight, may be, and
// would wait for as long as it takes the group to catch up.
static void settle(struct key_slot *slot, const struct key_group *group)
{
    uint64_t most = atomic_load_explicit(&group->pass, memory_order_relaxed) + step_of(slot);
    uint64_t pass = atomic_load_explicit(&slot->pass, memory_order_relaxed);
    while (pass > most && !atomic_compare_exchange_weak_explicit(&slot->pass, &pass, most, memory_order_relaxed,
                                                                 memory_order_relaxed)) {
    }
}

const struct key_algorithm key_algorithm_round_robin = {
    .name = SLICE_INIT("round-robin"),
    .rule = KEY_LEAST,
    .score = score,
    .on_pick = on_pick,
    .settle = settle,
};
