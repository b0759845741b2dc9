// SPDX-License-Identifier: MIT
// Values of a JSON file together with where they stand ("models[3].reasoning"), so that reading them can say what is
// wrong and where. A member that is null counts as absent.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "config/issues.h"
#include "config/value.h"
#include "json/json_reader.h"

struct json_file {
    struct slice label; // its path, for messages; empty: they name no line of it
    struct json_doc doc;
    struct arena *arena;   // borrowed: what lives while reading (paths)
    struct arena *strings; // borrowed: what outlives it
    struct issues *issues; // borrowed
};

struct json_place {
    const struct json_file *file;
    const struct json_node *node;
    struct slice path; // empty at the root
};

struct json_place json_place_root(const struct json_file *file);

// Children. place_member is false when the object has no such member; place_next_* walk (start with child->node NULL).
bool json_place_member(const struct json_place *object, struct slice name, struct json_place *member_r);
bool json_place_next_member(const struct json_place *object, struct slice *name, struct json_place *child);
bool json_place_next_element(const struct json_place *array, size_t *index, struct json_place *child);

size_t json_place_count(const struct json_place *container); // elements of an array, members of an object

// Is the value of that type? Otherwise an error that it may be `expected` ("an array of objects").
bool json_place_expect(const struct json_place *place, enum json_type type, const char *expected);

// Reads the value into a field by its rule; otherwise an error. False when there was an error.
bool json_place_read(const struct json_place *place, const struct value_rule *rule, void *field_r);

// "FILE:LINE:COLUMN: PATH is VALUE; " and the message, or "FILE:LINE:COLUMN: PATH " and the message.
void json_place_error_value(const struct json_place *place, const struct value_rule *rule, struct slice message);
void json_place_error(const struct json_place *place, const char *format, ...) __attribute__((format(printf, 2, 3)));
void json_place_warn(const struct json_place *place, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Warnings about members that nothing reads.
void json_place_warn_unknown(const struct json_place *member);
void json_place_warn_unsupported(const struct json_place *member);

// A table of an object's members. One that is `by_hand` is read by other code, one that is `is_later` by no code yet.
struct member_rule {
    const char *name;
    struct value_rule rule;
    size_t field; // offset in the record
    bool is_required;
    bool is_by_hand;
    bool is_later;
};

// Reads the members of an object into a record; wrong, missing and unknown ones become issues.
void json_place_read_members(const struct json_place *object, const struct member_rule *rules, size_t n_rules,
                             void *record);
