// SPDX-License-Identifier: MIT
// Turns as the input items of a Responses request. Items get no ids: those of others are refused, and a call is known
// by its call_id.
#include "base/buf.h"
#include "dialect/responses/responses_internal.h"
#include "dialect/tool_arguments.h"

static bool is_of_responses(const struct encoding *encoding)
{
    return encoding->req->origin == DIALECT_RESPONSES;
}

static bool is_of_openai(const struct encoding *encoding)
{
    return is_of_responses(encoding) || encoding->req->origin == DIALECT_CHAT;
}

// Goes on with the string that was written last.
static void reopen_string(struct json_writer *w)
{
    w->out->len--;
}

static void append_to_string(struct json_writer *w, struct slice escaped)
{
    reopen_string(w);
    buf_append(w->out, escaped);
    buf_append_char(w->out, '"');
}

static void write_type(struct json_writer *w, const char *type)
{
    json_member_string(w, SLICE("type"), slice_from_cstr(type));
}

static void write_escaped_member(struct json_writer *w, const char *name, struct slice escaped)
{
    json_key(w, slice_from_cstr(name));
    json_write_escaped(w, escaped);
}

// ---- parts

static void write_cache_mark(const struct encoding *encoding, struct json_writer *w, const struct neutral_part *part)
{
    // Only some models take it; a client of OpenAI knows what it asked for.
    if (part->cache != CACHE_NONE && is_of_openai(encoding)) {
        json_key(w, SLICE("prompt_cache_breakpoint"));
        json_write_raw(w, SLICE("{\"mode\":\"explicit\"}"));
    }
}

static void write_text(const struct encoding *encoding, struct json_writer *w, const struct neutral_part *part,
                       struct slice before)
{
    json_begin_object(w);
    write_type(w, "input_text");
    write_escaped_member(w, "text", before);
    append_to_string(w, part->text);
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
    append_to_string(w, media->data);
}

static bool refuse_media(const struct encoding *encoding, const struct neutral_part *part, const char *why)
{
    loss_refuse(encoding->loss, part->at, why);
    return false;
}

