// SPDX-License-Identifier: MIT
#include "dialect/answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dialect/event_trace.h"

struct fixture {
    struct arena arena;
    struct neutral_request req;
    struct answer_context context;
    struct event_trace trace;
    struct answer *answer;
};

static void begin(struct fixture *f, enum dialect client)
{
    *f = (struct fixture){0};
    arena_init(&f->arena, 4096);
    neutral_request_init(&f->req, client, NULL);
    f->context = (struct answer_context){
        .arena = &f->arena,
        .upstream = DIALECT_CHAT,
        .client = client,
        .req = &f->req,
        .token = SLICE("0123456789ABCDEFGHIJKLMN"),
    };
    event_trace_init(&f->trace);
    f->answer = answer_new(&f->context, event_trace_sink(&f->trace));
}

static void end(struct fixture *f)
{
    answer_deinit(f->answer);
    event_trace_deinit(&f->trace);
    arena_deinit(&f->arena);
}

static void assert_words(struct fixture *f, const char *words)
{
    assert_string_equal(event_trace_words(&f->trace), words);
}

static void add_tool(struct fixture *f, enum tool_kind kind, const char *name, const char *target_name)
{
    struct neutral_tool *tool = neutral_tool_new(&f->arena, kind, NULL);
    tool->name = slice_from_cstr(name);
    tool->target_name = slice_from_cstr(target_name);
    tool->next = f->req.tools;
    f->req.tools = tool;
}

static struct neutral_block *open_call(struct fixture *f, uint32_t candidate, const char *id, const char *name)
{
    return answer_open(
        f->answer, candidate,
        &(struct neutral_block){.kind = BLOCK_CALL, .call_id = slice_from_cstr(id), .name = slice_from_cstr(name)});
}

static struct neutral_block *open_text(struct fixture *f, uint32_t candidate)
{
    return answer_open(f->answer, candidate, &(struct neutral_block){.kind = BLOCK_TEXT});
}

static void finish(struct fixture *f, uint32_t candidate, enum finish_reason reason)
{
    answer_finish(f->answer, candidate, &(struct finish){.reason = reason});
}

static const struct neutral_error OVERLOADED = {.fault = FAULT_UPSTREAM_OVERLOADED, .retry_after_s = -1};

// ---- failures

static void an_error_at_once_leaves_nothing_before_it(void **state)
{
    struct fixture f;
    begin(&f, DIALECT_CHAT);
    answer_start(f.answer, &(struct answer_head){.id = SLICE("r1")});
    answer_usage(f.answer, &(struct usage){3, -1, -1, -1, -1});
    assert_words(&f, "");
    answer_error(f.answer, &OVERLOADED);
    assert_words(&f, "X:upstream_overloaded");
    assert_true(answer_is_over(f.answer));
    assert_false(answer_has_content(f.answer));
    end(&f);
}

static void nothing_comes_behind_an_error(void **state)
{
    struct fixture f;
    begin(&f, DIALECT_CHAT);
    struct neutral_block *text = answer_flow(f.answer, 0, BLOCK_TEXT, false);
    answer_delta(f.answer, text, SLICE("a"));
    answer_error(f.answer, &OVERLOADED);
    answer_error(f.answer, &OVERLOADED);
    answer_delta(f.answer, text, SLICE("b"));
    answer_close(f.answer, text, false);
    answer_close_all(f.answer, 0, true);
    answer_delta(f.answer, open_text(&f, 0), SLICE("c"));
    answer_delta(f.answer, answer_flow(f.answer, 0, BLOCK_REASONING, false), SLICE("c"));
    finish(&f, 0, FINISH_STOP);
    answer_end(f.answer, true);
    assert_words(&f, "S +0.0text 0.0(a) X:upstream_overloaded");
    end(&f);
}

