// SPDX-License-Identifier: MIT
#include "http/h1_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct h1_limits limits = {.start_line_max = 200, .head_max = 1000, .fields_max = 8};

// Scans `head` as it comes in two pieces, then parses it, in memory of exactly its size.
static enum h1_result parse_split(struct h1_request *req, const char *head, size_t len, size_t split)
{
    struct h1_scan scan = {0};
    size_t head_len = 0;
    char *first = calloc(1, split + 1);
    memcpy(first, head, split);
    enum h1_result r = h1_scan(&scan, first, split, &limits, &head_len);
    free(first);
    if (r == H1_NEED_MORE) {
        r = h1_scan(&scan, head, len, &limits, &head_len);
    }
    return r == H1_OK ? h1_parse_request(req, head, head_len, &limits) : r;
}

#define LINE "POST /v1/messages HTTP/1.1\r\n"
#define HOST "Host: h\r\n"
#define END "\r\n"

static const struct {
    const char *what;
    struct slice head;
    enum h1_result result;
} bad_requests[] = {
    {"both framings", SLICE_INIT(LINE HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n" END), H1_BAD_FRAMING},
    {"both framings, other order", SLICE_INIT(LINE HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n" END),
     H1_BAD_FRAMING},
    {"two lengths", SLICE_INIT(LINE HOST "Content-Length: 5\r\nContent-Length: 6\r\n" END), H1_BAD_FRAMING},
    {"the same length twice", SLICE_INIT(LINE HOST "Content-Length: 5\r\ncontent-length: 5\r\n" END), H1_BAD_FRAMING},
    {"a list of lengths", SLICE_INIT(LINE HOST "Content-Length: 5, 5\r\n" END), H1_BAD_FRAMING},
    {"a list with an empty member", SLICE_INIT(LINE HOST "Content-Length: 5,\r\n" END), H1_BAD_FRAMING},
    {"an empty length", SLICE_INIT(LINE HOST "Content-Length: \r\n" END), H1_BAD_FRAMING},
    {"a signed length", SLICE_INIT(LINE HOST "Content-Length: +5\r\n" END), H1_BAD_FRAMING},
    {"a negative length", SLICE_INIT(LINE HOST "Content-Length: -5\r\n" END), H1_BAD_FRAMING},
    {"a hexadecimal length", SLICE_INIT(LINE HOST "Content-Length: 0x5\r\n" END), H1_BAD_FRAMING},
    {"a length with a fraction", SLICE_INIT(LINE HOST "Content-Length: 5.0\r\n" END), H1_BAD_FRAMING},
    {"a length with a space inside", SLICE_INIT(LINE HOST "Content-Length: 5 5\r\n" END), H1_BAD_FRAMING},
    {"a quoted length", SLICE_INIT(LINE HOST "Content-Length: \"5\"\r\n" END), H1_BAD_FRAMING},
    {"a length of full-width digits", SLICE_INIT(LINE HOST "Content-Length: \xef\xbc\x95\r\n" END), H1_BAD_FRAMING},
    {"length 2^63", SLICE_INIT(LINE HOST "Content-Length: 9223372036854775808\r\n" END), H1_BAD_FRAMING},
    {"length 2^64 + 5", SLICE_INIT(LINE HOST "Content-Length: 18446744073709551621\r\n" END), H1_BAD_FRAMING},
    {"the coding in HTTP/1.0", SLICE_INIT("POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n" END),
     H1_BAD_FRAMING},
    {"the coding twice", SLICE_INIT(LINE HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" END),
     H1_BAD_FRAMING},
    {"chunked, chunked", SLICE_INIT(LINE HOST "Transfer-Encoding: chunked, chunked\r\n" END), H1_BAD_FRAMING},
    {"gzip, chunked", SLICE_INIT(LINE HOST "Transfer-Encoding: gzip, chunked\r\n" END), H1_BAD_FRAMING},
    {"chunked, identity", SLICE_INIT(LINE HOST "Transfer-Encoding: chunked, identity\r\n" END), H1_BAD_FRAMING},
    {"identity", SLICE_INIT(LINE HOST "Transfer-Encoding: identity\r\n" END), H1_BAD_FRAMING},
    {"xchunked", SLICE_INIT(LINE HOST "Transfer-Encoding: xchunked\r\n" END), H1_BAD_FRAMING},
    {"chunkedx", SLICE_INIT(LINE HOST "Transfer-Encoding: chunkedx\r\n" END), H1_BAD_FRAMING},
    {"a comma before chunked", SLICE_INIT(LINE HOST "Transfer-Encoding: ,chunked\r\n" END), H1_BAD_FRAMING},
    {"chunked with a parameter", SLICE_INIT(LINE HOST "Transfer-Encoding: chunked;q=1\r\n" END), H1_BAD_FRAMING},
    {"quoted chunked", SLICE_INIT(LINE HOST "Transfer-Encoding: \"chunked\"\r\n" END), H1_BAD_FRAMING},
    {"no coding", SLICE_INIT(LINE HOST "Transfer-Encoding:\r\n" END), H1_BAD_FRAMING},
    {"a vertical tab before chunked",
     SLICE_INIT(LINE HOST "Transfer-Encoding: \x0b"
                          "chunked\r\n" END),
     H1_BAD_SYNTAX},
    {"a no-break space before chunked",
     SLICE_INIT(LINE HOST "Transfer-Encoding: \xa0"
                          "chunked\r\n" END),
     H1_BAD_FRAMING},

    {"a bare LF after the request line", SLICE_INIT("POST / HTTP/1.1\n" HOST END), H1_BAD_SYNTAX},
    {"a bare LF after a field", SLICE_INIT(LINE "Host: h\n" END), H1_BAD_SYNTAX},
    {"a bare LF as the empty line", SLICE_INIT(LINE HOST "\n"), H1_BAD_SYNTAX},
    {"a bare CR in a value", SLICE_INIT(LINE HOST "A: b\rc\r\n" END), H1_BAD_SYNTAX},
    {"a bare CR in a name", SLICE_INIT(LINE HOST "A\rB: c\r\n" END), H1_BAD_SYNTAX},
    {"a bare CR in the request line", SLICE_INIT("GET /\r HTTP/1.1\r\n" HOST END), H1_BAD_SYNTAX},
    {"CR CR LF", SLICE_INIT(LINE HOST "A: b\r\r\n" END), H1_BAD_SYNTAX},
    {"LF LF", SLICE_INIT("GET / HTTP/1.0\n\n"), H1_BAD_SYNTAX},
    {"NUL LF", SLICE_INIT(LINE HOST "A: b\0\n" END), H1_BAD_SYNTAX},
    {"LF CR", SLICE_INIT(LINE HOST "A: b\n\r" END), H1_BAD_SYNTAX},
    {"a folded value", SLICE_INIT(LINE HOST "A: b\r\n c\r\n" END), H1_BAD_SYNTAX},
    {"a value folded with a tab", SLICE_INIT(LINE HOST "A: b\r\n\tc\r\n" END), H1_BAD_SYNTAX},
    {"a space before the first field", SLICE_INIT(LINE " " HOST END), H1_BAD_SYNTAX},
    {"a folded empty line", SLICE_INIT(LINE HOST " \r\n" END), H1_BAD_SYNTAX},
    {"a space before a colon", SLICE_INIT(LINE HOST "Content-Length : 5\r\n" END), H1_BAD_SYNTAX},
    {"a tab before a colon", SLICE_INIT(LINE HOST "Content-Length\t: 5\r\n" END), H1_BAD_SYNTAX},
    {"a space in a name", SLICE_INIT(LINE HOST "Content Length: 5\r\n" END), H1_BAD_SYNTAX},
    {"an empty name", SLICE_INIT(LINE HOST ": 5\r\n" END), H1_BAD_SYNTAX},
    {"no colon", SLICE_INIT(LINE HOST "Content-Length\r\n" END), H1_BAD_SYNTAX},
    {"a name with a byte over 0x7f", SLICE_INIT(LINE HOST "Caf\xc3\xa9: 5\r\n" END), H1_BAD_SYNTAX},
    {"a name with a separator", SLICE_INIT(LINE HOST "A(b): 5\r\n" END), H1_BAD_SYNTAX},
    {"NUL in a value", SLICE_INIT(LINE HOST "A: b\0c\r\n" END), H1_BAD_SYNTAX},
    {"NUL in a name", SLICE_INIT(LINE HOST "A\0: b\r\n" END), H1_BAD_SYNTAX},
    {"NUL in the target", SLICE_INIT("GET /\0 HTTP/1.1\r\n" HOST END), H1_BAD_SYNTAX},
    {"an escape character in a value", SLICE_INIT(LINE HOST "A: \x1b[0m\r\n" END), H1_BAD_SYNTAX},
    {"DEL in a value", SLICE_INIT(LINE HOST "A: \x7f\r\n" END), H1_BAD_SYNTAX},
    {"a form feed in a value",
     SLICE_INIT(LINE HOST "A: b\x0c"
                          "c\r\n" END),
     H1_BAD_SYNTAX},

    {"no version", SLICE_INIT("GET /\r\n" HOST END), H1_BAD_SYNTAX},
    {"a space in front", SLICE_INIT(" GET / HTTP/1.1\r\n" HOST END), H1_BAD_SYNTAX},
    {"no method", SLICE_INIT(" / HTTP/1.1\r\n" HOST END), H1_BAD_SYNTAX},
    {"two spaces after the method", SLICE_INIT("GET  / HTTP/1.1\r\n" HOST END), H1_BAD_SYNTAX},
    {"two spaces after the target", SLICE_INIT("GET /  HTTP/1.1\r\n" HOST END), H1_BAD_SYNTAX},
    {"a space at the end", SLICE_INIT("GET / HTTP/1.1 \r\n" HOST END), H1_BAD_SYNTAX},
    {"a tab after the method", SLICE_INIT("GET\t/ HTTP/1.1\r\n" HOST END), H1_BAD_SYNTAX},
    {"a tab in the target", SLICE_INIT("GET /\t HTTP/1.1\r\n" HOST END), H1_BAD_SYNTAX},
    {"a space in the target", SLICE_INIT("GET /a b HTTP/1.1\r\n" HOST END), H1_BAD_SYNTAX},
    {"a target over 0x7f", SLICE_INIT("GET /caf\xc3\xa9 HTTP/1.1\r\n" HOST END), H1_BAD_SYNTAX},
    {"no target", SLICE_INIT("GET HTTP/1.1\r\n" HOST END), H1_BAD_SYNTAX},
    {"a method that is no token", SLICE_INIT("G(T / HTTP/1.1\r\n" HOST END), H1_BAD_SYNTAX},
    {"an empty request line", SLICE_INIT("\r\n" LINE HOST END), H1_BAD_SYNTAX},
    {"a version in small letters", SLICE_INIT("GET / http/1.1\r\n" HOST END), H1_BAD_SYNTAX},
    {"a version with two digits", SLICE_INIT("GET / HTTP/1.10\r\n" HOST END), H1_BAD_SYNTAX},
    {"a version without a point", SLICE_INIT("GET / HTTP/11\r\n" HOST END), H1_BAD_SYNTAX},
    {"a version of letters", SLICE_INIT("GET / HTTP/a.b\r\n" HOST END), H1_BAD_SYNTAX},
    {"another protocol", SLICE_INIT("GET / RTSP/1.1\r\n" HOST END), H1_BAD_SYNTAX},
    {"HTTP/0.9", SLICE_INIT("GET / HTTP/0.9\r\n" HOST END), H1_BAD_VERSION},
    {"HTTP/1.2", SLICE_INIT("GET / HTTP/1.2\r\n" HOST END), H1_BAD_VERSION},
    {"HTTP/2.0", SLICE_INIT("GET / HTTP/2.0\r\n" HOST END), H1_BAD_VERSION},
    {"the preface of HTTP/2", SLICE_INIT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), H1_BAD_VERSION},
    {"a TLS client", SLICE_INIT("\x16\x03\x01\x02\x00"), H1_BAD_SYNTAX},

    {"no Host", SLICE_INIT(LINE END), H1_BAD_SYNTAX},
    {"two Hosts", SLICE_INIT(LINE HOST HOST END), H1_BAD_SYNTAX},
    {"two Hosts in HTTP/1.0", SLICE_INIT("GET / HTTP/1.0\r\n" HOST HOST END), H1_BAD_SYNTAX},
    {"a Host with a space", SLICE_INIT(LINE "Host: a b\r\n" END), H1_BAD_SYNTAX},
    {"a Host with a path", SLICE_INIT(LINE "Host: a/b\r\n" END), H1_BAD_SYNTAX},
    {"a Host with userinfo", SLICE_INIT(LINE "Host: a@b\r\n" END), H1_BAD_SYNTAX},

    {"too many fields", SLICE_INIT(LINE HOST "1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n" END), H1_HEAD_LARGE},
};

static void rejects_at_any_split(void **state)
{
    for (size_t i = 0; i < sizeof(bad_requests) / sizeof(bad_requests[0]); i++) {
        for (size_t split = 0; split <= bad_requests[i].head.len; split++) {
            struct h1_field fields[8];
            struct h1_request req = {.fields = fields};
            enum h1_result r = parse_split(&req, bad_requests[i].head.ptr, bad_requests[i].head.len, split);
            if (r != bad_requests[i].result) {
                fail_msg("%s, split at %zu: %d", bad_requests[i].what, split, (int)r);
            }
        }
    }
}

// The parser must not rely on the scanner: whatever is called a head, it says no or something sensible.
static void never_accepts_what_is_cut_off(void **state)
{
    static const char head[] = LINE HOST "Content-Length: 5\r\nConnection: close\r\n" END;
    for (size_t len = 0; len < sizeof(head) - 1; len++) {
        struct h1_field fields[8];
        struct h1_request req = {.fields = fields};
        char *copy = malloc(len + 1);
        memcpy(copy, head, len);
        assert_int_equal(h1_parse_request(&req, copy, len, &limits), H1_BAD_SYNTAX);
        free(copy);
    }
    struct h1_field fields[8];
    struct h1_request req = {.fields = fields};
    static const char longer[] = LINE HOST END "x";
    assert_int_equal(h1_parse_request(&req, longer, sizeof(longer) - 1, &limits), H1_BAD_SYNTAX);
}

static const struct {
    struct slice head;
    enum http_method method;
    const char *target;
    bool keep_alive;
    bool is_chunked;
    bool expects_continue;
    int64_t content_length;
    size_t n_fields;
} good_requests[] = {
    {SLICE_INIT("GET / HTTP/1.1\r\nHost: a.example:8080\r\n\r\n"), HTTP_GET, "/", true, false, false, -1, 1},
    {SLICE_INIT("GET / HTTP/1.1\r\nHost:\r\n\r\n"), HTTP_GET, "/", true, false, false, -1, 1},
    {SLICE_INIT("GET / HTTP/1.0\r\n\r\n"), HTTP_GET, "/", false, false, false, -1, 0},
    {SLICE_INIT("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), HTTP_GET, "/", true, false, false, -1, 1},
    {SLICE_INIT("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n"), HTTP_GET, "/", false, false, false, -1, 1},
    {SLICE_INIT("GET / HTTP/1.0\r\nConnection: keep-alivex\r\n\r\n"), HTTP_GET, "/", false, false, false, -1, 1},
    {SLICE_INIT(LINE HOST "Connection: close\r\n\r\n"), HTTP_POST, "/v1/messages", false, false, false, -1, 2},
    {SLICE_INIT(LINE HOST "Connection: TE ,\t CLOSE\r\n\r\n"), HTTP_POST, "/v1/messages", false, false, false, -1, 2},
    {SLICE_INIT(LINE HOST "Connection: TE\r\nconnection: close\r\n\r\n"), HTTP_POST, "/v1/messages", false, false,
     false, -1, 3},
    {SLICE_INIT(LINE HOST "Connection: closed, upgrade\r\n\r\n"), HTTP_POST, "/v1/messages", true, false, false, -1, 2},
    {SLICE_INIT(LINE HOST "Connection: , ,\r\n\r\n"), HTTP_POST, "/v1/messages", true, false, false, -1, 2},
    {SLICE_INIT(LINE HOST "Content-Length: 0\r\n\r\n"), HTTP_POST, "/v1/messages", true, false, false, 0, 2},
    {SLICE_INIT(LINE HOST "Content-Length:\t 0042 \t\r\n\r\n"), HTTP_POST, "/v1/messages", true, false, false, 42, 2},
    {SLICE_INIT(LINE HOST "content-LENGTH:9223372036854775807\r\n\r\n"), HTTP_POST, "/v1/messages", true, false, false,
     INT64_MAX, 2},
    {SLICE_INIT(LINE HOST "Transfer-Encoding: ChunkeD\r\n\r\n"), HTTP_POST, "/v1/messages", true, true, false, -1, 2},
    {SLICE_INIT(LINE HOST "Expect: 100-Continue\r\n\r\n"), HTTP_POST, "/v1/messages", true, false, true, -1, 2},
    {SLICE_INIT(LINE HOST "Expect: a miracle\r\n\r\n"), HTTP_POST, "/v1/messages", true, false, false, -1, 2},
    {SLICE_INIT("PUT / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n"), HTTP_PUT, "/", false, false, false, -1, 1},
    {SLICE_INIT("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"), HTTP_OPTIONS, "*", true, false, false, -1, 1},
    {SLICE_INIT("HEAD http://h/a?b HTTP/1.1\r\n" HOST "\r\n"), HTTP_HEAD, "http://h/a?b", true, false, false, -1, 1},
    {SLICE_INIT("PATCH /%7B HTTP/1.1\r\n" HOST "\r\n"), HTTP_PATCH, "/%7B", true, false, false, -1, 1},
    {SLICE_INIT("DELETE / HTTP/1.1\r\n" HOST "\r\n"), HTTP_DELETE, "/", true, false, false, -1, 1},
    {SLICE_INIT("get / HTTP/1.1\r\n" HOST "\r\n"), HTTP_METHOD_OTHER, "/", true, false, false, -1, 1},
    {SLICE_INIT("PROPFIND / HTTP/1.1\r\n" HOST "\r\n"), HTTP_METHOD_OTHER, "/", true, false, false, -1, 1},
    {SLICE_INIT(LINE HOST "X: caf\xc3\xa9 \t a\r\n\r\n"), HTTP_POST, "/v1/messages", true, false, false, -1, 2},
    {SLICE_INIT(LINE HOST "1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n\r\n"), HTTP_POST, "/v1/messages", true, false,
     false, -1, 8},
};

static void accepts_at_any_split(void **state)
{
    for (size_t i = 0; i < sizeof(good_requests) / sizeof(good_requests[0]); i++) {
        struct slice head = good_requests[i].head;
        for (size_t split = 0; split <= head.len; split++) {
            struct h1_field fields[8];
            struct h1_request req = {.fields = fields};
            enum h1_result r = parse_split(&req, head.ptr, head.len, split);
            if (r != H1_OK) {
                fail_msg("%.*s split at %zu: %s", SLICE_ARG(head), split, h1_result_text(r));
            }
            assert_int_equal(req.method, good_requests[i].method);
            assert_true(slice_eq(req.target, slice_from_cstr(good_requests[i].target)));
            assert_int_equal(req.keep_alive, good_requests[i].keep_alive);
            assert_int_equal(req.is_chunked, good_requests[i].is_chunked);
            assert_int_equal(req.expects_continue, good_requests[i].expects_continue);
            assert_int_equal(req.content_length, good_requests[i].content_length);
            assert_int_equal(req.n_fields, good_requests[i].n_fields);
        }
    }
}

// Every byte in every place of a short and of a long field: names are tokens, values have no controls but HTAB.
static void judges_every_byte_of_a_field(void **state)
{
    static const char *const names[] = {"Abc", "Name-of-more-than-sixteen-bytes"};
    static const char *const values[] = {"d", "a value of more than sixteen bytes"};
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < 2; i++) {
        for (int c = 0; c < 256; c++) {
            bool is_alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
            bool is_token = is_alnum || (c != 0 && strchr(others, c));
            char head[200];
            int len = snprintf(head, sizeof(head), "GET / HTTP/1.0\r\n%s: %s\r\n\r\n", names[i], values[i]);
            size_t name_at = 16;
            size_t value_at = name_at + strlen(names[i]) + 2;
            struct h1_field fields[8];
            struct h1_request req = {.fields = fields};
            for (size_t at = name_at; at < value_at - 2; at++) {
                char was = head[at];
                head[at] = (char)c;
                // A colon only ends the name sooner.
                bool is_good = is_token || (c == ':' && at > name_at);
                assert_int_equal(parse_split(&req, head, (size_t)len, 0), is_good ? H1_OK : H1_BAD_SYNTAX);
                head[at] = was;
            }
            for (size_t at = value_at; at < (size_t)len - 4; at++) {
                char was = head[at];
                head[at] = (char)c;
                bool is_good = c == '\t' || (c >= ' ' && c != 0x7f);
                assert_int_equal(parse_split(&req, head, (size_t)len, 0), is_good ? H1_OK : H1_BAD_SYNTAX);
                head[at] = was;
            }
        }
    }
}

static void gives_the_fields_as_slices_of_the_head(void **state)
{
    static const char head[] =
        "POST /a?b=c HTTP/1.1\r\nHOST: h\r\nX-Odd:\r\nX-API-Key: \t key-one \r\nx-api-key: 2\r\n\r\n";
    struct h1_field fields[8];
    struct h1_request req = {.fields = fields};
    assert_int_equal(parse_split(&req, head, sizeof(head) - 1, 0), H1_OK);
    assert_true(slice_eq(req.method_text, SLICE("POST")));
    assert_ptr_equal(req.method_text.ptr, head);
    assert_int_equal(req.minor_version, 1);
    assert_int_equal(req.n_fields, 4);
    assert_int_equal(fields[0].id, HEADER_HOST);
    assert_true(slice_eq(fields[0].name, SLICE("HOST")));
    assert_int_equal(fields[1].id, HEADER_OTHER);
    assert_true(slice_eq(fields[1].name, SLICE("X-Odd")));
    assert_int_equal(fields[1].value.len, 0);
    const struct h1_field *key = h1_find_field(req.fields, req.n_fields, HEADER_X_API_KEY);
    assert_ptr_equal(key, &fields[2]);
    assert_true(slice_eq(key->value, SLICE("key-one")));
    assert_null(h1_find_field(req.fields, req.n_fields, HEADER_COOKIE));
}

static void names_the_methods(void **state)
{
    assert_string_equal(http_method_text(HTTP_GET), "GET");
    assert_string_equal(http_method_text(HTTP_OPTIONS), "OPTIONS");
    assert_null(http_method_text(HTTP_METHOD_OTHER));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rejects_at_any_split),
        cmocka_unit_test(never_accepts_what_is_cut_off),
        cmocka_unit_test(accepts_at_any_split),
        cmocka_unit_test(judges_every_byte_of_a_field),
        cmocka_unit_test(gives_the_fields_as_slices_of_the_head),
        cmocka_unit_test(names_the_methods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
