// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "keys/blame_rules.h"
#include "keys/consequences.h"

#define N_OF(array) (sizeof(array) / sizeof(*(array)))

enum { NOW = 1000000, MODEL = 7, OTHER_MODEL = 8 };

static struct key_table table;
static struct key_settings settings;
static struct arena arena;

static int set_up(void **state)
{
    arena_init(&arena, 4096);
    settings = key_settings_default;
    settings.bans = true;
    settings.bans_402 = true;
    settings.bans_401 = false;
    settings.ban_threshold = 3;
    settings.has_tiers = false;
    return key_table_create(&table);
}

static int tear_down(void **state)
{
    key_table_close(&table);
    arena_deinit(&arena);
    return 0;
}

static struct key_lease add_to(const char *id, uint16_t group)
{
    struct key_info info = {
        .id = slice_from_cstr(id), .secret = SLICE("fk-one-two-three"), .group = group, .weight = 1};
    int64_t slot = key_table_add(&table, &info, NULL, NULL);
    struct key_lease lease;
    assert_true(slot >= 0);
    uint32_t identity = atomic_load(&key_of(&table, (uint32_t)slot)->identity);
    assert_true(key_lease_take(&table, (uint32_t)slot, identity, &arena, &lease, &info));
    return lease;
}

static struct key_lease add(const char *id)
{
    return add_to(id, 0);
}

static struct key_slot *slot_of(struct key_lease key)
{
    return key_of(&table, key.slot);
}

static enum key_status status_of(struct key_lease key)
{
    return atomic_load(&slot_of(key)->status);
}

static struct attempt_evidence answer(unsigned status, const char *text, int64_t retry_after_ms)
{
    return (struct attempt_evidence){ATTEMPT_ANSWERED, status, slice_from_cstr(text), retry_after_ms, false, {NULL, 0}};
}

static struct key_consequence apply(struct key_lease key, const struct attempt_evidence *evidence, uint32_t model,
                                    int64_t now_ms)
{
    struct verdict verdict = blame_judge(evidence, NULL);
    return key_apply(&table, &settings, key, &verdict, evidence, model, now_ms, 0);
}

static struct key_consequence fail_with(struct key_lease key, unsigned status, int64_t now_ms)
{
    struct attempt_evidence evidence = answer(status, "{\"error\":{\"message\":\"no\"}}", -1);
    return apply(key, &evidence, MODEL, now_ms);
}

static void succeed(struct key_lease key, uint32_t model, int64_t now_ms)
{
    struct attempt_evidence evidence = {.event = ATTEMPT_COMPLETE, .status = 200, .retry_after_ms = -1};
    struct key_consequence consequence = apply(key, &evidence, model, now_ms);
    assert_false(consequence.is_banned);
    assert_int_equal(consequence.cooldown_until_ms, 0);
}

static int64_t until_for(struct key_lease key, uint32_t model)
{
    for (size_t i = 0; i < KEY_MODEL_COOLDOWNS; i++) {
        if (atomic_load(&slot_of(key)->cooldowns[i].model) == model) {
            return atomic_load(&slot_of(key)->cooldowns[i].until_ms);
        }
    }
    return 0;
}

static int64_t until_of(struct key_lease key)
{
    return atomic_load(&slot_of(key)->cooldown_until_ms);
}

static void assert_last_error(struct key_lease key, const char *text)
{
    assert_true(slice_eq(key_last_error(slot_of(key), &arena), slice_from_cstr(text)));
}

static bool test_key(struct key_lease key, enum attempt_event event, unsigned status, bool may_reactivate,
                     int64_t now_ms)
{
    struct attempt_evidence evidence = {.event = event, .status = status, .retry_after_ms = -1};
    struct verdict verdict = blame_judge(&evidence, NULL);
    return key_apply_test(&table, key, &verdict, &evidence, may_reactivate, now_ms);
}

// ---- the operator's rules

static struct key_consequence apply_rule(struct key_lease key, enum blame blame, int64_t cooldown_ms,
                                         int64_t retry_after_ms)
{
    struct blame_rule rule = {418, 418, SLICE_EMPTY, blame, cooldown_ms};
    struct blame_rules rules = {&rule, 1};
    struct attempt_evidence evidence = answer(418, "", retry_after_ms);
    struct verdict verdict = blame_judge(&evidence, &rules);
    return key_apply(&table, &settings, key, &verdict, &evidence, MODEL, NOW, 0);
}

