// SPDX-License-Identifier: MIT
// One conversation, one key: so that what a provider keeps of a prompt is found again; but no key is overrun for it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "keys/affinity.h"
#include "keys/dice.h"
#include "keys/pool_fixture.h"

enum { N_KEYS = 50, N_CONVERSATIONS = 200, N_TURNS = 20 };

#define NONE UINT32_MAX

static struct pool pool;

static void begin_with(enum key_algorithm_id algorithm)
{
    pool_init(&pool, algorithm);
    pool.settings.has_affinity = true;
    pool_apply(&pool);
}

static int begin(void **state)
{
    begin_with(KEY_ROUND_ROBIN);
    return 0;
}

static int end(void **state)
{
    pool_deinit(&pool);
    return 0;
}

static uint64_t tag_of(uint32_t conversation)
{
    struct arena arena;
    arena_init(&arena, 64);
    uint64_t tag = affinity_tag(AFFINITY_CONVERSATION, arena_printf(&arena, "conversation %u", conversation));
    arena_deinit(&arena);
    return tag;
}

// The lease stays out.
static struct key_choice turn_of(uint32_t conversation)
{
    struct key_wish wish = {.conversation = tag_of(conversation), .now_ms = pool.now_ms};
    struct key_choice choice;
    assert_int_equal(key_selector_pick(pool.selector, &wish, &pool.arena, &choice), KEY_PICKED);
    arena_reset(&pool.arena);
    return choice;
}

static uint32_t slot_of_turn(uint32_t conversation)
{
    struct key_choice choice = turn_of(conversation);
    uint32_t slot = choice.lease.slot;
    key_lease_return(&pool.table, &choice.lease);
    return slot;
}

// ---- many conversations

// Each conversation has its turns one after the other, those of different ones come in any order, and some are under
// way at the same time.
struct course {
    struct dice dice;
    uint32_t first_key[N_CONVERSATIONS]; // NONE: it has not begun
    uint32_t n_turns[N_CONVERSATIONS];
    uint32_t n_on_first;
    uint32_t load[N_KEYS];
    struct key_lease leases[N_CONVERSATIONS];
    uint32_t under_way[N_CONVERSATIONS]; // which conversations wait for an answer, or have just got it
    uint32_t n_under_way;                // at most
};

static void end_turn(struct course *course, uint32_t conversation)
{
    if (course->leases[conversation].identity) {
        key_lease_return(&pool.table, &course->leases[conversation]);
    }
}

static void one_turn(struct course *course, uint32_t conversation)
{
    uint32_t place = dice_below(&course->dice, course->n_under_way);
    end_turn(course, course->under_way[place]);
    end_turn(course, conversation);
    struct key_choice choice = turn_of(conversation);
    uint32_t slot = choice.lease.slot;
    if (course->first_key[conversation] == NONE) {
        course->first_key[conversation] = slot;
    }
    course->n_on_first += course->first_key[conversation] == slot;
    course->n_turns[conversation]++;
    course->load[slot]++;
    course->leases[conversation] = choice.lease;
    course->under_way[place] = conversation;
}

static void begin_course(struct course *course, uint32_t n_under_way)
{
    *course = (struct course){.dice = {9}, .n_under_way = n_under_way};
    for (uint32_t i = 0; i < N_CONVERSATIONS; i++) {
        course->first_key[i] = NONE;
    }
}

// Until every conversation has had so many turns.
static void run_course(struct course *course, uint32_t n_turns)
{
    uint32_t n_left = 0;
    for (uint32_t i = 0; i < N_CONVERSATIONS; i++) {
        n_left += n_turns - course->n_turns[i];
    }
    while (n_left) {
        uint32_t conversation = dice_below(&course->dice, N_CONVERSATIONS);
        if (course->n_turns[conversation] < n_turns) {
            one_turn(course, conversation);
            n_left--;
            pool.now_ms += dice_below(&course->dice, 30);
        }
    }
}

