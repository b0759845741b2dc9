// SPDX-License-Identifier: MIT
// Reads the members of a request body, which has the shape of its route by then (shape.h). What only a handler can find
// wrong is remembered, so that it reads all it wants and then asks once whether all was well.
#pragma once

#include "admin/admin_internal.h"

// The body of the exchange as a JSON object; none at all counts as an empty one. False: it is something else, which has
// been answered.
bool body_parse(struct admin_exchange *x);

struct body_reader {
    const struct json_doc *doc; // borrowed
    struct arena *arena;        // borrowed
    struct slice problem;       // empty: none so far
};
struct body_reader body_read(struct admin_exchange *x);
// True: all was well. False: it was not, which has been answered.
bool body_is_good(struct admin_exchange *x, const struct body_reader *reader);

const struct json_node *body_member(const struct body_reader *reader, struct slice name); // NULL: not given
// ptr NULL: not given. A member that is null is an empty text: nothing is to be there.
struct slice body_text(const struct body_reader *reader, struct slice name);
// `nothing`: it is null. `fallback`: not given.
int64_t body_integer(const struct body_reader *reader, struct slice name, int64_t nothing, int64_t fallback);
double body_number(const struct body_reader *reader, struct slice name, double nothing, double fallback);

// For what a handler finds by itself; the first problem stays.
void body_problem(struct body_reader *reader, const char *format, ...) __attribute__((format(printf, 2, 3)));
