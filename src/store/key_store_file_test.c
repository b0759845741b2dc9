// SPDX-License-Identifier: MIT
// The pool's file: written by hand and by the Node project, edited while it is in use, broken, truncated; and disks
// that do not let us write.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/key_store.h"
#include "store/store_fixture.h"
#include "json/json_reader.h"

#define DOCUMENT "key_pool.json"

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
    return key_of(&f->table, key_of_secret(f, secret)->slot);
}

static bool document_has(struct store_fixture *f, const char *text)
{
    return slice_find(store_fixture_read(f, DOCUMENT), slice_from_cstr(text)) != SLICE_NOT_FOUND;
}

static void open_with(struct store_fixture *f, const char *text)
{
    store_fixture_write(f, DOCUMENT, slice_from_cstr(text));
    store_fixture_open(f);
}

// Anything that makes the document be written.
static void write_it(struct store_fixture *f)
{
    key_store_set_settings(f->store, key_store_settings(f->store));
    assert_int_equal(store_fixture_commit(f), 0);
}

// ---- what others wrote

static void three_pools_written_by_hand(void **state)
{
    struct store_fixture *f = *state;
    int32_t priority;
    open_with(f,
              "{\n  \"keys\": [\n"
              "    {\"id\": \"k1\", \"key\": \"fk-free\", \"poolGroup\": \"freebies\", \"mine\": {\"a\": [1, 2]}},\n"
              "    {\"id\": \"k2\", \"key\": \"fk-main\", \"poolGroup\": \"main\", \"status\": \"disabled\"},\n"
              "    {\"id\": \"k3\", \"key\": \" fk-spare \", \"poolGroup\": \"spare\", \"weight\": 3}\n  ],\n"
              "  \"poolGroups\": [\n"
              "    { \"id\": \"freebies\", \"name\": \"\xE7\x99\xBD\xE5\xAB\x96\xE6\xB1\xA0\", \"priority\": 1, "
              "\"color\": \"red\" },\n"
              "    { \"id\": \"main\", \"name\": \"\xE4\xB8\xBB\xE5\x8A\x9B\xE6\xB1\xA0\", \"priority\": 2 },\n"
              "    { \"id\": \"spare\", \"name\": \"Spare\", \"priority\": 3, \"description\": \"the rest\" }\n  ],\n"
              "  \"config\": {\n    \"multiTier\": {\n      \"enabled\": true,\n      \"autoFallback\": true,\n"
              "      \"strictMode\": false,\n      \"own\": 1\n    },\n    \"other\": null\n  },\n"
              "  \"stats\": {\"last_rotation_index\": 2, \"since\": \"ever\"},\n  \"comment\": \"by hand\"\n}\n");
    for (int restart = 0; restart < 2; restart++) {
        assert_int_equal(key_store_n_keys(f->store), 3);
        assert_int_equal(key_store_n_groups(f->store), 3);
        assert_true(key_store_settings(f->store)->has_tiers);
        assert_int_equal(key_table_n_usable(&f->table), 2);
        assert_int_equal(slot_of(f, "fk-main")->status, KEY_DISABLED);
        uint16_t group = slot_of(f, "fk-spare")->group;
        assert_true(key_table_group(&f->table, group, NULL, &priority));
        assert_int_equal(priority, 3);
        write_it(f);
        store_fixture_reopen(f);
    }
    assert_true(document_has(f, "\"mine\":{\"a\": [1, 2]}"));
    assert_true(document_has(f, "\"color\":\"red\""));
    assert_true(document_has(f, "\"description\":\"the rest\""));
    assert_true(document_has(f, "\"own\": 1"));
    assert_true(document_has(f, "\"other\": null"));
    assert_true(document_has(f, "\"stats\":{\"last_rotation_index\":2,\"since\":\"ever\"}"));
    assert_true(document_has(f, "\"comment\":\"by hand\""));
    assert_true(document_has(f, "\xE7\x99\xBD\xE5\xAB\x96\xE6\xB1\xA0"));
    assert_true(document_has(f, "\"weight\":3"));
}

