// SPDX-License-Identifier: MIT
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "health/breaker.h"

#define N_OF(array) (sizeof(array) / sizeof(*(array)))

static const int64_t NOW = 1800000000000;

static struct breaker_table table;
static struct breaker *breaker; // of the test that runs

static int set_up(void **state)
{
    int r = breaker_table_create(&table);
    breaker = r == 0 ? breaker_find(&table, SLICE("endpoint main")) : NULL;
    return r;
}

static int tear_down(void **state)
{
    breaker_table_close(&table);
    return 0;
}

// ---- one after the other

enum { NONE = -1 };

enum event { END, ASK, LOOK, SUCCESS, FAILURE, ABANDON, REST };

struct step {
    enum event event;
    int64_t at_ms; // after NOW
    int64_t until_ms;
    int answer;
};

static void take_step(const struct step *step)
{
    int64_t until_ms = NONE;
    int64_t now_ms = NOW + step->at_ms;
    switch (step->event) {
    case END: return;
    case ASK: assert_int_equal(breaker_ask(breaker, now_ms, &until_ms), step->answer); break;
    case LOOK: assert_int_equal(breaker_look(breaker, now_ms, &until_ms), step->answer); break;
    case SUCCESS: breaker_success(breaker); return;
    case FAILURE: breaker_failure(breaker, now_ms); return;
    case ABANDON: breaker_abandon(breaker); return;
    case REST: breaker_rest(breaker, now_ms, NOW + step->until_ms); return;
    }
    assert_int_equal(until_ms, step->answer == BREAKER_WAIT ? NOW + step->until_ms : NONE);
}

#define FAIL(at)                                                                                                       \
    {                                                                                                                  \
        FAILURE, (at), 0, 0                                                                                            \
    }
#define FAIL_4(at) FAIL(at), FAIL(at), FAIL(at), FAIL(at)
#define FAIL_5(at) FAIL_4(at), FAIL(at)
#define SUCCEED                                                                                                        \
    {                                                                                                                  \
        SUCCESS, 0, 0, 0                                                                                               \
    }
#define GIVE_UP                                                                                                        \
    {                                                                                                                  \
        ABANDON, 0, 0, 0                                                                                               \
    }
#define RESTS(at, until)                                                                                               \
    {                                                                                                                  \
        REST, (at), (until), 0                                                                                         \
    }

