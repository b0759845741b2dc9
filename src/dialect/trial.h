// SPDX-License-Identifier: MIT
// Test kit: what a property test runs, once for each seed.
#pragma once

#include "base/arena.h"
#include "dialect/chance.h"

struct trial {
    uint64_t seed; // of this round, from 1
    struct chance chance;
    struct arena *arena;
    size_t *n_failed;  // counts, so that a test shows several failures at once
    struct plan *plan; // what the test makes of it, in a type of its own
};

typedef void (*trial_fn)(struct trial *trial);

// Stops after some failures; then the test fails.
void trial_each(uint64_t n_rounds, trial_fn check);
