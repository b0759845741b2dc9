// SPDX-License-Identifier: MIT
// Every recorded request that Anthropic accepted, read and written again, says the same; so does every recorded answer.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/arena.h"
#include "dialect/dialect_internal.h"
#include "dialect/fixture_file.h"
#include "dialect/tool_arguments.h"
#include "dialect/translate.h"
#include "http/sse_parser.h"
#include "json/json_reader.h"

static void parse(struct json_doc *doc, struct arena *arena, struct slice text)
{
    if (json_parse(doc, arena, text, NULL) != 0) {
        fail_msg("no JSON at %zu: %.*s", doc->error_offset, SLICE_ARG(text));
    }
}

// ---- what says the same

struct side {
    const struct json_doc *doc;
    const struct json_node *node;
};

// A member that may be missing on the other side.
struct ignored {
    struct slice name;
    struct slice raw;
    const char *why;
};

static const struct ignored IGNORED[] = {
    {SLICE_INIT("stream"), SLICE_INIT("false"), "is the default"},
    {SLICE_INIT("is_error"), SLICE_INIT("false"), "is the default"},
    {SLICE_INIT("description"), SLICE_INIT("\"\""), "an empty description says nothing"},
    {SLICE_INIT("ttl"), SLICE_INIT("\"5m\""), "is the default"},
};

static bool is_ignored(const struct side *object, const struct json_node *key, const struct json_node *value)
{
    for (size_t i = 0; i < sizeof(IGNORED) / sizeof(*IGNORED); i++) {
        if (json_string_is(object->doc, key, IGNORED[i].name) &&
            slice_eq(json_raw(object->doc, value), IGNORED[i].raw)) {
            return true;
        }
    }
    return false;
}

static bool is_same(struct side a, struct side b, struct arena *arena);

static bool has_same_members(struct side a, struct side b, struct arena *arena)
{
    const struct json_node *key = NULL;
    const struct json_node *value = NULL;
    while (json_next_member(a.doc, a.node, &key, &value)) {
        const struct json_node *other = json_get(b.doc, b.node, json_string(a.doc, key, arena));
        bool is_good = other ? is_same((struct side){a.doc, value}, (struct side){b.doc, other}, arena)
                             : is_ignored(&a, key, value);
        if (!is_good) {
            print_message("differs: %.*s\n", SLICE_ARG(json_raw(a.doc, key)));
            return false;
        }
    }
    return true;
}

static bool has_same_elements(struct side a, struct side b, struct arena *arena)
{
    const struct json_node *one = NULL;
    const struct json_node *other = NULL;
    while (json_next_element(a.doc, a.node, &one)) {
        if (!json_next_element(b.doc, b.node, &other) ||
            !is_same((struct side){a.doc, one}, (struct side){b.doc, other}, arena)) {
            return false;
        }
    }
    return !json_next_element(b.doc, b.node, &other);
}

// A text alone may be a string or a block of it in an array.
static struct slice text_alone(struct side side, struct arena *arena)
{
    const struct json_node *block = NULL;
    const struct json_node *second = NULL;
    if (json_is(side.node, JSON_STRING)) {
        return json_string(side.doc, side.node, arena);
    }
    if (!json_next_element(side.doc, side.node, &block) ||
        !json_string_is(side.doc, json_get(side.doc, block, SLICE("type")), SLICE("text")) ||
        json_get(side.doc, block, SLICE("cache_control"))) {
        return SLICE_EMPTY;
    }
    second = block;
    return json_next_element(side.doc, side.node, &second)
               ? SLICE_EMPTY
               : json_string(side.doc, json_get(side.doc, block, SLICE("text")), arena);
}

static bool is_same(struct side a, struct side b, struct arena *arena)
{
    struct slice text = text_alone(a, arena);
    double x = 0;
    double y = 1;
    if (text.ptr) {
        struct slice other = text_alone(b, arena);
        return other.ptr && slice_eq(text, other);
    }
    if (a.node->type != b.node->type) {
        return false;
    }
    switch ((enum json_type)a.node->type) {
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE: return true;
    case JSON_NUMBER: return json_double(a.doc, a.node, &x) && json_double(b.doc, b.node, &y) && x == y;
    case JSON_STRING: return slice_eq(json_string(a.doc, a.node, arena), json_string(b.doc, b.node, arena));
    case JSON_ARRAY: return has_same_elements(a, b, arena);
    case JSON_OBJECT: return has_same_members(a, b, arena) && has_same_members(b, a, arena);
    }
    return false;
}

