// SPDX-License-Identifier: MIT
// What a setting may be: the rules by which a text of the environment or a JSON value becomes a field of a struct, and
// how a value and a rule are described in an error line (secrets masked).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "json/json_reader.h"

enum value_type {
    VALUE_BOOL,        // bool; as text true/false/1/0/yes/no/on/off in any case
    VALUE_U16,         // uint16_t, min…max
    VALUE_U32,         // uint32_t, min…max
    VALUE_U64,         // uint64_t, min…max
    VALUE_I32,         // int32_t, min…max
    VALUE_CHOICE,      // an enum: the index in choices
    VALUE_SWITCH,      // bool: the index in choices, of which there are two; in JSON also true or false
    VALUE_RATIO,       // double, 0…1
    VALUE_TEXT,        // struct slice: anything
    VALUE_LINE,        // struct slice: no control characters
    VALUE_URL,         // struct slice: like a line; shown without what may be secret in it
    VALUE_WEB_URL,     // struct slice: an http or https URL without credentials and query; without its trailing "/"
    VALUE_PATH,        // struct slice: a path without its trailing "/"
    VALUE_ADDRESS,     // struct slice: an IPv4 or IPv6 address
    VALUE_SECRET,      // struct slice: no control characters; shown masked
    VALUE_SECRET_LIST, // struct slice: secrets separated by commas, at least one; shown masked
    VALUE_CIDR_LIST,   // struct cidr_list: at least one
};

struct value_rule {
    enum value_type type;
    int64_t min;
    int64_t max;
    const char *const *choices; // ends with NULL
};

enum { VALUE_MAX_SIZE = 16 }; // of the fields above

// Each writes the field (strings are copied to the arena) and returns true, or returns false and leaves it alone.
// An empty JSON string leaves the field of a textual rule alone and is no error: it counts as not given.
bool value_from_text(const struct value_rule *rule, struct slice text, struct arena *arena, void *field_r);
bool value_from_json(const struct value_rule *rule, const struct json_doc *doc, const struct json_node *node,
                     struct arena *arena, void *field_r);

// For "it may be …": "true or false", "a whole number from 0 to 10", "a, b or c".
void value_describe_rule(const struct value_rule *rule, struct buf *out);

// For "X is …": quoted, masked where the rule is a secret's, cut when it is long.
void value_describe_text(const struct value_rule *rule, struct slice text, struct buf *out);
void value_describe_json(const struct value_rule *rule, const struct json_doc *doc, const struct json_node *node,
                         struct buf *out);
