// SPDX-License-Identifier: MIT
// Faults as a Gemini client reads them.
#include "dialect/gemini/gemini.h"

void gemini_write_error(struct json_writer *w, const struct fault_report *report)
{
    json_begin_object(w);
    json_key(w, SLICE("error"));
    json_begin_object(w);
    json_member_int(w, SLICE("code"), report->status);
    json_member_string(w, SLICE("message"), report->message);
    fault_write_member(w, SLICE("status"), report->info->gemini_status);
    json_end_object(w);
    json_end_object(w);
}

// One line and no event name: Google's stream reader takes nothing else, and raises on a numeric code of 400 to 599.
// CRLF, as in all the rest of such a stream.
void gemini_write_error_event(struct buf *out, const struct fault_report *report)
{
    struct json_writer w;
    buf_append(out, SLICE("data: "));
    json_writer_init(&w, out);
    gemini_write_error(&w, report);
    buf_append(out, SLICE("\r\n\r\n"));
}
