// SPDX-License-Identifier: MIT
// The whole simulator on a real socket, in a thread of its own: the test sees each fault as a blocking client would.
#include "simulator/simulator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "net/listener.h"
#include "json/json_reader.h"

enum { SILENCE_MS = 150, PATIENCE_MS = 20000 };

// How an exchange ended for the client.
enum ending {
    ENDING_COMPLETE, // as its framing says
    ENDING_FIN,      // the connection ended first
    ENDING_RST,
    ENDING_SILENCE,
};

struct fixture {
    struct loop loop;
    struct simulator *simulator;
    uv_async_t stop;
    uv_thread_t server;
    uint16_t port;
    struct buf seen; // what the client got last
};

// ---- the client -----------------------------------------------------------------------------------------------------

static int open_connection(const struct fixture *fixture)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(fixture->port)};
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    return fd;
}

static void set_patience(int fd, int ms)
{
    struct timeval time = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time));
}

static void send_request(int fd, const char *method, const char *target, const char *key, struct slice body)
{
    struct buf out = BUF_EMPTY;
    buf_printf(&out, "%s %s HTTP/1.1\r\nhost: simulator\r\nauthorization: Bearer %s\r\ncontent-length: %zu\r\n\r\n",
               method, target, key, body.len);
    buf_append(&out, body);
    assert_int_equal(send(fd, out.ptr, out.len, MSG_NOSIGNAL), out.len);
    buf_deinit(&out);
}

// The body of what has been seen; empty before the head is complete.
static struct slice seen_body(const struct fixture *fixture)
{
    size_t at = slice_find(buf_slice(&fixture->seen), SLICE("\r\n\r\n"));
    return at == SLICE_NOT_FOUND ? SLICE_EMPTY : slice_after(buf_slice(&fixture->seen), at + 4);
}

static bool is_complete(const struct fixture *fixture)
{
    struct slice seen = buf_slice(&fixture->seen);
    size_t at = slice_find(seen, SLICE("content-length: "));
    uint64_t length;
    if (at == SLICE_NOT_FOUND) {
        return slice_find(seen, SLICE("transfer-encoding: chunked")) != SLICE_NOT_FOUND &&
               slice_ends_with(seen, SLICE("0\r\n\r\n")) && seen_body(fixture).len > 0;
    }
    struct slice value = slice_after(seen, at + 16);
    return slice_to_u64(slice_split(&value, '\r'), &length) && seen_body(fixture).len == length &&
           slice_find(seen, SLICE("\r\n\r\n")) != SLICE_NOT_FOUND;
}

static enum ending read_answer(struct fixture *fixture, int fd)
{
    char bytes[64 * 1024];
    buf_clear(&fixture->seen);
    for (;;) {
        ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
        if (n == 0) {
            return ENDING_FIN;
        }
        if (n < 0) {
            return errno == ECONNRESET ? ENDING_RST : ENDING_SILENCE;
        }
        buf_append(&fixture->seen, slice_of(bytes, (size_t)n));
        if (is_complete(fixture)) {
            return ENDING_COMPLETE;
        }
    }
}

static enum ending ask(struct fixture *fixture, const char *model, const char *key, bool is_stream, int patience_ms)
{
    char body[512];
    int len = snprintf(body, sizeof(body), "{\"model\":\"%s\",\"stream\":%s}", model, is_stream ? "true" : "false");
    int fd = open_connection(fixture);
    set_patience(fd, patience_ms);
    send_request(fd, "POST", "/v1/chat/completions", key, slice_of(body, (size_t)len));
    enum ending ending = read_answer(fixture, fd);
    close(fd);
    return ending;
}

static bool control(struct fixture *fixture, const char *method, const char *target)
{
    int fd = open_connection(fixture);
    set_patience(fd, PATIENCE_MS);
    send_request(fd, method, target, "none", SLICE_EMPTY);
    enum ending ending = read_answer(fixture, fd);
    close(fd);
    return ending == ENDING_COMPLETE;
}

