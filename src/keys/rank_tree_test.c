// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "keys/dice.h"
#include "keys/rank_tree.h"

enum { N_MAX = 1024, N_ROUNDS = 20000 };

// What the tree must find.
static bool least_of(const struct rank *ranks, uint32_t n, uint32_t *leaf_r)
{
    uint32_t best = UINT32_MAX;
    for (uint32_t i = 0; i < n; i++) {
        if (!isinf(ranks[i].score) && (best == UINT32_MAX || ranks[i].score < ranks[best].score ||
                                       (ranks[i].score == ranks[best].score && ranks[i].ticket < ranks[best].ticket))) {
            best = i;
        }
    }
    *leaf_r = best;
    return best != UINT32_MAX;
}

static void check(const struct rank_tree *tree, const struct rank *ranks)
{
    uint32_t found = 0;
    uint32_t expected = 0;
    bool is_any = least_of(ranks, tree->n_leaves, &expected);
    assert_int_equal(rank_tree_least(tree, &found), is_any);
    if (is_any) {
        assert_int_equal(found, expected);
    }
}

static void finds_what_a_search_finds(void **state)
{
    static struct rank ranks[N_MAX];
    struct dice dice = {7};
    for (uint32_t n = 1; n <= N_MAX; n *= 4) {
        struct rank_tree tree;
        rank_tree_init(&tree);
        rank_tree_grow(&tree, n);
        for (uint32_t i = 0; i < n; i++) {
            ranks[i] = (struct rank){INFINITY, 0};
        }
        for (int round = 0; round < N_ROUNDS / 4; round++) {
            uint32_t leaf = dice_below(&dice, n);
            if (dice_below(&dice, 4) == 0) {
                ranks[leaf] = (struct rank){INFINITY, 0};
                rank_tree_clear(&tree, leaf);
            } else { // few values, so that there are ties
                ranks[leaf] = (struct rank){dice_below(&dice, 5) - 2.0, dice_below(&dice, 3)};
                rank_tree_set(&tree, leaf, ranks[leaf]);
            }
            check(&tree, ranks);
        }
        rank_tree_deinit(&tree);
    }
}

static void the_worst_at_the_root_gives_way(void **state)
{
    struct rank_tree tree;
    rank_tree_init(&tree);
    rank_tree_grow(&tree, 8);
    for (uint32_t i = 0; i < 8; i++) {
        rank_tree_set(&tree, i, (struct rank){1, 0});
    }
    // Whoever is taken gets the next ticket: that is rotation.
    for (uint64_t ticket = 1; ticket <= 24; ticket++) {
        uint32_t leaf = 0;
        assert_true(rank_tree_least(&tree, &leaf));
        assert_int_equal(leaf, (ticket - 1) % 8);
        rank_tree_set(&tree, leaf, (struct rank){1, ticket});
    }
    rank_tree_deinit(&tree);
}

static void growing_and_copying_keep_what_is_there(void **state)
{
    static struct rank ranks[N_MAX];
    struct dice dice = {8};
    struct rank_tree tree;
    rank_tree_init(&tree);
    uint32_t leaf;
    assert_false(rank_tree_least(&tree, &leaf));
    for (uint32_t n = 1; n <= N_MAX; n *= 2) {
        rank_tree_grow(&tree, n);
        for (uint32_t i = n / 2; i < n; i++) {
            ranks[i] = (struct rank){(double)dice_below(&dice, 1000), i};
            rank_tree_set(&tree, i, ranks[i]);
        }
        check(&tree, ranks);
    }
    struct rank_tree copy;
    rank_tree_copy(&copy, &tree);
    rank_tree_deinit(&tree);
    for (int round = 0; round < N_MAX; round++) {
        check(&copy, ranks);
        assert_true(rank_tree_least(&copy, &leaf));
        ranks[leaf].score = INFINITY;
        rank_tree_clear(&copy, leaf);
    }
    assert_false(rank_tree_least(&copy, &leaf));
    rank_tree_deinit(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_a_search_finds),
        cmocka_unit_test(the_worst_at_the_root_gives_way),
        cmocka_unit_test(growing_and_copying_keep_what_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
