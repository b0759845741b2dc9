// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "keys/probe_queue.h"

enum { NOW = 1000 * 1000 * 1000, WAIT = 60 * 60 * 1000, MANY = 10000 };

static struct key_table table;
static struct probe_queue queue;

static int set_up(void **state)
{
    queue = (struct probe_queue){.n = 0};
    return key_table_create(&table);
}

static int tear_down(void **state)
{
    key_table_close(&table);
    return 0;
}

static uint32_t add(enum key_status status, int64_t banned_ms, int64_t tested_ms)
{
    char id[KEY_ID_MAX];
    snprintf(id, sizeof(id), "k%u", key_table_end(&table));
    struct key_info info = {.id = slice_from_cstr(id), .secret = slice_from_cstr(id), .weight = 1};
    int64_t slot = key_table_add(&table, &info, NULL, NULL);
    assert_true(slot >= 0);
    assert_true(status == KEY_ACTIVE || key_table_set_status(&table, (uint32_t)slot, KEY_ACTIVE, status));
    atomic_store(&key_of(&table, (uint32_t)slot)->banned_ms, banned_ms);
    atomic_store(&key_of(&table, (uint32_t)slot)->last_test_ms, tested_ms);
    return (uint32_t)slot;
}

static void look_at_all(int64_t now_ms)
{
    while (!probe_queue_look(&queue, &table, WAIT, now_ms)) {
    }
}

static int64_t take(int64_t now_ms)
{
    uint32_t slot;
    return probe_queue_take(&queue, &table, WAIT, now_ms, &slot) ? (int64_t)slot : -1;
}

static int64_t next(int64_t now_ms)
{
    look_at_all(now_ms);
    int64_t slot = take(now_ms);
    queue.n = 0;
    return slot;
}

static void only_keys_that_waited_long_enough_since_ban_and_test(void **state)
{
    static const struct {
        enum key_status status;
        int64_t banned_ago;
        int64_t tested_ago;
        bool is_due;
    } KEYS[] = {
        {KEY_ACTIVE, 2 * WAIT, 2 * WAIT, false},
        {KEY_DISABLED, 2 * WAIT, 2 * WAIT, false},
        {KEY_BANNED, WAIT, NOW, true},
        {KEY_BANNED, WAIT - 1, NOW, false},
        {KEY_BANNED, 2 * WAIT, WAIT - 1, false},
        {KEY_BANNED, 2 * WAIT, WAIT, true},
        {KEY_BANNED, NOW, NOW, true},    // nobody knows since when
        {KEY_BANNED, -5000, NOW, false}, // the clock was set back
    };
    for (size_t i = 0; i < sizeof(KEYS) / sizeof(*KEYS); i++) {
        uint32_t slot = add(KEYS[i].status, NOW - KEYS[i].banned_ago, NOW - KEYS[i].tested_ago);
        assert_int_equal(next(NOW), KEYS[i].is_due ? (int64_t)slot : -1);
        if (KEYS[i].is_due) {
            assert_int_equal(atomic_load(&key_of(&table, slot)->last_test_ms), NOW);
            assert_int_equal(next(NOW + WAIT - 1), -1);
        }
        key_table_remove(&table, slot);
    }
}

static void no_keys_at_all(void **state)
{
    assert_true(probe_queue_look(&queue, &table, WAIT, NOW));
    assert_int_equal(take(NOW), -1);
}

static void what_has_changed_since_it_was_found_is_passed_over(void **state)
{
    uint32_t enabled = add(KEY_BANNED, 1, 0);
    uint32_t disabled = add(KEY_BANNED, 2, 0);
    uint32_t removed = add(KEY_BANNED, 3, 0);
    uint32_t tested = add(KEY_BANNED, 4, 0);
    uint32_t left = add(KEY_BANNED, 5, 0);
    look_at_all(NOW);
    assert_int_equal(queue.n, 5);
    assert_true(key_table_set_status(&table, enabled, KEY_BANNED, KEY_ACTIVE));
    assert_true(key_table_set_status(&table, disabled, KEY_BANNED, KEY_DISABLED));
    key_table_remove(&table, removed);
    atomic_store(&key_of(&table, tested)->last_test_ms, NOW - 1);
    assert_int_equal(take(NOW), left);
    assert_int_equal(take(NOW), -1);
    assert_int_equal(atomic_load(&key_of(&table, disabled)->last_test_ms), 0);
}

// However many there are: a piece is bounded, the queue is, and all have their turn, the oldest first.
static void many_take_turns(void **state)
{
    static int64_t banned[MANY];
    int64_t now_ms = NOW;
    for (int i = 0; i < MANY; i++) {
        banned[i] = 1 + (int64_t)i * 7919 % MANY; // each number once
        add(KEY_BANNED, banned[i], 0);
    }
    assert_false(probe_queue_look(&queue, &table, WAIT, now_ms));
    look_at_all(now_ms);
    for (int n = 0; n < MANY; n++) {
        if (queue.n == 0) {
            look_at_all(now_ms);
            assert_in_range(queue.n, 1, PROBE_QUEUE_MAX);
        }
        int64_t slot = take(++now_ms);
        assert_true(slot >= 0);
        assert_int_equal(banned[slot], n + 1);
    }
    look_at_all(now_ms);
    assert_int_equal(queue.n, 0);
    look_at_all(NOW + 1 + WAIT);
    assert_int_equal(queue.n, 1);
}

// Processes that read the same: each key is one's.
static void no_two_processes_take_the_same_key(void **state)
{
    enum { PROCESSES = 4, KEYS = PROBE_QUEUE_MAX };
    for (int round = 0; round < 50; round++) {
        int pipes[2];
        uint32_t slots[KEYS];
        uint8_t n_taken[KEYS] = {0};
        for (int i = 0; i < KEYS; i++) {
            slots[i] = add(KEY_BANNED, 1, 0);
        }
        look_at_all(NOW);
        assert_int_equal(pipe(pipes), 0);
        for (int i = 0; i < PROCESSES; i++) {
            if (fork() == 0) {
                for (int64_t slot = take(NOW); slot >= 0; slot = take(NOW)) {
                    uint32_t taken = (uint32_t)slot;
                    if (write(pipes[1], &taken, sizeof(taken)) != sizeof(taken)) {
                        _exit(1);
                    }
                }
                _exit(0);
            }
        }
        close(pipes[1]);
        uint32_t taken;
        size_t n = 0;
        for (; read(pipes[0], &taken, sizeof(taken)) == sizeof(taken); n++) {
            for (int i = 0; i < KEYS; i++) {
                n_taken[i] = (uint8_t)(n_taken[i] + (slots[i] == taken));
            }
        }
        close(pipes[0]);
        for (int i = 0; i < PROCESSES; i++) {
            int status;
            assert_true(wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0);
        }
        assert_int_equal(n, KEYS);
        for (int i = 0; i < KEYS; i++) {
            assert_int_equal(n_taken[i], 1);
            key_table_remove(&table, slots[i]);
        }
        queue.n = 0;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_keys_at_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_keys_that_waited_long_enough_since_ban_and_test, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_has_changed_since_it_was_found_is_passed_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_take_turns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_two_processes_take_the_same_key, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
