// SPDX-License-Identifier: MIT
// JSON Schemas as Anthropic takes them: those of tools have an object at their root; those that an answer is held to
// know a few keywords only, and what the others demand is said in the description instead, where the model reads it.
#include "dialect/anthropic/anthropic_internal.h"

enum { DEPTH_MAX = 20 };       // schemas within schemas; each takes two levels of the writer
enum { PROPERTIES_MAX = 256 }; // that are brought together from alternatives

// ---- the keywords of a strict schema

enum keyword {
    KEYWORD_OTHER,   // becomes a hint
    KEYWORD_KEPT,    // as it stands
    KEYWORD_IGNORED, // says nothing about a value
    KEYWORD_SCHEMA,
    KEYWORD_MAP,
    KEYWORD_LIST,
    KEYWORD_FORMAT,
    KEYWORD_MIN_ITEMS,
    KEYWORD_DESCRIPTION,
    KEYWORD_ADDITIONAL,
};

static const struct {
    struct slice name;
    enum keyword keyword;
} KEYWORDS[] = {
    {SLICE_INIT("type"), KEYWORD_KEPT},          {SLICE_INIT("properties"), KEYWORD_MAP},
    {SLICE_INIT("required"), KEYWORD_KEPT},      {SLICE_INIT("description"), KEYWORD_DESCRIPTION},
    {SLICE_INIT("items"), KEYWORD_SCHEMA},       {SLICE_INIT("enum"), KEYWORD_KEPT},
    {SLICE_INIT("const"), KEYWORD_KEPT},         {SLICE_INIT("additionalProperties"), KEYWORD_ADDITIONAL},
    {SLICE_INIT("anyOf"), KEYWORD_LIST},         {SLICE_INIT("oneOf"), KEYWORD_LIST},
    {SLICE_INIT("allOf"), KEYWORD_LIST},         {SLICE_INIT("$ref"), KEYWORD_KEPT},
    {SLICE_INIT("$defs"), KEYWORD_MAP},          {SLICE_INIT("definitions"), KEYWORD_MAP},
    {SLICE_INIT("title"), KEYWORD_KEPT},         {SLICE_INIT("default"), KEYWORD_KEPT},
    {SLICE_INIT("format"), KEYWORD_FORMAT},      {SLICE_INIT("minItems"), KEYWORD_MIN_ITEMS},
    {SLICE_INIT("$schema"), KEYWORD_IGNORED},    {SLICE_INIT("$id"), KEYWORD_IGNORED},
    {SLICE_INIT("$comment"), KEYWORD_IGNORED},   {SLICE_INIT("examples"), KEYWORD_IGNORED},
    {SLICE_INIT("deprecated"), KEYWORD_IGNORED}, {SLICE_INIT("readOnly"), KEYWORD_IGNORED},
    {SLICE_INIT("writeOnly"), KEYWORD_IGNORED},
};

static const struct slice FORMATS[] = {
    SLICE_INIT("date-time"), SLICE_INIT("time"), SLICE_INIT("date"), SLICE_INIT("duration"), SLICE_INIT("email"),
    SLICE_INIT("hostname"),  SLICE_INIT("uri"),  SLICE_INIT("ipv4"), SLICE_INIT("ipv6"),     SLICE_INIT("uuid"),
};

struct walk {
    struct json_writer *w;
    const struct json_doc *doc;
    bool has_changed;
};

static bool is_known_format(const struct walk *walk, const struct json_node *value)
{
    for (size_t i = 0; i < sizeof(FORMATS) / sizeof(*FORMATS); i++) {
        if (json_string_is(walk->doc, value, FORMATS[i])) {
            return true;
        }
    }
    return false;
}

