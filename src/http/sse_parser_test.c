// SPDX-License-Identifier: MIT
#include "http/sse_parser.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

// The events as text: "name|data;" for each.
static void collect(void *arg, const struct sse_event *event)
{
    struct buf *events = arg;
    buf_append(events, event->name);
    buf_append_char(events, '|');
    buf_append(events, event->data);
    buf_append_char(events, ';');
}

// Feeds from memory of exactly that size, which is gone afterwards.
static int feed_copy(struct sse_parser *parser, struct slice bytes, struct buf *events)
{
    char *copy = malloc(bytes.len ? bytes.len : 1);
    if (bytes.len) {
        memcpy(copy, bytes.ptr, bytes.len);
    }
    int r = sse_parser_feed(parser, slice_of(copy, bytes.len), collect, events);
    free(copy);
    return r;
}

// Feeds `first` bytes, then pieces of `step` bytes, and finishes.
static int parse(struct slice input, size_t first, size_t step, size_t event_max, struct buf *events)
{
    struct sse_parser parser;
    sse_parser_init(&parser, event_max);
    int r = feed_copy(&parser, slice_of(input.ptr, first), events);
    for (size_t at = first; at < input.len; at += step) {
        size_t n = input.len - at < step ? input.len - at : step;
        r = feed_copy(&parser, slice_of(input.ptr + at, n), events);
    }
    assert_int_equal(sse_parser_finish(&parser, collect, events), r);
    sse_parser_deinit(&parser);
    return r;
}

static void assert_events(struct slice input, size_t first, size_t step, struct slice expected)
{
    struct buf events = BUF_EMPTY;
    assert_int_equal(parse(input, first, step, SSE_EVENT_MAX_DEFAULT, &events), 0);
    if (!slice_eq(buf_slice(&events), expected)) {
        fail_msg("%.*s, split at %zu by %zu: %.*s", SLICE_ARG(input), first, step, SLICE_ARG(buf_slice(&events)));
    }
    buf_deinit(&events);
}

static void assert_same_at_any_split(struct slice input, struct slice expected)
{
    for (size_t split = 0; split <= input.len; split++) {
        assert_events(input, split, input.len, expected);
    }
    for (size_t step = 1; step < 20; step++) {
        assert_events(input, 0, step, expected);
    }
}

