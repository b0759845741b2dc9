// SPDX-License-Identifier: MIT
// The pool as an operator changes it: what may be, what is durable, what the table is told, what survives a restart.
#include "store/key_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "store/durable_file.h"
#include "store/store_fixture.h"
#include "json/json_reader.h"

#define NO_DRAFT ((struct key_draft){.max_inflight = -1})

static void assert_slice(struct slice given, const char *expected)
{
    if (!slice_eq(given, slice_from_cstr(expected))) {
        fail_msg("\"%.*s\" is not \"%s\"", SLICE_ARG(given), expected);
    }
}

static const struct key_record *key_of_secret(struct store_fixture *f, const char *secret)
{
    const struct key_record *record = key_store_find_secret(f->store, slice_from_cstr(secret));
    if (!record) {
        fail_msg("%s is not there", secret);
    }
    return record;
}

static struct key_slot *slot_of(struct store_fixture *f, const char *secret)
{
    const struct key_record *record = key_of_secret(f, secret);
    assert_int_not_equal(record->slot, KEY_NO_SLOT);
    return key_of(&f->table, record->slot);
}

static struct key_info info_of(struct store_fixture *f, const char *secret)
{
    struct key_info info;
    assert_true(key_read(&f->table, key_of_secret(f, secret)->slot, &f->arena, &info));
    return info;
}

// A member of an entry of `keys` in the document, found by its `key`.
static struct slice document_member(struct store_fixture *f, const char *secret, const char *name)
{
    struct json_doc doc;
    struct slice text = store_fixture_read(f, "key_pool.json");
    assert_int_equal(json_parse(&doc, &f->arena, text, NULL), 0);
    const struct json_node *key = NULL;
    while (json_next_element(&doc, json_get(&doc, json_root(&doc), SLICE("keys")), &key)) {
        if (json_string_is(&doc, json_get(&doc, key, SLICE("key")), slice_from_cstr(secret))) {
            const struct json_node *member = json_get(&doc, key, slice_from_cstr(name));
            return member ? json_raw(&doc, member) : SLICE_EMPTY;
        }
    }
    fail_msg("%s is not in the document", secret);
    return SLICE_EMPTY;
}

static bool document_has(struct store_fixture *f, const char *text)
{
    return slice_find(store_fixture_read(f, "key_pool.json"), slice_from_cstr(text)) != SLICE_NOT_FOUND;
}

// ---- refusals

static void refuses_keys_that_cannot_be(void **state)
{
    static char long_secret[KEY_SECRET_MAX + 2];
    static char long_notes[2 * KEY_NOTES_MAX_DEFAULT + 3];
    struct store_fixture *f = *state;
    memset(long_secret, 'x', KEY_SECRET_MAX + 1);
    for (size_t i = 0; i < KEY_NOTES_MAX_DEFAULT + 1; i++) {
        memcpy(long_notes + 2 * i, "\xC3\xA4", 2);
    }
    const struct slice notes_that_fit = slice_of(long_notes, 2 * KEY_NOTES_MAX_DEFAULT);
    const struct {
        struct key_draft draft;
        enum key_store_refusal refusal;
    } cases[] = {
        {{.secret = SLICE("")}, KEY_STORE_EMPTY},
        {{.secret = SLICE_EMPTY}, KEY_STORE_EMPTY},
        {{.secret = slice_from_cstr(long_secret)}, KEY_STORE_TOO_LONG},
        {{.secret = SLICE("a b")}, KEY_STORE_BAD_CHARACTER},
        {{.secret = SLICE("a\n")}, KEY_STORE_BAD_CHARACTER},
        {{.secret = SLICE("a\x7F")}, KEY_STORE_BAD_CHARACTER},
        {{.secret = SLICE("a\xFF")}, KEY_STORE_BAD_CHARACTER}, // would be another key after a restart
        {{.secret = SLICE("there")}, KEY_STORE_EXISTS},
        {{.secret = SLICE("a"), .group = SLICE("nowhere")}, KEY_STORE_NO_SUCH_GROUP},
        {{.secret = SLICE("a"), .notes = slice_from_cstr(long_notes)}, KEY_STORE_NOTES_TOO_LONG},
        {{.secret = SLICE("a"), .weight = -1}, KEY_STORE_BAD_WEIGHT},
        {{.secret = SLICE("a"), .weight = __builtin_nan("")}, KEY_STORE_BAD_WEIGHT},
        {{.secret = SLICE("a"), .weight = __builtin_inf()}, KEY_STORE_BAD_WEIGHT},
        {{.secret = SLICE("b"), .notes = notes_that_fit}, KEY_STORE_OK},
        {{.secret = slice_of(long_secret, KEY_SECRET_MAX), .group = SLICE("default")}, KEY_STORE_OK},
    };
    store_fixture_open(f);
    store_fixture_add(f, "there", NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct key_record *record = NULL;
        assert_int_equal(key_store_add(f->store, &cases[i].draft, &record), cases[i].refusal);
        assert_int_equal(record != NULL, cases[i].refusal == KEY_STORE_OK);
        assert_true(strlen(key_store_refusal_text(cases[i].refusal)) > 0);
    }
    assert_int_equal(key_store_n_keys(f->store), 3);
    assert_int_equal(store_fixture_commit(f), 0);
}

