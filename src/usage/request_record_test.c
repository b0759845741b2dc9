// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "usage/request_fixture.h"

static void assert_cut(struct slice whole, struct slice kept, size_t max)
{
    assert_true(slice_eq(kept, request_text_cut(whole, max)));
}

static void assert_same_step(const struct trail_entry *given, const struct trail_entry *kept)
{
    assert_cut(given->endpoint, kept->endpoint, REQUEST_ENDPOINT_MAX);
    assert_cut(given->model, kept->model, REQUEST_MODEL_MAX);
    assert_cut(given->key, kept->key, REQUEST_KEY_MAX);
    assert_string_equal(given->outcome, kept->outcome);
    assert_string_equal(given->reason ? given->reason : "none", kept->reason ? kept->reason : "none");
    assert_int_equal(given->status, kept->status);
    assert_int_equal(given->began_ms, kept->began_ms);
    assert_int_equal(given->took_ms, kept->took_ms);
}

static void assert_same_trail(const struct trail *given, const struct trail *kept)
{
    uint32_t n = given->n < REQUEST_TRAIL_MAX ? given->n : REQUEST_TRAIL_MAX;
    assert_int_equal(kept->n, n);
    assert_int_equal(kept->n + kept->n_dropped, given->n + given->n_dropped);
    for (uint32_t i = 0; i < n; i++) {
        assert_same_step(&given->entries[i < n / 2 ? i : given->n - n + i], &kept->entries[i]);
    }
}

static void assert_same(const struct request_facts *given, const struct request_facts *kept)
{
    assert_cut(given->id, kept->id, REQUEST_ID_MAX);
    assert_cut(given->path, kept->path, REQUEST_PATH_MAX);
    assert_cut(given->model, kept->model, REQUEST_MODEL_MAX);
    assert_cut(given->counted_model, kept->counted_model, REQUEST_MODEL_MAX);
    assert_cut(given->upstream_model, kept->upstream_model, REQUEST_MODEL_MAX);
    assert_cut(given->endpoint, kept->endpoint, REQUEST_ENDPOINT_MAX);
    assert_cut(given->key, kept->key, REQUEST_KEY_MAX);
    assert_cut(given->client, kept->client, REQUEST_CLIENT_MAX);
    assert_cut(given->trace_id, kept->trace_id, REQUEST_TRACE_MAX);
    assert_cut(given->route, kept->route, REQUEST_NAME_MAX);
    assert_cut(given->dialect, kept->dialect, REQUEST_NAME_MAX);
    assert_cut(given->fault, kept->fault, REQUEST_NAME_MAX);
    assert_int_equal(given->time_ms, kept->time_ms);
    assert_int_equal(given->ttft_ms, kept->ttft_ms);
    assert_int_equal(given->duration_ms, kept->duration_ms);
    assert_memory_equal(&given->usage, &kept->usage, sizeof(given->usage));
    assert_int_equal(given->end, kept->end);
    assert_int_equal(given->is_partial, kept->is_partial);
    assert_int_equal(given->status, kept->status);
    assert_int_equal(given->n_attempts, kept->n_attempts);
    assert_same_trail(&given->trail, &kept->trail);
}

// Behind the record memory ends, so that a reader that goes too far is caught.
static bool decode_copy(struct slice record, struct arena *arena, struct request_facts *facts_r, char **copy_r)
{
    *copy_r = malloc(record.len ? record.len : 1);
    memcpy(*copy_r, record.ptr, record.len);
    return request_record_decode(slice_of(*copy_r, record.len), arena, facts_r);
}

static void a_request_is_the_same_again(void **state)
{
    uint64_t seed = 1;
    struct arena arena;
    arena_init(&arena, 4096);
    for (int i = 0; i < 5000; i++) {
        char record[REQUEST_RECORD_MAX];
        char *copy;
        struct request_facts kept;
        struct request_facts facts = request_fixture_draw(&seed, &arena);
        size_t len = request_record_encode(&facts, record);
        assert_true(len <= sizeof(record));
        assert_true(decode_copy(slice_of(record, len), &arena, &kept, &copy));
        assert_same(&facts, &kept);
        free(copy);
        arena_reset(&arena);
    }
    arena_deinit(&arena);
}

