// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "keys/pool_fixture.h"

enum { MODEL = 77, OTHER_MODEL = 78 };

#define NONE UINT32_MAX

static struct pool pool;

static int begin(void **state)
{
    pool_init(&pool, KEY_ROUND_ROBIN);
    return 0;
}

static int end(void **state)
{
    pool_deinit(&pool);
    return 0;
}

static struct key_wish wish_for(uint32_t model)
{
    return (struct key_wish){.model = model, .now_ms = pool.now_ms};
}

static uint32_t pick_for(uint32_t model)
{
    struct key_wish wish = wish_for(model);
    return pool_pick_with(&pool, pool.selector, &wish);
}

// Nothing can be picked; when it can is said.
static void expect_none(const struct key_wish *wish, enum key_pick expected, int64_t until_ms)
{
    struct key_choice choice;
    assert_int_equal(key_selector_pick(pool.selector, wish, &pool.arena, &choice), expected);
    assert_int_equal(choice.until_ms, until_ms);
    assert_int_equal(choice.lease.identity, 0);
}

static void expect_later(uint32_t model, int64_t until_ms)
{
    struct key_wish wish = wish_for(model);
    expect_none(&wish, KEY_LATER, until_ms);
}

static void expect_never(uint32_t model)
{
    struct key_wish wish = wish_for(model);
    expect_none(&wish, KEY_NEVER, 0);
}

// ---- what comes with a key

static void an_empty_pool_has_nothing_ever(void **state)
{
    expect_never(0);
    expect_never(MODEL);
    key_selector_tick(pool.selector, pool.now_ms);
}

static void a_choice_says_all_that_is_needed(void **state)
{
    const struct key_info info = {.id = SLICE("key_a"), .secret = SLICE("key-one"), .weight = 1, .proxy = 5};
    uint32_t slot = (uint32_t)key_table_add(&pool.table, &info, NULL, NULL);
    struct key_wish wish = wish_for(MODEL);
    struct key_choice choice;
    assert_int_equal(key_selector_pick(pool.selector, &wish, &pool.arena, &choice), KEY_PICKED);
    assert_int_equal(choice.lease.slot, slot);
    assert_true(slice_eq(choice.id, info.id));
    assert_true(slice_eq(choice.secret, info.secret));
    assert_int_equal(choice.proxy, 5);
    assert_false(choice.was_bound);

    const struct key_slot *key = key_of(&pool.table, slot);
    assert_int_equal(key->inflight, 1);
    assert_int_equal(key->usage_count, 1);
    assert_int_equal(key->last_used_ms, pool.now_ms);
    assert_true(key->ticket > 0);
    key_lease_return(&pool.table, &choice.lease);
    assert_int_equal(key->inflight, 0);
}

// ---- who may be picked

static void what_is_not_active_is_passed_over(void **state)
{
    pool_fill(&pool, 4);
    assert_true(key_table_set_status(&pool.table, 0, KEY_ACTIVE, KEY_DISABLED));
    assert_true(key_table_set_status(&pool.table, 1, KEY_ACTIVE, KEY_BANNED));
    atomic_store(&key_of(&pool.table, 2)->test_result, KEY_TEST_FAILED);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(pool_pick(&pool), 3);
    }
    key_table_remove(&pool.table, 3);
    expect_never(0);
    // What comes back is told, and found at once.
    assert_true(key_table_set_status(&pool.table, 1, KEY_BANNED, KEY_ACTIVE));
    assert_int_equal(pool_pick(&pool), 1);
    // What nobody tells is found by looking at all within a minute.
    assert_true(key_table_set_status(&pool.table, 1, KEY_ACTIVE, KEY_DISABLED));
    atomic_store(&key_of(&pool.table, 2)->test_result, KEY_TEST_SUCCESS);
    expect_never(0);
    for (int i = 0; i < 60000 / KEY_SELECTOR_TICK_MS; i++) {
        key_selector_tick(pool.selector, pool.now_ms);
    }
    assert_int_equal(pool_pick(&pool), 2);
}