static void a_document_of_the_node_project(void **state)
{
    struct store_fixture *f = *state;
    open_with(f,
              "{\"keys\":[{\"id\":\"key_1700000000000_abc123def\",\"key\":\"fk-old\",\"status\":\"banned\","
              "\"created_at\":\"2023-11-14T22:13:20.000Z\",\"last_used_at\":null,\"usage_count\":12,\"error_count\":3,"
              "\"last_error\":\"402 Payment Required\",\"last_test_at\":null,\"last_test_result\":\"untested\","
              "\"banned_at\":\"2023-11-15T00:00:00.000Z\",\"banned_reason\":\"Payment Required - No Credits\","
              "\"notes\":\"\"},"
              "{\"id\":\"key_1700000000001_abc123deg\",\"key\":\"fk-older\",\"status\":\"active\",\"provider\":null,"
              "\"created_at\":1700000000001,\"last_used_at\":1700000000002}],"
              "\"stats\":{\"total_requests\":12,\"last_rotation_index\":1}}");
    struct key_slot *slot = slot_of(f, "fk-old");
    assert_int_equal(slot->status, KEY_BANNED);
    assert_int_equal(slot->banned_ms, 1700006400000);
    assert_int_equal(slot->total_requests, 12);
    assert_int_equal(slot->usage_count, 12);
    assert_slice(key_last_error(slot, &f->arena), "Payment Required - No Credits");
    assert_int_equal(slot_of(f, "fk-older")->last_used_ms, 1700000000002);
    assert_slice(key_of_secret(f, "fk-older")->provider, "factory");
    write_it(f);
    assert_true(document_has(f, "\"last_error\":\"402 Payment Required\""));
    assert_true(document_has(f, "\"banned_reason\":\"Payment Required - No Credits\""));
    assert_true(document_has(f, "\"created_at\":\"2023-11-14T22:13:20.001Z\""));
    assert_true(document_has(f, "\"total_requests\":12}"));
    // A new error takes the place of both.
    key_set_last_error(slot_of(f, "fk-old"), SLICE("401"), 1700006400001);
    write_it(f);
    assert_true(document_has(f, "\"last_error\":\"401\""));
    assert_false(document_has(f, "Payment Required"));
}

static void a_long_error_is_kept_as_it_was(void **state)
{
    struct store_fixture *f = *state;
    char text[600];
    char error[300];
    memset(error, 'e', sizeof(error) - 1);
    error[sizeof(error) - 1] = '\0';
    snprintf(text, sizeof(text), "{\"keys\":[{\"id\":\"1\",\"key\":\"one\",\"last_error\":\"%s\"}]}", error);
    open_with(f, text);
    write_it(f);
    assert_true(document_has(f, error));
}

static void entries_that_make_no_sense_are_kept_aside(void **state)
{
    struct store_fixture *f = *state;
    open_with(f,
              "{\"keys\":[{\"id\":\"1\",\"key\":\"one\"},{\"id\":\"1\",\"key\":\"two\",\"x\":1},"
              "{\"id\":\"2\",\"key\":\"one\",\"x\":2},{\"id\":\"3\",\"x\":3},{\"id\":\"4\",\"key\":\"a b\",\"x\":4},"
              "5,{\"key\":\"six\"},{\"id\":\"0123456789012345678901234567890123456789x\",\"key\":\"seven\",\"x\":7}],"
              "\"poolGroups\":[{\"id\":\"g\"},{\"id\":\"g\",\"y\":1},{\"name\":\"y2\"},{\"id\":\"default\"}],"
              "\"rejected_keys\":[{\"x\":0}]}");
    for (int restart = 0; restart < 2; restart++) {
        assert_int_equal(key_store_n_keys(f->store), 2);
        assert_int_equal(key_store_n_groups(f->store), 1);
        assert_int_equal(key_of_secret(f, "six")->id.len, 27);
        write_it(f);
        assert_true(document_has(f, "\"rejected_keys\":[\n{\"x\":0},\n{\"id\":\"1\",\"key\":\"two\",\"x\":1},\n"
                                    "{\"id\":\"2\",\"key\":\"one\",\"x\":2},\n{\"id\":\"3\",\"x\":3},\n"
                                    "{\"id\":\"4\",\"key\":\"a b\",\"x\":4},\n5,\n{\"id\":\"01234"));
        assert_true(document_has(f, "\"rejected_groups\":[\n{\"id\":\"g\",\"y\":1},\n{\"name\":\"y2\"},\n"
                                    "{\"id\":\"default\"}\n]"));
        store_fixture_reopen(f);
    }
    assert_true(store_fixture_logged(f, "keys[1] has the id of an entry before it; it is not used"));
    assert_true(store_fixture_logged(f, "keys[2] has the key of an entry before it"));
    assert_true(store_fixture_logged(f, "poolGroups[2] has no id"));
    // What is removed stays removed, although there was another entry with the same key.
    assert_int_equal(key_store_remove(f->store, SLICE("1")), KEY_STORE_OK);
    assert_int_equal(store_fixture_commit(f), 0);
    store_fixture_reopen(f);
    assert_null(key_store_find_secret(f->store, SLICE("one")));
}

