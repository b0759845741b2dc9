// SPDX-License-Identifier: MIT
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "keys/key_table_internal.h"

static struct key_table table;

static int set_up(void **state)
{
    return key_table_create(&table);
}

static int tear_down(void **state)
{
    key_table_close(&table);
    return 0;
}

static void assert_none(uint64_t *at)
{
    uint32_t slot;
    bool is_lost;
    assert_false(key_changes_next(&table, at, &slot, &is_lost));
    assert_false(is_lost);
}

static void assert_next(uint64_t *at, uint32_t expected)
{
    uint32_t slot;
    bool is_lost;
    assert_true(key_changes_next(&table, at, &slot, &is_lost));
    assert_false(is_lost);
    assert_int_equal(slot, expected);
}

static void changes_come_in_their_order_over_many_laps(void **state)
{
    uint64_t at = key_changes_now(&table);
    assert_none(&at);
    for (uint32_t i = 0; i < 3 * KEY_CHANGES; i += 2) {
        key_changed(&table, i);
        key_changed(&table, UINT32_MAX - i);
        assert_next(&at, i);
        assert_next(&at, UINT32_MAX - i);
        assert_none(&at);
    }
}

static void who_is_behind_by_all_that_are_kept_gets_them_and_by_one_more_is_told(void **state)
{
    for (uint32_t lap = 0; lap < 3; lap++) {
        uint64_t at = key_changes_now(&table);
        uint64_t late = at;
        uint32_t slot;
        bool is_lost;
        for (uint32_t i = 0; i < KEY_CHANGES; i++) {
            key_changed(&table, i);
        }
        assert_next(&at, 0);
        key_changed(&table, 7);
        assert_false(key_changes_next(&table, &late, &slot, &is_lost));
        assert_true(is_lost);
        assert_none(&late);
        for (uint32_t i = 1; i < KEY_CHANGES; i++) {
            assert_next(&at, i);
        }
        assert_next(&at, 7);
        key_changed(&table, 8);
        assert_next(&late, 8);
    }
}

static void marks_go_round(void **state)
{
    const uint64_t start = (UINT64_C(1) << 32) - 10;
    // As if four billion changes had been made: what the ring would have of the last lap.
    for (uint64_t number = start - KEY_CHANGES; number < start; number++) {
        atomic_store(&table.shared->changes[number % KEY_CHANGES], (uint64_t)(uint32_t)(number + 1) << 32 | 1);
    }
    atomic_store(&table.shared->n_changes, start);
    uint64_t at = start;
    for (uint32_t i = 0; i < 30; i++) {
        assert_none(&at);
        key_changed(&table, 0);
        assert_next(&at, 0);
    }
}

// As a process leaves it that is killed between writing its entry and counting it.
static void a_writer_that_died_holds_nobody_up(void **state)
{
    uint64_t at = key_changes_now(&table);
    key_changed(&table, 5);
    atomic_fetch_sub(&table.shared->n_changes, 1);
    key_changed(&table, 6);
    assert_next(&at, 5);
    assert_next(&at, 6);
    assert_none(&at);
    key_changed(&table, 7);
    atomic_fetch_sub(&table.shared->n_changes, 1);
    assert_next(&at, 7);
    assert_none(&at);
    key_changed(&table, 8);
    assert_next(&at, 8);
}

enum { N_WRITERS = 3, N_EACH = 60000 };

struct writer {
    pthread_t thread;
    uint32_t number;
};

static void *write_changes(void *arg)
{
    const struct writer *writer = arg;
    for (uint32_t i = 0; i < N_EACH; i++) {
        key_changed(&table, writer->number << 24 | i);
    }
    return NULL;
}

// Each writer's changes arrive once and in its order; after a loss they go on later in it.
static void what_many_write_arrives(void **state)
{
    struct writer writers[N_WRITERS];
    uint32_t next[N_WRITERS] = {0};
    uint64_t at = key_changes_now(&table);
    uint64_t n_taken = 0;
    bool has_lost = false;
    for (uint32_t i = 0; i < N_WRITERS; i++) {
        writers[i].number = i;
        assert_int_equal(pthread_create(&writers[i].thread, NULL, write_changes, &writers[i]), 0);
    }
    while (at < N_WRITERS * N_EACH) {
        uint32_t slot;
        bool is_lost;
        if (key_changes_next(&table, &at, &slot, &is_lost)) {
            uint32_t from = slot >> 24;
            uint32_t i = slot & 0xFFFFFF;
            assert_true(from < N_WRITERS);
            assert_true(has_lost ? i >= next[from] : i == next[from]);
            next[from] = i + 1;
            n_taken++;
        } else {
            has_lost = has_lost || is_lost;
        }
    }
    for (uint32_t i = 0; i < N_WRITERS; i++) {
        pthread_join(writers[i].thread, NULL);
    }
    assert_none(&at);
    assert_true(key_changes_now(&table) == N_WRITERS * N_EACH);
    assert_true(has_lost || n_taken == N_WRITERS * N_EACH);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_writer_that_died_holds_nobody_up),
        TEST(who_is_behind_by_all_that_are_kept_gets_them_and_by_one_more_is_told),
        TEST(changes_come_in_their_order_over_many_laps),
        TEST(marks_go_round),
        TEST(what_many_write_arrives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
