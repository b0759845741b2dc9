// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "account/balance_answer.h"

static void organizations(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *id;
    } cases[] = {
        {"", ""},
        {"{}", ""},
        {"[]", ""},
        {"{\"workosOrgIds\":[]}", ""},
        {"{\"workosOrgIds\":{}}", ""},
        {"{\"workosOrgIds\":[7]}", ""},
        {"{\"workosOrgIds\":[\"org\\r\\nx: y\"]}", ""},
        {"{\"workosOrgIds\":[\"org_1\",\"org_2\"]}", "org_1"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct arena arena;
        arena_init(&arena, 256);
        struct slice id = balance_read_organization(slice_from_cstr(cases[i].body), &arena);
        assert_true(slice_eq(id, slice_from_cstr(cases[i].id)));
        arena_deinit(&arena);
    }
}

static void answers_without_a_balance(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "null",
        "[]",
        "{}",
        "{\"usage\":null}",
        "{\"usage\":{}}",
        "{\"usage\":{\"standard\":[],\"premium\":7}}",
        "{\"usage\":{\"standard\":{\"totalAllowance\":\"much\"}}}",
        "{\"usage\":{\"standard\":{\"totalAllowance\":-1,\"orgTotalTokensUsed\":5}}}",
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
        struct balance balance = {.end_ms = 77};
        assert_false(balance_read_usage(slice_from_cstr(bodies[i]), &balance));
        assert_int_equal(balance.end_ms, 77);
    }
}

static void usage(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int64_t allowance;
        int64_t used;
        int64_t remaining;
        double used_ratio;
        int64_t premium_allowance;
        int64_t start_ms;
        int64_t trial_end_ms;
    } cases[] = {
        {"{\"usage\":{\"startDate\":1234567890000,\"endDate\":1234567890001,\"standard\":{\"userTokens\":1,"
         "\"orgTotalTokensUsed\":5000000,\"orgOverageUsed\":0,\"basicAllowance\":20000000,\"totalAllowance\":20000000,"
         "\"orgOverageLimit\":0,\"usedRatio\":0.25},\"premium\":{\"totalAllowance\":0}}}",
         20000000, 5000000, 15000000, 0.25, 0, 1234567890000, 0},
        // Numbers as texts, dates as texts, and no wrapping.
        {"{\"startDate\":\"2009-02-13T23:31:30Z\",\"trialEndDate\":\"1234567890005\",\"standard\":{"
         "\"orgTotalTokensUsed\":\"50\",\"totalAllowance\":\"200\",\"usedRatio\":\"0.5\"}}",
         200, 50, 150, 0.5, -1, 1234567890000, 1234567890005},
        {"{\"usage\":{\"standard\":{\"basicAllowance\":100,\"userTokens\":25}}}", 100, 25, 75, 0.25, -1, 0, 0},
        {"{\"usage\":{\"standard\":{\"totalAllowance\":100,\"orgTotalTokensUsed\":300}}}", 100, 300, 0, 3, -1, 0, 0},
        {"{\"usage\":{\"standard\":{\"totalAllowance\":100}}}", 100, -1, -1, 0, -1, 0, 0},
        {"{\"usage\":{\"premium\":{\"totalAllowance\":100}}}", -1, -1, -1, 0, 100, 0, 0},
        {"{\"usage\":{\"standard\":{\"totalAllowance\":1e18,\"orgTotalTokensUsed\":0}}}", 1000000000000, 0,
         1000000000000, 0, -1, 0, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct balance balance;
        assert_true(balance_read_usage(slice_from_cstr(cases[i].body), &balance));
        assert_true(balance.is_success);
        assert_int_equal(balance.standard.allowance, cases[i].allowance);
        assert_int_equal(balance.standard.used, cases[i].used);
        assert_int_equal(balance_remaining(&balance.standard), cases[i].remaining);
        assert_true(balance.standard.used_ratio == cases[i].used_ratio);
        assert_int_equal(balance.premium.allowance, cases[i].premium_allowance);
        assert_int_equal(balance.start_ms, cases[i].start_ms);
        assert_int_equal(balance.trial_end_ms, cases[i].trial_end_ms);
    }
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    static const struct balance balances[] = {
        {.is_success = true,
         .standard = {200, 50, 0.25},
         .premium = {10, 10, 1},
         .start_ms = 1234567890000,
         .end_ms = 1234567890001,
         .trial_end_ms = 1234567890002,
         .last_sync_ms = 1234567890003},
        {.error = SLICE_INIT("say \"no\""),
         .standard = {-1, -1, 0},
         .premium = {-1, -1, 0},
         .last_sync_ms = 1234567890000},
    };
    for (size_t i = 0; i < 2; i++) {
        struct buf text = BUF_EMPTY;
        struct json_writer w;
        struct json_doc doc;
        struct arena arena;
        int64_t tokens;
        arena_init(&arena, 256);
        json_writer_init(&w, &text);
        balance_write(&w, &balances[i], BALANCE_GAPS_LEFT_OUT, i == 0 ? 77 : -1);
        assert_int_equal(json_parse(&doc, &arena, buf_slice(&text), NULL), 0);
        struct balance read = balance_read(&doc, json_root(&doc), &arena, &tokens);
        assert_int_equal(tokens, i == 0 ? 77 : -1);
        assert_int_equal(read.is_success, balances[i].is_success);
        assert_true(slice_eq(read.error, balances[i].error));
        assert_memory_equal(&read.standard, &balances[i].standard, sizeof(read.standard));
        assert_memory_equal(&read.premium, &balances[i].premium, sizeof(read.premium));
        assert_int_equal(read.start_ms, balances[i].start_ms);
        assert_int_equal(read.end_ms, balances[i].end_ms);
        assert_int_equal(read.trial_end_ms, balances[i].trial_end_ms);
        assert_int_equal(read.last_sync_ms, balances[i].last_sync_ms);
        arena_deinit(&arena);
        buf_deinit(&text);
    }
}