static enum keyword keyword_of(const struct walk *walk, const struct json_node *key, const struct json_node *value)
{
    int64_t number;
    for (size_t i = 0; i < sizeof(KEYWORDS) / sizeof(*KEYWORDS); i++) {
        if (!json_string_is(walk->doc, key, KEYWORDS[i].name)) {
            continue;
        }
        switch (KEYWORDS[i].keyword) {
        case KEYWORD_FORMAT: return is_known_format(walk, value) ? KEYWORD_KEPT : KEYWORD_OTHER;
        case KEYWORD_MIN_ITEMS:
            return json_int64(walk->doc, value, &number) && number >= 0 && number <= 1 ? KEYWORD_KEPT : KEYWORD_OTHER;
        case KEYWORD_SCHEMA: return json_is(value, JSON_ARRAY) ? KEYWORD_OTHER : KEYWORD_SCHEMA;
        case KEYWORD_OTHER:
        case KEYWORD_KEPT:
        case KEYWORD_IGNORED:
        case KEYWORD_MAP:
        case KEYWORD_LIST:
        case KEYWORD_DESCRIPTION:
        case KEYWORD_ADDITIONAL: return KEYWORDS[i].keyword;
        }
    }
    return KEYWORD_OTHER;
}

// ---- hints

// "minimum: 0, pattern: ^a", escaped.
static void add_hint(struct walk *walk, const struct json_node *key, const struct json_node *value, struct buf *hints)
{
    buf_append(hints, hints->len ? SLICE(", ") : SLICE("{"));
    buf_append(hints, json_escaped(walk->doc, key));
    buf_append(hints, SLICE(": "));
    if (value->type == JSON_STRING) {
        buf_append(hints, json_escaped(walk->doc, value));
    } else {
        json_escape(hints, json_raw(walk->doc, value));
    }
    walk->has_changed = true;
}

static void write_description(struct walk *walk, const struct json_node *description, struct buf *hints)
{
    struct slice text = json_escaped(walk->doc, description);
    struct buf all = BUF_EMPTY;
    if (!text.len && !hints->len) {
        return;
    }
    buf_append(&all, text);
    buf_append(&all, text.len && hints->len ? SLICE("\\n\\n") : SLICE_EMPTY);
    buf_append(&all, buf_slice(hints));
    buf_append(&all, hints->len ? SLICE("}") : SLICE_EMPTY);
    json_key(walk->w, SLICE("description"));
    json_write_escaped(walk->w, buf_slice(&all));
    buf_deinit(&all);
}

// ---- the walk

static void write_schema(struct walk *walk, const struct json_node *schema, int depth);

static void write_map(struct walk *walk, const struct json_node *map, int depth)
{
    const struct json_node *key = NULL;
    const struct json_node *value = NULL;
    json_begin_object(walk->w);
    while (json_next_member(walk->doc, map, &key, &value)) {
        json_key_escaped(walk->w, json_escaped(walk->doc, key));
        write_schema(walk, value, depth);
    }
    json_end_object(walk->w);
}

static void write_list(struct walk *walk, const struct json_node *list, int depth)
{
    const struct json_node *value = NULL;
    json_begin_array(walk->w);
    while (json_next_element(walk->doc, list, &value)) {
        write_schema(walk, value, depth);
    }
    json_end_array(walk->w);
}

// One of several is as good as any of them: what distinguishes the two words a model does not see.
static void write_list_key(struct walk *walk, const struct json_node *key)
{
    bool is_one_of = json_string_is(walk->doc, key, SLICE("oneOf"));
    json_key_escaped(walk->w, is_one_of ? SLICE("anyOf") : json_escaped(walk->doc, key));
}

static void write_keyword(struct walk *walk, const struct json_node *key, const struct json_node *value, int depth,
                          struct buf *hints)
{
    enum keyword keyword = keyword_of(walk, key, value);
    switch (keyword) {
    case KEYWORD_KEPT:
    case KEYWORD_FORMAT:
    case KEYWORD_MIN_ITEMS:
        json_key_escaped(walk->w, json_escaped(walk->doc, key));
        json_write_raw(walk->w, json_raw(walk->doc, value));
        break;
    case KEYWORD_SCHEMA:
        json_key_escaped(walk->w, json_escaped(walk->doc, key));
        write_schema(walk, value, depth);
        break;
    case KEYWORD_MAP:
        json_key_escaped(walk->w, json_escaped(walk->doc, key));
        write_map(walk, value, depth);
        break;
    case KEYWORD_LIST:
        write_list_key(walk, key);
        write_list(walk, value, depth);
        break;
    case KEYWORD_OTHER: add_hint(walk, key, value, hints); break;
    case KEYWORD_IGNORED:
    case KEYWORD_DESCRIPTION:
    case KEYWORD_ADDITIONAL: break;
    }
}

