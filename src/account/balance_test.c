// SPDX-License-Identifier: MIT
// A provider that tells balances: fk-N has N tokens used of a thousand, as long as the test says nothing else.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#include "account/account_fixture.h"
#include "account/balance.h"
#include "base/clock.h"

enum { KEYS = 130 };

struct fixture {
    struct account_fixture account;
    struct balance_sync *sync; // owned
    struct config config;
    struct key_settings settings;
    struct slice ids[KEYS];
    size_t n_ids;
    unsigned fails;      // status of the usage; 0: it does not fail
    unsigned n_failures; // left; then it does not fail any more
    bool has_no_organization;
    bool is_elsewhere; // the usage
    struct server_exchange *held[KEYS];
    size_t n_held;
    size_t n_most; // at once
    size_t n_ends;
    size_t n_all;
    size_t n_success;
    size_t n_failed;
    bool was_written; // when the run ended
    bool runs_on;
    bool closes;
};

static struct fixture *fixture_of(struct account_fixture *account)
{
    return CONTAINER_OF(account, struct fixture, account);
}

static struct slice header_of(const struct server_exchange *ex, const char *name)
{
    for (size_t i = 0; i < ex->req.n_fields; i++) {
        if (slice_eq_nocase(ex->req.fields[i].name, slice_from_cstr(name))) {
            return ex->req.fields[i].value;
        }
    }
    return SLICE_EMPTY;
}

static void answer_usage(struct fixture *f, struct server_exchange *ex)
{
    struct slice secret = slice_after(header_of(ex, "authorization"), strlen("Bearer fk-"));
    struct slice used = slice_split(&secret, '-');
    struct slice body = arena_printf(&ex->arena,
                                     "{\"usage\":{\"startDate\":1234567890000,\"standard\":{\"totalAllowance\":1000,"
                                     "\"orgTotalTokensUsed\":\"%.*s\"},\"premium\":{\"totalAllowance\":7}}}",
                                     SLICE_ARG(used));
    if (!f->has_no_organization) {
        assert_true(slice_eq(header_of(ex, "x-factory-org-id"), SLICE("org_1")));
    }
    server_respond(ex, 200, SLICE_EMPTY, body);
}

static void answer(struct account_fixture *account, struct server_exchange *ex)
{
    struct fixture *f = fixture_of(account);
    bool is_first_place = slice_eq(ex->req.target, SLICE("/api/organization/members/chat-usage"));
    if (slice_eq(ex->req.target, SLICE("/api/cli/org"))) {
        server_respond(ex, f->has_no_organization ? 404 : 200, SLICE_EMPTY, SLICE("{\"workosOrgIds\":[\"org_1\"]}"));
    } else if (f->fails && f->n_failures > 0) {
        f->n_failures--;
        server_respond(ex, f->fails, SLICE_EMPTY, SLICE("{\"error\":{\"message\":\"not for fk-1-secret\"}}"));
    } else if (is_first_place && f->is_elsewhere) {
        server_respond(ex, 404, SLICE_EMPTY, SLICE_EMPTY);
    } else {
        assert_true(is_first_place || slice_eq(ex->req.target, SLICE("/api/organization/subscription/usage")));
        answer_usage(f, ex);
    }
}

static void hold(struct account_fixture *account, struct server_exchange *ex)
{
    struct fixture *f = fixture_of(account);
    f->held[f->n_held++] = ex;
    f->n_most = f->n_held > f->n_most ? f->n_held : f->n_most;
}

static void open_sync(struct fixture *f)
{
    f->sync = balance_sync_new(&(struct balance_sync_options){.loop = &f->account.loop,
                                                              .client = f->account.client,
                                                              .store = f->account.store,
                                                              .table = &f->account.table,
                                                              .folder = f->account.folder});
    balance_sync_set_config(f->sync, &f->config);
}

