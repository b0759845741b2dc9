// SPDX-License-Identifier: MIT
// The tools of a request, and which of them the model may call.
#include "dialect/gemini/gemini_request_encoder.h"

// ---- declarations

// Puts escaped text together that goes into one description.
static struct slice describe(const struct gemini_writing *g, const struct neutral_tool *tool)
{
    struct arena *arena = g->encoding->arena;
    struct slice text = tool->description;
    if (tool->grammar.len) {
        struct slice parts[] = {text, text.len ? SLICE("\\n\\n") : SLICE(""),
                                SLICE("The input must match this grammar:\\n"), tool->grammar};
        text = arena_concat(arena, parts, 4);
    }
    if (tool->examples) {
        struct buf escaped = BUF_EMPTY;
        json_escape(&escaped, json_raw(g->encoding->req->doc, tool->examples));
        struct slice parts[] = {text, text.len ? SLICE("\\n\\n") : SLICE(""), SLICE("Examples of its input:\\n"),
                                buf_slice(&escaped)};
        text = arena_concat(arena, parts, 4);
        buf_deinit(&escaped);
    }
    return text;
}

static void write_schema(const struct gemini_writing *g, const struct neutral_tool *tool)
{
    if (tool->kind == TOOL_CUSTOM) {
        json_key(g->w, SLICE("parametersJsonSchema"));
        json_write_raw(g->w, SLICE("{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\"}},"
                                   "\"required\":[\"input\"]}"));
    } else if (tool->schema) {
        json_key(g->w, tool->is_openapi ? SLICE("parameters") : SLICE("parametersJsonSchema"));
        json_write_raw(g->w, json_raw(g->encoding->req->doc, tool->schema));
    }
}

static void write_declaration(const struct gemini_writing *g, const struct neutral_tool *tool)
{
    struct slice description = describe(g, tool);
    json_begin_object(g->w);
    json_member_string(g->w, SLICE("name"), tool->target_name);
    json_key(g->w, SLICE("description"));
    // A function without one is refused.
    if (description.len) {
        json_write_escaped(g->w, description);
    } else {
        json_write_string(g->w, tool->target_name);
    }
    write_schema(g, tool);
    json_end_object(g->w);
    if (tool->is_deferred) {
        loss_warn(g->encoding->loss, LOSS_EMULATED, json_get(g->encoding->req->doc, tool->at, SLICE("defer_loading")));
    }
}

// ---- which tools

// A choice among some of them, with freedom to call none, is not known: the others are left out.
static bool is_offered(const struct tool_choice *choice, const struct neutral_tool *tool)
{
    return choice->mode != CHOICE_AUTO || choice->n_tools == 0 || neutral_choice_names(choice, tool);
}

static bool has_functions(const struct neutral_request *req)
{
    for (const struct neutral_tool *tool = req->tools; tool; tool = tool->next) {
        if (tool->kind != TOOL_SERVER) {
            return true;
        }
    }
    return false;
}

static bool is_native(const struct gemini_writing *g)
{
    return g->encoding->req->origin == DIALECT_GEMINI;
}

static void write_declarations(const struct gemini_writing *g)
{
    const struct neutral_request *req = g->encoding->req;
    json_begin_object(g->w);
    json_key(g->w, SLICE("functionDeclarations"));
    json_begin_array(g->w);
    for (const struct neutral_tool *tool = req->tools; tool; tool = tool->next) {
        if (tool->kind != TOOL_SERVER && (is_native(g) || is_offered(&req->tool_choice, tool))) {
            write_declaration(g, tool);
        }
    }
    json_end_array(g->w);
    json_end_object(g->w);
}

// A tool that another provider runs: without it the rest may still do, but not when nothing is left.
static void lose_server_tool(const struct gemini_writing *g, const struct neutral_tool *tool, bool is_only)
{
    if (is_only) {
        loss_refuse(g->encoding->loss, tool->at, "this model's upstream does not run this tool");
    } else {
        loss_warn(g->encoding->loss, LOSS_DROPPED, tool->at);
    }
}

