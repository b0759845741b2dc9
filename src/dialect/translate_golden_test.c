// SPDX-License-Identifier: MIT
// All twelve ordered pairs of dialects on a handful of scenarios, byte by byte against tests/golden/translate (its
// README says what lies there). With UPDATE_GOLDEN=1 in the environment the expected files are written anew: read their
// diff before you believe it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dialect/answer_fixture.h"
#include "dialect/feeding.h"
#include "dialect/translate.h"
#include "json/json_writer.h"

#define FOLDER "tests/golden/translate"

enum { PRETTY_DEPTH_MAX = 40 };

// What is asked of which models.
struct scenario {
    const char *name;
    struct slice models[N_DIALECTS];
    bool streams;
};

static const struct scenario REQUESTS[] = {
    {"text",
     {SLICE_INIT("claude-sonnet-4-5"), SLICE_INIT("gpt-4.1"), SLICE_INIT("gpt-4.1"), SLICE_INIT("gemini-2.5-flash")},
     true},
    {"tools",
     {SLICE_INIT("claude-sonnet-4-5"), SLICE_INIT("gpt-4.1"), SLICE_INIT("gpt-4.1"), SLICE_INIT("gemini-2.5-flash")},
     false},
    {"image",
     {SLICE_INIT("claude-sonnet-4-5"), SLICE_INIT("gpt-4.1"), SLICE_INIT("gpt-4.1"), SLICE_INIT("gemini-2.5-flash")},
     false},
    {"schema",
     {SLICE_INIT("claude-sonnet-4-6"), SLICE_INIT("gpt-5.1"), SLICE_INIT("gpt-5.1"), SLICE_INIT("gemini-2.5-flash")},
     false},
    {"reasoning",
     {SLICE_INIT("claude-sonnet-4-5"), SLICE_INIT("gpt-5.1"), SLICE_INIT("gpt-5.1"), SLICE_INIT("gemini-3-pro")},
     false},
};

static const char *const ANSWERS[] = {"text", "tools", "reasoning"};

// One ordered pair in one scenario.
struct pair {
    enum dialect client;
    enum dialect upstream;
    const struct scenario *scenario;
    struct arena *arena;
    size_t *n_failed;
};

typedef void (*pair_fn)(const struct pair *pair);

// ---- files

static const char *path_of(const struct pair *pair, const char *name, const char *kind)
{
    return arena_cstr(pair->arena, arena_printf(pair->arena, FOLDER "/%s-%s/%s.%s", dialect_name(pair->client),
                                                dialect_name(pair->upstream), name, kind));
}

static const char *input_path(const struct pair *pair, const char *side, enum dialect dialect, const char *name,
                              const char *kind)
{
    return arena_cstr(pair->arena,
                      arena_printf(pair->arena, FOLDER "/%s/%s/%s.%s", side, dialect_name(dialect), name, kind));
}

static bool exists(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file) {
        fclose(file);
    }
    return file != NULL;
}

static void write_file(const char *path, struct slice bytes)
{
    FILE *file = fopen(path, "wb");
    if (!file) {
        fail_msg("cannot write %s", path);
    }
    assert_int_equal(fwrite(bytes.ptr ? bytes.ptr : "", 1, bytes.len, file), bytes.len);
    assert_int_equal(fclose(file), 0);
}

static void check_golden(const struct pair *pair, const char *path, struct slice found)
{
    if (getenv("UPDATE_GOLDEN")) {
        write_file(path, found);
        return;
    }
    struct slice expected = fixture_read(pair->arena, path);
    fixture_compare(pair->n_failed, path, expected, found);
}

// ---- JSON as people read it

static void pretty(const struct json_doc *doc, const struct json_node *node, unsigned depth, struct buf *out);

static void new_line(unsigned depth, struct buf *out)
{
    buf_printf(out, "\n%*s", (int)(2 * depth), "");
}

static void pretty_object(const struct json_doc *doc, const struct json_node *object, unsigned depth, struct buf *out)
{
    const struct json_node *key = NULL;
    const struct json_node *value = NULL;
    size_t n = 0;
    buf_append_char(out, '{');
    for (; json_next_member(doc, object, &key, &value); n++) {
        buf_append(out, n ? SLICE(",") : SLICE(""));
        new_line(depth + 1, out);
        buf_append(out, json_raw(doc, key));
        buf_append(out, SLICE(": "));
        pretty(doc, value, depth + 1, out);
    }
    if (n) {
        new_line(depth, out);
    }
    buf_append_char(out, '}');
}

