// SPDX-License-Identifier: MIT
// Parts of a message on their way out: texts, and media as Chat Completions takes them.
#include "base/base64.h"
#include "dialect/chat/chat_internal.h"

void chat_begin_message(struct chat_messages *m, struct slice role)
{
    json_begin_object(m->w);
    json_member_string(m->w, SLICE("role"), role);
}

void chat_end_message(struct chat_messages *m, struct slice name)
{
    if (name.len) {
        json_key(m->w, SLICE("name"));
        json_write_escaped(m->w, name);
    }
    json_end_object(m->w);
}

// ---- texts

static bool is_text_document(const struct media *media)
{
    return media->form == MEDIA_TEXT || media->form == MEDIA_PARTS ||
           (media->form == MEDIA_BASE64 && slice_starts_with(media->mime_type, SLICE("text/")));
}

// Base64 as escaped text; ptr NULL: it is none.
static struct slice decoded_text(struct arena *arena, struct slice base64)
{
    struct buf escaped = BUF_EMPTY;
    char *bytes = arena_text(arena, base64_decoded_max(base64.len));
    size_t len;
    if (!base64_decode(bytes, base64, &len)) {
        return SLICE_EMPTY;
    }
    json_escape(&escaped, slice_of(bytes, len));
    struct slice text = arena_dup(arena, buf_slice(&escaped));
    buf_deinit(&escaped);
    return text;
}

// A plain-text document with what is known about it before it.
static struct slice document_text(const struct chat_messages *m, const struct media *media)
{
    struct slice data = media->form == MEDIA_BASE64 ? decoded_text(m->encoding->arena, media->data) : media->data;
    const struct slice pieces[] = {
        media->name,    media->name.len ? SLICE("\\n") : SLICE_EMPTY,
        media->context, media->context.len ? SLICE("\\n") : SLICE_EMPTY,
        data,
    };
    return data.len ? arena_concat(m->encoding->arena, pieces, sizeof(pieces) / sizeof(*pieces)) : SLICE_EMPTY;
}

// What a part says where only texts may stand; ptr NULL: it is no text.
struct slice chat_text_of(const struct chat_messages *m, const struct neutral_part *part)
{
    if (part->kind == PART_TEXT || part->kind == PART_REFUSAL) {
        return part->text;
    }
    if (part->kind == PART_NATIVE) {
        return part->rendering;
    }
    bool is_text = part->kind == PART_DOCUMENT && is_text_document(&part->media);
    return is_text ? document_text(m, &part->media) : SLICE_EMPTY;
}

void chat_write_text_part(struct chat_messages *m, struct slice type, struct slice text)
{
    json_begin_object(m->w);
    json_member_string(m->w, SLICE("type"), type);
    json_key(m->w, type);
    json_write_escaped(m->w, text);
    json_end_object(m->w);
}

void chat_warn_of_lost(struct chat_messages *m, const struct neutral_part *part)
{
    bool is_lost = part->kind == PART_NATIVE || (part->kind == PART_DOCUMENT && part->media.wants_citations);
    if (is_lost) {
        loss_warn(m->encoding->loss, LOSS_DROPPED, part->at);
    }
}

size_t chat_count_texts(const struct chat_messages *m, const struct neutral_part *parts)
{
    size_t n = 0;
    for (const struct neutral_part *part = parts; part; part = part->next) {
        n += chat_text_of(m, part).len > 0;
    }
    return n;
}

// All texts in one string, `prefix` (escaped) in front.
static void write_joined(struct chat_messages *m, const struct neutral_part *parts, struct slice prefix,
                         struct slice separator)
{
    bool is_first = true;
    json_write_raw(m->w, SLICE("\""));
    buf_append(m->w->out, prefix);
    for (const struct neutral_part *part = parts; part; part = part->next) {
        struct slice text = chat_text_of(m, part);
        if (text.len) {
            buf_append(m->w->out, is_first ? SLICE_EMPTY : separator);
            buf_append(m->w->out, text);
            is_first = false;
        }
    }
    buf_append_char(m->w->out, '"');
}

// Several texts stay apart, except for servers that know strings only.
void chat_write_texts(struct chat_messages *m, const struct neutral_part *parts, struct slice prefix,
                      struct slice separator)
{
    if (chat_count_texts(m, parts) < 2 || chat_is_compatible(m->encoding)) {
        write_joined(m, parts, prefix, separator);
        return;
    }
    json_begin_array(m->w);
    for (const struct neutral_part *part = parts; part; part = part->next) {
        struct slice text = chat_text_of(m, part);
        if (text.len && prefix.len) {
            const struct slice pieces[] = {prefix, text};
            text = arena_concat(m->encoding->arena, pieces, 2);
            prefix = SLICE_EMPTY;
        }
        if (text.len) {
            chat_write_text_part(m, SLICE("text"), text);
        }
    }
    json_end_array(m->w);
}

struct slice chat_first_text(const struct chat_messages *m, const struct neutral_part *parts)
{
    for (const struct neutral_part *part = parts; part; part = part->next) {
        if (chat_text_of(m, part).len) {
            return chat_text_of(m, part);
        }
    }
    return SLICE_EMPTY;
}

// ---- media

void chat_write_data_url(struct json_writer *w, const struct media *media)
{
    struct slice mime_type = media->mime_type.len ? media->mime_type : SLICE("application/octet-stream");
    json_write_raw(w, SLICE("\"data:")); // in pieces, because the data may be long
    json_escape(w->out, mime_type);
    buf_append(w->out, SLICE(";base64,"));
    buf_append(w->out, media->data);
    buf_append_char(w->out, '"');
}

