// SPDX-License-Identifier: MIT
// How picks spread over keys: exactly where that is promised, else within what chance allows.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keys/algorithm.h"
#include "keys/dice.h"
#include "keys/pool_fixture.h"

enum { N_MAX = 10000 };

#define NONE UINT32_MAX

static const uint32_t sizes[] = {1, 2, 100, N_MAX};
enum { N_SIZES = sizeof(sizes) / sizeof(*sizes) };

static uint32_t counts[N_MAX + 100]; // picks of each slot

static void pick_n(struct pool *pool, uint64_t n)
{
    memset(counts, 0, sizeof(counts));
    for (uint64_t i = 0; i < n; i++) {
        uint32_t slot = pool_pick(pool);
        assert_true(slot != NONE);
        counts[slot]++;
    }
}

// ---- order

// Every key once in each round, and in the order of the round before; whoever of two processes picks.
static void check_rotation(enum key_algorithm_id algorithm, uint32_t n_keys)
{
    static uint32_t order[N_MAX];
    struct pool pool;
    struct dice dice = {n_keys};
    pool_init(&pool, algorithm);
    pool_fill(&pool, n_keys);
    struct key_selector *selectors[] = {pool.selector, key_selector_new(&pool.table)};
    struct key_wish wish = {.now_ms = pool.now_ms};
    memset(counts, 0, sizeof(counts));
    for (uint32_t round = 0; round < 5; round++) {
        for (uint32_t i = 0; i < n_keys; i++) {
            uint32_t slot = pool_pick_with(&pool, selectors[dice_below(&dice, 2)], &wish);
            assert_true(slot < n_keys);
            assert_int_equal(counts[slot]++, round);
            assert_true(round == 0 || order[i] == slot);
            order[i] = slot;
        }
    }
    key_selector_free(selectors[1]);
    pool_deinit(&pool);
}

static void round_robin_is_exact(void **state)
{
    for (size_t i = 0; i < N_SIZES; i++) {
        check_rotation(KEY_ROUND_ROBIN, sizes[i]);
    }
}

// With all scores equal, that is what any of them is.
static void ties_are_broken_by_rotation(void **state)
{
    static const enum key_algorithm_id others[] = {KEY_LEAST_USED,     KEY_LEAST_TOKEN_USED, KEY_MAX_REMAINING,
                                                   KEY_WEIGHTED_USAGE, KEY_QUOTA_AWARE,      KEY_TIME_WINDOW};
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        for (size_t j = 0; j < N_SIZES; j++) {
            check_rotation(others[i], sizes[j]);
        }
    }
}

// ---- weights

static void add_weights(struct pool *pool, const float *weights, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        pool_add(pool, 0, weights[i]);
    }
}

static void check_share(uint32_t slot, double expected, double tolerance)
{
    if (fabs(counts[slot] - expected) > tolerance) {
        fail_msg("slot %u: %u picks instead of %g", slot, counts[slot], expected);
    }
}

static void round_robin_follows_weights_exactly(void **state)
{
    static const float weights[] = {1, 2, 5, 10, 0.5f};
    struct pool pool;
    pool_init(&pool, KEY_ROUND_ROBIN);
    add_weights(&pool, weights, 5);
    for (int round = 1; round <= 50; round++) {
        pick_n(&pool, 37); // two turns of weight 1
        for (uint32_t i = 0; i < 5; i++) {
            check_share(i, 2 * weights[i], 1);
        }
    }
    pick_n(&pool, 37000);
    for (uint32_t i = 0; i < 5; i++) {
        check_share(i, 2000 * weights[i], 1);
    }
    pool_deinit(&pool);
}

static void random_follows_weights(void **state)
{
    static const float weights[] = {1, 2, 5};
    enum { N = 400000 };
    struct pool pool;
    pool_init(&pool, KEY_RANDOM);
    add_weights(&pool, weights, 3);
    pick_n(&pool, N);
    for (uint32_t i = 0; i < 3; i++) {
        check_share(i, N * weights[i] / 8, 0.02 * N * weights[i] / 8);
    }
    pool_deinit(&pool);
}

