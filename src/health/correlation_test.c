// SPDX-License-Identifier: MIT
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "health/correlation.h"

#define N_OF(array) (sizeof(array) / sizeof(*(array)))

static const int64_t NOW = 1800000000000;

static struct correlation_table table;
static struct correlation *correlation; // of the test that runs

static int set_up(void **state)
{
    int r = correlation_table_create(&table);
    correlation = r == 0 ? correlation_find(&table, SLICE("main")) : NULL;
    return r;
}

static int tear_down(void **state)
{
    correlation_table_close(&table);
    return 0;
}

static bool has(const struct correlated_keys *keys, uint64_t key)
{
    size_t n = 0;
    for (size_t i = 0; i < keys->n; i++) {
        n += keys->keys[i] == key;
    }
    assert_in_range(n, 0, 1);
    return n == 1;
}

// ---- one after the other

enum { A = 11, B, C, D, E, F, G }; // keys

struct step {
    uint64_t key; // 0: the end
    uint32_t kind;
    int64_t at_ms;
    uint64_t others[6]; // some: it is correlated
};

// Kind 0: it succeeds. Each begins with nothing.
static const struct {
    const char *name;
    struct step steps[12];
} STORIES[] = {
    {"three keys", {{A, 1, 0, {0}}, {B, 1, 0, {0}}, {C, 1, 0, {A, B}}, {D, 1, 0, {A, B, C}}}},
    {"one key, often", {{A, 1, 0, {0}}, {A, 1, 1, {0}}, {A, 1, 2, {0}}, {A, 1, 3, {0}}}},
    {"two keys, often", {{A, 1, 0, {0}}, {B, 1, 1, {0}}, {A, 1, 2, {0}}, {B, 1, 3, {0}}}},
    {"each in its way", {{A, 1, 0, {0}}, {B, 2, 0, {0}}, {C, 3, 0, {0}}, {D, 4, 0, {0}}}},
    {"two ways at once",
     {{A, 1, 0, {0}},
      {A, 2, 0, {0}},
      {B, 2, 0, {0}},
      {B, 1, 0, {0}},
      {C, 1, 0, {A, B}},
      {C, 2, 0, {A, B}},
      {C, 3, 0, {0}}}},
    {"half of those that were tried",
     {{A, 1, 0, {0}}, {D, 0, 0, {0}}, {E, 0, 0, {0}}, {F, 0, 0, {0}}, {B, 1, 0, {0}}, {C, 1, 0, {A, B}}}},
    {"less than half",
     {{A, 1, 0, {0}},
      {D, 0, 0, {0}},
      {E, 0, 0, {0}},
      {F, 0, 0, {0}},
      {G, 0, 0, {0}},
      {B, 1, 0, {0}},
      {C, 1, 0, {0}},
      {D, 1, 0, {A, B, C}}}},
    {"other failures are tries too",
     {{A, 1, 0, {0}}, {D, 2, 0, {0}}, {E, 3, 0, {0}}, {F, 2, 0, {0}}, {G, 3, 0, {0}}, {B, 1, 0, {0}}, {C, 1, 0, {0}}}},
    {"what succeeded before the first failure does not count",
     {{D, 0, 0, {0}},
      {E, 0, 0, {0}},
      {F, 0, 0, {0}},
      {G, 0, 0, {0}},
      {A, 1, 0, {0}},
      {B, 1, 0, {0}},
      {C, 1, 0, {A, B}}}},
    {"a key that works has not failed",
     {{A, 1, 0, {0}}, {B, 1, 0, {0}}, {A, 0, 1, {0}}, {C, 1, 1, {0}}, {D, 1, 1, {B, C}}, {A, 1, 2, {B, C, D}}}},
    {"within the window", {{A, 1, 0, {0}}, {B, 1, 5000, {0}}, {C, 1, 10000, {A, B}}, {D, 1, 10016, {B, C}}}},
    {"not later", {{A, 1, 0, {0}}, {B, 1, 5008, {0}}, {C, 1, 10016, {0}}, {D, 1, 15008, {B, C}}}},
    {"a later failure counts, also of one that is known",
     {{A, 1, 0, {0}}, {B, 1, 0, {0}}, {A, 1, 8000, {0}}, {B, 2, 8000, {0}}, {C, 1, 12000, {0}}, {D, 1, 12000, {A, C}}}},
    {"old successes are forgotten as well",
     {{A, 1, 0, {0}},
      {D, 0, 0, {0}},
      {E, 0, 0, {0}},
      {F, 0, 0, {0}},
      {G, 0, 0, {0}},
      {A, 1, 11008, {0}},
      {B, 1, 11008, {0}},
      {C, 1, 11008, {A, B}}}},
    {"the latest four ways",
     {{A, 1, 0, {0}},
      {A, 2, 160, {0}},
      {A, 3, 320, {0}},
      {A, 4, 480, {0}},
      {A, 1, 640, {0}},
      {A, 5, 800, {0}}, // instead of 2
      {B, 1, 800, {0}},
      {C, 1, 800, {A, B}},
      {B, 2, 800, {0}},
      {C, 2, 800, {0}}}},
    {"a clock that is a little behind", {{A, 1, 0, {0}}, {B, 1, -500, {0}}, {C, 1, -992, {A, B}}}},
    {"a clock that was set back",
     {{A, 1, 0, {0}},
      {B, 1, 0, {0}},
      {C, 1, -3600000, {0}},
      {A, 0, -3600000, {0}},
      {B, 1, -3600000, {0}},
      {D, 1, -3600000, {B, C}}}},
};