static void refuses_changes_that_cannot_be(void **state)
{
    struct store_fixture *f = *state;
    size_t n;
    store_fixture_open(f);
    struct slice id = store_fixture_add(f, "one", NULL)->id;
    store_fixture_add(f, "two", NULL);
    const struct key_group_record group = {.id = SLICE("g"), .name = SLICE("G"), .priority = 1};
    const struct key_group_record none = {.id = SLICE("none")};
    const struct key_group_record by_default = {.id = SLICE("default")};
    struct key_draft draft = {.secret = SLICE("two"), .max_inflight = -1};
    assert_int_equal(key_store_change(f->store, id, &draft), KEY_STORE_EXISTS);
    draft.secret = SLICE("one"); // its own
    assert_int_equal(key_store_change(f->store, id, &draft), KEY_STORE_OK);
    assert_int_equal(key_store_change(f->store, SLICE("none"), &draft), KEY_STORE_NO_SUCH_KEY);
    assert_int_equal(key_store_remove(f->store, SLICE("none")), KEY_STORE_NO_SUCH_KEY);
    assert_int_equal(key_store_set_status(f->store, SLICE("none"), KEY_ACTIVE), KEY_STORE_NO_SUCH_KEY);
    assert_int_equal(key_store_add_group(f->store, &group), KEY_STORE_OK);
    assert_int_equal(key_store_add_group(f->store, &group), KEY_STORE_EXISTS);
    assert_int_equal(key_store_add_group(f->store, &by_default), KEY_STORE_DEFAULT_GROUP);
    assert_int_equal(key_store_change_group(f->store, &none), KEY_STORE_NO_SUCH_GROUP);
    assert_int_equal(key_store_change_group(f->store, &by_default), KEY_STORE_DEFAULT_GROUP);
    assert_int_equal(key_store_remove_group(f->store, SLICE("none"), &n), KEY_STORE_NO_SUCH_GROUP);
    assert_int_equal(key_store_remove_group(f->store, SLICE("default"), &n), KEY_STORE_DEFAULT_GROUP);
    static const char *const bad_ids[] = {"", "A", "-a", "_a", "a b", "\xC3\xA4", "a.b"};
    for (size_t i = 0; i < sizeof(bad_ids) / sizeof(*bad_ids); i++) {
        const struct key_group_record bad = {.id = slice_from_cstr(bad_ids[i])};
        assert_int_equal(key_store_add_group(f->store, &bad), KEY_STORE_BAD_GROUP_ID);
    }
    assert_int_equal(store_fixture_commit(f), 0);
}

static void refuses_one_group_too_many(void **state)
{
    struct store_fixture *f = *state;
    char id[16];
    store_fixture_open(f);
    for (int i = 0; i < KEY_GROUPS_MAX; i++) {
        const struct key_group_record group = {.id = slice_of(id, (size_t)snprintf(id, sizeof(id), "g%d", i)),
                                               .priority = i};
        assert_int_equal(key_store_add_group(f->store, &group), i < KEY_GROUPS_MAX - 1 ? KEY_STORE_OK : KEY_STORE_FULL);
    }
    assert_int_equal(store_fixture_commit(f), 0);
    assert_int_equal(key_store_n_groups(f->store), KEY_GROUPS_MAX - 1);
}

// ---- keys

