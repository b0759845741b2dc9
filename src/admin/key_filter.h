// SPDX-License-Identifier: MIT
// A choice of keys, as several routes take it: by status, group and provider.
#pragma once

#include "admin/query.h"
#include "admin/shape.h"

enum { KEY_FILTER_ANY_STATUS = -1 };
struct key_filter {
    int status;            // enum key_status, or KEY_FILTER_ANY_STATUS
    struct slice group;    // ptr NULL: any
    struct slice provider; // ptr NULL: any
};
extern const struct key_filter key_filter_all;

// Their rows in a shape.
#define KEY_FILTER_STATUSES "all active disabled banned"
#define KEY_FILTER_STATUS "status", SHAPE_TEXT, .values = KEY_FILTER_STATUSES, .help = "Only keys of this status"
#define KEY_FILTER_GROUP "poolGroup", SHAPE_TEXT, .help = "Only keys of this pool group"
#define KEY_FILTER_PROVIDER "provider", SHAPE_TEXT, .help = "Only keys of this provider"

struct key_filter key_filter_read(struct query_reader *query);
// The one of KEY_FILTER_STATUSES that this is; any when it is none.
int key_filter_read_status(struct slice name);
bool key_filter_takes(const struct key_filter *filter, const struct admin *admin, const struct key_record *record);
