// SPDX-License-Identifier: MIT
// Known facts go through a real ring into a real database, and are asked for. The time zone is one in which it is noon
// now, a quarter of an hour off from UTC: so days begin where those of UTC do not, and none begins while a test runs.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "admin/admin_fixture.h"
#include "base/clock.h"
#include "kit/loopback.h"
#include "usage/local_hour.h"

static const char *const secret_one = "fk-a-first-secret-that-is-long";
static const char *const secret_two = "fk-a-second-secret-that-is-long";

static int set_up(void **state)
{
    char zone[32];
    time_t now = (time_t)(clock_wall_ms() / 1000);
    struct tm utc;
    gmtime_r(&now, &utc);
    snprintf(zone, sizeof(zone), "TST%d:15", utc.tm_hour - 12);
    setenv("TZ", zone, 1);
    tzset();
    return admin_fixture_setup(state);
}

// ---- facts ----------------------------------------------------------------------------------------------------------

static int64_t today_s(void)
{
    return local_day_start(clock_wall_ms() / 1000);
}

struct told {
    const char *model;
    const char *key;
    const char *failed_key; // tried before; NULL: none
    enum request_end end;
    unsigned status;
    int64_t time_ms;
    int64_t input;
    int64_t output;
    uint64_t duration_ms;
    int64_t ttft_ms;
    unsigned n_attempts;
    bool is_partial;
};

static void tell(struct admin_fixture *f, const struct told *told)
{
    static unsigned n;
    char id[32];
    struct trail_entry entries[2];
    uint32_t n_entries = 0;
    snprintf(id, sizeof(id), "request-%u", ++n);
    if (told->failed_key) {
        entries[n_entries++] = (struct trail_entry){
            .key = slice_from_cstr(told->failed_key), .outcome = "http_5xx", .reason = "endpoint", .status = 503};
    }
    if (told->n_attempts > n_entries) {
        entries[n_entries++] = (struct trail_entry){.key = slice_from_cstr(told->key),
                                                    .outcome = told->end == REQUEST_SUCCESS   ? "ok"
                                                               : told->end == REQUEST_ABORTED ? "cancelled"
                                                                                              : "http_4xx",
                                                    .status = told->status};
    }
    struct request_facts facts = {
        .id = slice_from_cstr(id),
        .path = SLICE("/v1/messages"),
        .model = slice_from_cstr(told->model),
        .counted_model = slice_from_cstr(told->model),
        .key = slice_from_cstr(told->key),
        .client = SLICE("192.0.2.7"),
        .route = SLICE("messages"),
        .dialect = SLICE("anthropic"),
        .trail = {.entries = entries, .n = n_entries, .cap = n_entries},
        .time_ms = told->time_ms,
        .ttft_ms = told->ttft_ms ? told->ttft_ms : -1,
        .duration_ms = told->duration_ms,
        .usage = {told->input, told->output, told->output / 2, told->input / 2, told->input / 5},
        .end = told->end,
        .is_partial = told->is_partial,
        .status = told->status,
        .n_attempts = told->n_attempts,
    };
    admin_fixture_tell(f, &facts);
}

// Two keys that are in the pool and one that is not, over several days.
struct history_of_keys {
    const char *one;
    const char *two;
    int64_t today_ms;
};

