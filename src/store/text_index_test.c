// SPDX-License-Identifier: MIT
#include "store/text_index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

static void an_empty_one_has_nothing(void **state)
{
    struct text_index index;
    (void)state;
    text_index_init(&index);
    assert_null(text_index_find(&index, SLICE("a")));
    text_index_remove(&index, SLICE("a"));
    assert_int_equal(index.n, 0);
    text_index_deinit(&index);
}

static void an_equal_text_takes_the_place(void **state)
{
    struct text_index index;
    struct slice first = SLICE("same");
    struct slice second = SLICE("same");
    (void)state;
    text_index_init(&index);
    text_index_put(&index, &first);
    text_index_put(&index, &second);
    assert_int_equal(index.n, 1);
    assert_ptr_equal(text_index_find(&index, SLICE("same")), &second);
    text_index_deinit(&index);
}

// Against an array of what should be there, through many random additions and removals.
static void behaves_like_a_set(void **state)
{
    enum { N_TEXTS = 300, N_STEPS = 20000 };
    static char letters[N_TEXTS][8];
    static struct slice texts[N_TEXTS];
    bool is_in[N_TEXTS] = {false};
    size_t n = 0;
    struct text_index index;
    (void)state;
    text_index_init(&index);
    for (int i = 0; i < N_TEXTS; i++) {
        texts[i] = slice_of(letters[i], (size_t)snprintf(letters[i], sizeof(letters[i]), "k%d", i));
    }
    srand(1);
    for (int step = 0; step < N_STEPS; step++) {
        int i = rand() % N_TEXTS;
        if (is_in[i]) {
            text_index_remove(&index, texts[i]);
        } else {
            text_index_put(&index, &texts[i]);
        }
        is_in[i] = !is_in[i];
        n += is_in[i] ? 1 : (size_t)-1;
        int other = rand() % N_TEXTS;
        assert_ptr_equal(text_index_find(&index, texts[other]), is_in[other] ? &texts[other] : NULL);
        assert_int_equal(index.n, n);
    }
    for (int i = 0; i < N_TEXTS; i++) {
        assert_ptr_equal(text_index_find(&index, texts[i]), is_in[i] ? &texts[i] : NULL);
    }
    text_index_deinit(&index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_one_has_nothing),
        cmocka_unit_test(an_equal_text_takes_the_place),
        cmocka_unit_test(behaves_like_a_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