static void forget(struct fixture *fixture)
{
    int fd = open_connection(fixture);
    set_patience(fd, PATIENCE_MS);
    send_request(fd, "DELETE", "/_sim/requests", "none", SLICE_EMPTY);
    shutdown(fd, SHUT_WR); // a 204 has no framing of its own
    (void)read_answer(fixture, fd);
    assert_true(slice_starts_with(buf_slice(&fixture->seen), SLICE("HTTP/1.1 204")));
    close(fd);
}

static int64_t figure(struct fixture *fixture, const char *name)
{
    struct arena arena;
    struct json_doc doc;
    int64_t value = -1;
    arena_init(&arena, 512);
    assert_true(control(fixture, "GET", "/_sim/stats"));
    assert_int_equal(json_parse(&doc, &arena, seen_body(fixture), NULL), 0);
    const struct json_node *node = json_root(&doc);
    for (struct slice path = slice_from_cstr(name); path.ptr && node;) {
        node = json_get(&doc, node, slice_split(&path, '.'));
    }
    (void)json_int64(&doc, node, &value);
    arena_deinit(&arena);
    return value;
}

static size_t count(struct slice text, struct slice needle)
{
    size_t n = 0;
    for (size_t at; (at = slice_find(text, needle)) != SLICE_NOT_FOUND; n++) {
        text = slice_after(text, at + needle.len);
    }
    return n;
}

// ---- the server's side ----------------------------------------------------------------------------------------------

static void on_stop(uv_async_t *async)
{
    loop_stop(async->data);
}

static void run_server(void *arg)
{
    struct fixture *fixture = arg;
    loop_run(&fixture->loop);
}

static void run(void (*script)(struct fixture *fixture), bool is_recording)
{
    struct fixture *fixture = mem_zalloc(sizeof(*fixture));
    struct simulator_options options = {.is_recording = is_recording};
    int fd = listener_open("127.0.0.1", 0);
    assert_true(fd >= 0);
    fixture->port = listener_port(fd);
    loop_init(&fixture->loop);
    fixture->simulator = simulator_new(&fixture->loop, &options);
    simulator_listen_take(fixture->simulator, fd);
    uv_async_init(&fixture->loop.uv, &fixture->stop, on_stop);
    fixture->stop.data = &fixture->loop;
    uv_thread_create(&fixture->server, run_server, fixture);
    script(fixture);
    uv_async_send(&fixture->stop);
    uv_thread_join(&fixture->server);
    simulator_close(fixture->simulator);
    uv_close((uv_handle_t *)&fixture->stop, NULL);
    loop_deinit(&fixture->loop);
    simulator_free(fixture->simulator);
    buf_deinit(&fixture->seen);
    mem_free(fixture);
}

// ---- the tests ------------------------------------------------------------------------------------------------------

