// SPDX-License-Identifier: MIT
// The recorded requests and answers of Chat Completions: what is decoded is what EXPECTED.json says, and encoding it
// again changes nothing that the neutral model carries.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dialect/chat/chat.h"
#include "dialect/fixture_file.h"
#include "dialect/translate.h"
#include "http/sse_parser.h"

static void parse(struct json_doc *doc, struct arena *arena, struct slice text)
{
    if (json_parse(doc, arena, text, NULL) != 0) {
        fail_msg("no JSON: %.*s", SLICE_ARG(text));
    }
}

// ---- requests

// Members that may be missing or different in what we send, and why.
static const char *const IGNORED[] = {
    "stream",                  // false is the default
    "n",                       // 1 is the default
    "stream_options",          // usage is always asked for
    "moderation",              // a service of OpenAI beside the model, said with a warning
    "web_search_options",      // likewise
    "prompt_cache_options",    // a hint
    "prompt_cache_breakpoint", // a hint
    "reasoning",               // OpenRouter's form of what is sent as reasoning_effort
    "reasoning_effort",        // the same
    "max_completion_tokens",   // compatible servers get max_tokens
    "max_tokens",              // the same
};

struct comparison {
    const struct json_doc *a;
    const struct json_doc *b;
    struct arena *arena;
};

static bool is_same(const struct comparison *c, const struct json_node *a, const struct json_node *b, unsigned depth);

static bool is_ignored(struct slice name)
{
    for (size_t i = 0; i < sizeof(IGNORED) / sizeof(*IGNORED); i++) {
        if (slice_eq(name, slice_from_cstr(IGNORED[i]))) {
            return true;
        }
    }
    return false;
}

// Null and an empty text say nothing.
static bool says_nothing(const struct json_doc *doc, const struct json_node *node)
{
    return !node || node->type == JSON_NULL || (node->type == JSON_STRING && json_escaped(doc, node).len == 0);
}

static bool is_covered(const struct comparison *c, const struct json_node *a, const struct json_node *b, unsigned depth)
{
    const struct json_node *key = NULL;
    const struct json_node *value = NULL;
    while (json_next_member(c->a, a, &key, &value)) {
        struct slice name = json_string(c->a, key, c->arena);
        const struct json_node *other = json_get(c->b, b, name);
        if (is_ignored(name) || (says_nothing(c->a, value) && says_nothing(c->b, other))) {
            continue;
        }
        if (!is_same(c, value, other, depth + 1)) {
            print_message("differs: %.*s\n", SLICE_ARG(name));
            return false;
        }
    }
    return true;
}

// A content of one text may be a string or an array with one part.
static const struct json_node *only_text(const struct json_doc *doc, const struct json_node *node)
{
    const struct json_node *first = NULL;
    const struct json_node *second = NULL;
    if (!json_is(node, JSON_ARRAY) || !json_next_element(doc, node, &first)) {
        return node;
    }
    second = first;
    bool is_text = json_string_is(doc, json_get(doc, first, SLICE("type")), SLICE("text"));
    return is_text && !json_next_element(doc, node, &second) ? json_get(doc, first, SLICE("text")) : node;
}

static bool is_same_array(const struct comparison *c, const struct json_node *a, const struct json_node *b,
                          unsigned depth)
{
    const struct json_node *x = NULL;
    const struct json_node *y = NULL;
    for (;;) {
        bool has_x = json_next_element(c->a, a, &x);
        bool has_y = json_next_element(c->b, b, &y);
        if (!has_x || !has_y) {
            return has_x == has_y;
        }
        if (!is_same(c, x, y, depth + 1)) {
            return false;
        }
    }
}

static bool is_same(const struct comparison *c, const struct json_node *a, const struct json_node *b, unsigned depth)
{
    const struct comparison swapped = {c->b, c->a, c->arena};
    a = only_text(c->a, a);
    b = only_text(c->b, b);
    if (!a || !b || a->type != b->type || depth > 64) {
        return false;
    }
    switch ((enum json_type)a->type) {
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE: return true;
    case JSON_NUMBER: return slice_eq(json_raw(c->a, a), json_raw(c->b, b));
    case JSON_STRING: return slice_eq(json_string(c->a, a, c->arena), json_string(c->b, b, c->arena));
    case JSON_ARRAY: return is_same_array(c, a, b, depth);
    case JSON_OBJECT: return is_covered(c, a, b, depth) && is_covered(&swapped, b, a, depth);
    }
    return false;
}

