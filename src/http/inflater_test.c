// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <zlib.h>

#include "base/buf.h"
#include "http/inflater.h"

enum { GZIP = MAX_WBITS + 16, ZLIB = MAX_WBITS };

static struct buf pack(struct slice text, int window_bits)
{
    z_stream zlib = {0};
    struct buf packed = BUF_EMPTY;
    assert_int_equal(deflateInit2(&zlib, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t bound = deflateBound(&zlib, text.len);
    zlib.next_in = (Bytef *)text.ptr;
    zlib.avail_in = (uInt)text.len;
    zlib.next_out = (Bytef *)buf_reserve(&packed, bound);
    zlib.avail_out = (uInt)bound;
    assert_int_equal(deflate(&zlib, Z_FINISH), Z_STREAM_END);
    packed.len = bound - zlib.avail_out;
    deflateEnd(&zlib);
    return packed;
}

// Unpacks input in pieces of `step` bytes into pieces of `room` bytes.
static enum inflate_result unpack(struct slice packed, size_t step, size_t room, struct buf *text)
{
    struct inflater *inflater = inflater_new();
    enum inflate_result r = INFLATE_NEED_INPUT;
    char out[64];
    for (size_t at = 0; at < packed.len && r != INFLATE_BAD; at += step) {
        struct slice piece = slice_after(packed, at);
        piece.len = piece.len < step ? piece.len : step;
        do {
            size_t n;
            r = inflater_run(inflater, &piece, out, room, &n);
            buf_append(text, slice_of(out, n));
        } while (r == INFLATE_NEED_ROOM);
    }
    inflater_free(inflater);
    return r;
}

static const struct slice prose =
    SLICE_INIT("It reads the first line of a letter, looks at who sent it, and sends it on. "
               "It reads the first line of a letter, and so on, and so on, and so on.");

static void every_split_gives_the_same_text(void **state)
{
    (void)state;
    static const int formats[] = {GZIP, ZLIB};
    for (size_t i = 0; i < 2; i++) {
        struct buf packed = pack(prose, formats[i]);
        for (size_t step = 1; step <= packed.len; step++) {
            for (size_t room = 1; room <= 64; room += 21) {
                struct buf text = BUF_EMPTY;
                assert_int_equal(unpack(buf_slice(&packed), step, room, &text), INFLATE_DONE);
                assert_true(slice_eq(buf_slice(&text), prose));
                buf_deinit(&text);
            }
        }
        buf_deinit(&packed);
    }
}

static void what_is_cut_is_not_done(void **state)
{
    (void)state;
    struct buf packed = pack(prose, GZIP);
    for (size_t len = 1; len < packed.len; len++) {
        struct buf text = BUF_EMPTY;
        assert_int_equal(unpack(slice_of(packed.ptr, len), len, 64, &text), INFLATE_NEED_INPUT);
        assert_true(slice_starts_with(prose, buf_slice(&text)));
        buf_deinit(&text);
    }
    buf_deinit(&packed);
}

static void what_is_not_packed_is_bad(void **state)
{
    (void)state;
    struct buf text = BUF_EMPTY;
    assert_int_equal(unpack(SLICE("{\"plain\":1}"), 100, 64, &text), INFLATE_BAD);
    struct buf packed = pack(prose, GZIP);
    packed.ptr[packed.len - 6] ^= 1; // the check sum
    assert_int_equal(unpack(buf_slice(&packed), packed.len, 64, &text), INFLATE_BAD);
    buf_deinit(&packed);
    buf_deinit(&text);
}

static void what_follows_the_end_is_ignored(void **state)
{
    (void)state;
    struct buf packed = pack(prose, GZIP);
    buf_append(&packed, SLICE("trailing"));
    for (size_t step = 1; step <= packed.len; step += 7) {
        struct buf text = BUF_EMPTY;
        assert_int_equal(unpack(buf_slice(&packed), step, 64, &text), INFLATE_DONE);
        assert_true(slice_eq(buf_slice(&text), prose));
        buf_deinit(&text);
    }
    buf_deinit(&packed);
}

static void only_what_it_can_decode_is_known(void **state)
{
    (void)state;
    assert_true(inflater_knows(SLICE("gzip")) && inflater_knows(SLICE("GZip")));
    assert_true(inflater_knows(SLICE("x-gzip")) && inflater_knows(SLICE("deflate")));
    assert_false(inflater_knows(SLICE("br")) || inflater_knows(SLICE("gzip, br")) || inflater_knows(SLICE("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_split_gives_the_same_text),  cmocka_unit_test(what_is_cut_is_not_done),
        cmocka_unit_test(what_is_not_packed_is_bad),        cmocka_unit_test(what_follows_the_end_is_ignored),
        cmocka_unit_test(only_what_it_can_decode_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
