// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "keys/dice.h"
#include "keys/share_tree.h"

static void draws_in_proportion(void **state)
{
    static const double weights[] = {1, 0, 5, 2, 0};
    enum { N = sizeof(weights) / sizeof(*weights), N_DRAWS = 80000 };
    struct share_tree tree;
    share_tree_init(&tree);
    share_tree_grow(&tree, 8);
    for (uint32_t i = 0; i < N; i++) {
        share_tree_set(&tree, i, weights[i]);
    }
    // Evenly spaced points hit each leaf exactly as often as its weight says.
    uint32_t counts[8] = {0};
    for (int i = 0; i < N_DRAWS; i++) {
        uint32_t leaf = 0;
        assert_true(share_tree_draw(&tree, (double)i / N_DRAWS, &leaf));
        counts[leaf]++;
    }
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_equal(counts[i], i < N ? weights[i] / 8 * N_DRAWS : 0);
    }
    share_tree_deinit(&tree);
}

static void what_has_no_weight_is_never_drawn(void **state)
{
    enum { N = 64, N_ROUNDS = 50000 };
    struct dice dice = {3};
    struct share_tree tree;
    share_tree_init(&tree);
    uint32_t leaf = 0;
    assert_false(share_tree_draw(&tree, 0, &leaf));
    share_tree_grow(&tree, N);
    assert_false(share_tree_draw(&tree, 0, &leaf));
    double sum = 0;
    for (int round = 0; round < N_ROUNDS; round++) {
        leaf = dice_below(&dice, N);
        double weight = dice_below(&dice, 3) ? 0 : dice_unit(&dice) * 1e9 + 0.1;
        sum += weight - share_tree_weight(&tree, leaf);
        share_tree_set(&tree, leaf, weight);
        static const double at[] = {0, 0.5, 0.99999999999999989};
        for (int i = 0; i < 3; i++) {
            bool is_any = share_tree_draw(&tree, at[i], &leaf);
            assert_int_equal(is_any, sum > 0.05);
            assert_true(!is_any || share_tree_weight(&tree, leaf) > 0);
        }
    }
    share_tree_deinit(&tree);
}

static void growing_and_copying_keep_what_is_there(void **state)
{
    struct share_tree tree;
    share_tree_init(&tree);
    for (uint32_t n = 1; n <= 256; n *= 2) {
        share_tree_grow(&tree, n);
        for (uint32_t i = n / 2; i < n; i++) {
            share_tree_set(&tree, i, i + 1.0);
        }
    }
    struct share_tree copy;
    share_tree_copy(&copy, &tree);
    share_tree_deinit(&tree);
    double from = 0;
    const double total = 256 * 257 / 2.0;
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t leaf = 0;
        assert_true(share_tree_weight(&copy, i) == i + 1.0);
        assert_true(share_tree_draw(&copy, (from + 0.5) / total, &leaf));
        assert_int_equal(leaf, i);
        from += i + 1.0;
    }
    share_tree_deinit(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_in_proportion),
        cmocka_unit_test(what_has_no_weight_is_never_drawn),
        cmocka_unit_test(growing_and_copying_keep_what_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
