// SPDX-License-Identifier: MIT
// The items of a Responses request's input, decoded. What an assistant made in one go is a row of items there (a
// message, reasoning, calls) and one turn here; the outputs of tools that follow are one turn of the user's.
#include "dialect/responses/responses_internal.h"

// How far the walk over the items has come.
struct walk {
    const struct responses_request *in;
    struct neutral_turn **last_instruction;
    struct neutral_turn **last_turn;
    struct neutral_turn *open;   // the turn that the next item may belong to; NULL: none
    bool is_open_for_results;    // it holds outputs of tools
    struct neutral_part **last;  // the end of its parts
    struct neutral_part *text;   // its newest text
    struct neutral_opaque ahead; // a signature that belongs to the call behind it
};

// ---- turns

static struct neutral_turn *begin_turn(struct walk *walk, enum turn_role role, const struct json_node *at)
{
    struct neutral_turn *turn = neutral_turn_new(walk->in->arena, role, at);
    *walk->last_turn = turn;
    walk->last_turn = &turn->next;
    walk->open = NULL;
    walk->text = NULL;
    walk->ahead = (struct neutral_opaque){0};
    return turn;
}

static void open_turn(struct walk *walk, enum turn_role role, const struct json_node *at)
{
    bool is_for_results = role == TURN_USER;
    if (!walk->open || walk->is_open_for_results != is_for_results) {
        struct neutral_turn *turn = begin_turn(walk, role, at);
        walk->open = turn;
        walk->is_open_for_results = is_for_results;
        walk->last = &turn->parts;
    }
}

static struct neutral_part *add_part(struct walk *walk, enum turn_role role, enum part_kind kind,
                                     const struct json_node *item)
{
    open_turn(walk, role, item);
    struct neutral_part *part = neutral_part_new(walk->in->arena, kind, item);
    neutral_append_part(&walk->last, part);
    return part;
}

// ---- messages

static bool read_instruction(struct walk *walk, enum turn_role role, const struct json_node *item,
                             const struct json_node *content)
{
    struct neutral_turn *turn = neutral_turn_new(walk->in->arena, role, item);
    *walk->last_instruction = turn;
    walk->last_instruction = &turn->next;
    return responses_decode_parts(walk->in, content, &turn->parts);
}

static bool read_assistant_message(struct walk *walk, const struct json_node *item, const struct json_node *content)
{
    struct neutral_part *parts = NULL;
    struct slice phase = responses_plain_member(walk->in, item, "phase");
    if (!responses_decode_parts(walk->in, content, &parts)) {
        return false;
    }
    open_turn(walk, TURN_ASSISTANT, item);
    *walk->last = parts;
    for (struct neutral_part *part = parts; part; part = part->next) {
        if (part->kind == PART_TEXT || part->kind == PART_REFUSAL) {
            part->phase = phase;
            part->begins_item = part == parts;
            walk->text = part;
        }
        walk->last = &part->next;
    }
    return true;
}

static bool read_message(struct walk *walk, const struct json_node *item)
{
    const struct responses_request *in = walk->in;
    const struct json_node *content = neutral_member(in->doc, item, SLICE("content"));
    struct slice role = responses_plain_member(walk->in, item, "role");
    bool is_system = slice_eq(role, SLICE("system"));
    if (!content) {
        loss_reject_input(in->loss, item, "a message needs a content");
        return false;
    }
    if (slice_eq(role, SLICE("assistant"))) {
        return read_assistant_message(walk, item, content);
    }
    if (is_system || slice_eq(role, SLICE("developer"))) {
        enum turn_role turn_role = is_system ? TURN_SYSTEM : TURN_DEVELOPER;
        return in->req->turns ? responses_decode_parts(in, content, &begin_turn(walk, turn_role, item)->parts)
                              : read_instruction(walk, turn_role, item, content);
    }
    if (slice_eq(role, SLICE("user"))) {
        return responses_decode_parts(in, content, &begin_turn(walk, TURN_USER, item)->parts);
    }
    loss_reject_input(in->loss, item, "the role of a message is user, assistant, system or developer");
    return false;
}

