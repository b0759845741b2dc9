// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/slice.h"

#define N_OF(table) (sizeof(table) / sizeof(*(table)))

static void equality_and_affixes(void **state)
{
    static const struct {
        struct slice a;
        struct slice b;
        bool is_equal;
        bool starts;
        bool ends;
    } cases[] = {
        {SLICE_INIT(""), SLICE_INIT(""), true, true, true},
        {SLICE_INIT("abc"), SLICE_INIT(""), false, true, true},
        {SLICE_INIT("abc"), SLICE_INIT("abc"), true, true, true},
        {SLICE_INIT("abc"), SLICE_INIT("ab"), false, true, false},
        {SLICE_INIT("abc"), SLICE_INIT("bc"), false, false, true},
        {SLICE_INIT("abc"), SLICE_INIT("abcd"), false, false, false},
        {SLICE_INIT("abc"), SLICE_INIT("abC"), false, false, false},
        {SLICE_INIT("a\0b"), SLICE_INIT("a\0c"), false, false, false},
        {SLICE_INIT("aba"), SLICE_INIT("a"), false, true, true},
    };
    for (size_t i = 0; i < N_OF(cases); i++) {
        assert_int_equal(slice_eq(cases[i].a, cases[i].b), cases[i].is_equal);
        assert_int_equal(slice_starts_with(cases[i].a, cases[i].b), cases[i].starts);
        assert_int_equal(slice_ends_with(cases[i].a, cases[i].b), cases[i].ends);
        assert_int_equal(slice_eq_constant_time(cases[i].a, cases[i].b), cases[i].is_equal);
        assert_int_equal(slice_eq_constant_time(cases[i].b, cases[i].a), cases[i].is_equal);
    }
    assert_true(slice_eq(SLICE_EMPTY, SLICE("")));
    assert_true(slice_starts_with(SLICE_EMPTY, SLICE_EMPTY));
    assert_true(slice_ends_with(SLICE_EMPTY, SLICE_EMPTY));
    assert_true(slice_eq(slice_from_cstr(NULL), SLICE_EMPTY));
}

// A secret that is repeated, or cut, is another one.
static void constant_time_equality_minds_the_length(void **state)
{
    assert_false(slice_eq_constant_time(SLICE("abab"), SLICE("ab")));
    assert_false(slice_eq_constant_time(SLICE("ab"), SLICE("abab")));
    assert_false(slice_eq_constant_time(SLICE_EMPTY, SLICE("ab")));
    assert_false(slice_eq_constant_time(SLICE("\0"), SLICE_EMPTY));
    assert_true(slice_eq_constant_time(SLICE_EMPTY, SLICE_EMPTY));
}

static void only_the_case_of_ascii_letters_is_ignored(void **state)
{
    for (int a = 0; a < 256; a++) {
        for (int b = 0; b < 256; b++) {
            char left[] = {'x', (char)a};
            char right[] = {'X', (char)b};
            bool is_other_case = a != b && (a | 0x20) == (b | 0x20) && (a | 0x20) >= 'a' && (a | 0x20) <= 'z';
            assert_int_equal(slice_eq_nocase(slice_of(left, 2), slice_of(right, 2)), a == b || is_other_case);
        }
    }
    assert_true(slice_starts_with_nocase(SLICE("Content-Type"), SLICE("content-")));
    assert_false(slice_starts_with_nocase(SLICE("content"), SLICE("content-")));
    assert_false(slice_eq_nocase(SLICE("content"), SLICE("content-")));
    assert_true(slice_eq_nocase(SLICE_EMPTY, SLICE_EMPTY));
}

static void after_never_goes_past_the_end(void **state)
{
    assert_true(slice_eq(slice_after(SLICE("abc"), 0), SLICE("abc")));
    assert_true(slice_eq(slice_after(SLICE("abc"), 2), SLICE("c")));
    assert_int_equal(slice_after(SLICE("abc"), 3).len, 0);
    assert_int_equal(slice_after(SLICE("abc"), SIZE_MAX).len, 0);
    assert_int_equal(slice_after(SLICE_EMPTY, 1).len, 0);
}

static void trim_takes_spaces_and_tabs_only(void **state)
{
    static const struct {
        struct slice before;
        struct slice after;
    } cases[] = {
        {SLICE_INIT(" \t a b\t "), SLICE_INIT("a b")}, {SLICE_INIT("a"), SLICE_INIT("a")},
        {SLICE_INIT(" \t"), SLICE_INIT("")},           {SLICE_INIT(""), SLICE_INIT("")},
        {SLICE_INIT("\na\r "), SLICE_INIT("\na\r")},
    };
    for (size_t i = 0; i < N_OF(cases); i++) {
        assert_true(slice_eq(slice_trim(cases[i].before), cases[i].after));
    }
}

static size_t find_by_definition(struct slice haystack, struct slice needle)
{
    for (size_t i = 0; i + needle.len <= haystack.len; i++) {
        if (memcmp(haystack.ptr + i, needle.ptr, needle.len) == 0) {
            return i;
        }
    }
    return SLICE_NOT_FOUND;
}

