// SPDX-License-Identifier: MIT
// FNV-1a, 64 bits: the same number for the same text on every machine and after every restart. It keeps texts apart and
// notices damage; it does not withstand an attacker (for look-ups of what an outsider chooses there is map.h).
#pragma once

#include <stdint.h>

#include "base/slice.h"

#define FNV_START UINT64_C(0xCBF29CE484222325)

// `hash` is FNV_START, or what came of the text before: a text may be added in pieces.
static inline uint64_t fnv_add(uint64_t hash, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        hash = (hash ^ (unsigned char)text.ptr[i]) * UINT64_C(0x100000001B3);
    }
    return hash;
}
