// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "usage/local_hour.h"
#include "usage/request_fixture.h"

enum { ALL = USAGE_BY_HOUR | USAGE_BY_MODEL | USAGE_BY_KEY, HOUR_S = 3600, ANY_N = 1000000 };

static const int64_t noon_s = 1767355200; // a full hour

static const struct usage_cell *find(const struct usage_cells *cells, int64_t hour, const char *model, const char *key)
{
    const struct usage_cell *found = NULL;
    for (size_t i = 0; i < usage_cells_n(cells); i++) {
        const struct usage_cell *cell = usage_cells_at(cells, i);
        bool is_it = cell->hour == hour && slice_eq(cell->model, slice_from_cstr(model)) &&
                     slice_eq(cell->key, slice_from_cstr(key));
        assert_false(found && is_it);
        found = is_it ? cell : found;
    }
    return found;
}

static struct usage_counts counts_of(const struct usage_cells *cells, int64_t hour, const char *model, const char *key)
{
    const struct usage_cell *cell = find(cells, hour, model, key);
    assert_non_null(cell);
    return cell->counts;
}

static struct request_facts facts_at(int64_t time_ms)
{
    return (struct request_facts){
        .counted_model = SLICE("m"),
        .key = SLICE("key_1"),
        .time_ms = time_ms,
        .ttft_ms = 10,
        .duration_ms = 100,
        .usage = {100, 20, 5, -1, 7},
        .status = 200,
    };
}

static void without_requests_there_is_nothing(void **state)
{
    struct usage_cells *cells = usage_cells_new(ALL, 10);
    assert_int_equal(usage_cells_n(cells), 0);
    usage_cells_clear(cells);
    usage_cells_free(cells);
    usage_cells_free(NULL);
}

static void each_end_and_all_tokens_are_counted(void **state)
{
    struct usage_cells *cells = usage_cells_new(ALL, 10);
    struct request_facts facts = facts_at(noon_s * 1000);
    usage_cells_count(cells, &facts);
    facts.end = REQUEST_FAILED;
    facts.usage = USAGE_UNKNOWN;
    facts.ttft_ms = -1;
    usage_cells_count(cells, &facts);
    facts.end = REQUEST_ABORTED;
    facts.usage = (struct usage){1, 2, 3, 4, 5};
    facts.is_partial = true;
    facts.ttft_ms = 20;
    facts.time_ms += HOUR_S * 1000 - 1; // still the same hour
    usage_cells_count(cells, &facts);
    struct usage_counts wanted = {.requests = 3,
                                  .success = 1,
                                  .failed = 1,
                                  .aborted = 1,
                                  .partial = 1,
                                  .input = 101,
                                  .output = 22,
                                  .reasoning = 8,
                                  .cache_read = 4,
                                  .cache_write = 12};
    const struct usage_cell *cell = find(cells, noon_s, "m", "key_1");
    assert_int_equal(usage_cells_n(cells), 1);
    assert_non_null(cell);
    assert_memory_equal(&cell->counts, &wanted, sizeof(wanted));
    assert_int_equal(cell->duration.n, 1);
    assert_int_equal(cell->first_token.n, 2);
    assert_int_equal(cell->first_token.sum_ms, 30);
    usage_cells_free(cells);
}

static void hour_model_and_key_are_kept_apart(void **state)
{
    struct usage_cells *cells = usage_cells_new(ALL, 10);
    struct request_facts facts = facts_at(noon_s * 1000);
    usage_cells_count(cells, &facts);
    facts.time_ms += HOUR_S * 1000;
    usage_cells_count(cells, &facts);
    facts.key = SLICE_EMPTY;
    usage_cells_count(cells, &facts);
    facts.counted_model = SLICE_EMPTY;
    usage_cells_count(cells, &facts);
    facts.time_ms = -1; // before 1970
    usage_cells_count(cells, &facts);
    assert_int_equal(usage_cells_n(cells), 5);
    assert_int_equal(counts_of(cells, noon_s, "m", "key_1").requests, 1);
    assert_int_equal(counts_of(cells, noon_s + HOUR_S, "m", "key_1").requests, 1);
    assert_int_equal(counts_of(cells, noon_s + HOUR_S, "m", "").requests, 1);
    assert_int_equal(counts_of(cells, noon_s + HOUR_S, "", "").requests, 1);
    assert_int_equal(counts_of(cells, -HOUR_S, "", "").requests, 1);
    usage_cells_free(cells);
}

