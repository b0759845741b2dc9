// SPDX-License-Identifier: MIT
// Blocks that only Anthropic knows, put together from a stream: what a provider's tool was asked comes in pieces.
#include "dialect/anthropic/anthropic_internal.h"

struct anthropic_native {
    struct arena *arena; // borrowed
    struct slice start;  // raw: the block as it began
    struct slice input;  // JSON text, still escaped: all pieces of it
    size_t input_cap;
    struct slice content; // raw, escaped string with its quotes: of a compaction
};

struct anthropic_native *anthropic_native_new(struct arena *arena, const struct json_doc *doc,
                                              const struct json_node *block)
{
    struct anthropic_native *native = arena_zalloc(arena, sizeof(*native));
    native->arena = arena;
    native->start = arena_dup(arena, json_raw(doc, block));
    return native;
}

static void add_input(struct anthropic_native *native, struct slice piece)
{
    size_t len = native->input.len + piece.len;
    char *bytes = (char *)native->input.ptr;
    if (len > native->input_cap) {
        size_t cap = 2 * len;
        bytes = bytes ? arena_grow(native->arena, bytes, native->input_cap, cap) : arena_alloc(native->arena, cap);
        native->input_cap = cap;
    }
    memcpy(bytes + native->input.len, piece.ptr, piece.len);
    native->input = slice_of(bytes, len);
}

void anthropic_native_add(struct anthropic_native *native, const struct json_doc *doc, const struct json_node *delta)
{
    struct slice piece = json_escaped(doc, json_get(doc, delta, SLICE("partial_json")));
    const struct json_node *content = json_get(doc, delta, SLICE("content"));
    if (piece.len) {
        add_input(native, piece);
    }
    if (json_is(content, JSON_STRING)) {
        native->content = arena_dup(native->arena, json_raw(doc, content));
    }
}

// Replaces a member of the block as it began.
static struct slice with_member(struct arena *arena, struct slice raw, struct slice name, struct slice value)
{
    struct json_doc doc;
    struct json_splice splice;
    size_t n;
    size_t len;
    if (json_parse(&doc, arena, raw, NULL) != 0) {
        return raw;
    }
    json_splice_init(&splice, arena, &doc);
    json_splice_set(&splice, json_root(&doc), name, value);
    struct slice *pieces = json_splice_result(&splice, &n, &len);
    return arena_concat(arena, pieces, n);
}

struct slice anthropic_native_raw(const struct anthropic_native *native)
{
    struct slice raw = native->start;
    if (native->input.len) {
        struct json_doc doc;
        struct slice input = json_unescape(native->input, native->arena);
        if (json_parse(&doc, native->arena, input, NULL) == 0) {
            raw = with_member(native->arena, raw, SLICE("input"), input);
        }
    }
    if (native->content.len) {
        raw = with_member(native->arena, raw, SLICE("content"), native->content);
    }
    return raw;
}
