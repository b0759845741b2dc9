// SPDX-License-Identifier: MIT
// A whole answer of anybody who claims to speak FUZZ_DIALECT, for all clients, those that stream and those that do not.
#include <stddef.h>
#include <stdint.h>

#include "dialect/answer_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void translate(struct slice body, enum dialect client, bool streams)
{
    struct arena arena;
    struct buf out = BUF_EMPTY;
    arena_init(&arena, 4096);
    struct translation *translation = answer_fuzz_begin(&arena, FUZZ_DIALECT, client, streams);
    translation_answer(translation, body, &out);
    answer_fuzz_check(translation, client, streams, buf_slice(&out));
    translation_deinit(translation);
    buf_deinit(&out);
    arena_deinit(&arena);
}

static void read_error(struct slice body)
{
    struct arena arena;
    struct buf out = BUF_EMPTY;
    struct neutral_error error;
    arena_init(&arena, 4096);
    translate_read_error(&arena, FUZZ_DIALECT, 400 + (unsigned)(body.len % 200), body, SLICE_EMPTY, &error);
    for (int client = 0; client < N_DIALECTS; client++) {
        fault_write_error_body(&error, (enum dialect)client, SLICE("req-1"), &out);
    }
    buf_deinit(&out);
    arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice body = slice_of((const char *)data, len);
    for (int client = 0; client < N_DIALECTS; client++) {
        if (client != FUZZ_DIALECT) {
            translate(body, (enum dialect)client, true);
            translate(body, (enum dialect)client, false);
        }
    }
    read_error(body);
    return 0;
}
