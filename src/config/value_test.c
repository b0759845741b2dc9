// SPDX-License-Identifier: MIT
// Values by their rules, as text and as JSON, and how they are shown.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/value.h"

static const char *const colours[] = {"red", "green", "blue", NULL};
static const struct value_rule bool_rule = {.type = VALUE_BOOL};
static const struct value_rule u16_rule = {.type = VALUE_U16, .min = 1, .max = 65535};
static const struct value_rule u32_rule = {.type = VALUE_U32, .min = 0, .max = 4294967295};
static const struct value_rule u64_rule = {.type = VALUE_U64, .min = 0, .max = INT64_MAX};
static const struct value_rule i32_rule = {.type = VALUE_I32, .min = -1, .max = 10};
static const struct value_rule choice_rule = {.type = VALUE_CHOICE, .choices = colours};
static const struct value_rule text_rule = {.type = VALUE_TEXT};
static const struct value_rule line_rule = {.type = VALUE_LINE};
static const struct value_rule url_rule = {.type = VALUE_URL};
static const struct value_rule path_rule = {.type = VALUE_PATH};
static const struct value_rule address_rule = {.type = VALUE_ADDRESS};
static const struct value_rule secret_rule = {.type = VALUE_SECRET};
static const struct value_rule list_rule = {.type = VALUE_SECRET_LIST};
static const char *const switched[] = {"closed", "open", NULL};
static const struct value_rule switch_rule = {.type = VALUE_SWITCH, .choices = switched};
static const struct value_rule ratio_rule = {.type = VALUE_RATIO};
static const struct value_rule web_rule = {.type = VALUE_WEB_URL};
static const struct value_rule cidr_rule = {.type = VALUE_CIDR_LIST};

static void booleans(void **state)
{
    (void)state;
    static const char *const yes[] = {"true", "TRUE", "1", "yes", "Yes", "on", " on\t"};
    static const char *const no[] = {"false", "False", "0", "no", "off", "OFF"};
    static const char *const wrong[] = {"", "2", "y", "truee", "00", "enabled"};
    bool value = false;
    for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++) {
        value = false;
        assert_true(value_from_text(&bool_rule, slice_from_cstr(yes[i]), NULL, &value));
        assert_true(value);
    }
    for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++) {
        value = true;
        assert_true(value_from_text(&bool_rule, slice_from_cstr(no[i]), NULL, &value));
        assert_false(value);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        assert_false(value_from_text(&bool_rule, slice_from_cstr(wrong[i]), NULL, &value));
    }
}

static void switches(void **state)
{
    (void)state;
    bool value = false;
    assert_true(value_from_text(&switch_rule, SLICE("open"), NULL, &value));
    assert_true(value);
    assert_true(value_from_text(&switch_rule, SLICE(" Closed"), NULL, &value));
    assert_false(value);
    assert_false(value_from_text(&switch_rule, SLICE("true"), NULL, &value));
    assert_false(value_from_text(&switch_rule, SLICE(""), NULL, &value));
}

static void ratios(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_valid;
        double value;
    } cases[] = {{"0", true, 0},        {"1", true, 1},        {"0.25", true, 0.25},  {" 5e-1 ", true, 0.5},
                 {"-0.1", false, 0.75}, {"1.01", false, 0.75}, {"nan", false, 0.75},  {"0x1", false, 0.75},
                 {"", false, 0.75},     {"0,5", false, 0.75},  {"1e999", false, 0.75}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        double value = 0.75;
        assert_int_equal(value_from_text(&ratio_rule, slice_from_cstr(cases[i].text), NULL, &value), cases[i].is_valid);
        assert_true(value == cases[i].value);
    }
}