static struct history_of_keys tell_all(struct admin_fixture *f)
{
    struct history_of_keys keys = {.today_ms = today_s() * 1000};
    keys.one = admin_fixture_add(f, secret_one, "default");
    keys.two = admin_fixture_add(f, secret_two, "default");
    const int64_t day_ms = 24LL * 3600 * 1000;
    const struct told rows[] = {
        // today
        {"small", keys.one, keys.two, REQUEST_SUCCESS, 200, keys.today_ms, 100, 20, 800, 200, 2, false},
        {"small", keys.two, NULL, REQUEST_FAILED, 502, keys.today_ms + 3600000, 0, 0, 50, 0, 1, false},
        {"large", keys.one, NULL, REQUEST_ABORTED, 200, keys.today_ms + 3700000, 10, 4, 90, 30, 1, true},
        {"", "", NULL, REQUEST_FAILED, 404, keys.today_ms + 3800000, 0, 0, 1, 0, 0, false},
        // a moment before
        {"small", keys.one, NULL, REQUEST_SUCCESS, 200, keys.today_ms - 1, 1000, 200, 1600, 400, 1, false},
        // days before
        {"small", "key_gone", NULL, REQUEST_SUCCESS, 200, keys.today_ms - 6 * day_ms, 7, 3, 8, 8, 1, false},
        {"small", "key_gone", NULL, REQUEST_SUCCESS, 200, keys.today_ms - 6 * day_ms - 1, 70, 30, 8, 8, 1, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        tell(f, &rows[i]);
    }
    return keys;
}

// ---- looking --------------------------------------------------------------------------------------------------------

static void ask(struct admin_fixture *f, const char *target)
{
    admin_fixture_ask(f, "GET", target, NULL);
    admin_fixture_expect(f, 200);
    assert_true(admin_fixture_is_null(f, "incomplete"));
    assert_int_equal(slice_find(f->body, SLICE("secret-that")), SLICE_NOT_FOUND);
}

static int64_t number(struct admin_fixture *f, const char *place, const char *name)
{
    char path[128];
    snprintf(path, sizeof(path), "data.%s.%s", place, name);
    return admin_fixture_int(f, path);
}

static bool is_null(struct admin_fixture *f, const char *place, const char *name)
{
    char path[128];
    snprintf(path, sizeof(path), "data.%s.%s", place, name);
    return admin_fixture_is_null(f, path);
}

static double rate(struct admin_fixture *f, const char *place, const char *name)
{
    char path[128];
    double value = -1;
    snprintf(path, sizeof(path), "data.%s.%s", place, name);
    const struct json_node *node = admin_fixture_find(f, path);
    assert_non_null(node);
    assert_true(json_double(&f->doc, node, &value));
    return value;
}

static const char *text(struct admin_fixture *f, const char *place, const char *name)
{
    char path[128];
    snprintf(path, sizeof(path), "data.%s.%s", place, name);
    return admin_fixture_text(f, path);
}

static const char *date_of(int64_t days_ago)
{
    static char date[LOCAL_DATE_SIZE];
    local_date(local_day_add(today_s(), -(int)days_ago), date);
    return date;
}

static void expect_counts(struct admin_fixture *f, const char *place, const int64_t counts[6])
{
    static const char *const names[] = {"requests", "success", "failed", "aborted", "attempts", "failed_attempts"};
    for (size_t i = 0; i < 6; i++) {
        if (number(f, place, names[i]) != counts[i]) {
            fail_msg("%s.%s is %lld, not %lld", place, names[i], (long long)number(f, place, names[i]),
                     (long long)counts[i]);
        }
    }
}

// ---- tests ----------------------------------------------------------------------------------------------------------

static void at_first_nothing_was_used(void **state)
{
    static const char *const places[] = {"total", "today", "last_7_days", "last_30_days"};
    struct admin_fixture *f = *state;
    ask(f, "/admin/stats/full");
    for (size_t i = 0; i < 4; i++) {
        expect_counts(f, places[i], (int64_t[6]){0});
        assert_int_equal(number(f, places[i], "tokens.total"), 0);
        assert_true(is_null(f, places[i], "success_rate"));
        assert_true(is_null(f, places[i], "attempt_success_rate"));
        assert_true(is_null(f, places[i], "duration_ms.p50"));
        assert_true(is_null(f, places[i], "ttft_ms.mean"));
    }
    assert_int_equal(admin_fixture_count(f, "data.by_day"), 30);
    assert_int_equal(admin_fixture_count(f, "data.by_model"), 0);
    assert_int_equal(admin_fixture_count(f, "data.by_key"), 0);
    ask(f, "/admin/stats/today");
    assert_int_equal(admin_fixture_count(f, "data.by_hour"), 24);
    ask(f, "/admin/stats/trend");
    assert_int_equal(admin_fixture_count(f, "data.by_day"), 7);
    ask(f, "/admin/stats/trend?days=365");
    assert_int_equal(admin_fixture_count(f, "data.by_day"), 365);
    assert_string_equal(text(f, "by_day.0", "date"), date_of(364));
    ask(f, "/admin/stats/hourly?days=1");
    assert_int_equal(admin_fixture_count(f, "data.by_day"), 1);
    assert_int_equal(admin_fixture_count(f, "data.by_day.0.by_hour"), 24);
    ask(f, "/admin/stats/keys");
    assert_int_equal(number(f, "without_key", "requests"), 0);
}

static void sums_are_right(struct admin_fixture *f)
{
    ask(f, "/admin/stats/summary");
    assert_string_equal(admin_fixture_text(f, "data.date"), date_of(0));
    expect_counts(f, "total", (int64_t[6]){7, 4, 2, 1, 7, 2});
    expect_counts(f, "today", (int64_t[6]){4, 1, 2, 1, 4, 2});
    expect_counts(f, "last_7_days", (int64_t[6]){6, 3, 2, 1, 6, 2});
    expect_counts(f, "last_30_days", (int64_t[6]){7, 4, 2, 1, 7, 2});
    assert_int_equal(number(f, "today", "partial"), 1);
    assert_int_equal(number(f, "today", "tokens.input"), 110);
    assert_int_equal(number(f, "today", "tokens.output"), 24);
    assert_int_equal(number(f, "today", "tokens.thinking"), 12);
    assert_int_equal(number(f, "today", "tokens.cache_read"), 55);
    assert_int_equal(number(f, "today", "tokens.cache_creation"), 22);
    assert_int_equal(number(f, "today", "tokens.total"), 134);
    assert_true(rate(f, "today", "success_rate") == 1.0 / 3);
    assert_true(rate(f, "today", "attempt_success_rate") == 0.5);
    assert_int_equal(number(f, "today", "duration_ms.mean"), 800);
    assert_in_range(number(f, "today", "duration_ms.p50"), 700, 900);
    assert_int_equal(number(f, "today", "ttft_ms.mean"), 115);
    assert_in_range(number(f, "today", "ttft_ms.p99"), 175, 225);
    assert_int_equal(number(f, "total", "duration_ms.mean"), 604);
}

static void known_facts_are_added_up(void **state)
{
    struct admin_fixture *f = *state;
    tell_all(f);
    sums_are_right(f); // out of memory, or the database, or both
    admin_fixture_restart(f);
    sums_are_right(f); // out of the database
}

static void days_begin_at_local_midnight(void **state)
{
    struct admin_fixture *f = *state;
    tell_all(f);
    ask(f, "/admin/stats/trend?days=8");
    assert_string_equal(admin_fixture_text(f, "data.from"), date_of(7));
    assert_string_equal(admin_fixture_text(f, "data.to"), date_of(0));
    static const int64_t requests[] = {1, 1, 0, 0, 0, 0, 1, 4};
    static const int64_t tokens[] = {100, 10, 0, 0, 0, 0, 1200, 134};
    for (int i = 0; i < 8; i++) {
        char place[32];
        snprintf(place, sizeof(place), "by_day.%d", i);
        assert_string_equal(text(f, place, "date"), date_of(7 - i));
        assert_int_equal(number(f, place, "requests"), requests[i]);
        assert_int_equal(number(f, place, "tokens.total"), tokens[i]);
    }
    assert_int_equal(number(f, "total", "requests"), 7);
    admin_fixture_ask(f, "GET", "/admin/token/trend?days=8", NULL);
    admin_fixture_expect(f, 200);
    for (int i = 0; i < 8; i++) {
        char place[32];
        snprintf(place, sizeof(place), "%d", i);
        assert_string_equal(text(f, place, "date"), date_of(7 - i));
        assert_int_equal(number(f, place, "tokens"), tokens[i]);
        assert_int_equal(number(f, place, "requests"), requests[i]);
    }
}

static void hours_are_those_of_the_wall(void **state)
{
    struct admin_fixture *f = *state;
    tell_all(f);
    ask(f, "/admin/stats/today");
    assert_int_equal(admin_fixture_count(f, "data.by_hour"), 24);
    expect_counts(f, "by_hour.0", (int64_t[6]){1, 1, 0, 0, 2, 1});
    expect_counts(f, "by_hour.1", (int64_t[6]){3, 0, 2, 1, 2, 1});
    expect_counts(f, "by_hour.2", (int64_t[6]){0});
    assert_int_equal(number(f, "by_hour.23", "hour"), 23);
    char time[CLOCK_ISO8601_SIZE];
    clock_format_iso8601(time, (today_s() + 3600) * 1000);
    assert_string_equal(text(f, "by_hour.1", "time"), time);
    assert_int_equal(admin_fixture_count(f, "data.by_model"), 3);
    assert_string_equal(text(f, "by_model.0", "model"), "small");
    expect_counts(f, "by_model.0", (int64_t[6]){2, 1, 1, 0, 3, 2});
    assert_string_equal(text(f, "by_model.1", "model"), "large");
    assert_string_equal(text(f, "by_model.2", "model"), "other");
    ask(f, "/admin/stats/hourly?days=2");
    assert_int_equal(admin_fixture_count(f, "data.by_day"), 2);
    assert_string_equal(text(f, "by_day.0", "date"), date_of(1));
    assert_int_equal(admin_fixture_count(f, "data.by_day.0.by_hour"), 24);
    assert_int_equal(number(f, "by_day.0.by_hour.23", "hour"), 23);
    expect_counts(f, "by_day.0.by_hour.23", (int64_t[6]){1, 1, 0, 0, 1, 0});
    expect_counts(f, "by_day.1.by_hour.0", (int64_t[6]){1, 1, 0, 0, 2, 1});
    expect_counts(f, "by_day.1.by_hour.1", (int64_t[6]){3, 0, 2, 1, 2, 1});
    assert_int_equal(number(f, "by_day.1.by_hour.1", "tokens.total"), 14);
}

static void a_choice_is_of_model_and_key(void **state)
{
    static const struct {
        const char *query;
        bool has_key; // `query` ends with the id of the first key
        int64_t today[6];
        int64_t week; // requests
    } rows[] = {
        {"?model=small", false, {2, 1, 1, 0, 3, 2}, 4},
        {"?model=other", false, {1, 0, 1, 0, 0, 0}, 1},
        {"?model=nothing", false, {0}, 0},
        {"?key=key_gone", false, {0}, 1},
        {"?key=", true, {2, 1, 0, 1, 2, 0}, 3},
        {"?model=large&key=", true, {1, 0, 0, 1, 1, 0}, 1},
        {"?key=nobody", false, {0}, 0},
        {"?model=&key=&nothing=1", false, {4, 1, 2, 1, 4, 2}, 6},
    };
    struct admin_fixture *f = *state;
    char target[128];
    struct history_of_keys keys = tell_all(f);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const char *id = rows[i].has_key ? keys.one : "";
        snprintf(target, sizeof(target), "/admin/stats/summary%s%s", rows[i].query, id);
        ask(f, target);
        expect_counts(f, "today", rows[i].today);
        assert_int_equal(number(f, "last_7_days", "requests"), rows[i].week);
        snprintf(target, sizeof(target), "/admin/stats/today%s%s", rows[i].query, id);
        ask(f, target);
        expect_counts(f, "total", rows[i].today);
        snprintf(target, sizeof(target), "/admin/stats/trend%s%s&days=7", rows[i].query, id);
        ask(f, target);
        expect_counts(f, "by_day.6", rows[i].today);
        assert_int_equal(number(f, "total", "requests"), rows[i].week);
        snprintf(target, sizeof(target), "/admin/stats/hourly%s%s&days=7", rows[i].query, id);
        ask(f, target);
        assert_int_equal(number(f, "total", "requests"), rows[i].week);
    }
}

