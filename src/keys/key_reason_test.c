// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "keys/key_reason.h"

#define N_OF(array) (sizeof(array) / sizeof(*(array)))
#define TEN "0123456789"

static const struct slice SECRET = SLICE_INIT("fk-one-two-three-four");

struct example {
    const char *text;
    const char *reason;
};

static const struct example EXAMPLES[] = {
    {"", "402"},
    {"  \r\n ", "402"},
    {"plain words", "402 plain words"},
    {"{\"type\":\"error\",\"error\":{\"type\":\"x\",\"message\":\"Your credit balance is too low.\"}}",
     "402 Your credit balance is too low."},
    {"{\"error\" : \"Insufficient Balance\"}", "402 Insufficient Balance"},
    {"{\"detail\":\"No active subscription found.\\nSubscribe.\",\"status\":402}",
     "402 No active subscription found. Subscribe."},
    {"{\"message\":\"say \\\"a\\\\b\\/c\\\" \\t\\u4f59\"}", "402 say \"a\\b/c\" \\u4f59"},
    {"{\"message\":\"cut in the mid", "402 cut in the mid"},
    {"{\"message\":\"cut in an escape\\", "402 cut in an escape"},
    {"{\"message\":7,\"code\":\"gone\"}", "402 gone"},
    {"{\"message\":\"\",\"code\":\"gone\"}", "402 gone"},
    {"{\"message\"", "402 {\"message\""},
    {"<html><head>\n<title> Just a moment... </title>", "402 Just a moment..."},
    {"<html>", "402 a page, not an answer of the API"},
    {"\xFF\n\xC3\n", "402 \xFF \xC3"},
    {"\x01"
     "a\x7F\n\n\tb",
     "402 a b"},

    // ---- the secret
    {"{\"message\":\"Invalid key fk-one-two-three-four, sorry\"}", "402 Invalid key (key), sorry"},
    {"Bearer fk-one-two-three-fourfk-one-two-three-four!", "402 Bearer (key)!"},
    {"cut: fk-one-two-thr", "402 cut: (key)"},
    {"other: fk-one-tX...Yur.", "402 other: (key)"},
    {"fk-one is not it", "402 fk-one is not it"},

    // ---- length: 95 bytes
    {TEN TEN TEN TEN TEN TEN TEN TEN TEN "1", "402 " TEN TEN TEN TEN TEN TEN TEN TEN TEN "1"},
    {TEN TEN TEN TEN TEN TEN TEN TEN TEN "12", "402 " TEN TEN TEN TEN TEN TEN TEN TEN TEN "1"},
    {TEN TEN TEN TEN TEN TEN TEN TEN TEN "é", "402 " TEN TEN TEN TEN TEN TEN TEN TEN TEN},
    {TEN TEN TEN TEN TEN TEN TEN TEN "1234567é", "402 " TEN TEN TEN TEN TEN TEN TEN TEN "1234567é"},
    {TEN TEN TEN TEN TEN TEN TEN TEN "123456789 fk-one-two-three-four",
     "402 " TEN TEN TEN TEN TEN TEN TEN TEN "123456789"},
};

static void what_is_kept_is_one_short_line(void **state)
{
    for (size_t i = 0; i < N_OF(EXAMPLES); i++) {
        char out[KEY_REASON_MAX];
        struct attempt_evidence evidence = {ATTEMPT_ANSWERED, 402, slice_from_cstr(EXAMPLES[i].text), -1, false,
                                            {NULL, 0}};
        size_t len = key_reason(out, &evidence, SECRET);
        struct slice reason = slice_from_cstr(EXAMPLES[i].reason);
        if (!slice_eq(slice_of(out, len), reason)) {
            fail_msg("%s: %.*s", EXAMPLES[i].text, (int)len, out);
        }
    }
}

static void a_key_without_a_secret_hides_nothing(void **state)
{
    char out[KEY_REASON_MAX];
    struct attempt_evidence evidence = {ATTEMPT_ANSWERED, 401, SLICE("fk-one-two"), -1, false, {NULL, 0}};
    assert_int_equal(key_reason(out, &evidence, SLICE_EMPTY), 14);
}

static void short_secrets_are_hidden_too(void **state)
{
    char out[KEY_REASON_MAX];
    struct attempt_evidence evidence = {ATTEMPT_ANSWERED, 401, SLICE("a key-1 b"), -1, false, {NULL, 0}};
    size_t len = key_reason(out, &evidence, SLICE("key-1"));
    assert_true(slice_eq(slice_of(out, len), SLICE("401 a (key) b")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept_is_one_short_line),
        cmocka_unit_test(a_key_without_a_secret_hides_nothing),
        cmocka_unit_test(short_secrets_are_hidden_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
