// SPDX-License-Identifier: MIT
#include "dialect/sequencer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dialect/event_trace.h"

enum { BLOCKS_MAX = 32 };

// An answer, the stage, and what comes out of it.
struct fixture {
    struct arena arena;
    struct neutral_request req;
    struct answer_context context;
    struct event_trace trace;
    struct buf texts[BLOCKS_MAX]; // of candidate 0: what came out of each block
    uint32_t n_opened;            // of candidate 0
    struct answer *answer;
};

static void take(void *arg, const struct neutral_event *event)
{
    struct fixture *f = arg;
    struct event_sink sink = event_trace_sink(&f->trace);
    if (event->kind == EVENT_OPEN && event->block->candidate == 0) {
        assert_int_equal(event->block->index, f->n_opened++); // in the order of opening
    }
    if (event->kind == EVENT_DELTA && event->block->candidate == 0) {
        buf_append(&f->texts[event->block->index], event->text);
    }
    sink.take(sink.arg, event);
}

static void begin(struct fixture *f)
{
    *f = (struct fixture){0};
    arena_init(&f->arena, 4096);
    neutral_request_init(&f->req, DIALECT_GEMINI, NULL);
    f->context = (struct answer_context){
        .arena = &f->arena, .client = DIALECT_GEMINI, .req = &f->req, .token = SLICE("0123456789ABCDEFGHIJKLMN")};
    event_trace_init(&f->trace);
    f->trace.is_sequential = true;
    struct sequencer *sequencer = sequencer_new(&f->arena, (struct event_sink){take, f});
    f->answer = answer_new(&f->context, sequencer_sink(sequencer));
}

static void end(struct fixture *f)
{
    for (int i = 0; i < BLOCKS_MAX; i++) {
        buf_deinit(&f->texts[i]);
    }
    answer_deinit(f->answer);
    event_trace_deinit(&f->trace);
    arena_deinit(&f->arena);
}

static struct neutral_block *open_block(struct fixture *f, uint32_t candidate, enum block_kind kind)
{
    return answer_open(f->answer, candidate, &(struct neutral_block){.kind = kind, .name = SLICE("f")});
}

static void assert_words(struct fixture *f, const char *words)
{
    assert_string_equal(event_trace_words(&f->trace), words);
}

static void finish(struct fixture *f, uint32_t candidate)
{
    answer_finish(f->answer, candidate, &(struct finish){.reason = FINISH_STOP});
}

// ---- one after the other

static void what_does_not_overlap_passes_at_once(void **state)
{
    struct fixture f;
    begin(&f);
    struct neutral_block *block = open_block(&f, 0, BLOCK_REASONING);
    answer_delta(f.answer, block, SLICE("a"));
    answer_part(f.answer, block);
    answer_delta(f.answer, block, SLICE("b"));
    assert_words(&f, "S +0.0reasoning 0.0(a) 0.0| 0.0(b)");
    answer_close(f.answer, block, false);
    block = open_block(&f, 0, BLOCK_CALL);
    answer_delta(f.answer, block, SLICE("{}"));
    assert_words(&f, "S +0.0reasoning 0.0(a) 0.0| 0.0(b) -0.0 +0.1call:f 0.1({})");
    finish(&f, 0);
    answer_end(f.answer, true);
    assert_words(&f, "S +0.0reasoning 0.0(a) 0.0| 0.0(b) -0.0 +0.1call:f 0.1({}) -0.1 F0:tool_calls E");
    end(&f);
}

// ---- overlap

static void interleaved_calls_are_put_in_a_row(void **state)
{
    struct fixture f;
    begin(&f);
    struct neutral_block *a = open_block(&f, 0, BLOCK_CALL);
    struct neutral_block *b = open_block(&f, 0, BLOCK_CALL);
    answer_delta(f.answer, b, SLICE("{"));
    answer_delta(f.answer, a, SLICE("["));
    answer_delta(f.answer, b, SLICE("1"));
    assert_words(&f, "S +0.0call:f 0.0([)");
    answer_delta(f.answer, a, SLICE("]")); // complete, and another one waits
    assert_words(&f, "S +0.0call:f 0.0([) 0.0(]) -0.0 +0.1call:f 0.1({1)");
    answer_delta(f.answer, a, SLICE(" ")); // has been closed
    answer_delta(f.answer, b, SLICE("}"));
    answer_close(f.answer, b, false);
    answer_close(f.answer, a, false);
    finish(&f, 0);
    answer_end(f.answer, true);
    assert_words(&f, "S +0.0call:f 0.0([) 0.0(]) -0.0 +0.1call:f 0.1({1) 0.1(}) -0.1 F0:tool_calls E");
    end(&f);
}

static void a_complete_call_gives_way_when_the_next_opens(void **state)
{
    struct fixture f;
    begin(&f);
    struct neutral_block *a = open_block(&f, 0, BLOCK_CALL);
    answer_delta(f.answer, a, SLICE("{}"));
    answer_delta(f.answer, answer_flow(f.answer, 0, BLOCK_TEXT, false), SLICE("t"));
    assert_words(&f, "S +0.0call:f 0.0({}) -0.0 +0.1text 0.1(t)");
    end(&f);
}