static void check_course(enum key_algorithm_id algorithm, uint32_t n_under_way, uint32_t tolerance)
{
    static struct course course;
    begin_with(algorithm);
    pool_fill(&pool, N_KEYS);
    begin_course(&course, n_under_way);
    run_course(&course, N_TURNS);
    assert_true(course.n_on_first >= 0.99 * N_CONVERSATIONS * N_TURNS);
    const uint32_t fair = N_CONVERSATIONS * N_TURNS / N_KEYS;
    for (uint32_t i = 0; i < N_KEYS; i++) {
        assert_in_range(course.load[i], fair * (100 - tolerance) / 100, fair * (100 + tolerance) / 100);
    }
    pool_deinit(&pool);
}

static void conversations_stay_and_spread(void **state)
{
    check_course(KEY_ROUND_ROBIN, 10, 30);
    check_course(KEY_ROUND_ROBIN, 150, 30);
    // Of those that have been used equally, some have conversations that are not at their end.
    check_course(KEY_LEAST_USED, 10, 75);
}

static void only_conversations_of_a_banned_key_move(void **state)
{
    enum { BANNED = 17 };
    static struct course course;
    pool_fill(&pool, N_KEYS);
    begin_course(&course, 2); // no key is ever overrun
    run_course(&course, N_TURNS / 2);
    uint32_t before[N_CONVERSATIONS];
    memcpy(before, course.first_key, sizeof(before));
    assert_true(key_table_set_status(&pool.table, BANNED, KEY_ACTIVE, KEY_BANNED));
    for (uint32_t i = 0; i < N_CONVERSATIONS; i++) {
        if (before[i] == BANNED) {
            course.first_key[i] = NONE; // those begin again somewhere else
            course.n_turns[i] = 0;
        }
    }
    course.n_on_first = 0;
    uint32_t n_moved = 0;
    for (uint32_t i = 0; i < N_CONVERSATIONS; i++) {
        uint32_t slot = slot_of_turn(i);
        n_moved += before[i] == BANNED;
        assert_true(before[i] == BANNED ? slot != BANNED : slot == before[i]);
        assert_int_equal(slot_of_turn(i), slot); // and stays there
        if (before[i] == BANNED) {
            course.first_key[i] = slot;
            course.n_turns[i] = N_TURNS / 2;
        }
    }
    assert_int_equal(n_moved, N_CONVERSATIONS / N_KEYS);
    run_course(&course, N_TURNS);
    assert_int_equal(course.n_on_first, N_CONVERSATIONS * N_TURNS / 2);
}

// ---- one conversation

static void it_moves_while_its_key_cools_and_does_not_return(void **state)
{
    pool_fill(&pool, 3);
    uint32_t first = slot_of_turn(1);
    pool_cool(&pool, first, 0, pool.now_ms + 100);
    uint32_t second = slot_of_turn(1);
    assert_int_not_equal(second, first);
    pool.now_ms += 100;
    assert_int_equal(slot_of_turn(1), second);
}

static void a_removed_key_is_not_mistaken_for_its_successor(void **state)
{
    pool_fill(&pool, 2);
    uint32_t first = slot_of_turn(1);
    key_table_remove(&pool.table, first);
    assert_int_equal(slot_of_turn(1), 1 - first);
    assert_int_equal(pool_add(&pool, 0, 1), first);
    assert_int_equal(slot_of_turn(1), 1 - first);
}

static void after_an_hour_it_is_a_new_one(void **state)
{
    pool_fill(&pool, 2);
    uint32_t first = slot_of_turn(1);
    pool.now_ms += AFFINITY_TTL_MS + 2000;
    assert_int_equal(slot_of_turn(1), 1 - first);
}

static void it_is_of_no_account_when_switched_off(void **state)
{
    pool_fill(&pool, 2);
    pool.settings.has_affinity = false;
    pool_apply(&pool);
    uint32_t first = slot_of_turn(1);
    assert_int_equal(slot_of_turn(1), 1 - first);
}

static void an_owner_comes_before_it_and_takes_it_over(void **state)
{
    pool_fill(&pool, 3);
    uint32_t first = slot_of_turn(1);
    uint32_t owner = (first + 1) % 3;
    struct key_wish wish = {.conversation = tag_of(1), .owner = pool_key(&pool, owner), .now_ms = pool.now_ms};
    assert_int_equal(pool_pick_with(&pool, pool.selector, &wish), owner);
    assert_int_equal(slot_of_turn(1), owner);
    // An owner that is gone leaves it where it is.
    wish.owner = pool_key(&pool, first);
    wish.owner.identity += 1000;
    assert_int_equal(pool_pick_with(&pool, pool.selector, &wish), owner);
}

