// SPDX-License-Identifier: MIT
// What a message of a Responses request, or the output of a tool, is made of.
#include "dialect/responses/responses_internal.h"

static struct slice escaped_member(const struct responses_request *in, const struct json_node *node, const char *name)
{
    return neutral_escaped(in->doc, neutral_member(in->doc, node, slice_from_cstr(name)));
}

static bool read_url(const struct responses_request *in, const struct json_node *node, struct slice url,
                     struct media *media)
{
    if (neutral_read_data_url(in->arena, url, media)) {
        return true;
    }
    if (slice_starts_with_nocase(url, SLICE("data:"))) {
        loss_reject_input(in->loss, node, "has a data URL that is malformed");
        return false;
    }
    media->form = MEDIA_URL;
    media->data = url;
    return true;
}

static bool read_image(const struct responses_request *in, const struct json_node *node, struct media *media)
{
    struct slice url = escaped_member(in, node, "image_url");
    struct slice file_id = escaped_member(in, node, "file_id");
    bool is_good = true;
    if (url.len) {
        is_good = read_url(in, node, url, media);
    } else if (file_id.len) {
        media->form = MEDIA_FILE_ID;
        media->data = file_id;
    } else {
        loss_reject_input(in->loss, node, "an input_image needs an image_url or a file_id");
        return false;
    }
    media->detail = responses_plain_member(in, node, "detail");
    return is_good;
}

// Bare base64 is what some clients send instead of a data URL.
static void read_file_data(const struct responses_request *in, struct slice data, struct media *media)
{
    if (!neutral_read_data_url(in->arena, data, media)) {
        media->form = MEDIA_BASE64;
        media->data = data;
        media->mime_type = neutral_sniff(data);
    }
}

static bool read_file(const struct responses_request *in, const struct json_node *node, struct media *media)
{
    struct slice data = escaped_member(in, node, "file_data");
    struct slice url = escaped_member(in, node, "file_url");
    struct slice file_id = escaped_member(in, node, "file_id");
    bool is_good = true;
    if (data.len) {
        read_file_data(in, data, media);
    } else if (url.len) {
        is_good = read_url(in, node, url, media);
    } else if (file_id.len) {
        media->form = MEDIA_FILE_ID;
        media->data = file_id;
    } else {
        loss_reject_input(in->loss, node, "an input_file needs file_data, a file_url or a file_id");
        return false;
    }
    media->name = escaped_member(in, node, "filename");
    return is_good;
}

static bool read_audio(const struct responses_request *in, const struct json_node *node, struct media *media)
{
    const struct json_node *audio = neutral_member(in->doc, node, SLICE("input_audio"));
    const struct json_node *format = json_get(in->doc, audio, SLICE("format"));
    bool is_mp3 = json_string_is(in->doc, format, SLICE("mp3"));
    media->form = MEDIA_BASE64;
    media->data = escaped_member(in, audio, "data");
    media->mime_type = is_mp3 ? SLICE("audio/mpeg") : SLICE("audio/wav");
    if (!media->data.len || !(is_mp3 || json_string_is(in->doc, format, SLICE("wav")))) {
        loss_reject_input(in->loss, node, "an input_audio needs data, and wav or mp3 as its format");
        return false;
    }
    return true;
}

static struct neutral_part *read_text(const struct responses_request *in, const struct json_node *node,
                                      enum part_kind kind, const char *name)
{
    struct neutral_part *part = neutral_part_new(in->arena, kind, node);
    part->text = escaped_member(in, node, name);
    if (!part->text.ptr) {
        loss_reject_input(in->loss, node, "a part of text needs a string as its text");
        return NULL;
    }
    return part;
}

static struct neutral_part *
read_media(const struct responses_request *in, const struct json_node *node, enum part_kind kind,
           bool (*read)(const struct responses_request *, const struct json_node *, struct media *))
{
    struct neutral_part *part = neutral_part_new(in->arena, kind, node);
    return read(in, node, &part->media) ? part : NULL;
}

// NULL: refused.
static struct neutral_part *read_part(const struct responses_request *in, const struct json_node *node)
{
    struct slice type = responses_plain_member(in, node, "type");
    if (slice_eq(type, SLICE("input_text")) || slice_eq(type, SLICE("output_text")) || slice_eq(type, SLICE("text"))) {
        return read_text(in, node, PART_TEXT, "text");
    }
    if (slice_eq(type, SLICE("refusal"))) {
        return read_text(in, node, PART_REFUSAL, "refusal");
    }
    if (slice_eq(type, SLICE("input_image"))) {
        return read_media(in, node, PART_IMAGE, read_image);
    }
    if (slice_eq(type, SLICE("input_file"))) {
        return read_media(in, node, PART_DOCUMENT, read_file);
    }
    if (slice_eq(type, SLICE("input_audio"))) {
        return read_media(in, node, PART_AUDIO, read_audio);
    }
    loss_reject_input(in->loss, node, "is of a type that is not known here");
    return NULL;
}

bool responses_decode_parts(const struct responses_request *in, const struct json_node *content,
                            struct neutral_part **last_r)
{
    const struct json_node *node = NULL;
    if (json_is(content, JSON_STRING)) {
        struct slice text = json_escaped(in->doc, content);
        *last_r = text.len ? neutral_text_new(in->arena, text, content) : NULL;
        return true;
    }
    if (!json_is(content, JSON_ARRAY)) {
        loss_reject_input(in->loss, content, "must be a string or an array");
        return false;
    }
    while (json_next_element(in->doc, content, &node)) {
        struct neutral_part *part = read_part(in, node);
        if (!part) {
            return false;
        }
        if (neutral_member(in->doc, node, SLICE("prompt_cache_breakpoint"))) {
            part->cache = CACHE_SHORT;
        }
        neutral_append_part(&last_r, part);
    }
    return true;
}