// Messages of one role that stand together are one for Anthropic: they are compared block by block.
static void flatten_messages(struct side request, struct buf *out)
{
    const struct json_node *message = NULL;
    struct slice role = SLICE_EMPTY;
    buf_append(out, SLICE("[\"\""));
    while (json_next_element(request.doc, json_get(request.doc, request.node, SLICE("messages")), &message)) {
        const struct json_node *content = json_get(request.doc, message, SLICE("content"));
        struct slice own_role = json_raw(request.doc, json_get(request.doc, message, SLICE("role")));
        const struct json_node *block = NULL;
        if (!slice_eq(role, own_role)) {
            buf_append_char(out, ',');
            buf_append(out, own_role);
            role = own_role;
        }
        if (json_is(content, JSON_STRING)) {
            buf_append(out, SLICE(",{\"type\":\"text\",\"text\":"));
            buf_append(out, json_raw(request.doc, content));
            buf_append_char(out, '}');
        }
        while (json_next_element(request.doc, content, &block)) {
            buf_append_char(out, ',');
            buf_append(out, json_raw(request.doc, block));
        }
    }
    buf_append_char(out, ']');
}

static bool has_same_messages(struct side a, struct side b, struct arena *arena)
{
    struct buf one = BUF_EMPTY;
    struct buf other = BUF_EMPTY;
    struct json_doc docs[2];
    flatten_messages(a, &one);
    flatten_messages(b, &other);
    parse(&docs[0], arena, arena_dup(arena, buf_slice(&one)));
    parse(&docs[1], arena, arena_dup(arena, buf_slice(&other)));
    buf_deinit(&one);
    buf_deinit(&other);
    return has_same_elements((struct side){&docs[0], json_root(&docs[0])}, (struct side){&docs[1], json_root(&docs[1])},
                             arena);
}

static bool is_same_request(struct side a, struct side b, struct arena *arena)
{
    const struct json_node *key = NULL;
    const struct json_node *value = NULL;
    if (!has_same_messages(a, b, arena)) {
        print_message("messages differ\n");
        return false;
    }
    while (json_next_member(a.doc, a.node, &key, &value)) {
        const struct json_node *other = json_get(b.doc, b.node, json_string(a.doc, key, arena));
        bool is_good = json_string_is(a.doc, key, SLICE("messages")) ||
                       (other ? is_same((struct side){a.doc, value}, (struct side){b.doc, other}, arena)
                              : is_ignored(&a, key, value));
        if (!is_good) {
            print_message("differs: %.*s\n", SLICE_ARG(json_raw(a.doc, key)));
            return false;
        }
    }
    return true;
}

// ---- requests

static void check_request(struct arena *arena, const char *path, struct slice body, bool counts)
{
    struct translated_request result;
    struct buf out = BUF_EMPTY;
    struct json_doc doc;
    struct json_doc written;
    parse(&doc, arena, body);
    struct translate_options options = {
        .client = DIALECT_ANTHROPIC,
        .upstream = DIALECT_ANTHROPIC,
        .upstream_model = json_string(&doc, json_get(&doc, json_root(&doc), SLICE("model")), arena),
        .counts = counts,
    };
    if (!translate_request(arena, &doc, &options, &result, &out)) {
        fail_msg("%s: %.*s", path, SLICE_ARG(result.loss.message));
    }
    parse(&written, arena, arena_dup(arena, buf_slice(&out)));
    struct side a = {&doc, json_root(&doc)};
    struct side b = {&written, json_root(&written)};
    if (!is_same_request(a, b, arena) || !is_same_request(b, a, arena)) {
        fail_msg("%s became\n%.*s", path, SLICE_ARG(buf_slice(&out)));
    }
    buf_deinit(&out);
}

// A request for counting tokens, and its answer.
static bool counts(const struct fixture *fixture)
{
    return slice_starts_with(slice_from_cstr(fixture->name), SLICE("an-c"));
}

static bool check_request_file(const struct fixture *fixture)
{
    if (fixture->dialect != DIALECT_ANTHROPIC || fixture_status(fixture) != 200) {
        return false;
    }
    check_request(fixture->arena, fixture->path, fixture_read(fixture->arena, fixture->path), counts(fixture));
    return true;
}

static void requests_say_the_same_when_written_again(void **state)
{
    (void)state;
    assert_true(fixture_each(FIXTURES "EXPECTED.json", SLICE(".request.json"), check_request_file) >= 30);
}

// ---- answers

static const struct neutral_request *request_for(struct arena *arena, bool wants_stream)
{
    struct neutral_request *req = arena_alloc(arena, sizeof(*req));
    neutral_request_init(req, DIALECT_ANTHROPIC, NULL);
    req->wants_stream = wants_stream;
    return req;
}

static struct answer_context context_for(struct arena *arena, const struct neutral_request *req)
{
    return (struct answer_context){
        .arena = arena,
        .upstream = DIALECT_ANTHROPIC,
        .client = DIALECT_ANTHROPIC,
        .client_model = SLICE("model-of-the-client"),
        .req = req,
        .token = SLICE("0123456789abcdefghijkl"),
        .estimated_input = -1,
    };
}

