// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "dialect/opaque.h"

static struct slice wrap(struct arena *arena, const struct neutral_opaque *opaque, bool is_base64)
{
    struct buf out = BUF_EMPTY;
    if (is_base64) {
        opaque_wrap_base64(opaque, &out);
    } else {
        opaque_wrap(opaque, &out);
    }
    struct slice text = arena_dup(arena, buf_slice(&out));
    buf_deinit(&out);
    return text;
}

static bool is_same(const struct neutral_opaque *a, const struct neutral_opaque *b)
{
    return a->kind == b->kind && slice_eq(a->data, b->data) && slice_eq(a->item_id, b->item_id);
}

static void check_round_trip(struct arena *arena, const struct neutral_opaque *opaque)
{
    for (int is_base64 = 0; is_base64 <= 1; is_base64++) {
        struct neutral_opaque opened = {0};
        assert_true(opaque_unwrap(arena, wrap(arena, opaque, is_base64), &opened));
        assert_true(is_same(opaque, &opened));
    }
}

static const struct slice TEXTS[] = {
    SLICE_INIT(""),         SLICE_INIT("."),      SLICE_INIT(".."),    SLICE_INIT("EqQB+/=="),
    SLICE_INIT("a.b.c"),    SLICE_INIT("%2E"),    SLICE_INIT("%25.%"), SLICE_INIT("rs_0a.1%"),
    SLICE_INIT("gw1.as.."), SLICE_INIT("\n\"\\"), SLICE_INIT("rs_0a"), SLICE_INIT("\xE4\xBD\xA0"),
};

static void every_kind_and_text_comes_back(void **state)
{
    enum { N = sizeof(TEXTS) / sizeof(TEXTS[0]) };
    struct arena arena;
    arena_init(&arena, 4096);
    for (int kind = OPAQUE_NONE + 1; kind <= OPAQUE_VENDOR_TEXT; kind++) {
        for (size_t i = 0; i < (size_t)N * N; i++) {
            check_round_trip(&arena, &(struct neutral_opaque){(enum opaque_kind)kind, TEXTS[i % N], TEXTS[i / N]});
        }
    }
    arena_deinit(&arena);
}

static void random_bytes_come_back(void **state)
{
    struct arena arena;
    arena_init(&arena, 4096);
    for (size_t len = 0; len < 300; len++) {
        char data[300];
        char id[8];
        random_bytes(data, len);
        random_bytes(id, sizeof(id));
        check_round_trip(&arena, &(struct neutral_opaque){OPAQUE_OPENAI_ENCRYPTED, slice_of(data, len),
                                                          slice_of(id, len % sizeof(id))});
    }
    arena_deinit(&arena);
}

static void a_wrapper_looks_as_documented(void **state)
{
    struct arena arena;
    arena_init(&arena, 4096);
    struct slice text =
        wrap(&arena, &(struct neutral_opaque){OPAQUE_OPENAI_ENCRYPTED, SLICE("d.e"), SLICE("r.s")}, false);
    assert_true(slice_starts_with(text, SLICE("gw1.oe.r%2Es.d.e.")));
    assert_int_equal(text.len, 17 + 16);
    arena_deinit(&arena);
}

// What base64 leaves open (padding, bits that nobody needs) may be damaged without changing anything.
static void check_damaged(struct arena *arena, struct slice text, const struct neutral_opaque *opaque, bool is_base64)
{
    struct neutral_opaque opened;
    bool is_taken = opaque_unwrap(arena, text, &opened);
    assert_false(is_taken && !(is_base64 && is_same(&opened, opaque)));
}

// Every wrong byte, every missing end.
static void damaged_ones_are_refused(void **state)
{
    struct arena arena;
    arena_init(&arena, 4096);
    struct neutral_opaque opaque = {OPAQUE_GEMINI_CALL, SLICE("c2lnbmF0dXJl"), SLICE("id")};
    for (int is_base64 = 0; is_base64 <= 1; is_base64++) {
        struct slice text = wrap(&arena, &opaque, is_base64);
        for (size_t i = 0; i < text.len; i++) {
            char *copy = arena_cstr(&arena, text);
            copy[i] = copy[i] == 'A' ? 'B' : 'A';
            check_damaged(&arena, slice_of(copy, text.len), &opaque, is_base64);
            check_damaged(&arena, slice_of(text.ptr, i), &opaque, is_base64);
        }
    }
    arena_deinit(&arena);
}

// With a checksum of their own, but nothing that we would write; and native values of providers.
static void strangers_are_refused(void **state)
{
    static const char *const STRANGERS[] = {
        "",
        "gw1.",
        "gw1",
        "gw1.as",
        "EqQBCkYIBxgCKkD",
        "Z3cxL",
        "Z3cxLg==",
        "Z3cxLmFz!",
        "gw2.as..x.0000000000000000",
        "gw1.as..x.0000000000000000",
        "0123456789abcdef",
    };
    struct arena arena;
    arena_init(&arena, 4096);
    for (size_t i = 0; i < sizeof(STRANGERS) / sizeof(STRANGERS[0]); i++) {
        struct neutral_opaque opened = {.kind = OPAQUE_VENDOR_TEXT};
        assert_false(opaque_unwrap(&arena, slice_from_cstr(STRANGERS[i]), &opened));
        assert_int_equal(opened.kind, OPAQUE_VENDOR_TEXT);
    }
    arena_deinit(&arena);
}

static void every_kind_has_an_issuer(void **state)
{
    assert_int_equal(opaque_issuer(OPAQUE_ANTHROPIC_REDACTED), ISSUER_ANTHROPIC);
    assert_int_equal(opaque_issuer(OPAQUE_OPENAI_ENCRYPTED), ISSUER_OPENAI);
    assert_int_equal(opaque_issuer(OPAQUE_GEMINI_TEXT), ISSUER_GOOGLE);
    assert_int_equal(opaque_issuer(OPAQUE_VENDOR_TEXT), ISSUER_VENDOR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_and_text_comes_back), cmocka_unit_test(random_bytes_come_back),
        cmocka_unit_test(a_wrapper_looks_as_documented),  cmocka_unit_test(damaged_ones_are_refused),
        cmocka_unit_test(strangers_are_refused),          cmocka_unit_test(every_kind_has_an_issuer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
