// SPDX-License-Identifier: MIT
#include "base/slice.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool slice_eq_nocase(struct slice a, struct slice b)
{
    return a.len == b.len && slice_starts_with_nocase(a, b);
}

bool slice_starts_with_nocase(struct slice s, struct slice prefix)
{
    if (s.len < prefix.len) {
        return false;
    }
    for (size_t i = 0; i < prefix.len; i++) {
        if (lower(s.ptr[i]) != lower(prefix.ptr[i])) {
            return false;
        }
    }
    return true;
}

bool slice_eq_constant_time(struct slice given, struct slice secret)
{
    unsigned char difference = given.len != secret.len;
    for (size_t i = 0; i < given.len; i++) {
        char other = secret.len ? secret.ptr[i % secret.len] : 0;
        difference |= (unsigned char)(given.ptr[i] ^ other);
    }
    return difference == 0;
}

void text_replace_controls(char *text, size_t len, char with)
{
    for (size_t i = 0; i < len; i++) {
        bool is_control = ((unsigned char)text[i] < 0x20) | (text[i] == 0x7f);
        text[i] = is_control ? with : text[i]; // written always: many at a time
    }
}

bool slice_is_visible(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] <= ' ' || s.ptr[i] > '~') {
            return false;
        }
    }
    return s.len > 0;
}

struct slice slice_trim(struct slice s)
{
    while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
        s.ptr++;
        s.len--;
    }
    while (s.len && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t')) {
        s.len--;
    }
    return s;
}

static size_t find_scalar(struct slice haystack, struct slice needle, size_t from)
{
    for (size_t i = from; i + needle.len <= haystack.len; i++) {
        const char *hit = memchr(haystack.ptr + i, needle.ptr[0], haystack.len - needle.len - i + 1);
        if (!hit) {
            return SLICE_NOT_FOUND;
        }
        i = (size_t)(hit - haystack.ptr);
        if (memcmp(hit, needle.ptr, needle.len) == 0) {
            return i;
        }
    }
    return SLICE_NOT_FOUND;
}

size_t slice_find(struct slice haystack, struct slice needle)
{
    if (needle.len == 0) {
        return 0;
    }
    if (needle.len > haystack.len) {
        return SLICE_NOT_FOUND;
    }
    size_t i = 0;
#if defined(__SSE2__)
    // Sixteen places at a time: those where the first and the last byte both match are compared in full.
    __m128i first = _mm_set1_epi8(needle.ptr[0]);
    __m128i last = _mm_set1_epi8(needle.ptr[needle.len - 1]);
    for (; i + needle.len - 1 + 16 <= haystack.len; i += 16) {
        __m128i a = _mm_loadu_si128((const __m128i *)(const void *)(haystack.ptr + i));
        __m128i b = _mm_loadu_si128((const __m128i *)(const void *)(haystack.ptr + i + needle.len - 1));
        unsigned hits = (unsigned)_mm_movemask_epi8(_mm_and_si128(_mm_cmpeq_epi8(a, first), _mm_cmpeq_epi8(b, last)));
        while (hits) {
            size_t at = i + (size_t)__builtin_ctz(hits);
            if (memcmp(haystack.ptr + at, needle.ptr, needle.len) == 0) {
                return at;
            }
            hits &= hits - 1;
        }
    }
#endif
    return find_scalar(haystack, needle, i);
}

// The last of the sixteen places from `i` on where both ends of the needle match and the rest does too.
static size_t find_last_of_sixteen(struct slice haystack, struct slice needle, size_t i)
{
#if defined(__SSE2__)
    __m128i a = _mm_loadu_si128((const __m128i *)(const void *)(haystack.ptr + i));
    __m128i b = _mm_loadu_si128((const __m128i *)(const void *)(haystack.ptr + i + needle.len - 1));
    unsigned hits = (unsigned)_mm_movemask_epi8(_mm_and_si128(
        _mm_cmpeq_epi8(a, _mm_set1_epi8(needle.ptr[0])), _mm_cmpeq_epi8(b, _mm_set1_epi8(needle.ptr[needle.len - 1]))));
#else
    unsigned hits = 0xffff;
#endif
    while (hits) {
        unsigned bit = 31U - (unsigned)__builtin_clz(hits);
        if (memcmp(haystack.ptr + i + bit, needle.ptr, needle.len) == 0) {
            return i + bit;
        }
        hits &= ~(1U << bit);
    }
    return SLICE_NOT_FOUND;
}

size_t slice_find_last(struct slice haystack, struct slice needle)
{
    if (needle.len > haystack.len || needle.len == 0) {
        return needle.len ? SLICE_NOT_FOUND : haystack.len;
    }
    size_t n_places = haystack.len - needle.len + 1;
    while (n_places >= 16) {
        size_t at = find_last_of_sixteen(haystack, needle, n_places - 16);
        if (at != SLICE_NOT_FOUND) {
            return at;
        }
        n_places -= 16;
    }
    while (n_places > 0) {
        n_places--;
        if (memcmp(haystack.ptr + n_places, needle.ptr, needle.len) == 0) {
            return n_places;
        }
    }
    return SLICE_NOT_FOUND;
}

size_t slice_find_char(struct slice haystack, char c)
{
    const char *hit = haystack.len ? memchr(haystack.ptr, c, haystack.len) : NULL;
    return hit ? (size_t)(hit - haystack.ptr) : SLICE_NOT_FOUND;
}

struct slice slice_split(struct slice *rest, char separator)
{
    size_t at = slice_find_char(*rest, separator);
    struct slice part = *rest;
    if (at == SLICE_NOT_FOUND) {
        *rest = SLICE_EMPTY;
        return part;
    }
    part.len = at;
    *rest = slice_of(rest->ptr + at + 1, rest->len - at - 1);
    return part;
}

bool slice_to_u64(struct slice s, uint64_t *value_r)
{
    uint64_t value = 0;
    if (s.len == 0) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned)(unsigned char)s.ptr[i] - '0';
        if (digit > 9 || value > (UINT64_MAX - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *value_r = value;
    return true;
}

// Two digits at a time, from the end.
size_t format_u64(char *out, uint64_t value)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
                                "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
                                "8081828384858687888990919293949596979899";
    char digits[20];
    size_t at = sizeof(digits);
    while (value >= 10) {
        at -= 2;
        memcpy(digits + at, pairs + value % 100 * 2, 2);
        value /= 100;
    }
    if (value || at == sizeof(digits)) {
        digits[--at] = (char)('0' + value);
    }
    memcpy(out, digits + at, sizeof(digits) - at);
    return sizeof(digits) - at;
}
