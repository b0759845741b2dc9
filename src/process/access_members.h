// SPDX-License-Identifier: MIT
// A line of the access log as members of a JSON object, for programs that read logs.
#pragma once

#include "base/slice.h"
#include "json/json_writer.h"

// "POST /v1/messages 200 12.3ms model=m in=5 detail="some words"" → "method":"POST","path":"/v1/messages","status":200,
// "duration_ms":12.3,"model":"m","input_tokens":5,"detail":"some words". What does not look like that is left out.
// Never writes a member twice, nor one named time, level, area or message.
void access_members_write(struct json_writer *w, struct slice line);
