// SPDX-License-Identifier: MIT
// The spoke of Responses, on its own: what was recorded comes back as it was, and the cases that no recording has.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dialect/answer_fixture.h"
#include "dialect/event_trace.h"
#include "dialect/responses/responses.h"
#include "dialect/stream_grammar.h"
#include "dialect/translate.h"

#define MODEL "gpt-5.2" // reasons, and thinking can be switched off

// ---- requests, translated

struct translated {
    struct arena arena;
    struct json_doc doc;
    struct translated_request result;
    struct buf out;
    bool is_done;
};

struct ask {
    enum dialect client;
    const char *model;
    enum loss_mode mode;
    bool counts;
};

static void translate(struct translated *t, const struct ask *ask, struct slice body)
{
    struct translate_options options = {
        .client = ask->client,
        .upstream = DIALECT_RESPONSES,
        .upstream_model = slice_from_cstr(ask->model ? ask->model : MODEL),
        .mode = ask->mode,
        .counts = ask->counts,
        .has_stream_in_path = ask->client == DIALECT_GEMINI,
    };
    *t = (struct translated){.out = BUF_EMPTY};
    arena_init(&t->arena, 16 * 1024);
    assert_int_equal(json_parse(&t->doc, &t->arena, body, NULL), 0);
    t->is_done = translate_request(&t->arena, &t->doc, &options, &t->result, &t->out);
}

static void translated_deinit(struct translated *t)
{
    buf_deinit(&t->out);
    arena_deinit(&t->arena);
}

// ---- recorded requests, encoded again

// Says the same although it is not there, or not the same: by the name of the member.
struct exception {
    const char *name;
    const char *why;
};

static const struct exception EXCEPTIONS[] = {
    {"id", "items go without ids: only their issuer takes them; reasoning is looked at apart"},
    {"status", "what is sent is history, which is complete"},
    {"annotations", "of history, empty"},
    {"stream", "false is the default"},
    {"instructions", "an empty one says nothing"},
    {"prompt_cache_options", "has no counterpart elsewhere: how long a prefix is kept"},
    {"context", "of reasoning: which turns' reasoning counts, has no counterpart elsewhere"},
    {"defer_loading", "of a tool that an item has loaded"},
};

static bool is_exception(const struct json_doc *doc, const struct json_node *object, const struct json_node *key,
                         const struct json_node *value)
{
    if (value->type == JSON_NULL) {
        return true;
    }
    if (json_string_is(doc, key, SLICE("type"))) {
        return json_string_is(doc, value, SLICE("message"));
    }
    bool is_reasoning = json_string_is(doc, json_get(doc, object, SLICE("type")), SLICE("reasoning"));
    for (size_t i = 0; !is_reasoning && i < sizeof(EXCEPTIONS) / sizeof(EXCEPTIONS[0]); i++) {
        if (json_string_is(doc, key, slice_from_cstr(EXCEPTIONS[i].name))) {
            return !json_string_is(doc, key, SLICE("instructions")) || json_escaped(doc, value).len == 0;
        }
    }
    return false;
}

struct side {
    const struct json_doc *doc;
    const struct json_node *node;
};

static bool is_same(struct side a, struct side b);

// Every member of `a` that says something is in `b`.
static bool has_members_of(struct side a, struct side b)
{
    const struct json_node *key = NULL;
    const struct json_node *value = NULL;
    while (json_next_member(a.doc, a.node, &key, &value)) {
        struct slice name = json_escaped(a.doc, key);
        const struct json_node *other = json_get(b.doc, b.node, name);
        if (!is_exception(a.doc, a.node, key, value) &&
            !(other && is_same((struct side){a.doc, value}, (struct side){b.doc, other}))) {
            print_message("member %.*s: %.*s\n", SLICE_ARG(name), SLICE_ARG(json_raw(a.doc, value)));
            return false;
        }
    }
    return true;
}

// Not what `include` names and no other dialect can be asked for, and no message that says nothing.
static bool counts(const struct json_doc *doc, const struct json_node *value)
{
    return !json_string_is(doc, value, SLICE("code_interpreter_call.outputs")) &&
           !json_string_is(doc, json_get(doc, value, SLICE("content")), SLICE(""));
}

static const struct json_node *next_that_counts(struct side side, const struct json_node *at)
{
    while (json_next_element(side.doc, side.node, &at)) {
        if (counts(side.doc, at)) {
            return at;
        }
    }
    return NULL;
}

static bool has_same_elements(struct side a, struct side b)
{
    const struct json_node *x = next_that_counts(a, NULL);
    const struct json_node *y = next_that_counts(b, NULL);
    while (x && y && is_same((struct side){a.doc, x}, (struct side){b.doc, y})) {
        x = next_that_counts(a, x);
        y = next_that_counts(b, y);
    }
    return !x && !y;
}

// A string is short for one part of text.
static struct side text_of_content(struct side side)
{
    const struct json_node *part = NULL;
    const struct json_node *second = NULL;
    if (json_is(side.node, JSON_ARRAY) && json_next_element(side.doc, side.node, &part)) {
        const struct json_node *text = json_get(side.doc, part, SLICE("text"));
        second = part;
        if (json_is(text, JSON_STRING) && !json_next_element(side.doc, side.node, &second)) {
            side.node = text;
        }
    }
    return side;
}

static bool is_same(struct side a, struct side b)
{
    if (a.node->type != b.node->type) {
        a = text_of_content(a);
        b = text_of_content(b);
    }
    if (a.node->type != b.node->type) {
        return false;
    }
    if (a.node->type == JSON_OBJECT) {
        return has_members_of(a, b) && has_members_of(b, a);
    }
    return a.node->type == JSON_ARRAY ? has_same_elements(a, b)
                                      : slice_eq(json_raw(a.doc, a.node), json_raw(b.doc, b.node));
}

static const char *const ACCEPTED[] = {
    "aligned/tool-choice-auto/openai-responses.turn1",
    "aligned/tool-choice-auto/openai-responses.turn2",
    "aligned/tool-choice-none/openai-responses.turn1",
    "aligned/tool-choice-specific/openai-responses.turn1",
    "aligned/tool-choice-specific-of-two/openai-responses.turn1",
    "openai-responses/or-j01-parallel-function-calls",
    "openai-responses/or-j02-function-outputs-retry",
    "openai-responses/or-j03-function-output-image",
    "openai-responses/or-j05-json-schema",
    "openai-responses/or-j07-cache-write-usage",
    "openai-responses/or-j10-image-url-input",
    "openai-responses/or-j11-encrypted-reasoning-replay",
    "openai-responses/or-s01-text",
    "openai-responses/or-s02-reasoning-then-function-call",
    "openai-responses/or-s03-reasoning-replay-turn2",
    "openai-responses/or-s04-phase-commentary-function-call",
    "openai-responses/or-s06-reasoning-summary-4-parts",
    "openai-responses/or-s09-logprobs",
    "openai-responses/or-s10-no-sequence-numbers",
    "openai-responses/or-s11-web-search-annotations",
    "openai-responses/or-s12-file-search",
    "openai-responses/or-s14-openrouter-raw-cot",
    "openai-responses/or-s15-bedrock-event-line-after-data",
    "openai-responses/or-s19-reasoning-without-summary",
};

static void recorded_request(struct translated *t, struct arena *arena, const char *name)
{
    const char *path = arena_cstr(arena, arena_printf(arena, FIXTURES "%s.request.json", name));
    struct slice body = fixture_read(arena, path);
    struct json_doc doc;
    assert_int_equal(json_parse(&doc, arena, body, NULL), 0);
    struct slice model = json_string(&doc, json_get(&doc, json_root(&doc), SLICE("model")), arena);
    translate(t, &(struct ask){.client = DIALECT_RESPONSES, .model = arena_cstr(arena, model)}, body);
}

