// SPDX-License-Identifier: MIT
// Parameters of a query, with errors that name them: see body.h, which this works like.
#pragma once

#include "admin/admin_internal.h"
#include "keys/key_table.h"

struct query_reader {
    struct slice query;   // borrowed
    struct arena *arena;  // borrowed
    struct slice problem; // empty: none so far
};
struct query_reader query_read(struct admin_exchange *x);
bool query_is_good(struct admin_exchange *x, const struct query_reader *reader);

// ptr NULL: not given, or empty.
struct slice query_text(struct query_reader *reader, struct slice name);
uint32_t query_number(struct query_reader *reader, struct slice name, uint32_t min, uint32_t max, uint32_t fallback);
bool query_bool(struct query_reader *reader, struct slice name);
void query_problem(struct query_reader *reader, struct slice problem); // the first one stays; borrowed: arena

// A choice of keys, as several routes take it: status, poolGroup, provider.
enum { ANY_STATUS = -1 };
struct key_filter {
    int status;            // enum key_status, or ANY_STATUS
    struct slice group;    // ptr NULL: any
    struct slice provider; // ptr NULL: any
};
struct key_filter query_key_filter(struct query_reader *reader);
// False: it is none of "all", "active", "disabled" and "banned".
bool key_filter_status(struct slice name, int *status_r);
bool key_filter_takes(const struct key_filter *filter, struct admin *admin, const struct key_record *record);
