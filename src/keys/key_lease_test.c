// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "keys/key_table_internal.h"

static struct key_table table;
static struct arena arena;

static int set_up(void **state)
{
    arena_init(&arena, 4096);
    return key_table_create(&table);
}

static int tear_down(void **state)
{
    key_table_close(&table);
    arena_deinit(&arena);
    return 0;
}

static uint32_t add(struct slice secret, uint64_t proxy)
{
    struct key_info info = {.id = SLICE("one"), .secret = secret, .weight = 1, .proxy = proxy};
    int64_t slot = key_table_add(&table, &info, NULL, NULL);
    assert_true(slot >= 0);
    return (uint32_t)slot;
}

static uint32_t identity_of(uint32_t slot)
{
    return atomic_load(&key_of(&table, slot)->identity);
}

static uint32_t inflight_of(uint32_t slot)
{
    return atomic_load(&key_of(&table, slot)->inflight);
}

static bool take(struct key_table *from, uint32_t slot, uint32_t identity, struct key_lease *lease_r)
{
    struct key_info info;
    return key_lease_take(from, slot, identity, &arena, lease_r, &info);
}

static void a_lease_has_the_secret_and_counts(void **state)
{
    struct key_lease leases[3];
    struct key_info info;
    uint32_t slot = add(SLICE("key-one"), 42);
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(key_lease_take(&table, slot, identity_of(slot), &arena, &leases[i], &info));
        assert_true(slice_eq(info.secret, SLICE("key-one")));
        assert_true(info.proxy == 42);
        assert_int_equal(leases[i].slot, slot);
        assert_int_equal(leases[i].identity, identity_of(slot));
        assert_int_equal(inflight_of(slot), i + 1);
    }
    for (uint32_t i = 0; i < 3; i++) {
        key_lease_return(&table, &leases[i]);
        assert_int_equal(leases[i].identity, 0);
        assert_int_equal(inflight_of(slot), 2 - i);
    }
}

static void who_names_another_key_gets_none(void **state)
{
    struct key_lease lease = {.slot = 77, .identity = 88};
    uint32_t slot = add(SLICE("key-one"), 0);
    uint32_t identity = identity_of(slot);
    assert_false(take(&table, slot, 0, &lease));
    assert_false(take(&table, slot, identity + 1, &lease));
    assert_false(take(&table, slot + 1, identity, &lease));
    assert_false(take(&table, KEY_SLOTS_MAX, identity, &lease));
    assert_false(take(&table, UINT32_MAX, identity, &lease));
    key_table_remove(&table, slot);
    assert_false(take(&table, slot, identity, &lease));
    assert_int_equal(add(SLICE("key-two"), 0), slot);
    assert_false(take(&table, slot, identity, &lease));
    assert_int_equal(inflight_of(slot), 0);
    assert_true(lease.slot == 77 && lease.identity == 88); // untouched
}

static void a_lease_outlives_its_key(void **state)
{
    struct key_lease lease;
    struct key_info info;
    uint32_t slot = add(SLICE("key-one"), 0);
    assert_true(key_lease_take(&table, slot, identity_of(slot), &arena, &lease, &info));
    key_table_remove(&table, slot);
    assert_true(slice_eq(info.secret, SLICE("key-one")));
    assert_false(key_table_set_status(&table, slot, KEY_ACTIVE, KEY_BANNED)); // an attempt fails meanwhile
    key_set_last_error(key_of(&table, slot), SLICE("it broke"), 5);
    assert_true(add(SLICE("key-two"), 0) != slot);
    key_lease_return(&table, &lease);
    assert_int_equal(add(SLICE("key-three"), 0), slot);
    assert_int_equal(key_last_error(key_of(&table, slot), &arena).len, 0);
}

enum { N_TAKEN = 3 };

// Takes leases as `holder`, says so, and waits to be killed.
static pid_t start_holder(uint32_t holder, uint32_t slot, uint32_t identity)
{
    int ends[2];
    char byte = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        struct key_table theirs;
        struct key_lease leases[N_TAKEN];
        bool is_good = key_table_attach_take(&theirs, dup(table.region.fd)) == 0;
        if (is_good) {
            key_table_hold_as(&theirs, holder);
        }
        for (int i = 0; i < N_TAKEN && is_good; i++) {
            is_good = take(&theirs, slot, identity, &leases[i]);
        }
        byte = is_good ? 'y' : 'n';
        if (write(ends[1], &byte, 1) == 1) {
            alarm(60);
            pause();
        }
        _exit(1);
    }
    assert_int_equal(read(ends[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    close(ends[0]);
    close(ends[1]);
    return child;
}

static void end_holder(pid_t child)
{
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void what_a_killed_process_held_is_taken_back(void **state)
{
    struct key_lease lease;
    uint32_t slot = add(SLICE("key-one"), 0);
    uint32_t identity = identity_of(slot);
    key_table_hold_as(&table, 0);
    assert_true(take(&table, slot, identity, &lease));
    pid_t killed = start_holder(1, slot, identity);
    pid_t living = start_holder(KEY_HOLDERS_MAX - 1, slot, identity);
    assert_int_equal(inflight_of(slot), 1 + 2 * N_TAKEN);
    end_holder(killed);
    key_table_remove(&table, slot); // before anybody has noticed
    key_table_forget_leases(&table, 1);
    assert_int_equal(inflight_of(slot), 1 + N_TAKEN);
    key_table_forget_leases(&table, 1);
    assert_int_equal(inflight_of(slot), 1 + N_TAKEN); // once only
    assert_true(add(SLICE("key-two"), 0) != slot);
    end_holder(living);
    key_lease_return(&table, &lease);
    key_table_forget_leases(&table, KEY_HOLDERS_MAX - 1);
    key_table_forget_leases(&table, 0);
    assert_int_equal(inflight_of(slot), 0);
    assert_int_equal(add(SLICE("key-three"), 0), slot);
}

static void who_takes_its_number_takes_it_back_too(void **state)
{
    uint32_t slot = add(SLICE("key-one"), 0);
    end_holder(start_holder(1, slot, identity_of(slot)));
    assert_int_equal(inflight_of(slot), N_TAKEN);
    end_holder(start_holder(1, slot, identity_of(slot)));
    assert_int_equal(inflight_of(slot), N_TAKEN);
    key_table_hold_as(&table, 1);
    assert_int_equal(inflight_of(slot), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_names_another_key_gets_none),        TEST(what_a_killed_process_held_is_taken_back),
        TEST(who_takes_its_number_takes_it_back_too), TEST(a_lease_outlives_its_key),
        TEST(a_lease_has_the_secret_and_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
