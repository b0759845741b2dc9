// SPDX-License-Identifier: MIT
// The ring against a plain list of everything that was ever added.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "admin/live_log.h"

static void add(struct live_log *log, enum log_level level, const char *area, struct slice text, int64_t wall_ms)
{
    struct log_message message = {level, area, wall_ms, text, text.len};
    live_log_add(log, &message);
}

static void an_empty_log_has_nothing(void **state)
{
    (void)state;
    struct live_log *log = live_log_new();
    assert_int_equal(live_log_newest(log), 0);
    assert_int_equal(live_log_oldest(log), 1);
    for (uint64_t number = 0; number < 3; number++) {
        assert_null(live_log_entry(log, number));
    }
    assert_null(live_log_entry(log, UINT64_MAX));
    assert_int_equal(live_log_stats(log).n_kept, 0);
    assert_false(live_log_file(log).is_wanted);
    live_log_clear(log);
    assert_int_equal(live_log_stats(log).n_kept, 0);
    live_log_free(log);
    live_log_free(NULL);
}

// The text of the entry with this number: of all lengths, in no order.
static struct slice text_of(uint64_t number, char out[LIVE_LOG_TEXT_MAX])
{
    size_t len = (size_t)(number * 7919 % 700);
    for (size_t i = 0; i < len; i++) {
        out[i] = (char)('a' + (number + i) % 26);
    }
    return slice_of(out, len);
}

static void the_last_entries_are_there(void **state)
{
    (void)state;
    static const char *const areas[] = {"access", "key", "a longer name of an area", ""};
    struct live_log *log = live_log_new();
    uint64_t cleared = 0;
    char text[LIVE_LOG_TEXT_MAX];
    for (uint64_t n = 1; n <= 3 * LIVE_LOG_ENTRIES + 7; n++) {
        add(log, (enum log_level)(n % LOG_OFF), areas[n % 4], text_of(n, text), (int64_t)n * 10);
        if (n == 20 || n == LIVE_LOG_ENTRIES + 3) {
            live_log_clear(log);
            cleared = n;
            assert_int_equal(live_log_stats(log).n_kept, 0);
        }
        uint64_t n_kept = n - cleared < LIVE_LOG_ENTRIES ? n - cleared : LIVE_LOG_ENTRIES;
        assert_int_equal(live_log_newest(log), n);
        assert_int_equal(live_log_oldest(log), n - n_kept + 1);
        assert_int_equal(live_log_stats(log).n_kept, n_kept);
        assert_int_equal(live_log_stats(log).n_all, n);
        assert_null(live_log_entry(log, n - n_kept));
        assert_null(live_log_entry(log, n + 1));
        if (n % 50 != 0) {
            continue;
        }
        for (uint64_t number = n - n_kept + 1; number <= n; number++) {
            const struct live_log_entry *entry = live_log_entry(log, number);
            assert_non_null(entry);
            assert_int_equal(entry->number, number);
            assert_int_equal(entry->wall_ms, number * 10);
            assert_int_equal(entry->level, number % LOG_OFF);
            assert_true(slice_eq(entry->area, slice_from_cstr(areas[number % 4])));
            assert_true(slice_eq(entry->text, text_of(number, text)));
        }
    }
    struct live_log_stats stats = live_log_stats(log);
    uint64_t sum = 0;
    for (int level = 0; level < LOG_OFF; level++) {
        sum += stats.n_by_level[level];
    }
    assert_int_equal(sum, stats.n_all);
    live_log_free(log);
}

static void a_long_text_is_cut_between_characters(void **state)
{
    (void)state;
    static const struct {
        size_t n_before; // bytes before the first of many "€", which have three bytes
        size_t kept;
    } rows[] = {{0, 2046}, {1, 2047}, {2, 2048}, {3, 2046}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct live_log *log = live_log_new();
        struct buf text = BUF_EMPTY;
        for (size_t n = 0; n < rows[i].n_before; n++) {
            buf_append_char(&text, 'x');
        }
        while (text.len < 8000) {
            buf_append(&text, SLICE("€"));
        }
        add(log, LOG_INFO, "test", buf_slice(&text), 1);
        const struct live_log_entry *entry = live_log_entry(log, 1);
        assert_int_equal(entry->text.len, rows[i].kept);
        assert_memory_equal(entry->text.ptr, text.ptr, rows[i].kept);
        buf_deinit(&text);
        live_log_free(log);
    }
}

// What is no text at all is cut, too.
static void bytes_without_characters_are_cut(void **state)
{
    (void)state;
    struct live_log *log = live_log_new();
    char bytes[LIVE_LOG_TEXT_MAX + 10];
    memset(bytes, 0x80, sizeof(bytes));
    add(log, LOG_INFO, "test", slice_of(bytes, sizeof(bytes)), 1);
    size_t len = live_log_entry(log, 1)->text.len;
    assert_true(len <= LIVE_LOG_TEXT_MAX && len >= LIVE_LOG_TEXT_MAX - 4);
    live_log_free(log);
}

struct counter {
    struct live_log_watcher watcher;
    unsigned n;
};

static void count(struct live_log_watcher *watcher)
{
    CONTAINER_OF(watcher, struct counter, watcher)->n++;
}

static void watchers_are_told_of_each(void **state)
{
    (void)state;
    struct live_log *log = live_log_new();
    struct counter one = {.watcher.fn = count};
    struct counter two = {.watcher.fn = count};
    live_log_watch(log, &one.watcher);
    add(log, LOG_INFO, "test", SLICE("a"), 1);
    live_log_watch(log, &two.watcher);
    add(log, LOG_INFO, "test", SLICE("b"), 1);
    live_log_unwatch(&one.watcher);
    add(log, LOG_INFO, "test", SLICE("c"), 1);
    live_log_clear(log);
    live_log_unwatch(&two.watcher);
    add(log, LOG_INFO, "test", SLICE("d"), 1);
    assert_int_equal(one.n, 2);
    assert_int_equal(two.n, 2);
    live_log_free(log);
}

static struct live_log_file tell_file(void *arg)
{
    return (struct live_log_file){.is_wanted = true, .folder = arg, .n_dropped = 3};
}

static void files_are_told_of_by_who_writes_them(void **state)
{
    (void)state;
    struct live_log *log = live_log_new();
    char folder[] = "logs";
    live_log_set_file(log, tell_file, folder);
    assert_true(live_log_file(log).is_wanted);
    assert_string_equal(live_log_file(log).folder, "logs");
    live_log_set_file(log, NULL, NULL);
    assert_false(live_log_file(log).is_wanted);
    live_log_free(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_log_has_nothing),
        cmocka_unit_test(the_last_entries_are_there),
        cmocka_unit_test(a_long_text_is_cut_between_characters),
        cmocka_unit_test(bytes_without_characters_are_cut),
        cmocka_unit_test(watchers_are_told_of_each),
        cmocka_unit_test(files_are_told_of_by_who_writes_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
