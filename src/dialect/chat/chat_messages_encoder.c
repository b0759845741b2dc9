// SPDX-License-Identifier: MIT
// Turns of any request as messages of Chat Completions. A user's turn may become several: a message of role tool for
// each result, one with what those messages cannot hold (images, documents), and the user's own.
#include "dialect/chat/chat_internal.h"

#include "base/base64.h"
#include "dialect/tool_arguments.h"

struct messages {
    const struct encoding *encoding;
    struct json_writer *w;
    const struct neutral_turn *loop_start; // the last turn in which a person spoke; reasoning behind it is of use
};

static bool is_compatible(const struct messages *m)
{
    return m->encoding->target->profile.is_compatible_server;
}

static void begin_message(struct messages *m, struct slice role)
{
    json_begin_object(m->w);
    json_member_string(m->w, SLICE("role"), role);
}

static void end_message(struct messages *m, struct slice name)
{
    if (name.len) {
        json_key(m->w, SLICE("name"));
        json_write_escaped(m->w, name);
    }
    json_end_object(m->w);
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

static void begin_part(struct messages *m, struct slice type)
{
    json_begin_object(m->w);
    json_member_string(m->w, SLICE("type"), type);
    json_key(m->w, type);
    json_begin_object(m->w);
}

static void end_part(struct messages *m)
{
    json_end_object(m->w);
    json_end_object(m->w);
}

static void write_image(struct messages *m, const struct neutral_part *part)
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

static void write_audio(struct messages *m, const struct neutral_part *part)
{
    begin_part(m, SLICE("input_audio"));
    json_key(m->w, SLICE("data"));
    json_write_escaped(m->w, part->media.data);
    json_member_string(m->w, SLICE("format"), audio_format(part->media.mime_type));
    end_part(m);
}

static void write_file(struct messages *m, const struct neutral_part *part)
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
static const char *why_no_file_id(const struct messages *m, const struct neutral_part *part)
{
    bool is_known = m->encoding->req->origin == DIALECT_CHAT || m->encoding->req->origin == DIALECT_RESPONSES;
    return is_known && part->kind == PART_DOCUMENT ? NULL : "a file id is known to its own provider only";
}

// Why a part cannot be sent; NULL when it can.
static const char *why_not(const struct messages *m, const struct neutral_part *part)
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

static bool is_sendable(struct messages *m, const struct neutral_part *part)
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
static struct slice document_text(const struct messages *m, const struct media *media)
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
static struct slice text_of(const struct messages *m, const struct neutral_part *part)
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

static void write_text_part(struct messages *m, struct slice type, struct slice text)
{
    json_begin_object(m->w);
    json_member_string(m->w, SLICE("type"), type);
    json_key(m->w, type);
    json_write_escaped(m->w, text);
    json_end_object(m->w);
}

static void warn_of_lost(struct messages *m, const struct neutral_part *part)
{
    bool is_lost = part->kind == PART_NATIVE || (part->kind == PART_DOCUMENT && part->media.wants_citations);
    if (is_lost) {
        loss_warn(m->encoding->loss, LOSS_DROPPED, part->at);
    }
}

static void warn_of_all_lost(struct messages *m, const struct neutral_part *parts)
{
    for (const struct neutral_part *part = parts; part; part = part->next) {
        warn_of_lost(m, part);
    }
}

static size_t count_texts(const struct messages *m, const struct neutral_part *parts)
{
    size_t n = 0;
    for (const struct neutral_part *part = parts; part; part = part->next) {
        n += text_of(m, part).len > 0;
    }
    return n;
}

// All texts in one string, `prefix` (escaped) in front.
static void write_joined(struct messages *m, const struct neutral_part *parts, struct slice prefix,
                         struct slice separator)
{
    bool is_first = true;
    json_write_raw(m->w, SLICE("\""));
    buf_append(m->w->out, prefix);
    for (const struct neutral_part *part = parts; part; part = part->next) {
        struct slice text = text_of(m, part);
        if (text.len) {
            buf_append(m->w->out, is_first ? SLICE_EMPTY : separator);
            buf_append(m->w->out, text);
            is_first = false;
        }
    }
    buf_append_char(m->w->out, '"');
}

// Several texts stay apart, except for servers that know strings only.
static void write_texts(struct messages *m, const struct neutral_part *parts, struct slice prefix,
                        struct slice separator)
{
    if (count_texts(m, parts) < 2 || is_compatible(m)) {
        write_joined(m, parts, prefix, separator);
        return;
    }
    json_begin_array(m->w);
    for (const struct neutral_part *part = parts; part; part = part->next) {
        struct slice text = text_of(m, part);
        if (text.len && prefix.len) {
            const struct slice pieces[] = {prefix, text};
            text = arena_concat(m->encoding->arena, pieces, 2);
            prefix = SLICE_EMPTY;
        }
        if (text.len) {
            write_text_part(m, SLICE("text"), text);
        }
    }
    json_end_array(m->w);
}

// ---- instructions

static void write_system(struct messages *m, const struct neutral_turn *turn)
{
    bool is_developer = turn->role == TURN_DEVELOPER && m->encoding->target->profile.has_developer_role;
    begin_message(m, is_developer ? SLICE("developer") : SLICE("system"));
    json_key(m->w, SLICE("content"));
    write_texts(m, turn->parts, SLICE_EMPTY, SLICE("\\n\\n"));
    end_message(m, turn->name);
}

// ---- users

static bool is_medium(const struct messages *m, const struct neutral_part *part)
{
    return part->kind >= PART_IMAGE && part->kind <= PART_DOCUMENT && !text_of(m, part).ptr;
}

static void write_medium(struct messages *m, const struct neutral_part *part)
{
    if (!is_sendable(m, part)) {
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

static void write_part(struct messages *m, const struct neutral_part *part)
{
    struct slice text = text_of(m, part);
    warn_of_lost(m, part);
    if (text.len) {
        write_text_part(m, SLICE("text"), text);
    } else if (is_medium(m, part)) {
        write_medium(m, part);
    }
}

static bool is_string_enough(const struct messages *m, const struct neutral_part *parts)
{
    return parts && !parts->next && text_of(m, parts).len > 0;
}

static bool has_something_to_say(const struct messages *m, const struct neutral_part *parts)
{
    for (const struct neutral_part *part = parts; part; part = part->next) {
        if (text_of(m, part).len || is_medium(m, part)) {
            return true;
        }
    }
    return false;
}

static void write_user(struct messages *m, const struct neutral_turn *turn, const struct neutral_part *parts)
{
    if (!has_something_to_say(m, parts)) {
        warn_of_all_lost(m, parts);
        return;
    }
    begin_message(m, SLICE("user"));
    json_key(m->w, SLICE("content"));
    if (is_string_enough(m, parts)) {
        warn_of_lost(m, parts);
        json_write_escaped(m->w, text_of(m, parts));
    } else {
        json_begin_array(m->w);
        for (const struct neutral_part *part = parts; part; part = part->next) {
            write_part(m, part);
        }
        json_end_array(m->w);
    }
    end_message(m, turn->name);
}

// ---- results

static bool has_media(const struct messages *m, const struct neutral_part *parts)
{
    for (const struct neutral_part *part = parts; part; part = part->next) {
        if (is_medium(m, part)) {
            return true;
        }
    }
    return false;
}

static struct slice first_text(const struct messages *m, const struct neutral_part *parts)
{
    for (const struct neutral_part *part = parts; part; part = part->next) {
        if (text_of(m, part).len) {
            return text_of(m, part);
        }
    }
    return SLICE_EMPTY;
}

static void write_result(struct messages *m, const struct neutral_part *part)
{
    const struct result *result = &part->result;
    struct slice text = first_text(m, result->parts);
    bool needs_prefix = result->is_error && !slice_starts_with_nocase(text, SLICE("error"));
    begin_message(m, SLICE("tool"));
    json_member_string(m->w, SLICE("tool_call_id"), result->call_id);
    json_key(m->w, SLICE("content"));
    if (result->raw) {
        json_write_string(m->w, json_raw(m->encoding->req->doc, result->raw));
    } else if (!text.len && has_media(m, result->parts)) {
        json_write_escaped(m->w, needs_prefix ? SLICE("Error: see the following user message")
                                              : SLICE("see the following user message"));
    } else {
        write_texts(m, result->parts, needs_prefix ? SLICE("Error: ") : SLICE_EMPTY, SLICE("\\n"));
    }
    end_message(m, SLICE_EMPTY);
}

// What messages of role tool cannot hold follows all of them, because nothing may stand between.
static void write_hoisted(struct messages *m, const struct neutral_turn *turn)
{
    bool has_begun = false;
    for (const struct neutral_part *part = turn->parts; part && part->kind == PART_RESULT; part = part->next) {
        for (const struct neutral_part *each = part->result.parts; each; each = each->next) {
            if (!is_medium(m, each)) {
                warn_of_lost(m, each);
                continue;
            }
            if (!has_begun) {
                begin_message(m, SLICE("user"));
                json_key(m->w, SLICE("content"));
                json_begin_array(m->w);
                has_begun = true;
            }
            warn_of_lost(m, each);
            write_medium(m, each);
        }
    }
    if (has_begun) {
        json_end_array(m->w);
        end_message(m, SLICE_EMPTY);
    }
}

static void write_user_turn(struct messages *m, const struct neutral_turn *turn)
{
    const struct neutral_part *part = turn->parts;
    for (; part && part->kind == PART_RESULT; part = part->next) {
        write_result(m, part);
    }
    write_hoisted(m, turn);
    if (part) {
        write_user(m, turn, part);
    }
}

// ---- assistants

static void write_call_arguments(struct messages *m, const struct call *call, bool is_wrapped)
{
    if (!is_wrapped) {
        arguments_write_string(m->w, call);
        return;
    }
    struct buf object = BUF_EMPTY;
    struct json_writer w;
    json_writer_init(&w, &object);
    (void)arguments_write_object(&w, call, m->encoding->arena);
    json_write_string(m->w, buf_slice(&object));
    buf_deinit(&object);
}

static struct slice target_name_of(const struct messages *m, const struct call *call)
{
    const struct neutral_tool *tool = neutral_find_tool(m->encoding->req, call->name_space, call->name);
    return tool && tool->target_name.len
               ? tool->target_name
               : tool_target_name(m->encoding->arena, DIALECT_CHAT, call->name_space, call->name);
}

static bool is_google(const struct messages *m)
{
    struct slice model = m->encoding->target->model;
    for (size_t i = 0; i < model.len; i++) {
        if (slice_starts_with_nocase(slice_after(model, i), SLICE("gemini"))) {
            return is_compatible(m);
        }
    }
    return false;
}

static void write_call(struct messages *m, const struct neutral_part *part)
{
    const struct call *call = &part->call;
    bool is_custom = call->kind == TOOL_CUSTOM && !is_compatible(m);
    struct slice kind = is_custom ? SLICE("custom") : SLICE("function");
    json_begin_object(m->w);
    json_member_string(m->w, SLICE("id"), call->id);
    json_member_string(m->w, SLICE("type"), kind);
    json_key(m->w, kind);
    json_begin_object(m->w);
    json_member_string(m->w, SLICE("name"), target_name_of(m, call));
    json_key(m->w, is_custom ? SLICE("input") : SLICE("arguments"));
    write_call_arguments(m, call, call->kind == TOOL_CUSTOM && !is_custom);
    json_end_object(m->w);
    if (call->opaque.kind == OPAQUE_GEMINI_CALL && is_google(m)) {
        chat_write_thought_signature(m->w, call->opaque.data);
    }
    json_end_object(m->w);
}

static void write_calls(struct messages *m, const struct neutral_part *parts)
{
    json_key(m->w, SLICE("tool_calls"));
    json_begin_array(m->w);
    for (const struct neutral_part *part = parts; part; part = part->next) {
        if (part->kind == PART_CALL) {
            write_call(m, part);
        }
    }
    json_end_array(m->w);
}

static bool has_kind(const struct neutral_part *parts, enum part_kind kind)
{
    for (const struct neutral_part *part = parts; part; part = part->next) {
        if (part->kind == kind) {
            return true;
        }
    }
    return false;
}

static void write_assistant_content(struct messages *m, const struct neutral_part *parts)
{
    bool has_refusal = has_kind(parts, PART_REFUSAL) && !is_compatible(m);
    json_key(m->w, SLICE("content"));
    if (count_texts(m, parts) == 0 && has_kind(parts, PART_CALL)) {
        json_write_null(m->w);
        return;
    }
    if (!has_refusal) {
        write_texts(m, parts, SLICE_EMPTY, SLICE("\\n\\n"));
        return;
    }
    json_begin_array(m->w);
    for (const struct neutral_part *part = parts; part; part = part->next) {
        if (text_of(m, part).len) {
            write_text_part(m, part->kind == PART_REFUSAL ? SLICE("refusal") : SLICE("text"), text_of(m, part));
        }
    }
    json_end_array(m->w);
}

// ---- reasoning

// Text of a provider that signs nothing may go back to such a one; what is signed, to its issuer.
static bool is_replayable(const struct messages *m, const struct neutral_part *part)
{
    return part->kind == PART_REASONING && part->reasoning.opaque.kind == OPAQUE_VENDOR_TEXT && is_compatible(m);
}

static void write_details(struct messages *m, const struct neutral_part *parts)
{
    bool has_begun = false;
    for (const struct neutral_part *part = parts; part; part = part->next) {
        if (!is_replayable(m, part) || !part->reasoning.opaque.data.len) {
            continue;
        }
        if (!has_begun) {
            json_key(m->w, SLICE("reasoning_details"));
            json_begin_array(m->w);
            has_begun = true;
        }
        struct slice text = first_text(m, part->reasoning.parts);
        if (!chat_write_detail(m->w, &part->reasoning.opaque, text, m->encoding->arena)) {
            loss_warn(m->encoding->loss, LOSS_DROPPED, part->at);
        }
    }
    if (has_begun) {
        json_end_array(m->w);
    }
}

// Some providers want it back while tools are being used, some refuse it at any other time.
static void write_reasoning_text(struct messages *m, const struct neutral_part *parts)
{
    bool has_begun = false;
    for (const struct neutral_part *part = parts; part; part = part->next) {
        if (!is_replayable(m, part) || part->reasoning.opaque.data.len || !part->reasoning.parts) {
            continue;
        }
        if (!has_begun) {
            json_key(m->w, SLICE("reasoning_content"));
            json_write_raw(m->w, SLICE("\""));
            has_begun = true;
        }
        for (const struct neutral_part *each = part->reasoning.parts; each; each = each->next) {
            buf_append(m->w->out, each->text);
        }
    }
    if (has_begun) {
        buf_append_char(m->w->out, '"');
    }
}

static void warn_of_lost_parts(struct messages *m, const struct neutral_part *parts)
{
    for (const struct neutral_part *part = parts; part; part = part->next) {
        bool is_foreign = part->kind == PART_REASONING && part->reasoning.opaque.kind != OPAQUE_NONE &&
                          part->reasoning.opaque.kind != OPAQUE_VENDOR_TEXT;
        if (is_foreign || is_medium(m, part)) {
            loss_warn(m->encoding->loss, LOSS_DROPPED, part->at);
        }
        warn_of_lost(m, part);
    }
}

static void write_assistant(struct messages *m, const struct neutral_turn *turn, bool is_in_loop)
{
    if (!count_texts(m, turn->parts) && !has_kind(turn->parts, PART_CALL)) {
        warn_of_lost_parts(m, turn->parts);
        return; // nothing of it can be said here
    }
    begin_message(m, SLICE("assistant"));
    write_assistant_content(m, turn->parts);
    write_details(m, turn->parts);
    if (is_in_loop) {
        write_reasoning_text(m, turn->parts);
    }
    if (has_kind(turn->parts, PART_CALL)) {
        write_calls(m, turn->parts);
    }
    warn_of_lost_parts(m, turn->parts);
    end_message(m, turn->name);
}

// ---- all of them

static bool is_spoken(const struct neutral_turn *turn)
{
    for (const struct neutral_part *part = turn->parts; part; part = part->next) {
        if (part->kind != PART_RESULT) {
            return turn->role == TURN_USER;
        }
    }
    return false;
}

static const struct neutral_turn *last_spoken(const struct neutral_request *req)
{
    const struct neutral_turn *last = NULL;
    for (const struct neutral_turn *turn = req->turns; turn; turn = turn->next) {
        last = is_spoken(turn) ? turn : last;
    }
    return last;
}

// An answer that other dialects would go on with is history here.
static void warn_of_prefill(struct messages *m, const struct neutral_turn *last)
{
    enum dialect origin = m->encoding->req->origin;
    bool continues = origin == DIALECT_ANTHROPIC || origin == DIALECT_GEMINI;
    if (continues && last && last->role == TURN_ASSISTANT) {
        loss_warn(m->encoding->loss, LOSS_CHANGED, last->at);
    }
}

// Without the word the provider refuses to answer in JSON; Gemini's clients need not say it.
static void write_json_hint(struct messages *m)
{
    const struct neutral_request *req = m->encoding->req;
    if (req->format.kind == FORMAT_JSON && req->origin == DIALECT_GEMINI) {
        begin_message(m, SLICE("system"));
        json_member_string(m->w, SLICE("content"), SLICE("Answer in JSON."));
        end_message(m, SLICE_EMPTY);
        loss_warn(m->encoding->loss, LOSS_EMULATED, req->format.at);
    }
}

void chat_encode_messages(const struct encoding *encoding, struct json_writer *w)
{
    const struct neutral_request *req = encoding->req;
    struct messages m = {encoding, w, last_spoken(req)};
    const struct neutral_turn *last = NULL;
    bool is_in_loop = m.loop_start == NULL;
    json_key(w, SLICE("messages"));
    json_begin_array(w);
    for (const struct neutral_turn *turn = req->instructions; turn; turn = turn->next) {
        write_system(&m, turn);
    }
    write_json_hint(&m);
    for (const struct neutral_turn *turn = req->turns; turn; turn = turn->next) {
        switch (turn->role) {
        case TURN_SYSTEM:
        case TURN_DEVELOPER: write_system(&m, turn); break;
        case TURN_USER: write_user_turn(&m, turn); break;
        case TURN_ASSISTANT: write_assistant(&m, turn, is_in_loop); break;
        }
        is_in_loop = is_in_loop || turn == m.loop_start;
        last = turn;
    }
    json_end_array(w);
    warn_of_prefill(&m, last);
    if (!last) {
        loss_refuse_always(encoding->loss, NULL, "there must be a message besides the instructions");
    }
}