static void a_rule_says_how_long_a_key_rests(void **state)
{
    settings.bans_402 = false;
    settings.ban_threshold = 0;
    assert_int_equal(apply_rule(add("a"), BLAME_KEY_MODEL, 7000, 1000).cooldown_until_ms, NOW + 7000);
    assert_int_equal(apply_rule(add("b"), BLAME_KEY_MODEL, -1, 3000).cooldown_until_ms, NOW + 3000);
    assert_int_equal(apply_rule(add("c"), BLAME_KEY_REFUSED, 7000, -1).cooldown_until_ms, NOW + 7000);
    assert_int_equal(apply_rule(add("d"), BLAME_KEY_CREDIT, 7200 * 1000, 1000).cooldown_until_ms, NOW + 7200 * 1000);
    assert_int_equal(apply_rule(add("e"), BLAME_ENDPOINT, 7000, 1000).cooldown_until_ms, 0);
}

static void a_rule_about_credit_bans_like_any_other(void **state)
{
    assert_true(apply_rule(add("a"), BLAME_KEY_CREDIT, 7000, -1).is_banned);
}

// ---- nobody's, or not the key's

static void what_is_not_the_keys_leaves_it_alone(void **state)
{
    static const struct attempt_evidence OTHERS[] = {
        {ATTEMPT_ANSWERED, 200, SLICE_INIT(""), -1, false, {NULL, 0}},
        {ATTEMPT_ANSWERED, 400, SLICE_INIT("x"), 1000, false, {NULL, 0}},
        {ATTEMPT_ANSWERED, 403, SLICE_INIT("x"), 1000, false, {NULL, 0}},
        {ATTEMPT_ANSWERED, 500, SLICE_INIT("x"), 1000, false, {NULL, 0}},
        {ATTEMPT_ANSWERED, 502, SLICE_INIT("x"), 1000, false, {NULL, 0}},
        {ATTEMPT_ANSWERED, 503, SLICE_INIT("x"), 1000, false, {NULL, 0}},
        {ATTEMPT_ANSWERED, 529, SLICE_INIT("x"), 1000, false, {NULL, 0}},
        {ATTEMPT_ANSWERED, 302, SLICE_INIT("x"), 1000, false, {NULL, 0}},
        {ATTEMPT_NOT_REACHED, 0, SLICE_INIT(""), -1, false, {NULL, 0}},
        {ATTEMPT_NO_ANSWER, 0, SLICE_INIT(""), -1, false, {NULL, 0}},
        {ATTEMPT_NO_ANSWER, 0, SLICE_INIT(""), -1, true, {NULL, 0}},
        {ATTEMPT_BROKE, 200, SLICE_INIT(""), -1, false, {NULL, 0}},
        {ATTEMPT_ABANDONED, 200, SLICE_INIT(""), -1, false, {NULL, 0}},
    };
    struct key_lease key = add("a");
    fail_with(key, 401, NOW);
    struct key_slot before;
    memcpy(&before, slot_of(key), sizeof(before));
    for (size_t i = 0; i < N_OF(OTHERS); i++) {
        struct key_consequence consequence = apply(key, &OTHERS[i], MODEL, NOW + 10);
        assert_false(consequence.is_banned);
        assert_int_equal(consequence.cooldown_until_ms, 0);
        assert_memory_equal(&before, slot_of(key), sizeof(before));
    }
}

static void a_key_that_is_gone_is_left_alone(void **state)
{
    struct key_lease key = add("a");
    struct key_lease none = {.slot = key.slot, .identity = 0};
    struct key_slot before;
    key_table_remove(&table, key.slot);
    memcpy(&before, slot_of(key), sizeof(before));
    fail_with(key, 402, NOW);
    fail_with(none, 402, NOW);
    succeed(key, MODEL, NOW);
    key_apply_usage(&table, &settings, key, 1, 1, NOW);
    assert_false(test_key(key, ATTEMPT_ANSWERED, 401, true, NOW));
    assert_memory_equal(&before, slot_of(key), sizeof(before));
}

