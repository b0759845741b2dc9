// SPDX-License-Identifier: MIT
// Parts of messages on their way in: texts, and media in all the ways that clients send them.
#include "dialect/chat/chat_internal.h"

static void append_text(struct chat_decoding *d, struct slice text, const struct json_node *at,
                        struct neutral_part ***last)
{
    if (text.len) {
        neutral_append_part(last, neutral_text_new(d->arena, text, at));
    }
}

// ---- media

// Some clients send whatever they have as an image or a file: what it says it is decides.
static enum part_kind kind_of_media(const struct media *media, enum part_kind otherwise)
{
    static const struct {
        struct slice prefix;
        enum part_kind kind;
    } KINDS[] = {
        {SLICE_INIT("image/"), PART_IMAGE},   {SLICE_INIT("audio/"), PART_AUDIO},
        {SLICE_INIT("video/"), PART_VIDEO},   {SLICE_INIT("application/pdf"), PART_DOCUMENT},
        {SLICE_INIT("text/"), PART_DOCUMENT},
    };
    for (size_t i = 0; i < sizeof(KINDS) / sizeof(*KINDS); i++) {
        if (slice_starts_with(media->mime_type, KINDS[i].prefix)) {
            return KINDS[i].kind;
        }
    }
    return otherwise;
}

static struct neutral_part *media_new(struct chat_decoding *d, const struct json_node *at, struct media *media,
                                      enum part_kind kind)
{
    if (media->form == MEDIA_BASE64 && !media->mime_type.len) {
        media->mime_type = neutral_sniff(media->data);
    }
    struct neutral_part *part = neutral_part_new(d->arena, kind_of_media(media, kind), at);
    part->media = *media;
    return part;
}

// An object with a url; in compatible clients also just the URL.
static struct neutral_part *decode_url(struct chat_decoding *d, const struct json_node *at, struct slice member,
                                       enum part_kind kind)
{
    const struct json_node *object = neutral_member(d->doc, at, member);
    const struct json_node *url = json_is(object, JSON_OBJECT) ? json_get(d->doc, object, SLICE("url")) : object;
    struct slice text = neutral_escaped(d->doc, url);
    struct media media = {.form = MEDIA_URL, .data = text};
    if (!text.len) {
        loss_reject_input(d->loss, at, "must have a url");
        return NULL;
    }
    if (slice_starts_with_nocase(text, SLICE("data:")) && !neutral_read_data_url(d->arena, text, &media)) {
        loss_reject_input(d->loss, url, "must be a URL; this data URL is malformed");
        return NULL;
    }
    if (json_is(object, JSON_OBJECT)) {
        media.detail = chat_text_member(d, object, SLICE("detail"));
    }
    return media_new(d, at, &media, kind);
}

static struct neutral_part *decode_image(struct chat_decoding *d, const struct json_node *at)
{
    return decode_url(d, at, SLICE("image_url"), PART_IMAGE);
}

static struct neutral_part *decode_video(struct chat_decoding *d, const struct json_node *at)
{
    return decode_url(d, at, SLICE("video_url"), PART_VIDEO);
}

static struct neutral_part *decode_audio(struct chat_decoding *d, const struct json_node *at)
{
    const struct json_node *audio = chat_member(d, at, SLICE("input_audio"), JSON_OBJECT);
    struct slice format = chat_text_member(d, audio, SLICE("format"));
    struct media media = {.form = MEDIA_BASE64, .data = chat_escaped_member(d, audio, SLICE("data"))};
    if (!media.data.len || !format.len) {
        loss_reject_input(d->loss, at, "must have input_audio with data and a format");
        return NULL;
    }
    if (slice_eq(format, SLICE("mp3"))) {
        media.mime_type = SLICE("audio/mpeg");
    } else {
        const struct slice pieces[] = {SLICE("audio/"), format};
        media.mime_type = arena_concat(d->arena, pieces, 2);
    }
    return media_new(d, at, &media, PART_AUDIO);
}

static struct neutral_part *decode_file(struct chat_decoding *d, const struct json_node *at)
{
    const struct json_node *file = chat_member(d, at, SLICE("file"), JSON_OBJECT);
    struct slice data = chat_escaped_member(d, file, SLICE("file_data"));
    struct slice id = chat_escaped_member(d, file, SLICE("file_id"));
    struct media media = {.form = MEDIA_FILE_ID, .data = id};
    if (!data.len && !id.len) {
        loss_reject_input(d->loss, at, "must have a file with file_data or file_id");
        return NULL;
    }
    if (data.len && !neutral_read_data_url(d->arena, data, &media)) {
        media = (struct media){.form = MEDIA_BASE64, .data = data}; // the bare data, as some send it
        if (slice_starts_with_nocase(data, SLICE("data:")) || !neutral_sniff(data).len) {
            loss_reject_input(d->loss, json_get(d->doc, file, SLICE("file_data")), "must be a data URL");
            return NULL;
        }
    }
    media.name = chat_escaped_member(d, file, SLICE("filename"));
    return media_new(d, at, &media, PART_DOCUMENT);
}

