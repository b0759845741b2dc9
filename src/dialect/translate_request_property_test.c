// SPDX-License-Identifier: MIT
// Conversations by chance, written as requests of Chat Completions. Translated to a dialect, from there to another one
// and back, they say the same each time: texts, images, calls with their arguments, and which result answers which
// call.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "dialect/answer_fixture.h"
#include "dialect/dialect_internal.h"
#include "dialect/translate.h"
#include "dialect/trial.h"
#include "json/json_writer.h"

enum { N_ROUNDS = 120, TURNS_MAX = 6, CALLS_MAX = 3 };

#define PIXEL "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

struct plan {
    uint32_t n_calls; // so far
};

// ---- a conversation in the dialect of Chat

static void write_text(struct trial *trial, struct json_writer *w)
{
    struct buf text = BUF_EMPTY;
    chance_text(&trial->chance, chance_below(&trial->chance, 12), &text);
    json_write_escaped(w, buf_slice(&text));
    buf_deinit(&text);
}

static void begin_message(struct json_writer *w, const char *role)
{
    json_begin_object(w);
    json_member_string(w, SLICE("role"), slice_from_cstr(role));
}

static void write_user_turn(struct trial *trial, struct json_writer *w)
{
    begin_message(w, "user");
    json_key(w, SLICE("content"));
    if (chance_of(&trial->chance, 70)) {
        write_text(trial, w);
    } else {
        json_write_raw(w, SLICE("[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64," PIXEL
                                "\"}},{\"type\":\"text\",\"text\":\"and\"}]"));
    }
    json_end_object(w);
}

static void write_call(struct trial *trial, struct json_writer *w, uint32_t number)
{
    struct buf arguments = BUF_EMPTY;
    chance_object(&trial->chance, 3, &arguments);
    json_begin_object(w);
    json_member_string(w, SLICE("id"), arena_printf(trial->arena, "call_%u", number));
    json_member_string(w, SLICE("type"), SLICE("function"));
    json_key(w, SLICE("function"));
    json_begin_object(w);
    json_member_string(w, SLICE("name"), chance_of(&trial->chance, 70) ? SLICE("f") : SLICE("get-time"));
    json_member_string(w, SLICE("arguments"), buf_slice(&arguments));
    json_end_object(w);
    json_end_object(w);
    buf_deinit(&arguments);
}

static void write_result(struct trial *trial, struct json_writer *w, uint32_t number)
{
    begin_message(w, "tool");
    json_member_string(w, SLICE("tool_call_id"), arena_printf(trial->arena, "call_%u", number));
    json_key(w, SLICE("content"));
    write_text(trial, w);
    json_end_object(w);
}

// Calls, and their results in any order.
static void write_call_turn(struct trial *trial, struct json_writer *w)
{
    uint32_t n = 1 + chance_below(&trial->chance, CALLS_MAX);
    uint32_t first = trial->plan->n_calls;
    uint32_t turned = chance_below(&trial->chance, n);
    begin_message(w, "assistant");
    json_key(w, SLICE("content"));
    if (chance_of(&trial->chance, 50)) {
        write_text(trial, w);
    } else {
        json_write_null(w);
    }
    json_key(w, SLICE("tool_calls"));
    json_begin_array(w);
    for (uint32_t i = 0; i < n; i++) {
        write_call(trial, w, first + i);
    }
    json_end_array(w);
    json_end_object(w);
    for (uint32_t i = 0; i < n; i++) {
        write_result(trial, w, first + (i + turned) % n);
    }
    trial->plan->n_calls += n;
}

static void write_turns(struct trial *trial, struct json_writer *w)
{
    for (uint32_t i = 0, n = chance_below(&trial->chance, TURNS_MAX); i < n; i++) {
        write_user_turn(trial, w);
        if (chance_of(&trial->chance, 50)) {
            write_call_turn(trial, w);
        }
        begin_message(w, "assistant");
        json_key(w, SLICE("content"));
        write_text(trial, w);
        json_end_object(w);
    }
    write_user_turn(trial, w);
}

