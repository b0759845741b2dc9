// SPDX-License-Identifier: MIT
// Every answer is read back as its clients would: streams through the SSE parser and their dialect's grammar, bodies as
// JSON. Both must say the same.
#include "simulator/answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <zlib.h>

#include "http/sse_parser.h"
#include "json/json_reader.h"

// What a client has understood.
struct heard {
    struct buf text;
    struct buf reasoning;
    struct buf refusal;
    struct buf names;     // of calls, each with a comma
    struct buf arguments; // of calls, one after the other
    struct buf finish;
    int64_t input; // as the dialect counts it
    int64_t cached;
    int64_t output;
    int64_t n_reasoning;
    int64_t n_events;
    int64_t n_opened; // blocks, items
    int64_t n_closed;
    bool has_started;
    bool has_ended; // the terminal event
    bool has_usage;
    // While reading.
    enum provider provider;
    int64_t n_broken; // events that are no JSON: no failure by itself
    struct arena arena;
    struct json_doc doc;
    const struct json_node *root;
};

static void heard_deinit(struct heard *heard)
{
    struct buf *const bufs[] = {&heard->text,  &heard->reasoning, &heard->refusal,
                                &heard->names, &heard->arguments, &heard->finish};
    for (size_t i = 0; i < sizeof(bufs) / sizeof(*bufs); i++) {
        buf_deinit(bufs[i]);
    }
    arena_deinit(&heard->arena);
}

// Follows "a.b.c"; a number is an index.
static const struct json_node *at(struct heard *heard, const struct json_node *node, const char *path)
{
    struct slice rest = slice_from_cstr(path);
    while (rest.ptr && node) {
        struct slice name = slice_split(&rest, '.');
        uint64_t index;
        if (!slice_to_u64(name, &index)) {
            node = json_get(&heard->doc, node, name);
            continue;
        }
        const struct json_node *element = NULL;
        bool has = json_is(node, JSON_ARRAY) && json_next_element(&heard->doc, node, &element);
        while (has && index-- > 0) {
            has = json_next_element(&heard->doc, node, &element);
        }
        node = has ? element : NULL;
    }
    return node;
}

static struct slice text_at(struct heard *heard, const struct json_node *node, const char *path)
{
    return json_string(&heard->doc, at(heard, node, path), &heard->arena);
}

static int64_t int_at(struct heard *heard, const struct json_node *node, const char *path)
{
    int64_t value = -1;
    (void)json_int64(&heard->doc, at(heard, node, path), &value);
    return value;
}

static void add_name(struct heard *heard, struct slice name)
{
    assert_true(name.len > 0);
    buf_append(&heard->names, name);
    buf_append_char(&heard->names, ',');
}

static void add_raw(struct heard *heard, struct buf *out, const struct json_node *node)
{
    buf_append(out, json_raw(&heard->doc, node));
}

// ---- usage, the same in streams and bodies --------------------------------------------------------------------------

static void hear_usage(struct heard *heard, const struct json_node *usage)
{
    if (!json_is(usage, JSON_OBJECT)) {
        return;
    }
    heard->has_usage = true;
    switch (heard->provider) {
    case PROVIDER_ANTHROPIC:
        heard->cached = int_at(heard, usage, "cache_read_input_tokens");
        heard->input =
            int_at(heard, usage, "input_tokens") + heard->cached + int_at(heard, usage, "cache_creation_input_tokens");
        heard->output = int_at(heard, usage, "output_tokens");
        break;
    case PROVIDER_CHAT:
        heard->input = int_at(heard, usage, "prompt_tokens");
        heard->cached = int_at(heard, usage, "prompt_tokens_details.cached_tokens");
        heard->output = int_at(heard, usage, "completion_tokens");
        assert_int_equal(int_at(heard, usage, "total_tokens"), heard->input + heard->output);
        break;
    case PROVIDER_RESPONSES:
        heard->input = int_at(heard, usage, "input_tokens");
        heard->cached = int_at(heard, usage, "input_tokens_details.cached_tokens");
        heard->output = int_at(heard, usage, "output_tokens");
        assert_int_equal(int_at(heard, usage, "total_tokens"), heard->input + heard->output);
        break;
    case PROVIDER_GEMINI:
        heard->input = int_at(heard, usage, "promptTokenCount");
        heard->cached = int_at(heard, usage, "cachedContentTokenCount");
        heard->output = int_at(heard, usage, "candidatesTokenCount");
        heard->output += at(heard, usage, "thoughtsTokenCount") ? int_at(heard, usage, "thoughtsTokenCount") : 0;
        assert_int_equal(int_at(heard, usage, "totalTokenCount"), heard->input + heard->output);
        break;
    }
}

// ---- events ---------------------------------------------------------------------------------------------------------

static void hear_anthropic_start(struct heard *heard)
{
    const struct json_node *block = at(heard, heard->root, "content_block");
    assert_int_equal(int_at(heard, heard->root, "index"), heard->n_opened);
    assert_int_equal(heard->n_opened, heard->n_closed);
    heard->n_opened++;
    if (json_string_is(&heard->doc, at(heard, block, "type"), SLICE("tool_use"))) {
        add_name(heard, text_at(heard, block, "name"));
        assert_true(text_at(heard, block, "id").len > 0);
    }
}