static void take_step(const struct step *step)
{
    if (step->kind == 0) {
        correlation_success(correlation, step->key, NOW + step->at_ms);
        return;
    }
    struct correlated_keys others = {.n = 99};
    size_t n_expected = 0;
    bool is_correlated = correlation_failure(correlation, step->key, step->kind, NOW + step->at_ms, &others);
    assert_int_equal(is_correlated, step->others[0] != 0);
    if (!is_correlated) {
        assert_int_equal(others.n, 99); // untouched
        return;
    }
    for (; step->others[n_expected] != 0; n_expected++) {
        assert_true(has(&others, step->others[n_expected]));
    }
    assert_int_equal(others.n, n_expected);
}

static void stories(void **state)
{
    for (size_t i = 0; i < N_OF(STORIES); i++) {
        print_message("  %s\n", STORIES[i].name);
        correlation = correlation_find(&table, slice_from_cstr(STORIES[i].name));
        for (size_t k = 0; STORIES[i].steps[k].key != 0; k++) {
            take_step(&STORIES[i].steps[k]);
        }
    }
}

static void any_time_will_do(void **state)
{
    static const int64_t TIMES[] = {INT64_MIN, -1, 0, 1, INT64_MAX};
    for (size_t i = 0; i < N_OF(TIMES); i++) {
        struct correlated_keys others;
        correlation_success(correlation, G, TIMES[i]);
        assert_false(correlation_failure(correlation, A + i * 3, 7 + (uint32_t)i, TIMES[i], &others));
        assert_false(correlation_failure(correlation, B + i * 3, 7 + (uint32_t)i, TIMES[i], &others));
        assert_true(correlation_failure(correlation, C + i * 3, 7 + (uint32_t)i, TIMES[i], &others));
        correlation = correlation_find(&table, slice_of((const char *)&TIMES[i], sizeof(TIMES[i])));
    }
}

static void the_latest_of_many_keys_are_remembered(void **state)
{
    enum { N = 1000 };
    for (uint64_t key = 1; key <= N; key++) {
        struct correlated_keys others = {.n = 0};
        size_t n_known = key < CORRELATION_KEYS ? (size_t)key : CORRELATION_KEYS;
        int64_t now_ms = NOW + (int64_t)key;
        assert_int_equal(correlation_failure(correlation, key, UINT32_MAX, now_ms, &others), n_known >= 3);
        assert_int_equal(others.n, n_known >= 3 ? n_known - 1 : 0);
        for (size_t i = 1; i <= others.n; i++) {
            assert_true(has(&others, key - i));
        }
    }
}

static void many_that_work_hide_few_that_do_not(void **state)
{
    struct correlated_keys others;
    assert_false(correlation_failure(correlation, 1000, 1, NOW, &others));
    for (uint64_t key = 1; key <= 500; key++) {
        correlation_success(correlation, key, NOW + 1);
    }
    for (uint64_t key = 1001; key <= 1015; key++) {
        assert_false(correlation_failure(correlation, key, 1, NOW + 2, &others));
    }
    assert_true(correlation_failure(correlation, 1016, 1, NOW + 2, &others));
    assert_int_equal(others.n, 15);
}