static struct slice make_request(struct trial *trial)
{
    struct buf out = BUF_EMPTY;
    struct json_writer w;
    json_writer_init(&w, &out);
    json_begin_object(&w);
    json_member_string(&w, SLICE("model"), SLICE("m"));
    json_key(&w, SLICE("messages"));
    json_begin_array(&w);
    if (chance_of(&trial->chance, 60)) {
        begin_message(&w, "system");
        json_key(&w, SLICE("content"));
        write_text(trial, &w);
        json_end_object(&w);
    }
    write_turns(trial, &w);
    json_end_array(&w);
    json_key(&w, SLICE("tools"));
    json_write_raw(&w,
                   SLICE("[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":\"d\",\"parameters\":"
                         "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}}}},"
                         "{\"type\":\"function\",\"function\":{\"name\":\"get-time\",\"description\":\"t\","
                         "\"parameters\":{\"type\":\"object\",\"properties\":{}}}}]"));
    json_member_int(&w, SLICE("max_completion_tokens"), 100 + chance_below(&trial->chance, 1000));
    json_end_object(&w);
    struct slice request = arena_dup(trial->arena, buf_slice(&out));
    buf_deinit(&out);
    return request;
}

// ---- what a request says

struct gist_of_request {
    struct trial *trial;
    struct buf out;
    struct slice calls[TURNS_MAX * CALLS_MAX + 1]; // their ids, in their order
    size_t n_calls;
};

static void add_call(struct gist_of_request *gist, const struct call *call)
{
    struct arena *arena = gist->trial->arena;
    buf_printf(&gist->out, "call %zu: %.*s ", gist->n_calls, SLICE_ARG(call->name));
    fixture_canonical(arena,
                      call->raw_arguments.ptr ? call->raw_arguments : json_unescape(call->escaped_arguments, arena),
                      &gist->out);
    buf_append_char(&gist->out, '\n');
    gist->calls[gist->n_calls++] = call->id;
}

static void add_result(struct gist_of_request *gist, const struct result *result)
{
    size_t number = gist->n_calls;
    for (size_t i = 0; i < gist->n_calls; i++) {
        number = slice_eq(gist->calls[i], result->call_id) ? i : number;
    }
    buf_printf(&gist->out, "result of %zu, %.*s: ", number, SLICE_ARG(result->name));
    for (const struct neutral_part *part = result->parts; part; part = part->next) {
        buf_append(&gist->out, json_unescape(part->text, gist->trial->arena));
    }
    buf_append_char(&gist->out, '\n');
}

static void add_part(struct gist_of_request *gist, const struct neutral_part *part)
{
    switch ((int)part->kind) {
    case PART_TEXT: fixture_gist_text(&gist->out, "text", json_unescape(part->text, gist->trial->arena)); break;
    case PART_IMAGE: buf_printf(&gist->out, "image: %.*s\n", SLICE_ARG(part->media.data)); break;
    case PART_CALL: add_call(gist, &part->call); break;
    case PART_RESULT: add_result(gist, &part->result); break;
    default: buf_printf(&gist->out, "part of kind %d\n", (int)part->kind); break;
    }
}

static void add_turns(struct gist_of_request *gist, const struct neutral_turn *turn, bool is_system)
{
    for (; turn; turn = turn->next) {
        for (const struct neutral_part *part = turn->parts; part; part = part->next) {
            buf_printf(&gist->out, "%s ", is_system ? "system" : turn->role == TURN_ASSISTANT ? "assistant" : "user");
            add_part(gist, part);
        }
    }
}