static void check_request(const char *path)
{
    struct arena arena;
    struct json_doc doc;
    struct json_doc sent;
    struct buf out = BUF_EMPTY;
    struct translated_request result;
    arena_init(&arena, 64 * 1024);
    struct slice body = fixture_read(&arena, path);
    parse(&doc, &arena, body);
    const struct translate_options options = {
        .client = DIALECT_CHAT,
        .upstream = DIALECT_CHAT,
        .upstream_model = json_string(&doc, json_get(&doc, json_root(&doc), SLICE("model")), &arena),
    };
    if (!translate_request(&arena, &doc, &options, &result, &out)) {
        fail_msg("%s: %.*s %.*s", path, SLICE_ARG(result.loss.message), SLICE_ARG(result.loss.param));
    }
    parse(&sent, &arena, buf_slice(&out));
    const struct comparison comparison = {&doc, &sent, &arena};
    if (!is_same(&comparison, json_root(&doc), json_root(&sent), 0)) {
        fail_msg("%s became %.*s", path, SLICE_ARG(buf_slice(&out)));
    }
    buf_deinit(&out);
    arena_deinit(&arena);
}

static void a_request_encodes_to_itself(void **state)
{
    static const char *const PATHS[] = {
        "aligned/stop-sequence/openai-chat.turn1",
        "aligned/tool-choice-auto/openai-chat.turn1",
        "aligned/tool-choice-auto/openai-chat.turn2",
        "aligned/tool-choice-none/openai-chat.turn1",
        "aligned/tool-choice-specific/openai-chat.turn1",
        "aligned/tool-choice-specific-of-two/openai-chat.turn1",
        "openai-chat/oc-j02-parallel-tools",
        "openai-chat/oc-j03-url-citations",
        "openai-chat/oc-j04-refusal",
        "openai-chat/oc-j05-tool-result-with-image-in-user",
        "openai-chat/oc-j06-image-url-input",
        "openai-chat/oc-j07-pdf-file-input",
        "openai-chat/oc-j08-audio-input",
        "openai-chat/oc-j09-json-schema-tools",
        "openai-chat/oc-j10-json-schema-turn2",
        "openai-chat/oc-j11-prompt-cache-gpt56",
        "openai-chat/oc-j12-reasoning-effort",
        "openai-chat/oc-j13-google-compat-empty-tool-id",
        "openai-chat/oc-j14-google-compat-empty-tool-id-turn2",
        "openai-chat/oc-j15-empty-strings-instead-of-null",
        "openai-chat/oc-j16-reasoning-details-signature",
        "openai-chat/oc-j17-reasoning-details-replay",
        "openai-chat/oc-s08-moderation-chunk",
        "openai-chat/oc-s09-parallel-tools-with-request",
        "openai-chat/oc-s12-groq-midstream-error",
        "openai-chat/oc-s13-openrouter-comments-reasoning",
        "openai-chat/oc-s14-openrouter-error-chunk",
        "openai-chat/oc-s16-no-finish-reason",
        "openai-chat/oc-s17-perplexity-crlf-no-done",
        "openai-chat/oc-s18-mistral-whole-tool-call",
        "openai-chat/oc-s19-deepseek-usage-in-finish-chunk",
        "openai-chat/oc-s20-reasoning-details-stream",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(PATHS) / sizeof(*PATHS); i++) {
        char path[256];
        snprintf(path, sizeof(path), FIXTURES "%s.request.json", PATHS[i]);
        FILE *file = fopen(path, "rb");
        if (!file) {
            fail_msg("cannot open %s", path);
        } else {
            fclose(file);
        }
        check_request(path);
    }
}

// ---- answers

struct round {
    struct arena arena;
    struct neutral_request req;
    struct answer_context context;
    void *decoder_state;
    void *encoder_state;
    struct answer *answer;
    struct collector *collector; // NULL: `out` takes a stream
    struct buf out;
};

static void to_stream(void *arg, const struct neutral_event *event)
{
    struct round *round = arg;
    chat_encoder.write_event(round->encoder_state, &round->context, event, &round->out);
}

