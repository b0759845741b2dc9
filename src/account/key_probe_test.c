// SPDX-License-Identifier: MIT
// A gateway that answers probes; what it would note in the table, the answer notes. Time is the wall clock, and as much
// more as the test says.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "account/account_fixture.h"
#include "account/key_probe.h"
#include "base/clock.h"
#include "keys/consequences.h"

enum { KEYS = 40, WAIT_MS = 60 * 60 * 1000, PACE_MS = 20, QUIET_MS = 400 };

static int64_t later_ms; // than it is

struct fixture {
    struct account_fixture account;
    struct key_tester *tester; // owned
    struct key_prober *prober; // owned
    struct config config;
    struct config_model model;
    struct config_endpoint endpoint;
    struct slice ids[KEYS];
    size_t n_ids;
    bool is_closed;
};

static int64_t wall_ms(void)
{
    return clock_wall_ms() + later_ms;
}

static struct key_slot *slot_of(struct fixture *f, size_t i)
{
    return account_key(&f->account, f->ids[i]);
}

// As the gateway does it before it answers.
static void judge(struct fixture *f, struct slice id)
{
    const struct key_record *record = key_store_find(f->account.store, id);
    uint32_t identity = atomic_load(&key_of(&f->account.table, record->slot)->identity);
    bool is_success = f->account.status == 200;
    struct attempt_evidence evidence = {.event = is_success ? ATTEMPT_COMPLETE : ATTEMPT_ANSWERED,
                                        .status = f->account.status,
                                        .text = slice_from_cstr(f->account.body),
                                        .retry_after_ms = -1};
    struct verdict verdict = blame_judge(&evidence, NULL);
    key_apply_test(&f->account.table, (struct key_lease){record->slot, identity}, &verdict, &evidence, true, wall_ms());
}

// Which key a probe is for, by the header of the request that came last.
static struct slice id_of_last(struct fixture *f)
{
    struct slice heads = buf_slice(&f->account.heads);
    struct slice header = slice_after(heads, slice_find_last(heads, SLICE(KEY_TEST_HEADER ": ")));
    header = slice_split(&header, '\n');
    slice_split(&header, ' ');
    slice_split(&header, ' ');
    uint64_t slot;
    struct slice number = slice_split(&header, ' ');
    assert_true(slice_to_u64(number, &slot));
    for (size_t i = 0; i < f->n_ids; i++) {
        const struct key_record *record = key_store_find(f->account.store, f->ids[i]);
        if (record && record->slot == slot) {
            return f->ids[i];
        }
    }
    fail_msg("no such key");
    return SLICE_EMPTY;
}

static void answer(struct account_fixture *account, struct server_exchange *ex)
{
    struct fixture *f = CONTAINER_OF(account, struct fixture, account);
    judge(f, id_of_last(f));
    account_answer_text(account, ex);
}

static void set_probes(struct fixture *f, uint32_t minutes)
{
    struct key_settings settings = {.concurrent_limit = 100, .request_timeout_ms = 3000, .probe_minutes = minutes};
    key_table_set_settings(&f->account.table, &settings);
}

static int set_up(void **state)
{
    struct fixture *f = mem_zalloc(sizeof(*f));
    struct key_settings settings = {.concurrent_limit = 100, .request_timeout_ms = 3000, .probe_minutes = 60};
    later_ms = 0;
    account_fixture_init(&f->account);
    account_open_pool(&f->account, &settings);
    f->account.answer = answer;
    f->tester = key_tester_new(&(struct key_tester_options){.loop = &f->account.loop,
                                                            .client = f->account.client,
                                                            .store = f->account.store,
                                                            .table = &f->account.table,
                                                            .url = f->account.url});
    f->model = (struct config_model){.id = SLICE("chat"), .type = MODEL_COMMON, .endpoint = &f->endpoint};
    f->config = (struct config){.models = &f->model, .n_models = 1, .user_agent = SLICE("tester")};
    key_tester_set_config(f->tester, &f->config);
    *state = f;
    return 0;
}