static void hear_anthropic_delta(struct heard *heard)
{
    const struct json_node *delta = at(heard, heard->root, "delta");
    assert_int_equal(int_at(heard, heard->root, "index"), heard->n_opened - 1);
    buf_append(&heard->text, text_at(heard, delta, "text"));
    buf_append(&heard->reasoning, text_at(heard, delta, "thinking"));
    buf_append(&heard->arguments, text_at(heard, delta, "partial_json"));
}

static void hear_anthropic(struct heard *heard, struct slice type)
{
    assert_false(heard->has_ended);
    if (slice_eq(type, SLICE("message_start"))) {
        assert_false(heard->has_started);
        heard->has_started = true;
        assert_true(json_is(at(heard, heard->root, "message.content"), JSON_ARRAY));
        hear_usage(heard, at(heard, heard->root, "message.usage"));
        return;
    }
    assert_true(heard->has_started);
    if (slice_eq(type, SLICE("content_block_start"))) {
        hear_anthropic_start(heard);
    } else if (slice_eq(type, SLICE("content_block_delta"))) {
        hear_anthropic_delta(heard);
    } else if (slice_eq(type, SLICE("content_block_stop"))) {
        assert_int_equal(int_at(heard, heard->root, "index"), heard->n_closed);
        heard->n_closed++;
    } else if (slice_eq(type, SLICE("message_delta"))) {
        buf_append(&heard->finish, text_at(heard, heard->root, "delta.stop_reason"));
        hear_usage(heard, at(heard, heard->root, "usage"));
    } else if (slice_eq(type, SLICE("message_stop"))) {
        heard->has_ended = true;
    } else {
        assert_true(slice_eq(type, SLICE("ping")));
    }
}

static void hear_chat(struct heard *heard)
{
    assert_false(heard->has_ended);
    const struct json_node *choice = at(heard, heard->root, "choices.0");
    const struct json_node *delta = at(heard, choice, "delta");
    assert_true(json_is(at(heard, heard->root, "choices"), JSON_ARRAY));
    if (!heard->has_started) {
        heard->has_started = true;
        assert_true(slice_eq(text_at(heard, delta, "role"), SLICE("assistant")));
    }
    buf_append(&heard->text, text_at(heard, delta, "content"));
    buf_append(&heard->reasoning, text_at(heard, delta, "reasoning_content"));
    buf_append(&heard->refusal, text_at(heard, delta, "refusal"));
    buf_append(&heard->finish, text_at(heard, choice, "finish_reason"));
    const struct json_node *call = at(heard, delta, "tool_calls.0");
    if (at(heard, call, "id")) {
        assert_int_equal(int_at(heard, call, "index"), heard->n_opened);
        heard->n_opened++;
        add_name(heard, text_at(heard, call, "function.name"));
    }
    buf_append(&heard->arguments, text_at(heard, call, "function.arguments"));
    hear_usage(heard, at(heard, heard->root, "usage"));
}

static void hear_responses_item(struct heard *heard, const struct json_node *item)
{
    struct slice type = text_at(heard, item, "type");
    if (slice_eq(type, SLICE("function_call"))) {
        add_name(heard, text_at(heard, item, "name"));
        assert_true(text_at(heard, item, "call_id").len > 0);
    } else {
        assert_true(slice_eq(type, SLICE("message")) || slice_eq(type, SLICE("reasoning")));
    }
}

// What has been said in deltas must be what the closing events say.
static void check_done(struct heard *heard, struct slice type)
{
    if (slice_eq(type, SLICE("response.output_text.done"))) {
        assert_true(slice_eq(text_at(heard, heard->root, "text"), buf_slice(&heard->text)));
    } else if (slice_eq(type, SLICE("response.reasoning_summary_text.done"))) {
        assert_true(slice_eq(text_at(heard, heard->root, "text"), buf_slice(&heard->reasoning)));
    } else if (slice_eq(type, SLICE("response.function_call_arguments.done"))) {
        assert_true(slice_ends_with(buf_slice(&heard->arguments), text_at(heard, heard->root, "arguments")));
    } else if (slice_eq(type, SLICE("response.completed"))) {
        heard->has_ended = true;
        buf_append(&heard->finish, text_at(heard, heard->root, "response.status"));
        hear_usage(heard, at(heard, heard->root, "response.usage"));
        const struct json_node *output = at(heard, heard->root, "response.output");
        const struct json_node *item = NULL;
        int64_t n = 0;
        while (json_next_element(&heard->doc, output, &item)) {
            n++;
        }
        assert_int_equal(n, heard->n_closed);
    }
}