// ---- success

static void a_success_forgives_this_key_and_this_model(void **state)
{
    struct key_lease key = add("a");
    struct attempt_evidence limit = answer(429, "", -1);
    fail_with(key, 401, NOW);
    fail_with(key, 401, NOW);
    apply(key, &limit, MODEL, NOW);
    apply(key, &limit, OTHER_MODEL, NOW);
    uint64_t at = key_changes_now(&table);
    succeed(key, MODEL, NOW + 1);
    assert_int_equal(atomic_load(&slot_of(key)->errors_in_row), 0);
    assert_int_equal(until_of(key), 0);
    assert_int_equal(until_for(key, MODEL), 0);
    assert_int_equal(until_for(key, OTHER_MODEL), NOW + COOLDOWN_FIRST_MS);
    assert_int_equal(atomic_load(&slot_of(key)->total_requests), 5);
    assert_int_equal(atomic_load(&slot_of(key)->success_requests), 1);
    assert_int_equal(atomic_load(&slot_of(key)->error_count), 4);
    assert_true(key_changes_now(&table) > at);
}

static void a_success_without_a_past_tells_nobody(void **state)
{
    struct key_lease key = add("a");
    uint64_t at = key_changes_now(&table);
    succeed(key, MODEL, NOW);
    succeed(key, 0, NOW);
    assert_int_equal(key_changes_now(&table), at);
}

// ---- credit

static void gone_credit_bans_at_once_even_the_last_key(void **state)
{
    struct key_lease key = add("a");
    struct attempt_evidence evidence = answer(402, "{\"error\":{\"message\":\"no money for fk-one-two-three\"}}", -1);
    struct key_consequence consequence = apply(key, &evidence, MODEL, NOW);
    assert_true(consequence.is_banned);
    assert_int_equal(consequence.cooldown_until_ms, 0);
    assert_int_equal(status_of(key), KEY_BANNED);
    assert_int_equal(atomic_load(&slot_of(key)->banned_ms), NOW);
    assert_int_equal(key_table_n_usable(&table), 0);
    assert_last_error(key, "402 no money for (key)");
    // What was under way ends likewise, and does not take the reason's place.
    assert_false(fail_with(key, 401, NOW + 5).is_banned);
    assert_last_error(key, "402 no money for (key)");
    assert_int_equal(atomic_load(&slot_of(key)->banned_ms), NOW);
}

static void gone_credit_without_a_ban_is_an_error_and_a_pause(void **state)
{
    struct key_lease key = add("a");
    struct attempt_evidence asked = answer(402, "", 5000);
    settings.bans_402 = false;
    struct key_consequence consequence = fail_with(key, 402, NOW);
    assert_false(consequence.is_banned);
    assert_int_equal(consequence.cooldown_until_ms, NOW + COOLDOWN_REFUSED_MS);
    assert_int_equal(until_of(key), NOW + COOLDOWN_REFUSED_MS);
    assert_int_equal(atomic_load(&slot_of(key)->errors_in_row), 1);
    assert_int_equal(apply(key, &asked, MODEL, NOW + 60000).cooldown_until_ms, NOW + 65000);
}

static void nothing_bans_where_bans_are_off(void **state)
{
    struct key_lease key = add("a");
    add("b");
    settings.bans = false;
    settings.bans_401 = true;
    for (int i = 0; i < 10; i++) {
        assert_false(fail_with(key, i % 2 ? 401 : 402, NOW).is_banned);
    }
    assert_int_equal(status_of(key), KEY_ACTIVE);
}

static void a_disabled_key_is_not_banned(void **state)
{
    struct key_lease key = add("a");
    assert_true(key_table_set_status(&table, key.slot, KEY_ACTIVE, KEY_DISABLED));
    assert_false(fail_with(key, 402, NOW).is_banned);
    assert_int_equal(status_of(key), KEY_DISABLED);
    assert_int_equal(atomic_load(&slot_of(key)->banned_ms), 0);
}

// ---- refused