static void recorded_requests_come_back(void **state)
{
    for (size_t i = 0; i < sizeof(ACCEPTED) / sizeof(ACCEPTED[0]); i++) {
        struct arena arena;
        struct translated t;
        struct json_doc written;
        arena_init(&arena, 64 * 1024);
        recorded_request(&t, &arena, ACCEPTED[i]);
        if (!t.is_done) {
            fail_msg("%s: %.*s", ACCEPTED[i], SLICE_ARG(t.result.loss.message));
        }
        assert_int_equal(json_parse(&written, &arena, buf_slice(&t.out), NULL), 0);
        if (!is_same((struct side){&t.doc, json_root(&t.doc)}, (struct side){&written, json_root(&written)})) {
            fail_msg("%s became %.*s", ACCEPTED[i], SLICE_ARG(buf_slice(&t.out)));
        }
        translated_deinit(&t);
        arena_deinit(&arena);
    }
}

static void recorded_state_is_refused(void **state)
{
    static const char *const NAMES[] = {"openai-responses/or-j06-previous-response-id",
                                        "openai-responses/or-j08-background-queued",
                                        "openai-responses/or-s18-background-queued-stream"};
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        struct arena arena;
        struct translated t;
        arena_init(&arena, 4096);
        recorded_request(&t, &arena, NAMES[i]);
        assert_false(t.is_done);
        assert_true(t.result.loss.message.len > 0);
        translated_deinit(&t);
        arena_deinit(&arena);
    }
}

// Tools that an item loads stand with the others, once, and are no longer deferred.
static void tools_of_an_item_are_merged(void **state)
{
    struct arena arena;
    struct translated t;
    arena_init(&arena, 4096);
    recorded_request(&t, &arena, "openai-responses/or-j09-additional-tools-item");
    assert_true(t.is_done);
    const struct neutral_tool *tool = t.result.req.tools;
    assert_int_equal(tool->kind, TOOL_SERVER);
    assert_string_equal(arena_cstr(&arena, tool->next->name), "lookup_refund_policy");
    assert_false(tool->next->is_deferred);
    assert_null(tool->next->next);
    assert_true(slice_find(buf_slice(&t.out), SLICE("additional_tools")) == SLICE_NOT_FOUND);
    translated_deinit(&t);
    arena_deinit(&arena);
}

// ---- refusals

struct refusal {
    enum dialect client;
    const char *body;
    const char *param;
    const char *code;
    const char *words; // of the message
};

#define RESP DIALECT_RESPONSES
#define HI "\"input\":\"hi\""

static const struct refusal REFUSALS[] = {
    {RESP, "{" HI ",\"previous_response_id\":\"resp_1\"}", "previous_response_id", "previous_response_not_found",
     "revious response not found"},
    {RESP, "{" HI ",\"conversation\":\"conv_1\"}", "conversation", "", "conversations"},
    {RESP, "{" HI ",\"prompt\":{\"id\":\"p\"}}", "prompt", "", "templates"},
    {RESP, "{" HI ",\"background\":true}", "background", "", "background"},
    {RESP, "{\"input\":[{\"type\":\"item_reference\",\"id\":\"msg_1\"}]}", "input[0]", "", "referred"},
    {RESP, "{\"input\":[{\"id\":\"msg_1\"}]}", "input[0]", "", "referred"},
    {RESP, "{}", "", "", "no message"},
    {RESP, "{\"input\":7}", "input", "", "string or an array"},
    {RESP, "{\"input\":[7]}", "input[0]", "", "object"},
    {RESP, "{\"input\":[{}]}", "input[0]", "", "type"},
    {RESP, "{\"input\":[{\"role\":\"tool\",\"content\":\"x\"}]}", "input[0]", "", "role"},
    {RESP, "{\"input\":[{\"role\":\"user\"}]}", "input[0]", "", "content"},
    {RESP, "{\"input\":[{\"role\":\"user\",\"content\":{}}]}", "input[0].content", "", "string or an array"},
    {RESP, "{\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\"}]}]}", "input[0].content[0]", "",
     "image_url"},
    {RESP, "{\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_file\"}]}]}", "input[0].content[0]", "",
     "file_data"},
    {RESP, "{\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"hologram\"}]}]}", "input[0].content[0]", "",
     "not known"},
    {RESP, "{\"input\":[{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\"}]}", "input[0]", "", "call"},
    {RESP, "{\"input\":[{\"type\":\"function_call_output\",\"call_id\":\"c\"}]}", "input[0]", "", "output"},
    {RESP, "{\"input\":[{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":\"x\"}]}", "input[0]", "",
     "call"},
    {RESP, "{" HI ",\"instructions\":[]}", "instructions", "", "string"},
    {RESP, "{" HI ",\"temperature\":\"hot\"}", "temperature", "", "number"},
    {RESP, "{" HI ",\"max_output_tokens\":1.5}", "max_output_tokens", "", "whole number"},
    {RESP, "{" HI ",\"tools\":{}}", "tools", "", "array"},
    {RESP, "{" HI ",\"tools\":[{\"type\":\"function\"}]}", "tools[0]", "", "name"},
    {RESP, "{" HI ",\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"parameters\":3}]}", "tools[0].parameters", "",
     "object"},
    {RESP, "{" HI ",\"tools\":[{\"type\":\"namespace\",\"name\":\"n\"}]}", "tools[0]", "", "namespace"},
    {RESP, "{" HI ",\"tool_choice\":{\"type\":\"function\",\"name\":\"f\"}}", "tool_choice", "", "no such tool"},
    {RESP, "{" HI ",\"tool_choice\":\"any\"}", "tool_choice", "", "none, auto"},
    {RESP, "{" HI ",\"text\":{\"format\":{\"type\":\"json_schema\"}}}", "text.format", "", "schema"},
    {RESP, "{" HI ",\"text\":{\"format\":{\"type\":\"xml\"}}}", "text.format", "", "json_schema"},
    {RESP, "{" HI ",\"reasoning\":{\"effort\":\"huge\"}}", "reasoning.effort", "", "minimal"},
    {RESP, "{" HI ",\"include\":\"x\"}", "include", "", "array"},
    {DIALECT_CHAT, "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"n\":2}", "n", "", "one answer"},
};

static void refusals_name_the_place(void **state)
{
    for (size_t i = 0; i < sizeof(REFUSALS) / sizeof(REFUSALS[0]); i++) {
        const struct refusal *row = &REFUSALS[i];
        struct translated t;
        translate(&t, &(struct ask){.client = row->client}, slice_from_cstr(row->body));
        const struct loss *loss = &t.result.loss;
        bool is_right = !t.is_done && slice_eq(loss->param, slice_from_cstr(row->param)) &&
                        slice_eq(loss->code, slice_from_cstr(row->code)) &&
                        slice_find(loss->message, slice_from_cstr(row->words)) != SLICE_NOT_FOUND;
        if (!is_right) {
            fail_msg("%s: %s, param '%.*s', code '%.*s', message '%.*s'", row->body, t.is_done ? "done" : "refused",
                     SLICE_ARG(loss->param), SLICE_ARG(loss->code), SLICE_ARG(loss->message));
        }
        translated_deinit(&t);
    }
}

// ---- requests of other dialects

