// SPDX-License-Identifier: MIT
// The words of JSON's grammar, byte by byte (RFC 8259 §2, §7), and the inner loop of reading and escaping: runs of
// string bytes that mean nothing to JSON.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

static inline bool json_is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static inline bool json_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool json_is_hex(char c)
{
    return json_is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// By what follows the backslash: how many bytes an escape has, 0 when it is none.
static const uint8_t json_escape_lens[256] = {
    ['"'] = 2, ['\\'] = 2, ['/'] = 2, ['b'] = 2, ['f'] = 2, ['n'] = 2, ['r'] = 2, ['t'] = 2, ['u'] = 6,
};

// The length of the escape whose backslash is at `at`; 0 when it is none, or not all there.
static inline size_t json_escape_len(const char *at, const char *end)
{
    size_t len = end - at > 1 ? json_escape_lens[(unsigned char)at[1]] : 0;
    if (len == 6 &&
        !(end - at >= 6 && json_is_hex(at[2]) && json_is_hex(at[3]) && json_is_hex(at[4]) && json_is_hex(at[5]))) {
        return 0;
    }
    return len;
}

static inline bool json_is_plain(char c)
{
    return c != '"' && c != '\\' && (unsigned char)c >= 0x20;
}

static inline const char *json_skip_plain_scalar(const char *at, const char *end)
{
    while (at < end && json_is_plain(*at)) {
        at++;
    }
    return at;
}

static inline const char *json_skip_plain_ascii_scalar(const char *at, const char *end)
{
    while (at < end && json_is_plain(*at) && (unsigned char)*at < 0x80) {
        at++;
    }
    return at;
}

#if defined(__SSE2__)

static inline __m128i json_load_16(const char *at)
{
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}

static inline __m128i json_find_marks(__m128i bytes)
{
    return _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
}

static inline unsigned json_find_stops(__m128i bytes)
{
    __m128i is_control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1F)), bytes);
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(is_control, json_find_marks(bytes)));
}

// The first quote, backslash or control character from `at` on, or `end`.
static inline const char *json_skip_plain(const char *at, const char *end)
{
    for (; end - at >= 16; at += 16) {
        unsigned stops = json_find_stops(json_load_16(at));
        if (stops) {
            return at + __builtin_ctz(stops);
        }
    }
    return json_skip_plain_scalar(at, end);
}

// The same for a few bytes only: where it stops there may be more plain ones.
static inline const char *json_skip_plain_once(const char *at, const char *end)
{
    if (end - at < 16) {
        return json_skip_plain_scalar(at, end);
    }
    return at + __builtin_ctz(json_find_stops(json_load_16(at)) | 1U << 16);
}

// The same, and it also stops at bytes other than ASCII: as signed numbers those are below the control characters.
static inline const char *json_skip_plain_ascii(const char *at, const char *end)
{
    const __m128i first_plain = _mm_set1_epi8(0x20);
    for (; end - at >= 16; at += 16) {
        __m128i bytes = json_load_16(at);
        __m128i is_other = _mm_cmplt_epi8(bytes, first_plain);
        unsigned hits = (unsigned)_mm_movemask_epi8(_mm_or_si128(is_other, json_find_marks(bytes)));
        if (hits) {
            return at + __builtin_ctz(hits);
        }
    }
    return json_skip_plain_ascii_scalar(at, end);
}

// Two pieces of eight bytes or, of a shorter text, of four, that overlap as far as they must.
static inline __m128i json_load_short(const char *at, size_t len)
{
    uint64_t low;
    uint64_t high;
    if (len >= 8) {
        memcpy(&low, at, 8);
        memcpy(&high, at + len - 8, 8);
    } else {
        uint32_t first;
        uint32_t last;
        memcpy(&first, at, 4);
        memcpy(&last, at + len - 4, 4);
        low = high = first | (uint64_t)last << 32;
    }
    return _mm_set_epi64x((long long)high, (long long)low);
}

// Names and words are short: one look at all of their bytes.
static inline bool json_is_plain_ascii(const char *at, size_t len)
{
    if (len < 4 || len > 16) {
        return json_skip_plain_ascii(at, at + len) == at + len;
    }
    __m128i bytes = json_load_short(at, len);
    __m128i is_other = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20));
    return _mm_movemask_epi8(_mm_or_si128(is_other, json_find_marks(bytes))) == 0;
}

#else

static inline const char *json_skip_plain(const char *at, const char *end)
{
    return json_skip_plain_scalar(at, end);
}

static inline const char *json_skip_plain_once(const char *at, const char *end)
{
    return json_skip_plain_scalar(at, end);
}

static inline const char *json_skip_plain_ascii(const char *at, const char *end)
{
    return json_skip_plain_ascii_scalar(at, end);
}

static inline bool json_is_plain_ascii(const char *at, size_t len)
{
    return json_skip_plain_ascii_scalar(at, at + len) == at + len;
}

#endif
