// SPDX-License-Identifier: MIT
#include "dialect/answer_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dialect/dialect_internal.h"
#include "dialect/event_trace.h"
#include "http/sse_parser.h"

enum { CANONICAL_DEPTH_MAX = 100 };

struct answer_context fixture_context(struct arena *arena, enum dialect upstream, enum dialect client)
{
    struct json_doc *doc = arena_zalloc(arena, sizeof(*doc));
    struct neutral_request *req = arena_zalloc(arena, sizeof(*req));
    struct loss *loss = arena_zalloc(arena, sizeof(*loss));
    assert_int_equal(json_parse(doc, arena, SLICE("{}"), NULL), 0);
    neutral_request_init(req, client, doc);
    loss_init(loss, arena, doc, LOSS_NORMAL);
    return (struct answer_context){
        .arena = arena,
        .upstream = upstream,
        .client = client,
        .client_model = SLICE("model-of-the-client"),
        .req = req,
        .token = SLICE("0123456789abcdefghijABCDEFGHIJ"),
        .now_s = 1700000000,
        .shows_reasoning = true,
        .loss = loss,
        .estimated_input = 11,
    };
}

// ---- decoding

struct decoding {
    const struct answer_decoder *decoder;
    void *state;
    struct answer *answer;
};

static void on_event(void *arg, const struct sse_event *event)
{
    struct decoding *decoding = arg;
    struct arena scratch;
    struct json_doc doc;
    arena_init(&scratch, 4096);
    struct slice data = arena_dup(&scratch, event->data);
    struct slice name = arena_dup(&scratch, event->name);
    if (event_is_done(data)) {
        if (decoding->decoder->read_done) {
            decoding->decoder->read_done(decoding->state, decoding->answer);
        }
    } else if (json_parse(&doc, &scratch, data, NULL) == 0) {
        decoding->decoder->read_event(decoding->state, decoding->answer, &doc, name);
    }
    arena_deinit(&scratch);
}

static void feed(struct decoding *decoding, struct slice bytes, struct cut cut)
{
    struct sse_parser parser;
    sse_parser_init(&parser, SSE_EVENT_MAX_DEFAULT);
    size_t piece = cut.first ? cut.first : cut.step;
    for (size_t at = 0; at < bytes.len; piece = cut.step) {
        struct slice rest = slice_after(bytes, at);
        rest.len = rest.len < piece ? rest.len : piece;
        assert_int_equal(sse_parser_feed(&parser, rest, on_event, decoding), 0);
        at += rest.len;
    }
    assert_int_equal(sse_parser_finish(&parser, on_event, decoding), 0);
    sse_parser_deinit(&parser);
}

static struct decoding begin(const struct answer_context *context, struct collector *collector)
{
    const struct answer_decoder *decoder = dialect_spoke(context->upstream)->decoder;
    return (struct decoding){
        .decoder = decoder,
        .answer = answer_new(context, collector_sink(collector)),
        .state = arena_zalloc(context->arena, decoder->state_size + 1),
    };
}

static void finish(struct decoding *decoding)
{
    decoding->decoder->read_end(decoding->state, decoding->answer);
    answer_end(decoding->answer, false); // unless the decoder has done it
    assert_true(answer_is_over(decoding->answer));
    answer_deinit(decoding->answer);
}

const struct neutral_response *fixture_decode_stream(const struct answer_context *context, struct slice bytes,
                                                     struct cut cut)
{
    struct collector *collector = collector_new(context->arena, false);
    struct decoding decoding = begin(context, collector);
    feed(&decoding, bytes, cut);
    finish(&decoding);
    return collector_response(collector);
}

// Gemini's stream in the form of an array.
static const struct neutral_response *decode_array(const struct answer_context *context, const struct json_doc *array)
{
    struct collector *collector = collector_new(context->arena, false);
    struct decoding decoding = begin(context, collector);
    const struct json_node *element = NULL;
    while (json_next_element(array, json_root(array), &element)) {
        on_event(&decoding, &(struct sse_event){.data = json_raw(array, element)});
    }
    finish(&decoding);
    return collector_response(collector);
}