struct encoded_row {
    struct ask ask;
    const char *body;
    const char *expected; // a piece of what is sent; NULL: nothing is asked
    const char *absent;   // a piece that is not there; NULL: nothing is asked
    const char *warnings; // all of them; NULL: nothing is asked
};

#define CHAT(members) "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]" members "}"
#define ANTH(members) "{\"max_tokens\":100,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]" members "}"
#define FUNCTION(members) ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"" members "}}]"
#define CLOSED "{\"type\":\"object\",\"properties\":{},\"required\":[],\"additionalProperties\":false}"

static const struct encoded_row ENCODED[] = {
    // Instructions: one is a member, more are messages that keep their roles.
    {{.client = DIALECT_CHAT},
     "{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"hi\"}]}",
     "\"instructions\":\"s\",\"input\":[{\"role\":\"user\",\"content\":\"hi\"}]",
     NULL,
     ""},
    {{.client = DIALECT_CHAT},
     "{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"developer\",\"content\":\"d\"},"
     "{\"role\":\"user\",\"content\":\"hi\"}]}",
     "\"input\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"developer\",\"content\":\"d\"},",
     "instructions",
     ""},
    // Nothing is kept at the provider, unless the client says so; what a model knows not is not asked for.
    {{.client = DIALECT_CHAT}, CHAT(""), "\"store\":false,\"include\":[\"reasoning.encrypted_content\"]", "stream", ""},
    {{.client = DIALECT_CHAT}, CHAT(",\"store\":true,\"stream\":true"), "\"store\":true", "\"stream\":false", ""},
    {{.client = DIALECT_CHAT, .model = "gpt-4o"}, CHAT(""), "\"store\":false", "include", ""},
    {{.client = DIALECT_RESPONSES}, "{" HI "}", "\"input\":[{\"role\":\"user\",\"content\":\"hi\"}]", "store", ""},
    // Tools say whether they are strict.
    {{.client = DIALECT_CHAT},
     CHAT(FUNCTION("")),
     "{\"type\":\"function\",\"name\":\"f\",\"parameters\":{\"type\":\"object\",\"properties\":{}},\"strict\":false}",
     NULL,
     ""},
    {{.client = DIALECT_CHAT}, CHAT(FUNCTION(",\"strict\":true,\"parameters\":" CLOSED)), "\"strict\":true", NULL, ""},
    {{.client = DIALECT_CHAT},
     CHAT(FUNCTION(",\"strict\":true,\"parameters\":{\"type\":\"object\"}")),
     "\"strict\":false",
     NULL,
     NULL},
    {{.client = DIALECT_RESPONSES},
     "{" HI ",\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"parameters\":null}]}",
     "\"name\":\"f\"",
     "strict",
     ""},
    {{.client = DIALECT_CHAT},
     CHAT(",\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"c\",\"format\":{\"type\":\"grammar\",\"grammar\":"
          "{\"syntax\":\"regex\",\"definition\":\"a\\\\d\"}}}}]"),
     "{\"type\":\"custom\",\"name\":\"c\",\"format\":{\"type\":\"grammar\",\"syntax\":\"regex\",\"definition\":"
     "\"a\\\\d\"}}",
     NULL,
     ""},
    {{.client = DIALECT_CHAT},
     CHAT(FUNCTION("") ",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}},"
                       "\"parallel_tool_calls\":false"),
     "\"tool_choice\":{\"type\":\"function\",\"name\":\"f\"},\"parallel_tool_calls\":false",
     NULL,
     ""},
    {{.client = DIALECT_ANTHROPIC},
     ANTH(",\"tools\":[{\"name\":\"f\",\"input_schema\":{\"type\":\"object\"}}],"
          "\"tool_choice\":{\"type\":\"any\",\"disable_parallel_tool_use\":true}"),
     "\"tool_choice\":\"required\",\"parallel_tool_calls\":false",
     NULL,
     ""},
    // Namespaces stay.
    {{.client = DIALECT_RESPONSES},
     "{" HI ",\"tools\":[{\"type\":\"namespace\",\"name\":\"n\",\"description\":\"d\",\"tools\":[{\"type\":"
     "\"function\",\"name\":\"f\",\"strict\":false},{\"type\":\"custom\",\"name\":\"c\"}]}]}",
     "{\"type\":\"namespace\",\"name\":\"n\",\"description\":\"d\",\"tools\":[{\"type\":\"function\",\"name\":\"f\"",
     NULL,
     ""},
    // Limits and sampling.
    {{.client = DIALECT_CHAT},
     CHAT(",\"max_completion_tokens\":5"),
     "\"max_output_tokens\":16",
     NULL,
     "changed:max_completion_tokens"},
    {{.client = DIALECT_CHAT, .model = "gpt-4o"}, CHAT(",\"temperature\":0.30"), "\"temperature\":0.30", NULL, ""},
    {{.client = DIALECT_CHAT}, CHAT(",\"temperature\":0.30"), NULL, "temperature", "dropped:temperature"},
    {{.client = DIALECT_CHAT},
     CHAT(",\"temperature\":0.30,\"reasoning_effort\":\"none\""),
     "\"temperature\":0.30",
     NULL,
     ""},
    {{.client = DIALECT_CHAT},
     CHAT(",\"seed\":1,\"logit_bias\":{\"1\":2},\"presence_penalty\":1"),
     NULL,
     "seed",
     "dropped:seed,dropped:presence_penalty,dropped:logit_bias"},
    {{.client = DIALECT_ANTHROPIC}, ANTH(",\"top_k\":3"), NULL, "top_k", "dropped:top_k"},
    {{.client = DIALECT_CHAT, .model = "gpt-4o"},
     CHAT(",\"logprobs\":true,\"top_logprobs\":2"),
     "\"top_logprobs\":2,\"store\":false,\"include\":[\"message.output_text.logprobs\"]",
     NULL,
     ""},
    {{.client = DIALECT_CHAT, .model = "gpt-4o"}, CHAT(",\"stop\":[\"END\"]"), NULL, "stop", ""},
    // Reasoning.
    {{.client = DIALECT_CHAT}, CHAT(",\"reasoning_effort\":\"high\""), "\"reasoning\":{\"effort\":\"high\"}", NULL, ""},
    {{.client = DIALECT_CHAT, .model = "gpt-5"},
     CHAT(",\"reasoning_effort\":\"none\""),
     "\"effort\":\"minimal\"",
     NULL,
     "changed:reasoning_effort"},
    {{.client = DIALECT_CHAT, .model = "gpt-4o"},
     CHAT(",\"reasoning_effort\":\"low\""),
     NULL,
     "effort",
     "dropped:reasoning_effort"},
    // Form.
    {{.client = DIALECT_CHAT},
     CHAT(",\"verbosity\":\"low\",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\","
          "\"schema\":" CLOSED ",\"strict\":true}}"),
     "\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"n\",\"schema\":" CLOSED
     ",\"strict\":true},\"verbosity\":\"low\"}",
     NULL,
     ""},
    {{.client = DIALECT_ANTHROPIC},
     ANTH(",\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":" CLOSED "}}"),
     "\"name\":\"response\",\"schema\":" CLOSED ",\"strict\":true",
     NULL,
     NULL},
    // Identity.
    {{.client = DIALECT_CHAT},
     CHAT(",\"user\":\"u\",\"metadata\":{\"a\":\"b\"},\"service_tier\":\"flex\""),
     "\"safety_identifier\":\"u\",\"metadata\":{\"a\":\"b\"},\"service_tier\":\"flex\"",
     NULL,
     ""},
    {{.client = DIALECT_CHAT},
     CHAT(",\"prompt_cache_key\":\"0123456789012345678901234567890123456789012345678901234567890123x\""),
     "\"prompt_cache_key\":\"",
     "0123456789012345678901234567890123456789012345678901234567890123",
     ""},
    // What tools answered.
    {{.client = DIALECT_ANTHROPIC},
     "{\"max_tokens\":100,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":["
     "{\"type\":\"text\",\"text\":\"t\"},{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"f\",\"input\":{\"a\":1}}"
     "]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"toolu_1\",\"is_error\":true,"
     "\"content\":\"boom\"},{\"type\":\"text\",\"text\":\"why?\"}]}]}",
     "{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"t\"}]},"
     "{\"type\":\"function_call\",\"call_id\":\"toolu_1\",\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"},"
     "{\"type\":\"function_call_output\",\"call_id\":\"toolu_1\",\"output\":\"Error: boom\"},"
     "{\"role\":\"user\",\"content\":\"why?\"}]",
     NULL,
     ""},
    {{.client = DIALECT_ANTHROPIC},
     "{\"max_tokens\":100,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":["
     "{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"f\",\"input\":{}}]},{\"role\":\"user\",\"content\":["
     "{\"type\":\"tool_result\",\"tool_use_id\":\"toolu_1\",\"content\":[{\"type\":\"text\",\"text\":\"see\"},"
     "{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"iVBORw0KGgo=\"}}]}]}"
     "]}",
     "\"output\":[{\"type\":\"input_text\",\"text\":\"see\"},{\"type\":\"input_image\",\"image_url\":"
     "\"data:image/png;base64,iVBORw0KGgo=\"}]",
     NULL,
     ""},
    // Documents: what has no file of its own is text.
    {{.client = DIALECT_ANTHROPIC},
     "{\"max_tokens\":100,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"document\",\"title\":\"T\","
     "\"source\":{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":\"body\"}},{\"type\":\"document\","
     "\"source\":{\"type\":\"base64\",\"media_type\":\"application/pdf\",\"data\":\"JVBERi0x\"}},{\"type\":"
     "\"document\",\"source\":{\"type\":\"content\",\"content\":[{\"type\":\"text\",\"text\":\"c\"},{\"type\":"
     "\"image\",\"source\":{\"type\":\"url\",\"url\":\"https://example.com/a.png\"}}]}}]}]}",
     "\"content\":[{\"type\":\"input_text\",\"text\":\"T\\n\\nbody\"},{\"type\":\"input_file\",\"file_data\":"
     "\"data:application/pdf;base64,JVBERi0x\",\"filename\":\"document.pdf\"},{\"type\":\"input_text\",\"text\":"
     "\"c\"},{\"type\":\"input_image\",\"image_url\":\"https://example.com/a.png\"}]",
     NULL,
     ""},
    // A count is asked for without what belongs to answering.
    {{.client = DIALECT_CHAT, .counts = true},
     CHAT(",\"max_completion_tokens\":50,\"temperature\":1,\"stream\":true,\"user\":\"u\""),
     "{\"model\":\"" MODEL "\",\"input\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
     NULL,
     ""},
};