static void hear_responses(struct heard *heard, struct slice type)
{
    assert_false(heard->has_ended);
    assert_int_equal(int_at(heard, heard->root, "sequence_number"), heard->n_events + heard->n_broken);
    if (!heard->has_started) {
        assert_true(slice_eq(type, SLICE("response.created")));
        heard->has_started = true;
    } else if (slice_eq(type, SLICE("response.output_item.added"))) {
        assert_int_equal(int_at(heard, heard->root, "output_index"), heard->n_opened);
        heard->n_opened++;
        hear_responses_item(heard, at(heard, heard->root, "item"));
    } else if (slice_eq(type, SLICE("response.output_item.done"))) {
        assert_int_equal(int_at(heard, heard->root, "output_index"), heard->n_closed);
        heard->n_closed++;
    } else if (slice_eq(type, SLICE("response.output_text.delta"))) {
        buf_append(&heard->text, text_at(heard, heard->root, "delta"));
    } else if (slice_eq(type, SLICE("response.reasoning_summary_text.delta"))) {
        buf_append(&heard->reasoning, text_at(heard, heard->root, "delta"));
    } else if (slice_eq(type, SLICE("response.refusal.delta"))) {
        buf_append(&heard->refusal, text_at(heard, heard->root, "delta"));
    } else if (slice_eq(type, SLICE("response.function_call_arguments.delta"))) {
        buf_append(&heard->arguments, text_at(heard, heard->root, "delta"));
    } else {
        check_done(heard, type);
    }
}

// A stream's piece and a whole body are the same thing here.
static void hear_gemini(struct heard *heard)
{
    assert_false(heard->has_ended);
    const struct json_node *candidate = at(heard, heard->root, "candidates.0");
    const struct json_node *parts = at(heard, candidate, "content.parts");
    const struct json_node *part = NULL;
    heard->has_started = true;
    assert_non_null(candidate);
    while (json_is(parts, JSON_ARRAY) && json_next_element(&heard->doc, parts, &part)) {
        bool is_thought = json_is(at(heard, part, "thought"), JSON_TRUE);
        buf_append(is_thought ? &heard->reasoning : &heard->text, text_at(heard, part, "text"));
        if (at(heard, part, "functionCall")) {
            add_name(heard, text_at(heard, part, "functionCall.name"));
            add_raw(heard, &heard->arguments, at(heard, part, "functionCall.args"));
        }
    }
    struct slice finish = text_at(heard, candidate, "finishReason");
    buf_append(&heard->finish, finish);
    heard->has_ended = finish.len > 0;
    hear_usage(heard, at(heard, heard->root, "usageMetadata"));
}

static void hear_event(void *arg, const struct sse_event *event)
{
    struct heard *heard = arg;
    if (heard->provider == PROVIDER_CHAT && slice_eq(event->data, SLICE("[DONE]"))) {
        assert_false(heard->has_ended);
        heard->has_ended = true;
        return;
    }
    if (json_parse(&heard->doc, &heard->arena, event->data, NULL) != 0) {
        heard->n_broken++;
        return;
    }
    heard->root = json_root(&heard->doc);
    struct slice type = text_at(heard, heard->root, "type");
    assert_true(slice_eq(event->name, type)); // Chat and Gemini have neither
    switch (heard->provider) {
    case PROVIDER_ANTHROPIC: hear_anthropic(heard, type); break;
    case PROVIDER_CHAT: hear_chat(heard); break;
    case PROVIDER_RESPONSES: hear_responses(heard, type); break;
    case PROVIDER_GEMINI: hear_gemini(heard); break;
    }
    heard->n_events++;
}

// ---- bodies ---------------------------------------------------------------------------------------------------------

static void hear_anthropic_body(struct heard *heard)
{
    const struct json_node *block = NULL;
    while (json_next_element(&heard->doc, at(heard, heard->root, "content"), &block)) {
        buf_append(&heard->text, text_at(heard, block, "text"));
        buf_append(&heard->reasoning, text_at(heard, block, "thinking"));
        if (at(heard, block, "input")) {
            add_name(heard, text_at(heard, block, "name"));
            add_raw(heard, &heard->arguments, at(heard, block, "input"));
        }
    }
    buf_append(&heard->finish, text_at(heard, heard->root, "stop_reason"));
}

static void hear_chat_body(struct heard *heard)
{
    const struct json_node *choice = at(heard, heard->root, "choices.0");
    const struct json_node *calls = at(heard, choice, "message.tool_calls");
    const struct json_node *call = NULL;
    buf_append(&heard->text, text_at(heard, choice, "message.content"));
    buf_append(&heard->reasoning, text_at(heard, choice, "message.reasoning_content"));
    buf_append(&heard->refusal, text_at(heard, choice, "message.refusal"));
    while (calls && json_next_element(&heard->doc, calls, &call)) {
        add_name(heard, text_at(heard, call, "function.name"));
        buf_append(&heard->arguments, text_at(heard, call, "function.arguments"));
    }
    buf_append(&heard->finish, text_at(heard, choice, "finish_reason"));
}

static void hear_responses_body(struct heard *heard)
{
    const struct json_node *item = NULL;
    while (json_next_element(&heard->doc, at(heard, heard->root, "output"), &item)) {
        hear_responses_item(heard, item);
        buf_append(&heard->text, text_at(heard, item, "content.0.text"));
        buf_append(&heard->refusal, text_at(heard, item, "content.0.refusal"));
        buf_append(&heard->reasoning, text_at(heard, item, "summary.0.text"));
        buf_append(&heard->arguments, text_at(heard, item, "arguments"));
    }
    buf_append(&heard->finish, text_at(heard, heard->root, "status"));
}

