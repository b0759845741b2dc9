// SPDX-License-Identifier: MIT
// A gateway that answers by the key that a test names.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "account/account_fixture.h"
#include "account/key_test.h"

enum { KEYS = 120 };

struct fixture {
    struct account_fixture account;
    struct key_tester *tester; // owned
    struct config config;
    struct config_model models[2];
    struct config_endpoint endpoint;
    struct slice ids[KEYS];
    size_t n_ids;
    struct server_exchange *held[KEYS]; // in the order they came
    size_t n_held;
    size_t n_most; // at once
    size_t n_outcomes;
    size_t n_ends;
    struct key_test_outcome last; // its message in `message`
    char message[512];
    struct key_test_run *run;
    struct key_test_run *other;
    bool forgets;                 // in on_outcome
    bool closes;                  // in on_outcome
    bool runs_on;                 // in on_end
    enum key_status status_after; // of the test, for judge_and_answer()
    struct buf order;
};

static struct fixture *fixture_of(struct account_fixture *account)
{
    return CONTAINER_OF(account, struct fixture, account);
}

static void hold(struct account_fixture *account, struct server_exchange *ex)
{
    struct fixture *f = fixture_of(account);
    f->held[f->n_held++] = ex;
    f->n_most = f->n_held > f->n_most ? f->n_held : f->n_most;
}

static void release_first(struct fixture *f)
{
    struct server_exchange *ex = f->held[0];
    memmove(f->held, f->held + 1, --f->n_held * sizeof(struct server_exchange *));
    account_answer_text(&f->account, ex);
}

static int set_up(void **state)
{
    struct fixture *f = mem_zalloc(sizeof(*f));
    struct key_settings settings = {.concurrent_limit = 100, .request_timeout_ms = 3000};
    account_fixture_init(&f->account);
    account_open_pool(&f->account, &settings);
    f->tester = key_tester_new(&(struct key_tester_options){.loop = &f->account.loop,
                                                            .client = f->account.client,
                                                            .store = f->account.store,
                                                            .table = &f->account.table,
                                                            .url = f->account.url});
    f->models[0] = (struct config_model){.id = SLICE("chat"), .type = MODEL_COMMON, .endpoint = &f->endpoint};
    f->models[1] = (struct config_model){.id = SLICE("claude"), .type = MODEL_ANTHROPIC, .endpoint = &f->endpoint};
    f->config = (struct config){.models = f->models, .n_models = 2, .user_agent = SLICE("tester")};
    key_tester_set_config(f->tester, &f->config);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    if (!f->closes) {
        key_tester_close(f->tester);
    }
    account_fixture_run_out(&f->account);
    key_tester_free(f->tester);
    assert_false(account_logged(&f->account, "sk-"));
    account_fixture_deinit(&f->account);
    buf_deinit(&f->order);
    mem_free(f);
    return 0;
}

static void add_keys(struct fixture *f, size_t n, const char *prefix)
{
    struct slice secrets[KEYS];
    for (size_t i = 0; i < n; i++) {
        secrets[i] = arena_printf(&f->account.arena, "%s%zu-and-some-more", prefix, f->n_ids + i);
    }
    account_add_keys(&f->account, secrets, n, f->ids + f->n_ids);
    f->n_ids += n;
}

static void on_outcome(void *arg, const struct key_test_outcome *outcome)
{
    struct fixture *f = arg;
    f->n_outcomes++;
    f->last = *outcome;
    snprintf(f->message, sizeof(f->message), "%.*s", SLICE_ARG(outcome->message));
    buf_printf(&f->order, "%.*s ", SLICE_ARG(outcome->id));
    assert_int_equal(f->n_ends, 0);
    if (f->forgets) {
        key_test_run_forget(f->run);
    }
    if (f->closes) {
        key_tester_close(f->tester);
    }
}

static void on_end(void *arg)
{
    struct fixture *f = arg;
    f->n_ends++;
    if (f->runs_on) {
        f->runs_on = false;
        f->n_ends = 0;
        key_tester_run(f->tester, f->ids, 1, on_outcome, on_end, f);
    }
}

static bool has_ended(void *arg)
{
    return ((struct fixture *)arg)->n_ends > 0;
}

static void run_all(struct fixture *f)
{
    f->n_ends = f->n_outcomes = 0;
    f->run = key_tester_run(f->tester, f->ids, f->n_ids, on_outcome, on_end, f);
    assert_int_equal(f->n_outcomes + f->n_ends, 0);
    assert_true(account_until(&f->account, has_ended, f));
    assert_int_equal(f->n_outcomes, f->n_ids);
}