// ---- broken while it was not in use

#define TWO_KEYS                                                                                                       \
    "{\"keys\":[{\"id\":\"1\",\"key\":\"one\",\"poolGroup\":\"g\"},{\"id\":\"2\",\"key\":\"two\"}],"                   \
    "\"poolGroups\":[{\"id\":\"g\",\"name\":\"G\",\"priority\":1}],\"config\":{},\"stats\":{}}"

static void a_key_without_an_id_gets_one_for_good(void **state)
{
    struct store_fixture *f = *state;
    open_with(f, "{\"keys\":[{\"key\":\"one\"}]}");
    struct slice id = arena_dup(&f->arena, key_of_secret(f, "one")->id);
    assert_true(slice_starts_with(id, SLICE("key_")));
    store_fixture_reopen(f);
    assert_true(slice_eq(key_of_secret(f, "one")->id, id));
}

static void every_truncation_is_recovered_from_the_copy(void **state)
{
    struct store_fixture *f = *state;
    for (size_t len = 0; len < sizeof(TWO_KEYS) - 1; len++) {
        store_fixture_write(f, DOCUMENT ".bak", SLICE(TWO_KEYS));
        store_fixture_write(f, DOCUMENT, slice_of(TWO_KEYS, len));
        store_fixture_open(f);
        assert_int_equal(key_store_n_keys(f->store), 2);
        const char *kept = store_fixture_find(f, DOCUMENT ".corrupt-");
        assert_non_null(kept);
        assert_true(slice_eq(store_fixture_read(f, kept), slice_of(TWO_KEYS, len)));
        store_fixture_close(f);
        assert_true(document_has(f, "\"key\":\"two\"")); // there again
        assert_int_equal(unlink(arena_printf(&f->arena, "%s/%s", f->folder, kept).ptr), 0);
        arena_reset(&f->arena);
    }
    assert_true(store_fixture_logged(f, DOCUMENT ".bak was read in its place"));
}

static void garbage_without_a_copy_starts_an_empty_pool(void **state)
{
    static const char *const garbage[] = {"", "\xFF\xFE", "[]", "{\"keys\":5}", "{\"poolGroups\":{}}", "{}{}"};
    struct store_fixture *f = *state;
    for (size_t i = 0; i < sizeof(garbage) / sizeof(*garbage); i++) {
        open_with(f, garbage[i]);
        assert_int_equal(key_store_n_keys(f->store), 0);
        assert_true(store_fixture_logged(f, "starting without any key"));
        store_fixture_add(f, "one", NULL);
        assert_int_equal(store_fixture_commit(f), 0);
        const char *kept = store_fixture_find(f, DOCUMENT ".corrupt-");
        assert_slice(store_fixture_read(f, kept), garbage[i]);
        store_fixture_close(f);
        unlink(arena_printf(&f->arena, "%s/%s", f->folder, kept).ptr);
        unlink(arena_printf(&f->arena, "%s/" DOCUMENT, f->folder).ptr);
        unlink(arena_printf(&f->arena, "%s/" DOCUMENT ".bak", f->folder).ptr);
    }
}

static void a_file_that_cannot_be_read_is_an_error(void **state)
{
    struct store_fixture *f = *state;
    struct buf errors = BUF_EMPTY;
    const struct key_store_options options = {f->folder, f->defaults, KEY_NOTES_MAX_DEFAULT};
    char path[128];
    snprintf(path, sizeof(path), "%s/" DOCUMENT, f->folder);
    assert_int_equal(mkdir(path, 0700), 0);
    loop_init(&f->loop);
    assert_int_equal(key_table_create(&f->table), 0);
    assert_null(key_store_open(&f->loop, &f->table, &options, &errors));
    assert_true(slice_find(buf_slice(&errors), SLICE("cannot be read: ")) != SLICE_NOT_FOUND);
    buf_deinit(&errors);
    key_table_close(&f->table);
    loop_deinit(&f->loop);
    rmdir(path);
}

// ---- edited while it is in use

static bool has_three_keys(struct store_fixture *f)
{
    return key_store_n_keys(f->store) == 3;
}

