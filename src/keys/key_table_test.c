// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "keys/key_table_internal.h"

static struct key_table table;
static struct arena arena;

static int set_up(void **state)
{
    arena_init(&arena, 4096);
    return key_table_create(&table);
}

static int tear_down(void **state)
{
    key_table_close(&table);
    arena_deinit(&arena);
    return 0;
}

static struct key_info info_of(struct slice id, struct slice secret)
{
    return (struct key_info){.id = id, .secret = secret, .weight = 1};
}

static uint32_t add(const char *id, struct slice secret)
{
    struct key_info info = info_of(slice_from_cstr(id), secret);
    int64_t slot = key_table_add(&table, &info, NULL, NULL);
    assert_true(slot >= 0);
    return (uint32_t)slot;
}

static struct slice text_of(char c, size_t len)
{
    char *text = arena_text(&arena, len);
    memset(text, c, len);
    return slice_of(text, len);
}

static uint32_t identity_of(uint32_t slot)
{
    return atomic_load(&key_of(&table, slot)->identity);
}

static void assert_slice(struct slice is, struct slice should_be)
{
    assert_true(slice_eq(is, should_be));
}

// Pages of the table that exist, in bytes.
static size_t memory_in_use(void)
{
    char line[512];
    bool is_here = false;
    size_t rss_kb = 0;
    FILE *file = fopen("/proc/self/smaps", "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file)) {
        uintptr_t from;
        uintptr_t to;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &from, &to) == 2) {
            is_here = from == (uintptr_t)table.region.base;
        } else if (is_here) {
            (void)sscanf(line, "Rss: %zu kB", &rss_kb);
        }
    }
    fclose(file);
    return rss_kb * 1024;
}

static bool is_anywhere(const void *memory, size_t size, struct slice text)
{
    return slice_find(slice_of(memory, size), text) != SLICE_NOT_FOUND;
}

static void a_key_comes_back_as_it_was_given(void **state)
{
    static const size_t secret_lens[] = {1, 7, 8, 9, 127, 128, 129, 511, 512};
    for (size_t i = 0; i < sizeof(secret_lens) / sizeof(*secret_lens); i++) {
        struct key_info back;
        struct key_info info = {
            .id = text_of('i', 1 + i * 39 / 8),
            .secret = text_of('s', secret_lens[i]),
            .provider = KEY_GLM,
            .group = (uint16_t)(1023 - i),
            .weight = 0.5F + (float)i,
            .max_inflight = (uint32_t)i,
            .proxy = UINT64_MAX - i,
        };
        int64_t slot = key_table_add(&table, &info, NULL, NULL);
        assert_int_equal(slot, i);
        assert_true(key_read(&table, (uint32_t)slot, &arena, &back));
        assert_slice(back.id, info.id);
        assert_slice(back.secret, info.secret);
        assert_int_equal(back.provider, info.provider);
        assert_int_equal(back.group, info.group);
        assert_true(back.weight == info.weight);
        assert_int_equal(back.max_inflight, info.max_inflight);
        assert_true(back.proxy == info.proxy);
        assert_int_equal(key_table_end(&table), i + 1);
        assert_int_equal(key_table_n_usable(&table), i + 1);
        assert_true(key_remaining(key_of(&table, (uint32_t)slot)) == -1);
    }
}

static void where_no_key_is_nothing_is_read(void **state)
{
    struct key_info info;
    assert_false(key_read(&table, 0, &arena, &info));
    assert_false(key_read(&table, KEY_SLOTS_MAX, &arena, &info));
    assert_false(key_read(&table, UINT32_MAX, &arena, &info));
    uint32_t slot = add("one", SLICE("key-one"));
    key_table_remove(&table, slot);
    assert_false(key_read(&table, slot, &arena, &info));
}

static void room_for_a_million_costs_nothing(void **state)
{
    assert_in_range(memory_in_use(), 1, 16 * 4096);
}