// What a fault looks like: how it ends, how many events come (of 23), what comes first.
static const struct fault_row {
    const char *model;
    bool is_stream;
    enum ending ending;
    size_t n_events;
    struct slice start;
} fault_rows[] = {
    {"m", true, ENDING_COMPLETE, 23, SLICE_INIT("HTTP/1.1 200 OK\r\n")},
    {"m~hang=before", true, ENDING_SILENCE, 0, SLICE_INIT("")},
    {"m~hang=head", true, ENDING_SILENCE, 0, SLICE_INIT("HTTP/1.1 200 OK\r\n")},
    {"m~hang=5", true, ENDING_SILENCE, 5, SLICE_INIT("HTTP/1.1 200 OK\r\n")},
    {"m~hang=23", true, ENDING_SILENCE, 23, SLICE_INIT("HTTP/1.1 200 OK\r\n")},
    {"m~cut=0", true, ENDING_FIN, 0, SLICE_INIT("HTTP/1.1 200 OK\r\n")},
    {"m~cut=7", true, ENDING_FIN, 7, SLICE_INIT("HTTP/1.1 200 OK\r\n")},
    {"m~cut=23", true, ENDING_FIN, 23, SLICE_INIT("HTTP/1.1 200 OK\r\n")},
    {"m~cut=24", true, ENDING_COMPLETE, 23, SLICE_INIT("HTTP/1.1 200 OK\r\n")},
    {"m~cut=end", true, ENDING_FIN, 23, SLICE_INIT("HTTP/1.1 200 OK\r\n")},
    {"m~hang=5~stall=20", true, ENDING_FIN, 5, SLICE_INIT("HTTP/1.1 200 OK\r\n")},
    {"m~hang=before~stall=20", true, ENDING_FIN, 0, SLICE_INIT("")},
    {"m~cut=7~pace=1", true, ENDING_FIN, 7, SLICE_INIT("HTTP/1.1 200 OK\r\n")},
    {"m~reset=0", true, ENDING_RST, 0, SLICE_INIT("")},
    {"m~reset=7", true, ENDING_RST, 7, SLICE_INIT("HTTP/1.1 200 OK\r\n")},
    {"m~garbage=1", true, ENDING_FIN, 0, SLICE_INIT("\x16\x03\x01")},
    {"m~junk=3", true, ENDING_COMPLETE, 24, SLICE_INIT("HTTP/1.1 200 OK\r\n")},
    {"m~badevent=3", true, ENDING_COMPLETE, 23, SLICE_INIT("HTTP/1.1 200 OK\r\n")},
    {"m~nodone=1", true, ENDING_COMPLETE, 22, SLICE_INIT("HTTP/1.1 200 OK\r\n")},
    {"m~pace=1", true, ENDING_COMPLETE, 23, SLICE_INIT("HTTP/1.1 200 OK\r\n")},
    {"m~first=10~pace=1~head=10", true, ENDING_COMPLETE, 23, SLICE_INIT("HTTP/1.1 200 OK\r\n")},
    {"m~split=40", true, ENDING_COMPLETE, 23, SLICE_INIT("HTTP/1.1 200 OK\r\n")},
    {"m~split=40~cut=4", true, ENDING_FIN, 4, SLICE_INIT("HTTP/1.1 200 OK\r\n")},
    {"m~split=40~hang=4", true, ENDING_SILENCE, 4, SLICE_INIT("HTTP/1.1 200 OK\r\n")},
    {"m~close=1", true, ENDING_FIN, 23, SLICE_INIT("HTTP/1.1 200 OK\r\n")},
    {"m~close=1~pace=1~first=10", true, ENDING_FIN, 23, SLICE_INIT("HTTP/1.1 200 OK\r\n")},
    {"m~close=1~reset=4", true, ENDING_RST, 4, SLICE_INIT("HTTP/1.1 200 OK\r\n")},
    {"m~http10=1", true, ENDING_FIN, 23, SLICE_INIT("HTTP/1.0 200 OK\r\n")},
    {"m~interim=1", true, ENDING_COMPLETE, 23, SLICE_INIT("HTTP/1.1 103 Early Hints\r\n")},
    {"m~stamp=1", true, ENDING_COMPLETE, 23, SLICE_INIT("HTTP/1.1 200 OK\r\n")},
    {"m~giant=1000000", true, ENDING_COMPLETE, 65, SLICE_INIT("HTTP/1.1 200 OK\r\n")},
    {"m", false, ENDING_COMPLETE, 0, SLICE_INIT("HTTP/1.1 200 OK\r\n")},
    {"m~hang=5", false, ENDING_SILENCE, 0, SLICE_INIT("HTTP/1.1 200 OK\r\n")},
    {"m~hang=5~stall=20", false, ENDING_FIN, 0, SLICE_INIT("HTTP/1.1 200 OK\r\n")},
    {"m~cut=end", false, ENDING_COMPLETE, 0, SLICE_INIT("HTTP/1.1 200 OK\r\n")},
    {"m~cut=5", false, ENDING_FIN, 0, SLICE_INIT("HTTP/1.1 200 OK\r\n")},
    {"m~cut=0", false, ENDING_FIN, 0, SLICE_INIT("HTTP/1.1 200 OK\r\n")},
    {"m~cut=100000", false, ENDING_COMPLETE, 0, SLICE_INIT("HTTP/1.1 200 OK\r\n")},
    {"m~reset=5", false, ENDING_RST, 0, SLICE_INIT("HTTP/1.1 200 OK\r\n")},
    {"m~first=10", false, ENDING_COMPLETE, 0, SLICE_INIT("HTTP/1.1 200 OK\r\n")},
    {"m~split=40", false, ENDING_COMPLETE, 0, SLICE_INIT("HTTP/1.1 200 OK\r\n")},
    {"m~giant=3000000", false, ENDING_COMPLETE, 0, SLICE_INIT("HTTP/1.1 200 OK\r\n")},
    {"m~status=529", false, ENDING_COMPLETE, 0, SLICE_INIT("HTTP/1.1 529 ")},
    {"m~status=503~hang=4", true, ENDING_SILENCE, 0, SLICE_INIT("HTTP/1.1 503 ")},
    {"m~tokens=x", true, ENDING_COMPLETE, 0, SLICE_INIT("HTTP/1.1 400 ")},
};