// Those of tell_all(): one never failed, two always did, and the one that is gone never did.
static void keys_are_ranked(void **state)
{
    static const struct {
        const char *query;
        const char *first; // "one", "two", "gone"
        size_t n;
    } rows[] = {
        {"", "one", 3},
        {"?order=asc", "two", 3},
        {"?order=asc&limit=1", "two", 1},
        {"?sort=success_rate&order=desc&limit=2", "one", 2},
        {"?sort=requests", "one", 3},
        {"?sort=failed", "two", 3},
        {"?sort=failed_attempts", "two", 3},
        {"?sort=attempts&order=asc", "gone", 3},
        {"?sort=tokens", "one", 3},
        {"?sort=duration", "one", 3},
        {"?sort=duration&order=asc", "gone", 3}, // nothing is known of the second
        {"?sort=ttft&order=asc", "gone", 3},
        {"?model=large", "one", 1},
    };
    struct admin_fixture *f = *state;
    char target[128];
    struct history_of_keys keys = tell_all(f);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const char *first = strcmp(rows[i].first, "one") == 0   ? keys.one
                            : strcmp(rows[i].first, "two") == 0 ? keys.two
                                                                : "key_gone";
        snprintf(target, sizeof(target), "/admin/stats/keys%s", rows[i].query);
        ask(f, target);
        assert_int_equal(admin_fixture_count(f, "data.by_key"), rows[i].n);
        if (strcmp(text(f, "by_key.0", "id"), first) != 0) {
            fail_msg("%s: %.*s", rows[i].query, SLICE_ARG(f->body));
        }
    }
    ask(f, "/admin/stats/keys");
    assert_int_equal(admin_fixture_int(f, "data.total_keys"), 3);
    assert_string_equal(admin_fixture_text(f, "data.from"), date_of(6));
    expect_counts(f, "by_key.0", (int64_t[6]){3, 2, 0, 1, 3, 0});
    assert_false(admin_fixture_bool(f, "data.by_key.0.deleted"));
    assert_non_null(strstr(text(f, "by_key.0", "key"), "\xE2\x80\xA6"));
    assert_string_equal(text(f, "by_key.0", "poolGroup"), "default");
    assert_string_equal(text(f, "by_key.0", "status"), "active");
    assert_string_equal(text(f, "by_key.0", "notes"), "");
    assert_string_equal(text(f, "by_key.1", "id"), "key_gone");
    assert_true(admin_fixture_bool(f, "data.by_key.1.deleted"));
    assert_null(admin_fixture_find(f, "data.by_key.1.key"));
    assert_true(rate(f, "by_key.2", "attempt_success_rate") == 0);
    expect_counts(f, "without_key", (int64_t[6]){1, 0, 1, 0, 0, 0});
    snprintf(target, sizeof(target), "/admin/keys/%s", keys.two);
    admin_fixture_ask(f, "DELETE", target, NULL);
    ask(f, "/admin/stats/full");
    assert_int_equal(admin_fixture_count(f, "data.by_key"), 3);
    assert_int_equal(admin_fixture_int(f, "data.total_keys"), 3);
    assert_string_equal(text(f, "by_key.0", "id"), keys.one);
    assert_string_equal(text(f, "by_key.1", "id"), "key_gone");
    assert_string_equal(text(f, "by_key.2", "id"), keys.two);
    assert_true(admin_fixture_bool(f, "data.by_key.2.deleted"));
}

