// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "gateway/retry.h"

static struct key_settings settings;

static int set_up(void **state)
{
    (void)state;
    settings = key_settings_default;
    settings.retries = true;
    settings.retry_max = 3;
    settings.retry_delay_ms = 1000;
    return 0;
}

static struct retry_facts facts_of(enum blame blame)
{
    return (struct retry_facts){.settings = &settings, .blame = blame, .asked_ms = -1, .jitter = 0.5};
}

static enum retry_step next(struct retry_state *state, const struct retry_facts *facts)
{
    uint32_t delay_ms = 0;
    enum retry_step step = retry_next(state, facts, &delay_ms);
    assert_true((step == RETRY_SAME) == (delay_ms > 0));
    return step;
}

// ---- the table, first step ------------------------------------------------------------------------------------------

enum { KEY = 1, WAY = 2, FALLBACK = 4, POOLED = 8, SILENT = 16, TOO_LONG = 32, TOKEN = 64 };

static void the_first_step_is_that_of_the_table(void **state)
{
    static const struct {
        enum blame blame;
        unsigned has;
        int64_t asked_ms;
        enum retry_step step;
    } rows[] = {
        {BLAME_CLIENT, KEY | WAY | FALLBACK | POOLED, -1, RETRY_GIVE_UP},
        {BLAME_CLIENT, FALLBACK | TOO_LONG, -1, RETRY_OTHER_MODEL},
        {BLAME_CLIENT, TOO_LONG, -1, RETRY_GIVE_UP},
        {BLAME_KEY_CREDIT, KEY | FALLBACK | POOLED, -1, RETRY_OTHER_KEY},
        {BLAME_KEY_CREDIT, FALLBACK | POOLED, -1, RETRY_OTHER_MODEL},
        {BLAME_KEY_CREDIT, POOLED, -1, RETRY_GIVE_UP},
        {BLAME_KEY_REFUSED, KEY | POOLED, -1, RETRY_OTHER_KEY},
        {BLAME_KEY_REFUSED, 0, -1, RETRY_GIVE_UP},
        {BLAME_KEY_REFUSED, TOKEN | FALLBACK, -1, RETRY_OTHER_TOKEN},
        {BLAME_CLIENT, TOKEN, -1, RETRY_GIVE_UP},
        {BLAME_KEY_MODEL, KEY | POOLED, 2000, RETRY_OTHER_KEY},
        {BLAME_KEY_MODEL, POOLED, 2000, RETRY_GIVE_UP},
        {BLAME_KEY_MODEL, 0, 2000, RETRY_SAME},
        {BLAME_KEY_MODEL, 0, -1, RETRY_SAME},
        {BLAME_KEY_MODEL, FALLBACK, 2000, RETRY_SAME},
        {BLAME_KEY_MODEL, FALLBACK, 20000, RETRY_OTHER_MODEL},
        {BLAME_KEY_MODEL, FALLBACK, -1, RETRY_OTHER_MODEL},
        {BLAME_KEY_MODEL, 0, RETRY_PATIENCE_MS, RETRY_SAME},
        {BLAME_KEY_MODEL, 0, RETRY_PATIENCE_MS + 1, RETRY_GIVE_UP},
        {BLAME_ADDRESS, KEY | WAY | FALLBACK | POOLED, -1, RETRY_OTHER_WAY},
        {BLAME_ADDRESS, KEY | FALLBACK | POOLED, -1, RETRY_OTHER_MODEL},
        {BLAME_ADDRESS, KEY | POOLED, -1, RETRY_GIVE_UP},
        {BLAME_PROVIDER, KEY | FALLBACK | POOLED, -1, RETRY_SAME},
        {BLAME_ENDPOINT, KEY | POOLED, -1, RETRY_SAME},
        {BLAME_ENDPOINT, KEY | FALLBACK | POOLED, -1, RETRY_OTHER_MODEL},
        {BLAME_ENDPOINT, SILENT, -1, RETRY_GIVE_UP},
        {BLAME_ENDPOINT, SILENT | FALLBACK, -1, RETRY_OTHER_MODEL},
        {BLAME_NETWORK, 0, -1, RETRY_SAME},
        {BLAME_NETWORK, FALLBACK, -1, RETRY_OTHER_MODEL},
        {BLAME_NOBODY, KEY | WAY | FALLBACK | POOLED, -1, RETRY_GIVE_UP},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct retry_state fresh = {0};
        struct retry_facts facts = facts_of(rows[i].blame);
        facts.has_other_key = rows[i].has & KEY;
        facts.has_other_token = rows[i].has & TOKEN;
        facts.has_other_way = rows[i].has & WAY;
        facts.has_fallback = rows[i].has & FALLBACK;
        facts.is_pooled = rows[i].has & POOLED;
        facts.was_silent = rows[i].has & SILENT;
        facts.is_context_length = rows[i].has & TOO_LONG;
        facts.asked_ms = rows[i].asked_ms;
        if (next(&fresh, &facts) != rows[i].step) {
            fail_msg("row %zu", i);
        }
    }
}

static void a_provider_that_failed_gets_one_more_chance_then_another_key_then_the_fallback(void **state)
{
    struct retry_state request = {0};
    struct retry_facts facts = facts_of(BLAME_PROVIDER);
    (void)state;
    facts.has_other_key = facts.is_pooled = facts.has_fallback = true;
    assert_int_equal(next(&request, &facts), RETRY_SAME);
    assert_int_equal(next(&request, &facts), RETRY_OTHER_KEY);
    assert_int_equal(next(&request, &facts), RETRY_OTHER_MODEL);
    assert_int_equal(next(&request, &facts), RETRY_SAME); // the fallback is a model like any other
}

