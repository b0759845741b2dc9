// SPDX-License-Identifier: MIT
#include "dialect/gemini/gemini_media.h"

#include "dialect/gemini/gemini_names.h"

// ---- reading

static struct media read_common(const struct json_doc *doc, const struct json_node *object, struct arena *arena)
{
    const struct json_node *name = gemini_member(doc, object, SLICE("displayName"));
    return (struct media){
        .mime_type = neutral_mime_type(arena, json_string(doc, gemini_member(doc, object, SLICE("mimeType")), arena)),
        .name = json_is(name, JSON_STRING) ? json_escaped(doc, name) : SLICE_EMPTY,
    };
}

bool gemini_read_inline_data(const struct json_doc *doc, const struct json_node *data, struct arena *arena,
                             struct media *media_r)
{
    const struct json_node *bytes = gemini_member(doc, data, SLICE("data"));
    if (!json_is(bytes, JSON_STRING)) {
        return false;
    }
    *media_r = read_common(doc, data, arena);
    media_r->form = MEDIA_BASE64;
    media_r->data = json_escaped(doc, bytes);
    if (!media_r->mime_type.ptr) {
        media_r->mime_type = neutral_sniff(media_r->data);
    }
    return true;
}

// Google's own storage, which nobody else can read.
static bool is_own_file(struct slice uri)
{
    return !slice_starts_with_nocase(uri, SLICE("http")) ||
           slice_find(uri, SLICE("generativelanguage.googleapis.com/")) != SLICE_NOT_FOUND;
}

static bool is_film(struct slice uri)
{
    return slice_find(uri, SLICE("youtube.com/")) != SLICE_NOT_FOUND ||
           slice_find(uri, SLICE("youtu.be/")) != SLICE_NOT_FOUND;
}

bool gemini_read_file_data(const struct json_doc *doc, const struct json_node *file, struct arena *arena,
                           struct media *media_r)
{
    const struct json_node *node = gemini_member(doc, file, SLICE("fileUri"));
    struct slice uri = json_string(doc, node, arena);
    if (!uri.len) {
        return false;
    }
    *media_r = read_common(doc, file, arena);
    media_r->form = is_own_file(uri) ? MEDIA_FILE_ID : MEDIA_URL;
    media_r->data = json_escaped(doc, node);
    if (!media_r->mime_type.ptr && is_film(uri)) {
        media_r->mime_type = SLICE("video/mp4");
    }
    return true;
}

enum part_kind gemini_media_kind(const struct media *media)
{
    if (slice_starts_with(media->mime_type, SLICE("image/"))) {
        return PART_IMAGE;
    }
    if (slice_starts_with(media->mime_type, SLICE("audio/"))) {
        return PART_AUDIO;
    }
    return slice_starts_with(media->mime_type, SLICE("video/")) ? PART_VIDEO : PART_DOCUMENT;
}

// ---- writing

struct extension {
    struct slice suffix;
    struct slice mime_type;
};

static const struct extension EXTENSIONS[] = {
    {SLICE_INIT(".png"), SLICE_INIT("image/png")},       {SLICE_INIT(".jpg"), SLICE_INIT("image/jpeg")},
    {SLICE_INIT(".jpeg"), SLICE_INIT("image/jpeg")},     {SLICE_INIT(".gif"), SLICE_INIT("image/gif")},
    {SLICE_INIT(".webp"), SLICE_INIT("image/webp")},     {SLICE_INIT(".heic"), SLICE_INIT("image/heic")},
    {SLICE_INIT(".pdf"), SLICE_INIT("application/pdf")}, {SLICE_INIT(".txt"), SLICE_INIT("text/plain")},
    {SLICE_INIT(".mp3"), SLICE_INIT("audio/mp3")},       {SLICE_INIT(".wav"), SLICE_INIT("audio/wav")},
    {SLICE_INIT(".mp4"), SLICE_INIT("video/mp4")},
};

// Without query and fragment.
static struct slice path_of(struct slice url)
{
    return slice_split(&(struct slice){url.ptr, url.len}, '?');
}

static struct slice mime_type_by_extension(struct slice url)
{
    struct slice path = path_of(url);
    for (size_t i = 0; i < sizeof(EXTENSIONS) / sizeof(*EXTENSIONS); i++) {
        size_t len = EXTENSIONS[i].suffix.len;
        if (path.len > len && slice_eq_nocase(slice_after(path, path.len - len), EXTENSIONS[i].suffix)) {
            return EXTENSIONS[i].mime_type;
        }
    }
    return SLICE_EMPTY;
}

static struct slice default_mime_type(enum part_kind kind)
{
    if (kind == PART_IMAGE) {
        return SLICE("image/jpeg");
    }
    if (kind == PART_AUDIO) {
        return SLICE("audio/wav");
    }
    return kind == PART_VIDEO ? SLICE("video/mp4") : SLICE("application/pdf");
}

static struct slice mime_type_of(const struct media *media, enum part_kind kind)
{
    struct slice guess = media->mime_type;
    if (!guess.len) {
        guess = media->form == MEDIA_BASE64 ? neutral_sniff(media->data) : mime_type_by_extension(media->data);
    }
    return guess.len ? guess : default_mime_type(kind);
}

void gemini_write_media(struct json_writer *w, const struct media *media, enum part_kind kind)
{
    bool is_inline = media->form == MEDIA_BASE64;
    // Google's own files have a type already.
    bool has_type = media->form != MEDIA_FILE_ID || media->mime_type.len > 0;
    json_key(w, is_inline ? SLICE("inlineData") : SLICE("fileData"));
    json_begin_object(w);
    if (has_type) {
        json_member_string(w, SLICE("mimeType"), mime_type_of(media, kind));
    }
    json_key(w, is_inline ? SLICE("data") : SLICE("fileUri"));
    json_write_escaped(w, media->data);
    json_end_object(w);
}