static void other_dialects_are_encoded(void **state)
{
    for (size_t i = 0; i < sizeof(ENCODED) / sizeof(ENCODED[0]); i++) {
        const struct encoded_row *row = &ENCODED[i];
        struct translated t;
        translate(&t, &row->ask, slice_from_cstr(row->body));
        struct slice body = buf_slice(&t.out);
        struct slice warnings = t.is_done ? loss_header(&t.result.loss) : t.result.loss.message;
        bool is_right = t.is_done &&
                        (!row->expected || slice_find(body, slice_from_cstr(row->expected)) != SLICE_NOT_FOUND) &&
                        (!row->absent || slice_find(body, slice_from_cstr(row->absent)) == SLICE_NOT_FOUND) &&
                        (!row->warnings || slice_eq(warnings, slice_from_cstr(row->warnings)));
        if (!is_right) {
            fail_msg("%s\nbecame %.*s\nwith '%.*s'", row->body, SLICE_ARG(body), SLICE_ARG(warnings));
        }
        translated_deinit(&t);
    }
}

static void strict_gateways_emulate_no_stops(void **state)
{
    struct translated t;
    translate(&t, &(struct ask){.client = DIALECT_CHAT, .model = "gpt-4o", .mode = LOSS_STRICT},
              SLICE(CHAT(",\"stop\":\"END\"")));
    assert_false(t.is_done);
    translated_deinit(&t);
}

// What Gemini signed, and was handed to a client of Responses in items of its own, is back where it was.
static void signatures_return_to_their_parts(void **state)
{
    struct buf body = BUF_EMPTY;
    struct arena arena;
    struct json_doc doc;
    struct neutral_request req;
    struct loss loss;
    struct neutral_opaque call = {OPAQUE_GEMINI_CALL, SLICE("Y2FsbA=="), SLICE_EMPTY};
    struct neutral_opaque text = {OPAQUE_GEMINI_TEXT, SLICE("dGV4dA=="), SLICE_EMPTY};
    arena_init(&arena, 4096);
    buf_append(&body, SLICE("{\"input\":[{\"role\":\"user\",\"content\":\"hi\"},"
                            "{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\""));
    opaque_wrap(&call, &body);
    buf_append(&body, SLICE("\"},{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"{}\"},"
                            "{\"type\":\"message\",\"role\":\"assistant\",\"content\":\"so\"},"
                            "{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\""));
    opaque_wrap(&text, &body);
    buf_append(&body, SLICE("\"}]}"));
    assert_int_equal(json_parse(&doc, &arena, buf_slice(&body), NULL), 0);
    loss_init(&loss, &arena, &doc, LOSS_NORMAL);
    neutral_request_init(&req, DIALECT_RESPONSES, &doc);
    assert_true(responses_decode_request(&req, &arena, &loss));
    const struct neutral_part *part = req.turns->next->parts;
    assert_int_equal(part->kind, PART_CALL);
    assert_int_equal(part->call.opaque.kind, OPAQUE_GEMINI_CALL);
    assert_true(slice_eq(part->call.opaque.data, call.data));
    assert_int_equal(part->next->kind, PART_TEXT);
    assert_int_equal(part->next->opaque.kind, OPAQUE_GEMINI_TEXT);
    assert_true(slice_eq(part->next->opaque.data, text.data));
    assert_null(part->next->next);
    arena_deinit(&arena);
    buf_deinit(&body);
}

// ---- answers, decoded

struct stream_row {
    const char *what;
    const char *events[12]; // bodies of events, up to NULL
    const char *words;      // event_trace.h
};

#define EVENT(name, members) "{\"type\":\"response." name "\"" members "}"
#define CREATED EVENT("created", ",\"response\":{\"id\":\"resp_1\"}")
#define ADDED(index, item) EVENT("output_item.added", ",\"output_index\":" index ",\"item\":" item)
#define DONE(index, item) EVENT("output_item.done", ",\"output_index\":" index ",\"item\":" item)
#define AT(index) ",\"output_index\":" index ",\"content_index\":0"
#define MESSAGE(text) "{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"" text "\"}]}"
#define EMPTY_MESSAGE "{\"type\":\"message\",\"content\":[]}"
#define CALL(arguments) "{\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"" arguments "\"}"
#define COMPLETED(members) EVENT("completed", ",\"response\":{\"status\":\"completed\"" members "}")
#define COMPLETED_EMPTY COMPLETED(",\"output\":[]")

