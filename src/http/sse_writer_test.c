// SPDX-License-Identifier: MIT
#include "http/sse_writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/sse_parser.h"

static const struct {
    struct slice name;
    struct slice data;
    struct slice written;
} events[] = {
    {SLICE_INIT(""), SLICE_INIT("{}"), SLICE_INIT("data: {}\n\n")},
    {SLICE_INIT("ping"), SLICE_INIT("a"), SLICE_INIT("event: ping\ndata: a\n\n")},
    {SLICE_INIT("ping"), SLICE_INIT(""), SLICE_INIT("event: ping\ndata: \n\n")},
    {SLICE_INIT(""), SLICE_INIT(" a "), SLICE_INIT("data:  a \n\n")},
    {SLICE_INIT(""), SLICE_INIT("a\nb\rc\r\nd"), SLICE_INIT("data: a\ndata: b\ndata: c\ndata: d\n\n")},
    {SLICE_INIT(""), SLICE_INIT("a\n"), SLICE_INIT("data: a\ndata: \n\n")},
    {SLICE_INIT(""), SLICE_INIT("\r\n\n\r"), SLICE_INIT("data: \ndata: \ndata: \ndata: \n\n")},
    {SLICE_INIT("a\ndata: b"), SLICE_INIT("c"), SLICE_INIT("event: a\ndata: c\n\n")},
};

static void writes_events(void **state)
{
    struct buf out = BUF_EMPTY;
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        buf_clear(&out);
        sse_write_event(&out, events[i].name, events[i].data);
        assert_true(slice_eq(buf_slice(&out), events[i].written));
    }
    buf_clear(&out);
    sse_write_event(&out, SLICE_EMPTY, SLICE_EMPTY);
    sse_write_event(&out, SLICE_EMPTY, slice_of("a\r\n", 2)); // what follows is not looked at
    assert_true(slice_eq(buf_slice(&out), SLICE("data: \n\ndata: a\ndata: \n\n")));
    buf_deinit(&out);
}

static void writes_comments(void **state)
{
    struct buf out = BUF_EMPTY;
    sse_write_comment(&out, SLICE("keep-alive"));
    sse_write_comment(&out, SLICE("a\nb"));
    assert_true(slice_eq(buf_slice(&out), SLICE(": keep-alive\n\n: a\n: b\n\n")));
    buf_deinit(&out);
}

struct expectation {
    struct slice name;
    struct slice data;
    size_t n_events;
};

static void compare(void *arg, const struct sse_event *event)
{
    struct expectation *expected = arg;
    assert_true(slice_eq(event->name, expected->name));
    assert_true(slice_eq(event->data, expected->data));
    expected->n_events++;
}

// What is written comes back, whatever it is: all data of up to four bytes out of those that mean something.
static void the_parser_reads_it_back(void **state)
{
    static const char alphabet[] = {'\n', ' ', ':', 'd', '\0'};
    enum { N = sizeof(alphabet) };
    struct buf out = BUF_EMPTY;
    for (size_t i = 0; i < N * N * N * N * N; i++) {
        char data[5];
        size_t len = 0;
        for (size_t left = i; left > 0; left /= N) {
            data[len++] = alphabet[left % N];
        }
        struct expectation expected = {.name = SLICE("n"), .data = slice_of(data, len)};
        struct sse_parser parser;
        sse_parser_init(&parser, SSE_EVENT_MAX_DEFAULT);
        buf_clear(&out);
        sse_write_comment(&out, expected.data);
        sse_write_event(&out, expected.name, expected.data);
        assert_int_equal(sse_parser_feed(&parser, buf_slice(&out), compare, &expected), 0);
        assert_int_equal(expected.n_events, 1);
        sse_parser_deinit(&parser);
    }
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_events),
        cmocka_unit_test(writes_comments),
        cmocka_unit_test(the_parser_reads_it_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