static void hear_body(struct heard *heard, struct slice body)
{
    assert_int_equal(json_parse(&heard->doc, &heard->arena, body, NULL), 0);
    heard->root = json_root(&heard->doc);
    switch (heard->provider) {
    case PROVIDER_ANTHROPIC: hear_anthropic_body(heard); break;
    case PROVIDER_CHAT: hear_chat_body(heard); break;
    case PROVIDER_RESPONSES: hear_responses_body(heard); break;
    case PROVIDER_GEMINI: hear_gemini(heard); return;
    }
    hear_usage(heard, at(heard, heard->root, "usage"));
}

static void hear_stream(struct heard *heard, struct slice bytes)
{
    struct sse_parser parser;
    sse_parser_init(&parser, SSE_EVENT_MAX_DEFAULT);
    assert_int_equal(sse_parser_feed(&parser, bytes, hear_event, heard), 0);
    assert_int_equal(sse_parser_finish(&parser, hear_event, heard), 0);
    sse_parser_deinit(&parser);
}

// ---- the tests ------------------------------------------------------------------------------------------------------

static const enum provider providers[] = {PROVIDER_ANTHROPIC, PROVIDER_CHAT, PROVIDER_RESPONSES, PROVIDER_GEMINI};
enum { N_PROVIDERS = 4 };

static const struct answer_context context = {.id = 0xabc, .input_tokens = 0, .now_s = 1767225600};

static struct ask ask_of(enum provider provider, bool is_stream)
{
    return (struct ask){.provider = provider,
                        .action = ASK_GENERATE,
                        .model = SLICE("sim \"quoted\""),
                        .body_len = 399,
                        .is_stream = is_stream,
                        .wants_usage = true};
}

static struct script script_of(const char *directives)
{
    struct script script;
    struct script_error error;
    struct arena arena;
    arena_init(&arena, 256);
    script_init(&script);
    assert_int_equal(script_apply(&script, &arena, slice_from_cstr(directives), &error), 0);
    assert_int_equal(script_check(&script, &error), 0);
    arena_deinit(&arena);
    return script;
}

static void hear_in(struct heard *heard, const struct ask *ask, const struct script *script,
                    const struct answer_context *where)
{
    *heard = (struct heard){.provider = ask->provider};
    arena_init(&heard->arena, 4096);
    struct answer *answer = answer_compose(ask, script, where);
    assert_int_equal(answer->status, 200);
    assert_int_equal(answer->is_stream, ask->is_stream);
    assert_int_equal(answer->events[answer->n_events - 1].end, answer->bytes.len);
    (ask->is_stream ? hear_stream : hear_body)(heard, buf_slice(&answer->bytes));
    answer_unref(answer);
}

static void hear(struct heard *heard, const struct ask *ask, const struct script *script)
{
    hear_in(heard, ask, script, &context);
}

static void assert_same(const struct buf *a, const struct buf *b)
{
    assert_true(slice_eq(buf_slice(a), buf_slice(b)));
}

static void test_stream_and_body_say_the_same(void **state)
{
    static const char *const scripts[] = {
        "m",
        "m~tokens=0",
        "m~tokens=1~size=700",
        "m~kind=reasoning",
        "m~kind=tool",
        "m~kind=tools",
        "m~crlf=1",
        "m~kind=reasoning~tokens=3",
    };
    for (size_t p = 0; p < N_PROVIDERS; p++) {
        for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++) {
            struct script script = script_of(scripts[i]);
            struct ask asks[] = {ask_of(providers[p], true), ask_of(providers[p], false)};
            struct heard stream;
            struct heard body;
            hear(&stream, &asks[0], &script);
            hear(&body, &asks[1], &script);
            assert_same(&stream.text, &body.text);
            assert_same(&stream.reasoning, &body.reasoning);
            assert_same(&stream.names, &body.names);
            assert_same(&stream.arguments, &body.arguments);
            assert_same(&stream.finish, &body.finish);
            assert_true(stream.has_started && stream.has_ended && stream.has_usage && body.has_usage);
            assert_int_equal(stream.n_broken, 0);
            assert_int_equal(stream.n_closed, providers[p] == PROVIDER_ANTHROPIC || providers[p] == PROVIDER_RESPONSES
                                                  ? stream.n_opened
                                                  : 0);
            assert_int_equal(stream.input, 100);
            assert_int_equal(stream.cached, 3);
            assert_int_equal(stream.input, body.input);
            assert_int_equal(stream.output, body.output);
            heard_deinit(&stream);
            heard_deinit(&body);
        }
    }
}

static void test_sums(void **state)
{
    static const struct {
        const char *directives;
        size_t text_len;
        size_t reasoning_len;
        const char *names;
        const char *arguments;
        int64_t output;
    } rows[] = {
        {"m", 100, 0, "", "", 20},
        {"m~tokens=7~size=11", 77, 0, "", "", 7},
        {"m~kind=reasoning~tokens=4", 20, 60, "", "", 14},
        {"m~kind=tool", 0, 0, "get_weather,", "{\"city\":\"Paris\"}", 20},
        {"m~kind=tools~tokens=9", 0, 0, "get_weather,get_weather,", "{\"city\":\"Paris\"}{\"city\":\"London\"}", 9},
    };
    for (size_t p = 0; p < N_PROVIDERS; p++) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
            struct ask ask = ask_of(providers[p], true);
            struct script script = script_of(rows[i].directives);
            struct heard heard;
            hear(&heard, &ask, &script);
            assert_int_equal(heard.text.len, rows[i].text_len);
            assert_int_equal(heard.reasoning.len, rows[i].reasoning_len);
            assert_true(slice_eq(buf_slice(&heard.names), slice_from_cstr(rows[i].names)));
            assert_true(slice_eq(buf_slice(&heard.arguments), slice_from_cstr(rows[i].arguments)));
            assert_int_equal(heard.output, rows[i].output);
            heard_deinit(&heard);
        }
    }
}