static void an_edit_is_taken_over(void **state)
{
    struct store_fixture *f = *state;
    open_with(f, "{\"keys\":[{\"id\":\"1\",\"key\":\"one\",\"poolGroup\":\"g\"},{\"id\":\"2\",\"key\":\"two\"},"
                 "{\"id\":\"4\",\"key\":\"four\"},{\"id\":\"5\",\"key\":\"five\"}],"
                 "\"poolGroups\":[{\"id\":\"g\",\"name\":\"G\",\"priority\":1}]}");
    uint32_t slot = key_of_secret(f, "one")->slot;
    uint32_t slot_of_two = key_of_secret(f, "two")->slot;
    slot_of(f, "one")->usage_count = 77;
    store_fixture_write(
        f, DOCUMENT,
        SLICE("{\"keys\":[{\"id\":\"3\",\"key\":\"three\",\"poolGroup\":\"h\",\"usage_count\":4},"
              "{\"id\":\"two\",\"key\":\"two\",\"status\":\"disabled\",\"weight\":2},"
              "{\"id\":\"1\",\"key\":\"uno\",\"poolGroup\":\"h\",\"notes\":\"n\",\"usage_count\":5,\"x\":1}],"
              "\"poolGroups\":[{\"id\":\"h\",\"name\":\"H\",\"priority\":1}],\"config\":{\"algorithm\":\"random\"}}"));
    store_fixture_run_until(f, has_three_keys, 10000);
    assert_true(store_fixture_logged(f, "was edited by hand and is in force: 3 keys, 1 groups"));
    assert_slice(key_store_key(f->store, 0)->secret, "three");
    assert_int_equal(key_of_secret(f, "uno")->slot, slot);
    assert_int_equal(slot_of(f, "uno")->usage_count, 77); // what is counted here is newer
    assert_int_equal(slot_of(f, "three")->usage_count, 4);
    assert_int_equal(key_of_secret(f, "two")->slot, slot_of_two); // known by its secret
    assert_slice(key_of_secret(f, "two")->id, "two");
    assert_int_equal(slot_of(f, "two")->status, KEY_DISABLED);
    assert_int_equal(slot_of(f, "uno")->group, key_table_find_group(&f->table, SLICE("h")));
    assert_int_equal(key_table_n_usable(&f->table), 2);
    assert_int_equal(key_store_settings(f->store)->algorithm, KEY_RANDOM);
    struct key_settings settings;
    key_table_settings(&f->table, &settings);
    assert_int_equal(settings.algorithm, KEY_RANDOM);
    store_fixture_reopen(f);
    assert_int_equal(slot_of(f, "uno")->usage_count, 77);
    assert_int_equal(slot_of(f, "three")->usage_count, 4);
    assert_true(document_has(f, "\"x\":1"));
}

static bool is_three_noted(struct store_fixture *f)
{
    return slice_eq(key_of_secret(f, "three")->notes, SLICE("edited"));
}

// A ban that came after the file was written is not undone by an edit of something else, but by one of the status.
static void a_ban_outlives_an_edit_of_something_else(void **state)
{
    struct store_fixture *f = *state;
    store_fixture_open(f);
    store_fixture_add(f, "three", NULL);
    assert_int_equal(store_fixture_commit(f), 0);
    struct slice text = store_fixture_read(f, DOCUMENT);
    size_t at = slice_find(text, SLICE("\"notes\":\"\""));
    assert_int_not_equal(at, SLICE_NOT_FOUND);
    struct slice edited = arena_printf(&f->arena, "%.*s\"notes\":\"edited\"%.*s", (int)at, text.ptr,
                                       SLICE_ARG(slice_after(text, at + 10)));
    assert_true(key_table_set_status(&f->table, key_of_secret(f, "three")->slot, KEY_ACTIVE, KEY_BANNED));
    store_fixture_write(f, DOCUMENT, edited);
    store_fixture_run_until(f, is_three_noted, 10000);
    assert_int_equal(slot_of(f, "three")->status, KEY_BANNED);
}

static bool is_one_banned(struct store_fixture *f)
{
    return slot_of(f, "one")->status == KEY_BANNED;
}

