// SPDX-License-Identifier: MIT
// A request of anybody in the dialect FUZZ_DIALECT, translated to the three other ones in all modes, and once as a
// request for a count: it is refused with a reason, or what goes upstream is a JSON object.
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "dialect/translate.h"
#include "json/json_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { N_MODELS = 3 };

static const struct slice MODELS[N_DIALECTS][N_MODELS] = {
    [DIALECT_ANTHROPIC] = {SLICE_INIT("claude-sonnet-4-5"), SLICE_INIT("claude-opus-4-7"),
                           SLICE_INIT("claude-3-haiku-20240307")},
    [DIALECT_CHAT] = {SLICE_INIT("gpt-4.1"), SLICE_INIT("gpt-5.1"), SLICE_INIT("deepseek-chat")},
    [DIALECT_RESPONSES] = {SLICE_INIT("gpt-4.1"), SLICE_INIT("gpt-5.1"), SLICE_INIT("o3-mini")},
    [DIALECT_GEMINI] = {SLICE_INIT("gemini-2.5-flash"), SLICE_INIT("gemini-3-pro"), SLICE_INIT("gemini-2.0-flash")},
};

static void check_object(struct arena *arena, struct slice body)
{
    struct json_doc doc;
    int r = json_parse(&doc, arena, body, NULL);
    assert(r == 0 && json_is(json_root(&doc), JSON_OBJECT));
}

static void translate(const struct json_doc *doc, const struct translate_options *options)
{
    struct arena arena;
    struct buf out = BUF_EMPTY;
    struct translated_request result;
    arena_init(&arena, 4096);
    if (translate_request(&arena, doc, options, &result, &out)) {
        check_object(&arena, buf_slice(&out));
    } else {
        assert(result.loss.is_refused && result.loss.message.len > 0);
    }
    struct slice header = loss_header(&result.loss);
    assert(result.loss.n_warnings <= LOSS_WARNINGS_MAX);
    for (size_t i = 0; i < header.len; i++) {
        assert((unsigned char)header.ptr[i] >= ' ' && (unsigned char)header.ptr[i] < 0x7f);
    }
    buf_deinit(&out);
    arena_deinit(&arena);
}

static void translate_to(const struct json_doc *doc, enum dialect upstream, struct slice model)
{
    struct translate_options options = {.client = FUZZ_DIALECT, .upstream = upstream, .upstream_model = model};
    options.has_stream_in_path = options.client == DIALECT_GEMINI;
    for (int mode = LOSS_NORMAL; mode <= LOSS_LENIENT; mode++) {
        options.mode = (enum loss_mode)mode;
        translate(doc, &options);
    }
    options.writes_model = true;
    options.wants_stream = true;
    options.counts = upstream != DIALECT_CHAT;
    translate(doc, &options);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct arena arena;
    struct json_doc doc;
    arena_init(&arena, 4096);
    if (json_parse(&doc, &arena, slice_of((const char *)data, len), NULL) == 0 &&
        json_is(json_root(&doc), JSON_OBJECT)) {
        for (int upstream = 0; upstream < N_DIALECTS; upstream++) {
            if (upstream != FUZZ_DIALECT) {
                translate_to(&doc, (enum dialect)upstream, MODELS[upstream][len % N_MODELS]);
            }
        }
    }
    arena_deinit(&arena);
    return 0;
}