// More than fit into the ranking, in an order that is no order.
static void of_many_keys_the_best_are_shown(void **state)
{
    enum { N = 300, SHOWN = 7 };
    struct admin_fixture *f = *state;
    char id[N][16];
    for (unsigned i = 0; i < N; i++) {
        unsigned n = i * 101 % N;
        snprintf(id[i], sizeof(id[i]), "key_%03u", n);
        tell(f, &(struct told){"small", id[i], NULL, REQUEST_SUCCESS, 200, clock_wall_ms(), n, 0, 1, 1, 1, false});
    }
    ask(f, "/admin/stats/keys?sort=tokens&limit=7");
    assert_int_equal(admin_fixture_int(f, "data.total_keys"), N);
    assert_int_equal(admin_fixture_count(f, "data.by_key"), SHOWN);
    for (unsigned i = 0; i < SHOWN; i++) {
        char place[16];
        snprintf(place, sizeof(place), "by_key.%u", i);
        assert_int_equal(number(f, place, "tokens.input"), N - 1 - i);
    }
    ask(f, "/admin/stats/keys?sort=tokens&limit=7&order=asc");
    assert_int_equal(number(f, "by_key.6", "tokens.input"), 6);
    ask(f, "/admin/stats/full");
    assert_int_equal(admin_fixture_count(f, "data.by_key"), 100);
    assert_int_equal(admin_fixture_int(f, "data.total_keys"), N);
}