static void test_finish_reasons(void **state)
{
    static const struct {
        enum provider provider;
        const char *directives;
        const char *finish;
    } rows[] = {
        {PROVIDER_ANTHROPIC, "m", "end_turn"},
        {PROVIDER_ANTHROPIC, "m~kind=tool", "tool_use"},
        {PROVIDER_ANTHROPIC, "m~kind=refusal", "refusal"},
        {PROVIDER_CHAT, "m", "stop"},
        {PROVIDER_CHAT, "m~kind=tools", "tool_calls"},
        {PROVIDER_CHAT, "m~kind=refusal", "stop"},
        {PROVIDER_RESPONSES, "m", "completed"},
        {PROVIDER_RESPONSES, "m~kind=refusal", "completed"},
        {PROVIDER_GEMINI, "m~kind=tool", "STOP"},
        {PROVIDER_GEMINI, "m~kind=refusal", "SAFETY"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        for (int is_stream = 0; is_stream < 2; is_stream++) {
            struct ask ask = ask_of(rows[i].provider, is_stream);
            struct script script = script_of(rows[i].directives);
            struct heard heard;
            hear(&heard, &ask, &script);
            assert_true(slice_eq(buf_slice(&heard.finish), slice_from_cstr(rows[i].finish)));
            bool speaks = script.kind == SCRIPT_KIND_REFUSAL &&
                          (rows[i].provider == PROVIDER_CHAT || rows[i].provider == PROVIDER_RESPONSES);
            assert_int_equal(heard.refusal.len > 0, speaks);
            heard_deinit(&heard);
        }
    }
}

static void test_which_tool(void **state)
{
    struct script plain = script_of("m");
    struct script tool = script_of("m~kind=tool");
    struct script tools = script_of("m~kind=tools");
    const struct {
        const struct script *script;
        unsigned n_tools;
        bool forces_call;
        bool has_result;
        const char *names;
    } rows[] = {
        {&plain, 2, false, false, ""},         {&plain, 2, true, false, "one,"},
        {&plain, 2, true, true, ""},           {&plain, 0, true, false, "get_weather,"},
        {&tool, 1, false, false, "one,"},      {&tool, 1, false, true, ""},
        {&tools, 2, false, false, "one,two,"}, {&tools, 1, false, false, "one,one,"},
    };
    for (size_t p = 0; p < N_PROVIDERS; p++) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
            struct ask ask = ask_of(providers[p], true);
            struct heard heard;
            ask.tools[0] = SLICE("one");
            ask.tools[1] = SLICE("two");
            ask.n_tools = rows[i].n_tools;
            ask.forces_call = rows[i].forces_call;
            ask.has_result = rows[i].has_result;
            hear(&heard, &ask, rows[i].script);
            assert_true(slice_eq(buf_slice(&heard.names), slice_from_cstr(rows[i].names)));
            assert_int_equal(heard.text.len > 0, rows[i].names[0] == '\0');
            heard_deinit(&heard);
        }
    }
}

static void test_a_named_tool_and_its_arguments(void **state)
{
    struct script script = script_of("m~thoughts=3");
    script.tool = SLICE("two");
    script.args = SLICE("{\"a\":1}");
    for (size_t p = 0; p < N_PROVIDERS; p++) {
        for (int is_stream = 0; is_stream < 2; is_stream++) {
            for (unsigned n_tools = 1; n_tools <= 2; n_tools++) {
                struct ask ask = ask_of(providers[p], is_stream);
                struct heard heard;
                ask.tools[0] = SLICE("one");
                ask.tools[1] = SLICE("two");
                ask.n_tools = n_tools;
                hear(&heard, &ask, &script);
                bool is_offered = n_tools == 2;
                assert_true(slice_eq(buf_slice(&heard.names), is_offered ? SLICE("two,") : SLICE("")));
                assert_true(slice_eq(buf_slice(&heard.arguments), is_offered ? SLICE("{\"a\":1}") : SLICE("")));
                assert_int_equal(heard.text.len > 0, !is_offered);
                assert_int_equal(heard.reasoning.len, 18);
                heard_deinit(&heard);
            }
        }
    }
}

static void test_own_texts(void **state)
{
    static const char body[] =
        "{\"messages\":[{\"content\":\"\xc3\xa4\xc3\xb6\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\"}]}";
    static const char receipt[] = "{\"texts\":[\"\xc3\xa4\xc3\xb6\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\"],\"media\":[],"
                                  "\"results\":[],\"calls\":[],\"tools\":[]}";
    struct answer_context echo_context = context;
    struct script plain = script_of("m");
    struct script echo = script_of("m~echo=1");
    echo_context.body = slice_from_cstr(body);
    for (size_t p = 0; p < N_PROVIDERS; p++) {
        for (int is_stream = 0; is_stream < 2; is_stream++) {
            struct ask ask = ask_of(providers[p], is_stream);
            struct heard heard;
            hear_in(&heard, &ask, &echo, &echo_context);
            assert_true(slice_eq(buf_slice(&heard.text), slice_from_cstr(receipt)));
            heard_deinit(&heard);
            ask.wants_json = true;
            ask.schema = SLICE("{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}}}");
            hear(&heard, &ask, &plain);
            assert_true(slice_eq(buf_slice(&heard.text), SLICE("{\"city\":\"Paris\"}")));
            heard_deinit(&heard);
        }
    }
}