// Chi-square of counts against equal chances; it is about n - 1 on average, with a deviation of sqrt(2 (n - 1)).
static void check_uniform(uint32_t n_keys, uint64_t n_picks)
{
    double expected = (double)n_picks / n_keys;
    double chi2 = 0;
    for (uint32_t i = 0; i < n_keys; i++) {
        chi2 += (counts[i] - expected) * (counts[i] - expected) / expected;
    }
    double off = chi2 - (n_keys - 1);
    if (off * off > 16 * 2.0 * (n_keys - 1)) { // four deviations
        fail_msg("%u keys: chi-square is %g", n_keys, chi2);
    }
}

static void random_is_uniform(void **state)
{
    for (size_t i = 0; i < N_SIZES; i++) {
        struct pool pool;
        pool_init(&pool, KEY_RANDOM);
        pool_fill(&pool, sizes[i]);
        uint64_t n = sizes[i] == N_MAX ? 20 * N_MAX : 20000;
        pick_n(&pool, n);
        check_uniform(sizes[i], n);
        pool_deinit(&pool);
    }
}

static void random_is_uniform_over_those_that_are_left(void **state)
{
    enum { N = 100, N_PICKS = 40000 };
    struct pool pool;
    pool_init(&pool, KEY_RANDOM);
    pool_fill(&pool, 2 * N);
    for (uint32_t i = N; i < 2 * N; i++) { // nobody is told of these
        pool_cool(&pool, i, 0, pool.now_ms + 1000);
    }
    pick_n(&pool, N_PICKS);
    check_uniform(N, N_PICKS);
    pool_deinit(&pool);
}

static void weighted_score_follows_its_weights(void **state)
{
    static const struct {
        uint32_t total;
        uint32_t success;
        int64_t age_h; // since it was used; -1: never
        double weight;
    } rows[] = {
        {0, 0, -1, 90}, {10, 10, 0, 90.1}, {1000, 1000, 0, 100}, {100, 0, 0, 31}, {100, 50, 0, 61}, {500, 400, 0, 83},
    };
    enum { N = sizeof(rows) / sizeof(*rows), N_PICKS = 400000 };
    struct pool pool;
    double sum = 0;
    pool_init(&pool, KEY_WEIGHTED_SCORE);
    pool_fill(&pool, N);
    for (uint32_t i = 0; i < N; i++) {
        struct key_slot *key = key_of(&pool.table, i);
        atomic_store(&key->total_requests, rows[i].total);
        atomic_store(&key->success_requests, rows[i].success);
        atomic_store(&key->last_used_ms, rows[i].age_h < 0 ? 0 : pool.now_ms - rows[i].age_h * 3600000);
        sum += rows[i].weight;
    }
    pick_n(&pool, N_PICKS);
    for (uint32_t i = 0; i < N; i++) {
        double expected = N_PICKS * rows[i].weight / sum;
        check_share(i, expected, 0.02 * expected);
    }
    pool_deinit(&pool);
}

// A weight that has fallen counts at once, though nobody was told.
static void weights_are_looked_at_again(void **state)
{
    enum { N_PICKS = 200000 };
    struct pool pool;
    pool_init(&pool, KEY_WEIGHTED_SCORE);
    pool_fill(&pool, 3);
    pick_n(&pool, 10);
    struct key_slot *failing = key_of(&pool.table, 1);
    atomic_store(&failing->total_requests, 1); // its weight falls from 90 to 30.01
    pick_n(&pool, N_PICKS);
    check_share(1, N_PICKS * 30.01 / 210.01, 0.02 * N_PICKS * 30.01 / 210.01);
    pool_deinit(&pool);
}

// ---- nobody starves, nobody is overrun