// ---- reasoning

static struct neutral_part *read_thoughts(struct walk *walk, const struct json_node *array)
{
    const struct responses_request *in = walk->in;
    const struct json_node *node = NULL;
    struct neutral_part *parts = NULL;
    struct neutral_part **last = &parts;
    while (json_next_element(in->doc, array, &node)) {
        struct slice text = neutral_escaped(in->doc, json_get(in->doc, node, SLICE("text")));
        if (text.len) {
            neutral_append_part(&last, neutral_text_new(in->arena, text, node));
        }
    }
    return parts;
}

static struct neutral_opaque read_opaque(struct walk *walk, const struct json_node *item)
{
    struct neutral_opaque opaque = {0};
    struct slice text = responses_plain_member(walk->in, item, "encrypted_content");
    if (!text.len || opaque_unwrap(walk->in->arena, text, &opaque)) {
        return opaque;
    }
    return (struct neutral_opaque){OPAQUE_OPENAI_ENCRYPTED, text, responses_plain_member(walk->in, item, "id")};
}

// A text that was signed with nothing in it still has to come back.
static void sign_text(struct walk *walk, const struct json_node *item, const struct neutral_opaque *opaque)
{
    if (!walk->text) {
        struct neutral_part *part = add_part(walk, TURN_ASSISTANT, PART_TEXT, item);
        part->text = SLICE("");
        walk->text = part;
    }
    walk->text->opaque = *opaque;
}

// Gemini signs calls and texts. For such a signature a reasoning item was made, before the call and behind the text;
// here it goes back to where it belongs.
static void read_reasoning(struct walk *walk, const struct json_node *item)
{
    const struct responses_request *in = walk->in;
    struct neutral_opaque opaque = read_opaque(walk, item);
    open_turn(walk, TURN_ASSISTANT, item);
    if (opaque.kind == OPAQUE_GEMINI_CALL) {
        walk->ahead = opaque;
        return;
    }
    if (opaque.kind == OPAQUE_GEMINI_TEXT) {
        sign_text(walk, item, &opaque);
        return;
    }
    struct neutral_part *part = add_part(walk, TURN_ASSISTANT, PART_REASONING, item);
    part->reasoning.opaque = opaque;
    part->reasoning.parts = read_thoughts(walk, json_get(in->doc, item, SLICE("summary")));
    part->reasoning.is_summary = true;
    if (!part->reasoning.parts) {
        part->reasoning.parts = read_thoughts(walk, json_get(in->doc, item, SLICE("content")));
        part->reasoning.is_summary = !part->reasoning.parts;
    }
}

// ---- calls and what comes of them

static bool read_call(struct walk *walk, const struct json_node *item, enum tool_kind kind)
{
    const struct responses_request *in = walk->in;
    struct slice arguments_name = kind == TOOL_CUSTOM ? SLICE("input") : SLICE("arguments");
    struct neutral_part *part = add_part(walk, TURN_ASSISTANT, PART_CALL, item);
    part->call.kind = kind;
    part->call.id = responses_plain_member(walk->in, item, "call_id");
    part->call.name = responses_plain_member(walk->in, item, "name");
    part->call.name_space = responses_plain_member(walk->in, item, "namespace");
    part->call.escaped_arguments = neutral_escaped(in->doc, neutral_member(in->doc, item, arguments_name));
    part->call.opaque = walk->ahead;
    walk->ahead = (struct neutral_opaque){0};
    if (!part->call.id.len || !part->call.name.len || !part->call.escaped_arguments.ptr) {
        loss_reject_input(in->loss, item, "a call needs a call_id, a name, and a string of what the tool is given");
        return false;
    }
    return true;
}