static void an_added_key_is_in_the_table_when_it_is_durable(void **state)
{
    struct store_fixture *f = *state;
    store_fixture_open(f);
    assert_int_equal(store_fixture_commit(f), 0); // nothing to wait for
    const struct key_record *record = store_fixture_add(f, "sk-ant-one", NULL);
    assert_int_equal(record->slot, KEY_NO_SLOT);
    assert_int_equal(key_table_end(&f->table), 0);
    assert_false(store_fixture_has(f, "key_pool.json"));
    assert_int_equal(store_fixture_commit(f), 0);
    record = key_of_secret(f, "sk-ant-one");
    assert_int_equal(key_table_n_usable(&f->table), 1);
    assert_true(slice_starts_with(record->id, SLICE("key_")));
    assert_int_equal(record->id.len, 4 + 13 + 1 + 9);
    assert_slice(record->provider, "anthropic");
    assert_slice(record->group, "default");
    assert_true(clock_wall_ms() - record->created_ms < 60000);
    struct key_info info = info_of(f, "sk-ant-one");
    assert_true(slice_eq(info.id, record->id));
    assert_slice(info.secret, "sk-ant-one");
    assert_int_equal(info.provider, KEY_ANTHROPIC);
    assert_ptr_equal(key_store_find(f->store, record->id), record);
    assert_null(key_store_find(f->store, SLICE("sk-ant-one")));
    assert_slice(document_member(f, "sk-ant-one", "status"), "\"active\"");
    assert_slice(document_member(f, "sk-ant-one", "last_test_result"), "\"untested\"");
    assert_slice(document_member(f, "sk-ant-one", "banned_reason"), "null");
    struct slice id = arena_dup(&f->arena, record->id);
    store_fixture_reopen(f);
    assert_true(slice_eq(key_of_secret(f, "sk-ant-one")->id, id));
}

static void a_changed_key_survives_a_restart(void **state)
{
    struct store_fixture *f = *state;
    const struct key_group_record group = {.id = SLICE("g"), .name = SLICE("G"), .priority = 1};
    store_fixture_open(f);
    struct slice id = arena_dup(&f->arena, store_fixture_add(f, "fk-one", NULL)->id);
    assert_int_equal(store_fixture_commit(f), 0);
    assert_int_equal(key_store_add_group(f->store, &group), KEY_STORE_OK);
    const struct key_draft draft = {
        .secret = SLICE("glm-two"),
        .notes = SLICE("n\"\xC3\xB6\n"),
        .group = SLICE("g"),
        .proxy = SLICE("p1"),
        .weight = 2.5,
        .max_inflight = 7,
    };
    assert_int_equal(key_store_change(f->store, id, &draft), KEY_STORE_OK);
    assert_slice(info_of(f, "glm-two").secret, "fk-one"); // not durable yet
    assert_int_equal(store_fixture_commit(f), 0);
    for (int restart = 0; restart < 2; restart++) {
        const struct key_record *record = key_of_secret(f, "glm-two");
        struct key_info info = info_of(f, "glm-two");
        assert_null(key_store_find_secret(f->store, SLICE("fk-one")));
        assert_true(slice_eq(record->id, id));
        assert_slice(record->notes, "n\"\xC3\xB6\n");
        assert_slice(record->group, "g");
        assert_slice(record->provider, "glm");
        assert_slice(record->proxy, "p1");
        assert_true(record->weight > 2.49 && record->weight < 2.51);
        assert_int_equal(record->max_inflight, 7);
        assert_slice(info.secret, "glm-two");
        assert_int_equal(info.group, key_table_find_group(&f->table, SLICE("g")));
        assert_int_not_equal(info.group, 0);
        assert_int_equal(info.provider, KEY_GLM);
        assert_int_equal(info.max_inflight, 7);
        assert_true(info.proxy == key_proxy_tag(SLICE("p1")));
        store_fixture_reopen(f);
    }
    const struct key_draft less = {.notes = SLICE(""), .proxy = SLICE(""), .group = SLICE(""), .max_inflight = 0};
    assert_int_equal(key_store_change(f->store, id, &less), KEY_STORE_OK);
    assert_int_equal(store_fixture_commit(f), 0);
    assert_int_equal(info_of(f, "glm-two").proxy, 0);
    assert_slice(key_of_secret(f, "glm-two")->group, "default");
    assert_slice(document_member(f, "glm-two", "maxInflight"), "");
    assert_slice(document_member(f, "glm-two", "weight"), "2.5");
}