// Picks with something happening to the others meanwhile: every fourth key comes and goes in some way.
static void pick_in_unrest(struct pool *pool, uint32_t n_keys, uint32_t n_picks, struct dice *dice)
{
    memset(counts, 0, sizeof(counts));
    for (uint32_t i = 0; i < n_picks; i++) {
        uint32_t slot = dice_below(dice, n_keys) / 4 * 4;
        switch (dice_below(dice, 100) == 0 ? 5 : dice_below(dice, 5)) {
        case 0: key_table_set_status(&pool->table, slot, KEY_ACTIVE, KEY_BANNED); break;
        case 1: key_table_set_status(&pool->table, slot, KEY_ACTIVE, KEY_DISABLED); break;
        case 2: key_table_set_status(&pool->table, slot, KEY_BANNED, KEY_ACTIVE); break;
        case 3: key_table_set_status(&pool->table, slot, KEY_DISABLED, KEY_ACTIVE); break;
        case 4: pool_cool(pool, slot, 0, pool->now_ms + 50); break;
        default: // another key takes its slot
            key_table_remove(&pool->table, slot);
            assert_int_equal(pool_add(pool, 0, 1), slot);
        }
        pool->now_ms++;
        uint32_t picked = pool_pick(pool);
        assert_true(picked != NONE);
        counts[picked]++;
        key_count_tokens(key_of(&pool->table, picked), &pool->settings, 900 + dice_below(dice, 200), 0, pool->now_ms);
    }
}

static void nobody_starves(void **state)
{
    enum { N = 100, N_ROUNDS = 60 };
    for (int algorithm = 0; algorithm < KEY_ALGORITHM_COUNT; algorithm++) {
        struct pool pool;
        struct dice dice = {(uint64_t)algorithm};
        pool_init(&pool, (enum key_algorithm_id)algorithm);
        pool_fill(&pool, N);
        // Who is new has used nothing, and some algorithms let it catch up: for the others there must be enough.
        pick_in_unrest(&pool, N, N_ROUNDS * N, &dice);
        uint32_t least = UINT32_MAX;
        for (uint32_t i = 0; i < N; i++) {
            least = i % 4 && counts[i] < least ? counts[i] : least;
        }
        if (least < N_ROUNDS / 3) {
            fail_msg("%s: only %u picks", key_algorithm_of((enum key_algorithm_id)algorithm)->name.ptr, least);
        }
        pool_deinit(&pool);
    }
}

// Under round-robin those that are always there keep their rotation, whatever the others do.
static void round_robin_stays_exact_in_unrest(void **state)
{
    enum { N = 100, N_PICKS = 20000 };
    struct pool pool;
    struct dice dice = {5};
    pool_init(&pool, KEY_ROUND_ROBIN);
    pool_fill(&pool, N);
    pick_in_unrest(&pool, N, N_PICKS, &dice);
    uint32_t least = UINT32_MAX;
    uint32_t most = 0;
    for (uint32_t i = 0; i < N; i++) {
        least = i % 4 && counts[i] < least ? counts[i] : least;
        most = i % 4 && counts[i] > most ? counts[i] : most;
    }
    assert_true(most - least <= 1);
    pool_deinit(&pool);
}

static void who_was_away_does_not_catch_up(void **state)
{
    enum { N = 50 };
    struct pool pool;
    pool_init(&pool, KEY_ROUND_ROBIN);
    pool_fill(&pool, N);
    pool_cool(&pool, 7, 0, pool.now_ms + 1000);
    assert_true(key_table_set_status(&pool.table, 9, KEY_ACTIVE, KEY_DISABLED));
    pick_n(&pool, 1000 * (N - 2));
    assert_int_equal(counts[7] + counts[9], 0);
    pool.now_ms += 1000;
    assert_true(key_table_set_status(&pool.table, 9, KEY_DISABLED, KEY_ACTIVE));
    uint32_t added = pool_add(&pool, 0, 1);
    pick_n(&pool, 10 * (N + 1));
    for (uint32_t i = 0; i <= added; i++) {
        check_share(i, 10, 1);
    }
    pool_deinit(&pool);
}