static void see_all_faults(struct fixture *fixture)
{
    for (size_t i = 0; i < sizeof(fault_rows) / sizeof(*fault_rows); i++) {
        const struct fault_row *row = &fault_rows[i];
        int patience_ms = row->ending == ENDING_SILENCE ? SILENCE_MS : PATIENCE_MS;
        assert_int_equal(ask(fixture, row->model, "key-one", row->is_stream, patience_ms), row->ending);
        assert_int_equal(count(buf_slice(&fixture->seen), SLICE("data: ")), row->n_events);
        assert_true(slice_starts_with(buf_slice(&fixture->seen), row->start));
        assert_true(row->start.len > 0 || fixture->seen.len == 0);
    }
}

static void test_faults(void **state)
{
    run(see_all_faults, true);
    run(see_all_faults, false);
}

// Without recording answers are remembered: the second must be like the first, stamps too.
static void see_the_same_twice(struct fixture *fixture)
{
    static const char *const models[] = {"m~gzip=1", "m~kind=tools", "m~status=429~retry-after=3", "m~size=0"};
    for (size_t i = 0; i < sizeof(models) / sizeof(*models); i++) {
        struct buf first = BUF_EMPTY;
        assert_int_equal(ask(fixture, models[i], "key-one", true, PATIENCE_MS), ENDING_COMPLETE);
        buf_append(&first, seen_body(fixture));
        assert_int_equal(ask(fixture, models[i], "key-one", true, PATIENCE_MS), ENDING_COMPLETE);
        assert_true(slice_eq(buf_slice(&first), seen_body(fixture)));
        buf_deinit(&first);
    }
}

static void test_remembered_answers(void **state)
{
    run(see_the_same_twice, false);
}

static void order(struct fixture *fixture, const char *method, const char *target, const char *start)
{
    int fd = open_connection(fixture);
    set_patience(fd, PATIENCE_MS);
    send_request(fd, method, target, "none", SLICE_EMPTY);
    shutdown(fd, SHUT_WR); // a 204 has no framing of its own
    (void)read_answer(fixture, fd);
    assert_true(slice_starts_with(buf_slice(&fixture->seen), slice_from_cstr(start)));
    close(fd);
}

static void assert_start(struct fixture *fixture, const char *model, const char *start)
{
    assert_int_equal(ask(fixture, model, "key-one~status=418", false, PATIENCE_MS), ENDING_COMPLETE);
    assert_true(slice_starts_with(buf_slice(&fixture->seen), slice_from_cstr(start)));
}