static void a_refused_key_pauses_and_is_banned_at_the_threshold(void **state)
{
    struct key_lease key = add("a");
    add("b");
    for (int i = 0; i < 2; i++) {
        struct key_consequence consequence = fail_with(key, 401, NOW + i);
        assert_false(consequence.is_banned);
        assert_int_equal(consequence.cooldown_until_ms, NOW + i + COOLDOWN_REFUSED_MS);
        assert_last_error(key, "401 no");
    }
    assert_true(fail_with(key, 401, NOW + 2).is_banned);
    assert_int_equal(status_of(key), KEY_BANNED);
}

static void a_refused_key_is_banned_at_once_if_so_configured(void **state)
{
    struct key_lease key = add("a");
    settings.bans_401 = true;
    assert_true(fail_with(key, 401, NOW).is_banned);
}

static void a_success_begins_the_row_anew(void **state)
{
    struct key_lease key = add("a");
    add("b");
    for (int i = 0; i < 20; i++) {
        if (i % 3 == 2) {
            succeed(key, MODEL, NOW + i);
        } else {
            assert_false(fail_with(key, 401, NOW + i).is_banned);
        }
    }
}

static void limits_are_no_errors_in_a_row(void **state)
{
    struct key_lease key = add("a");
    add("b");
    for (int i = 0; i < 20; i++) {
        assert_false(fail_with(key, 429, NOW + i).is_banned);
    }
    assert_int_equal(atomic_load(&slot_of(key)->errors_in_row), 0);
    assert_int_equal(atomic_load(&slot_of(key)->error_count), 20);
}

static void a_threshold_of_zero_is_none(void **state)
{
    struct key_lease key = add("a");
    add("b");
    settings.ban_threshold = 0;
    for (int i = 0; i < 20; i++) {
        assert_false(fail_with(key, 401, NOW + i).is_banned);
    }
}

// ---- the last of a tier

static bool is_banned_on_suspicion(struct key_lease key, int64_t now_ms)
{
    bool is_banned = false;
    for (uint32_t i = 0; i < settings.ban_threshold; i++) {
        is_banned = fail_with(key, 401, now_ms).is_banned || is_banned;
    }
    return is_banned;
}

static void suspicion_spares_the_last_good_key(void **state)
{
    struct key_lease key = add("a");
    struct key_lease disabled = add("b");
    struct key_lease failed = add("c");
    struct key_lease cooling = add("d");
    assert_true(key_table_set_status(&table, disabled.slot, KEY_ACTIVE, KEY_DISABLED));
    test_key(failed, ATTEMPT_ANSWERED, 401, false, NOW);
    fail_with(cooling, 401, NOW);
    assert_false(is_banned_on_suspicion(key, NOW + 1));
    assert_int_equal(status_of(key), KEY_ACTIVE);
    assert_int_equal(until_of(key), NOW + 1 + COOLDOWN_REFUSED_MS);
    // The other one is good again.
    assert_true(is_banned_on_suspicion(key, NOW + COOLDOWN_REFUSED_MS));
}

static void suspicion_spares_the_last_good_key_of_each_tier(void **state)
{
    static const struct key_group_info GROUPS[] = {{SLICE_INIT("first"), 1}, {SLICE_INIT("second"), 2}};
    key_table_set_groups(&table, GROUPS, N_OF(GROUPS));
    uint16_t first = key_table_find_group(&table, SLICE("first"));
    uint16_t second = key_table_find_group(&table, SLICE("second"));
    struct key_lease alone = add_to("a", first);
    struct key_lease one = add_to("b", second);
    struct key_lease two = add_to("c", second);
    struct key_lease fallen = add_to("d", 999); // there is no such group: default
    add_to("e", 0);
    settings.has_tiers = true;
    assert_false(is_banned_on_suspicion(alone, NOW));
    assert_true(is_banned_on_suspicion(one, NOW));
    assert_false(is_banned_on_suspicion(two, NOW));
    assert_true(is_banned_on_suspicion(fallen, NOW));
    settings.has_tiers = false;
    assert_true(is_banned_on_suspicion(alone, NOW));
}

enum { N_PROCESSES = 8, N_ROUNDS = 50 };