static const struct {
    struct slice input;
    struct slice events;
} rows[] = {
    // Nothing to deliver.
    {SLICE_INIT(""), SLICE_INIT("")},
    {SLICE_INIT("\n\r\r\n\n"), SLICE_INIT("")},
    {SLICE_INIT(":\n: a\n:data: a\n\n"), SLICE_INIT("")},
    {SLICE_INIT("id: 1\nretry: 5\nother\ndatax: a\ndat: a\nDATA: a\n data: a\n\n"), SLICE_INIT("")},
    {SLICE_INIT("event: ping\n\n"), SLICE_INIT("")},
    {SLICE_INIT("event: ping"), SLICE_INIT("")},
    {SLICE_INIT("\xef\xbb\xbf"), SLICE_INIT("")},
    {SLICE_INIT("\xef\xbb"), SLICE_INIT("")},
    {SLICE_INIT("\0data: a\n\n"), SLICE_INIT("")},
    // A name belongs to its own event only.
    {SLICE_INIT("event: a\n\ndata: b\n\n"), SLICE_INIT("|b;")},
    {SLICE_INIT("event: a\ndata: 1\n\ndata: 2\n\n"), SLICE_INIT("a|1;|2;")},
    {SLICE_INIT("event: a\nevent: b\ndata: 1\n\n"), SLICE_INIT("b|1;")},
    {SLICE_INIT("event: a\nevent\ndata: 1\n\n"), SLICE_INIT("|1;")},
    {SLICE_INIT("data: 1\nevent: a\n\n"), SLICE_INIT("a|1;")},
    // One space goes, no more.
    {SLICE_INIT("data:a\n\ndata: b\n\ndata:  c \n\ndata:\td\n\n"), SLICE_INIT("|a;|b;| c ;|\td;")},
    {SLICE_INIT("event:a:b: c\ndata::\n\n"), SLICE_INIT("a:b: c|:;")},
    // Empty data is data.
    {SLICE_INIT("data\n\ndata:\n\ndata: \n\n"), SLICE_INIT("|;|;|;")},
    {SLICE_INIT("data\ndata\n\n"), SLICE_INIT("|\n;")},
    {SLICE_INIT("data\ndata: a\ndata:\n\ndata: b\n\n"), SLICE_INIT("|\na\n;|b;")},
    // Lines are joined, also around other fields and comments.
    {SLICE_INIT("data: a\ndata: b\n: x\nid: 1\ndata:  c\n\ndata: d\ndata: e\n\n"), SLICE_INIT("|a\nb\n c;|d\ne;")},
    {SLICE_INIT("event: n\ndata: a\ndata: b\nevent: m\n\n"), SLICE_INIT("m|a\nb;")},
    // All line ends, also mixed; others are no line ends.
    {SLICE_INIT("data: a\r\rdata: b\r\n\r\ndata: c\n\n"), SLICE_INIT("|a;|b;|c;")},
    {SLICE_INIT("data: a\r\n\ndata: b\n\r\ndata: c\r\r\n"), SLICE_INIT("|a;|b;|c;")},
    {SLICE_INIT("data: a\n\rdata: b\r\n\r"), SLICE_INIT("|a;|b;")},
    {SLICE_INIT("data: a\x0b\x0c\xc2\x85\xe2\x80\xa8\xe2\x80\xa9 b\n\n"),
     SLICE_INIT("|a\x0b\x0c\xc2\x85\xe2\x80\xa8\xe2\x80\xa9 b;")},
    {SLICE_INIT("data: a\0b\n\n"), SLICE_INIT("|a\0b;")},
    // A BOM is skipped once, at the start only.
    {SLICE_INIT("\xef\xbb\xbf"
                "data: a\n\n\xef\xbb\xbf"
                "data: b\n\n"),
     SLICE_INIT("|a;")},
    {SLICE_INIT("\xef\xbb\xbf\xef\xbb\xbf"
                "data: a\n\n"),
     SLICE_INIT("")},
    {SLICE_INIT("\xef\xbb"
                "data: a\n\ndata: b\n\n"),
     SLICE_INIT("|b;")},
    {SLICE_INIT("\xef\xef\xbb\xbf"
                "data: a\n\ndata: b\n\n"),
     SLICE_INIT("|b;")},
    {SLICE_INIT("\n\xef\xbb\xbf"
                "data: a\n\n"),
     SLICE_INIT("")},
    // The end of the stream ends the line and the event.
    {SLICE_INIT("data: a"), SLICE_INIT("|a;")},
    {SLICE_INIT("data: a\n"), SLICE_INIT("|a;")},
    {SLICE_INIT("data: a\r"), SLICE_INIT("|a;")},
    {SLICE_INIT("event: n\ndata: a\ndata: b"), SLICE_INIT("n|a\nb;")},
    {SLICE_INIT("data: a\nevent: n"), SLICE_INIT("n|a;")},
    {SLICE_INIT("data"), SLICE_INIT("|;")},
    {SLICE_INIT("data: a\n\ndat"), SLICE_INIT("|a;")},
    // Loose JSON: up to the end of the stream or the next event.
    {SLICE_INIT("{\n \"error\": {\"data\": 1}\n}\n"), SLICE_INIT("|{\n \"error\": {\"data\": 1}\n};")},
    {SLICE_INIT("data: a\r\n\r\n \t[{\r\n1\r\n}]"), SLICE_INIT("|a;| \t[{\n1\n}];")},
    {SLICE_INIT("{\n\n}\n\n\ndata: a\n\n"), SLICE_INIT("|{\n};|a;")},
    {SLICE_INIT("{}\nevent: n\ndata: a\n\n"), SLICE_INIT("|{};n|a;")},
    {SLICE_INIT("{}\nevent: n\n\n[1]\n"), SLICE_INIT("|{};|[1];")},
    {SLICE_INIT("{\n: x\nid: 1\nretry\nidle\n}\n"), SLICE_INIT("|{\nidle\n};")},
    {SLICE_INIT("\xef\xbb\xbf{"), SLICE_INIT("|{;")},
    // Not within an event, and not what only ends like JSON.
    {SLICE_INIT("data: a\n{}\ndata: b\n[]\n\n"), SLICE_INIT("|a\nb;")},
    {SLICE_INIT("event: n\n{}\ndata: a\n\n"), SLICE_INIT("n|a;")},
    {SLICE_INIT("}\n\"a\": {\n<html>\n \n]\n\ndata: a\n\n"), SLICE_INIT("|a;")},
};

static void gives_the_same_at_any_split(void **state)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_same_at_any_split(rows[i].input, rows[i].events);
    }
}

