// SPDX-License-Identifier: MIT
// What belongs to one account in Anthropic's dialect. What the API demands when thinking is taken out of a
// conversation:
//   - No message may be without content; two messages of the user in a row are as good as one.
//   - With thinking `enabled`, a turn that goes on after a tool must begin with what was thought. It cannot any more,
//   so
//     thinking is switched off for this request. `adaptive` thinking does not demand it.
//   - Rules for clearing thought from the context are refused where thinking is off.
#include "dialect/anthropic/anthropic.h"

static bool is_of_type(const struct json_doc *doc, const struct json_node *object, struct slice type)
{
    return json_string_is(doc, json_get(doc, object, SLICE("type")), type);
}

static bool is_sealed(const struct json_doc *doc, const struct json_node *block)
{
    return is_of_type(doc, block, SLICE("thinking")) || is_of_type(doc, block, SLICE("redacted_thinking"));
}

// What is in a message: one text, or a list of blocks.
struct content {
    const struct json_node *blocks; // NULL: nothing
    size_t n_sealed;
    size_t n_others;
    bool has_call;
};

static struct content look_at(const struct json_doc *doc, const struct json_node *message)
{
    struct content content = {.blocks = json_get(doc, message, SLICE("content"))};
    content.n_others = json_is(content.blocks, JSON_STRING);
    const struct json_node *block = NULL;
    while (json_is(content.blocks, JSON_ARRAY) && json_next_element(doc, content.blocks, &block)) {
        bool is_seal = is_sealed(doc, block);
        content.n_sealed += is_seal;
        content.n_others += !is_seal;
        content.has_call = content.has_call || is_of_type(doc, block, SLICE("tool_use"));
    }
    return content;
}

static void strip_message(struct json_splice *splice, const struct json_node *messages, const struct json_node *message,
                          const struct content *content)
{
    const struct json_node *block = NULL;
    if (content->n_others == 0) {
        json_splice_remove_element(splice, messages, message);
        return;
    }
    while (json_next_element(splice->doc, content->blocks, &block)) {
        if (is_sealed(splice->doc, block)) {
            json_splice_remove_element(splice, content->blocks, block);
        }
    }
}

static void drop_clearing(struct json_splice *splice)
{
    const struct json_doc *doc = splice->doc;
    const struct json_node *management = json_get(doc, json_root(doc), SLICE("context_management"));
    const struct json_node *edits = json_get(doc, management, SLICE("edits"));
    const struct json_node *edit = NULL;
    while (json_is(edits, JSON_ARRAY) && json_next_element(doc, edits, &edit)) {
        struct slice type = json_escaped(doc, json_get(doc, edit, SLICE("type")));
        if (slice_starts_with(type, SLICE("clear_thinking"))) {
            json_splice_remove_element(splice, edits, edit);
        }
    }
}

static void switch_off(struct json_splice *splice)
{
    const struct json_node *root = json_root(splice->doc);
    const struct json_node *thinking = json_get(splice->doc, root, SLICE("thinking"));
    if (is_of_type(splice->doc, thinking, SLICE("enabled"))) {
        json_splice_set(splice, root, SLICE("thinking"), SLICE("{\"type\":\"disabled\"}"));
        drop_clearing(splice);
    }
}

static bool is_anything_left(const struct json_doc *doc, const struct json_node *messages)
{
    const struct json_node *message = NULL;
    while (json_next_element(doc, messages, &message)) {
        struct content content = look_at(doc, message);
        if (content.n_others || !content.n_sealed) {
            return true;
        }
    }
    return false;
}

static size_t strip(struct json_splice *splice)
{
    const struct json_doc *doc = splice->doc;
    const struct json_node *messages = json_get(doc, json_root(doc), SLICE("messages"));
    const struct json_node *message = NULL;
    size_t n = 0;
    bool goes_on = false; // after a tool
    if (!json_is(messages, JSON_ARRAY) || !is_anything_left(doc, messages)) {
        return 0;
    }
    while (json_next_element(doc, messages, &message)) {
        struct content content = look_at(doc, message);
        if (content.n_sealed) {
            strip_message(splice, messages, message, &content);
            n += content.n_sealed;
        }
        if (content.n_others && json_string_is(doc, json_get(doc, message, SLICE("role")), SLICE("assistant"))) {
            goes_on = content.has_call;
        }
    }
    if (n && goes_on) {
        switch_off(splice);
    }
    return n;
}

const struct kinship_grammar anthropic_kinship = {
    .id_object = SLICE_INIT("metadata"),
    .ids = {SLICE_INIT("user_id")},
    .system = {SLICE_INIT("system")},
    .messages = SLICE_INIT("messages"),
    .content = SLICE_INIT("content"),
    .seal = {SLICE_INIT("\"signature\""), {3, 7}},
    .sealed_type = {SLICE_INIT("\"redacted_thinking\""), {9, 14}},
    .strip = strip,
};