// A decoder that tells a collector.
struct reading {
    struct arena *arena;
    void *state;
    struct answer *answer;
    struct collector *collector;
    struct slice last_name; // static
    size_t n_starts;
    size_t n_stops;
};

static void begin_reading(struct reading *reading, struct arena *arena)
{
    struct answer_context context = context_for(arena, request_for(arena, false));
    *reading = (struct reading){.arena = arena};
    reading->state = arena_zalloc(arena, dialect_spoke(DIALECT_ANTHROPIC)->decoder->state_size);
    reading->collector = collector_new(arena, false);
    reading->answer = answer_new(&context, collector_sink(reading->collector));
}

static void on_event(void *arg, const struct sse_event *event)
{
    struct reading *reading = arg;
    struct json_doc doc;
    if (json_parse(&doc, reading->arena, arena_dup(reading->arena, event->data), NULL) != 0) {
        return; // one recording has an event that is none, on purpose
    }
    dialect_spoke(DIALECT_ANTHROPIC)->decoder->read_event(reading->state, reading->answer, &doc, event->name);
}

// What our own stream has to be besides: each event named by its type, one message, blocks in a row.
static void on_own_event(void *arg, const struct sse_event *event)
{
    struct reading *reading = arg;
    struct json_doc doc;
    parse(&doc, reading->arena, arena_dup(reading->arena, event->data));
    assert_true(json_string_is(&doc, json_get(&doc, json_root(&doc), SLICE("type")), event->name));
    reading->n_starts += slice_eq(event->name, SLICE("message_start"));
    reading->n_stops += slice_eq(event->name, SLICE("message_stop"));
    on_event(arg, event);
}

static void feed(struct reading *reading, struct slice bytes, sse_event_fn on)
{
    struct sse_parser parser;
    sse_parser_init(&parser, SSE_EVENT_MAX_DEFAULT);
    assert_int_equal(sse_parser_feed(&parser, bytes, on, reading), 0);
    assert_int_equal(sse_parser_finish(&parser, on, reading), 0);
    sse_parser_deinit(&parser);
    dialect_spoke(DIALECT_ANTHROPIC)->decoder->read_end(reading->state, reading->answer);
}

static const struct neutral_response *read_answer(struct arena *arena, struct slice bytes, bool is_stream, bool is_own)
{
    struct reading *reading = arena_alloc(arena, sizeof(*reading));
    struct json_doc *doc = arena_alloc(arena, sizeof(*doc));
    begin_reading(reading, arena);
    if (is_stream) {
        feed(reading, bytes, is_own ? on_own_event : on_event);
    } else {
        parse(doc, arena, bytes);
        dialect_spoke(DIALECT_ANTHROPIC)->decoder->read_body(reading->answer, doc);
    }
    const struct neutral_response *response = collector_response(reading->collector);
    if (is_own && is_stream && !response->has_error) {
        assert_int_equal(reading->n_starts, 1);
        assert_int_equal(reading->n_stops, 1);
    }
    answer_deinit(reading->answer);
    return response;
}

struct writing {
    struct translation *translation;
    struct buf out;
};

static void on_recorded_event(void *arg, const struct sse_event *event)
{
    struct writing *writing = arg;
    translation_feed(writing->translation, event->name, event->data, &writing->out);
}

// The recording, translated to its own dialect.
static struct slice write_answer(struct arena *arena, struct slice bytes, bool is_stream, bool wants_stream)
{
    struct answer_context context = context_for(arena, request_for(arena, wants_stream));
    struct writing writing = {.translation = translation_new(&context)};
    if (is_stream) {
        struct sse_parser parser;
        sse_parser_init(&parser, SSE_EVENT_MAX_DEFAULT);
        assert_int_equal(sse_parser_feed(&parser, bytes, on_recorded_event, &writing), 0);
        assert_int_equal(sse_parser_finish(&parser, on_recorded_event, &writing), 0);
        sse_parser_deinit(&parser);
        translation_finish(writing.translation, &writing.out);
    } else {
        translation_answer(writing.translation, bytes, &writing.out);
    }
    translation_deinit(writing.translation);
    struct slice written = arena_dup(arena, buf_slice(&writing.out));
    buf_deinit(&writing.out);
    return written;
}

static void assert_same_text(const char *what, struct slice a, struct slice b)
{
    if (!slice_eq(a, b)) {
        fail_msg("%s: %.*s became %.*s", what, SLICE_ARG(a), SLICE_ARG(b));
    }
}

static void assert_same_json(struct slice a, struct slice b, struct arena *arena)
{
    struct json_doc docs[2];
    parse(&docs[0], arena, a);
    parse(&docs[1], arena, b);
    if (!is_same((struct side){&docs[0], json_root(&docs[0])}, (struct side){&docs[1], json_root(&docs[1])}, arena)) {
        fail_msg("%.*s became %.*s", SLICE_ARG(a), SLICE_ARG(b));
    }
}

