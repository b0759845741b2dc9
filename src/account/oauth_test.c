// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "account/oauth.h"

static void the_form(void **state)
{
    (void)state;
    static const struct {
        const char *token;
        const char *client_id;
        const char *form;
    } cases[] = {
        {"rt-one", "client_1", "grant_type=refresh_token&refresh_token=rt-one&client_id=client_1"},
        {"rt-one", "", "grant_type=refresh_token&refresh_token=rt-one"},
        {"a+b/c=&d e%", "\xc3\xa9", "grant_type=refresh_token&refresh_token=a%2Bb%2Fc%3D%26d%20e%25&client_id=%C3%A9"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buf form = BUF_EMPTY;
        oauth_write_refresh(&form, slice_from_cstr(cases[i].token), slice_from_cstr(cases[i].client_id));
        assert_true(slice_eq(buf_slice(&form), slice_from_cstr(cases[i].form)));
        buf_deinit(&form);
    }
}

static void answers(void **state)
{
    (void)state;
    static const struct {
        unsigned status;
        const char *body;
        enum oauth_result result;
        const char *access_token;
        const char *refresh_token;
        int64_t lifetime_ms;
        const char *reason;
    } cases[] = {
        {400, "{\"error\":\"invalid_grant\",\"error_description\":\"rt-secret is old\"}", OAUTH_REFUSED, "", "", 0,
         "the token endpoint answered 400, invalid_grant"},
        {401, "rt-secret", OAUTH_REFUSED, "", "", 0, "the token endpoint answered 401"},
        {400, "{\"error\":\"rt-secret is old\"}", OAUTH_REFUSED, "", "", 0, "the token endpoint answered 400"},
        {400, "{\"error\":{\"message\":\"rt-secret\"}}", OAUTH_REFUSED, "", "", 0, "the token endpoint answered 400"},
        {408, "", OAUTH_FAILED, "", "", 0, "the token endpoint answered 408"},
        {429, "{}", OAUTH_FAILED, "", "", 0, "the token endpoint answered 429"},
        {500, "[", OAUTH_FAILED, "", "", 0, "the token endpoint answered 500"},
        {302, "", OAUTH_FAILED, "", "", 0, "the token endpoint answered 302"},
        {200, "", OAUTH_FAILED, "", "", 0, "the token endpoint's answer is no JSON object"},
        {200, "[]", OAUTH_FAILED, "", "", 0, "the token endpoint's answer is no JSON object"},
        {200, "{}", OAUTH_FAILED, "", "", 0, "the token endpoint's answer has no access_token"},
        {200, "{\"access_token\":\"\"}", OAUTH_FAILED, "", "", 0, "the token endpoint's answer has no access_token"},
        {200, "{\"access_token\":\"a\\r\\nx: y\"}", OAUTH_FAILED, "", "", 0,
         "the token endpoint's answer has no access_token"},
        {200, "{\"access_token\":\"at-1\"}", OAUTH_GRANTED, "at-1", "", 0, ""},
        {200, "{\"access_token\":\"at-1\",\"refresh_token\":\"rt-2\",\"expires_in\":300,\"user\":{\"id\":\"u\"}}",
         OAUTH_GRANTED, "at-1", "rt-2", 300000, ""},
        {201, "{\"access_token\":\"at-1\",\"refresh_token\":null,\"expires_in\":\"300\"}", OAUTH_GRANTED, "at-1", "",
         300000, ""},
        {200, "{\"access_token\":\"at-1\",\"expires_in\":-1}", OAUTH_GRANTED, "at-1", "", 0, ""},
        {200, "{\"access_token\":\"at-1\",\"expires_in\":9000000000000000}", OAUTH_GRANTED, "at-1", "",
         INT64_C(315360000000), ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct arena arena;
        struct oauth_answer answer;
        arena_init(&arena, 256);
        oauth_read_answer(cases[i].status, slice_from_cstr(cases[i].body), &arena, &answer);
        assert_int_equal(answer.result, cases[i].result);
        assert_true(slice_eq(answer.access_token, slice_from_cstr(cases[i].access_token)));
        assert_true(slice_eq(answer.refresh_token, slice_from_cstr(cases[i].refresh_token)));
        assert_int_equal(answer.lifetime_ms, cases[i].lifetime_ms);
        assert_true(slice_eq(answer.reason, slice_from_cstr(cases[i].reason)));
        arena_deinit(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_form), cmocka_unit_test(answers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
