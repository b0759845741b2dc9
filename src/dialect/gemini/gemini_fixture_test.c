// SPDX-License-Identifier: MIT
// Every recorded request that Gemini accepted, read and written again, says the same; so does every recorded answer.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "dialect/answer_fixture.h"
#include "dialect/event_trace.h"
#include "dialect/feeding.h"
#include "dialect/gemini/gemini_names.h"
#include "dialect/translate.h"
#include "json/json_writer.h"

// ---- what a request says, in the spelling that we write

// Members that are not written again. With a value: only where they have that one.
static const struct {
    struct slice name;
    struct slice value; // canonical
    const char *why;
} DROPPED[] = {
    {SLICE_INIT("safetySettings"), SLICE_INIT(""), "other providers have no such thing, and the hub does not carry it"},
    {SLICE_INIT("responseModalities"), SLICE_INIT("[\"TEXT\"]"), "text is what comes anyway"},
    {SLICE_INIT("includeServerSideToolInvocations"), SLICE_INIT("true"), "of tools that the hub does not know"},
};

// Their values are the client's own affair.
static const struct slice RAW[] = {
    SLICE_INIT("args"),           SLICE_INIT("response"),
    SLICE_INIT("parameters"),     SLICE_INIT("parametersJsonSchema"),
    SLICE_INIT("responseSchema"), SLICE_INIT("responseJsonSchema"),
    SLICE_INIT("codeExecution"),  SLICE_INIT("fileSearch"),
    SLICE_INIT("googleSearch"),
};

struct rewriting {
    struct arena *arena;
    const struct json_doc *doc;
    struct json_writer w;
};

static struct slice camel_of(struct arena *arena, struct slice name)
{
    char *out = arena_text(arena, name.len);
    size_t len = 0;
    for (size_t i = 0; i < name.len; i++) {
        bool is_joint = name.ptr[i] == '_' && i > 0 && i + 1 < name.len;
        i += is_joint;
        out[len++] = (char)(is_joint ? name.ptr[i] & ~0x20 : name.ptr[i]);
    }
    return slice_of(out, len);
}

static bool is_raw(struct slice name)
{
    for (size_t i = 0; i < sizeof(RAW) / sizeof(*RAW); i++) {
        if (slice_eq(name, RAW[i])) {
            return true;
        }
    }
    return false;
}

static bool is_dropped(const struct rewriting *r, struct slice name, const struct json_node *value)
{
    struct buf canonical = BUF_EMPTY;
    bool is_dropped = false;
    fixture_canonical_node(r->doc, value, r->arena, &canonical);
    for (size_t i = 0; i < sizeof(DROPPED) / sizeof(*DROPPED); i++) {
        is_dropped = is_dropped || (slice_eq(name, DROPPED[i].name) &&
                                    (!DROPPED[i].value.len || slice_eq(DROPPED[i].value, buf_slice(&canonical))));
    }
    buf_deinit(&canonical);
    return is_dropped;
}

static bool is_container(struct slice name)
{
    return slice_eq(name, SLICE("generationConfig")) || slice_eq(name, SLICE("toolConfig"));
}

// Is there anything in it but what is dropped?
static bool has_members(const struct rewriting *r, const struct json_node *object)
{
    const struct json_node *key = NULL;
    const struct json_node *value = NULL;
    while (json_next_member(r->doc, object, &key, &value)) {
        if (!is_dropped(r, camel_of(r->arena, json_string(r->doc, key, r->arena)), value)) {
            return true;
        }
    }
    return false;
}

static bool is_empty_part(const struct rewriting *r, struct slice name, const struct json_node *part)
{
    return slice_eq(name, SLICE("parts")) && !gemini_member(r->doc, part, SLICE("thoughtSignature")) &&
           json_string_is(r->doc, json_get(r->doc, part, SLICE("text")), SLICE(""));
}

static struct slice upper_of(struct arena *arena, struct slice word)
{
    char *out = arena_text(arena, word.len);
    for (size_t i = 0; i < word.len; i++) {
        out[i] = (char)(word.ptr[i] >= 'a' && word.ptr[i] <= 'z' ? word.ptr[i] & ~0x20 : word.ptr[i]);
    }
    return slice_of(out, word.len);
}

static void rewrite(struct rewriting *r, struct slice name, const struct json_node *value);

static void rewrite_member(struct rewriting *r, struct slice parent, const struct json_node *object, struct slice name,
                           const struct json_node *value)
{
    bool is_role_of_system = slice_eq(parent, SLICE("systemInstruction")) && slice_eq(name, SLICE("role"));
    if (is_dropped(r, name, value) || is_role_of_system || (is_container(name) && !has_members(r, value))) {
        return;
    }
    json_key(&r->w, name);
    if (slice_eq(name, SLICE("thinkingLevel"))) {
        json_write_string(&r->w, upper_of(r->arena, json_string(r->doc, value, r->arena)));
    } else if (slice_eq(name, SLICE("description")) && json_string_is(r->doc, value, SLICE(""))) {
        // A function without a description is refused at times, so that it gets its name.
        json_write_raw(&r->w, json_raw(r->doc, json_get(r->doc, object, SLICE("name"))));
    } else {
        rewrite(r, name, value);
    }
}