static void an_end_without_an_ending_is_an_error(void **state)
{
    struct fixture f;
    begin(&f, DIALECT_CHAT);
    answer_end(f.answer, false);
    assert_words(&f, "X:upstream_truncated");
    end(&f);

    begin(&f, DIALECT_CHAT);
    answer_end(f.answer, true);
    assert_words(&f, "X:upstream_protocol");
    end(&f);

    // A call is not told of as made.
    begin(&f, DIALECT_CHAT);
    answer_delta(f.answer, open_call(&f, 0, "c", "f"), SLICE("{}"));
    answer_end(f.answer, false);
    assert_words(&f, "S +0.0call:f 0.0({}) X:upstream_truncated");
    end(&f);

    // One of two candidates is cut off.
    begin(&f, DIALECT_CHAT);
    open_text(&f, 0);
    open_text(&f, 1);
    finish(&f, 1, FINISH_STOP);
    answer_end(f.answer, false);
    assert_words(&f, "S +0.0text +1.0text X:upstream_truncated");
    end(&f);

    // All have their reason: only the dialect's last word is missing.
    begin(&f, DIALECT_CHAT);
    open_text(&f, 0);
    finish(&f, 0, FINISH_STOP);
    answer_end(f.answer, false);
    assert_words(&f, "S +0.0text -0.0 F0:stop E");
    end(&f);
}

// ---- reasons

