// SPDX-License-Identifier: MIT
// Random numbers that spread load and decide nothing else: fast, one state for each user, the same after the same seed
// (SplitMix64).
#pragma once

#include <stdint.h>

struct dice {
    uint64_t state; // any number is a good seed
};

static inline uint64_t dice_roll(struct dice *dice)
{
    uint64_t z = dice->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

// In [0, 1).
static inline double dice_unit(struct dice *dice)
{
    return (double)(dice_roll(dice) >> 11) * 0x1.0p-53;
}

// Below n, which is not 0 and small beside 2^64.
static inline uint32_t dice_below(struct dice *dice, uint32_t n)
{
    return (uint32_t)(dice_roll(dice) % n);
}
