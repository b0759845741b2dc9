// SPDX-License-Identifier: MIT
// UTF-8 as RFC 3629 has it: nothing overlong, no surrogates, nothing above U+10FFFF.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

#define UTF8_REPLACEMENT "\xEF\xBF\xBD" // U+FFFD
enum { UTF8_MAX = 4 };

// How many bytes from the start are valid UTF-8 (whole characters only): text.len when all are. Runs over whole bodies.
size_t utf8_valid_len(struct slice text);

// Length (1 to 4) of the valid character at `at`, 0 when what is there is none.
size_t utf8_char_len(const char *at, const char *end);

// Writes a code point (no surrogate, at most 0x10FFFF); returns the number of bytes.
size_t utf8_encode(char out[UTF8_MAX], uint32_t code_point);