static void endpoints_know_nothing_of_each_other(void **state)
{
    struct correlated_keys others;
    struct correlation *other = correlation_find(&table, SLICE("other"));
    assert_ptr_not_equal(other, correlation);
    assert_ptr_equal(correlation_find(&table, SLICE("main")), correlation);
    assert_false(correlation_failure(correlation, A, 1, NOW, &others));
    assert_false(correlation_failure(correlation, B, 1, NOW, &others));
    assert_false(correlation_failure(other, C, 1, NOW, &others));
    assert_true(correlation_failure(correlation, C, 1, NOW, &others));
}

static void endpoints_share_when_the_table_is_full(void **state)
{
    struct correlated_keys others;
    for (int i = 0; i < 2 * CORRELATION_ENDPOINTS; i++) {
        char name[32];
        int len = snprintf(name, sizeof(name), "endpoint %d", i);
        struct correlation *found = correlation_find(&table, slice_of(name, (size_t)len));
        assert_ptr_equal(correlation_find(&table, slice_of(name, (size_t)len)), found);
        (void)correlation_failure(found, (uint64_t)i + 1, 1, NOW, &others);
    }
}

// ---- by chance, against a model

enum { N_KEYS = 20, N_KINDS = CORRELATION_KINDS };

struct model {
    int64_t tried_ms[N_KEYS], failed_ms[N_KEYS][N_KINDS], last_failure_ms;
};

static bool is_recent(int64_t at_ms, int64_t now_ms)
{
    return now_ms - at_ms <= CORRELATION_WINDOW_MS;
}

// The other keys that failed so, as bits; 0: it is not correlated.
static uint32_t model_failure(struct model *model, size_t key, size_t kind, int64_t now_ms)
{
    uint32_t others = 0;
    size_t n_failed = 0;
    size_t n_tried = 0;
    model->tried_ms[key] = model->failed_ms[key][kind] = model->last_failure_ms = now_ms;
    for (size_t i = 0; i < N_KEYS; i++) {
        n_tried += is_recent(model->tried_ms[i], now_ms);
        if (is_recent(model->failed_ms[i][kind], now_ms)) {
            n_failed++;
            others |= i == key ? 0 : 1U << i;
        }
    }
    return n_failed >= 3 && 2 * n_failed >= n_tried ? others : 0;
}

static void model_success(struct model *model, size_t key, int64_t now_ms)
{
    if (!is_recent(model->last_failure_ms, now_ms)) {
        return;
    }
    if (now_ms - model->tried_ms[key] >= 1000) { // noted once a second
        model->tried_ms[key] = now_ms;
    }
    for (size_t i = 0; i < N_KINDS; i++) {
        model->failed_ms[key][i] = 0;
    }
}

static uint32_t throw(uint64_t * dice, uint32_t n)
{
    *dice = *dice * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return (uint32_t)((*dice >> 33) % n);
}

static void it_finds_what_the_model_finds(void **state)
{
    static const uint32_t STEPS[] = {1, 40, 200};
    struct model model = {.last_failure_ms = 0};
    uint64_t dice = 1;
    int64_t now_ms = NOW;
    size_t n_found[2] = {0, 0};
    for (int i = 0; i < 200000; i++) {
        size_t key = throw(&dice, N_KEYS);
        size_t kind = throw(&dice, 100) < 80 ? 0 : throw(&dice, N_KINDS);
        now_ms += 16 * throw(&dice, STEPS[throw(&dice, N_OF(STEPS))]); // as exact as times are kept
        if (throw(&dice, 3) == 0) {
            correlation_success(correlation, key + 1, now_ms);
            model_success(&model, key, now_ms);
            continue;
        }
        struct correlated_keys others = {.n = 0};
        uint32_t expected = model_failure(&model, key, kind, now_ms);
        assert_int_equal(correlation_failure(correlation, key + 1, (uint32_t)kind + 1, now_ms, &others), expected != 0);
        for (size_t k = 0; k < N_KEYS; k++) {
            assert_int_equal(has(&others, k + 1), expected >> k & 1);
        }
        n_found[expected != 0]++;
    }
    assert_true(n_found[0] > 10000 && n_found[1] > 10000);
}

// ---- several at once

enum { N_WORKERS = 4, N_STEPS = 30000 };

