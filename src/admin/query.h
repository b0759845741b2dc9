// SPDX-License-Identifier: MIT
// Parameters of a query: see body.h, which this works like.
#pragma once

#include "admin/admin_internal.h"

struct query_reader {
    struct slice query;   // borrowed
    struct arena *arena;  // borrowed
    struct slice problem; // empty: none so far
};
struct query_reader query_read(struct admin_exchange *x);
bool query_is_good(struct admin_exchange *x, const struct query_reader *reader);

// ptr NULL: not given, or empty.
struct slice query_text(struct query_reader *reader, struct slice name);
// A whole number that its shape has checked.
uint32_t query_integer(struct query_reader *reader, struct slice name, uint32_t fallback);
// Milliseconds since 1970, of a time that its shape has checked; 0: not given.
int64_t query_time(struct query_reader *reader, struct slice name);
bool query_bool(struct query_reader *reader, struct slice name);
void query_problem(struct query_reader *reader, struct slice problem); // the first one stays; borrowed: arena