const struct neutral_response *fixture_decode_body(const struct answer_context *context, struct slice body)
{
    struct json_doc *doc = arena_zalloc(context->arena, sizeof(*doc));
    assert_int_equal(json_parse(doc, context->arena, body, NULL), 0);
    if (json_is(json_root(doc), JSON_ARRAY)) {
        return decode_array(context, doc);
    }
    struct collector *collector = collector_new(context->arena, true);
    struct decoding decoding = begin(context, collector);
    answer_borrow(decoding.answer);
    decoding.decoder->read_body(decoding.answer, doc);
    answer_end(decoding.answer, false); // unless the decoder has done it
    assert_true(answer_is_over(decoding.answer));
    answer_deinit(decoding.answer);
    return collector_response(collector);
}

// ---- canonical JSON

struct member {
    struct slice name;
    const struct json_node *value;
};

static int compare_members(const void *a, const void *b)
{
    const struct member *x = a;
    const struct member *y = b;
    size_t len = x->name.len < y->name.len ? x->name.len : y->name.len;
    int r = len ? memcmp(x->name.ptr, y->name.ptr, len) : 0;
    return r ? r : (x->name.len > y->name.len) - (x->name.len < y->name.len);
}

static void append_quoted(struct buf *out, struct slice text)
{
    buf_append_char(out, '"');
    json_escape(out, text);
    buf_append_char(out, '"');
}

static void canonical(const struct json_doc *doc, const struct json_node *node, struct arena *arena, unsigned depth,
                      struct buf *out);

static void canonical_object(const struct json_doc *doc, const struct json_node *object, struct arena *arena,
                             unsigned depth, struct buf *out)
{
    const struct json_node *key = NULL;
    const struct json_node *value = NULL;
    size_t n = 0;
    while (json_next_member(doc, object, &key, &value)) {
        n++;
    }
    struct member *members = arena_alloc(arena, (n + 1) * sizeof(*members));
    n = 0;
    for (key = NULL, value = NULL; json_next_member(doc, object, &key, &value); n++) {
        members[n] = (struct member){json_string(doc, key, arena), value};
    }
    qsort(members, n, sizeof(*members), compare_members);
    buf_append_char(out, '{');
    for (size_t i = 0; i < n; i++) {
        buf_append(out, i ? SLICE(",") : SLICE(""));
        append_quoted(out, members[i].name);
        buf_append_char(out, ':');
        canonical(doc, members[i].value, arena, depth + 1, out);
    }
    buf_append_char(out, '}');
}

static void canonical_array(const struct json_doc *doc, const struct json_node *array, struct arena *arena,
                            unsigned depth, struct buf *out)
{
    const struct json_node *element = NULL;
    char separator = '[';
    while (json_next_element(doc, array, &element)) {
        buf_append_char(out, separator);
        canonical(doc, element, arena, depth + 1, out);
        separator = ',';
    }
    buf_append(out, separator == '[' ? SLICE("[]") : SLICE("]"));
}

// Whole numbers keep all their digits.
static void canonical_number(const struct json_doc *doc, const struct json_node *number, struct buf *out)
{
    struct slice raw = json_raw(doc, number);
    double value = 0;
    bool is_whole = true;
    for (size_t i = 0; i < raw.len; i++) {
        is_whole = is_whole && (raw.ptr[i] == '-' || (raw.ptr[i] >= '0' && raw.ptr[i] <= '9'));
    }
    if (!is_whole && json_double(doc, number, &value)) {
        buf_printf(out, "%.17g", value);
    } else {
        buf_append(out, raw);
    }
}

static void canonical(const struct json_doc *doc, const struct json_node *node, struct arena *arena, unsigned depth,
                      struct buf *out)
{
    assert_true(depth < CANONICAL_DEPTH_MAX);
    if (node->type == JSON_OBJECT) {
        canonical_object(doc, node, arena, depth, out);
    } else if (node->type == JSON_ARRAY) {
        canonical_array(doc, node, arena, depth, out);
    } else if (node->type == JSON_STRING) {
        append_quoted(out, json_string(doc, node, arena));
    } else if (node->type == JSON_NUMBER) {
        canonical_number(doc, node, out);
    } else {
        buf_append(out, json_raw(doc, node));
    }
}

