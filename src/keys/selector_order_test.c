// SPDX-License-Identifier: MIT
// Whatever happens to the keys: the one that is picked has the least score of all that are eligible, and of equals the
// one that was picked longest ago. A search over all keys is the judge.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "keys/allowance.h"
#include "keys/dice.h"
#include "keys/key_look.h"
#include "keys/pool_fixture.h"

enum { N_MODELS = 3, N_SELECTORS = 2, N_SLOTS_MAX = 12000 };

struct life {
    struct pool pool;
    const struct key_algorithm *algorithm;
    struct key_selector *selectors[N_SELECTORS]; // as of two processes
    struct dice dice;
    struct rank ranks[N_SLOTS_MAX]; // of slots, as the judge has seen them
};

static bool chance(struct life *life, uint32_t one_in)
{
    return dice_below(&life->dice, one_in) == 0;
}

// ---- the judge

struct verdict {
    uint32_t n_eligible;
    struct rank best;
    int64_t until_ms; // the earliest return; 0: never
};

static void judge_key(struct life *life, const struct key_scoring *scoring, const struct key_wish *wish, uint32_t slot,
                      struct verdict *verdict)
{
    struct key_look look;
    key_look_at(key_of(&life->pool.table, slot), life->algorithm, scoring, wish->model, &look);
    if (look.obstacle != KEY_ELIGIBLE) {
        if (look.until_ms && (!verdict->until_ms || look.until_ms < verdict->until_ms)) {
            verdict->until_ms = look.until_ms;
        }
        return;
    }
    life->ranks[slot] = look.rank;
    if (!verdict->n_eligible++ || look.rank.score < verdict->best.score ||
        (look.rank.score == verdict->best.score && look.rank.ticket < verdict->best.ticket)) {
        verdict->best = look.rank;
    }
}

static struct verdict judge(struct life *life, const struct key_wish *wish)
{
    const struct pool *pool = &life->pool;
    struct key_scoring scoring = {&pool->settings, pool->now_ms, {ALLOWANCE_ASSUMED, ALLOWANCE_ASSUMED}};
    struct verdict verdict = {0};
    assert_true(key_table_end(&pool->table) <= N_SLOTS_MAX);
    for (uint32_t slot = 0; slot < key_table_end(&pool->table); slot++) {
        judge_key(life, &scoring, wish, slot, &verdict);
    }
    return verdict;
}

// ---- what happens

static void use(struct life *life, uint32_t slot)
{
    struct key_slot *key = key_of(&life->pool.table, slot);
    uint32_t tokens = dice_below(&life->dice, 200) * 1000;
    key_count_tokens(key, &life->pool.settings, tokens, tokens / 4, life->pool.now_ms);
    atomic_fetch_add(&key->total_requests, 1);
    if (!chance(life, 10)) {
        atomic_fetch_add(&key->success_requests, 1);
        key_changed(&life->pool.table, slot); // a score may have become better
    }
}

// One that begins or grows needs not be told, one that shrinks does.
static void cool(struct life *life, uint32_t slot, uint32_t model)
{
    struct pool *pool = &life->pool;
    int64_t until_ms = pool->now_ms + 1 + dice_below(&life->dice, 50);
    int64_t was_until_ms;
    key_obstacle_of(key_of(&pool->table, slot), &pool->settings, model, pool->now_ms, &was_until_ms);
    pool_cool(pool, slot, model, until_ms);
    if (until_ms < was_until_ms) {
        key_changed(&pool->table, slot);
    }
}

static void disturb(struct life *life)
{
    struct pool *pool = &life->pool;
    uint32_t slot = dice_below(&life->dice, key_table_end(&pool->table));
    struct key_slot *key = key_of(&pool->table, slot);
    if (!atomic_load(&key->identity)) {
        pool_add(pool, 0, 1); // somewhere
        return;
    }
    switch (dice_below(&life->dice, 7)) {
    case 0: key_table_remove(&pool->table, slot); break;
    case 1: key_table_set_status(&pool->table, slot, KEY_ACTIVE, KEY_BANNED); break;
    case 2: key_table_set_status(&pool->table, slot, KEY_ACTIVE, KEY_DISABLED); break;
    case 3: key_table_set_status(&pool->table, slot, KEY_BANNED, KEY_ACTIVE); break;
    case 4: key_table_set_status(&pool->table, slot, KEY_DISABLED, KEY_ACTIVE); break;
    case 5: cool(life, slot, 0); break;
    case 6: cool(life, slot, 1 + dice_below(&life->dice, N_MODELS - 1)); break;
    default: break;
    }
}

