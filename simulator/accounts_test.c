// SPDX-License-Identifier: MIT
#include "simulator/accounts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct fixture {
    struct arena arena;
    struct accounts accounts;
};

static int set_up(void **state)
{
    static struct fixture f;
    arena_init(&f.arena, 4096);
    accounts_init(&f.accounts);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    accounts_deinit(&f->accounts);
    arena_deinit(&f->arena);
    return 0;
}

static struct script script_of(struct fixture *f, struct slice credential)
{
    struct script script;
    struct script_error error;
    script_init(&script);
    assert_int_equal(script_apply(&script, &f->arena, credential, &error), 0);
    return script;
}

// What a request is answered (0: with success); it is noted as costing ten tokens and its output.
static unsigned ask_model(struct fixture *f, const char *model, const char *credential)
{
    struct ask ask = {.model = slice_from_cstr(model), .credential = slice_from_cstr(credential)};
    struct answer_context context = {.input_tokens = 10};
    struct script script = script_of(f, ask.credential);
    accounts_decide(&f->accounts, &f->arena, &ask, &script);
    accounts_note(&f->accounts, &ask, script.status ? NULL : &script, &context);
    return (unsigned)script.status;
}

static void assert_statuses(struct fixture *f, const char *credential, const unsigned *expected, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(ask_model(f, "m", credential), expected[i]);
    }
}

static void test_faults_come_and_go(void **state)
{
    struct fixture *f = *state;
    assert_statuses(f, "a~status=429~after=2", (unsigned[]){0, 0, 429, 429}, 4);
    assert_statuses(f, "b~status=429~fail=2", (unsigned[]){429, 429, 0, 0}, 4);
    assert_statuses(f, "c~status=429~after=1~fail=2", (unsigned[]){0, 429, 429, 0, 0}, 5);
    assert_statuses(f, "d~status=429", (unsigned[]){429, 429}, 2);
}

static unsigned ask_planned(struct fixture *f, uint64_t plan, const char *credential)
{
    struct ask ask = {.model = SLICE("m"), .credential = slice_from_cstr(credential), .plan = plan};
    struct script script = script_of(f, SLICE("~status=503~fail=2"));
    accounts_decide(&f->accounts, &f->arena, &ask, &script);
    return (unsigned)script.status;
}

static void test_a_plan_counts_whoever_asks(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask_planned(f, 1, "a"), 503);
    assert_int_equal(ask_planned(f, 1, "b"), 503);
    assert_int_equal(ask_planned(f, 1, "c"), 0);
    assert_int_equal(ask_planned(f, 2, "a"), 503);
}

static void test_a_fault_of_one_model(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask_model(f, "one~tokens=3", "a~status=429~only=one"), 429);
    assert_int_equal(ask_model(f, "two", "a~status=429~only=one"), 0);
}

static void test_a_quota_is_used_up(void **state)
{
    struct fixture *f = *state;
    assert_statuses(f, "a~tokens=5~quota=30", (unsigned[]){0, 0, 402, 402}, 4);
    assert_statuses(f, "b~tokens=5~quota=16~status=429", (unsigned[]){0, 0, 429}, 3);
    assert_statuses(f, "c~quota=0", (unsigned[]){402}, 1);
}

static void assert_ledger(struct fixture *f, struct slice expected)
{
    struct buf out = BUF_EMPTY;
    ledger_write(&f->accounts.ledger, &out);
    assert_true(slice_eq(buf_slice(&out), expected));
    buf_deinit(&out);
}

static void test_what_keys_have_cost(void **state)
{
    struct fixture *f = *state;
    assert_statuses(f, "a~tokens=5~quota=30", (unsigned[]){0, 0, 402}, 3);
    assert_ledger(f, SLICE("{\"a~tokens=5~quota=30\":{\"requests\":3,\"served\":2,\"tokens\":30}}"));
    accounts_forget(&f->accounts);
    assert_ledger(f, SLICE("{}"));
}

static void assert_answer_take(struct answer *answer, unsigned status, const char *text)
{
    assert_int_equal(answer->status, status);
    if (slice_find(buf_slice(&answer->bytes), slice_from_cstr(text)) == SLICE_NOT_FOUND) {
        fail_msg("%.*s has no %s", SLICE_ARG(buf_slice(&answer->bytes)), text);
    }
    answer_unref(answer);
}