static void a_ban_by_hand_comes_with_its_time_and_reason(void **state)
{
    struct store_fixture *f = *state;
    open_with(f, TWO_KEYS);
    store_fixture_write(f, DOCUMENT,
                        SLICE("{\"keys\":[{\"id\":\"1\",\"key\":\"one\",\"status\":\"banned\",\"banned_at\":"
                              "\"2023-11-15T00:00:00.000Z\",\"banned_reason\":\"lent to others\"}]}"));
    store_fixture_run_until(f, is_one_banned, 10000);
    for (int restart = 0; restart < 2; restart++) {
        assert_int_equal(slot_of(f, "one")->banned_ms, 1700006400000);
        assert_slice(key_last_error(slot_of(f, "one"), &f->arena), "lent to others");
        store_fixture_reopen(f);
        assert_true(document_has(f, "\"banned_reason\":\"lent to others\""));
    }
}

static bool is_broken_told(struct store_fixture *f)
{
    return store_fixture_logged(f, "was edited by hand and is no whole document (line 1, column");
}

static void a_broken_edit_is_left_alone_and_then_kept_aside(void **state)
{
    struct store_fixture *f = *state;
    open_with(f, TWO_KEYS);
    store_fixture_write(f, DOCUMENT, SLICE("{\"keys\":[{\"id\":\"1\",\"key\":\"edi"));
    store_fixture_run_until(f, is_broken_told, 10000);
    assert_int_equal(key_store_n_keys(f->store), 2);
    assert_slice(store_fixture_read(f, DOCUMENT), "{\"keys\":[{\"id\":\"1\",\"key\":\"edi");
    size_t len = f->log.len;
    store_fixture_run_for(f, 2500);
    assert_int_equal(f->log.len, len); // told once
    store_fixture_add(f, "three", NULL);
    assert_int_equal(store_fixture_commit(f), 0);
    const char *kept = store_fixture_find(f, DOCUMENT ".corrupt-");
    assert_slice(store_fixture_read(f, kept), "{\"keys\":[{\"id\":\"1\",\"key\":\"edi");
    assert_true(store_fixture_logged(f, kept));
    assert_true(document_has(f, "\"key\":\"three\""));
}

// An editor that has just begun to write is given time, and then its file counts.
static void a_write_waits_for_an_edit_in_the_making(void **state)
{
    struct store_fixture *f = *state;
    open_with(f, TWO_KEYS);
    store_fixture_write(f, DOCUMENT, SLICE("{\"keys\":["));
    store_fixture_add(f, "three", NULL);
    struct key_store_commit *commit = arena_alloc(&f->arena, sizeof(*commit));
    key_store_commit(f->store, commit, NULL);
    store_fixture_run_for(f, 300);
    assert_null(store_fixture_find(f, DOCUMENT ".corrupt-"));
    assert_slice(store_fixture_read(f, DOCUMENT), "{\"keys\":[");
    key_store_forget(commit);
    store_fixture_write(f, DOCUMENT, SLICE("{\"keys\":[{\"id\":\"1\",\"key\":\"uno\"}]}"));
    assert_int_equal(store_fixture_commit(f), -EAGAIN); // the edit counts
    assert_int_equal(key_store_n_keys(f->store), 1);
    assert_slice(key_store_key(f->store, 0)->secret, "uno");
    assert_null(store_fixture_find(f, DOCUMENT ".corrupt-"));
    assert_int_equal(key_table_n_usable(&f->table), 1);
    store_fixture_add(f, "two", NULL);
    assert_int_equal(store_fixture_commit(f), 0);
    assert_true(document_has(f, "uno"));
}

struct editor {
    int watch; // of the folder, for new files
    const char *from;
    const char *to;
    bool has_edited;
};

// Puts its own document in place of the one that is just being replaced.
static void *edit_when_it_is_written(void *arg)
{
    struct editor *editor = arg;
    struct pollfd events = {.fd = editor->watch, .events = POLLIN};
    editor->has_edited = poll(&events, 1, 10000) == 1 && rename(editor->from, editor->to) == 0;
    return NULL;
}

static bool is_in_force(struct store_fixture *f)
{
    return key_store_find_secret(f->store, SLICE("edited"));
}