// No part of a record is one, nor is one with anything behind it.
static void only_a_whole_record_is_one(void **state)
{
    uint64_t seed = 2;
    struct arena arena;
    arena_init(&arena, 4096);
    for (int i = 0; i < 20; i++) {
        char record[REQUEST_RECORD_MAX + 1] = {0};
        struct request_facts kept = {.status = 77};
        struct request_facts facts = request_fixture_draw(&seed, &arena);
        size_t whole = request_record_encode(&facts, record);
        for (size_t len = 0; len <= whole + 1; len++) {
            char *copy;
            assert_int_equal(decode_copy(slice_of(record, len), &arena, &kept, &copy), len == whole);
            assert_true(len >= whole || kept.status == 77); // untouched
            free(copy);
        }
        arena_reset(&arena);
    }
    arena_deinit(&arena);
}

// Each text at its longest, and each entry of the trail.
static void the_longest_record_fits(void **state)
{
    char record[REQUEST_RECORD_MAX];
    char text[300];
    struct arena arena;
    memset(text, 'x', sizeof(text));
    struct slice longest = slice_of(text, sizeof(text));
    struct slice other = slice_of(text, sizeof(text) - 1);
    struct request_facts kept;
    struct request_facts facts = {.id = longest,
                                  .path = longest,
                                  .model = longest,
                                  .counted_model = longest,
                                  .upstream_model = longest,
                                  .endpoint = longest,
                                  .key = longest,
                                  .client = longest,
                                  .trace_id = longest,
                                  .route = longest,
                                  .dialect = longest,
                                  .fault = longest,
                                  .time_ms = INT64_MAX,
                                  .ttft_ms = INT64_MAX,
                                  .duration_ms = UINT64_MAX,
                                  .usage = {INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX},
                                  .end = REQUEST_ABORTED,
                                  .status = UINT32_MAX,
                                  .n_attempts = UINT32_MAX};
    arena_init(&arena, 4096);
    text[sizeof(text) - 1] = 0;
    for (int i = 0; i < 100; i++) {
        struct trail_entry entry = {other, other, other, text, text, UINT32_MAX, UINT32_MAX, UINT32_MAX};
        trail_add(&facts.trail, &arena, &entry);
    }
    size_t len = request_record_encode(&facts, record);
    assert_true(len > REQUEST_RECORD_MAX - 300 && len <= REQUEST_RECORD_MAX);
    assert_true(request_record_decode(slice_of(record, len), &arena, &kept));
    assert_int_equal(kept.trail.n, REQUEST_TRAIL_MAX);
    assert_int_equal(kept.trail.n_dropped, 100 - REQUEST_TRAIL_MAX);
    assert_int_equal(strlen(kept.trail.entries[0].outcome), REQUEST_NAME_MAX);
    assert_true(kept.duration_ms == UINT64_MAX && kept.usage.input == INT64_MAX && kept.status == UINT32_MAX);
    arena_deinit(&arena);
}

// Any few bytes changed: whatever is still taken can be told and counted.
static void what_is_damaged_harms_nobody(void **state)
{
    uint64_t seed = 4;
    uint64_t n_taken = 0;
    uint64_t n_refused = 0;
    struct arena arena;
    struct buf json = BUF_EMPTY;
    struct usage_cells *cells = usage_cells_new(USAGE_BY_HOUR | USAGE_BY_MODEL | USAGE_BY_KEY, 100);
    arena_init(&arena, 4096);
    for (int i = 0; i < 5000; i++) {
        char record[REQUEST_RECORD_MAX];
        char *copy;
        struct request_facts kept;
        struct request_facts facts = request_fixture_draw(&seed, &arena);
        size_t len = request_record_encode(&facts, record);
        for (uint64_t n = 1 + request_fixture_random(&seed) % 3; n > 0; n--) {
            size_t end = request_fixture_random(&seed) % 2 ? len : 96;
            record[request_fixture_random(&seed) % end] = (char)request_fixture_random(&seed);
        }
        if (decode_copy(slice_of(record, len), &arena, &kept, &copy)) {
            buf_clear(&json);
            request_record_write_json(&kept, true, &json);
            usage_cells_count(cells, &kept);
            n_taken++;
        } else {
            n_refused++;
        }
        free(copy);
        arena_reset(&arena);
    }
    assert_true(n_taken > 500 && n_refused > 500);
    usage_cells_free(cells);
    buf_deinit(&json);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_the_same_again),
        cmocka_unit_test(only_a_whole_record_is_one),
        cmocka_unit_test(the_longest_record_fits),
        cmocka_unit_test(what_is_damaged_harms_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
