// SPDX-License-Identifier: MIT
#include "store/data_lock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store_fixture.h"

static void the_second_is_told_who_has_it(void **state)
{
    struct store_fixture *f = *state;
    struct slice owner = SLICE_EMPTY;
    int fd = data_lock_take(f->folder, &f->arena, &owner);
    assert_true(fd >= 0);
    assert_int_equal(data_lock_owner(f->folder, &f->arena).len, 0);
    assert_int_equal(data_lock_describe(fd, SLICE("pid 1234567\nport 3000\n")), 0);
    assert_int_equal(data_lock_describe(fd, SLICE("pid 1\nport 3000\n")), 0); // shorter than before
    assert_int_equal(data_lock_take(f->folder, &f->arena, &owner), -EWOULDBLOCK);
    assert_true(slice_eq(owner, SLICE("pid 1\nport 3000\n")));
    assert_true(slice_eq(data_lock_owner(f->folder, &f->arena), SLICE("pid 1\nport 3000\n")));
    close(fd);
    assert_int_equal(data_lock_owner(f->folder, &f->arena).len, 0);
    fd = data_lock_take(f->folder, &f->arena, &owner);
    assert_true(fd >= 0);
    assert_int_equal(store_fixture_read(f, ".lock").len, 0); // nothing of the owner before
    close(fd);
}

static void a_missing_folder_is_made(void **state)
{
    struct store_fixture *f = *state;
    struct slice owner;
    struct stat st;
    char folder[128];
    char path[160];
    snprintf(folder, sizeof(folder), "%s/inner", f->folder);
    assert_int_equal(data_lock_owner(folder, &f->arena).len, 0);
    int fd = data_lock_take(folder, &f->arena, &owner);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(stat(folder, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    snprintf(path, sizeof(path), "%s/.lock", folder);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    unlink(path);
    rmdir(folder);
}

static void a_folder_that_is_a_file_is_an_error(void **state)
{
    struct store_fixture *f = *state;
    struct slice owner;
    char path[128];
    store_fixture_write(f, "file", SLICE("x"));
    snprintf(path, sizeof(path), "%s/file", f->folder);
    assert_int_equal(data_lock_take(path, &f->arena, &owner), -ENOTDIR);
}

// Killed, not ended: nothing of the process could tidy up.
static void it_goes_with_its_process(void **state)
{
    struct store_fixture *f = *state;
    struct slice owner = SLICE_EMPTY;
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int fd = data_lock_take(f->folder, &f->arena, &owner);
        if (fd < 0 || data_lock_describe(fd, SLICE("pid of a child\n")) != 0 || write(ready[1], "x", 1) != 1) {
            _exit(1);
        }
        pause();
        _exit(1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(data_lock_take(f->folder, &f->arena, &owner), -EWOULDBLOCK);
    assert_true(slice_eq(owner, SLICE("pid of a child\n")));
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(data_lock_owner(f->folder, &f->arena).len, 0);
    int fd = data_lock_take(f->folder, &f->arena, &owner);
    assert_true(fd >= 0);
    close(fd);
    close(ready[0]);
    close(ready[1]);
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
        cmocka_unit_test_setup_teardown(the_second_is_told_who_has_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_missing_folder_is_made, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_folder_that_is_a_file_is_an_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_goes_with_its_process, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
