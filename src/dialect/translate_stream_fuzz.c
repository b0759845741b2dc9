// SPDX-License-Identifier: MIT
// A streamed answer of anybody who claims to speak FUZZ_DIALECT, for all clients, those that stream and those that do
// not; whole and in pieces whose lengths its own bytes choose, with the same result.
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "dialect/answer_fuzz.h"
#include "dialect/feeding.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void feed(struct feeding *feeding, struct slice bytes, bool splits)
{
    struct sse_parser parser;
    sse_parser_init(&parser, SSE_EVENT_MAX_DEFAULT);
    for (size_t at = 0; at < bytes.len;) {
        size_t piece = splits ? 1 + (size_t)(unsigned char)bytes.ptr[(at * 7 + 3) % bytes.len] : bytes.len;
        piece = piece < bytes.len - at ? piece : bytes.len - at;
        int r = sse_parser_feed(&parser, slice_of(bytes.ptr + at, piece), feeding_on_event, feeding);
        assert(r == 0);
        at += piece;
    }
    int r = sse_parser_finish(&parser, feeding_on_event, feeding);
    assert(r == 0);
    sse_parser_deinit(&parser);
    translation_finish(feeding->translation, &feeding->out);
}

static struct buf translate(struct slice bytes, enum dialect client, bool streams, bool splits)
{
    struct arena arena;
    arena_init(&arena, 4096);
    struct feeding feeding = {.translation = answer_fuzz_begin(&arena, FUZZ_DIALECT, client, streams)};
    feed(&feeding, bytes, splits);
    answer_fuzz_check(feeding.translation, client, streams, buf_slice(&feeding.out));
    translation_deinit(feeding.translation);
    arena_deinit(&arena);
    return feeding.out;
}

static void check(struct slice bytes, enum dialect client, bool streams)
{
    struct buf whole = translate(bytes, client, streams, false);
    struct buf split = translate(bytes, client, streams, true);
    assert(slice_eq(buf_slice(&whole), buf_slice(&split)));
    buf_deinit(&whole);
    buf_deinit(&split);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice bytes = slice_of((const char *)data, len);
    for (int client = 0; client < N_DIALECTS; client++) {
        if (client != FUZZ_DIALECT) {
            check(bytes, (enum dialect)client, true);
            check(bytes, (enum dialect)client, false);
        }
    }
    return 0;
}
