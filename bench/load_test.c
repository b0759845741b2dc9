// SPDX-License-Identifier: MIT
// The load generator's judgement: what it takes for a complete answer, an event, a delay, a quantile.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "event_counter.h"
#include "histogram.h"
#include "response.h"

struct body {
    char text[256];
    size_t len;
};

static void append(void *arg, const char *data, size_t len)
{
    struct body *body = arg;
    assert_true(body->len + len < sizeof body->text);
    memcpy(body->text + body->len, data, len);
    body->len += len;
}

struct response_case {
    const char *bytes;
    const char *body;
    int status;
    enum response_state state; // after all bytes
    bool fails;
};

static const struct response_case response_cases[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", 200, RESPONSE_DONE, false},
    {"HTTP/1.1 200 OK\r\ncontent-length:5\r\n\r\nhell", "hell", 200, RESPONSE_BODY, false},
    {"HTTP/1.1 429 No\r\nContent-Length: 0\r\n\r\n", "", 429, RESPONSE_DONE, false},
    {"HTTP/1.1 204 No\r\n\r\n", "", 204, RESPONSE_DONE, false},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n", "hello", 200,
     RESPONSE_DONE, false},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n0\r\nA: b\r\n\r\n", "he", 200, RESPONSE_DONE,
     false},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "hello", 200, RESPONSE_CHUNK_SIZE, false},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n", NULL, 200, RESPONSE_DONE, true},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", NULL, 200, RESPONSE_DONE, true},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\n", NULL, 200, RESPONSE_DONE, true},
    {"HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", "a", 200, RESPONSE_DONE,
     false},
    {"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc", "abc", 200, RESPONSE_UNTIL_CLOSE, false},
    {"SSH-2.0-OpenSSH\r\n", NULL, 0, RESPONSE_DONE, true},
    {"HTTP/1.1 99 \r\n", NULL, 0, RESPONSE_DONE, true},
};

// Fed in two parts; returns false when either is refused.
static bool feed_split(const struct response_case *t, size_t split, struct response *r, struct body *body)
{
    size_t len = strlen(t->bytes);
    response_init(r);
    body->len = 0;
    return response_feed(r, t->bytes, split, append, body) == (long)split &&
           response_feed(r, t->bytes + split, len - split, append, body) == (long)(len - split);
}

static void responses_are_read_alike_however_they_are_split(void **state)
{
    for (size_t i = 0; i < sizeof response_cases / sizeof *response_cases; i++) {
        const struct response_case *t = &response_cases[i];
        for (size_t split = 0; split <= strlen(t->bytes); split++) {
            struct response r;
            struct body body;
            assert_int_equal(feed_split(t, split, &r, &body), !t->fails);
            if (!t->fails) {
                assert_int_equal(r.status, t->status);
                assert_int_equal(r.state, t->state);
                assert_int_equal(body.len, strlen(t->body));
                assert_memory_equal(body.text, t->body, body.len);
            }
        }
    }
}

static void only_a_close_delimited_answer_may_end_with_the_connection(void **state)
{
    for (size_t i = 0; i < sizeof response_cases / sizeof *response_cases; i++) {
        const struct response_case *t = &response_cases[i];
        struct response r;
        struct body body;
        if (!t->fails) {
            assert_true(feed_split(t, 0, &r, &body));
            assert_int_equal(response_end(&r), t->state == RESPONSE_DONE || t->state == RESPONSE_UNTIL_CLOSE);
        }
    }
}

static void bytes_behind_an_answer_are_not_taken(void **state)
{
    static const char bytes[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1";
    struct response r;
    struct body body = {.len = 0};
    response_init(&r);
    assert_int_equal(response_feed(&r, bytes, sizeof bytes - 1, append, &body), sizeof bytes - 1 - 8);
}

static void events_and_stamps_are_found_however_they_are_split(void **state)
{
    static const char stream[] =
        "data: {\"content\":\"\"}\n\ndata: {\"id\":\"77777777777\",\"content\":\"5000000000\"}\n\n"
        "data: {\"content\":\"6000000000 \"}\n\ndata: [DONE]\n\n";
    size_t len = sizeof stream - 1;
    for (size_t split = 0; split <= len; split++) {
        struct event_counter counter = {0};
        static struct histogram delays;
        memset(&delays, 0, sizeof delays);
        event_counter_feed(&counter, stream, split, "\"content\":\"", 6000000100, &delays);
        event_counter_feed(&counter, stream + split, len - split, "\"content\":\"", 6000000100, &delays);
        assert_int_equal(counter.n, 4);
        assert_int_equal(delays.n, 2);
        assert_int_equal(histogram_quantile(&delays, 0.5), 100);
        assert_int_equal(delays.max, 1000000100);
    }
}

static void quantiles_are_within_one_percent(void **state)
{
    static struct histogram h;
    for (uint64_t value = 1; value <= 100000; value++) {
        histogram_add(&h, value * 1000);
    }
    static const double quantiles[] = {0.01, 0.5, 0.9, 0.99};
    for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++) {
        double exact = quantiles[i] * 1e8;
        double found = (double)histogram_quantile(&h, quantiles[i]);
        assert_true(found >= exact && found <= exact * 1.01);
    }
    assert_int_equal(histogram_quantile(&h, 1), 100000000);
    assert_int_equal(h.max, 100000000);
}

static void extremes_have_a_bucket(void **state)
{
    static struct histogram h;
    assert_int_equal(histogram_quantile(&h, 0.99), 0);
    histogram_add(&h, 0);
    histogram_add(&h, UINT64_MAX);
    assert_int_equal(histogram_quantile(&h, 0.5), 0);
    assert_true(histogram_quantile(&h, 1) == UINT64_MAX);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(responses_are_read_alike_however_they_are_split),
        cmocka_unit_test(only_a_close_delimited_answer_may_end_with_the_connection),
        cmocka_unit_test(bytes_behind_an_answer_are_not_taken),
        cmocka_unit_test(events_and_stamps_are_found_however_they_are_split),
        cmocka_unit_test(quantiles_are_within_one_percent),
        cmocka_unit_test(extremes_have_a_bucket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