// Each process fails one of the keys at the same moment; returns how many of them think that they banned it.
static int race(const struct key_lease *keys, size_t n_keys, unsigned status)
{
    int pipe_fds[2];
    int n_banned = 0;
    pid_t children[N_PROCESSES];
    assert_int_equal(pipe(pipe_fds), 0);
    for (size_t i = 0; i < N_PROCESSES; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            char byte;
            close(pipe_fds[1]);
            (void)!read(pipe_fds[0], &byte, 1); // all begin when the writer closes
            _exit(fail_with(keys[i % n_keys], status, NOW).is_banned);
        }
    }
    close(pipe_fds[1]);
    close(pipe_fds[0]);
    for (size_t i = 0; i < N_PROCESSES; i++) {
        int wait_status;
        assert_int_equal(waitpid(children[i], &wait_status, 0), children[i]);
        assert_true(WIFEXITED(wait_status));
        n_banned += WEXITSTATUS(wait_status);
    }
    return n_banned;
}

static void of_many_processes_one_bans(void **state)
{
    for (int round = 0; round < N_ROUNDS; round++) {
        struct key_lease key = add("a");
        uint32_t n_usable = key_table_n_usable(&table);
        assert_int_equal(race(&key, 1, 402), 1);
        assert_int_equal(key_table_n_usable(&table), n_usable - 1);
        assert_int_equal(atomic_load(&slot_of(key)->error_count), N_PROCESSES);
        assert_last_error(key, "402 no");
        key_table_remove(&table, key.slot);
        key_lease_return(&table, &key);
    }
}

// Two keys are each the only company of the other one.
static void two_suspects_at_once_do_not_empty_a_tier(void **state)
{
    settings.ban_threshold = 1;
    for (int round = 0; round < N_ROUNDS; round++) {
        struct key_lease keys[] = {add("a"), add("b")};
        int n_banned = race(keys, 2, 401);
        assert_true(n_banned <= 1);
        assert_int_equal(key_table_n_usable(&table), 2 - n_banned);
        for (size_t i = 0; i < 2; i++) {
            key_table_remove(&table, keys[i].slot);
            key_lease_return(&table, &keys[i]);
        }
    }
}

// ---- cooldowns

static void waits_double_up_to_a_minute(void **state)
{
    static const int64_t WAITS[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000};
    struct key_lease key = add("a");
    int64_t now_ms = NOW;
    for (size_t i = 0; i < N_OF(WAITS); i++) {
        struct key_consequence consequence = fail_with(key, 429, now_ms);
        assert_int_equal(consequence.cooldown_until_ms, now_ms + WAITS[i]);
        assert_int_equal(until_for(key, MODEL), now_ms + WAITS[i]);
        assert_int_equal(until_for(key, OTHER_MODEL), 0);
        assert_int_equal(until_of(key), 0);
        now_ms += WAITS[i];
    }
    succeed(key, MODEL, now_ms);
    assert_int_equal(fail_with(key, 429, now_ms).cooldown_until_ms, now_ms + COOLDOWN_FIRST_MS);
}

static void a_long_row_of_limits_does_not_overflow(void **state)
{
    struct key_lease key = add("a");
    fail_with(key, 429, NOW);
    for (size_t i = 0; i < KEY_MODEL_COOLDOWNS; i++) {
        atomic_store(&slot_of(key)->cooldowns[i].n, UINT32_MAX - 1);
    }
    assert_int_equal(fail_with(key, 429, NOW + 5000).cooldown_until_ms, NOW + 5000 + COOLDOWN_LAST_MS);
}

static void requests_under_way_do_not_make_it_longer(void **state)
{
    struct key_lease key = add("a");
    for (int i = 0; i < 100; i++) {
        assert_int_equal(fail_with(key, 429, NOW + i).cooldown_until_ms, NOW + COOLDOWN_FIRST_MS);
    }
    assert_int_equal(fail_with(key, 429, NOW + 1000).cooldown_until_ms, NOW + 1000 + 2000);
}

