// SPDX-License-Identifier: MIT
// The decoders over every recorded answer of tests/corpus/dialects, against the values expected there.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "dialect/answer_fixture.h"
#include "dialect/translate.h"

// What a failure has to be called: of answers with status 400 and up, and of those that fail on the way.
static const struct {
    const char *name;
    enum fault fault;
} FAULTS_OF[] = {
    {"oc-e01-401-invalid-key", FAULT_UPSTREAM_AUTH},
    {"oc-e02-404-model-not-found", FAULT_NOT_FOUND},
    {"oc-e03-400-system-role-unsupported", FAULT_UNSUPPORTED_PARAMETER},
    {"oc-e04-400-developer-role-unsupported", FAULT_UNSUPPORTED_PARAMETER},
    {"oc-e05-400-reasoning-legacy-param", FAULT_UNSUPPORTED_PARAMETER},
    {"oc-e06-400-audio-unsupported", FAULT_INVALID_REQUEST},
    {"or-e01-400-orphan-reasoning-item", FAULT_INVALID_REQUEST},
    {"or-e02-400-decimal-below-min", FAULT_INVALID_REQUEST},
    {"or-e03-401-invalid-key", FAULT_UPSTREAM_AUTH},
    {"or-e04-400-context-length-exceeded", FAULT_CONTEXT_LENGTH},
    {"or-e05-400-unsupported-file", FAULT_INVALID_REQUEST},
    {"or-e06-400-temperature-unsupported", FAULT_INVALID_REQUEST},
    {"or-e07-429-insufficient-quota", FAULT_QUOTA},
    {"an-e01-401", FAULT_UPSTREAM_AUTH},
    {"an-e02-404-model", FAULT_NOT_FOUND},
    {"an-e03-400-prompt-too-long", FAULT_CONTEXT_LENGTH},
    {"an-e04-400-effort-unsupported", FAULT_INVALID_REQUEST},
    {"ge-e01-400-api-key", FAULT_UPSTREAM_AUTH},
    {"ge-e02-404-model", FAULT_NOT_FOUND},
    {"ge-e03-429-quota-retryinfo", FAULT_RATE_LIMIT}, // per minute, so it comes back
    {"ge-e04-403-api-disabled", FAULT_PERMISSION},
    {"ge-e05-400-location", FAULT_REGION},
    {"oc-s12-groq-midstream-error", FAULT_INVALID_REQUEST},
    {"oc-s14-openrouter-error-chunk", FAULT_INVALID_REQUEST},
    {"or-s07-error-then-failed", FAULT_QUOTA},
    {"ge-s08-error-mid-stream-bare-json", FAULT_CANCELLED},
    {"sse-edge/edge-09-anthropic-overloaded-midstream.sse", FAULT_UPSTREAM_OVERLOADED},
    // An answer that is not ready is none.
    {"or-j08-background-queued", FAULT_UPSTREAM_PROTOCOL},
    // A second message begins within the first one: nothing can take back what has been passed on by then.
    {"an-s18-spliced-second-message", FAULT_UPSTREAM_PROTOCOL},
    // They end without their ending.
    {"sse-edge/edge-06-anthropic-truncated.sse", FAULT_UPSTREAM_TRUNCATED},
    {"sse-edge/edge-07-responses-truncated.sse", FAULT_UPSTREAM_TRUNCATED},
    {"sse-edge/edge-08-chat-truncated.sse", FAULT_UPSTREAM_TRUNCATED},
    {"sse-edge/edge-10-responses-malformed-first-event.sse", FAULT_UPSTREAM_TRUNCATED},
};

// Calls that are there but must not reach a client: the upstream itself says that they are malformed.
static const char *const HIDDEN_CALLS[] = {"sse-edge/edge-14-gemini-malformed-call.sse"};

static enum fault fault_of(const struct fixture *fixture)
{
    for (size_t i = 0; i < sizeof(FAULTS_OF) / sizeof(FAULTS_OF[0]); i++) {
        if (strcmp(FAULTS_OF[i].name, fixture->name) == 0) {
            return FAULTS_OF[i].fault;
        }
    }
    return FAULT_COUNT;
}

static bool is_among(const struct fixture *fixture, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], fixture->name) == 0) {
            return true;
        }
    }
    return false;
}

static bool hides_calls(const struct fixture *fixture)
{
    return is_among(fixture, HIDDEN_CALLS, sizeof(HIDDEN_CALLS) / sizeof(HIDDEN_CALLS[0]));
}

static const struct json_node *member(const struct fixture *fixture, const struct json_node *object, struct slice name)
{
    return json_get(fixture->doc, object, name);
}

