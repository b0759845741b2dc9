// SPDX-License-Identifier: MIT
// What a message of a Responses request, or the output of a tool, is made of.
#include "base/buf.h"
#include "dialect/responses/responses_internal.h"

void responses_append_to_string(struct json_writer *w, struct slice escaped)
{
    w->out->len--; // the closing quote
    buf_append(w->out, escaped);
    buf_append_char(w->out, '"');
}

void responses_write_escaped(struct json_writer *w, const char *name, struct slice escaped)
{
    json_key(w, slice_from_cstr(name));
    json_write_escaped(w, escaped);
}

// ---- parts

static void write_cache_mark(const struct encoding *encoding, struct json_writer *w, const struct neutral_part *part)
{
    // Only some models take it; a client of OpenAI knows what it asked for.
    if (part->cache != CACHE_NONE && encoding_is_of_openai(encoding)) {
        json_key(w, SLICE("prompt_cache_breakpoint"));
        json_write_raw(w, SLICE("{\"mode\":\"explicit\"}"));
    }
}

void responses_write_text_part(const struct encoding *encoding, struct json_writer *w, const struct neutral_part *part,
                               struct slice before)
{
    json_begin_object(w);
    responses_write_type(w, "input_text");
    responses_write_escaped(w, "text", before);
    responses_append_to_string(w, part->text);
    write_cache_mark(encoding, w, part);
    json_end_object(w);
}

// `usual` is the type of data that does not say its own.
static void write_data(const struct encoding *encoding, struct json_writer *w, const struct media *media,
                       const char *usual)
{
    struct slice mime_type = media->mime_type.len ? media->mime_type : neutral_sniff(media->data);
    struct slice head[] = {SLICE("data:"), mime_type.len ? mime_type : slice_from_cstr(usual), SLICE(";base64,")};
    json_write_string(w, arena_concat(encoding->arena, head, 3));
    responses_append_to_string(w, media->data);
}

static bool refuse_media(const struct encoding *encoding, const struct neutral_part *part, const char *why)
{
    loss_refuse(encoding->loss, part->at, why);
    return false;
}

// A file that another provider keeps.
static bool is_foreign_file(const struct encoding *encoding, const struct neutral_part *part)
{
    if (part->media.form != MEDIA_FILE_ID || encoding_is_of_openai(encoding)) {
        return false;
    }
    loss_refuse_always(encoding->loss, part->at,
                       "the upstream of this model cannot read the files of another provider");
    return true;
}

static void write_image(const struct encoding *encoding, struct json_writer *w, const struct neutral_part *part)
{
    const struct media *media = &part->media;
    json_begin_object(w);
    responses_write_type(w, "input_image");
    if (media->form == MEDIA_FILE_ID) {
        responses_write_escaped(w, "file_id", media->data);
    } else {
        json_key(w, SLICE("image_url"));
        if (media->form == MEDIA_BASE64) {
            write_data(encoding, w, media, "image/png");
        } else {
            json_write_escaped(w, media->data);
        }
    }
    if (media->detail.len) {
        json_member_string(w, SLICE("detail"), media->detail);
    }
    write_cache_mark(encoding, w, part);
    json_end_object(w);
}

static void write_file(const struct encoding *encoding, struct json_writer *w, const struct neutral_part *part)
{
    const struct media *media = &part->media;
    json_begin_object(w);
    responses_write_type(w, "input_file");
    if (media->form == MEDIA_FILE_ID) {
        responses_write_escaped(w, "file_id", media->data);
    } else if (media->form == MEDIA_URL) {
        responses_write_escaped(w, "file_url", media->data);
    } else {
        json_key(w, SLICE("file_data"));
        write_data(encoding, w, media, "application/pdf");
    }
    // A file that is sent needs a name.
    if (media->name.len || media->form == MEDIA_BASE64) {
        responses_write_escaped(w, "filename", media->name.len ? media->name : SLICE("document.pdf"));
    }
    write_cache_mark(encoding, w, part);
    json_end_object(w);
}

// A document of plain text is a text, its title in front.
static void write_text_document(const struct encoding *encoding, struct json_writer *w, const struct neutral_part *part)
{
    json_begin_object(w);
    responses_write_type(w, "input_text");
    responses_write_escaped(w, "text", part->media.name);
    if (part->media.name.len) {
        responses_append_to_string(w, SLICE("\\n\\n"));
    }
    responses_append_to_string(w, part->media.data);
    write_cache_mark(encoding, w, part);
    json_end_object(w);
}

// What stands in it besides its texts.
static void write_pictures(const struct encoding *encoding, struct json_writer *w, const struct neutral_part *part)
{
    for (; part; part = part->next) {
        if (part->kind == PART_IMAGE && !is_foreign_file(encoding, part)) {
            write_image(encoding, w, part);
        }
    }
}

static void write_document(const struct encoding *encoding, struct json_writer *w, const struct neutral_part *part)
{
    if (part->media.wants_citations || part->media.context.len) {
        loss_warn(encoding->loss, LOSS_DROPPED, part->at);
    }
    if (part->media.form == MEDIA_TEXT || part->media.form == MEDIA_PARTS) {
        if (part->media.data.len || part->media.name.len) {
            write_text_document(encoding, w, part);
        }
        write_pictures(encoding, w, part->media.parts);
    } else {
        write_file(encoding, w, part);
    }
}

static void write_audio(const struct encoding *encoding, struct json_writer *w, const struct neutral_part *part)
{
    bool is_wav = slice_ends_with(part->media.mime_type, SLICE("wav"));
    json_begin_object(w);
    responses_write_type(w, "input_audio");
    json_key(w, SLICE("input_audio"));
    json_begin_object(w);
    responses_write_escaped(w, "data", part->media.data);
    json_member_string(w, SLICE("format"), is_wav ? SLICE("wav") : SLICE("mp3"));
    json_end_object(w);
    json_end_object(w);
}

static bool can_hear(const struct neutral_part *part)
{
    struct slice mime_type = part->media.mime_type;
    return part->media.form == MEDIA_BASE64 &&
           (slice_ends_with(mime_type, SLICE("wav")) || slice_ends_with(mime_type, SLICE("mp3")) ||
            slice_ends_with(mime_type, SLICE("mpeg")));
}

bool responses_takes_part(const struct encoding *encoding, const struct neutral_part *part)
{
    switch (part->kind) {
    case PART_TEXT:
    case PART_REFUSAL: return true;
    case PART_IMAGE:
    case PART_DOCUMENT: return !is_foreign_file(encoding, part);
    case PART_AUDIO:
        return can_hear(part) || refuse_media(encoding, part, "the upstream of this model takes audio as wav or mp3");
    case PART_VIDEO: return refuse_media(encoding, part, "the upstream of this model takes no video");
    case PART_CALL:
    case PART_RESULT:
    case PART_REASONING:
    case PART_NATIVE: return false;
    }
    return false;
}

void responses_write_part(const struct encoding *encoding, struct json_writer *w, const struct neutral_part *part)
{
    if (!responses_takes_part(encoding, part)) {
        return;
    }
    if (part->kind == PART_IMAGE) {
        write_image(encoding, w, part);
    } else if (part->kind == PART_DOCUMENT) {
        write_document(encoding, w, part);
    } else if (part->kind == PART_AUDIO) {
        write_audio(encoding, w, part);
    } else {
        responses_write_text_part(encoding, w, part, SLICE_EMPTY);
    }
}

bool responses_is_plain_text(const struct encoding *encoding, const struct neutral_part *part)
{
    return part->kind == PART_TEXT && (part->cache == CACHE_NONE || !encoding_is_of_openai(encoding));
}