static void round_init(struct round *round, bool collects)
{
    *round = (struct round){0};
    arena_init(&round->arena, 64 * 1024);
    neutral_request_init(&round->req, DIALECT_CHAT, NULL);
    round->req.includes_usage = true;
    round->context = (struct answer_context){.arena = &round->arena,
                                             .upstream = DIALECT_CHAT,
                                             .client = DIALECT_CHAT,
                                             .client_model = SLICE("a model"),
                                             .req = &round->req,
                                             .token = SLICE("0123456789ABCDEFGHIJKLMN"),
                                             .now_s = 1700000000,
                                             .shows_reasoning = true,
                                             .estimated_input = -1};
    round->decoder_state = arena_zalloc(&round->arena, chat_decoder.state_size);
    round->encoder_state = arena_zalloc(&round->arena, chat_encoder.state_size);
    struct event_sink sink = {to_stream, round};
    if (collects) {
        round->collector = collector_new(&round->arena, false);
        sink = collector_sink(round->collector);
    }
    round->answer = answer_new(&round->context, sink);
}

static void round_deinit(struct round *round)
{
    chat_encoder.deinit(round->encoder_state);
    answer_deinit(round->answer);
    buf_deinit(&round->out);
    arena_deinit(&round->arena);
}

static void on_event(void *arg, const struct sse_event *event)
{
    struct round *round = arg;
    struct arena scratch;
    struct json_doc doc;
    if (slice_starts_with(event->data, SLICE("[DONE]"))) {
        chat_decoder.read_done(round->decoder_state, round->answer);
        return;
    }
    // A copy that is gone afterwards, so that a decoder that keeps a piece of it is found out.
    char *copy = mem_alloc(event->data.len + 1);
    memcpy(copy, event->data.ptr, event->data.len);
    arena_init(&scratch, 4096);
    parse(&doc, &scratch, slice_of(copy, event->data.len));
    chat_decoder.read_event(round->decoder_state, round->answer, &doc, event->name);
    arena_deinit(&scratch);
    mem_free(copy);
}

static void read_stream(struct round *round, struct slice bytes)
{
    struct sse_parser parser;
    sse_parser_init(&parser, SSE_EVENT_MAX_DEFAULT);
    assert_int_equal(sse_parser_feed(&parser, bytes, on_event, round), 0);
    assert_int_equal(sse_parser_finish(&parser, on_event, round), 0);
    sse_parser_deinit(&parser);
    chat_decoder.read_end(round->decoder_state, round->answer);
}

static void read_any(struct round *round, struct slice bytes, bool is_stream)
{
    struct json_doc doc;
    if (is_stream) {
        read_stream(round, bytes);
        return;
    }
    parse(&doc, &round->arena, bytes);
    chat_decoder.read_body(round->answer, &doc);
}

// ---- what was collected, as text

static void describe_texts(struct buf *out, const struct neutral_content *content, enum block_kind kind)
{
    bool is_first = true;
    for (; content; content = content->next) {
        if (content->block->kind == kind) {
            // Blocks of reasoning go to the client with an empty line between them.
            buf_append(out, is_first || kind != BLOCK_REASONING ? SLICE_EMPTY : SLICE("\\n\\n"));
            buf_append(out, content->text);
            is_first = false;
        }
    }
    buf_append_char(out, '\n');
}

static void describe_candidate(struct buf *out, const struct neutral_candidate *candidate)
{
    size_t n_citations = 0;
    buf_printf(out, "finish %d\n", (int)candidate->finish.reason);
    describe_texts(out, candidate->content, BLOCK_TEXT);
    describe_texts(out, candidate->content, BLOCK_REASONING);
    describe_texts(out, candidate->content, BLOCK_REFUSAL);
    for (const struct neutral_content *content = candidate->content; content; content = content->next) {
        const struct neutral_block *block = content->block;
        if (block->kind == BLOCK_CALL) {
            struct slice arguments = content->text.len ? content->text : SLICE("{}");
            buf_printf(out, "call %d %.*s %.*s %.*s\n", (int)block->tool_kind, SLICE_ARG(block->call_id),
                       SLICE_ARG(block->name), SLICE_ARG(arguments));
        }
        n_citations += content->n_citations;
        buf_append(out, content->logprobs);
    }
    buf_printf(out, "citations %zu\n", n_citations);
}