static void rewrite_object(struct rewriting *r, struct slice name, const struct json_node *object)
{
    const struct json_node *key = NULL;
    const struct json_node *value = NULL;
    json_begin_object(&r->w);
    while (json_next_member(r->doc, object, &key, &value)) {
        rewrite_member(r, name, object, camel_of(r->arena, json_string(r->doc, key, r->arena)), value);
    }
    json_end_object(&r->w);
}

static void rewrite(struct rewriting *r, struct slice name, const struct json_node *value)
{
    const struct json_node *element = NULL;
    if (value->type == JSON_OBJECT && !is_raw(name)) {
        rewrite_object(r, name, value);
    } else if (value->type == JSON_ARRAY && !is_raw(name)) {
        json_begin_array(&r->w);
        while (json_next_element(r->doc, value, &element)) {
            if (!is_empty_part(r, name, element)) {
                rewrite(r, name, element);
            }
        }
        json_end_array(&r->w);
    } else {
        json_write_raw(&r->w, json_raw(r->doc, value));
    }
}

// ---- requests

static void parse(struct json_doc *doc, struct arena *arena, struct slice text)
{
    assert_int_equal(json_parse(doc, arena, text, NULL), 0);
}

// "…/models/gemini-2.5-flash:generateContent"; empty: not known.
static struct slice model_of(const struct fixture *fixture)
{
    static const struct slice PATH[] = {SLICE_INIT("http"), SLICE_INIT("url")};
    const struct json_node *node = json_get_path(fixture->doc, fixture->row, PATH, 2);
    struct slice url = json_string(fixture->doc, node, fixture->arena);
    size_t at = slice_find(url, SLICE("/models/"));
    struct slice rest = at == SLICE_NOT_FOUND ? SLICE_EMPTY : slice_after(url, at + sizeof("/models/") - 1);
    return slice_split(&rest, ':');
}

static bool is_gemini(const struct fixture *fixture)
{
    return fixture->dialect == DIALECT_GEMINI && fixture_status(fixture) == 200;
}

// A request for counting tokens, and its answer.
static bool counts(const struct fixture *fixture)
{
    return slice_starts_with(slice_from_cstr(fixture->name), SLICE("ge-c"));
}

// All that is asked is an empty text, which no other provider takes.
static bool says_nothing(const struct fixture *fixture)
{
    return strcmp(fixture->name, "ge-j02-parallel-different-calls") == 0;
}

static bool check_request(const struct fixture *fixture)
{
    struct arena *arena = fixture->arena;
    struct translated_request result;
    struct buf written = BUF_EMPTY;
    struct buf expected = BUF_EMPTY;
    struct buf texts[2] = {BUF_EMPTY, BUF_EMPTY};
    struct json_doc doc;
    struct translate_options options = {
        .client = DIALECT_GEMINI,
        .upstream = DIALECT_GEMINI,
        .upstream_model = model_of(fixture),
        .counts = counts(fixture),
    };
    if (!is_gemini(fixture)) {
        return false;
    }
    parse(&doc, arena, fixture_read(arena, fixture->path));
    bool is_accepted = translate_request(arena, &doc, &options, &result, &written);
    assert_int_equal(is_accepted, !says_nothing(fixture));
    if (is_accepted) {
        struct rewriting r = {.arena = arena, .doc = &doc};
        json_writer_init(&r.w, &expected);
        rewrite(&r, SLICE(""), json_root(&doc));
        fixture_canonical(arena, buf_slice(&expected), &texts[0]);
        fixture_canonical(arena, buf_slice(&written), &texts[1]);
        if (!slice_eq(buf_slice(&texts[0]), buf_slice(&texts[1]))) {
            fail_msg("%s\n- %.*s\n+ %.*s", fixture->path, SLICE_ARG(buf_slice(&texts[0])),
                     SLICE_ARG(buf_slice(&texts[1])));
        }
        assert_int_equal(result.loss.n_warnings, 0);
    }
    buf_deinit(&written);
    buf_deinit(&expected);
    buf_deinit(&texts[0]);
    buf_deinit(&texts[1]);
    return true;
}

static void requests_say_the_same_when_written_again(void **state)
{
    (void)state;
    assert_int_equal(fixture_each(FIXTURES "EXPECTED.json", SLICE(".request.json"), check_request), 24);
}

// ---- answers

enum form { FORM_BODY, FORM_STREAM, FORM_ARRAY, N_FORMS };