static void write_server_tools(const struct gemini_writing *g, bool is_only)
{
    for (const struct neutral_tool *tool = g->encoding->req->tools; tool; tool = tool->next) {
        if (tool->kind != TOOL_SERVER) {
            continue;
        }
        if (is_native(g)) {
            json_begin_object(g->w);
            json_key(g->w, tool->name);
            json_write_raw(g->w, json_raw(g->encoding->req->doc, tool->at));
            json_end_object(g->w);
        } else {
            lose_server_tool(g, tool, is_only);
        }
    }
}

bool gemini_write_tools(const struct gemini_writing *g)
{
    const struct neutral_request *req = g->encoding->req;
    bool has = has_functions(req);
    if (!req->tools) {
        return false;
    }
    if (!has && !is_native(g)) {
        write_server_tools(g, true);
        return false;
    }
    json_key(g->w, SLICE("tools"));
    json_begin_array(g->w);
    if (has) {
        write_declarations(g);
    }
    write_server_tools(g, false);
    json_end_array(g->w);
    return has;
}

// ---- the choice

static bool is_strict(const struct neutral_request *req)
{
    for (const struct neutral_tool *tool = req->tools; tool; tool = tool->next) {
        if (tool->kind == TOOL_FUNCTION && tool->strict == TRI_TRUE) {
            return true;
        }
    }
    return false;
}

// In the mode VALIDATED calls keep to their schemas; older models do not know it.
static bool is_validated(const struct gemini_writing *g)
{
    return is_strict(g->encoding->req) && (is_native(g) || gemini_profile(g)->mixes_schema_and_tools);
}

static struct slice mode_of(const struct gemini_writing *g)
{
    switch (g->encoding->req->tool_choice.mode) {
    case CHOICE_NONE: return SLICE("NONE");
    case CHOICE_REQUIRED:
    case CHOICE_SPECIFIC: return SLICE("ANY");
    case CHOICE_UNSET:
    case CHOICE_AUTO: break;
    }
    return is_validated(g) ? SLICE("VALIDATED") : SLICE("AUTO");
}

static void write_allowed(const struct gemini_writing *g, const struct tool_choice *choice)
{
    json_key(g->w, SLICE("allowedFunctionNames"));
    json_begin_array(g->w);
    for (size_t i = 0; i < choice->n_tools; i++) {
        json_write_string(g->w, choice->tools[i]->target_name);
    }
    json_end_array(g->w);
}

static bool is_forced(const struct tool_choice *choice)
{
    return choice->mode == CHOICE_REQUIRED || choice->mode == CHOICE_SPECIFIC;
}

// Whatever is forced must be a function.
static bool is_impossible(const struct tool_choice *choice, bool has_functions)
{
    bool is_server = false;
    for (size_t i = 0; i < choice->n_tools; i++) {
        is_server = is_server || choice->tools[i]->kind == TOOL_SERVER;
    }
    return is_forced(choice) && (!has_functions || is_server);
}

void gemini_write_tool_config(const struct gemini_writing *g, bool has_functions)
{
    const struct neutral_request *req = g->encoding->req;
    const struct tool_choice *choice = &req->tool_choice;
    if (req->parallel_calls == TRI_FALSE && has_functions) {
        loss_warn(g->encoding->loss, LOSS_DROPPED, req->parallel_at);
    }
    if (is_impossible(choice, has_functions)) {
        loss_refuse(g->encoding->loss, choice->at, "this model's upstream can be made to call functions only");
        return;
    }
    if (choice->mode == CHOICE_UNSET || !has_functions) {
        return;
    }
    json_key(g->w, SLICE("toolConfig"));
    json_begin_object(g->w);
    json_key(g->w, SLICE("functionCallingConfig"));
    json_begin_object(g->w);
    json_member_string(g->w, SLICE("mode"), mode_of(g));
    if (choice->n_tools > 0 && (is_forced(choice) || is_native(g))) {
        write_allowed(g, choice);
    }
    json_end_object(g->w);
    json_end_object(g->w);
}
