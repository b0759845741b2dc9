// SPDX-License-Identifier: MIT
// Sixty-four bytes at a time become masks of one bit per byte: first of classes, then of the places where a run begins.
// A run may begin in the block before, so one bit of each mask is carried over (of \u, whose digits follow, four).
#include "dialect/text_tally.h"

#include "json/block.h"

// What the block before ended with.
struct carry {
    uint64_t backslash; // an escape begins in its last byte
    uint64_t is_in_backslashes;
    uint64_t unicode; // \u: its last byte was the u, or one of the digits
    uint64_t letter;
    uint64_t lower;
    uint64_t digit;
    uint64_t sign;
    uint64_t newline;
};

// The bits of a mask one byte later; `carry` is the last bit of the block before, and becomes that of this one.
static inline uint64_t shift(uint64_t mask, uint64_t *carry)
{
    uint64_t shifted = mask << 1 | *carry;
    *carry = mask >> 63;
    return shifted;
}

// The four digits behind each u.
static inline uint64_t hex_digits_behind(uint64_t unicode, uint64_t *carry)
{
    uint64_t before = *carry;
    *carry = unicode;
    return unicode << 1 | unicode << 2 | unicode << 3 | unicode << 4 | before >> 63 | before >> 62 | before >> 61 |
           before >> 60;
}

// The number of bits set: without a CPU's own instruction, which the oldest machines lack, but in line.
static inline uint64_t n_bits(uint64_t mask)
{
    mask -= mask >> 1 & UINT64_C(0x5555555555555555);
    mask = (mask & UINT64_C(0x3333333333333333)) + (mask >> 2 & UINT64_C(0x3333333333333333));
    mask = (mask + (mask >> 4)) & UINT64_C(0x0F0F0F0F0F0F0F0F);
    return mask * UINT64_C(0x0101010101010101) >> 56;
}

// How many runs begin.
static inline uint64_t n_runs(uint64_t mask, uint64_t *carry)
{
    return n_bits(mask & ~shift(mask, carry));
}

static void tally_beyond_ascii(struct text_tally *tally, struct block s)
{
    uint64_t three = block_between(s, 0xE0, 0xEF);
    uint64_t cjk = block_between(s, 0xE3, 0xED);
    tally->n_two_byte += n_bits(block_between(s, 0xC2, 0xDF));
    tally->n_three_byte += n_bits(three & ~cjk);
    tally->n_cjk += n_bits(cjk);
    tally->n_four_byte += n_bits(block_at_least(s, 0xF0));
}

// Bytes of escapes: they belong to no other class.
struct escapes {
    uint64_t newlines; // \n and its like, both bytes
    uint64_t unicode;  // \u and its digits
    uint64_t firsts;   // the first digit of each \u
};

static inline struct escapes find_escapes(struct block s, uint64_t letters, struct carry *carry)
{
    uint64_t backslashes = block_equal(s, '\\');
    struct escapes escapes = {0};
    // Of two in a row the second is the escaped one, and begins nothing.
    uint64_t starts = backslashes & ~shift(backslashes, &carry->is_in_backslashes);
    uint64_t escaped = shift(starts, &carry->backslash) & letters;
    if (escaped | carry->unicode) {
        uint64_t unicode = escaped & block_equal(s, 'u');
        escapes.newlines = (escaped & ~unicode) | (escaped & ~unicode) >> 1;
        escapes.firsts = unicode << 1 | carry->unicode >> 63;
        escapes.unicode = unicode | unicode >> 1 | hex_digits_behind(unicode, &carry->unicode);
    }
    return escapes;
}

static void tally_block(struct text_tally *tally, struct block s, uint64_t valid, struct carry *carry)
{
    uint64_t is_ascii = valid;
    if (!block_is_ascii(s)) {
        is_ascii &= block_at_most(s, 0x7F);
        tally_beyond_ascii(tally, s);
    }
    uint64_t upper = block_between(s, 'A', 'Z');
    uint64_t letters = upper | block_between(s, 'a', 'z');
    uint64_t digits = block_between(s, '0', '9');
    uint64_t spaces = block_at_most(s, ' ') & valid;
    struct escapes escapes = find_escapes(s, letters, carry);
    uint64_t rest = ~(escapes.newlines | escapes.unicode);
    uint64_t signs = is_ascii & rest & ~(letters | digits | spaces);
    letters &= rest;
    upper &= rest;
    digits &= rest;

    tally->n_words += n_runs(letters, &carry->letter) + n_bits(upper & shift(letters & ~upper, &carry->lower));
    tally->n_letters += n_bits(letters);
    tally->n_digits += n_bits(digits);
    tally->n_numbers += n_runs(digits, &carry->digit);
    tally->n_sign_runs += n_runs(signs, &carry->sign);
    tally->n_newlines += n_runs(escapes.newlines, &carry->newline);
    if (escapes.firsts) {
        uint64_t zeros = block_equal(s, '0');
        tally->n_two_byte += n_bits(escapes.firsts & zeros);
        tally->n_cjk += n_bits(escapes.firsts & ~zeros);
    }
}

void text_tally_add(struct text_tally *tally, struct slice text)
{
    struct carry carry = {0};
    for (; text.len >= BLOCK_SIZE; text.ptr += BLOCK_SIZE, text.len -= BLOCK_SIZE) {
        tally_block(tally, block_load(text.ptr), UINT64_MAX, &carry);
    }
    if (text.len) {
        char last[BLOCK_SIZE] = {0};
        memcpy(last, text.ptr, text.len);
        tally_block(tally, block_load(last), (UINT64_C(1) << text.len) - 1, &carry);
    }
}
