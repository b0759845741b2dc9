// SPDX-License-Identifier: MIT
// Character classes of HTTP/1.1 heads and trailers (RFC 9110 §5.5, §5.6.2, §7.2).
#pragma once

#include <stdbool.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

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
static inline const char *h1_find_control(const char *at, const char *end)
{
#if defined(__SSE2__)
    const __m128i last_control = _mm_set1_epi8(0x1f);
    const __m128i tab = _mm_set1_epi8('\t');
    const __m128i del = _mm_set1_epi8(0x7f);
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, last_control), bytes);
        low = _mm_andnot_si128(_mm_cmpeq_epi8(bytes, tab), low);
        unsigned hits = (unsigned)_mm_movemask_epi8(_mm_or_si128(low, _mm_cmpeq_epi8(bytes, del)));
        if (hits) {
            return at + __builtin_ctz(hits);
        }
    }
#endif
    while (at < end && !h1_is_control(*at)) {
        at++;
    }
    return at;
}

// The first byte of [at, end) that is not of a token; `end` when there is none.
static inline const char *h1_find_token_end(const char *at, const char *end)
{
#if defined(__SSE2__)
    // Sixteen at a time as long as they are letters, digits and hyphens, as in nearly all names of fields.
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i letter = _mm_sub_epi8(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), _mm_set1_epi8('a'));
        __m128i digit = _mm_sub_epi8(bytes, _mm_set1_epi8('0'));
        letter = _mm_cmpeq_epi8(_mm_min_epu8(letter, _mm_set1_epi8('z' - 'a')), letter);
        digit = _mm_cmpeq_epi8(_mm_min_epu8(digit, _mm_set1_epi8(9)), digit);
        __m128i hyphen = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-'));
        unsigned plain = (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(letter, digit), hyphen));
        if (plain != 0xffff) {
            at += __builtin_ctz(~plain);
            break;
        }
    }
#endif
    while (at < end && h1_is_token_char(*at)) {
        at++;
    }
    return at;
}
