// SPDX-License-Identifier: MIT
// Edits on a JSON text without serialising it again: every byte outside an edit stays as it came. The result is a list
// of slices, untouched pieces of the text and new values in turn, ready for a gathered write.
#pragma once

#include <stddef.h>

#include "base/arena.h"
#include "json/json_reader.h"

struct json_edit;

struct json_splice {
    const struct json_doc *doc; // borrowed
    struct arena *arena;        // borrowed
    struct json_edit *_edits;   // arena; in the order of their place in the text
    size_t _n_edits;
};

void json_splice_init(struct json_splice *splice, struct arena *arena, const struct json_doc *doc);

// New texts (`raw`, whole JSON values) are borrowed until the result has been used. Two edits may not overlap:
// replacing something inside a value that is itself replaced is an error of the caller (asserted).

// Replaces a value (not a key).
void json_splice_replace(struct json_splice *splice, const struct json_node *node, struct slice raw);

// Sets the member `name` of an object: replaces the value of the one that json_get() finds, else inserts it as the last
// member. Several inserts into one object keep their order. `name` is plain text.
void json_splice_set(struct json_splice *splice, const struct json_node *object, struct slice name, struct slice raw);

// Removes all members with that name, with the comma and white space that belong to them; nothing when there is none.
// Inserting into and removing from one object together is allowed, also when nothing else is left.
void json_splice_remove(struct json_splice *splice, const struct json_node *object, struct slice name);

// Inserts a value as the first element of an array.
void json_splice_prepend(struct json_splice *splice, const struct json_node *array, struct slice raw);

// Inserts text just behind a string's opening quote; `escaped` is escaped already.
void json_splice_prefix_string(struct json_splice *splice, const struct json_node *string, struct slice escaped);

// The result as slices in the arena; the number of slices through *n_r, all bytes together through *len_r.
struct slice *json_splice_result(struct json_splice *splice, size_t *n_r, size_t *len_r);
