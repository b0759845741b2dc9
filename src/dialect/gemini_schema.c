// SPDX-License-Identifier: MIT
#include "dialect/gemini_schema.h"

#include "base/slice.h"

// How the value of a keyword is written.
enum keyword_kind {
    KEYWORD_RAW,
    KEYWORD_DROPPED,
    KEYWORD_TYPE,
    KEYWORD_ENUM,
    KEYWORD_FORMAT,
    KEYWORD_NUMBER, // Google writes such numbers as strings, too
    KEYWORD_EXAMPLE,
    KEYWORD_SCHEMA,
    KEYWORD_SCHEMAS, // an array
    KEYWORD_ANY_OF,
    KEYWORD_NAMED_SCHEMAS, // an object
};

struct keyword {
    struct slice name;
    struct slice snake; // empty: the same
    enum keyword_kind kind;
};

#define SAME(name, kind)                                                                                               \
    {                                                                                                                  \
        SLICE_INIT(name), SLICE_INIT(""), kind                                                                         \
    }
#define BOTH(name, snake, kind)                                                                                        \
    {                                                                                                                  \
        SLICE_INIT(name), SLICE_INIT(snake), kind                                                                      \
    }

static const struct keyword KEYWORDS[] = {
    SAME("type", KEYWORD_TYPE),
    SAME("properties", KEYWORD_NAMED_SCHEMAS),
    SAME("items", KEYWORD_SCHEMA),
    SAME("enum", KEYWORD_ENUM),
    SAME("format", KEYWORD_FORMAT),
    SAME("nullable", KEYWORD_DROPPED),
    SAME("example", KEYWORD_EXAMPLE),
    BOTH("propertyOrdering", "property_ordering", KEYWORD_DROPPED),
    BOTH("anyOf", "any_of", KEYWORD_ANY_OF),
    SAME("oneOf", KEYWORD_SCHEMAS),
    SAME("allOf", KEYWORD_SCHEMAS),
    BOTH("prefixItems", "prefix_items", KEYWORD_SCHEMAS),
    BOTH("additionalProperties", "additional_properties", KEYWORD_SCHEMA),
    SAME("$defs", KEYWORD_NAMED_SCHEMAS),
    BOTH("minItems", "min_items", KEYWORD_NUMBER),
    BOTH("maxItems", "max_items", KEYWORD_NUMBER),
    BOTH("minLength", "min_length", KEYWORD_NUMBER),
    BOTH("maxLength", "max_length", KEYWORD_NUMBER),
    BOTH("minProperties", "min_properties", KEYWORD_NUMBER),
    BOTH("maxProperties", "max_properties", KEYWORD_NUMBER),
    SAME("minimum", KEYWORD_NUMBER),
    SAME("maximum", KEYWORD_NUMBER),
};

struct schema_writer {
    const struct json_doc *doc;
    struct json_writer *w;
};

static void write_schema(const struct schema_writer *s, const struct json_node *schema, int depth);

static const struct keyword *find_keyword(struct slice name)
{
    for (size_t i = 0; i < sizeof(KEYWORDS) / sizeof(*KEYWORDS); i++) {
        if (slice_eq(name, KEYWORDS[i].name) || (KEYWORDS[i].snake.len && slice_eq(name, KEYWORDS[i].snake))) {
            return &KEYWORDS[i];
        }
    }
    return NULL;
}

static void write_raw(const struct schema_writer *s, const struct json_node *value)
{
    json_write_raw(s->w, json_raw(s->doc, value));
}

static void write_lower_case(const struct schema_writer *s, const struct json_node *word)
{
    struct slice text = json_escaped(s->doc, word);
    char lower[16]; // longer than any type
    if (text.len > sizeof(lower)) {
        write_raw(s, word);
        return;
    }
    for (size_t i = 0; i < text.len; i++) {
        lower[i] = (char)(text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? text.ptr[i] + ('a' - 'A') : text.ptr[i]);
    }
    json_write_escaped(s->w, slice_of(lower, text.len));
}

static void write_type(const struct schema_writer *s, const struct json_node *type, bool is_nullable)
{
    const struct json_node *word = NULL;
    bool is_list = type->type == JSON_ARRAY || is_nullable;
    if (is_list) {
        json_begin_array(s->w);
    }
    if (type->type == JSON_STRING) {
        write_lower_case(s, type);
    }
    while (type->type == JSON_ARRAY && json_next_element(s->doc, type, &word)) {
        if (word->type == JSON_STRING) {
            write_lower_case(s, word);
        }
    }
    if (is_nullable) {
        json_write_string(s->w, SLICE("null"));
    }
    if (is_list) {
        json_end_array(s->w);
    }
}

// A list, and with `is_nullable` null as one more element.
static void write_enum(const struct schema_writer *s, const struct json_node *list, bool is_nullable)
{
    const struct json_node *value = NULL;
    json_begin_array(s->w);
    while (json_next_element(s->doc, list, &value)) {
        write_raw(s, value);
    }
    if (is_nullable) {
        json_write_null(s->w);
    }
    json_end_array(s->w);
}

static void write_schemas(const struct schema_writer *s, const struct json_node *list, int depth, bool adds_null)
{
    const struct json_node *schema = NULL;
    json_begin_array(s->w);
    while (json_next_element(s->doc, list, &schema)) {
        write_schema(s, schema, depth);
    }
    if (adds_null) {
        json_write_raw(s->w, SLICE("{\"type\":\"null\"}"));
    }
    json_end_array(s->w);
}