static void no_keys_at_all(void **state)
{
    struct fixture *f = *state;
    run_all(f);
    assert_int_equal(f->account.n_requests, 0);
}

static void keys_that_are_not_there(void **state)
{
    struct fixture *f = *state;
    f->ids[f->n_ids++] = SLICE("key_0_nobody");
    run_all(f);
    assert_false(f->last.is_success);
    assert_int_equal(f->last.status, 0);
    assert_string_equal(f->message, "There is no such key.");
    assert_int_equal(f->account.n_requests, 0);
}

static void without_models_nothing_is_asked(void **state)
{
    struct fixture *f = *state;
    add_keys(f, 1, "sk-");
    f->config.n_models = 0;
    key_tester_set_config(f->tester, &f->config);
    run_all(f);
    assert_false(f->last.is_success);
    assert_true(strstr(f->message, "No model") != NULL);
}

static void the_gateway_is_not_there(void **state)
{
    struct fixture *f = *state;
    struct key_tester *real = f->tester;
    add_keys(f, 2, "sk-");
    f->tester = key_tester_new(&(struct key_tester_options){.loop = &f->account.loop,
                                                            .client = f->account.client,
                                                            .store = f->account.store,
                                                            .table = &f->account.table,
                                                            .url = "http://127.0.0.1:1"});
    key_tester_set_config(f->tester, &f->config);
    run_all(f);
    assert_int_equal(f->last.status, 0);
    assert_true(strlen(f->message) > 0);
    assert_int_equal(atomic_load(&account_key(&f->account, f->ids[0])->test_result), KEY_UNTESTED);
    key_tester_close(f->tester);
    account_turn(&f->account, 10);
    key_tester_free(f->tester);
    f->tester = real;
}

static void what_is_asked(void **state)
{
    struct fixture *f = *state;
    add_keys(f, 1, "sk-ant-");
    run_all(f);
    assert_true(f->last.is_success);
    assert_int_equal(f->last.status, 200);
    assert_int_equal(f->last.n_done, 1);
    assert_int_equal(f->last.n_all, 1);
    assert_int_equal(f->last.key_status, KEY_ACTIVE);
    assert_string_equal(f->message, "The key works.");
    assert_true(slice_starts_with(buf_slice(&f->account.seen), SLICE("POST /v1/messages {\"model\":\"claude\"")));
    struct buf header = BUF_EMPTY;
    struct slice token = key_table_token(&f->account.table);
    buf_append(&header, SLICE(KEY_TEST_HEADER ": "));
    for (size_t i = 0; i < token.len; i++) {
        buf_printf(&header, "%02x", (unsigned char)token.ptr[i]);
    }
    const struct key_record *record = key_store_find(f->account.store, f->ids[0]);
    buf_printf(&header, " %u %u\n", record->slot, key_of(&f->account.table, record->slot)->identity);
    assert_true(slice_find(buf_slice(&f->account.heads), buf_slice(&header)) != SLICE_NOT_FOUND);
    assert_true(slice_find(buf_slice(&f->account.heads), SLICE("sk-ant-")) == SLICE_NOT_FOUND);
    buf_deinit(&header);
}

static void the_model_of_the_settings(void **state)
{
    struct fixture *f = *state;
    struct map models;
    add_keys(f, 1, "sk-ant-");
    map_init(&models);
    map_set(&models, SLICE("chat"), &f->models[0]);
    f->config._models_by_id = models;
    f->config.key_test_model = SLICE("chat");
    key_tester_set_config(f->tester, &f->config);
    run_all(f);
    assert_true(slice_starts_with(buf_slice(&f->account.seen), SLICE("POST /v1/chat/completions {\"model\":\"chat\"")));
    f->config.key_test_model = SLICE("gone");
    key_tester_set_config(f->tester, &f->config);
    assert_true(account_logged(&f->account, "key_test.model is \"gone\", which is no model"));
    map_deinit(&models);
}

// What the gateway does to the key that is tested, before it answers.
static void judge_and_answer(struct account_fixture *account, struct server_exchange *ex)
{
    struct fixture *f = fixture_of(account);
    uint32_t slot = key_store_find(account->store, f->ids[0])->slot;
    enum key_status before = atomic_load(&key_of(&account->table, slot)->status);
    if (before != f->status_after) {
        assert_true(key_table_set_status(&account->table, slot, before, f->status_after));
    }
    account_answer_text(account, ex);
}

