// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "admin/admin_fixture.h"

static const char *const secret = "fk-a-secret-that-is-long-enough";

static void ask_audit(struct admin_fixture *f, const char *query)
{
    char target[96];
    snprintf(target, sizeof(target), "/admin/audit%s", query);
    admin_fixture_ask(f, "GET", target, NULL);
    admin_fixture_expect(f, 200);
    assert_true(admin_fixture_is_null(f, "incomplete"));
    assert_int_equal(slice_find(f->body, SLICE("secret-that")), SLICE_NOT_FOUND);
    assert_int_equal(slice_find(f->body, SLICE(ADMIN_FIXTURE_KEY)), SLICE_NOT_FOUND);
}

// NULL: nothing is said of it.
static void expect_entry(struct admin_fixture *f, size_t i, const char *action, const char *target, const char *outcome)
{
    char path[32];
    snprintf(path, sizeof(path), "data.%zu.action", i);
    assert_string_equal(admin_fixture_text(f, path), action);
    snprintf(path, sizeof(path), "data.%zu.outcome", i);
    assert_string_equal(admin_fixture_text(f, path), outcome);
    snprintf(path, sizeof(path), "data.%zu.who", i);
    assert_string_equal(admin_fixture_text(f, path), "127.0.0.1");
    snprintf(path, sizeof(path), "data.%zu.time", i);
    assert_int_equal(strlen(admin_fixture_text(f, path)), 24);
    snprintf(path, sizeof(path), "data.%zu.detail", i);
    assert_true(strlen(admin_fixture_text(f, path)) > 5);
    snprintf(path, sizeof(path), "data.%zu.target", i);
    if (target) {
        assert_string_equal(admin_fixture_text(f, path), target);
    } else {
        assert_true(admin_fixture_is_null(f, path));
    }
}

struct deed {
    const char *method;
    const char *target; // %s: the id of the key
    const char *body;
    const char *action;
    const char *of; // "key": its id; NULL: nothing
    const char *outcome;
};

static const struct deed deeds[] = {
    {"PATCH", "/admin/keys/%s/toggle", NULL, "keys.toggle", "key", "done"},
    {"PATCH", "/admin/keys/%s/notes", "{\"notes\":\"n\"}", "keys.notes", "key", "done"},
    {"PATCH", "/admin/keys/%s/pool", "{\"poolGroup\":\"default\"}", "keys.pool", "key", "done"},
    {"PUT", "/admin/keys/%s", "{\"notes\":\"m\"}", "keys.change", "key", "done"},
    {"GET", "/admin/keys/%s?reveal=true", NULL, "keys.reveal", "key", "done"},
    {"GET", "/admin/keys/export", NULL, "keys.export", NULL, "begun"},
    {"POST", "/admin/keys/%s/test", NULL, "keys.test", "key", "begun"},
    {"POST", "/admin/keys/test-all", NULL, "keys.test_all", NULL, "begun"},
    {"POST", "/admin/keys/batch", "{\"keys\":[\"fk-b\"]}", "keys.batch", NULL, "done"},
    {"DELETE", "/admin/keys/%s/cooldown", NULL, "cooldowns.clear", "key", "done"},
    {"DELETE", "/admin/cooldowns", NULL, "cooldowns.clear", NULL, "done"},
    {"POST", "/admin/pool-groups", "{\"id\":\"g\",\"name\":\"G\",\"priority\":1}", "groups.add", "g", "done"},
    {"PUT", "/admin/pool-groups/g", "{\"name\":\"H\"}", "groups.change", "g", "done"},
    {"DELETE", "/admin/pool-groups/g", NULL, "groups.remove", "g", "done"},
    {"PUT", "/admin/config", "{\"algorithm\":\"random\"}", "config.change", NULL, "done"},
    {"POST", "/admin/config/reset", NULL, "config.reset", NULL, "done"},
    {"POST", "/admin/token/sync", NULL, "token.sync", NULL, "begun"},
    {"POST", "/admin/token/cleanup", NULL, "token.cleanup", NULL, "done"},
    {"DELETE", "/admin/token/cache", NULL, "token.clear", NULL, "done"},
    {"POST", "/admin/stats/reset", "{\"confirm\":\"RESET_ALL_STATS\"}", "stats.reset", NULL, "done"},
    // refused
    {"POST", "/admin/keys", "{\"key\":\"fk-a-secret-that-is-long-enough\"}", "keys.add", NULL, "refused"},
    {"DELETE", "/admin/keys/nobody", NULL, "keys.remove", "nobody", "refused"},
    {"PUT", "/admin/pool-groups/default", "{\"name\":\"H\"}", "groups.change", "default", "refused"},
    {"DELETE", "/admin/keys/%s", NULL, "keys.remove", "key", "done"},
};

