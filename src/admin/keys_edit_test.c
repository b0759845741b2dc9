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

static void ask_of(struct admin_fixture *f, const char *method, const char *id, const char *what, const char *body)
{
    char target[160];
    snprintf(target, sizeof(target), "/admin/keys/%s%s", id, what);
    admin_fixture_ask(f, method, target, body);
}

// ---- adding ---------------------------------------------------------------------------------------------------------

static void what_is_wrong_with_a_key_is_told(void **state)
{
    static const struct {
        const char *body;
        unsigned status;
        const char *told;
    } rows[] = {
        {NULL, 400, ""},
        {"{}", 400, ""},
        {"{\"key\":\"\"}", 400, ""},
        {"{\"key\":\"   \"}", 400, ""},
        {"{\"key\":null}", 400, ""},
        {"{\"key\":7}", 400, "'key' must be a string"},
        {"{\"key\":\"fk-a\\u0007b\"}", 400, ""},
        {"{\"key\":\"fk-a\\nb\"}", 400, ""},
        {"{\"key\":\"fk-there\"}", 409, ""},
        {"{\"key\":\" fk-there \"}", 409, ""},
        {"{\"key\":\"fk-x\",\"poolGroup\":\"nowhere\"}", 400, ""},
        {"{\"key\":\"fk-x\",\"poolGroup\":[]}", 400, "'poolGroup' must be a string"},
        {"{\"key\":\"fk-x\",\"notes\":1}", 400, "'notes'"},
        {"{\"key\":\"fk-x\",\"provider\":\"no one\"}", 400, "'provider'"},
        {"{\"key\":\"fk-x\",\"proxy\":\"p2\"}", 400, "'proxy'"},
        {"{\"key\":\"fk-x\",\"weight\":0}", 400, "'weight'"},
        {"{\"key\":\"fk-x\",\"weight\":-1}", 400, "'weight'"},
        {"{\"key\":\"fk-x\",\"weight\":\"1\"}", 400, "'weight'"},
        {"{\"key\":\"fk-x\",\"maxInflight\":-1}", 400, "'maxInflight'"},
        {"{\"key\":\"fk-x\",\"maxInflight\":1.5}", 400, "'maxInflight'"},
    };
    struct admin_fixture *f = *state;
    admin_fixture_add(f, "fk-there", "default");
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        admin_fixture_ask(f, "POST", "/admin/keys", rows[i].body);
        admin_fixture_expect(f, rows[i].status);
        if (!strstr(admin_fixture_text(f, "message"), rows[i].told)) {
            fail_msg("%s: %s", rows[i].body, admin_fixture_text(f, "message"));
        }
    }
    assert_int_equal(key_store_n_keys(f->store), 1);
}

static void a_secret_may_have_512_bytes(void **state)
{
    struct admin_fixture *f = *state;
    char body[640];
    char secret[514];
    memset(secret, 'k', sizeof(secret));
    snprintf(body, sizeof(body), "{\"key\":\"%.513s\"}", secret);
    admin_fixture_ask(f, "POST", "/admin/keys", body);
    admin_fixture_expect(f, 400);
    snprintf(body, sizeof(body), "{\"key\":\"%.512s\"}", secret);
    admin_fixture_ask(f, "POST", "/admin/keys", body);
    admin_fixture_expect(f, 200);
}

static void an_added_key_is_answered_masked(void **state)
{
    struct admin_fixture *f = *state;
    admin_fixture_add_group(f, "main");
    admin_fixture_ask(
        f, "POST", "/admin/keys",
        "{\"key\":\"sk-ant-abcdefghijklmnopqrstuvwxyz\",\"notes\":\"of \\\"ours\\\"\",\"poolGroup\":\"main\","
        "\"weight\":2.5,\"maxInflight\":3,\"proxy\":\"p1\",\"unknown\":1}");
    admin_fixture_expect(f, 200);
    assert_string_equal(admin_fixture_text(f, "data.key"), "sk-ant-\xE2\x80\xA6wxyz");
    assert_string_equal(admin_fixture_text(f, "data.provider"), "anthropic");
    assert_string_equal(admin_fixture_text(f, "data.poolGroup"), "main");
    assert_string_equal(admin_fixture_text(f, "data.status"), "active");
    assert_string_equal(admin_fixture_text(f, "data.notes"), "of \"ours\"");
    assert_string_equal(admin_fixture_text(f, "data.last_test_result"), "untested");
    assert_string_equal(admin_fixture_text(f, "data.proxy"), "p1");
    assert_int_equal(admin_fixture_int(f, "data.maxInflight"), 3);
    assert_int_equal(admin_fixture_int(f, "data.total_requests"), 0);
    assert_int_equal(admin_fixture_int(f, "data.tokens.input"), 0);
    assert_int_equal(admin_fixture_int(f, "data.inflight"), 0);
    assert_int_equal(strlen(admin_fixture_text(f, "data.created_at")), 24);
    assert_memory_equal(admin_fixture_text(f, "data.id"), "key_", 4);
    static const char *const nulls[] = {"last_used_at", "success_rate",  "last_error",    "last_test_at",
                                        "banned_at",    "banned_reason", "cooldown_until"};
    for (size_t i = 0; i < sizeof(nulls) / sizeof(*nulls); i++) {
        char path[64];
        snprintf(path, sizeof(path), "data.%s", nulls[i]);
        assert_true(admin_fixture_is_null(f, path));
    }
    assert_null(admin_fixture_find(f, "data.token_usage"));
}

