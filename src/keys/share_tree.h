// SPDX-License-Identifier: MIT
// Draws one of many leaves with a chance in proportion to its weight. Drawing and changing are O(log n).
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct share_tree {
    uint32_t n_leaves; // a power of two, or 0
    double *_sums;     // owned; node 1 is the root; below node i are 2i and 2i + 1; from n_leaves on are leaves
};

void share_tree_init(struct share_tree *tree); // without leaves
void share_tree_deinit(struct share_tree *tree);
void share_tree_copy(struct share_tree *tree, const struct share_tree *from); // `tree` need not be initialised
// More leaves, of no weight yet.
void share_tree_grow(struct share_tree *tree, uint32_t n_leaves);

void share_tree_set(struct share_tree *tree, uint32_t leaf, double weight); // not negative
static inline double share_tree_weight(const struct share_tree *tree, uint32_t leaf)
{
    return tree->_sums[tree->n_leaves + leaf];
}
// `at` is in [0, 1). False: no leaf has any weight. A leaf without weight is never drawn.
bool share_tree_draw(const struct share_tree *tree, double at, uint32_t *leaf_r);