static void an_edit_while_it_is_written_counts(void **state)
{
    enum { N_KEYS = 3000 }; // so that writing takes longer than an edit
    struct store_fixture *f = *state;
    struct editor editor = {
        .watch = inotify_init1(IN_CLOEXEC),
        .from = arena_printf(&f->arena, "%s/edited.json", f->folder).ptr,
        .to = arena_printf(&f->arena, "%s/" DOCUMENT, f->folder).ptr,
    };
    pthread_t thread;
    open_with(f, TWO_KEYS);
    store_fixture_write(f, "edited.json", SLICE("{\"keys\":[{\"id\":\"1\",\"key\":\"edited\"}]}"));
    for (int i = 0; i < N_KEYS; i++) {
        store_fixture_add(f, arena_printf(&f->arena, "key-%d", i).ptr, NULL);
    }
    assert_true(inotify_add_watch(editor.watch, f->folder, IN_CREATE) >= 0);
    assert_int_equal(pthread_create(&thread, NULL, edit_when_it_is_written, &editor), 0);
    int r = store_fixture_commit(f);
    assert_true(r == -EAGAIN || r == 0); // 0: it was quicker than the edit
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(editor.has_edited);
    store_fixture_run_until(f, is_in_force, 10000);
    assert_int_equal(key_store_n_keys(f->store), 1);
    close(editor.watch);
}

static void an_edit_just_before_the_end_loses_no_counts(void **state)
{
    struct store_fixture *f = *state;
    open_with(f, TWO_KEYS);
    slot_of(f, "one")->usage_count = 9;
    store_fixture_write(f, DOCUMENT, SLICE("{\"keys\":[{\"id\":\"1\",\"key\":\"one\",\"notes\":\"edited\"}]}"));
    store_fixture_reopen(f);
    assert_int_equal(key_store_n_keys(f->store), 1);
    assert_slice(key_of_secret(f, "one")->notes, "edited");
    assert_int_equal(slot_of(f, "one")->usage_count, 9);
}

static bool is_there(struct store_fixture *f)
{
    return document_has(f, "\"key\":\"two\"");
}

static void a_removed_file_is_written_again(void **state)
{
    struct store_fixture *f = *state;
    open_with(f, TWO_KEYS);
    assert_int_equal(unlink(arena_printf(&f->arena, "%s/" DOCUMENT, f->folder).ptr), 0);
    store_fixture_run_until(f, is_there, 10000);
    assert_true(store_fixture_logged(f, DOCUMENT " is gone; it is written again"));
}

static bool has_edited_count(struct store_fixture *f)
{
    return document_has(f, "\"usage_count\":9");
}

static void our_own_writes_are_no_edits(void **state)
{
    struct store_fixture *f = *state;
    open_with(f, TWO_KEYS);
    for (int i = 0; i < 5; i++) {
        write_it(f);
    }
    slot_of(f, "one")->usage_count = 9;
    key_changed(&f->table, key_of_secret(f, "one")->slot);
    store_fixture_run_until(f, has_edited_count, 10000);
    store_fixture_run_for(f, 1500);
    assert_false(store_fixture_logged(f, "edited"));
}

static bool has_group_g(struct store_fixture *f)
{
    return key_table_find_group(&f->table, SLICE("g")) != 0;
}

// The group is made, and while that is being written a key is moved there, which then cannot be written.
static void a_move_that_fails_leaves_the_key_where_it_was(void **state)
{
    enum { N_KEYS = 1500 }; // more than what is turned into text in one round of the loop
    struct store_fixture *f = *state;
    struct key_store_commit commit;
    const struct key_group_record group = {.id = SLICE("g"), .name = SLICE("G"), .priority = 1};
    const struct key_draft draft = {.group = SLICE("g"), .max_inflight = -1};
    const char *copy = arena_printf(&f->arena, "%s/" DOCUMENT ".bak", f->folder).ptr;
    store_fixture_open(f);
    for (int i = 0; i < N_KEYS; i++) {
        store_fixture_add(f, arena_printf(&f->arena, "key-%d", i).ptr, NULL);
    }
    assert_int_equal(store_fixture_commit(f), 0);
    assert_int_equal(key_store_add_group(f->store, &group), KEY_STORE_OK);
    key_store_commit(f->store, &commit, NULL);
    key_store_forget(&commit);
    uv_run(&f->loop.uv, UV_RUN_NOWAIT);
    assert_int_equal(key_store_change(f->store, key_of_secret(f, "key-0")->id, &draft), KEY_STORE_OK);
    store_fixture_run_until(f, has_group_g, 10000);
    unlink(copy);
    assert_int_equal(mkdir(copy, 0700), 0); // no file can take its place
    assert_int_equal(store_fixture_commit(f), -EISDIR);
    assert_slice(key_of_secret(f, "key-0")->group, "default");
    assert_int_equal(slot_of(f, "key-0")->group, 0);
    assert_int_equal(rmdir(copy), 0);
}

// ---- disks

enum { FAILED = 1, NO_MOUNTS = 99 };

