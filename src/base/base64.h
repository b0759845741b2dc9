// SPDX-License-Identifier: MIT
// Base64 (RFC 4648 §4): written with padding; read with or without it, and in the URL's alphabet (§5) too.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

static inline size_t base64_encoded_len(size_t n_bytes)
{
    return (n_bytes + 2) / 3 * 4;
}

// At most: padding makes it less.
static inline size_t base64_decoded_max(size_t n_chars)
{
    return n_chars / 4 * 3 + 3;
}

// Writes base64_encoded_len(bytes.len) characters and returns how many that are.
size_t base64_encode(char *out, struct slice bytes);

// Writes at most base64_decoded_max(text.len) bytes. False: a character that does not belong there (white space is
// none of those that do), padding in the wrong place, or a length that no bytes have.
bool base64_decode(char *out, struct slice text, size_t *len_r);
