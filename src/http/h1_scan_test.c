// SPDX-License-Identifier: MIT
#include "http/h1_scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/slice.h"

static const struct h1_limits limits = {.start_line_max = 20, .head_max = 60, .fields_max = 3};

static enum h1_result scan(struct slice bytes, size_t *head_len_r)
{
    struct h1_scan scan = {0};
    return h1_scan(&scan, bytes.ptr, bytes.len, &limits, head_len_r);
}

// Each prefix must be rejected although the head is far from complete, and the one without its last byte not yet.
static void rejects_with_the_first_bad_byte(void **state)
{
    static const struct {
        struct slice bytes;
        enum h1_result result;
    } rows[] = {
        {SLICE_INIT("\n"), H1_BAD_SYNTAX},
        {SLICE_INIT("\0"), H1_BAD_SYNTAX},
        {SLICE_INIT("\x16"), H1_BAD_SYNTAX},
        {SLICE_INIT("GET / HTTP/1.1\n"), H1_BAD_SYNTAX},
        {SLICE_INIT("GET /\rH"), H1_BAD_SYNTAX},
        {SLICE_INIT("\r\n"), H1_BAD_SYNTAX},
        {SLICE_INIT("\rG"), H1_BAD_SYNTAX},
        {SLICE_INIT("GET / HTTP/1.1\r\nA: b\n"), H1_BAD_SYNTAX},
        {SLICE_INIT("GET / HTTP/1.1\r\nA: b\r\r"), H1_BAD_SYNTAX},
        {SLICE_INIT("GET / HTTP/1.1\r\nA: b\x01"), H1_BAD_SYNTAX},
        {SLICE_INIT("GET / HTTP/1.1\r\nA: b\x7f"), H1_BAD_SYNTAX},
        {SLICE_INIT("GET / HTTP/1.1\r\n "), H1_BAD_SYNTAX},
        {SLICE_INIT("GET / HTTP/1.1\r\nA: b\r\n\t"), H1_BAD_SYNTAX},
        {SLICE_INIT("GET / HTTP/1.1\r\nA: b\r\n\rX"), H1_BAD_SYNTAX},
        {SLICE_INIT("GET /2345678901234567"), H1_START_LINE_LONG},
        {SLICE_INIT("GET / HTTP/1.1\r\nA: 23456789012345678901234567890123456789012"), H1_HEAD_LARGE},
        {SLICE_INIT("GET / HTTP/1.1\r\nA: 23456789012345678901234567890123456789\r\n\r"), H1_HEAD_LARGE},
        {SLICE_INIT("GET / HTTP/1.1\r\n1:\r\n2:\r\n3:\r\n4:\r\n"), H1_HEAD_LARGE},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t head_len = 0;
        struct slice shorter = slice_of(rows[i].bytes.ptr, rows[i].bytes.len - 1);
        assert_int_equal(scan(shorter, &head_len), H1_NEED_MORE);
        assert_int_equal(scan(rows[i].bytes, &head_len), rows[i].result);
    }
}

// A head exactly as large as each limit allows.
static void accepts_up_to_the_limits(void **state)
{
    static const struct slice rows[] = {
        SLICE_INIT("GET /234567 HTTP/1.1\r\n\r\n"),
        SLICE_INIT("GET / HTTP/1.1\r\n1:\r\n2:\r\n3:\r\n\r\n"),
        SLICE_INIT("GET / HTTP/1.1\r\nA: 2345678901234567890123456789012345678\r\n\r\n"),
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t head_len = 0;
        assert_int_equal(scan(rows[i], &head_len), H1_OK);
        assert_int_equal(head_len, rows[i].len);
    }
    assert_int_equal(rows[2].len, limits.head_max);
}

static void resumes_at_every_byte_and_stops_at_the_body(void **state)
{
    static const char bytes[] = "PUT / HTTP/1.1\r\nHost: h\r\nA: \t\xff\r\n\r\nGET / HTTP\n";
    enum { HEAD_LEN = sizeof(bytes) - 1 - 11 };
    struct h1_scan scan = {0};
    size_t head_len = 0;
    for (size_t len = 0; len < HEAD_LEN; len++) {
        // A new place each time: the buffer may move while it grows.
        char *copy = malloc(len + 1);
        memcpy(copy, bytes, len);
        assert_int_equal(h1_scan(&scan, copy, len, &limits, &head_len), H1_NEED_MORE);
        free(copy);
    }
    assert_int_equal(h1_scan(&scan, bytes, sizeof(bytes) - 1, &limits, &head_len), H1_OK);
    assert_int_equal(head_len, HEAD_LEN);
}

static void skips_at_most_two_empty_lines(void **state)
{
    static const struct {
        struct slice bytes;
        size_t skip;
    } rows[] = {
        {SLICE_INIT(""), 0},
        {SLICE_INIT("\r"), 0},
        {SLICE_INIT("\n"), 0},
        {SLICE_INIT("\n\r\n"), 0},
        {SLICE_INIT("\rG"), 0},
        {SLICE_INIT("\r\n"), 2},
        {SLICE_INIT("\r\n\r"), 2},
        {SLICE_INIT("\r\n\r\n"), 4},
        {SLICE_INIT("\r\n\r\n\r\n"), 4},
        {SLICE_INIT("\r\nGET\r\n"), 2},
        {SLICE_INIT("GET\r\n"), 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(h1_skip_empty_lines(rows[i].bytes.ptr, rows[i].bytes.len), rows[i].skip);
    }
}

// The CR of an empty line that may still have to be skipped leaves no trace.
static void a_lone_cr_can_still_be_skipped(void **state)
{
    struct h1_scan scan = {0};
    size_t head_len = 0;
    assert_int_equal(h1_scan(&scan, "\r", 1, &limits, &head_len), H1_NEED_MORE);
    assert_int_equal(h1_scan(&scan, "GET / HTTP/1.1\r\n\r\n", 18, &limits, &head_len), H1_OK);
    assert_int_equal(head_len, 18);
}

static void has_a_text_for_every_result(void **state)
{
    for (int r = H1_OK; r <= H1_BAD_VERSION; r++) {
        assert_string_not_equal(h1_result_text((enum h1_result)r), "unknown");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rejects_with_the_first_bad_byte),
        cmocka_unit_test(accepts_up_to_the_limits),
        cmocka_unit_test(resumes_at_every_byte_and_stops_at_the_body),
        cmocka_unit_test(skips_at_most_two_empty_lines),
        cmocka_unit_test(a_lone_cr_can_still_be_skipped),
        cmocka_unit_test(has_a_text_for_every_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
