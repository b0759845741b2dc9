// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "usage/request_fixture.h"
#include "usage/usage_feed.h"

enum { RING_MAX = 512 * 1024, ALL = USAGE_BY_HOUR | USAGE_BY_MODEL | USAGE_BY_KEY };

struct fixture {
    void *memory;
    struct shm_ring reader;
    struct usage_feed *feed;
    struct arena arena;
    struct usage_cells *added;
    struct usage_cells *taken;
    uint64_t n_records;
    uint64_t n_sums;
    unsigned n_filled;
};

static void on_filling(void *arg)
{
    struct fixture *f = arg;
    f->n_filled++;
}

static void open_feed(struct fixture *f, size_t size)
{
    *f = (struct fixture){.memory = aligned_alloc(64, size)};
    memset(f->memory, 0, size);
    f->reader = shm_ring_of(f->memory, size);
    f->feed = usage_feed_new(shm_ring_of(f->memory, size));
    usage_feed_on_filling(f->feed, on_filling, f);
    arena_init(&f->arena, 4096);
    f->added = usage_cells_new(ALL, 100000);
    f->taken = usage_cells_new(ALL, 100000);
}

static void close_feed(struct fixture *f)
{
    usage_feed_free(f->feed);
    usage_cells_free(f->added);
    usage_cells_free(f->taken);
    arena_deinit(&f->arena);
    free(f->memory);
}

static void add(struct fixture *f, uint64_t *seed)
{
    struct request_facts facts = request_fixture_draw(seed, &f->arena);
    usage_feed_add(f->feed, &facts);
    usage_cells_count(f->added, &facts);
    arena_reset(&f->arena);
}

static void take_request(struct fixture *f, struct slice record)
{
    struct request_facts facts;
    assert_true(request_record_decode(record, &f->arena, &facts));
    usage_cells_count(f->taken, &facts);
    arena_reset(&f->arena);
    f->n_records++;
}

static void take_sums(struct fixture *f, struct slice bytes)
{
    struct usage_cell cell;
    assert_true(usage_cell_decode(bytes, &cell));
    usage_cells_add(f->taken, &cell);
    latency_deinit(&cell.duration);
    latency_deinit(&cell.first_token);
    f->n_sums++;
}

// At most `n` messages.
static void take(struct fixture *f, uint64_t n)
{
    for (struct slice message; n > 0 && (message = shm_ring_peek(&f->reader)).ptr; n--) {
        if (message.ptr[0] == USAGE_REQUEST) {
            take_request(f, slice_after(message, 1));
        } else {
            assert_int_equal(message.ptr[0], USAGE_SUMS);
            take_sums(f, slice_after(message, 1));
        }
        shm_ring_pop(&f->reader);
    }
}

static void take_all(struct fixture *f)
{
    for (int i = 0; !usage_feed_flush(f->feed); i++) {
        take(f, UINT64_MAX);
        assert_true(i < 1000000);
    }
    take(f, UINT64_MAX);
}

// Whatever the ring's size, and whenever and however much is taken: the sums that come out are those that went in.
static void sums_are_never_lost(void **state)
{
    static const size_t sizes[] = {USAGE_RING_MIN, 20 * 1024, 33 * 1024, 64 * 1024, RING_MAX};
    uint64_t seed = 11;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        for (uint64_t greed = 1; greed < 300; greed *= 4) {
            struct fixture f;
            open_feed(&f, sizes[i]);
            for (int n = 0; n < 700; n++) {
                add(&f, &seed);
                if (request_fixture_random(&seed) % 8 == 0) {
                    take(&f, request_fixture_random(&seed) % greed);
                }
                if (request_fixture_random(&seed) % 16 == 0) {
                    (void)usage_feed_flush(f.feed);
                }
            }
            take_all(&f);
            assert_int_equal(f.n_records + usage_feed_n_lost(f.feed), 700);
            request_fixture_assert_same_cells(f.added, f.taken);
            close_feed(&f);
        }
    }
}

static void what_fits_is_told_one_by_one(void **state)
{
    struct fixture f;
    uint64_t seed = 5;
    open_feed(&f, RING_MAX);
    for (int i = 0; i < 100; i++) {
        add(&f, &seed);
    }
    assert_true(usage_feed_flush(f.feed));
    take(&f, UINT64_MAX);
    assert_int_equal(f.n_records, 100);
    assert_int_equal(f.n_sums, 0);
    assert_int_equal(usage_feed_n_lost(f.feed), 0);
    close_feed(&f);
}

// A reader that is away for long, and one that is back.
static void a_full_ring_keeps_nobody_waiting(void **state)
{
    struct fixture f;
    uint64_t seed = 6;
    open_feed(&f, 64 * 1024);
    for (int i = 0; i < 5000; i++) {
        add(&f, &seed);
    }
    assert_false(usage_feed_flush(f.feed));
    assert_int_equal(f.n_filled, 1);
    uint64_t n_lost = usage_feed_n_lost(f.feed);
    assert_true(n_lost > 4000);
    take_all(&f);
    assert_int_equal(f.n_records, 5000 - n_lost);
    assert_true(f.n_sums > 0);
    request_fixture_assert_same_cells(f.added, f.taken);
    assert_true(usage_feed_flush(f.feed));
    assert_int_equal(shm_ring_used(&f.reader), 0);
    close_feed(&f);
}

static void that_it_fills_is_told_once_each_time(void **state)
{
    struct fixture f;
    uint64_t seed = 7;
    open_feed(&f, 128 * 1024);
    for (unsigned round = 1; round < 4; round++) {
        while (shm_ring_used(&f.reader) < 32 * 1024) {
            assert_int_equal(f.n_filled, round - 1);
            add(&f, &seed);
        }
        add(&f, &seed);
        add(&f, &seed);
        assert_int_equal(f.n_filled, round);
        take(&f, UINT64_MAX);
    }
    close_feed(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_never_lost),
        cmocka_unit_test(what_fits_is_told_one_by_one),
        cmocka_unit_test(a_full_ring_keeps_nobody_waiting),
        cmocka_unit_test(that_it_fills_is_told_once_each_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