static struct slice text_of(const struct fixture *fixture, const struct json_node *object, struct slice name)
{
    return json_string(fixture->doc, member(fixture, object, name), fixture->arena);
}

// ---- the gist that is expected

static struct slice glue_of(enum dialect dialect)
{
    return dialect == DIALECT_RESPONSES ? SLICE("\n\n") : SLICE("");
}

// An id that the upstream does not give is ours to mint: it is taken over from what was found.
struct minted {
    const struct neutral_content *at;
};

static struct slice next_call_id(struct minted *minted)
{
    while (minted->at && minted->at->block->kind != BLOCK_CALL) {
        minted->at = minted->at->next;
    }
    struct slice id = minted->at ? minted->at->block->call_id : SLICE_EMPTY;
    minted->at = minted->at ? minted->at->next : NULL;
    return id;
}

static void expect_call(const struct fixture *fixture, const struct json_node *call, struct minted *minted,
                        struct buf *out)
{
    struct slice id = text_of(fixture, call, SLICE("id"));
    struct slice found_id = next_call_id(minted);
    buf_printf(out, "call: %.*s %.*s ", SLICE_ARG(id.len ? id : found_id),
               SLICE_ARG(text_of(fixture, call, SLICE("name"))));
    if (member(fixture, call, SLICE("input_text"))) {
        buf_append(out, text_of(fixture, call, SLICE("input_text")));
    } else {
        fixture_canonical_node(fixture->doc, member(fixture, call, SLICE("arguments")), fixture->arena, out);
    }
    buf_append_char(out, '\n');
}

static void expect_candidate(const struct fixture *fixture, const struct json_node *candidate, struct minted minted,
                             struct buf *out)
{
    const struct json_node *calls = member(fixture, candidate, SLICE("tool_calls"));
    const struct json_node *call = NULL;
    struct slice finish = text_of(fixture, candidate, SLICE("finish_ir_by_rule_8_3"));
    if (!finish.len) {
        finish = text_of(fixture, candidate, SLICE("finish_ir"));
    }
    fixture_gist_text(out, "text", text_of(fixture, candidate, SLICE("text")));
    fixture_gist_text(out, "reasoning", text_of(fixture, candidate, SLICE("reasoning")));
    fixture_gist_text(out, "refusal", text_of(fixture, candidate, SLICE("refusal")));
    while (!hides_calls(fixture) && json_next_element(fixture->doc, calls, &call)) {
        expect_call(fixture, call, &minted, out);
    }
    buf_printf(out, "finish: %.*s\n", SLICE_ARG(finish));
}

static void expect_candidates(const struct fixture *fixture, const struct neutral_response *found, struct buf *out)
{
    const struct json_node *candidates = member(fixture, fixture->expected, SLICE("candidates"));
    const struct json_node *candidate = NULL;
    size_t n = 0;
    for (; json_next_element(fixture->doc, candidates, &candidate); n++) {
        struct minted minted = {n < found->n_candidates ? found->candidates[n].content : NULL};
        buf_printf(out, "candidate %zu\n", n);
        expect_candidate(fixture, candidate, minted, out);
    }
    if (n == 0) { // the prompt was blocked
        buf_append(out, SLICE("candidate 0\nfinish: content_filter\n"));
    }
}

static int64_t figure_of(const struct fixture *fixture, const struct json_node *object, struct slice name)
{
    int64_t value = -1;
    (void)json_int64(fixture->doc, member(fixture, object, name), &value);
    return value;
}

static void expect_usage(const struct fixture *fixture, struct buf *out)
{
    const struct json_node *ir = member(fixture, fixture->expected, SLICE("usage_ir"));
    struct usage usage = {
        .input = figure_of(fixture, ir, SLICE("input_total")),
        .output = figure_of(fixture, ir, SLICE("output_total")),
        .reasoning = figure_of(fixture, ir, SLICE("reasoning")),
        .cache_read = figure_of(fixture, ir, SLICE("cache_read")),
        .cache_write = figure_of(fixture, ir, SLICE("cache_write")),
    };
    fixture_gist_usage(out, &usage);
}

// The message of the upstream, where it sent one.
static struct slice error_message(const struct fixture *fixture)
{
    const struct json_node *errors = member(fixture, fixture->expected, SLICE("errors"));
    const struct json_node *error = NULL;
    if (!json_is(errors, JSON_ARRAY) || !json_next_element(fixture->doc, errors, &error)) {
        return SLICE_EMPTY;
    }
    const struct json_node *inner = member(fixture, error, SLICE("error"));
    return text_of(fixture, inner ? inner : error, SLICE("message"));
}

