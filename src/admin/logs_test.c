// SPDX-License-Identifier: MIT
// The routes of the log over a real socket; what is logged is put into the live log by hand.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "admin/admin_fixture.h"
#include "admin/live_log.h"
#include "kit/loopback.h"

static const char with_key[] = "x-admin-key: " ADMIN_FIXTURE_KEY "\r\n";

static void add(struct admin_fixture *f, enum log_level level, const char *area, const char *text)
{
    struct slice s = slice_from_cstr(text);
    struct log_message message = {level, area, 1767323045678, s, s.len};
    live_log_add(f->live_log, &message);
}

static void add_four(struct admin_fixture *f)
{
    add(f, LOG_DEBUG, "one", "an apple");
    add(f, LOG_INFO, "keys", "a \"pear\" & \\ \xff");
    add(f, LOG_WARN, "three", "Apple pie");
    add(f, LOG_ERROR, "three", "cherries");
}

static void history_tells_entries(void **state)
{
    struct admin_fixture *f = *state;
    admin_fixture_ask(f, "GET", "/admin/logs/history", NULL);
    admin_fixture_expect(f, 200);
    assert_int_equal(admin_fixture_count(f, "data"), 0);
    add_four(f);
    admin_fixture_ask(f, "GET", "/admin/logs/history", NULL);
    admin_fixture_expect(f, 200);
    assert_int_equal(admin_fixture_count(f, "data"), 4);
    assert_int_equal(admin_fixture_int(f, "data.1.number"), 2);
    assert_string_equal(admin_fixture_text(f, "data.1.time"), "2026-01-02T03:04:05.678Z");
    assert_string_equal(admin_fixture_text(f, "data.1.level"), "info");
    assert_string_equal(admin_fixture_text(f, "data.1.area"), "keys");
    assert_string_equal(admin_fixture_text(f, "data.1.message"), "a \"pear\" & \\ \xEF\xBF\xBD");
}

static void history_is_filtered(void **state)
{
    static const struct {
        const char *query;
        size_t n;
        int64_t first; // 0: none
    } rows[] = {
        {"", 4, 1},
        {"?level=debug", 4, 1},
        {"?level=warn", 2, 3},
        {"?level=error", 1, 4},
        {"?keyword=apple", 2, 1},
        {"?keyword=APPLE&level=info", 1, 3},
        {"?keyword=three", 2, 3},
        {"?keyword=a%20%22pear", 1, 2},
        {"?keyword=nothing", 0, 0},
        {"?keyword=", 4, 1},
        {"?limit=2", 2, 3},
        {"?limit=1&keyword=apple", 1, 3},
        {"?limit=500", 4, 1},
        {"?before=3", 2, 1},
        {"?before=3&limit=1", 1, 2},
        {"?before=1", 0, 0},
        {"?before=0", 0, 0},
        {"?before=9007199254740991", 4, 1},
        {"?unknown=1", 4, 1},
    };
    struct admin_fixture *f = *state;
    add_four(f);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char target[128];
        snprintf(target, sizeof(target), "/admin/logs/history%s", rows[i].query);
        admin_fixture_ask(f, "GET", target, NULL);
        admin_fixture_expect(f, 200);
        if (admin_fixture_count(f, "data") != rows[i].n) {
            fail_msg("%s: %.*s", rows[i].query, SLICE_ARG(f->body));
        }
        if (rows[i].first) {
            assert_int_equal(admin_fixture_int(f, "data.0.number"), rows[i].first);
        }
    }
}

static void queries_that_are_wrong_are_named(void **state)
{
    static const struct {
        const char *target;
        const char *name;
    } rows[] = {
        {"history?level=loud", "'level'"},
        {"history?level=off", "'level'"},
        {"history?limit=0", "'limit'"},
        {"history?limit=501", "'limit'"},
        {"history?limit=1.5", "'limit'"},
        {"history?before=x", "'before'"},
        {"history?before=-1", "'before'"},
        {"history?before=9007199254740992", "'before'"},
        {"history?before=99999999999999999999999", "'before'"},
        {"stream?level=5", "'level'"},
        {"stream?limit=501", "'limit'"},
        {"stream?after=now", "'after'"},
    };
    struct admin_fixture *f = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char target[128];
        snprintf(target, sizeof(target), "/admin/logs/%s", rows[i].target);
        admin_fixture_ask(f, "GET", target, NULL);
        admin_fixture_expect(f, 400);
        if (!strstr(admin_fixture_text(f, "message"), rows[i].name)) {
            fail_msg("%s: %.*s", target, SLICE_ARG(f->body));
        }
    }
}

