// SPDX-License-Identifier: MIT
// Tools and the choice among them, as Anthropic takes them.
#include "dialect/anthropic/anthropic_internal.h"

#include "dialect/gemini_schema.h"

const struct slice anthropic_format_tool = SLICE_INIT("answer_in_the_format_asked_for");

// ---- schemas

const struct json_node *anthropic_schema_of(const struct anthropic_request *e, const struct json_node *schema,
                                            bool is_openapi, struct json_doc *doc_r)
{
    struct buf text = BUF_EMPTY;
    struct json_writer w;
    if (!schema || !is_openapi) {
        *doc_r = *e->req->doc;
        return schema;
    }
    json_writer_init(&w, &text);
    gemini_schema_write_json_schema(e->req->doc, schema, &w);
    int r = json_parse(doc_r, e->arena, arena_dup(e->arena, buf_slice(&text)), NULL);
    buf_deinit(&text);
    return r == 0 ? json_root(doc_r) : NULL;
}

// True: the tool may be called strict.
static bool write_schema(struct anthropic_request *e, const struct neutral_tool *tool)
{
    struct json_doc doc = *e->req->doc;
    const struct json_node *schema = anthropic_schema_of(e, tool->schema, tool->is_openapi, &doc);
    bool is_strict =
        tool->strict == TRI_TRUE && e->profile->has_schema_output && anthropic_is_plain_schema(&doc, schema);
    bool has_changed;
    json_key(&e->w, SLICE("input_schema"));
    if (is_strict && !e->is_own) {
        has_changed = anthropic_write_strict_schema(&e->w, &doc, schema);
    } else {
        has_changed = anthropic_write_tool_schema(&e->w, &doc, schema);
    }
    if (has_changed) {
        loss_warn(e->loss, LOSS_CHANGED, tool->schema);
    }
    return is_strict;
}

// ---- one tool

// Models that know functions only are told the rules of a free input in words.
static void write_custom(struct anthropic_request *e, const struct neutral_tool *tool)
{
    struct slice parts[] = {
        tool->description,
        tool->description.len && tool->grammar.len ? SLICE("\\n\\n") : SLICE_EMPTY,
        tool->grammar.len ? SLICE("The input has to follow this grammar (") : SLICE_EMPTY,
        tool->grammar.len ? tool->grammar_syntax : SLICE_EMPTY,
        tool->grammar.len ? SLICE("):\\n") : SLICE_EMPTY,
        tool->grammar,
    };
    struct slice description = arena_concat(e->arena, parts, sizeof(parts) / sizeof(*parts));
    if (description.len) {
        json_key(&e->w, SLICE("description"));
        json_write_escaped(&e->w, description);
    }
    json_key(&e->w, SLICE("input_schema"));
    json_write_raw(&e->w, SLICE("{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\"}},"
                                "\"required\":[\"input\"],\"additionalProperties\":false}"));
}

static void write_raw_member(struct anthropic_request *e, const struct json_node *owner, struct slice name)
{
    const struct json_node *value = neutral_member(e->req->doc, owner, name);
    if (value) {
        json_key(&e->w, name);
        json_write_raw(&e->w, json_raw(e->req->doc, value));
    }
}

// A tool that is loaded later is found by a search that others do not have here: it is given at once.
static void write_own_details(struct anthropic_request *e, const struct neutral_tool *tool)
{
    if (e->is_own) {
        write_raw_member(e, tool->at, SLICE("defer_loading"));
        write_raw_member(e, tool->at, SLICE("eager_input_streaming"));
        write_raw_member(e, tool->at, SLICE("allowed_callers"));
    } else if (tool->is_deferred) {
        const struct json_node *at = json_get(e->req->doc, tool->at, SLICE("defer_loading"));
        loss_warn(e->loss, LOSS_DROPPED, at ? at : tool->at);
    }
}

static void write_function(struct anthropic_request *e, const struct neutral_tool *tool)
{
    if (tool->description.len) {
        json_key(&e->w, SLICE("description"));
        json_write_escaped(&e->w, tool->description);
    }
    if (write_schema(e, tool)) {
        json_member_bool(&e->w, SLICE("strict"), true);
    }
    if (tool->examples) {
        json_key(&e->w, SLICE("input_examples"));
        json_write_raw(&e->w, json_raw(e->req->doc, tool->examples));
    }
    write_own_details(e, tool);
}

static void write_tool(struct anthropic_request *e, const struct neutral_tool *tool)
{
    if (tool->kind == TOOL_SERVER) {
        json_write_raw(&e->w, json_raw(e->req->doc, tool->at));
        return;
    }
    json_begin_object(&e->w);
    json_member_string(&e->w, SLICE("name"), tool->target_name);
    if (tool->kind == TOOL_CUSTOM) {
        write_custom(e, tool);
    } else {
        write_function(e, tool);
    }
    anthropic_write_cache(e, tool->cache);
    json_end_object(&e->w);
}

// ---- which of them

static bool is_chosen(const struct tool_choice *choice, const struct neutral_tool *tool)
{
    return choice->mode == CHOICE_SPECIFIC || choice->n_tools == 0 || neutral_choice_names(choice, tool);
}

static bool is_foreign(const struct anthropic_request *e, const struct neutral_tool *tool)
{
    return tool->kind == TOOL_SERVER && !e->is_own;
}

// Where only some may be called, only those are sent.
static bool is_sent(const struct anthropic_request *e, const struct neutral_tool *tool)
{
    return !is_foreign(e, tool) && is_chosen(&e->req->tool_choice, tool);
}

