// SPDX-License-Identifier: MIT
#include "dialect/answer_fuzz.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "dialect/stream_grammar.h"
#include "json/json_reader.h"

static const struct slice REQUESTS[N_DIALECTS] = {
    [DIALECT_ANTHROPIC] = SLICE_INIT("{\"model\":\"m\",\"max_tokens\":100,\"stop_sequences\":[\"END\",\"\\n\\nH\"],"
                                     "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],"
                                     "\"tools\":[{\"name\":\"f\",\"input_schema\":{\"type\":\"object\"}}]}"),
    [DIALECT_CHAT] =
        SLICE_INIT("{\"model\":\"m\",\"stop\":[\"END\",\"\\n\\nH\"],\"stream_options\":{\"include_usage\":true},"
                   "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],"
                   "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}},"
                   "{\"type\":\"custom\",\"custom\":{\"name\":\"c\"}}]}"),
    [DIALECT_RESPONSES] =
        SLICE_INIT("{\"model\":\"m\",\"input\":\"Hi\",\"tools\":[{\"type\":\"function\",\"name\":\"f\","
                   "\"parameters\":{\"type\":\"object\"},\"strict\":false},"
                   "{\"type\":\"custom\",\"name\":\"c\"}]}"),
    [DIALECT_GEMINI] = SLICE_INIT("{\"contents\":[{\"parts\":[{\"text\":\"Hi\"}]}],"
                                  "\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\",\"description\":\"d\"}]}],"
                                  "\"generationConfig\":{\"stopSequences\":[\"END\",\"\\n\\nH\"]}}"),
};

static const struct slice MODELS[N_DIALECTS] = {SLICE_INIT("claude-sonnet-4-5"), SLICE_INIT("gpt-4.1"),
                                                SLICE_INIT("gpt-5.1"), SLICE_INIT("gemini-2.5-flash")};

struct translation *answer_fuzz_begin(struct arena *arena, enum dialect upstream, enum dialect client, bool streams)
{
    struct translated_request *request = arena_zalloc(arena, sizeof(*request));
    struct json_doc *doc = arena_zalloc(arena, sizeof(*doc));
    struct translate_options options = {.client = client, .upstream = upstream, .upstream_model = MODELS[upstream]};
    struct buf body = BUF_EMPTY;
    int r = json_parse(doc, arena, REQUESTS[client], NULL);
    assert(r == 0);
    bool is_translated = translate_request(arena, doc, &options, request, &body);
    assert(is_translated);
    buf_deinit(&body);
    request->req.wants_stream = streams;
    struct answer_context context = {
        .arena = arena,
        .upstream = upstream,
        .client = client,
        .client_model = SLICE("m"),
        .req = &request->req,
        .token = SLICE("0123456789abcdefghijABCDEFGHIJ"),
        .now_s = 1700000000,
        .shows_reasoning = true,
        .loss = &request->loss,
        .estimated_input = -1,
    };
    return translation_new(&context);
}

static void check_body(struct slice out)
{
    struct arena arena;
    struct json_doc doc;
    arena_init(&arena, 4096);
    int r = json_parse(&doc, &arena, out, NULL);
    assert(r == 0 && json_is(json_root(&doc), JSON_OBJECT));
    arena_deinit(&arena);
}

void answer_fuzz_check(const struct translation *translation, enum dialect client, bool streams, struct slice out)
{
    const struct usage *usage = translation_usage(translation);
    assert(translation_is_over(translation));
    assert(usage->input >= -1 && usage->output >= -1 && usage->reasoning >= -1);
    assert(usage->cache_read >= -1 && usage->cache_write >= -1);
    if (translation_error(translation) && (!streams || out.len == 0)) {
        assert(out.len == 0);
        return;
    }
    const char *complaint = streams ? stream_grammar_complaint(client, out) : NULL;
    if (complaint) {
        fprintf(stderr, "%s: %s in\n%.*s\n", dialect_name(client), complaint, SLICE_ARG(out));
        abort();
    }
    if (!streams) {
        check_body(out);
    }
}