// ---- content

static struct neutral_part *decode_text(struct chat_decoding *d, const struct json_node *at)
{
    const struct json_node *text = chat_member(d, at, SLICE("text"), JSON_STRING);
    if (!text) {
        loss_reject_input(d->loss, at, "must have a text");
        return NULL;
    }
    return json_escaped(d->doc, text).len ? neutral_text_new(d->arena, json_escaped(d->doc, text), at) : NULL;
}

struct neutral_part *chat_decode_refusal(struct chat_decoding *d, const struct json_node *at)
{
    struct slice text = chat_escaped_member(d, at, SLICE("refusal"));
    struct neutral_part *part = neutral_part_new(d->arena, PART_REFUSAL, at);
    part->text = text;
    return text.len ? part : NULL;
}

enum {
    TAKE_SYSTEM = 1 << CHAT_ROLE_SYSTEM | 1 << CHAT_ROLE_DEVELOPER,
    TAKE_ASSISTANT = 1 << CHAT_ROLE_ASSISTANT,
    TAKE_INPUT = 1 << CHAT_ROLE_USER | 1 << CHAT_ROLE_TOOL | 1 << CHAT_ROLE_FUNCTION,
};

static const struct part_row {
    struct slice type;
    unsigned roles;
    struct neutral_part *(*decode)(struct chat_decoding *d, const struct json_node *at); // NULL: nothing to add
} PART_ROWS[] = {
    {SLICE_INIT("text"), TAKE_SYSTEM | TAKE_ASSISTANT | TAKE_INPUT, decode_text},
    {SLICE_INIT("image_url"), TAKE_INPUT, decode_image},
    {SLICE_INIT("input_audio"), TAKE_INPUT, decode_audio},
    {SLICE_INIT("file"), TAKE_INPUT, decode_file},
    {SLICE_INIT("video_url"), TAKE_INPUT, decode_video}, // of compatible servers
    {SLICE_INIT("refusal"), TAKE_ASSISTANT, chat_decode_refusal},
};

static const struct part_row *row_of(const struct chat_decoding *d, const struct json_node *at, enum chat_role role)
{
    const struct json_node *type = json_get(d->doc, at, SLICE("type"));
    for (size_t i = 0; i < sizeof(PART_ROWS) / sizeof(*PART_ROWS); i++) {
        if (json_string_is(d->doc, type, PART_ROWS[i].type) && (PART_ROWS[i].roles >> role & 1)) {
            return &PART_ROWS[i];
        }
    }
    return NULL;
}

static void decode_part(struct chat_decoding *d, const struct json_node *at, enum chat_role role,
                        struct neutral_part ***last)
{
    const struct part_row *row = json_is(at, JSON_OBJECT) ? row_of(d, at, role) : NULL;
    if (!row && role == CHAT_ROLE_ASSISTANT && json_is(at, JSON_OBJECT)) {
        loss_warn(d->loss, LOSS_DROPPED, at); // what a vendor answered in parts of its own kind
        return;
    }
    if (!row) {
        loss_reject_input(d->loss, at, "must be a part of a type that this role can have");
        return;
    }
    struct neutral_part *part = row->decode(d, at);
    if (part) {
        part->cache = neutral_member(d->doc, at, SLICE("prompt_cache_breakpoint")) ? d->cache_mark : CACHE_NONE;
        neutral_append_part(last, part);
    }
}

void chat_decode_content(struct chat_decoding *d, const struct json_node *message, enum chat_role role,
                         struct neutral_part ***last)
{
    const struct json_node *content = neutral_member(d->doc, message, SLICE("content"));
    const struct json_node *each = NULL;
    if (!content) {
        if (role <= CHAT_ROLE_USER) {
            loss_reject_input(d->loss, message, "must have content");
        }
    } else if (content->type == JSON_STRING) {
        append_text(d, json_escaped(d->doc, content), content, last);
    } else if (content->type != JSON_ARRAY) {
        loss_reject_input(d->loss, content, "must be a string or an array of parts");
    }
    while (json_is(content, JSON_ARRAY) && json_next_element(d->doc, content, &each)) {
        decode_part(d, each, role, last);
    }
}
