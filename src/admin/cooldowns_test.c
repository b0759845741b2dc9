// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "admin/admin_fixture.h"
#include "base/clock.h"

struct pool {
    const char *ids[3];
    struct key_slot *slots[3];
    int64_t until_ms;
};

// Key 0 cools down as a whole and for one model, key 1 (of group main) for two models, key 2 did once.
static struct pool fill(struct admin_fixture *f)
{
    struct pool pool = {.until_ms = clock_wall_ms() + 3600000};
    static const char *const secrets[] = {"fk-zero", "fk-one", "fk-two"};
    admin_fixture_add_group(f, "main");
    for (size_t i = 0; i < 3; i++) {
        pool.ids[i] = admin_fixture_add(f, secrets[i], i == 1 ? "main" : "default");
        pool.slots[i] = key_of(&f->table, admin_fixture_slot(f, secrets[i]));
        key_set_last_error(pool.slots[i], SLICE("429: slow down"), 1700000000000);
    }
    pool.slots[0]->cooldown_until_ms = pool.until_ms;
    pool.slots[0]->cooldowns[1].model = key_model_tag(SLICE("small-2"));
    pool.slots[0]->cooldowns[1].until_ms = pool.until_ms;
    pool.slots[1]->cooldowns[0].model = key_model_tag(SLICE("small-2"));
    pool.slots[1]->cooldowns[0].until_ms = pool.until_ms;
    pool.slots[1]->cooldowns[3].model = key_model_tag(SLICE("gone"));
    pool.slots[1]->cooldowns[3].until_ms = pool.until_ms;
    pool.slots[2]->cooldown_until_ms = 1700000000000;
    pool.slots[2]->cooldowns[0].model = key_model_tag(SLICE("small-2"));
    pool.slots[2]->cooldowns[0].until_ms = 1700000000000;
    return pool;
}

static size_t count(struct admin_fixture *f, const char *query)
{
    char target[128];
    snprintf(target, sizeof(target), "/admin/cooldowns%s", query);
    admin_fixture_ask(f, "GET", target, NULL);
    admin_fixture_expect(f, 200);
    return admin_fixture_count(f, "data");
}

static void they_are_listed(void **state)
{
    struct admin_fixture *f = *state;
    struct pool pool = fill(f);
    char time[CLOCK_ISO8601_SIZE];
    clock_format_iso8601(time, pool.until_ms);
    assert_int_equal(count(f, ""), 4);
    assert_string_equal(admin_fixture_text(f, "data.0.key"), pool.ids[0]);
    assert_true(admin_fixture_is_null(f, "data.0.model"));
    assert_string_equal(admin_fixture_text(f, "data.0.until"), time);
    assert_string_equal(admin_fixture_text(f, "data.0.reason"), "429: slow down");
    assert_string_equal(admin_fixture_text(f, "data.1.model"), "small-2");
    assert_string_equal(admin_fixture_text(f, "data.3.model"), "(no longer configured)");
    assert_int_equal(count(f, "?poolGroup=main"), 2);
    assert_int_equal(count(f, "?model=small"), 2); // as clients call it
    assert_int_equal(count(f, "?model=small-2"), 2);
    assert_int_equal(count(f, "?model=gone&poolGroup=main"), 1);
    assert_int_equal(count(f, "?model=other"), 0);
}

static void one_model_can_be_cleared(void **state)
{
    struct admin_fixture *f = *state;
    fill(f);
    admin_fixture_ask(f, "DELETE", "/admin/cooldowns?model=small", NULL);
    admin_fixture_expect(f, 200);
    assert_int_equal(admin_fixture_int(f, "data.cleared"), 2);
    assert_int_equal(count(f, ""), 2);
    assert_int_equal(count(f, "?model=small"), 0);
}

static void one_group_can_be_cleared(void **state)
{
    struct admin_fixture *f = *state;
    struct pool pool = fill(f);
    admin_fixture_ask(f, "DELETE", "/admin/cooldowns?poolGroup=nobody", NULL);
    admin_fixture_expect(f, 200);
    assert_int_equal(admin_fixture_int(f, "data.cleared"), 0);
    admin_fixture_ask(f, "DELETE", "/admin/cooldowns?poolGroup=main&model=gone", NULL);
    assert_int_equal(admin_fixture_int(f, "data.cleared"), 1);
    admin_fixture_ask(f, "DELETE", "/admin/cooldowns?poolGroup=main", NULL);
    assert_int_equal(admin_fixture_int(f, "data.cleared"), 1);
    assert_int_equal(count(f, "?poolGroup=main"), 0);
    assert_int_equal(count(f, "?poolGroup=default"), 2);
    assert_true(pool.slots[0]->cooldown_until_ms == pool.until_ms);
}

