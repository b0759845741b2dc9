// SPDX-License-Identifier: MIT
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "json/json_reader.h"
#include "json/json_writer.h"

static void assert_written(struct buf *out, const char *expected)
{
    if (!slice_eq(buf_slice(out), slice_from_cstr(expected))) {
        fail_msg("%.*s is not %s", SLICE_ARG(buf_slice(out)), expected);
    }
    buf_deinit(out);
}

static void commas_and_colons_come_by_themselves(void **state)
{
    struct buf out = BUF_EMPTY;
    struct json_writer w;
    json_writer_init(&w, &out);
    json_begin_object(&w);
    json_member_string(&w, SLICE("a\""), SLICE("x"));
    json_member_int(&w, SLICE(""), -1);
    json_member_bool(&w, SLICE("c"), false);
    json_key(&w, SLICE("d"));
    json_begin_array(&w);
    json_begin_array(&w);
    json_end_array(&w);
    json_begin_object(&w);
    json_end_object(&w);
    json_write_null(&w);
    json_write_bool(&w, true);
    json_write_raw(&w, SLICE("[ 1e2 ]"));
    json_write_raw_line(&w, SLICE("[\r\n1\n]"));
    json_write_escaped(&w, SLICE("\\u00e9"));
    json_write_escaped(&w, SLICE_EMPTY);
    json_write_string(&w, SLICE_EMPTY);
    json_end_array(&w);
    json_key(&w, SLICE("e"));
    json_write_double(&w, 1.5);
    json_end_object(&w);
    assert_written(
        &out,
        "{\"a\\\"\":\"x\",\"\":-1,\"c\":false,\"d\":[[],{},null,true,[ 1e2 ],[  1 ],\"\\u00e9\",\"\",\"\"],\"e\":1.5}");
}