static void jitter_shortens_by_a_quarter_at_most(void **state)
{
    struct attempt_evidence evidence = answer(429, "", -1);
    struct verdict verdict = blame_judge(&evidence, NULL);
    int64_t last = INT64_MAX;
    for (int i = 0; i < 10; i++) {
        struct key_lease key = add("a");
        double jitter = i / 10.0;
        int64_t until = key_apply(&table, &settings, key, &verdict, &evidence, MODEL, NOW, jitter).cooldown_until_ms;
        assert_true(until <= NOW + COOLDOWN_FIRST_MS && until >= NOW + COOLDOWN_FIRST_MS * 3 / 4);
        assert_true(until < last);
        last = until;
    }
}

struct wait {
    const char *text;
    int64_t retry_after_ms;
    int64_t wait_ms;
};

static void what_is_asked_for_is_granted_up_to_an_hour(void **state)
{
    static const struct wait WAITS[] = {
        {"", 1, 1},
        {"", 30000, 30000},
        {"", COOLDOWN_ASKED_MAX_MS, COOLDOWN_ASKED_MAX_MS},
        {"", INT64_MAX, COOLDOWN_ASKED_MAX_MS},
        {"", 0, COOLDOWN_FIRST_MS},
        {"", -1, COOLDOWN_FIRST_MS},
        {"Claude AI usage limit reached|1767225600", -1, COOLDOWN_ASKED_MAX_MS},
        {"Claude AI usage limit reached|1767225600", 7000, 7000},
    };
    for (size_t i = 0; i < N_OF(WAITS); i++) {
        struct key_lease key = add("a");
        struct attempt_evidence evidence = answer(429, WAITS[i].text, WAITS[i].retry_after_ms);
        assert_int_equal(apply(key, &evidence, MODEL, NOW).cooldown_until_ms, NOW + WAITS[i].wait_ms);
    }
}

static void a_cooldown_is_never_shortened_by_another(void **state)
{
    struct key_lease key = add("a");
    struct attempt_evidence longer = answer(429, "", 30000);
    struct attempt_evidence shorter = answer(429, "", 10);
    apply(key, &longer, MODEL, NOW);
    assert_int_equal(apply(key, &shorter, MODEL, NOW + 5).cooldown_until_ms, NOW + 30000);
    assert_int_equal(fail_with(key, 429, NOW + 6).cooldown_until_ms, NOW + 30000);
}

static void without_a_model_the_whole_key_cools_down(void **state)
{
    struct key_lease key = add("a");
    struct attempt_evidence evidence = answer(429, "", 5000);
    assert_int_equal(apply(key, &evidence, 0, NOW).cooldown_until_ms, NOW + 5000);
    assert_int_equal(until_of(key), NOW + 5000);
    for (size_t i = 0; i < KEY_MODEL_COOLDOWNS; i++) {
        assert_int_equal(atomic_load(&slot_of(key)->cooldowns[i].model), 0);
    }
    succeed(key, 0, NOW + 1);
    assert_int_equal(until_of(key), 0);
}

static void of_five_models_the_one_that_is_back_first_makes_room(void **state)
{
    struct key_lease key = add("a");
    static const int64_t WAITS[] = {9000, 3000, 7000, 5000};
    for (uint32_t i = 0; i < KEY_MODEL_COOLDOWNS; i++) {
        struct attempt_evidence evidence = answer(429, "", WAITS[i]);
        apply(key, &evidence, 100 + i, NOW);
    }
    struct attempt_evidence evidence = answer(429, "", 1000);
    assert_int_equal(apply(key, &evidence, 200, NOW).cooldown_until_ms, NOW + 1000);
    assert_int_equal(until_for(key, 200), NOW + 1000);
    assert_int_equal(until_for(key, 101), 0);
    assert_int_equal(until_for(key, 100), NOW + 9000);
    assert_int_equal(until_for(key, 102), NOW + 7000);
    assert_int_equal(until_for(key, 103), NOW + 5000);
}

