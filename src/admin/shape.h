// SPDX-License-Identifier: MIT
// What a body or a query may be, as a table: checked before a handler sees a request, and told in the OpenAPI document.
// A handler may rely on what its table says. Members that no table names are ignored. Of several members of one name
// in a body the last one counts, of several parameters the first one; a parameter that is empty counts as not given.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "json/json_writer.h"

struct admin_exchange;

enum shape_type {
    SHAPE_TEXT,    // min and max: characters
    SHAPE_INTEGER, // min and max: values
    SHAPE_NUMBER,
    SHAPE_BOOL,
    SHAPE_TIME,         // ISO 8601, or milliseconds since 1970
    SHAPE_OBJECT,       // `members` may say of what; bodies only
    SHAPE_LIST,         // of `items`; min and max: how many; bodies only
    SHAPE_TEXT_OR_LIST, // bodies only
    SHAPE_ANY,
};

struct shape_member {
    const char *name; // NULL ends the table
    enum shape_type type;
    bool is_required;
    bool may_be_null;
    bool is_secret;                     // no error shows what was given
    bool is_above_min;                  // min itself is too little
    double min;                         // 0: no lower limit, unless there is an upper one
    double max;                         // 0: no upper limit
    const char *values;                 // of a text: "active disabled", the only ones there are; NULL: any
    const char *pattern;                // for the document only: the handler, or `check`, looks
    const struct shape_member *members; // of an object, or of the objects in a list
    enum shape_type items;              // of a list
    const char *help;
    // What the table cannot say of a text (decoded) or another value (as it came). A problem (arena of the exchange)
    // names the member and what it may be; empty: none.
    struct slice (*check)(struct admin_exchange *x, struct slice value);
};

struct shape {
    const struct shape_member *members; // NULL: any object
    // Of a body whose rules stand elsewhere, where its handler has them checked; NULL: `members` is all there is.
    void (*write_schema)(struct json_writer *w);
};

// What is wrong with the body (x->doc) or the query (x->query): the first member that is no good, what it was
// (shortened) and what it may be. Empty: nothing. In the arena of the exchange.
struct slice shape_body_problem(struct admin_exchange *x, const struct shape *shape);
struct slice shape_query_problem(struct admin_exchange *x, const struct shape *shape);

// The same; false: something is wrong, which has been answered with 400.
bool shape_check_body(struct admin_exchange *x, const struct shape *shape);
bool shape_check_query(struct admin_exchange *x, const struct shape *shape);

// Which of `values` ("active disabled") this is; -1: none.
int shape_find_value(const char *values, struct slice text);

// Its JSON schema (OpenAPI 3.1), and the parameters of a query, as an array that is begun already.
void shape_write_schema(struct json_writer *w, const struct shape *shape);
void shape_write_parameters(struct json_writer *w, const struct shape *shape);
