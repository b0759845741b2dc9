// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "gateway/access.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

enum { FIELDS_MAX = 16 };

struct header {
    const char *name;
    const char *value;
};

static const struct slice three_keys[] = {SLICE_INIT("key-one"), SLICE_INIT("key-two"), SLICE_INIT("key-three")};

static int make_arena(void **state)
{
    static struct arena arena;
    arena_init(&arena, 1024);
    *state = &arena;
    return 0;
}

static int free_arena(void **state)
{
    arena_deinit(*state);
    return 0;
}

// With the first `n_keys` of three_keys configured.
static struct access check(struct arena *arena, size_t n_keys, const struct header *headers, size_t n_headers,
                           const char *query)
{
    struct h1_field fields[FIELDS_MAX];
    struct config config = {.access_keys = (struct slice *)three_keys, .n_access_keys = n_keys};
    struct h1_request req = {.fields = fields, .n_fields = n_headers};
    assert_true(n_headers <= FIELDS_MAX);
    for (size_t i = 0; i < n_headers; i++) {
        struct slice name = slice_from_cstr(headers[i].name);
        fields[i] = (struct h1_field){name, slice_from_cstr(headers[i].value), header_name_of(name)};
    }
    return access_check(arena, &config, &req, slice_from_cstr(query));
}

static void assert_access(struct access access, bool is_allowed, const char *client_secret, size_t row)
{
    if (access.is_allowed != is_allowed || !slice_eq(access.client_secret, slice_from_cstr(client_secret))) {
        fail_msg("row %zu: allowed %d, secret \"%.*s\"", row, access.is_allowed, SLICE_ARG(access.client_secret));
    }
}