// ---- budgets --------------------------------------------------------------------------------------------------------

static void the_same_way_is_tried_as_often_as_the_budget_says(void **state)
{
    (void)state;
    for (uint32_t max = 0; max < 5; max++) {
        struct retry_state request = {0};
        struct retry_facts facts = facts_of(BLAME_ENDPOINT);
        settings.retry_max = max;
        for (uint32_t i = 0; i < max; i++) {
            assert_int_equal(next(&request, &facts), RETRY_SAME);
        }
        assert_int_equal(next(&request, &facts), RETRY_GIVE_UP);
    }
}

static void nothing_is_retried_when_that_is_off_but_fallbacks_are_asked(void **state)
{
    (void)state;
    settings.retries = false;
    for (int blame = 0; blame < N_BLAMES; blame++) {
        struct retry_state request = {0};
        struct retry_facts facts = facts_of((enum blame)blame);
        facts.has_other_key = facts.has_other_way = facts.is_pooled = true;
        assert_int_equal(next(&request, &facts), RETRY_GIVE_UP);
        facts.has_fallback = true;
        enum retry_step step = next(&request, &facts);
        assert_true(step == RETRY_GIVE_UP || step == RETRY_OTHER_MODEL);
    }
}

static void every_request_comes_to_an_end(void **state)
{
    (void)state;
    for (int run = 0; run < 10000; run++) {
        struct retry_state request = {0};
        int keys = rand() % 5;
        int fallbacks = rand() % 4;
        int ways = rand() % 3;
        int steps = 0;
        settings.retry_max = (uint32_t)rand() % 6;
        for (;;) {
            struct retry_facts facts = facts_of((enum blame)(rand() % N_BLAMES));
            uint32_t delay_ms = 0;
            facts.has_other_key = keys > 0;
            facts.has_fallback = fallbacks > 0;
            facts.has_other_way = ways > 0;
            facts.is_pooled = rand() % 2;
            facts.asked_ms = rand() % 3 ? -1 : rand() % 20000;
            facts.jitter = (double)(rand() % 1000) / 1000;
            enum retry_step step = rand() % 4 ? retry_next(&request, &facts, &delay_ms)
                                              : retry_blocked(&request, &facts, rand() % 2000, &delay_ms);
            keys -= step == RETRY_OTHER_KEY;
            fallbacks -= step == RETRY_OTHER_MODEL;
            ways -= step == RETRY_OTHER_WAY;
            assert_true(keys >= 0 && fallbacks >= 0 && ways >= 0);
            assert_true(delay_ms <= RETRY_WAIT_MAX_MS);
            if (step == RETRY_GIVE_UP) {
                break;
            }
            assert_true(++steps <= 5 + 4 + 3 + 6);
        }
    }
}

// ---- waits ----------------------------------------------------------------------------------------------------------

static void waits_double_and_are_spread_over_the_upper_half(void **state)
{
    (void)state;
    settings.retry_max = 20;
    for (int i = 0; i <= 10; i++) {
        struct retry_state request = {0};
        struct retry_facts facts = facts_of(BLAME_ENDPOINT);
        facts.jitter = (double)i / 10 * 0.999;
        for (uint32_t n = 0; n < 8; n++) {
            uint32_t delay_ms = 0;
            uint32_t whole_ms = 1000U << n < RETRY_WAIT_MAX_MS ? 1000U << n : RETRY_WAIT_MAX_MS;
            assert_int_equal(retry_next(&request, &facts, &delay_ms), RETRY_SAME);
            assert_in_range(delay_ms, whole_ms / 2, whole_ms);
            assert_int_equal(delay_ms, whole_ms / 2 + (uint32_t)(whole_ms / 2 * facts.jitter));
        }
    }
}

static void what_the_upstream_asks_for_is_kept_to(void **state)
{
    struct retry_state request = {0};
    struct retry_facts facts = facts_of(BLAME_ENDPOINT);
    uint32_t delay_ms = 0;
    (void)state;
    facts.asked_ms = 2345;
    assert_int_equal(retry_next(&request, &facts, &delay_ms), RETRY_SAME);
    assert_int_equal(delay_ms, 2345);
    facts.asked_ms = RETRY_WAIT_MAX_MS + 1;
    assert_int_equal(retry_next(&request, &facts, &delay_ms), RETRY_GIVE_UP);
}

static void a_way_that_is_down_is_waited_for_only_without_a_fallback(void **state)
{
    struct retry_state request = {0};
    struct retry_facts facts = facts_of(BLAME_NOBODY);
    uint32_t delay_ms = 0;
    (void)state;
    assert_int_equal(retry_blocked(&request, &facts, 700, &delay_ms), RETRY_SAME);
    assert_int_equal(delay_ms, 700);
    assert_int_equal(retry_blocked(&request, &facts, 60000, &delay_ms), RETRY_GIVE_UP);
    facts.has_fallback = true;
    assert_int_equal(retry_blocked(&request, &facts, 700, &delay_ms), RETRY_OTHER_MODEL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, set_up)
    const struct CMUnitTest tests[] = {
        TEST(the_first_step_is_that_of_the_table),
        TEST(a_provider_that_failed_gets_one_more_chance_then_another_key_then_the_fallback),
        TEST(the_same_way_is_tried_as_often_as_the_budget_says),
        TEST(nothing_is_retried_when_that_is_off_but_fallbacks_are_asked),
        TEST(every_request_comes_to_an_end),
        TEST(waits_double_and_are_spread_over_the_upper_half),
        TEST(what_the_upstream_asks_for_is_kept_to),
        TEST(a_way_that_is_down_is_waited_for_only_without_a_fallback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