static const struct stream_row STREAMS[] = {
    {"deltas, then the same again in every final form",
     {CREATED, ADDED("0", EMPTY_MESSAGE), EVENT("output_text.delta", AT("0") ",\"delta\":\"ab\""),
      EVENT("output_text.delta", AT("0") ",\"delta\":\"cd\""), EVENT("output_text.done", AT("0") ",\"text\":\"abcd\""),
      EVENT("content_part.done", AT("0") ",\"part\":{\"type\":\"output_text\",\"text\":\"abcd\"}"),
      DONE("0", MESSAGE("abcd")), COMPLETED(",\"output\":[" MESSAGE("abcd") "]")},
     "S +0.0text 0.0(ab) 0.0(cd) -0.0 F0:stop E"},
    {"the end of a text comes with its final value only",
     {CREATED, ADDED("0", EMPTY_MESSAGE), EVENT("output_text.delta", AT("0") ",\"delta\":\"ab\""),
      DONE("0", MESSAGE("abcd")), COMPLETED_EMPTY},
     "S +0.0text 0.0(ab) 0.0(cd) -0.0 F0:stop E"},
    {"a final value that is another text changes nothing",
     {CREATED, ADDED("0", EMPTY_MESSAGE), EVENT("output_text.delta", AT("0") ",\"delta\":\"ab\""),
      DONE("0", MESSAGE("xxxx")), COMPLETED_EMPTY},
     "S +0.0text 0.0(ab) -0.0 F0:stop E"},
    {"arguments come with their final value only",
     {CREATED, ADDED("0", CALL("")), EVENT("function_call_arguments.done", ",\"output_index\":0,\"arguments\":\"{}\""),
      DONE("0", CALL("{}")), COMPLETED_EMPTY},
     "S +0.0call:f 0.0({}) -0.0 F0:tool_calls E"},
    {"an item without a beginning",
     {CREATED, DONE("0", CALL("{}")), COMPLETED_EMPTY},
     "S +0.0call:f 0.0({}) -0.0 F0:tool_calls E"},
    {"a delta without a beginning",
     {CREATED, EVENT("output_text.delta", AT("0") ",\"delta\":\"ab\""), COMPLETED_EMPTY},
     "S +0.0text 0.0(ab) -0.0 F0:stop E"},
    {"places are not said",
     {CREATED, "{\"type\":\"response.output_item.added\",\"item\":" EMPTY_MESSAGE "}",
      EVENT("output_text.delta", ",\"delta\":\"ab\""),
      "{\"type\":\"response.output_item.done\",\"item\":" MESSAGE("ab") "}",
      COMPLETED(",\"output\":[" MESSAGE("ab") "]")},
     "S +0.0text 0.0(ab) -0.0 F0:stop E"},
    {"everything in the last event",
     {COMPLETED(",\"output\":[" MESSAGE("ab") "," CALL("{}") "]")},
     "S +0.0text 0.0(ab) -0.0 +0.1call:f 0.1({}) -0.1 F0:tool_calls E"},
    {"the last event has an item more",
     {CREATED, DONE("0", MESSAGE("ab")), COMPLETED(",\"output\":[" MESSAGE("ab") "," CALL("{}") "]")},
     "S +0.0text 0.0(ab) -0.0 +0.1call:f 0.1({}) -0.1 F0:tool_calls E"},
    {"the last event counts from somewhere else",
     {CREATED, DONE("1", MESSAGE("ab")), COMPLETED(",\"output\":[" MESSAGE("ab") "]")},
     "S +0.0text 0.0(ab) -0.0 F0:stop E"},
    {"its older name",
     {CREATED, DONE("0", MESSAGE("ab")), EVENT("done", ",\"response\":{}")},
     "S +0.0text 0.0(ab) -0.0 F0:stop E"},
    {"an error and the failure that follows are one",
     {CREATED, "{\"type\":\"error\",\"error\":{\"code\":\"server_is_overloaded\",\"message\":\"m\"}}",
      EVENT("failed", ",\"response\":{\"error\":{\"code\":\"server_error\"}}")},
     "X:upstream_overloaded"},
    {"an error with flat members",
     {CREATED, "{\"type\":\"error\",\"code\":\"slow_down\",\"message\":\"m\"}"},
     "X:upstream_overloaded"},
    {"a failure alone",
     {CREATED, DONE("0", MESSAGE("ab")),
      EVENT("failed", ",\"response\":{\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"m\"}}")},
     "S +0.0text 0.0(ab) -0.0 X:rate_limit"},
    {"cut short",
     {CREATED, ADDED("0", CALL("")), EVENT("function_call_arguments.delta", ",\"output_index\":0,\"delta\":\"{\""),
      EVENT("incomplete", ",\"response\":{\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":"
                          "\"max_output_tokens\"}}")},
     "S +0.0call:f 0.0({) -0.0! F0:length E"},
    {"filtered",
     {CREATED, EVENT("incomplete", ",\"response\":{\"incomplete_details\":{\"reason\":\"content_filter\"}}")},
     "S F0:content_filter E"},
    {"incomplete for a reason not known", {CREATED, EVENT("incomplete", ",\"response\":{}")}, "S F0:other E"},
    {"the stream breaks off",
     {CREATED, EVENT("output_text.delta", AT("0") ",\"delta\":\"ab\"")},
     "S +0.0text 0.0(ab) X:upstream_truncated"},
    {"a refusal",
     {CREATED, ADDED("0", EMPTY_MESSAGE), EVENT("refusal.delta", AT("0") ",\"delta\":\"no\""),
      EVENT("refusal.done", AT("0") ",\"refusal\":\"no.\""), COMPLETED_EMPTY},
     "S +0.0refusal 0.0(no) 0.0(.) -0.0 F0:refusal E"},
    {"hidden reasoning is known by its end only",
     {CREATED, ADDED("0", "{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[],\"encrypted_content\":\"part\"}"),
      DONE("0", "{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[],\"encrypted_content\":\"whole\"}"),
      COMPLETED_EMPTY},
     "S +0.0reasoning -0.0 F0:stop E"},
    {"reasoning in parts",
     {CREATED, ADDED("0", "{\"type\":\"reasoning\",\"summary\":[]}"),
      EVENT("reasoning_summary_text.delta", ",\"output_index\":0,\"summary_index\":0,\"delta\":\"a\""),
      EVENT("reasoning_summary_text.delta", ",\"output_index\":0,\"summary_index\":1,\"delta\":\"b\""),
      DONE("0",
           "{\"type\":\"reasoning\",\"summary\":[{\"text\":\"a\"},{\"text\":\"bc\"}],\"encrypted_content\":\"x\"}"),
      COMPLETED_EMPTY},
     "S +0.0reasoning 0.0(a) 0.0| 0.0(b) 0.0(c) 0.0opaque -0.0 F0:stop E"},
    {"a tool of the provider's is no call",
     {CREATED, DONE("0", "{\"type\":\"web_search_call\",\"id\":\"ws_1\",\"status\":\"completed\"}"),
      DONE("1", MESSAGE("ab")), COMPLETED_EMPTY},
     "S +0.0native -0.0 +0.1text 0.1(ab) -0.1 F0:stop E"},
    {"wrong types everywhere",
     {CREATED, "[1]", "7", EVENT("output_item.added", ",\"output_index\":\"x\",\"item\":3"),
      EVENT("output_text.delta", ",\"output_index\":{},\"delta\":[]"), EVENT("output_item.done", ""),
      EVENT("content_part.done", ",\"part\":null"), EVENT("output_text.annotation.added", ",\"annotation\":\"a\""),
      COMPLETED(",\"output\":{},\"usage\":[]")},
     "S F0:stop E"},
};

