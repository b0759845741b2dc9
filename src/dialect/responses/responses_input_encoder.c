// SPDX-License-Identifier: MIT
// Turns as the input items of a Responses request. Items get no ids: those of others are refused, and a call is known
// by its call_id.
#include "base/buf.h"
#include "dialect/responses/responses_internal.h"
#include "dialect/tool_arguments.h"

// ---- messages of users and instructions

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

// A message of which nothing can be sent is left out: one without content would be refused.
static bool has_content(const struct encoding *encoding, const struct neutral_part *part)
{
    while (part && !responses_takes_part(encoding, part)) {
        part = next_of_message(part->next);
    }
    return part;
}

static void write_message(const struct encoding *encoding, struct json_writer *w, struct slice role,
                          const struct neutral_part *parts)
{
    const struct neutral_part *part = next_of_message(parts);
    if (!has_content(encoding, part)) {
        return;
    }
    json_begin_object(w);
    json_member_string(w, SLICE("role"), role);
    json_key(w, SLICE("content"));
    if (responses_is_plain_text(encoding, part) && !next_of_message(part->next)) {
        json_write_escaped(w, part->text);
    } else {
        json_begin_array(w);
        for (; part; part = next_of_message(part->next)) {
            responses_write_part(encoding, w, part);
        }
        json_end_array(w);
    }
    json_end_object(w);
}

// ---- outputs of tools

// A JSON value as part of the string that was written last.
static void append_raw(const struct encoding *encoding, struct json_writer *w, const struct json_node *value)
{
    struct buf escaped = BUF_EMPTY;
    json_escape(&escaped, json_raw(encoding->req->doc, value));
    responses_append_to_string(w, buf_slice(&escaped));
    buf_deinit(&escaped);
}

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
        responses_write_type(w, "input_text");
        responses_write_escaped(w, "text", mark);
        if (result->raw) {
            append_raw(encoding, w, result->raw);
        }
        json_end_object(w);
    } else if (mark.len) {
        responses_write_text_part(encoding, w, part, mark);
        part = part->next;
    }
    for (; part; part = part->next) {
        responses_write_part(encoding, w, part);
    }
    json_end_array(w);
}

static void write_output(const struct encoding *encoding, struct json_writer *w, const struct result *result)
{
    const struct neutral_part *part = result->parts;
    json_key(w, SLICE("output"));
    if (result->raw && !part) {
        json_write_escaped(w, error_mark(result));
        append_raw(encoding, w, result->raw);
    } else if (!part || (!part->next && responses_is_plain_text(encoding, part))) {
        json_write_escaped(w, error_mark(result));
        responses_append_to_string(w, part ? part->text : SLICE_EMPTY);
    } else {
        write_output_array(encoding, w, result);
    }
}

static void write_result(const struct encoding *encoding, struct json_writer *w, const struct result *result)
{
    json_begin_object(w);
    responses_write_type(w, result->kind == TOOL_CUSTOM ? "custom_tool_call_output" : "function_call_output");
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
        responses_write_type(w, "message");
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
    responses_write_type(w, is_refusal ? "refusal" : "output_text");
    responses_write_escaped(w, is_refusal ? "refusal" : "text", part->text);
    json_end_object(w);
}

static struct slice target_name(const struct encoding *encoding, const struct call *call)
{
    return tool_history_name(encoding->arena, encoding->req, DIALECT_RESPONSES, call->name_space, call->name);
}

static void write_call(struct row *row, const struct call *call)
{
    struct json_writer *w = row->w;
    bool is_custom = call->kind == TOOL_CUSTOM && call->escaped_arguments.ptr;
    end_message(row);
    json_begin_object(w);
    responses_write_type(w, is_custom ? "custom_tool_call" : "function_call");
    json_member_string(w, SLICE("call_id"), call->id);
    json_member_string(w, SLICE("name"), target_name(row->encoding, call));
    if (call->name_space.len) {
        json_member_string(w, SLICE("namespace"), call->name_space);
    }
    if (is_custom) {
        responses_write_escaped(w, "input", call->escaped_arguments);
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
        responses_write_type(w, type);
        responses_write_escaped(w, "text", part->text);
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
    responses_write_type(w, "reasoning");
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
    size_t start = w->out->len;
    for (const struct neutral_turn *turn = req->turns; turn; turn = turn->next) {
        write_turn(encoding, w, turn);
    }
    if (w->out->len == start) {
        loss_refuse_always(encoding->loss, NULL,
                           "nothing of what the messages say can be sent to the upstream of this model");
    }
    json_end_array(w);
}
