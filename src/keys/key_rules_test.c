// SPDX-License-Identifier: MIT
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

// Sets groups of one letter each, with the letter as priority.
static void set_groups(const char *letters)
{
    struct key_group_info groups[26];
    size_t n = strlen(letters);
    for (size_t i = 0; i < n; i++) {
        groups[i] = (struct key_group_info){.id = slice_of(&letters[i], 1), .priority = letters[i]};
    }
    key_table_set_groups(&table, groups, n);
}

static uint16_t index_of(char letter)
{
    return key_table_find_group(&table, slice_of(&letter, 1));
}

static void an_empty_table_has_the_defaults(void **state)
{
    struct key_settings settings;
    struct slice id;
    int32_t priority;
    key_table_settings(&table, &settings);
    assert_int_equal(settings.algorithm, KEY_ROUND_ROBIN);
    assert_int_equal(settings.retry_max, 3);
    assert_true(settings.warning_ratio == key_settings_default.warning_ratio);
    assert_int_equal(key_table_n_groups(&table), 1);
    assert_true(key_table_group(&table, 0, &id, &priority));
    assert_true(slice_eq(id, SLICE("default")));
    assert_int_equal(priority, INT32_MAX);
    assert_false(key_table_group(&table, 1, &id, &priority));
    assert_false(key_table_group(&table, UINT32_MAX, &id, &priority));
    assert_int_equal(key_table_find_group(&table, SLICE("default")), 0);
    assert_int_equal(key_table_find_group(&table, SLICE("other")), 0);
    assert_int_equal(key_table_find_group(&table, SLICE_EMPTY), 0);
}

static void settings_and_groups_do_not_touch_each_other(void **state)
{
    struct key_settings settings = key_settings_default;
    struct key_settings back;
    int32_t priority;
    uint32_t version = key_table_settings_version(&table);
    settings.daily_limit = UINT64_MAX;
    settings.warning_ratio = 0.25;
    set_groups("ab");
    assert_true(key_table_settings_version(&table) != version);
    version = key_table_settings_version(&table);
    key_table_set_settings(&table, &settings);
    assert_true(key_table_settings_version(&table) != version);
    assert_int_equal(key_table_n_groups(&table), 3);
    set_groups("abc");
    key_table_settings(&table, &back);
    assert_true(back.daily_limit == UINT64_MAX && back.warning_ratio == 0.25 && back.has_affinity);
    assert_true(key_table_group(&table, index_of('b'), NULL, &priority));
    assert_int_equal(priority, 'b');
}