static void a_key_takes_640_bytes(void **state)
{
    enum { N = 10000 };
    size_t before = memory_in_use();
    for (uint32_t i = 0; i < N; i++) {
        struct key_info info = info_of(SLICE("key_1760000000000_abcdefghi"), text_of('s', KEY_SECRET_NEAR));
        assert_int_equal(key_table_add(&table, &info, NULL, NULL), i);
        arena_reset(&arena);
    }
    // Beside the slots the ring of changes, eight bytes each.
    assert_in_range(memory_in_use() - before, N * 640, N * 650 + 4 * 4096);
    before = memory_in_use();
    add("long", text_of('s', KEY_SECRET_NEAR + 1));
    assert_in_range(memory_in_use() - before, 0, 3 * 4096);
}

static void secrets_are_wiped_when_they_are_not_needed_any_more(void **state)
{
    static const size_t lens[] = {20, KEY_SECRET_NEAR, KEY_SECRET_NEAR + 1, KEY_SECRET_MAX};
    enum { N = sizeof(lens) / sizeof(*lens) };
    struct slice needle = SLICE("ssssssssssssssss");
    for (size_t from = 0; from < N; from++) {
        for (size_t to = 0; to <= N; to++) { // N: the key is removed
            struct key_info back;
            uint32_t slot = add("key-id", text_of('s', lens[from]));
            struct key_slot *key = key_of(&table, slot);
            char *far = table.shared->far_secrets[slot];
            assert_true(is_anywhere(key, sizeof(*key), needle) != is_anywhere(far, KEY_SECRET_MAX, needle));
            if (to < N) {
                struct key_info info = info_of(SLICE("key-id"), text_of('n', lens[to]));
                key_table_change(&table, slot, &info);
                assert_true(key_read(&table, slot, &arena, &back));
                assert_slice(back.secret, info.secret);
            } else {
                key_table_remove(&table, slot);
                assert_false(is_anywhere(key, sizeof(*key), SLICE("key-id")));
            }
            assert_false(is_anywhere(key, sizeof(*key), needle));
            assert_false(is_anywhere(far, KEY_SECRET_MAX, needle));
        }
    }
}

static void the_texts_of_a_shorter_key_are_its_own(void **state)
{
    struct key_info back;
    uint32_t slot = add("a-long-identifier-of-a-key", text_of('s', 100));
    struct key_info info = info_of(SLICE("short"), SLICE("key-two"));
    key_table_change(&table, slot, &info);
    assert_true(key_read(&table, slot, &arena, &back));
    assert_slice(back.id, SLICE("short"));
    assert_slice(back.secret, SLICE("key-two"));
}

static void spoil(struct key_slot *slot)
{
    key_set_last_error(slot, SLICE("it broke"), 5);
    key_count_tokens(slot, &key_settings_default, 10, 20, 1000);
    atomic_store(&slot->cooldowns[3].until_ms, 7);
    atomic_store(&slot->test_result, KEY_TEST_FAILED);
    atomic_store(&slot->allowance, 5);
    atomic_store(&slot->cooldown_until_ms, 7);
    atomic_store(&slot->last_error_ms, 7);
}

static void a_slot_that_is_used_again_begins_anew(void **state)
{
    uint32_t slot = add("one", SLICE("key-one"));
    uint32_t identity = identity_of(slot);
    spoil(key_of(&table, slot));
    assert_true(key_table_set_status(&table, slot, KEY_ACTIVE, KEY_BANNED));
    key_table_remove(&table, slot);
    assert_int_equal(key_table_n_usable(&table), 0);
    assert_int_equal(add("two", SLICE("key-two")), slot);
    struct key_slot *key = key_of(&table, slot);
    assert_true(identity_of(slot) != identity && identity_of(slot) != 0);
    assert_int_equal(key_table_end(&table), 1);
    assert_int_equal(key_table_n_usable(&table), 1);
    assert_int_equal(atomic_load(&key->status), KEY_ACTIVE);
    assert_int_equal(atomic_load(&key->test_result), KEY_UNTESTED);
    assert_int_equal(atomic_load(&key->input_tokens), 0);
    assert_int_equal(atomic_load(&key->cooldowns[3].until_ms), 0);
    assert_int_equal(atomic_load(&key->cooldown_until_ms), 0);
    assert_int_equal(atomic_load(&key->last_error_ms), 0);
    assert_int_equal(key_last_error(key, &arena).len, 0);
    assert_int_equal(key_window_tokens(key, &key_settings_default, 1000), 0);
    assert_int_equal(key_day_tokens(key, 1000), 0);
    assert_true(key_remaining(key) == -1);
}