static void see_plans(struct fixture *fixture)
{
    assert_start(fixture, "m~tokens=1", "HTTP/1.1 418");
    order(fixture, "PUT", "/_sim/plans/m", "HTTP/1.1 400");
    order(fixture, "PUT", "/_sim/plans/m?script=status%3Dx", "HTTP/1.1 400");
    order(fixture, "PUT", "/_sim/plans/m?script=giant%3D5~cut%3D3", "HTTP/1.1 400");
    order(fixture, "PUT", "/_sim/plans/m?script=status%3D503&ms=soon", "HTTP/1.1 400");
    order(fixture, "PUT", "/_sim/plans/?script=status%3D503", "HTTP/1.1 400");
    assert_start(fixture, "m~tokens=1", "HTTP/1.1 418");
    order(fixture, "PUT", "/_sim/plans/m?script=status%3D503~fail%3D1", "HTTP/1.1 204");
    assert_start(fixture, "other", "HTTP/1.1 418");
    assert_start(fixture, "m~tokens=1", "HTTP/1.1 503");
    assert_start(fixture, "m~tokens=2", "HTTP/1.1 200"); // the plan's figure, not the key's
    order(fixture, "PUT", "/_sim/plans/m?script=status%3D502&ms=3600000", "HTTP/1.1 204");
    assert_start(fixture, "m", "HTTP/1.1 502");
    order(fixture, "DELETE", "/_sim/plans/m", "HTTP/1.1 204");
    order(fixture, "DELETE", "/_sim/plans/m", "HTTP/1.1 204");
    assert_start(fixture, "m", "HTTP/1.1 418");
}

static void test_plans(void **state)
{
    run(see_plans, true);
    run(see_plans, false);
}

static void see_failures_end(struct fixture *fixture)
{
    static const char *const starts[] = {"HTTP/1.1 503", "HTTP/1.1 503", "HTTP/1.1 200", "HTTP/1.1 200"};
    for (size_t key = 0; key < 2; key++) {
        for (size_t i = 0; i < sizeof(starts) / sizeof(*starts); i++) {
            assert_int_equal(ask(fixture, "m~status=503~fail=2", key ? "key-one" : "key-two", false, PATIENCE_MS),
                             ENDING_COMPLETE);
            assert_true(slice_starts_with(buf_slice(&fixture->seen), slice_from_cstr(starts[i])));
        }
    }
    forget(fixture);
    assert_int_equal(ask(fixture, "m~status=503~fail=2", "key-one", false, PATIENCE_MS), ENDING_COMPLETE);
    assert_true(slice_starts_with(buf_slice(&fixture->seen), SLICE("HTTP/1.1 503")));
}

static void test_failing_a_few_times(void **state)
{
    run(see_failures_end, true);
    run(see_failures_end, false);
}

static void wait_for_stat(struct fixture *fixture, const char *name, int64_t value)
{
    uint64_t end_ns = clock_monotonic_ns() + UINT64_C(1000000) * PATIENCE_MS;
    while (figure(fixture, name) != value) {
        assert_true(clock_monotonic_ns() < end_ns);
    }
}

static void leave_while_hanging(struct fixture *fixture)
{
    static const char *const models[] = {"m~hang=before", "m~hang=head", "m~pace=100000", "m~head=100000",
                                         "m~split=20~hang=3"};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(ask(fixture, models[i], "key-one", true, SILENCE_MS), ENDING_SILENCE);
        wait_for_stat(fixture, "aborted", i + 1);
    }
    assert_int_equal(figure(fixture, "open"), 0);
    assert_int_equal(figure(fixture, "requests"), 5);
    // What we end ourselves is no abort.
    assert_int_equal(ask(fixture, "m~cut=3", "key-one", true, PATIENCE_MS), ENDING_FIN);
    wait_for_stat(fixture, "finished", 1);
    assert_int_equal(figure(fixture, "aborted"), 5);
}