static int set_up(void **state)
{
    struct fixture *f = mem_zalloc(sizeof(*f));
    f->settings = (struct key_settings){.concurrent_limit = 100, .request_timeout_ms = 3000};
    account_fixture_init(&f->account);
    account_open_pool(&f->account, &f->settings);
    f->account.answer = answer;
    f->n_failures = 1000000;
    f->config = (struct config){
        .user_agent = SLICE("tester"),
        .balance_sync = {.base_url = slice_from_cstr(f->account.url), .interval_minutes = 30, .batch_size = 1000},
    };
    open_sync(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    if (!f->closes) {
        balance_sync_close(f->sync);
    }
    account_fixture_run_out(&f->account);
    balance_sync_free(f->sync);
    assert_false(account_logged(&f->account, "-secret"));
    account_fixture_deinit(&f->account);
    mem_free(f);
    return 0;
}

static void reopen(struct fixture *f)
{
    balance_sync_close(f->sync);
    account_turn(&f->account, 50); // for what is being written
    balance_sync_free(f->sync);
    open_sync(f);
}

static void add_keys(struct fixture *f, size_t n, const char *prefix)
{
    struct slice secrets[KEYS];
    for (size_t i = 0; i < n; i++) {
        secrets[i] = arena_printf(&f->account.arena, "%s%zu-secret", prefix, f->n_ids + i + 1);
    }
    account_add_keys(&f->account, secrets, n, f->ids + f->n_ids);
    f->n_ids += n;
}

static struct slice document(struct fixture *f)
{
    return account_file(&f->account, "token_usage.json", &f->account.arena);
}

static void on_end(void *arg, const struct balance_result *result)
{
    struct fixture *f = arg;
    f->n_ends++;
    f->n_all = result->n_all;
    f->n_success = result->n_success;
    f->n_failed = result->n_failed;
    f->was_written = document(f).len > 0;
    if (f->runs_on) {
        f->runs_on = false;
        f->n_ends = 0;
        balance_sync_run(f->sync, f->ids, 1, on_end, f);
    }
    if (f->closes) {
        balance_sync_close(f->sync);
    }
}

static bool has_ended(void *arg)
{
    return ((struct fixture *)arg)->n_ends > 0;
}

static void run(struct fixture *f, const struct slice *ids, size_t n_ids)
{
    f->n_ends = 0;
    balance_sync_run(f->sync, ids, n_ids, on_end, f);
    assert_int_equal(f->n_ends, 0);
    assert_true(account_until(&f->account, has_ended, f));
}

// ---- what is fetched ------------------------------------------------------------------------------------------------

static void nobody_to_ask(void **state)
{
    struct fixture *f = *state;
    struct slice gone = SLICE("key_0_nobody");
    run(f, NULL, 0);
    assert_int_equal(f->n_all, 0);
    assert_true(balance_last_full_sync_ms(f->sync) > 0);
    run(f, &gone, 1);
    assert_int_equal(f->n_failed, 1);
    add_keys(f, 1, "sk-");
    run(f, f->ids, 1);
    assert_int_equal(f->n_failed, 1);
    assert_null(balance_find(f->sync, f->ids[0]));
    assert_int_equal(f->account.n_requests, 0);
}

static void balances_arrive_everywhere(void **state)
{
    struct fixture *f = *state;
    add_keys(f, 3, "fk-");
    add_keys(f, 1, "sk-");
    struct key_slot *slot = account_key(&f->account, f->ids[1]);
    atomic_store(&slot->input_tokens, 10);
    atomic_store(&slot->output_tokens, 20);
    run(f, NULL, 0);
    assert_true(f->was_written);
    assert_int_equal(f->n_all, 3);
    assert_int_equal(f->n_success, 3);
    const struct balance *balance = balance_find(f->sync, f->ids[1]);
    assert_true(balance->is_success);
    assert_int_equal(balance->standard.allowance, 1000);
    assert_int_equal(balance->standard.used, 2);
    assert_int_equal(balance->premium.allowance, 7);
    assert_int_equal(balance->start_ms, 1234567890000);
    assert_true(balance->last_sync_ms > 0);
    assert_int_equal(atomic_load(&slot->tokens_at_sync), 30);
    assert_int_equal(atomic_load(&slot->synced_ms), balance->last_sync_ms);
    atomic_store(&slot->output_tokens, 25);
    assert_int_equal(key_remaining(slot), 1000 - 2 - 5);
    struct balance_summary summary = balance_summary(f->sync);
    assert_int_equal(summary.total_limit, 3000);
    assert_int_equal(summary.total_used, 1 + 2 + 3);
    assert_int_equal(summary.total_remaining, 3000 - 6);
    assert_true(slice_find(document(f), SLICE("\"summary\":{\"total_limit\":3000")) != SLICE_NOT_FOUND);
    assert_true(slice_find(document(f), f->ids[2]) != SLICE_NOT_FOUND);
    assert_true(slice_find(document(f), SLICE("-secret")) == SLICE_NOT_FOUND);
}

static void disabled_keys_are_asked_for_by_name_only(void **state)
{
    struct fixture *f = *state;
    add_keys(f, 2, "fk-");
    assert_true(key_table_set_status(&f->account.table, key_store_find(f->account.store, f->ids[0])->slot, KEY_ACTIVE,
                                     KEY_DISABLED));
    run(f, NULL, 0);
    assert_int_equal(f->n_all, 1);
    run(f, f->ids, 2);
    assert_int_equal(f->n_success, 2);
}

static void other_places_and_no_organization(void **state)
{
    struct fixture *f = *state;
    add_keys(f, 1, "fk-");
    f->has_no_organization = true;
    f->is_elsewhere = true;
    run(f, NULL, 0);
    assert_int_equal(f->n_success, 1);
    assert_true(slice_eq(buf_slice(&f->account.seen), SLICE("GET /api/cli/org \n"
                                                            "GET /api/organization/members/chat-usage \n"
                                                            "GET /api/organization/subscription/usage \n")));
}

static void refusals_are_noted_and_what_was_known_stays(void **state)
{
    struct fixture *f = *state;
    add_keys(f, 1, "fk-");
    run(f, NULL, 0);
    f->fails = 403;
    run(f, NULL, 0);
    const struct balance *balance = balance_find(f->sync, f->ids[0]);
    assert_int_equal(f->n_failed, 1);
    assert_false(balance->is_success);
    assert_true(slice_eq(balance->error, SLICE("not for (11 characters)")));
    assert_int_equal(balance->standard.allowance, 1000);
    assert_int_equal(atomic_load(&account_key(&f->account, f->ids[0])->status), KEY_ACTIVE);
    assert_int_equal(balance_summary(f->sync).successful_keys, 0);
    assert_true(slice_find(document(f), SLICE("\"error\":\"not for")) != SLICE_NOT_FOUND);
    f->account.answer = account_answer_text;
    run(f, f->ids, 1);
    assert_true(slice_eq(balance_find(f->sync, f->ids[0])->error, SLICE("The provider's answer tells no balance.")));
}

static void who_is_busy_is_asked_again(void **state)
{
    struct fixture *f = *state;
    add_keys(f, 1, "fk-");
    f->fails = 429;
    f->n_failures = 1;
    run(f, NULL, 0);
    assert_int_equal(f->n_success, 1);
    assert_int_equal(f->account.n_requests, 3);
}

// ---- how much at once -----------------------------------------------------------------------------------------------

static bool is_full(void *arg)
{
    return ((struct fixture *)arg)->n_held >= 50;
}

static void no_more_than_fifty_at_once(void **state)
{
    struct fixture *f = *state;
    add_keys(f, 60, "fk-");
    f->account.answer = hold;
    balance_sync_run(f->sync, NULL, 0, on_end, f);
    assert_true(account_until(&f->account, is_full, f));
    account_turn(&f->account, 20);
    assert_int_equal(f->n_held, 50);
    f->account.answer = answer;
    for (size_t i = 0; i < f->n_held; i++) {
        answer(&f->account, f->held[i]);
    }
    assert_true(account_until(&f->account, has_ended, f));
    assert_int_equal(f->n_success, 60);
}

static bool has_ended_thrice(void *arg)
{
    return ((struct fixture *)arg)->n_ends >= 3;
}

// However many ask for all balances at once, as impatient people and their pages do.
static void who_asks_for_all_meanwhile_gets_the_same_answers(void **state)
{
    struct fixture *f = *state;
    add_keys(f, 60, "fk-");
    f->account.answer = hold;
    balance_sync_run(f->sync, NULL, 0, on_end, f);
    balance_sync_run(f->sync, NULL, 0, on_end, f);
    balance_sync_run(f->sync, NULL, 0, on_end, f);
    assert_true(account_until(&f->account, is_full, f));
    f->account.answer = answer;
    for (size_t i = 0; i < f->n_held; i++) {
        answer(&f->account, f->held[i]);
    }
    assert_true(account_until(&f->account, has_ended_thrice, f));
    assert_int_equal(f->n_all, 60);
    assert_int_equal(f->n_success, 60);
    assert_int_equal(f->account.n_requests, 60 * 2);
}

static bool has_asked_six(void *arg)
{
    return ((struct fixture *)arg)->account.n_requests >= 6 * 2;
}

static void a_batch_a_second(void **state)
{
    struct fixture *f = *state;
    add_keys(f, 9, "fk-");
    f->config.balance_sync.batch_size = 3;
    balance_sync_set_config(f->sync, &f->config);
    balance_sync_run(f->sync, NULL, 0, on_end, f);
    uint64_t started_ns = clock_monotonic_ns();
    assert_true(account_until(&f->account, has_asked_six, f));
    assert_true(clock_monotonic_ns() - started_ns >= UINT64_C(500) * 1000000);
    assert_true(account_until(&f->account, has_ended, f));
    assert_true(clock_monotonic_ns() - started_ns >= UINT64_C(1500) * 1000000);
    assert_int_equal(f->n_success, 9);
}

static bool has_full_sync(void *arg)
{
    return balance_last_full_sync_ms(((struct fixture *)arg)->sync) > 0;
}

static void the_interval_begins_with_the_start(void **state)
{
    struct fixture *f = *state;
    add_keys(f, 1, "fk-");
    f->config.balance_sync.enabled = true;
    balance_sync_set_config(f->sync, &f->config);
    assert_true(account_until(&f->account, has_full_sync, f));
    assert_true(balance_find(f->sync, f->ids[0])->is_success);
    size_t n_requests = f->account.n_requests;
    // It is remembered, so that a restart is no reason to ask again.
    reopen(f);
    account_turn(&f->account, 1300);
    assert_int_equal(f->account.n_requests, n_requests);
}

// ---- keys that go, runs that are forgotten, the end -----------------------------------------------------------------

static bool one_is_held(void *arg)
{
    return ((struct fixture *)arg)->n_held == 1;
}

static void a_key_that_goes_meanwhile(void **state)
{
    struct fixture *f = *state;
    add_keys(f, 1, "fk-");
    f->account.answer = hold;
    balance_sync_run(f->sync, f->ids, 1, on_end, f);
    assert_true(account_until(&f->account, one_is_held, f));
    account_remove_key(&f->account, f->ids[0]);
    struct slice second = account_add_key(&f->account, "fk-2-secret");
    f->account.answer = answer;
    answer(&f->account, f->held[0]);
    assert_true(account_until(&f->account, has_ended, f));
    assert_int_equal(f->n_failed, 1);
    assert_null(balance_find(f->sync, f->ids[0]));
    assert_int_equal(atomic_load(&account_key(&f->account, second)->allowance), -1);
}

static bool is_known(void *arg)
{
    struct fixture *f = arg;
    return balance_find(f->sync, f->ids[2]) != NULL;
}

static void a_forgotten_run_goes_on_unseen(void **state)
{
    struct fixture *f = *state;
    add_keys(f, 3, "fk-");
    balance_run_forget(balance_sync_run(f->sync, NULL, 0, on_end, f));
    assert_true(account_until(&f->account, is_known, f));
    account_turn(&f->account, 50);
    assert_int_equal(f->n_ends, 0);
}

static void one_run_begins_another_and_closes(void **state)
{
    struct fixture *f = *state;
    add_keys(f, 2, "fk-");
    f->runs_on = true;
    run(f, NULL, 0);
    assert_int_equal(f->n_all, 1);
    f->closes = true;
    run(f, NULL, 0);
    account_turn(&f->account, 30);
}

static void closing_in_the_middle_writes_what_is_known(void **state)
{
    struct fixture *f = *state;
    add_keys(f, 2, "fk-");
    run(f, f->ids, 1);
    f->account.answer = hold;
    balance_sync_run(f->sync, NULL, 0, on_end, f);
    f->n_ends = 0;
    assert_true(account_until_requests(&f->account, 4));
    assert_int_equal(balance_cleanup(f->sync, INT64_MAX), 1);
    reopen(f);
    assert_int_equal(f->n_ends, 0);
    assert_true(slice_find(document(f), SLICE("\"tokens\":{}")) != SLICE_NOT_FOUND);
}

// ---- what is remembered ---------------------------------------------------------------------------------------------

static void a_restart_knows_the_balances(void **state)
{
    struct fixture *f = *state;
    add_keys(f, 2, "fk-");
    struct key_slot *slot = account_key(&f->account, f->ids[1]);
    atomic_store(&slot->input_tokens, 30);
    run(f, NULL, 0);
    int64_t last_full_sync_ms = balance_last_full_sync_ms(f->sync);
    // The process ends after some more was metered; the counters survive it, the table does not.
    atomic_store(&slot->input_tokens, 40);
    atomic_store(&slot->allowance, -1);
    atomic_store(&slot->tokens_at_sync, 0);
    reopen(f);
    assert_int_equal(balance_find(f->sync, f->ids[1])->standard.used, 2);
    assert_int_equal(key_remaining(slot), 1000 - 2 - 10);
    assert_int_equal(balance_last_full_sync_ms(f->sync), last_full_sync_ms);
}

static void a_bad_document_is_an_empty_one(void **state)
{
    static const char *const texts[] = {"", "{", "[]", "{\"tokens\":7}", "{\"tokens\":{\"key_1\":null}}"};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        account_write_file(&f->account, "token_usage.json", texts[i]);
        reopen(f);
        assert_null(balance_find(f->sync, SLICE("key_2")));
        assert_int_equal(balance_last_full_sync_ms(f->sync), 0);
    }
    assert_int_equal(balance_cleanup(f->sync, 0), 1);
}

