// SPDX-License-Identifier: MIT
// The tools of a request, and which of them the model may call.
#include "dialect/gemini/gemini_names.h"
#include "dialect/gemini/gemini_request_decoder.h"

// ---- tools

struct tool_list {
    struct neutral_tool **last;
};

static void append_tool(struct tool_list *list, struct neutral_tool *tool)
{
    *list->last = tool;
    list->last = &tool->next;
}

static void read_declaration(const struct gemini_reading *r, struct tool_list *list, const struct json_node *node)
{
    if (!gemini_expect(r, node, JSON_OBJECT)) {
        return;
    }
    const struct json_node *name = gemini_read_typed(r, node, SLICE("name"), JSON_STRING);
    const struct json_node *description = gemini_read_typed(r, node, SLICE("description"), JSON_STRING);
    const struct json_node *json_schema = gemini_read_typed(r, node, SLICE("parametersJsonSchema"), JSON_OBJECT);
    const struct json_node *schema = gemini_read_typed(r, node, SLICE("parameters"), JSON_OBJECT);
    struct neutral_tool *tool = neutral_tool_new(r->arena, TOOL_FUNCTION, node);
    tool->name = json_string(r->doc, name, r->arena);
    tool->description = description ? json_escaped(r->doc, description) : SLICE_EMPTY;
    tool->schema = json_schema ? json_schema : schema;
    tool->is_openapi = !json_schema && schema;
    if (!tool->name.len) {
        loss_reject_input(r->loss, name ? name : node, "a function needs a name");
    }
    append_tool(list, tool);
}

static void read_declarations(const struct gemini_reading *r, struct tool_list *list, const struct json_node *array)
{
    const struct json_node *declaration = NULL;
    while (gemini_expect(r, array, JSON_ARRAY) && json_next_element(r->doc, array, &declaration)) {
        read_declaration(r, list, declaration);
    }
}

// The tools that the provider runs are known by the member that holds them; its value is the definition.
static void read_server_tool(const struct gemini_reading *r, struct tool_list *list, const struct json_node *key,
                             const struct json_node *value)
{
    struct neutral_tool *tool = neutral_tool_new(r->arena, TOOL_SERVER, value);
    tool->name = json_string(r->doc, key, r->arena);
    append_tool(list, tool);
}

static void read_entry(const struct gemini_reading *r, struct tool_list *list, const struct json_node *entry)
{
    const struct json_node *key = NULL;
    const struct json_node *value = NULL;
    while (gemini_expect(r, entry, JSON_OBJECT) && json_next_member(r->doc, entry, &key, &value)) {
        if (gemini_name_is(json_escaped(r->doc, key), SLICE("functionDeclarations"))) {
            read_declarations(r, list, value);
        } else if (value->type != JSON_NULL) {
            read_server_tool(r, list, key, value);
        }
    }
}

void gemini_read_tools(const struct gemini_reading *r, const struct json_node *tools)
{
    struct tool_list list = {&r->req->tools};
    const struct json_node *entry = NULL;
    while (tools && json_next_element(r->doc, tools, &entry)) {
        read_entry(r, &list, entry);
    }
}

// ---- which of them

static void read_allowed(const struct gemini_reading *r, const struct json_node *names)
{
    struct tool_choice *choice = &r->req->tool_choice;
    const struct json_node *name = NULL;
    choice->tools = arena_alloc(r->arena, (names->next - (size_t)(names - r->doc->nodes)) * sizeof(*choice->tools));
    while (json_next_element(r->doc, names, &name)) {
        const struct neutral_tool *tool = neutral_find_tool(r->req, SLICE_EMPTY, json_string(r->doc, name, r->arena));
        if (tool && tool->kind == TOOL_FUNCTION) {
            choice->tools[choice->n_tools++] = tool;
        } else {
            loss_reject_input(r->loss, name, "is not the name of a declared function");
        }
    }
}

// The mode in which calls are held to their schemas.
static void make_strict(struct neutral_request *req)
{
    for (struct neutral_tool *tool = req->tools; tool; tool = tool->next) {
        if (tool->kind == TOOL_FUNCTION) {
            tool->strict = TRI_TRUE;
        }
    }
}

static enum choice_mode read_mode(const struct gemini_reading *r, const struct json_node *mode)
{
    struct slice word = json_string(r->doc, mode, r->arena);
    if (!word.len || slice_eq_nocase(word, SLICE("MODE_UNSPECIFIED"))) {
        return CHOICE_UNSET;
    }
    if (slice_eq_nocase(word, SLICE("ANY"))) {
        return CHOICE_REQUIRED;
    }
    if (slice_eq_nocase(word, SLICE("NONE"))) {
        return CHOICE_NONE;
    }
    if (slice_eq_nocase(word, SLICE("VALIDATED"))) {
        make_strict(r->req);
    } else if (!slice_eq_nocase(word, SLICE("AUTO"))) {
        loss_reject_input(r->loss, mode, "must be AUTO, ANY, NONE or VALIDATED");
    }
    return CHOICE_AUTO;
}

void gemini_read_tool_config(const struct gemini_reading *r, const struct json_node *config)
{
    struct tool_choice *choice = &r->req->tool_choice;
    const struct json_node *calling = gemini_read_typed(r, config, SLICE("functionCallingConfig"), JSON_OBJECT);
    const struct json_node *names = gemini_read_typed(r, calling, SLICE("allowedFunctionNames"), JSON_ARRAY);
    if (!calling) {
        return;
    }
    choice->at = calling;
    choice->mode = read_mode(r, gemini_read_typed(r, calling, SLICE("mode"), JSON_STRING));
    if (names && choice->mode != CHOICE_NONE) {
        read_allowed(r, names);
    }
    if (choice->mode == CHOICE_REQUIRED && choice->n_tools == 1) {
        choice->mode = CHOICE_SPECIFIC;
    } else if (choice->mode == CHOICE_UNSET && choice->n_tools > 0) {
        choice->mode = CHOICE_AUTO;
    }
}
