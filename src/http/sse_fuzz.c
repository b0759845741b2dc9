// SPDX-License-Identifier: MIT
// A stream gives the same events however it is split, with a large and with a small limit, and every event comes back
// when it is written and parsed again.
#include <assert.h>
#include <stdlib.h>

#include "http/sse_parser.h"
#include "http/sse_writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct outcome {
    struct buf events; // as lengths and texts
    int result;
};

static void collect(void *arg, const struct sse_event *event)
{
    struct buf *events = arg;
    buf_append_u64(events, event->name.len);
    buf_append_char(events, ':');
    buf_append(events, event->name);
    buf_append_u64(events, event->data.len);
    buf_append_char(events, ':');
    buf_append(events, event->data);
}

// In pieces of lengths that input bytes choose, at most `piece_max`, each at the end of a block and gone afterwards.
static struct outcome parse(struct slice input, size_t piece_max, size_t event_max)
{
    struct outcome outcome = {.events = BUF_EMPTY};
    struct sse_parser parser;
    size_t block_size = piece_max < input.len ? piece_max : input.len;
    char *block = malloc(block_size + 1);
    sse_parser_init(&parser, event_max);
    for (size_t at = 0; at < input.len;) {
        size_t piece = 1 + (unsigned char)input.ptr[(at * 7 + 3) % input.len] % block_size;
        piece = block_size == input.len ? input.len : piece < input.len - at ? piece : input.len - at;
        char *copy = block + block_size + 1 - piece;
        memcpy(copy, input.ptr + at, piece);
        outcome.result = sse_parser_feed(&parser, slice_of(copy, piece), collect, &outcome.events);
        assert(parser._line.len + parser._data.len + parser._name.len <= event_max);
        memset(block, '?', block_size + 1);
        at += piece;
    }
    free(block);
    assert(sse_parser_finish(&parser, collect, &outcome.events) == outcome.result);
    assert(!parser._line.ptr && !parser._data.ptr && !parser._name.ptr);
    sse_parser_deinit(&parser);
    return outcome;
}

static void check_splits(struct slice input, size_t event_max)
{
    static const size_t piece_max[] = {1, 3, 40};
    struct outcome whole = parse(input, SIZE_MAX, event_max);
    for (size_t i = 0; i < sizeof(piece_max) / sizeof(piece_max[0]); i++) {
        struct outcome split = parse(input, piece_max[i], event_max);
        assert(split.result == whole.result && slice_eq(buf_slice(&split.events), buf_slice(&whole.events)));
        buf_deinit(&split.events);
    }
    buf_deinit(&whole.events);
}

static void write_anew(void *arg, const struct sse_event *event)
{
    sse_write_event(arg, event->name, event->data);
}

static void check_written_anew(struct slice input)
{
    struct sse_parser parser;
    struct buf written = BUF_EMPTY;
    sse_parser_init(&parser, SSE_EVENT_MAX_DEFAULT);
    int r = sse_parser_feed(&parser, input, write_anew, &written);
    assert(r == 0);
    r = sse_parser_finish(&parser, write_anew, &written);
    assert(r == 0);
    struct outcome before = parse(input, SIZE_MAX, SSE_EVENT_MAX_DEFAULT);
    struct outcome after = parse(buf_slice(&written), SIZE_MAX, SSE_EVENT_MAX_DEFAULT);
    assert(slice_eq(buf_slice(&before.events), buf_slice(&after.events)));
    buf_deinit(&before.events);
    buf_deinit(&after.events);
    buf_deinit(&written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice input = slice_of((const char *)data, len);
    check_splits(input, SSE_EVENT_MAX_DEFAULT);
    check_splits(input, 24);
    check_written_anew(input);
    return 0;
}