// Arguments that were cut off are no JSON; in a whole body they become a member of an object.
static void assert_same_arguments(struct slice a, struct slice b, struct arena *arena)
{
    struct slice one;
    struct slice other;
    struct json_doc doc;
    if (json_parse(&doc, arena, json_unescape(a, arena), NULL) == 0 || !a.len) {
        (void)arguments_object_of(a, arena, &one);
        (void)arguments_object_of(b, arena, &other);
        assert_same_json(one, other, arena);
    } else if (!slice_eq(a, b)) {
        (void)arguments_object_of(a, arena, &one);
        assert_same_json(one, json_unescape(b, arena), arena);
    }
}

static void assert_same_content(const struct neutral_content *a, const struct neutral_content *b, struct arena *arena)
{
    assert_int_equal(a->block->kind, b->block->kind);
    switch (a->block->kind) {
    case BLOCK_CALL:
        assert_same_text("name", a->block->name, b->block->name);
        assert_same_text("id", a->block->call_id, b->block->call_id);
        assert_same_arguments(a->text, b->text, arena);
        break;
    case BLOCK_NATIVE: assert_same_json(a->block->raw, b->block->raw, arena); break;
    case BLOCK_TEXT:
    case BLOCK_REASONING:
    case BLOCK_REFUSAL:
    case BLOCK_MEDIA: assert_same_text("text", a->text, b->text); break;
    }
    assert_int_equal(a->opaque.kind, b->opaque.kind);
    assert_same_text("opaque", a->opaque.data, b->opaque.data);
}

// Empty texts are not written.
static const struct neutral_content *skip_empty(const struct neutral_content *content)
{
    while (content && content->block->kind == BLOCK_TEXT && !content->text.len) {
        content = content->next;
    }
    return content;
}

static int64_t floor_zero(int64_t figure)
{
    return figure > 0 ? figure : 0;
}

static void assert_same_response(const struct neutral_response *a, const struct neutral_response *b,
                                 struct arena *arena)
{
    assert_int_equal(a->has_error, b->has_error);
    if (a->has_error) {
        return;
    }
    assert_int_equal(a->n_candidates, 1);
    assert_int_equal(b->n_candidates, 1);
    const struct neutral_content *one = skip_empty(a->candidates[0].content);
    const struct neutral_content *other = skip_empty(b->candidates[0].content);
    while (one && other) {
        assert_same_content(one, other, arena);
        one = skip_empty(one->next);
        other = skip_empty(other->next);
    }
    assert_true(!one && !other);
    const struct finish *f = &a->candidates[0].finish;
    const struct finish *g = &b->candidates[0].finish;
    assert_int_equal(f->reason, g->reason);
    assert_same_text("stop sequence", f->stop_sequence, g->stop_sequence);
    assert_same_text("explanation", f->detail, g->detail);
    assert_same_text("category", f->category, g->category);
    assert_int_equal(floor_zero(a->usage.input), floor_zero(b->usage.input));
    assert_int_equal(floor_zero(a->usage.output), floor_zero(b->usage.output));
    assert_int_equal(floor_zero(a->usage.cache_read), floor_zero(b->usage.cache_read));
    assert_int_equal(floor_zero(a->usage.cache_write), floor_zero(b->usage.cache_write));
    assert_int_equal(floor_zero(a->usage.reasoning), floor_zero(b->usage.reasoning));
}

static bool check_answer_file(const struct fixture *fixture)
{
    struct arena *arena = fixture->arena;
    bool is_stream = slice_ends_with(slice_from_cstr(fixture->path), SLICE(".sse"));
    if (fixture->dialect != DIALECT_ANTHROPIC || counts(fixture)) {
        return false;
    }
    struct slice bytes = fixture_read(arena, fixture->path);
    const struct neutral_response *first = read_answer(arena, bytes, is_stream, false);
    assert_true(first->is_over);
    for (int wants_stream = 0; wants_stream < 2; wants_stream++) {
        struct slice written = write_answer(arena, bytes, is_stream, wants_stream);
        if (first->has_error && !written.len) {
            continue; // the caller says it with a status
        }
        assert_same_response(first, read_answer(arena, written, wants_stream, true), arena);
    }
    return true;
}

static void answers_say_the_same_when_written_again(void **state)
{
    (void)state;
    size_t n = fixture_each(FIXTURES "EXPECTED.json", SLICE(".sse"), check_answer_file) +
               fixture_each(FIXTURES "EXPECTED.json", SLICE(".response.json"), check_answer_file);
    assert_true(n >= 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_say_the_same_when_written_again),
        cmocka_unit_test(answers_say_the_same_when_written_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