static void adjust_to(void *arg, struct key_slot *slot)
{
    assert_int_equal(atomic_load(&slot->identity), 0); // no reader sees it yet
    atomic_store(&slot->status, *(const uint8_t *)arg);
    atomic_store(&slot->usage_count, 77);
}

static void what_is_adjusted_is_there_from_the_beginning(void **state)
{
    static const struct {
        uint8_t status;
        uint32_t n_usable;
    } rows[] = {{KEY_ACTIVE, 1}, {KEY_DISABLED, 1}, {KEY_BANNED, 1}, {KEY_ACTIVE, 2}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        uint8_t status = rows[i].status;
        struct key_info info = info_of(SLICE("one"), SLICE("key-one"));
        int64_t slot = key_table_add(&table, &info, adjust_to, &status);
        assert_int_equal(slot, i);
        assert_int_equal(atomic_load(&key_of(&table, (uint32_t)slot)->status), status);
        assert_int_equal(atomic_load(&key_of(&table, (uint32_t)slot)->usage_count), 77);
        assert_int_equal(key_table_n_usable(&table), rows[i].n_usable);
    }
}

static void usable_keys_are_counted_through_every_change_of_status(void **state)
{
    static const enum key_status all[] = {KEY_ACTIVE, KEY_DISABLED, KEY_BANNED};
    uint32_t slot = add("one", SLICE("key-one"));
    enum key_status now = KEY_ACTIVE;
    add("two", SLICE("key-two"));
    for (int from = 0; from < 3; from++) {
        for (int to = 0; to < 3; to++) {
            for (int round = 0; round < 2; round++) { // the second time it mostly fails
                bool is_set = key_table_set_status(&table, slot, all[from], all[to]);
                assert_int_equal(is_set, now == all[from]);
                now = is_set ? all[to] : now;
                assert_int_equal(atomic_load(&key_of(&table, slot)->status), now);
                assert_int_equal(key_table_n_usable(&table), 1 + (now == KEY_ACTIVE));
            }
        }
    }
    key_table_remove(&table, slot);
    assert_false(key_table_set_status(&table, slot, KEY_DISABLED, KEY_ACTIVE));
    assert_false(key_table_set_status(&table, slot, KEY_ACTIVE, KEY_BANNED));
    assert_int_equal(key_table_n_usable(&table), 1);
}

static void a_slot_with_a_lease_is_not_given_away(void **state)
{
    struct key_lease lease;
    struct key_info info;
    uint32_t slot = add("one", SLICE("key-one"));
    assert_true(key_lease_take(&table, slot, identity_of(slot), &arena, &lease, &info));
    key_table_remove(&table, slot);
    for (uint32_t i = 1; i < 10; i++) {
        assert_int_equal(add("more", SLICE("key-more")), slot + i);
    }
    key_lease_return(&table, &lease);
    assert_int_equal(add("two", SLICE("key-two")), slot);
}

