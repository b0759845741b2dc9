// SPDX-License-Identifier: MIT
#include "http/chunked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/slice.h"

struct outcome {
    enum chunked_result result;
    size_t used;
    size_t data_len;
    char data[128];
};

// Decodes in memory of exactly the size of each piece.
static void feed(struct chunked_decoder *decoder, struct slice piece, struct outcome *outcome)
{
    char *copy = malloc(piece.len + 1);
    char *bytes = copy + 1; // so that a sanitizer sees what is written past the end
    memcpy(bytes, piece.ptr, piece.len);
    size_t data_len = 0;
    size_t used = 0;
    outcome->result = chunked_decode(decoder, bytes, piece.len, &data_len, &used);
    assert_true(data_len <= used && used <= piece.len);
    assert_true(used == piece.len || outcome->result != CHUNKED_NEED_MORE);
    assert_true(outcome->data_len + data_len <= sizeof(outcome->data));
    memcpy(outcome->data + outcome->data_len, bytes, data_len);
    outcome->data_len += data_len;
    outcome->used += used;
    free(copy);
}

// In two pieces split at `split`; in single bytes when `split` is past the end.
static struct outcome decode(struct slice input, size_t split)
{
    struct chunked_decoder decoder = {0};
    struct outcome outcome = {0};
    if (split <= input.len) {
        feed(&decoder, slice_of(input.ptr, split), &outcome);
        if (outcome.result == CHUNKED_NEED_MORE) {
            feed(&decoder, slice_of(input.ptr + split, input.len - split), &outcome);
        }
        return outcome;
    }
    for (size_t i = 0; i < input.len && outcome.result == CHUNKED_NEED_MORE; i++) {
        feed(&decoder, slice_of(input.ptr + i, 1), &outcome);
    }
    return outcome;
}