static void order_is_kept_while_keys_come_and_go(void **state)
{
    struct store_fixture *f = *state;
    char secret[16];
    store_fixture_open(f);
    for (int i = 0; i < 100; i++) {
        snprintf(secret, sizeof(secret), "k%d", i);
        store_fixture_add(f, secret, NULL);
    }
    assert_int_equal(store_fixture_commit(f), 0);
    for (int i = 0; i < 100; i += 3) {
        snprintf(secret, sizeof(secret), "k%d", i);
        assert_int_equal(key_store_remove(f->store, key_of_secret(f, secret)->id), KEY_STORE_OK);
    }
    struct key_draft draft = NO_DRAFT;
    draft.notes = SLICE("x");
    assert_int_equal(key_store_change(f->store, key_of_secret(f, "k50")->id, &draft), KEY_STORE_OK);
    assert_int_equal(store_fixture_commit(f), 0);
    for (int restart = 0; restart < 2; restart++) {
        size_t n = 0;
        for (int i = 0; i < 100; i++) {
            snprintf(secret, sizeof(secret), "k%d", i);
            if (i % 3 != 0) {
                assert_slice(key_store_key(f->store, n++)->secret, secret);
            }
        }
        assert_int_equal(n, key_store_n_keys(f->store));
        assert_int_equal(n, key_table_n_usable(&f->table));
        store_fixture_reopen(f);
    }
}

static void an_operator_ends_a_ban_with_all_that_led_to_it(void **state)
{
    struct store_fixture *f = *state;
    store_fixture_open(f);
    store_fixture_add(f, "one", NULL);
    assert_int_equal(store_fixture_commit(f), 0);
    struct key_slot *slot = slot_of(f, "one");
    uint32_t number = key_of_secret(f, "one")->slot;
    assert_true(key_table_set_status(&f->table, number, KEY_ACTIVE, KEY_BANNED));
    slot->banned_ms = 1767323045678;
    slot->errors_in_row = 5;
    slot->cooldown_until_ms = INT64_MAX / 2;
    slot->cooldowns[0].model = 9;
    slot->cooldowns[0].until_ms = clock_wall_ms() + 60000;
    slot->test_result = KEY_TEST_FAILED;
    key_set_last_error(slot, SLICE("no credit"), 1767323045678);
    store_fixture_reopen(f);
    slot = slot_of(f, "one");
    assert_int_equal(slot->status, KEY_BANNED);
    assert_int_equal(slot->banned_ms, 1767323045678);
    assert_slice(document_member(f, "one", "banned_reason"), "\"no credit\"");
    assert_slice(document_member(f, "one", "banned_at"), "\"2026-01-02T03:04:05.678Z\"");
    assert_slice(document_member(f, "one", "last_test_result"), "\"failed\"");
    assert_int_equal(key_table_n_usable(&f->table), 0);
    assert_int_equal(key_store_set_status(f->store, key_of_secret(f, "one")->id, KEY_ACTIVE), KEY_STORE_OK);
    assert_int_equal(slot->status, KEY_BANNED); // not durable yet
    assert_int_equal(store_fixture_commit(f), 0);
    assert_slice(document_member(f, "one", "status"), "\"active\"");
    assert_slice(document_member(f, "one", "banned_reason"), "null");
    assert_slice(document_member(f, "one", "banned_at"), "null");
    assert_slice(document_member(f, "one", "model_cooldowns"), "");
    for (int restart = 0; restart < 2; restart++) {
        slot = slot_of(f, "one");
        assert_int_equal(slot->status, KEY_ACTIVE);
        assert_int_equal(slot->banned_ms, 0);
        assert_int_equal(slot->errors_in_row, 0);
        assert_int_equal(slot->cooldown_until_ms, 0);
        assert_int_equal(slot->cooldowns[0].model, 0);
        assert_int_equal(slot->test_result, KEY_UNTESTED);
        assert_int_equal(key_last_error(slot, &f->arena).len, 0);
        assert_int_equal(key_table_n_usable(&f->table), 1);
        store_fixture_reopen(f);
    }
    assert_int_equal(key_store_set_status(f->store, key_of_secret(f, "one")->id, KEY_DISABLED), KEY_STORE_OK);
    assert_int_equal(store_fixture_commit(f), 0);
    assert_int_equal(key_table_n_usable(&f->table), 0);
    assert_slice(document_member(f, "one", "status"), "\"disabled\"");
}

// Between the change and its publication a rule bans the key: the operator's word is the later one.
static void an_operator_s_status_meets_a_rule_s(void **state)
{
    struct store_fixture *f = *state;
    store_fixture_open(f);
    store_fixture_add(f, "one", NULL);
    assert_int_equal(store_fixture_commit(f), 0);
    assert_int_equal(key_store_set_status(f->store, key_of_secret(f, "one")->id, KEY_DISABLED), KEY_STORE_OK);
    assert_true(key_table_set_status(&f->table, key_of_secret(f, "one")->slot, KEY_ACTIVE, KEY_BANNED));
    assert_int_equal(store_fixture_commit(f), 0);
    assert_int_equal(slot_of(f, "one")->status, KEY_DISABLED);
    // What comes after it counts again.
    assert_true(key_table_set_status(&f->table, key_of_secret(f, "one")->slot, KEY_DISABLED, KEY_BANNED));
    struct key_draft draft = NO_DRAFT;
    draft.notes = SLICE("x");
    assert_int_equal(key_store_change(f->store, key_of_secret(f, "one")->id, &draft), KEY_STORE_OK);
    assert_int_equal(store_fixture_commit(f), 0);
    assert_int_equal(slot_of(f, "one")->status, KEY_BANNED);
    assert_slice(document_member(f, "one", "status"), "\"banned\"");
}

