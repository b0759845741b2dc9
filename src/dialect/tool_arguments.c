// SPDX-License-Identifier: MIT
#include "dialect/tool_arguments.h"

#include "json/json_scan.h"

void arguments_write_string(struct json_writer *w, const struct call *call)
{
    if (call->raw_arguments.ptr) {
        json_write_string(w, call->raw_arguments);
    } else if (call->escaped_arguments.len == 0 && call->kind != TOOL_CUSTOM) {
        json_write_escaped(w, SLICE("{}"));
    } else {
        json_write_escaped(w, call->escaped_arguments);
    }
}

static struct slice trim_white_space(struct slice text)
{
    while (text.len && json_is_space(text.ptr[0])) {
        text = slice_of(text.ptr + 1, text.len - 1);
    }
    while (text.len && json_is_space(text.ptr[text.len - 1])) {
        text.len--;
    }
    return text;
}

static struct slice put_between(struct arena *arena, struct slice before, struct slice text, struct slice after)
{
    return arena_concat(arena, (const struct slice[]){before, text, after}, 3);
}

// A JSON value, without white space around it, as an object.
static bool object_of_value(struct slice value, struct arena *arena, struct slice *raw_r)
{
    if (value.ptr[0] == '{') {
        *raw_r = value;
        return true;
    }
    if (value.ptr[0] == 'n') {
        *raw_r = SLICE("{}"); // null: no arguments
        return true;
    }
    *raw_r = put_between(arena, SLICE("{\"value\":"), value, SLICE("}"));
    return false;
}

static bool is_json(struct slice text, struct arena *arena)
{
    struct json_doc doc;
    struct json_options options = {.record_depth = 1};
    return json_parse(&doc, arena, text, &options) == 0;
}

bool arguments_object_of(struct slice escaped, struct arena *arena, struct slice *raw_r)
{
    struct slice text = trim_white_space(json_unescape(escaped, arena));
    if (text.len == 0) {
        *raw_r = SLICE("{}");
        return true;
    }
    if (is_json(text, arena)) {
        return object_of_value(text, arena, raw_r);
    }
    *raw_r = put_between(arena, SLICE("{\"_raw\":\""), escaped, SLICE("\"}"));
    return false;
}

static bool object_of_call(const struct call *call, struct arena *arena, struct slice *raw_r)
{
    if (call->raw_arguments.ptr) {
        return object_of_value(trim_white_space(call->raw_arguments), arena, raw_r);
    }
    if (call->kind == TOOL_CUSTOM) {
        *raw_r = put_between(arena, SLICE("{\"input\":\""), call->escaped_arguments, SLICE("\"}"));
        return true;
    }
    return arguments_object_of(call->escaped_arguments, arena, raw_r);
}

bool arguments_write_object(struct json_writer *w, const struct call *call, struct arena *scratch)
{
    struct slice raw;
    bool is_object = object_of_call(call, scratch, &raw);
    json_write_raw(w, raw);
    return is_object;
}