static bool is_sane(const struct correlated_keys *others, uint64_t own, uint64_t max)
{
    if (others->n < CORRELATION_KEYS_MIN - 1 || others->n > CORRELATION_KEYS) {
        return false;
    }
    for (size_t i = 0; i < others->n; i++) {
        for (size_t k = 0; k < i; k++) {
            if (others->keys[i] == others->keys[k]) {
                return false;
            }
        }
        if (others->keys[i] == 0 || others->keys[i] == own || others->keys[i] > max) {
            return false;
        }
    }
    return true;
}

// More keys than are remembered, so that places change hands all the time. True: all that it was told was sane.
static bool live(uint64_t seed, int n_steps)
{
    enum { N = 2 * CORRELATION_KEYS };
    for (int i = 0; i != n_steps; i++) {
        struct correlated_keys others;
        uint64_t key = throw(&seed, N) + 1;
        int64_t now_ms = NOW + i % N_STEPS;
        if (throw(&seed, 3) == 0) {
            correlation_success(correlation, key, now_ms);
        } else if (correlation_failure(correlation, key, throw(&seed, 2) + 1, now_ms, &others) &&
                   !is_sane(&others, key, N)) {
            return false;
        }
    }
    return true;
}

// Whatever was left behind, it works again.
static void assert_it_works(void)
{
    struct correlated_keys others;
    int64_t later_ms = NOW + 1000000;
    assert_false(correlation_failure(correlation, A, 1, later_ms, &others));
    assert_false(correlation_failure(correlation, B, 1, later_ms, &others));
    assert_true(correlation_failure(correlation, C, 1, later_ms, &others));
    assert_int_equal(others.n, 2);
    assert_true(has(&others, A) && has(&others, B));
}

struct worker {
    uint64_t number;
    bool is_content;
};

static void *work(void *arg)
{
    struct worker *worker = arg;
    worker->is_content = live(worker->number, N_STEPS);
    return NULL;
}

static void threads_are_told_nothing_strange(void **state)
{
    pthread_t threads[N_WORKERS];
    struct worker workers[N_WORKERS];
    for (size_t i = 0; i < N_WORKERS; i++) {
        workers[i] = (struct worker){.number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (size_t i = 0; i < N_WORKERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(workers[i].is_content);
    }
    assert_it_works();
}

static pid_t start(uint64_t number, int n_steps)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        _exit(live(number, n_steps) ? 0 : 1);
    }
    return pid;
}

static void processes_may_be_killed_at_any_moment(void **state)
{
    enum { N_KILLED = 20, FOR_EVER = -1 };
    for (uint64_t i = 0; i < N_KILLED; i++) {
        int status;
        pid_t killed = start(i, FOR_EVER);
        assert_true(live(100 + i, N_STEPS / 10));
        assert_int_equal(kill(killed, SIGKILL), 0);
        assert_int_equal(waitpid(killed, &status, 0), killed);
        assert_true(WIFSIGNALED(status)); // it saw nothing strange until then
    }
    assert_it_works();
}

// Of keys that only one of them uses nothing is lost.
static void what_processes_note_is_put_together(void **state)
{
    enum { N_ROUNDS = 50 };
    for (int n = 0; n < N_ROUNDS; n++) {
        pid_t pids[N_WORKERS];
        int64_t now_ms = NOW + n * INT64_C(100000);
        struct correlated_keys others = {.n = 0};
        for (uint64_t i = 0; i < N_WORKERS; i++) {
            pids[i] = fork();
            assert_true(pids[i] >= 0);
            if (pids[i] == 0) {
                (void)correlation_failure(correlation, (uint64_t)n * N_WORKERS + i + 1, 1, now_ms, &others);
                _exit(0);
            }
        }
        for (size_t i = 0; i < N_WORKERS; i++) {
            int status;
            assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
            assert_int_equal(status, 0);
        }
        assert_true(correlation_failure(correlation, 9999, 1, now_ms, &others));
        assert_int_equal(others.n, N_WORKERS);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(stories),
        TEST(any_time_will_do),
        TEST(the_latest_of_many_keys_are_remembered),
        TEST(many_that_work_hide_few_that_do_not),
        TEST(endpoints_know_nothing_of_each_other),
        TEST(endpoints_share_when_the_table_is_full),
        TEST(it_finds_what_the_model_finds),
        TEST(threads_are_told_nothing_strange),
        TEST(processes_may_be_killed_at_any_moment),
        TEST(what_processes_note_is_put_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