static bool is_of_objects(const struct walk *walk, const struct json_node *schema)
{
    const struct json_node *type = json_get(walk->doc, schema, SLICE("type"));
    const struct json_node *one = NULL;
    bool is_object = json_string_is(walk->doc, type, SLICE("object")) ||
                     json_is(json_get(walk->doc, schema, SLICE("properties")), JSON_OBJECT);
    while (json_next_element(walk->doc, type, &one)) {
        is_object = is_object || json_string_is(walk->doc, one, SLICE("object"));
    }
    return is_object;
}

static void write_schema(struct walk *walk, const struct json_node *schema, int depth)
{
    const struct json_node *key = NULL;
    const struct json_node *value = NULL;
    struct buf hints = BUF_EMPTY;
    if (schema->type != JSON_OBJECT || depth >= DEPTH_MAX) {
        json_write_raw(walk->w, json_raw(walk->doc, schema));
        return;
    }
    json_begin_object(walk->w);
    while (json_next_member(walk->doc, schema, &key, &value)) {
        write_keyword(walk, key, value, depth + 1, &hints);
    }
    if (is_of_objects(walk, schema)) {
        const struct json_node *additional = json_get(walk->doc, schema, SLICE("additionalProperties"));
        walk->has_changed = walk->has_changed || !json_is(additional, JSON_FALSE);
        json_member_bool(walk->w, SLICE("additionalProperties"), false);
    }
    write_description(walk, json_get(walk->doc, schema, SLICE("description")), &hints);
    json_end_object(walk->w);
    buf_deinit(&hints);
}

bool anthropic_write_strict_schema(struct json_writer *w, const struct json_doc *doc, const struct json_node *schema)
{
    struct walk walk = {.w = w, .doc = doc};
    write_schema(&walk, schema, 0);
    return walk.has_changed;
}

// ---- the root of a tool's schema

struct property {
    const struct json_node *key;
    const struct json_node *value;
};

struct merge {
    struct json_writer *w;
    const struct json_doc *doc;
    const struct json_node *root;
    struct property properties[PROPERTIES_MAX];
    size_t n_properties;
};

static const struct slice COMBINATIONS[] = {SLICE_INIT("allOf"), SLICE_INIT("anyOf"), SLICE_INIT("oneOf")};
enum { N_COMBINATIONS = 3 };

static bool is_combined(const struct json_doc *doc, const struct json_node *schema)
{
    for (size_t i = 0; i < N_COMBINATIONS; i++) {
        if (json_is(json_get(doc, schema, COMBINATIONS[i]), JSON_ARRAY)) {
            return true;
        }
    }
    return false;
}

static void add_properties(struct merge *merge, const struct json_node *schema)
{
    const struct json_node *key = NULL;
    const struct json_node *value = NULL;
    const struct json_node *properties = json_get(merge->doc, schema, SLICE("properties"));
    while (merge->n_properties < PROPERTIES_MAX && json_next_member(merge->doc, properties, &key, &value)) {
        size_t i = 0;
        while (i < merge->n_properties &&
               !slice_eq(json_raw(merge->doc, key), json_raw(merge->doc, merge->properties[i].key))) {
            i++;
        }
        if (i == merge->n_properties) {
            merge->properties[merge->n_properties++] = (struct property){key, value};
        }
    }
}