// Each begins with a closed breaker.
static const struct {
    const char *name;
    struct step steps[13]; // the last one is END
} STORIES[] = {
    {"nothing has happened",
     {{ASK, 0, 0, BREAKER_GO}, {LOOK, 0, 0, BREAKER_GO}, SUCCEED, GIVE_UP, {ASK, 0, 0, BREAKER_GO}}},
    {"four failures are not enough", {FAIL_4(0), {ASK, 0, 0, BREAKER_GO}}},
    {"five open it", {FAIL_5(0), {ASK, 0, 750, BREAKER_WAIT}, {LOOK, 749, 750, BREAKER_WAIT}}},
    {"in a row only", {FAIL_4(0), SUCCEED, FAIL_4(0), {ASK, 0, 0, BREAKER_GO}}},
    {"then one probe",
     {FAIL_5(0),
      {LOOK, 750, 0, BREAKER_PROBE},
      {ASK, 750, 0, BREAKER_PROBE},
      {ASK, 750, 1500, BREAKER_WAIT},
      {LOOK, 40000, 40750, BREAKER_WAIT}}},
    {"which closes it", {FAIL_5(0), {ASK, 750, 0, BREAKER_PROBE}, SUCCEED, FAIL_4(751), {ASK, 751, 0, BREAKER_GO}}},
    {"or opens it again",
     {FAIL_5(0),
      {ASK, 750, 0, BREAKER_PROBE},
      FAIL(800),
      {ASK, 1549, 1550, BREAKER_WAIT},
      {ASK, 1550, 0, BREAKER_PROBE}}},
    {"or tells nothing",
     {FAIL_5(0), {ASK, 750, 0, BREAKER_PROBE}, GIVE_UP, {ASK, 760, 0, BREAKER_PROBE}, {ASK, 760, 1510, BREAKER_WAIT}}},
    {"or dies",
     {FAIL_5(0),
      {ASK, 1000, 0, BREAKER_PROBE},
      {ASK, 60500, 61000, BREAKER_WAIT},
      {ASK, 60999, 61000, BREAKER_WAIT},
      {ASK, 61000, 0, BREAKER_PROBE},
      {ASK, 61000, 61750, BREAKER_WAIT}}},
    {"failures while it is open tell nothing",
     {FAIL_5(0), FAIL(700), {ASK, 700, 750, BREAKER_WAIT}, FAIL(760), {ASK, 760, 0, BREAKER_PROBE}}},
    {"a success while it is open does", {FAIL_5(0), SUCCEED, {ASK, 1, 0, BREAKER_GO}}},
    {"nobody abandons what is no probe", {FAIL_5(0), GIVE_UP, {ASK, 1, 750, BREAKER_WAIT}}},
    {"a rest",
     {RESTS(0, 5000),
      {ASK, 0, 5000, BREAKER_WAIT},
      FAIL(10),
      SUCCEED,
      GIVE_UP,
      {ASK, 4999, 5000, BREAKER_WAIT},
      {ASK, 5000, 0, BREAKER_PROBE},
      SUCCEED,
      {ASK, 5001, 0, BREAKER_GO}}},
    {"a rest that is over keeps the count",
     {FAIL_4(0),
      RESTS(10, 10),
      RESTS(10, -INT64_C(3600000)),
      {ASK, 10, 0, BREAKER_GO},
      FAIL(20),
      {ASK, 20, 770, BREAKER_WAIT}}},
    {"the longer rest counts",
     {RESTS(0, 5000),
      RESTS(1, 2000),
      {ASK, 3000, 5000, BREAKER_WAIT},
      RESTS(3000, 9000),
      {ASK, 8999, 9000, BREAKER_WAIT},
      {ASK, 9000, 0, BREAKER_PROBE}}},
    {"a rest is not shorter than the wait",
     {FAIL_5(0), RESTS(0, 100), {ASK, 0, 750, BREAKER_WAIT}, SUCCEED, {ASK, 749, 750, BREAKER_WAIT}}},
    {"a rest ends a probe",
     {FAIL_5(0),
      {ASK, 750, 0, BREAKER_PROBE},
      RESTS(800, 2000),
      SUCCEED,
      {ASK, 1999, 2000, BREAKER_WAIT},
      {ASK, 2000, 0, BREAKER_PROBE}}},
    {"an hour is the longest",
     {RESTS(0, 100 * INT64_C(3600000)),
      {ASK, 0, 3600000, BREAKER_WAIT},
      {ASK, 3599999, 3600000, BREAKER_WAIT},
      {ASK, 3600000, 0, BREAKER_PROBE}}},
    {"also of all times", {RESTS(0, INT64_MAX - 1800000000000), {ASK, 0, 3600000, BREAKER_WAIT}}},
    {"a clock that is a little behind", {FAIL_5(0), {ASK, -1000, 750, BREAKER_WAIT}}},
    {"a clock that was set back",
     {FAIL_5(0), {ASK, -3600000, 0, BREAKER_PROBE}, {ASK, -3600000, -3599250, BREAKER_WAIT}}},
    {"a clock that was set back during a probe",
     {FAIL_5(0),
      {ASK, 750, 0, BREAKER_PROBE},
      {ASK, -3600000, 0, BREAKER_PROBE},
      {ASK, -3600000, -3599250, BREAKER_WAIT}}},
    {"a clock that was set back during a rest",
     {RESTS(0, 5000),
      {LOOK, -600000, 0, BREAKER_PROBE},
      RESTS(-600000, -597000),
      {ASK, -600000, -597000, BREAKER_WAIT}}},
};

static void stories(void **state)
{
    for (size_t i = 0; i < N_OF(STORIES); i++) {
        print_message("  %s\n", STORIES[i].name);
        breaker = breaker_find(&table, slice_from_cstr(STORIES[i].name));
        for (size_t k = 0; STORIES[i].steps[k].event != END; k++) {
            take_step(&STORIES[i].steps[k]);
        }
    }
}

static void any_time_will_do(void **state)
{
    static const int64_t TIMES[] = {INT64_MIN, -1, 0, 1, INT64_MAX - 1, INT64_MAX};
    for (size_t i = 0; i < N_OF(TIMES); i++) {
        int64_t until_ms;
        for (int k = 0; k < BREAKER_THRESHOLD; k++) {
            breaker_failure(breaker, TIMES[i]);
        }
        assert_int_equal(breaker_ask(breaker, TIMES[i], &until_ms), BREAKER_WAIT);
        breaker_rest(breaker, TIMES[i], INT64_MAX);
        breaker_rest(breaker, TIMES[i], INT64_MIN);
        (void)breaker_ask(breaker, INT64_MIN, &until_ms);
        (void)breaker_ask(breaker, INT64_MAX, &until_ms);
        breaker = breaker_find(&table, slice_of((const char *)&TIMES[i], sizeof(TIMES[i])));
    }
}

