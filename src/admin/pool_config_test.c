// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "admin/admin_fixture.h"

static void settings_have_all_members(void **state)
{
    static const char *const members[] = {
        "data.algorithm",
        "data.retry.enabled",
        "data.retry.maxRetries",
        "data.retry.retryDelay",
        "data.autoBan.enabled",
        "data.autoBan.ban402",
        "data.autoBan.ban401",
        "data.autoBan.errorThreshold",
        "data.multiTier.enabled",
        "data.multiTier.autoFallback",
        "data.multiTier.strictMode",
        "data.performance.concurrentLimit",
        "data.performance.requestTimeout",
        "data.quotaLimits",
        "data.timeWindowHours",
        "data.affinity",
    };
    struct admin_fixture *f = *state;
    admin_fixture_ask(f, "GET", "/admin/config", NULL);
    admin_fixture_expect(f, 200);
    for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
        if (!admin_fixture_find(f, members[i])) {
            fail_msg("%s", members[i]);
        }
    }
}

static void a_change_is_merged(void **state)
{
    struct admin_fixture *f = *state;
    // As the guide has it.
    admin_fixture_ask(f, "PUT", "/admin/config",
                      "{\"algorithm\":\"max-remaining\",\"retry\":{\"enabled\":true,\"max\":7},"
                      "\"autoBan\":{\"enabled\":true,\"ban_402\":false}}");
    admin_fixture_expect(f, 200);
    admin_fixture_ask(f, "PUT", "/admin/config",
                      "{\"retry\":{\"retryDelay\":50},\"multiTier\":{\"enabled\":true},\"unknown\":[1]}");
    admin_fixture_expect(f, 200);
    admin_fixture_restart(f);
    admin_fixture_ask(f, "GET", "/admin/config", NULL);
    assert_string_equal(admin_fixture_text(f, "data.algorithm"), "max-remaining");
    assert_int_equal(admin_fixture_int(f, "data.retry.maxRetries"), 7);
    assert_int_equal(admin_fixture_int(f, "data.retry.retryDelay"), 50);
    assert_false(admin_fixture_bool(f, "data.autoBan.ban402"));
    assert_true(admin_fixture_bool(f, "data.multiTier.enabled"));
    struct key_settings settings;
    key_table_settings(&f->table, &settings);
    assert_int_equal(settings.algorithm, KEY_MAX_REMAINING);
    admin_fixture_ask(f, "POST", "/admin/config/reset", NULL);
    admin_fixture_expect(f, 200);
    assert_string_equal(admin_fixture_text(f, "data.algorithm"), "round-robin");
    assert_int_equal(admin_fixture_int(f, "data.retry.maxRetries"), 3);
    assert_true(admin_fixture_bool(f, "data.autoBan.ban402"));
    key_table_settings(&f->table, &settings);
    assert_int_equal(settings.algorithm, KEY_ROUND_ROBIN);
}

static void what_is_wrong_is_named_and_changes_nothing(void **state)
{
    static const struct {
        const char *body;
        const char *name;
    } rows[] = {
        {"{\"algorithm\":\"best\"}", "algorithm"},
        {"{\"algorithm\":3}", "algorithm"},
        {"{\"retry\":7}", "retry"},
        {"{\"retry\":{\"maxRetries\":-1}}", "maxRetries"},
        {"{\"retry\":{\"max\":1000000}}", "max"},
        {"{\"autoBan\":{\"errorThreshold\":0}}", "errorThreshold"},
        {"{\"autoBan\":{\"ban_401\":\"yes\"}}", "ban_401"},
        {"{\"performance\":{\"concurrentLimit\":0}}", "concurrentLimit"},
        {"{\"timeWindowHours\":0}", "timeWindowHours"},
    };
    struct admin_fixture *f = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char body[160];
        snprintf(body, sizeof(body), "{\"multiTier\":{\"enabled\":true},%s", rows[i].body + 1);
        admin_fixture_ask(f, "PUT", "/admin/config", body);
        admin_fixture_expect(f, 400);
        if (!strstr(admin_fixture_text(f, "message"), rows[i].name)) {
            fail_msg("%s: %s", rows[i].body, admin_fixture_text(f, "message"));
        }
        admin_fixture_ask(f, "GET", "/admin/config", NULL);
        assert_false(admin_fixture_bool(f, "data.multiTier.enabled"));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, admin_fixture_setup, admin_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(settings_have_all_members),
        TEST(a_change_is_merged),
        TEST(what_is_wrong_is_named_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
