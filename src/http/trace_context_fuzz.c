// SPDX-License-Identifier: MIT
// Any text: what is valid has an id of digits that are not all 0, and what is handed on is valid, of the same trace,
// with known flags only.
#include <assert.h>

#include "http/trace_context.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_id(struct slice id)
{
    size_t n_zeros = 0;
    assert(id.len == TRACE_ID_LEN);
    for (size_t i = 0; i < id.len; i++) {
        assert(memchr("0123456789abcdef", id.ptr[i], 16));
        n_zeros += id.ptr[i] == '0';
    }
    assert(n_zeros < id.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char out[TRACEPARENT_LEN];
    struct slice text = slice_of((const char *)data, len);
    struct trace_context context = {.trace_id = SLICE_EMPTY};
    struct trace_context again = {.trace_id = SLICE_EMPTY};
    bool is_valid = trace_context_parse(text, &context);
    struct h1_field field = {.name = SLICE("traceparent"), .value = text, .id = HEADER_TRACEPARENT};
    assert(slice_eq(trace_context_of(&field, 1).trace_id, context.trace_id));
    if (!is_valid) {
        assert(!context.trace_id.ptr);
        return 0;
    }
    check_id(context.trace_id);
    assert(context.flags <= 3);
    trace_context_write(&context, out);
    bool is_valid_again = trace_context_parse(slice_of(out, sizeof(out)), &again);
    assert(is_valid_again);
    assert(slice_eq(again.trace_id, context.trace_id) && again.flags == context.flags);
    return 0;
}
