// SPDX-License-Identifier: MIT
// What is told is in the answers, exactly, before and after it is written, and after a restart.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "store/history_fixture.h"
#include "store/history_internal.h"
#include "store/history_write.h"
#include "usage/request_fixture.h"

static void assert_json(struct history_fixture *f, const char *part)
{
    if (slice_find(buf_slice(&f->json), slice_from_cstr(part)) == SLICE_NOT_FOUND) {
        fail_msg("\"%s\" is not in %.*s", part, SLICE_ARG(buf_slice(&f->json)));
    }
}

static size_t n_of(struct history_fixture *f, const char *part)
{
    size_t n = 0;
    struct slice rest = buf_slice(&f->json);
    for (size_t at; (at = slice_find(rest, slice_from_cstr(part))) != SLICE_NOT_FOUND; n++) {
        rest = slice_after(rest, at + 1);
    }
    return n;
}

static void nothing_is_made_before_it_is_needed(void **state)
{
    struct history_fixture *f = *state;
    history_fixture_close(f);
    assert_false(store_fixture_has(&f->store, "usage.db"));
}

static bool has_looked(struct history_fixture *f)
{
    return !f->history->is_take_soon;
}

static void the_rings_are_looked_at_seldom_from_the_beginning(void **state)
{
    struct history_fixture *f = *state;
    history_fixture_run_until(f, has_looked);
    assert_true(f->history->take_ms >= HISTORY_TAKE_MS);
}

static void sums_are_exact_before_and_after_they_are_written(void **state)
{
    struct history_fixture *f = *state;
    history_fixture_tell_some(f, 100);
    history_fixture_assert_exact(f);
    history_fixture_write(f);
    history_fixture_assert_exact(f);
    history_fixture_tell_some(f, 100);
    history_fixture_assert_exact(f);
    history_fixture_close(f);
    history_fixture_open(f);
    history_fixture_assert_exact(f);
    assert_int_equal(history_fixture_number(f, "SELECT sum(requests) FROM usage"), 200);
    assert_int_equal(history_fixture_number(f, "SELECT count(*) FROM request"), 200);
    assert_int_equal(history_fixture_number(f, "SELECT count(*) FROM request_mark"), 200);
}

static void files_are_for_their_owner_only(void **state)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    struct history_fixture *f = *state;
    struct stat found;
    history_fixture_tell_some(f, 1);
    history_fixture_write(f);
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        const char *path = arena_printf(&f->store.arena, "%s/usage.db%s", f->store.folder, endings[i]).ptr;
        assert_int_equal(stat(path, &found), 0);
        assert_int_equal(found.st_mode & 0777, 0600);
    }
}

static void requests_are_listed_and_found(void **state)
{
    struct history_fixture *f = *state;
    struct request_filter filter = {.limit = 7};
    history_fixture_tell_some(f, 100);
    for (int i = 0; i < 2; i++) { // not written, written
        history_fixture_ask_requests(f, &filter);
        assert_int_equal(n_of(f, "\"id\":"), 7);
        history_fixture_ask_request(f, "request-50");
        assert_json(f, "\"id\":\"request-50\"");
        history_fixture_ask_request(f, "request-500");
        assert_int_equal(f->json.len, 0);
        history_fixture_write(f);
    }
    history_fixture_close(f);
    history_fixture_open(f); // what is recent is in the file only
    history_fixture_ask_requests(f, &filter);
    assert_int_equal(n_of(f, "\"id\":"), 7);
    history_fixture_ask_request(f, "request-50");
    assert_json(f, "\"id\":\"request-50\"");
    assert_int_equal(f->problem.len, 0);
}

