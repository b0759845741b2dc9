// SPDX-License-Identifier: MIT
// Whole files: read, refused, created with the right modes and without a trace of the temporary one.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config_fixture.h"
#include "config/text_file.h"

static void what_is_created_reads_back(void **state)
{
    (void)state;
    struct arena arena;
    struct slice text;
    struct stat st;
    arena_init(&arena, 256);
    assert_int_equal(text_file_create("a/b/", "f", SLICE("one")), 0);
    assert_int_equal(text_file_create("a/b", "f", SLICE("two\n")), 0);
    assert_int_equal(text_file_read("a/b/f", &arena, 4, &text), 0);
    assert_true(slice_eq(text, SLICE("two\n")));
    assert_int_equal(stat("a/b/f", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat("a/b", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    arena_deinit(&arena);
}

static void no_temporary_file_is_left(void **state)
{
    (void)state;
    assert_int_equal(text_file_create("d", "f", SLICE("text")), 0);
    assert_int_equal(mkdir("d/taken", 0700), 0);
    assert_int_equal(text_file_create("d", "taken", SLICE("text")), -EISDIR);
    DIR *dir = opendir("d");
    assert_non_null(dir);
    size_t n = 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    closedir(dir);
    assert_int_equal(n, 2);
}

static void failures_are_codes(void **state)
{
    (void)state;
    struct arena arena;
    struct slice text = SLICE("untouched");
    arena_init(&arena, 256);
    config_fixture_write("file", "12345");
    assert_int_equal(text_file_read("missing", &arena, 100, &text), -ENOENT);
    assert_int_equal(text_file_read("file/x", &arena, 100, &text), -ENOTDIR);
    assert_int_equal(text_file_read(".", &arena, 100, &text), -EISDIR);
    assert_int_equal(text_file_read("file", &arena, 4, &text), -EFBIG);
    assert_true(slice_eq(text, SLICE("untouched")));
    assert_int_equal(text_file_read("file", &arena, 5, &text), 0);
    assert_int_equal(text_file_create("file", "x", SLICE("text")), -ENOTDIR);
    assert_int_equal(text_file_create("file/y", "x", SLICE("text")), -ENOTDIR);
    arena_deinit(&arena);
}

static void pipes_are_read_to_their_end(void **state)
{
    (void)state;
    int ends[2];
    char path[32];
    struct arena arena;
    struct slice text;
    arena_init(&arena, 256);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "secret\n", 7), 7);
    close(ends[1]);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[0]);
    assert_int_equal(text_file_read(path, &arena, 100, &text), 0);
    assert_true(slice_eq(text, SLICE("secret\n")));
    close(ends[0]);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_created_reads_back, config_fixture_setup, config_fixture_teardown),
        cmocka_unit_test_setup_teardown(no_temporary_file_is_left, config_fixture_setup, config_fixture_teardown),
        cmocka_unit_test_setup_teardown(failures_are_codes, config_fixture_setup, config_fixture_teardown),
        cmocka_unit_test_setup_teardown(pipes_are_read_to_their_end, config_fixture_setup, config_fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