void fixture_canonical_node(const struct json_doc *doc, const struct json_node *node, struct arena *arena,
                            struct buf *out)
{
    canonical(doc, node, arena, 0, out);
}

void fixture_canonical(struct arena *arena, struct slice json, struct buf *out)
{
    struct json_doc doc;
    if (json_parse(&doc, arena, json, NULL) == 0) {
        canonical(&doc, json_root(&doc), arena, 0, out);
        return;
    }
    buf_append(out, SLICE("{\"_invalid_json\":"));
    append_quoted(out, json);
    buf_append_char(out, '}');
}

// ---- the whole

static const char *const KIND_NAMES[] = {
    [BLOCK_TEXT] = "text",       [BLOCK_REASONING] = "reasoning", [BLOCK_CALL] = "call",
    [BLOCK_REFUSAL] = "refusal", [BLOCK_MEDIA] = "media",         [BLOCK_NATIVE] = "native",
};

static void describe_content(const struct neutral_content *content, struct buf *out)
{
    const struct neutral_block *block = content->block;
    buf_printf(out, "%s %.*s %.*s %.*s%s%s\n", KIND_NAMES[block->kind], SLICE_ARG(block->call_id),
               SLICE_ARG(block->name), SLICE_ARG(block->phase), block->is_summary ? " summary" : "",
               content->is_partial ? " partial" : "");
    buf_printf(out, "  text: %.*s\n", SLICE_ARG(content->text));
    for (size_t i = 0; i < content->n_parts; i++) {
        buf_printf(out, "  part: %.*s\n", SLICE_ARG(content->parts[i]));
    }
    for (size_t i = 0; i < content->n_citations; i++) {
        buf_printf(out, "  citation: %.*s\n", SLICE_ARG(content->citations[i]));
    }
    buf_printf(out, "  opaque: %d %.*s\n  logprobs: %.*s\n  media: %.*s\n  raw: %.*s\n", (int)content->opaque.kind,
               SLICE_ARG(content->opaque.data), SLICE_ARG(content->logprobs), SLICE_ARG(block->media.data),
               SLICE_ARG(block->raw));
}

void fixture_describe(const struct neutral_response *response, struct buf *out)
{
    const struct answer_head *head = &response->head;
    buf_printf(out, "id: %.*s\nmodel: %.*s\ncreated: %lld\ntier: %.*s\n", SLICE_ARG(head->id), SLICE_ARG(head->model),
               (long long)head->created_s, SLICE_ARG(head->service_tier));
    for (size_t i = 0; i < response->n_candidates; i++) {
        const struct neutral_candidate *candidate = &response->candidates[i];
        for (const struct neutral_content *content = candidate->content; content; content = content->next) {
            describe_content(content, out);
        }
        buf_printf(out, "finish: %s (%.*s) stop: %.*s detail: %.*s\n", event_trace_reason(candidate->finish.reason),
                   SLICE_ARG(candidate->finish.native), SLICE_ARG(candidate->finish.stop_sequence),
                   SLICE_ARG(candidate->finish.detail));
    }
    fixture_gist_usage(out, &response->usage);
    if (response->has_error) {
        buf_printf(out, "error: %s %.*s\n", fault_name(response->error.fault), SLICE_ARG(response->error.message));
    }
}

// ---- the gist

void fixture_gist_text(struct buf *out, const char *name, struct slice text)
{
    if (text.len) {
        buf_printf(out, "%s: %.*s\n", name, SLICE_ARG(text));
    }
}

static long long known(int64_t figure)
{
    return figure < 0 ? 0 : figure;
}

void fixture_gist_usage(struct buf *out, const struct usage *usage)
{
    buf_printf(out, "usage: input %lld, cache read %lld, cache write %lld, output %lld, reasoning %lld\n",
               known(usage->input), known(usage->cache_read), known(usage->cache_write), known(usage->output),
               known(usage->reasoning));
}