static void the_reason_fits_what_was_said(void **state)
{
    enum { NO_CALL, CLOSED_CALL, OPEN_CALL, CUT_CALL, SERVER_CALL };
    static const struct {
        int call;
        enum finish_reason reason;
        const char *words;
    } rows[] = {
        {NO_CALL, FINISH_UNSET, "F0:stop E"},
        {NO_CALL, FINISH_STOP, "F0:stop E"},
        {NO_CALL, FINISH_OTHER, "F0:other E"},
        {NO_CALL, FINISH_TOOL_CALLS, "F0:stop E"},
        {NO_CALL, FINISH_TOOL_ERROR, "F0:tool_error E"},
        {CLOSED_CALL, FINISH_UNSET, "F0:tool_calls E"},
        {CLOSED_CALL, FINISH_OTHER, "F0:tool_calls E"},
        {CLOSED_CALL, FINISH_STOP, "F0:tool_calls E"},
        {CLOSED_CALL, FINISH_STOP_SEQUENCE, "F0:tool_calls E"},
        {CLOSED_CALL, FINISH_TOOL_CALLS, "F0:tool_calls E"},
        {CLOSED_CALL, FINISH_LENGTH, "F0:length E"},
        {CLOSED_CALL, FINISH_CONTENT_FILTER, "F0:content_filter E"},
        {OPEN_CALL, FINISH_UNSET, "-0.0 F0:tool_calls E"},
        {OPEN_CALL, FINISH_TOOL_CALLS, "-0.0 F0:tool_calls E"},
        {OPEN_CALL, FINISH_LENGTH, "-0.0! F0:length E"},
        {CUT_CALL, FINISH_STOP, "F0:stop E"},
        {CUT_CALL, FINISH_TOOL_CALLS, "F0:stop E"},
        {CUT_CALL, FINISH_LENGTH, "F0:length E"},
        {SERVER_CALL, FINISH_STOP, "F0:stop E"},
        {SERVER_CALL, FINISH_TOOL_CALLS, "F0:stop E"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct fixture f;
        begin(&f, DIALECT_CHAT);
        struct neutral_block template = {.kind = BLOCK_CALL, .call_id = SLICE("c"), .name = SLICE("f")};
        template.tool_kind = rows[i].call == SERVER_CALL ? TOOL_SERVER : TOOL_FUNCTION;
        struct neutral_block *block = rows[i].call == NO_CALL ? open_text(&f, 0) : answer_open(f.answer, 0, &template);
        answer_delta(f.answer, block, SLICE("{"));
        if (rows[i].call != OPEN_CALL) {
            answer_close(f.answer, block, rows[i].call == CUT_CALL);
        }
        f.trace.words.len = 0;
        finish(&f, 0, rows[i].reason);
        answer_end(f.answer, true);
        assert_words(&f, rows[i].words);
        end(&f);
    }
}

static void the_stronger_reason_stays(void **state)
{
    struct fixture f;
    begin(&f, DIALECT_CHAT);
    finish(&f, 0, FINISH_STOP);
    assert_true(answer_has_finish(f.answer, 0));
    assert_false(answer_has_finish(f.answer, 1));
    finish(&f, 0, FINISH_LENGTH);
    finish(&f, 0, FINISH_TOOL_CALLS);
    answer_end(f.answer, true);
    assert_words(&f, "S F0:length E");
    end(&f);
}

// Of parallel calls that a limit cut off, those that are complete may be executed.
static void only_what_is_incomplete_is_cut_off(void **state)
{
    struct fixture f;
    begin(&f, DIALECT_CHAT);
    struct neutral_block *text = open_text(&f, 0);
    answer_delta(f.answer, text, SLICE("t"));
    struct neutral_block *whole = open_call(&f, 0, "a", "f");
    struct neutral_block *cut = open_call(&f, 0, "b", "g");
    answer_delta(f.answer, whole, SLICE("{\\\"a\\\":"));
    answer_delta(f.answer, cut, SLICE("{\\\"}"));
    answer_delta(f.answer, whole, SLICE("1}"));
    f.trace.words.len = 0;
    finish(&f, 0, FINISH_LENGTH);
    answer_end(f.answer, true);
    assert_words(&f, "-0.0 -0.1 -0.2! F0:length E");
    end(&f);
}

// ---- blocks

static void flowing_blocks_take_turns(void **state)
{
    struct fixture f;
    begin(&f, DIALECT_CHAT);
    answer_delta(f.answer, answer_flow(f.answer, 0, BLOCK_REASONING, false), SLICE("a"));
    answer_delta(f.answer, answer_flow(f.answer, 0, BLOCK_REASONING, false), SLICE("b"));
    answer_delta(f.answer, answer_flow(f.answer, 0, BLOCK_REASONING, true), SLICE("c"));
    answer_delta(f.answer, answer_flow(f.answer, 0, BLOCK_TEXT, false), SLICE("d"));
    struct neutral_block *call = open_call(&f, 0, "c", "f");
    answer_delta(f.answer, answer_flow(f.answer, 0, BLOCK_TEXT, false), SLICE("e"));
    answer_delta(f.answer, call, SLICE("{}"));
    finish(&f, 0, FINISH_STOP);
    answer_end(f.answer, true);
    assert_words(&f, "S +0.0reasoning 0.0(a) 0.0(b) -0.0 +0.1reasoning 0.1(c) -0.1 +0.2text 0.2(d) -0.2 +0.3call:f "
                     "+0.4text 0.4(e) 0.3({}) -0.3 -0.4 F0:tool_calls E");
    end(&f);
}

static void parts_stand_between_texts(void **state)
{
    struct fixture f;
    begin(&f, DIALECT_CHAT);
    struct neutral_block *block =
        answer_open(f.answer, 0, &(struct neutral_block){.kind = BLOCK_REASONING, .is_summary = true});
    answer_part(f.answer, block);
    answer_delta(f.answer, block, SLICE("a"));
    answer_part(f.answer, block);
    answer_part(f.answer, block);
    answer_delta(f.answer, block, SLICE_EMPTY);
    answer_delta(f.answer, block, SLICE("b"));
    answer_part(f.answer, block);
    answer_close(f.answer, block, false);
    assert_words(&f, "S +0.0reasoning 0.0(a) 0.0| 0.0(b) -0.0");
    end(&f);
}

static void whole_blocks_are_closed_at_once(void **state)
{
    struct fixture f;
    begin(&f, DIALECT_CHAT);
    struct neutral_block *block =
        answer_open(f.answer, 0, &(struct neutral_block){.kind = BLOCK_MEDIA, .media = {.data = SLICE("QQ==")}});
    answer_delta(f.answer, block, SLICE("x"));
    answer_close(f.answer, block, false);
    assert_true(answer_has_content(f.answer));
    assert_words(&f, "S +0.0media -0.0");
    end(&f);
}

static void json_that_is_passed_on_is_on_one_line(void **state)
{
    struct fixture f;
    begin(&f, DIALECT_CHAT);
    struct neutral_block *native =
        answer_open(f.answer, 0, &(struct neutral_block){.kind = BLOCK_NATIVE, .raw = SLICE("{\r\n\"a\":\n1}")});
    assert_true(slice_eq(native->raw, SLICE("{  \"a\": 1}")));
    struct neutral_block *text = open_text(&f, 0);
    answer_citation(f.answer, text, SLICE("{\n}"));
    answer_logprobs(f.answer, text, SLICE("[\r1]"));
    assert_words(&f, "S +0.0native -0.0 +0.1text 0.1cite 0.1logprobs"); // the trace looks at the lines
    end(&f);
}

static void texts_of_a_block_are_its_own(void **state)
{
    struct fixture f;
    char name[] = "name";
    begin(&f, DIALECT_CHAT);
    struct neutral_block *block = open_call(&f, 0, "id", name);
    memset(name, 'x', sizeof(name) - 1);
    assert_true(slice_eq(block->name, SLICE("name")));
    end(&f);

    begin(&f, DIALECT_CHAT);
    answer_borrow(f.answer);
    block = open_call(&f, 0, "id", name);
    assert_ptr_equal(block->name.ptr, name);
    end(&f);
}

static void some_clients_have_one_candidate(void **state)
{
    static const struct {
        enum dialect client;
        const char *words;
    } rows[] = {
        {DIALECT_ANTHROPIC, "S +0.0text 0.0(a) -0.0 F0:stop E"},
        {DIALECT_RESPONSES, "S +0.0text 0.0(a) -0.0 F0:stop E"},
        {DIALECT_CHAT, "S +0.0text 0.0(a) +2.0text 2.0(b) -0.0 -2.0 F0:stop F1:stop F2:length E"},
        {DIALECT_GEMINI, "S +0.0text 0.0(a) +2.0text 2.0(b) -0.0 -2.0 F0:stop F1:stop F2:length E"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct fixture f;
        begin(&f, rows[i].client);
        answer_delta(f.answer, answer_flow(f.answer, 0, BLOCK_TEXT, false), SLICE("a"));
        answer_delta(f.answer, answer_flow(f.answer, 2, BLOCK_TEXT, false), SLICE("b"));
        answer_delta(f.answer, open_text(&f, CANDIDATES_MAX), SLICE("c"));
        answer_delta(f.answer, open_text(&f, UINT32_MAX), SLICE("c"));
        finish(&f, 2, FINISH_LENGTH);
        finish(&f, UINT32_MAX, FINISH_LENGTH);
        answer_close_all(f.answer, UINT32_MAX, true);
        answer_end(f.answer, true);
        assert_words(&f, rows[i].words);
        end(&f);
    }
}

// ---- calls

static void a_call_has_an_id_that_clients_take(void **state)
{
    static const char *const GOOD[] = {"call_1", "a", "toolu_A-b",
                                       "0123456789012345678901234567890123456789012345678901234567890123"};
    static const char *const BAD[] = {"", "a b", "a.b", "caf\xC3\xA9",
                                      "01234567890123456789012345678901234567890123456789012345678901234"};
    struct fixture f;
    begin(&f, DIALECT_CHAT);
    for (size_t i = 0; i < sizeof(GOOD) / sizeof(*GOOD); i++) {
        assert_true(slice_eq(open_call(&f, 0, GOOD[i], "f")->call_id, slice_from_cstr(GOOD[i])));
    }
    for (size_t i = 0; i < sizeof(BAD) / sizeof(*BAD); i++) {
        assert_true(slice_starts_with(open_call(&f, 0, BAD[i], "f")->call_id, SLICE("call_0123456789ABCDEFGHIJKL")));
    }
    assert_false(slice_eq(open_call(&f, 0, "a", "f")->call_id, SLICE("a"))); // there is one
    assert_false(slice_eq(open_call(&f, 1, "a", "f")->call_id, SLICE("a")));
    for (int i = 0; i < 5000; i++) {
        open_call(&f, 0, "", "f"); // the trace compares them all
    }
    end(&f);

    begin(&f, DIALECT_ANTHROPIC);
    struct slice id = open_call(&f, 0, "", "f")->call_id;
    assert_true(slice_eq(id, SLICE("toolu_0123456789ABCDEFGHIJKL00")));
    end(&f);
}

static void a_tool_is_called_as_the_client_called_it(void **state)
{
    struct fixture f;
    begin(&f, DIALECT_CHAT);
    add_tool(&f, TOOL_FUNCTION, "my.tool", "my_tool");
    f.req.tools->name_space = SLICE("space");
    struct neutral_block *block = open_call(&f, 0, "a", "my_tool");
    assert_true(slice_eq(block->name, SLICE("my.tool")));
    assert_true(slice_eq(block->name_space, SLICE("space")));
    block = open_call(&f, 0, "b", "unknown");
    assert_true(slice_eq(block->name, SLICE("unknown")));
    assert_null(block->name_space.ptr);
    end(&f);
}

static void the_input_of_a_custom_tool_is_unwrapped(void **state)
{
    static const struct {
        const char *arguments; // escaped
        const char *words;
    } rows[] = {
        {"{\\\"input\\\":\\\"ls\\\"}", "0.0(ls) -0.0"},
        {"{\\\"input\\\":\\\"a\\\\nb \\\\\\\"q\\\\\\\"\\\"}", "0.0(a\\nb \\\"q\\\") -0.0"},
        {"{ \\\"input\\\" : \\\"x\\\", \\\"more\\\": 1}", "0.0(x) -0.0"},
        {"{\\\"input\\\":\\\"\\\"}", "-0.0"},
        {"", "-0.0"},
        {"{\\\"input\\\":5}", "0.0({\\\"input\\\":5}) -0.0"},
        {"{}", "0.0({}) -0.0"},
        {"[1]", "0.0([1]) -0.0"},
        {"{\\\"input\\\":\\\"ls", "0.0({\\\"input\\\":\\\"ls) -0.0"},
        {"plain", "0.0(plain) -0.0"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        for (size_t step = 1; step < 40; step += 6) {
            struct fixture f;
            struct slice rest = slice_from_cstr(rows[i].arguments);
            begin(&f, DIALECT_RESPONSES);
            add_tool(&f, TOOL_CUSTOM, "shell", "shell");
            struct neutral_block *block = open_call(&f, 0, "a", "shell");
            assert_int_equal(block->tool_kind, TOOL_CUSTOM);
            f.trace.words.len = 0;
            while (rest.len) {
                answer_delta(f.answer, block, slice_of(rest.ptr, rest.len < step ? rest.len : step));
                assert_words(&f, ""); // what comes may have to be unwrapped
                rest = slice_after(rest, step);
            }
            answer_close(f.answer, block, false);
            assert_words(&f, rows[i].words);
            end(&f);
        }
    }
}

static void a_call_has_an_end(void **state)
{
    static char piece[1024 * 1024];
    memset(piece, 'x', sizeof(piece));
    for (int is_custom = 0; is_custom < 2; is_custom++) {
        struct fixture f;
        begin(&f, DIALECT_GEMINI);
        add_tool(&f, is_custom ? TOOL_CUSTOM : TOOL_FUNCTION, "f", "f");
        size_t n = 0;
        while (!answer_is_over(f.answer) && n < 64) {
            struct neutral_block *call = open_call(&f, 0, "", "f");
            answer_delta(f.answer, call, slice_of(piece, sizeof(piece)));
            n++;
        }
        assert_int_equal(n, 17);
        assert_true(slice_ends_with(slice_from_cstr(event_trace_words(&f.trace)), SLICE("X:upstream_protocol")));
        end(&f);
    }
}

static void what_an_upstream_calls_custom_is_not_unwrapped(void **state)
{
    struct fixture f;
    begin(&f, DIALECT_RESPONSES);
    add_tool(&f, TOOL_CUSTOM, "shell", "shell");
    struct neutral_block *block = answer_open(
        f.answer, 0, &(struct neutral_block){.kind = BLOCK_CALL, .tool_kind = TOOL_CUSTOM, .name = SLICE("shell")});
    answer_delta(f.answer, block, SLICE("{\\\"input\\\":\\\"a\\\"}"));
    assert_false(block_is_complete(block)); // free text never is
    answer_close(f.answer, block, false);
    assert_words(&f, "S +0.0call:shell 0.0({\\\"input\\\":\\\"a\\\"}) -0.0");
    end(&f);
}

// ---- figures

static void figures_come_once_before_the_end(void **state)
{
    struct fixture f;
    begin(&f, DIALECT_CHAT);
    answer_usage(f.answer, &(struct usage){10, 1, -1, -1, -1});
    answer_delta(f.answer, answer_flow(f.answer, 0, BLOCK_TEXT, false), SLICE("a"));
    answer_usage(f.answer, &(struct usage){-1, 7, 2, -1, -1});
    finish(&f, 0, FINISH_STOP);
    answer_end(f.answer, true);
    assert_words(&f, "S +0.0text 0.0(a) -0.0 U(10,7) F0:stop E");
    assert_int_equal(answer_usage_so_far(f.answer)->reasoning, 2);
    end(&f);
}

struct head_seen {
    struct answer_head head;
    struct usage usage;
};

static void keep_head(void *arg, const struct neutral_event *event)
{
    struct head_seen *seen = arg;
    if (event->kind == EVENT_START) {
        seen->head = *event->head;
        seen->usage = *event->head->usage;
    }
}

static void the_head_is_what_was_known_when_it_started(void **state)
{
    struct fixture f;
    struct head_seen seen = {0};
    char id[] = "r1";
    begin(&f, DIALECT_CHAT);
    struct answer *answer = answer_new(&f.context, (struct event_sink){keep_head, &seen});
    answer_start(answer, &(struct answer_head){.id = slice_of(id, 2)});
    answer_start(answer, &(struct answer_head){.id = SLICE("r2"), .model = SLICE("m"), .created_s = 5});
    answer_usage(answer, &(struct usage){10, -1, -1, -1, -1});
    memset(id, 'x', sizeof(id) - 1);
    answer_flow(answer, 0, BLOCK_TEXT, false);
    assert_true(slice_eq(seen.head.id, SLICE("r1")));
    assert_true(slice_eq(seen.head.model, SLICE("m")));
    assert_int_equal(seen.head.created_s, 5);
    assert_int_equal(seen.usage.input, 10);
    assert_int_equal(seen.usage.output, -1);
    answer_deinit(answer);
    end(&f);
}

// ---- whatever a decoder says

struct dice {
    uint32_t state;
};

static uint32_t roll(struct dice *dice, uint32_t sides)
{
    dice->state = dice->state * 1664525 + 1013904223;
    return (dice->state >> 8) % sides;
}

enum { BLOCKS_KEPT = 8 };

static void say_something(struct fixture *f, struct dice *dice, struct neutral_block **blocks)
{
    static const struct slice TEXTS[] = {
        SLICE_INIT(""),     SLICE_INIT("a"),      SLICE_INIT("{\\\"a\\\":"),
        SLICE_INIT("1}"),   SLICE_INIT("\\\\"),   SLICE_INIT("{\\\"input\\\":\\\"x\\\"}"),
        SLICE_INIT("}}}}"), SLICE_INIT("\\u007b")};
    static const char *const IDS[] = {"", "a", "b", "bad id"};
    static const char *const NAMES[] = {"f", "shell", "other", ""};
    struct answer *answer = f->answer;
    struct neutral_block **block = &blocks[roll(dice, BLOCKS_KEPT)];
    uint32_t candidate = roll(dice, 8) ? 0 : roll(dice, 3) + (roll(dice, 9) ? 0 : CANDIDATES_MAX - 2);
    struct neutral_block template = {
        .kind = (enum block_kind)roll(dice, BLOCK_NATIVE + 1),
        .call_id = slice_from_cstr(IDS[roll(dice, 4)]),
        .name = slice_from_cstr(NAMES[roll(dice, 4)]),
        .tool_kind = (enum tool_kind)roll(dice, 3),
    };
    switch (roll(dice, 14)) {
    case 0:
    case 1: *block = answer_open(answer, candidate, &template); break;
    case 2: *block = answer_flow(answer, candidate, BLOCK_TEXT, false); break;
    case 3: *block = answer_flow(answer, candidate, BLOCK_REASONING, roll(dice, 2)); break;
    case 4: answer_close(answer, *block, (*block)->kind == BLOCK_CALL && roll(dice, 2)); break;
    case 5: answer_part(answer, *block); break;
    case 6: answer_opaque(answer, *block, &(struct neutral_opaque){.kind = (enum opaque_kind)roll(dice, 3)}); break;
    case 7: answer_citation(answer, *block, TEXTS[roll(dice, 2)]); break;
    case 8: answer_logprobs(answer, *block, TEXTS[roll(dice, 2)]); break;
    case 9:
        if (roll(dice, 8) == 0) {
            answer_close_all(answer, candidate, roll(dice, 2));
        } else if (roll(dice, 8) == 0) {
            answer_finish(answer, candidate,
                          &(struct finish){.reason = (enum finish_reason)roll(dice, FINISH_CONTENT_FILTER + 1)});
        }
        break;
    case 10: answer_usage(answer, &(struct usage){(int64_t)roll(dice, 3) - 1, roll(dice, 9), -1, -1, -1}); break;
    default: answer_delta(answer, *block, TEXTS[roll(dice, sizeof(TEXTS) / sizeof(*TEXTS))]); break;
    }
}

static void whatever_a_decoder_says_makes_a_good_stream(void **state)
{
    struct dice dice = {20};
    int n_ended = 0;
    for (int round = 0; round < 4000; round++) {
        struct fixture f;
        struct neutral_block *blocks[BLOCKS_KEPT];
        begin(&f, (enum dialect)(round % N_DIALECTS));
        add_tool(&f, TOOL_CUSTOM, "shell", "shell");
        add_tool(&f, TOOL_FUNCTION, "g", "f");
        for (int i = 0; i < BLOCKS_KEPT; i++) {
            blocks[i] = open_text(&f, 0);
        }
        for (uint32_t n = roll(&dice, 80); n > 0; n--) {
            say_something(&f, &dice, blocks);
        }
        if (roll(&dice, 10) == 0) {
            answer_error(f.answer, &OVERLOADED);
        }
        answer_end(f.answer, roll(&dice, 4) != 0);
        assert_true(f.trace.is_over);
        assert_true(answer_is_over(f.answer));
        n_ended += slice_ends_with(buf_slice(&f.trace.words), SLICE(" E"));
        answer_end(f.answer, true);
        end(&f);
    }
    assert_in_range(n_ended, 2000, 3900);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_at_once_leaves_nothing_before_it),
        cmocka_unit_test(nothing_comes_behind_an_error),
        cmocka_unit_test(an_end_without_an_ending_is_an_error),
        cmocka_unit_test(the_reason_fits_what_was_said),
        cmocka_unit_test(the_stronger_reason_stays),
        cmocka_unit_test(only_what_is_incomplete_is_cut_off),
        cmocka_unit_test(flowing_blocks_take_turns),
        cmocka_unit_test(parts_stand_between_texts),
        cmocka_unit_test(whole_blocks_are_closed_at_once),
        cmocka_unit_test(json_that_is_passed_on_is_on_one_line),
        cmocka_unit_test(texts_of_a_block_are_its_own),
        cmocka_unit_test(some_clients_have_one_candidate),
        cmocka_unit_test(a_call_has_an_id_that_clients_take),
        cmocka_unit_test(a_tool_is_called_as_the_client_called_it),
        cmocka_unit_test(the_input_of_a_custom_tool_is_unwrapped),
        cmocka_unit_test(a_call_has_an_end),
        cmocka_unit_test(what_an_upstream_calls_custom_is_not_unwrapped),
        cmocka_unit_test(figures_come_once_before_the_end),
        cmocka_unit_test(the_head_is_what_was_known_when_it_started),
        cmocka_unit_test(whatever_a_decoder_says_makes_a_good_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
