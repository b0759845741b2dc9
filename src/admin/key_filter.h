// SPDX-License-Identifier: MIT
// A choice of keys, as several routes take it: by status, group and provider.
#pragma once

#include "admin/query.h"

enum { KEY_FILTER_ANY_STATUS = -1 };
struct key_filter {
    int status;            // enum key_status, or KEY_FILTER_ANY_STATUS
    struct slice group;    // ptr NULL: any
    struct slice provider; // ptr NULL: any
};
extern const struct key_filter key_filter_all;

struct key_filter key_filter_read(struct query_reader *query);
// False: it is none of "all", "active", "disabled" and "banned".
bool key_filter_read_status(struct slice name, int *status_r);
bool key_filter_takes(const struct key_filter *filter, const struct admin *admin, const struct key_record *record);
