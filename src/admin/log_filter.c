// SPDX-License-Identifier: MIT
#include "admin/log_filter.h"

#include "admin/reply.h"

struct log_filter log_filter_read(struct query_reader *query)
{
    struct log_filter filter = {.level = LOG_DEBUG, .keyword = query_text(query, SLICE("keyword"))};
    struct slice level = query_text(query, SLICE("level"));
    if (level.len && (!log_level_from_name(level, &filter.level) || filter.level == LOG_OFF)) {
        query_problem(query, SLICE("'level' must be debug, info, warn or error."));
    }
    return filter;
}

bool log_filter_read_number(struct query_reader *query, struct slice name, uint64_t *number_r)
{
    struct slice text = query_text(query, name);
    uint64_t number = 0;
    if (!text.ptr) {
        return false;
    }
    if (!slice_to_u64(text, &number) || number > LOG_FILTER_NUMBER_MAX) {
        query_problem(query, arena_printf(query->arena, "'%.*s' must be the number of an entry.", SLICE_ARG(name)));
        return false;
    }
    *number_r = number;
    return true;
}

static bool contains_nocase(struct slice text, struct slice part)
{
    for (size_t at = 0; at + part.len <= text.len; at++) {
        if (slice_starts_with_nocase(slice_of(text.ptr + at, text.len - at), part)) {
            return true;
        }
    }
    return false;
}

bool log_filter_passes(const struct log_filter *filter, const struct live_log_entry *entry)
{
    return entry->level >= filter->level &&
           (filter->keyword.len == 0 || contains_nocase(entry->text, filter->keyword) ||
            contains_nocase(entry->area, filter->keyword));
}

uint64_t log_filter_start(const struct log_filter *filter, const struct live_log *log, uint64_t before, size_t limit)
{
    uint64_t end = live_log_newest(log) + 1;
    uint64_t oldest = live_log_oldest(log);
    uint64_t start = before < end ? before : end;
    for (uint64_t number = start; limit && number > oldest;) {
        number--;
        if (log_filter_passes(filter, live_log_entry(log, number))) {
            start = number;
            limit--;
        }
    }
    return start;
}

void log_filter_write(struct json_writer *w, const struct live_log_entry *entry)
{
    json_begin_object(w);
    json_member_int(w, SLICE("number"), (int64_t)entry->number);
    reply_member_time(w, SLICE("time"), entry->wall_ms);
    json_member_string(w, SLICE("level"), slice_from_cstr(log_level_name(entry->level)));
    json_member_string(w, SLICE("area"), entry->area);
    json_member_string(w, SLICE("message"), entry->text);
    json_end_object(w);
}
