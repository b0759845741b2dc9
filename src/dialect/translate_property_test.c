// SPDX-License-Identifier: MIT
// Answers by chance, told to an answer as a decoder would. What is encoded and decoded again says the same; so does
// what has been translated, and what has been translated back, streamed or whole on either side, for all pairs.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "dialect/answer_fixture.h"
#include "dialect/dialect_internal.h"
#include "dialect/feeding.h"
#include "dialect/sequencer.h"
#include "dialect/stream_grammar.h"
#include "dialect/translate.h"
#include "dialect/trial.h"

enum { N_ROUNDS = 60, CALLS_MAX = 4, DELTAS_MAX = 12 };

// A text in the pieces it comes in; each is escaped text of its own.
struct pieces {
    struct slice at[DELTAS_MAX];
    size_t n;
};

// What an upstream is going to say.
struct plan {
    bool has_reasoning;
    bool has_second_part;
    struct pieces reasoning;
    bool has_text;
    struct pieces text;
    size_t n_calls;
    struct pieces calls[CALLS_MAX];
    bool overlap; // the calls do
    struct finish finish;
    struct usage usage;
};

// ---- plans

static void cut_text(struct trial *trial, struct pieces *pieces)
{
    pieces->n = 1 + chance_below(&trial->chance, DELTAS_MAX - 1);
    for (size_t i = 0; i < pieces->n; i++) {
        struct buf text = BUF_EMPTY;
        chance_text(&trial->chance, chance_below(&trial->chance, 5), &text);
        pieces->at[i] = arena_dup(trial->arena, buf_slice(&text));
        buf_deinit(&text);
    }
}

// Arguments are cut between two escapes, wherever that is.
static void cut_arguments(struct trial *trial, struct pieces *pieces)
{
    struct buf object = BUF_EMPTY;
    struct buf escaped = BUF_EMPTY;
    chance_object(&trial->chance, 3, &object);
    json_escape(&escaped, buf_slice(&object));
    struct slice rest = arena_dup(trial->arena, buf_slice(&escaped));
    pieces->n = 0;
    while (rest.len && pieces->n < DELTAS_MAX - 1) {
        size_t len = 0;
        size_t aim = 1 + chance_below(&trial->chance, 20);
        while (len < rest.len && len < aim) {
            len += rest.ptr[len] != '\\' ? 1 : rest.ptr[len + 1] == 'u' ? 6 : 2;
        }
        while (len < rest.len && ((unsigned char)rest.ptr[len] & 0xc0) == 0x80) {
            len++;
        }
        pieces->at[pieces->n++] = slice_of(rest.ptr, len);
        rest = slice_after(rest, len);
    }
    if (rest.len) {
        pieces->at[pieces->n++] = rest;
    }
    buf_deinit(&object);
    buf_deinit(&escaped);
}

static void plan_finish(struct trial *trial)
{
    static const enum finish_reason REASONS[] = {FINISH_STOP, FINISH_LENGTH, FINISH_CONTENT_FILTER, FINISH_REFUSAL,
                                                 FINISH_STOP_SEQUENCE};
    struct plan *plan = trial->plan;
    plan->finish.reason = plan->n_calls && chance_of(&trial->chance, 80) ? FINISH_TOOL_CALLS
                          : plan->n_calls                                ? FINISH_LENGTH
                                                                         : REASONS[chance_below(&trial->chance, 5)];
    if (plan->finish.reason == FINISH_STOP_SEQUENCE) {
        plan->finish.stop_sequence = SLICE("END\\n");
    }
}

static void plan_usage(struct trial *trial)
{
    struct usage *usage = &trial->plan->usage;
    struct chance *chance = &trial->chance;
    usage->cache_read = chance_below(chance, 100);
    usage->cache_write = chance_of(chance, 50) ? 0 : chance_below(chance, 100);
    usage->input = usage->cache_read + usage->cache_write + 1 + chance_below(chance, 1000);
    usage->reasoning = chance_of(chance, 50) ? 0 : chance_below(chance, 100);
    usage->output = usage->reasoning + 1 + chance_below(chance, 1000);
}

