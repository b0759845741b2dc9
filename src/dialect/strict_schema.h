// SPDX-License-Identifier: MIT
// The subset of JSON Schema that OpenAI takes with "strict": true. Every object closes itself (additionalProperties
// false) and requires all of its properties; what a constrained decoder cannot follow is not there at all. A request
// that claims to be strict with another schema is refused by the provider.
#pragma once

#include <stdbool.h>

#include "json/json_reader.h"

// False also where that is too hard to say: a schema nested very deeply, or an object with very many properties.
bool strict_schema_fits(const struct json_doc *doc, const struct json_node *schema);
