// SPDX-License-Identifier: MIT
#include "dialect/argument_scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "json/json_writer.h"

struct row {
    const char *text; // not escaped
    bool is_complete;
};

static const struct row ROWS[] = {
    {"", false},
    {"  ", false},
    {"{}", true},
    {" { } \n", true},
    {"{", false},
    {"{\"a\":{\"b\":[1,2]}}", true},
    {"{\"a\":{\"b\":[1,2]}", false},
    {"{\"a\":\"}\"", false},
    {"{\"a\":\"}\"}", true},
    {"{\"a\":\"\\\"}\"", false},
    {"{\"a\":\"\\\"}\"}", true},
    {"{\"a\":\"\\\\\"}", true},
    {"{\"a\":\"\\u0022}", false},
    {"{\"a\":\"tab\tnew\nline\"}", true},
    {"[[],[]]", true},
    {"\"text\"", true},
    {"\"te\\\"xt", false},
    {"12", false},
    {"true", false},
    {"{}x", false},
    {"{}{}", false},
    {"}{", false},
    {"x{}", false},
    {"{\"caf\xC3\xA9\":\"\xF0\x9F\x98\x80\"}", true},
};

static void feed(struct argument_scan *scan, struct slice escaped, size_t piece)
{
    for (; escaped.len; escaped = slice_after(escaped, piece)) {
        argument_scan_feed(scan, slice_of(escaped.ptr, escaped.len < piece ? escaped.len : piece));
    }
}

static void a_whole_value_is_seen_however_it_is_split(void **state)
{
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(*ROWS); i++) {
        struct buf escaped = BUF_EMPTY;
        json_escape(&escaped, slice_from_cstr(ROWS[i].text));
        for (size_t piece = 1; piece <= escaped.len + 1; piece++) {
            struct argument_scan scan = {0};
            feed(&scan, buf_slice(&escaped), piece);
            assert_int_equal(argument_scan_is_complete(&scan), ROWS[i].is_complete);
        }
        buf_deinit(&escaped);
    }
}

// Everything may also be escaped by its code.
static void codes_mean_what_they_stand_for(void **state)
{
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(*ROWS); i++) {
        struct buf escaped = BUF_EMPTY;
        for (const char *at = ROWS[i].text; *at; at++) {
            buf_printf(&escaped, "\\u00%02x", (unsigned char)*at);
        }
        for (size_t piece = 1; piece <= 13; piece++) {
            struct argument_scan scan = {0};
            feed(&scan, buf_slice(&escaped), piece);
            assert_int_equal(argument_scan_is_complete(&scan), ROWS[i].is_complete);
        }
        buf_deinit(&escaped);
    }
}

// No beginning of an object is complete, and nothing behind its end matters but for white space.
static void it_is_complete_at_the_last_bracket(void **state)
{
    static const struct slice text = SLICE_INIT("{\\\"a\\\":[{\\\"b\\\":\\\"x]}\\\\\\\"\\\"}]}");
    struct argument_scan scan = {0};
    for (size_t i = 0; i < text.len; i++) {
        assert_false(argument_scan_is_complete(&scan));
        argument_scan_feed(&scan, slice_of(text.ptr + i, 1));
    }
    assert_true(argument_scan_is_complete(&scan));
    argument_scan_feed(&scan, SLICE(" \\n"));
    assert_true(argument_scan_is_complete(&scan));
    argument_scan_feed(&scan, SLICE(","));
    assert_false(argument_scan_is_complete(&scan));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_value_is_seen_however_it_is_split),
        cmocka_unit_test(codes_mean_what_they_stand_for),
        cmocka_unit_test(it_is_complete_at_the_last_bracket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
