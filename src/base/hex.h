// SPDX-License-Identifier: MIT
// Numbers in hexadecimal digits.
#pragma once

#include <stdint.h>

enum { HEX_U64_LEN = 16 };

// All sixteen digits, in small letters, without a NUL.
static inline void hex_write_u64(char out[HEX_U64_LEN], uint64_t value)
{
    for (int i = 0; i < HEX_U64_LEN; i++) {
        out[i] = "0123456789abcdef"[value >> (60 - 4 * i) & 15];
    }
}
