// SPDX-License-Identifier: MIT
// Reasoning in the words of the many that speak like Chat Completions: reasoning_details and Google's extra_content.
//
// An entry of reasoning_details has a text (or none), and may have a signature or data that only its vendor
// understands. Nobody else can use those, so all members but the text are kept as one JSON object and given back as
// they came.
#include "dialect/chat/chat_internal.h"

static bool is_text_member(const struct json_doc *doc, const struct json_node *key)
{
    return json_string_is(doc, key, SLICE("text")) || json_string_is(doc, key, SLICE("summary"));
}

// The entry without its text, as JSON text in the arena.
static struct slice rest_of(const struct json_doc *doc, const struct json_node *node, struct arena *arena)
{
    char *text = arena_text(arena, (size_t)(node->end - node->start) + 1);
    size_t len = 0;
    const struct json_node *key = NULL;
    const struct json_node *value = NULL;
    while (json_next_member(doc, node, &key, &value)) {
        if (is_text_member(doc, key) || value->type == JSON_NULL) {
            continue;
        }
        struct slice name = json_raw(doc, key);
        struct slice raw = json_raw(doc, value);
        text[len] = len ? ',' : '{';
        len++;
        memcpy(text + len, name.ptr, name.len);
        len += name.len;
        text[len++] = ':';
        memcpy(text + len, raw.ptr, raw.len);
        len += raw.len;
    }
    if (len) {
        text[len++] = '}';
    }
    return slice_of(text, len);
}

struct chat_detail chat_read_detail(const struct json_doc *doc, const struct json_node *node, bool unwraps,
                                    struct arena *arena)
{
    struct chat_detail detail = {.index = -1, .opaque = {.kind = OPAQUE_VENDOR_TEXT}};
    struct slice summary = neutral_escaped(doc, json_get(doc, node, SLICE("summary")));
    struct slice seal = json_string(doc, json_get(doc, node, SLICE("signature")), arena);
    if (seal.len == 0) {
        seal = json_string(doc, json_get(doc, node, SLICE("data")), arena);
    }
    detail.text = neutral_escaped(doc, json_get(doc, node, SLICE("text")));
    if (detail.text.len == 0 && summary.len) {
        detail.text = summary;
        detail.is_summary = true;
    }
    (void)json_int64(doc, json_get(doc, node, SLICE("index")), &detail.index);
    detail.is_signed = seal.len > 0;
    if (detail.is_signed && !(unwraps && opaque_unwrap(arena, seal, &detail.opaque))) {
        detail.opaque = (struct neutral_opaque){.kind = OPAQUE_VENDOR_TEXT, .data = rest_of(doc, node, arena)};
    }
    return detail;
}

bool chat_write_detail(struct json_writer *w, const struct neutral_opaque *opaque, struct slice text,
                       struct arena *arena)
{
    // It has been with the client: it may be anything by now.
    static const struct json_options options = {.max_depth = 16, .max_nodes = 256};
    struct json_doc doc;
    if (json_parse(&doc, arena, opaque->data, &options) != 0 || !json_is(json_root(&doc), JSON_OBJECT)) {
        return false;
    }
    const struct json_node *key = NULL;
    const struct json_node *value = NULL;
    bool is_summary = json_string_is(&doc, json_get(&doc, json_root(&doc), SLICE("type")), SLICE("reasoning.summary"));
    json_begin_object(w);
    while (json_next_member(&doc, json_root(&doc), &key, &value)) {
        if (!is_text_member(&doc, key)) {
            json_key(w, json_string(&doc, key, arena));
            json_write_raw(w, json_raw(&doc, value));
        }
    }
    if (text.len) {
        json_key(w, is_summary ? SLICE("summary") : SLICE("text"));
        json_write_escaped(w, text);
    }
    json_end_object(w);
    return true;
}

struct slice chat_thought_signature(const struct json_doc *doc, const struct json_node *owner, struct arena *arena)
{
    static const struct slice PATH[] = {SLICE_INIT("extra_content"), SLICE_INIT("google"),
                                        SLICE_INIT("thought_signature")};
    return json_string(doc, json_get_path(doc, owner, PATH, sizeof(PATH) / sizeof(*PATH)), arena);
}

void chat_write_thought_signature(struct json_writer *w, struct slice signature)
{
    json_key(w, SLICE("extra_content"));
    json_begin_object(w);
    json_key(w, SLICE("google"));
    json_begin_object(w);
    json_member_string(w, SLICE("thought_signature"), signature);
    json_end_object(w);
    json_end_object(w);
}

void chat_write_wrapped_signature(struct json_writer *w, const struct neutral_opaque *opaque, struct buf *scratch)
{
    buf_clear(scratch);
    opaque_wrap(opaque, scratch);
    chat_write_thought_signature(w, buf_slice(scratch));
}

void chat_write_wrapped_detail(struct json_writer *w, const struct neutral_opaque *opaque, uint32_t index,
                               struct buf *scratch)
{
    buf_clear(scratch);
    opaque_wrap(opaque, scratch);
    json_begin_object(w);
    json_member_string(w, SLICE("type"), SLICE("reasoning.encrypted"));
    json_member_string(w, SLICE("data"), buf_slice(scratch));
    json_member_int(w, SLICE("index"), index);
    json_end_object(w);
}

bool chat_is_telling(const struct neutral_opaque *opaque)
{
    return opaque->kind != OPAQUE_NONE && !(opaque->kind == OPAQUE_VENDOR_TEXT && opaque->data.len == 0);
}
