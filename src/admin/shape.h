// SPDX-License-Identifier: MIT
// What a body or a query may be, as a table: checked before a handler sees a request, and told in the OpenAPI document.
// Members that no table names are ignored.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "json/json_writer.h"

struct admin_exchange;

enum shape_type {
    SHAPE_TEXT,    // min and max: characters; 0 and 0: any
    SHAPE_INTEGER, // min and max: values; 0 and 0: any
    SHAPE_NUMBER,
    SHAPE_BOOL,
    SHAPE_TIME,   // ISO 8601, or milliseconds since 1970
    SHAPE_OBJECT, // `members` may say of what
    SHAPE_LIST,   // of `items`; min and max: how many
    SHAPE_TEXT_OR_LIST,
    SHAPE_ANY,
};

struct shape;

struct shape_member {
    const char *name; // NULL ends the table
    enum shape_type type;
    bool is_required;
    bool may_be_null;
    double min;
    double max;
    const char *values;          // of a text: "active disabled", the only ones there are; NULL: any
    const char *pattern;         // for the document only: the handler, or `check`, looks
    const struct shape *members; // of an object, or of the objects in a list
    enum shape_type items;       // of a list
    const char *help;
    // What the table cannot say. A problem (arena of the exchange) names the member and what it may be; empty: none.
    struct slice (*check)(struct admin_exchange *x, struct slice value);
};

struct shape {
    const struct shape_member *members;
};

// The body (x->doc) or the query (x->query) against its table. False: something is wrong, which has been answered (400;
// 422 where the value has the right type and is no good).
bool shape_check_body(struct admin_exchange *x, const struct shape *shape);
bool shape_check_query(struct admin_exchange *x, const struct shape *shape);
// Its JSON schema (OpenAPI 3.1), and the parameters of a query, as an array.
void shape_write_schema(struct json_writer *w, const struct shape *shape);
void shape_write_parameters(struct json_writer *w, const struct shape *shape);
