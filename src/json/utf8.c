// SPDX-License-Identifier: MIT
#include "json/utf8.h"

#include <stdbool.h>

static bool is_continuation(const char *at)
{
    return ((unsigned char)*at & 0xC0) == 0x80;
}

// The first byte behind a run of ASCII, or one not far before it: eight at a time.
static const char *skip_ascii(const char *at, const char *end)
{
    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        if (word & 0x8080808080808080U) {
            break;
        }
        at += 8;
    }
    while (at < end && (unsigned char)*at < 0x80) {
        at++;
    }
    return at;
}

size_t utf8_char_len(const char *at, const char *end)
{
    size_t n_left = (size_t)(end - at);
    unsigned lead = n_left ? (unsigned char)*at : 0xFF;
    if (lead < 0x80) {
        return 1;
    }
    if (lead < 0xC2 || lead > 0xF4) {
        return 0;
    }
    size_t len = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (n_left < len || !is_continuation(at + 1) || !is_continuation(at + len - 1) || !is_continuation(at + len / 2)) {
        return 0;
    }
    unsigned second = (unsigned char)at[1];
    bool is_overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
    bool is_surrogate = lead == 0xED && second >= 0xA0;
    bool is_too_high = lead == 0xF4 && second >= 0x90;
    return is_overlong || is_surrogate || is_too_high ? 0 : len;
}

size_t utf8_valid_len(struct slice text)
{
    const char *at = text.ptr;
    const char *end = text.ptr + text.len;
    while ((at = skip_ascii(at, end)) < end) {
        size_t len = utf8_char_len(at, end);
        if (len == 0) {
            break;
        }
        at += len;
    }
    return (size_t)(at - text.ptr);
}

size_t utf8_encode(char out[UTF8_MAX], uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}