// A file that another provider keeps.
static bool is_foreign_file(const struct encoding *encoding, const struct neutral_part *part)
{
    if (part->media.form != MEDIA_FILE_ID || is_of_openai(encoding)) {
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
    write_type(w, "input_image");
    if (media->form == MEDIA_FILE_ID) {
        write_escaped_member(w, "file_id", media->data);
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
    write_type(w, "input_file");
    if (media->form == MEDIA_FILE_ID) {
        write_escaped_member(w, "file_id", media->data);
    } else if (media->form == MEDIA_URL) {
        write_escaped_member(w, "file_url", media->data);
    } else {
        json_key(w, SLICE("file_data"));
        write_data(encoding, w, media, "application/pdf");
    }
    // A file that is sent needs a name.
    if (media->name.len || media->form == MEDIA_BASE64) {
        write_escaped_member(w, "filename", media->name.len ? media->name : SLICE("document.pdf"));
    }
    write_cache_mark(encoding, w, part);
    json_end_object(w);
}

// A document of plain text is a text, its title in front.
static void write_text_document(const struct encoding *encoding, struct json_writer *w, const struct neutral_part *part)
{
    json_begin_object(w);
    write_type(w, "input_text");
    write_escaped_member(w, "text", part->media.name);
    if (part->media.name.len) {
        append_to_string(w, SLICE("\\n\\n"));
    }
    append_to_string(w, part->media.data);
    write_cache_mark(encoding, w, part);
    json_end_object(w);
}

static void write_document(const struct encoding *encoding, struct json_writer *w, const struct neutral_part *part)
{
    if (part->media.wants_citations || part->media.context.len) {
        loss_warn(encoding->loss, LOSS_DROPPED, part->at);
    }
    if (part->media.form == MEDIA_TEXT || part->media.form == MEDIA_PARTS) {
        write_text_document(encoding, w, part);
    } else {
        write_file(encoding, w, part);
    }
}

static void write_audio(const struct encoding *encoding, struct json_writer *w, const struct neutral_part *part)
{
    bool is_wav = slice_ends_with(part->media.mime_type, SLICE("wav"));
    json_begin_object(w);
    write_type(w, "input_audio");
    json_key(w, SLICE("input_audio"));
    json_begin_object(w);
    write_escaped_member(w, "data", part->media.data);
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

// Anything that may stand in a message of the user's or in the output of a tool.
static bool is_writable(const struct encoding *encoding, const struct neutral_part *part)
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

static void write_part(const struct encoding *encoding, struct json_writer *w, const struct neutral_part *part)
{
    if (!is_writable(encoding, part)) {
        return;
    }
    if (part->kind == PART_IMAGE) {
        write_image(encoding, w, part);
    } else if (part->kind == PART_DOCUMENT) {
        write_document(encoding, w, part);
    } else if (part->kind == PART_AUDIO) {
        write_audio(encoding, w, part);
    } else {
        write_text(encoding, w, part, SLICE_EMPTY);
    }
}

// ---- messages of users and instructions

static bool is_plain_text(const struct encoding *encoding, const struct neutral_part *part)
{
    return part->kind == PART_TEXT && (part->cache == CACHE_NONE || !is_of_openai(encoding));
}

static bool belongs_to_message(const struct neutral_part *part)
{
    return part->kind != PART_RESULT && part->kind != PART_CALL && part->kind != PART_REASONING &&
           part->kind != PART_NATIVE;
}

static const struct neutral_part *next_of_message(const struct neutral_part *part)
{
    while (part && !belongs_to_message(part)) {
        part = part->next;
    }
    return part;
}

static void write_message(const struct encoding *encoding, struct json_writer *w, struct slice role,
                          const struct neutral_part *parts)
{
    const struct neutral_part *part = next_of_message(parts);
    if (!part) {
        return;
    }
    json_begin_object(w);
    json_member_string(w, SLICE("role"), role);
    json_key(w, SLICE("content"));
    if (is_plain_text(encoding, part) && !next_of_message(part->next)) {
        json_write_escaped(w, part->text);
    } else {
        json_begin_array(w);
        for (; part; part = next_of_message(part->next)) {
            write_part(encoding, w, part);
        }
        json_end_array(w);
    }
    json_end_object(w);
}

// ---- outputs of tools

// What a failed tool says starts with a word that tells so: there is no other place for it.
static struct slice error_mark(const struct result *result)
{
    const struct neutral_part *first = result->parts;
    bool is_marked =
        !result->raw && first && first->kind == PART_TEXT && slice_starts_with_nocase(first->text, SLICE("Error"));
    return result->is_error && !is_marked ? SLICE("Error: ") : SLICE_EMPTY;
}

static void write_output_array(const struct encoding *encoding, struct json_writer *w, const struct result *result)
{
    const struct neutral_part *part = result->parts;
    struct slice mark = error_mark(result);
    json_begin_array(w);
    if (result->raw || (mark.len && part->kind != PART_TEXT)) {
        json_begin_object(w);
        write_type(w, "input_text");
        write_escaped_member(w, "text", mark);
        if (result->raw) {
            reopen_string(w);
            json_escape(w->out, json_raw(encoding->req->doc, result->raw));
            buf_append_char(w->out, '"');
        }
        json_end_object(w);
    } else if (mark.len) {
        write_text(encoding, w, part, mark);
        part = part->next;
    }
    for (; part; part = part->next) {
        write_part(encoding, w, part);
    }
    json_end_array(w);
}

static void write_output(const struct encoding *encoding, struct json_writer *w, const struct result *result)
{
    const struct neutral_part *part = result->parts;
    json_key(w, SLICE("output"));
    if (result->raw && !part) {
        json_write_escaped(w, error_mark(result));
        reopen_string(w);
        json_escape(w->out, json_raw(encoding->req->doc, result->raw));
        buf_append_char(w->out, '"');
    } else if (!part || (!part->next && is_plain_text(encoding, part))) {
        json_write_escaped(w, error_mark(result));
        append_to_string(w, part ? part->text : SLICE_EMPTY);
    } else {
        write_output_array(encoding, w, result);
    }
}

static void write_result(const struct encoding *encoding, struct json_writer *w, const struct result *result)
{
    json_begin_object(w);
    write_type(w, result->kind == TOOL_CUSTOM ? "custom_tool_call_output" : "function_call_output");
    json_member_string(w, SLICE("call_id"), result->call_id);
    write_output(encoding, w, result);
    json_end_object(w);
}

// ---- what an assistant made

// A row of texts is one message.
struct row {
    const struct encoding *encoding;
    struct json_writer *w;
    bool is_in_message;
    struct slice phase;
};

static void end_message(struct row *row)
{
    if (row->is_in_message) {
        json_end_array(row->w);
        json_end_object(row->w);
        row->is_in_message = false;
    }
}

static void write_said(struct row *row, const struct neutral_part *part)
{
    struct json_writer *w = row->w;
    bool is_refusal = part->kind == PART_REFUSAL;
    if (!row->is_in_message || part->begins_item || !slice_eq(part->phase, row->phase)) {
        end_message(row);
        json_begin_object(w);
        write_type(w, "message");
        json_member_string(w, SLICE("role"), SLICE("assistant"));
        row->phase = part->phase;
        if (row->phase.len) {
            json_member_string(w, SLICE("phase"), row->phase);
        }
        json_key(w, SLICE("content"));
        json_begin_array(w);
        row->is_in_message = true;
    }
    json_begin_object(w);
    write_type(w, is_refusal ? "refusal" : "output_text");
    write_escaped_member(w, is_refusal ? "refusal" : "text", part->text);
    json_end_object(w);
}

static struct slice target_name(const struct encoding *encoding, const struct call *call)
{
    const struct neutral_tool *tool = neutral_find_tool(encoding->req, call->name_space, call->name);
    return tool && tool->target_name.len
               ? tool->target_name
               : tool_target_name(encoding->arena, DIALECT_RESPONSES, call->name_space, call->name);
}

static void write_call(struct row *row, const struct call *call)
{
    struct json_writer *w = row->w;
    bool is_custom = call->kind == TOOL_CUSTOM && call->escaped_arguments.ptr;
    end_message(row);
    json_begin_object(w);
    write_type(w, is_custom ? "custom_tool_call" : "function_call");
    json_member_string(w, SLICE("call_id"), call->id);
    json_member_string(w, SLICE("name"), target_name(row->encoding, call));
    if (call->name_space.len) {
        json_member_string(w, SLICE("namespace"), call->name_space);
    }
    if (is_custom) {
        write_escaped_member(w, "input", call->escaped_arguments);
    } else {
        json_key(w, SLICE("arguments"));
        arguments_write_string(w, call);
    }
    json_end_object(w);
}

static void write_thoughts(struct json_writer *w, const char *name, const char *type, const struct neutral_part *part)
{
    json_key(w, slice_from_cstr(name));
    json_begin_array(w);
    for (; part; part = part->next) {
        json_begin_object(w);
        write_type(w, type);
        write_escaped_member(w, "text", part->text);
        json_end_object(w);
    }
    json_end_array(w);
}

// Reasoning alone is refused: what it led to has to follow.
static bool leads_to_something(const struct neutral_part *part)
{
    while ((part = part->next)) {
        if (part->kind != PART_REASONING) {
            return true;
        }
    }
    return false;
}

static void write_reasoning(struct row *row, const struct neutral_part *part)
{
    const struct reasoning *reasoning = &part->reasoning;
    struct json_writer *w = row->w;
    if (!leads_to_something(part)) {
        loss_warn(row->encoding->loss, LOSS_DROPPED, part->at);
        return;
    }
    end_message(row);
    json_begin_object(w);
    write_type(w, "reasoning");
    if (reasoning->opaque.item_id.len) {
        json_member_string(w, SLICE("id"), reasoning->opaque.item_id);
    }
    write_thoughts(w, "summary", "summary_text", reasoning->is_summary ? reasoning->parts : NULL);
    if (!reasoning->is_summary && reasoning->parts) {
        write_thoughts(w, "content", "reasoning_text", reasoning->parts);
    }
    json_member_string(w, SLICE("encrypted_content"), reasoning->opaque.data);
    json_end_object(w);
}

static void write_assistant(const struct encoding *encoding, struct json_writer *w, const struct neutral_turn *turn)
{
    struct row row = {.encoding = encoding, .w = w};
    for (const struct neutral_part *part = turn->parts; part; part = part->next) {
        switch (part->kind) {
        case PART_TEXT:
        case PART_REFUSAL: write_said(&row, part); break;
        case PART_CALL: write_call(&row, &part->call); break;
        case PART_REASONING: write_reasoning(&row, part); break;
        case PART_NATIVE:
            end_message(&row);
            json_write_raw(w, json_raw(encoding->req->doc, part->at));
            break;
        case PART_IMAGE:
        case PART_AUDIO:
        case PART_VIDEO:
        case PART_DOCUMENT:
        case PART_RESULT: loss_warn(encoding->loss, LOSS_DROPPED, part->at); break;
        }
    }
    end_message(&row);
}

// ---- turns

static void write_user(const struct encoding *encoding, struct json_writer *w, const struct neutral_turn *turn)
{
    for (const struct neutral_part *part = turn->parts; part; part = part->next) {
        if (part->kind == PART_RESULT) {
            write_result(encoding, w, &part->result);
        } else if (part->kind == PART_NATIVE) {
            json_write_raw(w, json_raw(encoding->req->doc, part->at));
        }
    }
    write_message(encoding, w, SLICE("user"), turn->parts);
}

static void write_turn(const struct encoding *encoding, struct json_writer *w, const struct neutral_turn *turn)
{
    switch (turn->role) {
    case TURN_SYSTEM: write_message(encoding, w, SLICE("system"), turn->parts); break;
    case TURN_DEVELOPER: write_message(encoding, w, SLICE("developer"), turn->parts); break;
    case TURN_USER: write_user(encoding, w, turn); break;
    case TURN_ASSISTANT: write_assistant(encoding, w, turn); break;
    }
}

// OpenAI's json_object mode is refused unless the word stands somewhere in the input; Gemini's has no such rule.
static void write_json_hint(const struct encoding *encoding, struct json_writer *w)
{
    if (encoding->req->format.kind == FORMAT_JSON && encoding->req->origin == DIALECT_GEMINI) {
        json_write_raw(w, SLICE("{\"role\":\"developer\",\"content\":\"Answer in JSON.\"}"));
    }
}

const struct neutral_turn *responses_lone_instruction(const struct neutral_request *req)
{
    const struct neutral_turn *turn = req->instructions;
    bool is_lone = turn && !turn->next && turn->parts && !turn->parts->next && turn->parts->kind == PART_TEXT &&
                   (turn->parts->cache == CACHE_NONE || req->origin == DIALECT_ANTHROPIC);
    return is_lone ? turn : NULL;
}

void responses_write_input(const struct encoding *encoding, struct json_writer *w)
{
    const struct neutral_request *req = encoding->req;
    json_key(w, SLICE("input"));
    json_begin_array(w);
    write_json_hint(encoding, w);
    if (!responses_lone_instruction(req)) {
        for (const struct neutral_turn *turn = req->instructions; turn; turn = turn->next) {
            write_turn(encoding, w, turn);
        }
    }
    for (const struct neutral_turn *turn = req->turns; turn; turn = turn->next) {
        write_turn(encoding, w, turn);
    }
    json_end_array(w);
}
