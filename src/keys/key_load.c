// SPDX-License-Identifier: MIT
#include "keys/key_load.h"

#include <math.h>

enum { SAMPLE = 64, GOOD_FOR_MS = 100 };

// INFINITY when it met no key that is ready: then nothing can be said.
static double measure(const struct key_roster *roster, const struct key_tier *tier, struct dice *dice)
{
    bool is_whole = tier->n_keys <= SAMPLE;
    uint64_t sum = 0;
    uint32_t n = 0;
    for (uint32_t i = 0; i < (is_whole ? tier->n_keys : SAMPLE); i++) {
        uint32_t place = is_whole ? i : dice_below(dice, tier->n_keys);
        if (key_view_is_ready(&tier->all, place)) {
            sum += atomic_load_explicit(&key_of(roster->table, tier->slots[place])->inflight, memory_order_relaxed);
            n++;
        }
    }
    return n ? (double)sum / n : INFINITY;
}

static bool is_stale(const struct key_tier *tier, int64_t now_ms)
{
    uint32_t many = tier->all.n_ready / 4;
    return now_ms - tier->load_ms >= GOOD_FOR_MS || now_ms < tier->load_ms ||
           tier->n_picks_since > (many > SAMPLE ? many : SAMPLE);
}

bool key_is_overrun(const struct key_roster *roster, struct key_tier *tier, const struct key_slot *slot,
                    struct dice *dice, int64_t now_ms)
{
    uint32_t n = atomic_load_explicit(&slot->inflight, memory_order_relaxed);
    if (n <= KEY_LOAD_ALWAYS || !tier->all.n_ready) {
        return false;
    }
    if (is_stale(tier, now_ms)) {
        tier->load = measure(roster, tier, dice);
        tier->load_ms = now_ms;
        tier->n_picks_since = 0;
    }
    double average = tier->load + (double)tier->n_picks_since / tier->all.n_ready;
    double above = n - 1.25 * average;
    return above > 0 && above * above > 9 * average;
}
