// SPDX-License-Identifier: MIT
// An event that has the shape of the one before is told by comparing, not by parsing. Whatever a stream brings, the
// client is sent the same bytes either way: spaces behind the first brace, another number of them in each event, mean
// nothing and give each event a shape of its own, so that all of them are parsed.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "dialect/answer_fixture.h"
#include "dialect/translate.h"
#include "dialect/trial.h"
#include "http/sse_parser.h"

enum { N_ROUNDS = 40, N_DELTAS = 200, SPACES_MAX = 7, LINES_MAX = 12 };

struct event {
    struct event *next;
    struct slice name;
    struct slice data;
};

// A stream of an upstream.
struct stream {
    struct arena *arena;
    enum dialect upstream;
    struct event *first;
    struct event *last;
    size_t n_events;
    size_t longest;
};

static void add_event(struct stream *stream, struct slice name, struct slice data)
{
    struct event *event = arena_zalloc(stream->arena, sizeof(*event));
    event->name = arena_dup(stream->arena, name);
    event->data = arena_dup(stream->arena, data);
    *(stream->last ? &stream->last->next : &stream->first) = event;
    stream->last = event;
    stream->n_events++;
    stream->longest = data.len > stream->longest ? data.len : stream->longest;
}

// ---- both ways

struct client {
    enum dialect dialect;
    bool streams;
};

static void append_data(struct buf *out, struct slice data, size_t n_spaces)
{
    size_t at = slice_starts_with(data, SLICE("{")) ? 1 : 0;
    buf_append(out, slice_of(data.ptr, at));
    for (size_t i = 0; at && i < n_spaces; i++) {
        buf_append_char(out, ' ');
    }
    buf_append(out, slice_after(data, at));
}

// What the client is sent, and how it ended. All events lie in the same place, one after the other.
static struct slice translate(const struct stream *stream, struct client client, bool parses_all, size_t *n_parsed_r)
{
    struct answer_context context = fixture_context(stream->arena, stream->upstream, client.dialect);
    struct neutral_request req = *context.req;
    struct buf out = BUF_EMPTY;
    struct buf data = BUF_EMPTY;
    size_t n_fed = 0;
    req.wants_stream = client.streams;
    req.includes_usage = true;
    context.req = &req;
    struct translation *translation = translation_new(&context);
    buf_reserve(&data, stream->longest + SPACES_MAX);
    for (const struct event *event = stream->first; event; event = event->next) {
        buf_clear(&data);
        append_data(&data, event->data, parses_all ? 1 + n_fed++ % SPACES_MAX : 0);
        translation_feed(translation, event->name, buf_slice(&data), &out);
    }
    translation_finish(translation, &out);
    const struct neutral_error *error = translation_error(translation);
    buf_printf(&out, "\n%s: %.*s\n", error ? fault_name(error->fault) : "done",
               SLICE_ARG(error ? error->message : SLICE("")));
    fixture_gist_usage(&out, translation_usage(translation));
    *n_parsed_r = translation_n_parsed(translation);
    translation_deinit(translation);
    struct slice sent = arena_dup(stream->arena, buf_slice(&out));
    buf_deinit(&out);
    buf_deinit(&data);
    return sent;
}

// Returns how many events were told by their shape.
static size_t check_client(const struct stream *stream, struct client client, const char *name, size_t *n_failed)
{
    size_t n_parsed = 0;
    size_t n_parsed_of_all = 0;
    size_t n_different = 0;
    struct slice told = translate(stream, client, false, &n_parsed);
    struct slice parsed = translate(stream, client, true, &n_parsed_of_all);
    if (!slice_eq(told, parsed)) {
        const char *title = arena_cstr(
            stream->arena, arena_printf(stream->arena, "%s, %s for %s, %s", name, dialect_name(stream->upstream),
                                        dialect_name(client.dialect), client.streams ? "streamed" : "whole"));
        fixture_compare(&n_different, title, parsed, told);
        (*n_failed)++;
        return 0;
    }
    assert_true(n_parsed <= n_parsed_of_all);
    return n_parsed_of_all - n_parsed;
}