static void what_was_done_on_a_wrong_suspicion_is_undone(void **state)
{
    (void)state;
    enum { WINDOW_MS = 10000 };
    struct key_lease limited = add("limited");
    struct key_lease refused = add("refused");
    struct key_lease long_ago = add("long ago");
    settings.bans_401 = true;
    struct attempt_evidence limit = answer(429, "slow down", 5000);
    assert_true(apply(limited, &limit, MODEL, NOW).cooldown_until_ms > NOW);
    assert_true(apply(limited, &limit, OTHER_MODEL, NOW).cooldown_until_ms > NOW);
    assert_true(fail_with(refused, 401, NOW).is_banned);
    assert_true(fail_with(long_ago, 401, NOW - WINDOW_MS - 1).is_banned);
    key_pardon(&table, limited, MODEL, WINDOW_MS, NOW);
    key_pardon(&table, refused, MODEL, WINDOW_MS, NOW);
    key_pardon(&table, long_ago, MODEL, WINDOW_MS, NOW);
    assert_int_equal(until_for(limited, MODEL), 0);
    assert_true(until_for(limited, OTHER_MODEL) > NOW); // which was another matter
    assert_int_equal(status_of(refused), KEY_ACTIVE);
    assert_int_equal(atomic_load(&slot_of(refused)->banned_ms), 0);
    assert_int_equal(status_of(long_ago), KEY_BANNED);
    key_pardon(&table, limited, MODEL, WINDOW_MS, NOW); // again: nothing happens
    assert_true(until_for(limited, OTHER_MODEL) > NOW);
}

static void operators_end_cooldowns(void **state)
{
    struct key_lease key = add("a");
    assert_false(key_clear_cooldown(&table, key.slot, 0, NOW));
    fail_with(key, 429, NOW);
    fail_with(key, 401, NOW);
    assert_false(key_clear_cooldown(&table, key.slot, OTHER_MODEL, NOW));
    assert_true(key_clear_cooldown(&table, key.slot, MODEL, NOW));
    assert_int_equal(until_for(key, MODEL), 0);
    assert_int_equal(until_of(key), NOW + COOLDOWN_REFUSED_MS);
    assert_true(key_clear_cooldown(&table, key.slot, 0, NOW));
    assert_int_equal(until_of(key), 0);
    fail_with(key, 429, NOW);
    assert_false(key_clear_cooldown(&table, key.slot, 0, NOW + COOLDOWN_FIRST_MS)); // it was over
    assert_int_equal(fail_with(key, 429, NOW + 5000).cooldown_until_ms, NOW + 5000 + COOLDOWN_FIRST_MS);
}

// ---- tests of keys

static void a_test_counts_only_for_what_it_says_about_the_key(void **state)
{
    static const struct {
        enum attempt_event event;
        unsigned status;
        enum key_test_result result;
    } OUTCOMES[] = {
        {ATTEMPT_COMPLETE, 200, KEY_TEST_SUCCESS}, {ATTEMPT_ANSWERED, 401, KEY_TEST_FAILED},
        {ATTEMPT_ANSWERED, 402, KEY_TEST_FAILED},  {ATTEMPT_ANSWERED, 200, KEY_UNTESTED},
        {ATTEMPT_ANSWERED, 400, KEY_UNTESTED},     {ATTEMPT_ANSWERED, 403, KEY_UNTESTED},
        {ATTEMPT_ANSWERED, 429, KEY_UNTESTED},     {ATTEMPT_ANSWERED, 500, KEY_UNTESTED},
        {ATTEMPT_ANSWERED, 503, KEY_UNTESTED},     {ATTEMPT_NOT_REACHED, 0, KEY_UNTESTED},
        {ATTEMPT_NO_ANSWER, 0, KEY_UNTESTED},      {ATTEMPT_BROKE, 200, KEY_UNTESTED},
        {ATTEMPT_ABANDONED, 200, KEY_UNTESTED},
    };
    for (size_t i = 0; i < N_OF(OUTCOMES); i++) {
        struct key_lease key = add("a");
        assert_false(test_key(key, OUTCOMES[i].event, OUTCOMES[i].status, true, NOW));
        assert_int_equal(atomic_load(&slot_of(key)->last_test_ms), NOW);
        assert_int_equal(atomic_load(&slot_of(key)->test_result), OUTCOMES[i].result);
    }
}