static void pick_and_compare(struct life *life)
{
    struct pool *pool = &life->pool;
    struct key_selector *selector = life->selectors[dice_below(&life->dice, N_SELECTORS)];
    struct key_wish wish = {.model = dice_below(&life->dice, N_MODELS), .now_ms = pool->now_ms};
    struct verdict verdict = judge(life, &wish);
    struct key_choice choice;
    switch (key_selector_pick(selector, &wish, &pool->arena, &choice)) {
    case KEY_PICKED:
        assert_true(verdict.n_eligible > 0);
        assert_true(life->ranks[choice.lease.slot].score == verdict.best.score);
        assert_int_equal(life->ranks[choice.lease.slot].ticket, verdict.best.ticket);
        use(life, choice.lease.slot);
        key_lease_return(&pool->table, &choice.lease);
        break;
    case KEY_LATER:
        assert_int_equal(verdict.n_eligible, 0);
        assert_true(choice.until_ms > pool->now_ms);
        assert_true(verdict.until_ms && choice.until_ms <= verdict.until_ms);
        break;
    case KEY_NEVER:
        assert_int_equal(verdict.n_eligible, 0);
        assert_int_equal(verdict.until_ms, 0);
        break;
    }
    arena_reset(&pool->arena);
}

static void live(enum key_algorithm_id id, uint32_t n_keys, int n_picks)
{
    static struct life life;
    life.algorithm = key_algorithm_of(id);
    life.dice.state = id * 1000 + n_keys;
    pool_init(&life.pool, id);
    pool_fill(&life.pool, n_keys);
    for (int i = 0; i < N_SELECTORS; i++) {
        life.selectors[i] = key_selector_new(&life.pool.table);
    }
    for (int i = 0; i < n_picks; i++) {
        if (chance(&life, 3)) {
            disturb(&life);
        }
        if (chance(&life, 4)) {
            life.pool.now_ms++;
        }
        if (chance(&life, 8)) {
            key_selector_tick(life.selectors[i % N_SELECTORS], life.pool.now_ms);
        }
        pick_and_compare(&life);
    }
    for (int i = 0; i < N_SELECTORS; i++) {
        key_selector_free(life.selectors[i]);
    }
    pool_deinit(&life.pool);
}

static void live_with_any_number_of_keys(enum key_algorithm_id id)
{
    live(id, 1, 2000);
    live(id, 2, 3000);
    live(id, 100, 6000);
    live(id, 10000, 250);
}

static void round_robin(void **state)
{
    live_with_any_number_of_keys(KEY_ROUND_ROBIN);
}

static void least_used(void **state)
{
    live_with_any_number_of_keys(KEY_LEAST_USED);
}

static void least_token_used(void **state)
{
    live_with_any_number_of_keys(KEY_LEAST_TOKEN_USED);
}

static void max_remaining(void **state)
{
    live_with_any_number_of_keys(KEY_MAX_REMAINING);
}

static void weighted_usage(void **state)
{
    live_with_any_number_of_keys(KEY_WEIGHTED_USAGE);
}

static void quota_aware(void **state)
{
    live_with_any_number_of_keys(KEY_QUOTA_AWARE);
}

static void time_window(void **state)
{
    live_with_any_number_of_keys(KEY_TIME_WINDOW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_robin),   cmocka_unit_test(least_used),     cmocka_unit_test(least_token_used),
        cmocka_unit_test(max_remaining), cmocka_unit_test(weighted_usage), cmocka_unit_test(quota_aware),
        cmocka_unit_test(time_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
