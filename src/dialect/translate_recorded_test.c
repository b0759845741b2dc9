// SPDX-License-Identifier: MIT
// Every recorded answer of tests/corpus/dialects, for a client of every other dialect, streamed and whole: what the
// client reads says what the upstream said, but for what its dialect has no words for.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "dialect/answer_fixture.h"
#include "dialect/feeding.h"
#include "dialect/stream_grammar.h"
#include "dialect/translate.h"

// Its one call is of a custom tool, which clients of other dialects see as the function that they offered instead: with
// nothing offered there is nothing to compare.
static const char *const CUSTOM_CALLS[] = {"or-s08-custom-tool-call"};

struct recording {
    const char *name;
    enum dialect upstream;
    enum dialect client;
    bool is_stream;
    bool streams; // the client
    struct slice bytes;
    struct arena *arena;
    size_t *n_failed;
};

// ---- what is lost

static bool has_refusal(const struct neutral_candidate *candidate)
{
    for (const struct neutral_content *content = candidate->content; content; content = content->next) {
        if (content->block->kind == BLOCK_REFUSAL && content->text.len) {
            return true;
        }
    }
    return false;
}

static enum finish_reason reason_for(enum dialect client, const struct neutral_candidate *candidate)
{
    bool is_openai = client == DIALECT_CHAT || client == DIALECT_RESPONSES;
    bool is_gemini = client == DIALECT_GEMINI;
    switch ((int)candidate->finish.reason) {
    case FINISH_OTHER: return is_gemini ? FINISH_OTHER : FINISH_STOP;
    case FINISH_TOOL_ERROR: return is_gemini ? FINISH_TOOL_ERROR : FINISH_STOP;
    case FINISH_STOP_SEQUENCE: return client == DIALECT_ANTHROPIC ? FINISH_STOP_SEQUENCE : FINISH_STOP;
    case FINISH_PAUSE: return client == DIALECT_ANTHROPIC ? FINISH_PAUSE : FINISH_STOP;
    case FINISH_REFUSAL:
        return client == DIALECT_ANTHROPIC || (is_openai && has_refusal(candidate)) ? FINISH_REFUSAL
                                                                                    : FINISH_CONTENT_FILTER;
    case FINISH_CONTENT_FILTER: return client == DIALECT_ANTHROPIC ? FINISH_REFUSAL : FINISH_CONTENT_FILTER;
    default: return candidate->finish.reason;
    }
}

// A call that was cut off cannot be written where arguments are an object.
static void drop_partial_calls(struct neutral_candidate *candidate)
{
    struct neutral_content **at = &candidate->content;
    while (*at) {
        bool is_lost = (*at)->block->kind == BLOCK_CALL && (*at)->is_partial;
        if (is_lost) {
            *at = (*at)->next;
        } else {
            at = &(*at)->next;
        }
    }
}

static void lose(struct neutral_response *response, enum dialect client)
{
    bool has_one = client == DIALECT_ANTHROPIC || client == DIALECT_RESPONSES;
    response->n_candidates = has_one && response->n_candidates > 1 ? 1 : response->n_candidates;
    for (size_t i = 0; i < response->n_candidates; i++) {
        response->candidates[i].finish.reason = reason_for(client, &response->candidates[i]);
        if (client == DIALECT_GEMINI) {
            drop_partial_calls(&response->candidates[i]);
        }
    }
    if (client == DIALECT_GEMINI) {
        response->usage.cache_write = -1;
    }
}

// ---- both ways

static struct slice gist_of(const struct recording *recording, const struct neutral_response *response)
{
    struct gist gist = {.arena = recording->arena};
    struct buf text = BUF_EMPTY;
    gist.has_no_refusals = recording->client == DIALECT_ANTHROPIC || recording->client == DIALECT_GEMINI;
    fixture_gist(&gist, response, &text);
    struct slice kept = fixture_without_empty_lines(recording->arena, buf_slice(&text));
    buf_deinit(&text);
    return kept;
}

static struct answer_context context_of(const struct recording *recording, enum dialect upstream)
{
    struct answer_context context = fixture_context(recording->arena, upstream, recording->client);
    struct neutral_request *req = arena_alloc(recording->arena, sizeof(*req));
    *req = *context.req;
    req->wants_stream = recording->streams;
    req->includes_usage = true;
    context.req = req;
    return context;
}

