// SPDX-License-Identifier: MIT
#include "simulator/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "json/json_reader.h"

static struct h1_field field = {SLICE_INIT("X-Odd"), SLICE_INIT("a \"quoted\" value"), HEADER_OTHER};
static const struct h1_request head = {
    .method_text = SLICE_INIT("POST"), .target = SLICE_INIT("/v1/messages"), .fields = &field, .n_fields = 1};

static struct journal_entry *begin(struct journal *journal, struct slice body, uint64_t now_ns)
{
    struct journal_request request = {
        .head = &head, .body = body, .model = SLICE("sim"), .key = SLICE("key-one"), .peer_port = 7, .now_ns = now_ns};
    return journal_begin(journal, &request);
}

static int64_t stat(const struct journal *journal, const char *name)
{
    struct buf out = BUF_EMPTY;
    struct arena arena;
    struct json_doc doc;
    int64_t value = -1;
    arena_init(&arena, 512);
    journal_write_stats(journal, &out, 5);
    assert_int_equal(json_parse(&doc, &arena, buf_slice(&out), NULL), 0);
    assert_true(json_int64(&doc, json_get(&doc, json_root(&doc), slice_from_cstr(name)), &value));
    arena_deinit(&arena);
    buf_deinit(&out);
    return value;
}

static void test_counts(void **state)
{
    struct journal journal;
    journal_init(&journal, true);
    struct journal_entry *a = begin(&journal, SLICE("a"), 10);
    struct journal_entry *b = begin(&journal, SLICE("b"), 20);
    struct journal_entry *c = begin(&journal, SLICE("c"), 30);
    journal_end(&journal, a, JOURNAL_FINISHED, 100, 40);
    journal_end(&journal, b, JOURNAL_ABORTED, 50, 60);
    assert_int_equal(stat(&journal, "requests"), 3);
    assert_int_equal(stat(&journal, "open"), 1);
    assert_int_equal(stat(&journal, "finished"), 1);
    assert_int_equal(stat(&journal, "aborted"), 1);
    assert_int_equal(stat(&journal, "last_abort_ns"), 60);
    assert_int_equal(stat(&journal, "connections"), 5);
    journal_forget(&journal);
    assert_int_equal(stat(&journal, "requests"), 1);
    assert_int_equal(stat(&journal, "open"), 1);
    journal_end(&journal, c, JOURNAL_FINISHED, 0, 70); // outlives being forgotten
    assert_int_equal(stat(&journal, "open"), 0);
    assert_int_equal(stat(&journal, "finished"), 1);
    journal_deinit(&journal);
}

static void test_list(void **state)
{
    struct journal journal;
    struct buf out = BUF_EMPTY;
    struct arena arena;
    struct json_doc doc;
    arena_init(&arena, 512);
    journal_init(&journal, true);
    journal_end(&journal, begin(&journal, SLICE("first"), 10), JOURNAL_FINISHED, 100, 40);
    journal_end(&journal, begin(&journal, SLICE("second"), 50), JOURNAL_ABORTED, 3, 60);
    struct journal_entry *open = begin(&journal, SLICE(""), 70);
    journal_write_requests(&journal, &out, 2);
    assert_int_equal(json_parse(&doc, &arena, buf_slice(&out), NULL), 0);
    const struct json_node *entry = NULL;
    assert_true(json_next_element(&doc, json_root(&doc), &entry));
    assert_true(json_string_is(&doc, json_get(&doc, entry, SLICE("outcome")), SLICE("open")));
    assert_true(json_next_element(&doc, json_root(&doc), &entry));
    assert_true(json_string_is(&doc, json_get(&doc, entry, SLICE("outcome")), SLICE("aborted")));
    assert_true(json_string_is(&doc, json_get(&doc, entry, SLICE("key")), SLICE("key-one")));
    const struct json_node *headers = json_get(&doc, entry, SLICE("headers"));
    assert_true(slice_eq(json_raw(&doc, headers), SLICE("[[\"X-Odd\",\"a \\\"quoted\\\" value\"]]")));
    int64_t number = 0;
    assert_true(json_int64(&doc, json_get(&doc, entry, SLICE("body_length")), &number) && number == 6);
    assert_true(json_int64(&doc, json_get(&doc, entry, SLICE("sent_bytes")), &number) && number == 3);
    assert_true(json_int64(&doc, json_get(&doc, entry, SLICE("id")), &number) && number == 2);
    assert_false(json_next_element(&doc, json_root(&doc), &entry));
    journal_end(&journal, open, JOURNAL_FINISHED, 0, 80);
    buf_clear(&out);
    journal_write_requests(&journal, &out, 0);
    assert_true(slice_eq(buf_slice(&out), SLICE("[]")));
    journal_deinit(&journal);
    buf_deinit(&out);
    arena_deinit(&arena);
}

static void test_only_the_last_are_kept(void **state)
{
    struct journal journal;
    struct slice body;
    journal_init(&journal, true);
    for (uint64_t i = 1; i <= JOURNAL_ENTRIES_MAX + 10; i++) {
        journal_end(&journal, begin(&journal, SLICE("body"), i), JOURNAL_FINISHED, 0, i);
    }
    assert_int_equal(journal.n_entries, JOURNAL_ENTRIES_MAX);
    assert_int_equal(journal.n_bodies, JOURNAL_BODIES_MAX);
    assert_true(journal_find_body(&journal, JOURNAL_ENTRIES_MAX + 10, &body));
    assert_true(slice_eq(body, SLICE("body")));
    assert_false(journal_find_body(&journal, JOURNAL_ENTRIES_MAX + 10 - JOURNAL_BODIES_MAX, &body));
    assert_false(journal_find_body(&journal, 0, &body));
    journal_deinit(&journal);
}

static void test_large_bodies_are_not_kept(void **state)
{
    struct journal journal;
    struct slice body;
    journal_init(&journal, true);
    char *large = mem_zalloc(JOURNAL_BODY_SIZE_MAX + 1);
    journal_end(&journal, begin(&journal, slice_of(large, JOURNAL_BODY_SIZE_MAX), 1), JOURNAL_FINISHED, 0, 2);
    journal_end(&journal, begin(&journal, slice_of(large, JOURNAL_BODY_SIZE_MAX + 1), 1), JOURNAL_FINISHED, 0, 2);
    assert_true(journal_find_body(&journal, 1, &body));
    assert_int_equal(body.len, JOURNAL_BODY_SIZE_MAX);
    assert_false(journal_find_body(&journal, 2, &body));
    mem_free(large);
    journal_deinit(&journal);
}

static void test_nothing_is_kept_without_recording(void **state)
{
    struct journal journal;
    journal_init(&journal, false);
    struct journal_entry *entry = begin(&journal, SLICE("body"), 1);
    assert_null(entry);
    assert_int_equal(stat(&journal, "open"), 1);
    journal_end(&journal, entry, JOURNAL_FINISHED, 5, 2);
    assert_int_equal(stat(&journal, "finished"), 1);
    assert_int_equal(journal.n_entries, 0);
    journal_deinit(&journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_only_the_last_are_kept),
        cmocka_unit_test(test_large_bodies_are_not_kept),
        cmocka_unit_test(test_nothing_is_kept_without_recording),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
