// SPDX-License-Identifier: MIT
#include "dialect/collect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct fixture {
    struct arena arena;
    struct neutral_request req;
    struct answer_context context;
    struct collector *collector;
    struct answer *answer;
};

static void begin(struct fixture *f, bool borrows)
{
    *f = (struct fixture){0};
    arena_init(&f->arena, 4096);
    neutral_request_init(&f->req, DIALECT_CHAT, NULL);
    f->context = (struct answer_context){
        .arena = &f->arena, .client = DIALECT_CHAT, .req = &f->req, .token = SLICE("0123456789ABCDEFGHIJKLMN")};
    f->collector = collector_new(&f->arena, borrows);
    f->answer = answer_new(&f->context, collector_sink(f->collector));
    if (borrows) {
        answer_borrow(f->answer);
    }
}

static void end(struct fixture *f)
{
    answer_deinit(f->answer);
    arena_deinit(&f->arena);
}

static const struct neutral_response *response_of(struct fixture *f)
{
    return collector_response(f->collector);
}

static struct neutral_block *open_block(struct fixture *f, uint32_t candidate, enum block_kind kind)
{
    return answer_open(f->answer, candidate, &(struct neutral_block){.kind = kind});
}

// Says a text that is gone afterwards.
static void say(struct fixture *f, struct neutral_block *block, const char *text)
{
    char *copy = mem_alloc(strlen(text) + 1);
    memcpy(copy, text, strlen(text) + 1);
    answer_delta(f->answer, block, slice_from_cstr(copy));
    mem_free(copy);
}

static void assert_text(struct slice text, const char *expected)
{
    assert_true(slice_eq(text, slice_from_cstr(expected)));
}

static void an_error_is_all_that_counts(void **state)
{
    struct fixture f;
    char message[] = "gone";
    begin(&f, false);
    say(&f, open_block(&f, 0, BLOCK_TEXT), "a");
    answer_error(f.answer,
                 &(struct neutral_error){
                     .fault = FAULT_QUOTA, .message = slice_of(message, 4), .code = SLICE("c"), .retry_after_s = 7});
    memset(message, 'x', 4);
    assert_true(response_of(&f)->is_over);
    assert_true(response_of(&f)->has_error);
    assert_int_equal(response_of(&f)->error.fault, FAULT_QUOTA);
    assert_text(response_of(&f)->error.message, "gone");
    assert_text(response_of(&f)->error.code, "c");
    assert_int_equal(response_of(&f)->error.retry_after_s, 7);
    end(&f);
}

static void everything_is_gathered(void **state)
{
    struct fixture f;
    begin(&f, false);
    answer_start(f.answer, &(struct answer_head){.id = SLICE("r"), .model = SLICE("m"), .created_s = 3});
    struct neutral_block *text = open_block(&f, 0, BLOCK_TEXT);
    struct neutral_block *other = open_block(&f, 2, BLOCK_REFUSAL);
    struct neutral_block *call =
        answer_open(f.answer, 0, &(struct neutral_block){.kind = BLOCK_CALL, .name = SLICE("f")});
    assert_false(response_of(&f)->is_over);
    say(&f, text, "a");
    say(&f, call, "{");
    say(&f, other, "no");
    say(&f, text, "b");
    answer_citation(f.answer, text, SLICE("{\"n\":1}"));
    answer_citation(f.answer, text, SLICE("{\"n\":2}"));
    answer_logprobs(f.answer, text, SLICE("[]"));
    answer_logprobs(f.answer, text, SLICE("[ \n{\"t\":1} ]"));
    answer_logprobs(f.answer, text, SLICE("[ ]"));
    answer_logprobs(f.answer, text, SLICE("[{\"t\":2},{\"t\":3}]"));
    answer_usage(f.answer, &(struct usage){5, 6, -1, -1, -1});
    answer_finish(f.answer, 0, &(struct finish){.reason = FINISH_LENGTH, .native = SLICE("max")});
    answer_finish(f.answer, 0, &(struct finish){.reason = FINISH_LENGTH, .native = SLICE("again")});
    answer_end(f.answer, true);

    const struct neutral_response *response = response_of(&f);
    assert_true(response->is_over && !response->has_error);
    assert_text(response->head.id, "r");
    assert_int_equal(response->head.created_s, 3);
    assert_int_equal(response->usage.output, 6);
    assert_int_equal(response->n_candidates, 3);
    const struct neutral_candidate *candidate = &response->candidates[0];
    assert_int_equal(candidate->finish.reason, FINISH_LENGTH);
    assert_text(candidate->finish.native, "max");
    const struct neutral_content *content = candidate->content;
    assert_ptr_equal(content->block, text);
    assert_text(content->text, "ab");
    assert_int_equal(content->n_parts, 0);
    assert_int_equal(content->n_citations, 2);
    assert_text(content->citations[1], "{\"n\":2}");
    assert_text(content->logprobs, "{\"t\":1},{\"t\":2},{\"t\":3}");
    assert_false(content->is_partial);
    content = content->next;
    assert_ptr_equal(content->block, call);
    assert_text(content->text, "{");
    assert_true(content->is_partial);
    assert_null(content->next);
    assert_null(response->candidates[1].content);
    assert_int_equal(response->candidates[1].finish.reason, FINISH_STOP);
    assert_text(response->candidates[2].content->text, "no");
    end(&f);
}

