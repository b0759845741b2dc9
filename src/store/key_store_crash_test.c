// SPDX-License-Identifier: MIT
// A program that changes its pool without end is killed at random moments, and must have forgotten nothing of what it
// had acknowledged.
//
// The program (this one, started with a folder) tells what it does, a line each, at once:
//   "= SECRET NOTES USES"  a key it has loaded, then "!" when that were all
//   "? SECRET NOTES"       what it is about to do: the key with these notes, or without any ("-"): remove it
//   "+ USES"               it was acknowledged, and so often the first key had been used when that was asked for
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "store/data_lock.h"
#include "store/key_store.h"
#include "store/store_fixture.h"

enum { N_KILLS = 200, N_NAMES = 20, NOTES_MAX = 32, LIFE_MAX_US = 30000 };

// ---- the program that is killed

struct program {
    struct loop loop;
    struct key_table table;
    struct key_store *store;
    struct key_store_commit commit;
    unsigned n_steps;
    unsigned seed;
    uint64_t n_uses;
};

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
    char line[128];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (write(STDOUT_FILENO, line, (size_t)len) != len) {
        _exit(3);
    }
}

static void step(struct program *p);

static void on_committed(struct key_store_commit *commit, int r)
{
    struct program *p = CONTAINER_OF(commit, struct program, commit);
    if (r != 0) {
        _exit(4);
    }
    say("+ %llu\n", (unsigned long long)p->n_uses);
    step(p);
}

// Adds, changes or removes a key, and counts on the first one, which stays.
static void step(struct program *p)
{
    char secret[16];
    char notes[NOTES_MAX];
    unsigned number = (unsigned)rand_r(&p->seed) % N_NAMES;
    const struct key_record *record;
    snprintf(secret, sizeof(secret), "k%u", number);
    snprintf(notes, sizeof(notes), "n%u.%u", p->seed, p->n_steps++);
    record = key_store_find_secret(p->store, slice_from_cstr(secret));
    bool is_removal = record && number != 0 && rand_r(&p->seed) % 3 == 0;
    say("? %s %s\n", secret, is_removal ? "-" : notes);
    const struct key_draft draft = {
        .secret = slice_from_cstr(secret), .notes = slice_from_cstr(notes), .max_inflight = -1};
    enum key_store_refusal refusal = is_removal ? key_store_remove(p->store, record->id)
                                     : record   ? key_store_change(p->store, record->id, &draft)
                                                : key_store_add(p->store, &draft, &record);
    const struct key_record *first = key_store_find_secret(p->store, SLICE("k0"));
    if (refusal != KEY_STORE_OK) {
        _exit(5);
    }
    if (first && first->slot != KEY_NO_SLOT) {
        p->n_uses = ++key_of(&p->table, first->slot)->usage_count;
    }
    key_store_commit(p->store, &p->commit, on_committed);
}

static int run_program(const char *folder, unsigned seed)
{
    static struct program program;
    struct program *p = &program;
    struct arena arena;
    struct slice owner = SLICE_EMPTY;
    struct buf errors = BUF_EMPTY;
    const struct key_store_options options = {folder, key_settings_default, KEY_NOTES_MAX_DEFAULT};
    log_set_level(LOG_WARN);
    p->seed = seed;
    arena_init(&arena, 1024);
    loop_init(&p->loop);
    if (data_lock_take(folder, &arena, &owner) < 0 || key_table_create(&p->table) != 0) {
        return 1;
    }
    p->store = key_store_open(&p->loop, &p->table, &options, &errors);
    if (!p->store) {
        return 2;
    }
    for (size_t i = 0; i < key_store_n_keys(p->store); i++) {
        const struct key_record *record = key_store_key(p->store, i);
        unsigned long long n_uses = key_of(&p->table, record->slot)->usage_count;
        say("= %.*s %.*s %llu\n", SLICE_ARG(record->secret), SLICE_ARG(record->notes), n_uses);
    }
    say("!\n");
    step(p);
    loop_run(&p->loop);
    return 6;
}

// ---- the one that kills it

// What must be there; empty notes: the key must not.
struct expectation {
    char notes[N_NAMES][NOTES_MAX];
    unsigned pending; // what was begun but not acknowledged: it may be there or not
    bool has_pending;
    char pending_notes[NOTES_MAX];
    unsigned long long n_uses;
    unsigned n_acknowledged;
};

