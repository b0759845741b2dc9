// SPDX-License-Identifier: MIT
// Tools, and which of them is to be called, as members of a Responses request.
#include "base/buf.h"
#include "dialect/responses/responses_internal.h"
#include "dialect/strict_schema.h"

static bool is_writable(const struct encoding *encoding, const struct neutral_tool *tool)
{
    return tool->kind != TOOL_SERVER || responses_is_own(encoding);
}

// ---- tools

static void write_description(const struct encoding *encoding, struct json_writer *w, const struct neutral_tool *tool)
{
    if (!tool->description.ptr && !tool->examples) {
        return;
    }
    json_key(w, SLICE("description"));
    json_write_escaped(w, tool->description);
    if (tool->examples) {
        w->out->len--; // goes on within the string
        buf_append(w->out, tool->description.len ? SLICE("\\n\\nExamples: ") : SLICE("Examples: "));
        json_escape(w->out, json_raw(encoding->req->doc, tool->examples));
        buf_append_char(w->out, '"');
    }
}

static void write_schema(const struct encoding *encoding, struct json_writer *w, const struct neutral_tool *tool)
{
    json_key(w, SLICE("parameters"));
    if (!tool->schema) {
        json_write_raw(w, SLICE("{\"type\":\"object\",\"properties\":{}}"));
    } else {
        encoding_write_schema(encoding, w, tool->schema, tool->is_openapi);
    }
}

// Said always: where it is not, the provider tries strict and makes every property required.
static void write_strict(const struct encoding *encoding, struct json_writer *w, const struct neutral_tool *tool)
{
    if (tool->strict == TRI_UNSET && responses_is_own(encoding)) {
        return;
    }
    bool fits = tool->schema && !tool->is_openapi && strict_schema_fits(encoding->req->doc, tool->schema);
    if (tool->strict == TRI_TRUE && !fits) {
        loss_warn(encoding->loss, LOSS_CHANGED, tool->at);
    }
    json_member_bool(w, SLICE("strict"), tool->strict == TRI_TRUE && fits);
}

static void write_grammar(struct json_writer *w, const struct neutral_tool *tool)
{
    if (!tool->grammar_syntax.ptr) {
        return;
    }
    json_key(w, SLICE("format"));
    json_begin_object(w);
    json_member_string(w, SLICE("type"), SLICE("grammar"));
    json_member_string(w, SLICE("syntax"), tool->grammar_syntax);
    json_key(w, SLICE("definition"));
    json_write_escaped(w, tool->grammar);
    json_end_object(w);
}

static void write_tool(const struct encoding *encoding, struct json_writer *w, const struct neutral_tool *tool)
{
    json_begin_object(w);
    json_member_string(w, SLICE("type"), tool->kind == TOOL_CUSTOM ? SLICE("custom") : SLICE("function"));
    json_member_string(w, SLICE("name"), tool->target_name);
    write_description(encoding, w, tool);
    if (tool->kind == TOOL_CUSTOM) {
        write_grammar(w, tool);
    } else {
        write_schema(encoding, w, tool);
        write_strict(encoding, w, tool);
    }
    if (tool->is_deferred && responses_is_own(encoding)) {
        json_member_bool(w, SLICE("defer_loading"), true);
    } else if (tool->is_deferred) {
        // What would have loaded it later is another provider's tool: it is there from the start.
        loss_warn(encoding->loss, LOSS_CHANGED, tool->at);
    }
    json_end_object(w);
}

// Of the namespace in `tools` that a tool stands in.
static struct slice description_around(const struct encoding *encoding, const struct json_node *tools,
                                       const struct json_node *tool)
{
    const struct json_doc *doc = encoding->req->doc;
    const struct json_node *node = NULL;
    while (json_next_element(doc, tools, &node)) {
        if (node->start < tool->start && tool->end < node->end) {
            return neutral_escaped(doc, json_get(doc, node, SLICE("description")));
        }
    }
    return SLICE_EMPTY;
}

static struct slice namespace_description(const struct encoding *encoding, const struct json_node *tool)
{
    const struct json_doc *doc = encoding->req->doc;
    const struct json_node *item = NULL;
    struct slice description = description_around(encoding, json_get(doc, json_root(doc), SLICE("tools")), tool);
    const struct json_node *input = json_get(doc, json_root(doc), SLICE("input"));
    while (!description.len && json_next_element(doc, input, &item)) {
        description = description_around(encoding, json_get(doc, item, SLICE("tools")), tool);
    }
    return description;
}

// The tools of a namespace in a row; returns the one behind them.
static const struct neutral_tool *write_namespace(const struct encoding *encoding, struct json_writer *w,
                                                  const struct neutral_tool *tool)
{
    struct slice name = tool->name_space;
    json_begin_object(w);
    json_member_string(w, SLICE("type"), SLICE("namespace"));
    json_member_string(w, SLICE("name"), name);
    responses_write_escaped(w, "description", namespace_description(encoding, tool->at));
    json_key(w, SLICE("tools"));
    json_begin_array(w);
    for (; tool && slice_eq(tool->name_space, name); tool = tool->next) {
        write_tool(encoding, w, tool);
    }
    json_end_array(w);
    json_end_object(w);
    return tool;
}

