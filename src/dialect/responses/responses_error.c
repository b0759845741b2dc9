// SPDX-License-Identifier: MIT
// Faults as a Responses client reads them.
#include "dialect/responses/responses_internal.h"

// The numbers of the events that were passed through are not known here. These two are higher than any of them and fit
// into 32 bits signed, so a client that checks the order or remembers the last number is not misled.
enum { SEQUENCE_OF_ERROR = INT32_MAX - 1, SEQUENCE_OF_FAILED = INT32_MAX };

void responses_write_error(struct json_writer *w, const struct fault_report *report)
{
    json_begin_object(w);
    json_key(w, SLICE("error"));
    fault_write_openai_error(w, report);
    json_end_object(w);
}

static const char *text_or(const char *text, const char *other)
{
    return text ? text : other;
}

static void write_code(struct json_writer *w, const struct fault_report *report, const char *usual)
{
    if (report->code.len) {
        json_member_string(w, SLICE("code"), report->code);
    } else {
        fault_write_member(w, SLICE("code"), text_or(report->info->openai_code, usual));
    }
}

void responses_write_error_payload(struct json_writer *w, const struct fault_report *report, int64_t sequence_number)
{
    json_begin_object(w);
    json_member_string(w, SLICE("type"), SLICE("error"));
    json_member_int(w, SLICE("sequence_number"), sequence_number);
    json_key(w, SLICE("error"));
    fault_write_openai_error(w, report);
    write_code(w, report, NULL);
    json_member_string(w, SLICE("message"), report->message);
    if (report->param.len) {
        json_member_string(w, SLICE("param"), report->param);
    } else {
        fault_write_member(w, SLICE("param"), NULL);
    }
    json_end_object(w);
}

void responses_write_failure(struct json_writer *w, const struct fault_report *report)
{
    json_begin_object(w);
    write_code(w, report, report->info->openai_type);
    json_member_string(w, SLICE("message"), report->message);
    json_end_object(w);
}

// The members that strict clients insist on; what only the upstream knows is empty.
static void write_failed_response(struct json_writer *w, const struct fault_report *report)
{
    json_begin_object(w);
    json_member_string(w, SLICE("id"), report->request_id);
    json_member_string(w, SLICE("object"), SLICE("response"));
    json_member_int(w, SLICE("created_at"), 0);
    json_member_string(w, SLICE("status"), SLICE("failed"));
    json_key(w, SLICE("error"));
    responses_write_failure(w, report);
    fault_write_member(w, SLICE("incomplete_details"), NULL);
    fault_write_member(w, SLICE("instructions"), NULL);
    json_key(w, SLICE("metadata"));
    json_write_raw(w, SLICE("{}"));
    json_member_string(w, SLICE("model"), SLICE(""));
    json_key(w, SLICE("output"));
    json_write_raw(w, SLICE("[]"));
    json_member_bool(w, SLICE("parallel_tool_calls"), true);
    fault_write_member(w, SLICE("temperature"), NULL);
    json_member_string(w, SLICE("tool_choice"), SLICE("auto"));
    json_key(w, SLICE("tools"));
    json_write_raw(w, SLICE("[]"));
    fault_write_member(w, SLICE("top_p"), NULL);
    fault_write_member(w, SLICE("usage"), NULL);
    json_end_object(w);
}

static void write_failed_payload(struct json_writer *w, const struct fault_report *report)
{
    json_begin_object(w);
    json_member_string(w, SLICE("type"), SLICE("response.failed"));
    json_member_int(w, SLICE("sequence_number"), SEQUENCE_OF_FAILED);
    json_key(w, SLICE("response"));
    write_failed_response(w, report);
    json_end_object(w);
}

void responses_write_error_event(struct buf *out, const struct fault_report *report)
{
    struct json_writer w;
    buf_append(out, SLICE("event: error\ndata: "));
    json_writer_init(&w, out);
    responses_write_error_payload(&w, report, SEQUENCE_OF_ERROR);
    buf_append(out, SLICE("\n\nevent: response.failed\ndata: "));
    json_writer_init(&w, out);
    write_failed_payload(&w, report);
    buf_append(out, SLICE("\n\n"));
}