static void a_provider_may_be_named(void **state)
{
    struct admin_fixture *f = *state;
    admin_fixture_ask(f, "POST", "/admin/keys", "{\"key\":\"fk-of-another\",\"provider\":\"openai\"}");
    assert_string_equal(admin_fixture_text(f, "data.provider"), "openai");
}

// Of a short secret at most half is shown, of a long one eleven characters.
static void a_mask_never_shows_much(void **state)
{
    struct admin_fixture *f = *state;
    for (unsigned len = 1; len < 60; len++) {
        char secret[64];
        char body[128];
        snprintf(secret, sizeof(secret), "%0*u", (int)len, len * 7919);
        snprintf(body, sizeof(body), "{\"key\":\"%s\"}", secret);
        admin_fixture_ask(f, "POST", "/admin/keys", body);
        if (f->status == 409) {
            continue;
        }
        admin_fixture_expect(f, 200);
        size_t n_shown = strlen(admin_fixture_text(f, "data.key")) - strlen("\xE2\x80\xA6");
        assert_true(2 * n_shown <= strlen(secret) && n_shown <= 11);
    }
}

static void the_secret_is_shown_on_demand(void **state)
{
    struct admin_fixture *f = *state;
    const char *id = admin_fixture_add(f, "fk-the-whole-of-this-secret", "default");
    ask_of(f, "GET", id, "", NULL);
    assert_true(slice_find(f->body, SLICE("fk-the-whole")) == SLICE_NOT_FOUND);
    ask_of(f, "GET", id, "?reveal=true", NULL);
    assert_string_equal(admin_fixture_text(f, "data.key"), "fk-the-whole-of-this-secret");
    ask_of(f, "GET", id, "?reveal=false", NULL);
    assert_true(slice_find(f->body, SLICE("fk-the-whole")) == SLICE_NOT_FOUND);
}

// ---- changing -------------------------------------------------------------------------------------------------------

static void members_that_are_not_given_stay(void **state)
{
    struct admin_fixture *f = *state;
    admin_fixture_add_group(f, "main");
    const char *id = admin_fixture_add(f, "fk-first-secret", "main");
    ask_of(f, "PUT", id, "", "{\"notes\":\"n\",\"weight\":3}");
    admin_fixture_expect(f, 200);
    ask_of(f, "PUT", id, "", "{\"key\":\"fk-second-secret\",\"maxInflight\":2}");
    admin_fixture_expect(f, 200);
    assert_string_equal(admin_fixture_text(f, "data.notes"), "n");
    assert_string_equal(admin_fixture_text(f, "data.poolGroup"), "main");
    assert_int_equal(admin_fixture_int(f, "data.weight"), 3);
    assert_string_equal(admin_fixture_text(f, "data.id"), id);
    ask_of(f, "PUT", id, "", "{\"notes\":null,\"weight\":null,\"maxInflight\":null,\"poolGroup\":null}");
    admin_fixture_expect(f, 200);
    assert_string_equal(admin_fixture_text(f, "data.notes"), "");
    assert_string_equal(admin_fixture_text(f, "data.poolGroup"), "default");
    assert_int_equal(admin_fixture_int(f, "data.weight"), 1);
    assert_int_equal(admin_fixture_int(f, "data.maxInflight"), 0);
    ask_of(f, "GET", id, "?reveal=1", NULL);
    assert_string_equal(admin_fixture_text(f, "data.key"), "fk-second-secret");
}

