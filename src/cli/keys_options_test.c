// SPDX-License-Identifier: MIT
#include "cli/keys_options.h"

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
    struct keys_options options;
};

static bool read_line(struct line *line, const char *text)
{
    *line = (struct line){.n_words = 0};
    snprintf(line->text, sizeof(line->text), "%s", text);
    char *rest = NULL;
    for (char *word = strtok_r(line->text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        line->words[line->n_words++] = word;
    }
    return keys_options_read(&line->options, line->n_words, line->words, &line->problem);
}

static void line_deinit(struct line *line)
{
    keys_options_deinit(&line->options);
    buf_deinit(&line->problem);
}

static void test_what_is_wrong_is_said(void **state)
{
    static const struct {
        const char *text;
        const char *problem; // a part of it
    } rows[] = {
        {"lst", "no command \"keys lst\""},
        {"pool", "a command is missing"},
        {"pool lst", "no command \"keys pool lst\""},
        {"pool pool", "no command \"keys pool pool\""},
        {"--json", "a command is missing"},
        {"--status active list", "--status comes behind the command"},
        {"list one", "keys list: that is too much; usage: droid2api keys list [--status S]"},
        {"list --status", "--status wants a value"},
        {"list --status gone", "--status is \"gone\"; it may be one of: all active disabled banned"},
        {"list --status=", "--status is \"\""},
        {"list --json=1", "unknown option --json=1"},
        {"list --nonsense", "unknown option --nonsense"},
        {"list --notes x", "--notes has no meaning here"},
        {"list --name x", "--name has no meaning here"},
        {"add", "keys add: something is missing"},
        {"add a b", "that is too much"},
        {"import", "something is missing"},
        {"test", "wants ids of keys, or --all"},
        {"test key_1 --all", "wants ids of keys, or --all"},
        {"test key_1 --pool main", "--status and --pool go with --all"},
        {"export --format xml", "it may be one of: txt json"},
        {"enable", "something is missing"},
        {"remove", "wants ids of keys, or --status"},
        {"remove key_1 --status banned", "wants ids of keys, or --status"},
        {"remove --status active", "--status may be disabled or banned"},
        {"remove --status all", "--status may be disabled or banned"},
        {"pool add main", "wants --priority"},
        {"pool add main --priority -1", "--priority is a number"},
        {"pool add main --priority 2147483648", "--priority is a number"},
        {"pool change main", "wants --priority, --name or --description"},
        {"pool move key_1", "wants --pool"},
        {"pool remove", "something is missing"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct line line;
        assert_false(read_line(&line, rows[i].text));
        if (slice_find(buf_slice(&line.problem), slice_from_cstr(rows[i].problem)) == SLICE_NOT_FOUND) {
            fail_msg("\"%s\" gives \"%.*s\"", rows[i].text, SLICE_ARG(buf_slice(&line.problem)));
        }
        line_deinit(&line);
    }
}

static void test_verbs(void **state)
{
    static const struct {
        const char *text;
        enum keys_verb verb;
        size_t n_operands;
    } rows[] = {
        {"list", KEYS_LIST, 0},
        {"add fk-one", KEYS_ADD, 1},
        {"add -", KEYS_ADD, 1},
        {"add -- --strange", KEYS_ADD, 1},
        {"import keys.txt --pool main", KEYS_IMPORT, 1},
        {"test key_1 key_2 key_3", KEYS_TEST, 3},
        {"test --all --pool main --status active", KEYS_TEST, 0},
        {"export", KEYS_EXPORT, 0},
        {"enable key_1", KEYS_ENABLE, 1},
        {"disable key_1 key_2", KEYS_DISABLE, 2},
        {"remove key_1", KEYS_REMOVE, 1},
        {"remove --status banned", KEYS_REMOVE, 0},
        {"pool list", KEYS_POOL_LIST, 0},
        {"pool add main --priority 0", KEYS_POOL_ADD, 1},
        {"pool change main --name Main", KEYS_POOL_CHANGE, 1},
        {"pool remove main", KEYS_POOL_REMOVE, 1},
        {"pool move key_1 key_2 --pool main", KEYS_POOL_MOVE, 2},
        {"pool move --pool main pool list", KEYS_POOL_MOVE, 2},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct line line;
        assert_true(read_line(&line, rows[i].text));
        assert_int_equal(line.options.verb, rows[i].verb);
        assert_int_equal(line.options.n_operands, rows[i].n_operands);
        line_deinit(&line);
    }
}

static void test_values(void **state)
{
    struct line line;
    assert_true(read_line(&line, "list --json --status=banned --pool main --search a=b"));
    assert_true(line.options.is_json);
    assert_true(slice_eq(line.options.status, SLICE("banned")));
    assert_true(slice_eq(line.options.pool, SLICE("main")));
    assert_true(slice_eq(line.options.search, SLICE("a=b")));
    assert_null(line.options.provider.ptr);
    line_deinit(&line);
}

static void test_help(void **state)
{
    static const char *const texts[] = {"", "--help", "list --help", "pool --help", "pool add --help"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct line line;
        assert_true(read_line(&line, texts[i]));
        assert_true(line.options.wants_help);
        line_deinit(&line);
    }
    struct buf help = BUF_EMPTY;
    keys_options_help(&help);
    assert_true(slice_find(buf_slice(&help), SLICE("pool move ID")) != SLICE_NOT_FOUND);
    buf_deinit(&help);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_wrong_is_said),
        cmocka_unit_test(test_verbs),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