static void a_group_keeps_its_index_and_its_turn(void **state)
{
    static const struct {
        const char *letters;
        const char *indexes; // by index; '-': none
    } rows[] = {
        {"", ""},        {"abc", "abc"},    {"cba", "abc"}, // in any order
        {"ac", "a-c"},                                      // a hole …
        {"acd", "adc"},                                     // … is filled by the next call,
        {"ace", "a-ce"},                                    // but not by the call that makes it
        {"aec", "a-ce"}, {"xyz", "-x--yz"}, {"xyzabc", "axbcyz"}, {"", ""}, {"q", "q"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        set_groups(rows[i].letters);
        assert_int_equal(key_table_n_groups(&table), 1 + strlen(rows[i].indexes));
        for (uint16_t at = 0; rows[i].indexes[at]; at++) {
            struct slice id;
            int32_t priority;
            char letter = rows[i].indexes[at];
            bool is_there = key_table_group(&table, at + 1U, &id, &priority);
            assert_int_equal(is_there, letter != '-');
            if (is_there) {
                assert_true(slice_eq(id, slice_of(&letter, 1)));
                assert_int_equal(priority, letter);
                assert_int_equal(index_of(letter), at + 1);
            }
        }
    }
}

static void the_turn_stays_with_the_group_and_begins_anew_with_another(void **state)
{
    set_groups("ab");
    atomic_store(&key_table_group_turn(&table, 1)->pass, 10);
    atomic_store(&key_table_group_turn(&table, 2)->pass, 20);
    set_groups("b");
    set_groups("bc");
    assert_int_equal(index_of('b'), 2);
    assert_int_equal(index_of('c'), 1);
    assert_int_equal(atomic_load(&key_table_group_turn(&table, 1)->pass), 0);
    assert_int_equal(atomic_load(&key_table_group_turn(&table, 2)->pass), 20);
}

static void as_many_groups_as_may_be_can_all_be_exchanged(void **state)
{
    enum { N = KEY_GROUPS_MAX - 1 };
    static char ids[N][KEY_GROUP_ID_MAX];
    static struct key_group_info groups[N];
    static bool is_taken[KEY_GROUPS_MAX];
    for (int round = 0; round < 3; round++) {
        memset(is_taken, 0, sizeof(is_taken));
        for (int i = 0; i < N; i++) {
            // The longest id there is.
            memset(ids[i], 'x', KEY_GROUP_ID_MAX);
            memcpy(ids[i], &(int[]){round, i}, 2 * sizeof(int));
            groups[i] = (struct key_group_info){.id = slice_of(ids[i], KEY_GROUP_ID_MAX), .priority = i};
        }
        key_table_set_groups(&table, groups, N);
        assert_int_equal(key_table_n_groups(&table), KEY_GROUPS_MAX);
        for (int i = 0; i < N; i++) {
            int32_t priority;
            uint16_t index = key_table_find_group(&table, groups[i].id);
            assert_true(index > 0 && index < KEY_GROUPS_MAX && !is_taken[index]);
            is_taken[index] = true;
            assert_true(key_table_group(&table, index, NULL, &priority));
            assert_int_equal(priority, i);
        }
    }
}

// What a keeper that is killed leaves: the copy that is not in force is half written.
static void a_keeper_that_died_spoils_nothing(void **state)
{
    struct key_settings settings;
    uint32_t version = key_table_settings_version(&table);
    set_groups("a");
    memset(&table.shared->rules[(version + 2) % 2], '#', sizeof(*table.shared->rules));
    key_table_settings(&table, &settings);
    assert_memory_equal(&settings, &key_settings_default, sizeof(settings));
    assert_int_equal(key_table_n_groups(&table), 2);
    set_groups("ab");
    assert_int_equal(key_table_n_groups(&table), 3);
    assert_int_equal(index_of('a'), 1);
    key_table_settings(&table, &settings);
    assert_memory_equal(&settings, &key_settings_default, sizeof(settings));
}

enum { N_READERS = 4, N_CHANGES = 1000 };

struct reader {
    pthread_t thread;
    const _Atomic bool *is_over;
    uint64_t n_reads;
    const char *complaint; // NULL: all is well
};

static void *read_rules(void *arg)
{
    struct reader *reader = arg;
    uint32_t last = 0;
    for (; !reader->complaint && !atomic_load(reader->is_over); reader->n_reads++) {
        struct key_settings settings;
        int32_t priority = 0;
        key_table_settings(&table, &settings);
        bool is_there = key_table_group(&table, 2, NULL, &priority);
        if (settings.retry_max != settings.max_inflight || settings.daily_limit != settings.max_inflight) {
            reader->complaint = "settings of two moments";
        } else if (settings.retry_max < last) {
            reader->complaint = "settings of an earlier moment";
        } else if (key_table_n_groups(&table) != 3 || !is_there || priority != 'b') {
            reader->complaint = "groups that there never were";
        }
        last = settings.retry_max;
    }
    return NULL;
}

// More readers than processors, so that they are interrupted while they read.
static void what_is_read_belongs_together(void **state)
{
    _Atomic bool is_over = false;
    struct reader readers[N_READERS];
    key_table_set_settings(&table, &(struct key_settings){0});
    set_groups("ab");
    for (int i = 0; i < N_READERS; i++) {
        readers[i] = (struct reader){.is_over = &is_over};
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_rules, &readers[i]), 0);
    }
    for (uint32_t n = 1; n <= N_CHANGES; n++) {
        struct key_settings settings = {.retry_max = n, .max_inflight = n, .daily_limit = n};
        key_table_set_settings(&table, &settings);
        set_groups(n % 2 ? "ab" : "ba");
    }
    atomic_store(&is_over, true);
    for (int i = 0; i < N_READERS; i++) {
        pthread_join(readers[i].thread, NULL);
        assert_null(readers[i].complaint);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_keeper_that_died_spoils_nothing),
        TEST(an_empty_table_has_the_defaults),
        TEST(settings_and_groups_do_not_touch_each_other),
        TEST(a_group_keeps_its_index_and_its_turn),
        TEST(the_turn_stays_with_the_group_and_begins_anew_with_another),
        TEST(as_many_groups_as_may_be_can_all_be_exchanged),
        TEST(what_is_read_belongs_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