static void many_changes_of_one_key_before_a_commit(void **state)
{
    struct store_fixture *f = *state;
    store_fixture_open(f);
    const struct key_record *record = store_fixture_add(f, "one", NULL);
    struct slice id = arena_dup(&f->arena, record->id);
    struct key_draft draft = NO_DRAFT;
    draft.secret = SLICE("two");
    assert_int_equal(key_store_change(f->store, id, &draft), KEY_STORE_OK);
    assert_int_equal(key_store_set_status(f->store, id, KEY_DISABLED), KEY_STORE_OK);
    draft.secret = SLICE("one");
    assert_int_equal(key_store_change(f->store, id, &draft), KEY_STORE_OK);
    store_fixture_add(f, "three", NULL);
    assert_int_equal(key_store_remove(f->store, key_of_secret(f, "three")->id), KEY_STORE_OK);
    store_fixture_add(f, "three", NULL);
    assert_int_equal(store_fixture_commit(f), 0);
    assert_slice(info_of(f, "one").secret, "one");
    assert_int_equal(slot_of(f, "one")->status, KEY_DISABLED);
    assert_int_equal(key_table_n_usable(&f->table), 1);
    assert_int_equal(key_store_n_keys(f->store), 2);
    assert_int_equal(key_store_remove(f->store, id), KEY_STORE_OK);
    assert_int_equal(store_fixture_commit(f), 0);
    assert_int_equal(key_store_n_keys(f->store), 1);
    assert_slice(key_store_key(f->store, 0)->secret, "three");
}

// ---- groups and settings

static void keys_of_a_removed_group_go_to_the_default(void **state)
{
    struct store_fixture *f = *state;
    size_t n = 0;
    store_fixture_open(f);
    const struct key_group_record groups[] = {
        {.id = SLICE("a"), .name = SLICE("A"), .description = SLICE("first"), .priority = 2},
        {.id = SLICE("b"), .name = SLICE("B"), .priority = 1},
    };
    assert_int_equal(key_store_add_group(f->store, &groups[0]), KEY_STORE_OK);
    assert_int_equal(key_store_add_group(f->store, &groups[1]), KEY_STORE_OK);
    store_fixture_add(f, "a1", "a");
    store_fixture_add(f, "a2", "a");
    store_fixture_add(f, "b1", "b");
    assert_int_equal(store_fixture_commit(f), 0);
    uint16_t index_of_b = info_of(f, "b1").group;
    assert_int_equal(key_store_remove_group(f->store, SLICE("a"), &n), KEY_STORE_OK);
    assert_int_equal(n, 2);
    assert_int_not_equal(info_of(f, "a1").group, 0);
    assert_int_equal(store_fixture_commit(f), 0);
    assert_int_equal(info_of(f, "a1").group, 0);
    assert_int_equal(info_of(f, "a2").group, 0);
    assert_int_equal(info_of(f, "b1").group, index_of_b);
    assert_int_equal(key_table_find_group(&f->table, SLICE("a")), 0);
    const struct key_group_record changed = {.id = SLICE("b"), .description = SLICE("second"), .priority = 5};
    assert_int_equal(key_store_change_group(f->store, &changed), KEY_STORE_OK);
    store_fixture_reopen(f);
    assert_int_equal(key_store_n_groups(f->store), 1);
    const struct key_group_record *group = key_store_group(f->store, 0);
    assert_slice(group->id, "b");
    assert_slice(group->name, "B");
    assert_slice(group->description, "second");
    assert_int_equal(group->priority, 5);
    assert_slice(key_of_secret(f, "a1")->group, "default");
}