// The schema that a "$ref" to the definitions at the root means, else the schema itself.
static const struct json_node *resolve(const struct merge *merge, const struct json_node *schema)
{
    static const struct slice FOLDERS[] = {SLICE_INIT("#/$defs/"), SLICE_INIT("#/definitions/")};
    static const struct slice MEMBERS[] = {SLICE_INIT("$defs"), SLICE_INIT("definitions")};
    struct slice ref = json_escaped(merge->doc, json_get(merge->doc, schema, SLICE("$ref")));
    for (size_t i = 0; i < 2; i++) {
        if (slice_starts_with(ref, FOLDERS[i])) {
            const struct json_node *found =
                json_get(merge->doc, json_get(merge->doc, merge->root, MEMBERS[i]), slice_after(ref, FOLDERS[i].len));
            return found ? found : schema;
        }
    }
    return schema;
}

static void write_names(struct merge *merge, const struct json_node *required)
{
    const struct json_node *name = NULL;
    while (json_next_element(merge->doc, required, &name)) {
        json_write_raw(merge->w, json_raw(merge->doc, name));
    }
}

// Alternatives become one object that has the properties of all, none of which is required. What all of several
// schemas demand together stays demanded.
static void write_merged(struct merge *merge)
{
    const struct json_node *part = NULL;
    json_key(merge->w, SLICE("required"));
    json_begin_array(merge->w);
    add_properties(merge, merge->root);
    write_names(merge, json_get(merge->doc, merge->root, SLICE("required")));
    for (size_t i = 0; i < N_COMBINATIONS; i++) {
        while (json_next_element(merge->doc, json_get(merge->doc, merge->root, COMBINATIONS[i]), &part)) {
            const struct json_node *schema = resolve(merge, part);
            add_properties(merge, schema);
            if (i == 0) {
                write_names(merge, json_get(merge->doc, schema, SLICE("required")));
            }
        }
    }
    json_end_array(merge->w);
    json_key(merge->w, SLICE("properties"));
    json_begin_object(merge->w);
    for (size_t i = 0; i < merge->n_properties; i++) {
        json_key_escaped(merge->w, json_escaped(merge->doc, merge->properties[i].key));
        json_write_raw(merge->w, json_raw(merge->doc, merge->properties[i].value));
    }
    json_end_object(merge->w);
}

static bool is_merged(const struct json_doc *doc, const struct json_node *key)
{
    bool is_one = json_string_is(doc, key, SLICE("properties")) || json_string_is(doc, key, SLICE("required")) ||
                  json_string_is(doc, key, SLICE("additionalProperties"));
    for (size_t i = 0; i < N_COMBINATIONS; i++) {
        is_one = is_one || json_string_is(doc, key, COMBINATIONS[i]);
    }
    return is_one;
}

static void write_root(struct merge *merge, bool has_alternatives)
{
    const struct json_node *key = NULL;
    const struct json_node *value = NULL;
    json_begin_object(merge->w);
    json_member_string(merge->w, SLICE("type"), SLICE("object"));
    while (json_next_member(merge->doc, merge->root, &key, &value)) {
        bool is_skipped =
            json_string_is(merge->doc, key, SLICE("type")) || (has_alternatives && is_merged(merge->doc, key));
        if (!is_skipped) {
            json_key_escaped(merge->w, json_escaped(merge->doc, key));
            json_write_raw(merge->w, json_raw(merge->doc, value));
        }
    }
    if (has_alternatives) {
        write_merged(merge);
    }
    json_end_object(merge->w);
}

bool anthropic_is_plain_schema(const struct json_doc *doc, const struct json_node *schema)
{
    return json_string_is(doc, json_get(doc, schema, SLICE("type")), SLICE("object")) && !is_combined(doc, schema);
}

bool anthropic_write_tool_schema(struct json_writer *w, const struct json_doc *doc, const struct json_node *schema)
{
    bool has_alternatives = is_combined(doc, schema);
    if (!json_is(schema, JSON_OBJECT)) {
        json_write_raw(w, SLICE("{\"type\":\"object\",\"properties\":{}}"));
    } else if (anthropic_is_plain_schema(doc, schema)) {
        json_write_raw(w, json_raw(doc, schema));
    } else {
        struct merge merge = {.w = w, .doc = doc, .root = schema};
        write_root(&merge, has_alternatives);
    }
    return has_alternatives;
}