static void test_aborts_are_noticed(void **state)
{
    run(leave_while_hanging, true);
    run(leave_while_hanging, false);
}

static void tell_usage(struct fixture *fixture)
{
    assert_int_equal(ask(fixture, "m~tokens=7", "key-one", false, PATIENCE_MS), ENDING_COMPLETE);
    wait_for_stat(fixture, "told.answers", 1);
    assert_int_equal(figure(fixture, "told.output"), 7);
    assert_true(figure(fixture, "told.input") > 0);
    // Nothing is told by a stream that was not asked for usage, an answer that is cut before it, or an error.
    assert_int_equal(ask(fixture, "m~tokens=7", "key-one", true, PATIENCE_MS), ENDING_COMPLETE);
    assert_int_equal(ask(fixture, "m~tokens=7~cut=3", "key-one", false, PATIENCE_MS), ENDING_FIN);
    assert_int_equal(ask(fixture, "m~status=500", "key-one", false, PATIENCE_MS), ENDING_COMPLETE);
    wait_for_stat(fixture, "finished", 4);
    assert_int_equal(figure(fixture, "told.answers"), 1);
    forget(fixture);
    assert_int_equal(figure(fixture, "told.answers"), 0);
    assert_int_equal(figure(fixture, "told.output"), 0);
}

static void test_usage_that_was_told_is_added_up(void **state)
{
    run(tell_usage, true);
    run(tell_usage, false);
}

static void read_stamps(struct fixture *fixture)
{
    uint64_t last = clock_monotonic_ns();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask(fixture, "m~stamp=1~tokens=1~size=20", "key-one", true, PATIENCE_MS), ENDING_COMPLETE);
        struct slice seen = seen_body(fixture);
        struct slice after = slice_after(seen, slice_find(seen, SLICE("\"content\":\"0")) + 11);
        uint64_t stamp;
        assert_true(slice_to_u64(slice_of(after.ptr, 19), &stamp));
        assert_true(stamp > last && stamp < clock_monotonic_ns());
        last = stamp;
    }
}

static void test_stamps_tell_when(void **state)
{
    run(read_stamps, true);
    run(read_stamps, false);
}

static void read_back_a_request(struct fixture *fixture)
{
    struct arena arena;
    struct json_doc doc;
    arena_init(&arena, 1024);
    assert_int_equal(ask(fixture, "m~tokens=1", "key-one~size=9", false, PATIENCE_MS), ENDING_COMPLETE);
    assert_true(control(fixture, "GET", "/_sim/requests?limit=1"));
    assert_int_equal(json_parse(&doc, &arena, seen_body(fixture), NULL), 0);
    const struct json_node *entry = NULL;
    assert_true(json_next_element(&doc, json_root(&doc), &entry));
    assert_true(json_string_is(&doc, json_get(&doc, entry, SLICE("model")), SLICE("m~tokens=1")));
    assert_true(json_string_is(&doc, json_get(&doc, entry, SLICE("key")), SLICE("key-one~size=9")));
    assert_true(control(fixture, "GET", "/_sim/requests/1/body"));
    assert_true(slice_eq(seen_body(fixture), SLICE("{\"model\":\"m~tokens=1\",\"stream\":false}")));
    assert_true(control(fixture, "GET", "/_sim/requests/2/body"));
    assert_true(slice_starts_with(buf_slice(&fixture->seen), SLICE("HTTP/1.1 404")));
    arena_deinit(&arena);
}

static void test_requests_can_be_read_back(void **state)
{
    run(read_back_a_request, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plans),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_remembered_answers),
        cmocka_unit_test(test_failing_a_few_times),
        cmocka_unit_test(test_aborts_are_noticed),
        cmocka_unit_test(test_usage_that_was_told_is_added_up),
        cmocka_unit_test(test_stamps_tell_when),
        cmocka_unit_test(test_requests_can_be_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
