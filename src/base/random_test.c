// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/random.h"

// Chances of a false alarm in this file are below 1 in 10^15.

static void exactly_the_bytes_asked_for_are_written(void **state)
{
    static const size_t lens[] = {0, 1, 7, 16, 1000, 1024, 1025, 5000};
    for (size_t i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
        unsigned char bytes[5002] = {0};
        unsigned char any[5002] = {0};
        for (int round = 0; round < 20; round++) {
            random_bytes(bytes + 1, lens[i]);
            for (size_t at = 0; at < sizeof(bytes); at++) {
                any[at] |= bytes[at];
            }
        }
        // Every byte inside was something other than 0 once in 20 rounds, and no byte outside ever.
        assert_int_equal(any[0], 0);
        for (size_t at = 1; at < sizeof(any); at++) {
            assert_int_equal(any[at] != 0, at <= lens[i]);
        }
    }
}

static void what_was_given_out_is_not_given_again(void **state)
{
    enum { N = 500 };
    static uint64_t seen[N][2];
    for (size_t i = 0; i < N; i++) {
        random_bytes(seen[i], sizeof(seen[i]));
        for (size_t before = 0; before < i; before++) {
            assert_true(memcmp(seen[before], seen[i], sizeof(seen[i])) != 0);
        }
    }
}

static void a_child_that_resets_draws_other_bytes(void **state)
{
    int pipe_ends[2];
    unsigned char ours[16];
    unsigned char theirs[16];
    random_bytes(ours, sizeof(ours)); // so that something is fetched before the fork
    assert_int_equal(pipe(pipe_ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        random_reset();
        random_bytes(theirs, sizeof(theirs));
        _exit(write(pipe_ends[1], theirs, sizeof(theirs)) == sizeof(theirs) ? 0 : 1);
    }
    int status;
    random_bytes(ours, sizeof(ours));
    assert_int_equal(read(pipe_ends[0], theirs, sizeof(theirs)), sizeof(theirs));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(memcmp(ours, theirs, sizeof(ours)) != 0);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
}

static void the_seed_stays_the_same(void **state)
{
    uint64_t seed = random_process_seed();
    random_reset();
    assert_true(seed != 0);
    assert_true(random_process_seed() == seed);
}

static void units_fill_the_interval_evenly(void **state)
{
    enum { N = 100000, N_PARTS = 10 };
    int counts[N_PARTS] = {0};
    for (int i = 0; i < N; i++) {
        double unit = random_unit();
        assert_true(unit >= 0 && unit < 1);
        counts[(int)(unit * N_PARTS)]++;
    }
    for (int i = 0; i < N_PARTS; i++) {
        // 10,000 expected, with a deviation of 95.
        assert_in_range(counts[i], 9000, 11000);
    }
}

static void uuids_are_version_4_and_all_different(void **state)
{
    enum { N = 200 };
    static char seen[N][RANDOM_UUID_SIZE];
    for (int i = 0; i < N; i++) {
        random_uuid(seen[i]);
        assert_int_equal(strlen(seen[i]), RANDOM_UUID_SIZE - 1);
        for (size_t at = 0; at < RANDOM_UUID_SIZE - 1; at++) {
            bool is_hyphen = at == 8 || at == 13 || at == 18 || at == 23;
            assert_non_null(strchr(is_hyphen ? "-" : "0123456789abcdef", seen[i][at]));
        }
        assert_int_equal(seen[i][14], '4');
        assert_non_null(strchr("89ab", seen[i][19]));
        for (int before = 0; before < i; before++) {
            assert_string_not_equal(seen[before], seen[i]);
        }
    }
}

static void tokens_have_letters_and_digits_only_and_differ(void **state)
{
    enum { N = 200, LEN = 24 };
    static char seen[N][LEN + 1];
    for (int i = 0; i < N; i++) {
        seen[i][LEN] = '#';
        random_token(seen[i], LEN);
        assert_int_equal(seen[i][LEN], '#');
        seen[i][LEN] = '\0';
        assert_int_equal(strspn(seen[i], "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"), LEN);
        for (int before = 0; before < i; before++) {
            assert_string_not_equal(seen[before], seen[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exactly_the_bytes_asked_for_are_written),
        cmocka_unit_test(what_was_given_out_is_not_given_again),
        cmocka_unit_test(a_child_that_resets_draws_other_bytes),
        cmocka_unit_test(the_seed_stays_the_same),
        cmocka_unit_test(units_fill_the_interval_evenly),
        cmocka_unit_test(uuids_are_version_4_and_all_different),
        cmocka_unit_test(tokens_have_letters_and_digits_only_and_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
