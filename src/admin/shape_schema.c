// SPDX-License-Identifier: MIT
// Shapes as JSON schemas, for the OpenAPI document.
#include <assert.h>

#include "admin/shape.h"

enum { DEPTH_MAX = 8 };

static void write_limit(struct json_writer *w, struct slice name, double limit)
{
    if (limit != 0) {
        json_key(w, name);
        json_write_double(w, limit);
    }
}

static void write_type(struct json_writer *w, const struct shape_member *member, const char *types)
{
    struct slice rest = slice_from_cstr(types);
    bool is_list = member->may_be_null || slice_find_char(rest, ' ') != SLICE_NOT_FOUND;
    json_key(w, SLICE("type"));
    if (is_list) {
        json_begin_array(w);
    }
    while (rest.ptr) {
        json_write_string(w, slice_split(&rest, ' '));
    }
    if (member->may_be_null) {
        json_write_string(w, SLICE("null"));
    }
    if (is_list) {
        json_end_array(w);
    }
}

static void write_values(struct json_writer *w, const struct shape_member *member)
{
    struct slice rest = slice_from_cstr(member->values);
    json_key(w, SLICE("enum"));
    json_begin_array(w);
    while (rest.ptr) {
        struct slice value = slice_split(&rest, ' ');
        if (value.len) {
            json_write_string(w, value);
        }
    }
    if (member->may_be_null) {
        json_write_null(w);
    }
    json_end_array(w);
}

static void write_text_facts(struct json_writer *w, const struct shape_member *member)
{
    write_limit(w, SLICE("minLength"), member->min);
    write_limit(w, SLICE("maxLength"), member->max);
    if (member->values) {
        write_values(w, member);
    }
    if (member->pattern) {
        json_member_string(w, SLICE("pattern"), slice_from_cstr(member->pattern));
    }
}

static void write_number_facts(struct json_writer *w, const struct shape_member *member)
{
    if (member->min != 0 || member->max != 0 || member->is_above_min) {
        json_key(w, member->is_above_min ? SLICE("exclusiveMinimum") : SLICE("minimum"));
        json_write_double(w, member->min);
    }
    write_limit(w, SLICE("maximum"), member->max);
}

static void write_members(struct json_writer *w, const struct shape_member *members, unsigned depth);

static void write_items(struct json_writer *w, const struct shape_member *list, unsigned depth);

// Type and rules of a value, inside of an object that is begun.
static void write_value(struct json_writer *w, const struct shape_member *member, unsigned depth)
{
    assert(depth < DEPTH_MAX);
    switch (member->type) {
    case SHAPE_TEXT:
        write_type(w, member, "string");
        write_text_facts(w, member);
        return;
    case SHAPE_INTEGER:
        write_type(w, member, "integer");
        write_number_facts(w, member);
        return;
    case SHAPE_NUMBER:
        write_type(w, member, "number");
        write_number_facts(w, member);
        return;
    case SHAPE_BOOL: write_type(w, member, "boolean"); return;
    case SHAPE_TIME: write_type(w, member, "string integer"); return;
    case SHAPE_OBJECT:
        write_type(w, member, "object");
        write_members(w, member->members, depth + 1);
        return;
    case SHAPE_LIST:
        write_type(w, member, "array");
        write_limit(w, SLICE("minItems"), member->min);
        write_limit(w, SLICE("maxItems"), member->max);
        write_items(w, member, depth);
        return;
    case SHAPE_TEXT_OR_LIST:
        write_type(w, member, "string array");
        write_items(w, member, depth);
        return;
    case SHAPE_ANY: return;
    }
}

static void write_items(struct json_writer *w, const struct shape_member *list, unsigned depth)
{
    const struct shape_member item = {.type = list->items, .values = list->values, .members = list->members};
    json_key(w, SLICE("items"));
    json_begin_object(w);
    write_value(w, &item, depth + 1);
    json_end_object(w);
}

static void write_required(struct json_writer *w, const struct shape_member *members)
{
    bool is_first = true;
    for (const struct shape_member *member = members; member->name; member++) {
        if (!member->is_required) {
            continue;
        }
        if (is_first) {
            json_key(w, SLICE("required"));
            json_begin_array(w);
            is_first = false;
        }
        json_write_string(w, slice_from_cstr(member->name));
    }
    if (!is_first) {
        json_end_array(w);
    }
}

static void write_members(struct json_writer *w, const struct shape_member *members, unsigned depth)
{
    if (!members) {
        return;
    }
    write_required(w, members);
    json_key(w, SLICE("properties"));
    json_begin_object(w);
    for (const struct shape_member *member = members; member->name; member++) {
        json_key(w, slice_from_cstr(member->name));
        json_begin_object(w);
        write_value(w, member, depth);
        if (member->help) {
            json_member_string(w, SLICE("description"), slice_from_cstr(member->help));
        }
        json_end_object(w);
    }
    json_end_object(w);
}

void shape_write_schema(struct json_writer *w, const struct shape *shape)
{
    if (shape->write_schema) {
        shape->write_schema(w);
        return;
    }
    json_begin_object(w);
    json_member_string(w, SLICE("type"), SLICE("object"));
    write_members(w, shape->members, 0);
    json_end_object(w);
}

void shape_write_parameters(struct json_writer *w, const struct shape *shape)
{
    for (const struct shape_member *member = shape->members; member && member->name; member++) {
        json_begin_object(w);
        json_member_string(w, SLICE("name"), slice_from_cstr(member->name));
        json_member_string(w, SLICE("in"), SLICE("query"));
        json_member_bool(w, SLICE("required"), member->is_required);
        if (member->help) {
            json_member_string(w, SLICE("description"), slice_from_cstr(member->help));
        }
        json_key(w, SLICE("schema"));
        json_begin_object(w);
        write_value(w, member, 0);
        json_end_object(w);
        json_end_object(w);
    }
}