static void a_success_brings_a_banned_key_back_if_it_may(void **state)
{
    struct key_lease key = add("a");
    fail_with(key, 402, NOW);
    assert_false(test_key(key, ATTEMPT_COMPLETE, 200, false, NOW + 1));
    assert_int_equal(status_of(key), KEY_BANNED);
    assert_int_equal(atomic_load(&slot_of(key)->test_result), KEY_TEST_SUCCESS);
    assert_false(test_key(key, ATTEMPT_ANSWERED, 503, true, NOW + 2));
    assert_false(test_key(key, ATTEMPT_ABANDONED, 200, true, NOW + 2));
    assert_int_equal(status_of(key), KEY_BANNED);
    fail_with(key, 401, NOW + 2);
    assert_true(test_key(key, ATTEMPT_COMPLETE, 200, true, NOW + 3));
    assert_int_equal(status_of(key), KEY_ACTIVE);
    assert_int_equal(atomic_load(&slot_of(key)->banned_ms), 0);
    assert_int_equal(atomic_load(&slot_of(key)->errors_in_row), 0);
    assert_int_equal(until_of(key), 0);
    assert_int_equal(key_table_n_usable(&table), 1);
    assert_false(test_key(key, ATTEMPT_COMPLETE, 200, true, NOW + 4));
}

static void a_test_leaves_a_disabled_key_disabled(void **state)
{
    struct key_lease key = add("a");
    assert_true(key_table_set_status(&table, key.slot, KEY_ACTIVE, KEY_DISABLED));
    assert_false(test_key(key, ATTEMPT_COMPLETE, 200, true, NOW));
    assert_int_equal(status_of(key), KEY_DISABLED);
}

static void readers_hear_of_a_key_that_passes_again(void **state)
{
    struct key_lease key = add("a");
    test_key(key, ATTEMPT_ANSWERED, 401, true, NOW);
    uint64_t at = key_changes_now(&table);
    test_key(key, ATTEMPT_COMPLETE, 200, true, NOW);
    assert_true(key_changes_now(&table) > at);
}

static void usage_is_counted(void **state)
{
    struct key_lease key = add("a");
    key_apply_usage(&table, &settings, key, 30, 12, NOW);
    assert_int_equal(atomic_load(&slot_of(key)->input_tokens), 30);
    assert_int_equal(atomic_load(&slot_of(key)->output_tokens), 12);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_rule_says_how_long_a_key_rests),
        TEST(a_rule_about_credit_bans_like_any_other),
        TEST(what_is_not_the_keys_leaves_it_alone),
        TEST(a_key_that_is_gone_is_left_alone),
        TEST(a_success_forgives_this_key_and_this_model),
        TEST(a_success_without_a_past_tells_nobody),
        TEST(gone_credit_bans_at_once_even_the_last_key),
        TEST(gone_credit_without_a_ban_is_an_error_and_a_pause),
        TEST(nothing_bans_where_bans_are_off),
        TEST(a_disabled_key_is_not_banned),
        TEST(a_refused_key_pauses_and_is_banned_at_the_threshold),
        TEST(a_refused_key_is_banned_at_once_if_so_configured),
        TEST(a_success_begins_the_row_anew),
        TEST(limits_are_no_errors_in_a_row),
        TEST(a_threshold_of_zero_is_none),
        TEST(suspicion_spares_the_last_good_key),
        TEST(suspicion_spares_the_last_good_key_of_each_tier),
        TEST(of_many_processes_one_bans),
        TEST(two_suspects_at_once_do_not_empty_a_tier),
        TEST(waits_double_up_to_a_minute),
        TEST(a_long_row_of_limits_does_not_overflow),
        TEST(requests_under_way_do_not_make_it_longer),
        TEST(jitter_shortens_by_a_quarter_at_most),
        TEST(what_is_asked_for_is_granted_up_to_an_hour),
        TEST(a_cooldown_is_never_shortened_by_another),
        TEST(without_a_model_the_whole_key_cools_down),
        TEST(of_five_models_the_one_that_is_back_first_makes_room),
        TEST(what_was_done_on_a_wrong_suspicion_is_undone),
        TEST(operators_end_cooldowns),
        TEST(a_test_counts_only_for_what_it_says_about_the_key),
        TEST(a_success_brings_a_banned_key_back_if_it_may),
        TEST(a_test_leaves_a_disabled_key_disabled),
        TEST(readers_hear_of_a_key_that_passes_again),
        TEST(usage_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