// Lines of all lengths around the width of the vectors that look for line ends.
static void finds_line_ends_at_every_distance(void **state)
{
    static const char *const ends[] = {"\n\n", "\r\r", "\r\n\r\n"};
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        struct buf input = BUF_EMPTY;
        struct buf expected = BUF_EMPTY;
        for (size_t len = 0; len < 70; len++) {
            buf_printf(&input, "data: %.*s%s", (int)len,
                       "0123456789012345678901234567890123456789012345678901234567890123456789", ends[i]);
            buf_printf(&expected, "|%.*s;", (int)len,
                       "0123456789012345678901234567890123456789012345678901234567890123456789");
        }
        assert_same_at_any_split(buf_slice(&input), buf_slice(&expected));
        buf_deinit(&input);
        buf_deinit(&expected);
    }
}

static struct buf read_stream(const char *name)
{
    struct buf bytes = BUF_EMPTY;
    char path[256];
    snprintf(path, sizeof(path), "tests/corpus/sse/%s", name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    for (size_t n = 1; n > 0; bytes.len += n) {
        char *at = buf_reserve(&bytes, 4096);
        n = fread(at, 1, 4096, file);
    }
    assert_false(ferror(file));
    fclose(file);
    return bytes;
}

static struct buf events_of_stream(const char *name)
{
    struct buf events = BUF_EMPTY;
    struct buf bytes = read_stream(name);
    assert_int_equal(parse(buf_slice(&bytes), bytes.len, 1, SSE_EVENT_MAX_DEFAULT, &events), 0);
    buf_deinit(&bytes);
    return events;
}

static const struct {
    const char *name;
    size_t n_events;
} streams[] = {
    {"an-s01-text.sse", 7},
    {"an-s22-prepopulated-none-basic.sse", 9},
    {"edge-01-anthropic-crlf.sse", 7},
    {"edge-02-anthropic-cr-only.sse", 7},
    {"edge-03-anthropic-bom-comments-nospace.sse", 7},
    {"edge-04-responses-multiline-data.sse", 15},
    {"edge-05-anthropic-unicode-line-separators.sse", 7},
    {"edge-06-anthropic-truncated.sse", 5},
    {"edge-07-responses-truncated.sse", 14},
    {"edge-08-chat-truncated.sse", 31},
    {"edge-09-anthropic-overloaded-midstream.sse", 5},
    {"edge-10-responses-malformed-first-event.sse", 6},
    {"edge-11-responses-incomplete.sse", 15},
    {"edge-12-responses-refusal.sse", 15},
    {"edge-13-anthropic-pause-turn.sse", 34},
    {"edge-14-gemini-malformed-call.sse", 1},
    {"edge-15-chat-missing-done.sse", 33},
    {"edge-16-chat-content-and-finish-same-chunk.sse", 2},
    {"edge-17-chat-duplicate-finish.sse", 5},
    {"ge-s01-text-crlf.sse", 3},
    {"ge-s04-prompt-blocked.sse", 1},
    {"ge-s05-prompt-blocked-with-message.sse", 1},
    {"ge-s08-error-mid-stream-bare-json.sse", 3},
    {"ge-s11-utf8.sse", 4},
    {"ge-s14-finish-message.sse", 2},
    {"or-s15-bedrock-event-line-after-data.sse", 7},
};

static void count(void *arg, const struct sse_event *event)
{
    size_t *n = arg;
    (*n)++;
}

static void parses_recorded_streams(void **state)
{
    for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
        struct buf bytes = read_stream(streams[i].name);
        struct buf events = events_of_stream(streams[i].name);
        struct sse_parser parser;
        size_t n = 0;
        sse_parser_init(&parser, SSE_EVENT_MAX_DEFAULT);
        assert_int_equal(sse_parser_feed(&parser, buf_slice(&bytes), count, &n), 0);
        assert_int_equal(sse_parser_finish(&parser, count, &n), 0);
        if (n != streams[i].n_events) {
            fail_msg("%s: %zu events", streams[i].name, n);
        }
        // At every byte of the short ones, at every seventh or so of the long ones.
        for (size_t split = 0; split <= bytes.len; split += 1 + bytes.len / 3000) {
            assert_events(buf_slice(&bytes), split, bytes.len, buf_slice(&events));
        }
        assert_events(buf_slice(&bytes), 0, 1, buf_slice(&events));
        buf_deinit(&events);
        buf_deinit(&bytes);
    }
}

static void line_ends_comments_and_bom_do_not_matter(void **state)
{
    struct buf plain = events_of_stream("an-s01-text.sse");
    for (size_t i = 2; i <= 4; i++) {
        struct buf events = events_of_stream(streams[i].name);
        assert_true(slice_eq(buf_slice(&events), buf_slice(&plain)));
        buf_deinit(&events);
    }
    buf_deinit(&plain);
}

