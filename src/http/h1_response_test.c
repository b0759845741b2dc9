// SPDX-License-Identifier: MIT
#include "http/h1_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct h1_limits limits = {.start_line_max = 200, .head_max = 1000, .fields_max = 8};

static enum h1_result parse_split(struct h1_response *resp, const char *head, size_t len, size_t split)
{
    struct h1_scan scan = {0};
    size_t head_len = 0;
    enum h1_result r = h1_scan(&scan, head, split, &limits, &head_len);
    if (r == H1_NEED_MORE) {
        r = h1_scan(&scan, head, len, &limits, &head_len);
    }
    return r == H1_OK ? h1_parse_response(resp, head, head_len, &limits) : r;
}

#define LINE "HTTP/1.1 200 OK\r\n"

static const struct {
    const char *what;
    struct slice head;
    enum h1_result result;
} bad_responses[] = {
    {"both framings", SLICE_INIT(LINE "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"), H1_BAD_FRAMING},
    {"both framings, other order", SLICE_INIT(LINE "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"),
     H1_BAD_FRAMING},
    {"two lengths", SLICE_INIT(LINE "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"), H1_BAD_FRAMING},
    {"the same length twice", SLICE_INIT(LINE "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"), H1_BAD_FRAMING},
    {"a list of lengths", SLICE_INIT(LINE "Content-Length: 5, 5\r\n\r\n"), H1_BAD_FRAMING},
    {"no length", SLICE_INIT(LINE "Content-Length:\r\n\r\n"), H1_BAD_FRAMING},
    {"a signed length", SLICE_INIT(LINE "Content-Length: +1\r\n\r\n"), H1_BAD_FRAMING},
    {"length 2^63", SLICE_INIT(LINE "Content-Length: 9223372036854775808\r\n\r\n"), H1_BAD_FRAMING},
    {"gzip, chunked", SLICE_INIT(LINE "Transfer-Encoding: gzip, chunked\r\n\r\n"), H1_BAD_FRAMING},
    {"identity", SLICE_INIT(LINE "Transfer-Encoding: identity\r\n\r\n"), H1_BAD_FRAMING},
    {"the coding twice", SLICE_INIT(LINE "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
     H1_BAD_FRAMING},
    {"the coding in HTTP/1.0", SLICE_INIT("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), H1_BAD_FRAMING},

    {"no status", SLICE_INIT("HTTP/1.1\r\n\r\n"), H1_BAD_SYNTAX},
    {"no status but a space", SLICE_INIT("HTTP/1.1 \r\n\r\n"), H1_BAD_SYNTAX},
    {"two digits", SLICE_INIT("HTTP/1.1 20 OK\r\n\r\n"), H1_BAD_SYNTAX},
    {"four digits", SLICE_INIT("HTTP/1.1 2000 OK\r\n\r\n"), H1_BAD_SYNTAX},
    {"a status below 100", SLICE_INIT("HTTP/1.1 099 Odd\r\n\r\n"), H1_BAD_SYNTAX},
    {"a status of letters", SLICE_INIT("HTTP/1.1 2xx OK\r\n\r\n"), H1_BAD_SYNTAX},
    {"a signed status", SLICE_INIT("HTTP/1.1 +20 OK\r\n\r\n"), H1_BAD_SYNTAX},
    {"two spaces before the status", SLICE_INIT("HTTP/1.1  200 OK\r\n\r\n"), H1_BAD_SYNTAX},
    {"a tab before the status", SLICE_INIT("HTTP/1.1\t200 OK\r\n\r\n"), H1_BAD_SYNTAX},
    {"a tab after the status", SLICE_INIT("HTTP/1.1 200\tOK\r\n\r\n"), H1_BAD_SYNTAX},
    {"a space in front", SLICE_INIT(" HTTP/1.1 200 OK\r\n\r\n"), H1_BAD_SYNTAX},
    {"an empty line in front", SLICE_INIT("\r\n" LINE "\r\n"), H1_BAD_SYNTAX},
    {"a version in small letters", SLICE_INIT("http/1.1 200 OK\r\n\r\n"), H1_BAD_SYNTAX},
    {"an IceCast server", SLICE_INIT("ICY 200 OK\r\n\r\n"), H1_BAD_SYNTAX},
    {"HTTP/2", SLICE_INIT("HTTP/2 200\r\n\r\n"), H1_BAD_SYNTAX},
    {"HTTP/2.0", SLICE_INIT("HTTP/2.0 200 OK\r\n\r\n"), H1_BAD_VERSION},
    {"HTTP/1.2", SLICE_INIT("HTTP/1.2 200 OK\r\n\r\n"), H1_BAD_VERSION},
    {"HTTP/0.9", SLICE_INIT("HTTP/0.9 200 OK\r\n\r\n"), H1_BAD_VERSION},
    {"NUL in the reason", SLICE_INIT("HTTP/1.1 200 O\0K\r\n\r\n"), H1_BAD_SYNTAX},
    {"a bare CR in the reason", SLICE_INIT("HTTP/1.1 200 O\rK\r\n\r\n"), H1_BAD_SYNTAX},
    {"a bare LF after the status line", SLICE_INIT("HTTP/1.1 200 OK\n\r\n"), H1_BAD_SYNTAX},
    {"a bare LF after a field", SLICE_INIT(LINE "A: b\n\r\n"), H1_BAD_SYNTAX},
    {"a folded value", SLICE_INIT(LINE "A: b\r\n c\r\n\r\n"), H1_BAD_SYNTAX},
    {"a space before a colon", SLICE_INIT(LINE "Transfer-Encoding : chunked\r\n\r\n"), H1_BAD_SYNTAX},
    {"an empty name", SLICE_INIT(LINE ": b\r\n\r\n"), H1_BAD_SYNTAX},
    {"too many fields", SLICE_INIT(LINE "1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n9:\r\n\r\n"), H1_HEAD_LARGE},
};

static void rejects_at_any_split(void **state)
{
    for (size_t i = 0; i < sizeof(bad_responses) / sizeof(bad_responses[0]); i++) {
        for (size_t split = 0; split <= bad_responses[i].head.len; split++) {
            struct h1_field fields[8];
            struct h1_response resp = {.fields = fields};
            enum h1_result r = parse_split(&resp, bad_responses[i].head.ptr, bad_responses[i].head.len, split);
            if (r != bad_responses[i].result) {
                fail_msg("%s, split at %zu: %d", bad_responses[i].what, split, (int)r);
            }
        }
    }
}

static const struct {
    struct slice head;
    uint16_t status;
    const char *reason;
    bool keep_alive;
    bool is_chunked;
    int64_t content_length;
} good_responses[] = {
    {SLICE_INIT("HTTP/1.1 200 OK\r\n\r\n"), 200, "OK", true, false, -1},
    {SLICE_INIT("HTTP/1.1 200\r\n\r\n"), 200, "", true, false, -1},
    {SLICE_INIT("HTTP/1.1 200 \r\n\r\n"), 200, "", true, false, -1},
    {SLICE_INIT("HTTP/1.1 404 Not  F\xc3\xb6und\t!\r\n\r\n"), 404, "Not  F\xc3\xb6und\t!", true, false, -1},
    {SLICE_INIT("HTTP/1.1 100 Continue\r\n\r\n"), 100, "Continue", true, false, -1},
    {SLICE_INIT("HTTP/1.1 999 ?\r\n\r\n"), 999, "?", true, false, -1},
    {SLICE_INIT("HTTP/1.0 200 OK\r\n\r\n"), 200, "OK", false, false, -1},
    {SLICE_INIT("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 5\r\n\r\n"), 200, "OK", true, false, 5},
    {SLICE_INIT(LINE "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"), 200, "OK", false, true, -1},
    {SLICE_INIT(LINE "Connection: x, Close ,y\r\nContent-Length: 0\r\n\r\n"), 200, "OK", false, false, 0},
    {SLICE_INIT(LINE "Host: a b\r\nX: y\r\n\r\n"), 200, "OK", true, false, -1},
};

static void accepts_at_any_split(void **state)
{
    for (size_t i = 0; i < sizeof(good_responses) / sizeof(good_responses[0]); i++) {
        struct slice head = good_responses[i].head;
        for (size_t split = 0; split <= head.len; split++) {
            struct h1_field fields[8];
            struct h1_response resp = {.fields = fields};
            enum h1_result r = parse_split(&resp, head.ptr, head.len, split);
            if (r != H1_OK) {
                fail_msg("%.*s split at %zu: %s", SLICE_ARG(head), split, h1_result_text(r));
            }
            assert_int_equal(resp.status, good_responses[i].status);
            assert_true(slice_eq(resp.reason, slice_from_cstr(good_responses[i].reason)));
            assert_int_equal(resp.keep_alive, good_responses[i].keep_alive);
            assert_int_equal(resp.is_chunked, good_responses[i].is_chunked);
            assert_int_equal(resp.content_length, good_responses[i].content_length);
        }
    }
}

static void never_accepts_what_is_cut_off(void **state)
{
    static const char head[] = LINE "Content-Length: 5\r\n\r\n";
    for (size_t len = 0; len < sizeof(head) - 1; len++) {
        struct h1_field fields[8];
        struct h1_response resp = {.fields = fields};
        assert_int_equal(h1_parse_response(&resp, head, len, &limits), H1_BAD_SYNTAX);
    }
}

static void knows_which_responses_have_no_body(void **state)
{
    static const struct {
        enum http_method method;
        uint16_t status;
        bool has_body;
    } rows[] = {
        {HTTP_HEAD, 200, false}, {HTTP_GET, 100, false}, {HTTP_GET, 199, false}, {HTTP_GET, 204, false},
        {HTTP_GET, 304, false},  {HTTP_GET, 200, true},  {HTTP_POST, 205, true}, {HTTP_POST, 500, true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(h1_response_has_body(rows[i].method, rows[i].status), rows[i].has_body);
    }
}

static void names_the_statuses(void **state)
{
    assert_string_equal(http_status_reason(200), "OK");
    assert_string_equal(http_status_reason(429), "Too Many Requests");
    assert_string_equal(http_status_reason(529), "Unknown");
    assert_string_equal(http_status_reason(0), "Unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rejects_at_any_split),
        cmocka_unit_test(accepts_at_any_split),
        cmocka_unit_test(never_accepts_what_is_cut_off),
        cmocka_unit_test(knows_which_responses_have_no_body),
        cmocka_unit_test(names_the_statuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