static void start(struct fixture *f)
{
    f->prober =
        key_prober_new(&(struct key_prober_options){&f->account.loop, f->tester, &f->account.table, wall_ms, PACE_MS});
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    if (!f->is_closed) {
        key_prober_close(f->prober);
    }
    key_tester_close(f->tester);
    account_fixture_run_out(&f->account);
    key_prober_free(f->prober);
    key_tester_free(f->tester);
    assert_false(account_logged(&f->account, "and-some-more"));
    account_fixture_deinit(&f->account);
    mem_free(f);
    return 0;
}

static void add_banned(struct fixture *f, size_t n, int64_t ago_ms)
{
    struct slice secrets[KEYS];
    size_t first = f->n_ids;
    for (size_t i = 0; i < n; i++) {
        secrets[i] = arena_printf(&f->account.arena, "sk-%zu-and-some-more", first + i);
    }
    account_add_keys(&f->account, secrets, n, f->ids + first);
    f->n_ids += n;
    for (size_t i = first; i < f->n_ids; i++) {
        struct key_slot *slot = slot_of(f, i);
        assert_true(key_table_set_status(&f->account.table, key_store_find(f->account.store, f->ids[i])->slot,
                                         KEY_ACTIVE, KEY_BANNED));
        atomic_store(&slot->banned_ms, wall_ms() - ago_ms + (int64_t)i);
    }
}

static size_t n_probes_told(struct fixture *f)
{
    struct slice log = buf_slice(&f->account.log);
    size_t n = 0;
    while (log.len) {
        n += slice_find(slice_split(&log, '\n'), SLICE("its probe")) != SLICE_NOT_FOUND;
    }
    return n;
}

static bool all_are_back(void *arg)
{
    struct fixture *f = arg;
    return key_table_n_usable(&f->account.table) == f->n_ids;
}

static bool says_that_it_failed(void *arg)
{
    return account_logged(&((struct fixture *)arg)->account, "stays banned");
}

static bool says_that_it_succeeded(void *arg)
{
    return account_logged(&((struct fixture *)arg)->account, "its probe succeeded");
}

static void a_key_comes_back_when_its_time_has_come(void **state)
{
    struct fixture *f = *state;
    add_banned(f, 1, WAIT_MS - 60 * 1000);
    start(f);
    account_turn(&f->account, QUIET_MS);
    assert_int_equal(f->account.n_requests, 0);
    later_ms = 60 * 1000;
    assert_true(account_until(&f->account, says_that_it_succeeded, f));
    assert_true(all_are_back(f));
    assert_int_equal(atomic_load(&slot_of(f, 0)->test_result), KEY_TEST_SUCCESS);
    assert_int_equal(atomic_load(&slot_of(f, 0)->banned_ms), 0);
    account_turn(&f->account, QUIET_MS);
    assert_int_equal(f->account.n_requests, 1);
    assert_int_equal(n_probes_told(f), 1);
}

static void a_failure_starts_the_wait_anew(void **state)
{
    struct fixture *f = *state;
    add_banned(f, 1, WAIT_MS);
    f->account.status = 402;
    f->account.body = "{\"error\":{\"message\":\"no money for sk-0-and-some-more\"}}";
    start(f);
    assert_true(account_until(&f->account, says_that_it_failed, f));
    assert_true(account_logged(&f->account, "no money"));
    assert_int_equal(atomic_load(&slot_of(f, 0)->status), KEY_BANNED);
    account_turn(&f->account, QUIET_MS);
    later_ms = WAIT_MS - 60 * 1000;
    account_turn(&f->account, QUIET_MS);
    assert_int_equal(f->account.n_requests, 1);
    f->account.status = 200;
    f->account.body = "{}";
    later_ms = WAIT_MS + 60 * 1000;
    assert_true(account_until(&f->account, says_that_it_succeeded, f));
    assert_true(all_are_back(f));
    assert_int_equal(f->account.n_requests, 2);
}

