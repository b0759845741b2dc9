// SPDX-License-Identifier: MIT
// Images and documents, as Anthropic takes them: four kinds of images, PDF and plain text, inline or by URL.
#include "dialect/anthropic/anthropic_internal.h"

#include "base/base64.h"

static const struct slice IMAGE_TYPES[] = {
    SLICE_INIT("image/jpeg"),
    SLICE_INIT("image/png"),
    SLICE_INIT("image/gif"),
    SLICE_INIT("image/webp"),
};

static bool is_image_type(struct slice mime_type)
{
    for (size_t i = 0; i < sizeof(IMAGE_TYPES) / sizeof(*IMAGE_TYPES); i++) {
        if (slice_eq(mime_type, IMAGE_TYPES[i])) {
            return true;
        }
    }
    return false;
}

static struct slice type_of(const struct media *media)
{
    struct slice sniffed = neutral_sniff(media->data);
    return sniffed.ptr ? sniffed : media->mime_type;
}

static bool is_text_type(struct slice mime_type)
{
    return slice_starts_with(mime_type, SLICE("text/")) || slice_eq(mime_type, SLICE("application/json")) ||
           slice_eq(mime_type, SLICE("application/xml")) || slice_eq(mime_type, SLICE("application/yaml"));
}

// A document that is an image after all is one.
static bool is_image(const struct neutral_part *part)
{
    return part->kind == PART_IMAGE || (part->media.form == MEDIA_BASE64 && is_image_type(type_of(&part->media)));
}

// ---- what is taken

static bool takes_inline(struct anthropic_request *e, const struct neutral_part *part)
{
    struct slice type = type_of(&part->media);
    if (is_image_type(type)) {
        return true;
    }
    if (part->kind == PART_IMAGE) {
        (void)loss_refuse(e->loss, part->at, "the upstream of this model takes JPEG, PNG, GIF and WebP images only");
        return false;
    }
    if (!slice_eq(type, SLICE("application/pdf")) && !is_text_type(type)) {
        (void)loss_refuse(e->loss, part->at, "the upstream of this model takes documents in PDF or plain text only");
        return false;
    }
    return true;
}

bool anthropic_takes_media(struct anthropic_request *e, const struct neutral_part *part)
{
    switch (part->media.form) {
    case MEDIA_BASE64: return takes_inline(e, part);
    case MEDIA_URL:
        if (slice_starts_with_nocase(part->media.data, SLICE("http"))) {
            return true;
        }
        (void)loss_refuse(e->loss, part->at, "the upstream of this model takes http URLs only");
        return false;
    case MEDIA_FILE_ID:
        if (e->is_own) {
            return true;
        }
        loss_refuse_always(e->loss, part->at, "a file that one provider keeps is unknown to another");
        return false;
    case MEDIA_TEXT:
    case MEDIA_PARTS: return true;
    }
    return false;
}

// ---- sources

static void write_source(struct anthropic_request *e, struct slice type, struct slice member, struct slice escaped)
{
    json_member_string(&e->w, SLICE("type"), type);
    json_key(&e->w, member);
    json_write_escaped(&e->w, escaped);
}

static void write_text(struct anthropic_request *e, struct slice escaped)
{
    json_member_string(&e->w, SLICE("media_type"), SLICE("text/plain"));
    write_source(e, SLICE("text"), SLICE("data"), escaped);
}

// Text is taken as such only.
static void write_decoded_text(struct anthropic_request *e, const struct neutral_part *part)
{
    struct slice plain = json_unescape(part->media.data, e->arena);
    char *bytes = arena_text(e->arena, base64_decoded_max(plain.len));
    struct buf escaped = BUF_EMPTY;
    size_t len = 0;
    if (!base64_decode(bytes, plain, &len)) {
        loss_reject_input(e->loss, part->at, "is not base64");
        len = 0;
    }
    json_escape(&escaped, slice_of(bytes, len));
    write_text(e, buf_slice(&escaped));
    buf_deinit(&escaped);
}

static void write_inline(struct anthropic_request *e, const struct neutral_part *part)
{
    struct slice type = type_of(&part->media);
    if (!is_image(part) && is_text_type(type)) {
        write_decoded_text(e, part);
        return;
    }
    json_member_string(&e->w, SLICE("media_type"), type);
    write_source(e, SLICE("base64"), SLICE("data"), part->media.data);
}

static void write_parts(struct anthropic_request *e, const struct neutral_part *part)
{
    json_member_string(&e->w, SLICE("type"), SLICE("content"));
    json_key(&e->w, SLICE("content"));
    json_begin_array(&e->w);
    for (const struct neutral_part *inner = part->media.parts; inner; inner = inner->next) {
        if (inner->kind == PART_IMAGE && anthropic_takes_media(e, inner)) {
            anthropic_write_media(e, inner);
        } else if (inner->kind == PART_TEXT && inner->text.len) {
            json_begin_object(&e->w);
            write_source(e, SLICE("text"), SLICE("text"), inner->text);
            json_end_object(&e->w);
        }
    }
    json_end_array(&e->w);
}

static void write_any_source(struct anthropic_request *e, const struct neutral_part *part)
{
    json_key(&e->w, SLICE("source"));
    json_begin_object(&e->w);
    switch (part->media.form) {
    case MEDIA_BASE64: write_inline(e, part); break;
    case MEDIA_URL: write_source(e, SLICE("url"), SLICE("url"), part->media.data); break;
    case MEDIA_FILE_ID: write_source(e, SLICE("file"), SLICE("file_id"), part->media.data); break;
    case MEDIA_TEXT: write_text(e, part->media.data); break;
    case MEDIA_PARTS: write_parts(e, part); break;
    }
    json_end_object(&e->w);
}

// ---- blocks

static void write_text_member(struct anthropic_request *e, struct slice name, struct slice escaped)
{
    if (escaped.len) {
        json_key(&e->w, name);
        json_write_escaped(&e->w, escaped);
    }
}

void anthropic_write_media(struct anthropic_request *e, const struct neutral_part *part)
{
    const struct media *media = &part->media;
    json_begin_object(&e->w);
    json_member_string(&e->w, SLICE("type"), is_image(part) ? SLICE("image") : SLICE("document"));
    write_any_source(e, part);
    if (!is_image(part)) {
        write_text_member(e, SLICE("title"), media->name);
        write_text_member(e, SLICE("context"), media->context);
        if (media->wants_citations) {
            json_key(&e->w, SLICE("citations"));
            json_write_raw(&e->w, SLICE("{\"enabled\":true}"));
        }
    }
    anthropic_write_cache(e, part->cache);
    json_end_object(&e->w);
}