static void numbers_stay_in_range(void **state)
{
    (void)state;
    static const struct {
        const struct value_rule *rule;
        const char *text;
        bool is_valid;
        int64_t value;
    } cases[] = {
        {&u16_rule, "1", true, 1},
        {&u16_rule, "65535", true, 65535},
        {&u16_rule, " 80 ", true, 80},
        {&u16_rule, "0", false, 0},
        {&u16_rule, "65536", false, 0},
        {&u16_rule, "-1", false, 0},
        {&u16_rule, "", false, 0},
        {&u16_rule, "-", false, 0},
        {&u16_rule, "80a", false, 0},
        {&u16_rule, "8 0", false, 0},
        {&u16_rule, "+80", false, 0},
        {&u16_rule, "0x50", false, 0},
        {&u16_rule, "1e3", false, 0},
        {&u32_rule, "4294967295", true, 4294967295},
        {&u32_rule, "4294967296", false, 0},
        {&u64_rule, "9223372036854775807", true, INT64_MAX},
        {&u64_rule, "9223372036854775808", false, 0},
        {&u64_rule, "99999999999999999999", false, 0},
        {&i32_rule, "-1", true, -1},
        {&i32_rule, "-2", false, 0},
        {&i32_rule, "--1", false, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        union {
            uint16_t u16;
            uint32_t u32;
            uint64_t u64;
            int32_t i32;
        } field = {.u64 = 0};
        assert_int_equal(value_from_text(cases[i].rule, slice_from_cstr(cases[i].text), NULL, &field),
                         cases[i].is_valid);
        enum value_type type = cases[i].rule->type;
        int64_t value = type == VALUE_U16   ? field.u16
                        : type == VALUE_U32 ? field.u32
                        : type == VALUE_U64 ? (int64_t)field.u64
                                            : field.i32;
        assert_true(value == cases[i].value); // 0, untouched, after a failure
    }
}

static void texts(void **state)
{
    (void)state;
    static const struct {
        const struct value_rule *rule;
        const char *text;
        const char *value; // NULL: refused
    } cases[] = {
        {&text_rule, "a\nb\tc ", "a\nb\tc "},
        {&line_rule, " a b ", " a b "},
        {&line_rule, "a\nb", NULL},
        {&line_rule, "a\x7f", NULL},
        {&secret_rule, "s\xc3\xa9 cret", "s\xc3\xa9 cret"},
        {&secret_rule, "two\r\nheaders", NULL},
        {&web_rule, "https://host:1/a/b//", "https://host:1/a/b"},
        {&web_rule, "http://host", "http://host"},
        {&web_rule, "host", NULL},
        {&web_rule, "ftp://host", NULL},
        {&web_rule, "http://user@host", NULL},
        {&web_rule, "http://host/?a", NULL},
        {&web_rule, "http://host/#a", NULL},
        {&list_rule, "a, b", "a, b"},
        {&list_rule, ",a", ",a"},
        {&list_rule, ",", NULL},
        {&list_rule, " , ,\t", NULL},
        {&list_rule, "a\nb", NULL},
        {&path_rule, "data/", "data"},
        {&path_rule, "/srv//", "/srv"},
        {&path_rule, "/", "/"},
        {&path_rule, "a\nb", NULL},
        {&address_rule, "0.0.0.0", "0.0.0.0"},
        {&address_rule, "::", "::"},
        {&address_rule, "fe80::1", "fe80::1"},
        {&address_rule, "localhost", NULL},
        {&address_rule, "127.0.0.1:80", NULL},
        {&address_rule, "[::]", NULL},
        {&address_rule, "1111:2222:3333:4444:5555:6666:7777:8888:9999:0000", NULL},
    };
    struct arena arena;
    arena_init(&arena, 256);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct slice value = SLICE("untouched");
        bool is_valid = value_from_text(cases[i].rule, slice_from_cstr(cases[i].text), &arena, &value);
        assert_int_equal(is_valid, cases[i].value != NULL);
        assert_true(slice_eq(value, slice_from_cstr(is_valid ? cases[i].value : "untouched")));
    }
    arena_deinit(&arena);
}

static void choices_ignore_case(void **state)
{
    (void)state;
    unsigned value = 7;
    assert_false(value_from_text(&choice_rule, SLICE("yellow"), NULL, &value));
    assert_false(value_from_text(&choice_rule, SLICE(""), NULL, &value));
    assert_int_equal(value, 7);
    assert_true(value_from_text(&choice_rule, SLICE("Blue"), NULL, &value));
    assert_int_equal(value, 2);
}

