// SPDX-License-Identifier: MIT
// The sink as a process uses it: lines are logged, the loop runs, and then files and console are read. The console is
// standard output, which is a file meanwhile.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "admin/live_log.h"
#include "base/clock.h"
#include "config/config_fixture.h"
#include "process/daily_file.h"
#include "process/log_sink.h"
#include "json/json_reader.h"

enum { BACKLOG_BYTES = 4 * 1024 * 1024 }; // as log_sink.c has it

struct fixture {
    void *config; // owned: config fixture
    struct loop loop;
    struct log_sink *sink;
    int stdout_fd;   // what standard output was before
    struct buf text; // of the last file read, NUL-terminated
    uint64_t dropped_before;
    bool is_stopped;
};

static int setup(void **state)
{
    struct fixture *f = mem_zalloc(sizeof(*f));
    *state = f;
    fflush(stdout);
    f->stdout_fd = dup(STDOUT_FILENO);
    if (config_fixture_setup(&f->config) != 0) {
        return -1;
    }
    int fd = open("console", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    dup2(fd, STDOUT_FILENO);
    close(fd);
    f->dropped_before = log_sink_dropped();
    loop_init(&f->loop);
    return 0;
}

// As a process ends: what is left is written.
static void stop(struct fixture *f)
{
    if (!f->is_stopped) {
        f->is_stopped = true;
        if (f->sink) {
            log_sink_close(f->sink);
        }
        loop_deinit(&f->loop);
        if (f->sink) {
            log_sink_free(f->sink);
        }
    }
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    stop(f);
    log_set_level(LOG_INFO);
    dup2(f->stdout_fd, STDOUT_FILENO);
    close(f->stdout_fd);
    buf_deinit(&f->text);
    chmod("sealed", 0700);
    int r = config_fixture_teardown(&f->config);
    mem_free(f);
    return r;
}

static const struct config *load(struct fixture *f, const char *environment)
{
    const struct config *config = config_fixture_load(f->config, environment, false);
    assert_string_equal(config_fixture_errors(f->config), "");
    assert_non_null(config);
    return config;
}

static void start(struct fixture *f, const char *environment)
{
    f->sink = log_sink_new(&f->loop, load(f, environment), NULL);
}

// ---- reading --------------------------------------------------------------------------------------------------------

// NUL-terminated; NULL when there is no such file.
static const char *read_file(struct fixture *f, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        return NULL;
    }
    buf_clear(&f->text);
    for (size_t n = 1; n;) {
        n = fread(buf_reserve(&f->text, 65536), 1, 65536, file);
        f->text.len += n;
    }
    fclose(file);
    buf_reserve(&f->text, 1)[0] = '\0';
    return f->text.ptr;
}

// The name of today's file. Near midnight it may be that of yesterday already, so tests ask for either.
static const char *day_name(time_t at, char out[64])
{
    struct tm tm;
    strftime(out, 64, "droid2api_%Y-%m-%d.log", localtime_r(&at, &tm));
    return out;
}

static const char *read_day(struct fixture *f, const char *dir)
{
    char name[64];
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", dir, day_name(time(NULL), name));
    const char *text = read_file(f, path);
    if (text) {
        return text;
    }
    snprintf(path, sizeof(path), "%s/%s", dir, day_name(time(NULL) - 60, name));
    return read_file(f, path);
}

static size_t count_of(const char *text, const char *part)
{
    size_t n = 0;
    assert_non_null(text); // the file is there
    struct slice rest = slice_from_cstr(text);
    for (size_t at; (at = slice_find(rest, slice_from_cstr(part))) != SLICE_NOT_FOUND; n++) {
        rest = slice_after(rest, at + strlen(part));
    }
    return n;
}

