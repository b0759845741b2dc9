// SPDX-License-Identifier: MIT
// Numbers and bytes in hexadecimal digits.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { HEX_U64_LEN = 16 };

#define HEX_DIGITS "0123456789abcdef"

// All sixteen digits, in small letters, without a NUL.
static inline void hex_write_u64(char out[HEX_U64_LEN], uint64_t value)
{
    for (int i = 0; i < HEX_U64_LEN; i++) {
        out[i] = HEX_DIGITS[value >> (60 - 4 * i) & 15];
    }
}

// Two digits for each byte, in small letters, without a NUL.
static inline void hex_write_bytes(char *out, const void *bytes, size_t n)
{
    const unsigned char *from = bytes;
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = HEX_DIGITS[from[i] >> 4];
        out[2 * i + 1] = HEX_DIGITS[from[i] & 15];
    }
}
