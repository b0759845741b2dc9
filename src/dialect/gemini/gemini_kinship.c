// SPDX-License-Identifier: MIT
// What belongs to one account in Google's dialect. Signatures go; a call gets Google's word for one that cannot be had,
// since newer models refuse calls without any. A part that was only there to carry a signature goes whole: neither a
// part without data nor a content without parts is taken.
#include "dialect/gemini/gemini.h"

#define N_OF(array) (sizeof(array) / sizeof(*(array)))

static const struct slice SIGNATURES[] = {SLICE_INIT("thoughtSignature"), SLICE_INIT("thought_signature")};

static bool is_signed(const struct json_doc *doc, const struct json_node *part)
{
    return json_get(doc, part, SIGNATURES[0]) || json_get(doc, part, SIGNATURES[1]);
}

static bool is_call(const struct json_doc *doc, const struct json_node *part)
{
    return json_get(doc, part, SLICE("functionCall")) || json_get(doc, part, SLICE("function_call"));
}

// Has it anything but its signature?
static bool has_data(const struct json_doc *doc, const struct json_node *part)
{
    const struct json_node *key;
    const struct json_node *value = NULL;
    while (json_next_member(doc, part, &key, &value)) {
        struct slice name = json_escaped(doc, key);
        bool is_empty = value->type == JSON_NULL || (value->type == JSON_STRING && json_escaped(doc, value).len == 0);
        if (!slice_eq(name, SIGNATURES[0]) && !slice_eq(name, SIGNATURES[1]) && !slice_eq(name, SLICE("thought")) &&
            !is_empty) {
            return true;
        }
    }
    return false;
}

static bool is_carrier(const struct json_doc *doc, const struct json_node *part)
{
    return is_signed(doc, part) && !has_data(doc, part);
}

static void strip_part(struct json_splice *splice, const struct json_node *parts, const struct json_node *part)
{
    const struct json_doc *doc = splice->doc;
    if (is_carrier(doc, part)) {
        json_splice_remove_element(splice, parts, part);
        return;
    }
    for (size_t i = 0; i < N_OF(SIGNATURES); i++) {
        if (!json_get(doc, part, SIGNATURES[i])) {
            continue;
        }
        if (is_call(doc, part)) {
            json_splice_set(splice, part, SIGNATURES[i], SLICE("\"" GEMINI_SKIP_SIGNATURE "\""));
        } else {
            json_splice_remove(splice, part, SIGNATURES[i]);
        }
    }
}

static size_t n_signed(const struct json_doc *doc, const struct json_node *parts, bool *is_emptied_r)
{
    const struct json_node *part = NULL;
    size_t n = 0;
    size_t n_left = 0;
    while (json_is(parts, JSON_ARRAY) && json_next_element(doc, parts, &part)) {
        n += is_signed(doc, part);
        n_left += !is_carrier(doc, part);
    }
    *is_emptied_r = n && n_left == 0;
    return n;
}

static bool is_anything_left(const struct json_doc *doc, const struct json_node *contents)
{
    const struct json_node *content = NULL;
    bool is_emptied;
    while (json_next_element(doc, contents, &content)) {
        n_signed(doc, json_get(doc, content, SLICE("parts")), &is_emptied);
        if (!is_emptied) {
            return true;
        }
    }
    return false;
}

static size_t strip(struct json_splice *splice)
{
    const struct json_doc *doc = splice->doc;
    const struct json_node *contents = json_get(doc, json_root(doc), SLICE("contents"));
    const struct json_node *content = NULL;
    size_t n = 0;
    if (!json_is(contents, JSON_ARRAY) || !is_anything_left(doc, contents)) {
        return 0;
    }
    while (json_next_element(doc, contents, &content)) {
        const struct json_node *parts = json_get(doc, content, SLICE("parts"));
        const struct json_node *part = NULL;
        bool is_emptied;
        n += n_signed(doc, parts, &is_emptied);
        if (is_emptied) {
            json_splice_remove_element(splice, contents, content);
            continue;
        }
        while (json_is(parts, JSON_ARRAY) && json_next_element(doc, parts, &part)) {
            strip_part(splice, parts, part);
        }
    }
    return n;
}

const struct kinship_grammar gemini_kinship = {
    .system = {SLICE_INIT("systemInstruction"), SLICE_INIT("system_instruction")},
    .messages = SLICE_INIT("contents"),
    .content = SLICE_INIT("parts"),
    .may_lack_role = true,
    .seal = {SLICE_INIT("ignature\""), {1, 5}}, // of "thoughtSignature" and "thought_signature"
    .strip = strip,
};