static void what_an_operator_disabled_is_left_alone(void **state)
{
    struct fixture *f = *state;
    add_banned(f, 2, 2 * WAIT_MS);
    uint32_t disabled = key_store_find(f->account.store, f->ids[0])->slot;
    assert_true(key_table_set_status(&f->account.table, disabled, KEY_BANNED, KEY_DISABLED));
    start(f);
    assert_true(account_until(&f->account, says_that_it_succeeded, f));
    account_turn(&f->account, QUIET_MS);
    assert_int_equal(f->account.n_requests, 1);
    assert_int_equal(atomic_load(&slot_of(f, 0)->status), KEY_DISABLED);
    assert_int_equal(atomic_load(&slot_of(f, 0)->last_test_ms), 0);
}

static void zero_minutes_are_never(void **state)
{
    struct fixture *f = *state;
    add_banned(f, 1, 100 * (int64_t)WAIT_MS);
    set_probes(f, 0);
    start(f);
    account_turn(&f->account, QUIET_MS);
    assert_int_equal(f->account.n_requests, 0);
    set_probes(f, 60);
    assert_true(account_until(&f->account, all_are_back, f));
}

// The gateway holds the answers back: as long as one probe is out, there is no other.
static void one_at_a_time(void **state)
{
    struct fixture *f = *state;
    add_banned(f, 10, WAIT_MS);
    f->account.answer = NULL;
    start(f);
    assert_true(account_until_requests(&f->account, 1));
    account_turn(&f->account, QUIET_MS);
    assert_int_equal(f->account.n_requests, 1);
    f->account.answer = answer;
    answer(&f->account, f->account.held);
    assert_true(account_until(&f->account, all_are_back, f));
    assert_int_equal(f->account.n_requests, 10);
}

static void more_than_are_remembered_all_come_back_the_oldest_first(void **state)
{
    struct fixture *f = *state;
    add_banned(f, KEYS, WAIT_MS + 60 * 1000);
    start(f);
    assert_true(account_until(&f->account, all_are_back, f));
    account_turn(&f->account, QUIET_MS);
    assert_int_equal(f->account.n_requests, KEYS);
    assert_int_equal(n_probes_told(f), KEYS);
    struct slice log = buf_slice(&f->account.log);
    for (size_t i = 0; i < KEYS; i++) {
        size_t at = slice_find(log, f->ids[i]);
        assert_true(at != SLICE_NOT_FOUND);
        log = slice_after(log, at);
    }
}

// What cannot be tested at all does not keep the others waiting, nor is it tried at every beat.
static void a_test_that_cannot_be_made_is_a_failure(void **state)
{
    struct fixture *f = *state;
    add_banned(f, 2, WAIT_MS);
    f->config.n_models = 0;
    key_tester_set_config(f->tester, &f->config);
    start(f);
    assert_true(account_until(&f->account, says_that_it_failed, f));
    account_turn(&f->account, QUIET_MS);
    assert_int_equal(n_probes_told(f), 2);
    assert_int_equal(f->account.n_requests, 0);
}

static void closed_while_a_probe_runs(void **state)
{
    struct fixture *f = *state;
    add_banned(f, 2, WAIT_MS);
    f->account.answer = NULL;
    start(f);
    assert_true(account_until_requests(&f->account, 1));
    key_prober_close(f->prober);
    f->is_closed = true;
    answer(&f->account, f->account.held);
    account_turn(&f->account, QUIET_MS);
    assert_int_equal(f->account.n_requests, 1);
    assert_int_equal(n_probes_told(f), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_key_comes_back_when_its_time_has_come),
        TEST(a_failure_starts_the_wait_anew),
        TEST(what_an_operator_disabled_is_left_alone),
        TEST(zero_minutes_are_never),
        TEST(one_at_a_time),
        TEST(more_than_are_remembered_all_come_back_the_oldest_first),
        TEST(a_test_that_cannot_be_made_is_a_failure),
        TEST(closed_while_a_probe_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