static void test_the_other_form(void **state)
{
    struct script json = script_of("m~answer=json");
    struct script sse = script_of("m~answer=sse");
    for (size_t p = 0; p < N_PROVIDERS; p++) {
        struct ask streaming = ask_of(providers[p], true);
        struct ask plain = ask_of(providers[p], false);
        struct answer *answers[] = {answer_compose(&streaming, &json, &context),
                                    answer_compose(&plain, &sse, &context)};
        assert_false(answers[0]->is_stream);
        assert_true(answers[1]->is_stream);
        assert_true(slice_find(buf_slice(&answers[1]->headers), SLICE("event-stream")) != SLICE_NOT_FOUND);
        answer_unref(answers[0]);
        answer_unref(answers[1]);
    }
}

static void test_an_error_in_the_middle(void **state)
{
    struct script script = script_of("m~error=3");
    for (size_t p = 0; p < N_PROVIDERS; p++) {
        struct ask ask = ask_of(providers[p], true);
        struct answer *answer = answer_compose(&ask, &script, &context);
        assert_int_equal(answer->n_events, 4);
        assert_true(slice_find(answer_event(answer, 3), SLICE("overloaded")) != SLICE_NOT_FOUND);
        answer_unref(answer);
    }
}

static void test_usage_can_be_left_out(void **state)
{
    struct script script = script_of("m~nousage=1");
    for (size_t p = 0; p < N_PROVIDERS; p++) {
        for (int is_stream = 0; is_stream < 2; is_stream++) {
            struct ask ask = ask_of(providers[p], is_stream);
            struct heard heard;
            hear(&heard, &ask, &script);
            assert_false(heard.has_usage);
            heard_deinit(&heard);
        }
    }
    struct script plain = script_of("m");
    struct ask ask = ask_of(PROVIDER_CHAT, true);
    struct heard heard;
    ask.wants_usage = false;
    hear(&heard, &ask, &plain);
    assert_false(heard.has_usage);
    heard_deinit(&heard);
}

static void test_small_input_has_no_cache(void **state)
{
    struct script script = script_of("m");
    for (size_t p = 0; p < N_PROVIDERS; p++) {
        struct ask ask = ask_of(providers[p], false);
        ask.body_len = 17;
        struct answer_usage usage = answer_usage_of(&ask, &script, &context);
        assert_int_equal(usage.input, 5);
        assert_int_equal(usage.cache_read + usage.cache_write, 0);
        ask.body_len = 21;
        usage = answer_usage_of(&ask, &script, &context);
        assert_int_equal(usage.input, 6);
        assert_int_equal(usage.cache_read + usage.cache_write, 5);
    }
}

static void test_no_terminal_event(void **state)
{
    struct script script = script_of("m~nodone=1");
    for (size_t p = 0; p < N_PROVIDERS; p++) {
        struct ask ask = ask_of(providers[p], true);
        struct heard heard;
        hear(&heard, &ask, &script);
        assert_false(heard.has_ended);
        assert_int_equal(heard.text.len, 100);
        heard_deinit(&heard);
    }
}

static void test_one_bad_event(void **state)
{
    struct script script = script_of("m~badevent=6");
    for (size_t p = 0; p < N_PROVIDERS; p++) {
        struct ask ask = ask_of(providers[p], true);
        struct answer *answer = answer_compose(&ask, &script, &context);
        for (size_t i = 0; i < answer->n_events; i++) {
            struct heard heard = {.provider = providers[p], .has_started = true};
            arena_init(&heard.arena, 1024);
            struct slice data = answer_event(answer, i);
            data = slice_trim(slice_after(data, slice_find(data, SLICE("data: ")) + 6));
            data.len = slice_find_char(data, '\n') == SLICE_NOT_FOUND ? data.len : slice_find_char(data, '\n');
            bool is_json = json_parse(&heard.doc, &heard.arena, data, NULL) == 0;
            assert_int_equal(is_json || slice_eq(data, SLICE("[DONE]")), i != 5);
            arena_deinit(&heard.arena);
        }
        answer_unref(answer);
    }
}

static void test_line_ends(void **state)
{
    struct script scripts[] = {script_of("m"), script_of("m~crlf=1")};
    for (size_t p = 0; p < N_PROVIDERS; p++) {
        for (int has_crlf = 0; has_crlf < 2; has_crlf++) {
            struct ask ask = ask_of(providers[p], true);
            struct answer *answer = answer_compose(&ask, &scripts[has_crlf], &context);
            struct slice bytes = buf_slice(&answer->bytes);
            bool expected = has_crlf || providers[p] == PROVIDER_GEMINI;
            assert_int_equal(slice_find_char(bytes, '\r') != SLICE_NOT_FOUND, expected);
            assert_true(slice_ends_with(bytes, expected ? SLICE("\r\n\r\n") : SLICE("\n\n")));
            answer_unref(answer);
        }
    }
}

