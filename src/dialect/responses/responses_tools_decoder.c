// SPDX-License-Identifier: MIT
// The tools of a Responses request, and which of them is to be called.
#include "dialect/responses/responses_internal.h"

static bool type_is(const struct responses_request *in, const struct json_node *node, const char *type)
{
    return json_string_is(in->doc, json_get(in->doc, node, SLICE("type")), slice_from_cstr(type));
}

// ---- tools

// Finding a tool takes a walk over all of them, so their number has a limit.
enum { TOOLS_MAX = 1024 };

// Appends, or takes the place of an earlier definition of the same tool.
static bool add_tool(const struct responses_request *in, struct neutral_tool *tool)
{
    struct neutral_tool **last = &in->req->tools;
    size_t n = 0;
    for (; *last; last = &(*last)->next) {
        if (++n == TOOLS_MAX) {
            loss_reject_input(in->loss, tool->at, "there are more than 1024 tools");
            return false;
        }
        struct neutral_tool *other = *last;
        if (tool->kind != TOOL_SERVER && other->kind != TOOL_SERVER && slice_eq(other->name, tool->name) &&
            slice_eq(other->name_space, tool->name_space)) {
            tool->next = other->next;
            break;
        }
    }
    *last = tool;
    return true;
}

static bool read_function(const struct responses_request *in, struct neutral_tool *tool)
{
    tool->schema = neutral_member(in->doc, tool->at, SLICE("parameters"));
    tool->strict = neutral_tri(neutral_member(in->doc, tool->at, SLICE("strict")));
    if (tool->schema && tool->schema->type != JSON_OBJECT) {
        loss_reject_input(in->loss, tool->schema, "must be an object");
        return false;
    }
    return true;
}

static void read_grammar(const struct responses_request *in, struct neutral_tool *tool)
{
    const struct json_node *format = neutral_member(in->doc, tool->at, SLICE("format"));
    if (type_is(in, format, "grammar")) {
        tool->grammar_syntax = responses_plain_member(in, format, "syntax");
        tool->grammar = neutral_escaped(in->doc, json_get(in->doc, format, SLICE("definition")));
    }
}

static bool read_client_tool(const struct responses_request *in, const struct json_node *node, struct slice name_space)
{
    bool is_custom = type_is(in, node, "custom");
    struct neutral_tool *tool = neutral_tool_new(in->arena, is_custom ? TOOL_CUSTOM : TOOL_FUNCTION, node);
    tool->name = responses_plain_member(in, node, "name");
    tool->name_space = name_space;
    tool->description = neutral_escaped(in->doc, neutral_member(in->doc, node, SLICE("description")));
    tool->is_deferred = json_is(json_get(in->doc, node, SLICE("defer_loading")), JSON_TRUE);
    if (!tool->name.len) {
        loss_reject_input(in->loss, node, "a tool needs a name");
        return false;
    }
    if (is_custom) {
        read_grammar(in, tool);
    } else if (!read_function(in, tool)) {
        return false;
    }
    return add_tool(in, tool);
}

static bool read_namespace(const struct responses_request *in, const struct json_node *node)
{
    const struct json_node *tools = neutral_member(in->doc, node, SLICE("tools"));
    const struct json_node *tool = NULL;
    struct slice name = responses_plain_member(in, node, "name");
    if (!name.len || !json_is(tools, JSON_ARRAY)) {
        loss_reject_input(in->loss, node, "a namespace needs a name and an array of tools");
        return false;
    }
    while (json_next_element(in->doc, tools, &tool)) {
        if (!type_is(in, tool, "function") && !type_is(in, tool, "custom")) {
            loss_reject_input(in->loss, tool, "a namespace holds tools of type function and custom");
            return false;
        }
        if (!read_client_tool(in, tool, name)) {
            return false;
        }
    }
    return true;
}

static bool read_tool(const struct responses_request *in, const struct json_node *node)
{
    struct slice type = responses_plain_member(in, node, "type");
    if (slice_eq(type, SLICE("function")) || slice_eq(type, SLICE("custom"))) {
        return read_client_tool(in, node, SLICE_EMPTY);
    }
    if (slice_eq(type, SLICE("namespace"))) {
        return read_namespace(in, node);
    }
    if (!type.len) {
        loss_reject_input(in->loss, node, "a tool needs a type");
        return false;
    }
    struct neutral_tool *tool = neutral_tool_new(in->arena, TOOL_SERVER, node);
    tool->name = type;
    return add_tool(in, tool);
}

