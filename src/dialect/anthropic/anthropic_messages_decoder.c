// SPDX-License-Identifier: MIT
// System prompt, messages and their blocks, read from an Anthropic request.
#include "dialect/anthropic/anthropic_internal.h"

enum cache_mark anthropic_read_cache(const struct anthropic_reader *r, const struct json_node *owner)
{
    const struct json_node *control = json_get(r->doc, owner, SLICE("cache_control"));
    if (!json_is(control, JSON_OBJECT)) {
        return CACHE_NONE;
    }
    bool is_long = json_string_is(r->doc, json_get(r->doc, control, SLICE("ttl")), SLICE("1h"));
    return is_long ? CACHE_LONG : CACHE_SHORT;
}

static struct slice plain_member(const struct anthropic_reader *r, const struct json_node *object, struct slice name)
{
    return json_string(r->doc, json_get(r->doc, object, name), r->arena);
}

// ---- blocks

static struct neutral_part *read_text(const struct anthropic_reader *r, const struct json_node *block)
{
    const struct json_node *text = json_get(r->doc, block, SLICE("text"));
    if (!json_is(text, JSON_STRING)) {
        loss_reject_input(r->loss, block, "needs a text");
        return NULL;
    }
    return neutral_text_new(r->arena, json_escaped(r->doc, text), block);
}

static struct neutral_part *read_image(const struct anthropic_reader *r, const struct json_node *block)
{
    return anthropic_read_media(r, block, PART_IMAGE);
}

static struct neutral_part *read_document(const struct anthropic_reader *r, const struct json_node *block)
{
    return anthropic_read_media(r, block, PART_DOCUMENT);
}

// For everybody else a text with a title and a place where it comes from.
static struct neutral_part *read_search_result(const struct anthropic_reader *r, const struct json_node *block)
{
    struct neutral_part *part = neutral_part_new(r->arena, PART_DOCUMENT, block);
    part->media = (struct media){
        .form = MEDIA_TEXT,
        .data = anthropic_texts_of(r, json_get(r->doc, block, SLICE("content"))),
        .mime_type = SLICE("text/plain"),
        .name = neutral_escaped(r->doc, json_get(r->doc, block, SLICE("title"))),
        .context = neutral_escaped(r->doc, json_get(r->doc, block, SLICE("source"))),
        .wants_citations = json_is(json_get(r->doc, block, SLICE("citations")), JSON_OBJECT),
    };
    return part;
}

// Without a seal nobody takes it back: the block is left out. A seal of ours that is damaged must not reach anyone as
// one of its own.
static struct neutral_part *read_reasoning(const struct anthropic_reader *r, const struct json_node *block,
                                           struct slice seal, enum opaque_kind native)
{
    struct neutral_opaque opaque = {.kind = native, .data = seal};
    if (!seal.len) {
        return NULL;
    }
    if (!opaque_unwrap(r->arena, seal, &opaque) && slice_starts_with(seal, SLICE("gw1."))) {
        loss_warn(r->loss, LOSS_DROPPED, block);
        return NULL;
    }
    struct neutral_part *part = neutral_part_new(r->arena, PART_REASONING, block);
    part->reasoning.opaque = opaque;
    part->reasoning.is_summary = opaque.kind != OPAQUE_VENDOR_TEXT;
    return part;
}

static struct neutral_part *read_thinking(const struct anthropic_reader *r, const struct json_node *block)
{
    const struct json_node *text = json_get(r->doc, block, SLICE("thinking"));
    struct neutral_part *part =
        read_reasoning(r, block, plain_member(r, block, SLICE("signature")), OPAQUE_ANTHROPIC_SIGNATURE);
    if (part && json_is(text, JSON_STRING) && json_escaped(r->doc, text).len) {
        part->reasoning.parts = neutral_text_new(r->arena, json_escaped(r->doc, text), block);
    }
    return part;
}

