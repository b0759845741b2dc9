// SPDX-License-Identifier: MIT
// Documents that survive: killed at every system call, on full and read-only file systems, truncated at every byte.
#include "store/durable_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store_fixture.h"

enum { MAX_LEN = 1 << 20 };

// Whole documents end in a full stop.
static bool ends_well(void *arg, struct slice text)
{
    (void)arg;
    return slice_ends_with(text, SLICE("."));
}

static enum durable_state read_document(struct store_fixture *f, struct slice *text, struct slice *explained)
{
    enum durable_state state;
    assert_int_equal(durable_read(f->folder, "doc", MAX_LEN, ends_well, NULL, &f->arena, &state, text, explained), 0);
    return state;
}

static void assert_slice(struct slice given, const char *expected)
{
    if (!slice_eq(given, slice_from_cstr(expected))) {
        fail_msg("\"%.*s\" is not \"%s\"", SLICE_ARG(given), expected);
    }
}

static void keeps_the_document_before(void **state)
{
    struct store_fixture *f = *state;
    struct slice text;
    struct slice explained;
    struct stat st;
    struct durable_stamp stamp;
    assert_int_equal(read_document(f, &text, &explained), DURABLE_MISSING);
    assert_int_equal(explained.len, 0);
    assert_int_equal(durable_stamp_of(f->folder, "doc").inode, 0);
    assert_int_equal(durable_write(f->folder, "doc", SLICE("one.")), 0);
    assert_false(store_fixture_has(f, "doc.bak"));
    stamp = durable_stamp_of(f->folder, "doc");
    assert_int_equal(durable_write_over(f->folder, "doc", SLICE("two."), stamp, &stamp), 0);
    assert_true(durable_stamp_eq(stamp, durable_stamp_of(f->folder, "doc")));
    assert_int_equal(durable_write(f->folder, "doc", SLICE("three.")), 0);
    assert_false(durable_stamp_eq(stamp, durable_stamp_of(f->folder, "doc")));
    assert_int_equal(read_document(f, &text, &explained), DURABLE_READ);
    assert_slice(text, "three.");
    assert_slice(store_fixture_read(f, "doc.bak"), "two.");
    assert_int_equal(stat(arena_printf(&f->arena, "%s/doc", f->folder).ptr, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_null(store_fixture_find(f, ".doc"));
}

static void a_bad_one_is_kept_and_the_copy_read(void **state)
{
    static const char *const bad[] = {"", "half a docu", "garbage\xFF"};
    struct store_fixture *f = *state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct slice text;
        struct slice explained;
        assert_int_equal(durable_write(f->folder, "doc", SLICE("one.")), 0);
        assert_int_equal(durable_write(f->folder, "doc", SLICE("two.")), 0);
        store_fixture_write(f, "doc", slice_from_cstr(bad[i]));
        assert_int_equal(read_document(f, &text, &explained), DURABLE_RECOVERED);
        assert_slice(text, "one.");
        const char *kept = store_fixture_find(f, "doc.corrupt-");
        assert_non_null(kept);
        assert_null(strchr(kept, ':'));
        assert_slice(store_fixture_read(f, kept), bad[i]);
        assert_true(slice_find(explained, slice_from_cstr(kept)) != SLICE_NOT_FOUND);
        assert_int_equal(read_document(f, &text, &explained), DURABLE_RECOVERED); // it is gone now
        assert_int_equal(unlink(arena_printf(&f->arena, "%s/%s", f->folder, kept).ptr), 0);
    }
}

static void two_bad_ones_are_both_kept(void **state)
{
    struct store_fixture *f = *state;
    struct slice text;
    struct slice explained;
    store_fixture_write(f, "doc", SLICE("x"));
    store_fixture_write(f, "doc.bak", SLICE("y"));
    assert_int_equal(read_document(f, &text, &explained), DURABLE_LOST);
    assert_slice(store_fixture_read(f, store_fixture_find(f, "doc.corrupt-")), "x");
    assert_slice(store_fixture_read(f, store_fixture_find(f, "doc.bak.corrupt-")), "y");
    assert_int_equal(read_document(f, &text, &explained), DURABLE_MISSING);
}

static void errors_are_passed_on(void **state)
{
    struct store_fixture *f = *state;
    enum durable_state found;
    struct slice text;
    struct slice explained;
    char name[300];
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(durable_write(f->folder, name, SLICE("x")), -ENAMETOOLONG);
    assert_int_equal(durable_write("/nowhere/at/all", "doc", SLICE("x")), -ENOENT);
    store_fixture_write(f, "doc", SLICE("12345678."));
    assert_int_equal(durable_read(f->folder, "doc", 4, ends_well, NULL, &f->arena, &found, &text, &explained), -EFBIG);
    assert_slice(store_fixture_read(f, "doc"), "12345678.");
}

static void writes_only_over_the_one_that_is_known(void **state)
{
    struct store_fixture *f = *state;
    struct durable_stamp known = {0};
    struct durable_stamp seen = {0};
    assert_int_equal(durable_write_over(f->folder, "doc", SLICE("first."), known, &known), 0);
    assert_true(durable_stamp_eq(known, durable_stamp_of(f->folder, "doc")));
    assert_int_equal(durable_write_over(f->folder, "doc", SLICE("second."), known, &known), 0);
    store_fixture_write(f, "doc", SLICE("edited."));
    assert_int_equal(durable_write_over(f->folder, "doc", SLICE("third."), known, &known), DURABLE_E_CHANGED);
    assert_int_equal(durable_write_over(f->folder, "doc", SLICE("third."), seen, &known), DURABLE_E_CHANGED);
    assert_false(durable_stamp_eq(known, durable_stamp_of(f->folder, "doc")));
    assert_slice(store_fixture_read(f, "doc"), "edited.");
    assert_slice(store_fixture_read(f, "doc.bak"), "first.");
    assert_null(store_fixture_find(f, ".doc"));
    seen = durable_stamp_of(f->folder, "doc");
    assert_int_equal(durable_write_over(f->folder, "doc", SLICE("third."), seen, &known), 0);
    assert_slice(store_fixture_read(f, "doc.bak"), "edited.");
}

// ---- killed

// Lets a process that traces itself make `n` more stops at system calls, then kills it. True: it had ended before.
static bool kill_after(pid_t child, int n)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    for (int i = 0; i < n; i++) {
        assert_int_equal(ptrace(PTRACE_SYSCALL, child, NULL, NULL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        if (WIFEXITED(status)) {
            assert_int_equal(WEXITSTATUS(status), 0);
            return true;
        }
        assert_true(WIFSTOPPED(status));
    }
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    return false;
}

static bool write_and_be_killed(struct store_fixture *f, struct slice text, int n_stops)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0 || raise(SIGSTOP) != 0) {
            _exit(2);
        }
        _exit(durable_write(f->folder, "doc", text) == 0 ? 0 : 1);
    }
    return kill_after(child, n_stops);
}