static void keys_that_were_tried_get_their_attempts(void **state)
{
    struct trail_entry entries[] = {
        {.key = SLICE("key_2"), .outcome = "http_4xx", .status = 429},
        {.key = SLICE("key_2"), .outcome = "waited"},
        {.key = SLICE("key_3"), .outcome = "skipped"},
        {.key = SLICE("key_2"), .outcome = "connect"},
        {.key = SLICE("key_1"), .outcome = "first_token_timeout"},
        {.key = SLICE("key_1"), .outcome = "ok", .status = 200},
    };
    struct usage_cells *cells = usage_cells_new(ALL, 10);
    struct request_facts facts = facts_at(noon_s * 1000);
    facts.trail = (struct trail){.entries = entries, .n = 6};
    facts.n_attempts = 4;
    usage_cells_count(cells, &facts);
    assert_int_equal(usage_cells_n(cells), 2); // of what was only passed over there is nothing
    assert_int_equal(counts_of(cells, noon_s, "m", "key_1").requests, 1);
    assert_int_equal(counts_of(cells, noon_s, "m", "key_1").attempts, 2);
    assert_int_equal(counts_of(cells, noon_s, "m", "key_1").failed_attempts, 1);
    assert_int_equal(counts_of(cells, noon_s, "m", "key_2").requests, 0);
    assert_int_equal(counts_of(cells, noon_s, "m", "key_2").attempts, 2);
    assert_int_equal(counts_of(cells, noon_s, "m", "key_2").failed_attempts, 2);
    usage_cells_free(cells);
}

// All attempts are in the sums, also those that no trail remembers.
static void attempts_of_a_long_trail_add_up(void **state)
{
    struct usage_cells *cells = usage_cells_new(ALL, 1000);
    struct request_facts facts = facts_at(noon_s * 1000);
    struct arena arena;
    arena_init(&arena, 4096);
    for (unsigned i = 0; i < 99; i++) {
        struct trail_entry entry = {.key = arena_printf(&arena, "key_%u", 100 + i), .outcome = "connect"};
        trail_add(&facts.trail, &arena, &entry);
    }
    trail_add(&facts.trail, &arena, &(struct trail_entry){.key = facts.key, .outcome = "ok"});
    facts.n_attempts = 100;
    usage_cells_count(cells, &facts);
    uint64_t n = 0;
    uint64_t n_failed = 0;
    for (size_t i = 0; i < usage_cells_n(cells); i++) {
        n += usage_cells_at(cells, i)->counts.attempts;
        n_failed += usage_cells_at(cells, i)->counts.failed_attempts;
    }
    assert_int_equal(n, 100);
    assert_int_equal(n_failed, 99);
    assert_int_equal(usage_cells_n(cells), REQUEST_TRAIL_MAX + 1);
    assert_int_equal(counts_of(cells, noon_s, "m", "").attempts, 100 - REQUEST_TRAIL_MAX);
    assert_int_equal(counts_of(cells, noon_s, "m", "key_1").failed_attempts, 0);
    usage_cells_free(cells);
    arena_deinit(&arena);
}

// ---- merging --------------------------------------------------------------------------------------------------------

static void draw_into(struct usage_cells *cells, uint64_t *seed, int n)
{
    struct arena arena;
    arena_init(&arena, 4096);
    for (int i = 0; i < n; i++) {
        struct request_facts facts = request_fixture_draw(seed, &arena);
        usage_cells_count(cells, &facts);
        arena_reset(&arena);
    }
    arena_deinit(&arena);
}

