// SPDX-License-Identifier: MIT
#include "cli/drill_view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void see(struct drill_view *view, enum drill_dialect dialect, const char *const *events)
{
    drill_view_init(view, dialect);
    view->status = 200;
    for (; *events; events++) {
        drill_view_event(view, slice_from_cstr(*events));
    }
}

static bool is_text(const struct buf *buf, const char *text)
{
    return slice_eq(buf_slice(buf), slice_from_cstr(text));
}

static const char *const answers[N_DRILL_DIALECTS][6] = {
    [DRILL_ANTHROPIC] = {"{\"type\":\"message_start\",\"message\":{\"model\":\"m\",\"usage\":{\"output_tokens\":1}}}",
                         "{\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}",
                         "{\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"b\\n\"}}",
                         "{\"type\":\"message_delta\",\"delta\":{},\"usage\":{\"output_tokens\":60}}",
                         "{\"type\":\"message_stop\"}", NULL},
    [DRILL_RESPONSES] = {"{\"type\":\"response.created\",\"response\":{\"model\":\"m\",\"usage\":null}}",
                         "{\"type\":\"response.output_text.delta\",\"delta\":\"a\"}",
                         "{\"type\":\"response.output_text.delta\",\"delta\":\"b\\n\"}",
                         "{\"type\":\"response.completed\",\"response\":{\"usage\":{\"output_tokens\":60}}}", NULL},
    [DRILL_CHAT] = {"{\"model\":\"m\",\"choices\":[{\"delta\":{\"role\":\"assistant\"},\"finish_reason\":null}]}",
                    "{\"model\":\"n\",\"choices\":[{\"delta\":{\"content\":\"ab\\n\"}}]}",
                    "{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}",
                    "{\"choices\":[],\"usage\":{\"completion_tokens\":60}}", "[DONE]", NULL},
    [DRILL_GEMINI] = {"{\"modelVersion\":\"m\",\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"ab\\n\"}]}}]}",
                      "{\"candidates\":[{\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"candidatesTokenCount\":60}}",
                      NULL},
};

static void test_answers(void **state)
{
    for (size_t i = 0; i < N_DRILL_DIALECTS; i++) {
        struct drill_view view;
        see(&view, (enum drill_dialect)i, answers[i]);
        assert_true(drill_view_is_answer(&view));
        assert_true(is_text(&view.text, "ab\n") && is_text(&view.model, "m"));
        assert_int_equal(view.usage, 60);
        assert_false(view.has_garbage);
        assert_false(drill_view_is_half(&view, SLICE("ab\n")));
        assert_true(drill_view_is_half(&view, SLICE("ab\nc")));
        drill_view_deinit(&view);
    }
}

static void test_half_answers(void **state)
{
    for (size_t i = 0; i < N_DRILL_DIALECTS; i++) {
        struct drill_view view;
        see(&view, (enum drill_dialect)i, (const char *const[]){answers[i][0], answers[i][1], NULL});
        view.has_end = false; // Gemini's second event is its last
        assert_false(drill_view_is_answer(&view));
        assert_false(drill_view_is_half(&view, SLICE("all of it"))); // cut off, as a client sees
        view.is_whole = true;
        assert_true(drill_view_is_half(&view, SLICE("all of it")));
        drill_view_deinit(&view);
    }
}

static void test_errors_in_streams(void **state)
{
    static const struct {
        enum drill_dialect dialect;
        const char *event;
        bool is_garbage;
    } rows[] = {
        {DRILL_ANTHROPIC, "{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"gone\"}}", false},
        {DRILL_RESPONSES, "{\"type\":\"error\",\"message\":\"gone\",\"code\":\"x\"}", false},
        {DRILL_RESPONSES, "{\"type\":\"error\",\"error\":{\"message\":\"gone\"}}", false},
        {DRILL_RESPONSES, "{\"type\":\"response.failed\",\"response\":{\"error\":{\"message\":\"gone\"}}}", false},
        {DRILL_CHAT, "{\"error\":{\"message\":\"gone\",\"code\":null}}", false},
        {DRILL_GEMINI, "{\"error\":{\"message\":\"gone\",\"code\":503}}", false},
        {DRILL_CHAT, "{\"choices\":", true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct drill_view view;
        see(&view, rows[i].dialect, (const char *const[]){rows[i].event, NULL});
        assert_int_equal(view.has_garbage, rows[i].is_garbage);
        assert_int_equal(view.has_error, !rows[i].is_garbage);
        assert_int_equal(slice_starts_with(buf_slice(&view.error), SLICE("gone")), !rows[i].is_garbage);
        assert_false(drill_view_is_answer(&view));
        drill_view_deinit(&view);
    }
}

static void test_refusals(void **state)
{
    static const struct {
        const char *body;
        bool is_error;
    } rows[] = {
        {"{\"error\":{\"message\":\"no\",\"code\":\"content_policy_violation\"}}", true},
        {"{\"type\":\"error\",\"error\":{\"message\":\"no\"}}", true},
        {"<html>Bad gateway</html>", false},
        {"{\"error\":\"no\"}", false},
        {"", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct drill_view view;
        drill_view_init(&view, DRILL_CHAT);
        view.status = 400;
        drill_view_refusal(&view, slice_from_cstr(rows[i].body));
        assert_int_equal(view.has_error, rows[i].is_error);
        drill_view_deinit(&view);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_half_answers),
        cmocka_unit_test(test_errors_in_streams),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
