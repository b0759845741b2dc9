// SPDX-License-Identifier: MIT
// Which entries of the live log somebody wants, and how one of them is told.
#pragma once

#include "admin/live_log.h"
#include "admin/query.h"
#include "json/json_writer.h"

struct log_filter {
    enum log_level level; // that one and above
    struct slice keyword; // in area or text, ASCII case ignored; empty: any. Borrowed
};
struct log_filter log_filter_read(struct query_reader *query); // `level` and `keyword`; arena of the query
bool log_filter_passes(const struct log_filter *filter, const struct live_log_entry *entry);

// The number from which on there are `limit` entries that pass, or all there are, before the number `before`.
uint64_t log_filter_start(const struct log_filter *filter, const struct live_log *log, uint64_t before, size_t limit);

// {number, time, level, area, message}
void log_filter_write(struct json_writer *w, const struct live_log_entry *entry);

// The largest number that every JSON reader takes as it is.
#define LOG_FILTER_NUMBER_MAX 9007199254740991
// A parameter that is the number of an entry. False: not given, or wrong.
bool log_filter_read_number(struct query_reader *query, struct slice name, uint64_t *number_r);
