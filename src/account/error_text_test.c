// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "account/error_text.h"
#include "base/buf.h"

static void texts(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *text;
    } cases[] = {
        {"", "HTTP 502 (Bad Gateway)"},
        {"{}", "HTTP 502 (Bad Gateway)"},
        {"[]", "HTTP 502 (Bad Gateway)"},
        {"{\"error\":{}}", "HTTP 502 (Bad Gateway)"},
        {"<html>no</html>", "HTTP 502 (Bad Gateway)"},
        {"{broken", "HTTP 502 (Bad Gateway)"},
        {"\n", "HTTP 502 (Bad Gateway)"},
        {"{\"error\":{\"message\":\"Credit is gone\",\"code\":1}}", "Credit is gone"},
        {"{\"type\":\"error\",\"error\":{\"type\":\"x\",\"message\":\"no\"}}", "no"},
        {"{\"error\":\"plain\"}", "plain"},
        {"{\"message\":\"m\"}", "m"},
        {"{\"detail\":\"d\",\"title\":\"t\"}", "d"},
        {" upstream connect error\r\n", "upstream connect error"},
        {"{\"error\":{\"message\":\"two\\nlines\\u0007\"}}", "two lines"},
        // What repeats the key masks it, wherever it is.
        {"{\"error\":{\"message\":\"bad key-one-and-long: key-one-and-long\"}}", "bad key-…long: key-…long"},
        {"key-one-and-long", "key-…long"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct arena arena;
        arena_init(&arena, 256);
        struct slice text = error_text_of(502, slice_from_cstr(cases[i].body), SLICE("key-one-and-long"), &arena);
        if (!slice_eq(text, slice_from_cstr(cases[i].text))) {
            fail_msg("\"%.*s\" is not \"%s\"", SLICE_ARG(text), cases[i].text);
        }
        arena_deinit(&arena);
    }
}

static void long_ones_are_cut_between_characters(void **state)
{
    (void)state;
    for (size_t n = 0; n < 4; n++) {
        struct buf body = BUF_EMPTY;
        struct arena arena;
        arena_init(&arena, 256);
        buf_printf(&body, "{\"message\":\"%.*s", (int)n, "abcd");
        for (size_t i = 0; i < 400; i++) {
            buf_append(&body, SLICE("€"));
        }
        buf_append(&body, SLICE("\"}"));
        struct slice text = error_text_of(400, buf_slice(&body), SLICE_EMPTY, &arena);
        assert_in_range(text.len, 300, 303);
        assert_int_equal((text.len - n) % 3, 0);
        assert_true(slice_ends_with(text, SLICE("€…")));
        arena_deinit(&arena);
        buf_deinit(&body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),
        cmocka_unit_test(long_ones_are_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
