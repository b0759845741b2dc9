// SPDX-License-Identifier: MIT
// Reads the members of a request body. The first that is wrong is remembered, so that a handler reads all it wants and
// then asks once whether all was well. Members that nobody asks for are ignored.
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
struct slice body_text(struct body_reader *reader, struct slice name);
struct slice body_required_text(struct body_reader *reader, struct slice name);
// False: not given, or wrong. *value_r is untouched then; null is `nothing`.
bool body_integer(struct body_reader *reader, struct slice name, int64_t min, int64_t max, int64_t nothing,
                  int64_t *value_r);
bool body_number(struct body_reader *reader, struct slice name, double nothing, double *value_r);

// For what a handler finds by itself; the first problem stays.
void body_problem(struct body_reader *reader, const char *format, ...) __attribute__((format(printf, 2, 3)));