static size_t count_writable(const struct encoding *encoding)
{
    size_t n = 0;
    for (const struct neutral_tool *tool = encoding->req->tools; tool; tool = tool->next) {
        n += is_writable(encoding, tool);
    }
    return n;
}

// What another provider would run. Without any other tool the request would be another one.
static void lose_hosted_tools(const struct encoding *encoding, size_t n_writable)
{
    for (const struct neutral_tool *tool = encoding->req->tools; tool; tool = tool->next) {
        if (is_writable(encoding, tool)) {
            continue;
        }
        if (n_writable == 0) {
            loss_refuse(encoding->loss, tool->at, "the upstream of this model has no such tool");
        } else {
            loss_warn(encoding->loss, LOSS_DROPPED, tool->at);
        }
    }
}

static void write_list(const struct encoding *encoding, struct json_writer *w)
{
    const struct neutral_tool *tool = encoding->req->tools;
    json_key(w, SLICE("tools"));
    json_begin_array(w);
    while (tool) {
        if (tool->name_space.len) {
            tool = write_namespace(encoding, w, tool);
            continue;
        }
        if (tool->kind == TOOL_SERVER && is_writable(encoding, tool)) {
            json_write_raw(w, json_raw(encoding->req->doc, tool->at));
        } else if (tool->kind != TOOL_SERVER) {
            write_tool(encoding, w, tool);
        }
        tool = tool->next;
    }
    json_end_array(w);
}

// ---- the choice

static void write_choice_of(struct json_writer *w, const struct neutral_tool *tool)
{
    struct slice type = tool->kind == TOOL_CUSTOM ? SLICE("custom") : SLICE("function");
    json_begin_object(w);
    json_member_string(w, SLICE("type"), tool->kind == TOOL_SERVER ? tool->name : type);
    if (tool->kind != TOOL_SERVER) {
        json_member_string(w, SLICE("name"), tool->target_name);
    }
    json_end_object(w);
}

static void write_allowed(const struct encoding *encoding, struct json_writer *w)
{
    const struct tool_choice *choice = &encoding->req->tool_choice;
    json_begin_object(w);
    json_member_string(w, SLICE("type"), SLICE("allowed_tools"));
    json_member_string(w, SLICE("mode"), choice->mode == CHOICE_REQUIRED ? SLICE("required") : SLICE("auto"));
    json_key(w, SLICE("tools"));
    json_begin_array(w);
    for (size_t i = 0; i < choice->n_tools; i++) {
        if (is_writable(encoding, choice->tools[i])) {
            write_choice_of(w, choice->tools[i]);
        }
    }
    json_end_array(w);
    json_end_object(w);
}

static void write_specific(const struct encoding *encoding, struct json_writer *w)
{
    const struct tool_choice *choice = &encoding->req->tool_choice;
    if (responses_is_own(encoding)) {
        json_write_raw(w, json_raw(encoding->req->doc, choice->at));
    } else {
        write_choice_of(w, choice->tools[0]);
    }
}

static void write_choice(const struct encoding *encoding, struct json_writer *w)
{
    const struct tool_choice *choice = &encoding->req->tool_choice;
    if (choice->mode == CHOICE_UNSET) {
        return;
    }
    if (choice->mode == CHOICE_SPECIFIC && !is_writable(encoding, choice->tools[0])) {
        loss_refuse(encoding->loss, choice->at, "the upstream of this model has no such tool");
        return;
    }
    json_key(w, SLICE("tool_choice"));
    if (choice->mode == CHOICE_SPECIFIC) {
        write_specific(encoding, w);
    } else if (choice->n_tools) {
        write_allowed(encoding, w);
    } else if (choice->mode == CHOICE_AUTO) {
        json_write_string(w, SLICE("auto"));
    } else {
        json_write_string(w, choice->mode == CHOICE_NONE ? SLICE("none") : SLICE("required"));
    }
}

void responses_write_tools(const struct encoding *encoding, struct json_writer *w)
{
    const struct neutral_request *req = encoding->req;
    size_t n_writable = count_writable(encoding);
    lose_hosted_tools(encoding, n_writable);
    if (n_writable == 0) {
        if (req->tool_choice.mode == CHOICE_REQUIRED || req->tool_choice.mode == CHOICE_SPECIFIC) {
            loss_refuse(encoding->loss, req->tool_choice.at, "there is no tool that could be called");
        }
        return;
    }
    write_list(encoding, w);
    write_choice(encoding, w);
    if (req->parallel_calls != TRI_UNSET) {
        json_member_bool(w, SLICE("parallel_tool_calls"), req->parallel_calls == TRI_TRUE);
    }
}
