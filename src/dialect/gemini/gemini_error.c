// SPDX-License-Identifier: MIT
// Faults as a Gemini client reads them.
#include "dialect/gemini/gemini.h"

static void begin_detail(struct json_writer *w, struct slice type)
{
    json_begin_object(w);
    json_member_string(w, SLICE("@type"), type);
}

// Google's clients look here for what the status does not say.
static void write_details(struct json_writer *w, const struct fault_report *report)
{
    bool is_auth = report->fault == FAULT_UPSTREAM_AUTH;
    if (!is_auth && report->retry_after_s < 0) {
        return;
    }
    json_key(w, SLICE("details"));
    json_begin_array(w);
    if (is_auth) {
        begin_detail(w, SLICE("type.googleapis.com/google.rpc.ErrorInfo"));
        json_member_string(w, SLICE("reason"), SLICE("API_KEY_INVALID"));
        json_end_object(w);
    }
    if (report->retry_after_s >= 0) {
        char delay[24];
        size_t len = format_u64(delay, (uint64_t)report->retry_after_s);
        delay[len] = 's';
        begin_detail(w, SLICE("type.googleapis.com/google.rpc.RetryInfo"));
        json_member_string(w, SLICE("retryDelay"), slice_of(delay, len + 1));
        json_end_object(w);
    }
    json_end_array(w);
}

void gemini_write_error(struct json_writer *w, const struct fault_report *report)
{
    json_begin_object(w);
    json_key(w, SLICE("error"));
    json_begin_object(w);
    json_member_int(w, SLICE("code"), report->status);
    json_member_string(w, SLICE("message"), report->message);
    fault_write_member(w, SLICE("status"), report->info->gemini_status);
    write_details(w, report);
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
