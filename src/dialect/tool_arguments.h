// SPDX-License-Identifier: MIT
// The arguments of a call in the two forms that dialects have: a string that holds JSON, and a JSON object.
#pragma once

#include "dialect/neutral.h"
#include "json/json_writer.h"

// As a string: byte for byte what the model wrote. Nothing written becomes "{}" (of a custom tool: stays nothing).
void arguments_write_string(struct json_writer *w, const struct call *call);
// As an object. A value that is none is put into {"value": …}, text that is no JSON into {"_raw": "…"}; a custom tool's
// input into {"input": "…"}. False when it was one of the first two. `scratch` may be reset afterwards.
bool arguments_write_object(struct json_writer *w, const struct call *call, struct arena *scratch);
// Escaped text of a whole call to its object; the same rules.
bool arguments_object_of(struct slice escaped, struct arena *arena, struct slice *raw_r);
