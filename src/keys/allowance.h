// SPDX-License-Identifier: MIT
// What keys may still use, as one figure for those whose balance is known and those where only our own metering is.
// An unknown key is taken to have had the typical allowance, T; of that, T·T / (T + metered) is left: about T less what
// was metered as long as that is little, and never quite nothing, since nobody knows. So known and unknown keys compete
// on one scale, and where no balance is known at all, the key with the fewest metered tokens has the most left.
#pragma once

#include "keys/key_table.h"

// What is typical before any balance is known, in tokens.
#define ALLOWANCE_ASSUMED 20e6

struct allowance_scale {
    double typical;  // the mean of the known allowances; > 0
    double greatest; // not below `typical`
};

// Collects the scale over many keys; begins as zeros.
struct allowance_census {
    double sum;
    double greatest;
    uint64_t n_known;
};

void allowance_census_add(struct allowance_census *census, const struct key_slot *slot);
struct allowance_scale allowance_census_scale(const struct allowance_census *census);

double allowance_left(const struct key_slot *slot, const struct allowance_scale *scale);       // tokens
double allowance_share_left(const struct key_slot *slot, const struct allowance_scale *scale); // of its own, 0 to 1