static void whatever_is_done_leaves_an_entry(void **state)
{
    struct admin_fixture *f = *state;
    char target[128];
    const char *id = admin_fixture_add(f, secret, "default");
    ask_audit(f, "");
    assert_int_equal(admin_fixture_count(f, "data"), 1);
    expect_entry(f, 0, "keys.add", id, "done");
    for (size_t i = 0; i < sizeof(deeds) / sizeof(*deeds); i++) {
        struct slice rest = slice_from_cstr(deeds[i].target);
        size_t at = slice_find(rest, SLICE("%s"));
        bool has_id = at != SLICE_NOT_FOUND;
        snprintf(target, sizeof(target), "%.*s%s%s", (int)(has_id ? at : rest.len), rest.ptr, has_id ? id : "",
                 has_id ? rest.ptr + at + 2 : "");
        admin_fixture_ask(f, deeds[i].method, target, deeds[i].body);
        assert_int_equal(f->status == 200, strcmp(deeds[i].outcome, "refused") != 0);
        ask_audit(f, "?limit=1000");
        assert_int_equal(admin_fixture_count(f, "data"), i + 2); // one entry, and only one
        expect_entry(f, 0, deeds[i].action, deeds[i].of && strcmp(deeds[i].of, "key") == 0 ? id : deeds[i].of,
                     deeds[i].outcome);
    }
    admin_fixture_restart(f);
    ask_audit(f, "?limit=1000");
    assert_int_equal(admin_fixture_count(f, "data"), 1 + sizeof(deeds) / sizeof(*deeds));
}

static void who_only_looks_leaves_none(void **state)
{
    static const char *const targets[] = {
        "/admin/stats",       "/admin/keys",        "/admin/keys/nobody?reveal=true",
        "/admin/pool-groups", "/admin/config",      "/admin/requests",
        "/admin/cooldowns",   "/admin/token/usage", "/admin/audit",
        "/admin/nothing",
    };
    struct admin_fixture *f = *state;
    for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++) {
        admin_fixture_ask(f, "GET", targets[i], NULL);
        admin_fixture_ask(f, "HEAD", targets[i], NULL);
    }
    admin_fixture_ask(f, "POST", "/admin/keys", "no JSON"); // its handler never sees it
    admin_fixture_expect(f, 400);
    ask_audit(f, "");
    assert_int_equal(admin_fixture_count(f, "data"), 0);
}

static void pages_follow_each_other(void **state)
{
    struct admin_fixture *f = *state;
    char query[64];
    for (int i = 0; i < 5; i++) {
        admin_fixture_ask(f, "DELETE", i % 2 ? "/admin/token/cache" : "/admin/cooldowns", NULL);
        admin_fixture_expect(f, 200);
    }
    ask_audit(f, "?limit=2");
    assert_int_equal(admin_fixture_count(f, "data"), 2);
    expect_entry(f, 0, "cooldowns.clear", NULL, "done");
    expect_entry(f, 1, "token.clear", NULL, "done");
    ask_audit(f, "?before=2020-01-01");
    assert_int_equal(admin_fixture_count(f, "data"), 0);
    snprintf(query, sizeof(query), "?before=%lld", 4102444800000LL);
    ask_audit(f, query);
    assert_int_equal(admin_fixture_count(f, "data"), 5);
    static const char *const bad[] = {"?limit=0", "?limit=1001", "?limit=x", "?before=soon", "?before=0"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        snprintf(query, sizeof(query), "/admin/audit%s", bad[i]);
        admin_fixture_ask(f, "GET", query, NULL);
        admin_fixture_expect(f, 400);
    }
}

static void guessing_leaves_one_entry_a_minute(void **state)
{
    struct admin_fixture *f = *state;
    for (int i = 0; i < 9; i++) {
        admin_fixture_ask_with(f, "GET", "/admin/stats", i % 2 ? "" : "x-admin-key: a wrong key\r\n", SLICE_EMPTY);
        admin_fixture_expect(f, 401);
    }
    ask_audit(f, "");
    assert_int_equal(admin_fixture_count(f, "data"), 1);
    expect_entry(f, 0, "access.denied", NULL, "refused");
    assert_int_equal(slice_find(f->body, SLICE("a wrong key")), SLICE_NOT_FOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, admin_fixture_setup, admin_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(whatever_is_done_leaves_an_entry),
        TEST(who_only_looks_leaves_none),
        TEST(pages_follow_each_other),
        TEST(guessing_leaves_one_entry_a_minute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