static size_t count_sent(const struct anthropic_request *e)
{
    size_t n = 0;
    for (const struct neutral_tool *tool = e->req->tools; tool; tool = tool->next) {
        n += is_sent(e, tool);
    }
    return n;
}

// One that is asked for by name, or the only one, is what the request is about.
static void tell_foreign(struct anthropic_request *e, size_t n_sent)
{
    const struct tool_choice *choice = &e->req->tool_choice;
    for (const struct neutral_tool *tool = e->req->tools; tool; tool = tool->next) {
        if (!is_foreign(e, tool)) {
            continue;
        }
        bool is_needed = n_sent == 0 || (choice->mode == CHOICE_SPECIFIC && choice->tools[0] == tool);
        if (is_needed) {
            (void)loss_refuse(e->loss, tool->at, "only its own provider runs this tool");
        } else {
            loss_warn(e->loss, LOSS_DROPPED, tool->at);
        }
    }
}

static void write_format_tool(struct anthropic_request *e)
{
    const struct answer_format *format = &e->req->format;
    struct json_doc doc = *e->req->doc;
    const struct json_node *schema = anthropic_schema_of(e, format->schema, format->is_openapi, &doc);
    json_begin_object(&e->w);
    json_member_string(&e->w, SLICE("name"), anthropic_format_tool);
    json_member_string(&e->w, SLICE("description"), SLICE("Gives the answer. Call it when the answer is ready."));
    json_key(&e->w, SLICE("input_schema"));
    (void)anthropic_write_tool_schema(&e->w, &doc, schema);
    json_end_object(&e->w);
    loss_warn(e->loss, LOSS_EMULATED, format->at);
}

// ---- the choice

static void begin_choice(struct anthropic_request *e, struct slice type)
{
    json_key(&e->w, SLICE("tool_choice"));
    json_begin_object(&e->w);
    json_member_string(&e->w, SLICE("type"), type);
}

static void end_choice(struct anthropic_request *e, bool may_be_parallel)
{
    if (!may_be_parallel) {
        json_member_bool(&e->w, SLICE("disable_parallel_tool_use"), true);
    } else if (e->is_own && e->req->parallel_calls == TRI_TRUE) {
        json_member_bool(&e->w, SLICE("disable_parallel_tool_use"), false);
    }
    json_end_object(&e->w);
}

// A tool of the provider's own is chosen by the name in its definition.
static struct slice name_of_tool(const struct anthropic_request *e, const struct neutral_tool *tool)
{
    if (tool->kind == TOOL_SERVER) {
        return json_string(e->req->doc, json_get(e->req->doc, tool->at, SLICE("name")), e->arena);
    }
    return tool->target_name;
}

static void write_format_choice(struct anthropic_request *e, size_t n_sent)
{
    bool is_alone = n_sent == 0 || e->req->tool_choice.mode == CHOICE_NONE;
    begin_choice(e, is_alone ? SLICE("tool") : SLICE("any"));
    if (is_alone) {
        json_member_string(&e->w, SLICE("name"), anthropic_format_tool);
    }
    end_choice(e, !is_alone && e->req->parallel_calls != TRI_FALSE);
}

static void write_client_choice(struct anthropic_request *e)
{
    const struct tool_choice *choice = &e->req->tool_choice;
    bool may_be_parallel = e->req->parallel_calls != TRI_FALSE;
    switch (choice->mode) {
    case CHOICE_UNSET:
        if (may_be_parallel) {
            return;
        }
        begin_choice(e, SLICE("auto"));
        break;
    case CHOICE_AUTO: begin_choice(e, SLICE("auto")); break;
    case CHOICE_REQUIRED: begin_choice(e, SLICE("any")); break;
    case CHOICE_SPECIFIC:
        begin_choice(e, SLICE("tool"));
        json_member_string(&e->w, SLICE("name"), choice->n_tools ? name_of_tool(e, choice->tools[0]) : SLICE_EMPTY);
        break;
    case CHOICE_NONE:
        begin_choice(e, SLICE("none"));
        may_be_parallel = true; // says nothing here, and has no place
        break;
    }
    end_choice(e, may_be_parallel);
}

static bool is_forcing(const struct tool_choice *choice)
{
    return choice->mode == CHOICE_REQUIRED || choice->mode == CHOICE_SPECIFIC;
}

bool anthropic_is_tool_forced(const struct anthropic_request *e)
{
    return e->has_format_tool || is_forcing(&e->req->tool_choice);
}

static void write_choice(struct anthropic_request *e, size_t n_sent)
{
    if (e->has_format_tool) {
        write_format_choice(e, n_sent);
    } else if (n_sent > 0) {
        write_client_choice(e);
    } else if (is_forcing(&e->req->tool_choice)) {
        (void)loss_refuse(e->loss, e->req->tool_choice.at, "asks for a tool, but there is none to be called");
    }
}

void anthropic_write_tools(struct anthropic_request *e)
{
    size_t n_sent = count_sent(e);
    tell_foreign(e, n_sent);
    if (n_sent > 0 || e->has_format_tool) {
        json_key(&e->w, SLICE("tools"));
        json_begin_array(&e->w);
        for (const struct neutral_tool *tool = e->req->tools; tool; tool = tool->next) {
            if (is_sent(e, tool)) {
                write_tool(e, tool);
            }
        }
        if (e->has_format_tool) {
            write_format_tool(e);
        }
        json_end_array(&e->w);
    }
    write_choice(e, n_sent);
}
