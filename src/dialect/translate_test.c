// SPDX-License-Identifier: MIT
#include "dialect/translate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dialect/stop_scanner.h"

// ---- errors

static void errors_are_read_in_every_shape(void **state)
{
    static const struct {
        enum dialect upstream;
        unsigned status;
        const char *body;
        const char *retry_after;
        enum fault fault;
        const char *message;
        int64_t retry_after_s;
    } rows[] = {
        {DIALECT_CHAT, 500, "", "", FAULT_UPSTREAM_SERVER, "the upstream answered with status 500", -1},
        {DIALECT_CHAT, 502, "<html>Bad Gateway</html>", "", FAULT_UPSTREAM_UNREACHABLE,
         "the upstream answered with status 502", -1},
        {DIALECT_CHAT, 503, "null", "7", FAULT_UPSTREAM_OVERLOADED, "the upstream answered with status 503", 7},
        {DIALECT_CHAT, 429, "[]", " 30 ", FAULT_RATE_LIMIT, "the upstream answered with status 429", 30},
        {DIALECT_CHAT, 429, "{}", "Wed, 21 Oct 2026 07:28:00 GMT", FAULT_RATE_LIMIT,
         "the upstream answered with status 429", -1},
        {DIALECT_CHAT, 429, "{}", "99999999999999999999", FAULT_RATE_LIMIT, "the upstream answered with status 429",
         -1},
        {DIALECT_CHAT, 429, "{}", "-5", FAULT_RATE_LIMIT, "the upstream answered with status 429", -1},
        {DIALECT_CHAT, 400, "{\"error\":\"no \\\"such\\\" thing\"}", "", FAULT_INVALID_REQUEST, "no \"such\" thing",
         -1},
        {DIALECT_CHAT, 422, "{\"detail\":\"wrong\"}", "", FAULT_UNPROCESSABLE, "wrong", -1},
        {DIALECT_ANTHROPIC, 422, "{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"field required\"}]}", "",
         FAULT_UNPROCESSABLE, "field required", -1},
        {DIALECT_RESPONSES, 404, "{\"message\":\"not here\"}", "", FAULT_NOT_FOUND, "not here", -1},
        {DIALECT_GEMINI, 404, "{\"errors\":[{\"message\":\"first\"},{\"message\":\"second\"}]}", "", FAULT_NOT_FOUND,
         "first", -1},
        {DIALECT_CHAT, 404, "{\"errors\":[\"first\"]}", "", FAULT_NOT_FOUND, "first", -1},
        {DIALECT_CHAT, 404, "{\"errors\":[]}", "", FAULT_NOT_FOUND, "the upstream answered with status 404", -1},
        {DIALECT_CHAT, 403, "\"forbidden\"", "", FAULT_PERMISSION, "forbidden", -1},
        {DIALECT_CHAT, 400, "{\"error\":{\"message\":5,\"code\":[]}}", "", FAULT_INVALID_REQUEST,
         "the upstream answered with status 400", -1},
        {DIALECT_GEMINI, 400, "[{\"error\":{\"code\":400,\"message\":\"bad\",\"status\":\"INVALID_ARGUMENT\"}}]", "",
         FAULT_INVALID_REQUEST, "bad", -1},
        {DIALECT_ANTHROPIC, 400,
         "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"bad\"}}", "",
         FAULT_INVALID_REQUEST, "bad", -1},
        {DIALECT_CHAT, 400, "{\"error\":{\"message\":\"bad\",\"type\":\"invalid_request_error\"}}", "",
         FAULT_INVALID_REQUEST, "bad", -1},
        {DIALECT_RESPONSES, 400, "{\"error\":{\"message\":\"bad\",\"type\":\"invalid_request_error\"}}", "",
         FAULT_INVALID_REQUEST, "bad", -1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct arena arena;
        struct neutral_error error;
        arena_init(&arena, 1024);
        translate_read_error(&arena, rows[i].upstream, rows[i].status, slice_from_cstr(rows[i].body),
                             slice_from_cstr(rows[i].retry_after), &error);
        assert_string_equal(arena_cstr(&arena, error.message), rows[i].message);
        assert_string_equal(fault_name(error.fault), fault_name(rows[i].fault));
        assert_int_equal(error.retry_after_s, rows[i].retry_after_s);
        arena_deinit(&arena);
    }
}

// ---- counts

static void counts_are_read_and_written(void **state)
{
    static const struct {
        enum dialect dialect;
        const char *body;
    } rows[] = {
        {DIALECT_ANTHROPIC, "{\"input_tokens\":12}"},
        {DIALECT_RESPONSES, "{\"object\":\"response.input_tokens\",\"input_tokens\":12}"},
        {DIALECT_GEMINI, "{\"totalTokens\":12}"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct arena arena;
        struct json_doc doc;
        struct buf out = BUF_EMPTY;
        int64_t n_tokens = 0;
        arena_init(&arena, 1024);
        translate_write_count(rows[i].dialect, 12, &out);
        assert_true(slice_eq(buf_slice(&out), slice_from_cstr(rows[i].body)));
        assert_int_equal(json_parse(&doc, &arena, buf_slice(&out), NULL), 0);
        assert_true(translate_read_count(rows[i].dialect, &doc, &n_tokens));
        assert_int_equal(n_tokens, 12);
        assert_false(translate_read_count(DIALECT_CHAT, &doc, &n_tokens));
        buf_deinit(&out);
        arena_deinit(&arena);
    }
}

static void what_is_no_count_is_none(void **state)
{
    static const char *const BODIES[] = {
        "{}", "[]", "5", "{\"input_tokens\":-1}", "{\"input_tokens\":\"5\"}", "null", "{\"input_tokens\":1.5}"};
    for (size_t i = 0; i < sizeof(BODIES) / sizeof(*BODIES); i++) {
        struct arena arena;
        struct json_doc doc;
        int64_t n_tokens = 77;
        arena_init(&arena, 1024);
        assert_int_equal(json_parse(&doc, &arena, slice_from_cstr(BODIES[i]), NULL), 0);
        assert_false(translate_read_count(DIALECT_ANTHROPIC, &doc, &n_tokens));
        assert_int_equal(n_tokens, 77);
        arena_deinit(&arena);
    }
}

// ---- requests

struct fixture {
    struct arena arena;
    struct json_doc doc;
    struct translated_request result;
    struct buf out;
};

static bool translate(struct fixture *f, const char *body, const struct translate_options *options)
{
    *f = (struct fixture){0};
    arena_init(&f->arena, 4096);
    assert_int_equal(json_parse(&f->doc, &f->arena, slice_from_cstr(body), NULL), 0);
    return translate_request(&f->arena, &f->doc, options, &f->result, &f->out);
}

static void end(struct fixture *f)
{
    buf_deinit(&f->out);
    arena_deinit(&f->arena);
}

static bool writes(const struct fixture *f, const char *text)
{
    return slice_find(buf_slice(&f->out), slice_from_cstr(text)) != SLICE_NOT_FOUND;
}

#define CHAT_BODY(members) "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]" members "}"

static void a_bad_request_is_refused_in_every_pair(void **state)
{
    static const char *const BODIES[N_DIALECTS] = {
        [DIALECT_ANTHROPIC] = "{\"model\":\"m\",\"max_tokens\":5,\"messages\":7}",
        [DIALECT_CHAT] = "{\"model\":\"m\",\"messages\":7}",
        [DIALECT_RESPONSES] = "{\"model\":\"m\",\"input\":7}",
        [DIALECT_GEMINI] = "{\"contents\":7}",
    };
    for (int client = 0; client < N_DIALECTS; client++) {
        for (int upstream = 0; upstream < N_DIALECTS; upstream++) {
            struct fixture f;
            assert_false(translate(&f, BODIES[client],
                                   &(struct translate_options){.client = (enum dialect)client,
                                                               .upstream = (enum dialect)upstream,
                                                               .upstream_model = SLICE("m")}));
            assert_true(f.result.loss.is_refused);
            assert_true(f.result.loss.message.len > 0);
            end(&f);
        }
    }
}

static void what_the_path_says_counts(void **state)
{
    static const char BODY[] = "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}]}";
    struct fixture f;
    struct translate_options options = {.client = DIALECT_GEMINI,
                                        .upstream = DIALECT_CHAT,
                                        .upstream_model = SLICE("m"),
                                        .has_stream_in_path = true,
                                        .wants_stream = true,
                                        .streams_json_array = true};
    assert_true(translate(&f, BODY, &options));
    assert_true(f.result.req.wants_stream);
    assert_true(f.result.req.streams_json_array);
    assert_true(writes(&f, "\"stream\":true"));
    end(&f);

    options.counts = true;
    options.upstream = DIALECT_ANTHROPIC;
    assert_true(translate(&f, BODY, &options));
    assert_false(writes(&f, "\"stream\""));
    end(&f);
}

static void stops_are_shared_between_the_upstream_and_us(void **state)
{
    static const struct {
        enum dialect upstream;
        size_t n_sent;
    } rows[] = {{DIALECT_ANTHROPIC, 6}, {DIALECT_CHAT, 4}, {DIALECT_RESPONSES, 0}, {DIALECT_GEMINI, 5}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct fixture f;
        assert_true(translate(&f,
                              "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],"
                              "\"stop_sequences\":[\"a1\",\"a2\",\"a3\",\"a4\",\"a5\",\"a6\"]}",
                              &(struct translate_options){.client = DIALECT_ANTHROPIC,
                                                          .upstream = rows[i].upstream,
                                                          .upstream_model = SLICE("model")}));
        assert_int_equal(f.result.req.n_stops_sent, rows[i].n_sent);
        for (size_t stop = 1; stop <= 6; stop++) {
            char text[] = {'"', 'a', (char)('0' + stop), '"', '\0'};
            assert_int_equal(writes(&f, text), stop <= rows[i].n_sent);
        }
        end(&f);
    }
}

static void stops_that_nobody_can_look_for_are_refused(void **state)
{
    struct translate_options options = {
        .client = DIALECT_CHAT, .upstream = DIALECT_RESPONSES, .upstream_model = SLICE("m")};
    struct buf long_stop = BUF_EMPTY;
    struct buf many_stops = BUF_EMPTY;
    struct fixture f;
    buf_printf(&long_stop, CHAT_BODY(",\"stop\":[\"x\",\"%0*d\"]") "%c", STOP_LEN_MAX + 1, 0, 0);
    buf_append(&many_stops, SLICE("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stop\":["));
    for (int i = 0; i <= STOPS_SCANNED_MAX; i++) {
        buf_printf(&many_stops, "\"s%d\",", i);
    }
    buf_append(&many_stops, SLICE("\"s\"]}\0"));

    assert_false(translate(&f, long_stop.ptr, &options));
    assert_true(slice_eq(f.result.loss.param, SLICE("stop[1]")));
    end(&f);
    assert_false(translate(&f, many_stops.ptr, &options));
    end(&f);
    options.mode = LOSS_LENIENT;
    assert_true(translate(&f, long_stop.ptr, &options));
    assert_true(f.result.loss.n_warnings > 0);
    end(&f);
    buf_deinit(&long_stop);
    buf_deinit(&many_stops);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_read_in_every_shape),
        cmocka_unit_test(counts_are_read_and_written),
        cmocka_unit_test(what_is_no_count_is_none),
        cmocka_unit_test(a_bad_request_is_refused_in_every_pair),
        cmocka_unit_test(what_the_path_says_counts),
        cmocka_unit_test(stops_are_shared_between_the_upstream_and_us),
        cmocka_unit_test(stops_that_nobody_can_look_for_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