static void filters_find_the_same_before_and_after_writing(void **state)
{
    struct history_fixture *f = *state;
    struct buf before = BUF_EMPTY;
    int64_t now_ms = clock_wall_ms();
    const struct request_filter filters[] = {
        {.limit = 1000},
        {.limit = 5},
        {.limit = 1000, .model = SLICE_INIT("gpt")},
        {.limit = 1000, .model = SLICE_INIT("upstream"), .key = SLICE_INIT("key_2")},
        {.limit = 1000, .key = SLICE_INIT("key_tried")},
        {.limit = 1000, .status_min = 500, .status_max = 599},
        {.limit = 3, .status_min = 200, .status_max = 200, .model = SLICE_INIT("flash"), .key = SLICE_INIT("key_1")},
        {.limit = 1000, .before_ms = now_ms - 50},
        {.limit = 1000, .before_ms = 1},
        {.limit = 1000, .model = SLICE_INIT("nothing")},
    };
    for (unsigned i = 0; i < 100; i++) {
        struct trail_entry tried = {.key = SLICE("key_tried"), .outcome = "http_5xx", .status = 500};
        struct request_facts facts = history_fixture_facts(i, now_ms - i);
        char id[16];
        facts.id = slice_of(id, (size_t)snprintf(id, sizeof(id), "%u", i));
        if (i % 9 == 0) {
            facts.trail = (struct trail){&tried, 1, 1, 0};
        }
        history_fixture_tell(f, &facts);
    }
    static const size_t n_wanted[] = {100, 5, 33, 24, 12, 10, 3, 49, 0, 0};
    for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
        history_fixture_ask_requests(f, &filters[i]);
        assert_int_equal(n_of(f, "\"id\":"), n_wanted[i]);
        buf_append(&before, buf_slice(&f->json));
    }
    history_fixture_write(f);
    history_fixture_close(f);
    history_fixture_open(f);
    struct buf after = BUF_EMPTY;
    for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
        history_fixture_ask_requests(f, &filters[i]);
        buf_append(&after, buf_slice(&f->json));
    }
    assert_true(slice_eq(buf_slice(&before), buf_slice(&after)));
    buf_deinit(&before);
    buf_deinit(&after);
}

static void of_too_many_those_that_failed_are_kept(void **state)
{
    struct history_fixture *f = *state;
    size_t n_failed = 0;
    for (unsigned i = 0; i < 700; i++) { // less than a ring, taken at once
        struct request_facts facts = history_fixture_facts(i, clock_wall_ms());
        facts.id = facts.model;
        n_failed += facts.end != REQUEST_SUCCESS;
        history_fixture_tell(f, &facts);
    }
    assert_int_equal(usage_feed_n_lost(f->feed), 0);
    history_fixture_write(f);
    history_fixture_assert_exact(f);
    int64_t n_kept = history_fixture_number(f, "SELECT count(*) FROM request");
    assert_int_equal(n_kept, HISTORY_REQUESTS_PER_SECOND);
    assert_int_equal(history_numbers(f->history).n_requests_lost, 700 - n_kept);
    const struct request_filter filter = {.limit = 1000, .status_min = 500, .status_max = 599};
    history_fixture_ask_requests(f, &filter);
    assert_true(n_failed > n_of(f, "\"id\":") && n_of(f, "\"id\":") == 64);
}

static void a_ring_is_not_believed(void **state)
{
    struct history_fixture *f = *state;
    struct shm_ring ring = shm_ring_of(f->memory, HISTORY_FIXTURE_RING);
    uint64_t seed = 1;
    struct request_facts facts = history_fixture_facts(1, INT64_MAX / 2); // a time that cannot be
    usage_feed_add(f->feed, &facts);
    facts.time_ms = -5;
    usage_feed_add(f->feed, &facts);
    for (unsigned i = 0; i < 2000; i++) {
        char *message = shm_ring_reserve(&ring, 64);
        for (size_t at = 0; message && at < 64; at++) {
            message[at] = (char)request_fixture_random(&seed);
        }
        if (message) {
            message[0] = (char)(i % 3 == 0 ? USAGE_REQUEST : i % 3 == 1 ? USAGE_SUMS : message[0]);
            shm_ring_commit(&ring, 1 + request_fixture_random(&seed) % 64);
        }
        if (i % 500 == 0) {
            history_take_now(f->history);
        }
    }
    history_take_now(f->history);
    memset(f->memory + SHM_RING_HEAD, 0xff, HISTORY_FIXTURE_RING - SHM_RING_HEAD);
    history_take_now(f->history);
    history_fixture_write(f);
    int64_t latest_s = clock_wall_ms() / 1000 + INT64_C(24) * 3600;
    history_fixture_ask_usage(f, USAGE_BY_HOUR);
    for (size_t i = 0; i < usage_cells_n(f->cells); i++) {
        assert_true(usage_cells_at(f->cells, i)->hour <= latest_s);
    }
    assert_true(usage_cells_n(f->cells) > 0);
}

