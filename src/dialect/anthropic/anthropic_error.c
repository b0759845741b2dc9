// SPDX-License-Identifier: MIT
// Faults as an Anthropic client reads them.
#include "dialect/anthropic/anthropic.h"

// Its clients know by these words that the conversation has to be shortened.
static void write_message(struct json_writer *w, const struct fault_report *report)
{
    static const struct slice words = SLICE_INIT("prompt is too long");
    struct buf text = BUF_EMPTY;
    if (slice_eq(slice_from_cstr(report->info->name), SLICE("context_length")) &&
        !slice_starts_with(report->message, words)) {
        buf_append(&text, words);
        buf_append(&text, SLICE(": "));
    }
    buf_append(&text, report->message);
    json_member_string(w, SLICE("message"), buf_slice(&text));
    buf_deinit(&text);
}

// The one code that its clients act on: told that there are no threads, they send the whole conversation.
static void write_details(struct json_writer *w, struct slice code)
{
    if (slice_eq(code, SLICE("thread_unsupported_request"))) {
        json_key(w, SLICE("details"));
        json_begin_object(w);
        json_member_string(w, SLICE("error_code"), code);
        json_end_object(w);
    }
}

void anthropic_write_error(struct json_writer *w, const struct fault_report *report)
{
    json_begin_object(w);
    json_member_string(w, SLICE("type"), SLICE("error"));
    json_key(w, SLICE("error"));
    json_begin_object(w);
    fault_write_member(w, SLICE("type"), report->info->anthropic_type);
    write_message(w, report);
    write_details(w, report->code);
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
