// SPDX-License-Identifier: MIT
#include "dialect/strict_schema.h"

// The provider takes ten levels of objects; those of arrays and choices are between them.
enum { DEPTH_MAX = 32 };
// Comparisons of names, which are many where properties are.
enum { WORK_MAX = 1000 * 1000 };

struct check {
    const struct json_doc *doc;
    unsigned depth;
    unsigned work;
};

static bool fits(struct check *check, const struct json_node *schema);

static bool has_forbidden_member(const struct check *check, const struct json_node *schema)
{
    static const struct slice NAMES[] = {
        SLICE_INIT("allOf"),
        SLICE_INIT("oneOf"),
        SLICE_INIT("not"),
        SLICE_INIT("if"),
        SLICE_INIT("then"),
        SLICE_INIT("else"),
        SLICE_INIT("default"),
        SLICE_INIT("patternProperties"),
        SLICE_INIT("propertyNames"),
        SLICE_INIT("dependentRequired"),
        SLICE_INIT("dependentSchemas"),
        SLICE_INIT("unevaluatedProperties"),
        SLICE_INIT("unevaluatedItems"),
        SLICE_INIT("minProperties"),
        SLICE_INIT("maxProperties"),
        SLICE_INIT("contains"),
        SLICE_INIT("prefixItems"),
        SLICE_INIT("uniqueItems"),
    };
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(*NAMES); i++) {
        if (json_get(check->doc, schema, NAMES[i])) {
            return true;
        }
    }
    return false;
}

// Is the type "object", alone or among others?
static bool is_object_type(const struct check *check, const struct json_node *type)
{
    const struct json_node *each = NULL;
    while (json_next_element(check->doc, type, &each)) {
        if (json_string_is(check->doc, each, SLICE("object"))) {
            return true;
        }
    }
    return json_string_is(check->doc, type, SLICE("object"));
}

static bool is_required(struct check *check, const struct json_node *required, const struct json_node *key)
{
    const struct json_node *each = NULL;
    struct slice name = json_escaped(check->doc, key);
    while (json_next_element(check->doc, required, &each) && ++check->work < WORK_MAX) {
        if (slice_eq(json_escaped(check->doc, each), name)) {
            return true;
        }
    }
    return false;
}

// All values of an object, or all elements of an array.
static bool all_fit(struct check *check, const struct json_node *holder)
{
    const struct json_node *value = NULL;
    while (json_next_member(check->doc, holder, NULL, &value)) {
        if (!fits(check, value)) {
            return false;
        }
    }
    for (value = NULL; json_next_element(check->doc, holder, &value);) {
        if (!fits(check, value)) {
            return false;
        }
    }
    return true;
}

static bool object_fits(struct check *check, const struct json_node *schema)
{
    const struct json_node *properties = json_get(check->doc, schema, SLICE("properties"));
    const struct json_node *required = json_get(check->doc, schema, SLICE("required"));
    const struct json_node *key = NULL;
    const struct json_node *value = NULL;
    if (!json_is(json_get(check->doc, schema, SLICE("additionalProperties")), JSON_FALSE)) {
        return false;
    }
    while (json_next_member(check->doc, properties, &key, &value)) {
        if (!is_required(check, required, key)) {
            return false;
        }
    }
    return all_fit(check, properties);
}

static bool members_fit(struct check *check, const struct json_node *schema)
{
    static const struct slice HOLDERS[] = {SLICE_INIT("anyOf"), SLICE_INIT("$defs"), SLICE_INIT("definitions")};
    const struct json_node *items = json_get(check->doc, schema, SLICE("items"));
    const struct json_node *properties = json_get(check->doc, schema, SLICE("properties"));
    for (size_t i = 0; i < sizeof(HOLDERS) / sizeof(*HOLDERS); i++) {
        if (!all_fit(check, json_get(check->doc, schema, HOLDERS[i]))) {
            return false;
        }
    }
    if (items && !fits(check, items)) {
        return false;
    }
    bool is_object = properties || is_object_type(check, json_get(check->doc, schema, SLICE("type")));
    return !is_object || object_fits(check, schema);
}

static bool fits(struct check *check, const struct json_node *schema)
{
    if (!json_is(schema, JSON_OBJECT) || check->depth == DEPTH_MAX || has_forbidden_member(check, schema)) {
        return false;
    }
    check->depth++;
    bool does = members_fit(check, schema);
    check->depth--;
    return does;
}

bool strict_schema_fits(const struct json_doc *doc, const struct json_node *schema)
{
    struct check check = {.doc = doc};
    return json_string_is(doc, json_get(doc, schema, SLICE("type")), SLICE("object")) &&
           !json_get(doc, schema, SLICE("anyOf")) && fits(&check, schema);
}