static void make_plan(struct trial *trial)
{
    struct plan *plan = arena_zalloc(trial->arena, sizeof(*plan));
    trial->plan = plan;
    plan->has_reasoning = chance_of(&trial->chance, 50);
    plan->has_second_part = chance_of(&trial->chance, 30);
    plan->has_text = chance_of(&trial->chance, 75);
    plan->n_calls = chance_of(&trial->chance, 50) ? 0 : 1 + chance_below(&trial->chance, CALLS_MAX);
    plan->overlap = chance_of(&trial->chance, 50);
    cut_text(trial, &plan->reasoning);
    cut_text(trial, &plan->text);
    for (size_t i = 0; i < plan->n_calls; i++) {
        cut_arguments(trial, &plan->calls[i]);
    }
    plan_finish(trial);
    plan_usage(trial);
}

// ---- telling a plan

static void tell_pieces(struct answer *answer, struct neutral_block *block, const struct pieces *pieces, size_t from)
{
    for (size_t i = from; i < pieces->n; i++) {
        answer_delta(answer, block, pieces->at[i]);
    }
    answer_close(answer, block, false);
}

static void tell_reasoning(const struct plan *plan, struct answer *answer)
{
    struct neutral_block *block =
        answer_open(answer, 0, &(struct neutral_block){.kind = BLOCK_REASONING, .is_summary = true});
    answer_delta(answer, block, plan->reasoning.at[0]);
    if (plan->has_second_part) {
        answer_part(answer, block);
    }
    tell_pieces(answer, block, &plan->reasoning, 1);
}

static void tell_calls(const struct trial *trial, struct answer *answer)
{
    static const struct slice NAMES[CALLS_MAX] = {SLICE_INIT("get_weather"), SLICE_INIT("get_weather"),
                                                  SLICE_INIT("get-time"), SLICE_INIT("f")};
    const struct plan *plan = trial->plan;
    struct neutral_block *blocks[CALLS_MAX];
    for (size_t i = 0; i < plan->n_calls; i++) {
        struct slice id = arena_printf(trial->arena, "call_%zu", i);
        blocks[i] =
            answer_open(answer, 0, &(struct neutral_block){.kind = BLOCK_CALL, .call_id = id, .name = NAMES[i]});
        if (!plan->overlap) {
            tell_pieces(answer, blocks[i], &plan->calls[i], 0);
        }
    }
    for (size_t at = 0; plan->overlap && at < DELTAS_MAX; at++) {
        for (size_t i = 0; i < plan->n_calls; i++) {
            answer_delta(answer, blocks[i], at < plan->calls[i].n ? plan->calls[i].at[at] : SLICE_EMPTY);
        }
    }
}

static void tell(const struct trial *trial, struct answer *answer)
{
    const struct plan *plan = trial->plan;
    answer_start(answer, &(struct answer_head){.id = SLICE("id-1"), .model = SLICE("m"), .created_s = 1700000001});
    if (plan->has_reasoning) {
        tell_reasoning(plan, answer);
    }
    if (plan->has_text) {
        tell_pieces(answer, answer_open(answer, 0, &(struct neutral_block){.kind = BLOCK_TEXT}), &plan->text, 0);
    }
    tell_calls(trial, answer);
    answer_usage(answer, &plan->usage);
    answer_finish(answer, 0, &plan->finish);
    answer_end(answer, true);
}

// ---- encoding a plan

struct encoded {
    const struct answer_encoder *encoder;
    const struct answer_context *context;
    void *state;
    struct buf out;
};

static void write_event(void *arg, const struct neutral_event *event)
{
    struct encoded *encoded = arg;
    encoded->encoder->write_event(encoded->state, encoded->context, event, &encoded->out);
}

static struct answer_context context_of(const struct trial *trial, enum dialect upstream, enum dialect client,
                                        bool streams)
{
    struct answer_context context = fixture_context(trial->arena, upstream, client);
    struct neutral_request *req = arena_alloc(trial->arena, sizeof(*req));
    *req = *context.req;
    req->wants_stream = streams;
    req->includes_usage = true;
    context.req = req;
    return context;
}

