// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "admin/admin_fixture.h"
#include "kit/loopback.h"

#define KEY_LINE "x-admin-key: " ADMIN_FIXTURE_KEY "\r\n"
#define STREAM_LINES KEY_LINE "accept: text/event-stream\r\n"

static const char *const good = "{\"choices\":[{\"message\":{\"content\":\"OK\"},\"finish_reason\":\"stop\"}]}";

static void add_keys(struct admin_fixture *f, unsigned n)
{
    struct buf body = BUF_EMPTY;
    admin_fixture_add_group(f, "main");
    buf_append(&body, SLICE("{\"poolGroup\":\"main\",\"keys\":["));
    for (unsigned i = 0; i < n; i++) {
        buf_printf(&body, "%s\"fk-number-%u\"", i ? "," : "", i);
    }
    buf_append(&body, SLICE("]}"));
    admin_fixture_ask_with(f, "POST", "/admin/keys/batch", KEY_LINE, buf_slice(&body));
    admin_fixture_expect(f, 200);
    buf_deinit(&body);
    f->outside_body = good;
}

static bool waits(void *arg)
{
    return ((struct admin_fixture *)arg)->n_waiting > 0;
}

// ---- one ------------------------------------------------------------------------------------------------------------

static void one_key_is_tested(void **state)
{
    struct admin_fixture *f = *state;
    const char *id = admin_fixture_add(f, "fk-the-one-to-test", "default");
    char target[128];
    f->outside_body = good;
    snprintf(target, sizeof(target), "/admin/keys/%s/test", id);
    admin_fixture_ask(f, "POST", target, NULL);
    admin_fixture_expect(f, 200);
    assert_true(admin_fixture_bool(f, "data.success"));
    assert_int_equal(admin_fixture_int(f, "data.status"), 200);
    assert_string_equal(admin_fixture_text(f, "data.key_status"), "active");
    assert_true(strlen(admin_fixture_text(f, "data.message")) > 0);
    assert_true(admin_fixture_int(f, "data.latency_ms") >= 0);
    f->outside_status = 401;
    f->outside_body = "{\"error\":{\"message\":\"Invalid API key fk-the-one-to-test\"}}";
    admin_fixture_ask(f, "POST", target, NULL);
    admin_fixture_expect(f, 200);
    assert_false(admin_fixture_bool(f, "data.success"));
    assert_int_equal(admin_fixture_int(f, "data.status"), 401);
    assert_true(slice_find(f->body, SLICE("fk-the-one-to-test")) == SLICE_NOT_FOUND);
}

static void a_client_may_leave_its_test(void **state)
{
    struct admin_fixture *f = *state;
    const char *id = admin_fixture_add(f, "fk-one", "default");
    char target[128];
    f->outside_waits = true;
    f->outside_body = good;
    snprintf(target, sizeof(target), "/admin/keys/%s/test", id);
    admin_fixture_send(f, "POST", target, KEY_LINE, SLICE_EMPTY);
    assert_true(loopback_until(&f->loop, waits, f));
    loopback_close(f->client);
    loopback_connect(f->client, f->port);
    admin_fixture_ask(f, "GET", "/admin/stats", NULL);
    admin_fixture_release(f);
    admin_fixture_ask(f, "GET", "/admin/stats", NULL);
    admin_fixture_expect(f, 200);
}

static void a_key_may_go_during_its_test(void **state)
{
    struct admin_fixture *f = *state;
    const char *id = admin_fixture_add(f, "fk-one", "default");
    char target[128];
    struct loopback_client other;
    f->outside_waits = true;
    snprintf(target, sizeof(target), "/admin/keys/%s/test", id);
    admin_fixture_send(f, "POST", target, KEY_LINE, SLICE_EMPTY);
    assert_true(loopback_until(&f->loop, waits, f));
    other = *f->client;
    loopback_connect(f->client, f->port);
    snprintf(target, sizeof(target), "/admin/keys/%s", id);
    admin_fixture_ask(f, "DELETE", target, NULL);
    admin_fixture_expect(f, 200);
    admin_fixture_release(f);
    loopback_close(f->client);
    *f->client = other;
    admin_fixture_receive(f, false);
    admin_fixture_expect(f, 200);
    assert_false(admin_fixture_bool(f, "data.success"));
}

// ---- many -----------------------------------------------------------------------------------------------------------

static void expect_totals(struct admin_fixture *f, const char *prefix, int n_total, int n_tested, int n_success)
{
    char path[64];
    const struct {
        const char *name;
        int n;
    } rows[] = {{"total", n_total}, {"tested", n_tested}, {"success", n_success}, {"failed", n_tested - n_success}};
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "%s.%s", prefix, rows[i].name);
        assert_int_equal(admin_fixture_int(f, path), rows[i].n);
    }
}