static void less_is_given_to_who_has_used_more(void **state)
{
    static const enum key_algorithm_id algorithms[] = {KEY_LEAST_TOKEN_USED, KEY_MAX_REMAINING, KEY_QUOTA_AWARE,
                                                       KEY_TIME_WINDOW, KEY_WEIGHTED_USAGE};
    enum { N = 20, N_PICKS = 40000 };
    for (size_t a = 0; a < sizeof(algorithms) / sizeof(*algorithms); a++) {
        struct pool pool;
        struct dice dice = {1};
        pool_init(&pool, algorithms[a]);
        pool_fill(&pool, N);
        memset(counts, 0, sizeof(counts));
        uint64_t total = 0;
        for (int i = 0; i < N_PICKS; i++) {
            uint32_t slot = pool_pick(&pool);
            // Requests of key 3 are ten times as large.
            uint32_t tokens = (1 + dice_below(&dice, 199)) * (slot == 3 ? 10 : 1);
            key_count_tokens(key_of(&pool.table, slot), &pool.settings, tokens, 0, pool.now_ms);
            counts[slot]++;
            total += tokens;
        }
        // All have used the same in the end, one large request more or less.
        for (uint32_t i = 0; i < N; i++) {
            double used = (double)atomic_load(&key_of(&pool.table, i)->input_tokens);
            assert_true(fabs(used - (double)total / N) <= 4000);
        }
        assert_in_range(counts[3], counts[4] / 12, counts[4] / 8);
        pool_deinit(&pool);
    }
}

// Balances that are known of some keys only: nobody is always first, nobody left out.
static void known_and_unknown_balances_compete(void **state)
{
    static const enum key_algorithm_id algorithms[] = {KEY_MAX_REMAINING, KEY_QUOTA_AWARE, KEY_WEIGHTED_USAGE};
    enum { N = 20, TOKENS = 10000, N_PICKS = 20 * N * 50 };
    for (size_t a = 0; a < sizeof(algorithms) / sizeof(*algorithms); a++) {
        struct pool pool;
        pool_init(&pool, algorithms[a]);
        pool_fill(&pool, N);
        for (uint32_t i = 0; i < N; i += 2) {
            atomic_store(&key_of(&pool.table, i)->allowance, 20000000);
        }
        memset(counts, 0, sizeof(counts));
        for (int i = 0; i < N_PICKS; i++) {
            uint32_t slot = pool_pick(&pool);
            key_count_tokens(key_of(&pool.table, slot), &pool.settings, TOKENS, 0, pool.now_ms);
            counts[slot]++;
        }
        for (uint32_t i = 0; i < N; i++) {
            assert_in_range(counts[i], N_PICKS / N / 2, N_PICKS / N * 2);
        }
        pool_deinit(&pool);
    }
}

static void the_window_forgets(void **state)
{
    struct pool pool;
    pool_init(&pool, KEY_TIME_WINDOW);
    pool_fill(&pool, 2);
    key_count_tokens(key_of(&pool.table, 0), &pool.settings, 1000000, 0, pool.now_ms);
    pick_n(&pool, 20);
    assert_int_equal(counts[1], 20);
    pool.now_ms += (int64_t)pool.settings.window_hours * 3600 * 1000 * 13 / 12;
    key_count_tokens(key_of(&pool.table, 1), &pool.settings, 1, 0, pool.now_ms);
    for (int i = 0; i < 60000 / KEY_SELECTOR_TICK_MS; i++) {
        key_selector_tick(pool.selector, pool.now_ms);
    }
    pick_n(&pool, 20);
    assert_int_equal(counts[0], 20);
    pool_deinit(&pool);
}

// ---- processes

// Who has a key counts it in `error_count`, too, so that nobody is fooled by who only tries to get it.
static bool use_key(struct pool *pool, struct key_choice *choice, uint32_t limit)
{
    struct key_slot *key = key_of(&pool->table, choice->lease.slot);
    atomic_fetch_add(&key->error_count, 1);
    bool has_room = true;
    for (int i = 0; i < 100; i++) { // long enough to be met by others
        has_room = has_room && atomic_load(&key->error_count) <= limit;
    }
    atomic_fetch_sub(&key->error_count, 1);
    key_lease_return(&pool->table, &choice->lease);
    return has_room;
}

