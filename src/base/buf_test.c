// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"

static void assert_text(const struct buf *buf, const char *expected)
{
    assert_true(slice_eq(buf_slice(buf), slice_from_cstr(expected)));
}

static void what_is_appended_stands_in_order(void **state)
{
    struct buf buf = BUF_EMPTY;
    buf_append(&buf, SLICE_EMPTY);
    assert_int_equal(buf.cap, 0);
    buf_append(&buf, SLICE("ab"));
    buf_append_char(&buf, ':');
    buf_append_u64(&buf, 0);
    buf_append_u64(&buf, UINT64_MAX);
    buf_printf(&buf, "|%s|%d", "x", -1);
    buf_printf(&buf, "%s", "");
    assert_text(&buf, "ab:018446744073709551615|x|-1");
    buf_deinit(&buf);
}

static void growing_keeps_the_content(void **state)
{
    struct buf buf = BUF_EMPTY;
    for (uint32_t i = 0; i < 100000; i++) {
        buf_append(&buf, slice_of((const char *)&i, sizeof(i)));
    }
    assert_int_equal(buf.len, 100000 * sizeof(uint32_t));
    for (uint32_t i = 0; i < 100000; i++) {
        assert_memory_equal(buf.ptr + i * sizeof(i), &i, sizeof(i));
    }
    buf_deinit(&buf);
}

static void reserve_gives_room_and_changes_no_length(void **state)
{
    struct buf buf = BUF_EMPTY;
    buf_append(&buf, SLICE("x"));
    for (size_t extra = 0; extra < 5000; extra += 37) {
        char *room = buf_reserve(&buf, extra);
        assert_ptr_equal(room, buf.ptr + 1);
        assert_int_equal(buf.len, 1);
        assert_true(buf.cap >= 1 + extra);
        memset(room, 'y', extra);
    }
    buf_deinit(&buf);
}

static void long_texts_are_printed_whole(void **state)
{
    struct buf buf = BUF_EMPTY;
    buf_append(&buf, SLICE("x"));
    buf_printf(&buf, "%0*d", 3000, 7);
    assert_int_equal(buf.len, 3001);
    assert_int_equal(buf.ptr[1], '0');
    assert_int_equal(buf.ptr[3000], '7');
    buf_deinit(&buf);
}

static void consume_drops_from_the_front(void **state)
{
    struct buf buf = BUF_EMPTY;
    buf_consume(&buf, 0);
    buf_append(&buf, SLICE("abcdef"));
    buf_consume(&buf, 0);
    assert_text(&buf, "abcdef");
    buf_consume(&buf, 2);
    assert_text(&buf, "cdef");
    buf_append_char(&buf, 'g');
    buf_consume(&buf, 4);
    assert_text(&buf, "g");
    buf_consume(&buf, 1);
    assert_text(&buf, "");
    buf_deinit(&buf);
}

static void clear_keeps_the_memory_and_deinit_does_not(void **state)
{
    struct buf buf = BUF_EMPTY;
    buf_append(&buf, SLICE("abc"));
    char *memory = buf.ptr;
    buf_clear(&buf);
    assert_int_equal(buf.len, 0);
    buf_append(&buf, SLICE("d"));
    assert_ptr_equal(buf.ptr, memory);
    assert_text(&buf, "d");
    buf_deinit(&buf);
    assert_null(buf.ptr);
    assert_int_equal(buf.len + buf.cap, 0);
    buf_append(&buf, SLICE("e"));
    assert_text(&buf, "e");
    buf_deinit(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_appended_stands_in_order),
        cmocka_unit_test(growing_keeps_the_content),
        cmocka_unit_test(reserve_gives_room_and_changes_no_length),
        cmocka_unit_test(long_texts_are_printed_whole),
        cmocka_unit_test(consume_drops_from_the_front),
        cmocka_unit_test(clear_keeps_the_memory_and_deinit_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
