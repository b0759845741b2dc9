// SPDX-License-Identifier: MIT
// A chunked body gives the same data, result and end however it is split.
#include <assert.h>
#include <stdlib.h>

#include "base/buf.h"
#include "http/chunked.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct outcome {
    struct buf data;
    size_t used;
    enum chunked_result result;
};

// Decodes in pieces of lengths that input bytes choose, at most `piece_max`, each in memory of exactly its size.
static struct outcome decode(const uint8_t *bytes, size_t len, size_t piece_max)
{
    struct chunked_decoder decoder = {0};
    struct outcome outcome = {.data = BUF_EMPTY};
    while (outcome.used < len && outcome.result == CHUNKED_NEED_MORE) {
        size_t piece = piece_max < len ? 1 + bytes[(outcome.used * 7 + 3) % len] % piece_max : len;
        piece = piece < len - outcome.used ? piece : len - outcome.used;
        char *copy = malloc(piece);
        memcpy(copy, bytes + outcome.used, piece);
        size_t data_len = 0;
        size_t used = 0;
        outcome.result = chunked_decode(&decoder, copy, piece, &data_len, &used);
        assert(data_len <= used && used <= piece);
        assert(used == piece || outcome.result != CHUNKED_NEED_MORE);
        buf_append(&outcome.data, slice_of(copy, data_len));
        outcome.used += used;
        free(copy);
    }
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const size_t piece_max[] = {1, 3, 40};
    struct outcome whole = decode(data, len, SIZE_MAX);
    for (size_t i = 0; i < sizeof(piece_max) / sizeof(piece_max[0]); i++) {
        struct outcome split = decode(data, len, piece_max[i]);
        assert(split.result == whole.result && split.used == whole.used);
        assert(slice_eq(buf_slice(&split.data), buf_slice(&whole.data)));
        buf_deinit(&split.data);
    }
    buf_deinit(&whole.data);
    return 0;
}
