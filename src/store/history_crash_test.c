// SPDX-License-Identifier: MIT
// A program that writes without end is killed at random moments: nothing that was written is lost, and what was being
// written is there as a whole or not at all.
//
// The program (this one, started with a folder) tells STEP requests and notes one audit entry in each step. It says "?"
// before that, and "+" when it is in the file.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/history_fixture.h"
#include "store/history_internal.h"

enum { N_KILLS = 120, STEP = 3, LIFE_MAX_US = 60000 };

// ---- the program that is killed

static void say(int fd, const char *letter)
{
    if (fd >= 0 && write(fd, letter, 1) != 1) {
        _exit(3);
    }
}

static void step(struct history_fixture *f, int fd)
{
    say(fd, "?");
    history_fixture_tell_some(f, STEP);
    history_add_audit(f->history, &(struct history_audit_entry){.time_ms = clock_wall_ms(), .action = SLICE("step")});
    f->history->is_write_due = true; // not in a moment
    history_start_next(f->history);
    while (!history_fixture_is_written(f)) {
        uv_run(&f->loop.uv, UV_RUN_ONCE);
    }
    if (history_numbers(f->history).n_writes_failed) {
        _exit(4);
    }
    say(fd, "+");
}

static void run_program(const char *folder)
{
    static struct history_fixture fixture;
    struct history_fixture *f = &fixture;
    log_set_level(LOG_WARN);
    history_fixture_init_in(f, folder);
    for (;;) {
        step(f, STDOUT_FILENO);
    }
}

// ---- the one that kills it

static pid_t start_program(const char *folder, int *said_r)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execl("/proc/self/exe", "history_crash_test", folder, (char *)NULL);
        _exit(7);
    }
    close(ends[1]);
    *said_r = ends[0];
    return child;
}

struct said {
    int64_t n_begun;
    int64_t n_done;
};

static struct said listen_to(int fd)
{
    struct said said = {0};
    char letters[4096];
    for (ssize_t n; (n = read(fd, letters, sizeof(letters))) > 0;) {
        for (ssize_t i = 0; i < n; i++) {
            said.n_begun += letters[i] == '?';
            said.n_done += letters[i] == '+';
        }
    }
    close(fd);
    return said;
}

static struct said live_and_be_killed(const char *folder)
{
    int fd;
    int status;
    char letter;
    pid_t child = start_program(folder, &fd);
    assert_int_equal(read(fd, &letter, 1), 1);  // it has begun
    usleep((useconds_t)(rand() % LIFE_MAX_US)); // not a wait: a random moment
    kill(child, SIGKILL);
    struct said said = listen_to(fd);
    said.n_begun++;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSIGNALED(status)) {
        fail_msg("the program ended by itself with %d", WEXITSTATUS(status));
    }
    return said;
}

static void nothing_written_is_lost_or_counted_twice(void **state)
{
    struct history_fixture *f = *state;
    int64_t n_steps = 1;
    int64_t n_acknowledged = 0;
    srand(1);
    step(f, -1); // so that there is a file
    history_fixture_close(f);
    for (int round = 0; round < N_KILLS; round++) {
        struct said said = live_and_be_killed(f->store.folder);
        int64_t n_found = history_fixture_number(f, "SELECT count(*) FROM audit");
        if (n_found != n_steps + said.n_done && n_found != n_steps + said.n_begun) {
            fail_msg("%lld steps, of which %lld were there, %lld begun and %lld done", (long long)n_found,
                     (long long)n_steps, (long long)said.n_begun, (long long)said.n_done);
        }
        n_acknowledged += said.n_done;
        n_steps = n_found;
        assert_int_equal(history_fixture_number(f, "SELECT sum(requests) FROM usage"), STEP * n_steps);
        assert_null(store_fixture_find(&f->store, "usage.db.corrupt-"));
    }
    assert_true(n_acknowledged > N_KILLS / 2); // else they were killed too early to mean anything
    assert_int_equal(
        history_fixture_number(f, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check='ok'"), 1);
    history_fixture_open(f);
    history_fixture_ask_usage(f, 0);
    assert_int_equal(usage_cells_at(f->cells, 0)->counts.requests, STEP * n_steps);
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

int main(int argc, char **argv)
{
    if (argc == 2) {
        run_program(argv[1]);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_written_is_lost_or_counted_twice, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
