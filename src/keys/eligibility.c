// SPDX-License-Identifier: MIT
#include "keys/eligibility.h"

static enum key_obstacle status_of(const struct key_slot *slot)
{
    if (!atomic_load_explicit(&slot->identity, memory_order_acquire)) {
        return KEY_GONE;
    }
    switch ((enum key_status)atomic_load_explicit(&slot->status, memory_order_relaxed)) {
    case KEY_ACTIVE:
        return atomic_load_explicit(&slot->test_result, memory_order_relaxed) == KEY_TEST_FAILED
                   ? KEY_HAS_FAILED_ITS_TEST
                   : KEY_ELIGIBLE;
    case KEY_DISABLED: return KEY_IS_DISABLED;
    case KEY_BANNED: break;
    }
    return KEY_IS_BANNED;
}

bool key_is_full(const struct key_slot *slot, const struct key_settings *settings, uint32_t n_inflight)
{
    uint32_t own = atomic_load_explicit(&slot->max_inflight, memory_order_relaxed);
    uint32_t limit = own ? own : settings->max_inflight;
    return limit && n_inflight >= limit;
}

static int64_t model_cooldown_ms(const struct key_slot *slot, uint32_t model)
{
    for (int i = 0; model && i < KEY_MODEL_COOLDOWNS; i++) {
        const struct key_model_cooldown *cooldown = &slot->cooldowns[i];
        if (atomic_load_explicit(&cooldown->model, memory_order_acquire) == model) {
            return atomic_load_explicit(&cooldown->until_ms, memory_order_relaxed);
        }
    }
    return 0;
}

// Of several obstacles the first is named, and the last to go says how long.
static void meet(enum key_obstacle *obstacle, int64_t *until_ms, enum key_obstacle next, int64_t next_until_ms)
{
    *obstacle = *obstacle == KEY_ELIGIBLE ? next : *obstacle;
    *until_ms = next_until_ms > *until_ms ? next_until_ms : *until_ms;
}

enum key_obstacle key_obstacle_of(const struct key_slot *slot, const struct key_settings *settings, uint32_t model,
                                  int64_t now_ms, int64_t *until_ms_r)
{
    *until_ms_r = 0;
    enum key_obstacle obstacle = status_of(slot);
    if (obstacle != KEY_ELIGIBLE) {
        return obstacle;
    }
    int64_t cooldown_ms = atomic_load_explicit(&slot->cooldown_until_ms, memory_order_relaxed);
    if (cooldown_ms > now_ms) {
        meet(&obstacle, until_ms_r, KEY_IS_COOLING, cooldown_ms);
    }
    if (key_is_full(slot, settings, atomic_load(&slot->inflight))) {
        meet(&obstacle, until_ms_r, KEY_IS_FULL, now_ms + KEY_FULL_MS);
    }
    cooldown_ms = model_cooldown_ms(slot, model);
    if (cooldown_ms > now_ms) {
        meet(&obstacle, until_ms_r, KEY_IS_COOLING_FOR_MODEL, cooldown_ms);
    }
    return obstacle;
}

const char *key_obstacle_name(enum key_obstacle obstacle)
{
    switch (obstacle) {
    case KEY_ELIGIBLE: return "eligible";
    case KEY_GONE: return "gone";
    case KEY_IS_DISABLED: return "disabled";
    case KEY_IS_BANNED: return "banned";
    case KEY_HAS_FAILED_ITS_TEST: return "test failed";
    case KEY_IS_COOLING: return "cooling";
    case KEY_IS_COOLING_FOR_MODEL: return "cooling for the model";
    case KEY_IS_FULL: return "full";
    case KEY_IS_OVER_QUOTA: return "over quota";
    case KEY_WAS_TRIED: break;
    }
    return "tried";
}