static void wrong_queries_are_refused(void **state)
{
    static const char *const targets[] = {
        "/admin/stats/trend?days=0",         "/admin/stats/trend?days=366",      "/admin/stats/trend?days=week",
        "/admin/stats/trend?days=-1",        "/admin/stats/hourly?days=1.5",     "/admin/stats/hourly?days=99999999999",
        "/admin/stats/keys?days=0",          "/admin/stats/keys?limit=0",        "/admin/stats/keys?limit=1001",
        "/admin/stats/keys?sort=beauty",     "/admin/stats/keys?order=sideways", "/admin/stats/summary?model=%zz",
        "/admin/stats/today?key=%00",        "/admin/token/trend?days=0",        "/admin/token/trend?days=366",
        "/admin/stats/full?model=%c3%28%00",
    };
    struct admin_fixture *f = *state;
    for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++) {
        admin_fixture_ask(f, "GET", targets[i], NULL);
        if (f->status != 400 && f->status != 422) {
            fail_msg("%s: %u", targets[i], f->status);
        }
        assert_true(strlen(admin_fixture_text(f, "message")) > 10);
    }
}

static void a_reset_must_be_meant(void **state)
{
    static const char *const bodies[] = {
        NULL,
        "{}",
        "{\"confirm\":null}",
        "{\"confirm\":\"\"}",
        "{\"confirm\":\"reset_all_stats\"}",
        "{\"confirm\":true}",
        "{\"confirm\":[\"RESET_ALL_STATS\"]}",
        "{\"Confirm\":\"RESET_ALL_STATS\"}",
        "[]",
        "no",
    };
    struct admin_fixture *f = *state;
    tell_all(f);
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
        admin_fixture_ask(f, "POST", "/admin/stats/reset", bodies[i]);
        admin_fixture_expect(f, 400);
    }
    admin_fixture_ask(f, "POST", "/admin/stats/reset", "{\"confirm\":\"yes\"}");
    assert_non_null(strstr(admin_fixture_text(f, "message"), "RESET_ALL_STATS"));
    sums_are_right(f);
    admin_fixture_ask(f, "POST", "/admin/stats/reset", "{\"confirm\":\"RESET_ALL_STATS\"}");
    admin_fixture_expect(f, 200);
    assert_true(admin_fixture_int(f, "data.removed") >= 7);
    ask(f, "/admin/stats/summary");
    expect_counts(f, "total", (int64_t[6]){0});
    ask(f, "/admin/requests");
    assert_int_equal(admin_fixture_count(f, "data"), 7);
    ask(f, "/admin/audit?limit=2");
    assert_string_equal(text(f, "0", "action"), "stats.reset");
    assert_string_equal(text(f, "0", "outcome"), "done");
    assert_string_equal(text(f, "1", "outcome"), "refused");
}