// Counted at once in few dimensions, or in all and added up afterwards: it is the same.
static void coarse_sums_are_sums_of_fine_ones(void **state)
{
    static const unsigned dimensions[] = {0,
                                          USAGE_BY_HOUR,
                                          USAGE_BY_DAY,
                                          USAGE_BY_MODEL,
                                          USAGE_BY_KEY,
                                          USAGE_BY_DAY | USAGE_BY_KEY,
                                          USAGE_BY_DAY | USAGE_BY_MODEL,
                                          USAGE_BY_MODEL | USAGE_BY_KEY,
                                          USAGE_BY_DAY | USAGE_BY_MODEL | USAGE_BY_KEY,
                                          ALL};
    for (size_t i = 0; i < sizeof(dimensions) / sizeof(*dimensions); i++) {
        uint64_t seed = 17;
        uint64_t same_seed = 17;
        struct usage_cells *fine = usage_cells_new(ALL, ANY_N);
        struct usage_cells *added = usage_cells_new(dimensions[i], ANY_N);
        struct usage_cells *at_once = usage_cells_new(dimensions[i], ANY_N);
        draw_into(fine, &seed, 500);
        draw_into(at_once, &same_seed, 500);
        usage_cells_add_all(added, fine);
        request_fixture_assert_same_cells(added, at_once);
        usage_cells_free(fine);
        usage_cells_free(added);
        usage_cells_free(at_once);
    }
}

static void a_day_is_told_by_its_first_hour(void **state)
{
    struct usage_cells *days = usage_cells_new(USAGE_BY_DAY, 100);
    assert_int_equal(setenv("TZ", "Europe/Berlin", 1), 0);
    tzset();
    int64_t day = local_day_start(1774782000); // 2026-03-29, of 23 hours
    for (int i = 0; i < 23 + 24; i++) {
        struct request_facts facts = facts_at((day + i * HOUR_S) * 1000);
        usage_cells_count(days, &facts);
    }
    assert_int_equal(usage_cells_n(days), 2);
    assert_int_equal(counts_of(days, day, "", "").requests, 23);
    assert_int_equal(counts_of(days, day + 23 * HOUR_S, "", "").requests, 24);
    usage_cells_free(days);
    assert_int_equal(setenv("TZ", "UTC", 1), 0);
    tzset();
}

// What was cleared can be used again; and what was added is not needed any more.
static void cells_own_what_they_have(void **state)
{
    struct usage_cells *cells = usage_cells_new(ALL, ANY_N);
    for (int round = 0; round < 3; round++) {
        uint64_t seed = 3;
        uint64_t same_seed = 3;
        struct usage_cells *others = usage_cells_new(ALL, ANY_N);
        struct usage_cells *same = usage_cells_new(ALL, ANY_N);
        draw_into(others, &seed, 200);
        draw_into(same, &same_seed, 200);
        usage_cells_add_all(cells, others);
        usage_cells_free(others);
        request_fixture_assert_same_cells(cells, same);
        usage_cells_free(same);
        usage_cells_clear(cells);
        assert_int_equal(usage_cells_n(cells), 0);
    }
    usage_cells_free(cells);
}

// ---- limits ---------------------------------------------------------------------------------------------------------

static void count_named(struct usage_cells *cells, int64_t hour, unsigned model, unsigned key)
{
    struct arena arena;
    arena_init(&arena, 256);
    struct request_facts facts = facts_at((noon_s + hour * HOUR_S) * 1000);
    facts.counted_model = arena_printf(&arena, "model-%u", model);
    facts.key = arena_printf(&arena, "key-%u", key);
    usage_cells_count(cells, &facts);
    arena_deinit(&arena);
}

static uint64_t n_requests(const struct usage_cells *cells)
{
    uint64_t n = 0;
    for (size_t i = 0; i < usage_cells_n(cells); i++) {
        n += usage_cells_at(cells, i)->counts.requests;
    }
    return n;
}

static void too_many_keys_are_counted_together(void **state)
{
    struct usage_cells *cells = usage_cells_new(ALL, 10);
    for (unsigned key = 0; key < 30; key++) {
        count_named(cells, 0, key % 3, key);
    }
    assert_int_equal(usage_cells_n(cells), 10 + 3);
    assert_int_equal(counts_of(cells, noon_s, "model-0", "key-0").requests, 1);
    assert_int_equal(counts_of(cells, noon_s, "model-0", "other").requests, 6);
    count_named(cells, 0, 0, 0); // who has a cell keeps it
    assert_int_equal(counts_of(cells, noon_s, "model-0", "key-0").requests, 2);
    assert_int_equal(n_requests(cells), 31);
    usage_cells_free(cells);
}