static const struct neutral_response *decode(const struct recording *recording, enum dialect upstream,
                                             struct slice bytes, bool is_stream)
{
    struct answer_context context = context_of(recording, upstream);
    return is_stream ? fixture_decode_stream(&context, bytes, CUT_NOWHERE) : fixture_decode_body(&context, bytes);
}

static void feed(struct feeding *feeding, struct slice bytes)
{
    struct sse_parser parser;
    sse_parser_init(&parser, SSE_EVENT_MAX_DEFAULT);
    assert_int_equal(sse_parser_feed(&parser, bytes, feeding_on_event, feeding), 0);
    assert_int_equal(sse_parser_finish(&parser, feeding_on_event, feeding), 0);
    sse_parser_deinit(&parser);
    translation_finish(feeding->translation, &feeding->out);
}

static void compare(const struct recording *recording, const char *name, struct slice out)
{
    const char *complaint = recording->streams ? stream_grammar_complaint(recording->client, out) : NULL;
    if (complaint) {
        print_error("%s: %s\n", name, complaint);
        (*recording->n_failed)++;
        return;
    }
    struct neutral_response said = *decode(recording, recording->upstream, recording->bytes, recording->is_stream);
    struct neutral_response read = *decode(recording, recording->client, out, recording->streams);
    lose(&said, recording->client);
    if (said.usage.input < 0) { // then some clients get an estimate
        read.usage = said.usage;
    }
    fixture_compare(recording->n_failed, name, gist_of(recording, &said), gist_of(recording, &read));
}

static void check(const struct recording *recording)
{
    struct answer_context context = context_of(recording, recording->upstream);
    struct feeding feeding = {.translation = translation_new(&context)};
    const char *name = arena_cstr(recording->arena, arena_printf(recording->arena, "%s for %s, %s", recording->name,
                                                                 dialect_name(recording->client),
                                                                 recording->streams ? "streamed" : "whole"));
    if (recording->is_stream) {
        feed(&feeding, recording->bytes);
    } else {
        translation_answer(feeding.translation, recording->bytes, &feeding.out);
    }
    assert_true(translation_is_over(feeding.translation));
    bool has_failed = translation_error(feeding.translation) != NULL;
    bool should_fail = decode(recording, recording->upstream, recording->bytes, recording->is_stream)->has_error;
    if (has_failed != should_fail) {
        print_error("%s: %s\n", name, has_failed ? "failed" : "did not fail");
        (*recording->n_failed)++;
    } else if (!has_failed) {
        compare(recording, name, buf_slice(&feeding.out));
    }
    translation_deinit(feeding.translation);
    buf_deinit(&feeding.out);
}

// ---- the walk

static void check_clients(const struct fixture *fixture, bool is_stream)
{
    struct slice bytes = fixture_read(fixture->arena, fixture->path);
    for (int i = 0; i < 2 * N_DIALECTS; i++) {
        struct arena arena;
        arena_init(&arena, 64 * 1024);
        struct recording recording = {
            .name = fixture->name,
            .upstream = fixture->dialect,
            .client = (enum dialect)(i / 2),
            .is_stream = is_stream,
            .streams = i % 2,
            .bytes = bytes,
            .arena = &arena,
            .n_failed = fixture->n_failed,
        };
        if (recording.client != recording.upstream) {
            check(&recording);
        }
        arena_deinit(&arena);
    }
}

static bool is_custom_call(const char *name)
{
    for (size_t i = 0; i < sizeof(CUSTOM_CALLS) / sizeof(CUSTOM_CALLS[0]); i++) {
        if (strcmp(name, CUSTOM_CALLS[i]) == 0) {
            return true;
        }
    }
    return false;
}

// Those with an "e" behind the dialect are errors, those with a "c" counts.
static bool check_file(const struct fixture *fixture)
{
    struct slice name = slice_from_cstr(fixture->name);
    bool is_answer = name.len > 3 && (name.ptr[3] == 's' || name.ptr[3] == 'j') && !is_custom_call(fixture->name);
    if (is_answer) {
        check_clients(fixture, slice_ends_with(slice_from_cstr(fixture->path), SLICE(".sse")));
    }
    return is_answer;
}

static void recorded_answers_reach_all_clients(void **state)
{
    size_t n = fixture_each(FIXTURES "EXPECTED.json", SLICE(".sse"), check_file) +
               fixture_each(FIXTURES "EXPECTED.json", SLICE(".response.json"), check_file);
    assert_true(n > 130);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(recorded_answers_reach_all_clients)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