static void cooled_keys_return_by_themselves(void **state)
{
    pool_fill(&pool, 3);
    pool_cool(&pool, 0, 0, pool.now_ms + 500);
    pool_cool(&pool, 1, 0, pool.now_ms + 200);
    pool_cool(&pool, 2, 0, pool.now_ms + 300);
    expect_later(0, pool.now_ms + 200);
    pool.now_ms += 199;
    expect_later(MODEL, pool.now_ms + 1);
    pool.now_ms += 1;
    assert_int_equal(pool_pick(&pool), 1);
    assert_int_equal(pool_pick(&pool), 1);
    pool.now_ms += 300;
    bool was_picked[3] = {false};
    for (int i = 0; i < 3; i++) {
        was_picked[pool_pick(&pool)] = true;
    }
    assert_true(was_picked[0] && was_picked[1] && was_picked[2]);
}

static void a_cooldown_that_grows_is_waited_for(void **state)
{
    pool_fill(&pool, 1);
    pool_cool(&pool, 0, 0, pool.now_ms + 100);
    expect_later(0, pool.now_ms + 100);
    pool_cool(&pool, 0, 0, pool.now_ms + 900);
    pool.now_ms += 100;
    expect_later(0, pool.now_ms + 800);
    // One that ends early is told.
    pool_cool(&pool, 0, 0, 0);
    key_changed(&pool.table, 0);
    assert_int_equal(pool_pick(&pool), 0);
}

static void a_key_cools_for_one_model_only(void **state)
{
    pool_fill(&pool, 2);
    pool_cool(&pool, 0, MODEL, pool.now_ms + 1000);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pick_for(MODEL), 1);
    }
    assert_int_equal(pick_for(OTHER_MODEL), 0);
    pool_cool(&pool, 1, MODEL, pool.now_ms + 700);
    expect_later(MODEL, pool.now_ms + 700);
    assert_true(pick_for(0) != NONE);
    assert_true(key_table_set_status(&pool.table, 0, KEY_ACTIVE, KEY_BANNED));
    assert_true(key_table_set_status(&pool.table, 1, KEY_ACTIVE, KEY_BANNED));
    expect_never(MODEL);
}

// Enough to be worth a view of their own.
static void many_keys_cool_for_one_model(void **state)
{
    enum { N = 1000 };
    pool_fill(&pool, N);
    for (uint32_t i = 0; i < N; i += 2) {
        pool_cool(&pool, i, MODEL, pool.now_ms + 1000 + i);
    }
    unsigned counts[N] = {0};
    for (int i = 0; i < 5 * N; i++) {
        uint32_t slot = pick_for(MODEL);
        assert_int_equal(slot % 2, 1);
        counts[slot]++;
    }
    for (uint32_t i = 1; i < N; i += 2) {
        assert_int_equal(counts[i], 10);
    }
    // Others are not hindered, and those that cooled meanwhile have lost nothing.
    for (int i = 0; i < N / 2; i++) {
        assert_int_equal(pick_for(OTHER_MODEL) % 2, 0);
    }
    // They come back to this model one by one.
    pool.now_ms += 1000;
    bool has_come = false;
    for (int i = 0; i < 2 * N && !has_come; i++) {
        uint32_t slot = pick_for(MODEL);
        has_come = slot == 0;
        assert_true(slot == 0 || slot % 2);
    }
    assert_true(has_come);
    // A cooldown that is lifted is told to this view too; one that begins is seen.
    pool_cool(&pool, 400, MODEL, 0);
    key_changed(&pool.table, 400);
    pool_cool(&pool, 1, MODEL, pool.now_ms + 5000);
    has_come = false;
    for (int i = 0; i < 2 * N; i++) {
        uint32_t slot = pick_for(MODEL);
        has_come = has_come || slot == 400;
        assert_int_not_equal(slot, 1);
    }
    assert_true(has_come);
}

static void views_of_models_follow_what_happens_to_keys(void **state)
{
    enum { N = 64, N_MODELS = 30 };
    pool_fill(&pool, N);
    for (uint32_t model = 1; model <= N_MODELS; model++) {
        for (uint32_t i = 0; i < N - 1; i++) { // each time at the same place, since a key has room for four only
            struct key_model_cooldown *cooldown = &key_of(&pool.table, i)->cooldowns[0];
            atomic_store(&cooldown->model, model);
            atomic_store(&cooldown->until_ms, pool.now_ms + 1000);
        }
        assert_int_equal(pick_for(model), N - 1);
        assert_int_equal(pick_for(model), N - 1);
        if (model == N_MODELS / 2) {
            // Places move when one leaves, in views too.
            key_table_remove(&pool.table, 3);
            assert_int_equal(pick_for(model), N - 1);
            assert_int_equal(pool_add(&pool, 0, 1), 3);
            assert_int_equal(pick_for(model), 3);
            assert_int_equal(pick_for(model), N - 1); // which is at another place now
        }
        key_selector_tick(pool.selector, pool.now_ms += 20 * 60 * 1000); // views that nobody asks for go
    }
}

