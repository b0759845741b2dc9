// SPDX-License-Identifier: MIT
// Tools of any request and the choice among them, as Chat Completions has them. Servers that only speak like OpenAI's
// know functions and simple choices: custom tools become functions there, and a choice among some leaves out the
// others.
#include "dialect/chat/chat_internal.h"

#include "dialect/strict_schema.h"

// ---- schemas

void chat_write_strict(const struct encoding *encoding, struct json_writer *w, enum tri strict,
                       const struct json_node *schema, const struct json_node *at)
{
    if (strict == TRI_UNSET) {
        return;
    }
    bool fits = strict == TRI_TRUE && strict_schema_fits(encoding->req->doc, schema);
    if (strict == TRI_TRUE && !fits) {
        loss_warn(encoding->loss, LOSS_CHANGED, at);
    }
    json_member_bool(w, SLICE("strict"), fits);
}

// ---- tools

static struct slice add_paragraph(const struct encoding *encoding, struct slice text, struct slice title,
                                  struct slice body)
{
    const struct slice pieces[] = {text, text.len ? SLICE("\\n\\n") : SLICE_EMPTY, title, body};
    return arena_concat(encoding->arena, pieces, sizeof(pieces) / sizeof(*pieces));
}

// With what the target has no member for written out.
static struct slice description_of(const struct encoding *encoding, const struct neutral_tool *tool)
{
    struct buf examples = BUF_EMPTY;
    struct slice description = tool->description;
    if (tool->kind == TOOL_CUSTOM && chat_is_compatible(encoding) && tool->grammar.len) {
        description =
            add_paragraph(encoding, description, SLICE("The input must follow this grammar:\\n"), tool->grammar);
    }
    if (tool->examples) {
        json_escape(&examples, json_raw(encoding->req->doc, tool->examples));
        description = add_paragraph(encoding, description, SLICE("Examples: "), buf_slice(&examples));
    }
    buf_deinit(&examples);
    return description;
}

static void write_name_and_description(const struct encoding *encoding, struct json_writer *w,
                                       const struct neutral_tool *tool)
{
    struct slice description = description_of(encoding, tool);
    json_member_string(w, SLICE("name"), tool->target_name);
    if (description.ptr) {
        json_key(w, SLICE("description"));
        json_write_escaped(w, description);
    }
}

static void write_function(const struct encoding *encoding, struct json_writer *w, const struct neutral_tool *tool)
{
    json_member_string(w, SLICE("type"), SLICE("function"));
    json_key(w, SLICE("function"));
    json_begin_object(w);
    write_name_and_description(encoding, w, tool);
    if (tool->kind == TOOL_CUSTOM) {
        json_key(w, SLICE("parameters"));
        json_write_raw(w, SLICE("{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\"}},"
                                "\"required\":[\"input\"],\"additionalProperties\":false}"));
    } else if (tool->schema) {
        json_key(w, SLICE("parameters"));
        encoding_write_schema(encoding, w, tool->schema, tool->is_openapi);
        chat_write_strict(encoding, w, tool->strict, tool->schema, tool->at);
    }
    json_end_object(w);
}

static void write_custom(const struct encoding *encoding, struct json_writer *w, const struct neutral_tool *tool)
{
    json_member_string(w, SLICE("type"), SLICE("custom"));
    json_key(w, SLICE("custom"));
    json_begin_object(w);
    write_name_and_description(encoding, w, tool);
    if (tool->grammar.len) {
        json_key(w, SLICE("format"));
        json_begin_object(w);
        json_member_string(w, SLICE("type"), SLICE("grammar"));
        json_key(w, SLICE("grammar"));
        json_begin_object(w);
        json_member_string(w, SLICE("syntax"), tool->grammar_syntax.len ? tool->grammar_syntax : SLICE("lark"));
        json_key(w, SLICE("definition"));
        json_write_escaped(w, tool->grammar);
        json_end_object(w);
        json_end_object(w);
    }
    json_end_object(w);
}

static void write_tool(const struct encoding *encoding, struct json_writer *w, const struct neutral_tool *tool)
{
    if (tool->kind == TOOL_SERVER) {
        json_write_raw(w, json_raw(encoding->req->doc, tool->at));
        return;
    }
    json_begin_object(w);
    if (tool->kind == TOOL_CUSTOM && !chat_is_compatible(encoding)) {
        write_custom(encoding, w, tool);
    } else {
        write_function(encoding, w, tool);
    }
    json_end_object(w);
}

// ---- which of them

static bool is_narrowed(const struct encoding *encoding)
{
    const struct tool_choice *choice = &encoding->req->tool_choice;
    return chat_is_compatible(encoding) && choice->n_tools > 0 && choice->mode != CHOICE_SPECIFIC;
}