// Written by hand, or left by an older program: the group is made later, and the keys are in it.
static void keys_may_name_a_group_before_it_is_there(void **state)
{
    struct store_fixture *f = *state;
    const struct key_group_record group = {.id = SLICE("later"), .name = SLICE("L"), .priority = 1};
    store_fixture_write(f, "key_pool.json",
                        SLICE("{\"keys\":[{\"id\":\"1\",\"key\":\"one\",\"poolGroup\":\"later\"}]}"));
    store_fixture_open(f);
    assert_int_equal(info_of(f, "one").group, 0);
    assert_slice(key_of_secret(f, "one")->group, "later");
    assert_int_equal(key_store_add_group(f->store, &group), KEY_STORE_OK);
    assert_int_equal(store_fixture_commit(f), 0);
    assert_int_equal(info_of(f, "one").group, key_table_find_group(&f->table, SLICE("later")));
    assert_int_not_equal(info_of(f, "one").group, 0);
}

static void settings_that_are_set_win_over_the_defaults(void **state)
{
    struct store_fixture *f = *state;
    struct key_settings published;
    f->defaults.retry_max = 9;
    store_fixture_write(f, "key_pool.json",
                        SLICE("{\"config\":{\"algorithm\":\"random\",\"retry\":{\"x\":1},\"timeWindowHours\":-1}}"));
    store_fixture_open(f);
    assert_true(store_fixture_logged(f, "timeWindowHours is -1; it may be a whole number from 1 to 744"));
    assert_int_equal(key_store_settings(f->store)->algorithm, KEY_RANDOM);
    assert_int_equal(key_store_settings(f->store)->retry_max, 9);
    assert_int_equal(key_store_settings(f->store)->window_hours, 24);
    struct key_settings settings = *key_store_settings(f->store);
    settings.max_inflight = 3;
    key_store_set_settings(f->store, &settings);
    key_table_settings(&f->table, &published);
    assert_int_equal(published.max_inflight, 0);
    assert_int_equal(store_fixture_commit(f), 0);
    key_table_settings(&f->table, &published);
    assert_int_equal(published.max_inflight, 3);
    assert_true(document_has(f, "\"config\":{\"algorithm\":\"random\",\"retry\":{\"x\":1},\"timeWindowHours\":-1,"
                                "\"maxInflightPerKey\":3}"));
    struct key_settings defaults = key_settings_default;
    defaults.retry_max = 4;
    defaults.max_inflight = 5;
    defaults.algorithm = KEY_LEAST_USED;
    key_store_set_defaults(f->store, &defaults, 10);
    key_table_settings(&f->table, &published);
    assert_int_equal(published.retry_max, 4);
    assert_int_equal(published.max_inflight, 3);
    assert_int_equal(published.algorithm, KEY_RANDOM);
    key_store_reset_settings(f->store);
    assert_int_equal(store_fixture_commit(f), 0);
    key_table_settings(&f->table, &published);
    assert_int_equal(published.max_inflight, 5);
    assert_int_equal(published.algorithm, KEY_LEAST_USED);
    assert_true(document_has(f, "\"config\":{\"retry\":{\"x\":1}}"));
}

// ---- what is counted

static bool has_three_uses(struct store_fixture *f)
{
    return slice_eq(document_member(f, "one", "usage_count"), SLICE("3"));
}

static void counters_are_written_without_being_asked(void **state)
{
    struct store_fixture *f = *state;
    store_fixture_open(f);
    store_fixture_add(f, "one", NULL);
    assert_int_equal(store_fixture_commit(f), 0);
    slot_of(f, "one")->usage_count = 3;
    key_changed(&f->table, key_of_secret(f, "one")->slot);
    store_fixture_run_until(f, has_three_uses, 20000);
}

static void nothing_is_written_while_nothing_happens(void **state)
{
    struct store_fixture *f = *state;
    store_fixture_open(f);
    store_fixture_add(f, "one", NULL);
    assert_int_equal(store_fixture_commit(f), 0);
    struct durable_stamp before = durable_stamp_of(f->folder, "key_pool.json");
    key_changed(&f->table, key_of_secret(f, "one")->slot); // looked at, and found the same
    store_fixture_run_for(f, 2500);
    assert_true(durable_stamp_eq(before, durable_stamp_of(f->folder, "key_pool.json")));
    store_fixture_reopen(f);
    assert_true(durable_stamp_eq(before, durable_stamp_of(f->folder, "key_pool.json")));
}

