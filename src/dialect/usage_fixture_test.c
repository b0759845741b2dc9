// SPDX-License-Identifier: MIT
// The metering tap over every recorded answer of tests/corpus/dialects, against the values expected there.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dialect/fixture_file.h"
#include "dialect/usage.h"
#include "http/sse_parser.h"

enum { LIMIT = 16 * 1024 };

// What the tap made of an answer.
struct finding {
    struct usage usage;
    bool is_complete;
    bool has_content;
    bool has_error;
};

static struct finding finding_of(struct usage_tap *tap)
{
    struct finding finding = {usage_tap_usage(tap), usage_tap_is_complete(tap), usage_tap_has_content(tap),
                              usage_tap_has_error(tap)};
    usage_tap_free(tap);
    return finding;
}

static bool is_same_finding(const struct finding *a, const struct finding *b)
{
    return memcmp(&a->usage, &b->usage, sizeof(a->usage)) == 0 && a->is_complete == b->is_complete &&
           a->has_content == b->has_content && a->has_error == b->has_error;
}

static void on_event(void *arg, const struct sse_event *event)
{
    usage_tap_event(arg, event->name, event->data);
}

static struct finding meter_stream(enum dialect dialect, struct slice bytes, size_t step)
{
    struct usage_tap *tap = usage_tap_new(dialect, LIMIT);
    struct sse_parser parser;
    sse_parser_init(&parser, SSE_EVENT_MAX_DEFAULT);
    for (size_t at = 0; at < bytes.len; at += step) {
        struct slice rest = slice_after(bytes, at);
        rest.len = rest.len < step ? rest.len : step;
        assert_int_equal(sse_parser_feed(&parser, rest, on_event, tap), 0);
    }
    assert_int_equal(sse_parser_finish(&parser, on_event, tap), 0);
    sse_parser_deinit(&parser);
    return finding_of(tap);
}

static struct finding meter_answer(enum dialect dialect, struct slice bytes)
{
    struct usage_tap *tap = usage_tap_new(dialect, LIMIT);
    usage_tap_answer(tap, bytes);
    return finding_of(tap);
}

static struct finding meter_json(enum dialect dialect, struct slice bytes, size_t first, size_t step)
{
    struct usage_tap *tap = usage_tap_new(dialect, LIMIT);
    usage_tap_json(tap, slice_of(bytes.ptr, first));
    for (size_t at = first; at < bytes.len; at += step) {
        struct slice rest = slice_after(bytes, at);
        rest.len = rest.len < step ? rest.len : step;
        usage_tap_json(tap, rest);
    }
    return finding_of(tap);
}

// ---- expectations

static int64_t number_of(const struct fixture *fixture, const struct json_node *object, struct slice name)
{
    int64_t value = -1;
    (void)json_int64(fixture->doc, json_get(fixture->doc, object, name), &value);
    return value;
}

static void check_figure(const struct fixture *fixture, const char *what, int64_t expected, int64_t found)
{
    // The fixtures say 0 for what the answer did not mention.
    bool is_right = expected == 0 ? found <= 0 : found == expected;
    if (!is_right) {
        fail_msg("%s: %s is %lld, not %lld", fixture->name, what, (long long)found, (long long)expected);
    }
}

static void check_usage(const struct fixture *fixture, const struct finding *finding)
{
    const struct json_node *ir = json_get(fixture->doc, fixture->expected, SLICE("usage_ir"));
    const struct json_node *count = json_get(fixture->doc, fixture->expected, SLICE("count_tokens"));
    struct slice count_name = fixture->dialect == DIALECT_GEMINI ? SLICE("totalTokens") : SLICE("input_tokens");
    if (json_is(count, JSON_OBJECT)) {
        check_figure(fixture, "input", number_of(fixture, count, count_name), finding->usage.input);
        return;
    }
    // Where an error ends the answer, what it said of usage before is kept although nothing is expected.
    if (!json_is(ir, JSON_OBJECT) && finding->has_error) {
        return;
    }
    check_figure(fixture, "input", number_of(fixture, ir, SLICE("input_total")), finding->usage.input);
    check_figure(fixture, "output", number_of(fixture, ir, SLICE("output_total")), finding->usage.output);
    check_figure(fixture, "reasoning", number_of(fixture, ir, SLICE("reasoning")), finding->usage.reasoning);
    check_figure(fixture, "cache_read", number_of(fixture, ir, SLICE("cache_read")), finding->usage.cache_read);
    check_figure(fixture, "cache_write", number_of(fixture, ir, SLICE("cache_write")), finding->usage.cache_write);
}

static bool has_text(const struct fixture *fixture, const struct json_node *object, struct slice name)
{
    const struct json_node *value = json_get(fixture->doc, object, name);
    return value && (value->type == JSON_STRING || value->type == JSON_ARRAY) && json_raw(fixture->doc, value).len > 2;
}