static void pretty_array(const struct json_doc *doc, const struct json_node *array, unsigned depth, struct buf *out)
{
    const struct json_node *element = NULL;
    size_t n = 0;
    buf_append_char(out, '[');
    for (; json_next_element(doc, array, &element); n++) {
        buf_append(out, n ? SLICE(",") : SLICE(""));
        new_line(depth + 1, out);
        pretty(doc, element, depth + 1, out);
    }
    if (n) {
        new_line(depth, out);
    }
    buf_append_char(out, ']');
}

static void pretty(const struct json_doc *doc, const struct json_node *node, unsigned depth, struct buf *out)
{
    assert_true(depth < PRETTY_DEPTH_MAX);
    if (node->type == JSON_OBJECT) {
        pretty_object(doc, node, depth, out);
    } else if (node->type == JSON_ARRAY) {
        pretty_array(doc, node, depth, out);
    } else {
        buf_append(out, json_raw(doc, node));
    }
}

static struct slice prettified(const struct pair *pair, struct slice json)
{
    struct json_doc doc;
    struct buf out = BUF_EMPTY;
    if (json_parse(&doc, pair->arena, json, NULL) != 0) {
        fail_msg("%s to %s, %s: no JSON: %.*s", dialect_name(pair->client), dialect_name(pair->upstream),
                 pair->scenario->name, SLICE_ARG(json));
    }
    pretty(&doc, json_root(&doc), 0, &out);
    buf_append_char(&out, '\n');
    struct slice text = arena_dup(pair->arena, buf_slice(&out));
    buf_deinit(&out);
    return text;
}

// ---- requests

// A pair may have a request of its own, where it depends on what the upstream answered.
static struct slice client_request(const struct pair *pair)
{
    const char *own = path_of(pair, pair->scenario->name, "client.json");
    return fixture_read(pair->arena,
                        exists(own) ? own : input_path(pair, "clients", pair->client, pair->scenario->name, "json"));
}

static struct translated_request *translate(const struct pair *pair, struct buf *out)
{
    struct translated_request *result = arena_zalloc(pair->arena, sizeof(*result));
    struct json_doc *doc = arena_zalloc(pair->arena, sizeof(*doc));
    struct translate_options options = {
        .client = pair->client,
        .upstream = pair->upstream,
        .upstream_model = pair->scenario->models[pair->upstream],
        .wants_stream = pair->client == DIALECT_GEMINI && pair->scenario->streams,
        .has_stream_in_path = pair->client == DIALECT_GEMINI,
    };
    assert_int_equal(json_parse(doc, pair->arena, client_request(pair), NULL), 0);
    if (!translate_request(pair->arena, doc, &options, result, out)) {
        fail_msg("%s to %s, %s: %.*s: %.*s", dialect_name(pair->client), dialect_name(pair->upstream),
                 pair->scenario->name, SLICE_ARG(result->loss.param), SLICE_ARG(result->loss.message));
    }
    assert_int_equal(result->req.wants_stream, pair->scenario->streams);
    return result;
}

// The body, and behind it what the client is told to have lost.
static void check_request(const struct pair *pair)
{
    struct buf out = BUF_EMPTY;
    struct translated_request *result = translate(pair, &out);
    const struct slice parts[] = {prettified(pair, buf_slice(&out)), SLICE("\nwarnings: "), loss_header(&result->loss),
                                  SLICE("\n")};
    check_golden(pair, path_of(pair, pair->scenario->name, "request.txt"), arena_concat(pair->arena, parts, 4));
    buf_deinit(&out);
}

// ---- answers

static struct translation *begin(const struct pair *pair, bool streams)
{
    struct buf out = BUF_EMPTY;
    struct translated_request *request = translate(pair, &out);
    struct answer_context context = fixture_context(pair->arena, pair->upstream, pair->client);
    request->req.wants_stream = streams;
    request->req.includes_usage = true;
    context.req = &request->req;
    context.client_model = SLICE("model-of-the-client");
    buf_deinit(&out);
    return translation_new(&context);
}

