// SPDX-License-Identifier: MIT
#include "dialect/event_trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char *const KINDS[] = {
    [BLOCK_TEXT] = "text",       [BLOCK_REASONING] = "reasoning", [BLOCK_CALL] = "call",
    [BLOCK_REFUSAL] = "refusal", [BLOCK_MEDIA] = "media",         [BLOCK_NATIVE] = "native",
};
static const char *const REASONS[] = {
    [FINISH_UNSET] = "unset",
    [FINISH_OTHER] = "other",
    [FINISH_STOP] = "stop",
    [FINISH_STOP_SEQUENCE] = "stop_sequence",
    [FINISH_TOOL_CALLS] = "tool_calls",
    [FINISH_PAUSE] = "pause",
    [FINISH_COMPACTION] = "compaction",
    [FINISH_CANCELLED] = "cancelled",
    [FINISH_TOOL_ERROR] = "tool_error",
    [FINISH_CONTEXT_WINDOW] = "context_window",
    [FINISH_LENGTH] = "length",
    [FINISH_REFUSAL] = "refusal",
    [FINISH_CONTENT_FILTER] = "content_filter",
};

const char *event_trace_reason(enum finish_reason reason)
{
    return REASONS[reason];
}

// What a trace knows of a block: its encoder's slot points to one of these. NULL: not opened yet.
enum mark { MARK_OPEN, MARK_HAS_DELTA, MARK_PART_IS_DUE, MARK_CLOSED, N_MARKS };
static const char MARKS[N_MARKS];

static void set_mark(struct neutral_block *block, enum mark mark)
{
    block->encoder = (void *)&MARKS[mark];
}

// Of a block that must be open.
static enum mark mark_of(const struct neutral_event *event)
{
    assert_non_null(event->block);
    assert_non_null(event->block->encoder);
    enum mark mark = (enum mark)((const char *)event->block->encoder - MARKS);
    assert_int_not_equal(mark, MARK_CLOSED);
    return mark;
}

void event_trace_init(struct event_trace *trace)
{
    *trace = (struct event_trace){0};
}

void event_trace_deinit(struct event_trace *trace)
{
    buf_deinit(&trace->words);
}

const char *event_trace_words(struct event_trace *trace)
{
    *buf_reserve(&trace->words, 1) = '\0';
    return trace->words.ptr;
}