static void the_document_has_the_names_of_the_contract(void **state)
{
    (void)state;
    static const struct balance balance = {
        .is_success = true, .standard = {200, 50, 0.25}, .premium = {-1, -1, 0}, .last_sync_ms = 1234567890000};
    struct balance_summary summary = {0};
    struct buf text = BUF_EMPTY;
    struct json_writer w;
    json_writer_init(&w, &text);
    balance_write(&w, &balance, BALANCE_GAPS_LEFT_OUT, -1);
    assert_true(slice_eq(buf_slice(&text),
                         SLICE("{\"success\":true,\"standard\":{\"totalAllowance\":200,\"orgTotalTokensUsed\":50,"
                               "\"usedRatio\":0.25,\"remaining\":150},\"premium\":{\"usedRatio\":0},"
                               "\"last_sync\":\"2009-02-13T23:31:30.000Z\"}")));
    buf_clear(&text);
    json_writer_init(&w, &text);
    balance_write(&w, &balance, BALANCE_GAPS_NULL, -1);
    assert_true(slice_eq(buf_slice(&text),
                         SLICE("{\"success\":true,\"standard\":{\"totalAllowance\":200,\"orgTotalTokensUsed\":50,"
                               "\"usedRatio\":0.25,\"remaining\":150},\"premium\":{\"totalAllowance\":null,"
                               "\"orgTotalTokensUsed\":null,\"usedRatio\":0,\"remaining\":null},\"startDate\":null,"
                               "\"endDate\":null,\"trialEndDate\":null,\"last_sync\":\"2009-02-13T23:31:30.000Z\"}")));
    buf_clear(&text);
    balance_summary_add(&summary, &balance);
    balance_summary_add(&summary, &balance);
    balance_summary_add(&summary, &balance_unknown);
    json_writer_init(&w, &text);
    balance_summary_write(&w, &summary);
    assert_true(slice_eq(buf_slice(&text), SLICE("{\"total_limit\":400,\"total_used\":100,\"total_remaining\":300,"
                                                 "\"successful_keys\":2,\"total_keys\":3}")));
    buf_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(organizations),
        cmocka_unit_test(answers_without_a_balance),
        cmocka_unit_test(usage),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(the_document_has_the_names_of_the_contract),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
