// SPDX-License-Identifier: MIT
// A tournament: which of many leaves has the least rank. Finding it is O(1), a change O(log n).
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct rank {
    double score;    // INFINITY: takes no part
    uint64_t ticket; // decides between equal scores
};

struct rank_tree {
    uint32_t n_leaves;  // a power of two, or 0
    struct rank *ranks; // owned; of the leaves; read it, but write through rank_tree_set()
    uint32_t
        *_winners; // owned; leaves. Node 1 is the root; below node i are 2i and 2i + 1; from n_leaves on are leaves
};

void rank_tree_init(struct rank_tree *tree); // without leaves
void rank_tree_deinit(struct rank_tree *tree);
void rank_tree_copy(struct rank_tree *tree, const struct rank_tree *from); // `tree` need not be initialised
// More leaves, which take no part yet.
void rank_tree_grow(struct rank_tree *tree, uint32_t n_leaves);

void rank_tree_set(struct rank_tree *tree, uint32_t leaf, struct rank rank);
void rank_tree_clear(struct rank_tree *tree, uint32_t leaf); // it takes no part
// Of equals the first leaf. False: none takes part.
bool rank_tree_least(const struct rank_tree *tree, uint32_t *leaf_r);