static void write_named_schemas(const struct schema_writer *s, const struct json_node *object, int depth)
{
    const struct json_node *key = NULL;
    const struct json_node *schema = NULL;
    json_begin_object(s->w);
    while (json_next_member(s->doc, object, &key, &schema)) {
        json_key_escaped(s->w, json_escaped(s->doc, key));
        write_schema(s, schema, depth);
    }
    json_end_object(s->w);
}

// A number as it stands, also out of a string; what is none is left as it is.
static void write_number(const struct schema_writer *s, const struct json_node *value)
{
    uint64_t number;
    if (value->type == JSON_STRING && slice_to_u64(json_escaped(s->doc, value), &number)) {
        json_write_int(s->w, number <= INT64_MAX ? (int64_t)number : INT64_MAX);
    } else {
        write_raw(s, value);
    }
}

static void write_examples(const struct schema_writer *s, const struct json_node *example)
{
    json_begin_array(s->w);
    write_raw(s, example);
    json_end_array(s->w);
}

// What a schema says about null as a whole; the keywords that take part in it.
struct nullability {
    bool in_type;
    bool in_any_of; // there is no type that could say it
};

static bool has_type(enum keyword_kind kind, const struct json_node *value)
{
    switch (kind) {
    case KEYWORD_TYPE: return value->type == JSON_STRING || value->type == JSON_ARRAY;
    case KEYWORD_ENUM:
    case KEYWORD_SCHEMAS:
    case KEYWORD_ANY_OF: return value->type == JSON_ARRAY;
    case KEYWORD_NAMED_SCHEMAS: return value->type == JSON_OBJECT;
    case KEYWORD_SCHEMA: return value->type == JSON_OBJECT || value->type == JSON_TRUE || value->type == JSON_FALSE;
    case KEYWORD_FORMAT:
    case KEYWORD_NUMBER:
    case KEYWORD_EXAMPLE:
    case KEYWORD_RAW: return value->type != JSON_NULL;
    case KEYWORD_DROPPED: return false;
    }
    return false;
}

static bool is_type_unspecified(const struct schema_writer *s, const struct json_node *type)
{
    return json_string_is(s->doc, type, SLICE("TYPE_UNSPECIFIED"));
}

static bool is_dropped(const struct schema_writer *s, enum keyword_kind kind, const struct json_node *value)
{
    return !has_type(kind, value) || (kind == KEYWORD_TYPE && is_type_unspecified(s, value)) ||
           (kind == KEYWORD_FORMAT && json_string_is(s->doc, value, SLICE("enum")));
}

static void write_value(const struct schema_writer *s, enum keyword_kind kind, const struct json_node *value,
                        struct nullability null, int depth)
{
    switch (kind) {
    case KEYWORD_TYPE: write_type(s, value, null.in_type); break;
    case KEYWORD_ENUM: write_enum(s, value, null.in_type); break;
    case KEYWORD_NUMBER: write_number(s, value); break;
    case KEYWORD_EXAMPLE: write_examples(s, value); break;
    case KEYWORD_SCHEMA: write_schema(s, value, depth); break;
    case KEYWORD_SCHEMAS: write_schemas(s, value, depth, false); break;
    case KEYWORD_ANY_OF: write_schemas(s, value, depth, null.in_any_of); break;
    case KEYWORD_NAMED_SCHEMAS: write_named_schemas(s, value, depth); break;
    case KEYWORD_FORMAT:
    case KEYWORD_RAW: write_raw(s, value); break;
    case KEYWORD_DROPPED: break;
    }
}

static struct nullability read_nullability(const struct schema_writer *s, const struct json_node *schema)
{
    const struct json_node *type = json_get(s->doc, schema, SLICE("type"));
    bool is_nullable = json_is(json_get(s->doc, schema, SLICE("nullable")), JSON_TRUE);
    bool is_typed = type && !is_dropped(s, KEYWORD_TYPE, type);
    return (struct nullability){.in_type = is_nullable && is_typed, .in_any_of = is_nullable && !is_typed};
}

// The name of a keyword: in camel case, but what is unknown stays.
static void write_keyword(const struct schema_writer *s, const struct json_node *key, const struct keyword *keyword)
{
    if (!keyword) {
        json_key_escaped(s->w, json_escaped(s->doc, key));
    } else if (keyword->kind == KEYWORD_EXAMPLE) {
        json_key(s->w, SLICE("examples"));
    } else {
        json_key(s->w, keyword->name);
    }
}

static void write_members(const struct schema_writer *s, const struct json_node *schema, int depth)
{
    struct nullability null = read_nullability(s, schema);
    const struct json_node *key = NULL;
    const struct json_node *value = NULL;
    while (json_next_member(s->doc, schema, &key, &value)) {
        const struct keyword *keyword = find_keyword(json_escaped(s->doc, key));
        enum keyword_kind kind = keyword ? keyword->kind : KEYWORD_RAW;
        if (!is_dropped(s, kind, value)) {
            write_keyword(s, key, keyword);
            write_value(s, kind, value, null, depth);
        }
    }
}

// Recursion is bounded: `depth` levels are left.
static void write_schema(const struct schema_writer *s, const struct json_node *schema, int depth)
{
    if (schema->type == JSON_TRUE || schema->type == JSON_FALSE) {
        write_raw(s, schema);
        return;
    }
    json_begin_object(s->w);
    if (schema->type == JSON_OBJECT && depth > 0) {
        write_members(s, schema, depth - 1);
    }
    json_end_object(s->w);
}

void gemini_schema_write_json_schema(const struct json_doc *doc, const struct json_node *schema, struct json_writer *w)
{
    struct schema_writer s = {doc, w};
    write_schema(&s, schema, GEMINI_SCHEMA_DEPTH_MAX);
}