static struct slice keep(const struct trial *trial, struct buf *out)
{
    struct slice kept = arena_dup(trial->arena, buf_slice(out));
    buf_deinit(out);
    return kept;
}

static struct slice encode_stream(const struct trial *trial, enum dialect dialect)
{
    struct answer_context context = context_of(trial, dialect, dialect, true);
    struct encoded encoded = {.encoder = dialect_spoke(dialect)->encoder, .context = &context};
    encoded.state = arena_zalloc(trial->arena, encoded.encoder->state_size + 1);
    struct event_sink sink = {write_event, &encoded};
    if (!encoded.encoder->takes_overlap) {
        sink = sequencer_sink(sequencer_new(trial->arena, sink));
    }
    struct answer *answer = answer_new(&context, sink);
    tell(trial, answer);
    answer_deinit(answer);
    if (encoded.encoder->deinit) {
        encoded.encoder->deinit(encoded.state);
    }
    return keep(trial, &encoded.out);
}

static const struct neutral_response *collect(const struct trial *trial, const struct answer_context *context)
{
    struct collector *collector = collector_new(trial->arena, false);
    struct answer *answer = answer_new(context, collector_sink(collector));
    tell(trial, answer);
    answer_deinit(answer);
    return collector_response(collector);
}

static struct slice encode_body(const struct trial *trial, enum dialect dialect)
{
    struct answer_context context = context_of(trial, dialect, dialect, false);
    struct buf out = BUF_EMPTY;
    dialect_spoke(dialect)->encoder->write_body(&context, collect(trial, &context), &out);
    return keep(trial, &out);
}

static struct slice encode(const struct trial *trial, enum dialect dialect, bool streams)
{
    return streams ? encode_stream(trial, dialect) : encode_body(trial, dialect);
}

// ---- what may change

// The reason that comes back from a dialect.
static enum finish_reason reason_through(enum dialect dialect, enum finish_reason reason)
{
    bool is_anthropic = dialect == DIALECT_ANTHROPIC;
    switch ((int)reason) {
    case FINISH_STOP_SEQUENCE: return is_anthropic ? FINISH_STOP_SEQUENCE : FINISH_STOP;
    case FINISH_CONTENT_FILTER:
    case FINISH_REFUSAL: return is_anthropic ? FINISH_REFUSAL : FINISH_CONTENT_FILTER; // without words of refusal
    default: return reason;
    }
}

// What is expected of a plan that has come through these dialects.
static struct slice expected_gist(const struct trial *trial, const enum dialect *through, size_t n)
{
    struct gist gist = {.arena = trial->arena};
    struct buf out = BUF_EMPTY;
    struct answer_context context = context_of(trial, DIALECT_GEMINI, DIALECT_GEMINI, false);
    struct neutral_response response = *collect(trial, &context);
    for (size_t i = 0; i < n; i++) {
        enum finish_reason *reason = &response.candidates[0].finish.reason;
        *reason = reason_through(through[i], *reason);
        if (through[i] == DIALECT_GEMINI) {
            response.usage.cache_write = -1;
        }
    }
    fixture_gist(&gist, &response, &out);
    return keep(trial, &out);
}

// ---- checks

static struct cut random_cut(struct trial *trial, struct slice bytes)
{
    return (struct cut){chance_below(&trial->chance, (uint32_t)bytes.len + 1), 1 + chance_below(&trial->chance, 200)};
}

static void check_figures(const struct usage *usage)
{
    assert_true(usage->input >= usage->cache_read + usage->cache_write);
    assert_true(usage->output >= usage->reasoning);
}