static void read_stream(const struct stream_row *row, struct event_trace *trace)
{
    struct arena arena;
    arena_init(&arena, 16 * 1024);
    struct answer_context context = fixture_context(&arena, DIALECT_RESPONSES, DIALECT_RESPONSES);
    struct answer *answer = answer_new(&context, event_trace_sink(trace));
    void *state = arena_zalloc(&arena, responses_decoder.state_size);
    for (size_t i = 0; i < sizeof(row->events) / sizeof(row->events[0]) && row->events[i]; i++) {
        struct json_doc doc;
        assert_int_equal(json_parse(&doc, &arena, slice_from_cstr(row->events[i]), NULL), 0);
        responses_decoder.read_event(state, answer, &doc, SLICE_EMPTY);
    }
    responses_decoder.read_end(state, answer);
    answer_deinit(answer);
    arena_deinit(&arena);
}

static void streams_are_decoded(void **state)
{
    for (size_t i = 0; i < sizeof(STREAMS) / sizeof(STREAMS[0]); i++) {
        struct event_trace trace;
        event_trace_init(&trace);
        read_stream(&STREAMS[i], &trace);
        const char *words = event_trace_words(&trace);
        if (strcmp(words, STREAMS[i].words) != 0) {
            fail_msg("%s: %s, not %s", STREAMS[i].what, words, STREAMS[i].words);
        }
        event_trace_deinit(&trace);
    }
}

struct body_row {
    const char *body;
    const char *words;
};

static const struct body_row BODIES[] = {
    {"{\"status\":\"completed\",\"output\":[" MESSAGE("ab") "]}", "S +0.0text 0.0(ab) -0.0 F0:stop E"},
    {"{\"status\":\"failed\",\"output\":[],\"error\":{\"code\":\"invalid_prompt\",\"message\":\"m\"}}",
     "X:content_policy"},
    {"{\"status\":\"failed\",\"output\":[],\"error\":null}", "X:upstream_server"},
    {"{\"status\":\"queued\",\"output\":[]}", "X:upstream_protocol"},
    {"{\"status\":\"in_progress\",\"output\":[]}", "X:upstream_protocol"},
    {"{\"object\":\"list\"}", "X:upstream_protocol"},
    {"[]", "X:upstream_protocol"},
    {"{\"status\":\"cancelled\",\"output\":[" MESSAGE("ab") "]}", "S +0.0text 0.0(ab) -0.0 F0:cancelled E"},
};

static void bodies_are_decoded(void **state)
{
    for (size_t i = 0; i < sizeof(BODIES) / sizeof(BODIES[0]); i++) {
        struct arena arena;
        struct json_doc doc;
        struct event_trace trace;
        arena_init(&arena, 4096);
        event_trace_init(&trace);
        struct answer_context context = fixture_context(&arena, DIALECT_RESPONSES, DIALECT_RESPONSES);
        struct answer *answer = answer_new(&context, event_trace_sink(&trace));
        assert_int_equal(json_parse(&doc, &arena, slice_from_cstr(BODIES[i].body), NULL), 0);
        responses_decoder.read_body(answer, &doc);
        assert_string_equal(event_trace_words(&trace), BODIES[i].words);
        answer_deinit(answer);
        event_trace_deinit(&trace);
        arena_deinit(&arena);
    }
}

// ---- answers, written and read again

static const char *const RECORDED[] = {
    "or-s01-text.sse",
    "or-s02-reasoning-then-function-call.sse",
    "or-s03-reasoning-replay-turn2.sse",
    "or-s04-phase-commentary-function-call.sse",
    "or-s05a-encrypted-reasoning-step1.sse",
    "or-s05b-encrypted-reasoning-step2.sse",
    "or-s05c-encrypted-reasoning-step3.sse",
    "or-s05d-encrypted-reasoning-step4.sse",
    "or-s06-reasoning-summary-4-parts.sse",
    "or-s08-custom-tool-call.sse",
    "or-s09-logprobs.sse",
    "or-s10-no-sequence-numbers.sse",
    "or-s11-web-search-annotations.sse",
    "or-s12-file-search.sse",
    "or-s13-copilot-item-id-rotation.sse",
    "or-s14-openrouter-raw-cot.sse",
    "or-s15-bedrock-event-line-after-data.sse",
    "or-s16-image-generation.sse",
    "or-s17-lmstudio-tool-call.sse",
    "or-s18-background-queued-stream.sse",
    "or-s19-reasoning-without-summary.sse",
    "or-j01-parallel-function-calls.response.json",
    "or-j02-function-outputs-retry.response.json",
    "or-j03-function-output-image.response.json",
    "or-j04-pdf-input-file.response.json",
    "or-j05-json-schema.response.json",
    "or-j06-previous-response-id.response.json",
    "or-j07-cache-write-usage.response.json",
    "or-j09-additional-tools-item.response.json",
    "or-j10-image-url-input.response.json",
    "or-j11-encrypted-reasoning-replay.response.json",
    "../sse-edge/edge-11-responses-incomplete.sse",
    "../sse-edge/edge-12-responses-refusal.sse",
};

// Ids, the model's name and the time are ours.
static struct slice describe(struct arena *arena, const struct neutral_response *response)
{
    struct neutral_response headless = *response;
    struct buf text = BUF_EMPTY;
    assert_false(response->has_error);
    headless.head = (struct answer_head){0};
    fixture_describe(&headless, &text);
    struct slice kept = arena_dup(arena, buf_slice(&text));
    buf_deinit(&text);
    return kept;
}

static void assert_same(const char *name, struct slice expected, struct slice found)
{
    if (!slice_eq(expected, found)) {
        fail_msg("%s: %.*s\nbecame\n%.*s", name, SLICE_ARG(expected), SLICE_ARG(found));
    }
}

// A body of ours as the stream that a client gets of it.
static struct slice as_stream(struct arena *arena, struct slice body)
{
    struct answer_context context = fixture_context(arena, DIALECT_RESPONSES, DIALECT_RESPONSES);
    struct neutral_request *req = arena_alloc(arena, sizeof(*req));
    struct buf out = BUF_EMPTY;
    *req = *context.req;
    req->wants_stream = true;
    context.req = req;
    struct translation *translation = translation_new(&context);
    translation_answer(translation, body, &out);
    translation_deinit(translation);
    struct slice kept = arena_dup(arena, buf_slice(&out));
    buf_deinit(&out);
    return kept;
}

static void check_recorded(struct arena *arena, const char *name)
{
    struct answer_context context = fixture_context(arena, DIALECT_RESPONSES, DIALECT_RESPONSES);
    struct slice bytes =
        fixture_read(arena, arena_cstr(arena, arena_printf(arena, FIXTURES "openai-responses/%s", name)));
    const struct neutral_response *response = slice_ends_with(slice_from_cstr(name), SLICE(".sse"))
                                                  ? fixture_decode_stream(&context, bytes, CUT_NOWHERE)
                                                  : fixture_decode_body(&context, bytes);
    struct slice expected = describe(arena, response);
    struct buf body = BUF_EMPTY;
    responses_encoder.write_body(&context, response, &body);
    struct slice kept = arena_dup(arena, buf_slice(&body));
    buf_deinit(&body);
    assert_same(name, expected, describe(arena, fixture_decode_body(&context, kept)));
    struct slice stream = as_stream(arena, kept);
    const char *complaint = stream_grammar_complaint(DIALECT_RESPONSES, stream);
    if (complaint) {
        fail_msg("%s: %s", name, complaint);
    }
    assert_same(name, expected, describe(arena, fixture_decode_stream(&context, stream, CUT_NOWHERE)));
}

