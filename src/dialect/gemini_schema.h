// SPDX-License-Identifier: MIT
// Gemini's own kind of schema, a subset of OpenAPI's (types in upper case, `nullable`), as JSON Schema. The tools and
// formats of a request that has such a schema say so (is_openapi).
#pragma once

#include "json/json_reader.h"
#include "json/json_writer.h"

// Levels of schemas within schemas; each takes two levels of the writer. What is nested deeper may be anything.
enum { GEMINI_SCHEMA_DEPTH_MAX = 20 };

// Writes one value. What is no object allows anything: {}.
void gemini_schema_write_json_schema(const struct json_doc *doc, const struct json_node *schema, struct json_writer *w);