static void test_gemini_array(void **state)
{
    static const char *const scripts[] = {"m", "m~tokens=1", "m~kind=tools", "m~kind=reasoning", "m~kind=refusal"};
    for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++) {
        struct script script = script_of(scripts[i]);
        struct ask ask = ask_of(PROVIDER_GEMINI, true);
        ask.is_array = true;
        struct answer *answer = answer_compose(&ask, &script, &context);
        struct heard heard = {.provider = PROVIDER_GEMINI};
        struct json_doc doc;
        arena_init(&heard.arena, 4096);
        assert_int_equal(json_parse(&doc, &heard.arena, buf_slice(&answer->bytes), NULL), 0);
        assert_true(json_is(json_root(&doc), JSON_ARRAY));
        const struct json_node *element = NULL;
        size_t n = 0;
        while (json_next_element(&doc, json_root(&doc), &element)) {
            hear_body(&heard, json_raw(&doc, element));
            n++;
        }
        assert_int_equal(n, answer->n_events);
        assert_true(heard.has_ended);
        answer_unref(answer);
        heard_deinit(&heard);
    }
}

static void test_stamps(void **state)
{
    struct script script = script_of("m~stamp=1~tokens=4~size=30");
    for (size_t p = 0; p < N_PROVIDERS; p++) {
        struct ask ask = ask_of(providers[p], true);
        struct answer *answer = answer_compose(&ask, &script, &context);
        int n_stamps = 0;
        for (size_t i = 0; i < answer->n_events; i++) {
            size_t at_byte = answer->events[i].stamp_at;
            if (at_byte) {
                struct slice place = slice_of(answer->bytes.ptr + at_byte, ANSWER_STAMP_DIGITS);
                assert_true(at_byte + ANSWER_STAMP_DIGITS <= answer->events[i].end);
                assert_true(slice_eq(place, SLICE("0000000000000000000")));
                n_stamps++;
            }
        }
        assert_true(n_stamps >= 4); // closing events may repeat the text
        answer_unref(answer);
    }
}

static void test_gzip(void **state)
{
    struct script zipped = script_of("m~gzip=1");
    struct script plain = script_of("m");
    for (size_t p = 0; p < N_PROVIDERS; p++) {
        struct ask ask = ask_of(providers[p], true);
        struct answer *expected = answer_compose(&ask, &plain, &context);
        struct answer *answer = answer_compose(&ask, &zipped, &context);
        char out[64 * 1024];
        z_stream z = {.next_in = (Bytef *)answer->bytes.ptr, .next_out = (Bytef *)out, .avail_out = sizeof(out)};
        assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
        // Every event can be read as soon as its own bytes are in.
        size_t start = 0;
        for (size_t i = 0; i < answer->n_events; i++) {
            z.avail_in = (uInt)(answer->events[i].end - start);
            int r = inflate(&z, Z_SYNC_FLUSH);
            assert_int_equal(r, i + 1 == answer->n_events ? Z_STREAM_END : Z_OK);
            assert_int_equal(sizeof(out) - z.avail_out, expected->events[i].end);
            start = answer->events[i].end;
        }
        assert_true(slice_eq(slice_of(out, sizeof(out) - z.avail_out), buf_slice(&expected->bytes)));
        inflateEnd(&z);
        answer_unref(answer);
        answer_unref(expected);
    }
}

// Puts a giant together as it is delivered.
static void assemble(const struct answer *answer, struct buf *out)
{
    const struct answer_giant *giant = &answer->giant;
    struct slice piece = buf_slice(&giant->piece);
    buf_append(out, slice_of(answer->bytes.ptr, giant->at_byte));
    for (uint64_t i = 0; i < giant->n_pieces; i++) {
        bool is_last = i + 1 == giant->n_pieces;
        piece.len = is_last && !answer->is_stream ? giant->last_piece : giant->piece.len;
        buf_append(out, slice_of(piece.ptr, giant->number_at));
        if (giant->number_at) {
            buf_append_u64(out, giant->number + i);
        }
        buf_append(out, slice_after(piece, giant->number_at));
    }
    buf_append(out, slice_after(buf_slice(&answer->bytes), giant->at_byte));
}

static void test_giants(void **state)
{
    static const struct {
        const char *directives;
        size_t len;
    } rows[] = {{"m~giant=1", 1}, {"m~giant=16384", 16384}, {"m~giant=50000", 50000}};
    for (size_t p = 0; p < N_PROVIDERS; p++) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows) * 2; i++) {
            bool is_stream = i % 2;
            struct script script = script_of(rows[i / 2].directives);
            struct ask ask = ask_of(providers[p], is_stream);
            struct heard heard = {.provider = providers[p]};
            arena_init(&heard.arena, 4096);
            struct answer *answer = answer_compose(&ask, &script, &context);
            struct buf bytes = BUF_EMPTY;
            assemble(answer, &bytes);
            if (is_stream && providers[p] == PROVIDER_RESPONSES) {
                // Its closing events do not repeat all of the text, which the grammar check would want.
                assert_int_equal(answer->giant.n_pieces, (rows[i / 2].len + 16383) / 16384);
            } else if (is_stream) {
                hear_stream(&heard, buf_slice(&bytes));
                assert_true(heard.text.len >= rows[i / 2].len && heard.has_ended);
            } else {
                hear_body(&heard, buf_slice(&bytes));
                assert_int_equal(heard.text.len, rows[i / 2].len);
            }
            buf_deinit(&bytes);
            answer_unref(answer);
            heard_deinit(&heard);
        }
    }
}

