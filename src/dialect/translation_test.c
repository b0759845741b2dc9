// SPDX-License-Identifier: MIT
// What becomes of whole answers and broken ones, whichever the dialects: one pair stands for all. What a dialect makes
// of each event is tested with recordings.
#include "dialect/translate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct fixture {
    struct arena arena;
    struct json_doc doc;
    struct translated_request request;
    struct buf body;
    struct buf out;
    struct translation *translation;
};

static void begin_with(struct fixture *f, enum dialect upstream, enum dialect client, const char *body)
{
    struct translate_options options = {.client = client, .upstream = upstream, .upstream_model = SLICE("m")};
    *f = (struct fixture){0};
    arena_init(&f->arena, 4096);
    assert_int_equal(json_parse(&f->doc, &f->arena, slice_from_cstr(body), NULL), 0);
    assert_true(translate_request(&f->arena, &f->doc, &options, &f->request, &f->body));
    f->translation = translation_new(&(struct answer_context){
        .arena = &f->arena,
        .upstream = upstream,
        .client = client,
        .client_model = SLICE("m"),
        .req = &f->request.req,
        .token = SLICE("0123456789ABCDEFGHIJKLMN"),
        .now_s = 1700000000,
        .loss = &f->request.loss,
        .estimated_input = -1,
    });
}