// ---- by chance, against a model

// The rules once more, with a field for everything.
struct model {
    int n_failures;
    bool is_open, is_probed, is_resting;
    int64_t until_ms, longest_ms;
};

static enum breaker_answer model_ask(struct model *model, int64_t now_ms, bool takes_probe)
{
    if (!model->is_open) {
        return BREAKER_GO;
    }
    if (now_ms < model->until_ms && now_ms >= model->until_ms - model->longest_ms - BREAKER_SKEW_MS) {
        return BREAKER_WAIT;
    }
    if (takes_probe) {
        *model = (struct model){.is_open = true, .is_probed = true, .until_ms = now_ms + 60000, .longest_ms = 60000};
    }
    return BREAKER_PROBE;
}

static void model_failure(struct model *model, int64_t now_ms)
{
    model->n_failures += !model->is_open;
    if (model->is_probed || model->n_failures == 5) {
        *model = (struct model){.is_open = true, .until_ms = now_ms + 750, .longest_ms = 750};
    }
}

static void model_rest(struct model *model, int64_t now_ms, int64_t until_ms)
{
    bool is_waiting = !model->is_probed && model_ask(model, now_ms, false) == BREAKER_WAIT;
    if (until_ms <= now_ms) {
        return;
    }
    if (is_waiting && model->until_ms > until_ms) {
        until_ms = model->until_ms;
    }
    if (until_ms > now_ms + 3600000) {
        until_ms = now_ms + 3600000;
    }
    *model = (struct model){.is_open = true, .is_resting = true, .until_ms = until_ms, .longest_ms = until_ms - now_ms};
}

static void model_abandon(struct model *model)
{
    if (model->is_probed) {
        *model = (struct model){.is_open = true, .until_ms = INT64_MIN / 2};
    }
}

static void model_success(struct model *model)
{
    if (!model->is_resting) {
        *model = (struct model){0};
    }
}

struct dice {
    uint64_t seed;
};

static uint32_t throw(struct dice * dice, uint32_t n)
{
    dice->seed = dice->seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return (uint32_t)((dice->seed >> 33) % n);
}

// In steps of 16 ms, as exact as a span is kept. Mostly onwards, sometimes back.
static int64_t next_time(struct dice *dice, int64_t now_ms)
{
    static const uint32_t STEPS[] = {1, 1, 40, 100, 4000, 250000};
    int64_t step_ms = 16 * (int64_t) throw(dice, STEPS[throw(dice, N_OF(STEPS))]);
    return throw(dice, 20) == 0 ? now_ms - step_ms : now_ms + step_ms;
}

static void compare_answers(struct model *model, int64_t now_ms, bool takes_probe)
{
    int64_t until_ms = NONE;
    enum breaker_answer expected = model_ask(model, now_ms, takes_probe);
    enum breaker_answer answer =
        takes_probe ? breaker_ask(breaker, now_ms, &until_ms) : breaker_look(breaker, now_ms, &until_ms);
    assert_int_equal(answer, expected);
    if (answer == BREAKER_WAIT) {
        bool is_soon = model->is_probed && model->until_ms > now_ms + 750;
        assert_int_equal(until_ms, is_soon ? now_ms + 750 : model->until_ms);
    } else {
        assert_int_equal(until_ms, NONE);
    }
}

static void it_does_what_the_model_does(void **state)
{
    struct dice dice = {1};
    struct model model = {0};
    int64_t now_ms = NOW;
    size_t n_answers[3] = {0};
    for (int i = 0; i < 300000; i++) {
        now_ms = next_time(&dice, now_ms);
        switch (throw(&dice, 12)) {
        case 0: breaker_success(breaker), model_success(&model); break;
        case 1: breaker_abandon(breaker), model_abandon(&model); break;
        case 2: {
            int64_t until_ms = next_time(&dice, now_ms);
            breaker_rest(breaker, now_ms, until_ms), model_rest(&model, now_ms, until_ms);
            break;
        }
        case 3:
        case 4: compare_answers(&model, now_ms, true); break;
        default: breaker_failure(breaker, now_ms), model_failure(&model, now_ms);
        }
        compare_answers(&model, now_ms, false);
        n_answers[model_ask(&model, now_ms, false)]++;
    }
    for (size_t i = 0; i < N_OF(n_answers); i++) {
        assert_true(n_answers[i] > 5000); // it has been everywhere
    }
}

