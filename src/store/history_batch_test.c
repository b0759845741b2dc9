// SPDX-License-Identifier: MIT
// What waits stays bounded, and what is dropped is what matters least.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "store/history_batch.h"

static size_t length_of(const struct list *list)
{
    size_t n = 0;
    for (const struct list *at = list->next; at != list; at = at->next) {
        n++;
    }
    return n;
}

static int64_t first_of(const struct list *list)
{
    return CONTAINER_OF(list->next, const struct history_request, link)->n;
}

static int64_t last_of(const struct list *list)
{
    return CONTAINER_OF(list->prev, const struct history_request, link)->n;
}

static void assert_counts(const struct history_batch *batch)
{
    assert_int_equal(length_of(&batch->plain), batch->n_plain);
    assert_int_equal(length_of(&batch->failed), batch->n_failed);
    assert_int_equal(length_of(&batch->audit), batch->n_audit);
    assert_true(batch->n_plain + batch->n_failed <= HISTORY_REQUESTS_WAITING);
    assert_true(batch->n_audit <= HISTORY_AUDIT_WAITING);
}

static void those_that_went_well_go_first(void **state)
{
    struct history_batch batch;
    size_t n_dropped = 0;
    (void)state;
    history_batch_init(&batch);
    for (int64_t i = 0; i < HISTORY_REQUESTS_WAITING; i++) {
        n_dropped += history_batch_add_request(&batch, SLICE("r"), i, i % 2 == 0);
    }
    assert_int_equal(n_dropped, 0);
    for (int64_t i = 0; i < HISTORY_REQUESTS_WAITING; i++) {
        n_dropped += history_batch_add_request(&batch, SLICE("r"), HISTORY_REQUESTS_WAITING + i, true);
        assert_counts(&batch);
    }
    assert_int_equal(n_dropped, HISTORY_REQUESTS_WAITING);
    assert_int_equal(batch.n_plain, 0);
    assert_int_equal(first_of(&batch.failed), HISTORY_REQUESTS_WAITING); // the older ones followed
    assert_false(history_batch_drop_plain(&batch));
    history_batch_deinit(&batch);
}

static void what_was_put_back_comes_first(void **state)
{
    struct history_batch batch;
    struct history_batch taken;
    const struct history_audit_entry entry = {.time_ms = 1, .action = SLICE("a")};
    size_t n_audit_lost = 0;
    (void)state;
    history_batch_init(&batch);
    for (int64_t i = 0; i < 1500; i++) {
        history_batch_add_request(&batch, SLICE("r"), i, false);
    }
    for (unsigned i = 0; i < HISTORY_AUDIT_WAITING; i++) {
        n_audit_lost += history_batch_add_audit(&batch, &entry, i);
    }
    history_batch_take_all(&batch, &taken);
    assert_true(history_batch_is_empty(&batch));
    for (int64_t i = 0; i < 1500; i++) {
        history_batch_add_request(&batch, SLICE("r"), 1500 + i, false);
    }
    for (unsigned i = 0; i < HISTORY_AUDIT_WAITING + 5; i++) {
        n_audit_lost += history_batch_add_audit(&batch, &entry, i);
    }
    assert_int_equal(n_audit_lost, 5);
    struct history_dropped dropped = history_batch_put_back(&batch, &taken);
    assert_int_equal(dropped.n_requests, 1000);
    assert_int_equal(dropped.n_audit, HISTORY_AUDIT_WAITING);
    assert_counts(&batch);
    assert_int_equal(first_of(&batch.plain), 1000);
    assert_int_equal(last_of(&batch.plain), 2999);
    history_batch_deinit(&taken);
    history_batch_deinit(&batch);
}

static void long_texts_are_cut_between_characters(void **state)
{
    struct history_batch batch;
    char detail[3001];
    (void)state;
    history_batch_init(&batch);
    for (size_t i = 0; i < 3000; i += 3) {
        snprintf(detail + i, 4, "\xE2\x82\xAC");
    }
    const struct history_audit_entry entry = {.time_ms = 5, .who = SLICE("w"), .detail = slice_of(detail, 3000)};
    assert_int_equal(history_batch_add_audit(&batch, &entry, 7), 0);
    const struct history_audit_line *line = CONTAINER_OF(batch.audit.next, const struct history_audit_line, link);
    assert_int_equal(line->n, (5 << HISTORY_SEQUENCE_BITS) + 7);
    assert_true(slice_eq(line->texts[0], SLICE("w")));
    assert_int_equal(line->texts[1].len, 0);
    assert_int_equal(line->texts[3].len, 1023);
    history_batch_deinit(&batch);
}

static void numbers_are_in_the_order_of_time(void **state)
{
    (void)state;
    assert_true(history_number(5, 0) > history_number(4, UINT32_MAX));
    assert_int_equal(history_number_before(0), INT64_MAX);
    assert_int_equal(history_number_before(INT64_MAX), INT64_MAX);
    assert_int_equal(history_number_before(5), history_number(5, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(those_that_went_well_go_first),
        cmocka_unit_test(what_was_put_back_comes_first),
        cmocka_unit_test(long_texts_are_cut_between_characters),
        cmocka_unit_test(numbers_are_in_the_order_of_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
