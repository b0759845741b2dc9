// SPDX-License-Identifier: MIT
// The table itself: rows that make sense, --help, and .env.example in step with it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "config/issues.h"
#include "config/settings.h"
#include "config/text_file.h"

static bool has_line(struct slice text, const char *line)
{
    while (text.ptr) {
        if (slice_eq(slice_split(&text, '\n'), slice_from_cstr(line))) {
            return true;
        }
    }
    return false;
}

static void rows_make_sense(void **state)
{
    (void)state;
    size_t n_rows;
    const struct setting *rows = settings_rows(&n_rows);
    struct arena arena;
    arena_init(&arena, 1024);
    for (size_t i = 0; i < n_rows; i++) {
        uint64_t field[VALUE_MAX_SIZE / sizeof(uint64_t)];
        assert_true(rows[i].env || rows[i].json);
        assert_non_null(rows[i].help);
        if (rows[i].fallback) {
            assert_true(value_from_text(&rows[i].rule, slice_from_cstr(rows[i].fallback), &arena, field));
        }
        for (size_t j = 0; j < i; j++) {
            assert_false(rows[i].env && rows[j].env && strcmp(rows[i].env, rows[j].env) == 0);
            assert_false(rows[i].json && rows[j].json && strcmp(rows[i].json, rows[j].json) == 0);
        }
    }
    arena_deinit(&arena);
}

static void every_supported_variable_is_in_env_example(void **state)
{
    (void)state;
    size_t n_rows;
    const struct setting *rows = settings_rows(&n_rows);
    struct arena arena;
    struct slice text;
    arena_init(&arena, 8192);
    assert_int_equal(text_file_read(".env.example", &arena, 100000, &text), 0);
    for (size_t i = 0; i < n_rows; i++) {
        char line[256];
        if (!rows[i].env || rows[i].field == 0) {
            continue;
        }
        snprintf(line, sizeof(line), "%s%s=%s", rows[i].fallback ? "# " : "", rows[i].env,
                 rows[i].fallback ? rows[i].fallback : "");
        if (!has_line(text, line)) {
            fail_msg(".env.example has no line \"%s\"", line);
        }
        snprintf(line, sizeof(line), "\n# %s", rows[i].help);
        if (slice_find(text, slice_from_cstr(line)) == SLICE_NOT_FOUND) {
            fail_msg(".env.example does not say: %s", rows[i].help);
        }
    }
    arena_deinit(&arena);
}

// Every NAME=value of the example, the commented ones too, is a variable of the table, and one that works.
static void env_example_has_nothing_else(void **state)
{
    (void)state;
    size_t n_rows;
    const struct setting *rows = settings_rows(&n_rows);
    struct arena arena;
    struct slice text;
    arena_init(&arena, 8192);
    assert_int_equal(text_file_read(".env.example", &arena, 100000, &text), 0);
    while (text.ptr) {
        struct slice line = slice_split(&text, '\n');
        line = slice_starts_with(line, SLICE("# ")) ? slice_after(line, 2) : line;
        struct slice name = slice_split(&line, '=');
        if (!line.ptr || slice_find_char(name, ' ') != SLICE_NOT_FOUND) {
            continue;
        }
        bool is_known = false;
        for (size_t i = 0; i < n_rows; i++) {
            is_known |= rows[i].env && rows[i].field != 0 && slice_eq(name, slice_from_cstr(rows[i].env));
        }
        if (!is_known) {
            fail_msg(".env.example has %.*s", SLICE_ARG(name));
        }
    }
    arena_deinit(&arena);
}

static void help_has_a_line_for_each_row(void **state)
{
    (void)state;
    size_t n_rows;
    struct buf help = BUF_EMPTY;
    settings_rows(&n_rows);
    config_describe_settings(&help);
    size_t n_lines = 0;
    for (size_t i = 0; i < help.len; i++) {
        n_lines += help.ptr[i] == '\n';
    }
    assert_int_equal(n_lines, n_rows);
    static const char *const lines[] = {
        "FACTORY_API_KEY                  -                    the key for the providers; goes before every other "
        "credential (or FACTORY_API_KEY_FILE)",
        "PORT                             3000                 port to listen on; 0 takes a free one (config.json: "
        "port)",
        "limits.max_connections           20000                client connections open at once (config.json: "
        "limits.max_connections)",
        "KEY_POOL_RETRY_MAX               3                    retries per request (config.json: "
        "key_pool.retry.maxRetries)",
        "key_pool.timeWindowHours         24                   how far time-window looks back (config.json: "
        "key_pool.timeWindowHours)",
        "REDIS_DB                         0                    its database number (not supported yet)",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        if (!has_line(buf_slice(&help), lines[i])) {
            fail_msg("no line \"%s\" in:\n%.*s", lines[i], SLICE_ARG(buf_slice(&help)));
        }
    }
    buf_deinit(&help);
}

static void rows_are_found_by_their_place_in_config_json(void **state)
{
    (void)state;
    assert_string_equal(settings_find_json(SLICE_EMPTY, SLICE("port"))->env, "PORT");
    assert_string_equal(settings_find_json(SLICE("reasoning_tokens"), SLICE("low"))->env, "REASONING_BUDGET_LOW");
    assert_null(settings_find_json(SLICE("reasoning_tokens"), SLICE("lowest")));
    assert_null(settings_find_json(SLICE_EMPTY, SLICE("low")));
    assert_null(settings_find_json(SLICE_EMPTY, SLICE("reasoning_tokens.low")));
    assert_string_equal(settings_find_json(SLICE("key_pool.retry"), SLICE("max"))->env, "KEY_POOL_RETRY_MAX");
    assert_string_equal(settings_find_json(SLICE("key_pool.retry"), SLICE("maxRetries"))->env, "KEY_POOL_RETRY_MAX");
    assert_null(settings_find_json(SLICE("key_pool.retry"), SLICE("maxRetries|max")));
    assert_null(settings_find_json(SLICE("key_pool"), SLICE("retry.max")));
    assert_true(settings_is_json_group(SLICE("key_pool")));
    assert_true(settings_is_json_group(SLICE("key_pool.retry")));
    assert_false(settings_is_json_group(SLICE("key_pool.algorithm")));
    assert_false(settings_is_json_group(SLICE("key")));
    assert_true(settings_is_json_group(SLICE("limits")));
    assert_false(settings_is_json_group(SLICE("port")));
    assert_false(settings_is_json_group(SLICE_EMPTY));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_make_sense),
        cmocka_unit_test(every_supported_variable_is_in_env_example),
        cmocka_unit_test(env_example_has_nothing_else),
        cmocka_unit_test(help_has_a_line_for_each_row),
        cmocka_unit_test(rows_are_found_by_their_place_in_config_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
