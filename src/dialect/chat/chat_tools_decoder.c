// SPDX-License-Identifier: MIT
// Tools of a Chat Completions request and the choice among them, the older functions included.
#include "dialect/chat/chat_internal.h"

// What functions and custom tools have in common. NULL: refused.
static struct neutral_tool *decode_named(struct chat_decoding *d, const struct json_node *at,
                                         const struct json_node *object, enum tool_kind kind)
{
    struct slice name = chat_text_member(d, object, SLICE("name"));
    if (!name.len) {
        loss_reject_input(d->loss, object ? object : at, "must have a name");
        return NULL;
    }
    struct neutral_tool *tool = neutral_tool_new(d->arena, kind, at);
    tool->name = name;
    tool->description = chat_escaped_member(d, object, SLICE("description"));
    return tool;
}

static struct neutral_tool *decode_function(struct chat_decoding *d, const struct json_node *at,
                                            const struct json_node *function)
{
    struct neutral_tool *tool = decode_named(d, at, function, TOOL_FUNCTION);
    if (tool) {
        tool->schema = chat_member(d, function, SLICE("parameters"), JSON_OBJECT);
        tool->strict = neutral_tri(chat_member(d, function, SLICE("strict"), JSON_TRUE));
    }
    return tool;
}

static struct neutral_tool *decode_custom(struct chat_decoding *d, const struct json_node *at)
{
    const struct json_node *custom = chat_member(d, at, SLICE("custom"), JSON_OBJECT);
    const struct json_node *format = chat_member(d, custom, SLICE("format"), JSON_OBJECT);
    const struct json_node *grammar = chat_member(d, format, SLICE("grammar"), JSON_OBJECT);
    struct neutral_tool *tool = decode_named(d, at, custom, TOOL_CUSTOM);
    if (tool && grammar) {
        tool->grammar_syntax = chat_text_member(d, grammar, SLICE("syntax"));
        tool->grammar = chat_escaped_member(d, grammar, SLICE("definition"));
    }
    return tool;
}

static struct neutral_tool *decode_tool(struct chat_decoding *d, const struct json_node *at)
{
    struct slice type = json_is(at, JSON_OBJECT) ? chat_text_member(d, at, SLICE("type")) : SLICE_EMPTY;
    const struct json_node *function = json_get(d->doc, at, SLICE("function"));
    if (!type.len && !json_is(function, JSON_OBJECT)) {
        loss_reject_input(d->loss, at, "must be a tool of the type function or custom");
        return NULL;
    }
    if (!type.len || slice_eq(type, SLICE("function"))) {
        return decode_function(d, at, chat_member(d, at, SLICE("function"), JSON_OBJECT));
    }
    if (slice_eq(type, SLICE("custom"))) {
        return decode_custom(d, at);
    }
    struct neutral_tool *tool = neutral_tool_new(d->arena, TOOL_SERVER, at);
    tool->name = type;
    return tool;
}

static void append_tool(struct neutral_tool ***last, struct neutral_tool *tool)
{
    if (tool) {
        **last = tool;
        *last = &tool->next;
    }
}

// ---- the choice

static void choose_one(struct chat_decoding *d, const struct json_node *at, struct slice name)
{
    struct tool_choice *choice = &d->req->tool_choice;
    const struct neutral_tool *tool = name.len ? neutral_find_tool(d->req, SLICE_EMPTY, name) : NULL;
    if (!tool) {
        loss_reject_input(d->loss, at, "must name one of the tools");
        return;
    }
    choice->tools[choice->n_tools++] = tool;
}

// The name in {"type": "function", "function": {"name": …}}.
static struct slice chosen_name(struct chat_decoding *d, const struct json_node *object)
{
    struct slice type = json_is(object, JSON_OBJECT) ? chat_text_member(d, object, SLICE("type")) : SLICE_EMPTY;
    struct slice member = slice_eq(type, SLICE("custom")) ? type : SLICE("function");
    return chat_text_member(d, json_get(d->doc, object, member), SLICE("name"));
}

static void make_room(struct chat_decoding *d, size_t n)
{
    d->req->tool_choice.tools = arena_alloc(d->arena, (n + 1) * sizeof(*d->req->tool_choice.tools));
}