static bool read_result(struct walk *walk, const struct json_node *item, enum tool_kind kind)
{
    const struct responses_request *in = walk->in;
    const struct json_node *output = neutral_member(in->doc, item, SLICE("output"));
    struct neutral_part *part = add_part(walk, TURN_USER, PART_RESULT, item);
    part->result.kind = kind;
    part->result.call_id = responses_plain_member(walk->in, item, "call_id");
    if (!part->result.call_id.len || !output) {
        loss_reject_input(in->loss, item, "the output of a call needs a call_id and an output");
        return false;
    }
    return responses_decode_parts(in, output, &part->result.parts);
}

// ---- what only OpenAI knows

static void read_native(struct walk *walk, const struct json_node *item, struct slice type)
{
    const struct responses_request *in = walk->in;
    bool is_answer = slice_ends_with(type, SLICE("_output")) || slice_eq(type, SLICE("mcp_approval_response"));
    struct neutral_part *part = add_part(walk, is_answer ? TURN_USER : TURN_ASSISTANT, PART_NATIVE, item);
    part->rendering = neutral_escaped(in->doc, json_get(in->doc, item, SLICE("output")));
}

static bool refuse_reference(struct walk *walk, const struct json_node *item)
{
    loss_refuse_always(walk->in->loss, item,
                       "the upstream of this model keeps no items, so they cannot be referred to by their id");
    return false;
}

static bool read_typed_item(struct walk *walk, const struct json_node *item, struct slice type)
{
    if (slice_eq(type, SLICE("function_call"))) {
        return read_call(walk, item, TOOL_FUNCTION);
    }
    if (slice_eq(type, SLICE("function_call_output"))) {
        return read_result(walk, item, TOOL_FUNCTION);
    }
    if (slice_eq(type, SLICE("reasoning"))) {
        read_reasoning(walk, item);
        return true;
    }
    if (slice_eq(type, SLICE("custom_tool_call"))) {
        return read_call(walk, item, TOOL_CUSTOM);
    }
    if (slice_eq(type, SLICE("custom_tool_call_output"))) {
        return read_result(walk, item, TOOL_CUSTOM);
    }
    if (slice_eq(type, SLICE("additional_tools"))) {
        return responses_decode_tools(walk->in, neutral_member(walk->in->doc, item, SLICE("tools")));
    }
    if (slice_eq(type, SLICE("item_reference"))) {
        return refuse_reference(walk, item);
    }
    if (slice_eq(type, SLICE("compaction_trigger"))) {
        return !loss_refuse(walk->in->loss, item, "the upstream of this model cannot compact a conversation");
    }
    read_native(walk, item, type);
    return true;
}

// An item without a type is a message, or a reference when it has nothing but an id.
static bool read_item(struct walk *walk, const struct json_node *item)
{
    const struct responses_request *in = walk->in;
    struct slice type = responses_plain_member(walk->in, item, "type");
    if (!json_is(item, JSON_OBJECT)) {
        loss_reject_input(in->loss, item, "must be an object");
        return false;
    }
    if (slice_eq(type, SLICE("message")) || (!type.len && json_get(in->doc, item, SLICE("role")))) {
        return read_message(walk, item);
    }
    if (type.len) {
        return read_typed_item(walk, item, type);
    }
    if (json_get(in->doc, item, SLICE("id"))) {
        return refuse_reference(walk, item);
    }
    loss_reject_input(in->loss, item, "needs a type");
    return false;
}

bool responses_decode_input(const struct responses_request *in, const struct json_node *input)
{
    struct walk walk = {.in = in, .last_instruction = &in->req->instructions, .last_turn = &in->req->turns};
    const struct json_node *item = NULL;
    while (*walk.last_instruction) {
        walk.last_instruction = &(*walk.last_instruction)->next;
    }
    if (!input || json_is(input, JSON_STRING)) {
        return !input || responses_decode_parts(in, input, &begin_turn(&walk, TURN_USER, input)->parts);
    }
    if (input->type != JSON_ARRAY) {
        loss_reject_input(in->loss, input, "must be a string or an array");
        return false;
    }
    while (json_next_element(in->doc, input, &item)) {
        if (!read_item(&walk, item)) {
            return false;
        }
    }
    return true;
}
