// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/map.h"

static void an_empty_map_has_nothing(void **state)
{
    struct map map;
    size_t at = 0;
    map_init(&map);
    assert_null(map_find(&map, SLICE("a")));
    assert_null(map_remove(&map, SLICE("a")));
    assert_null(map_next(&map, &at));
    assert_int_equal(map.n_entries, 0);
    map_deinit(&map);
}

static void setting_replaces_and_returns_what_was_there(void **state)
{
    struct map map;
    int one;
    int two;
    map_init(&map);
    assert_null(map_set(&map, SLICE("a"), &one));
    assert_ptr_equal(map_set(&map, SLICE("a"), &two), &one);
    assert_ptr_equal(map_find(&map, SLICE("a")), &two);
    assert_int_equal(map.n_entries, 1);
    assert_ptr_equal(map_remove(&map, SLICE("a")), &two);
    assert_null(map_remove(&map, SLICE("a")));
    assert_int_equal(map.n_entries, 0);
    map_deinit(&map);
}

// Empty, of every length around a word, with bytes that only the length tells apart.
static void keys_are_any_bytes(void **state)
{
    static const struct slice keys[] = {
        SLICE_INIT(""),
        SLICE_INIT("\0"),
        SLICE_INIT("\0\0"),
        SLICE_INIT("a"),
        SLICE_INIT("a\0"),
        SLICE_INIT("1234567"),
        SLICE_INIT("12345678"),
        SLICE_INIT("12345678\0"),
        SLICE_INIT("123456789"),
        SLICE_INIT("A"),
        SLICE_INIT("1234567812345678"),
        SLICE_INIT("12345678123456780"),
    };
    enum { N = sizeof(keys) / sizeof(*keys) };
    int values[N];
    struct map map;
    map_init(&map);
    for (size_t i = 0; i < N; i++) {
        assert_null(map_set(&map, keys[i], &values[i]));
    }
    for (size_t i = 0; i < N; i++) {
        assert_ptr_equal(map_find(&map, keys[i]), &values[i]);
    }
    assert_ptr_equal(map_find(&map, SLICE_EMPTY), &values[0]);
    map_deinit(&map);
}

enum { N_KEYS = 300 };

// The same calls on a map and on an array of what it should hold; and after each some checks of the whole.
static void it_holds_what_an_array_would_hold(void **state)
{
    static char names[N_KEYS][16];
    static int values[N_KEYS][2];
    void *model[N_KEYS] = {NULL};
    struct map map;
    uint32_t dice = 1;
    size_t n_model = 0;
    map_init(&map);
    for (int i = 0; i < N_KEYS; i++) {
        snprintf(names[i], sizeof(names[i]), "key %d", i);
    }
    for (int round = 0; round < 200000; round++) {
        dice = dice * 1664525 + 1013904223;
        size_t i = (dice >> 8) % N_KEYS;
        struct slice key = slice_from_cstr(names[i]);
        // Long phases in which it grows, and others in which it shrinks.
        bool is_removal = (dice >> 28) < (round / 20000 % 2 ? 12U : 4U);
        void *value = is_removal ? NULL : &values[i][dice >> 27 & 1];
        void *before = is_removal ? map_remove(&map, key) : map_set(&map, key, value);
        assert_ptr_equal(before, model[i]);
        n_model = n_model + (value != NULL) - (model[i] != NULL);
        model[i] = value;
        assert_int_equal(map.n_entries, n_model);
        if (round % 100 == 0) {
            for (size_t k = 0; k < N_KEYS; k++) {
                assert_ptr_equal(map_find(&map, slice_from_cstr(names[k])), model[k]);
            }
        }
    }
    map_deinit(&map);
}

static void a_walk_sees_every_entry_once(void **state)
{
    static char names[N_KEYS][16];
    int n_seen[N_KEYS] = {0};
    struct map map;
    map_init(&map);
    for (int i = 0; i < N_KEYS; i++) {
        snprintf(names[i], sizeof(names[i]), "%d", i);
        map_set(&map, slice_from_cstr(names[i]), &n_seen[i]);
    }
    size_t at = 0;
    for (const struct map_entry *entry; (entry = map_next(&map, &at)) != NULL;) {
        ++*(int *)entry->value;
        assert_ptr_equal(entry->value, map_find(&map, entry->key));
    }
    for (int i = 0; i < N_KEYS; i++) {
        assert_int_equal(n_seen[i], 1);
    }
    assert_null(map_next(&map, &at));
    map_deinit(&map);
    assert_int_equal(map.n_entries, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_map_has_nothing),     cmocka_unit_test(setting_replaces_and_returns_what_was_there),
        cmocka_unit_test(keys_are_any_bytes),           cmocka_unit_test(it_holds_what_an_array_would_hold),
        cmocka_unit_test(a_walk_sees_every_entry_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
