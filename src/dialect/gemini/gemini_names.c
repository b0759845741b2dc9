// SPDX-License-Identifier: MIT
#include "dialect/gemini/gemini_names.h"

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

bool gemini_name_is(struct slice name, struct slice camel)
{
    size_t at = 0;
    for (size_t i = 0; i < camel.len; i++, at++) {
        char c = camel.ptr[i];
        if (is_upper(c) && at < name.len && name.ptr[at] == '_') {
            at++;
            c = (char)(c - 'A' + 'a');
        }
        if (at >= name.len || name.ptr[at] != c) {
            return false;
        }
    }
    return at == name.len;
}

const struct json_node *gemini_member(const struct json_doc *doc, const struct json_node *object, struct slice camel)
{
    const struct json_node *found = NULL;
    const struct json_node *key = NULL;
    const struct json_node *value = NULL;
    if (!json_is(object, JSON_OBJECT)) {
        return NULL;
    }
    while (json_next_member(doc, object, &key, &value)) {
        if (gemini_name_is(json_escaped(doc, key), camel)) {
            found = value;
        }
    }
    return json_is(found, JSON_NULL) ? NULL : found;
}
