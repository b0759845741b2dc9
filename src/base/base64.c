// SPDX-License-Identifier: MIT
#include "base/base64.h"

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// The value of a character plus one, so that 0 says that it has none.
static const unsigned char VALUE_PLUS_ONE[256] = {
    ['A'] = 1, 2,  3,  4,  5,  6,  7,          8,          9,          10,         11,         12, 13,         14,
    15,        16, 17, 18, 19, 20, 21,         22,         23,         24,         25,         26, ['a'] = 27, 28,
    29,        30, 31, 32, 33, 34, 35,         36,         37,         38,         39,         40, 41,         42,
    43,        44, 45, 46, 47, 48, 49,         50,         51,         52,         ['0'] = 53, 54, 55,         56,
    57,        58, 59, 60, 61, 62, ['+'] = 63, ['-'] = 63, ['/'] = 64, ['_'] = 64,
};

size_t base64_encode(char *out, struct slice bytes)
{
    const unsigned char *at = (const unsigned char *)bytes.ptr;
    char *start = out;
    size_t left = bytes.len;
    for (; left >= 3; left -= 3, at += 3) {
        *out++ = ALPHABET[at[0] >> 2];
        *out++ = ALPHABET[(at[0] & 3) << 4 | at[1] >> 4];
        *out++ = ALPHABET[(at[1] & 15) << 2 | at[2] >> 6];
        *out++ = ALPHABET[at[2] & 63];
    }
    if (left) {
        unsigned second = left == 2 ? at[1] : 0;
        *out++ = ALPHABET[at[0] >> 2];
        *out++ = ALPHABET[(at[0] & 3) << 4 | second >> 4];
        *out++ = left == 2 ? ALPHABET[(second & 15) << 2] : '=';
        *out++ = '=';
    }
    return (size_t)(out - start);
}

// Takes the padding off; false where its number does not complete the last group.
static bool trim_padding(struct slice *text)
{
    size_t len = text->len;
    while (text->len && len - text->len < 2 && text->ptr[text->len - 1] == '=') {
        text->len--;
    }
    return text->len == len || len % 4 == 0;
}

// Up to four characters make up to three bytes; a missing character counts as 'A'.
static bool decode_group(char out[3], const char *chars, size_t n_chars)
{
    unsigned bits = 0;
    for (size_t i = 0; i < 4; i++) {
        unsigned value = i < n_chars ? VALUE_PLUS_ONE[(unsigned char)chars[i]] : 1;
        if (value == 0) {
            return false;
        }
        bits = bits << 6 | (value - 1);
    }
    out[0] = (char)(bits >> 16);
    out[1] = (char)(bits >> 8);
    out[2] = (char)bits;
    return true;
}

bool base64_decode(char *out, struct slice text, size_t *len_r)
{
    if (!trim_padding(&text) || text.len % 4 == 1) {
        return false;
    }
    char *start = out;
    for (; text.len >= 4; text.ptr += 4, text.len -= 4, out += 3) {
        if (!decode_group(out, text.ptr, 4)) {
            return false;
        }
    }
    if (text.len) {
        if (!decode_group(out, text.ptr, text.len)) {
            return false;
        }
        out += text.len - 1;
    }
    *len_r = (size_t)(out - start);
    return true;
}