static bool is_foreign(const struct encoding *encoding, const struct neutral_tool *tool)
{
    return tool->kind == TOOL_SERVER && encoding->req->origin != DIALECT_CHAT;
}

static bool is_offered(const struct encoding *encoding, const struct neutral_tool *tool)
{
    return !is_foreign(encoding, tool) &&
           (!is_narrowed(encoding) || neutral_choice_names(&encoding->req->tool_choice, tool));
}

// A tool that its own provider runs cannot be had here. Without it the request may still make sense, unless it is all
// that was asked for.
static void check_foreign(const struct encoding *encoding, size_t n_offered)
{
    const struct neutral_request *req = encoding->req;
    for (const struct neutral_tool *tool = req->tools; tool; tool = tool->next) {
        bool is_forced = req->tool_choice.mode == CHOICE_SPECIFIC && neutral_choice_names(&req->tool_choice, tool);
        if (is_foreign(encoding, tool) && (is_forced || n_offered == 0)) {
            (void)loss_refuse(encoding->loss, tool->at, "the upstream of this model has no such tool of its own");
        } else if (is_foreign(encoding, tool)) {
            loss_warn(encoding->loss, LOSS_DROPPED, tool->at);
        } else if (tool->is_deferred) {
            loss_warn(encoding->loss, LOSS_CHANGED, tool->at);
        }
    }
}

// ---- the choice

static void write_named(const struct encoding *encoding, struct json_writer *w, const struct neutral_tool *tool)
{
    struct slice kind =
        tool->kind == TOOL_CUSTOM && !chat_is_compatible(encoding) ? SLICE("custom") : SLICE("function");
    json_begin_object(w);
    json_member_string(w, SLICE("type"), kind);
    json_key(w, kind);
    json_begin_object(w);
    json_member_string(w, SLICE("name"), tool->target_name);
    json_end_object(w);
    json_end_object(w);
}

static void write_allowed(const struct encoding *encoding, struct json_writer *w)
{
    const struct tool_choice *choice = &encoding->req->tool_choice;
    json_begin_object(w);
    json_member_string(w, SLICE("type"), SLICE("allowed_tools"));
    json_key(w, SLICE("allowed_tools"));
    json_begin_object(w);
    json_member_string(w, SLICE("mode"), choice->mode == CHOICE_REQUIRED ? SLICE("required") : SLICE("auto"));
    json_key(w, SLICE("tools"));
    json_begin_array(w);
    for (size_t i = 0; i < choice->n_tools; i++) {
        if (!is_foreign(encoding, choice->tools[i])) {
            write_named(encoding, w, choice->tools[i]);
        }
    }
    json_end_array(w);
    json_end_object(w);
    json_end_object(w);
}

static struct slice mode_word(enum choice_mode mode)
{
    switch (mode) {
    case CHOICE_NONE: return SLICE("none");
    case CHOICE_REQUIRED:
    case CHOICE_SPECIFIC: return SLICE("required");
    case CHOICE_UNSET:
    case CHOICE_AUTO: break;
    }
    return SLICE("auto");
}

static void write_choice(const struct encoding *encoding, struct json_writer *w)
{
    const struct tool_choice *choice = &encoding->req->tool_choice;
    if (choice->mode == CHOICE_UNSET) {
        return;
    }
    json_key(w, SLICE("tool_choice"));
    if (choice->mode == CHOICE_SPECIFIC && choice->n_tools && choice->tools[0]->kind != TOOL_SERVER) {
        write_named(encoding, w, choice->tools[0]);
    } else if (choice->n_tools && !chat_is_compatible(encoding)) {
        write_allowed(encoding, w);
    } else {
        json_write_string(w, mode_word(choice->mode));
    }
}

void chat_encode_tools(const struct encoding *encoding, struct json_writer *w)
{
    const struct neutral_request *req = encoding->req;
    size_t n_offered = 0;
    for (const struct neutral_tool *tool = req->tools; tool; tool = tool->next) {
        n_offered += is_offered(encoding, tool);
    }
    check_foreign(encoding, n_offered);
    if (n_offered == 0) {
        // A choice or a limit without tools is an error at the provider.
        if (req->tool_choice.mode >= CHOICE_REQUIRED) {
            (void)loss_refuse(encoding->loss, req->tool_choice.at, "there is no tool to choose");
        }
        return;
    }
    json_key(w, SLICE("tools"));
    json_begin_array(w);
    for (const struct neutral_tool *tool = req->tools; tool; tool = tool->next) {
        if (is_offered(encoding, tool)) {
            write_tool(encoding, w, tool);
        }
    }
    json_end_array(w);
    write_choice(encoding, w);
    if (req->parallel_calls != TRI_UNSET) {
        json_member_bool(w, SLICE("parallel_tool_calls"), req->parallel_calls == TRI_TRUE);
    }
}