static void the_gateway_judges_and_the_outcome_tells_of_it(void **state)
{
    struct fixture *f = *state;
    static const struct {
        unsigned status;
        enum key_status status_after;
    } cases[] = {
        {500, KEY_ACTIVE}, {401, KEY_BANNED}, {402, KEY_BANNED}, {200, KEY_ACTIVE},
        {429, KEY_ACTIVE}, {200, KEY_BANNED}, {400, KEY_BANNED}, {201, KEY_DISABLED},
    };
    add_keys(f, 1, "sk-");
    f->account.answer = judge_and_answer;
    f->account.body = "{\"error\":{\"message\":\"what it says about sk-0-and-some-more\"}}";
    struct key_slot *slot = account_key(&f->account, f->ids[0]);
    atomic_store(&slot->test_result, KEY_TEST_FAILED);
    atomic_store(&slot->last_test_ms, 7);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        f->account.status = cases[i].status;
        f->status_after = cases[i].status_after;
        run_all(f);
        assert_int_equal(f->last.status, cases[i].status);
        assert_int_equal(f->last.is_success, cases[i].status < 300);
        assert_int_equal(f->last.key_status, cases[i].status_after);
        assert_string_equal(f->message, cases[i].status < 300 ? "The key works." : "what it says about sk-0…more");
        // The tester has no say in it.
        assert_int_equal(atomic_load(&slot->status), cases[i].status_after);
        assert_int_equal(atomic_load(&slot->test_result), KEY_TEST_FAILED);
        assert_int_equal(atomic_load(&slot->last_test_ms), 7);
    }
}

static bool fifty_are_held(void *arg)
{
    return ((struct fixture *)arg)->n_held == 50;
}

static bool has_more_outcomes(void *arg)
{
    struct fixture *f = arg;
    return f->n_held > 0 || f->n_ends > 0;
}

static void no_more_than_fifty_at_once(void **state)
{
    struct fixture *f = *state;
    add_keys(f, KEYS, "sk-");
    f->account.answer = hold;
    f->run = key_tester_run(f->tester, f->ids, f->n_ids, on_outcome, on_end, f);
    assert_true(account_until(&f->account, fifty_are_held, f));
    account_turn(&f->account, 20);
    while (f->n_ends == 0) {
        assert_true(account_until(&f->account, has_more_outcomes, f));
        if (f->n_held > 0) {
            release_first(f);
        }
    }
    assert_int_equal(f->n_most, 50);
    assert_int_equal(f->n_outcomes, KEYS);
    assert_int_equal(f->account.n_requests, KEYS);
}

static bool two_are_held(void *arg)
{
    return ((struct fixture *)arg)->n_held == 2;
}

static void the_settings_limit_them_further_and_runs_take_turns(void **state)
{
    struct fixture *f = *state;
    struct key_settings settings = {.concurrent_limit = 2, .request_timeout_ms = 3000};
    add_keys(f, 8, "sk-");
    key_table_set_settings(&f->account.table, &settings);
    f->account.answer = hold;
    key_tester_run(f->tester, f->ids, 6, on_outcome, NULL, f);
    f->other = key_tester_run(f->tester, f->ids + 6, 2, on_outcome, NULL, f);
    for (size_t n = 0; n < 8; n++) {
        assert_true(n >= 7 || account_until(&f->account, two_are_held, f));
        size_t n_before = f->n_outcomes;
        release_first(f);
        while (f->n_outcomes == n_before) {
            account_turn(&f->account, 1);
        }
    }
    assert_int_equal(f->n_most, 2);
    // The second run is through after four, although the first one was there before it.
    struct slice order = buf_slice(&f->order);
    size_t at = 0;
    for (size_t i = 0; i < 8; i++) {
        struct slice id = slice_split(&order, ' ');
        at = slice_eq(id, f->ids[7]) ? i : at;
    }
    assert_in_range(at, 2, 4);
}

static void no_answer_in_time(void **state)
{
    struct fixture *f = *state;
    struct key_settings settings = {.concurrent_limit = 2, .request_timeout_ms = 30};
    add_keys(f, 1, "sk-");
    key_table_set_settings(&f->account.table, &settings);
    f->account.answer = NULL;
    run_all(f);
    assert_int_equal(f->last.status, 0);
    assert_string_equal(f->message, "no complete answer in time");
}