static void audit_entries_are_told_newest_first(void **state)
{
    struct history_fixture *f = *state;
    for (int i = 0; i < 30; i++) {
        char target[16];
        int len = snprintf(target, sizeof(target), "key_%d", i);
        const struct history_audit_entry entry = {.time_ms = 1700000000000 + i,
                                                  .who = SLICE("127.0.0.1"),
                                                  .action = SLICE("keys.add"),
                                                  .target = slice_of(target, (size_t)len),
                                                  .outcome = SLICE("done")};
        history_add_audit(f->history, &entry);
        if (i == 19) {
            history_fixture_write(f); // some are in the file, some wait
        }
    }
    history_fixture_ask_audit(f, 15, 0);
    assert_int_equal(n_of(f, "\"action\":\"keys.add\""), 15);
    assert_true(slice_starts_with(buf_slice(&f->json),
                                  SLICE("[{\"time\":\"2023-11-14T22:13:20.029Z\",\"who\":\"127.0.0.1\",\"action\":"
                                        "\"keys.add\",\"target\":\"key_29\",\"detail\":null,\"outcome\":\"done\"},")));
    assert_json(f, "\"target\":\"key_15\"");
    history_fixture_ask_audit(f, 100, 1700000000025);
    assert_int_equal(n_of(f, "\"action\""), 25);
    assert_true(slice_starts_with(buf_slice(&f->json), SLICE("[{\"time\":\"2023-11-14T22:13:20.024Z\"")));
    history_fixture_close(f);
    history_fixture_open(f);
    history_fixture_ask_audit(f, 100, 0);
    assert_int_equal(n_of(f, "\"action\""), 30);
}

static void a_reset_removes_usage_and_nothing_else(void **state)
{
    struct history_fixture *f = *state;
    history_fixture_tell_some(f, 50);
    history_fixture_write(f);
    history_fixture_tell_some(f, 50); // these wait
    history_fixture_reset(f);
    assert_int_equal(f->r, 0);
    assert_true(f->n > 0);
    usage_cells_clear(f->expected);
    history_fixture_assert_exact(f);
    history_fixture_tell_some(f, 10);
    history_fixture_write(f);
    history_fixture_assert_exact(f);
    assert_int_equal(history_fixture_number(f, "SELECT count(*) FROM request"), 110);
}

static void tell_old_ones(struct history_fixture *f, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct request_facts facts = history_fixture_facts(i, clock_wall_ms() - (int64_t)(40 * 24 + i) * 3600000);
        facts.id = SLICE("old");
        history_fixture_tell(f, &facts);
        if (i % 500 == 499) {
            history_take_now(f->history);
        }
    }
}

static bool is_pruned(struct history_fixture *f)
{
    return f->history->state == HISTORY_IDLE && f->history->work.task == HISTORY_PRUNE && f->history->work.n == 0;
}

static void what_is_too_old_goes(void **state)
{
    struct history_fixture *f = *state;
    tell_old_ones(f, 2 * HISTORY_PIECE_ROWS + 500);
    history_add_audit(f->history, &(struct history_audit_entry){.time_ms = 1700000000000, .action = SLICE("old")});
    history_fixture_write(f);
    usage_cells_clear(f->expected);
    history_fixture_tell_some(f, 20);
    history_fixture_write(f);
    f->history->is_prune_due = true;
    history_start_next(f->history);
    history_fixture_run_until(f, is_pruned);
    history_fixture_assert_exact(f);
    assert_int_equal(history_fixture_number(f, "SELECT count(*) FROM request WHERE n>>12<(unixepoch()-30*86400)*1000"),
                     0);
    assert_int_equal(
        history_fixture_number(f, "SELECT count(*) FROM request_mark WHERE n NOT IN(SELECT n FROM request)"), 0);
    assert_true(history_fixture_number(f, "SELECT count(*) FROM request") > 0);
    assert_int_equal(history_fixture_number(f, "SELECT count(*) FROM audit"), 0);
}