static const struct {
    const char *what;
    struct slice input;
    enum chunked_result result;
    struct slice data; // what could be decoded before the end or the error
    size_t used;
} rows[] = {
    {"no digit", SLICE_INIT("\r\n"), CHUNKED_BAD, SLICE_INIT(""), 1},
    {"a space in front", SLICE_INIT(" 1\r\n"), CHUNKED_BAD, SLICE_INIT(""), 1},
    {"a sign", SLICE_INIT("+1\r\n"), CHUNKED_BAD, SLICE_INIT(""), 1},
    {"a minus", SLICE_INIT("-1\r\n"), CHUNKED_BAD, SLICE_INIT(""), 1},
    {"0x", SLICE_INIT("0x1\r\n"), CHUNKED_BAD, SLICE_INIT(""), 2},
    {"g", SLICE_INIT("1g\r\n"), CHUNKED_BAD, SLICE_INIT(""), 2},
    {"an extension without a size", SLICE_INIT(";a\r\n"), CHUNKED_BAD, SLICE_INIT(""), 1},
    {"a bare LF after the size", SLICE_INIT("1\nx"), CHUNKED_BAD, SLICE_INIT(""), 2},
    {"a bare CR after the size", SLICE_INIT("1\rx"), CHUNKED_BAD, SLICE_INIT(""), 3},
    {"a space after the size", SLICE_INIT("1 \r\n"), CHUNKED_BAD, SLICE_INIT(""), 3},
    {"a space within the size", SLICE_INIT("1 1\r\n"), CHUNKED_BAD, SLICE_INIT(""), 3},
    {"a bare LF in an extension", SLICE_INIT("1;a\nx"), CHUNKED_BAD, SLICE_INIT(""), 4},
    {"a bare CR in an extension", SLICE_INIT("1;a\rb"), CHUNKED_BAD, SLICE_INIT(""), 5},
    {"NUL in an extension", SLICE_INIT("1;\0\r\n"), CHUNKED_BAD, SLICE_INIT(""), 3},
    {"17 digits", SLICE_INIT("00000000000000001\r\n"), CHUNKED_BAD, SLICE_INIT(""), 17},
    {"2^63", SLICE_INIT("8000000000000000\r\n"), CHUNKED_BAD, SLICE_INIT(""), 16},
    {"2^64 - 1", SLICE_INIT("ffffffffffffffff\r\n"), CHUNKED_BAD, SLICE_INIT(""), 16},
    {"too much data", SLICE_INIT("2\r\nabc\r\n"), CHUNKED_BAD, SLICE_INIT("ab"), 6},
    {"too little data", SLICE_INIT("3\r\nab\r\n0\r\n\r\n"), CHUNKED_BAD, SLICE_INIT("ab\r"), 7},
    {"LF behind the data", SLICE_INIT("1\r\na\n0\r\n\r\n"), CHUNKED_BAD, SLICE_INIT("a"), 5},
    {"CR behind the data", SLICE_INIT("1\r\na\r0\r\n\r\n"), CHUNKED_BAD, SLICE_INIT("a"), 6},
    {"a bare LF as the end", SLICE_INIT("0\r\n\n"), CHUNKED_BAD, SLICE_INIT(""), 4},
    {"a bare CR as the end", SLICE_INIT("0\r\n\rX"), CHUNKED_BAD, SLICE_INIT(""), 5},
    {"the next request as a trailer", SLICE_INIT("0\r\nGET / HTTP/1.1\r\n"), CHUNKED_BAD, SLICE_INIT(""), 7},
    {"a trailer without a name", SLICE_INIT("0\r\n: a\r\n"), CHUNKED_BAD, SLICE_INIT(""), 4},
    {"a trailer without a colon", SLICE_INIT("0\r\na\r\n"), CHUNKED_BAD, SLICE_INIT(""), 5},
    {"a space before the colon", SLICE_INIT("0\r\na : b\r\n"), CHUNKED_BAD, SLICE_INIT(""), 5},
    {"a folded trailer", SLICE_INIT("0\r\na: b\r\n c\r\n"), CHUNKED_BAD, SLICE_INIT(""), 10},
    {"a bare LF after a trailer", SLICE_INIT("0\r\na: b\n\r\n"), CHUNKED_BAD, SLICE_INIT(""), 8},
    {"a bare CR in a trailer", SLICE_INIT("0\r\na: b\rc\r\n"), CHUNKED_BAD, SLICE_INIT(""), 9},
    {"NUL in a trailer", SLICE_INIT("0\r\na: \0\r\n\r\n"), CHUNKED_BAD, SLICE_INIT(""), 7},

    {"nothing", SLICE_INIT(""), CHUNKED_NEED_MORE, SLICE_INIT(""), 0},
    {"data under way", SLICE_INIT("5\r\nab"), CHUNKED_NEED_MORE, SLICE_INIT("ab"), 5},
    {"all but the last byte", SLICE_INIT("1\r\na\r\n0\r\n\r"), CHUNKED_NEED_MORE, SLICE_INIT("a"), 10},
    {"2^63 - 1", SLICE_INIT("7fffffffffffffff\r\nabc"), CHUNKED_NEED_MORE, SLICE_INIT("abc"), 21},

    {"an empty body", SLICE_INIT("0\r\n\r\n"), CHUNKED_DONE, SLICE_INIT(""), 5},
    {"two chunks and what follows", SLICE_INIT("3\r\nabc\r\nA\r\n0123\r\n6789\r\n0\r\n\r\nHTTP"), CHUNKED_DONE,
     SLICE_INIT("abc0123\r\n6789"), 28},
    {"leading zeros", SLICE_INIT("0000000000000003\r\nabc\r\n0000\r\n\r\n"), CHUNKED_DONE, SLICE_INIT("abc"), 31},
    {"both cases", SLICE_INIT("0b\r\n0123456789a\r\n0B\r\nA9876543210\r\n0\r\n\r\n"), CHUNKED_DONE,
     SLICE_INIT("0123456789aA9876543210"), 39},
    {"extensions", SLICE_INIT("1;a\r\nx\r\n1 \t; b=\"c;\t\xff\"\r\ny\r\n0;c\r\n\r\n"), CHUNKED_DONE, SLICE_INIT("xy"),
     33},
    {"trailers", SLICE_INIT("1\r\nx\r\n0\r\nA: b\r\nC:\td \xff\r\nE:\r\n\r\n0\r\n"), CHUNKED_DONE, SLICE_INIT("x"), 29},
};

