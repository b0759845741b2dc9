// SPDX-License-Identifier: MIT
// .env files: what each form means, and the exact error lines.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/dotenv.h"

struct parsed {
    struct arena arena;
    struct dotenv dotenv;
    struct buf errors;
    struct buf warnings;
};

static void parse(struct parsed *p, const char *text)
{
    *p = (struct parsed){0};
    struct issues issues = {.errors = &p->errors, .warnings = &p->warnings};
    arena_init(&p->arena, 256);
    dotenv_parse(&p->dotenv, &p->arena, slice_from_cstr(text), ".env", &issues);
}

static void parsed_deinit(struct parsed *p)
{
    arena_deinit(&p->arena);
    buf_deinit(&p->errors);
    buf_deinit(&p->warnings);
}

static void assert_slice(struct slice given, const char *expected)
{
    assert_int_equal(given.len, strlen(expected));
    assert_memory_equal(given.ptr ? given.ptr : "", expected, given.len);
}

static void forms_of_a_value(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *value; // of K
    } cases[] = {
        {"K=v", "v"},
        {"K=v\n", "v"},
        {"K=v\r\n", "v"},
        {"\xef\xbb\xbfK=v", "v"},
        {"  export   K=v", "v"},
        {"export\tK=v", "v"},
        {"K = v w \t", "v w"},
        {"K=", ""},
        {"K", NULL},
        {"K=\n", ""},
        {"K=   # nothing", ""},
        {"K=v # comment", "v"},
        {"K=v\t# comment", "v"},
        {"K=v#no comment", "v#no comment"},
        {"K=#no comment", "#no comment"},
        {"K=a=b=", "a=b="},
        {"K=$HOME ${HOME} \\n", "$HOME ${HOME} \\n"},
        {"K=it's", "it's"},
        {"K='a b # c'", "a b # c"},
        {"K='a\\n$b\"' # comment", "a\\n$b\""},
        {"K='two\nlines'", "two\nlines"},
        {"K=''", ""},
        {"K=\"a b # c\"", "a b # c"},
        {"K=\"\\n\\r\\t\\\"\\\\\"", "\n\r\t\"\\"},
        {"K=\"two\nlines\"#comment", "two\nlines"},
        {"K=\"two\r\nlines\"\r\n", "two\nlines"},
        {"K=\"$HOME\"", "$HOME"},
        {"K=first\nK=second", "second"},
        {"# K=first\n\n   \n\t# comment\nK=second", "second"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct parsed p;
        parse(&p, cases[i].text);
        const struct dotenv_entry *entry = dotenv_find(&p.dotenv, SLICE("K"));
        if (cases[i].value) {
            assert_int_equal(p.errors.len, 0);
            assert_non_null(entry);
            assert_slice(entry->value, cases[i].value);
        } else {
            assert_null(entry);
        }
        parsed_deinit(&p);
    }
}

static void errors_name_file_and_line_but_no_value(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *errors;
    } cases[] = {
        {"secret", ".env:1: not a line of the form NAME=value\n"},
        {"\n\nsecret\n", ".env:3: not a line of the form NAME=value\n"},
        {"=secret", ".env:1: not a line of the form NAME=value\n"},
        {"1K=secret", ".env:1: not a line of the form NAME=value\n"},
        {"A B=secret", ".env:1: not a line of the form NAME=value\n"},
        {"A\n=secret", ".env:1: not a line of the form NAME=value\n.env:2: not a line of the form NAME=value\n"},
        {"export K", ".env:1: not a line of the form NAME=value\n"},
        {"K=\"secret", ".env:1: the value of K has no closing quote\n"},
        {"K=\"secret\\\"", ".env:1: the value of K has no closing quote\n"},
        {"\nK='secret\nL=1\n", ".env:2: the value of K has no closing quote\n"},
        {"K=\"a\n b\" secret\nL", ".env:2: there is text behind the closing quote of K\n"
                                  ".env:3: not a line of the form NAME=value\n"},
        {"K='a'secret", ".env:1: there is text behind the closing quote of K\n"},
        {"K=\"secret\\x\"", ".env:1: unknown escape in the value of K; it may have \\n \\r \\t \\\" and \\\\\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct parsed p;
        parse(&p, cases[i].text);
        buf_append_char(&p.errors, '\0');
        assert_string_equal(p.errors.ptr, cases[i].errors);
        assert_null(dotenv_find(&p.dotenv, SLICE("K")));
        parsed_deinit(&p);
    }
}

static void nul_byte_is_an_error(void **state)
{
    (void)state;
    struct parsed p = {0};
    struct issues issues = {.errors = &p.errors, .warnings = &p.warnings};
    arena_init(&p.arena, 256);
    dotenv_parse(&p.dotenv, &p.arena, SLICE("A=1\nK=a\0b\nB=2"), ".env", &issues);
    buf_append_char(&p.errors, '\0');
    assert_string_equal(p.errors.ptr, ".env:2: the value of K has a NUL byte\n");
    assert_int_equal(p.dotenv.n_entries, 2);
    parsed_deinit(&p);
}

static void entries_know_their_line(void **state)
{
    (void)state;
    struct parsed p;
    parse(&p, "# one\nA=1\n\nB='x\ny'\nexport=C\nD=\"\n\n\" # d\nbad\nE=5");
    static const struct {
        const char *key;
        uint32_t line;
    } expected[] = {{"A", 2}, {"B", 4}, {"export", 6}, {"D", 7}, {"E", 11}};
    assert_int_equal(p.dotenv.n_entries, sizeof(expected) / sizeof(*expected));
    for (size_t i = 0; i < p.dotenv.n_entries; i++) {
        assert_slice(p.dotenv.entries[i].key, expected[i].key);
        assert_int_equal(p.dotenv.entries[i].line, expected[i].line);
    }
    parsed_deinit(&p);
}

static void empty_text_has_no_entries(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "\n", "\r\n", " ", "#", "\xef\xbb\xbf"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct parsed p;
        parse(&p, texts[i]);
        assert_int_equal(p.dotenv.n_entries, 0);
        assert_int_equal(p.errors.len, 0);
        assert_null(dotenv_find(&p.dotenv, SLICE("K")));
        parsed_deinit(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_of_a_value),          cmocka_unit_test(errors_name_file_and_line_but_no_value),
        cmocka_unit_test(nul_byte_is_an_error),      cmocka_unit_test(entries_know_their_line),
        cmocka_unit_test(empty_text_has_no_entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
