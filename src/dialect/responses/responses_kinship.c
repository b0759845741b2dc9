// SPDX-License-Identifier: MIT
// What belongs to one account in OpenAI's Responses. Reasoning goes, encrypted or not: what is left of it is refused
// where its other half cannot be found. What came with it must then lose its id, or the provider misses the reasoning
// that belongs to it. A compaction stays although it is sealed: all that was said before is in it, and an error is
// better than a model that has forgotten everything.
#include "dialect/responses/responses.h"

static bool is_of_type(const struct json_doc *doc, const struct json_node *item, struct slice type)
{
    return json_string_is(doc, json_get(doc, item, SLICE("type")), type);
}

static bool is_reasoning(const struct json_doc *doc, const struct json_node *item)
{
    struct slice id = json_escaped(doc, json_get(doc, item, SLICE("id")));
    return is_of_type(doc, item, SLICE("reasoning")) ||
           (is_of_type(doc, item, SLICE("item_reference")) && slice_starts_with(id, SLICE("rs_")));
}

// The model's own words and calls, which may be given without an id.
static bool may_lack_id(const struct json_doc *doc, const struct json_node *item)
{
    return is_of_type(doc, item, SLICE("function_call")) || is_of_type(doc, item, SLICE("custom_tool_call")) ||
           json_string_is(doc, json_get(doc, item, SLICE("role")), SLICE("assistant"));
}

static size_t strip(struct json_splice *splice)
{
    const struct json_doc *doc = splice->doc;
    const struct json_node *input = json_get(doc, json_root(doc), SLICE("input"));
    const struct json_node *item = NULL;
    size_t n = 0;
    size_t n_items = 0;
    while (json_is(input, JSON_ARRAY) && json_next_element(doc, input, &item)) {
        n += is_reasoning(doc, item);
        n_items++;
    }
    if (n == n_items) {
        return 0;
    }
    while (n && json_next_element(doc, input, &item)) {
        if (is_reasoning(doc, item)) {
            json_splice_remove_element(splice, input, item);
        } else if (may_lack_id(doc, item)) {
            json_splice_remove(splice, item, SLICE("id"));
        }
    }
    return n;
}

const struct kinship_grammar responses_kinship = {
    .ids = {SLICE_INIT("prompt_cache_key"), SLICE_INIT("user")},
    .system = {SLICE_INIT("instructions")},
    .messages = SLICE_INIT("input"),
    .content = SLICE_INIT("content"),
    .seal = {SLICE_INIT("\"encrypted_content\""), {10, 5}},
    .strip = strip,
};
