// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "admin/admin_fixture.h"
#include "kit/loopback.h"

// What the provider says to both of its questions.
static const char *const known =
    "{\"workosOrgIds\":[\"org_1\"],\"usage\":{\"startDate\":1767225600000,\"endDate\":1769904000000,"
    "\"standard\":{\"totalAllowance\":1000,\"orgTotalTokensUsed\":250,\"usedRatio\":0.25},"
    "\"premium\":{\"totalAllowance\":10,\"orgTotalTokensUsed\":20}}}";

static void ask_of(struct admin_fixture *f, const char *id, const char *query)
{
    char target[160];
    snprintf(target, sizeof(target), "/admin/token/usage/%s%s", id, query);
    admin_fixture_ask(f, "GET", target, NULL);
}

static void nothing_is_known_at_first(void **state)
{
    struct admin_fixture *f = *state;
    const char *id = admin_fixture_add(f, "fk-one", "default");
    admin_fixture_ask(f, "GET", "/admin/token/usage", NULL);
    admin_fixture_expect(f, 200);
    char path[96];
    snprintf(path, sizeof(path), "data.keys.%s", id);
    assert_true(admin_fixture_is_null(f, path));
    assert_int_equal(admin_fixture_int(f, "data.summary.total_keys"), 1);
    assert_int_equal(admin_fixture_int(f, "data.cache_info.cached_keys"), 0);
    ask_of(f, id, "");
    admin_fixture_expect(f, 404);
    admin_fixture_ask(f, "GET", "/admin/token/summary", NULL);
    assert_true(admin_fixture_is_null(f, "data.last_full_sync"));
}

static void one_key_is_fetched_on_demand(void **state)
{
    struct admin_fixture *f = *state;
    const char *id = admin_fixture_add(f, "fk-one", "default");
    f->outside_body = known;
    ask_of(f, id, "?forceRefresh=true");
    admin_fixture_expect(f, 200);
    assert_true(admin_fixture_bool(f, "data.success"));
    assert_int_equal(admin_fixture_int(f, "data.standard.totalAllowance"), 1000);
    assert_int_equal(admin_fixture_int(f, "data.standard.orgTotalTokensUsed"), 250);
    assert_int_equal(admin_fixture_int(f, "data.standard.remaining"), 750);
    assert_int_equal(admin_fixture_int(f, "data.premium.remaining"), 0);
    assert_string_equal(admin_fixture_text(f, "data.startDate"), "2026-01-01T00:00:00.000Z");
    assert_string_equal(admin_fixture_text(f, "data.endDate"), "2026-02-01T00:00:00.000Z");
    assert_true(admin_fixture_is_null(f, "data.trialEndDate"));
    assert_int_equal(strlen(admin_fixture_text(f, "data.last_sync")), 24);
    size_t n_asked = f->n_outside;
    ask_of(f, id, ""); // remembered
    assert_int_equal(admin_fixture_int(f, "data.standard.remaining"), 750);
    assert_int_equal(f->n_outside, n_asked);
    admin_fixture_ask(f, "GET", "/admin/keys?includeTokenUsage=true", NULL);
    assert_int_equal(admin_fixture_int(f, "data.keys.0.token_usage.standard.remaining"), 750);
}

static void all_are_fetched_and_added_up(void **state)
{
    struct admin_fixture *f = *state;
    char path[96];
    f->outside_body = known;
    admin_fixture_add(f, "fk-one", "default");
    const char *id = admin_fixture_add(f, "fk-two", "default");
    admin_fixture_ask(f, "POST", "/admin/token/sync", NULL);
    admin_fixture_expect(f, 200);
    assert_int_equal(admin_fixture_int(f, "data.total"), 2);
    assert_int_equal(admin_fixture_int(f, "data.success"), 2);
    assert_int_equal(admin_fixture_int(f, "data.failed"), 0);
    assert_int_equal(admin_fixture_count(f, "data.failed_keys"), 0);
    for (unsigned i = 0; i < 2; i++) {
        admin_fixture_ask(f, "GET", i ? "/admin/token/summary" : "/admin/token/stats", NULL);
        assert_int_equal(admin_fixture_int(f, "data.total_limit"), 2000);
        assert_int_equal(admin_fixture_int(f, "data.total_used"), 500);
        assert_int_equal(admin_fixture_int(f, "data.total_remaining"), 1500);
        assert_int_equal(admin_fixture_int(f, "data.successful_keys"), 2);
        assert_int_equal(admin_fixture_int(f, "data.total_keys"), 2);
        assert_int_equal(strlen(admin_fixture_text(f, "data.last_full_sync")), 24);
    }
    admin_fixture_ask(f, "GET", "/admin/token/usage?forceRefresh=true", NULL);
    snprintf(path, sizeof(path), "data.keys.%s.standard.remaining", id);
    assert_int_equal(admin_fixture_int(f, path), 750);
    assert_int_equal(admin_fixture_int(f, "data.summary.total_remaining"), 1500);
    assert_int_equal(admin_fixture_int(f, "data.cache_info.cached_keys"), 2);
}