// The answer as a Gemini client gets it, empty when it failed before anything was written.
static struct slice write_again(const struct fixture *fixture, struct slice bytes, bool is_stream, enum form form)
{
    struct answer_context context = fixture_context(fixture->arena, DIALECT_GEMINI, DIALECT_GEMINI);
    struct neutral_request req = *context.req;
    req.wants_stream = form != FORM_BODY;
    req.streams_json_array = form == FORM_ARRAY;
    context.req = &req;
    struct feeding feeding = {.translation = translation_new(&context)};
    if (is_stream) {
        struct sse_parser parser;
        sse_parser_init(&parser, SSE_EVENT_MAX_DEFAULT);
        assert_int_equal(sse_parser_feed(&parser, bytes, feeding_on_event, &feeding), 0);
        assert_int_equal(sse_parser_finish(&parser, feeding_on_event, &feeding), 0);
        translation_finish(feeding.translation, &feeding.out);
        sse_parser_deinit(&parser);
    } else {
        translation_answer(feeding.translation, bytes, &feeding.out);
    }
    translation_deinit(feeding.translation);
    struct slice answer = arena_dup(fixture->arena, buf_slice(&feeding.out));
    buf_deinit(&feeding.out);
    return answer;
}

static const struct neutral_response *read(const struct fixture *fixture, struct slice bytes, bool is_stream)
{
    struct answer_context context = fixture_context(fixture->arena, DIALECT_GEMINI, DIALECT_GEMINI);
    return is_stream ? fixture_decode_stream(&context, bytes, CUT_NOWHERE) : fixture_decode_body(&context, bytes);
}

// A line about a block, and JSON in it in one form: in a stream it is on one line, so that its white space is another.
static void describe_content(const struct fixture *fixture, const struct neutral_content *content, struct buf *out)
{
    const struct neutral_block *block = content->block;
    buf_printf(out, "%d%s%s %.*s %.*s ", (int)block->kind, block->is_summary ? " summary" : "",
               content->is_partial ? " partial" : "", SLICE_ARG(block->call_id), SLICE_ARG(block->name));
    if (block->kind == BLOCK_CALL) {
        fixture_canonical(fixture->arena, json_unescape(content->text, fixture->arena), out);
    } else {
        buf_append(out, content->text);
    }
    if (block->raw.len) {
        fixture_canonical(fixture->arena, block->raw, out);
    }
    buf_printf(out, " opaque %d %.*s, logprobs %.*s, media %.*s %.*s\n", (int)content->opaque.kind,
               SLICE_ARG(content->opaque.data), SLICE_ARG(content->logprobs), SLICE_ARG(block->media.mime_type),
               SLICE_ARG(block->media.data));
}

// Without the head: an answer that says no id gets one, and the model is called as the client did.
static struct slice describe(const struct fixture *fixture, const struct neutral_response *response)
{
    struct buf out = BUF_EMPTY;
    for (size_t i = 0; i < response->n_candidates; i++) {
        const struct finish *finish = &response->candidates[i].finish;
        const struct neutral_content *content = response->candidates[i].content;
        for (; content; content = content->next) {
            describe_content(fixture, content, &out);
        }
        // A prompt may be blocked without a word for it; written again it has one.
        struct slice native = finish->native.len ? finish->native : SLICE("SAFETY");
        buf_printf(&out, "finish: %s %.*s %.*s\n", event_trace_reason(finish->reason), SLICE_ARG(native),
                   SLICE_ARG(finish->detail));
    }
    fixture_gist_usage(&out, &response->usage);
    if (response->has_error) {
        buf_printf(&out, "error: %s %.*s\n", fault_name(response->error.fault), SLICE_ARG(response->error.message));
    }
    struct slice text = arena_dup(fixture->arena, buf_slice(&out));
    buf_deinit(&out);
    return text;
}

static const char *const FORM_NAMES[N_FORMS] = {"body", "stream", "array"};

static void check_answer(const struct fixture *fixture, bool is_stream)
{
    struct slice bytes = fixture_read(fixture->arena, fixture->path);
    const struct neutral_response *first = read(fixture, bytes, is_stream);
    for (int form = 0; form < N_FORMS; form++) {
        struct slice again = write_again(fixture, bytes, is_stream, (enum form)form);
        if (first->has_error && !again.len) {
            continue; // the caller says it with a status
        }
        const struct neutral_response *second = read(fixture, again, form == FORM_STREAM);
        fixture_compare(
            fixture->n_failed,
            arena_cstr(fixture->arena, arena_printf(fixture->arena, "%s as %s", fixture->path, FORM_NAMES[form])),
            describe(fixture, first), describe(fixture, second));
    }
}

static bool check_stream(const struct fixture *fixture)
{
    bool is_ours = is_gemini(fixture);
    if (is_ours) {
        check_answer(fixture, true);
    }
    return is_ours;
}

static bool check_body(const struct fixture *fixture)
{
    bool is_ours = is_gemini(fixture) && !counts(fixture);
    if (is_ours) {
        check_answer(fixture, false);
    }
    return is_ours;
}

static void answers_say_the_same_when_written_again(void **state)
{
    (void)state;
    assert_int_equal(fixture_each(FIXTURES "EXPECTED.json", SLICE(".sse"), check_stream), 24);
    assert_int_equal(fixture_each(FIXTURES "EXPECTED.json", SLICE(".response.json"), check_body), 25);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_say_the_same_when_written_again),
        cmocka_unit_test(answers_say_the_same_when_written_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