static void all_are_tested_but_those_put_aside(void **state)
{
    static const struct {
        const char *body;
        int n_total;
        int n_tested;
    } rows[] = {
        {NULL, 6, 5}, // without the disabled one
        {"{}", 6, 5},
        {"{\"poolGroup\":\"main\"}", 5, 4},
        {"{\"poolGroup\":\"default\"}", 1, 1},
        {"{\"poolGroup\":\"nowhere\"}", 0, 0},
        {"{\"status\":\"all\"}", 6, 6},
        {"{\"status\":\"disabled\"}", 1, 1},
        {"{\"status\":\"banned\"}", 1, 1},
        {"{\"status\":\"active\",\"poolGroup\":\"main\"}", 3, 3},
    };
    struct admin_fixture *f = *state;
    add_keys(f, 5);
    admin_fixture_add(f, "fk-of-default", "default");
    admin_fixture_put_aside(f, "fk-number-1", KEY_DISABLED);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        // A test may have brought it back.
        key_table_set_status(&f->table, admin_fixture_slot(f, "fk-number-2"), KEY_ACTIVE, KEY_BANNED);
        admin_fixture_ask(f, "POST", "/admin/keys/test-all", rows[i].body);
        admin_fixture_expect(f, 200);
        expect_totals(f, "data", rows[i].n_total, rows[i].n_tested, rows[i].n_tested);
    }
    admin_fixture_ask(f, "POST", "/admin/keys/test-all", "{\"status\":\"gone\"}");
    admin_fixture_expect(f, 400);
    admin_fixture_ask(f, "POST", "/admin/keys/test-all", "{\"poolGroup\":1}");
    admin_fixture_expect(f, 400);
}

static void failures_are_counted(void **state)
{
    struct admin_fixture *f = *state;
    add_keys(f, 3);
    admin_fixture_put_aside(f, "fk-number-2", KEY_BANNED);
    f->outside_status = 402;
    admin_fixture_ask(f, "POST", "/admin/keys/test-all", NULL);
    admin_fixture_expect(f, 200);
    expect_totals(f, "data", 3, 3, 0);
    assert_int_equal(admin_fixture_int(f, "data.banned"), 1);
}

// The data of event `index` of the stream in the last answer, parsed; false: there are not so many.
static bool read_event(struct admin_fixture *f, size_t index, const char *name)
{
    struct slice rest = f->body;
    size_t at = 0;
    while (rest.ptr) {
        size_t end = slice_find(rest, SLICE("\n\n"));
        struct slice event = end == SLICE_NOT_FOUND ? rest : slice_of(rest.ptr, end);
        rest = end == SLICE_NOT_FOUND ? SLICE_EMPTY : slice_after(rest, end + 2);
        if (!slice_starts_with(event, SLICE("event: ")) || at++ != index) {
            continue;
        }
        struct slice line = slice_split(&event, '\n');
        assert_true(slice_eq(slice_after(line, 7), slice_from_cstr(name)));
        assert_true(slice_starts_with(event, SLICE("data: ")));
        f->is_json = json_parse(&f->doc, &f->arena, slice_after(event, 6), NULL) == 0;
        assert_true(f->is_json);
        return true;
    }
    return false;
}

static void progress_is_streamed(void **state)
{
    enum { N = 20 };
    struct admin_fixture *f = *state;
    add_keys(f, N);
    admin_fixture_ask_with(f, "POST", "/admin/keys/test-all", STREAM_LINES, SLICE_EMPTY);
    assert_int_equal(f->status, 200);
    assert_string_equal(admin_fixture_header(f, "content-type"), "text/event-stream");
    for (size_t i = 0; i < N; i++) {
        assert_true(read_event(f, i, "progress"));
        assert_int_equal(admin_fixture_int(f, "progress.tested"), i + 1);
        assert_int_equal(admin_fixture_int(f, "progress.to_test"), N);
        assert_true(admin_fixture_bool(f, "key.success"));
        assert_memory_equal(admin_fixture_text(f, "key.id"), "key_", 4);
    }
    assert_true(read_event(f, N, "done"));
    assert_true(admin_fixture_bool(f, "success"));
    expect_totals(f, "data", N, N, N);
    assert_false(read_event(f, N + 1, "done"));
}

static void the_head_of_a_stream_does_not_wait(void **state)
{
    struct admin_fixture *f = *state;
    add_keys(f, 2);
    f->outside_waits = true;
    admin_fixture_send(f, "POST", "/admin/keys/test-all", STREAM_LINES, SLICE_EMPTY);
    assert_true(loopback_receive_text(f->client, &f->loop, SLICE("text/event-stream")));
    assert_true(loopback_until(&f->loop, waits, f));
    loopback_close(f->client); // in the middle
    loopback_connect(f->client, f->port);
    f->outside_waits = false;
    admin_fixture_release(f);
    admin_fixture_ask(f, "GET", "/admin/stats", NULL);
    admin_fixture_expect(f, 200);
}

static void an_empty_pool_is_tested_at_once(void **state)
{
    struct admin_fixture *f = *state;
    admin_fixture_ask_with(f, "POST", "/admin/keys/test-all", STREAM_LINES, SLICE_EMPTY);
    assert_true(read_event(f, 0, "done"));
    expect_totals(f, "data", 0, 0, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, admin_fixture_setup, admin_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_key_is_tested),
        TEST(a_client_may_leave_its_test),
        TEST(a_key_may_go_during_its_test),
        TEST(all_are_tested_but_those_put_aside),
        TEST(failures_are_counted),
        TEST(progress_is_streamed),
        TEST(the_head_of_a_stream_does_not_wait),
        TEST(an_empty_pool_is_tested_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