// What is asked of an account itself, with its key or its refresh token.
static void assert_told(struct fixture *f, enum ask_action action, const char *credential, unsigned status,
                        const char *text)
{
    struct ask ask = {.action = action, .provider = PROVIDER_CHAT, .credential = slice_from_cstr(credential)};
    struct script script = script_of(f, ask.credential);
    struct answer *answer = action == ASK_TOKEN ? accounts_grant(&f->accounts, &f->arena, &ask, &script, 1000)
                                                : accounts_tell(&f->accounts, &f->arena, &ask, &script, 1000);
    assert_answer_take(answer, status, text);
}

static void test_balances(void **state)
{
    static const struct {
        const char *credential;
        unsigned status;
        const char *text;
    } rows[] = {
        {"a~allowance=1000~used=5", 200, "\"orgTotalTokensUsed\":5,\"orgOverageUsed\":0,\"basicAllowance\":1000,"},
        {"a~allowance=1000~used=250", 200, "\"usedRatio\":0.25}"},
        {"a~allowance=0", 200, "\"usedRatio\":0}"},
        {"a~premium=7", 200,
         "\"premium\":{\"userTokens\":0,\"orgTotalTokensUsed\":0,\"orgOverageUsed\":0,"
         "\"basicAllowance\":7,"},
        {"a~status=402", 200, "\"totalAllowance\":20000000"},
        {"a~balance=500", 500, "Internal server error."},
        {"at-nobody-1", 401, "invalid_api_key"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        assert_told(*state, ASK_BALANCE, rows[i].credential, rows[i].status, rows[i].text);
    }
    assert_told(*state, ASK_ORGANIZATION, "a", 200, "org_sim");
}

static void test_a_balance_grows_with_use(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask_model(f, "m", "a~tokens=5~used=100"), 0);
    assert_told(f, ASK_BALANCE, "a~tokens=5~used=100", 200, "\"orgTotalTokensUsed\":115");
}

static void test_forms(void **state)
{
    static const struct {
        const char *body;
        bool is_good;
    } rows[] = {
        {"grant_type=refresh_token&refresh_token=rt-one&client_id=c", true},
        {"client_id=c&refresh_token=rt-one&grant_type=refresh_token", true},
        {"grant_type=refresh_token&refresh_token=&client_id=c", false},
        {"grant_type=refresh_token&refresh_token=rt-one", false},
        {"grant_type=refresh_token&refresh_token=rt-one&client_id=", false},
        {"refresh_token=rt-one&client_id=c", false},
        {"grant_type=refresh_token&refresh_token=%zz&client_id=c", false},
        {"", false},
    };
    struct fixture *f = *state;
    struct grant_form form;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        assert_int_equal(grants_read_form(&form, &f->arena, slice_from_cstr(rows[i].body)), rows[i].is_good);
    }
    struct slice body = SLICE("grant_type=refresh_token&refresh_token=a+b%2Bc%7Erotate%3D1&client_id=c");
    assert_true(grants_read_form(&form, &f->arena, body));
    assert_true(slice_eq(form.refresh_token, SLICE("a b+c~rotate=1")));
}

static void assert_refresh(struct fixture *f, const char *refresh_token, unsigned status, const char *text)
{
    assert_told(f, ASK_TOKEN, refresh_token, status, text);
}

static void test_a_refresh_token_serves_once(void **state)
{
    struct fixture *f = *state;
    assert_refresh(f, "rt.x", 200, "\"refresh_token\":\"rt.x.1\"");
    assert_refresh(f, "rt.x", 400, "invalid_grant");
    assert_refresh(f, "rt.x.2", 400, "invalid_grant");
    assert_refresh(f, "rt.x.1", 200, "\"access_token\":\"at-rt.x-2\",\"refresh_token\":\"rt.x.2\"");
    assert_refresh(f, "rt.x.1", 400, "invalid_grant");
    struct buf out = BUF_EMPTY;
    grants_write(&f->accounts.grants, &out);
    assert_true(slice_eq(buf_slice(&out), SLICE("{\"rt.x\":{\"calls\":5,\"granted\":2}}")));
    buf_deinit(&out);
}

