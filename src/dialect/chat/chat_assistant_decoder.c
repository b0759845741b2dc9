// SPDX-License-Identifier: MIT
// An assistant's message on its way in: what it thought, said and called, its vendors' additions included.
#include "dialect/chat/chat_internal.h"

// ---- calls

// Text that the model wrote; some clients send the object itself.
static void decode_arguments(struct chat_decoding *d, const struct json_node *object, struct slice name,
                             struct call *call)
{
    const struct json_node *arguments = neutral_member(d->doc, object, name);
    if (json_is(arguments, JSON_OBJECT)) {
        call->raw_arguments = json_raw(d->doc, arguments);
    } else if (arguments && arguments->type != JSON_STRING) {
        loss_reject_input(d->loss, arguments, "must be a string");
    } else {
        call->escaped_arguments = arguments ? json_escaped(d->doc, arguments) : SLICE("");
    }
}

static struct neutral_part *call_new(struct chat_decoding *d, const struct json_node *at,
                                     const struct json_node *object, enum tool_kind kind)
{
    struct slice name = chat_text_member(d, object, SLICE("name"));
    struct neutral_part *part = neutral_part_new(d->arena, PART_CALL, at);
    part->call.kind = kind;
    part->call.name = name;
    decode_arguments(d, object, kind == TOOL_CUSTOM ? SLICE("input") : SLICE("arguments"), &part->call);
    if (!name.len) {
        loss_reject_input(d->loss, at, "must name the tool that was called");
    }
    return part;
}

// A signature that is not in our wrapper is Google's own: nobody else writes this member.
static void decode_call_signature(struct chat_decoding *d, const struct json_node *owner, struct call *call)
{
    struct slice signature = chat_thought_signature(d->doc, owner, d->arena);
    if (signature.len && !opaque_unwrap(d->arena, signature, &call->opaque)) {
        call->opaque = (struct neutral_opaque){.kind = OPAQUE_GEMINI_CALL, .data = signature};
    }
}

static void decode_call(struct chat_decoding *d, const struct json_node *at, struct neutral_part ***last)
{
    const struct json_node *type = json_get(d->doc, at, SLICE("type"));
    bool is_custom = json_string_is(d->doc, type, SLICE("custom"));
    struct slice member = is_custom ? SLICE("custom") : SLICE("function");
    if (!json_is(at, JSON_OBJECT)) {
        loss_reject_input(d->loss, at, "must be an object");
        return;
    }
    const struct json_node *object = chat_member(d, at, member, JSON_OBJECT);
    struct neutral_part *part = call_new(d, at, object, is_custom ? TOOL_CUSTOM : TOOL_FUNCTION);
    part->call.id = chat_text_member(d, at, SLICE("id"));
    decode_call_signature(d, at, &part->call);
    neutral_append_part(last, part);
}

// The older form has no ids: the next message of role function answers it.
static void decode_function_call(struct chat_decoding *d, const struct json_node *message, struct neutral_part ***last)
{
    const struct json_node *call = chat_member(d, message, SLICE("function_call"), JSON_OBJECT);
    if (call && chat_text_member(d, call, SLICE("name")).len) {
        struct neutral_part *part = call_new(d, call, call, TOOL_FUNCTION);
        d->last_function_id = arena_printf(d->arena, "call_function_%u", ++d->n_function_calls);
        part->call.id = d->last_function_id;
        neutral_append_part(last, part);
    }
}

static void decode_calls(struct chat_decoding *d, const struct json_node *message, struct neutral_part ***last)
{
    const struct json_node *calls = chat_member(d, message, SLICE("tool_calls"), JSON_ARRAY);
    const struct json_node *each = NULL;
    struct neutral_part **first = *last;
    while (json_next_element(d->doc, calls, &each)) {
        decode_call(d, each, last);
    }
    decode_function_call(d, message, last);
    // Of several calls only the first is signed.
    if (*first && (*first)->call.opaque.kind == OPAQUE_NONE) {
        decode_call_signature(d, message, &(*first)->call);
    }
}

// ---- reasoning

// What an assistant's message tells of its reasoning.
struct thoughts {
    const struct json_node *details;
    const struct json_node *at;
    struct slice text;                 // of the whole, still to be used
    size_t n_bound;                    // details without a text that belong to one
    struct neutral_opaque text_opaque; // belongs to the answer's text
};

static bool is_bound_to_text(const struct neutral_opaque *opaque)
{
    switch (opaque->kind) {
    case OPAQUE_ANTHROPIC_SIGNATURE:
    case OPAQUE_OPENAI_ENCRYPTED:
    case OPAQUE_GEMINI_THOUGHT: return true;
    case OPAQUE_VENDOR_TEXT: return slice_find(opaque->data, SLICE("\"reasoning.encrypted\"")) == SLICE_NOT_FOUND;
    case OPAQUE_NONE:
    case OPAQUE_ANTHROPIC_REDACTED:
    case OPAQUE_GEMINI_CALL:
    case OPAQUE_GEMINI_TEXT: break;
    }
    return false;
}