static size_t check_clients(const struct stream *stream, const char *name, size_t *n_failed)
{
    size_t n_by_shape = 0;
    for (int i = 0; i < 2 * N_DIALECTS; i++) {
        struct client client = {.dialect = (enum dialect)(i / 2), .streams = i % 2};
        if (client.dialect != stream->upstream) {
            n_by_shape += check_client(stream, client, name, n_failed);
        }
    }
    return n_by_shape;
}

// ---- recorded streams

static void on_event(void *arg, const struct sse_event *event)
{
    add_event(arg, event->name, event->data);
}

// Counts those with events that were told by their shape.
static bool check_recorded(const struct fixture *fixture)
{
    struct stream stream = {.arena = fixture->arena, .upstream = fixture->dialect};
    struct sse_parser parser;
    sse_parser_init(&parser, SSE_EVENT_MAX_DEFAULT);
    assert_int_equal(sse_parser_feed(&parser, fixture_read(fixture->arena, fixture->path), on_event, &stream), 0);
    assert_int_equal(sse_parser_finish(&parser, on_event, &stream), 0);
    sse_parser_deinit(&parser);
    return check_clients(&stream, fixture->name, fixture->n_failed) > 0;
}

static void recorded_streams_are_told_as_they_are_parsed(void **state)
{
    assert_in_range(fixture_each(FIXTURES "EXPECTED.json", SLICE(".sse"), check_recorded), 30, 200);
    assert_in_range(fixture_each(FIXTURES "sse-edge/EXPECTED.json", SLICE(".sse"), check_recorded), 1, 17);
}

// ---- streams by chance

// In a line $ is a text, @ one of letters only, # a number; ' is " and ~ is $. The first line is the
// usual delta of text.
struct language {
    const char *begin[4];
    const char *lines[LINES_MAX];
    const char *end;
};

#define ANTHROPIC_DELTA(index, delta) "{'type':'content_block_delta','index':" index ",'delta':{'type':" delta "}}"
#define CHAT_DELTA(delta) "{'choices':[{'index':0,'delta':{" delta "}}]}"
#define RESPONSES_DELTA(kind, members) "{'type':'response." kind ".delta','output_index':" members ",'delta':'$'}"
#define GEMINI_PARTS(parts, more) "{'candidates':[{'content':{'parts':[" parts "]}" more "}],'modelVersion':'m'}"

