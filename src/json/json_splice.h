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
    struct json_edit *_edits;   // arena; in the order of the calls
    size_t _n_edits;
    size_t _cap;
};

void json_splice_init(struct json_splice *splice, struct arena *arena, const struct json_doc *doc);

// New texts (`raw`, whole JSON values) and names are borrowed until the result has been used. All edits speak of the
// text as it was parsed, so their order matters little:
//   - of two that give one value or member a new text, the later counts;
//   - what is edited inside a removed member or element goes with it;
//   - a member that is both removed and set, in whichever order, is set and stands at the end;
//   - other edits may not overlap: replacing something inside a value that is itself replaced is an error of the caller
//     (asserted).
// Objects whose members are not on the tape (is_unrecorded) cannot be edited (asserted).

// Replaces a value (not a key).
void json_splice_replace(struct json_splice *splice, const struct json_node *node, struct slice raw);

// Sets the member `name` of an object: replaces the value of the one that json_get() finds, else inserts it as the last
// member. Several inserts into one object keep their order. `name` is plain text.
void json_splice_set(struct json_splice *splice, const struct json_node *object, struct slice name, struct slice raw);

// Removes all members with that name, with the comma and white space that belong to them; nothing when there is none,
// or when `object` is NULL or no object. Inserting into and removing from one object together is allowed, also when
// nothing else is left.
void json_splice_remove(struct json_splice *splice, const struct json_node *object, struct slice name);

// Inserts a value before the first element of an array. Several keep their order.
void json_splice_prepend(struct json_splice *splice, const struct json_node *array, struct slice raw);

// Removes an element of this array, with the comma and white space that belong to it.
void json_splice_remove_element(struct json_splice *splice, const struct json_node *array,
                                const struct json_node *element);

// Inserts text just behind a string's opening quote; `escaped` is escaped already. Several keep their order.
void json_splice_prefix_string(struct json_splice *splice, const struct json_node *string, struct slice escaped);

// The result as slices in the arena, none of them empty; the number of slices through *n_r, all bytes together through
// *len_r.
struct slice *json_splice_result(struct json_splice *splice, size_t *n_r, size_t *len_r);