static void expect(const struct fixture *fixture, const struct neutral_response *found, struct buf *out)
{
    enum fault fault = fault_of(fixture);
    if (fault != FAULT_COUNT) {
        struct slice message = error_message(fixture);
        buf_printf(out, "error: %s %.*s\n", fault_name(fault), SLICE_ARG(message.len ? message : found->error.message));
        return;
    }
    expect_candidates(fixture, found, out);
    expect_usage(fixture, out);
}

// ---- beside the gist

static size_t length_of(const struct fixture *fixture, const struct json_node *object, struct slice name)
{
    const struct json_node *value = member(fixture, object, name);
    const struct json_node *element = NULL;
    size_t n = 0;
    int64_t number = 0;
    if (json_int64(fixture->doc, value, &number)) {
        return (size_t)number;
    }
    while (json_is(value, JSON_ARRAY) && json_next_element(fixture->doc, value, &element)) {
        n++;
    }
    return n;
}

static size_t count_logprobs(const struct fixture *fixture, const struct neutral_content *content)
{
    struct json_doc doc;
    const struct json_node *element = NULL;
    const struct slice parts[] = {SLICE("["), content->logprobs, SLICE("]")};
    size_t n = 0;
    assert_int_equal(json_parse(&doc, fixture->arena, arena_concat(fixture->arena, parts, 3), NULL), 0);
    while (json_next_element(&doc, json_root(&doc), &element)) {
        n++;
    }
    return n;
}

static void check_count(const struct fixture *fixture, const char *what, size_t expected, size_t found)
{
    if (expected != found) {
        print_error("%s: %zu %s, not %zu\n", fixture->name, found, what, expected);
        (*fixture->n_failed)++;
    }
}

// A signed part of Gemini that only Gemini knows keeps its signature.
static bool is_signed(const struct neutral_content *content)
{
    return content->block->kind == BLOCK_NATIVE
               ? slice_find(content->block->raw, SLICE("thoughtSignature")) != SLICE_NOT_FOUND
               : content->opaque.kind != OPAQUE_NONE;
}

// For Chat the table says it of some answers only.
static void check_opaque(const struct fixture *fixture, const struct json_node *candidate,
                         const struct neutral_content *content)
{
    static const struct slice MEMBERS[] = {SLICE_INIT("signatures"), SLICE_INIT("signature_lens"),
                                           SLICE_INIT("redacted_lens"), SLICE_INIT("encrypted_reasoning_items"),
                                           SLICE_INIT("reasoning_details_signatures")};
    size_t n_expected = 0;
    size_t n_found = 0;
    for (size_t i = 0; i < sizeof(MEMBERS) / sizeof(MEMBERS[0]); i++) {
        n_expected += length_of(fixture, candidate, MEMBERS[i]);
    }
    for (; content; content = content->next) {
        n_found += is_signed(content);
    }
    if (n_expected || fixture->dialect != DIALECT_CHAT) {
        check_count(fixture, "opaque values", n_expected, n_found);
    }
}

static void check_logprobs(const struct fixture *fixture, const struct json_node *candidate,
                           const struct neutral_content *content)
{
    size_t n_found = 0;
    for (; content; content = content->next) {
        n_found += count_logprobs(fixture, content);
    }
    if (member(fixture, candidate, SLICE("logprob_tokens"))) {
        check_count(fixture, "logprobs", length_of(fixture, candidate, SLICE("logprob_tokens")), n_found);
    }
}

static void check_all_extras(const struct fixture *fixture, const struct neutral_response *found)
{
    const struct json_node *candidates = member(fixture, fixture->expected, SLICE("candidates"));
    const struct json_node *candidate = NULL;
    for (size_t i = 0; !found->has_error && json_next_element(fixture->doc, candidates, &candidate); i++) {
        check_opaque(fixture, candidate, found->candidates[i].content);
        check_logprobs(fixture, candidate, found->candidates[i].content);
    }
}

// ---- streams and bodies

static void check_response(const struct fixture *fixture, const struct neutral_response *found)
{
    struct buf expected_text = BUF_EMPTY;
    struct buf found_text = BUF_EMPTY;
    struct gist gist = {.arena = fixture->arena, .reasoning_glue = glue_of(fixture->dialect)};
    expect(fixture, found, &expected_text);
    fixture_gist(&gist, found, &found_text);
    fixture_compare(fixture->n_failed, fixture->name, buf_slice(&expected_text), buf_slice(&found_text));
    check_all_extras(fixture, found);
    buf_deinit(&expected_text);
    buf_deinit(&found_text);
}

static struct buf decode_cut(const struct fixture *fixture, struct slice bytes, struct cut cut)
{
    struct arena arena;
    struct buf text = BUF_EMPTY;
    arena_init(&arena, 64 * 1024);
    struct answer_context context = fixture_context(&arena, fixture->dialect, fixture->dialect);
    fixture_describe(fixture_decode_stream(&context, bytes, cut), &text);
    arena_deinit(&arena);
    return text;
}