enum { ALLOWED_MAX = 512 };

static void decode_allowed(struct chat_decoding *d, const struct json_node *at)
{
    const struct json_node *allowed = chat_member(d, at, SLICE("allowed_tools"), JSON_OBJECT);
    const struct json_node *tools = chat_member(d, allowed, SLICE("tools"), JSON_ARRAY);
    struct slice mode = chat_text_member(d, allowed, SLICE("mode"));
    const struct json_node *each = NULL;
    size_t n = 0;
    while (json_next_element(d->doc, tools, &each)) {
        n++;
    }
    if (n == 0 || n > ALLOWED_MAX) {
        loss_reject_input(d->loss, at, "must list the tools that are allowed, at most 512");
        return;
    }
    make_room(d, n);
    d->req->tool_choice.mode = slice_eq(mode, SLICE("required")) ? CHOICE_REQUIRED : CHOICE_AUTO;
    for (each = NULL; json_next_element(d->doc, tools, &each);) {
        choose_one(d, each, chosen_name(d, each));
    }
}

static void decode_choice_word(struct chat_decoding *d, const struct json_node *choice)
{
    static const struct {
        struct slice word;
        enum choice_mode mode;
    } MODES[] = {
        {SLICE_INIT("auto"), CHOICE_AUTO},
        {SLICE_INIT("none"), CHOICE_NONE},
        {SLICE_INIT("required"), CHOICE_REQUIRED},
        {SLICE_INIT("any"), CHOICE_REQUIRED}, // Mistral's
        {SLICE_INIT(""), CHOICE_UNSET},
    };
    for (size_t i = 0; i < sizeof(MODES) / sizeof(*MODES); i++) {
        if (json_string_is(d->doc, choice, MODES[i].word)) {
            d->req->tool_choice.mode = MODES[i].mode;
            return;
        }
    }
    loss_reject_input(d->loss, choice, "must be auto, none, required, or an object that names a tool");
}

static void decode_choice(struct chat_decoding *d, const struct json_node *choice)
{
    d->req->tool_choice.at = choice;
    if (choice->type == JSON_STRING) {
        decode_choice_word(d, choice);
    } else if (choice->type != JSON_OBJECT) {
        loss_reject_input(d->loss, choice, "must be a string or an object");
    } else if (json_string_is(d->doc, json_get(d->doc, choice, SLICE("type")), SLICE("allowed_tools"))) {
        decode_allowed(d, choice);
    } else {
        make_room(d, 1);
        d->req->tool_choice.mode = CHOICE_SPECIFIC;
        choose_one(d, choice, chosen_name(d, choice));
    }
}

// The older function_call: a word, or the name in an object.
static void decode_function_choice(struct chat_decoding *d, const struct json_node *choice)
{
    if (choice->type != JSON_OBJECT) {
        decode_choice(d, choice);
        return;
    }
    make_room(d, 1);
    d->req->tool_choice.at = choice;
    d->req->tool_choice.mode = CHOICE_SPECIFIC;
    choose_one(d, choice, chat_text_member(d, choice, SLICE("name")));
}

void chat_decode_tools(struct chat_decoding *d, const struct json_node *root)
{
    struct neutral_request *req = d->req;
    struct neutral_tool **last = &req->tools;
    const struct json_node *tools = chat_member(d, root, SLICE("tools"), JSON_ARRAY);
    const struct json_node *functions = chat_member(d, root, SLICE("functions"), JSON_ARRAY);
    const struct json_node *choice = neutral_member(d->doc, root, SLICE("tool_choice"));
    const struct json_node *older_choice = neutral_member(d->doc, root, SLICE("function_call"));
    const struct json_node *each = NULL;
    while (json_next_element(d->doc, tools, &each)) {
        append_tool(&last, decode_tool(d, each));
    }
    for (each = NULL; json_next_element(d->doc, functions, &each);) {
        append_tool(&last, decode_function(d, each, each));
    }
    if (choice) {
        decode_choice(d, choice);
    } else if (older_choice) {
        decode_function_choice(d, older_choice);
    }
    req->parallel_at = chat_member(d, root, SLICE("parallel_tool_calls"), JSON_TRUE);
    req->parallel_calls = neutral_tri(req->parallel_at);
}
