// SPDX-License-Identifier: MIT
#include "cli/text_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_widths(void **state)
{
    static const struct {
        const char *text;
        size_t width;
    } rows[] = {
        {"", 0},
        {"abc", 3},
        {"…", 1},
        {"é", 1},
        {"主力", 4},
        {"한글", 4},
        {"😀", 2},
        {"a\xff"
         "b",
         3},
        {"\xe4\xb8", 2},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        assert_int_equal(text_width(slice_from_cstr(rows[i].text)), rows[i].width);
    }
}

static void test_columns_are_as_wide_as_their_widest_text(void **state)
{
    static const struct slice titles[] = {SLICE_INIT("ID"), SLICE_INIT("NAME"), SLICE_INIT("N")};
    struct arena arena;
    struct text_table table;
    struct buf out = BUF_EMPTY;
    arena_init(&arena, 256);
    text_table_init(&table, &arena, titles, 3);
    text_table_add(&table, SLICE("main"));
    text_table_add(&table, SLICE("主力池"));
    text_table_add_int(&table, -7);
    text_table_write(&table, &out);
    assert_true(slice_eq(buf_slice(&out), SLICE("ID    NAME    N\n"
                                                "main  主力池  -7\n")));
    text_table_deinit(&table);
    buf_deinit(&out);
    arena_deinit(&arena);
}

static void test_nothing_steers_the_terminal(void **state)
{
    static const struct slice titles[] = {SLICE_INIT("N")};
    struct arena arena;
    struct text_table table;
    struct buf out = BUF_EMPTY;
    arena_init(&arena, 256);
    text_table_init(&table, &arena, titles, 1);
    text_table_add(&table, SLICE("a\x1b[2Jb\nc\x7f\xc2\x9b\xe2\x80\xae\xff"));
    text_table_write(&table, &out);
    assert_true(slice_eq(buf_slice(&out), SLICE("N\na?[2Jb?c????\n")));
    text_table_deinit(&table);
    buf_deinit(&out);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_widths),
        cmocka_unit_test(test_columns_are_as_wide_as_their_widest_text),
        cmocka_unit_test(test_nothing_steers_the_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
