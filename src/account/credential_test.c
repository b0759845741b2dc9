// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "account/credential.h"

// Every combination of what there may be: the first level that is there is taken.
static void the_first_that_is_there(void **state)
{
    (void)state;
    for (unsigned there = 0; there < 32; there++) {
        struct credential_facts facts = {
            .fixed_key = there & 1 ? SLICE("fixed") : SLICE_EMPTY,
            .n_usable_keys = there & 2 ? 1000000 : 0,
            .token_level = there & 4   ? 3
                           : there & 8 ? 4
                                       : 0,
            .client_secret = there & 16 ? SLICE("client") : SLICE_EMPTY,
        };
        struct credential credential = credential_choose(&facts);
        unsigned expected = 0;
        for (unsigned level = 5; level > 0; level--) {
            expected = there & 1U << (level - 1) ? level : expected;
        }
        assert_int_equal(credential.level, expected);
        struct slice secret = expected == 1 ? SLICE("fixed") : expected == 5 ? SLICE("client") : SLICE_EMPTY;
        assert_true(slice_eq(credential.secret, secret));
    }
}

static void levels_have_names_of_their_own(void **state)
{
    (void)state;
    for (unsigned a = 0; a <= CREDENTIAL_CLIENT; a++) {
        for (unsigned b = 0; b < a; b++) {
            assert_string_not_equal(credential_level_name(a), credential_level_name(b));
        }
    }
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
        cmocka_unit_test(the_first_that_is_there),
        cmocka_unit_test(levels_have_names_of_their_own),
        cmocka_unit_test(the_advice_names_five_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