static void usage_of_keys_that_are_gone_is_cleaned_up(void **state)
{
    struct admin_fixture *f = *state;
    tell_all(f);
    admin_fixture_restart(f); // it is written
    admin_fixture_ask(f, "POST", "/admin/token/cleanup", NULL);
    admin_fixture_expect(f, 200);
    assert_true(admin_fixture_is_null(f, "incomplete"));
    assert_int_equal(admin_fixture_int(f, "data.removed"), 2);
    ask(f, "/admin/stats/summary");
    assert_int_equal(number(f, "total", "requests"), 5);
    ask(f, "/admin/audit?limit=1");
    assert_string_equal(text(f, "0", "action"), "token.cleanup");
}

static void heads_have_no_body(void **state)
{
    static const char *const targets[] = {"summary", "full", "today", "trend", "hourly", "keys"};
    struct admin_fixture *f = *state;
    for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++) {
        char target[64];
        snprintf(target, sizeof(target), "/admin/stats/%s", targets[i]);
        admin_fixture_ask(f, "HEAD", target, NULL);
        assert_int_equal(f->status, 200);
        ask(f, target); // what came in between is no part of this answer
    }
    admin_fixture_ask(f, "HEAD", "/admin/requests", NULL);
    assert_int_equal(f->status, 200);
    admin_fixture_ask(f, "HEAD", "/admin/audit", NULL);
    assert_int_equal(f->status, 200);
    admin_fixture_ask(f, "HEAD", "/admin/token/trend", NULL);
    assert_int_equal(f->status, 200);
}

static void clients_may_leave_before_the_answer(void **state)
{
    static const struct {
        const char *method;
        const char *target;
        const char *body;
    } rows[] = {
        {"GET", "/admin/stats/full?model=small", NULL},
        {"GET", "/admin/stats/keys", NULL},
        {"GET", "/admin/requests", NULL},
        {"GET", "/admin/requests/nothing", NULL},
        {"GET", "/admin/audit", NULL},
        {"GET", "/admin/token/trend", NULL},
        {"POST", "/admin/token/cleanup", NULL},
        {"POST", "/admin/stats/reset", "{\"confirm\":\"RESET_ALL_STATS\"}"},
    };
    struct admin_fixture *f = *state;
    tell_all(f);
    for (size_t i = 0; i < 5 * sizeof(rows) / sizeof(*rows); i++) {
        size_t at = i % (sizeof(rows) / sizeof(*rows));
        admin_fixture_send(f, rows[at].method, rows[at].target, "x-admin-key: " ADMIN_FIXTURE_KEY "\r\n",
                           slice_from_cstr(rows[at].body));
        loopback_close(f->client);
        loopback_connect(f->client, f->port);
        admin_fixture_ask(f, "GET", "/admin/stats", NULL);
        admin_fixture_expect(f, 200);
    }
    ask(f, "/admin/audit?limit=1000"); // the change went on, and is told
    assert_non_null(strstr(arena_cstr(&f->arena, f->body), "\"action\":\"stats.reset\""));
}

