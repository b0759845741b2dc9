// SPDX-License-Identifier: MIT
// Sixty-four bytes of text, and questions that are put to all of them at once: bit i of the answer is about byte i.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { BLOCK_SIZE = 64 };

#if defined(__SSE2__)

#include <emmintrin.h>

struct block {
    __m128i lanes[4];
};

static inline struct block block_load(const char *at)
{
    const __m128i *lanes = (const __m128i *)(const void *)at;
    return (struct block){
        {_mm_loadu_si128(lanes), _mm_loadu_si128(lanes + 1), _mm_loadu_si128(lanes + 2), _mm_loadu_si128(lanes + 3)}};
}

static inline uint64_t block_bits(__m128i a, __m128i b, __m128i c, __m128i d)
{
    uint64_t low = (uint32_t)_mm_movemask_epi8(a) | (uint32_t)_mm_movemask_epi8(b) << 16;
    uint64_t high = (uint32_t)_mm_movemask_epi8(c) | (uint32_t)_mm_movemask_epi8(d) << 16;
    return low | high << 32;
}

static inline bool block_is_ascii(struct block s)
{
    __m128i all = _mm_or_si128(_mm_or_si128(s.lanes[0], s.lanes[1]), _mm_or_si128(s.lanes[2], s.lanes[3]));
    return _mm_movemask_epi8(all) == 0;
}

static inline uint64_t block_equal(struct block s, unsigned char c)
{
    __m128i value = _mm_set1_epi8((char)c);
    return block_bits(_mm_cmpeq_epi8(s.lanes[0], value), _mm_cmpeq_epi8(s.lanes[1], value),
                      _mm_cmpeq_epi8(s.lanes[2], value), _mm_cmpeq_epi8(s.lanes[3], value));
}

// Where the bytes of one block equal one value and those of the other another one; quick when there is none.
static inline uint64_t block_both_equal(struct block s, unsigned char c, struct block t, unsigned char d)
{
    __m128i first = _mm_set1_epi8((char)c);
    __m128i second = _mm_set1_epi8((char)d);
    __m128i hits[4];
    for (int i = 0; i < 4; i++) {
        hits[i] = _mm_and_si128(_mm_cmpeq_epi8(s.lanes[i], first), _mm_cmpeq_epi8(t.lanes[i], second));
    }
    __m128i any = _mm_or_si128(_mm_or_si128(hits[0], hits[1]), _mm_or_si128(hits[2], hits[3]));
    return _mm_movemask_epi8(any) ? block_bits(hits[0], hits[1], hits[2], hits[3]) : 0;
}

static inline __m128i lane_at_most(__m128i lane, __m128i limit)
{
    return _mm_cmpeq_epi8(_mm_min_epu8(lane, limit), lane);
}

static inline uint64_t block_at_most(struct block s, unsigned char c)
{
    __m128i limit = _mm_set1_epi8((char)c);
    return block_bits(lane_at_most(s.lanes[0], limit), lane_at_most(s.lanes[1], limit), lane_at_most(s.lanes[2], limit),
                      lane_at_most(s.lanes[3], limit));
}

static inline uint64_t block_between(struct block s, unsigned char first, unsigned char last)
{
    __m128i base = _mm_set1_epi8((char)first);
    for (int i = 0; i < 4; i++) {
        s.lanes[i] = _mm_sub_epi8(s.lanes[i], base);
    }
    return block_at_most(s, (unsigned char)(last - first));
}

#else

struct block {
    unsigned char bytes[BLOCK_SIZE];
};

static inline struct block block_load(const char *at)
{
    struct block s;
    memcpy(s.bytes, at, sizeof(s.bytes));
    return s;
}

static inline uint64_t block_equal(struct block s, unsigned char c)
{
    uint64_t bits = 0;
    for (int i = 0; i < BLOCK_SIZE; i++) {
        bits |= (uint64_t)(s.bytes[i] == c) << i;
    }
    return bits;
}

static inline uint64_t block_both_equal(struct block s, unsigned char c, struct block t, unsigned char d)
{
    return block_equal(s, c) & block_equal(t, d);
}

static inline uint64_t block_at_most(struct block s, unsigned char c)
{
    uint64_t bits = 0;
    for (int i = 0; i < BLOCK_SIZE; i++) {
        bits |= (uint64_t)(s.bytes[i] <= c) << i;
    }
    return bits;
}

static inline uint64_t block_between(struct block s, unsigned char first, unsigned char last)
{
    uint64_t bits = 0;
    for (int i = 0; i < BLOCK_SIZE; i++) {
        bits |= (uint64_t)(s.bytes[i] >= first && s.bytes[i] <= last) << i;
    }
    return bits;
}

static inline bool block_is_ascii(struct block s)
{
    return block_at_most(s, 0x7F) == UINT64_MAX;
}

#endif

static inline uint64_t block_at_least(struct block s, unsigned char c)
{
    return ~block_at_most(s, (unsigned char)(c - 1));
}