// In a process of its own an assertion would go on with the other tests.
#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            print_error("%s:%d: %s\n%.*s\n", __FILE__, __LINE__, #condition, SLICE_ARG(buf_slice(&f->log)));           \
            return FAILED;                                                                                             \
        }                                                                                                              \
    } while (0)

static bool fill(struct store_fixture *f, size_t left)
{
    static char block[4096];
    FILE *file = fopen(arena_printf(&f->arena, "%s/filler", f->folder).ptr, "w");
    if (!file) {
        return false;
    }
    setvbuf(file, NULL, _IONBF, 0);
    while (fwrite(block, 1, sizeof(block), file) == sizeof(block)) {
    }
    long len = ftell(file) - (long)left;
    bool is_cut = ftruncate(fileno(file), len > 0 ? len : 0) == 0;
    fclose(file);
    return is_cut;
}

static size_t count_in_log(const struct store_fixture *f, const char *text)
{
    size_t n = 0;
    struct slice rest = buf_slice(&f->log);
    for (size_t at; (at = slice_find(rest, slice_from_cstr(text))) != SLICE_NOT_FOUND; n++) {
        rest = slice_after(rest, at + 1);
    }
    return n;
}

static bool has_counted(struct store_fixture *f)
{
    return slice_find(store_fixture_read(f, DOCUMENT), SLICE("\"usage_count\":33")) != SLICE_NOT_FOUND;
}

// Changes of all kinds, whose commit fails.
static int change_everything(struct store_fixture *f)
{
    size_t n;
    struct key_draft draft = {.secret = SLICE("uno"), .notes = SLICE("n"), .max_inflight = -1};
    const struct key_group_record group = {.id = SLICE("h"), .name = SLICE("H")};
    struct key_settings settings = *key_store_settings(f->store);
    settings.algorithm = KEY_RANDOM;
    CHECK(key_store_change(f->store, SLICE("1"), &draft) == KEY_STORE_OK);
    CHECK(key_store_remove(f->store, SLICE("2")) == KEY_STORE_OK);
    CHECK(key_store_add_group(f->store, &group) == KEY_STORE_OK);
    CHECK(key_store_remove_group(f->store, SLICE("g"), &n) == KEY_STORE_OK && n == 1);
    CHECK(key_store_set_status(f->store, SLICE("1"), KEY_DISABLED) == KEY_STORE_OK);
    key_store_set_settings(f->store, &settings);
    const struct key_record *record = store_fixture_add(f, "three", "h");
    CHECK(key_store_remove(f->store, record->id) == KEY_STORE_OK);
    store_fixture_add(f, "four", NULL);
    return 0;
}

static int check_as_before(struct store_fixture *f)
{
    struct key_info info;
    CHECK(key_store_n_keys(f->store) == 2 && key_store_n_groups(f->store) == 1);
    CHECK(slice_eq(key_store_key(f->store, 0)->secret, SLICE("one")));
    CHECK(slice_eq(key_store_key(f->store, 1)->secret, SLICE("two")));
    CHECK(slice_eq(key_store_find(f->store, SLICE("1"))->group, SLICE("g")));
    CHECK(key_store_find(f->store, SLICE("1"))->notes.len == 0);
    CHECK(key_store_find_secret(f->store, SLICE("uno")) == NULL);
    CHECK(key_store_find_secret(f->store, SLICE("four")) == NULL);
    CHECK(key_store_find_group(f->store, SLICE("h")) == NULL);
    CHECK(key_store_settings(f->store)->algorithm == KEY_ROUND_ROBIN);
    CHECK(key_table_n_usable(&f->table) == 2);
    CHECK(key_read(&f->table, key_store_key(f->store, 0)->slot, &f->arena, &info));
    CHECK(slice_eq(info.secret, SLICE("one")) && info.group != 0);
    return 0;
}

