// SPDX-License-Identifier: MIT
// Character classes of HTTP/1.1 heads and trailers (RFC 9110 §5.5, §5.6.2, §7.2).
#pragma once

#include <stdbool.h>

#include "base/slice.h"

enum { H1_TOKEN_CHAR = 1, H1_HOST_CHAR = 2 };
extern const unsigned char h1_char_classes[256];

static inline bool h1_is_token_char(char c)
{
    return h1_char_classes[(unsigned char)c] & H1_TOKEN_CHAR;
}

// Of a Host field: uri-host [ ":" port ] (RFC 9110 §7.2).
static inline bool h1_is_host_char(char c)
{
    return h1_char_classes[(unsigned char)c] & H1_HOST_CHAR;
}

// What no line may have inside: every control character but HTAB. CR and LF are among them.
static inline bool h1_is_control(char c)
{
    return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
}

// The first such byte of [at, end); `end` when there is none. In a proper head that is the CR of the line's end, so
// that one search both finds the end and checks the line.
const char *h1_find_control(const char *at, const char *end);