static void recorded_answers_come_back(void **state)
{
    for (size_t i = 0; i < sizeof(RECORDED) / sizeof(RECORDED[0]); i++) {
        struct arena arena;
        arena_init(&arena, 64 * 1024);
        check_recorded(&arena, RECORDED[i]);
        arena_deinit(&arena);
    }
}

// ---- answers of others, written

struct writing {
    struct arena arena;
    struct answer_context context;
    void *state;
    struct buf out;
    struct answer *answer;
};

static void write_event(void *arg, const struct neutral_event *event)
{
    struct writing *writing = arg;
    responses_encoder.write_event(writing->state, &writing->context, event, &writing->out);
}

static void writing_init(struct writing *writing)
{
    *writing = (struct writing){.out = BUF_EMPTY};
    arena_init(&writing->arena, 16 * 1024);
    writing->context = fixture_context(&writing->arena, DIALECT_GEMINI, DIALECT_RESPONSES);
    writing->state = arena_zalloc(&writing->arena, responses_encoder.state_size);
    writing->answer = answer_new(&writing->context, (struct event_sink){write_event, writing});
    answer_start(writing->answer, &(struct answer_head){.id = SLICE("up-1"), .model = SLICE("up"), .created_s = 5});
}

static void writing_deinit(struct writing *writing)
{
    answer_deinit(writing->answer);
    responses_encoder.deinit(writing->state);
    buf_deinit(&writing->out);
    arena_deinit(&writing->arena);
}

static void end_with(struct writing *writing, enum finish_reason reason)
{
    answer_finish(writing->answer, 0, &(struct finish){.reason = reason});
    answer_end(writing->answer, true);
    assert_null(stream_grammar_complaint(DIALECT_RESPONSES, buf_slice(&writing->out)));
}

static void assert_written(const struct writing *writing, const char *piece)
{
    if (slice_find(buf_slice(&writing->out), slice_from_cstr(piece)) == SLICE_NOT_FOUND) {
        fail_msg("no %s in\n%.*s", piece, SLICE_ARG(buf_slice(&writing->out)));
    }
}

static void assert_not_written(const struct writing *writing, const char *piece)
{
    assert_true(slice_find(buf_slice(&writing->out), slice_from_cstr(piece)) == SLICE_NOT_FOUND);
}

static void tell_text(struct writing *writing, const char *text, const struct neutral_opaque *opaque)
{
    struct neutral_block *block = answer_open(writing->answer, 0, &(struct neutral_block){.kind = BLOCK_TEXT});
    answer_delta(writing->answer, block, slice_from_cstr(text));
    if (opaque) {
        answer_opaque(writing->answer, block, opaque);
    }
    answer_close(writing->answer, block, false);
}

static void texts_in_a_row_are_one_message(void **state)
{
    struct writing writing;
    writing_init(&writing);
    tell_text(&writing, "a", NULL);
    tell_text(&writing, "b", NULL);
    end_with(&writing, FINISH_STOP);
    assert_written(&writing,
                   "\"content\":[{\"type\":\"output_text\",\"text\":\"a\",\"annotations\":[],\"logprobs\":[]},"
                   "{\"type\":\"output_text\",\"text\":\"b\",\"annotations\":[],\"logprobs\":[]}],"
                   "\"status\":\"completed\"}");
    assert_written(&writing, "\"content_index\":1,\"delta\":\"b\",\"logprobs\":[]}\n\n");
    writing_deinit(&writing);
}

static void signatures_get_items_of_their_own(void **state)
{
    struct neutral_opaque text = {OPAQUE_GEMINI_TEXT, SLICE("dGV4dA=="), SLICE_EMPTY};
    struct neutral_block call = {.kind = BLOCK_CALL,
                                 .call_id = SLICE("call_1"),
                                 .name = SLICE("f"),
                                 .opaque = {OPAQUE_GEMINI_CALL, SLICE("Y2FsbA=="), SLICE_EMPTY}};
    struct writing writing;
    writing_init(&writing);
    tell_text(&writing, "a", &text);
    answer_close(writing.answer, answer_open(writing.answer, 0, &call), false);
    end_with(&writing, FINISH_TOOL_CALLS);
    size_t at_text = slice_find_last(buf_slice(&writing.out), SLICE("\"type\":\"message\""));
    size_t at_call = slice_find_last(buf_slice(&writing.out), SLICE("\"type\":\"function_call\""));
    struct slice between = slice_of(writing.out.ptr + at_text, at_call - at_text);
    size_t first = slice_find(between, SLICE("\"encrypted_content\":\"gw1."));
    assert_true(first != SLICE_NOT_FOUND);
    assert_true(slice_find(slice_after(between, first + 1), SLICE("\"encrypted_content\":\"gw1.")) != SLICE_NOT_FOUND);
    assert_written(&writing, "\"arguments\":\"{}\",\"status\":\"completed\"}"); // nothing was said of them
    writing_deinit(&writing);
}

// An empty text is no message, but what signs it is kept.
static void empty_texts_leave_their_signature(void **state)
{
    struct neutral_opaque text = {OPAQUE_GEMINI_TEXT, SLICE("dGV4dA=="), SLICE_EMPTY};
    struct writing writing;
    writing_init(&writing);
    tell_text(&writing, "", &text);
    end_with(&writing, FINISH_STOP);
    assert_not_written(&writing, "\"type\":\"message\"");
    assert_written(&writing, "\"encrypted_content\":\"gw1.");
    writing_deinit(&writing);
}

static void custom_calls_stay_custom(void **state)
{
    struct neutral_block call = {
        .kind = BLOCK_CALL, .call_id = SLICE("call_1"), .name = SLICE("c"), .tool_kind = TOOL_CUSTOM};
    struct writing writing;
    writing_init(&writing);
    struct neutral_block *block = answer_open(writing.answer, 0, &call);
    answer_delta(writing.answer, block, SLICE("SELECT \\\"x\\\""));
    answer_close(writing.answer, block, false);
    end_with(&writing, FINISH_TOOL_CALLS);
    assert_written(&writing, "\"type\":\"custom_tool_call\",\"call_id\":\"call_1\",\"name\":\"c\",\"input\":\"SELECT "
                             "\\\"x\\\"\",\"status\":\"completed\"}");
    assert_written(&writing, "event: response.custom_tool_call_input.delta\n");
    writing_deinit(&writing);
}

struct ending_row {
    enum finish_reason reason;
    const char *event;
    const char *status;
};

static void every_reason_has_an_end(void **state)
{
    static const struct ending_row ROWS[] = {
        {FINISH_STOP, "response.completed", "\"status\":\"completed\",\"model\""},
        {FINISH_STOP_SEQUENCE, "response.completed", "\"status\":\"completed\",\"model\""},
        {FINISH_PAUSE, "response.completed", "\"status\":\"completed\",\"model\""},
        {FINISH_TOOL_ERROR, "response.completed", "\"status\":\"completed\",\"model\""},
        {FINISH_OTHER, "response.completed", "\"status\":\"completed\",\"model\""},
        {FINISH_LENGTH, "response.incomplete", "\"incomplete_details\":{\"reason\":\"max_output_tokens\"}"},
        {FINISH_CONTEXT_WINDOW, "response.incomplete", "\"incomplete_details\":{\"reason\":\"max_output_tokens\"}"},
        {FINISH_CONTENT_FILTER, "response.incomplete", "\"incomplete_details\":{\"reason\":\"content_filter\"}"},
        {FINISH_REFUSAL, "response.incomplete", "\"incomplete_details\":{\"reason\":\"content_filter\"}"},
        {FINISH_CANCELLED, "response.incomplete", "\"status\":\"cancelled\",\"model\""},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        struct writing writing;
        writing_init(&writing);
        tell_text(&writing, "a", NULL);
        end_with(&writing, ROWS[i].reason);
        size_t last = slice_find_last(buf_slice(&writing.out), SLICE("event: "));
        assert_true(slice_starts_with(slice_after(buf_slice(&writing.out), last + sizeof("event: ") - 1),
                                      slice_from_cstr(ROWS[i].event)));
        assert_written(&writing, ROWS[i].status);
        writing_deinit(&writing);
    }
}

