// SPDX-License-Identifier: MIT
// Numbers and times in JSON as various programs write them.
#pragma once

#include "json/json_reader.h"

// Milliseconds since 1970: from a number of them, from a number that can only be seconds, or from a text with either or
// with an ISO 8601 time. 0 for anything else, and for NULL.
int64_t json_time_ms(const struct json_doc *doc, const struct json_node *node);

// A number, or a text that is one; whole or cut off. False for anything else.
bool json_loose_int(const struct json_doc *doc, const struct json_node *node, int64_t *value_r);
bool json_loose_double(const struct json_doc *doc, const struct json_node *node, double *value_r);
