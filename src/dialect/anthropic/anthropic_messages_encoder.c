// SPDX-License-Identifier: MIT
// System prompt, messages and their blocks, as Anthropic takes them.
#include "dialect/anthropic/anthropic_internal.h"

#include "dialect/tool_arguments.h"

// ---- texts

static void write_text(struct anthropic_request *e, struct slice escaped, enum cache_mark mark)
{
    json_begin_object(&e->w);
    json_member_string(&e->w, SLICE("type"), SLICE("text"));
    json_key(&e->w, SLICE("text"));
    json_write_escaped(&e->w, escaped);
    anthropic_write_cache(e, mark);
    json_end_object(&e->w);
}

// ---- blocks

static struct slice name_of_call(const struct anthropic_request *e, const struct call *call)
{
    return tool_history_name(e->arena, e->req, DIALECT_ANTHROPIC, call->name_space, call->name);
}

static void write_call(struct anthropic_request *e, const struct neutral_part *part)
{
    json_begin_object(&e->w);
    json_member_string(&e->w, SLICE("type"), SLICE("tool_use"));
    json_member_string(&e->w, SLICE("id"), part->call.id);
    json_member_string(&e->w, SLICE("name"), name_of_call(e, &part->call));
    json_key(&e->w, SLICE("input"));
    if (!arguments_write_object(&e->w, &part->call, e->arena)) {
        loss_warn(e->loss, LOSS_CHANGED, part->at);
    }
    anthropic_write_cache(e, part->cache);
    json_end_object(&e->w);
}

static void write_member(struct anthropic_request *e, struct slice name, struct slice plain)
{
    json_member_string(&e->w, name, plain);
}

// Sealed by Anthropic, and returned as it came: the seal is on the very text.
static void write_reasoning(struct anthropic_request *e, const struct neutral_part *part)
{
    const struct reasoning *reasoning = &part->reasoning;
    json_begin_object(&e->w);
    if (reasoning->opaque.kind == OPAQUE_ANTHROPIC_REDACTED) {
        write_member(e, SLICE("type"), SLICE("redacted_thinking"));
        write_member(e, SLICE("data"), reasoning->opaque.data);
    } else {
        write_member(e, SLICE("type"), SLICE("thinking"));
        json_key(&e->w, SLICE("thinking"));
        json_write_escaped(&e->w, anthropic_join_texts(e->arena, reasoning->parts));
        write_member(e, SLICE("signature"), reasoning->opaque.data);
    }
    json_end_object(&e->w);
}

static void write_block(struct anthropic_request *e, const struct neutral_part *part);

// The first part from there on that is sent. What is left out on the way has been told of.
static const struct neutral_part *first_sent(struct anthropic_request *e, const struct neutral_part *part);

// What a tool of Gemini's answered besides its pictures.
static void write_object_as_text(struct anthropic_request *e, const struct json_node *object)
{
    json_begin_object(&e->w);
    json_member_string(&e->w, SLICE("type"), SLICE("text"));
    json_member_string(&e->w, SLICE("text"), json_raw(e->req->doc, object));
    json_end_object(&e->w);
}

static void write_result_content(struct anthropic_request *e, const struct result *result)
{
    const struct neutral_part *first = first_sent(e, result->parts);
    if (!first && !result->raw) {
        return;
    }
    json_key(&e->w, SLICE("content"));
    if (!first) {
        json_write_string(&e->w, json_raw(e->req->doc, result->raw));
        return;
    }
    if (!result->raw && first->kind == PART_TEXT && !first->cache && !first_sent(e, first->next)) {
        json_write_escaped(&e->w, first->text);
        return;
    }
    json_begin_array(&e->w);
    if (result->raw) {
        write_object_as_text(e, result->raw);
    }
    for (const struct neutral_part *part = first; part; part = first_sent(e, part->next)) {
        write_block(e, part);
    }
    json_end_array(&e->w);
}

static void write_result(struct anthropic_request *e, const struct neutral_part *part)
{
    json_begin_object(&e->w);
    json_member_string(&e->w, SLICE("type"), SLICE("tool_result"));
    json_member_string(&e->w, SLICE("tool_use_id"), part->result.call_id);
    write_result_content(e, &part->result);
    if (part->result.is_error) {
        json_member_bool(&e->w, SLICE("is_error"), true);
    }
    anthropic_write_cache(e, part->cache);
    json_end_object(&e->w);
}

static bool is_search_result(const struct anthropic_request *e, const struct neutral_part *part)
{
    return e->is_own &&
           json_string_is(e->req->doc, json_get(e->req->doc, part->at, SLICE("type")), SLICE("search_result"));
}

static void write_media(struct anthropic_request *e, const struct neutral_part *part)
{
    if (is_search_result(e, part)) {
        json_write_raw(&e->w, json_raw(e->req->doc, part->at));
    } else {
        anthropic_write_media(e, part);
    }
}

static void write_native(struct anthropic_request *e, const struct neutral_part *part)
{
    if (e->is_own) {
        json_write_raw(&e->w, json_raw(e->req->doc, part->at));
    } else {
        write_text(e, part->rendering, part->cache);
    }
}