static int64_t known(int64_t figure)
{
    return figure < 0 ? 0 : figure;
}

static void describe(struct buf *out, const struct neutral_response *response)
{
    if (response->has_error) {
        buf_printf(out, "error %d %.*s\n", (int)response->error.fault, SLICE_ARG(response->error.message));
        return;
    }
    for (size_t i = 0; i < response->n_candidates; i++) {
        describe_candidate(out, &response->candidates[i]);
    }
    const struct usage *usage = &response->usage;
    buf_printf(out, "usage %lld %lld %lld %lld %lld\n", (long long)known(usage->input), (long long)known(usage->output),
               (long long)known(usage->reasoning), (long long)known(usage->cache_read),
               (long long)known(usage->cache_write));
}

// ---- expectations

static struct slice joined(struct arena *arena, const struct neutral_content *content, enum block_kind kind)
{
    struct slice text = SLICE_EMPTY;
    for (; content; content = content->next) {
        if (content->block->kind == kind) {
            const struct slice pieces[] = {text, content->text};
            text = arena_concat(arena, pieces, 2);
        }
    }
    return json_unescape(text, arena);
}

static void check_text(const struct fixture *e, const struct json_node *expected, const char *member,
                       struct slice found)
{
    struct slice text = json_string(e->doc, json_get(e->doc, expected, slice_from_cstr(member)), e->arena);
    if (!slice_eq(text, found)) {
        fail_msg("%s: %s is \"%.*s\", not \"%.*s\"", e->name, member, SLICE_ARG(found), SLICE_ARG(text));
    }
}

static void check_arguments(const struct fixture *e, const struct json_node *call, struct slice escaped)
{
    struct json_doc found;
    parse(&found, e->arena, escaped.len ? json_unescape(escaped, e->arena) : SLICE("{}"));
    const struct comparison comparison = {e->doc, &found, e->arena};
    if (!is_same(&comparison, json_get(e->doc, call, SLICE("arguments")), json_root(&found), 0)) {
        fail_msg("%s: arguments are %.*s", e->name, SLICE_ARG(escaped));
    }
}

static void check_calls(const struct fixture *e, const struct json_node *expected,
                        const struct neutral_content *content)
{
    const struct json_node *call = NULL;
    for (; content; content = content->next) {
        if (content->block->kind != BLOCK_CALL) {
            continue;
        }
        if (!json_next_element(e->doc, json_get(e->doc, expected, SLICE("tool_calls")), &call)) {
            fail_msg("%s: too many calls", e->name);
        }
        check_text(e, call, "name", content->block->name);
        if (json_string(e->doc, json_get(e->doc, call, SLICE("id")), e->arena).len) {
            check_text(e, call, "id", content->block->call_id);
        } else {
            assert_true(slice_starts_with(content->block->call_id, SLICE("call_")));
        }
        check_arguments(e, call, content->text);
    }
    assert_false(json_next_element(e->doc, json_get(e->doc, expected, SLICE("tool_calls")), &call));
}

static const char *finish_name(enum finish_reason reason)
{
    static const char *const NAMES[] = {[FINISH_STOP] = "stop",
                                        [FINISH_TOOL_CALLS] = "tool_calls",
                                        [FINISH_LENGTH] = "length",
                                        [FINISH_REFUSAL] = "refusal",
                                        [FINISH_CONTENT_FILTER] = "content_filter"};
    return reason < sizeof(NAMES) / sizeof(*NAMES) && NAMES[reason] ? NAMES[reason] : "?";
}

static void check_candidate(const struct fixture *e, const struct json_node *expected,
                            const struct neutral_candidate *found)
{
    const struct json_node *reason = json_get(e->doc, expected, SLICE("finish_ir"));
    bool is_told = json_is(reason, JSON_STRING);
    check_text(e, expected, "text", joined(e->arena, found->content, BLOCK_TEXT));
    check_text(e, expected, "reasoning", joined(e->arena, found->content, BLOCK_REASONING));
    check_text(e, expected, "refusal", joined(e->arena, found->content, BLOCK_REFUSAL));
    check_calls(e, expected, found->content);
    check_text(e, expected, is_told ? "finish_ir" : "finish_ir_by_rule_8_3",
               slice_from_cstr(finish_name(found->finish.reason)));
}

