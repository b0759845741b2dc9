// SPDX-License-Identifier: MIT
// Intrusive doubly linked list: a ring with a head. A node is in at most one list; a node on its own points to itself.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"

struct list {
    struct list *next;
    struct list *prev;
};

static inline void list_init(struct list *list)
{
    list->next = list->prev = list;
}

static inline bool list_is_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_append(struct list *head, struct list *node)
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

static inline void list_prepend(struct list *head, struct list *node)
{
    list_append(head->next, node);
}

// Leaves the node on its own, so that removing it twice is harmless.
static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

// Moves all nodes of `from` to the empty list `to`.
static inline void list_move_all(struct list *from, struct list *to)
{
    list_init(to);
    if (!list_is_empty(from)) {
        *to = *from;
        to->next->prev = to;
        to->prev->next = to;
        list_init(from);
    }
}
