// SPDX-License-Identifier: MIT
#include "keys/key_look.h"

static void find_obstacle(struct key_slot *slot, const struct key_scoring *scoring, uint32_t model,
                          struct key_look *look)
{
    look->obstacle = key_obstacle_of(slot, scoring->settings, model, scoring->now_ms, &look->until_ms);
    if (look->obstacle == KEY_IS_FULL) {
        atomic_store(&slot->is_awaited, true);
        // A lease that came back before this was said would otherwise go unheard.
        look->obstacle = key_obstacle_of(slot, scoring->settings, model, scoring->now_ms, &look->until_ms);
    }
}

void key_look_at(struct key_slot *slot, const struct key_algorithm *algorithm, const struct key_scoring *scoring,
                 uint32_t model, struct key_look *look_r)
{
    look_r->identity = atomic_load_explicit(&slot->identity, memory_order_acquire);
    // Before the score: whoever claims a key changes the ticket first, so a score that belongs to an older ticket is
    // noticed when this ticket is claimed.
    look_r->rank.ticket = atomic_load_explicit(&slot->ticket, memory_order_acquire);
    look_r->rank.score = 0;
    find_obstacle(slot, scoring, model, look_r);
    if (look_r->obstacle != KEY_ELIGIBLE) {
        return;
    }
    if (algorithm->is_over_quota && algorithm->is_over_quota(slot, scoring, &look_r->until_ms)) {
        look_r->obstacle = KEY_IS_OVER_QUOTA;
        return;
    }
    look_r->rank.score = algorithm->score(slot, scoring);
}
