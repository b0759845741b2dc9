// SPDX-License-Identifier: MIT
// Members of Gemini's objects, in either spelling that Google takes: lowerCamelCase and snake_case.
#pragma once

#include <stdbool.h>

#include "base/slice.h"
#include "json/json_reader.h"

// Is this how `camel` may be spelled?
bool gemini_name_is(struct slice name, struct slice camel);
// The member with that name, of several the last one. NULL when it is absent or null, or `object` is NULL or no object.
const struct json_node *gemini_member(const struct json_doc *doc, const struct json_node *object, struct slice camel);
