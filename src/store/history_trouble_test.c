// SPDX-License-Identifier: MIT
// The database is locked, deleted, replaced, damaged, newer, a folder, on a full disk or a read-only one: what is told
// meanwhile is in every answer, and in the file when it can be written again.
//
// Started with "hold PATH SQL", this program is another one that has the database open: it runs SQL, says a letter, and
// lives until its standard input ends.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/history_fixture.h"
#include "store/history_internal.h"

enum { NO_MOUNTS = 99 };

// In the child of a test with mounts there is no cmocka to tell of a failure.
#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: not %s\n", __FILE__, __LINE__, #condition);                                        \
            return __LINE__ % 90 + 1;                                                                                  \
        }                                                                                                              \
    } while (0)

static size_t count_in_log(struct history_fixture *f, const char *text)
{
    size_t n = 0;
    struct slice rest = buf_slice(&f->store.log);
    for (size_t at; (at = slice_find(rest, slice_from_cstr(text))) != SLICE_NOT_FOUND; n++) {
        rest = slice_after(rest, at + 1);
    }
    return n;
}

static const char *path_of(struct history_fixture *f, const char *name)
{
    return arena_printf(&f->store.arena, "%s/%s", f->store.folder, name).ptr;
}

// ---- another program

struct holder {
    pid_t pid;
    int input;
};

