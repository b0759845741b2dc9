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

static struct arena arena;

static int set_up(void **state)
{
    arena_init(&arena, 4096);
    return 0;
}

static int tear_down(void **state)
{
    arena_deinit(&arena);
    return 0;
}

static void a_text_is_cut_between_characters_and_at_a_nul(void **state)
{
    char longest[KEY_ERROR_MAX + 20];
    memset(longest, 'a', sizeof(longest));
    for (size_t len = 0; len <= sizeof(longest); len++) {
        struct key_slot slot = {0};
        key_set_last_error(&slot, slice_of(longest, len), (int64_t)len + 1);
        struct slice text = key_last_error(&slot, &arena);
        assert_int_equal(text.len, len < KEY_ERROR_MAX ? len : KEY_ERROR_MAX);
        assert_true(slice_starts_with(slice_of(longest, sizeof(longest)), text));
        assert_int_equal(slot.last_error[text.len], '\0');
        assert_int_equal(atomic_load(&slot.last_error_ms), len + 1);
    }
    // A character of four bytes that begins within the last four places.
    for (size_t at = KEY_ERROR_MAX - 4; at <= KEY_ERROR_MAX; at++) {
        struct key_slot slot = {0};
        memset(longest, 'a', sizeof(longest));
        memcpy(longest + at, "\xF0\x9F\x98\x80", 4);
        key_set_last_error(&slot, slice_of(longest, sizeof(longest)), 1);
        assert_int_equal(key_last_error(&slot, &arena).len, at + 4 == KEY_ERROR_MAX ? KEY_ERROR_MAX : at);
    }
    struct key_slot slot = {0};
    key_set_last_error(&slot, SLICE("one\0two"), 1);
    assert_true(slice_eq(key_last_error(&slot, &arena), SLICE("one")));
    key_set_last_error(&slot, SLICE_EMPTY, 2);
    assert_int_equal(key_last_error(&slot, &arena).len, 0);
}

static void bytes_that_are_no_text_are_cut_too(void **state)
{
    struct key_slot slot = {0};
    char bytes[200];
    memset(bytes, '\x80', sizeof(bytes));
    key_set_last_error(&slot, slice_of(bytes, sizeof(bytes)), 1);
    assert_int_equal(key_last_error(&slot, &arena).len, 0);
}

static void who_does_not_get_it_leaves_it(void **state)
{
    struct key_slot slot = {0};
    key_set_last_error(&slot, SLICE("first"), 1);
    atomic_fetch_add(&slot.error_version, 1); // somebody is writing, or died while writing
    key_set_last_error(&slot, SLICE("second"), 2);
    assert_int_equal(key_last_error(&slot, &arena).len, 0);
    assert_int_equal(atomic_load(&slot.last_error_ms), 2);
    assert_string_equal(slot.last_error, "first");
    key_error_clear(&slot);
    assert_int_equal(key_last_error(&slot, &arena).len, 0);
    key_set_last_error(&slot, SLICE("third"), 3);
    assert_true(slice_eq(key_last_error(&slot, &arena), SLICE("third")));
}

struct quarrel {
    struct key_slot slot;
    _Atomic bool is_over;
};

static void *write_errors(void *arg)
{
    struct quarrel *quarrel = arg;
    char text[KEY_ERROR_MAX];
    for (unsigned n = 0; !atomic_load(&quarrel->is_over); n++) {
        memset(text, 'a' + n % 26, sizeof(text));
        key_set_last_error(&quarrel->slot, slice_of(text, 40 + n % 26), 1);
    }
    return NULL;
}

static void a_text_is_of_one_writer(void **state)
{
    enum { N_WRITERS = 2, N_READS = 20000 };
    struct quarrel quarrel = {.is_over = false};
    pthread_t threads[N_WRITERS];
    for (int i = 0; i < N_WRITERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, write_errors, &quarrel), 0);
    }
    size_t n_texts = 0;
    for (int n = 0; n < N_READS || n_texts == 0; n++) {
        struct slice text = key_last_error(&quarrel.slot, &arena);
        if (text.len) {
            n_texts++;
            assert_int_equal(text.len, 40 + text.ptr[0] - 'a');
            for (size_t i = 1; i < text.len; i++) {
                assert_int_equal(text.ptr[i], text.ptr[0]);
            }
        }
        arena_reset(&arena);
    }
    atomic_store(&quarrel.is_over, true);
    for (int i = 0; i < N_WRITERS; i++) {
        pthread_join(threads[i], NULL);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bytes_that_are_no_text_are_cut_too),
        TEST(who_does_not_get_it_leaves_it),
        TEST(a_text_is_cut_between_characters_and_at_a_nul),
        TEST(a_text_is_of_one_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