static void all_that_is_counted_survives_a_restart(void **state)
{
    struct store_fixture *f = *state;
    int64_t soon_ms = clock_wall_ms() + 3600000;
    store_fixture_open(f);
    store_fixture_add(f, "one", NULL);
    store_fixture_add(f, "two", NULL);
    assert_int_equal(store_fixture_commit(f), 0);
    struct key_slot *slot = slot_of(f, "one");
    slot->usage_count = 11;
    slot->total_requests = 10;
    slot->success_requests = 8;
    slot->error_count = 2;
    slot->input_tokens = 1ULL << 40;
    slot->output_tokens = 7;
    slot->last_used_ms = 1767323045678;
    slot->allowance = 1000;
    slot->used = 10;
    slot->tokens_at_sync = 5;
    slot->synced_ms = 1767323045679;
    slot->day = 20455;
    slot->month = 2026 * 12 + 11;
    slot->day_tokens = 3;
    slot->month_tokens = 4;
    slot->window[2] = (uint64_t)99 << 32 | 5;
    slot->cooldown_until_ms = soon_ms;
    slot->cooldown_n = 3;
    slot->errors_in_row = 2;
    slot->cooldowns[1].model = 4000000000;
    slot->cooldowns[1].n = 2;
    slot->cooldowns[1].until_ms = soon_ms + 1;
    slot->last_test_ms = 1767323045677;
    slot->test_result = KEY_TEST_SUCCESS;
    key_set_last_error(slot, SLICE("HTTP 500: \"x\""), 1767323045676);
    store_fixture_reopen(f);
    slot = slot_of(f, "one");
    assert_int_equal(slot->usage_count, 11);
    assert_int_equal(slot->total_requests, 10);
    assert_int_equal(slot->success_requests, 8);
    assert_int_equal(slot->error_count, 2);
    assert_true(slot->input_tokens == 1ULL << 40);
    assert_int_equal(slot->output_tokens, 7);
    assert_int_equal(slot->last_used_ms, 1767323045678);
    assert_int_equal(slot->allowance, 1000);
    assert_int_equal(slot->used, 10);
    assert_int_equal(slot->tokens_at_sync, 5);
    assert_int_equal(slot->synced_ms, 1767323045679);
    assert_int_equal(slot->day, 20455);
    assert_int_equal(slot->month, 2026 * 12 + 11);
    assert_int_equal(slot->day_tokens, 3);
    assert_int_equal(slot->month_tokens, 4);
    assert_true(slot->window[0] == ((uint64_t)99 << 32 | 5) || slot->window[2] == ((uint64_t)99 << 32 | 5));
    assert_int_equal(slot->cooldown_until_ms, soon_ms);
    assert_int_equal(slot->cooldown_n, 3);
    assert_int_equal(slot->errors_in_row, 2);
    assert_true(slot->cooldowns[0].model == 4000000000);
    assert_int_equal(slot->cooldowns[0].n, 2);
    assert_int_equal(slot->cooldowns[0].until_ms, soon_ms + 1);
    assert_int_equal(slot->last_test_ms, 1767323045677);
    assert_int_equal(slot->test_result, KEY_TEST_SUCCESS);
    assert_slice(key_last_error(slot, &f->arena), "HTTP 500: \"x\"");
    assert_int_equal(slot->last_error_ms, 1767323045676);
    assert_int_equal(slot_of(f, "two")->allowance, -1);
    assert_slice(document_member(f, "one", "success_rate"), "0.8");
    assert_true(document_has(f, "\"last_rotation_index\":0"));
}

// ---- commits

struct noted_commit {
    struct key_store_commit commit;
    struct store_fixture *f;
    bool is_done;
    int r;
    struct durable_stamp stamp; // of the document when it was called back
};

static void note_commit(struct key_store_commit *commit, int r)
{
    struct noted_commit *noted = CONTAINER_OF(commit, struct noted_commit, commit);
    noted->is_done = true;
    noted->r = r;
    noted->stamp = durable_stamp_of(noted->f->folder, "key_pool.json");
}

static struct noted_commit noted_commits[4];

static bool are_all_done(struct store_fixture *f)
{
    (void)f;
    return noted_commits[0].is_done && noted_commits[1].is_done && noted_commits[2].is_done;
}

static bool is_first_written(struct store_fixture *f)
{
    return store_fixture_has(f, ".key_pool.json.new") || store_fixture_has(f, "key_pool.json");
}

// What comes while a write runs waits for the next one, all of it together.
static void commits_share_writes(void **state)
{
    struct store_fixture *f = *state;
    char secret[16];
    store_fixture_open(f);
    memset(noted_commits, 0, sizeof(noted_commits));
    for (int i = 0; i < 3; i++) {
        snprintf(secret, sizeof(secret), "k%d", i);
        store_fixture_add(f, secret, NULL);
        noted_commits[i].f = f;
        key_store_commit(f->store, &noted_commits[i].commit, note_commit);
        if (i == 0) {
            store_fixture_run_until(f, is_first_written, 10000);
        }
    }
    struct noted_commit forgotten = {.f = f};
    key_store_commit(f->store, &forgotten.commit, note_commit);
    key_store_forget(&forgotten.commit);
    store_fixture_run_until(f, are_all_done, 10000);
    assert_false(forgotten.is_done);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(noted_commits[i].r, 0);
    }
    assert_false(durable_stamp_eq(noted_commits[0].stamp, noted_commits[2].stamp));
    assert_true(durable_stamp_eq(noted_commits[1].stamp, noted_commits[2].stamp));
}