static void a_tried_key_is_not_picked_again(void **state)
{
    pool_fill(&pool, 3);
    struct key_lease tried[3];
    struct key_wish wish = wish_for(0);
    wish.tried = tried;
    bool was_picked[3] = {false};
    for (wish.n_tried = 0; wish.n_tried < 3; wish.n_tried++) {
        uint32_t slot = pool_pick_with(&pool, pool.selector, &wish);
        assert_true(slot != NONE && !was_picked[slot]);
        was_picked[slot] = true;
        tried[wish.n_tried] = pool_key(&pool, slot);
    }
    expect_none(&wish, KEY_NEVER, 0);
    // Whoever asks for it again may know when it could do better.
    pool_cool(&pool, 1, 0, pool.now_ms + 300);
    expect_none(&wish, KEY_LATER, pool.now_ms + 300);
    assert_true(pool_pick(&pool) != NONE);
    // A key that has come to the slot of a tried one was not tried.
    uint32_t old = tried[2].slot;
    key_table_remove(&pool.table, old);
    assert_int_equal(pool_add(&pool, 0, 1), old);
    assert_int_equal(pool_pick_with(&pool, pool.selector, &wish), old);
}

static void a_full_key_has_room_again_when_a_lease_comes_back(void **state)
{
    pool.settings.max_inflight = 2;
    pool_apply(&pool);
    pool_fill(&pool, 2);
    struct key_selector *other = key_selector_new(&pool.table);
    struct key_wish wish = wish_for(0);
    struct key_choice choices[4];
    for (int i = 0; i < 4; i++) {
        assert_int_equal(key_selector_pick(i % 2 ? other : pool.selector, &wish, &pool.arena, &choices[i]), KEY_PICKED);
    }
    expect_later(0, pool.now_ms + KEY_FULL_MS);
    assert_int_equal(pool_pick_with(&pool, other, &wish), NONE);
    uint32_t slot = choices[2].lease.slot;
    key_lease_return(&pool.table, &choices[2].lease);
    // No time has passed, and both know.
    assert_int_equal(pool_pick_with(&pool, other, &wish), slot);
    assert_int_equal(pool_pick(&pool), slot);
    for (int i = 0; i < 4; i++) {
        if (i != 2) {
            key_lease_return(&pool.table, &choices[i].lease);
        }
    }
    assert_int_equal(key_of(&pool.table, 0)->inflight + key_of(&pool.table, 1)->inflight, 0);
    key_selector_free(other);
}

static void a_key_over_its_quota_returns_with_the_next_day(void **state)
{
    pool.settings.algorithm = KEY_QUOTA_AWARE;
    pool.settings.daily_limit = 1000;
    pool_apply(&pool);
    pool_fill(&pool, 2);
    key_count_tokens(key_of(&pool.table, 0), &pool.settings, 600, 400, pool.now_ms);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pool_pick(&pool), 1);
    }
    key_count_tokens(key_of(&pool.table, 1), &pool.settings, 1001, 0, pool.now_ms);
    int64_t midnight_ms = POOL_NOON_MS + 12 * 3600 * 1000;
    expect_later(MODEL, midnight_ms);
    pool.now_ms = midnight_ms;
    assert_int_equal(pool_pick(&pool), 0); // it has used less
    // Nothing remaining does not end with time.
    for (uint32_t i = 0; i < 2; i++) {
        atomic_store(&key_of(&pool.table, i)->used, 5);
        atomic_store(&key_of(&pool.table, i)->allowance, 5);
    }
    expect_never(0);
}

static void this_key_and_no_other(void **state)
{
    pool_fill(&pool, 3);
    assert_true(key_table_set_status(&pool.table, 2, KEY_ACTIVE, KEY_BANNED));
    pool_cool(&pool, 2, 0, pool.now_ms + 1000);
    struct key_wish wish = wish_for(MODEL);
    wish.only = pool_key(&pool, 2);
    assert_int_equal(pool_pick_with(&pool, pool.selector, &wish), 2);
    key_table_remove(&pool.table, 2);
    expect_none(&wish, KEY_NEVER, 0);
    assert_int_equal(pool_add(&pool, 0, 1), 2);
    expect_none(&wish, KEY_NEVER, 0); // that is another key
}