static void check_figure(const struct fixture *e, const struct json_node *usage, const char *name, int64_t found)
{
    int64_t expected = 0;
    (void)json_int64(e->doc, json_get(e->doc, usage, slice_from_cstr(name)), &expected);
    if (known(found) != expected) {
        fail_msg("%s: %s is %lld", e->name, name, (long long)found);
    }
}

static void compare_with_expected(const struct fixture *e, const struct neutral_response *response)
{
    const struct json_node *expected = json_get(e->doc, e->row, SLICE("expected"));
    const struct json_node *usage = json_get(e->doc, expected, SLICE("usage_ir"));
    const struct json_node *error = NULL;
    const struct json_node *each = NULL;
    size_t i = 0;
    if (json_next_element(e->doc, json_get(e->doc, expected, SLICE("errors")), &error)) {
        assert_true(response->has_error);
        check_text(e, error, "message", response->error.message);
        return;
    }
    assert_false(response->has_error);
    while (json_next_element(e->doc, json_get(e->doc, expected, SLICE("candidates")), &each)) {
        assert_true(i < response->n_candidates);
        check_candidate(e, each, &response->candidates[i++]);
    }
    assert_int_equal(i, response->n_candidates);
    check_figure(e, usage, "input_total", response->usage.input);
    check_figure(e, usage, "output_total", response->usage.output);
    check_figure(e, usage, "cache_read", response->usage.cache_read);
    check_figure(e, usage, "reasoning", response->usage.reasoning);
}

// ---- there and back

// Encodes as a stream or a body, decodes that, and compares with what was collected at first.
static void check_again(const char *name, struct slice bytes, bool is_stream, bool to_body, struct slice expected)
{
    struct round there;
    struct round back;
    struct buf found = BUF_EMPTY;
    round_init(&there, to_body);
    round_init(&back, true);
    read_any(&there, bytes, is_stream);
    const struct neutral_response *response = to_body ? collector_response(there.collector) : NULL;
    if (to_body && !response->has_error) {
        chat_encoder.write_body(&there.context, response, &there.out);
        read_any(&back, buf_slice(&there.out), false);
    } else if (!to_body) {
        read_any(&back, buf_slice(&there.out), true);
    }
    if (there.out.len) {
        describe(&found, collector_response(back.collector));
        if (!slice_eq(buf_slice(&found), expected)) {
            fail_msg("%s as a %s:\n%.*s\ninstead of\n%.*s\nfrom %.*s", name, to_body ? "body" : "stream",
                     SLICE_ARG(buf_slice(&found)), SLICE_ARG(expected), SLICE_ARG(buf_slice(&there.out)));
        }
    }
    buf_deinit(&found);
    round_deinit(&there);
    round_deinit(&back);
}

static void check_answer(const struct fixture *e, struct slice bytes, bool is_stream)
{
    struct round round;
    struct buf first = BUF_EMPTY;
    round_init(&round, true);
    read_any(&round, bytes, is_stream);
    describe(&first, collector_response(round.collector));
    compare_with_expected(e, collector_response(round.collector));
    check_again(e->name, bytes, is_stream, false, buf_slice(&first));
    check_again(e->name, bytes, is_stream, true, buf_slice(&first));
    buf_deinit(&first);
    round_deinit(&round);
}

// Of those that are no errors: "oc-s…" and "oc-j…".
static bool is_answer(const struct fixture *fixture)
{
    return strncmp(fixture->name, "oc-s", 4) == 0 || strncmp(fixture->name, "oc-j", 4) == 0;
}

static bool check_file(const struct fixture *fixture)
{
    bool is_ours = is_answer(fixture);
    if (is_ours) {
        check_answer(fixture, fixture_read(fixture->arena, fixture->path),
                     slice_ends_with(slice_from_cstr(fixture->path), SLICE(".sse")));
    }
    return is_ours;
}

static void an_answer_is_what_is_expected_and_encodes_to_itself(void **state)
{
    (void)state;
    size_t n = fixture_each(FIXTURES "EXPECTED.json", SLICE(".sse"), check_file) +
               fixture_each(FIXTURES "EXPECTED.json", SLICE(".response.json"), check_file);
    assert_int_equal(n, 37);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_encodes_to_itself),
        cmocka_unit_test(an_answer_is_what_is_expected_and_encodes_to_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