static void a_batch_of_100000_is_one_write(void **state)
{
    struct store_fixture *f = *state;
    char secret[32];
    store_fixture_open(f);
    for (int i = 0; i < KEY_BATCH_MAX; i++) {
        snprintf(secret, sizeof(secret), "fk-number-%d", i);
        store_fixture_add(f, secret, NULL);
    }
    assert_int_equal(store_fixture_commit(f), 0);
    assert_false(store_fixture_has(f, "key_pool.json.bak")); // there was no write before
    assert_int_equal(key_table_n_usable(&f->table), KEY_BATCH_MAX);
    store_fixture_reopen(f);
    assert_int_equal(key_store_n_keys(f->store), KEY_BATCH_MAX);
    assert_slice(key_store_key(f->store, KEY_BATCH_MAX - 1)->secret, "fk-number-99999");
    for (int i = KEY_BATCH_MAX; i > 0; i--) {
        snprintf(secret, sizeof(secret), "fk-number-%d", i - 1);
        assert_int_equal(key_store_remove(f->store, key_of_secret(f, secret)->id), KEY_STORE_OK);
    }
    assert_int_equal(store_fixture_commit(f), 0);
    assert_int_equal(key_table_n_usable(&f->table), 0);
}

// A change while a large text is being built is not in it, and not lost.
static void a_change_while_a_large_text_is_built(void **state)
{
    struct store_fixture *f = *state;
    char secret[32];
    store_fixture_open(f);
    memset(noted_commits, 0, sizeof(noted_commits));
    for (int i = 0; i < 10000; i++) {
        snprintf(secret, sizeof(secret), "k%d", i);
        store_fixture_add(f, secret, NULL);
    }
    noted_commits[0].f = noted_commits[1].f = noted_commits[2].f = f;
    key_store_commit(f->store, &noted_commits[0].commit, note_commit);
    uv_run(&f->loop.uv, UV_RUN_NOWAIT); // a slice of it
    assert_int_equal(key_store_remove(f->store, key_of_secret(f, "k1")->id), KEY_STORE_OK);
    key_store_commit(f->store, &noted_commits[1].commit, note_commit);
    assert_int_equal(key_store_remove(f->store, key_of_secret(f, "k9999")->id), KEY_STORE_OK);
    key_store_commit(f->store, &noted_commits[2].commit, note_commit);
    store_fixture_run_until(f, are_all_done, 30000);
    assert_false(durable_stamp_eq(noted_commits[0].stamp, noted_commits[1].stamp));
    assert_int_equal(key_table_n_usable(&f->table), 9998);
    store_fixture_reopen(f);
    assert_int_equal(key_store_n_keys(f->store), 9998);
    assert_null(key_store_find_secret(f->store, SLICE("k1")));
    assert_null(key_store_find_secret(f->store, SLICE("k9999")));
}

static int set_up(void **state)
{
    static struct store_fixture fixture;
    store_fixture_init(&fixture);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    store_fixture_deinit(*state);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(refuses_keys_that_cannot_be),
        TEST(refuses_changes_that_cannot_be),
        TEST(refuses_one_group_too_many),
        TEST(an_added_key_is_in_the_table_when_it_is_durable),
        TEST(a_changed_key_survives_a_restart),
        TEST(order_is_kept_while_keys_come_and_go),
        TEST(an_operator_ends_a_ban_with_all_that_led_to_it),
        TEST(an_operator_s_status_meets_a_rule_s),
        TEST(many_changes_of_one_key_before_a_commit),
        TEST(keys_of_a_removed_group_go_to_the_default),
        TEST(keys_may_name_a_group_before_it_is_there),
        TEST(settings_that_are_set_win_over_the_defaults),
        TEST(counters_are_written_without_being_asked),
        TEST(nothing_is_written_while_nothing_happens),
        TEST(all_that_is_counted_survives_a_restart),
        TEST(commits_share_writes),
        TEST(a_batch_of_100000_is_one_write),
        TEST(a_change_while_a_large_text_is_built),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
