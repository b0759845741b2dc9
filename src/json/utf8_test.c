// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "json/utf8.h"

enum { MAX_CODE_POINT = 0x10FFFF };

static bool is_surrogate(uint32_t c)
{
    return c >= 0xD800 && c <= 0xDFFF;
}

static void every_code_point_is_one_character(void **state)
{
    for (uint32_t c = 0; c <= MAX_CODE_POINT; c++) {
        char bytes[UTF8_MAX];
        size_t len = utf8_encode(bytes, c);
        assert_int_equal(len, c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4);
        assert_int_equal(utf8_char_len(bytes, bytes + len), is_surrogate(c) ? 0 : len);
        for (size_t cut = 0; cut < len; cut++) {
            assert_int_equal(utf8_char_len(bytes, bytes + cut), 0);
        }
    }
}

// By the definition: decode, and see whether encoding gives the same bytes.
static size_t char_len_by_definition(const unsigned char *at, size_t n_left)
{
    static const unsigned char leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
    static const unsigned char lead_masks[] = {0, 0, 0xE0, 0xF0, 0xF8};
    if (n_left && at[0] < 0x80) {
        return 1;
    }
    for (size_t len = 2; len <= UTF8_MAX && len <= n_left; len++) {
        if ((at[0] & lead_masks[len]) != leads[len]) {
            continue;
        }
        uint32_t c = (uint32_t)(at[0] & ~lead_masks[len]);
        for (size_t i = 1; i < len; i++) {
            if ((at[i] & 0xC0) != 0x80) {
                return 0;
            }
            c = c << 6 | (at[i] & 0x3F);
        }
        char again[UTF8_MAX];
        if (is_surrogate(c) || c > MAX_CODE_POINT || utf8_encode(again, c) != len || memcmp(again, at, len) != 0) {
            return 0;
        }
        return len;
    }
    return 0;
}

static void every_sequence_of_three_bytes_is_judged_by_the_definition(void **state)
{
    for (uint32_t bits = 0x800000; bits <= 0xFFFFFF; bits++) {
        unsigned char bytes[] = {(unsigned char)(bits >> 16), (unsigned char)(bits >> 8), (unsigned char)bits};
        const char *text = (const char *)bytes;
        if (utf8_char_len(text, text + 3) != char_len_by_definition(bytes, 3)) {
            fail_msg("%06x", bits);
        }
    }
}

static size_t valid_len_by_definition(const char *text, size_t len)
{
    size_t at = 0;
    while (at < len) {
        size_t char_len = char_len_by_definition((const unsigned char *)text + at, len - at);
        if (char_len == 0) {
            break;
        }
        at += char_len;
    }
    return at;
}

// Where it ends, a page that may not be read would show a read past the end: here a heap block that a sanitizer guards.
static void assert_judged_rightly(const char *text, size_t len)
{
    char *copy = malloc(len ? len : 1);
    memcpy(copy, text, len);
    size_t expected = valid_len_by_definition(copy, len);
    if (utf8_valid_len(slice_of(copy, len)) != expected) {
        fail_msg("length %zu: %zu, not %zu", len, utf8_valid_len(slice_of(copy, len)), expected);
    }
    free(copy);
}

// Leads and continuations at the edges of what is allowed, at every place against the blocks.
static void sequences_are_found_at_every_place_in_a_long_text(void **state)
{
    static const unsigned char leads[] = {0x7F, 0x80, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC,
                                          0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF8, 0xFF};
    static const unsigned char others[] = {0x22, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xE4};
    enum { N_OTHERS = sizeof(others), TEXT_LEN = 140 };
    for (size_t place = 55; place < 75; place++) {
        for (size_t l = 0; l < sizeof(leads); l++) {
            for (size_t i = 0; i < N_OTHERS * N_OTHERS * N_OTHERS; i++) {
                char text[TEXT_LEN];
                memset(text, 'x', sizeof(text));
                text[place] = (char)leads[l];
                text[place + 1] = (char)others[i % N_OTHERS];
                text[place + 2] = (char)others[i / N_OTHERS % N_OTHERS];
                text[place + 3] = (char)others[i / N_OTHERS / N_OTHERS];
                size_t expected = valid_len_by_definition(text, sizeof(text));
                assert_int_equal(utf8_valid_len(slice_of(text, sizeof(text))), expected);
            }
        }
    }
}

static void texts_cut_or_spoilt_anywhere_are_valid_up_to_there(void **state)
{
    static const char *const characters[] = {
        "a", "\xC3\xA9", "\xE4\xB8\xAD", "\xEF\xBF\xBD", "\xF0\x9F\x98\x80", "\xED\x95\x9C", "\xE0\xA4\x85", "\n"};
    enum { TEXT_MAX = 300 };
    uint32_t dice = 1;
    for (int round = 0; round < 3000; round++) {
        char text[TEXT_MAX];
        size_t len = 0;
        while (len + UTF8_MAX <= sizeof(text)) {
            dice = dice * 1664525 + 1013904223;
            // Runs of one kind, as real texts have them.
            const char *c = characters[(dice >> 28) < 12 ? (size_t)round % 8 : dice >> 24 & 7];
            memcpy(text + len, c, strlen(c));
            len += strlen(c);
        }
        assert_int_equal(utf8_valid_len(slice_of(text, len)), len);
        size_t cut = (dice >> 8) % (len + 1);
        assert_judged_rightly(text, cut);
        text[(dice >> 12) % len] = (char)(dice >> 4);
        assert_judged_rightly(text, len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_is_one_character),
        cmocka_unit_test(every_sequence_of_three_bytes_is_judged_by_the_definition),
        cmocka_unit_test(sequences_are_found_at_every_place_in_a_long_text),
        cmocka_unit_test(texts_cut_or_spoilt_anywhere_are_valid_up_to_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