static void too_many_models_are_counted_together_too(void **state)
{
    struct usage_cells *cells = usage_cells_new(ALL, 10);
    for (unsigned i = 0; i < 5000; i++) {
        count_named(cells, i % 2, i, i);
    }
    assert_int_equal(usage_cells_n(cells), 10 + USAGE_CELLS_OTHER + 2);
    assert_int_equal(n_requests(cells), 5000);
    assert_true(counts_of(cells, noon_s, "other", "other").requests > 1000);
    assert_true(counts_of(cells, noon_s + HOUR_S, "other", "other").requests > 1000);
    usage_cells_free(cells);
}

static void without_keys_models_are_counted_together(void **state)
{
    struct usage_cells *cells = usage_cells_new(USAGE_BY_MODEL, 10);
    struct usage_cells *hours = usage_cells_new(USAGE_BY_HOUR, 10);
    for (unsigned i = 0; i < 50; i++) {
        count_named(cells, 0, i, i);
        count_named(hours, i, i, i);
    }
    assert_int_equal(usage_cells_n(cells), 11);
    assert_int_equal(counts_of(cells, 0, "other", "").requests, 40);
    assert_int_equal(usage_cells_n(hours), 50); // hours are never mixed up
    usage_cells_free(cells);
    usage_cells_free(hours);
}

// ---- as bytes -------------------------------------------------------------------------------------------------------

static void cells_are_the_same_again(void **state)
{
    uint64_t seed = 23;
    struct usage_cells *cells = usage_cells_new(ALL, ANY_N);
    struct usage_cells *again = usage_cells_new(ALL, ANY_N);
    struct buf bytes = BUF_EMPTY;
    draw_into(cells, &seed, 1000);
    for (size_t i = 0; i < usage_cells_n(cells); i++) {
        struct usage_cell cell;
        buf_clear(&bytes);
        usage_cell_encode(usage_cells_at(cells, i), &bytes);
        assert_true(bytes.len <= USAGE_CELL_ENCODED_MAX);
        for (size_t len = 0; len < bytes.len; len += 1 + len / 20) {
            assert_false(usage_cell_decode(slice_of(bytes.ptr, len), &cell));
        }
        assert_true(usage_cell_decode(buf_slice(&bytes), &cell));
        usage_cells_add(again, &cell);
        latency_deinit(&cell.duration);
        latency_deinit(&cell.first_token);
    }
    request_fixture_assert_same_cells(cells, again);
    buf_deinit(&bytes);
    usage_cells_free(cells);
    usage_cells_free(again);
}

static void what_is_damaged_is_no_cell(void **state)
{
    struct usage_cell cell;
    struct usage_cells *cells = usage_cells_new(ALL, 10);
    struct buf bytes = BUF_EMPTY;
    count_named(cells, 0, 1, 1);
    usage_cell_encode(usage_cells_at(cells, 0), &bytes);
    buf_append_char(&bytes, 0); // one byte too many
    assert_false(usage_cell_decode(buf_slice(&bytes), &cell));
    bytes.len--;
    bytes.ptr[bytes.len - 1] = 0; // a count of none in the last histogram: the first was taken already
    assert_false(usage_cell_decode(buf_slice(&bytes), &cell));
    buf_deinit(&bytes);
    usage_cells_free(cells);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_requests_there_is_nothing),
        cmocka_unit_test(each_end_and_all_tokens_are_counted),
        cmocka_unit_test(hour_model_and_key_are_kept_apart),
        cmocka_unit_test(keys_that_were_tried_get_their_attempts),
        cmocka_unit_test(attempts_of_a_long_trail_add_up),
        cmocka_unit_test(coarse_sums_are_sums_of_fine_ones),
        cmocka_unit_test(a_day_is_told_by_its_first_hour),
        cmocka_unit_test(cells_own_what_they_have),
        cmocka_unit_test(too_many_keys_are_counted_together),
        cmocka_unit_test(too_many_models_are_counted_together_too),
        cmocka_unit_test(without_keys_models_are_counted_together),
        cmocka_unit_test(cells_are_the_same_again),
        cmocka_unit_test(what_is_damaged_is_no_cell),
    };
    setenv("TZ", "UTC", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
