// SPDX-License-Identifier: MIT
// Test kit: texts and JSON values by chance, the same for the same seed.
#pragma once

#include <stdint.h>

#include "base/buf.h"

struct chance {
    uint64_t state; // not 0
};

uint32_t chance_below(struct chance *chance, uint32_t n); // 0 … n - 1
bool chance_of(struct chance *chance, uint32_t percent);
// One or a few characters as they stand within a JSON string: letters of all planes, escapes, what ends a line
// elsewhere.
struct slice chance_atom(struct chance *chance);
// `n_atoms` of them, which begin and end with a letter.
void chance_text(struct chance *chance, uint32_t n_atoms, struct buf *out);
// A JSON object, nested at most `depth` times.
void chance_object(struct chance *chance, uint32_t depth, struct buf *out);