static void check_cut(const struct fixture *fixture, struct slice bytes, struct slice whole, struct cut cut)
{
    struct buf text = decode_cut(fixture, bytes, cut);
    fixture_compare(fixture->n_failed, fixture->name, whole, buf_slice(&text));
    buf_deinit(&text);
}

// Cut in two at every byte of a short stream, at one in so many of a long one: that all of a stream is decoded for each
// cut makes it quadratic.
static void check_cuts(const struct fixture *fixture, struct slice bytes)
{
    enum { BYTES_TO_DECODE = 4000000 };
    struct buf whole = decode_cut(fixture, bytes, CUT_NOWHERE);
    size_t n_cuts = BYTES_TO_DECODE / bytes.len;
    size_t stride = 1 + bytes.len / (n_cuts ? n_cuts : 1);
    check_cut(fixture, bytes, buf_slice(&whole), CUT_EVERYWHERE);
    for (size_t first = 0; first <= bytes.len; first += stride) {
        check_cut(fixture, bytes, buf_slice(&whole), (struct cut){first, bytes.len});
    }
    buf_deinit(&whole);
}

static bool check_stream(const struct fixture *fixture)
{
    struct slice bytes = fixture_read(fixture->arena, fixture->path);
    struct answer_context context = fixture_context(fixture->arena, fixture->dialect, fixture->dialect);
    check_response(fixture, fixture_decode_stream(&context, bytes, CUT_NOWHERE));
    check_cuts(fixture, bytes);
    return true;
}

static void check_error(const struct fixture *fixture, const struct json_node *error, struct slice body)
{
    unsigned status = (unsigned)fixture_status(fixture);
    struct neutral_error found;
    translate_read_error(fixture->arena, fixture->dialect, status, body, SLICE_EMPTY, &found);
    fixture_compare(fixture->n_failed, fixture->name, text_of(fixture, error, SLICE("message")), found.message);
    if (found.fault != fault_of(fixture)) {
        print_error("%s: %s\n", fixture->name, fault_name(found.fault));
        (*fixture->n_failed)++;
    }
}

// A count of tokens comes to every client.
static void check_count_of_tokens(const struct fixture *fixture, const struct json_node *count, struct slice body)
{
    static const struct slice NAMES[N_DIALECTS] = {SLICE_INIT("input_tokens"), SLICE_INIT("input_tokens"),
                                                   SLICE_INIT("input_tokens"), SLICE_INIT("totalTokens")};
    struct json_doc doc;
    int64_t expected = figure_of(fixture, count, NAMES[fixture->dialect]);
    assert_int_equal(json_parse(&doc, fixture->arena, body, NULL), 0);
    for (int client = 0; client < N_DIALECTS; client++) {
        struct json_doc written;
        struct buf out = BUF_EMPTY;
        int64_t read = -1;
        int64_t found = -1;
        if (client == DIALECT_CHAT) {
            continue; // it has no such request
        }
        assert_true(translate_read_count(fixture->dialect, &doc, &read));
        translate_write_count((enum dialect)client, read, &out);
        assert_int_equal(json_parse(&written, fixture->arena, buf_slice(&out), NULL), 0);
        assert_true(json_int64(&written, json_get(&written, json_root(&written), NAMES[client]), &found));
        assert_int_equal(found, expected);
        buf_deinit(&out);
    }
}

static bool check_body(const struct fixture *fixture)
{
    struct slice body = fixture_read(fixture->arena, fixture->path);
    const struct json_node *error = member(fixture, fixture->expected, SLICE("error"));
    const struct json_node *count = member(fixture, fixture->expected, SLICE("count_tokens"));
    struct answer_context context = fixture_context(fixture->arena, fixture->dialect, fixture->dialect);
    if (json_is(error, JSON_OBJECT)) {
        check_error(fixture, error, body);
    } else if (json_is(count, JSON_OBJECT)) {
        check_count_of_tokens(fixture, count, body);
    } else {
        check_response(fixture, fixture_decode_body(&context, body));
    }
    return true;
}

static size_t check_all(const char *expected)
{
    return fixture_each(expected, SLICE(".sse"), check_stream) +
           fixture_each(expected, SLICE(".response.json"), check_body);
}

static void test_recorded(void **state)
{
    assert_true(check_all(FIXTURES "EXPECTED.json") >= 190);
}

static void test_derived(void **state)
{
    assert_int_equal(check_all(FIXTURES "sse-edge/EXPECTED.json"), 17);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_recorded), cmocka_unit_test(test_derived)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