static void what_cannot_be_fetched_is_named(void **state)
{
    struct admin_fixture *f = *state;
    const char *id = admin_fixture_add(f, "fk-one", "default");
    f->outside_status = 401;
    f->outside_body = "{\"detail\":\"no such key\"}";
    admin_fixture_ask(f, "POST", "/admin/token/sync", NULL);
    admin_fixture_expect(f, 200);
    assert_int_equal(admin_fixture_int(f, "data.failed"), 1);
    assert_string_equal(admin_fixture_text(f, "data.failed_keys.0"), id);
    ask_of(f, id, "");
    admin_fixture_expect(f, 200);
    assert_false(admin_fixture_bool(f, "data.success"));
    assert_true(strlen(admin_fixture_text(f, "data.error")) > 0);
    assert_true(admin_fixture_is_null(f, "data.standard.remaining"));
}

static bool waits(void *arg)
{
    return ((struct admin_fixture *)arg)->n_waiting > 0;
}

static void a_client_may_leave_meanwhile(void **state)
{
    struct admin_fixture *f = *state;
    const char *id = admin_fixture_add(f, "fk-one", "default");
    f->outside_waits = true;
    f->outside_body = known;
    admin_fixture_send(f, "POST", "/admin/token/sync", "x-admin-key: " ADMIN_FIXTURE_KEY "\r\n", SLICE_EMPTY);
    assert_true(loopback_until(&f->loop, waits, f));
    loopback_close(f->client);
    loopback_connect(f->client, f->port);
    admin_fixture_ask(f, "GET", "/admin/stats", NULL);
    f->outside_waits = false;
    admin_fixture_release(f);
    ask_of(f, id, "?forceRefresh=true");
    admin_fixture_expect(f, 200);
    assert_true(admin_fixture_bool(f, "data.success"));
}

static void balances_can_be_forgotten(void **state)
{
    struct admin_fixture *f = *state;
    char target[96];
    f->outside_body = known;
    const char *id = admin_fixture_add(f, "fk-one", "default");
    admin_fixture_add(f, "fk-two", "default");
    admin_fixture_ask(f, "POST", "/admin/token/sync", NULL);
    admin_fixture_ask(f, "POST", "/admin/token/cleanup", NULL);
    admin_fixture_expect(f, 200);
    assert_int_equal(admin_fixture_int(f, "data.removed"), 0);
    snprintf(target, sizeof(target), "/admin/keys/%s", id);
    admin_fixture_ask(f, "DELETE", target, NULL);
    admin_fixture_ask(f, "POST", "/admin/token/cleanup", NULL);
    assert_int_equal(admin_fixture_int(f, "data.removed"), 1);
    admin_fixture_ask(f, "DELETE", "/admin/token/cache", NULL);
    admin_fixture_expect(f, 200);
    admin_fixture_ask(f, "GET", "/admin/token/usage", NULL);
    assert_int_equal(admin_fixture_int(f, "data.cache_info.cached_keys"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, admin_fixture_setup, admin_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_known_at_first),       TEST(one_key_is_fetched_on_demand), TEST(all_are_fetched_and_added_up),
        TEST(what_cannot_be_fetched_is_named), TEST(a_client_may_leave_meanwhile), TEST(balances_can_be_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