static struct holder hold(struct history_fixture *f, const char *sql)
{
    int input[2];
    int output[2];
    char letter;
    const char *path = path_of(f, "usage.db");
    assert_int_equal(pipe2(input, O_CLOEXEC), 0);
    assert_int_equal(pipe2(output, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(input[0], STDIN_FILENO);
        dup2(output[1], STDOUT_FILENO);
        execl("/proc/self/exe", "history_trouble_test", "hold", path, sql, (char *)NULL);
        _exit(7);
    }
    close(input[0]);
    close(output[1]);
    assert_int_equal(read(output[0], &letter, 1), 1);
    close(output[0]);
    return (struct holder){pid, input[1]};
}

static void let_go(struct holder holder)
{
    int status;
    close(holder.input);
    assert_int_equal(waitpid(holder.pid, &status, 0), holder.pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static int run_holder(const char *path, const char *sql)
{
    sqlite3 *sqlite;
    char c;
    if (sqlite3_open(path, &sqlite) != SQLITE_OK || sqlite3_exec(sqlite, sql, NULL, NULL, NULL) != SQLITE_OK) {
        return 1;
    }
    if (write(STDOUT_FILENO, "!", 1) != 1 || read(STDIN_FILENO, &c, 1) != 0) {
        return 2;
    }
    return sqlite3_close(sqlite);
}

// ---- waiting

static bool has_problem(struct history_fixture *f)
{
    return history_problem(f->history).len > 0;
}

static bool has_failed_twice(struct history_fixture *f)
{
    return history_numbers(f->history).n_writes_failed >= 2;
}

// ---- tests

static void locked_by_a_writer(void **state)
{
    struct history_fixture *f = *state;
    history_fixture_tell_some(f, 100);
    history_fixture_write(f);
    struct holder holder = hold(f, "BEGIN EXCLUSIVE");
    history_fixture_tell_some(f, 100);
    history_fixture_run_until(f, has_failed_twice);
    history_fixture_assert_problem(f, "locked by another process");
    history_fixture_assert_exact(f); // it can be read
    assert_int_equal(f->problem.len, 0);
    history_fixture_tell_some(f, 50);
    history_fixture_assert_exact(f);
    history_fixture_reset(f);
    assert_true(f->r < 0);
    history_fixture_assert_exact(f);
    let_go(holder);
    history_fixture_write(f);
    history_fixture_assert_exact(f);
    assert_int_equal(history_fixture_number(f, "SELECT count(*) FROM request"), 250);
    assert_int_equal(count_in_log(f, "is locked by another process"), 1);
    assert_int_equal(count_in_log(f, "is written again"), 1);
}

static void locked_from_the_beginning_and_for_all(void **state)
{
    struct history_fixture *f = *state;
    const struct request_filter filter = {.limit = 1000};
    history_fixture_tell_some(f, 10);
    history_fixture_write(f);
    history_fixture_close(f);
    struct holder holder = hold(f, "PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; SELECT count(*) FROM usage;");
    usage_cells_clear(f->expected);
    history_fixture_open(f);
    history_fixture_tell_some(f, 20);
    history_fixture_run_until(f, has_failed_twice);
    history_fixture_assert_exact(f); // what waits is all there is
    assert_true(f->problem.len > 0);
    history_fixture_ask_requests(f, &filter);
    assert_true(f->problem.len > 0);
    assert_true(f->json.len > 20);
    history_fixture_ask_request(f, "request-25");
    assert_true(f->json.len > 20 && f->problem.len == 0); // it is a recent one
    history_fixture_ask_request(f, "request-5");
    assert_true(f->json.len == 0 && f->problem.len > 0);
    let_go(holder);
    history_fixture_write(f);
    assert_int_equal(history_fixture_number(f, "SELECT sum(requests) FROM usage"), 30);
}

static void deleted_while_it_runs(void **state)
{
    static const char *const names[] = {"usage.db", "usage.db-wal", "usage.db-shm"};
    struct history_fixture *f = *state;
    for (size_t n = 1; n <= 3; n++) { // the file alone, and with those beside it
        history_fixture_tell_some(f, 10);
        history_fixture_write(f);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(unlink(path_of(f, names[i])), 0);
        }
        usage_cells_clear(f->expected);
        history_fixture_tell_some(f, 20);
        history_fixture_assert_exact(f);
        history_fixture_write(f);
        history_fixture_assert_exact(f);
        assert_int_equal(history_fixture_number(f, "SELECT sum(requests) FROM usage"), 20);
        assert_int_equal(count_in_log(f, "is gone; a new one is begun"), n);
    }
    assert_null(store_fixture_find(&f->store, "usage.db.corrupt-"));
}

// As when a copy is put back: the log beside it is not its own.
static void replaced_while_it_runs(void **state)
{
    struct history_fixture *f = *state;
    history_fixture_tell_some(f, 10);
    history_fixture_write(f);
    history_fixture_close(f);
    struct slice copy = store_fixture_read(&f->store, "usage.db");
    history_fixture_open(f);
    for (int i = 0; i < 20; i++) {
        history_fixture_tell_some(f, 100);
        history_fixture_write(f);
    }
    store_fixture_write(&f->store, "copy", copy);
    assert_int_equal(rename(path_of(f, "copy"), path_of(f, "usage.db")), 0);
    usage_cells_clear(f->expected);
    history_fixture_tell_some(f, 5);
    history_fixture_write(f);
    assert_int_equal(history_fixture_number(f, "SELECT sum(requests) FROM usage"), 15);
    assert_int_equal(
        history_fixture_number(f, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check='ok'"), 1);
    assert_int_equal(count_in_log(f, "was replaced"), 1);
}

static void its_log_is_deleted(void **state)
{
    struct history_fixture *f = *state;
    history_fixture_tell_some(f, 10);
    history_fixture_write(f);
    assert_int_equal(unlink(path_of(f, "usage.db-wal")), 0);
    history_fixture_tell_some(f, 10);
    history_fixture_write(f);
    history_fixture_assert_exact(f);
    assert_int_equal(history_fixture_number(f, "SELECT sum(requests) FROM usage"), 20);
}

static void write_garbage(struct history_fixture *f, const char *name, size_t from)
{
    char garbage[4096];
    memset(garbage, 'x', sizeof(garbage));
    int fd = open(path_of(f, name), O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    for (size_t at = from; at < 10 * sizeof(garbage); at += sizeof(garbage)) {
        assert_int_equal(pwrite(fd, garbage, sizeof(garbage), (off_t)at), sizeof(garbage));
    }
    close(fd);
}

static void garbage_at_the_start(void **state)
{
    struct history_fixture *f = *state;
    write_garbage(f, "usage.db", 0);
    write_garbage(f, "usage.db-wal", 0);
    history_fixture_tell_some(f, 10);
    history_fixture_write(f);
    history_fixture_assert_exact(f);
    assert_int_equal(history_fixture_number(f, "SELECT sum(requests) FROM usage"), 10);
    assert_int_equal(count_in_log(f, "was damaged; it was kept as usage.db.corrupt-"), 1);
    assert_non_null(store_fixture_find(&f->store, "usage.db.corrupt-"));
}

// Its head is good, what follows is not: found by whoever comes there first.
static void damaged_in_the_middle(void **state)
{
    struct history_fixture *f = *state;
    history_fixture_tell_some(f, 500);
    history_fixture_write(f);
    history_fixture_close(f);
    write_garbage(f, "usage.db", 4096);
    usage_cells_clear(f->expected);
    history_fixture_open(f);
    history_fixture_assert_exact(f);
    history_fixture_tell_some(f, 10);
    history_fixture_write(f);
    history_fixture_assert_exact(f);
    assert_int_equal(history_fixture_number(f, "SELECT sum(requests) FROM usage"), 10);
    assert_int_equal(count_in_log(f, "was damaged"), 1);
}

static void tables_of_another_shape(void **state)
{
    struct history_fixture *f = *state;
    history_fixture_tell_some(f, 1);
    history_fixture_write(f);
    history_fixture_close(f);
    let_go(hold(f, "DROP TABLE audit"));
    usage_cells_clear(f->expected);
    history_fixture_open(f);
    history_fixture_tell_some(f, 10);
    history_fixture_write(f);
    history_fixture_assert_exact(f);
    assert_non_null(store_fixture_find(&f->store, "usage.db.corrupt-"));
}

// It is left alone, byte for byte.
static void leave_alone(struct history_fixture *f, const char *sql, const char *problem)
{
    let_go(hold(f, sql));
    struct slice before = store_fixture_read(&f->store, "usage.db");
    assert_true(before.len > 0);
    history_fixture_tell_some(f, 10);
    history_take(f->history);
    history_fixture_run_until(f, has_failed_twice);
    history_fixture_assert_problem(f, problem);
    history_fixture_assert_exact(f);
    assert_true(f->problem.len > 0);
    assert_int_equal(count_in_log(f, problem), 1);
    history_fixture_close(f);
    assert_int_equal(count_in_log(f, "what waited is lost"), 1);
    assert_true(slice_eq(store_fixture_read(&f->store, "usage.db"), before));
    assert_null(store_fixture_find(&f->store, "usage.db.corrupt-"));
}

static void of_another_program(void **state)
{
    leave_alone(*state, "CREATE TABLE t(a)", "database of another program");
}

static void of_a_newer_version(void **state)
{
    struct history_fixture *f = *state;
    history_fixture_tell_some(f, 1);
    history_fixture_write(f);
    history_fixture_close(f);
    usage_cells_clear(f->expected);
    history_fixture_open(f);
    leave_alone(f, "PRAGMA user_version=2", "newer version");
}

static bool is_locked_no_more(struct history_fixture *f)
{
    return slice_find(history_problem(f->history), SLICE("is locked")) == SLICE_NOT_FOUND;
}

// That it could not be looked at when it was opened does not mean that it is ours.
static void of_a_newer_version_and_locked_at_first(void **state)
{
    struct history_fixture *f = *state;
    history_fixture_tell_some(f, 1);
    history_fixture_write(f);
    history_fixture_close(f);
    struct holder holder = hold(f, "PRAGMA journal_mode=DELETE; PRAGMA user_version=2; BEGIN EXCLUSIVE");
    history_fixture_open(f);
    history_fixture_tell_some(f, 10);
    history_fixture_run_until(f, has_failed_twice);
    history_fixture_assert_problem(f, "is locked");
    let_go(holder);
    history_fixture_run_until(f, is_locked_no_more);
    history_fixture_assert_problem(f, "newer version");
    assert_int_equal(history_fixture_number(f, "SELECT sum(requests) FROM usage"), 1);
}

static void a_folder_in_its_place(void **state)
{
    struct history_fixture *f = *state;
    assert_int_equal(mkdir(path_of(f, "usage.db"), 0700), 0);
    history_fixture_tell_some(f, 10);
    history_take(f->history);
    history_fixture_run_until(f, has_failed_twice);
    history_fixture_assert_problem(f, "no regular file");
    history_fixture_assert_exact(f);
    assert_int_equal(rmdir(path_of(f, "usage.db")), 0);
    history_fixture_write(f);
    history_fixture_assert_exact(f);
    assert_int_equal(history_fixture_number(f, "SELECT sum(requests) FROM usage"), 10);
    assert_int_equal(count_in_log(f, "is written again"), 1);
}

// ---- file systems

static bool fill(struct history_fixture *f)
{
    char zeros[1024] = {0};
    int fd = open(path_of(f, "filler"), O_WRONLY | O_CREAT | O_APPEND, 0600);
    while (write(fd, zeros, sizeof(zeros)) == sizeof(zeros)) {
    }
    return close(fd) == 0;
}

static int live_on_a_full_disk(void *arg)
{
    struct history_fixture *f = arg;
    if (store_fixture_mount(f->store.folder, "size=2m") != 0) {
        return NO_MOUNTS;
    }
    history_fixture_tell_some(f, 100);
    history_fixture_write(f);
    CHECK(fill(f));
    for (int i = 0; i < 4 && !has_problem(f); i++) { // there may be room left in its pages
        history_fixture_tell_some(f, 400);
        history_take(f->history);
        history_fixture_run_until(f, i < 3 ? history_fixture_is_settled : has_problem);
    }
    history_fixture_run_until(f, has_failed_twice);
    history_fixture_assert_problem(f, "no space is left");
    history_fixture_assert_exact(f);
    CHECK(f->problem.len == 0);
    CHECK(unlink(path_of(f, "filler")) == 0);
    history_fixture_write(f);
    history_fixture_assert_exact(f);
    CHECK(count_in_log(f, "no space is left") == 1 && count_in_log(f, "is written again") == 1);
    CHECK(history_fixture_number(f, "SELECT sum(requests) FROM usage") == f->n_told);
    history_fixture_close(f);
    return 0;
}

static int begin_on_a_full_disk(void *arg)
{
    struct history_fixture *f = arg;
    if (store_fixture_mount(f->store.folder, "size=1m") != 0) {
        return NO_MOUNTS;
    }
    CHECK(fill(f));
    history_fixture_tell_some(f, 10);
    history_take(f->history);
    history_fixture_run_until(f, has_failed_twice);
    history_fixture_assert_exact(f);
    CHECK(unlink(path_of(f, "filler")) == 0);
    history_fixture_write(f);
    history_fixture_assert_exact(f);
    CHECK(history_fixture_number(f, "SELECT sum(requests) FROM usage") == f->n_told);
    history_fixture_close(f);
    return 0;
}

static int live_on_a_read_only_disk(void *arg)
{
    struct history_fixture *f = arg;
    if (store_fixture_mount(f->store.folder, "size=4m") != 0) {
        return NO_MOUNTS;
    }
    history_fixture_tell_some(f, 10);
    history_fixture_write(f);
    history_fixture_close(f);
    if (mount(NULL, f->store.folder, NULL, MS_REMOUNT | MS_RDONLY, NULL) != 0) {
        return NO_MOUNTS;
    }
    history_fixture_open(f);
    history_fixture_tell_some(f, 10);
    history_take(f->history);
    history_fixture_run_until(f, has_failed_twice);
    CHECK(has_problem(f));
    history_fixture_ask_usage(f, 0);
    CHECK(usage_cells_n(f->cells) == 1);
    if (mount(NULL, f->store.folder, NULL, MS_REMOUNT, NULL) != 0) {
        return NO_MOUNTS;
    }
    history_fixture_write(f);
    history_fixture_assert_exact(f);
    CHECK(history_fixture_number(f, "SELECT sum(requests) FROM usage") == 20);
    CHECK(count_in_log(f, "is written again") == 1);
    history_fixture_close(f);
    return 0;
}

static void run_with_mounts(void **state, int (*fn)(void *arg))
{
    int r = store_fixture_with_mounts(fn, *state);
    if (r < 0) {
        skip();
    }
    assert_int_equal(r, 0);
}

static void a_full_disk(void **state)
{
    run_with_mounts(state, live_on_a_full_disk);
}

static void a_full_disk_from_the_beginning(void **state)
{
    run_with_mounts(state, begin_on_a_full_disk);
}

static void a_read_only_disk(void **state)
{
    run_with_mounts(state, live_on_a_read_only_disk);
}

static int set_up(void **state)
{
    static struct history_fixture fixture;
    history_fixture_init(&fixture);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    history_fixture_deinit(*state);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv)
{
    if (argc == 4) {
        return run_holder(argv[2], argv[3]);
    }
    const struct CMUnitTest tests[] = {
        TEST(locked_by_a_writer),
        TEST(locked_from_the_beginning_and_for_all),
        TEST(deleted_while_it_runs),
        TEST(replaced_while_it_runs),
        TEST(its_log_is_deleted),
        TEST(garbage_at_the_start),
        TEST(damaged_in_the_middle),
        TEST(tables_of_another_shape),
        TEST(of_another_program),
        TEST(of_a_newer_version),
        TEST(of_a_newer_version_and_locked_at_first),
        TEST(a_folder_in_its_place),
        TEST(a_full_disk),
        TEST(a_full_disk_from_the_beginning),
        TEST(a_read_only_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