static struct slice gist_of(struct trial *trial, enum dialect dialect, const struct json_doc *doc)
{
    struct gist_of_request gist = {.trial = trial};
    struct neutral_request *req = arena_zalloc(trial->arena, sizeof(*req));
    struct loss *loss = arena_zalloc(trial->arena, sizeof(*loss));
    struct target target = {.dialect = dialect, .model = SLICE("m"), .profile = profile_of(dialect, SLICE("m"))};
    loss_init(loss, trial->arena, doc, LOSS_NORMAL);
    neutral_request_init(req, dialect, doc);
    assert_true(dialect_spoke(dialect)->decode_request(req, trial->arena, loss));
    assert_true(normalise(trial->arena, req, &target, loss));
    add_turns(&gist, req->instructions, true);
    add_turns(&gist, req->turns, false);
    for (const struct neutral_tool *tool = req->tools; tool; tool = tool->next) {
        buf_printf(&gist.out, "tool %.*s: %.*s ", SLICE_ARG(tool->name), SLICE_ARG(tool->description));
        fixture_canonical_node(doc, tool->schema, trial->arena, &gist.out);
        buf_append_char(&gist.out, '\n');
    }
    buf_printf(&gist.out, "max: %lld\n", (long long)req->max_output);
    struct slice text = arena_dup(trial->arena, buf_slice(&gist.out));
    buf_deinit(&gist.out);
    return text;
}

// ---- translation

static const struct json_doc *parse(struct trial *trial, struct slice body)
{
    struct json_doc *doc = arena_zalloc(trial->arena, sizeof(*doc));
    assert_int_equal(json_parse(doc, trial->arena, body, NULL), 0);
    return doc;
}

static const struct json_doc *translate(struct trial *trial, const struct json_doc *doc, enum dialect client,
                                        enum dialect upstream)
{
    static const struct slice MODELS[N_DIALECTS] = {SLICE_INIT("claude-sonnet-4-5"), SLICE_INIT("gpt-4.1"),
                                                    SLICE_INIT("gpt-4.1"), SLICE_INIT("gemini-2.5-flash")};
    struct translate_options options = {.client = client, .upstream = upstream, .upstream_model = MODELS[upstream]};
    struct translated_request *result = arena_zalloc(trial->arena, sizeof(*result));
    struct buf out = BUF_EMPTY;
    if (client == upstream) {
        return doc;
    }
    if (!translate_request(trial->arena, doc, &options, result, &out)) {
        fail_msg("seed %llu, %s to %s: %.*s: %.*s", (unsigned long long)trial->seed, dialect_name(client),
                 dialect_name(upstream), SLICE_ARG(result->loss.param), SLICE_ARG(result->loss.message));
    }
    const struct json_doc *translated = parse(trial, arena_dup(trial->arena, buf_slice(&out)));
    struct slice losses = loss_header(&result->loss);
    if (losses.len) {
        print_error("seed %llu, %s to %s: %.*s\n", (unsigned long long)trial->seed, dialect_name(client),
                    dialect_name(upstream), SLICE_ARG(losses));
        (*trial->n_failed)++;
    }
    buf_deinit(&out);
    return translated;
}

static void check_says(struct trial *trial, struct slice expected, enum dialect dialect, const struct json_doc *doc,
                       const char *step)
{
    const char *name =
        arena_cstr(trial->arena, arena_printf(trial->arena, "seed %llu, %s %s", (unsigned long long)trial->seed,
                                              dialect_name(dialect), step));
    fixture_compare(trial->n_failed, name, expected, gist_of(trial, dialect, doc));
}

static void check_trial(struct trial *trial)
{
    struct plan plan = {0};
    trial->plan = &plan;
    const struct json_doc *request = parse(trial, make_request(trial));
    struct slice expected = gist_of(trial, DIALECT_CHAT, request);
    for (int i = 0; i < N_DIALECTS * N_DIALECTS; i++) {
        enum dialect a = (enum dialect)(i / N_DIALECTS);
        enum dialect b = (enum dialect)(i % N_DIALECTS);
        const struct json_doc *first = translate(trial, request, DIALECT_CHAT, a);
        const struct json_doc *there = translate(trial, first, a, b);
        const struct json_doc *back = translate(trial, there, b, a);
        check_says(trial, expected, a, first, "at first");
        check_says(trial, expected, b, there, dialect_name(a));
        check_says(trial, expected, a, back, "and back");
    }
}

static void what_is_translated_comes_back(void **state)
{
    trial_each(N_ROUNDS, check_trial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_translated_comes_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
