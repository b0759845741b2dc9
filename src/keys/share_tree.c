// SPDX-License-Identifier: MIT
#include "keys/share_tree.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

void share_tree_init(struct share_tree *tree)
{
    *tree = (struct share_tree){0};
}

void share_tree_deinit(struct share_tree *tree)
{
    mem_free(tree->_sums);
    share_tree_init(tree);
}

void share_tree_copy(struct share_tree *tree, const struct share_tree *from)
{
    share_tree_init(tree);
    if (from->n_leaves) {
        tree->n_leaves = from->n_leaves;
        tree->_sums = mem_alloc(2 * from->n_leaves * sizeof(*tree->_sums));
        memcpy(tree->_sums, from->_sums, 2 * from->n_leaves * sizeof(*tree->_sums));
    }
}

void share_tree_grow(struct share_tree *tree, uint32_t n_leaves)
{
    assert(n_leaves > tree->n_leaves && (n_leaves & (n_leaves - 1)) == 0);
    double *sums = mem_zalloc(2 * n_leaves * sizeof(*sums));
    if (tree->n_leaves) {
        memcpy(sums + n_leaves, tree->_sums + tree->n_leaves, tree->n_leaves * sizeof(*sums));
    }
    for (uint32_t node = n_leaves - 1; node > 0; node--) {
        sums[node] = sums[2 * node] + sums[2 * node + 1];
    }
    mem_free(tree->_sums);
    *tree = (struct share_tree){n_leaves, sums};
}

void share_tree_set(struct share_tree *tree, uint32_t leaf, double weight)
{
    assert(weight >= 0);
    uint32_t node = tree->n_leaves + leaf;
    tree->_sums[node] = weight;
    // Added anew at each level, so that no error of rounding adds up.
    for (node /= 2; node > 0; node /= 2) {
        tree->_sums[node] = tree->_sums[2 * node] + tree->_sums[2 * node + 1];
    }
}

bool share_tree_draw(const struct share_tree *tree, double at, uint32_t *leaf_r)
{
    if (!tree->n_leaves || !(tree->_sums[1] > 0)) {
        return false;
    }
    double rest = at * tree->_sums[1];
    uint32_t node = 1;
    while (node < tree->n_leaves) {
        double left = tree->_sums[2 * node];
        // Rounding may leave more than there is on the right.
        bool goes_right = tree->_sums[2 * node + 1] > 0 && rest >= left;
        rest -= goes_right ? left : 0;
        node = 2 * node + goes_right;
    }
    *leaf_r = node - tree->n_leaves;
    return true;
}