static void begin_part(struct chat_messages *m, struct slice type)
{
    json_begin_object(m->w);
    json_member_string(m->w, SLICE("type"), type);
    json_key(m->w, type);
    json_begin_object(m->w);
}

static void end_part(struct chat_messages *m)
{
    json_end_object(m->w);
    json_end_object(m->w);
}

static void write_image(struct chat_messages *m, const struct neutral_part *part)
{
    const struct media *media = &part->media;
    struct slice detail = media->detail;
    begin_part(m, SLICE("image_url"));
    json_key(m->w, SLICE("url"));
    if (media->form == MEDIA_BASE64) {
        chat_write_data_url(m->w, media);
    } else {
        json_write_escaped(m->w, media->data);
    }
    if (slice_eq(detail, SLICE("original"))) {
        loss_warn(m->encoding->loss, LOSS_CHANGED, part->at);
        detail = SLICE("high");
    }
    if (detail.len) {
        json_member_string(m->w, SLICE("detail"), detail);
    }
    end_part(m);
}

// What input_audio calls the format; ptr NULL: it has no such.
static struct slice audio_format(struct slice mime_type)
{
    static const struct slice MP3[] = {SLICE_INIT("audio/mpeg"), SLICE_INIT("audio/mp3")};
    static const struct slice WAV[] = {SLICE_INIT("audio/wav"), SLICE_INIT("audio/x-wav"), SLICE_INIT("audio/wave"),
                                       SLICE_INIT("audio/vnd.wave")};
    for (size_t i = 0; i < sizeof(MP3) / sizeof(*MP3); i++) {
        if (slice_eq(mime_type, MP3[i])) {
            return SLICE("mp3");
        }
    }
    for (size_t i = 0; i < sizeof(WAV) / sizeof(*WAV); i++) {
        if (slice_eq(mime_type, WAV[i])) {
            return SLICE("wav");
        }
    }
    return SLICE_EMPTY;
}

static void write_audio(struct chat_messages *m, const struct neutral_part *part)
{
    begin_part(m, SLICE("input_audio"));
    json_key(m->w, SLICE("data"));
    json_write_escaped(m->w, part->media.data);
    json_member_string(m->w, SLICE("format"), audio_format(part->media.mime_type));
    end_part(m);
}

static void write_file(struct chat_messages *m, const struct neutral_part *part)
{
    const struct media *media = &part->media;
    begin_part(m, SLICE("file"));
    if (media->form == MEDIA_FILE_ID) {
        json_key(m->w, SLICE("file_id"));
        json_write_escaped(m->w, media->data);
    } else {
        json_key(m->w, SLICE("file_data"));
        chat_write_data_url(m->w, media);
        json_key(m->w, SLICE("filename"));
        json_write_escaped(m->w, media->name.len ? media->name : SLICE("document.pdf"));
    }
    end_part(m);
}

// Only OpenAI's own ids mean anything to it.
static const char *why_no_file_id(const struct chat_messages *m, const struct neutral_part *part)
{
    bool is_known = encoding_is_of_openai(m->encoding);
    return is_known && part->kind == PART_DOCUMENT ? NULL : "a file id is known to its own provider only";
}

// Why a part cannot be sent; NULL when it can.
static const char *why_not(const struct chat_messages *m, const struct neutral_part *part)
{
    const struct media *media = &part->media;
    if (media->form == MEDIA_FILE_ID) {
        return why_no_file_id(m, part);
    }
    if (part->kind == PART_IMAGE) {
        return NULL;
    }
    if (part->kind == PART_VIDEO) {
        return "the upstream of this model takes no video";
    }
    if (media->form == MEDIA_URL) {
        return "the upstream of this model takes no such URL; send the data";
    }
    if (part->kind == PART_AUDIO && !audio_format(media->mime_type).len) {
        return "the upstream of this model takes audio as wav and mp3 only";
    }
    return NULL;
}

bool chat_takes_medium(const struct chat_messages *m, const struct neutral_part *part)
{
    const char *why = why_not(m, part);
    if (!why) {
        return true;
    }
    if (part->media.form == MEDIA_FILE_ID) {
        loss_refuse_always(m->encoding->loss, part->at, why);
    } else {
        (void)loss_refuse(m->encoding->loss, part->at, why);
    }
    return false;
}

bool chat_is_medium(const struct chat_messages *m, const struct neutral_part *part)
{
    bool has_media = part->kind >= PART_IMAGE && part->kind <= PART_DOCUMENT;
    return has_media && part->media.form != MEDIA_TEXT && part->media.form != MEDIA_PARTS && !chat_text_of(m, part).ptr;
}

static const struct neutral_part *first_picture(const struct neutral_part *part)
{
    while (part && part->kind != PART_IMAGE) {
        part = part->next;
    }
    return part;
}

const struct neutral_part *chat_first_medium(const struct chat_messages *m, const struct neutral_part *part)
{
    if (chat_is_medium(m, part)) {
        return part;
    }
    bool is_composed = part->kind == PART_DOCUMENT && part->media.form == MEDIA_PARTS;
    return is_composed ? first_picture(part->media.parts) : NULL;
}

const struct neutral_part *chat_next_medium(const struct neutral_part *part, const struct neutral_part *medium)
{
    return medium == part ? NULL : first_picture(medium->next);
}

void chat_write_medium(struct chat_messages *m, const struct neutral_part *part)
{
    if (!chat_takes_medium(m, part)) {
        return;
    }
    if (part->kind == PART_IMAGE) {
        write_image(m, part);
    } else if (part->kind == PART_AUDIO) {
        write_audio(m, part);
    } else {
        write_file(m, part);
    }
}
