// SPDX-License-Identifier: MIT
// One keeper changes the table while others use it, as threads (for the thread sanitizer) and as processes that are
// killed. The n-th key that is added has the identity n, and all that it is follows from n: so everybody can tell
// whether what he got belongs together and is of the key he wanted.
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/random.h"
#include "keys/key_table_internal.h"

enum { N_KEYS_MAX = 24, N_USERS = 3, N_KEEPER_STEPS = 6000, CHANGE_WEIGHTS = 7 };

static uint32_t draw(uint32_t n)
{
    return (uint32_t)(random_unit() * n);
}

// ---- what a key is

struct texts {
    char id[KEY_ID_MAX + 1];
    char secret[KEY_SECRET_MAX + 1];
};

// `version` is how often the key was changed; secrets of odd ones are long, so that they move.
static struct key_info info_of(struct texts *texts, uint32_t n, uint32_t version)
{
    int len = version % 2 ? KEY_SECRET_NEAR + 1 + (int)(n % 200) : 20 + (int)(n % 100);
    snprintf(texts->id, sizeof(texts->id), "key_%u", n);
    snprintf(texts->secret, sizeof(texts->secret), "secret-%u-%u-%0*u", n, version, len, n * 7 + version);
    return (struct key_info){
        .id = slice_from_cstr(texts->id),
        .secret = slice_from_cstr(texts->secret),
        .provider = (uint8_t)(n % 5),
        .group = (uint16_t)(n % 3),
        .weight = (float)(1 + version % CHANGE_WEIGHTS),
        .max_inflight = version,
        .proxy = n,
    };
}

static bool is_of(const struct key_info *info, uint32_t n)
{
    struct texts texts;
    struct key_info expected = info_of(&texts, n, info->max_inflight);
    return slice_eq(info->id, expected.id) && slice_eq(info->secret, expected.secret) && info->proxy == n &&
           info->provider == expected.provider && info->group == expected.group && info->weight == expected.weight;
}

static bool secret_is_of(struct slice secret, uint32_t n)
{
    char beginning[32];
    int len = snprintf(beginning, sizeof(beginning), "secret-%u-", n);
    struct slice rest = slice_after(secret, (size_t)len);
    uint64_t version;
    struct texts texts;
    return slice_starts_with(secret, slice_of(beginning, (size_t)len)) &&
           slice_to_u64(slice_split(&rest, '-'), &version) &&
           slice_eq(secret, info_of(&texts, n, (uint32_t)version).secret);
}

// ---- the keeper

struct keeper {
    struct key_table *table;
    uint32_t n_added;
    size_t n_keys;
    struct {
        uint32_t slot;
        uint32_t number;
        uint32_t version;
    } keys[N_KEYS_MAX + 1];
};

static void set_a_status(void *arg, struct key_slot *slot)
{
    atomic_store(&slot->status, (uint8_t)draw(3));
}

static void keeper_add(struct keeper *keeper)
{
    struct texts texts;
    uint32_t number = keeper->n_added + 1;
    struct key_info info = info_of(&texts, number, number % 2);
    int64_t slot = key_table_add(keeper->table, &info, set_a_status, NULL);
    assert_true(slot >= 0);
    keeper->n_added = number;
    keeper->keys[keeper->n_keys].slot = (uint32_t)slot;
    keeper->keys[keeper->n_keys].number = number;
    keeper->keys[keeper->n_keys++].version = number % 2;
    assert_int_equal(atomic_load(&key_of(keeper->table, (uint32_t)slot)->identity), number);
}

static void keeper_step(struct keeper *keeper)
{
    uint32_t what = draw(10);
    uint32_t at = keeper->n_keys ? draw((uint32_t)keeper->n_keys) : 0;
    struct texts texts;
    if (keeper->n_keys == 0 || (what < 4 && keeper->n_keys < N_KEYS_MAX)) {
        keeper_add(keeper);
    } else if (what < 7) {
        struct key_info info = info_of(&texts, keeper->keys[at].number, ++keeper->keys[at].version);
        key_table_change(keeper->table, keeper->keys[at].slot, &info);
    } else if (what < 9) {
        key_table_remove(keeper->table, keeper->keys[at].slot);
        keeper->keys[at] = keeper->keys[--keeper->n_keys];
    } else {
        struct key_group_info group = {.id = SLICE("a"), .priority = (int32_t)keeper->n_added};
        key_table_set_groups(keeper->table, &group, 1);
    }
}

// ---- who uses the table

struct user {
    struct key_table *table;
    const _Atomic bool *is_over;
    pthread_t thread;
    struct arena arena;
    uint64_t at; // of the changes
    uint64_t n_leases;
    const char *complaint; // NULL: all is well
};