static void pick_as_a_process(struct pool *pool, int n_picks, uint32_t limit)
{
    struct key_selector *selector = key_selector_new(&pool->table);
    struct key_wish wish = {.now_ms = pool->now_ms};
    struct key_choice choice;
    uint32_t n_idle = 0;
    while (n_picks > 0) {
        if (key_selector_pick(selector, &wish, &pool->arena, &choice) == KEY_PICKED) {
            n_picks--;
            if (!use_key(pool, &choice, limit)) {
                _exit(1);
            }
        } else if (limit > 1 || ++n_idle > 100000000) {
            _exit(2);
        }
        arena_reset(&pool->arena);
    }
    key_selector_free(selector);
    _exit(0);
}

static void run_processes(struct pool *pool, int n_processes, int n_picks, uint32_t limit)
{
    pid_t pids[8];
    assert_true(n_processes <= 8);
    for (int i = 0; i < n_processes; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            pick_as_a_process(pool, n_picks, limit);
        }
    }
    for (int i = 0; i < n_processes; i++) {
        int status;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
}

// Real processes at the same time. A turn may be taken twice by two that look at the same moment, and then evens out.
static void check_processes(enum key_algorithm_id algorithm)
{
    enum { N = 10, N_PROCESSES = 3, N_PICKS = 20000 };
    struct pool pool;
    pool_init(&pool, algorithm);
    pool_fill(&pool, N);
    run_processes(&pool, N_PROCESSES, N_PICKS, UINT32_MAX);
    uint64_t total = 0;
    for (uint32_t i = 0; i < N; i++) {
        counts[i] = (uint32_t)atomic_load(&key_of(&pool.table, i)->usage_count);
        assert_int_equal(atomic_load(&key_of(&pool.table, i)->inflight), 0);
        check_share(i, N_PROCESSES * N_PICKS / N, 0.01 * N_PROCESSES * N_PICKS / N);
        total += counts[i];
    }
    assert_int_equal(total, N_PROCESSES * N_PICKS);
    pool_deinit(&pool);
}

static void processes_share_the_turns(void **state)
{
    check_processes(KEY_ROUND_ROBIN);
}

static void processes_share_the_use(void **state)
{
    check_processes(KEY_LEAST_USED);
}

// Each waits for what the others give back, and a key is never with two of them.
static void check_room(enum key_algorithm_id algorithm)
{
    struct pool pool;
    pool_init(&pool, algorithm);
    pool.settings.max_inflight = 1;
    pool_apply(&pool);
    pool_fill(&pool, 2);
    run_processes(&pool, 3, 10000, 1);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(atomic_load(&key_of(&pool.table, i)->inflight), 0);
    }
    pool_deinit(&pool);
}

static void processes_keep_to_the_room_of_a_key(void **state)
{
    check_room(KEY_LEAST_USED);
    check_room(KEY_RANDOM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_robin_is_exact),
        cmocka_unit_test(ties_are_broken_by_rotation),
        cmocka_unit_test(round_robin_follows_weights_exactly),
        cmocka_unit_test(random_follows_weights),
        cmocka_unit_test(random_is_uniform),
        cmocka_unit_test(random_is_uniform_over_those_that_are_left),
        cmocka_unit_test(weighted_score_follows_its_weights),
        cmocka_unit_test(weights_are_looked_at_again),
        cmocka_unit_test(nobody_starves),
        cmocka_unit_test(round_robin_stays_exact_in_unrest),
        cmocka_unit_test(who_was_away_does_not_catch_up),
        cmocka_unit_test(less_is_given_to_who_has_used_more),
        cmocka_unit_test(known_and_unknown_balances_compete),
        cmocka_unit_test(the_window_forgets),
        cmocka_unit_test(processes_share_the_turns),
        cmocka_unit_test(processes_share_the_use),
        cmocka_unit_test(processes_keep_to_the_room_of_a_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
