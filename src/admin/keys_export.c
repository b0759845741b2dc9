// SPDX-License-Identifier: MIT
// The keys themselves, as a file: one on each line, or as JSON that POST /admin/keys/batch does not take but people and
// programs read.
#include "admin/change.h"
#include "admin/key_facts.h"
#include "admin/key_filter.h"
#include "admin/key_walk.h"
#include "admin/reply.h"
#include "base/clock.h"

static void write_line(struct key_walk *walk, const struct key_record *record, struct buf *out)
{
    (void)walk;
    buf_append(out, record->secret);
    buf_append_char(out, '\n');
}

static void write_object(struct key_walk *walk, const struct key_record *record, struct buf *out)
{
    const struct key_table *table = walk->x->admin->options.table;
    struct json_writer w;
    buf_append(out, walk->n_written ? SLICE(",\n") : SLICE("\n"));
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_member_string(&w, SLICE("id"), record->id);
    json_member_string(&w, SLICE("key"), record->secret);
    json_member_string(&w, SLICE("provider"), record->provider);
    json_member_string(&w, SLICE("poolGroup"), key_facts_group(admin_store(walk->x), record));
    json_member_string(&w, SLICE("status"), key_facts_status_name(key_facts_status(table, record)));
    json_member_string(&w, SLICE("notes"), record->notes);
    reply_member_time(&w, SLICE("created_at"), record->created_ms);
    json_end_object(&w);
}

// "keys_active_2026-01-02.txt"
static struct slice file_name(struct admin_exchange *x, const struct key_filter *filter, bool is_json)
{
    char now[CLOCK_ISO8601_SIZE];
    clock_format_iso8601(now, clock_wall_ms());
    struct slice status =
        filter->status == KEY_FILTER_ANY_STATUS ? SLICE("all") : key_facts_status_name((enum key_status)filter->status);
    return arena_printf(admin_arena(x), "keys_%.*s_%.10s.%s", SLICE_ARG(status), now, is_json ? "json" : "txt");
}

static void start(struct admin_exchange *x, const struct key_filter *filter, bool is_json)
{
    struct key_walk *walk = arena_zalloc(admin_arena(x), sizeof(*walk));
    struct buf headers = BUF_EMPTY;
    struct slice name = file_name(x, filter, is_json);
    walk->ids = key_walk_choose(x, filter, &walk->n_ids);
    walk->write = is_json ? write_object : write_line;
    walk->head = is_json ? SLICE("{\"keys\":[") : SLICE_EMPTY;
    walk->tail = is_json ? SLICE("\n]}\n") : SLICE_EMPTY;
    reply_write_headers(&headers, x->request_id,
                        is_json ? SLICE("application/json") : SLICE("text/plain; charset=utf-8"));
    buf_printf(&headers, "content-disposition: attachment; filename=\"%.*s\"\r\n", SLICE_ARG(name));
    change_audit(x, arena_printf(admin_arena(x), "exported %zu keys as %.*s", walk->n_ids, SLICE_ARG(name)), "begun");
    struct slice lines = arena_dup(admin_arena(x), buf_slice(&headers));
    buf_deinit(&headers);
    key_walk_start(x, walk, lines);
}

static const struct shape_member members[] = {
    {KEY_FILTER_STATUS},
    {KEY_FILTER_GROUP},
    {KEY_FILTER_PROVIDER},
    {"format", SHAPE_TEXT, .values = "txt json", .help = "One key on each line (the default), or JSON"},
    {.name = NULL},
};
const struct shape keys_export_query = {.members = members};

void keys_export(struct admin_exchange *x)
{
    struct query_reader query = query_read(x);
    struct key_filter filter = key_filter_read(&query);
    start(x, &filter, slice_eq(query_text(&query, SLICE("format")), SLICE("json")));
}