bool responses_decode_tools(const struct responses_request *in, const struct json_node *tools)
{
    const struct json_node *tool = NULL;
    if (tools && tools->type != JSON_ARRAY) {
        loss_reject_input(in->loss, tools, "must be an array");
        return false;
    }
    while (json_next_element(in->doc, tools, &tool)) {
        if (!read_tool(in, tool)) {
            return false;
        }
    }
    return true;
}

// ---- the choice

static const struct neutral_tool *find_hosted(const struct responses_request *in, const struct json_node *choice)
{
    struct slice type = responses_plain_member(in, choice, "type");
    struct slice label = responses_plain_member(in, choice, "server_label");
    for (const struct neutral_tool *tool = in->req->tools; tool; tool = tool->next) {
        if (tool->kind == TOOL_SERVER && slice_eq(tool->name, type) &&
            (!label.ptr || slice_eq(responses_plain_member(in, tool->at, "server_label"), label))) {
            return tool;
        }
    }
    return NULL;
}

static const struct neutral_tool *find_chosen(const struct responses_request *in, const struct json_node *choice)
{
    const struct neutral_tool *tool = NULL;
    if (type_is(in, choice, "function") || type_is(in, choice, "custom")) {
        tool = neutral_find_tool(in->req, responses_plain_member(in, choice, "namespace"),
                                 responses_plain_member(in, choice, "name"));
    } else {
        tool = find_hosted(in, choice);
    }
    if (!tool) {
        loss_reject_input(in->loss, choice, "there is no such tool in the request");
    }
    return tool;
}

static bool read_specific(const struct responses_request *in, const struct json_node *choice)
{
    const struct neutral_tool *tool = find_chosen(in, choice);
    struct tool_choice *r = &in->req->tool_choice;
    if (!tool) {
        return false;
    }
    r->tools = arena_alloc(in->arena, sizeof(*r->tools));
    r->tools[0] = tool;
    r->n_tools = 1;
    r->mode = CHOICE_SPECIFIC;
    return true;
}

static size_t count_elements(const struct json_doc *doc, const struct json_node *array)
{
    const struct json_node *value = NULL;
    size_t n = 0;
    while (json_next_element(doc, array, &value)) {
        n++;
    }
    return n;
}

// Early clients nested it as Chat does.
static bool read_allowed(const struct responses_request *in, const struct json_node *choice)
{
    const struct json_node *nested = json_get(in->doc, choice, SLICE("allowed_tools"));
    const struct json_node *allowed = json_is(nested, JSON_OBJECT) ? nested : choice;
    const struct json_node *tools = json_get(in->doc, allowed, SLICE("tools"));
    const struct json_node *value = NULL;
    struct tool_choice *r = &in->req->tool_choice;
    size_t n = count_elements(in->doc, tools);
    if (n == 0) {
        loss_reject_input(in->loss, choice, "allowed_tools needs a list of tools");
        return false;
    }
    r->tools = arena_alloc(in->arena, n * sizeof(*r->tools));
    while (json_next_element(in->doc, tools, &value)) {
        const struct neutral_tool *tool = find_chosen(in, value);
        if (!tool) {
            return false;
        }
        r->tools[r->n_tools++] = tool;
    }
    bool is_required = json_string_is(in->doc, json_get(in->doc, allowed, SLICE("mode")), SLICE("required"));
    r->mode = is_required ? CHOICE_REQUIRED : CHOICE_AUTO;
    return true;
}

static enum choice_mode mode_of(const struct responses_request *in, const struct json_node *choice)
{
    if (json_string_is(in->doc, choice, SLICE("auto"))) {
        return CHOICE_AUTO;
    }
    if (json_string_is(in->doc, choice, SLICE("none"))) {
        return CHOICE_NONE;
    }
    return json_string_is(in->doc, choice, SLICE("required")) ? CHOICE_REQUIRED : CHOICE_UNSET;
}

bool responses_decode_choice(const struct responses_request *in, const struct json_node *choice)
{
    if (!choice) {
        return true;
    }
    in->req->tool_choice.at = choice;
    if (choice->type == JSON_OBJECT) {
        return type_is(in, choice, "allowed_tools") ? read_allowed(in, choice) : read_specific(in, choice);
    }
    in->req->tool_choice.mode = mode_of(in, choice);
    if (in->req->tool_choice.mode == CHOICE_UNSET) {
        loss_reject_input(in->loss, choice, "must be none, auto, required or an object");
        return false;
    }
    return true;
}