static void a_wrong_change_changes_nothing(void **state)
{
    static const char *const bodies[] = {"{\"notes\":\"new\",\"weight\":0}", "{\"notes\":\"new\",\"key\":\"fk-other\"}",
                                         "{\"notes\":\"new\",\"poolGroup\":\"nowhere\"}",
                                         "{\"notes\":\"new\",\"key\":\"\"}", "{\"notes\":\"new\",\"proxy\":\"p7\"}"};
    struct admin_fixture *f = *state;
    const char *id = admin_fixture_add(f, "fk-this", "default");
    admin_fixture_add(f, "fk-other", "default");
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
        ask_of(f, "PUT", id, "", bodies[i]);
        admin_fixture_expect(f, i == 1 ? 409 : 400);
        ask_of(f, "GET", id, "?reveal=true", NULL);
        assert_string_equal(admin_fixture_text(f, "data.notes"), "");
        assert_string_equal(admin_fixture_text(f, "data.key"), "fk-this");
    }
}

static void toggling_flips_or_sets(void **state)
{
    struct admin_fixture *f = *state;
    const char *id = admin_fixture_add(f, "fk-one", "default");
    static const struct {
        const char *body;
        const char *status; // afterwards; NULL: refused
    } rows[] = {
        {NULL, "disabled"},
        {"{}", "active"},
        {"{\"status\":\"active\"}", "active"},
        {"{\"status\":\"disabled\"}", "disabled"},
        {"{\"status\":\"disabled\"}", "disabled"},
        {"{\"status\":\"banned\"}", NULL},
        {"{\"status\":1}", NULL},
        {NULL, "active"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        ask_of(f, "PATCH", id, "/toggle", rows[i].body);
        admin_fixture_expect(f, rows[i].status ? 200 : 400);
        if (rows[i].status) {
            assert_string_equal(admin_fixture_text(f, "data.status"), rows[i].status);
        }
    }
}

static void a_banned_key_becomes_active(void **state)
{
    struct admin_fixture *f = *state;
    const char *id = admin_fixture_add(f, "fk-one", "default");
    struct key_slot *slot = key_of(&f->table, admin_fixture_slot(f, "fk-one"));
    slot->banned_ms = 1700000000000;
    key_set_last_error(slot, SLICE("credit is gone"), 1700000000000);
    admin_fixture_put_aside(f, "fk-one", KEY_BANNED);
    ask_of(f, "GET", id, "", NULL);
    assert_string_equal(admin_fixture_text(f, "data.status"), "banned");
    assert_string_equal(admin_fixture_text(f, "data.banned_reason"), "credit is gone");
    assert_string_equal(admin_fixture_text(f, "data.banned_at"), "2023-11-14T22:13:20.000Z");
    ask_of(f, "PATCH", id, "/toggle", NULL);
    assert_string_equal(admin_fixture_text(f, "data.status"), "active");
    assert_true(admin_fixture_is_null(f, "data.banned_at"));
    assert_true(admin_fixture_is_null(f, "data.banned_reason"));
}

static void notes_have_a_limit_in_characters(void **state)
{
    struct admin_fixture *f = *state;
    const char *id = admin_fixture_add(f, "fk-one", "default");
    struct buf body = BUF_EMPTY;
    for (unsigned n = 1000; n <= 1001; n++) {
        buf_clear(&body);
        buf_append(&body, SLICE("{\"notes\":\""));
        for (unsigned i = 0; i < n; i++) {
            buf_append(&body, SLICE("\xE5\xAF\x86"));
        }
        buf_append(&body, SLICE("\"}"));
        buf_append_char(&body, '\0');
        ask_of(f, "PATCH", id, "/notes", body.ptr);
        admin_fixture_expect(f, n == 1000 ? 200 : 400);
    }
    buf_deinit(&body);
    ask_of(f, "PATCH", id, "/notes", "{}");
    admin_fixture_expect(f, 400);
    ask_of(f, "PATCH", id, "/notes", "{\"notes\":\"\"}");
    admin_fixture_expect(f, 200);
    assert_string_equal(admin_fixture_text(f, "data.notes"), "");
}

static void a_key_moves_between_groups(void **state)
{
    struct admin_fixture *f = *state;
    admin_fixture_add_group(f, "main");
    const char *id = admin_fixture_add(f, "fk-one", "default");
    ask_of(f, "PATCH", id, "/pool", "{\"poolGroup\":\"main\"}");
    assert_string_equal(admin_fixture_text(f, "data.poolGroup"), "main");
    ask_of(f, "PATCH", id, "/pool", "{\"poolGroup\":\"nowhere\"}");
    admin_fixture_expect(f, 400);
    ask_of(f, "PATCH", id, "/pool", "{}");
    admin_fixture_expect(f, 400);
    ask_of(f, "PATCH", id, "/pool", "{\"poolGroup\":\"default\"}");
    assert_string_equal(admin_fixture_text(f, "data.poolGroup"), "default");
}

// ---- removing, and surviving ----------------------------------------------------------------------------------------

static void a_removed_key_is_answered_for_the_last_time(void **state)
{
    struct admin_fixture *f = *state;
    const char *id = admin_fixture_add(f, "fk-the-one-to-go-away", "default");
    ask_of(f, "DELETE", id, "", NULL);
    admin_fixture_expect(f, 200);
    assert_string_equal(admin_fixture_text(f, "data.id"), id);
    assert_true(slice_find(f->body, SLICE("fk-the-one-to-go-away")) == SLICE_NOT_FOUND);
    ask_of(f, "GET", id, "", NULL);
    admin_fixture_expect(f, 404);
    ask_of(f, "DELETE", id, "", NULL);
    admin_fixture_expect(f, 404);
    admin_fixture_add(f, "fk-the-one-to-go-away", "default"); // may come back
}

static void what_was_answered_survives_a_restart(void **state)
{
    struct admin_fixture *f = *state;
    admin_fixture_add_group(f, "main");
    const char *kept = admin_fixture_add(f, "fk-kept", "main");
    const char *gone = admin_fixture_add(f, "fk-gone", "default");
    ask_of(f, "PUT", kept, "", "{\"notes\":\"a note\",\"weight\":4}");
    ask_of(f, "PATCH", kept, "/toggle", NULL);
    ask_of(f, "DELETE", gone, "", NULL);
    admin_fixture_restart(f);
    ask_of(f, "GET", kept, "?reveal=true", NULL);
    admin_fixture_expect(f, 200);
    assert_string_equal(admin_fixture_text(f, "data.key"), "fk-kept");
    assert_string_equal(admin_fixture_text(f, "data.notes"), "a note");
    assert_string_equal(admin_fixture_text(f, "data.status"), "disabled");
    assert_string_equal(admin_fixture_text(f, "data.poolGroup"), "main");
    assert_int_equal(admin_fixture_int(f, "data.weight"), 4);
    ask_of(f, "GET", gone, "", NULL);
    admin_fixture_expect(f, 404);
}

static bool has_two_keys(void *arg)
{
    struct admin_fixture *f = arg;
    const struct key_record *record = key_store_find_secret(f->store, SLICE("fk-late"));
    return record && record->slot != KEY_NO_SLOT;
}

static void a_client_that_leaves_does_not_take_its_change_along(void **state)
{
    struct admin_fixture *f = *state;
    admin_fixture_add(f, "fk-early", "default");
    admin_fixture_send(f, "POST", "/admin/keys", "x-admin-key: " ADMIN_FIXTURE_KEY "\r\n",
                       SLICE("{\"key\":\"fk-late\"}"));
    loopback_close(f->client);
    assert_true(loopback_until(&f->loop, has_two_keys, f));
    loopback_connect(f->client, f->port);
    admin_fixture_ask(f, "GET", "/admin/keys", NULL);
    assert_int_equal(admin_fixture_int(f, "data.pagination.total"), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, admin_fixture_setup, admin_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_wrong_with_a_key_is_told),
        TEST(a_secret_may_have_512_bytes),
        TEST(an_added_key_is_answered_masked),
        TEST(a_provider_may_be_named),
        TEST(a_mask_never_shows_much),
        TEST(the_secret_is_shown_on_demand),
        TEST(members_that_are_not_given_stay),
        TEST(a_wrong_change_changes_nothing),
        TEST(toggling_flips_or_sets),
        TEST(a_banned_key_becomes_active),
        TEST(notes_have_a_limit_in_characters),
        TEST(a_key_moves_between_groups),
        TEST(a_removed_key_is_answered_for_the_last_time),
        TEST(what_was_answered_survives_a_restart),
        TEST(a_client_that_leaves_does_not_take_its_change_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