static void user_follow_changes(struct user *user)
{
    uint32_t slot;
    bool is_lost;
    while (key_changes_next(user->table, &user->at, &slot, &is_lost)) {
        if (slot >= key_table_end(user->table)) {
            user->complaint = "a change of a slot that there is not";
        }
    }
}

// What is written under the lease stays until it is returned.
static void user_use(struct user *user, struct key_lease lease)
{
    struct key_slot *key = key_of(user->table, lease.slot);
    atomic_store(&key->synced_ms, lease.identity); // whoever else holds it writes the same
    key_table_set_status(user->table, lease.slot, (enum key_status)draw(3), (enum key_status)draw(3));
    key_count_tokens(key, &key_settings_default, 3, 4, 1000);
    key_set_last_error(key, SLICE("it broke"), 5);
    if (draw(4) == 0) {
        sched_yield();
    }
    if (atomic_load(&key->synced_ms) != lease.identity) {
        user->complaint = "a slot was given away under a lease";
    }
}

static void user_step(struct user *user)
{
    struct key_table *table = user->table;
    struct key_lease lease;
    struct key_info info;
    uint32_t end = key_table_end(table);
    uint32_t slot = end ? draw(end) : 0;
    uint32_t identity = atomic_load(&key_of(table, slot)->identity);
    if (draw(2)) {
        sched_yield(); // so that the key may be gone when it is asked for
    }
    if (key_read(table, slot, &user->arena, &info) && !is_of(&info, (uint32_t)info.proxy)) {
        user->complaint = "a copy of two moments";
    }
    if (key_lease_take(table, slot, identity, &user->arena, &lease, &info)) {
        user->n_leases++;
        if (info.proxy != identity || !secret_is_of(info.secret, identity)) {
            user->complaint = "the secret of another key";
        }
        user_use(user, lease);
        key_lease_return(table, &lease);
    }
    user_follow_changes(user);
    arena_reset(&user->arena);
}

static void *user_run(void *arg)
{
    struct user *user = arg;
    arena_init(&user->arena, 4096);
    while (!atomic_load(user->is_over) || user->n_leases == 0) {
        user_step(user);
    }
    arena_deinit(&user->arena);
    return NULL;
}

// ---- what must hold when all is quiet

static uint32_t count_usable(const struct key_table *table)
{
    uint32_t n = 0;
    for (uint32_t slot = 0; slot < key_table_end(table); slot++) {
        const struct key_slot *key = key_of(table, slot);
        n += atomic_load(&key->identity) != 0 && atomic_load(&key->status) == KEY_ACTIVE;
    }
    return n;
}

static uint32_t count_leases(const struct key_table *table)
{
    uint32_t n = 0;
    for (uint32_t slot = 0; slot < key_table_end(table); slot++) {
        n += atomic_load(&key_of(table, slot)->inflight);
    }
    return n;
}

static uint32_t count_whole(const struct key_table *table)
{
    struct arena arena;
    uint32_t n = 0;
    arena_init(&arena, 4096);
    for (uint32_t slot = 0; slot < key_table_end(table); slot++) {
        struct key_info info;
        if (key_read(table, slot, &arena, &info)) {
            assert_true(is_of(&info, atomic_load(&key_of(table, slot)->identity)));
            n++;
        }
    }
    arena_deinit(&arena);
    return n;
}

// Each slot has a key, or is free, and is known to be.
static void assert_nothing_is_missing(struct key_table *table)
{
    uint32_t end = key_table_end(table);
    uint32_t n_keys = count_whole(table);
    for (uint32_t i = n_keys; i < end; i++) {
        struct key_info info = {.id = SLICE("new"), .secret = SLICE("key-new"), .weight = 1};
        assert_in_range(key_table_add(table, &info, NULL, NULL), 0, end - 1);
    }
}

static void threads_use_what_one_changes(void **state)
{
    struct key_table table;
    struct user users[N_USERS];
    _Atomic bool is_over = false;
    assert_int_equal(key_table_create(&table), 0);
    key_table_hold_as(&table, 5);
    struct keeper keeper = {.table = &table};
    for (int i = 0; i < N_USERS; i++) {
        users[i] = (struct user){.table = &table, .is_over = &is_over};
        assert_int_equal(pthread_create(&users[i].thread, NULL, user_run, &users[i]), 0);
    }
    for (int i = 0; i < N_KEEPER_STEPS; i++) {
        keeper_step(&keeper);
    }
    keeper_add(&keeper); // so that there is one for who had none so far
    atomic_store(&is_over, true);
    for (int i = 0; i < N_USERS; i++) {
        pthread_join(users[i].thread, NULL);
        assert_null(users[i].complaint);
    }
    assert_int_equal(count_leases(&table), 0);
    assert_int_equal(key_table_n_usable(&table), count_usable(&table));
    assert_int_equal(count_whole(&table), keeper.n_keys);
    for (uint32_t slot = 0; slot < key_table_end(&table); slot++) {
        assert_int_equal(atomic_load(&table.shared->held[5][slot]), 0);
    }
    // Users held slots back, but not many more than they are.
    assert_in_range(key_table_end(&table), 1, N_KEYS_MAX + 4 * N_USERS);
    key_table_take_over(&table);
    assert_nothing_is_missing(&table);
    key_table_close(&table);
}

