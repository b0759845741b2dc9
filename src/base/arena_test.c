// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"

static void every_allocation_is_aligned_and_its_own(void **state)
{
    enum { N = 2000 };
    struct arena arena;
    unsigned char *blocks[N];
    size_t sizes[N];
    uint32_t dice = 1;
    arena_init(&arena, 64);
    for (size_t i = 0; i < N; i++) {
        dice = dice * 1664525 + 1013904223;
        // Mostly small, now and then larger than any block.
        sizes[i] = dice >> 28 ? dice >> 20 & 127 : dice >> 8 & 0x3FFFF;
        bool is_text = dice >> 16 & 1;
        blocks[i] = is_text ? (unsigned char *)arena_text(&arena, sizes[i]) : arena_alloc(&arena, sizes[i]);
        assert_true(is_text || (uintptr_t)blocks[i] % alignof(max_align_t) == 0);
        memset(blocks[i], (int)(i & 255), sizes[i]);
    }
    for (size_t i = 0; i < N; i++) {
        for (size_t at = 0; at < sizes[i]; at++) {
            assert_int_equal(blocks[i][at], i & 255);
        }
    }
    arena_deinit(&arena);
}

static void nothing_is_taken_before_the_first_allocation(void **state)
{
    struct arena arena;
    arena_init(&arena, 1 << 30);
    assert_null(arena._blocks);
    arena_deinit(&arena);
}

static void deinit_leaves_it_as_after_init(void **state)
{
    struct arena arena;
    struct arena fresh;
    arena_init(&fresh, 128);
    arena_init(&arena, 128);
    for (int i = 0; i < 100; i++) {
        arena_alloc(&arena, 100);
    }
    arena_deinit(&arena);
    assert_memory_equal(&arena, &fresh, sizeof(fresh));
    // And usable again.
    memset(arena_alloc(&arena, 10), 1, 10);
    arena_deinit(&arena);
}

static void reset_keeps_one_block(void **state)
{
    struct arena arena;
    arena_init(&arena, 128);
    arena_reset(&arena); // nothing to keep
    assert_null(arena._blocks);
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 200; i++) {
            size_t size = i == 100 ? 300000 : 100;
            memset(arena_alloc(&arena, size), round, size);
        }
        const char *newest = arena._next - 100;
        arena_reset(&arena);
        const char *first = arena_text(&arena, 1);
        assert_true(first <= newest && newest - first < 70000);
        arena_reset(&arena);
        assert_ptr_equal(arena_text(&arena, 1), first);
    }
    arena_deinit(&arena);
}

// One huge round does not cost its memory for ever.
static void reset_lets_go_of_a_large_block(void **state)
{
    struct arena arena;
    arena_init(&arena, 128);
    memset(arena_alloc(&arena, 1000000), 1, 1000000);
    arena_reset(&arena);
    assert_null(arena._blocks);
    memset(arena_alloc(&arena, 10), 1, 10);
    arena_reset(&arena);
    assert_non_null(arena._blocks);
    arena_deinit(&arena);
}

static void zalloc_clears_used_memory_too(void **state)
{
    struct arena arena;
    static const char zeros[200];
    arena_init(&arena, 64);
    for (int i = 0; i < 50; i++) {
        char *block = arena_zalloc(&arena, sizeof(zeros));
        assert_memory_equal(block, zeros, sizeof(zeros));
        memset(block, 0xFF, sizeof(zeros));
        if (i % 10 == 9) {
            arena_deinit(&arena);
        }
    }
    arena_deinit(&arena);
}

static void fill(char *block, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        block[i] = (char)(i * 7);
    }
}

static void assert_filled(const char *block, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(block[i], (char)(i * 7));
    }
}

// From a few bytes to far more than a block, with and without others in between, as first and as later allocation.
static void grow_keeps_what_was_there(void **state)
{
    for (int neighbours = 0; neighbours < 4; neighbours++) {
        struct arena arena;
        arena_init(&arena, 256);
        if (neighbours & 1) {
            arena_text(&arena, 3);
        }
        size_t size = 16;
        char *block = arena_alloc(&arena, size);
        fill(block, 0, size);
        while (size < 1000000) {
            size_t new_size = size * 2 + 16;
            block = arena_grow(&arena, block, size, new_size);
            assert_int_equal((uintptr_t)block % alignof(max_align_t), 0);
            fill(block, size, new_size);
            size = new_size;
            if (neighbours & 2) {
                memset(arena_alloc(&arena, size % 50), 0xFF, size % 50);
            }
            assert_filled(block, size);
        }
        arena_deinit(&arena);
    }
}

static void grow_stays_where_it_is_while_there_is_room(void **state)
{
    struct arena arena;
    arena_init(&arena, 1024);
    char *block = arena_alloc(&arena, 16);
    assert_ptr_equal(arena_grow(&arena, block, 16, 512), block);
    char *next = arena_alloc(&arena, 16);
    assert_true(next >= block + 512);
    assert_ptr_not_equal(arena_grow(&arena, block, 512, 528), block);
    arena_deinit(&arena);
}

// Two allocations that fill a whole block together: neither may take the block with it when it grows.
static void grow_moves_nobody_else(void **state)
{
    struct arena arena;
    arena_init(&arena, 64);
    char *first = arena_alloc(&arena, 32);
    char *second = arena_alloc(&arena, 32);
    memset(second, 2, 32);
    arena_alloc(&arena, 16); // a newer block
    memset(first, 1, 32);
    char *grown = arena_grow(&arena, first, 32, 100000);
    assert_ptr_not_equal(grown, first);
    assert_int_equal(grown[31], 1);
    assert_int_equal(second[31], 2);
    arena_deinit(&arena);
}

static void texts_are_copied_and_joined(void **state)
{
    struct arena arena;
    struct slice parts[] = {SLICE("ab"), SLICE_EMPTY, SLICE("c\0d")};
    arena_init(&arena, 64);
    assert_true(slice_eq(arena_concat(&arena, parts, 3), SLICE("abc\0d")));
    assert_int_equal(arena_concat(&arena, parts, 0).len, 0);
    assert_true(slice_eq(arena_dup(&arena, SLICE("x")), SLICE("x")));
    assert_int_equal(arena_dup(&arena, SLICE_EMPTY).len, 0);
    assert_string_equal(arena_cstr(&arena, SLICE("xyz")), "xyz");
    assert_string_equal(arena_cstr(&arena, SLICE_EMPTY), "");
    assert_true(slice_eq(arena_printf(&arena, "%d-%s", 7, "s"), SLICE("7-s")));
    assert_int_equal(arena_printf(&arena, "%s", "").len, 0);
    assert_int_equal(arena_printf(&arena, "%070000d", 1).len, 70000);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_is_aligned_and_its_own),
        cmocka_unit_test(nothing_is_taken_before_the_first_allocation),
        cmocka_unit_test(deinit_leaves_it_as_after_init),
        cmocka_unit_test(reset_keeps_one_block),
        cmocka_unit_test(reset_lets_go_of_a_large_block),
        cmocka_unit_test(zalloc_clears_used_memory_too),
        cmocka_unit_test(grow_keeps_what_was_there),
        cmocka_unit_test(grow_stays_where_it_is_while_there_is_room),
        cmocka_unit_test(grow_moves_nobody_else),
        cmocka_unit_test(texts_are_copied_and_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