static void parts_of_reasoning_stay_apart(void **state)
{
    struct fixture f;
    begin(&f, false);
    struct neutral_block *hidden = answer_open(f.answer, 0,
                                               &(struct neutral_block){
                                                   .kind = BLOCK_REASONING,
                                                   .opaque = {.kind = OPAQUE_ANTHROPIC_REDACTED, .data = SLICE("d")},
                                               });
    answer_close(f.answer, hidden, false);
    struct neutral_block *block = open_block(&f, 0, BLOCK_REASONING);
    char data[] = "first";
    say(&f, block, "one");
    say(&f, block, " one");
    answer_opaque(f.answer, block, &(struct neutral_opaque){.kind = OPAQUE_GEMINI_THOUGHT, .data = slice_of(data, 5)});
    for (int i = 0; i < 20; i++) {
        answer_part(f.answer, block);
        say(&f, block, "two");
    }
    answer_opaque(f.answer, block, &(struct neutral_opaque){.kind = OPAQUE_GEMINI_THOUGHT, .data = slice_of(data, 2)});
    memset(data, 'x', 5);
    answer_finish(f.answer, 0, &(struct finish){.reason = FINISH_STOP});
    answer_end(f.answer, true);
    const struct neutral_content *content = response_of(&f)->candidates[0].content;
    assert_int_equal(content->n_parts, 0);
    assert_int_equal(content->opaque.kind, OPAQUE_ANTHROPIC_REDACTED);
    assert_text(content->opaque.data, "d");
    content = content->next;
    assert_int_equal(content->n_parts, 21);
    assert_text(content->parts[0], "one one");
    assert_text(content->parts[1], "two");
    assert_text(content->parts[20], "two");
    assert_int_equal(content->text.len, 7 + 20 * 3);
    assert_text(content->opaque.data, "fi");
    end(&f);
}

static void long_texts_grow(void **state)
{
    struct fixture f;
    char expected[5000];
    begin(&f, false);
    struct neutral_block *a = open_block(&f, 0, BLOCK_TEXT);
    struct neutral_block *b = open_block(&f, 0, BLOCK_TEXT);
    for (size_t i = 0; i < sizeof(expected); i++) {
        const char text[] = {(char)('a' + i % 26), '\0'};
        expected[i] = text[0];
        say(&f, a, text);
        say(&f, b, text);
    }
    const struct neutral_content *content = response_of(&f)->candidates[0].content;
    assert_true(slice_eq(content->text, slice_of(expected, sizeof(expected))));
    assert_true(slice_eq(content->next->text, slice_of(expected, sizeof(expected))));
    end(&f);
}

static void a_single_text_is_borrowed(void **state)
{
    static const struct slice text = SLICE_INIT("the only one");
    struct fixture f;
    begin(&f, true);
    struct neutral_block *block = open_block(&f, 0, BLOCK_REASONING);
    answer_delta(f.answer, block, text);
    const struct neutral_content *content = response_of(&f)->candidates[0].content;
    assert_ptr_equal(content->text.ptr, text.ptr);
    answer_part(f.answer, block);
    answer_delta(f.answer, block, SLICE(", or not"));
    answer_close(f.answer, block, false);
    assert_text(content->text, "the only one, or not");
    assert_text(content->parts[0], "the only one");
    assert_text(content->parts[1], ", or not");
    assert_text(text, "the only one");
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_is_all_that_counts),   cmocka_unit_test(everything_is_gathered),
        cmocka_unit_test(parts_of_reasoning_stay_apart), cmocka_unit_test(long_texts_grow),
        cmocka_unit_test(a_single_text_is_borrowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