static void blocks_that_are_closed_while_they_wait_follow_whole(void **state)
{
    struct fixture f;
    struct neutral_opaque opaque = {.kind = OPAQUE_GEMINI_TEXT, .data = SLICE("o")};
    begin(&f);
    struct neutral_block *a = open_block(&f, 0, BLOCK_TEXT);
    struct neutral_block *b = open_block(&f, 0, BLOCK_REASONING);
    answer_delta(f.answer, b, SLICE("x"));
    answer_part(f.answer, b);
    answer_delta(f.answer, b, SLICE("y"));
    answer_opaque(f.answer, b, &opaque);
    answer_close(f.answer, b, false);
    struct neutral_block *c = open_block(&f, 0, BLOCK_TEXT);
    answer_citation(f.answer, c, SLICE("{}"));
    answer_logprobs(f.answer, c, SLICE("[]"));
    open_block(&f, 0, BLOCK_NATIVE);
    assert_words(&f, "S +0.0text");
    answer_close(f.answer, a, false);
    assert_words(&f, "S +0.0text -0.0 +0.1reasoning 0.1(x) 0.1| 0.1(y) 0.1opaque -0.1 +0.2text 0.2cite 0.2logprobs");
    finish(&f, 0);
    answer_end(f.answer, true);
    assert_words(&f, "S +0.0text -0.0 +0.1reasoning 0.1(x) 0.1| 0.1(y) 0.1opaque -0.1 +0.2text 0.2cite 0.2logprobs "
                     "-0.2 +0.3native -0.3 F0:stop E");
    end(&f);
}

static void candidates_do_not_wait_for_each_other(void **state)
{
    struct fixture f;
    begin(&f);
    answer_delta(f.answer, open_block(&f, 0, BLOCK_CALL), SLICE("{"));
    answer_delta(f.answer, open_block(&f, 5, BLOCK_CALL), SLICE("["));
    assert_words(&f, "S +0.0call:f 0.0({) +5.0call:f 5.0([)");
    end(&f);
}

static void an_error_does_not_wait(void **state)
{
    struct fixture f;
    begin(&f);
    open_block(&f, 0, BLOCK_TEXT);
    answer_delta(f.answer, open_block(&f, 0, BLOCK_TEXT), SLICE("a"));
    answer_end(f.answer, false);
    assert_words(&f, "S +0.0text X:upstream_truncated");
    end(&f);
}

// ---- any order

static uint32_t roll(uint32_t *dice, uint32_t sides)
{
    *dice = *dice * 1664525 + 1013904223;
    return (*dice >> 8) % sides;
}

// Blocks that grow in any order: each comes out whole, in the order of opening, and the oldest one without delay.
static void every_block_comes_out_whole_and_in_order(void **state)
{
    static const struct slice PIECES[] = {SLICE_INIT("{"), SLICE_INIT("}"), SLICE_INIT("a"), SLICE_INIT("\\\""),
                                          SLICE_INIT("[")};
    uint32_t dice = 3;
    for (int round = 0; round < 1500; round++) {
        struct fixture f;
        struct neutral_block *blocks[BLOCKS_MAX];
        struct buf told[BLOCKS_MAX] = {0};
        uint32_t n_blocks = 0;
        begin(&f);
        for (uint32_t n = 5 + roll(&dice, 100); n > 0; n--) {
            uint32_t which = roll(&dice, n_blocks + 1);
            if (which == n_blocks && n_blocks < BLOCKS_MAX) {
                blocks[n_blocks++] = open_block(&f, 0, roll(&dice, 3) ? BLOCK_CALL : BLOCK_TEXT);
                continue;
            }
            which = which == n_blocks ? 0 : which;
            if (roll(&dice, 8) == 0) {
                answer_close(f.answer, blocks[which], false);
            } else if (blocks[which]->_is_open && !block_is_complete(blocks[which])) {
                struct slice piece = PIECES[roll(&dice, 5)];
                buf_append(&told[which], piece);
                answer_delta(f.answer, blocks[which], piece);
            }
            uint32_t oldest = 0;
            while (oldest < n_blocks && !blocks[oldest]->_is_open) {
                oldest++;
            }
            for (uint32_t i = 0; i <= oldest && i < n_blocks; i++) {
                assert_true(slice_eq(buf_slice(&f.texts[i]), buf_slice(&told[i])));
            }
        }
        finish(&f, 0);
        answer_end(f.answer, true);
        assert_true(f.trace.is_over);
        assert_int_equal(f.n_opened, n_blocks);
        for (uint32_t i = 0; i < n_blocks; i++) {
            assert_true(slice_eq(buf_slice(&f.texts[i]), buf_slice(&told[i])));
            buf_deinit(&told[i]);
        }
        end(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_does_not_overlap_passes_at_once),
        cmocka_unit_test(interleaved_calls_are_put_in_a_row),
        cmocka_unit_test(a_complete_call_gives_way_when_the_next_opens),
        cmocka_unit_test(blocks_that_are_closed_while_they_wait_follow_whole),
        cmocka_unit_test(candidates_do_not_wait_for_each_other),
        cmocka_unit_test(an_error_does_not_wait),
        cmocka_unit_test(every_block_comes_out_whole_and_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