static void keeps_characters_that_look_like_line_ends(void **state)
{
    struct buf events = events_of_stream("edge-05-anthropic-unicode-line-separators.sse");
    assert_int_not_equal(slice_find(buf_slice(&events), SLICE("\xe2\x80\xa8")), SLICE_NOT_FOUND);
    assert_int_not_equal(slice_find(buf_slice(&events), SLICE("\xe2\x80\xa9")), SLICE_NOT_FOUND);
    assert_int_not_equal(slice_find(buf_slice(&events), SLICE("\xc2\x85")), SLICE_NOT_FOUND);
    buf_deinit(&events);
}

struct placement {
    struct slice input;
    size_t n_events;
    size_t n_inside;
};

static void look_where_it_lies(void *arg, const struct sse_event *event)
{
    struct placement *placement = arg;
    const char *end = placement->input.ptr + placement->input.len;
    placement->n_events++;
    placement->n_inside += event->data.ptr >= placement->input.ptr && event->data.ptr + event->data.len <= end &&
                           event->name.ptr >= placement->input.ptr && event->name.ptr + event->name.len <= end;
}

static bool owns_memory(const struct sse_parser *parser)
{
    return parser->_line.ptr || parser->_data.ptr || parser->_name.ptr;
}

static void whole_events_are_not_copied(void **state)
{
    struct placement placement = {.input = SLICE("event: a\ndata: 1\n\n: x\n\nevent: b\r\nid: 1\r\ndata: 2\r\n\r\n")};
    struct sse_parser parser;
    sse_parser_init(&parser, SSE_EVENT_MAX_DEFAULT);
    assert_int_equal(sse_parser_feed(&parser, placement.input, look_where_it_lies, &placement), 0);
    assert_int_equal(placement.n_events, 2);
    assert_int_equal(placement.n_inside, 2);
    assert_false(owns_memory(&parser));
    sse_parser_deinit(&parser);
}

static void split_events_leave_no_memory_behind(void **state)
{
    struct buf events = BUF_EMPTY;
    struct sse_parser parser;
    sse_parser_init(&parser, SSE_EVENT_MAX_DEFAULT);
    assert_int_equal(feed_copy(&parser, SLICE("event: a\ndata: 1\nda"), &events), 0);
    assert_true(owns_memory(&parser));
    assert_int_equal(feed_copy(&parser, SLICE("ta: 2\n\n"), &events), 0);
    assert_false(owns_memory(&parser));
    // Joined lines need memory, but not for longer.
    assert_int_equal(feed_copy(&parser, SLICE("data: 3\ndata: 4\n\n"), &events), 0);
    assert_false(owns_memory(&parser));
    assert_true(slice_eq(buf_slice(&events), SLICE("a|1\n2;|3\n4;")));
    sse_parser_deinit(&parser);
    buf_deinit(&events);
}

static void loose_json_is_kept_between_feeds(void **state)
{
    struct buf events = BUF_EMPTY;
    struct sse_parser parser;
    sse_parser_init(&parser, SSE_EVENT_MAX_DEFAULT);
    assert_int_equal(feed_copy(&parser, SLICE("data: 1\n\n{\n"), &events), 0);
    assert_false(sse_parser_is_between_events(&parser));
    assert_int_equal(feed_copy(&parser, SLICE("}\n\n"), &events), 0);
    assert_false(sse_parser_is_between_events(&parser));
    assert_int_equal(feed_copy(&parser, SLICE("data: 2\n\n"), &events), 0);
    assert_true(sse_parser_is_between_events(&parser));
    assert_false(owns_memory(&parser));
    assert_true(slice_eq(buf_slice(&events), SLICE("|1;|{\n};|2;")));
    sse_parser_deinit(&parser);
    buf_deinit(&events);
}

static void can_be_used_again_after_the_end(void **state)
{
    struct buf events = BUF_EMPTY;
    struct sse_parser parser;
    sse_parser_init(&parser, SSE_EVENT_MAX_DEFAULT);
    assert_int_equal(feed_copy(&parser, SLICE("event: a\ndata: 1\r"), &events), 0);
    assert_int_equal(sse_parser_finish(&parser, collect, &events), 0);
    assert_false(owns_memory(&parser));
    assert_int_equal(feed_copy(&parser, SLICE("\n\xef\xbb\xbf"), &events), 0);
    assert_int_equal(sse_parser_finish(&parser, collect, &events), 0);
    assert_int_equal(feed_copy(&parser,
                               SLICE("\xef\xbb\xbf"
                                     "data: 2\n\n"),
                               &events),
                     0);
    assert_int_equal(sse_parser_finish(&parser, collect, &events), 0);
    assert_true(slice_eq(buf_slice(&events), SLICE("a|1;|2;")));
    sse_parser_deinit(&parser);
    buf_deinit(&events);
}