static int64_t number_of(const struct sse_event *event)
{
    struct arena arena;
    struct json_doc doc;
    int64_t number = -1;
    arena_init(&arena, 1024);
    assert_int_equal(json_parse(&doc, &arena, event->data, NULL), 0);
    (void)json_int64(&doc, json_get(&doc, json_root(&doc), SLICE("sequence_number")), &number);
    arena_deinit(&arena);
    return number;
}

static void check_number(void *arg, const struct sse_event *event)
{
    int64_t *expected = arg;
    assert_int_equal(number_of(event), (*expected)++);
}

static void test_giant_numbers_go_on(void **state)
{
    struct script script = script_of("m~giant=200000");
    struct ask ask = ask_of(PROVIDER_RESPONSES, true);
    struct answer *answer = answer_compose(&ask, &script, &context);
    struct buf bytes = BUF_EMPTY;
    struct sse_parser parser;
    int64_t number = 0;
    assemble(answer, &bytes);
    sse_parser_init(&parser, SSE_EVENT_MAX_DEFAULT);
    assert_int_equal(sse_parser_feed(&parser, buf_slice(&bytes), check_number, &number), 0);
    sse_parser_deinit(&parser);
    assert_int_equal(number, 4 + 13 + 4); // created … part added, pieces, text done … completed
    buf_deinit(&bytes);
    answer_unref(answer);
}

static void test_errors(void **state)
{
    static const struct {
        enum provider provider;
        unsigned status;
        const char *part;
    } rows[] = {
        {PROVIDER_ANTHROPIC, 402, "\"type\":\"billing_error\""},
        {PROVIDER_ANTHROPIC, 529, "\"type\":\"overloaded_error\""},
        {PROVIDER_ANTHROPIC, 418, "\"type\":\"api_error\""},
        {PROVIDER_CHAT, 401, "\"code\":\"invalid_api_key\""},
        {PROVIDER_CHAT, 402, "\"code\":\"insufficient_quota\""},
        {PROVIDER_RESPONSES, 429, "\"type\":\"rate_limit_error\""},
        {PROVIDER_GEMINI, 429, "\"retryDelay\":\"9s\""},
        {PROVIDER_GEMINI, 503, "\"code\":503"},
    };
    struct script script = script_of("m~retry-after=9");
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct answer *answer = answer_error(rows[i].provider, rows[i].status, SLICE_EMPTY, &script);
        struct arena arena;
        struct json_doc doc;
        arena_init(&arena, 1024);
        assert_int_equal(answer->status, rows[i].status);
        assert_int_equal(json_parse(&doc, &arena, buf_slice(&answer->bytes), NULL), 0);
        assert_true(slice_find(buf_slice(&answer->bytes), slice_from_cstr(rows[i].part)) != SLICE_NOT_FOUND);
        assert_true(slice_find(buf_slice(&answer->headers), SLICE("retry-after: 9\r\n")) != SLICE_NOT_FOUND);
        arena_deinit(&arena);
        answer_unref(answer);
    }
}

static void test_counts_and_lists(void **state)
{
    struct script script = script_of("m");
    for (size_t p = 0; p < N_PROVIDERS; p++) {
        struct ask ask = ask_of(providers[p], true);
        ask.action = ASK_COUNT_TOKENS;
        struct answer *answers[] = {answer_compose(&ask, &script, &context), answer_list_models(providers[p])};
        for (size_t i = 0; i < 2; i++) {
            struct arena arena;
            struct json_doc doc;
            arena_init(&arena, 1024);
            assert_false(answers[i]->is_stream);
            assert_int_equal(json_parse(&doc, &arena, buf_slice(&answers[i]->bytes), NULL), 0);
            arena_deinit(&arena);
        }
        struct slice count =
            providers[p] == PROVIDER_GEMINI ? SLICE("\"totalTokens\":100") : SLICE("\"input_tokens\":100}");
        assert_true(slice_find(buf_slice(&answers[0]->bytes), count) != SLICE_NOT_FOUND);
        answer_unref(answers[0]);
        answer_unref(answers[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream_and_body_say_the_same),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_finish_reasons),
        cmocka_unit_test(test_which_tool),
        cmocka_unit_test(test_a_named_tool_and_its_arguments),
        cmocka_unit_test(test_own_texts),
        cmocka_unit_test(test_the_other_form),
        cmocka_unit_test(test_an_error_in_the_middle),
        cmocka_unit_test(test_usage_can_be_left_out),
        cmocka_unit_test(test_small_input_has_no_cache),
        cmocka_unit_test(test_no_terminal_event),
        cmocka_unit_test(test_one_bad_event),
        cmocka_unit_test(test_line_ends),
        cmocka_unit_test(test_gemini_array),
        cmocka_unit_test(test_stamps),
        cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_giants),
        cmocka_unit_test(test_giant_numbers_go_on),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_counts_and_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