static void write_block(struct anthropic_request *e, const struct neutral_part *part)
{
    switch (part->kind) {
    case PART_TEXT:
    case PART_REFUSAL: write_text(e, part->text, part->cache); break;
    case PART_IMAGE:
    case PART_DOCUMENT: write_media(e, part); break;
    case PART_CALL: write_call(e, part); break;
    case PART_RESULT: write_result(e, part); break;
    case PART_REASONING: write_reasoning(e, part); break;
    case PART_NATIVE: write_native(e, part); break;
    case PART_AUDIO:
    case PART_VIDEO: break;
    }
}

static bool is_sent(struct anthropic_request *e, const struct neutral_part *part)
{
    switch (part->kind) {
    case PART_AUDIO: (void)loss_refuse(e->loss, part->at, "the upstream of this model takes no audio"); return false;
    case PART_VIDEO: (void)loss_refuse(e->loss, part->at, "the upstream of this model takes no video"); return false;
    case PART_IMAGE:
    case PART_DOCUMENT: return is_search_result(e, part) || anthropic_takes_media(e, part);
    case PART_NATIVE: return e->is_own || part->rendering.len > 0;
    case PART_TEXT:
    case PART_REFUSAL:
    case PART_CALL:
    case PART_RESULT:
    case PART_REASONING: return true;
    }
    return false;
}

static const struct neutral_part *first_sent(struct anthropic_request *e, const struct neutral_part *part)
{
    while (part && !is_sent(e, part)) {
        part = part->next;
    }
    return part;
}

// ---- messages

struct conversation {
    struct anthropic_request *e;
    const char *role; // of the message under way; NULL: none
};

static void end_message(struct conversation *c)
{
    if (c->role) {
        json_end_array(&c->e->w);
        json_end_object(&c->e->w);
        c->role = NULL;
    }
}

// Turns of one role that stand together become one message.
static void begin_message(struct conversation *c, const char *role)
{
    if (c->role && strcmp(c->role, role) == 0) {
        return;
    }
    end_message(c);
    json_begin_object(&c->e->w);
    json_member_string(&c->e->w, SLICE("role"), slice_from_cstr(role));
    json_key(&c->e->w, SLICE("content"));
    json_begin_array(&c->e->w);
    c->role = role;
}

static void write_turn(struct conversation *c, const struct neutral_turn *turn)
{
    static const char *const ROLES[] = {
        [TURN_SYSTEM] = "system",
        [TURN_DEVELOPER] = "system",
        [TURN_USER] = "user",
        [TURN_ASSISTANT] = "assistant",
    };
    if (strcmp(ROLES[turn->role], "system") == 0) {
        end_message(c);
    }
    for (const struct neutral_part *part = first_sent(c->e, turn->parts); part; part = first_sent(c->e, part->next)) {
        begin_message(c, ROLES[turn->role]);
        write_block(c->e, part);
    }
}

void anthropic_write_messages(struct anthropic_request *e)
{
    struct conversation c = {.e = e};
    json_key(&e->w, SLICE("messages"));
    json_begin_array(&e->w);
    size_t start = e->w.out->len;
    for (const struct neutral_turn *turn = e->req->turns; turn; turn = turn->next) {
        write_turn(&c, turn);
    }
    end_message(&c);
    if (e->w.out->len == start) {
        loss_refuse_always(e->loss, NULL, "nothing of what the messages say can be sent to the upstream of this model");
    }
    json_end_array(&e->w);
}

// ---- system prompt

static const struct neutral_part *next_text(const struct neutral_turn **turn, const struct neutral_part *part)
{
    part = part ? part->next : *turn ? (*turn)->parts : NULL;
    while (*turn) {
        for (; part; part = part->next) {
            if (part->kind == PART_TEXT) {
                return part;
            }
        }
        *turn = (*turn)->next;
        part = *turn ? (*turn)->parts : NULL;
    }
    return NULL;
}

static void write_system_blocks(struct anthropic_request *e, struct slice addition)
{
    const struct neutral_turn *turn = e->req->instructions;
    json_begin_array(&e->w);
    for (const struct neutral_part *part = next_text(&turn, NULL); part; part = next_text(&turn, part)) {
        write_text(e, part->text, part->cache);
    }
    if (addition.len) {
        write_text(e, addition, CACHE_NONE);
    }
    json_end_array(&e->w);
}

void anthropic_write_system(struct anthropic_request *e, struct slice addition)
{
    const struct neutral_turn *turn = e->req->instructions;
    const struct neutral_part *first = next_text(&turn, NULL);
    const struct neutral_part *second = first ? next_text(&turn, first) : NULL;
    if (!first && !addition.len) {
        return;
    }
    json_key(&e->w, SLICE("system"));
    if (!first) {
        json_write_escaped(&e->w, addition);
    } else if (!second && !addition.len && !first->cache) {
        json_write_escaped(&e->w, first->text);
    } else {
        write_system_blocks(e, addition);
    }
}
