// SPDX-License-Identifier: MIT
// Faults as an Anthropic client reads them.
#include "dialect/anthropic/anthropic.h"

void anthropic_write_error(struct json_writer *w, const struct fault_report *report)
{
    json_begin_object(w);
    json_member_string(w, SLICE("type"), SLICE("error"));
    json_key(w, SLICE("error"));
    json_begin_object(w);
    fault_write_member(w, SLICE("type"), report->info->anthropic_type);
    json_member_string(w, SLICE("message"), report->message);
    json_end_object(w);
    if (report->request_id.len) {
        json_member_string(w, SLICE("request_id"), report->request_id);
    } else {
        fault_write_member(w, SLICE("request_id"), NULL);
    }
    json_end_object(w);
}

void anthropic_write_error_event(struct buf *out, const struct fault_report *report)
{
    struct json_writer w;
    buf_append(out, SLICE("event: error\ndata: "));
    json_writer_init(&w, out);
    anthropic_write_error(&w, report);
    buf_append(out, SLICE("\n\n"));
}