// Takes over what the program says that it has loaded; fails when that cannot be.
static void check_loaded(struct expectation *e, char found[N_NAMES][NOTES_MAX], unsigned long long n_uses)
{
    for (unsigned i = 0; i < N_NAMES; i++) {
        bool is_pending = e->has_pending && i == e->pending && strcmp(found[i], e->pending_notes) == 0;
        if (!is_pending && strcmp(found[i], e->notes[i]) != 0) {
            fail_msg("k%u is \"%s\", and should be \"%s\"", i, found[i], e->notes[i]);
        }
        memcpy(e->notes[i], found[i], NOTES_MAX);
    }
    if (n_uses < e->n_uses) {
        fail_msg("%llu uses are left of %llu", n_uses, e->n_uses);
    }
    e->has_pending = false;
}

static void acknowledge(struct expectation *e, unsigned long long n_uses)
{
    memcpy(e->notes[e->pending], e->pending_notes, NOTES_MAX);
    e->has_pending = false;
    e->n_uses = n_uses;
    e->n_acknowledged++;
}

// Reads all that was said, to the end.
static void listen_to(FILE *said, struct expectation *e)
{
    static char found[N_NAMES][NOTES_MAX];
    char line[128];
    char notes[NOTES_MAX];
    unsigned number;
    unsigned long long n_uses;
    unsigned long long n_loaded_uses = 0;
    memset(found, 0, sizeof(found));
    while (fgets(line, sizeof(line), said) && strchr(line, '\n')) {
        if (sscanf(line, "= k%u %31s %llu", &number, notes, &n_uses) == 3) {
            assert_true(number < N_NAMES);
            memcpy(found[number], notes, NOTES_MAX);
            n_loaded_uses = number == 0 ? n_uses : n_loaded_uses;
        } else if (sscanf(line, "? k%u %31s", &number, notes) == 2) {
            e->pending = number;
            e->has_pending = true;
            memset(e->pending_notes, 0, NOTES_MAX);
            memcpy(e->pending_notes, notes, strcmp(notes, "-") == 0 ? 0 : strlen(notes));
        } else if (sscanf(line, "+ %llu", &n_uses) == 1) {
            acknowledge(e, n_uses);
        } else {
            assert_string_equal(line, "!\n");
            check_loaded(e, found, n_loaded_uses);
        }
    }
}

static pid_t start_program(const char *folder, int round, FILE **said_r)
{
    int ends[2];
    char seed[16];
    snprintf(seed, sizeof(seed), "%d", round);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execl("/proc/self/exe", "key_store_crash_test", folder, seed, (char *)NULL);
        _exit(7);
    }
    close(ends[1]);
    *said_r = fdopen(ends[0], "r");
    assert_non_null(*said_r);
    return child;
}

static void wait_for_a_word(FILE *said)
{
    int c = getc(said);
    assert_int_not_equal(c, EOF);
    ungetc(c, said);
}

static void nothing_acknowledged_is_forgotten(void **state)
{
    static struct expectation expectation;
    struct store_fixture *f = *state;
    srand(1);
    for (int round = 0; round < N_KILLS; round++) {
        FILE *said;
        int status;
        pid_t child = start_program(f->folder, round, &said);
        wait_for_a_word(said);                      // it has loaded, or begun to tell
        usleep((useconds_t)(rand() % LIFE_MAX_US)); // not a wait: a random moment
        kill(child, SIGKILL);
        listen_to(said, &expectation);
        fclose(said);
        assert_int_equal(waitpid(child, &status, 0), child);
        if (!WIFSIGNALED(status)) {
            fail_msg("the program ended by itself with %d", WEXITSTATUS(status));
        }
        assert_null(store_fixture_find(f, "key_pool.json.corrupt-"));
    }
    assert_true(expectation.n_acknowledged > N_KILLS / 2);
    store_fixture_open(f);
    struct slice text = store_fixture_read(f, "key_pool.json");
    assert_true(slice_ends_with(text, SLICE("}\n")));
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

int main(int argc, char **argv)
{
    if (argc == 3) {
        return run_program(argv[1], (unsigned)strtoul(argv[2], NULL, 10));
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_acknowledged_is_forgotten, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
