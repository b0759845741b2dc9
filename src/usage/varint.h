// SPDX-License-Identifier: MIT
// Numbers as bytes, short where they are small: seven bits in each byte, the lowest first; the eighth says that more
// follow.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum { VARINT_MAX_BYTES = 10 };

// Writes it to `out`, which has room; where it ends.
static inline char *varint_write(char *out, uint64_t value)
{
    while (value >= 0x80) {
        *out++ = (char)(value | 0x80);
        value >>= 7;
    }
    *out++ = (char)value;
    return out;
}

// Takes one from the front. False: there is none, or one of more than 64 bits.
static inline bool varint_take(struct slice *bytes, uint64_t *value_r)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes->len && i < VARINT_MAX_BYTES; i++) {
        uint64_t part = (unsigned char)bytes->ptr[i] & 0x7F;
        if (i == VARINT_MAX_BYTES - 1 && part > 1) {
            return false;
        }
        value |= part << (7 * i);
        if (!((unsigned char)bytes->ptr[i] & 0x80)) {
            *bytes = slice_after(*bytes, i + 1);
            *value_r = value;
            return true;
        }
    }
    return false;
}