static void add_reasoning(const struct gist *gist, const struct neutral_content *content, struct buf *reasoning)
{
    const struct slice *parts = content->n_parts ? content->parts : &content->text;
    size_t n_parts = content->n_parts ? content->n_parts : 1;
    for (size_t i = 0; i < n_parts; i++) {
        buf_append(reasoning, reasoning->len && parts[i].len ? gist->reasoning_glue : SLICE(""));
        buf_append(reasoning, json_unescape(parts[i], gist->arena));
    }
}

static void add_call(const struct gist *gist, const struct neutral_content *content, struct buf *calls)
{
    const struct neutral_block *block = content->block;
    struct slice text = json_unescape(content->text, gist->arena);
    buf_printf(calls, "call: %.*s %.*s ", SLICE_ARG(gist->has_no_ids ? SLICE("") : block->call_id),
               SLICE_ARG(block->name));
    if (block->tool_kind == TOOL_CUSTOM) {
        buf_append(calls, text);
    } else {
        fixture_canonical(gist->arena, text.len ? text : SLICE("{}"), calls);
    }
    buf_append_char(calls, '\n');
}

static void gist_candidate(const struct gist *gist, const struct neutral_candidate *candidate, struct buf *out)
{
    struct buf texts[4] = {BUF_EMPTY, BUF_EMPTY, BUF_EMPTY, BUF_EMPTY};
    for (const struct neutral_content *content = candidate->content; content; content = content->next) {
        enum block_kind kind = content->block->kind;
        if (kind == BLOCK_REASONING) {
            add_reasoning(gist, content, &texts[kind]);
        } else if (kind == BLOCK_CALL) {
            add_call(gist, content, &texts[kind]);
        } else if (kind == BLOCK_TEXT || kind == BLOCK_REFUSAL) {
            buf_append(&texts[gist->has_no_refusals ? BLOCK_TEXT : kind], json_unescape(content->text, gist->arena));
        }
    }
    fixture_gist_text(out, "text", buf_slice(&texts[BLOCK_TEXT]));
    if (!gist->has_no_reasoning) {
        fixture_gist_text(out, "reasoning", buf_slice(&texts[BLOCK_REASONING]));
    }
    fixture_gist_text(out, "refusal", buf_slice(&texts[BLOCK_REFUSAL]));
    buf_append(out, buf_slice(&texts[BLOCK_CALL]));
    buf_printf(out, "finish: %s\n", event_trace_reason(candidate->finish.reason));
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        buf_deinit(&texts[i]);
    }
}

void fixture_gist(const struct gist *gist, const struct neutral_response *response, struct buf *out)
{
    if (response->has_error) {
        buf_printf(out, "error: %s %.*s\n", fault_name(response->error.fault), SLICE_ARG(response->error.message));
        return;
    }
    for (size_t i = 0; i < response->n_candidates; i++) {
        buf_printf(out, "candidate %zu\n", i);
        gist_candidate(gist, &response->candidates[i], out);
    }
    fixture_gist_usage(out, &response->usage);
}

struct slice fixture_without_empty_lines(struct arena *arena, struct slice text)
{
    char *kept = arena_text(arena, text.len);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\n' && i + 1 < text.len && text.ptr[i + 1] == '\n') {
            i++;
        } else {
            kept[len++] = text.ptr[i];
        }
    }
    return slice_of(kept, len);
}

// ---- comparison

void fixture_compare(size_t *n_failed, const char *name, struct slice expected, struct slice found)
{
    for (size_t line = 1; expected.len || found.len; line++) {
        struct slice a = slice_split(&expected, '\n');
        struct slice b = slice_split(&found, '\n');
        if (!slice_eq(a, b)) {
            print_error("%s, line %zu:\n- %.*s\n+ %.*s\n", name, line, SLICE_ARG(a), SLICE_ARG(b));
            (*n_failed)++;
            return;
        }
    }
}
