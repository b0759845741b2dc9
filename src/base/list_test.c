// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"

struct item {
    int number;
    struct list node;
};

// The numbers of a list, and the same backwards, as decimal digits.
static void assert_numbers(const struct list *head, int forward, int backward)
{
    int numbers = 0;
    for (const struct list *node = head->next; node != head; node = node->next) {
        numbers = numbers * 10 + CONTAINER_OF((struct list *)node, struct item, node)->number;
    }
    assert_int_equal(numbers, forward);
    numbers = 0;
    for (const struct list *node = head->prev; node != head; node = node->prev) {
        numbers = numbers * 10 + CONTAINER_OF((struct list *)node, struct item, node)->number;
    }
    assert_int_equal(numbers, backward);
}

static void nodes_come_and_go_at_both_ends(void **state)
{
    struct list head;
    struct item items[] = {{.number = 1}, {.number = 2}, {.number = 3}};
    list_init(&head);
    assert_true(list_is_empty(&head));
    list_append(&head, &items[1].node);
    list_append(&head, &items[2].node);
    list_prepend(&head, &items[0].node);
    assert_numbers(&head, 123, 321);
    list_remove(&items[1].node);
    assert_numbers(&head, 13, 31);
    list_remove(&items[1].node); // on its own: harmless
    assert_numbers(&head, 13, 31);
    list_remove(&items[0].node);
    list_remove(&items[2].node);
    assert_true(list_is_empty(&head));
}

static void all_nodes_move_at_once(void **state)
{
    struct list from;
    struct list to;
    struct item items[] = {{.number = 1}, {.number = 2}};
    list_init(&from);
    list_move_all(&from, &to);
    assert_true(list_is_empty(&from) && list_is_empty(&to));
    list_append(&from, &items[0].node);
    list_append(&from, &items[1].node);
    list_move_all(&from, &to);
    assert_true(list_is_empty(&from));
    assert_numbers(&to, 12, 21);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_come_and_go_at_both_ends),
        cmocka_unit_test(all_nodes_move_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
