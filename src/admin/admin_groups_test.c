// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "admin/admin_fixture.h"

static void what_is_wrong_with_a_group_is_told(void **state)
{
    static const struct {
        const char *body;
        unsigned status;
    } rows[] = {
        {NULL, 400},
        {"{}", 400},
        {"{\"id\":\"x\"}", 400},
        {"{\"id\":\"x\",\"name\":\"X\"}", 400},
        {"{\"id\":\"x\",\"priority\":1}", 400},
        {"{\"name\":\"X\",\"priority\":1}", 400},
        {"{\"id\":\"\",\"name\":\"X\",\"priority\":1}", 400},
        {"{\"id\":\"X\",\"name\":\"X\",\"priority\":1}", 400},
        {"{\"id\":\"-x\",\"name\":\"X\",\"priority\":1}", 400},
        {"{\"id\":\"a b\",\"name\":\"X\",\"priority\":1}", 400},
        {"{\"id\":\"a234567890123456789012345678901234567890123456789012345678901234x\",\"name\":\"X\",\"priority\":1}",
         400},
        {"{\"id\":\"default\",\"name\":\"X\",\"priority\":1}", 409},
        {"{\"id\":7,\"name\":\"X\",\"priority\":1}", 400},
        {"{\"id\":\"x\",\"name\":\"X\",\"priority\":-1}", 400},
        {"{\"id\":\"x\",\"name\":\"X\",\"priority\":1.5}", 400},
        {"{\"id\":\"x\",\"name\":\"X\",\"priority\":\"1\"}", 400},
        {"{\"id\":\"x\",\"name\":\"X\",\"priority\":99999999999}", 400},
        {"{\"id\":\"there\",\"name\":\"X\",\"priority\":1}", 409},
    };
    struct admin_fixture *f = *state;
    admin_fixture_add_group(f, "there");
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        admin_fixture_ask(f, "POST", "/admin/pool-groups", rows[i].body);
        admin_fixture_expect(f, rows[i].status);
    }
    assert_int_equal(key_store_n_groups(f->store), 1);
}

static void groups_live(void **state)
{
    struct admin_fixture *f = *state;
    admin_fixture_ask(f, "POST", "/admin/pool-groups",
                      "{\"id\":\"main_1-a\",\"name\":\"\\u4e3b\\u529b\",\"priority\":2,\"description\":\"d\"}");
    admin_fixture_expect(f, 200);
    assert_string_equal(admin_fixture_text(f, "data.name"), "\xE4\xB8\xBB\xE5\x8A\x9B");
    assert_int_equal(admin_fixture_int(f, "data.total"), 0);
    assert_true(admin_fixture_is_null(f, "data.usage_rate"));
    admin_fixture_ask(f, "PUT", "/admin/pool-groups/main_1-a", "{\"priority\":5}");
    admin_fixture_expect(f, 200);
    assert_int_equal(admin_fixture_int(f, "data.priority"), 5);
    assert_string_equal(admin_fixture_text(f, "data.description"), "d");
    admin_fixture_ask(f, "PUT", "/admin/pool-groups/main_1-a", "{\"priority\":\"high\"}");
    admin_fixture_expect(f, 400);
    admin_fixture_ask(f, "PUT", "/admin/pool-groups/none", "{\"priority\":5}");
    admin_fixture_expect(f, 404);
    admin_fixture_ask(f, "PUT", "/admin/pool-groups/default", "{\"priority\":5}");
    admin_fixture_expect(f, 400);
    admin_fixture_ask(f, "DELETE", "/admin/pool-groups/default", NULL);
    admin_fixture_expect(f, 400);
    admin_fixture_ask(f, "DELETE", "/admin/pool-groups/none", NULL);
    admin_fixture_expect(f, 404);
    admin_fixture_restart(f);
    admin_fixture_ask(f, "GET", "/admin/pool-groups", NULL);
    assert_int_equal(admin_fixture_count(f, "data"), 2);
    assert_string_equal(admin_fixture_text(f, "data.0.id"), "main_1-a");
    assert_int_equal(admin_fixture_int(f, "data.0.priority"), 5);
    assert_string_equal(admin_fixture_text(f, "data.1.id"), "default");
}

static void groups_count_their_keys(void **state)
{
    struct admin_fixture *f = *state;
    admin_fixture_add_group(f, "main");
    for (unsigned i = 0; i < 5; i++) {
        char secret[16];
        snprintf(secret, sizeof(secret), "fk-number-%u", i);
        admin_fixture_add(f, secret, i < 4 ? "main" : "default");
        struct key_slot *slot = key_of(&f->table, admin_fixture_slot(f, secret));
        slot->allowance = i < 2 ? 1000 : -1;
        slot->used = 250;
        slot->synced_ms = i < 2 ? 1700000000000 : 0;
    }
    admin_fixture_put_aside(f, "fk-number-2", KEY_BANNED);
    admin_fixture_put_aside(f, "fk-number-3", KEY_DISABLED);
    admin_fixture_ask(f, "GET", "/admin/pool-groups", NULL);
    admin_fixture_expect(f, 200);
    assert_int_equal(admin_fixture_int(f, "data.0.total"), 4);
    assert_int_equal(admin_fixture_int(f, "data.0.active"), 2);
    assert_int_equal(admin_fixture_int(f, "data.0.disabled"), 1);
    assert_int_equal(admin_fixture_int(f, "data.0.banned"), 1);
    double rate = 0;
    assert_true(json_double(&f->doc, admin_fixture_find(f, "data.0.usage_rate"), &rate) && rate == 0.25);
    assert_int_equal(admin_fixture_int(f, "data.1.total"), 1);
    assert_true(admin_fixture_is_null(f, "data.1.usage_rate"));
    admin_fixture_ask(f, "DELETE", "/admin/pool-groups/main", NULL);
    admin_fixture_expect(f, 200);
    assert_string_equal(admin_fixture_text(f, "data.deleted"), "main");
    assert_int_equal(admin_fixture_int(f, "data.affected_keys"), 4);
    admin_fixture_ask(f, "GET", "/admin/keys?poolGroup=default", NULL);
    assert_int_equal(admin_fixture_int(f, "data.pagination.total"), 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, admin_fixture_setup, admin_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_wrong_with_a_group_is_told),
        TEST(groups_live),
        TEST(groups_count_their_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