static const struct language LANGUAGES[N_DIALECTS] = {
    [DIALECT_ANTHROPIC] =
        {
            {"{'type':'message_start','message':{'id':'m','model':'m','usage':{'input_tokens':3}}}",
             "{'type':'content_block_start','index':0,'content_block':{'type':'text','text':''}}",
             "{'type':'content_block_start','index':1,'content_block':{'type':'thinking','thinking':''}}"},
            {
                ANTHROPIC_DELTA("0", "'text_delta','text':'$'"),
                ANTHROPIC_DELTA("1", "'thinking_delta','thinking':'$'"),
                ANTHROPIC_DELTA("1", "'signature_delta','signature':'$'"),
                ANTHROPIC_DELTA("#", "'text_delta','text':'$'"),
                ANTHROPIC_DELTA("0", "'text_delta','text':'$','text':'$'"),
                "{'type':'message_delta','delta':{'stop_reason':'$'},'usage':{'output_tokens':#}}",
                "{'type':'content_block_start','index':#,'content_block':{'type':'text','text':'$'}}",
                "{'type':'content_block_stop','index':#}",
            },
            "{'type':'message_stop'}",
        },
    [DIALECT_CHAT] =
        {
            {"{'id':'c','model':'m','choices':[{'index':0,'delta':{'role':'assistant','content':''}}]}"},
            {
                "{'id':'c','model':'m','choices':[{'index':0,'delta':{'content':'$'}}],'obfuscation':'@'}",
                CHAT_DELTA("'content':'$'"),
                CHAT_DELTA("'reasoning_content':'$','reasoning':'same'"),
                CHAT_DELTA("'reasoning':'same','reasoning_details':[{'type':'reasoning.text','text':'$'}]"),
                CHAT_DELTA("'refusal':'$'"),
                CHAT_DELTA("'content':'$','tool_calls':[{'index':0,'id':'c#','function':{'name':'f'}}]"),
                CHAT_DELTA("'content':[{'type':'text','text':'$'}]"),
                "{'choices':[{'index':#,'delta':{'content':'$'}}]}",
                "{'choices':[{'index':0,'delta':{},'finish_reason':'$'}]}",
                "{'choices':[],'usage':{'prompt_tokens':#,'completion_tokens':#}}",
                "{'choices':[{'index':0,'delta':{'content':'$'}}],'usage':{'prompt_tokens':9,'completion_tokens':#}}",
            },
            "[DONE]",
        },
    [DIALECT_RESPONSES] =
        {
            {"{'type':'response.created','response':{'id':'r','model':'m'}}",
             "{'type':'response.output_item.added','output_index':0,'item':{'type':'message','id':'m'}}",
             "{'type':'response.output_item.added','output_index':1,'item':{'type':'reasoning','id':'t'}}"},
            {
                RESPONSES_DELTA("output_text", "0,'content_index':0,'sequence_number':7#,'obfuscation':'@'"),
                RESPONSES_DELTA("output_text", "0,'content_index':0,'sequence_number':#"),
                RESPONSES_DELTA("output_text", "0,'content_index':#,'sequence_number':#"),
                RESPONSES_DELTA("output_text", "#,'content_index':0"),
                RESPONSES_DELTA("refusal", "0,'content_index':1"),
                RESPONSES_DELTA("reasoning_summary_text", "1,'summary_index':0,'obfuscation':'$'"),
                RESPONSES_DELTA("reasoning_summary_text", "1,'summary_index':#"),
                "{'type':'response.output_text.done','output_index':0,'content_index':0,'text':'$'}",
                "{'type':'response.output_item.done','output_index':#,'item':{'type':'reasoning','id':'t',"
                "'encrypted_content':'$'}}",
            },
            "{'type':'response.completed','response':{'id':'r','status':'completed','output':[],"
            "'usage':{'input_tokens':3,'output_tokens':4}}}",
        },
    [DIALECT_GEMINI] =
        {
            {"{'candidates':[{'content':{'role':'model','parts':[{'text':'a'}]}}],'responseId':'r','modelVersion':'m'"
             "}"},
            {
                GEMINI_PARTS("{'text':'$'}", ""),
                GEMINI_PARTS("{'text':'$','thought':true}", ""),
                GEMINI_PARTS("{'text':'$'},{'text':'$'}", ""),
                GEMINI_PARTS("{'text':'$'}", ",'finishReason':'STOP'"),
                GEMINI_PARTS("{'text':'$'}", ",'index':#"),
                GEMINI_PARTS("{'text':'$','thoughtSignature':'$'}", ""),
                GEMINI_PARTS("{'text':'$'},{'functionCall':{'name':'f','args':{'a':'$'}}}", ""),
                GEMINI_PARTS("{'text':'$'},{'functionCall':{'name':'f','willContinue':true}}", ""),
                GEMINI_PARTS("{'text':'$'},{'functionCall':{'partialArgs':[{'jsonPath':'~.a','stringValue':'b',"
                             "'willContinue':true}],'willContinue':true}}",
                             ""),
                "{'candidates':[{'content':{'parts':[{'text':'$'}]}}],'usageMetadata':{'candidatesTokenCount':#}}",
                "{'candidates':[{'finishReason':'$'}],'modelVersion':'m'}",
            },
            "{'candidates':[{'content':{'parts':[]},'finishReason':'STOP'}]}",
        },
};

// Short ones are frequent, so that texts of one length follow each other.
static void append_text(struct chance *chance, struct buf *out)
{
    static const struct slice PLAIN[] = {SLICE_INIT(""), SLICE_INIT("same"), SLICE_INIT("stop"), SLICE_INIT("length")};
    if (chance_of(chance, 40)) {
        buf_append(out, PLAIN[chance_below(chance, sizeof(PLAIN) / sizeof(*PLAIN))]);
        return;
    }
    for (uint32_t n = 1 + chance_below(chance, 6); n > 0; n--) {
        buf_append(out, chance_atom(chance));
    }
}

static void append_letters(struct chance *chance, struct buf *out)
{
    for (uint32_t n = chance_below(chance, 12); n > 0; n--) {
        buf_append_char(out, (char)('a' + (char)chance_below(chance, 26)));
    }
}