static void check_id(const struct event_trace *trace, const struct neutral_block *call)
{
    assert_in_range(call->call_id.len, 1, 64);
    for (size_t i = 0; i < call->call_id.len; i++) {
        assert_non_null(
            memchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", call->call_id.ptr[i], 64));
    }
    for (const struct neutral_block *other = trace->last_call; other; other = other->_last_call) {
        assert_false(other != call && slice_eq(other->call_id, call->call_id));
    }
}

static bool is_one_line(struct slice raw)
{
    return slice_find_char(raw, '\n') == SLICE_NOT_FOUND && slice_find_char(raw, '\r') == SLICE_NOT_FOUND;
}

static void on_open(struct event_trace *trace, struct neutral_block *block)
{
    assert_true(is_one_line(block->raw));
    uint32_t candidate = block->candidate;
    assert_in_range(candidate, 0, CANDIDATES_MAX - 1);
    assert_null(block->encoder);
    assert_false(trace->is_finished[candidate]);
    assert_true(!trace->is_sequential || trace->n_open[candidate] == 0);
    set_mark(block, MARK_OPEN);
    trace->n_open[candidate]++;
    trace->n_candidates = candidate + 1 > trace->n_candidates ? candidate + 1 : trace->n_candidates;
    buf_printf(&trace->words, "+%u.%u%s", candidate, block->index, KINDS[block->kind]);
    if (block->kind == BLOCK_CALL) {
        check_id(trace, block);
        trace->last_call = block;
        buf_printf(&trace->words, ":%.*s", SLICE_ARG(block->name));
    }
}

static void on_delta(struct event_trace *trace, const struct neutral_event *event)
{
    mark_of(event);
    assert_true(event->text.len > 0);
    assert_true(event->block->kind != BLOCK_MEDIA && event->block->kind != BLOCK_NATIVE);
    set_mark(event->block, MARK_HAS_DELTA);
    buf_printf(&trace->words, "(%.*s)", SLICE_ARG(event->text));
}

static void on_part(struct event_trace *trace, const struct neutral_event *event)
{
    assert_int_equal(event->block->kind, BLOCK_REASONING);
    assert_int_equal(mark_of(event), MARK_HAS_DELTA);
    set_mark(event->block, MARK_PART_IS_DUE);
    buf_append_char(&trace->words, '|');
}

static void on_close(struct event_trace *trace, const struct neutral_event *event)
{
    assert_int_not_equal(mark_of(event), MARK_PART_IS_DUE);
    assert_true(!event->is_partial || event->block->kind == BLOCK_CALL);
    set_mark(event->block, MARK_CLOSED);
    trace->n_open[event->block->candidate]--;
    if (event->is_partial) {
        buf_append_char(&trace->words, '!');
    }
}

static void on_finish(struct event_trace *trace, const struct neutral_event *event)
{
    assert_in_range(event->candidate, 0, CANDIDATES_MAX - 1);
    assert_false(trace->is_finished[event->candidate]);
    assert_int_equal(trace->n_open[event->candidate], 0);
    assert_int_not_equal(event->finish->reason, FINISH_UNSET);
    trace->is_finished[event->candidate] = true;
    trace->n_candidates = event->candidate + 1 > trace->n_candidates ? event->candidate + 1 : trace->n_candidates;
    buf_printf(&trace->words, "F%u:%s", event->candidate, event_trace_reason(event->finish->reason));
}

static void on_end(struct event_trace *trace)
{
    assert_true(trace->n_candidates > 0);
    for (uint32_t i = 0; i < trace->n_candidates; i++) {
        assert_true(trace->is_finished[i]);
    }
    trace->is_over = true;
    buf_append_char(&trace->words, 'E');
}

static void write_place(struct event_trace *trace, const struct neutral_event *event, const char *sign)
{
    buf_printf(&trace->words, "%s%u.%u", sign, event->block->candidate, event->block->index);
}

static void take(void *arg, const struct neutral_event *event)
{
    struct event_trace *trace = arg;
    assert_false(trace->is_over);
    assert_true(trace->has_started == (event->kind != EVENT_START) || event->kind == EVENT_ERROR);
    if (trace->words.len) {
        buf_append_char(&trace->words, ' ');
    }
    switch (event->kind) {
    case EVENT_START:
        trace->has_started = true;
        buf_append_char(&trace->words, 'S');
        break;
    case EVENT_OPEN: on_open(trace, event->block); break;
    case EVENT_DELTA:
        write_place(trace, event, "");
        on_delta(trace, event);
        break;
    case EVENT_PART:
        write_place(trace, event, "");
        on_part(trace, event);
        break;
    case EVENT_OPAQUE:
    case EVENT_CITATION:
    case EVENT_LOGPROBS:
        mark_of(event);
        assert_true(event->kind == EVENT_OPAQUE || is_one_line(event->raw));
        write_place(trace, event, "");
        buf_printf(&trace->words, "%s",
                   event->kind == EVENT_OPAQUE     ? "opaque"
                   : event->kind == EVENT_CITATION ? "cite"
                                                   : "logprobs");
        break;
    case EVENT_CLOSE:
        write_place(trace, event, "-");
        on_close(trace, event);
        break;
    case EVENT_USAGE: buf_printf(&trace->words, "U(%d,%d)", (int)event->usage->input, (int)event->usage->output); break;
    case EVENT_FINISH: on_finish(trace, event); break;
    case EVENT_ERROR:
        trace->is_over = true;
        buf_printf(&trace->words, "X:%s", fault_name(event->error->fault));
        break;
    case EVENT_END: on_end(trace); break;
    }
}

struct event_sink event_trace_sink(struct event_trace *trace)
{
    return (struct event_sink){take, trace};
}