// ---- names

static void a_name_has_one_breaker(void **state)
{
    assert_ptr_equal(breaker_find(&table, SLICE("endpoint main")), breaker);
    assert_ptr_not_equal(breaker_find(&table, SLICE("proxy main")), breaker);
    assert_non_null(breaker_find(&table, SLICE_EMPTY));
    assert_ptr_equal(breaker_find(&table, SLICE_EMPTY), breaker_find(&table, SLICE("")));
}

static struct breaker *find_numbered(size_t i)
{
    char name[32];
    int len = snprintf(name, sizeof(name), "proxy %zu", i);
    return breaker_find(&table, slice_of(name, (size_t)len));
}

static int compare_pointers(const void *a, const void *b)
{
    uintptr_t x = *(const uintptr_t *)a;
    uintptr_t y = *(const uintptr_t *)b;
    return (x > y) - (x < y);
}

static void assert_never_opens(struct breaker *breaker_without_room)
{
    int64_t until_ms = 0;
    for (int i = 0; i < 2 * BREAKER_THRESHOLD; i++) {
        breaker_failure(breaker_without_room, 1000);
        assert_int_equal(breaker_ask(breaker_without_room, 1000, &until_ms), BREAKER_GO);
    }
    breaker_rest(breaker_without_room, 1000, 2000);
    assert_int_equal(breaker_ask(breaker_without_room, 1000, &until_ms), BREAKER_GO);
    breaker_abandon(breaker_without_room);
    breaker_success(breaker_without_room);
    breaker_failure(breaker_without_room, 1000);
}

// One name is taken already.
static void nobody_pays_for_another_when_the_table_is_full(void **state)
{
    static struct breaker *found[BREAKERS_MAX + 1];
    for (size_t i = 0; i < BREAKERS_MAX - 1; i++) {
        found[i] = find_numbered(i);
    }
    found[BREAKERS_MAX - 1] = breaker;
    for (size_t i = 0; i < BREAKERS_MAX - 1; i++) {
        assert_ptr_equal(find_numbered(i), found[i]);
    }
    qsort(found, BREAKERS_MAX, sizeof(*found), compare_pointers);
    for (size_t i = 1; i < BREAKERS_MAX; i++) {
        assert_ptr_not_equal(found[i - 1], found[i]);
    }
    for (size_t i = BREAKERS_MAX; i < BREAKERS_MAX + 100; i++) {
        assert_never_opens(find_numbered(i));
    }
    for (size_t i = 0; i < BREAKERS_MAX; i++) {
        assert_int_equal(breaker_look(found[i], 1000, &(int64_t){0}), BREAKER_GO);
    }
}

// ---- several at once

enum { N_WORKERS = 4, N_ROUNDS = 10000, LIMIT_S = 100 };

// In shared memory.
struct meeting {
    _Atomic uint32_t n_arrived; // of all rounds
    _Atomic uint32_t n_probes[N_ROUNDS];
    _Atomic uint32_t n_wrong; // what a worker saw that cannot be
    struct breaker *found[N_WORKERS];
};

struct worker {
    struct meeting *meeting;
    size_t number;
};

// Times of round n; far enough apart for a probe to be given up.
static int64_t round_ms(int n)
{
    return NOW + n * INT64_C(100000);
}

// Nobody sleeps here, so that all go on within the same few nanoseconds. The limit is alarm().
static void meet(struct meeting *meeting)
{
    uint32_t n_all = (atomic_fetch_add(&meeting->n_arrived, 1) / N_WORKERS + 1) * N_WORKERS;
    for (int i = 1; atomic_load(&meeting->n_arrived) < n_all; i++) {
        if (i % 1000 == 0) { // there may be fewer cores than workers
            sched_yield();
        }
    }
}

// All fail, all ask. The one with the probe does one of the things that can become of it.
static void play_round(struct meeting *meeting, int n)
{
    int64_t until_ms;
    meet(meeting);
    for (int i = 0; i < BREAKER_THRESHOLD; i++) {
        breaker_failure(breaker, round_ms(n));
    }
    meet(meeting);
    int64_t now_ms = round_ms(n) + BREAKER_OPEN_MS;
    bool is_prober = breaker_ask(breaker, now_ms, &until_ms) == BREAKER_PROBE;
    meeting->n_probes[n] += is_prober;
    meet(meeting);
    meeting->n_wrong += breaker_ask(breaker, now_ms, &until_ms) != BREAKER_WAIT;
    meet(meeting);
    if (is_prober) {
        switch (n % 4) {
        case 0: breaker_success(breaker); break;
        case 1: breaker_failure(breaker, now_ms); break;
        case 2: breaker_abandon(breaker); break;
        case 3: break; // was killed
        }
    }
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    struct meeting *meeting = worker->meeting;
    meet(meeting);
    meeting->found[worker->number] = breaker_find(&table, SLICE("met at once"));
    for (int n = 0; n < N_ROUNDS; n++) {
        play_round(meeting, n);
    }
    return NULL;
}