// ---- bounded load

static void hold(uint32_t slot, uint32_t n)
{
    atomic_fetch_add(&key_of(&pool.table, slot)->inflight, n);
    pool.now_ms += 200; // figures are a tenth of a second old at most
}

static void let_go(uint32_t slot, uint32_t n)
{
    atomic_fetch_sub(&key_of(&pool.table, slot)->inflight, n);
    pool.now_ms += 200;
}

static void it_leaves_a_key_that_is_overrun(void **state)
{
    pool_fill(&pool, 10);
    uint32_t first = slot_of_turn(1);
    hold(first, 2); // that is never too much
    assert_int_equal(slot_of_turn(1), first);
    hold(first, 1);
    uint32_t second = slot_of_turn(1);
    assert_int_not_equal(second, first);
    let_go(first, 3);
    assert_int_equal(slot_of_turn(1), second);
}

static void it_stays_where_all_have_much_to_do(void **state)
{
    pool_fill(&pool, 10);
    uint32_t first = slot_of_turn(1);
    for (uint32_t i = 0; i < 10; i++) {
        hold(i, 8);
    }
    assert_int_equal(slot_of_turn(1), first);
    hold(first, 12); // 20 where 9.2 are average: 1.25 of that and three times its root are 20.6
    assert_int_equal(slot_of_turn(1), first);
    hold(first, 4); // 24 where 9.6 are average: 21.3
    assert_int_not_equal(slot_of_turn(1), first);
    for (uint32_t i = 0; i < 10; i++) {
        let_go(i, i == first ? 24 : 8);
    }
}

// Even where the algorithm would take the same key again.
static void it_goes_to_another_key_if_there_is_one(void **state)
{
    enum { MODEL = 5 };
    pool.settings.algorithm = KEY_MAX_REMAINING;
    pool_apply(&pool);
    pool_fill(&pool, 3);
    for (uint32_t i = 0; i < 3; i++) {
        atomic_store(&key_of(&pool.table, i)->allowance, i == 1 ? 9000 : 10);
    }
    assert_int_equal(slot_of_turn(1), 1);
    assert_int_equal(slot_of_turn(1), 1);
    hold(1, 20);
    pool_cool(&pool, 0, MODEL, pool.now_ms + 60000);
    pool_cool(&pool, 2, MODEL, pool.now_ms + 60000);
    struct key_wish wish = {.model = MODEL, .conversation = tag_of(1), .now_ms = pool.now_ms};
    assert_int_equal(pool_pick_with(&pool, pool.selector, &wish), 1);
    uint32_t other = slot_of_turn(1);
    assert_int_not_equal(other, 1);
    let_go(1, 20);
    assert_int_equal(slot_of_turn(1), other);
}

// Keys that are away do not count: whoever is left has to do it all.
static void only_eligible_keys_are_compared(void **state)
{
    pool_fill(&pool, 200);
    uint32_t first = slot_of_turn(1);
    for (uint32_t i = 0; i < 200; i++) {
        if (i != first && i != (first + 1) % 200) {
            assert_true(key_table_set_status(&pool.table, i, KEY_ACTIVE, KEY_DISABLED));
        }
    }
    hold(first, 10);
    hold((first + 1) % 200, 10);
    assert_int_equal(slot_of_turn(1), first);
    let_go(first, 10);
    let_go((first + 1) % 200, 10);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conversations_stay_and_spread),
        TEST(only_conversations_of_a_banned_key_move),
        TEST(it_moves_while_its_key_cools_and_does_not_return),
        TEST(a_removed_key_is_not_mistaken_for_its_successor),
        TEST(after_an_hour_it_is_a_new_one),
        TEST(it_is_of_no_account_when_switched_off),
        TEST(an_owner_comes_before_it_and_takes_it_over),
        TEST(it_leaves_a_key_that_is_overrun),
        TEST(it_stays_where_all_have_much_to_do),
        TEST(it_goes_to_another_key_if_there_is_one),
        TEST(only_eligible_keys_are_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
