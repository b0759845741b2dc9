// SPDX-License-Identifier: MIT
// One look at a key: may it be used, and how good is it?
#pragma once

#include "keys/algorithm.h"
#include "keys/eligibility.h"
#include "keys/rank_tree.h"

struct key_look {
    uint32_t identity;
    enum key_obstacle obstacle;
    int64_t until_ms; // when the obstacle goes by itself; 0: not by time
    struct rank rank; // under KEY_SHARE the score is the weight. Of eligible keys only
};

// When the key is full, its next lease to come back will be told to all readers.
void key_look_at(struct key_slot *slot, const struct key_algorithm *algorithm, const struct key_scoring *scoring,
                 uint32_t model, struct key_look *look_r);