static struct neutral_part *read_redacted(const struct anthropic_reader *r, const struct json_node *block)
{
    return read_reasoning(r, block, plain_member(r, block, SLICE("data")), OPAQUE_ANTHROPIC_REDACTED);
}

static struct neutral_part *read_call(const struct anthropic_reader *r, const struct json_node *block)
{
    struct neutral_part *part = neutral_part_new(r->arena, PART_CALL, block);
    const struct json_node *input = neutral_member(r->doc, block, SLICE("input"));
    part->call.id = plain_member(r, block, SLICE("id"));
    part->call.name = plain_member(r, block, SLICE("name"));
    part->call.raw_arguments = input ? json_raw(r->doc, input) : SLICE("{}");
    if (!part->call.name.len) {
        loss_reject_input(r->loss, block, "needs a name");
    }
    return part;
}

static struct neutral_part *read_result(const struct anthropic_reader *r, const struct json_node *block);

struct block_row {
    struct slice type;
    bool is_content; // may also stand in the result of a tool
    struct neutral_part *(*read)(const struct anthropic_reader *r, const struct json_node *block);
};

static const struct block_row BLOCKS[] = {
    {SLICE_INIT("text"), true, read_text},
    {SLICE_INIT("tool_use"), false, read_call},
    {SLICE_INIT("tool_result"), false, read_result},
    {SLICE_INIT("thinking"), false, read_thinking},
    {SLICE_INIT("redacted_thinking"), false, read_redacted},
    {SLICE_INIT("image"), true, read_image},
    {SLICE_INIT("document"), true, read_document},
    {SLICE_INIT("search_result"), true, read_search_result},
};

static struct neutral_part *read_native(const struct anthropic_reader *r, const struct json_node *block)
{
    struct neutral_part *part = neutral_part_new(r->arena, PART_NATIVE, block);
    part->rendering = anthropic_rendering(r, block);
    return part;
}

static struct neutral_part *read_block(const struct anthropic_reader *r, const struct json_node *block, bool is_nested)
{
    const struct json_node *type = json_get(r->doc, block, SLICE("type"));
    if (!json_is(type, JSON_STRING)) {
        loss_reject_input(r->loss, block, "must be a block with a type");
        return NULL;
    }
    for (size_t i = 0; i < sizeof(BLOCKS) / sizeof(*BLOCKS); i++) {
        if ((BLOCKS[i].is_content || !is_nested) && json_string_is(r->doc, type, BLOCKS[i].type)) {
            return BLOCKS[i].read(r, block);
        }
    }
    return read_native(r, block);
}

static struct neutral_part *read_blocks(const struct anthropic_reader *r, const struct json_node *content,
                                        bool is_nested)
{
    const struct json_node *block = NULL;
    struct neutral_part *first = NULL;
    struct neutral_part **last = &first;
    if (json_is(content, JSON_STRING)) {
        return neutral_text_new(r->arena, json_escaped(r->doc, content), content);
    }
    if (content->type != JSON_ARRAY) {
        loss_reject_input(r->loss, content, "must be a string or an array of blocks");
    }
    while (json_next_element(r->doc, content, &block)) {
        struct neutral_part *part = read_block(r, block, is_nested);
        if (part) {
            part->cache = anthropic_read_cache(r, block);
            neutral_append_part(&last, part);
        }
    }
    return first;
}

static struct neutral_part *read_result(const struct anthropic_reader *r, const struct json_node *block)
{
    struct neutral_part *part = neutral_part_new(r->arena, PART_RESULT, block);
    const struct json_node *content = neutral_member(r->doc, block, SLICE("content"));
    part->result.call_id = plain_member(r, block, SLICE("tool_use_id"));
    part->result.is_error = neutral_tri(json_get(r->doc, block, SLICE("is_error"))) == TRI_TRUE;
    if (!part->result.call_id.len) {
        loss_reject_input(r->loss, block, "needs a tool_use_id");
    }
    if (content) {
        part->result.parts = read_blocks(r, content, true);
    }
    return part;
}