static void whole_numbers_have_all_their_digits(void **state)
{
    static const struct {
        int64_t value;
        const char *text;
    } cases[] = {
        {0, "0"}, {-1, "-1"}, {42, "42"}, {INT64_MAX, "9223372036854775807"}, {INT64_MIN, "-9223372036854775808"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buf out = BUF_EMPTY;
        struct json_writer w;
        json_writer_init(&w, &out);
        json_write_int(&w, cases[i].value);
        assert_written(&out, cases[i].text);
    }
}

static void doubles_have_no_digit_too_many(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-0.0, "-0"},
        {0.1, "0.1"},
        {0.7, "0.7"},
        {1, "1"},
        {-2.5, "-2.5"},
        {1e21, "1e+21"},
        {1.0 / 3, "0.3333333333333333"},
        {0.1 + 0.2, "0.30000000000000004"},
        {5e-324, "5e-324"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {HUGE_VAL, "null"},
        {-HUGE_VAL, "null"},
        {NAN, "null"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buf out = BUF_EMPTY;
        struct json_writer w;
        json_writer_init(&w, &out);
        json_write_double(&w, cases[i].value);
        assert_written(&out, cases[i].text);
    }
}

static void doubles_read_back_the_same(void **state)
{
    uint64_t bits = 1;
    for (int i = 0; i < 100000; i++) {
        double value;
        double back;
        bits = bits * 6364136223846793005U + 1442695040888963407U;
        uint64_t mixed = bits ^ bits >> 29;
        memcpy(&value, &mixed, sizeof(value));
        if (!isfinite(value)) {
            continue;
        }
        struct buf out = BUF_EMPTY;
        struct arena arena;
        struct json_writer w;
        struct json_doc doc;
        arena_init(&arena, 512);
        json_writer_init(&w, &out);
        json_write_double(&w, value);
        assert_int_equal(json_parse(&doc, &arena, buf_slice(&out), NULL), 0);
        assert_true(json_double(&doc, json_root(&doc), &back));
        assert_memory_equal(&back, &value, sizeof(value));
        arena_deinit(&arena);
        buf_deinit(&out);
    }
}

struct escape_case {
    struct slice text;
    const char *escaped;
};

static void text_is_escaped_as_the_header_says(void **state)
{
    static const struct escape_case cases[] = {
        {SLICE_INIT(""), ""},
        {SLICE_INIT("plain / text"), "plain / text"},
        {SLICE_INIT("\"\\\b\f\n\r\t"), "\\\"\\\\\\b\\f\\n\\r\\t"},
        {SLICE_INIT("\0\x01\x1F\x7F"), "\\u0000\\u0001\\u001f\x7F"},
        {SLICE_INIT("\xE4\xB8\xAD\xC3\xA9\xF0\x9F\x98\x80"), "\xE4\xB8\xAD\xC3\xA9\xF0\x9F\x98\x80"},
        {SLICE_INIT("\xE2\x80\xA7\xE2\x80\xA8\xE2\x80\xA9\xE2\x80\xAA"), "\xE2\x80\xA7\\u2028\\u2029\xE2\x80\xAA"},
        // Each byte that belongs to no character becomes one U+FFFD.
        {SLICE_INIT("a\xFF\xE4\xB8"), "a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {SLICE_INIT("\xED\xA0\x80\""), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\\\""},
        {SLICE_INIT("\xC0\xAF"), "\xEF\xBF\xBD\xEF\xBF\xBD"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buf out = BUF_EMPTY;
        json_escape(&out, cases[i].text);
        assert_written(&out, cases[i].escaped);
    }
}

// At every distance from the start, because sixteen bytes are looked at together.
static void escapes_are_found_at_every_place(void **state)
{
    for (size_t i = 0; i < 63; i++) {
        for (int c = 0; c < 0x80; c++) {
            char text[64];
            struct buf out = BUF_EMPTY;
            memset(text, 'x', sizeof(text));
            text[i] = (char)c;
            json_escape(&out, slice_of(text, sizeof(text)));
            bool is_special = c < 0x20 || c == '"' || c == '\\';
            assert_int_equal(out.len > sizeof(text), is_special);
            assert_memory_equal(out.ptr, text, i);
            assert_int_equal(out.ptr[i], is_special ? '\\' : c);
            assert_int_equal(out.ptr[out.len - 1], 'x');
            buf_deinit(&out);
        }
    }
}

// Short texts are looked at in one go, however long they are.
static void a_short_string_is_its_text_escaped_between_quotes(void **state)
{
    for (size_t len = 1; len <= 20; len++) {
        for (size_t i = 0; i < len * 256; i++) {
            char text[20];
            struct buf out = BUF_EMPTY;
            struct buf expected = BUF_EMPTY;
            struct json_writer w;
            memset(text, 'x', sizeof(text));
            text[i / 256] = (char)(i % 256);
            buf_append_char(&expected, '"');
            json_escape(&expected, slice_of(text, len));
            buf_append_char(&expected, '"');
            json_writer_init(&w, &out);
            json_write_string(&w, slice_of(text, len));
            assert_true(slice_eq(buf_slice(&out), buf_slice(&expected)));
            buf_deinit(&expected);
            buf_deinit(&out);
        }
    }
}

static void any_bytes_become_a_string_that_reads_back(void **state)
{
    uint32_t dice = 1;
    for (int round = 0; round < 5000; round++) {
        char text[80];
        struct buf out = BUF_EMPTY;
        struct arena arena;
        struct json_writer w;
        struct json_doc doc;
        bool is_ascii = round % 2;
        for (size_t i = 0; i < sizeof(text); i++) {
            dice = dice * 1664525 + 1013904223;
            text[i] = (char)(dice >> (is_ascii ? 25 : 24));
        }
        arena_init(&arena, 512);
        json_writer_init(&w, &out);
        json_write_string(&w, slice_of(text, sizeof(text)));
        assert_int_equal(json_parse(&doc, &arena, buf_slice(&out), NULL), 0);
        if (is_ascii) {
            assert_true(slice_eq(json_string(&doc, json_root(&doc), &arena), slice_of(text, sizeof(text))));
        }
        arena_deinit(&arena);
        buf_deinit(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_and_colons_come_by_themselves),
        cmocka_unit_test(whole_numbers_have_all_their_digits),
        cmocka_unit_test(doubles_have_no_digit_too_many),
        cmocka_unit_test(doubles_read_back_the_same),
        cmocka_unit_test(text_is_escaped_as_the_header_says),
        cmocka_unit_test(escapes_are_found_at_every_place),
        cmocka_unit_test(a_short_string_is_its_text_escaped_between_quotes),
        cmocka_unit_test(any_bytes_become_a_string_that_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