static void clearing_forgets(void **state)
{
    struct admin_fixture *f = *state;
    add_four(f);
    admin_fixture_ask(f, "DELETE", "/admin/logs/clear", NULL);
    admin_fixture_expect(f, 200);
    assert_int_equal(admin_fixture_int(f, "data.cleared"), 4);
    admin_fixture_ask(f, "GET", "/admin/logs/stats", NULL);
    admin_fixture_expect(f, 200);
    assert_int_equal(admin_fixture_int(f, "data.kept"), 0);
    assert_int_equal(admin_fixture_int(f, "data.total"), 4);
    assert_int_equal(admin_fixture_int(f, "data.by_level.warn"), 1);
    add(f, LOG_INFO, "test", "after");
    admin_fixture_ask(f, "GET", "/admin/logs/history", NULL);
    assert_int_equal(admin_fixture_int(f, "data.0.number"), 5);
}

static struct live_log_file tell_file(void *arg)
{
    return (struct live_log_file){
        .is_wanted = true, .folder = "logs", .path = "logs/x.log", .problem = arg, .n_dropped = 7};
}

static void files_are_told_of(void **state)
{
    struct admin_fixture *f = *state;
    char problem[] = "No space left";
    admin_fixture_ask(f, "GET", "/admin/logs/stats", NULL);
    assert_true(admin_fixture_is_null(f, "data.file.directory"));
    assert_true(admin_fixture_is_null(f, "data.file.problem"));
    live_log_set_file(f->live_log, tell_file, problem);
    admin_fixture_ask(f, "GET", "/admin/logs/stats", NULL);
    assert_string_equal(admin_fixture_text(f, "data.file.directory"), "logs");
    assert_string_equal(admin_fixture_text(f, "data.file.path"), "logs/x.log");
    assert_string_equal(admin_fixture_text(f, "data.file.problem"), problem);
    assert_false(admin_fixture_bool(f, "data.file.is_written"));
    assert_int_equal(admin_fixture_int(f, "data.dropped"), 7);
}

static void a_stream_tells_what_comes_and_ends_with_the_process(void **state)
{
    struct admin_fixture *f = *state;
    add_four(f);
    admin_fixture_send(f, "GET", "/admin/logs/stream?limit=1", with_key, SLICE_EMPTY);
    assert_true(loopback_receive_text(f->client, &f->loop, SLICE("\"cherries\"}\n\n")));
    add(f, LOG_INFO, "test", "present");
    assert_true(loopback_receive_text(f->client, &f->loop, SLICE("\"present\"}\n\n")));
    add(f, LOG_INFO, "test", "the last");
    admin_drain(f->admin);
    admin_fixture_receive(f, false); // a whole answer
    assert_int_equal(f->status, 200);
    assert_string_equal(admin_fixture_header(f, "content-type"), "text/event-stream");
    static const char expected[] =
        "id: 4\nevent: log\ndata: {\"number\":4,\"time\":\"2026-01-02T03:04:05.678Z\",\"level\":\"error\","
        "\"area\":\"three\",\"message\":\"cherries\"}\n\n"
        "id: 5\nevent: log\ndata: {\"number\":5,\"time\":\"2026-01-02T03:04:05.678Z\",\"level\":\"info\","
        "\"area\":\"test\",\"message\":\"present\"}\n\n"
        "id: 6\nevent: log\ndata: {\"number\":6,\"time\":\"2026-01-02T03:04:05.678Z\",\"level\":\"info\","
        "\"area\":\"test\",\"message\":\"the last\"}\n\n";
    assert_true(slice_eq(f->body, SLICE(expected)));
    // Whoever comes now gets what there is and is let go.
    admin_fixture_ask(f, "GET", "/admin/logs/stream?after=4", NULL);
    assert_int_equal(f->status, 200);
    assert_int_equal(f->body.len, strlen(strstr(expected, "id: 5")));
}

static void without_a_log_the_routes_say_so(void **state)
{
    static const char *const rows[][2] = {{"GET", "/admin/logs/stream"},
                                          {"GET", "/admin/logs/history"},
                                          {"GET", "/admin/logs/stats"},
                                          {"DELETE", "/admin/logs/clear"}};
    struct admin_fixture *f = *state;
    struct live_log *log = f->live_log;
    f->live_log = NULL;
    admin_fixture_restart(f);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        admin_fixture_ask(f, rows[i][0], rows[i][1], NULL);
        admin_fixture_expect(f, 503);
    }
    admin_drain(f->admin);
    live_log_free(log);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, admin_fixture_setup, admin_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(history_tells_entries),
        TEST(history_is_filtered),
        TEST(queries_that_are_wrong_are_named),
        TEST(clearing_forgets),
        TEST(files_are_told_of),
        TEST(a_stream_tells_what_comes_and_ends_with_the_process),
        TEST(without_a_log_the_routes_say_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
