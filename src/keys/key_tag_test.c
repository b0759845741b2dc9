// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "keys/key_table.h"

static void the_beginning_of_a_secret_says_whose_it_is(void **state)
{
    static const struct {
        struct slice secret;
        struct slice name;
    } rows[] = {
        {SLICE_INIT("fk-one"), SLICE_INIT("factory")},    {SLICE_INIT("sk-ant-one"), SLICE_INIT("anthropic")},
        {SLICE_INIT("sk-ant-"), SLICE_INIT("anthropic")}, {SLICE_INIT("sk-ant"), SLICE_INIT("openai")},
        {SLICE_INIT("sk-one"), SLICE_INIT("openai")},     {SLICE_INIT("sk-"), SLICE_INIT("openai")},
        {SLICE_INIT("sk"), SLICE_INIT("factory")},        {SLICE_INIT("AIzaone"), SLICE_INIT("google")},
        {SLICE_INIT("aizaone"), SLICE_INIT("factory")},   {SLICE_INIT("glm-one"), SLICE_INIT("glm")},
        {SLICE_INIT("my-sk-one"), SLICE_INIT("factory")}, {SLICE_INIT(""), SLICE_INIT("factory")},
        {SLICE_INIT("something"), SLICE_INIT("factory")},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        assert_true(slice_eq(key_provider_name(key_provider_of(rows[i].secret)), rows[i].name));
    }
    assert_true(slice_eq(key_provider_name((enum key_provider)99), SLICE("factory")));
}

static void tags_tell_names_apart_and_are_never_0(void **state)
{
    enum { N = 2000 };
    static uint32_t models[N];
    static uint64_t proxies[N];
    for (int i = 0; i < N; i++) {
        char name[32];
        int len = i == 0 ? 0 : snprintf(name, sizeof(name), "claude-%d", i);
        struct slice text = slice_of(name, (size_t)len);
        models[i] = key_model_tag(text);
        proxies[i] = key_proxy_tag(text);
        assert_true(models[i] != 0 && proxies[i] != 0);
        assert_true(models[i] == key_model_tag(text) && proxies[i] == key_proxy_tag(text));
        for (int before = 0; before < i; before++) {
            assert_true(models[before] != models[i] && proxies[before] != proxies[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_beginning_of_a_secret_says_whose_it_is),
        cmocka_unit_test(tags_tell_names_apart_and_are_never_0),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