static void an_owner_is_picked_as_long_as_it_is_eligible(void **state)
{
    pool_fill(&pool, 3);
    struct key_wish wish = wish_for(MODEL);
    wish.owner = pool_key(&pool, 1);
    struct key_choice choice;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(key_selector_pick(pool.selector, &wish, &pool.arena, &choice), KEY_PICKED);
        assert_int_equal(choice.lease.slot, 1);
        assert_true(choice.was_bound);
        key_lease_return(&pool.table, &choice.lease);
    }
    wish.tried = &wish.owner;
    wish.n_tried = 1;
    assert_int_not_equal(pool_pick_with(&pool, pool.selector, &wish), 1);
    wish.n_tried = 0;
    pool_cool(&pool, 1, MODEL, pool.now_ms + 1000);
    assert_int_equal(key_selector_pick(pool.selector, &wish, &pool.arena, &choice), KEY_PICKED);
    assert_int_not_equal(choice.lease.slot, 1);
    assert_false(choice.was_bound);
    key_lease_return(&pool.table, &choice.lease);
}

// ---- tiers

// Keys 0 and 1 in `first`, 2 and 3 in `second`, none in `empty`, 4 in a group that there is not, 5 in `default`.
static void make_tiers(bool falls_back, bool is_strict)
{
    pool.settings.has_tiers = true;
    pool.settings.falls_back = falls_back;
    pool.settings.is_strict = is_strict;
    pool_apply(&pool);
    const struct key_group_info groups[] = {
        {SLICE("second"), 20},
        {SLICE("empty"), -5},
        {SLICE("first"), 10},
    };
    key_table_set_groups(&pool.table, groups, 3);
    uint16_t first = key_table_find_group(&pool.table, SLICE("first"));
    uint16_t second = key_table_find_group(&pool.table, SLICE("second"));
    const uint16_t of_keys[] = {first, first, second, second, 1000, 0};
    for (uint32_t i = 0; i < 6; i++) {
        assert_int_equal(pool_add(&pool, of_keys[i], 1), i);
    }
}

static void ban(uint32_t slot)
{
    assert_true(key_table_set_status(&pool.table, slot, KEY_ACTIVE, KEY_BANNED));
}

// The next picks rotate over `first` and `first` + 1.
static void expect_from(uint32_t first)
{
    uint32_t slot = pool_pick(&pool);
    for (int i = 0; i < 6; i++) {
        assert_true(slot == first || slot == first + 1);
        uint32_t next = pool_pick(&pool);
        assert_int_not_equal(next, slot);
        slot = next;
    }
}

static void tiers_serve_one_after_the_other(void **state)
{
    make_tiers(true, false);
    expect_from(0);
    ban(0);
    assert_int_equal(pool_pick(&pool), 1);
    pool_cool(&pool, 1, 0, pool.now_ms + 100);
    expect_from(2);
    ban(2);
    ban(3);
    expect_from(4);
    ban(4);
    assert_int_equal(pool_pick(&pool), 5);
    ban(5);
    expect_later(0, pool.now_ms + 100);
    pool.now_ms += 100;
    assert_int_equal(pool_pick(&pool), 1);
}

static void a_tier_takes_over_for_a_model_too(void **state)
{
    make_tiers(true, false);
    pool_cool(&pool, 0, MODEL, pool.now_ms + 100);
    pool_cool(&pool, 1, MODEL, pool.now_ms + 100);
    assert_int_equal(pick_for(MODEL) / 2, 1);
    assert_int_equal(pick_for(OTHER_MODEL) / 2, 0);
}

static void without_fallback_the_first_group_with_keys_serves_alone(void **state)
{
    make_tiers(false, false);
    ban(0);
    assert_int_equal(pool_pick(&pool), 1);
    pool_cool(&pool, 1, 0, pool.now_ms + 100);
    expect_later(0, pool.now_ms + 100);
    ban(1);
    expect_never(0);
    key_table_remove(&pool.table, 0);
    key_table_remove(&pool.table, 1);
    expect_from(2); // now that is the first group with keys
    key_table_remove(&pool.table, 2);
    key_table_remove(&pool.table, 3);
    expect_from(4); // `default` is a group
}

