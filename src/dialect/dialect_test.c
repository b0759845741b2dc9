// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/arena.h"
#include "dialect/dialect.h"
#include "dialect/usage.h"
#include "http/sse_parser.h"
#include "json/json_reader.h"

// What a client's parser makes of a stream.
struct seen {
    size_t n;
    char last[256]; // "name|data"
    struct usage_tap *tap;
};

static void on_event(void *arg, const struct sse_event *event)
{
    struct seen *seen = arg;
    seen->n++;
    snprintf(seen->last, sizeof(seen->last), "%.*s|%.*s", SLICE_ARG(event->name), SLICE_ARG(event->data));
    usage_tap_event(seen->tap, event->name, event->data);
}

static void feed(struct sse_parser *parser, struct slice bytes, struct seen *seen)
{
    assert_int_equal(sse_parser_feed(parser, bytes, on_event, seen), 0);
}

static void dialects_have_names(void **state)
{
    static const char *const names[N_DIALECTS] = {"anthropic", "chat", "responses", "gemini"};
    (void)state;
    for (int d = 0; d < N_DIALECTS; d++) {
        assert_string_equal(dialect_name((enum dialect)d), names[d]);
    }
}

// An event where the dialect has one for it, else a comment, which is no event at all.
static void heartbeats_are_what_the_dialect_knows(void **state)
{
    static const char *const events[N_DIALECTS] = {[DIALECT_ANTHROPIC] = "ping|{\"type\": \"ping\"}"};
    (void)state;
    for (int d = 0; d < N_DIALECTS; d++) {
        struct slice heartbeat = dialect_heartbeat((enum dialect)d);
        struct seen seen = {.tap = usage_tap_new((enum dialect)d, 1024)};
        struct sse_parser parser;
        sse_parser_init(&parser, 1024);
        feed(&parser, heartbeat, &seen);
        assert_int_equal(heartbeat.len == 0, d == DIALECT_GEMINI);
        assert_true(sse_parser_is_between_events(&parser));
        assert_int_equal(seen.n, events[d] ? 1 : 0);
        assert_string_equal(seen.last, events[d] ? events[d] : "");
        // It says nothing about the answer.
        assert_false(usage_tap_has_content(seen.tap) || usage_tap_is_complete(seen.tap) ||
                     usage_tap_has_error(seen.tap));
        sse_parser_deinit(&parser);
        usage_tap_free(seen.tap);
    }
}

static void the_ping_is_json_of_the_type_of_its_event(void **state)
{
    struct slice data = dialect_heartbeat(DIALECT_ANTHROPIC);
    struct arena arena;
    struct json_doc doc;
    (void)state;
    arena_init(&arena, 256);
    data = slice_after(data, slice_find(data, SLICE("data: ")) + 6);
    assert_int_equal(json_parse(&doc, &arena, slice_split(&data, '\n'), NULL), 0);
    assert_true(json_string_is(&doc, json_get(&doc, json_root(&doc), SLICE("type")), SLICE("ping")));
    arena_deinit(&arena);
}

// Between two events it changes neither of them.
static void heartbeats_leave_the_events_around_them_alone(void **state)
{
    static const struct slice event = SLICE_INIT("event: a\ndata: {\"type\": \"a\"}\n\n");
    (void)state;
    for (int d = 0; d < N_DIALECTS; d++) {
        struct seen seen = {.tap = usage_tap_new((enum dialect)d, 1024)};
        struct sse_parser parser;
        sse_parser_init(&parser, 1024);
        for (size_t i = 1; i <= 3; i++) {
            seen.n = 0;
            feed(&parser, dialect_heartbeat((enum dialect)d), &seen);
            feed(&parser, event, &seen);
            assert_int_equal(seen.n, d == DIALECT_ANTHROPIC ? 2 : 1);
            assert_string_equal(seen.last, "a|{\"type\": \"a\"}");
        }
        sse_parser_deinit(&parser);
        usage_tap_free(seen.tap);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dialects_have_names),
        cmocka_unit_test(heartbeats_are_what_the_dialect_knows),
        cmocka_unit_test(the_ping_is_json_of_the_type_of_its_event),
        cmocka_unit_test(heartbeats_leave_the_events_around_them_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
