// SPDX-License-Identifier: MIT
#include "cli/drill_options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { WORDS_MAX = 16, LINE_MAX = 256 };

// A command line as one text; words are split at spaces.
struct line {
    char text[LINE_MAX];
    char *words[WORDS_MAX];
    int n_words;
    struct buf problem;
    struct drill_options options;
};

static bool read_line(struct line *line, const char *text)
{
    *line = (struct line){.n_words = 0};
    snprintf(line->text, sizeof(line->text), "%s", text);
    char *rest = NULL;
    for (char *word = strtok_r(line->text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        line->words[line->n_words++] = word;
    }
    return drill_options_read(&line->options, line->n_words, line->words, &line->problem);
}

static void test_what_is_wrong_is_said(void **state)
{
    static const struct {
        const char *text;
        const char *problem; // a part of it
    } rows[] = {
        {"S01", "unknown option S01"},
        {"--nonsense", "unknown option --nonsense"},
        {"--json=1", "unknown option --json=1"},
        {"--only", "--only wants a value"},
        {"--only=", "--only wants a value"},
        {"--only S17", "no scenario \"S17\""},
        {"--only S01,", "no scenario \"\""},
        {"--speed 0", "--speed is \"0\""},
        {"--speed 101", "--speed is \"101\""},
        {"--speed fast", "--speed is \"fast\""},
        {"--url http://localhost:3000", "--url wants --simulator"},
        {"--access-key one", "--access-key has no meaning without --url"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct line line;
        assert_false(read_line(&line, rows[i].text));
        assert_true(slice_find(buf_slice(&line.problem), slice_from_cstr(rows[i].problem)) != SLICE_NOT_FOUND);
        buf_deinit(&line.problem);
    }
}

static unsigned count_chosen(const struct drill_options *options)
{
    unsigned n = 0;
    for (size_t i = 0; i < N_DRILL_SCENARIOS; i++) {
        n += options->is_chosen[i];
    }
    return n;
}

static void test_what_is_asked_for(void **state)
{
    struct line line;
    assert_true(read_line(&line, ""));
    assert_int_equal(count_chosen(&line.options), N_DRILL_SCENARIOS);
    assert_int_equal(line.options.speed, 10);
    assert_true(read_line(&line, "--only S08,s14 --only=S01 --json --speed 3 --simulator here"));
    assert_int_equal(count_chosen(&line.options), 3);
    assert_true(line.options.is_chosen[0] && line.options.is_chosen[7] && line.options.is_chosen[13]);
    assert_true(line.options.is_json);
    assert_int_equal(line.options.speed, 3);
    assert_true(slice_eq(line.options.simulator, SLICE("here")));
    assert_true(read_line(&line, "--url http://a --simulator=http://b --access-key k=1"));
    assert_int_equal(line.options.speed, 1);
    assert_true(slice_eq(line.options.access_key, SLICE("k=1")));
    assert_true(read_line(&line, "--url http://a --help"));
    assert_true(line.options.wants_help);
}

static void test_help_names_everything(void **state)
{
    struct buf help = BUF_EMPTY;
    drill_options_help(&help);
    for (size_t i = 0; i < N_DRILL_SCENARIOS; i++) {
        assert_true(slice_find(buf_slice(&help), slice_from_cstr(drill_scenarios[i].id)) != SLICE_NOT_FOUND);
    }
    assert_true(slice_find(buf_slice(&help), SLICE("(default: 10)")) != SLICE_NOT_FOUND);
    buf_deinit(&help);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_wrong_is_said),
        cmocka_unit_test(test_what_is_asked_for),
        cmocka_unit_test(test_help_names_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
