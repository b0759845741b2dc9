// SPDX-License-Identifier: MIT
//   00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
//   version, trace id, parent id, flags; in later versions more may follow, behind another hyphen.
#include "http/trace_context.h"

#include "base/hex.h"
#include "base/random.h"

enum {
    TRACE_ID_AT = 3,
    PARENT_ID_AT = TRACE_ID_AT + TRACE_ID_LEN + 1,
    PARENT_ID_LEN = 16,
    FLAGS_AT = PARENT_ID_AT + PARENT_ID_LEN + 1,
};
// "sampled", and "the trace id is random". The standard wants all others to be sent as 0.
enum { KNOWN_FLAGS = 3, KNOWN_FLAGS_OF_LATER = 1, VERSION_INVALID = 0xff };

// -1: no digit, or a capital letter.
static int digit_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// -1: they are no two digits.
static int byte_at(struct slice text, size_t at)
{
    int high = digit_of(text.ptr[at]);
    int low = digit_of(text.ptr[at + 1]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

// Digits, and not all of them 0.
static bool is_id(struct slice id)
{
    bool is_zero = true;
    for (size_t i = 0; i < id.len; i++) {
        if (digit_of(id.ptr[i]) < 0) {
            return false;
        }
        is_zero = is_zero && id.ptr[i] == '0';
    }
    return !is_zero;
}

bool trace_context_parse(struct slice text, struct trace_context *context_r)
{
    if (text.len < TRACEPARENT_LEN || text.ptr[TRACE_ID_AT - 1] != '-' || text.ptr[PARENT_ID_AT - 1] != '-' ||
        text.ptr[FLAGS_AT - 1] != '-') {
        return false;
    }
    int version = byte_at(text, 0);
    int flags = byte_at(text, FLAGS_AT);
    struct slice trace_id = slice_of(text.ptr + TRACE_ID_AT, TRACE_ID_LEN);
    bool may_be_longer = version > 0 && text.len > TRACEPARENT_LEN && text.ptr[TRACEPARENT_LEN] == '-';
    if (version < 0 || version == VERSION_INVALID || flags < 0 || (text.len > TRACEPARENT_LEN && !may_be_longer) ||
        !is_id(trace_id) || !is_id(slice_of(text.ptr + PARENT_ID_AT, PARENT_ID_LEN))) {
        return false;
    }
    context_r->trace_id = trace_id;
    context_r->flags = (uint8_t)(flags & (version == 0 ? KNOWN_FLAGS : KNOWN_FLAGS_OF_LATER));
    return true;
}

struct trace_context trace_context_of(const struct h1_field *fields, size_t n_fields)
{
    struct trace_context context = {.trace_id = SLICE_EMPTY};
    const struct h1_field *given = NULL;
    for (size_t i = 0; i < n_fields; i++) {
        if (fields[i].id != HEADER_TRACEPARENT) {
            continue;
        }
        if (given) {
            return (struct trace_context){.trace_id = SLICE_EMPTY};
        }
        given = &fields[i];
        (void)!trace_context_parse(given->value, &context); // else it stays empty
    }
    return context;
}

void trace_context_write(const struct trace_context *context, char out[TRACEPARENT_LEN])
{
    uint64_t parent_id = 0;
    while (parent_id == 0) {
        random_bytes(&parent_id, sizeof(parent_id));
    }
    memcpy(out, "00-", TRACE_ID_AT);
    memcpy(out + TRACE_ID_AT, context->trace_id.ptr, TRACE_ID_LEN);
    out[PARENT_ID_AT - 1] = '-';
    hex_write_u64(out + PARENT_ID_AT, parent_id);
    out[FLAGS_AT - 1] = '-';
    hex_write_bytes(out + FLAGS_AT, &context->flags, 1);
}