static bool expects_content(const struct fixture *fixture)
{
    const struct json_node *candidates = json_get(fixture->doc, fixture->expected, SLICE("candidates"));
    const struct json_node *candidate = NULL;
    while (json_is(candidates, JSON_ARRAY) && json_next_element(fixture->doc, candidates, &candidate)) {
        if (has_text(fixture, candidate, SLICE("text")) || has_text(fixture, candidate, SLICE("reasoning")) ||
            has_text(fixture, candidate, SLICE("refusal")) || has_text(fixture, candidate, SLICE("tool_calls"))) {
            return true;
        }
    }
    return false;
}

static bool expects_error(const struct fixture *fixture)
{
    return has_text(fixture, fixture->expected, SLICE("errors")) ||
           json_is(json_get(fixture->doc, fixture->expected, SLICE("error")), JSON_OBJECT);
}

// Does the stream end as its dialect wants it to?
static bool expects_complete(const struct fixture *fixture)
{
    const struct json_doc *doc = fixture->doc;
    const struct json_node *stream = json_get(doc, fixture->expected, SLICE("stream"));
    const struct json_node *stop = json_get(doc, stream, SLICE("message_stop_seen"));
    const struct json_node *sse = json_get(doc, fixture->expected, SLICE("sse"));
    const struct json_node *feedback = json_get(doc, fixture->expected, SLICE("prompt_feedback"));
    const struct json_node *candidates = json_get(doc, fixture->expected, SLICE("candidates"));
    const struct json_node *candidate = NULL;
    if (stop) {
        return stop->type == JSON_TRUE;
    }
    while (json_is(candidates, JSON_ARRAY) && json_next_element(doc, candidates, &candidate)) {
        if (has_text(fixture, candidate, SLICE("finish_native"))) {
            return true;
        }
    }
    bool is_done = json_is(json_get(doc, sse, SLICE("done_sentinel")), JSON_TRUE);
    return has_text(fixture, feedback, SLICE("blockReason")) || (fixture->dialect == DIALECT_CHAT && is_done);
}

static void check_flag(const struct fixture *fixture, const char *what, bool expected, bool found)
{
    if (expected != found) {
        fail_msg("%s: %s is %s", fixture->name, what, found ? "true" : "false");
    }
}

static bool check_stream(const struct fixture *fixture)
{
    struct slice bytes = fixture_read(fixture->arena, fixture->path);
    struct finding finding = meter_stream(fixture->dialect, bytes, bytes.len);
    struct finding bytewise = meter_stream(fixture->dialect, bytes, 1);
    check_usage(fixture, &finding);
    check_flag(fixture, "is_complete", expects_complete(fixture), finding.is_complete);
    check_flag(fixture, "has_error", expects_error(fixture), finding.has_error);
    if (expects_content(fixture)) {
        check_flag(fixture, "has_content", true, finding.has_content);
    }
    check_flag(fixture, "same byte by byte", true, is_same_finding(&finding, &bytewise));
    return true;
}

static bool check_json(const struct fixture *fixture)
{
    enum { EVERY_BYTE_UP_TO = 1500 };
    struct slice bytes = fixture_read(fixture->arena, fixture->path);
    struct finding finding = meter_json(fixture->dialect, bytes, bytes.len, 1);
    struct finding bytewise = meter_json(fixture->dialect, bytes, 0, 1);
    struct finding at_once = meter_answer(fixture->dialect, bytes);
    at_once.has_error = finding.has_error; // not looked for there
    check_usage(fixture, &finding);
    check_flag(fixture, "is_complete", true, finding.is_complete);
    check_flag(fixture, "has_error", expects_error(fixture), finding.has_error);
    check_flag(fixture, "same byte by byte", true, is_same_finding(&finding, &bytewise));
    check_flag(fixture, "same as a whole", true, is_same_finding(&finding, &at_once));
    // In two pieces, cut at every byte; of long answers at one in so many.
    size_t stride = 1 + bytes.len / EVERY_BYTE_UP_TO;
    for (size_t cut = 0; cut <= bytes.len; cut += stride) {
        struct finding split = meter_json(fixture->dialect, bytes, cut, bytes.len);
        if (!is_same_finding(&finding, &split)) {
            fail_msg("%s: another result when cut at %zu", fixture->name, cut);
        }
    }
    struct finding cut_short = meter_json(fixture->dialect, slice_of(bytes.ptr, bytes.len / 2), 0, SIZE_MAX / 2);
    check_flag(fixture, "is_complete of one half", false, cut_short.is_complete);
    return true;
}

static size_t check_all(const char *expected)
{
    return fixture_each(expected, SLICE(".sse"), check_stream) +
           fixture_each(expected, SLICE(".response.json"), check_json);
}

static void test_recorded(void **state)
{
    assert_true(check_all(FIXTURES "EXPECTED.json") >= 190);
}

static void test_derived(void **state)
{
    assert_int_equal(check_all(FIXTURES "sse-edge/EXPECTED.json"), 17);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_recorded), cmocka_unit_test(test_derived)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