static void failures_go_on_counting(void **state)
{
    struct neutral_error error = {.fault = FAULT_UPSTREAM_OVERLOADED,
                                  .message = SLICE("too \"much\""),
                                  .code = SLICE("server_is_overloaded"),
                                  .retry_after_s = -1};
    struct writing writing;
    writing_init(&writing);
    struct neutral_block *block = answer_open(writing.answer, 0, &(struct neutral_block){.kind = BLOCK_TEXT});
    answer_delta(writing.answer, block, SLICE("a"));
    answer_error(writing.answer, &error);
    assert_null(stream_grammar_complaint(DIALECT_RESPONSES, buf_slice(&writing.out)));
    assert_written(&writing, "event: error\ndata: {\"type\":\"error\",\"sequence_number\":5,\"error\":{");
    assert_written(&writing, ",\"code\":\"server_is_overloaded\",\"message\":\"too \\\"much\\\"\",\"param\":null}\n\n");
    assert_written(&writing, "event: response.failed\ndata: {\"type\":\"response.failed\",\"sequence_number\":6,");
    assert_written(&writing, "\"error\":{\"code\":\"server_is_overloaded\",\"message\":\"too \\\"much\\\"\"},"
                             "\"incomplete_details\":null,\"output\":[],\"usage\":null,");
    writing_deinit(&writing);
}

// What the client asked for is repeated to it.
static void requests_are_echoed(void **state)
{
    struct writing writing;
    writing_init(&writing);
    struct json_doc *doc = arena_zalloc(&writing.arena, sizeof(*doc));
    struct neutral_request *req = arena_alloc(&writing.arena, sizeof(*req));
    assert_int_equal(
        json_parse(doc, &writing.arena,
                   SLICE("{\"instructions\":\"be\",\"temperature\":0.50,\"top_p\":null,\"tools\":[{\"type\":"
                         "\"web_search\"}],\"metadata\":{\"a\":\"b\"}}"),
                   NULL),
        0);
    neutral_request_init(req, DIALECT_RESPONSES, doc);
    writing.context.req = req;
    tell_text(&writing, "a", NULL);
    answer_usage(writing.answer,
                 &(struct usage){.input = 7, .output = 3, .reasoning = 1, .cache_read = 2, .cache_write = -1});
    end_with(&writing, FINISH_STOP);
    assert_written(&writing, "\"instructions\":\"be\"");
    assert_written(&writing, "\"temperature\":0.50");
    assert_written(&writing, "\"top_p\":null");
    assert_written(&writing, "\"tools\":[{\"type\":\"web_search\"}]");
    assert_written(&writing, "\"model\":\"model-of-the-client\"");
    assert_written(&writing, "\"usage\":{\"input_tokens\":7,\"input_tokens_details\":{\"cached_tokens\":2,"
                             "\"cache_write_tokens\":0},\"output_tokens\":3,\"output_tokens_details\":{"
                             "\"reasoning_tokens\":1},\"total_tokens\":10}");
    writing_deinit(&writing);
}

// ---- errors, read

struct error_row {
    unsigned status;
    const char *body;
    enum fault fault;
    const char *message;
    const char *code;
};

static void errors_are_classified(void **state)
{
    static const struct error_row ROWS[] = {
        {400, "{\"error\":{\"message\":\"m\",\"type\":\"invalid_request_error\",\"code\":\"context_length_exceeded\"}}",
         FAULT_CONTEXT_LENGTH, "m", "context_length_exceeded"},
        {401, "{\"error\":{\"message\":\"m\",\"type\":\"invalid_request_error\",\"code\":\"invalid_api_key\"}}",
         FAULT_UPSTREAM_AUTH, "m", "invalid_api_key"},
        {401, "{\"error\":{\"message\":\"m\",\"type\":\"invalid_request_error\",\"code\":null}}", FAULT_UPSTREAM_AUTH,
         "m", ""},
        {429, "{\"error\":{\"message\":\"m\",\"type\":\"insufficient_quota\",\"code\":\"insufficient_quota\"}}",
         FAULT_QUOTA, "m", "insufficient_quota"},
        {429, "{\"error\":{\"message\":\"m\",\"type\":\"tokens\",\"code\":\"rate_limit_exceeded\"}}", FAULT_RATE_LIMIT,
         "m", "rate_limit_exceeded"},
        {500, "{\"error\":{\"message\":\"m\",\"code\":\"server_is_overloaded\"}}", FAULT_UPSTREAM_OVERLOADED, "m",
         "server_is_overloaded"},
        {404, "{\"error\":{\"message\":\"m\",\"type\":\"invalid_request_error\",\"code\":\"model_not_found\"}}",
         FAULT_MODEL_NOT_FOUND, "m", "model_not_found"},
        {400, "{\"error\":\"text\",\"code\":\"x\"}", FAULT_INVALID_REQUEST, "text", "x"},
        {400, "{\"error\":{\"message\":\"m\",\"code\":429}}", FAULT_INVALID_REQUEST, "m", "429"},
        {502, "{\"detail\":\"down\"}", FAULT_UPSTREAM_UNREACHABLE, "down", ""},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        struct arena arena;
        struct neutral_error error;
        arena_init(&arena, 1024);
        translate_read_error(&arena, DIALECT_RESPONSES, ROWS[i].status, slice_from_cstr(ROWS[i].body), SLICE_EMPTY,
                             &error);
        if (error.fault != ROWS[i].fault || !slice_eq(error.message, slice_from_cstr(ROWS[i].message)) ||
            !slice_eq(error.code, slice_from_cstr(ROWS[i].code))) {
            fail_msg("%s: %s '%.*s' '%.*s'", ROWS[i].body, fault_name(error.fault), SLICE_ARG(error.message),
                     SLICE_ARG(error.code));
        }
        arena_deinit(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals_name_the_place),
        cmocka_unit_test(recorded_state_is_refused),
        cmocka_unit_test(recorded_requests_come_back),
        cmocka_unit_test(tools_of_an_item_are_merged),
        cmocka_unit_test(other_dialects_are_encoded),
        cmocka_unit_test(strict_gateways_emulate_no_stops),
        cmocka_unit_test(signatures_return_to_their_parts),
        cmocka_unit_test(errors_are_classified),
        cmocka_unit_test(streams_are_decoded),
        cmocka_unit_test(bodies_are_decoded),
        cmocka_unit_test(recorded_answers_come_back),
        cmocka_unit_test(texts_in_a_row_are_one_message),
        cmocka_unit_test(signatures_get_items_of_their_own),
        cmocka_unit_test(empty_texts_leave_their_signature),
        cmocka_unit_test(custom_calls_stay_custom),
        cmocka_unit_test(every_reason_has_an_end),
        cmocka_unit_test(failures_go_on_counting),
        cmocka_unit_test(requests_are_echoed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