static void json_types_are_strict(void **state)
{
    (void)state;
    static const struct {
        const struct value_rule *rule;
        const char *json;
        bool is_valid;
        const char *shown;
    } cases[] = {
        {&bool_rule, "true", true, "true"},
        {&bool_rule, "false", true, "false"},
        {&bool_rule, "\"true\"", false, "\"true\""},
        {&bool_rule, "1", false, "1"},
        {&u16_rule, "80", true, "80"},
        {&u16_rule, "8e1", true, "8e1"},
        {&u16_rule, "80.5", false, "80.5"},
        {&u16_rule, "\"80\"", false, "\"80\""},
        {&u16_rule, "0", false, "0"},
        {&u16_rule, "null", false, "null"},
        {&u64_rule, "1e30", false, "1e30"},
        {&choice_rule, "\"green\"", true, "\"green\""},
        {&choice_rule, "\"\"", false, "\"\""},
        {&choice_rule, "1", false, "1"},
        {&line_rule, "\"a\\u0009b\"", false, "\"a\tb\""},
        {&line_rule, "[1]", false, "an array"},
        {&line_rule, "{}", false, "an object"},
        {&text_rule, "\"a\\nb\"", true, "\"a\nb\""},
        {&secret_rule, "12345", false, "a number"},
        {&secret_rule, "\"a\\nb\"", false, "(3 characters)"},
        {&secret_rule, "[\"abc\"]", false, "an array"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct arena arena;
        struct json_doc doc;
        struct buf shown = BUF_EMPTY;
        uint64_t field[VALUE_MAX_SIZE / sizeof(uint64_t)] = {0};
        arena_init(&arena, 256);
        assert_int_equal(json_parse(&doc, &arena, slice_from_cstr(cases[i].json), NULL), 0);
        assert_int_equal(value_from_json(cases[i].rule, &doc, json_root(&doc), &arena, field), cases[i].is_valid);
        value_describe_json(cases[i].rule, &doc, json_root(&doc), &shown);
        assert_true(slice_eq(buf_slice(&shown), slice_from_cstr(cases[i].shown)));
        buf_deinit(&shown);
        arena_deinit(&arena);
    }
}

static void shown_without_secrets(void **state)
{
    (void)state;
    static const struct {
        const struct value_rule *rule;
        const char *text;
        const char *shown;
    } cases[] = {
        {&secret_rule, "short", "(5 characters)"},
        {&secret_rule, "key-one-that-is-long", "key-…long"},
        {&list_rule, "key-one,key-two,key-three", "key-…hree"},
        {&web_rule, "https://user:pass@host/path?key=pass", "\"https://…@host/path…\""},
        {&url_rule, "https://host/path", "\"https://host/path\""},
        {&url_rule, "https://user:pass@host/path", "\"https://…@host/path\""},
        {&url_rule, "HTTP://user:p@ss@host:80", "\"http://…@host:80\""},
        {&url_rule, "user:pass@host", "\"…@host\""},
        {&url_rule, "https://host/path?key=pass", "\"https://host/path…\""},
        {&url_rule, "https://host#pass", "\"https://host…\""},
        {&url_rule, "https://user:p?ss@host/x", "\"https://…@…\""},
        {&url_rule, "?a@b", "\"…@…\""},
        {&url_rule, "", "\"\""},
        {&line_rule,
         "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789",
         "\"01234567890123456789012345678901234567890123456789012345678901234567890123456789…\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buf shown = BUF_EMPTY;
        value_describe_text(cases[i].rule, slice_from_cstr(cases[i].text), &shown);
        assert_true(slice_eq(buf_slice(&shown), slice_from_cstr(cases[i].shown)));
        buf_deinit(&shown);
    }
}

static void rules_in_words(void **state)
{
    (void)state;
    static const struct {
        const struct value_rule *rule;
        const char *words;
    } cases[] = {
        {&bool_rule, "true or false"},
        {&u16_rule, "a whole number from 1 to 65535"},
        {&i32_rule, "a whole number from -1 to 10"},
        {&choice_rule, "red, green or blue"},
        {&text_rule, "text"},
        {&line_rule, "text without control characters"},
        {&secret_rule, "text without control characters"},
        {&list_rule, "keys separated by commas, without control characters"},
        {&switch_rule, "closed or open"},
        {&ratio_rule, "a number from 0 to 1"},
        {&web_rule, "an http:// or https:// URL without credentials and query"},
        {&cidr_rule, "addresses or CIDR ranges separated by commas"},
        {&url_rule, "a URL"},
        {&path_rule, "a path without control characters"},
        {&address_rule, "an IPv4 or IPv6 address"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buf words = BUF_EMPTY;
        value_describe_rule(cases[i].rule, &words);
        assert_true(slice_eq(buf_slice(&words), slice_from_cstr(cases[i].words)));
        buf_deinit(&words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(booleans),
        cmocka_unit_test(switches),
        cmocka_unit_test(ratios),
        cmocka_unit_test(numbers_stay_in_range),
        cmocka_unit_test(texts),
        cmocka_unit_test(choices_ignore_case),
        cmocka_unit_test(json_types_are_strict),
        cmocka_unit_test(shown_without_secrets),
        cmocka_unit_test(rules_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