static const struct {
    size_t n_keys;
    struct header headers[4]; // ends with the first without a name
    const char *query;
    bool is_allowed;
    const char *client_secret;
} cases[] = {
    // Nothing configured: everybody may, and the first thing sent is the client's own.
    {0, {{0}}, NULL, true, ""},
    {0, {{"authorization", "Bearer own-one"}}, NULL, true, "own-one"},
    {0, {{"x-api-key", "own-one"}}, NULL, true, "own-one"},
    {0, {{"x-goog-api-key", "own-one"}}, NULL, true, "own-one"},
    {0, {{0}}, "key=own-one", true, "own-one"},
    {0, {{"x-api-key", "own-one"}, {"authorization", "Bearer own-two"}}, "key=own-three", true, "own-one"},

    // One key: each way of sending it, and the ways that are none.
    {1, {{0}}, NULL, false, ""},
    {1, {{"authorization", "Bearer key-one"}}, NULL, true, ""},
    {1, {{"Authorization", "bearer key-one"}}, NULL, true, ""},
    {1, {{"AUTHORIZATION", "BEARER key-one"}}, NULL, true, ""},
    {1, {{"authorization", "Bearer   key-one"}}, NULL, true, ""},
    {1, {{"X-Api-Key", "key-one"}}, NULL, true, ""},
    {1, {{"x-goog-api-key", "key-one"}}, NULL, true, ""},
    {1, {{0}}, "key=key-one", true, ""},
    {1, {{0}}, "alt=sse&key=key-one&x=1", true, ""},
    {1, {{0}}, "key=%6bey%2Done", true, ""},
    {1, {{0}}, "%6bey=key-one", true, ""},
    {1, {{"authorization", "key-one"}}, NULL, false, ""},
    {1, {{"authorization", "Bearer"}}, NULL, false, ""},
    {1, {{"authorization", "Bearerkey-one"}}, NULL, false, ""},
    {1, {{"authorization", "Basic key-one"}}, NULL, false, ""},
    {1, {{"x-admin-key", "key-one"}}, NULL, false, ""},
    {1, {{"cookie", "key-one"}}, NULL, false, ""},
    {1, {{0}}, "Key=key-one", false, ""},
    {1, {{0}}, "api_key=key-one", false, ""},
    {1, {{0}}, "key", false, ""},
    {1, {{"x-api-key", ""}}, "key=", false, ""},

    // Wrong ones: near is not enough. They are still what the client has sent.
    {1, {{"x-api-key", "key-on"}}, NULL, false, "key-on"},
    {1, {{"x-api-key", "key-one1"}}, NULL, false, "key-one1"},
    {1, {{"x-api-key", "Key-one"}}, NULL, false, "Key-one"},
    {1, {{"x-api-key", "key-two"}}, NULL, false, "key-two"},
    {1, {{"x-api-key", "Bearer key-one"}}, NULL, false, "Bearer key-one"},
    {1, {{"x-api-key", "key-one,key-two"}}, NULL, false, "key-one,key-two"},

    // Several keys: each of them, none of them.
    {3, {{"x-api-key", "key-one"}}, NULL, true, ""},
    {3, {{"x-api-key", "key-two"}}, NULL, true, ""},
    {3, {{"x-api-key", "key-three"}}, NULL, true, ""},
    {3, {{"x-api-key", "key-four"}}, NULL, false, "key-four"},
    {2, {{"x-api-key", "key-three"}}, NULL, false, "key-three"},

    // The access key in one place, the client's own in another, in any order.
    {1, {{"x-api-key", "key-one"}, {"authorization", "Bearer own-one"}}, NULL, true, "own-one"},
    {1, {{"x-api-key", "own-one"}, {"authorization", "Bearer key-one"}}, NULL, true, "own-one"},
    {1, {{"authorization", "Bearer own-one"}}, "key=key-one", true, "own-one"},
    {1, {{"authorization", "Bearer key-one"}}, "key=own-one", true, "own-one"},
    {1, {{"x-goog-api-key", "own-one"}, {"x-api-key", "key-one"}}, "key=own-two", true, "own-one"},
    {1, {{"x-api-key", "own-one"}, {"x-api-key", "key-one"}}, NULL, true, "own-one"},
    // An access key never becomes the client's own, be it sent twice or be there several.
    {1, {{"x-api-key", "key-one"}, {"authorization", "Bearer key-one"}}, "key=key-one", true, ""},
    {3, {{"x-api-key", "key-one"}, {"authorization", "Bearer key-two"}}, "key=key-three", true, ""},
    {3, {{"x-api-key", "key-one"}, {"authorization", "Bearer key-two"}}, "key=own-one", true, "own-one"},

    // What would break out of a header line is no secret.
    {0, {{0}}, "key=own%0d%0ax-evil:%201", true, ""},
    {0, {{0}}, "key=own%0aone", true, ""},
    {0, {{0}}, "key=own%7f", true, ""},
    {0, {{0}}, "key=own%00", true, ""},
    {0, {{0}}, "key=own%20one", true, "own one"},
    {1, {{"x-api-key", "key-one"}}, "key=own%0d", true, ""},
};

static void who_may_and_with_which_credential(void **state)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t n = 0;
        while (n < COUNT(cases[i].headers) && cases[i].headers[n].name) {
            n++;
        }
        struct access access = check(*state, cases[i].n_keys, cases[i].headers, n, cases[i].query);
        assert_access(access, cases[i].is_allowed, cases[i].client_secret, i);
    }
}

// A request with more secrets than any client sends: those past the eighth do not count.
static void only_so_many_secrets_are_looked_at(void **state)
{
    struct header headers[10];
    for (size_t at = 0; at < COUNT(headers); at++) {
        for (size_t i = 0; i < COUNT(headers); i++) {
            headers[i] = (struct header){"x-api-key", i == at ? "key-one" : "own-one"};
        }
        assert_access(check(*state, 1, headers, COUNT(headers), NULL), at < 8, "own-one", at);
    }
    for (size_t i = 0; i < COUNT(headers); i++) {
        headers[i].value = "key-one";
    }
    assert_access(check(*state, 1, headers, COUNT(headers), "key=own-one"), true, "", 0);
    assert_access(check(*state, 1, headers, 7, "key=own-one"), true, "own-one", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_may_and_with_which_credential, make_arena, free_arena),
        cmocka_unit_test_setup_teardown(only_so_many_secrets_are_looked_at, make_arena, free_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