static struct slice answer_of_stream(const struct pair *pair, const char *name, bool streams)
{
    struct feeding feeding = {.translation = begin(pair, streams)};
    struct sse_parser parser;
    sse_parser_init(&parser, SSE_EVENT_MAX_DEFAULT);
    struct slice bytes = fixture_read(pair->arena, input_path(pair, "upstreams", pair->upstream, name, "sse"));
    assert_int_equal(sse_parser_feed(&parser, bytes, feeding_on_event, &feeding), 0);
    assert_int_equal(sse_parser_finish(&parser, feeding_on_event, &feeding), 0);
    translation_finish(feeding.translation, &feeding.out);
    assert_true(translation_is_over(feeding.translation));
    translation_deinit(feeding.translation);
    sse_parser_deinit(&parser);
    struct slice answer = arena_dup(pair->arena, buf_slice(&feeding.out));
    buf_deinit(&feeding.out);
    return answer;
}

static struct slice answer_of_body(const struct pair *pair, bool streams)
{
    struct translation *translation = begin(pair, streams);
    struct buf out = BUF_EMPTY;
    translation_answer(
        translation,
        fixture_read(pair->arena, input_path(pair, "upstreams", pair->upstream, pair->scenario->name, "json")), &out);
    assert_true(translation_is_over(translation));
    translation_deinit(translation);
    struct slice answer = arena_dup(pair->arena, buf_slice(&out));
    buf_deinit(&out);
    return answer;
}

static struct slice gist_of(const struct pair *pair, const struct neutral_response *response)
{
    struct gist gist = {.arena = pair->arena};
    struct buf text = BUF_EMPTY;
    fixture_gist(&gist, response, &text);
    struct slice kept = fixture_without_empty_lines(pair->arena, buf_slice(&text));
    buf_deinit(&text);
    return kept;
}

// The two answers of the upstream, streamed and whole, say the same, and so do the four answers to the client.
static void check_answer(const struct pair *pair)
{
    struct answer_context back = fixture_context(pair->arena, pair->client, pair->client);
    struct slice body = answer_of_body(pair, false);
    struct slice stream = answer_of_stream(pair, pair->scenario->name, true);
    check_golden(pair, path_of(pair, pair->scenario->name, "answer.json"), prettified(pair, body));
    check_golden(pair, path_of(pair, pair->scenario->name, "answer.sse"), stream);
    struct slice gist = gist_of(pair, fixture_decode_body(&back, body));
    const char *name = path_of(pair, pair->scenario->name, "answer");
    fixture_compare(pair->n_failed, name, gist, gist_of(pair, fixture_decode_stream(&back, stream, CUT_NOWHERE)));
    fixture_compare(pair->n_failed, name, gist,
                    gist_of(pair, fixture_decode_body(&back, answer_of_stream(pair, pair->scenario->name, false))));
    fixture_compare(pair->n_failed, name, gist,
                    gist_of(pair, fixture_decode_stream(&back, answer_of_body(pair, true), CUT_NOWHERE)));
}

// A stream that fails on its way.
static void check_failure(const struct pair *pair)
{
    check_golden(pair, path_of(pair, "failure", "answer.sse"), answer_of_stream(pair, "failure", true));
}

// ---- the walk

static void with_all_pairs(const struct scenario *scenario, pair_fn check)
{
    size_t n_failed = 0;
    for (int i = 0; i < N_DIALECTS * N_DIALECTS; i++) {
        struct arena arena;
        arena_init(&arena, 64 * 1024);
        struct pair pair = {(enum dialect)(i / N_DIALECTS), (enum dialect)(i % N_DIALECTS), scenario, &arena,
                            &n_failed};
        if (pair.client != pair.upstream) {
            check(&pair);
        }
        arena_deinit(&arena);
    }
    assert_int_equal(n_failed, 0);
}

static const struct scenario *scenario_of(const char *name)
{
    const struct scenario *scenario = REQUESTS;
    while (strcmp(scenario->name, name) != 0) {
        scenario++;
    }
    return scenario;
}

static void test_requests(void **state)
{
    for (size_t i = 0; i < sizeof(REQUESTS) / sizeof(REQUESTS[0]); i++) {
        with_all_pairs(&REQUESTS[i], check_request);
    }
}

static void test_answers(void **state)
{
    for (size_t i = 0; i < sizeof(ANSWERS) / sizeof(ANSWERS[0]); i++) {
        with_all_pairs(scenario_of(ANSWERS[i]), check_answer);
    }
}

static void test_failures(void **state)
{
    with_all_pairs(scenario_of("text"), check_failure);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_requests), cmocka_unit_test(test_answers),
                                       cmocka_unit_test(test_failures)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
