// SPDX-License-Identifier: MIT
// Counts how often each name has come.
#pragma once

#include <stdint.h>

#include "base/map.h"

enum { TALLY_NAMES_MAX = 65536 }; // then it starts anew

struct tally {
    struct map _counts;
};

void tally_init(struct tally *tally);
void tally_deinit(struct tally *tally);
void tally_forget(struct tally *tally);

// The how-manieth time this is, from 1.
uint64_t tally_next(struct tally *tally, struct slice name);