// Every row with a limit of 12 bytes.
static const struct {
    struct slice input;
    int result;
    struct slice events;
} limited[] = {
    {SLICE_INIT("data: 0123456\n\n"), SSE_EVENT_TOO_LARGE, SLICE_INIT("")},
    {SLICE_INIT("data: 0123456"), SSE_EVENT_TOO_LARGE, SLICE_INIT("")},
    {SLICE_INIT("data: a\n\n:0123456789ab\n\ndata: b\n\n"), SSE_EVENT_TOO_LARGE, SLICE_INIT("|a;")},
    {SLICE_INIT("event: 01234\ndata: 01\n\n"), SSE_EVENT_TOO_LARGE, SLICE_INIT("")},
    {SLICE_INIT("data: a\ndata: b\ndata: c\ndata: d\ndata: e\n\n"), SSE_EVENT_TOO_LARGE, SLICE_INIT("")},
    {SLICE_INIT("data\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\n"), SSE_EVENT_TOO_LARGE,
     SLICE_INIT("")},
    {SLICE_INIT("\xef\xbb\xbf"
                "data: 0123456"),
     SSE_EVENT_TOO_LARGE, SLICE_INIT("")},
    {SLICE_INIT("data: 012345\n\n"), 0, SLICE_INIT("|012345;")},
    {SLICE_INIT("\xef\xbb\xbf"
                "data: 012345\r\n\r\n"),
     0, SLICE_INIT("|012345;")},
    {SLICE_INIT("event: 01234\ndata:01\n\n"), 0, SLICE_INIT("01234|01;")},
    {SLICE_INIT("data: a\ndata: b\ndata: c\ndata: d\n\ndata: e\n\n"), 0, SLICE_INIT("|a\nb\nc\nd;|e;")},
    {SLICE_INIT(":0123456789a\n:0123456789a\ndata: a\n\n"), 0, SLICE_INIT("|a;")},
    {SLICE_INIT("{\n45678\n9abcd"), 0, SLICE_INIT("|{\n45678\n9abcd;")},
    {SLICE_INIT("{\n45678\n9abcde"), SSE_EVENT_TOO_LARGE, SLICE_INIT("")},
    {SLICE_INIT("{\n45678\n9abc\n\ndata: a\n\n"), SSE_EVENT_TOO_LARGE, SLICE_INIT("")},
};

static void limits_an_event_the_same_at_any_split(void **state)
{
    for (size_t i = 0; i < sizeof(limited) / sizeof(limited[0]); i++) {
        for (size_t split = 0; split <= limited[i].input.len; split++) {
            struct buf events = BUF_EMPTY;
            int r = parse(limited[i].input, split, limited[i].input.len, 12, &events);
            if (r != limited[i].result || !slice_eq(buf_slice(&events), limited[i].events)) {
                fail_msg("%.*s, split at %zu: %d %.*s", SLICE_ARG(limited[i].input), split, r,
                         SLICE_ARG(buf_slice(&events)));
            }
            buf_deinit(&events);
        }
    }
}

static void stays_failed_without_memory(void **state)
{
    struct buf events = BUF_EMPTY;
    struct sse_parser parser;
    sse_parser_init(&parser, 12);
    assert_int_equal(feed_copy(&parser, SLICE("data: 01234"), &events), 0);
    assert_int_equal(feed_copy(&parser, SLICE("56"), &events), SSE_EVENT_TOO_LARGE);
    assert_false(owns_memory(&parser));
    assert_int_equal(feed_copy(&parser, SLICE("\n\ndata: 1\n\n"), &events), SSE_EVENT_TOO_LARGE);
    assert_int_equal(sse_parser_finish(&parser, collect, &events), SSE_EVENT_TOO_LARGE);
    assert_int_equal(events.len, 0);
    assert_false(owns_memory(&parser));
    sse_parser_deinit(&parser);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_same_at_any_split),
        cmocka_unit_test(finds_line_ends_at_every_distance),
        cmocka_unit_test(parses_recorded_streams),
        cmocka_unit_test(line_ends_comments_and_bom_do_not_matter),
        cmocka_unit_test(keeps_characters_that_look_like_line_ends),
        cmocka_unit_test(whole_events_are_not_copied),
        cmocka_unit_test(split_events_leave_no_memory_behind),
        cmocka_unit_test(loose_json_is_kept_between_feeds),
        cmocka_unit_test(can_be_used_again_after_the_end),
        cmocka_unit_test(limits_an_event_the_same_at_any_split),
        cmocka_unit_test(stays_failed_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