static void check_says(struct trial *trial, enum dialect dialect, struct slice bytes, bool streams,
                       const enum dialect *through, size_t n)
{
    struct gist gist = {.arena = trial->arena};
    struct buf out = BUF_EMPTY;
    char name[128];
    snprintf(name, sizeof(name), "seed %llu, %s, %s after %zu steps (%s, %s)", (unsigned long long)trial->seed,
             streams ? "stream" : "body", dialect_name(dialect), n, dialect_name(through[0]),
             dialect_name(through[n > 1]));
    const char *complaint = streams ? stream_grammar_complaint(dialect, bytes) : NULL;
    if (complaint) {
        print_error("%s: %s in\n%.*s\n", name, complaint, SLICE_ARG(bytes));
        (*trial->n_failed)++;
    }
    struct answer_context context = context_of(trial, dialect, dialect, streams);
    const struct neutral_response *found = streams ? fixture_decode_stream(&context, bytes, random_cut(trial, bytes))
                                                   : fixture_decode_body(&context, bytes);
    fixture_gist(&gist, found, &out);
    check_figures(&found->usage);
    fixture_compare(trial->n_failed, name, fixture_without_empty_lines(trial->arena, expected_gist(trial, through, n)),
                    fixture_without_empty_lines(trial->arena, keep(trial, &out)));
}

static void feed(struct trial *trial, struct feeding *feeding, struct slice bytes)
{
    struct sse_parser parser;
    sse_parser_init(&parser, SSE_EVENT_MAX_DEFAULT);
    for (size_t at = 0; at < bytes.len;) {
        struct slice rest = slice_after(bytes, at);
        size_t piece = 1 + chance_below(&trial->chance, 300);
        rest.len = rest.len < piece ? rest.len : piece;
        assert_int_equal(sse_parser_feed(&parser, rest, feeding_on_event, feeding), 0);
        at += rest.len;
    }
    assert_int_equal(sse_parser_finish(&parser, feeding_on_event, feeding), 0);
    sse_parser_deinit(&parser);
    translation_finish(feeding->translation, &feeding->out);
}

static struct slice translate_answer(struct trial *trial, enum dialect upstream, enum dialect client,
                                     struct slice bytes, bool is_stream, bool streams)
{
    struct answer_context context = context_of(trial, upstream, client, streams);
    struct feeding feeding = {.translation = translation_new(&context)};
    if (is_stream) {
        feed(trial, &feeding, bytes);
    } else {
        translation_answer(feeding.translation, bytes, &feeding.out);
    }
    assert_true(translation_is_over(feeding.translation));
    if (translation_error(feeding.translation)) {
        fail_msg("seed %llu, %s to %s: %.*s", (unsigned long long)trial->seed, dialect_name(upstream),
                 dialect_name(client), SLICE_ARG(translation_error(feeding.translation)->message));
    }
    translation_deinit(feeding.translation);
    return keep(trial, &feeding.out);
}

static void check_own(struct trial *trial, enum dialect dialect)
{
    check_says(trial, dialect, encode(trial, dialect, true), true, &dialect, 1);
    check_says(trial, dialect, encode(trial, dialect, false), false, &dialect, 1);
}

// From a to b and back: each time both forms on both sides.
static void check_pair(struct trial *trial, enum dialect a, enum dialect b)
{
    const enum dialect through[] = {a, b, a};
    for (int form = 0; form < 4; form++) {
        bool is_stream = form & 1;
        bool streams = form & 2;
        struct slice there = translate_answer(trial, a, b, encode(trial, a, is_stream), is_stream, streams);
        check_says(trial, b, there, streams, through, 2);
        struct slice back = translate_answer(trial, b, a, there, streams, is_stream);
        check_says(trial, a, back, is_stream, through, 3);
    }
}

static void check_all_own(struct trial *trial)
{
    make_plan(trial);
    for (int d = 0; d < N_DIALECTS; d++) {
        check_own(trial, (enum dialect)d);
    }
}

static void check_all_pairs(struct trial *trial)
{
    make_plan(trial);
    for (int i = 0; i < N_DIALECTS * N_DIALECTS; i++) {
        if (i / N_DIALECTS != i % N_DIALECTS) {
            check_pair(trial, (enum dialect)(i / N_DIALECTS), (enum dialect)(i % N_DIALECTS));
        }
    }
}

static void what_is_encoded_is_decoded(void **state)
{
    trial_each(N_ROUNDS, check_all_own);
}

static void what_is_translated_comes_back(void **state)
{
    trial_each(N_ROUNDS, check_all_pairs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_encoded_is_decoded),
                                       cmocka_unit_test(what_is_translated_comes_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
