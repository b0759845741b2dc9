// SPDX-License-Identifier: MIT
#include "process/log_line.h"

#include "process/access_members.h"
#include "json/json_writer.h"

void log_stamp_init(struct log_stamp *stamp)
{
    *stamp = (struct log_stamp){._second = -1};
}

void log_stamp_set(struct log_stamp *stamp, int64_t wall_ms)
{
    int64_t second = wall_ms / 1000;
    if (second != stamp->_second) {
        stamp->_second = second;
        clock_format_iso8601(stamp->text, wall_ms);
        daily_file_day(stamp->day, wall_ms);
    }
    int64_t ms = wall_ms % 1000;
    stamp->text[20] = (char)('0' + ms / 100);
    stamp->text[21] = (char)('0' + ms / 10 % 10);
    stamp->text[22] = (char)('0' + ms % 10);
}

static void append_json(struct buf *out, struct slice stamp, const struct log_message *message)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_member_string(&w, SLICE("time"), stamp);
    json_member_string(&w, SLICE("level"), slice_from_cstr(log_level_name(message->level)));
    json_member_string(&w, SLICE("area"), slice_from_cstr(message->area));
    json_member_string(&w, SLICE("message"), message->text);
    if (strcmp(message->area, "access") == 0) {
        access_members_write(&w, message->text);
    }
    json_end_object(&w);
    buf_append_char(out, '\n');
}

static void append_text(struct buf *out, struct slice stamp, const struct log_message *message, bool is_terse)
{
    static const struct slice levels[] = {SLICE_INIT(" DEBUG "), SLICE_INIT(" INFO  "), SLICE_INIT(" WARN  "),
                                          SLICE_INIT(" ERROR "), SLICE_INIT(" ")};
    buf_append(out, is_terse ? slice_of(stamp.ptr + 11, 8) : stamp);
    buf_append(out, levels[message->level]);
    buf_append(out, slice_from_cstr(message->area));
    buf_append_char(out, ' ');
    buf_append(out, is_terse ? slice_of(message->text.ptr, message->short_len) : message->text);
    buf_append_char(out, '\n');
}

void log_line_append(struct buf *out, const struct log_stamp *stamp, const struct log_message *message,
                     enum log_line_form form)
{
    struct slice text = slice_of(stamp->text, CLOCK_ISO8601_SIZE - 1);
    if (form == LOG_LINE_JSON) {
        append_json(out, text, message);
    } else {
        append_text(out, text, message, form == LOG_LINE_TERSE);
    }
}
