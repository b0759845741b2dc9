// SPDX-License-Identifier: MIT
// A value that fits a JSON schema, for answers whose form was asked for. Understands what simple schemas have: types,
// properties, items, enum, const, anyOf, references inside of the schema. Pure.
#pragma once

#include "json/json_reader.h"
#include "json/json_writer.h"

// `schema` is a node of `doc`, or NULL: any object.
void sample_write(struct json_writer *w, const struct json_doc *doc, const struct json_node *schema);
