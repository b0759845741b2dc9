// SPDX-License-Identifier: MIT
#include "keys/rank_tree.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"

static const struct rank no_part = {INFINITY, 0};

void rank_tree_init(struct rank_tree *tree)
{
    *tree = (struct rank_tree){0};
}

void rank_tree_deinit(struct rank_tree *tree)
{
    mem_free(tree->ranks);
    mem_free(tree->_winners);
    rank_tree_init(tree);
}

void rank_tree_copy(struct rank_tree *tree, const struct rank_tree *from)
{
    rank_tree_init(tree);
    if (from->n_leaves) {
        tree->n_leaves = from->n_leaves;
        tree->ranks = mem_alloc(from->n_leaves * sizeof(*tree->ranks));
        tree->_winners = mem_alloc(from->n_leaves * sizeof(*tree->_winners));
        memcpy(tree->ranks, from->ranks, from->n_leaves * sizeof(*tree->ranks));
        memcpy(tree->_winners, from->_winners, from->n_leaves * sizeof(*tree->_winners));
    }
}

static uint32_t winner_of(const struct rank_tree *tree, uint32_t node)
{
    return node >= tree->n_leaves ? node - tree->n_leaves : tree->_winners[node];
}

// Who wins below an inner node.
static uint32_t decide(const struct rank_tree *tree, uint32_t node)
{
    uint32_t left = winner_of(tree, 2 * node);
    uint32_t right = winner_of(tree, 2 * node + 1);
    const struct rank *a = &tree->ranks[left];
    const struct rank *b = &tree->ranks[right];
    return b->score < a->score || (b->score == a->score && b->ticket < a->ticket) ? right : left;
}

void rank_tree_grow(struct rank_tree *tree, uint32_t n_leaves)
{
    assert(n_leaves > tree->n_leaves && (n_leaves & (n_leaves - 1)) == 0);
    tree->ranks = mem_realloc(tree->ranks, n_leaves * sizeof(*tree->ranks));
    tree->_winners = mem_realloc(tree->_winners, n_leaves * sizeof(*tree->_winners));
    for (uint32_t i = tree->n_leaves; i < n_leaves; i++) {
        tree->ranks[i] = no_part;
    }
    tree->n_leaves = n_leaves;
    for (uint32_t node = n_leaves - 1; node > 0; node--) {
        tree->_winners[node] = decide(tree, node);
    }
}

void rank_tree_set(struct rank_tree *tree, uint32_t leaf, struct rank rank)
{
    tree->ranks[leaf] = rank;
    for (uint32_t node = (leaf + tree->n_leaves) / 2; node > 0; node /= 2) {
        uint32_t winner = decide(tree, node);
        if (winner == tree->_winners[node] && winner != leaf) {
            break; // above, nothing has heard of this leaf
        }
        tree->_winners[node] = winner;
    }
}

void rank_tree_clear(struct rank_tree *tree, uint32_t leaf)
{
    rank_tree_set(tree, leaf, no_part);
}

bool rank_tree_least(const struct rank_tree *tree, uint32_t *leaf_r)
{
    if (!tree->n_leaves) {
        return false;
    }
    uint32_t leaf = winner_of(tree, 1);
    if (isinf(tree->ranks[leaf].score)) {
        return false;
    }
    *leaf_r = leaf;
    return true;
}