// ---- Gemini's signatures

// They came to this client as blocks of their own: that of a call before it, that of a text behind it. Back to where
// they belong. The part to go on with.
static struct neutral_part *settle_signature(const struct anthropic_reader *r, struct neutral_part *before,
                                             struct neutral_part *part)
{
    const struct neutral_opaque *opaque = &part->reasoning.opaque;
    struct neutral_part *next = part->next;
    if (opaque->kind == OPAQUE_GEMINI_CALL && next && next->kind == PART_CALL) {
        next->call.opaque = *opaque;
        *part = *next;
        return part;
    }
    if (opaque->kind == OPAQUE_GEMINI_TEXT) {
        struct neutral_part *text = before && before->kind == PART_TEXT ? before : part;
        struct neutral_opaque kept = *opaque;
        if (text == part) {
            *part = *neutral_text_new(r->arena, SLICE(""), part->at);
            part->next = next;
        } else {
            before->next = next;
        }
        text->opaque = kept;
        return text;
    }
    return part;
}

static void settle_signatures(const struct anthropic_reader *r, struct neutral_part *parts)
{
    struct neutral_part *before = NULL;
    for (struct neutral_part *part = parts; part; part = part->next) {
        if (part->kind == PART_REASONING && !part->reasoning.parts) {
            part = settle_signature(r, before, part);
        }
        before = part;
    }
}

// ---- messages

static const struct {
    struct slice role;
    enum turn_role turn;
} ROLES[] = {
    {SLICE_INIT("user"), TURN_USER},
    {SLICE_INIT("assistant"), TURN_ASSISTANT},
    {SLICE_INIT("system"), TURN_SYSTEM},
};

static struct neutral_turn *read_message(const struct anthropic_reader *r, const struct json_node *message)
{
    const struct json_node *role = json_get(r->doc, message, SLICE("role"));
    const struct json_node *content = json_get(r->doc, message, SLICE("content"));
    size_t i = 0;
    while (i < sizeof(ROLES) / sizeof(*ROLES) && !json_string_is(r->doc, role, ROLES[i].role)) {
        i++;
    }
    if (i == sizeof(ROLES) / sizeof(*ROLES)) {
        loss_reject_input(r->loss, role ? role : message, "must have the role user, assistant or system");
        return NULL;
    }
    if (!content) {
        loss_reject_input(r->loss, message, "needs a content");
        return NULL;
    }
    struct neutral_turn *turn = neutral_turn_new(r->arena, ROLES[i].turn, message);
    turn->parts = read_blocks(r, content, false);
    if (turn->role == TURN_ASSISTANT) {
        settle_signatures(r, turn->parts);
    }
    return turn;
}

static void read_system(const struct anthropic_reader *r, const struct json_node *system)
{
    struct neutral_turn *turn = neutral_turn_new(r->arena, TURN_SYSTEM, system);
    turn->parts = read_blocks(r, system, true);
    for (const struct neutral_part *part = turn->parts; part; part = part->next) {
        if (part->kind != PART_TEXT) {
            loss_reject_input(r->loss, part->at, "must be a text block");
        }
    }
    if (turn->parts) {
        r->req->instructions = turn;
    }
}

void anthropic_read_messages(const struct anthropic_reader *r, const struct json_node *system,
                             const struct json_node *messages)
{
    const struct json_node *message = NULL;
    struct neutral_turn **last = &r->req->turns;
    if (system) {
        read_system(r, system);
    }
    while (json_next_element(r->doc, messages, &message)) {
        struct neutral_turn *turn = read_message(r, message);
        if (turn) {
            *last = turn;
            last = &turn->next;
        }
    }
    if (!r->req->turns) {
        loss_reject_input(r->loss, messages ? messages : json_root(r->doc), "needs at least one message");
    }
}
