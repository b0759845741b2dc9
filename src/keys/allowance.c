// SPDX-License-Identifier: MIT
#include "keys/allowance.h"

#include "keys/algorithm.h"

void allowance_census_add(struct allowance_census *census, const struct key_slot *slot)
{
    double allowance = (double)atomic_load_explicit(&slot->allowance, memory_order_relaxed);
    if (allowance > 0) {
        census->sum += allowance;
        census->greatest = allowance > census->greatest ? allowance : census->greatest;
        census->n_known++;
    }
}

struct allowance_scale allowance_census_scale(const struct allowance_census *census)
{
    if (!census->n_known) {
        return (struct allowance_scale){ALLOWANCE_ASSUMED, ALLOWANCE_ASSUMED};
    }
    return (struct allowance_scale){census->sum / (double)census->n_known, census->greatest};
}

double allowance_left(const struct key_slot *slot, const struct allowance_scale *scale)
{
    int64_t remaining = key_remaining(slot);
    return remaining >= 0 ? (double)remaining : scale->typical * allowance_share_left(slot, scale);
}

double allowance_share_left(const struct key_slot *slot, const struct allowance_scale *scale)
{
    int64_t remaining = key_remaining(slot);
    if (remaining < 0) {
        return scale->typical / (scale->typical + (double)key_total_tokens(slot));
    }
    int64_t allowance = atomic_load_explicit(&slot->allowance, memory_order_relaxed);
    return allowance <= 0 ? 0 : remaining >= allowance ? 1 : (double)remaining / (double)allowance;
}