static void strict_leaves_out_keys_of_no_group(void **state)
{
    make_tiers(true, true);
    ban(0);
    ban(1);
    expect_never(0);
    for (uint32_t i = 0; i < 4; i++) {
        key_table_remove(&pool.table, i);
    }
    expect_never(0);
}

static void an_owner_outside_of_the_tiers_that_serve_is_not_picked(void **state)
{
    make_tiers(false, true);
    struct key_wish wish = wish_for(0);
    wish.owner = pool_key(&pool, 2);
    assert_true(pool_pick_with(&pool, pool.selector, &wish) < 2);
    wish.owner = pool_key(&pool, 1);
    assert_int_equal(pool_pick_with(&pool, pool.selector, &wish), 1);
}

static void without_tiers_all_keys_are_one(void **state)
{
    make_tiers(true, false);
    pool.settings.has_tiers = false;
    pool_apply(&pool);
    unsigned counts[6] = {0};
    for (int i = 0; i < 60; i++) {
        counts[pool_pick(&pool)]++;
    }
    for (int i = 0; i < 6; i++) {
        assert_int_equal(counts[i], 10);
    }
}

static void a_key_moves_from_group_to_group(void **state)
{
    make_tiers(true, false);
    for (int i = 0; i < 1000; i++) {
        pool_pick(&pool); // the first group is far ahead of the others in its turns
    }
    ban(1);
    struct key_info info;
    assert_true(key_read(&pool.table, 0, &pool.arena, &info));
    info.group = key_table_find_group(&pool.table, SLICE("second"));
    key_table_change(&pool.table, 0, &info);
    unsigned counts[6] = {0};
    for (int i = 0; i < 30; i++) {
        counts[pool_pick(&pool)]++;
    }
    // It neither waits for a thousand turns nor has them all.
    assert_in_range(counts[0], 9, 11);
    assert_in_range(counts[2], 9, 11);
    assert_in_range(counts[3], 9, 11);
}

static void settings_take_effect_with_the_next_pick(void **state)
{
    pool_fill(&pool, 3);
    pool_pick(&pool);
    atomic_store(&key_of(&pool.table, 0)->usage_count, 50);
    atomic_store(&key_of(&pool.table, 1)->usage_count, 40);
    atomic_store(&key_of(&pool.table, 2)->usage_count, 60);
    pool.settings.algorithm = KEY_LEAST_USED;
    pool_apply(&pool);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(pool_pick(&pool), 1);
    }
    assert_int_equal(key_selector_settings(pool.selector)->algorithm, KEY_LEAST_USED);
}

// More changes than are remembered: everything is looked at again.
static void who_was_away_for_long_finds_its_way(void **state)
{
    pool_fill(&pool, 10);
    assert_true(pool_pick(&pool) != NONE);
    for (uint32_t i = 0; i < 9; i++) {
        key_table_remove(&pool.table, i);
    }
    for (int i = 0; i < KEY_CHANGES + 100; i++) {
        key_changed(&pool.table, 9);
    }
    for (int i = 0; i < 5; i++) {
        assert_int_equal(pool_pick(&pool), 9);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_pool_has_nothing_ever),
        TEST(a_choice_says_all_that_is_needed),
        TEST(what_is_not_active_is_passed_over),
        TEST(cooled_keys_return_by_themselves),
        TEST(a_cooldown_that_grows_is_waited_for),
        TEST(a_key_cools_for_one_model_only),
        TEST(many_keys_cool_for_one_model),
        TEST(views_of_models_follow_what_happens_to_keys),
        TEST(a_tried_key_is_not_picked_again),
        TEST(a_full_key_has_room_again_when_a_lease_comes_back),
        TEST(a_key_over_its_quota_returns_with_the_next_day),
        TEST(this_key_and_no_other),
        TEST(an_owner_is_picked_as_long_as_it_is_eligible),
        TEST(tiers_serve_one_after_the_other),
        TEST(a_tier_takes_over_for_a_model_too),
        TEST(without_fallback_the_first_group_with_keys_serves_alone),
        TEST(strict_leaves_out_keys_of_no_group),
        TEST(an_owner_outside_of_the_tiers_that_serve_is_not_picked),
        TEST(without_tiers_all_keys_are_one),
        TEST(a_key_moves_from_group_to_group),
        TEST(settings_take_effect_with_the_next_pick),
        TEST(who_was_away_for_long_finds_its_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
