// SPDX-License-Identifier: MIT
// Images and documents in an Anthropic request, and what is readable of blocks that only Anthropic knows.
#include "base/buf.h"
#include "dialect/anthropic/anthropic_internal.h"

struct slice anthropic_join_texts(struct arena *arena, const struct neutral_part *parts)
{
    struct buf all = BUF_EMPTY;
    if (parts && parts->kind == PART_TEXT && !parts->next) {
        return parts->text;
    }
    for (const struct neutral_part *part = parts; part; part = part->next) {
        if (part->kind == PART_TEXT && part->text.len) {
            buf_append(&all, all.len ? SLICE("\\n\\n") : SLICE_EMPTY);
            buf_append(&all, part->text);
        }
    }
    struct slice joined = all.len ? arena_dup(arena, buf_slice(&all)) : SLICE_EMPTY;
    buf_deinit(&all);
    return joined;
}

// ---- sources

static struct slice escaped_member(const struct anthropic_reader *r, const struct json_node *object, struct slice name)
{
    return neutral_escaped(r->doc, json_get(r->doc, object, name));
}

static void read_base64(const struct anthropic_reader *r, const struct json_node *source, struct media *media)
{
    media->form = MEDIA_BASE64;
    media->data = escaped_member(r, source, SLICE("data"));
    media->mime_type =
        neutral_mime_type(r->arena, json_string(r->doc, json_get(r->doc, source, SLICE("media_type")), r->arena));
}

static void read_url(const struct anthropic_reader *r, const struct json_node *source, struct media *media)
{
    struct slice url = escaped_member(r, source, SLICE("url"));
    if (url.len && !neutral_read_data_url(r->arena, url, media)) {
        media->form = MEDIA_URL;
        media->data = url;
    }
}

static void read_file(const struct anthropic_reader *r, const struct json_node *source, struct media *media)
{
    media->form = MEDIA_FILE_ID;
    media->data = escaped_member(r, source, SLICE("file_id"));
}

static void read_text(const struct anthropic_reader *r, const struct json_node *source, struct media *media)
{
    media->form = MEDIA_TEXT;
    media->data = escaped_member(r, source, SLICE("data"));
    media->mime_type = SLICE("text/plain");
}

// Texts and images; nothing else may stand there, so this goes no deeper.
static void read_content(const struct anthropic_reader *r, const struct json_node *source, struct media *media)
{
    const struct json_node *content = json_get(r->doc, source, SLICE("content"));
    const struct json_node *block = NULL;
    struct neutral_part **last = &media->parts;
    if (json_is(content, JSON_STRING)) {
        media->parts = neutral_text_new(r->arena, json_escaped(r->doc, content), content);
    }
    while (json_next_element(r->doc, content, &block)) {
        const struct json_node *type = json_get(r->doc, block, SLICE("type"));
        struct neutral_part *part = NULL;
        if (json_string_is(r->doc, type, SLICE("text"))) {
            part = neutral_text_new(r->arena, escaped_member(r, block, SLICE("text")), block);
        } else if (json_string_is(r->doc, type, SLICE("image"))) {
            part = anthropic_read_media(r, block, PART_IMAGE);
        }
        if (part) {
            neutral_append_part(&last, part);
        }
    }
    media->form = MEDIA_PARTS;
    media->data = anthropic_join_texts(r->arena, media->parts);
}

static const struct {
    struct slice type;
    bool is_of_documents_only;
    void (*read)(const struct anthropic_reader *r, const struct json_node *source, struct media *media);
} SOURCES[] = {
    {SLICE_INIT("base64"), false, read_base64},  {SLICE_INIT("url"), false, read_url},
    {SLICE_INIT("file"), false, read_file},      {SLICE_INIT("text"), true, read_text},
    {SLICE_INIT("content"), true, read_content},
};

static bool read_source(const struct anthropic_reader *r, const struct json_node *source, bool is_document,
                        struct media *media)
{
    const struct json_node *type = json_get(r->doc, source, SLICE("type"));
    for (size_t i = 0; i < sizeof(SOURCES) / sizeof(*SOURCES); i++) {
        if ((is_document || !SOURCES[i].is_of_documents_only) && json_string_is(r->doc, type, SOURCES[i].type)) {
            SOURCES[i].read(r, source, media);
            return media->data.ptr || media->parts;
        }
    }
    return false;
}

struct neutral_part *anthropic_read_media(const struct anthropic_reader *r, const struct json_node *block,
                                          enum part_kind kind)
{
    struct neutral_part *part = neutral_part_new(r->arena, kind, block);
    const struct json_node *source = json_get(r->doc, block, SLICE("source"));
    if (!read_source(r, source, kind == PART_DOCUMENT, &part->media)) {
        loss_reject_input(r->loss, block, "needs a source that this kind of block may have");
        return NULL;
    }
    part->media.name = escaped_member(r, block, SLICE("title"));
    part->media.context = escaped_member(r, block, SLICE("context"));
    part->media.wants_citations =
        neutral_tri(json_get_path(r->doc, block, (struct slice[]){SLICE("citations"), SLICE("enabled")}, 2)) ==
        TRI_TRUE;
    return part;
}

// ---- renderings

// Where the blocks of tools that the provider runs, and of compactions, keep what can be read.
static const struct slice READABLE[] = {SLICE_INIT("text"),   SLICE_INIT("title"),  SLICE_INIT("url"),
                                        SLICE_INIT("stdout"), SLICE_INIT("stderr"), SLICE_INIT("tool_name"),
                                        SLICE_INIT("content")};

static void add_line(struct buf *all, struct slice line)
{
    if (line.len) {
        buf_append(all, all->len ? SLICE("\\n") : SLICE_EMPTY);
        buf_append(all, line);
    }
}

static struct slice take_lines(const struct anthropic_reader *r, struct buf *all)
{
    struct slice lines = all->len ? arena_dup(r->arena, buf_slice(all)) : SLICE_EMPTY;
    buf_deinit(all);
    return lines;
}

static void add_readable(const struct anthropic_reader *r, const struct json_node *object, struct buf *all)
{
    for (size_t i = 0; i < sizeof(READABLE) / sizeof(*READABLE); i++) {
        add_line(all, escaped_member(r, object, READABLE[i]));
    }
}

struct slice anthropic_rendering(const struct anthropic_reader *r, const struct json_node *block)
{
    const struct json_node *content = json_get(r->doc, block, SLICE("content"));
    const struct json_node *item = NULL;
    struct buf all = BUF_EMPTY;
    add_readable(r, block, &all);
    add_readable(r, content, &all);
    while (json_next_element(r->doc, content, &item)) {
        add_readable(r, item, &all);
    }
    return take_lines(r, &all);
}

struct slice anthropic_texts_of(const struct anthropic_reader *r, const struct json_node *blocks)
{
    const struct json_node *block = NULL;
    struct buf all = BUF_EMPTY;
    while (json_next_element(r->doc, blocks, &block)) {
        add_line(&all, escaped_member(r, block, SLICE("text")));
    }
    return take_lines(r, &all);
}