static void append_reasoning(struct chat_decoding *d, const struct json_node *at, const struct chat_detail *detail,
                             struct neutral_part ***last)
{
    struct neutral_part *part = neutral_part_new(d->arena, PART_REASONING, at);
    part->reasoning.opaque = detail->opaque;
    part->reasoning.is_summary = detail->is_summary || detail->opaque.kind == OPAQUE_OPENAI_ENCRYPTED;
    if (detail->text.len) {
        part->reasoning.parts = neutral_text_new(d->arena, detail->text, at);
    }
    neutral_append_part(last, part);
}

// The text of the whole stands beside the details or is repeated in them. Where one detail alone can own it, it does;
// of several none could be told to be right.
static void survey_details(struct chat_decoding *d, struct thoughts *thoughts)
{
    const struct json_node *each = NULL;
    while (json_next_element(d->doc, thoughts->details, &each)) {
        struct chat_detail detail = chat_read_detail(d->doc, each, true, d->arena);
        if (detail.text.len) {
            thoughts->text = SLICE_EMPTY;
        } else if (is_bound_to_text(&detail.opaque)) {
            thoughts->n_bound++;
        }
    }
}

static void decode_detail(struct chat_decoding *d, const struct json_node *at, struct thoughts *thoughts,
                          struct neutral_part ***last)
{
    struct chat_detail detail = chat_read_detail(d->doc, at, true, d->arena);
    if (detail.opaque.kind == OPAQUE_GEMINI_TEXT || detail.opaque.kind == OPAQUE_GEMINI_CALL) {
        thoughts->text_opaque = detail.opaque;
        return;
    }
    if (!detail.text.len && thoughts->n_bound == 1 && is_bound_to_text(&detail.opaque)) {
        detail.text = thoughts->text;
        thoughts->text = SLICE_EMPTY;
    }
    if (detail.text.len || detail.is_signed) {
        append_reasoning(d, at, &detail, last);
    }
}

static void decode_reasoning(struct chat_decoding *d, const struct json_node *message, struct thoughts *thoughts,
                             struct neutral_part ***last)
{
    const struct chat_detail whole = {.opaque = {.kind = OPAQUE_VENDOR_TEXT}};
    const struct json_node *each = NULL;
    struct neutral_part **first = *last;
    thoughts->details = chat_member(d, message, SLICE("reasoning_details"), JSON_ARRAY);
    thoughts->at = neutral_member(d->doc, message, SLICE("reasoning_content"));
    if (!json_is(thoughts->at, JSON_STRING) || json_escaped(d->doc, thoughts->at).len == 0) {
        thoughts->at = neutral_member(d->doc, message, SLICE("reasoning"));
    }
    thoughts->text = neutral_escaped(d->doc, thoughts->at);
    survey_details(d, thoughts);
    while (json_next_element(d->doc, thoughts->details, &each)) {
        decode_detail(d, each, thoughts, last);
    }
    if (thoughts->text.len && !*first) {
        struct chat_detail detail = whole;
        detail.text = thoughts->text;
        append_reasoning(d, thoughts->at, &detail, last);
    }
}

// Gemini signs the text of an answer too, and also an empty one.
static void sign_text(struct chat_decoding *d, const struct json_node *message, const struct neutral_opaque *opaque,
                      struct neutral_part *first_of_content, struct neutral_part ***last)
{
    struct neutral_part *text = NULL;
    for (struct neutral_part *part = first_of_content; part; part = part->next) {
        text = part->kind == PART_TEXT ? part : text;
    }
    if (!text) {
        text = neutral_text_new(d->arena, SLICE(""), message);
        neutral_append_part(last, text);
    }
    text->opaque = *opaque;
}

// ---- the whole

struct neutral_part *chat_decode_assistant(struct chat_decoding *d, const struct json_node *message)
{
    struct neutral_part *parts = NULL;
    struct neutral_part **last = &parts;
    struct thoughts thoughts = {0};
    decode_reasoning(d, message, &thoughts, &last);
    struct neutral_part **content = last;
    chat_decode_content(d, message, CHAT_ROLE_ASSISTANT, &last);
    struct neutral_part *refusal = chat_decode_refusal(d, message);
    if (refusal) {
        refusal->at = json_get(d->doc, message, SLICE("refusal"));
        neutral_append_part(&last, refusal);
    }
    if (thoughts.text_opaque.kind == OPAQUE_GEMINI_TEXT) {
        sign_text(d, message, &thoughts.text_opaque, *content, &last);
    }
    decode_calls(d, message, &last);
    const struct json_node *audio = neutral_member(d->doc, message, SLICE("audio"));
    if (json_is(audio, JSON_OBJECT) && chat_text_member(d, audio, SLICE("id")).len) {
        (void)loss_refuse(d->loss, audio, "only the provider of an answer in audio can hear it again");
    }
    return parts;
}
