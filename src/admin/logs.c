// SPDX-License-Identifier: MIT
// What the log has in memory: a part of it, figures, and nothing any more.
#include "admin/change.h"
#include "admin/log_feed.h"
#include "admin/reply.h"
#include "admin/shape.h"

enum { HISTORY_DEFAULT = 100 };

static const struct shape_member history_members[] = {
    {"level", SHAPE_TEXT, .values = "debug info warn error", .help = "this level and above"},
    {"keyword", SHAPE_TEXT, .help = "part of the message or of its area; upper and lower case are the same"},
    {"limit", SHAPE_INTEGER, .min = 1, .max = LIVE_LOG_ENTRIES, .help = "how many entries, the newest of them"},
    {"before", SHAPE_INTEGER, .min = 0, .max = LOG_FILTER_NUMBER_MAX, .help = "only entries with a lower number"},
    {.name = NULL},
};
const struct shape logs_history_query = {.members = history_members};

bool logs_are_here(struct admin_exchange *x)
{
    if (!x->admin->options.live_log) {
        reply_fail(x, 503, SLICE("There is no log here: no gateway runs on these data."));
        return false;
    }
    return true;
}

// ---- entries --------------------------------------------------------------------------------------------------------

static void write_entries(struct json_writer *w, const struct live_log *log, const struct log_filter *filter,
                          uint64_t start, uint64_t before)
{
    uint64_t end = before <= live_log_newest(log) ? before : live_log_newest(log) + 1;
    json_begin_array(w);
    for (uint64_t number = start; number < end; number++) {
        const struct live_log_entry *entry = live_log_entry(log, number);
        if (entry && log_filter_passes(filter, entry)) {
            log_filter_write(w, entry);
        }
    }
    json_end_array(w);
}

void logs_history(struct admin_exchange *x)
{
    if (!logs_are_here(x)) {
        return;
    }
    const struct live_log *log = x->admin->options.live_log;
    struct query_reader query = query_read(x);
    struct log_filter filter = log_filter_read(&query);
    uint32_t limit = query_integer(&query, SLICE("limit"), HISTORY_DEFAULT);
    uint64_t before = UINT64_MAX;
    struct reply reply;
    log_filter_read_number(&query, SLICE("before"), &before);
    if (!query_is_good(x, &query)) {
        return;
    }
    reply_begin(&reply);
    write_entries(&reply.w, log, &filter, log_filter_start(&filter, log, before, limit), before);
    reply_send(x, &reply, SLICE_EMPTY);
}

void logs_clear(struct admin_exchange *x)
{
    if (!logs_are_here(x)) {
        return;
    }
    struct live_log *log = x->admin->options.live_log;
    size_t n_kept = live_log_stats(log).n_kept;
    struct reply reply;
    change_audit(x, SLICE("cleared the live log"), "done"); // first, since it is an entry too
    live_log_clear(log);
    reply_begin(&reply);
    json_begin_object(&reply.w);
    json_member_int(&reply.w, SLICE("cleared"), (int64_t)n_kept);
    json_end_object(&reply.w);
    reply_send(x, &reply, SLICE_EMPTY);
}

// ---- figures --------------------------------------------------------------------------------------------------------

static void write_text(struct json_writer *w, struct slice name, const char *text)
{
    if (text) {
        json_member_string(w, name, slice_from_cstr(text));
    } else {
        json_key(w, name);
        json_write_null(w);
    }
}

static void write_file(struct json_writer *w, const struct live_log_file *file)
{
    json_key(w, SLICE("file"));
    json_begin_object(w);
    write_text(w, SLICE("directory"), file->is_wanted ? file->folder : NULL);
    write_text(w, SLICE("path"), file->is_wanted ? file->path : NULL);
    json_member_bool(w, SLICE("is_written"), file->is_written);
    write_text(w, SLICE("problem"), file->problem);
    json_end_object(w);
}

static void write_levels(struct json_writer *w, const struct live_log_stats *stats)
{
    json_key(w, SLICE("by_level"));
    json_begin_object(w);
    for (int level = 0; level < LOG_OFF; level++) {
        json_member_int(w, slice_from_cstr(log_level_name((enum log_level)level)), (int64_t)stats->n_by_level[level]);
    }
    json_end_object(w);
}

void logs_stats(struct admin_exchange *x)
{
    if (!logs_are_here(x)) {
        return;
    }
    struct live_log_stats stats = live_log_stats(x->admin->options.live_log);
    struct live_log_file file = live_log_file(x->admin->options.live_log);
    struct reply reply;
    reply_begin(&reply);
    struct json_writer *w = &reply.w;
    json_begin_object(w);
    json_member_int(w, SLICE("kept"), (int64_t)stats.n_kept);
    json_member_int(w, SLICE("total"), (int64_t)stats.n_all);
    write_levels(w, &stats);
    json_member_int(w, SLICE("watchers"), (int64_t)log_feed_n_readers(x->admin->log_feed));
    json_member_int(w, SLICE("dropped"), (int64_t)file.n_dropped);
    write_file(w, &file);
    json_end_object(w);
    reply_send(x, &reply, SLICE_EMPTY);
}