static struct meeting *open_meeting(struct shm_region *region)
{
    assert_int_equal(shm_region_create(region, sizeof(struct meeting)), 0);
    alarm(LIMIT_S);
    return region->base;
}

static void close_meeting(struct shm_region *region)
{
    struct meeting *meeting = region->base;
    for (size_t i = 0; i < N_WORKERS; i++) {
        assert_ptr_equal(meeting->found[i], breaker_find(&table, SLICE("met at once")));
    }
    for (int n = 0; n < N_ROUNDS; n++) {
        assert_int_equal(meeting->n_probes[n], 1);
    }
    assert_int_equal(meeting->n_wrong, 0);
    alarm(0);
    shm_region_close(region);
}

static void one_thread_gets_the_probe(void **state)
{
    struct shm_region region;
    pthread_t threads[N_WORKERS];
    struct worker workers[N_WORKERS];
    struct meeting *meeting = open_meeting(&region);
    for (size_t i = 0; i < N_WORKERS; i++) {
        workers[i] = (struct worker){meeting, i};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (size_t i = 0; i < N_WORKERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    close_meeting(&region);
}

static void one_process_gets_the_probe(void **state)
{
    struct shm_region region;
    pid_t pids[N_WORKERS];
    struct meeting *meeting = open_meeting(&region);
    for (size_t i = 0; i < N_WORKERS; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            alarm(LIMIT_S); // one that waits for a dead one does not wait for ever
            work(&(struct worker){meeting, i});
            _exit(0);
        }
    }
    for (size_t i = 0; i < N_WORKERS; i++) {
        int status;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    close_meeting(&region);
}

// Whatever comes between: no answer makes no sense, and five failures with nobody else around open it.
static void *live(void *arg)
{
    struct worker *worker = arg;
    struct dice dice = {worker->number};
    int64_t now_ms = NOW;
    for (int i = 0; i < 100000; i++) {
        int64_t until_ms = NONE;
        now_ms += throw(&dice, 50);
        switch (throw(&dice, 12)) {
        case 0: breaker_success(breaker); break;
        case 1: breaker_abandon(breaker); break;
        case 2: breaker_rest(breaker, now_ms, now_ms + throw(&dice, 500)); break;
        case 3:
        case 4: {
            bool waits = breaker_ask(breaker, now_ms, &until_ms) == BREAKER_WAIT;
            bool is_sane = waits ? until_ms > now_ms && until_ms <= now_ms + 2 * BREAKER_PROBE_MS : until_ms == NONE;
            worker->meeting->n_wrong += !is_sane;
            break;
        }
        default: breaker_failure(breaker, now_ms);
        }
    }
    return NULL;
}

static void threads_do_what_they_like(void **state)
{
    static struct meeting meeting;
    pthread_t threads[N_WORKERS];
    struct worker workers[N_WORKERS];
    for (size_t i = 0; i < N_WORKERS; i++) {
        workers[i] = (struct worker){&meeting, i};
        assert_int_equal(pthread_create(&threads[i], NULL, live, &workers[i]), 0);
    }
    for (size_t i = 0; i < N_WORKERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(meeting.n_wrong, 0);
    int64_t until_ms;
    int64_t later_ms = NOW + INT64_C(1000000000);
    if (breaker_ask(breaker, later_ms, &until_ms) == BREAKER_PROBE) {
        breaker_success(breaker);
    }
    assert_int_equal(breaker_look(breaker, later_ms, &until_ms), BREAKER_GO);
    for (int i = 0; i < BREAKER_THRESHOLD; i++) {
        breaker_failure(breaker, later_ms);
    }
    assert_int_equal(breaker_look(breaker, later_ms, &until_ms), BREAKER_WAIT);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(stories),
        TEST(any_time_will_do),
        TEST(it_does_what_the_model_does),
        TEST(a_name_has_one_breaker),
        TEST(nobody_pays_for_another_when_the_table_is_full),
        TEST(one_thread_gets_the_probe),
        TEST(one_process_gets_the_probe),
        TEST(threads_do_what_they_like),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