// Few letters, so that there are many near misses; in memory that ends where the haystack ends.
static void find_finds_the_first_occurrence(void **state)
{
    uint32_t dice = 1;
    for (int round = 0; round < 20000; round++) {
        char needle[24];
        dice = dice * 1664525 + 1013904223;
        size_t len = (dice >> 8) % 100;
        size_t needle_len = 1 + (dice >> 20) % (round % 2 ? 3 : sizeof(needle));
        char *haystack = malloc(len ? len : 1);
        for (size_t i = 0; i < len + needle_len; i++) {
            dice = dice * 1664525 + 1013904223;
            *(i < len ? haystack + i : needle + (i - len)) = (char)('a' + (dice >> 24) % 2);
        }
        struct slice h = slice_of(haystack, len);
        struct slice n = slice_of(needle, needle_len);
        assert_true(slice_find(h, n) == find_by_definition(h, n));
        assert_true(slice_find_char(h, 'b') == find_by_definition(h, SLICE("b")));
        free(haystack);
    }
}

static void find_at_the_edges(void **state)
{
    assert_int_equal(slice_find(SLICE("abc"), SLICE_EMPTY), 0);
    assert_int_equal(slice_find(SLICE_EMPTY, SLICE_EMPTY), 0);
    assert_true(slice_find(SLICE_EMPTY, SLICE("a")) == SLICE_NOT_FOUND);
    assert_true(slice_find(SLICE("ab"), SLICE("abc")) == SLICE_NOT_FOUND);
    assert_true(slice_find_char(SLICE_EMPTY, 'a') == SLICE_NOT_FOUND);
    // One place in a long text, wherever it is.
    for (size_t at = 0; at + 3 <= 200; at++) {
        char text[200];
        memset(text, 'x', sizeof(text));
        memcpy(text + at, "xyz", 3);
        assert_int_equal(slice_find(slice_of(text, sizeof(text)), SLICE("xyz")), at);
    }
}

static void split_gives_the_parts_in_turn(void **state)
{
    struct slice rest = SLICE("a,,b,");
    assert_true(slice_eq(slice_split(&rest, ','), SLICE("a")));
    assert_true(slice_eq(slice_split(&rest, ','), SLICE("")));
    assert_true(slice_eq(slice_split(&rest, ','), SLICE("b")));
    assert_non_null(rest.ptr);
    assert_int_equal(slice_split(&rest, ',').len, 0);
    assert_null(rest.ptr);
    rest = SLICE("abc");
    assert_true(slice_eq(slice_split(&rest, ','), SLICE("abc")));
    assert_null(rest.ptr);
    assert_int_equal(rest.len, 0);
    assert_int_equal(slice_split(&rest, ',').len, 0);
}

static void numbers_are_read_whole_or_not_at_all(void **state)
{
    static const struct {
        const char *text;
        bool is_number;
        uint64_t value;
    } cases[] = {
        {"0", true, 0},
        {"007", true, 7},
        {"18446744073709551615", true, UINT64_MAX},
        {"00000000000000000000018446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", false, 0},
        {"18446744073709551625", false, 0},
        {"99999999999999999999", false, 0},
        {"", false, 0},
        {"-1", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1a", false, 0},
        {"0x1", false, 0},
    };
    for (size_t i = 0; i < N_OF(cases); i++) {
        uint64_t value = 77;
        assert_int_equal(slice_to_u64(slice_from_cstr(cases[i].text), &value), cases[i].is_number);
        assert_true(value == (cases[i].is_number ? cases[i].value : 77));
    }
}

static void numbers_are_written_as_printf_writes_them(void **state)
{
    uint64_t value = 1;
    for (int i = 0; i < 2000; i++) {
        char expected[32];
        char text[20];
        snprintf(expected, sizeof(expected), "%llu", (unsigned long long)value);
        size_t len = format_u64(text, value);
        assert_true(slice_eq(slice_of(text, len), slice_from_cstr(expected)));
        // All lengths: powers of ten and their neighbours, then anything.
        value = i < 60 ? (i % 3 == 2 ? (value - 1) * 10 - 1 : value + 1) : value * 6364136223846793005U + 1;
    }
    char text[20];
    assert_true(slice_eq(slice_of(text, format_u64(text, 0)), SLICE("0")));
    assert_true(slice_eq(slice_of(text, format_u64(text, UINT64_MAX)), SLICE("18446744073709551615")));
}

static void slices_print_with_their_length(void **state)
{
    char out[32];
    snprintf(out, sizeof(out), "<%.*s|%.*s>", SLICE_ARG(slice_of("abcdef", 3)), SLICE_ARG(SLICE_EMPTY));
    assert_string_equal(out, "<abc|>");
}

static void visible_or_not(void **state)
{
    assert_true(slice_is_visible(SLICE("!~")));
    assert_false(slice_is_visible(SLICE_EMPTY));
    assert_false(slice_is_visible(SLICE("a b")));
    assert_false(slice_is_visible(SLICE("a\0")));
    assert_false(slice_is_visible(SLICE("\x7f")));
    assert_false(slice_is_visible(SLICE("\xc3\xa4")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equality_and_affixes),
        cmocka_unit_test(constant_time_equality_minds_the_length),
        cmocka_unit_test(only_the_case_of_ascii_letters_is_ignored),
        cmocka_unit_test(after_never_goes_past_the_end),
        cmocka_unit_test(trim_takes_spaces_and_tabs_only),
        cmocka_unit_test(find_finds_the_first_occurrence),
        cmocka_unit_test(find_at_the_edges),
        cmocka_unit_test(split_gives_the_parts_in_turn),
        cmocka_unit_test(numbers_are_read_whole_or_not_at_all),
        cmocka_unit_test(numbers_are_written_as_printf_writes_them),
        cmocka_unit_test(slices_print_with_their_length),
        cmocka_unit_test(visible_or_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
