// SPDX-License-Identifier: MIT
// Remembers the answers to whole requests, so that a request that came before costs one look-up.
#pragma once

#include "base/map.h"
#include "simulator/answer.h"

enum { MEMO_KEY_MAX = 64 * 1024, MEMO_ENTRIES_MAX = 256 };

struct memo {
    struct map _entries;
    struct buf _key; // scratch
};

void memo_init(struct memo *memo);
void memo_deinit(struct memo *memo);

// Looks a request up by its parts. NULL when it is not known. The key stays set for memo_add().
struct answer *memo_find(struct memo *memo, const struct slice *parts, size_t n_parts); // borrowed

// Remembers the answer to the request that was looked up last; very long ones are not remembered.
void memo_add(struct memo *memo, struct answer *answer);
