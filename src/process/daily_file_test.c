// SPDX-License-Identifier: MIT
// Files that are moved away, disks that are full in the middle of a line, and whole lines in spite of it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "config/config_fixture.h"
#include "process/daily_file.h"

static const char day_one[] = "2026-01-02";
static const char day_two[] = "2026-01-03";

struct fixture {
    void *config; // owned: a folder of our own, in which we are
    struct daily_file file;
    struct daily_folder folder;
    struct buf text;
};

static int setup(void **state)
{
    struct fixture *f = mem_zalloc(sizeof(*f));
    *state = f;
    daily_file_init(&f->file);
    snprintf(f->folder.path, sizeof(f->folder.path), "logs");
    return config_fixture_setup(&f->config);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    daily_file_close(&f->file);
    buf_deinit(&f->text);
    int r = config_fixture_teardown(&f->config);
    mem_free(f);
    return r;
}

static size_t write_lines(struct fixture *f, const char *day, struct slice lines, int expected)
{
    size_t n_lost = 0;
    assert_int_equal(daily_file_write(&f->file, &f->folder, day, lines, &n_lost), expected);
    return n_lost;
}

static void assert_content(struct fixture *f, const char *path, const char *expected)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    buf_clear(&f->text);
    f->text.len = fread(buf_reserve(&f->text, 65536), 1, 65536, file);
    fclose(file);
    buf_append_char(&f->text, '\0');
    assert_string_equal(f->text.ptr, expected);
}

static void each_day_has_a_file(void **state)
{
    struct fixture *f = *state;
    write_lines(f, day_one, SLICE("a\n"), 0);
    write_lines(f, day_one, SLICE("b\n"), 0);
    write_lines(f, day_two, SLICE("c\n"), 0);
    write_lines(f, day_one, SLICE("d\n"), 0); // the clock was set back
    assert_content(f, "logs/droid2api_2026-01-02.log", "a\nb\nd\n");
    assert_content(f, "logs/droid2api_2026-01-03.log", "c\n");
}

static void a_file_that_is_taken_away_is_made_anew(void **state)
{
    struct fixture *f = *state;
    write_lines(f, day_one, SLICE("a\n"), 0);
    assert_int_equal(rename("logs/droid2api_2026-01-02.log", "logs/old"), 0);
    write_lines(f, day_one, SLICE("b\n"), 0);
    assert_content(f, "logs/old", "a\n");
    assert_content(f, "logs/droid2api_2026-01-02.log", "b\n");
    assert_int_equal(unlink("logs/droid2api_2026-01-02.log"), 0);
    assert_int_equal(unlink("logs/old"), 0);
    assert_int_equal(rmdir("logs"), 0);
    write_lines(f, day_one, SLICE("c\n"), 0);
    assert_content(f, "logs/droid2api_2026-01-02.log", "c\n");
}

static void another_folder_is_another_file(void **state)
{
    struct fixture *f = *state;
    write_lines(f, day_one, SLICE("a\n"), 0);
    snprintf(f->folder.path, sizeof(f->folder.path), "elsewhere");
    write_lines(f, day_one, SLICE("b\n"), 0);
    assert_content(f, "logs/droid2api_2026-01-02.log", "a\n");
    assert_content(f, "elsewhere/droid2api_2026-01-02.log", "b\n");
}

static void what_cannot_be_opened_is_lost_and_counted(void **state)
{
    struct fixture *f = *state;
    config_fixture_write("logs", "not a folder");
    assert_int_equal(write_lines(f, day_one, SLICE("a\nb\nc\n"), -ENOTDIR), 3);
    assert_int_equal(unlink("logs"), 0);
    assert_int_equal(write_lines(f, day_one, SLICE("d\n"), 0), 0);
    assert_content(f, "logs/droid2api_2026-01-02.log", "d\n");
}

static void a_device_that_is_full_loses_all(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(mkdir("logs", 0700), 0);
    assert_int_equal(symlink("/dev/full", "logs/droid2api_2026-01-02.log"), 0);
    assert_int_equal(write_lines(f, day_one, SLICE("a\nb\n"), -ENOSPC), 2);
}

// A limit stands for the disk: it cuts at any byte.
static void a_disk_that_fills_up_leaves_whole_lines(void **state)
{
    static const char text[] = "first\nsecond\n\nthe fourth\n";
    struct fixture *f = *state;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    for (size_t room = 0; room < sizeof(text) - 1; room++) {
        struct rlimit limit = {.rlim_cur = 4 + room, .rlim_max = before.rlim_max};
        size_t kept = 0;
        size_t n_kept = 0;
        char expected[64];
        for (size_t i = 0; i < room; i++) {
            kept = text[i] == '\n' ? i + 1 : kept;
            n_kept += text[i] == '\n';
        }
        snprintf(expected, sizeof(expected), "old\n%.*s", (int)kept, text);
        write_lines(f, day_one, SLICE("old\n"), 0);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        size_t n_lost = 0;
        int r = daily_file_write(&f->file, &f->folder, day_one, SLICE(text), &n_lost);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_int_equal(r, -EFBIG);
        assert_int_equal(n_lost, 4 - n_kept);
        assert_content(f, "logs/droid2api_2026-01-02.log", expected);
        write_lines(f, day_one, SLICE("new\n"), 0);
        snprintf(expected, sizeof(expected), "old\n%.*snew\n", (int)kept, text);
        assert_content(f, "logs/droid2api_2026-01-02.log", expected);
        assert_int_equal(unlink("logs/droid2api_2026-01-02.log"), 0);
    }
    signal(SIGXFSZ, handler);
}

static void days_are_local(void **state)
{
    (void)state;
    char day[DAILY_FILE_DAY_SIZE];
    static const struct {
        const char *zone;
        int64_t wall_ms;
        const char *day;
    } rows[] = {
        {"UTC", 1767311999999, "2026-01-01"},
        {"UTC", 1767312000000, "2026-01-02"},
        {"CST-8", 1767283199999, "2026-01-01"},
        {"CST-8", 1767283200000, "2026-01-02"},
        {"XYZ+5", 1767329999999, "2026-01-01"},
        {"XYZ+5", 1767330000000, "2026-01-02"},
        {"CET-1CEST,M3.5.0,M10.5.0/3", 1782856799999, "2026-06-30"},
        {"CET-1CEST,M3.5.0,M10.5.0/3", 1782856800000, "2026-07-01"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        setenv("TZ", rows[i].zone, 1);
        tzset();
        daily_file_day(day, rows[i].wall_ms);
        assert_string_equal(day, rows[i].day);
    }
    unsetenv("TZ");
    tzset();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_day_has_a_file),
        TEST(a_file_that_is_taken_away_is_made_anew),
        TEST(another_folder_is_another_file),
        TEST(what_cannot_be_opened_is_lost_and_counted),
        TEST(a_device_that_is_full_loses_all),
        TEST(a_disk_that_fills_up_leaves_whole_lines),
        cmocka_unit_test(days_are_local),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