// Small ones are frequent, and some are no JSON.
static void append_number(struct chance *chance, struct buf *out)
{
    buf_append(out, chance_of(chance, 10) ? SLICE("0") : SLICE_EMPTY);
    buf_printf(out, "%u", chance_below(chance, chance_of(chance, 60) ? 2 : 30));
}

static void append_line(struct chance *chance, const char *line, struct buf *out)
{
    for (const char *at = line; *at; at++) {
        switch (*at) {
        case '$': append_text(chance, out); break;
        case '@': append_letters(chance, out); break;
        case '#': append_number(chance, out); break;
        case '\'': buf_append_char(out, '"'); break;
        case '~': buf_append_char(out, '$'); break;
        default: buf_append_char(out, *at); break;
        }
    }
}

static void mutate(struct chance *chance, struct buf *data)
{
    static const char BYTES[] = "\"\\{}[],:0 7nu\n\xc3\xa4\x80zt";
    data->ptr[chance_below(chance, (uint32_t)data->len)] = BYTES[chance_below(chance, sizeof(BYTES) - 1)];
}

static void add_line(struct trial *trial, struct stream *stream, const char *line, uint32_t percent_mutated)
{
    struct buf data = BUF_EMPTY;
    append_line(&trial->chance, line, &data);
    if (chance_of(&trial->chance, percent_mutated)) {
        mutate(&trial->chance, &data);
    }
    add_event(stream, SLICE_EMPTY, buf_slice(&data));
    buf_deinit(&data);
}

static struct stream begin(struct trial *trial, enum dialect upstream)
{
    const struct language *language = &LANGUAGES[upstream];
    struct stream stream = {.arena = trial->arena, .upstream = upstream};
    for (size_t i = 0; i < sizeof(language->begin) / sizeof(*language->begin) && language->begin[i]; i++) {
        add_line(trial, &stream, language->begin[i], 0);
    }
    return stream;
}

static const char *name_of(const struct trial *trial)
{
    return arena_cstr(trial->arena, arena_printf(trial->arena, "seed %llu", (unsigned long long)trial->seed));
}

// Deltas of text, as most streams have them: then most events are told by their shape.
static void check_usual(struct trial *trial)
{
    for (int upstream = 0; upstream < N_DIALECTS; upstream++) {
        enum { N_CLIENTS = 2 * (N_DIALECTS - 1) };
        struct stream stream = begin(trial, (enum dialect)upstream);
        for (int i = 0; i < N_DELTAS; i++) {
            add_line(trial, &stream, LANGUAGES[upstream].lines[0], 0);
        }
        add_line(trial, &stream, LANGUAGES[upstream].end, 0);
        size_t n_by_shape = check_clients(&stream, name_of(trial), trial->n_failed);
        assert_in_range(n_by_shape, N_CLIENTS * N_DELTAS / 2, N_CLIENTS * N_DELTAS);
    }
}

// Anything in any order, some of it broken: a line often comes again, also with the same in it.
static void check_unusual(struct trial *trial)
{
    for (int upstream = 0; upstream < N_DIALECTS; upstream++) {
        const struct language *language = &LANGUAGES[upstream];
        struct stream stream = begin(trial, (enum dialect)upstream);
        uint32_t n_lines = 0;
        uint32_t line = 0;
        while (n_lines < LINES_MAX && language->lines[n_lines]) {
            n_lines++;
        }
        for (int i = 0; i < N_DELTAS; i++) {
            line = chance_of(&trial->chance, 60) ? line : chance_below(&trial->chance, n_lines);
            if (chance_of(&trial->chance, 15)) {
                add_event(&stream, stream.last->name, stream.last->data);
            } else {
                add_line(trial, &stream, language->lines[line], 5);
            }
        }
        add_line(trial, &stream, language->end, 0);
        (void)check_clients(&stream, name_of(trial), trial->n_failed);
    }
}

static void usual_streams_are_told_as_they_are_parsed(void **state)
{
    trial_each(N_ROUNDS / 10, check_usual);
}

static void unusual_streams_are_told_as_they_are_parsed(void **state)
{
    trial_each(N_ROUNDS, check_unusual);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_streams_are_told_as_they_are_parsed),
        cmocka_unit_test(usual_streams_are_told_as_they_are_parsed),
        cmocka_unit_test(unusual_streams_are_told_as_they_are_parsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