// What the file has of requests is bounded, too; here it is made to believe that it has more than it has.
static void of_too_many_requests_the_newest_stay(void **state)
{
    struct history_fixture *f = *state;
    const struct request_filter filter = {.limit = 1000};
    history_fixture_tell_some(f, 30);
    history_fixture_write(f);
    f->history->work.db.n_marks = HISTORY_REQUESTS_KEPT;
    history_fixture_tell_some(f, 10);
    history_fixture_write(f);
    assert_int_equal(history_fixture_number(f, "SELECT count(*) FROM request"), 30);
    assert_int_equal(history_fixture_number(f, "SELECT count(*) FROM request_mark"), 30);
    assert_int_equal(f->history->work.db.n_marks, HISTORY_REQUESTS_KEPT);
    history_fixture_ask_requests(f, &filter);
    assert_int_equal(n_of(f, "\"id\":"), 30);
    assert_json(f, "\"request-39\"");
    history_fixture_assert_exact(f);
}

static void a_cleanup_removes_what_is_old_and_of_no_key(void **state)
{
    const struct slice known[] = {SLICE("key_1"), SLICE("key_3")};
    struct history_fixture *f = *state;
    tell_old_ones(f, 50);
    history_fixture_write(f);
    usage_cells_clear(f->expected);
    history_fixture_tell_some(f, 100);
    int64_t n_old = history_fixture_number(f, "SELECT count(*) FROM usage") + 2 * 50;
    history_fixture_write(f);
    int64_t n_strange = history_fixture_number(f, "SELECT count(*) FROM usage WHERE key='key_2'");
    history_fixture_cleanup(f, clock_wall_ms() - INT64_C(30) * 24 * 3600000, known, 2);
    assert_int_equal(f->r, 0);
    assert_true(n_strange > 0);
    assert_true((int64_t)f->n >= n_strange && (int64_t)f->n <= n_old + n_strange);
    assert_int_equal(history_fixture_number(f, "SELECT count(*) FROM usage WHERE key='key_2'"), 0);
    assert_true(history_fixture_number(f, "SELECT count(*) FROM usage WHERE key=''") > 0);
    assert_int_equal(history_fixture_number(f, "SELECT count(DISTINCT key) FROM usage"), 3);
    assert_int_equal(history_fixture_number(f, "SELECT count(*) FROM request"), 100);
    int64_t n_before = history_fixture_number(f, "SELECT count(*) FROM usage");
    history_fixture_cleanup(f, 0, NULL, 0);
    assert_int_equal(f->n, 0);
    assert_int_equal(history_fixture_number(f, "SELECT count(*) FROM usage"), n_before);
}

static void on_closed(void *arg)
{
    *(bool *)arg = true;
}

static void on_forgotten(void *arg, const struct usage_cells *cells, struct slice problem)
{
    (void)cells;
    (void)problem;
    *(bool *)arg = true;
}

static void what_is_forgotten_does_not_come(void **state)
{
    struct history_fixture *f = *state;
    bool has_come = false;
    struct history_ask *first = history_usage(f->history, 0, 0, 0, on_forgotten, &has_come);
    struct history_ask *second = history_usage(f->history, 0, 0, 0, on_forgotten, &has_come);
    history_usage(f->history, 0, 0, 0, on_forgotten, &has_come);
    history_ask_forget(first); // is worked at
    history_ask_forget(second);
    assert_false(has_come);
    bool is_closed = false;
    history_close(f->history, on_closed, &is_closed); // with one that is open
    history_usage(f->history, 0, 0, 0, on_forgotten, &has_come);
    loop_deinit(&f->loop);
    assert_true(is_closed);
    history_free(f->history);
    f->history = NULL;
    assert_false(has_come);
}

static void closed_while_it_writes(void **state)
{
    struct history_fixture *f = *state;
    history_fixture_tell_some(f, 50);
    f->history->is_write_due = true;
    history_start_next(f->history);
    history_fixture_tell_some(f, 50);
    history_fixture_close(f);
    assert_int_equal(history_fixture_number(f, "SELECT sum(requests) FROM usage"), 100);
    assert_false(store_fixture_has(&f->store, "usage.db-wal")); // one whole file is left
}

static bool is_at_rest(struct history_fixture *f)
{
    return f->history->state == HISTORY_IDLE && !f->history->work.db.sqlite;
}