// ---- processes

// The child says that it has begun; `body` says whether all was well.
static pid_t start(const struct key_table *table, uint32_t holder, bool (*body)(struct key_table *table))
{
    int ends[2];
    char byte;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        struct key_table theirs;
        random_reset();
        alarm(60);
        if (key_table_attach_take(&theirs, dup(table->region.fd)) != 0 || write(ends[1], "b", 1) != 1) {
            _exit(2);
        }
        key_table_hold_as(&theirs, holder);
        _exit(body(&theirs) ? 0 : 1);
    }
    assert_int_equal(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    close(ends[1]);
    return child;
}

static int end_of(pid_t child)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// At a random moment within its first milliseconds.
static void kill_soon(pid_t child)
{
    struct timespec pause = {.tv_nsec = draw(3000 * 1000)};
    nanosleep(&pause, NULL);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(end_of(child), -SIGKILL);
}

// Uses the table until the keeper sets groups of which the only one has the priority -1.
static bool use_until_told(struct key_table *table)
{
    struct user user = {.table = table};
    int32_t priority = 0;
    arena_init(&user.arena, 4096);
    while (!user.complaint && !(key_table_group(table, 1, NULL, &priority) && priority == -1)) {
        user_step(&user);
    }
    arena_deinit(&user.arena);
    return !user.complaint;
}

static void tell_users_to_end(struct key_table *table)
{
    struct key_group_info group = {.id = SLICE("a"), .priority = -1};
    key_table_set_groups(table, &group, 1);
}

static void processes_use_what_one_changes_and_are_killed(void **state)
{
    enum { N_KILLED = 20 };
    struct key_table table;
    assert_int_equal(key_table_create(&table), 0);
    struct keeper keeper = {.table = &table};
    pid_t lasting = start(&table, 0, use_until_told);
    for (int i = 0; i < N_KILLED; i++) {
        pid_t killed = start(&table, 1, use_until_told);
        for (int n = 0; n < 300; n++) {
            keeper_step(&keeper);
        }
        kill_soon(killed);
        key_table_forget_leases(&table, 1);
    }
    tell_users_to_end(&table);
    assert_int_equal(end_of(lasting), 0);
    // One for each that was killed in the few nanoseconds between counting a lease in two places.
    assert_in_range(count_leases(&table), 0, N_KILLED);
    assert_int_equal(count_whole(&table), keeper.n_keys);
    key_table_forget_all_leases(&table);
    assert_int_equal(count_leases(&table), 0);
    assert_int_equal(key_table_n_usable(&table), count_usable(&table));
    key_table_take_over(&table);
    assert_nothing_is_missing(&table);
    key_table_close(&table);
}

// Goes on where the last one was killed; it knows no key of that one's, and so changes and removes its own.
static bool keep_for_ever(struct key_table *table)
{
    struct keeper keeper = {.table = table};
    key_table_take_over(table);
    keeper.n_added = atomic_load(&table->shared->next_identity);
    while (keeper.n_keys <= N_KEYS_MAX) {
        keeper_step(&keeper);
    }
    return false;
}

static void a_keeper_may_be_killed_at_any_moment(void **state)
{
    enum { N_KILLED = 40 };
    struct key_table table;
    assert_int_equal(key_table_create(&table), 0);
    pid_t user = start(&table, 0, use_until_told);
    for (int i = 0; i < N_KILLED; i++) {
        kill_soon(start(&table, 1, keep_for_ever));
    }
    key_table_take_over(&table);
    tell_users_to_end(&table);
    assert_int_equal(end_of(user), 0); // nothing it saw was torn or of another key
    for (uint32_t slot = 0; slot < key_table_end(&table); slot++) {
        assert_int_equal(atomic_load(&key_of(&table, slot)->version) % 2, 0);
    }
    assert_int_equal(count_leases(&table), 0);
    assert_in_range(key_table_n_usable(&table), count_usable(&table), count_usable(&table) + N_KILLED);
    key_table_forget_all_leases(&table);
    assert_int_equal(key_table_n_usable(&table), count_usable(&table));
    key_table_take_over(&table);
    assert_nothing_is_missing(&table);
    key_table_close(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_keeper_may_be_killed_at_any_moment),
        cmocka_unit_test(processes_use_what_one_changes_and_are_killed),
        cmocka_unit_test(threads_use_what_one_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