// Its other model and the key as a whole go on resting.
static void one_model_of_one_key_can_be_cleared(void **state)
{
    struct admin_fixture *f = *state;
    struct pool pool = fill(f);
    char target[128];
    snprintf(target, sizeof(target), "/admin/keys/%s/cooldown?model=small-2", pool.ids[1]);
    admin_fixture_ask(f, "DELETE", target, NULL);
    admin_fixture_expect(f, 200);
    assert_int_equal(admin_fixture_int(f, "data.cleared"), 1);
    assert_int_equal(count(f, "?poolGroup=main"), 1);
    assert_int_equal(count(f, "?model=small-2"), 1); // of the other key
    snprintf(target, sizeof(target), "/admin/keys/%s/cooldown?model=small", pool.ids[0]);
    admin_fixture_ask(f, "DELETE", target, NULL);
    assert_int_equal(admin_fixture_int(f, "data.cleared"), 1);
    assert_true(pool.slots[0]->cooldown_until_ms == pool.until_ms);
}

// The next one is not the longer for those that an operator has ended.
static void what_was_cleared_is_forgotten(void **state)
{
    struct admin_fixture *f = *state;
    struct pool pool = fill(f);
    pool.slots[0]->cooldown_n = 5;
    pool.slots[0]->cooldowns[1].n = 5;
    admin_fixture_ask(f, "DELETE", "/admin/cooldowns", NULL);
    admin_fixture_expect(f, 200);
    assert_int_equal(pool.slots[0]->cooldown_n, 0);
    for (size_t i = 0; i < KEY_MODEL_COOLDOWNS; i++) {
        assert_int_equal(pool.slots[0]->cooldowns[i].model, 0);
    }
}

static void wrong_requests_clear_nothing(void **state)
{
    static const struct {
        const char *method;
        const char *target;
        unsigned status;
    } rows[] = {
        {"GET", "/admin/cooldowns?model=%zz", 400},
        {"GET", "/admin/cooldowns?poolGroup=%00", 400},
        {"DELETE", "/admin/cooldowns?model=%zz", 400},
        {"DELETE", "/admin/keys/key_none/cooldown", 404},
        {"DELETE", "/admin/keys/key_none/cooldown?model=%zz", 400},
        {"GET", "/admin/keys/key_none/cooldown", 405},
        {"POST", "/admin/cooldowns", 405},
    };
    struct admin_fixture *f = *state;
    fill(f);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        admin_fixture_ask(f, rows[i].method, rows[i].target, NULL);
        admin_fixture_expect(f, rows[i].status);
    }
    assert_int_equal(count(f, ""), 4);
}

static void a_reason_is_always_told(void **state)
{
    struct admin_fixture *f = *state;
    const char *id = admin_fixture_add(f, "fk-one", "default");
    struct key_slot *slot = key_of(&f->table, key_store_find(f->store, slice_from_cstr(id))->slot);
    slot->cooldown_until_ms = clock_wall_ms() + 3600000;
    assert_int_equal(count(f, ""), 1);
    assert_true(strlen(admin_fixture_text(f, "data.0.reason")) > 0);
}

static void one_key_can_be_cleared(void **state)
{
    struct admin_fixture *f = *state;
    struct pool pool = fill(f);
    char target[128];
    snprintf(target, sizeof(target), "/admin/keys/%s/cooldown", pool.ids[0]);
    admin_fixture_ask(f, "DELETE", target, NULL);
    admin_fixture_expect(f, 200);
    assert_int_equal(admin_fixture_int(f, "data.cleared"), 2);
    assert_int_equal(count(f, ""), 2);
    admin_fixture_ask(f, "DELETE", target, NULL);
    assert_int_equal(admin_fixture_int(f, "data.cleared"), 0);
}

static void all_can_be_cleared_for_good(void **state)
{
    struct admin_fixture *f = *state;
    fill(f);
    admin_fixture_ask(f, "DELETE", "/admin/cooldowns", NULL);
    admin_fixture_expect(f, 200);
    assert_int_equal(admin_fixture_int(f, "data.cleared"), 4);
    assert_int_equal(count(f, ""), 0);
    admin_fixture_restart(f);
    assert_int_equal(count(f, ""), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, admin_fixture_setup, admin_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(they_are_listed),
        TEST(a_reason_is_always_told),
        TEST(wrong_requests_clear_nothing),
        TEST(one_model_can_be_cleared),
        TEST(one_group_can_be_cleared),
        TEST(one_model_of_one_key_can_be_cleared),
        TEST(what_was_cleared_is_forgotten),
        TEST(one_key_can_be_cleared),
        TEST(all_can_be_cleared_for_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
