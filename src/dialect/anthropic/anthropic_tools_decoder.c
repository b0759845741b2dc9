// SPDX-License-Identifier: MIT
// Tools and the choice among them, read from an Anthropic request.
#include "dialect/anthropic/anthropic_internal.h"

// A definition with a type of its own is the provider's, whoever runs it: its schema is not in the request.
static struct neutral_tool *read_provider_tool(const struct anthropic_reader *r, const struct json_node *node,
                                               struct slice type)
{
    struct neutral_tool *tool = neutral_tool_new(r->arena, TOOL_SERVER, node);
    tool->name = type;
    return tool;
}

static struct neutral_tool *read_function(const struct anthropic_reader *r, const struct json_node *node)
{
    struct neutral_tool *tool = neutral_tool_new(r->arena, TOOL_FUNCTION, node);
    const struct json_node *schema = neutral_member(r->doc, node, SLICE("input_schema"));
    const struct json_node *examples = neutral_member(r->doc, node, SLICE("input_examples"));
    tool->name = json_string(r->doc, json_get(r->doc, node, SLICE("name")), r->arena);
    if (!tool->name.len) {
        loss_reject_input(r->loss, node, "needs a name");
    }
    if (schema && schema->type != JSON_OBJECT) {
        loss_reject_input(r->loss, schema, "must be an object");
    }
    tool->description = neutral_escaped(r->doc, json_get(r->doc, node, SLICE("description")));
    tool->schema = schema;
    tool->examples = json_is(examples, JSON_ARRAY) ? examples : NULL;
    tool->strict = neutral_tri(json_get(r->doc, node, SLICE("strict")));
    tool->is_deferred = neutral_tri(json_get(r->doc, node, SLICE("defer_loading"))) == TRI_TRUE;
    return tool;
}

static struct neutral_tool *read_tool(const struct anthropic_reader *r, const struct json_node *node)
{
    const struct json_node *type = neutral_member(r->doc, node, SLICE("type"));
    bool is_own = !type || json_string_is(r->doc, type, SLICE("custom"));
    if (!is_own && type->type != JSON_STRING) {
        loss_reject_input(r->loss, type, "must be a string");
    }
    struct neutral_tool *tool =
        is_own ? read_function(r, node) : read_provider_tool(r, node, json_string(r->doc, type, r->arena));
    tool->cache = anthropic_read_cache(r, node);
    return tool;
}

void anthropic_read_tools(const struct anthropic_reader *r, const struct json_node *tools)
{
    const struct json_node *node = NULL;
    struct neutral_tool **last = &r->req->tools;
    if (tools && tools->type != JSON_ARRAY) {
        loss_reject_input(r->loss, tools, "must be an array");
    }
    while (json_next_element(r->doc, tools, &node)) {
        if (node->type != JSON_OBJECT) {
            loss_reject_input(r->loss, node, "must be an object");
            return;
        }
        *last = read_tool(r, node);
        last = &(*last)->next;
    }
}

// ---- choice

static const struct {
    struct slice type;
    enum choice_mode mode;
} MODES[] = {
    {SLICE_INIT("auto"), CHOICE_AUTO},
    {SLICE_INIT("any"), CHOICE_REQUIRED},
    {SLICE_INIT("tool"), CHOICE_SPECIFIC},
    {SLICE_INIT("none"), CHOICE_NONE},
};

static enum choice_mode mode_of(const struct anthropic_reader *r, const struct json_node *type)
{
    for (size_t i = 0; i < sizeof(MODES) / sizeof(*MODES); i++) {
        if (json_string_is(r->doc, type, MODES[i].type)) {
            return MODES[i].mode;
        }
    }
    return CHOICE_UNSET;
}

// By the name in its definition, which the provider's own tools have too.
static const struct neutral_tool *tool_with_name(const struct anthropic_reader *r, struct slice name)
{
    for (const struct neutral_tool *tool = r->req->tools; tool; tool = tool->next) {
        if (json_string_is(r->doc, json_get(r->doc, tool->at, SLICE("name")), name)) {
            return tool;
        }
    }
    return NULL;
}

static void read_chosen_tool(const struct anthropic_reader *r, const struct json_node *node)
{
    struct tool_choice *choice = &r->req->tool_choice;
    struct slice name = json_string(r->doc, json_get(r->doc, node, SLICE("name")), r->arena);
    const struct neutral_tool *tool = name.len ? tool_with_name(r, name) : NULL;
    if (!tool) {
        loss_reject_input(r->loss, node, "must name one of the tools");
        return;
    }
    choice->tools = arena_alloc(r->arena, sizeof(*choice->tools));
    choice->tools[0] = tool;
    choice->n_tools = 1;
}

static void read_parallel(const struct anthropic_reader *r, const struct json_node *node)
{
    enum tri is_disabled = neutral_tri(node);
    if (is_disabled != TRI_UNSET) {
        r->req->parallel_calls = is_disabled == TRI_TRUE ? TRI_FALSE : TRI_TRUE;
        r->req->parallel_at = node;
    }
}

void anthropic_read_tool_choice(const struct anthropic_reader *r, const struct json_node *node)
{
    struct tool_choice *choice = &r->req->tool_choice;
    if (!node) {
        return;
    }
    choice->at = node;
    choice->mode = mode_of(r, json_get(r->doc, node, SLICE("type")));
    if (choice->mode == CHOICE_UNSET) {
        loss_reject_input(r->loss, node, "must be of type auto, any, tool or none");
    } else if (choice->mode == CHOICE_SPECIFIC) {
        read_chosen_tool(r, node);
    }
    read_parallel(r, json_get(r->doc, node, SLICE("disable_parallel_tool_use")));
}