static void a_full_table_takes_a_key_when_one_has_gone(void **state)
{
    struct key_info info = info_of(SLICE("one"), SLICE("key-one"));
    struct key_lease leases[9];
    uint32_t first = KEY_SLOTS_MAX - 9;
    // As if all before were in use, without taking the memory.
    atomic_store(&table.shared->end, first);
    for (uint32_t i = 0; i < 9; i++) {
        assert_int_equal(key_table_add(&table, &info, NULL, NULL), first + i);
        assert_true(key_lease_take(&table, first + i, identity_of(first + i), &arena, &leases[i], &info));
    }
    assert_int_equal(key_table_add(&table, &info, NULL, NULL), -ENOSPC);
    for (uint32_t i = 0; i < 9; i++) {
        key_table_remove(&table, first + i);
    }
    assert_int_equal(key_table_add(&table, &info, NULL, NULL), -ENOSPC); // the leases are still out
    key_lease_return(&table, &leases[6]);
    assert_int_equal(key_table_add(&table, &info, NULL, NULL), first + 6);
    assert_int_equal(key_table_add(&table, &info, NULL, NULL), -ENOSPC);
    assert_int_equal(key_table_end(&table), KEY_SLOTS_MAX);
}

static void identities_never_are_0(void **state)
{
    atomic_store(&table.shared->next_identity, UINT32_MAX - 1);
    uint32_t first = identity_of(add("one", SLICE("key-one")));
    uint32_t second = identity_of(add("two", SLICE("key-two")));
    assert_true(first == UINT32_MAX && second == 1);
}

static void tickets_count_from_1(void **state)
{
    for (uint64_t i = 1; i < 10; i++) {
        assert_true(key_table_ticket(&table) == i);
    }
}

static void who_attaches_sees_the_same_table(void **state)
{
    struct key_table other;
    struct key_info info;
    uint32_t slot = add("one", SLICE("key-one"));
    assert_int_equal(key_table_attach_take(&other, dup(table.region.fd)), 0);
    assert_true(key_read(&other, slot, &arena, &info));
    assert_slice(info.secret, SLICE("key-one"));
    assert_slice(key_table_token(&other), key_table_token(&table));
    assert_int_equal(key_table_token(&other).len, KEY_TOKEN_SIZE);
    assert_false(slice_eq(key_table_token(&other), text_of('\0', KEY_TOKEN_SIZE)));
    assert_true(key_table_ticket(&other) == 1 && key_table_ticket(&table) == 2);
    key_table_close(&other);
    assert_true(key_read(&table, slot, &arena, &info));
}

static void a_region_of_another_layout_is_refused(void **state)
{
    struct key_table other;
    struct shm_region region;
    int closed = dup(table.region.fd);
    table.shared->layout++;
    assert_int_equal(key_table_attach_take(&other, closed), -EPROTO);
    assert_int_equal(fcntl(closed, F_GETFD), -1);
    table.shared->layout--;
    table.shared->slot_size += 64;
    assert_int_equal(key_table_attach_take(&other, dup(table.region.fd)), -EPROTO);
    assert_int_equal(shm_region_create(&region, 4096), 0);
    assert_int_equal(key_table_attach_take(&other, dup(region.fd)), -EPROTO);
    assert_int_equal(key_table_attach_take(&other, -1), -EBADF);
    shm_region_close(&region);
}

// As a keeper leaves it that is killed while it changes the key: an odd version, and half of a text.
static void die_in(uint32_t slot)
{
    key_slot_begin(key_of(&table, slot));
    memset(key_of(&table, slot)->secret, 's', 5);
}

static void readers_do_not_wait_for_a_dead_writer(void **state)
{
    struct key_info info;
    struct key_lease lease;
    uint32_t slot = add("one", SLICE("key-one"));
    die_in(slot);
    assert_false(key_read(&table, slot, &arena, &info));
    assert_false(key_lease_take(&table, slot, identity_of(slot), &arena, &lease, &info));
    assert_int_equal(atomic_load(&key_of(&table, slot)->inflight), 0);
}