static int live_on_a_full_disk(void *arg)
{
    struct store_fixture *f = arg;
    if (store_fixture_mount(f->folder, "size=64k") != 0) {
        return NO_MOUNTS;
    }
    open_with(f, TWO_KEYS);
    CHECK(fill(f, 0));
    CHECK(change_everything(f) == 0);
    CHECK(store_fixture_commit(f) == -ENOSPC);
    CHECK(check_as_before(f) == 0);
    CHECK(store_fixture_find(f, ".key_pool.json") == NULL);
    CHECK(change_everything(f) == 0);
    CHECK(store_fixture_commit(f) == -ENOSPC);
    CHECK(check_as_before(f) == 0);
    CHECK(slice_eq(store_fixture_read(f, DOCUMENT), SLICE(TWO_KEYS)));
    uint64_t n_failed = key_store_numbers(f->store)->n_failed;
    CHECK(n_failed >= 2 && histogram_total(&key_store_numbers(f->store)->writes) == 0);
    slot_of(f, "one")->usage_count = 33; // counting goes on
    key_changed(&f->table, key_of_secret(f, "one")->slot);
    store_fixture_run_for(f, 3500);
    CHECK(count_in_log(f, "cannot be written") == 1);
    CHECK(unlink(arena_printf(&f->arena, "%s/filler", f->folder).ptr) == 0);
    store_fixture_run_until(f, has_counted, 30000);
    CHECK(count_in_log(f, "is written again") == 1);
    CHECK(change_everything(f) == 0);
    CHECK(store_fixture_commit(f) == 0);
    CHECK(key_store_numbers(f->store)->n_failed > n_failed);
    CHECK(histogram_total(&key_store_numbers(f->store)->writes) >= 2);
    store_fixture_reopen(f);
    CHECK(key_store_n_keys(f->store) == 2 && key_store_find_secret(f->store, SLICE("uno")) != NULL);
    store_fixture_close(f);
    return 0;
}

static int live_on_a_read_only_disk(void *arg)
{
    struct store_fixture *f = arg;
    if (store_fixture_mount(f->folder, "size=64k") != 0) {
        return NO_MOUNTS;
    }
    store_fixture_write(f, DOCUMENT, SLICE("{\"keys\":[bro"));
    store_fixture_write(f, DOCUMENT ".bak", SLICE(TWO_KEYS));
    if (mount(NULL, f->folder, NULL, MS_REMOUNT | MS_RDONLY, NULL) != 0) {
        return NO_MOUNTS;
    }
    store_fixture_open(f);
    CHECK(store_fixture_logged(f, "cannot be renamed"));
    CHECK(check_as_before(f) == 0);
    CHECK(change_everything(f) == 0);
    CHECK(store_fixture_commit(f) == -EROFS);
    CHECK(check_as_before(f) == 0);
    CHECK(slice_eq(store_fixture_read(f, DOCUMENT), SLICE("{\"keys\":[bro")));
    if (mount(NULL, f->folder, NULL, MS_REMOUNT, NULL) != 0) {
        return NO_MOUNTS;
    }
    // Now it can be written, and the broken one is not lost.
    CHECK(change_everything(f) == 0);
    CHECK(store_fixture_commit(f) == 0);
    const char *kept = store_fixture_find(f, DOCUMENT ".corrupt-");
    CHECK(kept && slice_eq(store_fixture_read(f, kept), SLICE("{\"keys\":[bro")));
    store_fixture_close(f);
    return 0;
}

static void run_with_mounts(void **state, int (*fn)(void *arg))
{
    int r = store_fixture_with_mounts(fn, *state);
    if (r < 0) {
        skip();
    }
    assert_int_equal(r, 0);
}

static void a_full_disk_undoes_changes_and_keeps_serving(void **state)
{
    run_with_mounts(state, live_on_a_full_disk);
}

static void a_read_only_disk_serves_what_can_be_read(void **state)
{
    run_with_mounts(state, live_on_a_read_only_disk);
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
        TEST(three_pools_written_by_hand),
        TEST(a_document_of_the_node_project),
        TEST(a_long_error_is_kept_as_it_was),
        TEST(entries_that_make_no_sense_are_kept_aside),
        TEST(a_key_without_an_id_gets_one_for_good),
        TEST(every_truncation_is_recovered_from_the_copy),
        TEST(garbage_without_a_copy_starts_an_empty_pool),
        TEST(a_file_that_cannot_be_read_is_an_error),
        TEST(an_edit_is_taken_over),
        TEST(a_ban_outlives_an_edit_of_something_else),
        TEST(a_ban_by_hand_comes_with_its_time_and_reason),
        TEST(a_broken_edit_is_left_alone_and_then_kept_aside),
        TEST(a_write_waits_for_an_edit_in_the_making),
        TEST(an_edit_while_it_is_written_counts),
        TEST(an_edit_just_before_the_end_loses_no_counts),
        TEST(a_removed_file_is_written_again),
        TEST(our_own_writes_are_no_edits),
        TEST(a_move_that_fails_leaves_the_key_where_it_was),
        TEST(a_full_disk_undoes_changes_and_keeps_serving),
        TEST(a_read_only_disk_serves_what_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
