// SPDX-License-Identifier: MIT
#include "json/utf8.h"

#include <stdbool.h>

#include "json/block.h"

static bool is_continuation(const char *at)
{
    return ((unsigned char)*at & 0xC0) == 0x80;
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

// Are these leads and continuations in their places, given that the block begins with a lead or ASCII? What is cut off
// at its end is not looked at.
static bool is_valid_block(struct block s)
{
    uint64_t is_lead = block_at_least(s, 0xC0);
    uint64_t is_lead_of_3 = block_at_least(s, 0xE0);
    uint64_t is_lead_of_4 = block_at_least(s, 0xF0);
    uint64_t is_continuation = block_at_least(s, 0x80) & ~is_lead;
    uint64_t due = is_lead << 1 | is_lead_of_3 << 2 | is_lead_of_4 << 3;
    if (due != is_continuation || is_lead != block_at_least(s, 0xC2)) {
        return false;
    }
    // Four leads and those above them leave only some of the continuations.
    uint64_t low = block_equal(s, 0xE0) << 1;
    uint64_t high = block_equal(s, 0xED) << 1;
    uint64_t is_wrong = (low & block_at_most(s, 0x9F)) | (high & block_at_least(s, 0xA0));
    if (is_lead_of_4) {
        low = block_equal(s, 0xF0) << 1;
        high = block_equal(s, 0xF4) << 1;
        is_wrong |= (low & block_at_most(s, 0x8F)) | (high & block_at_least(s, 0x90)) | block_at_least(s, 0xF5);
    }
    return is_wrong == 0;
}

// Where the character begins that may go on behind a valid block.
static const char *last_boundary(const char *block)
{
    const char *at = block + BLOCK_SIZE;
    do {
        at--;
    } while (is_continuation(at));
    return (unsigned char)*at < 0x80 ? block + BLOCK_SIZE : at;
}

// Goes on while whole blocks are valid; stops between characters.
static const char *skip_valid_blocks(const char *at, const char *end)
{
    while (end - at >= BLOCK_SIZE) {
        struct block s = block_load(at);
        if (block_is_ascii(s)) {
            at += BLOCK_SIZE;
        } else if (is_valid_block(s)) {
            at = last_boundary(at);
        } else {
            break;
        }
    }
    return at;
}

static const char *skip_ascii_words(const char *at, const char *end)
{
    uint64_t word;
    for (; end - at >= (ptrdiff_t)sizeof(word); at += sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        if (word & 0x8080808080808080U) {
            break;
        }
    }
    return at;
}

size_t utf8_valid_len(struct slice text)
{
    const char *end = text.ptr + text.len;
    const char *at = skip_ascii_words(skip_valid_blocks(text.ptr, end), end);
    while (at < end) {
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