// A stop is before or after a system call, so every state that a crash can leave is seen.
static void survives_being_killed_at_every_step(void **state)
{
    enum { STOPS_MAX = 400 };
    struct store_fixture *f = *state;
    bool has_ended = false;
    bool is_new_seen = false;
    for (int n_stops = 0; !has_ended; n_stops++) {
        struct slice text;
        struct slice explained;
        assert_true(n_stops < STOPS_MAX);
        assert_int_equal(durable_write(f->folder, "doc", SLICE("older.")), 0);
        assert_int_equal(durable_write(f->folder, "doc", SLICE("old.")), 0);
        has_ended = write_and_be_killed(f, SLICE("new."), n_stops);
        assert_int_equal(read_document(f, &text, &explained), DURABLE_READ);
        bool is_new = slice_eq(text, SLICE("new."));
        assert_true(is_new || slice_eq(text, SLICE("old.")));
        assert_true(!is_new_seen || is_new); // once it is there it stays
        is_new_seen = is_new;
        struct slice copy = store_fixture_read(f, "doc.bak");
        assert_true(slice_eq(copy, SLICE("old.")) || (!is_new && slice_eq(copy, SLICE("older."))));
    }
    assert_true(is_new_seen);
}

static void survives_being_killed_at_random(void **state)
{
    enum { N_KILLS = 100, LEN = 200000 };
    struct store_fixture *f = *state;
    char *letters = malloc(LEN);
    srand(1);
    for (int n = 0; n < N_KILLS; n++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            for (char c = 'a';; c = c == 'z' ? 'a' : (char)(c + 1)) {
                memset(letters, c, LEN - 1);
                letters[LEN - 1] = '.';
                if (durable_write(f->folder, "doc", slice_of(letters, LEN)) != 0) {
                    _exit(1);
                }
            }
        }
        usleep((useconds_t)(rand() % 10000)); // not a wait: a random moment
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        struct slice text;
        struct slice explained;
        enum durable_state found = read_document(f, &text, &explained);
        assert_true(found == DURABLE_READ || (found == DURABLE_MISSING && n < 5));
        assert_true(found == DURABLE_MISSING || (text.len == LEN && text.ptr[0] == text.ptr[LEN - 2]));
        arena_reset(&f->arena);
    }
    free(letters);
}