// Does the line consist of a time as in `form` ('0' is any digit) and then `rest`?
static void assert_line(struct slice line, const char *form, const char *rest)
{
    bool fits = line.len == strlen(form) + strlen(rest);
    for (size_t i = 0; fits && form[i]; i++) {
        fits = form[i] == '0' ? line.ptr[i] >= '0' && line.ptr[i] <= '9' : line.ptr[i] == form[i];
    }
    if (!fits || !slice_ends_with(line, slice_from_cstr(rest))) {
        fail_msg("\"%.*s\" is not \"%s%s\"", SLICE_ARG(line), form, rest);
    }
}

static const char terse[] = "00:00:00";
static const char full[] = "0000-00-00T00:00:00.000Z";

// ---- where lines go -------------------------------------------------------------------------------------------------

static void log_three(void)
{
    log_debug("one", "not shown");
    log_warn("two", "a warning of %d", 2);
    log_emit(LOG_INFO, "access", SLICE("GET / 200 and the rest"), 9);
    log_error("three", "failed");
}

static void production_is_terse_on_the_console_and_full_in_the_file(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    char name[64];
    start(f, NULL);
    log_three();
    stop(f);
    struct slice console = slice_from_cstr(read_file(f, "console"));
    assert_line(slice_split(&console, '\n'), terse, " WARN  two a warning of 2");
    assert_line(slice_split(&console, '\n'), terse, " INFO  access GET / 200");
    assert_line(slice_split(&console, '\n'), terse, " ERROR three failed");
    assert_true(console.ptr && console.len == 0);
    struct slice file = slice_from_cstr(read_day(f, "logs"));
    assert_line(slice_split(&file, '\n'), full, " WARN  two a warning of 2");
    assert_line(slice_split(&file, '\n'), full, " INFO  access GET / 200 and the rest");
    assert_line(slice_split(&file, '\n'), full, " ERROR three failed");
    assert_true(file.ptr && file.len == 0);
    // For the owner's eyes only.
    assert_int_equal(stat("logs", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    char path[128];
    snprintf(path, sizeof(path), "logs/%s", day_name(time(NULL), name));
    if (stat(path, &st) == 0) {
        assert_int_equal(st.st_mode & 0777, 0600);
    }
}

static void development_is_full_on_the_console_and_has_no_file(void **state)
{
    struct fixture *f = *state;
    start(f, "NODE_ENV=development\nLOG_LEVEL=debug");
    log_three();
    stop(f);
    struct slice console = slice_from_cstr(read_file(f, "console"));
    assert_line(slice_split(&console, '\n'), full, " DEBUG one not shown");
    assert_line(slice_split(&console, '\n'), full, " WARN  two a warning of 2");
    assert_line(slice_split(&console, '\n'), full, " INFO  access GET / 200 and the rest");
    assert_line(slice_split(&console, '\n'), full, " ERROR three failed");
    assert_true(console.ptr && console.len == 0);
    assert_int_equal(access("logs", F_OK), -1);
}

static void assert_json_line(struct slice line, const char *level, const char *area, const char *message)
{
    struct arena arena;
    struct json_doc doc;
    arena_init(&arena, 1024);
    assert_int_equal(json_parse(&doc, &arena, line, NULL), 0);
    const struct json_node *root = json_root(&doc);
    assert_line(json_string(&doc, json_get(&doc, root, SLICE("time")), &arena), full, "");
    assert_true(json_string_is(&doc, json_get(&doc, root, SLICE("level")), slice_from_cstr(level)));
    assert_true(json_string_is(&doc, json_get(&doc, root, SLICE("area")), slice_from_cstr(area)));
    assert_true(json_string_is(&doc, json_get(&doc, root, SLICE("message")), slice_from_cstr(message)));
    arena_deinit(&arena);
}

static void json_lines_parse(void **state)
{
    struct fixture *f = *state;
    start(f, "LOG_FORMAT=json");
    log_error("one", "\"quoted\" \\ and\na line \x01 feed");
    log_emit(LOG_INFO, "access", SLICE("GET /\xff and the rest"), 5);
    stop(f);
    for (int is_file = 0; is_file < 2; is_file++) {
        struct slice text = slice_from_cstr(is_file ? read_day(f, "logs") : read_file(f, "console"));
        assert_json_line(slice_split(&text, '\n'), "error", "one", "\"quoted\" \\ and a line   feed");
        assert_json_line(slice_split(&text, '\n'), "info", "access", "GET /\xEF\xBF\xBD and the rest");
        assert_true(text.ptr && text.len == 0);
    }
}

// Without anybody asking: the sink's own timer writes, again and again.
static void lines_are_written_while_the_process_runs(void **state)
{
    struct fixture *f = *state;
    start(f, NULL);
    for (unsigned i = 1; i <= 3; i++) {
        log_info("test", "line");
        loop_run(&f->loop); // ends when the timer has fired and the lines are written
        assert_int_equal(count_of(read_file(f, "console"), " line\n"), i);
        assert_int_equal(count_of(read_day(f, "logs"), " line\n"), i);
    }
}

static void many_lines_arrive_in_order_and_once(void **state)
{
    enum { N = 20000 };
    struct fixture *f = *state;
    start(f, NULL);
    for (unsigned i = 0; i < N; i++) {
        log_info("test", "line %u", i);
        if (i % 1000 == 0) {
            uv_run(&f->loop.uv, UV_RUN_NOWAIT);
        }
    }
    stop(f);
    assert_int_equal(log_sink_dropped(), f->dropped_before);
    for (int is_file = 0; is_file < 2; is_file++) {
        struct slice text = slice_from_cstr(is_file ? read_day(f, "logs") : read_file(f, "console"));
        for (unsigned i = 0; i < N; i++) {
            char rest[48];
            snprintf(rest, sizeof(rest), " INFO  test line %u", i);
            assert_line(slice_split(&text, '\n'), is_file ? full : terse, rest);
        }
        assert_true(text.ptr && text.len == 0);
    }
}

static void an_existing_file_is_continued(void **state)
{
    struct fixture *f = *state;
    char name[64];
    char path[128];
    snprintf(path, sizeof(path), "logs/%s", day_name(time(NULL), name));
    config_fixture_write(path, "from before\n");
    start(f, NULL);
    log_info("test", "line");
    stop(f);
    const char *text = read_file(f, path);
    assert_true(strncmp(text, "from before\n", 12) == 0);
}

// ---- midnight -------------------------------------------------------------------------------------------------------

static void add_at(struct fixture *f, int64_t wall_ms, const char *what, unsigned number)
{
    char text[64];
    snprintf(text, sizeof(text), "%s %u", what, number);
    struct slice s = slice_from_cstr(text);
    struct log_message message = {LOG_INFO, "test", wall_ms, s, s.len};
    log_sink_add(f->sink, &message);
}

static void assert_numbers(struct fixture *f, const char *path, unsigned from, unsigned to)
{
    struct slice text = slice_from_cstr(read_file(f, path));
    for (unsigned i = from; i < to; i++) {
        char rest[48];
        snprintf(rest, sizeof(rest), " INFO  test line %u", i);
        assert_line(slice_split(&text, '\n'), full, rest);
    }
    assert_true(text.ptr && text.len == 0);
}

// Lines across two midnights, with the thread busy at any of them: each is in the file of its own day.
static void every_line_is_in_the_file_of_its_day(void **state)
{
    enum { N = 3000, STEP_MS = 60 * 1000 }; // a little more than two days
    const int64_t start_ms = 1767312000000; // 2026-01-02T00:00:00Z
    struct fixture *f = *state;
    setenv("TZ", "XYZ-2:30", 1);
    tzset();
    for (unsigned run_every = 1; run_every <= 4096; run_every *= 8) {
        start(f, "LOG_RETENTION_DAYS=0");
        for (unsigned i = 0; i < N; i++) {
            add_at(f, start_ms + (int64_t)i * STEP_MS, "line", i);
            if (i % run_every == 0) {
                uv_run(&f->loop.uv, UV_RUN_NOWAIT);
            }
        }
        stop(f);
        assert_numbers(f, "logs/droid2api_2026-01-02.log", 0, 1440 - 150);
        assert_numbers(f, "logs/droid2api_2026-01-03.log", 1440 - 150, 2880 - 150);
        assert_numbers(f, "logs/droid2api_2026-01-04.log", 2880 - 150, N);
        for (int day = 2; day <= 4; day++) {
            char path[64];
            snprintf(path, sizeof(path), "logs/droid2api_2026-01-0%d.log", day);
            assert_int_equal(unlink(path), 0);
        }
        f->is_stopped = false;
        f->sink = NULL;
        loop_init(&f->loop);
    }
    unsetenv("TZ");
    tzset();
}

// ---- reloading ------------------------------------------------------------------------------------------------------

static void a_new_configuration_takes_effect(void **state)
{
    struct fixture *f = *state;
    start(f, NULL);
    log_info("test", "first");
    loop_run(&f->loop);
    log_sink_set_config(f->sink, load(f, "LOG_DIR=elsewhere\nLOG_LEVEL=warn"));
    log_info("test", "off");
    log_warn("test", "second");
    loop_run(&f->loop);
    assert_int_equal(count_of(read_day(f, "logs"), "\n"), 1);
    assert_int_equal(count_of(read_day(f, "elsewhere"), " second\n"), 1);
    log_sink_set_config(f->sink, load(f, "NODE_ENV=development"));
    log_info("test", "third");
    stop(f);
    assert_int_equal(count_of(read_day(f, "logs"), "\n"), 1);
    assert_int_equal(count_of(read_day(f, "elsewhere"), "\n"), 1);
    assert_int_equal(count_of(read_file(f, "console"), "\n"), 3);
}

// Also when the thread is writing at that moment: what comes afterwards goes to the new folder.
static void a_new_folder_is_taken_while_lines_are_written(void **state)
{
    struct fixture *f = *state;
    start(f, NULL);
    for (unsigned i = 0; i < 2000; i++) {
        log_info("test", "first, and long enough for a batch to be under way");
    }
    log_sink_set_config(f->sink, load(f, "LOG_DIR=elsewhere"));
    loop_run(&f->loop);
    log_info("test", "second");
    stop(f);
    assert_int_equal(count_of(read_day(f, "elsewhere"), " second\n"), 1);
    assert_int_equal(count_of(read_day(f, "logs"), " second\n"), 0);
}

// ---- what goes wrong ------------------------------------------------------------------------------------------------

static void assert_told_once(struct fixture *f, const char *why)
{
    for (unsigned i = 0; i < 3; i++) {
        log_info("test", "line");
        loop_run(&f->loop);
    }
    stop(f);
    const char *console = read_file(f, "console");
    assert_int_equal(count_of(console, " line\n"), 3);
    assert_int_equal(count_of(console, " WARN  log cannot write log files in "), 1);
    assert_int_equal(count_of(console, why), 1);
    assert_int_equal(count_of(console, "\n"), 4);
}

static void a_folder_that_cannot_be_made_is_told_once(void **state)
{
    config_fixture_write("file", "not a folder");
    start(*state, "LOG_DIR=file/logs");
    assert_told_once(*state, "Not a directory");
}

static void a_folder_that_is_a_file_is_told_once(void **state)
{
    config_fixture_write("file", "not a folder");
    start(*state, "LOG_DIR=file");
    assert_told_once(*state, "Not a directory");
}

static void a_folder_that_is_not_ours_is_told_once(void **state)
{
    if (geteuid() == 0) {
        skip(); // may write everywhere
    }
    assert_int_equal(mkdir("sealed", 0500), 0);
    start(*state, "LOG_DIR=sealed");
    assert_told_once(*state, "Permission denied");
}

static void a_full_disk_is_told_once(void **state)
{
    char name[64];
    char path[128];
    assert_int_equal(mkdir("logs", 0700), 0);
    for (int day = 0; day < 2; day++) { // tomorrow's too, should it be midnight
        snprintf(path, sizeof(path), "logs/%s", day_name(time(NULL) + day * 86400, name));
        assert_int_equal(symlink("/dev/full", path), 0);
    }
    start(*state, NULL);
    assert_told_once(*state, "No space left on device");
}

// Once it can be written again: at the first line after a while, and what is missing is told.
static void a_folder_is_taken_when_it_can_be_written(void **state)
{
    struct fixture *f = *state;
    config_fixture_write("logs", "not a folder");
    start(f, NULL);
    int64_t now_ms = clock_wall_ms();
    add_at(f, now_ms, "lost", 1);
    loop_run(&f->loop);
    assert_int_equal(unlink("logs"), 0);
    add_at(f, clock_wall_ms(), "too early", 2);
    loop_run(&f->loop);
    assert_null(read_day(f, "logs"));
    now_ms = clock_wall_ms() + LOG_SINK_RETRY_MS + 60000;
    add_at(f, now_ms, "line", 3);
    loop_run(&f->loop);
    add_at(f, now_ms, "line", 4);
    stop(f);
    // The first line, the warning and the early one.
    assert_int_equal(log_sink_dropped() - f->dropped_before, 3);
    assert_int_equal(count_of(read_file(f, "console"), "written again; 3 lines are missing in them\n"), 1);
    assert_int_equal(count_of(read_file(f, "console"), "cannot write log files"), 1);
    // Without a file the console has it all.
    assert_int_equal(count_of(read_file(f, "console"), "Z INFO  test too early 2\n"), 1);
    assert_int_equal(count_of(read_file(f, "console"), "Z INFO  test line 4\n"), 0);
    char day[DAILY_FILE_DAY_SIZE];
    char path[DAILY_FILE_PATH_SIZE];
    daily_file_day(day, now_ms);
    daily_file_path(path, "logs", day);
    assert_int_equal(count_of(read_file(f, path), " test line "), 2);
}

static void a_clock_that_was_set_back_does_not_keep_it_from_trying(void **state)
{
    struct fixture *f = *state;
    config_fixture_write("logs", "not a folder");
    start(f, "LOG_RETENTION_DAYS=0");
    add_at(f, clock_wall_ms(), "lost", 1);
    loop_run(&f->loop);
    assert_int_equal(unlink("logs"), 0);
    add_at(f, 1767312000000, "line", 2);
    stop(f);
    char day[DAILY_FILE_DAY_SIZE];
    char path[DAILY_FILE_PATH_SIZE];
    daily_file_day(day, 1767312000000);
    daily_file_path(path, "logs", day);
    assert_int_equal(count_of(read_file(f, path), " test line 2\n"), 1);
}

// ---- the live log ---------------------------------------------------------------------------------------------------

static void the_live_log_gets_every_message_whole(void **state)
{
    struct fixture *f = *state;
    struct live_log *live = live_log_new();
    f->sink = log_sink_new(&f->loop, load(f, NULL), live);
    log_three();
    assert_int_equal(live_log_newest(live), 3);
    const struct live_log_entry *entry = live_log_entry(live, 2);
    assert_true(slice_eq(entry->text, SLICE("GET / 200 and the rest")));
    assert_true(slice_eq(entry->area, SLICE("access")));
    assert_int_equal(entry->level, LOG_INFO);
    struct live_log_file file = live_log_file(live);
    assert_true(file.is_wanted && file.is_written);
    assert_string_equal(file.folder, "logs");
    assert_null(file.problem);
    stop(f);
    assert_false(live_log_file(live).is_wanted);
    live_log_free(live);
}

static void the_live_log_tells_what_is_wrong_with_files(void **state)
{
    struct fixture *f = *state;
    struct live_log *live = live_log_new();
    config_fixture_write("logs", "not a folder");
    f->sink = log_sink_new(&f->loop, load(f, NULL), live);
    log_info("test", "line");
    loop_run(&f->loop);
    struct live_log_file file = live_log_file(live);
    assert_true(file.is_wanted && !file.is_written);
    assert_string_equal(file.problem, "Not a directory");
    assert_int_equal(file.n_dropped, log_sink_dropped());
    log_sink_set_config(f->sink, load(f, "NODE_ENV=development"));
    assert_false(live_log_file(live).is_wanted);
    stop(f);
    live_log_free(live);
}

// Lines that come when the loop is gone, or while it ends, are written at the end.
static void late_lines_are_not_lost(void **state)
{
    struct fixture *f = *state;
    start(f, NULL);
    for (unsigned i = 0; i < 2000; i++) {
        log_info("test", "long enough for a batch to be under way");
    }
    log_sink_close(f->sink);
    log_info("test", "after close");
    loop_deinit(&f->loop);
    log_info("test", "after the loop");
    log_sink_free(f->sink);
    f->is_stopped = true;
    const char *console = read_file(f, "console");
    assert_int_equal(count_of(console, "\n"), 2002);
    assert_int_equal(count_of(console, " after close\n"), 1);
    assert_int_equal(count_of(console, " after the loop\n"), 1);
    assert_int_equal(count_of(read_day(f, "logs"), "\n"), 2002);
}

// While the thread is busy (its end is not seen, as the loop does not run) lines gather, up to a limit.
static void what_is_over_the_backlog_is_counted(void **state)
{
    enum { LINE = 1000 };
    struct fixture *f = *state;
    char text[LINE + 1];
    memset(text, 'x', LINE);
    text[LINE] = '\0';
    size_t n_logged = 0;
    start(f, "NODE_ENV=development");
    while (log_sink_dropped() == f->dropped_before) {
        log_info("test", "%s", text);
        n_logged++;
        assert_true(n_logged < 10000);
    }
    assert_true(n_logged > BACKLOG_BYTES / (LINE + 64));
    for (unsigned i = 0; i < 9; i++) {
        log_info("test", "%s", text);
    }
    assert_int_equal(log_sink_dropped() - f->dropped_before, 10);
    // Once it is written there is room again.
    loop_run(&f->loop);
    log_info("test", "room");
    assert_int_equal(log_sink_dropped() - f->dropped_before, 10);
    stop(f);
    const char *console = read_file(f, "console");
    assert_int_equal(count_of(console, "\n"), n_logged - 1 + 1);
    assert_int_equal(count_of(console, " room\n"), 1);
}

struct reader {
    int fd;
    size_t n_lines;
};

static void read_pipe(void *arg)
{
    struct reader *reader = arg;
    char bytes[4096];
    for (ssize_t n; (n = read(reader->fd, bytes, sizeof(bytes))) > 0;) {
        for (ssize_t i = 0; i < n; i++) {
            reader->n_lines += bytes[i] == '\n';
        }
    }
}

// A pipe that somebody has made non-blocking and that is full most of the time.
static void a_console_that_does_not_block_gets_every_line(void **state)
{
    enum { N = 20000 };
    struct fixture *f = *state;
    int fds[2];
    uv_thread_t thread;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
    dup2(fds[1], STDOUT_FILENO);
    close(fds[1]);
    start(f, "NODE_ENV=development");
    for (unsigned i = 0; i < N; i++) {
        log_info("test", "line %u", i);
    }
    struct reader reader = {.fd = fds[0]};
    assert_int_equal(uv_thread_create(&thread, read_pipe, &reader), 0);
    stop(f);
    dup2(f->stdout_fd, STDOUT_FILENO); // the last end for writing is closed
    uv_thread_join(&thread);
    close(fds[0]);
    assert_int_equal(reader.n_lines, N);
}

// ---- retention ------------------------------------------------------------------------------------------------------

static void daily_file(time_t at)
{
    char name[64];
    char path[128];
    snprintf(path, sizeof(path), "logs/%s", day_name(at, name));
    config_fixture_write(path, "x\n");
}

static bool has_daily_file(time_t at)
{
    char name[64];
    char path[128];
    snprintf(path, sizeof(path), "logs/%s", day_name(at, name));
    return access(path, F_OK) == 0;
}

static const char *const foreign[] = {
    "logs/droid2api_2001-01-01.log.gz", "logs/droid2api_2001-01-01.txt", "logs/xdroid2api_2001-01-01.log",
    "logs/droid2api_2001-1-1.log",      "logs/droid2api_200-01-01.log",  "logs/droid2api_+001-01-01.log",
    "logs/droid2api_2001-01-01log",     "logs/droid2api_.log",           "logs/droid2api.log",
    "logs/droid2api_2001_01_01.log",    "logs/a-2001-01-01.log",         "logs/.droid2api_2001-01-01.log",
};

static void old_daily_files_are_removed_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    time_t noon = time(NULL) / 86400 * 86400 + 43200;
    for (size_t i = 0; i < sizeof(foreign) / sizeof(*foreign); i++) {
        config_fixture_write(foreign[i], "x\n");
    }
    assert_int_equal(mkdir("logs/droid2api_2002-02-02.log", 0700), 0);
    config_fixture_write("logs/droid2api_2001-01-01.log", "x\n");
    config_fixture_write("logs/droid2api_9999-12-31.log", "x\n");
    for (int day = 1; day <= 9; day++) {
        daily_file(noon - day * 86400);
    }
    start(f, "LOG_RETENTION_DAYS=5");
    log_info("test", "line");
    stop(f);
    for (int day = 1; day <= 9; day++) {
        // The limit is a time of day on the fifth day; which calendar day that is depends on the zone.
        if (day < 4 || day > 6) {
            assert_int_equal(has_daily_file(noon - day * 86400), day < 5);
        }
    }
    for (size_t i = 0; i < sizeof(foreign) / sizeof(*foreign); i++) {
        if (access(foreign[i], F_OK) != 0) {
            fail_msg("%s is gone", foreign[i]);
        }
    }
    assert_int_equal(access("logs/droid2api_2001-01-01.log", F_OK), -1);
    assert_int_equal(access("logs/droid2api_9999-12-31.log", F_OK), 0);
    assert_int_equal(access("logs/droid2api_2002-02-02.log", F_OK), 0);
    assert_non_null(read_day(f, "logs"));
}

static void without_retention_everything_stays(void **state)
{
    struct fixture *f = *state;
    config_fixture_write("logs/droid2api_2001-01-01.log", "x\n");
    start(f, "LOG_RETENTION_DAYS=0");
    log_info("test", "line");
    stop(f);
    assert_int_equal(access("logs/droid2api_2001-01-01.log", F_OK), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(production_is_terse_on_the_console_and_full_in_the_file),
        TEST(development_is_full_on_the_console_and_has_no_file),
        TEST(json_lines_parse),
        TEST(lines_are_written_while_the_process_runs),
        TEST(many_lines_arrive_in_order_and_once),
        TEST(an_existing_file_is_continued),
        TEST(every_line_is_in_the_file_of_its_day),
        TEST(a_new_configuration_takes_effect),
        TEST(a_new_folder_is_taken_while_lines_are_written),
        TEST(a_folder_that_cannot_be_made_is_told_once),
        TEST(a_folder_that_is_a_file_is_told_once),
        TEST(a_folder_that_is_not_ours_is_told_once),
        TEST(a_full_disk_is_told_once),
        TEST(a_folder_is_taken_when_it_can_be_written),
        TEST(a_clock_that_was_set_back_does_not_keep_it_from_trying),
        TEST(the_live_log_gets_every_message_whole),
        TEST(the_live_log_tells_what_is_wrong_with_files),
        TEST(late_lines_are_not_lost),
        TEST(what_is_over_the_backlog_is_counted),
        TEST(a_console_that_does_not_block_gets_every_line),
        TEST(old_daily_files_are_removed_and_nothing_else),
        TEST(without_retention_everything_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