static void cleaning_up(void **state)
{
    struct fixture *f = *state;
    add_keys(f, 3, "fk-");
    run(f, NULL, 0);
    account_remove_key(&f->account, f->ids[0]);
    assert_int_equal(balance_cleanup(f->sync, 1000), 1);
    assert_null(balance_find(f->sync, f->ids[0]));
    assert_non_null(balance_find(f->sync, f->ids[1]));
    assert_int_equal(balance_cleanup(f->sync, clock_wall_ms() + 1000), 2);
    assert_int_equal(balance_cleanup(f->sync, clock_wall_ms() + 1000), 0);
}

static void forgetting_all(void **state)
{
    struct fixture *f = *state;
    add_keys(f, 2, "fk-");
    run(f, NULL, 0);
    balance_forget_all(f->sync);
    assert_null(balance_find(f->sync, f->ids[0]));
    assert_int_equal(key_remaining(account_key(&f->account, f->ids[0])), -1);
    reopen(f);
    assert_null(balance_find(f->sync, f->ids[0]));
}

static void what_cannot_be_written_is_said_once_and_kept(void **state)
{
    struct fixture *f = *state;
    struct rlimit limit;
    add_keys(f, 1, "fk-");
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    buf_clear(&f->account.log);
    run(f, f->ids, 1);
    run(f, f->ids, 1);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(f->n_success, 1);
    size_t first = slice_find(buf_slice(&f->account.log), SLICE("balances cannot be written"));
    assert_true(first != SLICE_NOT_FOUND);
    assert_int_equal(slice_find_last(buf_slice(&f->account.log), SLICE("balances cannot be written")), first);
    assert_true(balance_find(f->sync, f->ids[0])->is_success);
    run(f, f->ids, 1);
    assert_true(document(f).len > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nobody_to_ask),
        TEST(balances_arrive_everywhere),
        TEST(disabled_keys_are_asked_for_by_name_only),
        TEST(other_places_and_no_organization),
        TEST(refusals_are_noted_and_what_was_known_stays),
        TEST(who_is_busy_is_asked_again),
        TEST(no_more_than_fifty_at_once),
        TEST(who_asks_for_all_meanwhile_gets_the_same_answers),
        TEST(a_batch_a_second),
        TEST(the_interval_begins_with_the_start),
        TEST(a_key_that_goes_meanwhile),
        TEST(a_forgotten_run_goes_on_unseen),
        TEST(one_run_begins_another_and_closes),
        TEST(closing_in_the_middle_writes_what_is_known),
        TEST(a_restart_knows_the_balances),
        TEST(a_bad_document_is_an_empty_one),
        TEST(cleaning_up),
        TEST(forgetting_all),
        TEST(what_cannot_be_written_is_said_once_and_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