// ---- file systems that do not let us

static int write_on_a_full_disk(void *arg)
{
    struct store_fixture *f = arg;
    struct slice text;
    struct slice explained;
    enum durable_state found;
    static char big[200000];
    if (store_fixture_mount(f->folder, "size=64k") != 0) {
        return 99;
    }
    memset(big, '.', sizeof(big));
    if (durable_write(f->folder, "doc", SLICE("small.")) != 0) {
        return 1;
    }
    if (durable_write(f->folder, "doc", slice_of(big, sizeof(big))) != -ENOSPC) {
        return 2;
    }
    if (store_fixture_find(f, ".doc") != NULL) {
        return 3;
    }
    if (durable_read(f->folder, "doc", MAX_LEN, ends_well, NULL, &f->arena, &found, &text, &explained) != 0 ||
        found != DURABLE_READ || !slice_eq(text, SLICE("small."))) {
        return 4;
    }
    return durable_write(f->folder, "doc", SLICE("again.")) != 0 ? 5 : 0;
}

static int write_where_nothing_may_be_written(void *arg)
{
    struct store_fixture *f = arg;
    struct slice text;
    struct slice explained;
    enum durable_state found;
    if (store_fixture_mount(f->folder, "size=64k") != 0 || durable_write(f->folder, "doc", SLICE("one.")) != 0 ||
        durable_write(f->folder, "doc", SLICE("two.")) != 0) {
        return 99;
    }
    store_fixture_write(f, "doc", SLICE("bad"));
    if (mount(NULL, f->folder, NULL, MS_REMOUNT | MS_RDONLY, NULL) != 0) {
        return 99;
    }
    if (durable_write(f->folder, "doc", SLICE("three.")) != -EROFS) {
        return 1;
    }
    if (durable_read(f->folder, "doc", MAX_LEN, ends_well, NULL, &f->arena, &found, &text, &explained) != 0 ||
        found != DURABLE_RECOVERED || !slice_eq(text, SLICE("one.")) ||
        slice_find(explained, SLICE("cannot be renamed")) == SLICE_NOT_FOUND) {
        return 2;
    }
    return slice_eq(store_fixture_read(f, "doc"), SLICE("bad")) ? 0 : 3;
}

static void run_with_mounts(void **state, int (*fn)(void *arg))
{
    int r = store_fixture_with_mounts(fn, *state);
    if (r < 0) {
        skip();
    }
    assert_int_equal(r, 0);
}

static void a_full_disk_leaves_the_old_one(void **state)
{
    run_with_mounts(state, write_on_a_full_disk);
}

static void a_read_only_disk_leaves_everything(void **state)
{
    run_with_mounts(state, write_where_nothing_may_be_written);
}

static int set_up(void **state)
{
    static struct store_fixture fixture;
    store_fixture_init(&fixture);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    store_fixture_deinit(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keeps_the_document_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_bad_one_is_kept_and_the_copy_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_bad_ones_are_both_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(errors_are_passed_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(writes_only_over_the_one_that_is_known, set_up, tear_down),
        cmocka_unit_test_setup_teardown(survives_being_killed_at_every_step, set_up, tear_down),
        cmocka_unit_test_setup_teardown(survives_being_killed_at_random, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_leaves_the_old_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_read_only_disk_leaves_everything, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