// ---- a database that cannot be had ----------------------------------------------------------------------------------

struct lock {
    sqlite3 *db;
};

static void run_sql(struct lock *lock, const char *sql)
{
    char *problem = NULL;
    if (sqlite3_exec(lock->db, sql, NULL, NULL, &problem) != SQLITE_OK) {
        fail_msg("%s: %s", sql, problem);
    }
}

static struct lock lock_database(void)
{
    struct lock lock;
    assert_int_equal(sqlite3_open("data/usage.db", &lock.db), SQLITE_OK);
    sqlite3_busy_timeout(lock.db, LOOPBACK_LIMIT_MS);
    run_sql(&lock, "PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE IF NOT EXISTS locked(n)");
    return lock;
}

static bool is_complete(void *arg)
{
    struct admin_fixture *f = arg;
    admin_fixture_ask(f, "GET", "/admin/stats/summary", NULL);
    admin_fixture_expect(f, 200);
    return admin_fixture_is_null(f, "incomplete");
}

static void a_locked_database_is_told_and_does_no_harm(void **state)
{
    struct admin_fixture *f = *state;
    tell_all(f);
    admin_fixture_restart(f); // it is written, and nobody has it open
    struct lock lock = lock_database();
    tell(f, &(struct told){"small", "key_x", NULL, REQUEST_SUCCESS, 200, clock_wall_ms(), 5, 5, 5, 5, 1, false});
    admin_fixture_ask(f, "GET", "/admin/stats/summary", NULL);
    admin_fixture_expect(f, 200);
    assert_true(strlen(admin_fixture_text(f, "incomplete")) > 5);
    assert_int_equal(number(f, "total", "requests"), 1);
    admin_fixture_ask(f, "GET", "/admin/requests", NULL);
    admin_fixture_expect(f, 200);
    assert_true(strlen(admin_fixture_text(f, "incomplete")) > 5);
    assert_int_equal(admin_fixture_count(f, "data"), 1);
    admin_fixture_ask(f, "GET", "/admin/requests/nothing", NULL);
    admin_fixture_expect(f, 503);
    admin_fixture_ask(f, "GET", "/admin/token/trend", NULL);
    admin_fixture_expect(f, 200);
    assert_true(strlen(admin_fixture_text(f, "incomplete")) > 5);
    admin_fixture_ask(f, "POST", "/admin/stats/reset", "{\"confirm\":\"RESET_ALL_STATS\"}");
    admin_fixture_expect(f, 503);
    admin_fixture_ask(f, "POST", "/admin/token/cleanup", NULL);
    admin_fixture_expect(f, 200);
    assert_true(strlen(admin_fixture_text(f, "incomplete")) > 5);
    admin_fixture_ask(f, "GET", "/admin/audit", NULL); // what was tried waits, and is seen
    admin_fixture_expect(f, 200);
    assert_string_equal(text(f, "1", "action"), "stats.reset");
    assert_string_equal(text(f, "1", "outcome"), "not done");
    run_sql(&lock, "ROLLBACK");
    sqlite3_close(lock.db);
    assert_true(loopback_until(&f->loop, is_complete, f));
    assert_int_equal(number(f, "total", "requests"), 8);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, admin_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(at_first_nothing_was_used),
        TEST(known_facts_are_added_up),
        TEST(days_begin_at_local_midnight),
        TEST(hours_are_those_of_the_wall),
        TEST(a_choice_is_of_model_and_key),
        TEST(keys_are_ranked),
        TEST(of_many_keys_the_best_are_shown),
        TEST(wrong_queries_are_refused),
        TEST(a_reset_must_be_meant),
        TEST(usage_of_keys_that_are_gone_is_cleaned_up),
        TEST(heads_have_no_body),
        TEST(clients_may_leave_before_the_answer),
        TEST(a_locked_database_is_told_and_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
