// SPDX-License-Identifier: MIT
// What the keeper tells at a scrape, from a real store.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/clock.h"
#include "gateway/scrape_reader.h"
#include "process/keeper_metrics.h"
#include "store/store_fixture.h"

static const struct history_numbers nothing = {0};

static int set_up(void **state)
{
    struct store_fixture *f = mem_zalloc(sizeof(*f));
    store_fixture_init(f);
    store_fixture_open(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct store_fixture *f = *state;
    if (f->store) {
        store_fixture_close(f);
    }
    store_fixture_deinit(f);
    mem_free(f);
    return 0;
}

// With counts of its own, so that they are those of this moment.
static void scrape(struct store_fixture *f, const struct history_numbers *history, uint64_t n_usage_lost,
                   struct scrape *s)
{
    struct buf text = BUF_EMPTY;
    struct keeper_metrics *metrics = keeper_metrics_new(&f->table, f->store);
    keeper_metrics_write(metrics, history, n_usage_lost, &text);
    keeper_metrics_free(metrics);
    scrape_read_take(s, &text);
}

static void assert_keys(struct store_fixture *f, const char *pool, const unsigned expected[5])
{
    static const char *const statuses[] = {"active", "cooling", "test_failed", "disabled", "banned"};
    struct scrape s;
    scrape(f, &nothing, 0, &s);
    for (size_t i = 0; i < 5; i++) {
        char series[128];
        snprintf(series, sizeof(series), "droid2api_keys{pool=\"%s\",status=\"%s\"}", pool, statuses[i]);
        scrape_assert_value(&s, series, expected[i]);
    }
    assert_true(scrape_sum(&s, "droid2api_keys") == (double)key_store_n_keys(f->store));
    scrape_deinit(&s);
}

static struct key_slot *add(struct store_fixture *f, const char *secret, const char *group)
{
    const struct key_record *record = store_fixture_add(f, secret, group);
    assert_int_equal(store_fixture_commit(f), 0);
    return key_of(&f->table, record->slot);
}

static void an_empty_pool_has_all_statuses(void **state)
{
    static const unsigned none[5] = {0};
    assert_keys(*state, "default", none);
}

// The first that applies counts, so that the sum over all statuses is the number of keys.
static void each_key_has_one_status(void **state)
{
    struct store_fixture *f = *state;
    int64_t later_ms = clock_wall_ms() + 3600 * 1000;
    struct key_slot *one = add(f, "fk-one", NULL);
    struct key_slot *two = add(f, "fk-two", NULL);
    struct key_slot *three = add(f, "fk-three", NULL);
    struct key_slot *four = add(f, "fk-four", NULL);
    add(f, "fk-five", NULL);
    assert_keys(f, "default", (unsigned[]){5, 0, 0, 0, 0});
    one->cooldown_until_ms = later_ms;
    assert_keys(f, "default", (unsigned[]){4, 1, 0, 0, 0});
    one->test_result = KEY_TEST_FAILED;
    assert_keys(f, "default", (unsigned[]){4, 0, 1, 0, 0});
    two->status = KEY_BANNED;
    two->cooldown_until_ms = later_ms;
    three->status = KEY_DISABLED;
    three->test_result = KEY_TEST_FAILED;
    assert_keys(f, "default", (unsigned[]){2, 0, 1, 1, 1});
    four->cooldown_until_ms = 1; // over long ago
    assert_keys(f, "default", (unsigned[]){2, 0, 1, 1, 1});
    one->cooldown_until_ms = 0;
    one->test_result = KEY_TEST_SUCCESS;
    assert_keys(f, "default", (unsigned[]){3, 0, 0, 1, 1});
}

static void groups_are_told_apart(void **state)
{
    struct store_fixture *f = *state;
    struct key_group_record group = {.id = SLICE("spare"), .name = SLICE("Spare"), .description = SLICE("")};
    struct scrape s;
    size_t n_moved;
    assert_int_equal(key_store_add_group(f->store, &group), KEY_STORE_OK);
    assert_int_equal(store_fixture_commit(f), 0);
    add(f, "fk-one", "spare");
    add(f, "fk-two", "spare")->status = KEY_BANNED;
    add(f, "fk-three", NULL)->group = 999; // there is none
    assert_keys(f, "spare", (unsigned[]){1, 0, 0, 0, 1});
    assert_keys(f, "default", (unsigned[]){1, 0, 0, 0, 0});
    assert_int_equal(key_store_remove_group(f->store, SLICE("spare"), &n_moved), KEY_STORE_OK);
    assert_int_equal(store_fixture_commit(f), 0);
    assert_keys(f, "default", (unsigned[]){2, 0, 0, 0, 1});
    scrape(f, &nothing, 0, &s);
    assert_int_equal(scrape_n_series(&s, "droid2api_keys"), 5);
    scrape_deinit(&s);
}

static void removed_keys_do_not_count(void **state)
{
    struct store_fixture *f = *state;
    add(f, "fk-one", NULL);
    const struct key_record *two = store_fixture_add(f, "fk-two", NULL);
    assert_int_equal(store_fixture_commit(f), 0);
    assert_int_equal(key_store_remove(f->store, two->id), KEY_STORE_OK);
    assert_int_equal(store_fixture_commit(f), 0);
    assert_keys(f, "default", (unsigned[]){1, 0, 0, 0, 0});
}

static void durable_writes_are_told(void **state)
{
    struct store_fixture *f = *state;
    struct scrape before;
    struct scrape after;
    scrape(f, &nothing, 0, &before);
    add(f, "fk-one", NULL);
    add(f, "fk-two", NULL);
    scrape(f, &nothing, 0, &after);
    static const char count[] = "droid2api_store_write_seconds_count{document=\"key_pool\"}";
    assert_true(scrape_value(&after, count) >= scrape_value(&before, count) + 2);
    assert_true(scrape_value(&after, "droid2api_store_write_seconds_sum{document=\"key_pool\"}") > 0);
    scrape_assert_value(&after, "droid2api_store_write_failures_total{document=\"key_pool\"}", 0);
    scrape_deinit(&before);
    scrape_deinit(&after);
}

static void losses_are_told(void **state)
{
    static const struct history_numbers history = {
        .n_requests_lost = 3, .n_audit_lost = 4, .n_writes = 5, .n_writes_failed = 6, .write_seconds = 0.75};
    struct scrape s;
    scrape(*state, &history, 7, &s);
    scrape_assert_value(&s, "droid2api_usage_records_lost_total{stage=\"ring\"}", 7);
    scrape_assert_value(&s, "droid2api_usage_records_lost_total{stage=\"database\"}", 3);
    scrape_assert_value(&s, "droid2api_audit_entries_lost_total", 4);
    scrape_assert_value(&s, "droid2api_store_write_seconds_count{document=\"usage\"}", 5);
    scrape_assert_value(&s, "droid2api_store_write_seconds_sum{document=\"usage\"}", 0.75);
    scrape_assert_value(&s, "droid2api_store_write_failures_total{document=\"usage\"}", 6);
    scrape_assert_value(&s, "droid2api_redis_up", 0);
    scrape_assert_value(&s, "droid2api_worker_restarts_total", 0);
    scrape_deinit(&s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_pool_has_all_statuses), TEST(each_key_has_one_status), TEST(groups_are_told_apart),
        TEST(removed_keys_do_not_count),      TEST(durable_writes_are_told), TEST(losses_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