static void test_a_refresh_token_that_stays(void **state)
{
    assert_refresh(*state, "rt~rotate=0", 200, "\"refresh_token\":\"rt~rotate=0\"");
    assert_refresh(*state, "rt~rotate=0", 200, "\"access_token\":\"at-rt-2\"");
}

static void test_directives_of_refresh_tokens(void **state)
{
    struct fixture *f = *state;
    assert_refresh(f, "a~expires=60", 200, "\"expires_in\":60");
    assert_refresh(f, "a.1~expires=60", 200, "\"refresh_token\":\"a.2~expires=60\"");
    assert_refresh(f, "b~status=503", 503, "server_error");
    assert_refresh(f, "b~status=503~body=no", 503, "no");
    assert_refresh(f, "c~status=500~after=1", 200, "\"refresh_token\":\"c.1~status=500~after=1\"");
    assert_refresh(f, "c.1~status=500~after=1", 500, "server_error"); // counted over the whole family
    assert_refresh(f, "d~grant=status%3D401%7Efail%3D1", 200, "\"access_token\":\"at-d-1~status=401~fail=1\"");
}

static void test_access_tokens(void **state)
{
    struct fixture *f = *state;
    struct ask ask = {.credential = SLICE("at-a-1")};
    assert_true(accounts_refuse(&f->accounts, &ask, 1000));
    assert_refresh(f, "a~expires=60", 200, "at-a-1");
    assert_false(accounts_refuse(&f->accounts, &ask, 60999));
    assert_true(accounts_refuse(&f->accounts, &ask, 61000));
    assert_refresh(f, "b", 200, "at-b-1");
    ask.credential = SLICE("at-b-1");
    assert_false(accounts_refuse(&f->accounts, &ask, INT64_MAX - 1));
    ask.credential = SLICE("some-key");
    assert_false(accounts_refuse(&f->accounts, &ask, 0));
    accounts_forget(&f->accounts);
    ask.credential = SLICE("at-b-1");
    assert_true(accounts_refuse(&f->accounts, &ask, 0));
}

static void test_what_errors_are_about(void **state)
{
    static const struct {
        enum provider provider;
        const char *directives;
        unsigned status;
        const char *text;
    } rows[] = {
        {PROVIDER_CHAT, "m~why=quota", 429, "\"code\":\"insufficient_quota\""},
        {PROVIDER_RESPONSES, "m~why=quota", 403, "\"code\":\"insufficient_quota\""},
        {PROVIDER_ANTHROPIC, "m~why=quota", 400, "Your credit balance is too low"},
        {PROVIDER_ANTHROPIC, "m", 429, "rate limit of 50 requests per minute"},
        {PROVIDER_GEMINI, "m~why=quota", 429, "Your prepayment credits are depleted"},
        {PROVIDER_GEMINI, "m~retry-after=9", 429, "\"retryDelay\":\"9s\""},
        {PROVIDER_CHAT, "m~why=address", 403, "your IP address"},
        {PROVIDER_CHAT, "m~why=address", 402, "The balance of this account"},
        {PROVIDER_CHAT, "m~why=quota", 418, "Something went wrong."},
        {PROVIDER_CHAT, "m~why=context", 400, "\"code\":\"context_length_exceeded\""},
        {PROVIDER_ANTHROPIC, "m~why=context", 400, "prompt is too long"},
        {PROVIDER_GEMINI, "m~why=context", 400, "input token count"},
        {PROVIDER_RESPONSES, "m~why=policy", 400, "\"code\":\"content_policy_violation\""},
        {PROVIDER_GEMINI, "m~why=policy", 400, "PROHIBITED_CONTENT"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct script script = script_of(f, slice_from_cstr(rows[i].directives));
        assert_answer_take(answer_error(rows[i].provider, rows[i].status, SLICE_EMPTY, &script), rows[i].status,
                           rows[i].text);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_faults_come_and_go),           TEST(test_a_plan_counts_whoever_asks),
        TEST(test_a_fault_of_one_model),         TEST(test_a_quota_is_used_up),
        TEST(test_what_keys_have_cost),          TEST(test_balances),
        TEST(test_a_balance_grows_with_use),     TEST(test_forms),
        TEST(test_a_refresh_token_serves_once),  TEST(test_a_refresh_token_that_stays),
        TEST(test_directives_of_refresh_tokens), TEST(test_access_tokens),
        TEST(test_what_errors_are_about),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
