// SPDX-License-Identifier: MIT
#include "config/json_place.h"

#include <stdarg.h>
#include <stdio.h>

struct json_place json_place_root(const struct json_file *file)
{
    return (struct json_place){file, json_root(&file->doc), SLICE_EMPTY};
}

static bool is_plain_name(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_')) {
            return false;
        }
    }
    return name.len > 0;
}

static struct slice member_path(const struct json_place *object, struct slice name)
{
    struct arena *arena = object->file->arena;
    if (!is_plain_name(name)) {
        return arena_printf(arena, "%.*s[\"%.*s\"]", SLICE_ARG(object->path), SLICE_ARG(name));
    }
    const char *dot = object->path.len > 0 ? "." : "";
    return arena_printf(arena, "%.*s%s%.*s", SLICE_ARG(object->path), dot, SLICE_ARG(name));
}

bool json_place_member(const struct json_place *object, struct slice name, struct json_place *member_r)
{
    const struct json_node *node = json_get(&object->file->doc, object->node, name);
    if (!node || json_is(node, JSON_NULL)) {
        return false;
    }
    *member_r = (struct json_place){object->file, node, member_path(object, name)};
    return true;
}

bool json_place_next_member(const struct json_place *object, struct slice *name, struct json_place *child)
{
    const struct json_node *key = NULL;
    const struct json_node *value = child->node;
    if (!json_next_member(&object->file->doc, object->node, &key, &value)) {
        return false;
    }
    *name = json_string(&object->file->doc, key, object->file->arena);
    *child = (struct json_place){object->file, value, member_path(object, *name)};
    return true;
}

bool json_place_next_element(const struct json_place *array, size_t *index, struct json_place *child)
{
    const struct json_node *value = child->node;
    *index = value ? *index + 1 : 0;
    if (!json_next_element(&array->file->doc, array->node, &value)) {
        return false;
    }
    struct slice path = arena_printf(array->file->arena, "%.*s[%zu]", SLICE_ARG(array->path), *index);
    *child = (struct json_place){array->file, value, path};
    return true;
}

size_t json_place_count(const struct json_place *container)
{
    const struct json_doc *doc = &container->file->doc;
    const struct json_node *value = NULL;
    size_t n = 0;
    while (json_next_element(doc, container->node, &value) || json_next_member(doc, container->node, NULL, &value)) {
        n++;
    }
    return n;
}

// "FILE:LINE:COLUMN: PATH", or "PATH"
static struct slice whereabouts(const struct json_place *place)
{
    size_t line;
    size_t column;
    struct slice path = place->path.len > 0 ? place->path : SLICE("the file");
    if (place->file->label.len == 0) {
        return path;
    }
    json_position(place->file->doc.text, place->node->start, &line, &column);
    return arena_printf(place->file->arena, "%.*s:%zu:%zu: %.*s", SLICE_ARG(place->file->label), line, column,
                        SLICE_ARG(path));
}

void json_place_error_value(const struct json_place *place, const struct value_rule *rule, struct slice message)
{
    struct buf given = BUF_EMPTY;
    value_describe_json(rule, &place->file->doc, place->node, &given);
    issues_error(place->file->issues, "%.*s is %.*s; %.*s", SLICE_ARG(whereabouts(place)), SLICE_ARG(buf_slice(&given)),
                 SLICE_ARG(message));
    buf_deinit(&given);
}

enum { MESSAGE_MAX = 512 };

void json_place_error(const struct json_place *place, const char *format, ...)
{
    char message[MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    issues_error(place->file->issues, "%.*s %s", SLICE_ARG(whereabouts(place)), message);
}

void json_place_warn(const struct json_place *place, const char *format, ...)
{
    char message[MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    issues_warn(place->file->issues, "%.*s %s", SLICE_ARG(whereabouts(place)), message);
}

void json_place_warn_unknown(const struct json_place *member)
{
    json_place_warn(member, "is unknown and ignored");
}

void json_place_warn_unsupported(const struct json_place *member)
{
    json_place_warn(member, "is set but not supported by this version yet");
}

bool json_place_expect(const struct json_place *place, enum json_type type, const char *expected)
{
    static const struct value_rule as_secret = {.type = VALUE_SECRET};
    if (json_is(place->node, type)) {
        return true;
    }
    json_place_error_value(place, &as_secret, arena_printf(place->file->arena, "it may be %s", expected));
    return false;
}

bool json_place_read(const struct json_place *place, const struct value_rule *rule, void *field_r)
{
    const struct json_file *file = place->file;
    if (value_from_json(rule, &file->doc, place->node, file->strings, field_r)) {
        return true;
    }
    struct buf message = BUF_EMPTY;
    buf_append(&message, SLICE("it may be "));
    value_describe_rule(rule, &message);
    json_place_error_value(place, rule, buf_slice(&message));
    buf_deinit(&message);
    return false;
}

static const struct member_rule *find_rule(const struct member_rule *rules, size_t n_rules, struct slice name)
{
    for (size_t i = 0; i < n_rules; i++) {
        if (slice_eq(name, slice_from_cstr(rules[i].name))) {
            return &rules[i];
        }
    }
    return NULL;
}

// Empty text counts as not given.
static bool is_absent(const struct json_place *place, const struct value_rule *rule)
{
    return rule->type >= VALUE_TEXT && json_string_is(&place->file->doc, place->node, SLICE_EMPTY);
}

static void report_missing(const struct json_place *object, const struct member_rule *rule)
{
    struct buf expected = BUF_EMPTY;
    value_describe_rule(&rule->rule, &expected);
    json_place_error(object, "has no %s; it may be %.*s", rule->name, SLICE_ARG(buf_slice(&expected)));
    buf_deinit(&expected);
}

void json_place_read_members(const struct json_place *object, const struct member_rule *rules, size_t n_rules,
                             void *record)
{
    struct slice name;
    for (struct json_place member = {0}; json_place_next_member(object, &name, &member);) {
        const struct member_rule *rule = find_rule(rules, n_rules, name);
        if (!rule) {
            json_place_warn_unknown(&member);
        } else if (rule->is_later && !json_is(member.node, JSON_NULL)) {
            json_place_warn_unsupported(&member);
        }
    }
    for (size_t i = 0; i < n_rules; i++) {
        struct json_place member;
        bool is_given = json_place_member(object, slice_from_cstr(rules[i].name), &member);
        if (is_given && !rules[i].is_by_hand && !rules[i].is_later) {
            json_place_read(&member, &rules[i].rule, (char *)record + rules[i].field);
        }
        if (rules[i].is_required && (!is_given || is_absent(&member, &rules[i].rule))) {
            report_missing(object, &rules[i]);
        }
    }
}
