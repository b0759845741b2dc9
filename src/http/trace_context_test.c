// SPDX-License-Identifier: MIT
#include "http/trace_context.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define PARENT "b7ad6b7169203331"
#define GOOD "00-" TRACE "-" PARENT "-01"

static void what_is_not_valid(void **state)
{
    static const char *const rows[] = {
        "",
        "00",
        "00-" TRACE "-" PARENT "-0",
        "00-" TRACE "-" PARENT "-",
        "00-" TRACE "-" PARENT,
        // What version 00 has is all that it may have.
        GOOD "-",
        GOOD "-what-the-future-will-be-like",
        GOOD ".",
        GOOD " ",
        // Later ones may have more, behind a hyphen.
        "cc-" TRACE "-" PARENT "-01.",
        "cc-" TRACE "-" PARENT "-01what",
        "cc-" TRACE "-" PARENT "-0",
        // No later version will be this one.
        "ff-" TRACE "-" PARENT "-01",
        "FF-" TRACE "-" PARENT "-01",
        "-1-" TRACE "-" PARENT "-01",
        "0x-" TRACE "-" PARENT "-01",
        ".0-" TRACE "-" PARENT "-01",
        "000-" TRACE "-" PARENT "-1",
        // Zeros only.
        "00-00000000000000000000000000000000-" PARENT "-01",
        "00-" TRACE "-0000000000000000-01",
        "cc-00000000000000000000000000000000-" PARENT "-01",
        // Capital letters, and no digits at all.
        "00-0AF7651916CD43DD8448EB211C80319C-" PARENT "-01",
        "00-" TRACE "-B7AD6B7169203331-01",
        "00-" TRACE "-" PARENT "-0A",
        "00-.af7651916cd43dd8448eb211c80319c-" PARENT "-01",
        "00-0af7651916cd43dd8448eb211c80319-" PARENT "-001",
        "00-0af7651916cd43dd8448eb211c80319c0-7ad6b7169203331-01",
        "00-" TRACE "-b7ad6b716920333g-01",
        "00-" TRACE "-" PARENT "-x1",
        "00-" TRACE "-" PARENT "-1x",
        // Other separators.
        "00_" TRACE "-" PARENT "-01",
        "00-" TRACE "_" PARENT "-01",
        "00-" TRACE "-" PARENT "_01",
        " " GOOD,
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct trace_context context = {.flags = 77};
        if (trace_context_parse(slice_from_cstr(rows[i]), &context) || context.trace_id.ptr || context.flags != 77) {
            fail_msg("valid: %s", rows[i]);
        }
    }
}

static void what_is_valid(void **state)
{
    static const struct {
        const char *text;
        uint8_t flags;
    } rows[] = {
        {GOOD, 1},
        {"00-" TRACE "-" PARENT "-00", 0},
        {"00-" TRACE "-" PARENT "-02", 2},
        {"00-" TRACE "-" PARENT "-03", 3},
        {"00-" TRACE "-" PARENT "-ff", 3},
        {"01-" TRACE "-" PARENT "-01", 1},
        {"cc-" TRACE "-" PARENT "-ff", 1},
        {"cc-" TRACE "-" PARENT "-01-", 1},
        {"fe-" TRACE "-" PARENT "-01-what-the-future-will-be-like", 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct trace_context context;
        if (!trace_context_parse(slice_from_cstr(rows[i].text), &context)) {
            fail_msg("not valid: %s", rows[i].text);
        }
        assert_true(slice_eq(context.trace_id, SLICE(TRACE)));
        assert_int_equal(context.flags, rows[i].flags);
    }
}

static void one_more_or_less_character_is_never_valid(void **state)
{
    char text[TRACEPARENT_LEN + 1];
    (void)state;
    for (size_t i = 0; i <= TRACEPARENT_LEN; i++) {
        struct trace_context context;
        memcpy(text, GOOD, i);
        assert_false(i < TRACEPARENT_LEN && trace_context_parse(slice_of(text, i), &context)); // the beginning
        text[i] = '1';
        memcpy(text + i + 1, &GOOD[i], TRACEPARENT_LEN - i);
        assert_false(trace_context_parse(slice_of(text, sizeof(text)), &context));
    }
}

static struct h1_field field(const char *name, const char *value)
{
    return (struct h1_field){
        .name = slice_from_cstr(name), .value = slice_from_cstr(value), .id = header_name_of(slice_from_cstr(name))};
}

static void one_header_counts(void **state)
{
    const struct h1_field fields[] = {field("host", "a"), field("TraceParent", GOOD), field("tracestate", "a=1"),
                                      field("traceparent", GOOD), field("traceparent", "bad")};
    (void)state;
    assert_int_equal(trace_context_of(fields, 1).trace_id.len, 0);
    assert_true(slice_eq(trace_context_of(fields, 3).trace_id, SLICE(TRACE)));
    assert_int_equal(trace_context_of(fields, 4).trace_id.len, 0); // even if they are the same
    assert_int_equal(trace_context_of(fields, 5).trace_id.len, 0);
    assert_int_equal(trace_context_of(fields + 2, 3).trace_id.len, 0);
    assert_int_equal(trace_context_of(fields + 4, 1).trace_id.len, 0);
}

static void the_next_hop_has_a_parent_of_its_own(void **state)
{
    enum { N = 100 };
    char texts[N][TRACEPARENT_LEN];
    (void)state;
    for (unsigned i = 0; i < N; i++) {
        struct trace_context context = {SLICE(TRACE), (uint8_t)(i % 4)};
        struct trace_context again;
        trace_context_write(&context, texts[i]);
        assert_true(trace_context_parse(slice_of(texts[i], TRACEPARENT_LEN), &again));
        assert_true(slice_eq(again.trace_id, context.trace_id));
        assert_int_equal(again.flags, context.flags);
        for (unsigned j = 0; j < i; j++) {
            assert_memory_not_equal(texts[j] + 36, texts[i] + 36, 16);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_valid),
        cmocka_unit_test(what_is_valid),
        cmocka_unit_test(one_more_or_less_character_is_never_valid),
        cmocka_unit_test(one_header_counts),
        cmocka_unit_test(the_next_hop_has_a_parent_of_its_own),
    };
    return cmocka_run_group_tests_name("trace_context", tests, NULL, NULL);
}