static void at_rest_it_is_closed_and_goes_on_after_it(void **state)
{
    struct history_fixture *f = *state;
    history_fixture_tell_some(f, 10);
    history_fixture_write(f);
    f->history->is_rest_due = true;
    history_start_next(f->history);
    history_fixture_run_until(f, is_at_rest);
    assert_false(store_fixture_has(&f->store, "usage.db-wal"));
    history_fixture_tell_some(f, 10);
    history_fixture_write(f);
    history_fixture_assert_exact(f);
}

static void hours_are_those_of_the_time_zone(void **state)
{
    struct history_fixture *f = *state;
    struct request_facts facts = history_fixture_facts(1, 1700000000000);
    setenv("TZ", "Asia/Kolkata", 1);
    tzset();
    history_fixture_tell(f, &facts);
    history_fixture_write(f);
    unsetenv("TZ");
    tzset();
    assert_int_equal(history_fixture_number(f, "SELECT hour FROM usage"), 1699997400);
}

// ---- any order of telling, writing, failing and asking --------------------------------------------------------------

struct locker {
    sqlite3 *sqlite;
    bool is_locked;
};

static void toggle_lock(struct history_fixture *f, struct locker *locker)
{
    if (!locker->sqlite) {
        const char *path = arena_printf(&f->store.arena, "%s/usage.db", f->store.folder).ptr;
        assert_int_equal(sqlite3_open(path, &locker->sqlite), SQLITE_OK);
    }
    const char *sql = locker->is_locked ? "COMMIT" : "BEGIN IMMEDIATE";
    if (sqlite3_exec(locker->sqlite, sql, NULL, NULL, NULL) == SQLITE_OK) { // else it is just written
        locker->is_locked = !locker->is_locked;
    }
}

static void do_anything(struct history_fixture *f, struct locker *locker, uint64_t *seed)
{
    switch (request_fixture_random(seed) % 8) {
    case 0:
    case 1: history_fixture_tell_some(f, (unsigned)(request_fixture_random(seed) % 40)); break;
    case 2:
        f->history->is_write_due = true;
        history_start_next(f->history);
        break;
    case 3:
    case 4: uv_run(&f->loop.uv, UV_RUN_NOWAIT); break;
    case 5: toggle_lock(f, locker); break;
    case 6: history_fixture_assert_exact(f); break;
    default:
        if (request_fixture_random(seed) % 4 == 0) {
            history_fixture_reset(f);
            if (f->r == 0) {
                usage_cells_clear(f->expected);
            }
        }
    }
}

static void any_order_gives_exact_sums(void **state)
{
    struct history_fixture *f = *state;
    struct locker locker = {NULL, false};
    uint64_t seed = 7;
    history_fixture_tell_some(f, 1);
    history_fixture_write(f);
    for (int i = 0; i < 400; i++) {
        do_anything(f, &locker, &seed);
    }
    if (locker.is_locked) {
        toggle_lock(f, &locker);
    }
    sqlite3_close(locker.sqlite);
    history_fixture_write(f);
    history_fixture_assert_exact(f);
    struct history_numbers numbers = history_numbers(f->history);
    assert_true(numbers.n_writes_failed > 0);
    assert_true(histogram_total(&numbers.writes) > 0);
    history_fixture_close(f);
    history_fixture_open(f);
    history_fixture_assert_exact(f);
}

static int set_up(void **state)
{
    static struct history_fixture fixture;
    history_fixture_init(&fixture);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    history_fixture_deinit(*state);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_made_before_it_is_needed),
        TEST(the_rings_are_looked_at_seldom_from_the_beginning),
        TEST(sums_are_exact_before_and_after_they_are_written),
        TEST(files_are_for_their_owner_only),
        TEST(requests_are_listed_and_found),
        TEST(filters_find_the_same_before_and_after_writing),
        TEST(of_too_many_those_that_failed_are_kept),
        TEST(a_ring_is_not_believed),
        TEST(audit_entries_are_told_newest_first),
        TEST(a_reset_removes_usage_and_nothing_else),
        TEST(what_is_too_old_goes),
        TEST(of_too_many_requests_the_newest_stay),
        TEST(a_cleanup_removes_what_is_old_and_of_no_key),
        TEST(what_is_forgotten_does_not_come),
        TEST(closed_while_it_writes),
        TEST(at_rest_it_is_closed_and_goes_on_after_it),
        TEST(hours_are_those_of_the_time_zone),
        TEST(any_order_gives_exact_sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
