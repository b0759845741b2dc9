// SPDX-License-Identifier: MIT
// JSON tape reader (RFC 8259): one pass over a borrowed text makes a flat array of nodes that point into it. Nothing is
// copied or decoded until asked for. Iterative; UTF-8 is validated; a lone surrogate escape is accepted as text.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"

enum json_type {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
};

// Of an object's children, keys and values alternate. 16 bytes.
struct json_node {
    uint32_t start;         // offset of the first byte of the raw text: a string's opening quote, an array's bracket
    uint32_t end;           // behind its last byte
    uint32_t next;          // index of the next node that is not inside this one (the sibling, if there is one)
    uint8_t type;           // enum json_type
    bool has_escapes : 1;   // of a string: it has a backslash, so raw and decoded text differ
    bool is_unrecorded : 1; // an array or object below record_depth: valid, but its children are not on the tape
    uint16_t _names;        // of an object: a bit for each length of a name in it, see json_name_bit()
};

struct json_doc {
    struct slice text;       // borrowed
    struct json_node *nodes; // arena; nodes[0] is the root
    uint32_t n_nodes;
    size_t error_offset; // where the text stops being JSON, after a failure
    const char *error;   // static text: what was wrong ("unexpected character", …); NULL after success
};

struct json_options {
    uint32_t max_depth;    // 0, and at most: JSON_MAX_DEPTH
    uint32_t record_depth; // 0: everything; N: children of arrays and objects nested deeper than N are only validated
    uint32_t max_nodes;    // 0: JSON_MAX_NODES
};

enum { JSON_MAX_DEPTH = 512, JSON_MAX_NODES = 8 * 1024 * 1024 };

// What a failed json_parse() returns.
enum {
    JSON_E_SYNTAX = 1, // not JSON, or not UTF-8
    JSON_E_DEPTH = 2,  // nested deeper than max_depth
    JSON_E_SIZE = 3,   // more nodes than max_nodes, or a text of 4 GiB and more
};

// Parses exactly one value with white space around it. `options` may be NULL. After a failure there are no nodes.
MUST_USE int json_parse(struct json_doc *doc, struct arena *arena, struct slice text,
                        const struct json_options *options);

static inline const struct json_node *json_root(const struct json_doc *doc)
{
    return doc->nodes;
}

// The raw text of a value, quotes and brackets included.
static inline struct slice json_raw(const struct json_doc *doc, const struct json_node *node)
{
    return slice_of(doc->text.ptr + node->start, node->end - node->start);
}

// Most members that are asked for are not there, and most objects have few names: their lengths alone tell many apart.
static inline uint16_t json_name_bit(size_t len)
{
    return (uint16_t)(1U << (len & 15));
}

const struct json_node *json_find_member(const struct json_doc *doc, const struct json_node *object,
                                         struct slice name); // what json_get() does when a length fits

// Member of an object by its decoded name; of several with that name the last one, as most parsers decide. NULL when
// `object` is NULL, is no object, or has no such member: lookups chain without checks.
static inline const struct json_node *json_get(const struct json_doc *doc, const struct json_node *object,
                                               struct slice name)
{
    return object && object->_names & json_name_bit(name.len) ? json_find_member(doc, object, name) : NULL;
}

// The same for a path of names, outermost first.
const struct json_node *json_get_path(const struct json_doc *doc, const struct json_node *object,
                                      const struct slice *names, size_t n_names);

// Walks over the elements of an array or the members of an object (key_r may be NULL). Start with *at = NULL; false at
// the end.
//   const struct json_node *value = NULL; while (json_next_element(doc, array, &value)) …
bool json_next_element(const struct json_doc *doc, const struct json_node *array, const struct json_node **value);
bool json_next_member(const struct json_doc *doc, const struct json_node *object, const struct json_node **key,
                      const struct json_node **value);

static inline bool json_is(const struct json_node *node, enum json_type type)
{
    return node && node->type == type;
}

// A string's characters between the quotes, still escaped.
struct slice json_escaped(const struct json_doc *doc, const struct json_node *string);

// A string decoded: the raw slice where it has no escapes, else a copy in the arena. Lone surrogates become U+FFFD.
// Empty with ptr NULL when `node` is NULL or no string.
struct slice json_string(const struct json_doc *doc, const struct json_node *node, struct arena *arena);

// The same for any escaped text that has been validated: what json_escaped() gives.
struct slice json_unescape(struct slice escaped, struct arena *arena);

// Is this a string that equals `text` once decoded?
bool json_string_is(const struct json_doc *doc, const struct json_node *node, struct slice text);

// A number that is a whole number in the range of the type (1, 1.0 and 1e2 are); false for anything else.
bool json_int64(const struct json_doc *doc, const struct json_node *node, int64_t *value_r);
// The nearest double; false when that is not finite (1e999), or for anything but a number.
bool json_double(const struct json_doc *doc, const struct json_node *node, double *value_r);

// Line and column (both from 1, columns in bytes) of an offset: for error messages about files.
void json_position(struct slice text, size_t offset, size_t *line_r, size_t *column_r);
