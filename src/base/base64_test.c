// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/random.h"

struct pair {
    struct slice bytes;
    struct slice text;
};

// The vectors of RFC 4648 §10, and the two characters that the alphabets differ in.
static const struct pair PAIRS[] = {
    {SLICE_INIT(""), SLICE_INIT("")},
    {SLICE_INIT("f"), SLICE_INIT("Zg==")},
    {SLICE_INIT("fo"), SLICE_INIT("Zm8=")},
    {SLICE_INIT("foo"), SLICE_INIT("Zm9v")},
    {SLICE_INIT("foob"), SLICE_INIT("Zm9vYg==")},
    {SLICE_INIT("fooba"), SLICE_INIT("Zm9vYmE=")},
    {SLICE_INIT("foobar"), SLICE_INIT("Zm9vYmFy")},
    {SLICE_INIT("\xFB\xEF\xFF"), SLICE_INIT("++//")},
};

static const struct slice REFUSED[] = {
    SLICE_INIT("Z"),        SLICE_INIT("Zg="),   SLICE_INIT("Zg==="),     SLICE_INIT("===="),  SLICE_INIT("="),
    SLICE_INIT("Zm9=Zm9v"), SLICE_INIT("Zm 9v"), SLICE_INIT("Zm9v\n"),    SLICE_INIT("Zm9v."), SLICE_INIT("Zm9vZ"),
    SLICE_INIT("Zm9\xC3"),  SLICE_INIT("Zm\0v"), SLICE_INIT("Zm9vYg==x"), SLICE_INIT("Zm9v="),
};

// Decodes into memory of just the promised size, so that the sanitizer sees what is written behind it.
static bool decode(struct slice text, struct slice expected)
{
    char *out = malloc(base64_decoded_max(text.len));
    size_t len = 0;
    assert_non_null(out);
    bool is_right = base64_decode(out, text, &len) && slice_eq(slice_of(out, len), expected);
    free(out);
    return is_right;
}

static void the_vectors_of_the_standard_hold(void **state)
{
    for (size_t i = 0; i < sizeof(PAIRS) / sizeof(PAIRS[0]); i++) {
        char out[16];
        size_t len = base64_encode(out, PAIRS[i].bytes);
        assert_int_equal(len, base64_encoded_len(PAIRS[i].bytes.len));
        assert_true(slice_eq(slice_of(out, len), PAIRS[i].text));
        assert_true(decode(PAIRS[i].text, PAIRS[i].bytes));
    }
}

static void padding_may_be_missing_and_the_alphabet_be_that_of_urls(void **state)
{
    assert_true(decode(SLICE("Zg"), SLICE("f")));
    assert_true(decode(SLICE("Zm8"), SLICE("fo")));
    assert_true(decode(SLICE("--__"), SLICE("\xFB\xEF\xFF")));
}

static void anything_else_is_refused(void **state)
{
    for (size_t i = 0; i < sizeof(REFUSED) / sizeof(REFUSED[0]); i++) {
        char out[32];
        size_t len = 77;
        if (base64_decode(out, REFUSED[i], &len)) {
            fail_msg("accepted: row %zu", i);
        }
        assert_int_equal(len, 77);
    }
}

static void bytes_come_back(void **state)
{
    for (size_t len = 0; len < 200; len++) {
        char bytes[200];
        char text[400];
        random_bytes(bytes, len);
        size_t text_len = base64_encode(text, slice_of(bytes, len));
        assert_int_equal(text_len, base64_encoded_len(len));
        assert_true(decode(slice_of(text, text_len), slice_of(bytes, len)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_the_standard_hold),
        cmocka_unit_test(padding_may_be_missing_and_the_alphabet_be_that_of_urls),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(bytes_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