static bool one_is_held(void *arg)
{
    return ((struct fixture *)arg)->n_held == 1;
}

static void a_key_that_goes_meanwhile(void **state)
{
    struct fixture *f = *state;
    add_keys(f, 1, "sk-");
    f->account.answer = hold;
    f->run = key_tester_run(f->tester, f->ids, 1, on_outcome, on_end, f);
    assert_true(account_until(&f->account, one_is_held, f));
    account_remove_key(&f->account, f->ids[0]);
    struct slice second = account_add_key(&f->account, "sk-another-one-in-its-place");
    release_first(f);
    assert_true(account_until(&f->account, has_ended, f));
    assert_false(f->last.is_success);
    assert_true(strstr(f->message, "removed") != NULL);
    assert_int_equal(atomic_load(&account_key(&f->account, second)->test_result), KEY_UNTESTED);
}

static void a_forgotten_run_is_silent(void **state)
{
    struct fixture *f = *state;
    add_keys(f, 3, "sk-");
    struct key_settings settings = {.concurrent_limit = 1, .request_timeout_ms = 3000};
    key_table_set_settings(&f->account.table, &settings);
    f->account.answer = hold;
    f->run = key_tester_run(f->tester, f->ids, 3, on_outcome, on_end, f);
    assert_true(account_until(&f->account, one_is_held, f));
    key_test_run_forget(f->run);
    release_first(f);
    account_turn(&f->account, 30);
    assert_int_equal(f->n_outcomes + f->n_ends, 0);
    // What ran has run to its end; the others have not begun.
    assert_int_equal(f->account.n_requests, 1);
    // One that has not begun at all.
    key_test_run_forget(key_tester_run(f->tester, f->ids, 3, on_outcome, on_end, f));
    account_turn(&f->account, 30);
    assert_int_equal(f->account.n_requests, 1);
}

static bool has_outcome(void *arg)
{
    return ((struct fixture *)arg)->n_outcomes > 0;
}

static void forgetting_and_closing_in_a_callback(void **state)
{
    struct fixture *f = *state;
    add_keys(f, 60, "sk-");
    f->ids[0] = SLICE("key_0_nobody"); // an outcome that comes at once
    f->forgets = true;
    f->run = key_tester_run(f->tester, f->ids, f->n_ids, on_outcome, on_end, f);
    assert_true(account_until(&f->account, has_outcome, f));
    account_turn(&f->account, 30);
    assert_int_equal(f->n_outcomes, 1);
    f->forgets = false;
    f->n_outcomes = 0;
    f->closes = true;
    f->run = key_tester_run(f->tester, f->ids + 1, f->n_ids - 1, on_outcome, on_end, f);
    assert_true(account_until(&f->account, has_outcome, f));
    account_turn(&f->account, 30);
    assert_int_equal(f->n_outcomes, 1);
    assert_int_equal(f->n_ends, 0);
    key_test_run_forget(f->run);
}

static void one_run_begins_another(void **state)
{
    struct fixture *f = *state;
    add_keys(f, 2, "sk-");
    f->runs_on = true;
    f->run = key_tester_run(f->tester, f->ids, 2, on_outcome, on_end, f);
    assert_true(account_until(&f->account, has_ended, f));
    assert_int_equal(f->n_outcomes, 3);
}

static void closing_in_the_middle(void **state)
{
    struct fixture *f = *state;
    add_keys(f, 60, "sk-");
    f->account.answer = hold;
    f->run = key_tester_run(f->tester, f->ids, f->n_ids, on_outcome, on_end, f);
    assert_true(account_until(&f->account, fifty_are_held, f));
    f->n_held = 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_keys_at_all),
        TEST(keys_that_are_not_there),
        TEST(without_models_nothing_is_asked),
        TEST(the_gateway_is_not_there),
        TEST(what_is_asked),
        TEST(the_model_of_the_settings),
        TEST(the_gateway_judges_and_the_outcome_tells_of_it),
        TEST(no_more_than_fifty_at_once),
        TEST(the_settings_limit_them_further_and_runs_take_turns),
        TEST(no_answer_in_time),
        TEST(a_key_that_goes_meanwhile),
        TEST(a_forgotten_run_is_silent),
        TEST(forgetting_and_closing_in_a_callback),
        TEST(one_run_begins_another),
        TEST(closing_in_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