static void gives_the_same_however_it_is_split(void **state)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t split = 0; split <= rows[i].input.len + 1; split++) {
            struct outcome outcome = decode(rows[i].input, split);
            if (outcome.result != rows[i].result || outcome.used != rows[i].used ||
                !slice_eq(slice_of(outcome.data, outcome.data_len), rows[i].data)) {
                fail_msg("%s, split at %zu: result %d, %zu used, data %.*s", rows[i].what, split, (int)outcome.result,
                         outcome.used, (int)outcome.data_len, outcome.data);
            }
        }
    }
}

static void stays_done_and_stays_bad(void **state)
{
    static const struct {
        struct slice input;
        enum chunked_result result;
    } ends[] = {{SLICE_INIT("0\r\n\r\n"), CHUNKED_DONE}, {SLICE_INIT("x"), CHUNKED_BAD}};
    for (size_t i = 0; i < 2; i++) {
        struct chunked_decoder decoder = {0};
        struct outcome outcome = {0};
        feed(&decoder, ends[i].input, &outcome);
        size_t used = outcome.used;
        feed(&decoder, SLICE("1\r\na\r\n"), &outcome);
        assert_int_equal(outcome.result, ends[i].result);
        assert_int_equal(outcome.used, used);
        assert_int_equal(outcome.data_len, 0);
    }
}

// `before`, then `n` times `unit`, then `after`.
static enum chunked_result decode_repeated(const char *before, const char *unit, size_t n, const char *after)
{
    struct chunked_decoder decoder = {0};
    struct outcome outcome = {0};
    feed(&decoder, slice_from_cstr(before), &outcome);
    for (size_t i = 0; i < n && outcome.result == CHUNKED_NEED_MORE; i++) {
        feed(&decoder, slice_from_cstr(unit), &outcome);
    }
    if (outcome.result == CHUNKED_NEED_MORE) {
        feed(&decoder, slice_from_cstr(after), &outcome);
    }
    return outcome.result;
}

static void bounds_what_it_drops(void **state)
{
    const size_t extension = CHUNKED_EXTENSION_MAX;
    const size_t trailer = CHUNKED_TRAILER_MAX;
    assert_int_equal(decode_repeated("1;", "e", extension, "\r\na\r\n0\r\n\r\n"), CHUNKED_DONE);
    assert_int_equal(decode_repeated("1;", "e", extension + 1, ""), CHUNKED_BAD);
    assert_int_equal(decode_repeated("1", " ", extension + 1, ""), CHUNKED_BAD);
    // Each size line has its own allowance.
    assert_int_equal(
        decode_repeated("", "1;0123456789012345678901234567890123456789012345678901234567890123456789\r\na\r\n", 100,
                        "0\r\n\r\n"),
        CHUNKED_DONE);
    assert_int_equal(decode_repeated("0\r\na:", "t", trailer - 2 - 1, "\r\n\r\n"), CHUNKED_DONE);
    assert_int_equal(decode_repeated("0\r\na:", "t", trailer - 2 + 1, ""), CHUNKED_BAD);
    // All trailers share one.
    assert_int_equal(decode_repeated("0\r\n", "a:b\r\n", trailer, ""), CHUNKED_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_same_however_it_is_split),
        cmocka_unit_test(stays_done_and_stays_bad),
        cmocka_unit_test(bounds_what_it_drops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
