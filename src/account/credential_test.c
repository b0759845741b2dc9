// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "account/credential.h"

static void without_any_there_is_none(void **state)
{
    (void)state;
    struct config config = {0};
    assert_int_equal(credential_choose(&config, SLICE_EMPTY).level, CREDENTIAL_NONE);
}

static void the_fixed_key_comes_before_the_clients(void **state)
{
    (void)state;
    struct config config = {.factory_api_key = SLICE_INIT("fixed")};
    struct credential credential = credential_choose(&config, SLICE("client"));
    assert_int_equal(credential.level, CREDENTIAL_FIXED_KEY);
    assert_true(slice_eq(credential.secret, SLICE("fixed")));
}

static void the_clients_own_comes_last(void **state)
{
    (void)state;
    struct config config = {0};
    struct credential credential = credential_choose(&config, SLICE("client"));
    assert_int_equal(credential.level, CREDENTIAL_CLIENT);
    assert_true(slice_eq(credential.secret, SLICE("client")));
}

static void the_advice_names_five_ways(void **state)
{
    (void)state;
    static const char *const ways[] = {"FACTORY_API_KEY", "key pool", "DROID_REFRESH_KEY", "auth.json",
                                       "Authorization"};
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
        assert_true(slice_find(credential_advice(), slice_from_cstr(ways[i])) != SLICE_NOT_FOUND);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_any_there_is_none),
        cmocka_unit_test(the_fixed_key_comes_before_the_clients),
        cmocka_unit_test(the_clients_own_comes_last),
        cmocka_unit_test(the_advice_names_five_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
