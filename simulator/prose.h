// SPDX-License-Identifier: MIT
// The words that the simulator says: a short text that goes round, cut into tokens. Needs no JSON escapes.
#pragma once

#include "base/buf.h"

// Appends the characters of the token number `index` when every token has `size` of them.
void prose_append_token(struct buf *out, uint64_t index, size_t size);

// Appends `len` characters from the beginning.
void prose_append(struct buf *out, size_t len);