static void the_next_keeper_repairs_what_was_half_done(void **state)
{
    struct key_table next;
    struct key_info info;
    struct key_lease lease;
    for (int i = 0; i < 6; i++) {
        add("some", SLICE("key-some"));
    }
    die_in(0);
    key_table_remove(&table, 1); // done, but only its keeper knew that the slot is free
    assert_true(key_lease_take(&table, 2, identity_of(2), &arena, &lease, &info));
    key_table_remove(&table, 2);                             // … and that this one is not
    atomic_store(&key_of(&table, 3)->status, KEY_NO_STATUS); // killed while removing …
    atomic_fetch_sub(&table.shared->n_usable, 1);            //
    atomic_store(&key_of(&table, 4)->identity, 0);           // … or adding, before it was published,
    key_slot_begin(key_of(&table, 4));                       //
    atomic_fetch_sub(&table.shared->n_usable, 1);            // and counted
    atomic_store(&key_of(&table, 5)->error_version, 7);      // and a worker while it wrote this
    assert_int_equal(key_table_attach_take(&next, dup(table.region.fd)), 0);
    key_table_take_over(&next);
    for (uint32_t slot = 0; slot < 5; slot++) {
        assert_false(key_read(&next, slot, &arena, &info));
        assert_int_equal(atomic_load(&key_of(&next, slot)->version) % 2, 0);
        assert_false(is_anywhere(key_of(&next, slot)->secret, KEY_SECRET_NEAR, SLICE("s")));
    }
    assert_int_equal(key_table_n_usable(&next), 1);
    key_set_last_error(key_of(&next, 5), SLICE("it broke"), 5);
    assert_slice(key_last_error(key_of(&next, 5), &arena), SLICE("it broke"));
    // The first ones first; slot 2 has its lease, 5 its key.
    static const uint32_t slots[] = {0, 1, 3, 4, 6};
    info = info_of(SLICE("new"), SLICE("key-new"));
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(key_table_add(&next, &info, NULL, NULL), slots[i]);
    }
    key_lease_return(&next, &lease);
    assert_int_equal(key_table_add(&next, &info, NULL, NULL), 2);
    assert_int_equal(key_table_n_usable(&next), 7);
    key_table_close(&next);
}

static void who_is_alone_counts_again(void **state)
{
    struct key_lease lease;
    struct key_info info;
    uint32_t slot = add("one", SLICE("key-one"));
    add("two", SLICE("key-two"));
    key_table_remove(&table, add("three", SLICE("key-three")));
    assert_true(key_lease_take(&table, slot, identity_of(slot), &arena, &lease, &info));
    key_table_hold_as(&table, 3);
    assert_true(key_lease_take(&table, slot, identity_of(slot), &arena, &lease, &info));
    atomic_store(&table.shared->n_usable, 9);
    key_table_forget_all_leases(&table);
    assert_int_equal(atomic_load(&key_of(&table, slot)->inflight), 0);
    assert_int_equal(atomic_load(&table.shared->held[3][slot]), 0);
    assert_int_equal(key_table_n_usable(&table), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(where_no_key_is_nothing_is_read),
        TEST(a_full_table_takes_a_key_when_one_has_gone),
        TEST(a_region_of_another_layout_is_refused),
        TEST(readers_do_not_wait_for_a_dead_writer),
        TEST(the_next_keeper_repairs_what_was_half_done),
        TEST(who_is_alone_counts_again),
        TEST(a_key_comes_back_as_it_was_given),
        TEST(room_for_a_million_costs_nothing),
        TEST(a_key_takes_640_bytes),
        TEST(secrets_are_wiped_when_they_are_not_needed_any_more),
        TEST(the_texts_of_a_shorter_key_are_its_own),
        TEST(a_slot_that_is_used_again_begins_anew),
        TEST(what_is_adjusted_is_there_from_the_beginning),
        TEST(usable_keys_are_counted_through_every_change_of_status),
        TEST(a_slot_with_a_lease_is_not_given_away),
        TEST(identities_never_are_0),
        TEST(tickets_count_from_1),
        TEST(who_attaches_sees_the_same_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