// An answer of Chat Completions for a client of Anthropic.
static void begin(struct fixture *f, bool wants_stream)
{
    begin_with(f, DIALECT_CHAT, DIALECT_ANTHROPIC,
               wants_stream
                   ? "{\"model\":\"m\",\"max_tokens\":9,\"stream\":true,\"messages\":[{\"role\":\"user\","
                     "\"content\":\"hi\"}]}"
                   : "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
}

static void end(struct fixture *f)
{
    translation_deinit(f->translation);
    buf_deinit(&f->body);
    buf_deinit(&f->out);
    arena_deinit(&f->arena);
}

static void feed(struct fixture *f, const char *data)
{
    // A copy of just its length, so that nobody reads on or keeps it.
    size_t len = strlen(data);
    char *copy = mem_alloc(len + 1);
    memcpy(copy, data, len);
    translation_feed(f->translation, SLICE_EMPTY, slice_of(copy, len), &f->out);
    mem_free(copy);
}

static size_t count(const struct fixture *f, const char *text)
{
    struct slice rest = buf_slice(&f->out);
    size_t n = 0;
    for (size_t at; (at = slice_find(rest, slice_from_cstr(text))) != SLICE_NOT_FOUND; n++) {
        rest = slice_after(rest, at + strlen(text));
    }
    return n;
}

static void assert_fault(const struct fixture *f, enum fault fault)
{
    assert_non_null(translation_error(f->translation));
    assert_string_equal(fault_name(translation_error(f->translation)->fault), fault_name(fault));
    assert_true(translation_is_over(f->translation));
}

static const char HELLO[] = "{\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hello\"},"
                            "\"finish_reason\":null}]}";
static const char STOP[] = "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}";
static const char ERROR[] = "{\"error\":{\"message\":\"out of order\",\"type\":\"server_error\"}}";
static const char WHOLE[] =
    "{\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
    "\"content\":\"hello\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,"
    "\"completion_tokens\":4}}";

// ---- failures

static void an_error_at_once_is_left_to_the_status(void **state)
{
    for (int wants_stream = 0; wants_stream < 2; wants_stream++) {
        struct fixture f;
        begin(&f, wants_stream);
        feed(&f, ERROR);
        feed(&f, HELLO);
        translation_finish(f.translation, &f.out);
        assert_int_equal(f.out.len, 0);
        assert_fault(&f, FAULT_UPSTREAM_SERVER);
        assert_true(slice_eq(translation_error(f.translation)->message, SLICE("out of order")));
        end(&f);
    }
}

static void a_later_error_is_an_event(void **state)
{
    struct fixture f;
    begin(&f, true);
    feed(&f, HELLO);
    assert_int_equal(count(&f, "hello"), 1);
    feed(&f, ERROR);
    assert_int_equal(count(&f, "event: error"), 1);
    assert_int_equal(count(&f, "out of order"), 1);
    size_t len = f.out.len;
    feed(&f, STOP);
    feed(&f, "[DONE]");
    translation_finish(f.translation, &f.out);
    assert_int_equal(f.out.len, len);
    end(&f);

    // Where there is no stream it is told with a status all the same.
    begin(&f, false);
    feed(&f, HELLO);
    feed(&f, ERROR);
    translation_finish(f.translation, &f.out);
    assert_int_equal(f.out.len, 0);
    assert_fault(&f, FAULT_UPSTREAM_SERVER);
    end(&f);
}

static void an_answer_that_has_begun_gets_its_error(void **state)
{
    struct fixture f;
    begin(&f, true);
    translation_commit(f.translation);
    feed(&f, ERROR);
    assert_int_equal(count(&f, "event: error"), 1);
    end(&f);
}

static void an_answer_that_is_cut_off_is_not_ended(void **state)
{
    for (int wants_stream = 0; wants_stream < 2; wants_stream++) {
        struct fixture f;
        begin(&f, wants_stream);
        feed(&f, HELLO);
        assert_false(translation_is_over(f.translation));
        translation_finish(f.translation, &f.out);
        assert_fault(&f, FAULT_UPSTREAM_TRUNCATED);
        assert_int_equal(count(&f, "event: error"), wants_stream);
        assert_int_equal(count(&f, "message_stop"), 0);
        assert_int_equal(count(&f, "stop_reason\":\"end_turn"), 0);
        end(&f);
    }
}

static void a_failure_of_our_own_ends_it(void **state)
{
    struct fixture f;
    struct neutral_error error = {.fault = FAULT_UPSTREAM_TIMEOUT, .message = SLICE("too late"), .retry_after_s = -1};
    begin(&f, true);
    feed(&f, HELLO);
    translation_fail(f.translation, &error, &f.out);
    assert_int_equal(count(&f, "too late"), 1);
    assert_fault(&f, FAULT_UPSTREAM_TIMEOUT);
    translation_fail(f.translation, &error, &f.out);
    translation_finish(f.translation, &f.out);
    assert_int_equal(count(&f, "too late"), 1);
    end(&f);
}

static void what_is_not_json_is_skipped(void **state)
{
    struct fixture f;
    begin(&f, true);
    feed(&f, "{\"choices\":[");
    feed(&f, HELLO);
    feed(&f, "");
    feed(&f, "<html>");
    feed(&f, STOP);
    feed(&f, "[DONE]");
    translation_finish(f.translation, &f.out);
    assert_null(translation_error(f.translation));
    assert_int_equal(count(&f, "hello"), 1);
    assert_int_equal(count(&f, "event: message_stop"), 1);
    end(&f);

    begin(&f, true);
    feed(&f, "<html>");
    feed(&f, "</html>");
    translation_finish(f.translation, &f.out);
    assert_fault(&f, FAULT_UPSTREAM_PROTOCOL);
    end(&f);

    begin(&f, true);
    translation_feed(f.translation, SLICE("error"), SLICE("overloaded"), &f.out);
    assert_fault(&f, FAULT_UPSTREAM_SERVER);
    end(&f);
}

// Any JSON, in any event or as the whole of an answer of any dialect: an error, or an answer.
static void strange_json_does_no_harm(void **state)
{
    static const char *const TEXTS[] = {"null",
                                        "5",
                                        "\"text\"",
                                        "[]",
                                        "{}",
                                        "[[]]",
                                        "{\"choices\":5}",
                                        "[1,{}]",
                                        "{\"type\":[]}",
                                        "{\"candidates\":[[]],\"output\":{},\"content\":\"\"}"};
    for (int upstream = 0; upstream < N_DIALECTS; upstream++) {
        for (size_t i = 0; i < sizeof(TEXTS) / sizeof(*TEXTS); i++) {
            struct fixture f;
            begin_with(&f, (enum dialect)upstream, DIALECT_CHAT,
                       "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
            feed(&f, TEXTS[i]);
            translation_finish(f.translation, &f.out);
            assert_true(translation_is_over(f.translation));
            assert_int_equal(f.out.len == 0, translation_error(f.translation) != NULL);
            end(&f);
            begin_with(&f, (enum dialect)upstream, DIALECT_CHAT,
                       "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
            translation_answer(f.translation, slice_from_cstr(TEXTS[i]), &f.out);
            assert_true(translation_is_over(f.translation));
            assert_int_equal(f.out.len == 0, translation_error(f.translation) != NULL);
            end(&f);
        }
    }
}

static void a_body_that_is_no_answer_is_a_failure(void **state)
{
    static const char *const BODIES[] = {"", "<html>", "{", "[]", "null"};
    for (size_t i = 0; i < sizeof(BODIES) / sizeof(*BODIES); i++) {
        for (int wants_stream = 0; wants_stream < 2; wants_stream++) {
            struct fixture f;
            begin(&f, wants_stream);
            translation_answer(f.translation, slice_from_cstr(BODIES[i]), &f.out);
            assert_int_equal(f.out.len, 0);
            assert_non_null(translation_error(f.translation));
            end(&f);
        }
    }
}

// ---- either kind of answer for either kind of client

static void assert_body(struct fixture *f)
{
    struct json_doc doc;
    assert_int_equal(json_parse(&doc, &f->arena, buf_slice(&f->out), NULL), 0);
    assert_true(json_is(json_root(&doc), JSON_OBJECT));
    assert_int_equal(count(f, "\"hello\""), 1);
    assert_int_equal(count(f, "end_turn"), 1);
    assert_null(translation_error(f->translation));
}

static void assert_stream(const struct fixture *f)
{
    assert_int_equal(count(f, "event: message_start\n"), 1);
    assert_int_equal(count(f, "\"hello\""), 1);
    assert_int_equal(count(f, "event: message_stop\n"), 1);
    assert_null(translation_error(f->translation));
}

static void a_stream_is_passed_on_as_it_comes(void **state)
{
    struct fixture f;
    begin(&f, true);
    assert_false(translation_has_content(f.translation));
    feed(&f, HELLO);
    assert_true(translation_has_content(f.translation));
    assert_int_equal(count(&f, "\"hello\""), 1);
    feed(&f, STOP);
    feed(&f, "{\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}");
    assert_false(translation_is_over(f.translation));
    feed(&f, " [DONE] ");
    assert_true(translation_is_over(f.translation));
    assert_int_equal(translation_usage(f.translation)->input, 3);
    feed(&f, HELLO);
    translation_finish(f.translation, &f.out);
    translation_finish(f.translation, &f.out);
    assert_stream(&f);
    end(&f);
}

// Also where the dialect knows no such word.
static void what_follows_done_is_not_heard(void **state)
{
    struct fixture f;
    begin_with(&f, DIALECT_GEMINI, DIALECT_CHAT,
               "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
    feed(&f, "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hello\"}]},\"finishReason\":\"STOP\"}]}");
    feed(&f, "[DONE]");
    feed(&f, "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"again\"}]}}]}");
    translation_finish(f.translation, &f.out);
    assert_int_equal(count(&f, "hello"), 1);
    assert_int_equal(count(&f, "again"), 0);
    assert_int_equal(count(&f, "\"finish_reason\":\"stop\""), 1);
    end(&f);
}

static void a_stream_becomes_a_body(void **state)
{
    struct fixture f;
    begin(&f, false);
    feed(&f, HELLO);
    feed(&f, STOP);
    feed(&f, "[DONE]");
    assert_int_equal(f.out.len, 0);
    translation_finish(f.translation, &f.out);
    translation_finish(f.translation, &f.out);
    assert_body(&f);
    end(&f);
}

static void a_body_becomes_a_body_or_a_stream(void **state)
{
    struct fixture f;
    begin(&f, false);
    translation_answer(f.translation, slice_from_cstr(WHOLE), &f.out);
    assert_body(&f);
    assert_int_equal(translation_usage(f.translation)->output, 4);
    assert_false(translation_is_cut_short(f.translation));
    end(&f);

    begin(&f, true);
    translation_answer(f.translation, slice_from_cstr(WHOLE), &f.out);
    assert_stream(&f);
    assert_true(translation_is_over(f.translation));
    size_t len = f.out.len;
    translation_answer(f.translation, slice_from_cstr(WHOLE), &f.out);
    translation_finish(f.translation, &f.out);
    assert_int_equal(f.out.len, len);
    end(&f);
}

static void an_array_is_a_stream_too(void **state)
{
    static const char ARRAY[] =
        "[{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"hel\"}]}}]},\r\n"
        "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"lo\"}]},\"finishReason\":\"STOP\"}],"
        "\"usageMetadata\":{\"promptTokenCount\":3}}]";
    struct fixture f;
    begin_with(&f, DIALECT_GEMINI, DIALECT_ANTHROPIC,
               "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
    translation_answer(f.translation, slice_from_cstr(ARRAY), &f.out);
    assert_body(&f);
    assert_int_equal(translation_usage(f.translation)->input, 3);
    end(&f);

    begin_with(&f, DIALECT_GEMINI, DIALECT_ANTHROPIC,
               "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
    translation_answer(f.translation,
                       SLICE("[{\"error\":{\"code\":503,\"message\":\"busy\",\"status\":\"UNAVAILABLE\"}}]"), &f.out);
    assert_fault(&f, FAULT_UPSTREAM_OVERLOADED);
    end(&f);
}

// ---- stages

static void a_stop_sequence_that_the_upstream_does_not_know_ends_it(void **state)
{
    static const char *const EVENTS[] = {
        "{\"type\":\"response.created\",\"response\":{\"id\":\"r\",\"status\":\"in_progress\",\"output\":[]}}",
        "{\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{\"type\":\"message\",\"id\":\"i\","
        "\"role\":\"assistant\",\"content\":[]}}",
        "{\"type\":\"response.content_part.added\",\"output_index\":0,\"content_index\":0,\"part\":{\"type\":"
        "\"output_text\",\"text\":\"\"}}",
        "{\"type\":\"response.output_text.delta\",\"output_index\":0,\"content_index\":0,\"delta\":\"hello EN\"}",
        "{\"type\":\"response.output_text.delta\",\"output_index\":0,\"content_index\":0,\"delta\":\"D more\"}",
        "{\"type\":\"response.output_text.delta\",\"output_index\":0,\"content_index\":0,\"delta\":\"even more\"}",
    };
    for (int wants_stream = 0; wants_stream < 2; wants_stream++) {
        struct fixture f;
        begin_with(&f, DIALECT_RESPONSES, DIALECT_CHAT,
                   wants_stream ? "{\"model\":\"m\",\"stop\":\"END\",\"stream\":true,\"messages\":[{\"role\":\"user\","
                                  "\"content\":\"hi\"}]}"
                                : "{\"model\":\"m\",\"stop\":\"END\",\"messages\":[{\"role\":\"user\",\"content\":"
                                  "\"hi\"}]}");
        for (size_t i = 0; i < sizeof(EVENTS) / sizeof(*EVENTS); i++) {
            assert_int_equal(translation_is_cut_short(f.translation), i > 4);
            feed(&f, EVENTS[i]);
        }
        assert_true(translation_is_cut_short(f.translation));
        translation_finish(f.translation, &f.out); // a client that does not stream gets its body here
        assert_int_equal(count(&f, "hello "), 1);
        assert_int_equal(count(&f, "hello EN"), 0);
        assert_int_equal(count(&f, "more"), 0);
        assert_int_equal(count(&f, "\"finish_reason\":\"stop\""), 1);
        assert_null(translation_error(f.translation));
        end(&f);
    }
}

static void calls_that_overlap_are_put_in_a_row(void **state)
{
    struct fixture f;
    begin(&f, true);
    feed(&f, "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"type\":\"function\","
             "\"function\":{\"name\":\"f\",\"arguments\":\"\"}},{\"index\":1,\"id\":\"b\",\"type\":\"function\","
             "\"function\":{\"name\":\"g\",\"arguments\":\"\"}}]}}]}");
    feed(&f, "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":1,\"function\":{\"arguments\":\"{"
             "\\\"b\\\":\"}},"
             "{\"index\":0,\"function\":{\"arguments\":\"{\\\"a\\\":\"}}]}}]}");
    assert_int_equal(count(&f, "content_block_start\n"), 1);
    feed(&f, "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"1}\"}},"
             "{\"index\":1,\"function\":{\"arguments\":\"2}\"}}]}}]}");
    assert_int_equal(count(&f, "content_block_start\n"), 2);
    assert_int_equal(count(&f, "content_block_stop\n"), 1);
    feed(&f, "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}");
    feed(&f, "[DONE]");
    translation_finish(f.translation, &f.out);
    assert_int_equal(count(&f, "content_block_stop\n"), 2);
    assert_int_equal(count(&f, "\"stop_reason\":\"tool_use\""), 1);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_at_once_is_left_to_the_status),
        cmocka_unit_test(a_later_error_is_an_event),
        cmocka_unit_test(an_answer_that_has_begun_gets_its_error),
        cmocka_unit_test(an_answer_that_is_cut_off_is_not_ended),
        cmocka_unit_test(a_failure_of_our_own_ends_it),
        cmocka_unit_test(what_is_not_json_is_skipped),
        cmocka_unit_test(strange_json_does_no_harm),
        cmocka_unit_test(a_body_that_is_no_answer_is_a_failure),
        cmocka_unit_test(a_stream_is_passed_on_as_it_comes),
        cmocka_unit_test(what_follows_done_is_not_heard),
        cmocka_unit_test(a_stream_becomes_a_body),
        cmocka_unit_test(a_body_becomes_a_body_or_a_stream),
        cmocka_unit_test(an_array_is_a_stream_too),
        cmocka_unit_test(a_stop_sequence_that_the_upstream_does_not_know_ends_it),
        cmocka_unit_test(calls_that_overlap_are_put_in_a_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
