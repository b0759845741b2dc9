// SPDX-License-Identifier: MIT
#include "simulator/sample.h"

enum { DEPTH_MAX = 16 };

static void write_sample(struct json_writer *w, const struct json_doc *doc, const struct json_node *schema, int depth);

static const struct json_node *first_of(const struct json_doc *doc, const struct json_node *array)
{
    const struct json_node *first = NULL;
    return json_is(array, JSON_ARRAY) && json_next_element(doc, array, &first) ? first : NULL;
}

// "#/$defs/name"; NULL for anything else.
static const struct json_node *follow(const struct json_doc *doc, const struct json_node *reference)
{
    struct slice rest = json_is(reference, JSON_STRING) ? json_escaped(doc, reference) : SLICE_EMPTY;
    if (!slice_eq(slice_split(&rest, '/'), SLICE("#"))) {
        return NULL;
    }
    const struct json_node *node = json_root(doc);
    while (rest.ptr) {
        node = json_get(doc, node, slice_split(&rest, '/'));
    }
    return node;
}

// What stands for the whole schema: a value as it is, or another schema.
static bool write_shortcut(struct json_writer *w, const struct json_doc *doc, const struct json_node *schema, int depth)
{
    const struct json_node *value = json_get(doc, schema, SLICE("const"));
    value = value ? value : first_of(doc, json_get(doc, schema, SLICE("enum")));
    if (value) {
        json_write_raw(w, json_raw(doc, value));
        return true;
    }
    const struct json_node *other = follow(doc, json_get(doc, schema, SLICE("$ref")));
    other = other ? other : first_of(doc, json_get(doc, schema, SLICE("anyOf")));
    if (other) {
        write_sample(w, doc, other, depth - 1);
    }
    return other;
}

static void write_object(struct json_writer *w, const struct json_doc *doc, const struct json_node *schema, int depth)
{
    const struct json_node *properties = json_get(doc, schema, SLICE("properties"));
    const struct json_node *key = NULL;
    const struct json_node *value = NULL;
    json_begin_object(w);
    while (json_is(properties, JSON_OBJECT) && json_next_member(doc, properties, &key, &value)) {
        json_key(w, json_escaped(doc, key));
        write_sample(w, doc, value, depth - 1);
    }
    json_end_object(w);
}

// "string", "STRING", or the first of several.
static bool has_type(const struct json_doc *doc, const struct json_node *schema, struct slice name)
{
    const struct json_node *type = json_get(doc, schema, SLICE("type"));
    type = json_is(type, JSON_ARRAY) ? first_of(doc, type) : type;
    return json_is(type, JSON_STRING) && slice_eq_nocase(json_escaped(doc, type), name);
}

static void write_sample(struct json_writer *w, const struct json_doc *doc, const struct json_node *schema, int depth)
{
    if (depth == 0) {
        json_write_null(w);
    } else if (write_shortcut(w, doc, schema, depth)) {
        return;
    } else if (has_type(doc, schema, SLICE("string"))) {
        json_write_string(w, SLICE("Paris"));
    } else if (has_type(doc, schema, SLICE("integer"))) {
        json_write_int(w, 7);
    } else if (has_type(doc, schema, SLICE("number"))) {
        json_write_raw(w, SLICE("1.5"));
    } else if (has_type(doc, schema, SLICE("boolean"))) {
        json_write_bool(w, true);
    } else if (has_type(doc, schema, SLICE("null"))) {
        json_write_null(w);
    } else if (has_type(doc, schema, SLICE("array"))) {
        json_begin_array(w);
        write_sample(w, doc, json_get(doc, schema, SLICE("items")), depth - 1);
        json_end_array(w);
    } else {
        write_object(w, doc, schema, depth);
    }
}

void sample_write(struct json_writer *w, const struct json_doc *doc, const struct json_node *schema)
{
    write_sample(w, doc, schema, DEPTH_MAX);
}
