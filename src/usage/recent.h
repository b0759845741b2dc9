// SPDX-License-Identifier: MIT
// The last finished requests, in memory, as the records that they came as: for an operator who asks what became of one
// when the database cannot be asked. The oldest are overwritten.
#pragma once

#include "usage/request_record.h"

enum { RECENT_REQUESTS = 1000 };

struct recent;
struct recent *recent_new(size_t n);                         // at least 1
void recent_free(struct recent *recent);                     // accepts NULL
void recent_add(struct recent *recent, struct slice record); // request_record_encode(); copied

// Appends the JSON object of the newest request with that id, with its trail. False: there is none (any more).
bool recent_write_json(const struct recent *recent, struct slice id, struct buf *out);
// Appends a JSON array, the newest first, without trails.
void recent_write_list(const struct recent *recent, const struct request_filter *filter, struct buf *out);
