// SPDX-License-Identifier: MIT
// What encoders of requests have in common.
#include "dialect/dialect_internal.h"
#include "dialect/gemini_schema.h"
#include "dialect/strict_schema.h"

bool encoding_is_of_openai(const struct encoding *encoding)
{
    return encoding->req->origin == DIALECT_CHAT || encoding->req->origin == DIALECT_RESPONSES;
}

void encoding_write_node(const struct encoding *encoding, struct json_writer *w, struct slice name,
                         const struct json_node *node)
{
    if (node) {
        json_key(w, name);
        json_write_raw(w, json_raw(encoding->req->doc, node));
    }
}

void encoding_write_schema(const struct encoding *encoding, struct json_writer *w, const struct json_node *schema,
                           bool is_openapi)
{
    if (is_openapi) {
        gemini_schema_write_json_schema(encoding->req->doc, schema, w);
    } else {
        json_write_raw(w, json_raw(encoding->req->doc, schema));
    }
}

enum tri encoding_format_strictness(const struct encoding *encoding)
{
    const struct answer_format *format = &encoding->req->format;
    if (format->strict != TRI_UNSET || encoding_is_of_openai(encoding)) {
        return format->strict;
    }
    bool fits = !format->is_openapi && strict_schema_fits(encoding->req->doc, format->schema);
    return fits ? TRI_TRUE : TRI_FALSE;
}
