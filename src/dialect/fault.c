// SPDX-License-Identifier: MIT
// Faults: their rows, and the way to the dialect that writes them.
#include "dialect/fault.h"

#include "dialect/dialect_internal.h"

static const struct fault_info FAULT_INFOS[FAULT_COUNT] = {
#define X(id, name, status, openai_type, openai_code, anthropic_type, gemini_status)                                   \
    [FAULT_##id] = {name, status, openai_type, openai_code, anthropic_type, gemini_status},
    FAULTS(X)
#undef X
};

unsigned fault_status(enum fault fault)
{
    return FAULT_INFOS[fault].status;
}

const char *fault_name(enum fault fault)
{
    return FAULT_INFOS[fault].name;
}

void fault_write_body(enum fault fault, enum dialect dialect, struct slice message, struct slice request_id,
                      struct buf *out)
{
    struct fault_report report = {&FAULT_INFOS[fault], message, request_id};
    struct json_writer w;
    json_writer_init(&w, out);
    dialect_spoke(dialect)->write_error(&w, &report);
}

void fault_write_event(enum fault fault, enum dialect dialect, struct slice message, struct slice request_id,
                       struct buf *out)
{
    struct fault_report report = {&FAULT_INFOS[fault], message, request_id};
    dialect_spoke(dialect)->write_error_event(out, &report);
}

enum fault fault_of_status(unsigned status)
{
    switch (status) {
    case 404: return FAULT_ROUTE_NOT_FOUND;
    case 405: return FAULT_METHOD_NOT_ALLOWED;
    case 413:
    case 414:
    case 431: return FAULT_REQUEST_TOO_LARGE;
    case 501:
    case 505: return FAULT_NOT_IMPLEMENTED;
    case 503: return FAULT_OVERLOADED;
    default: return status < 500 ? FAULT_INVALID_REQUEST : FAULT_INTERNAL;
    }
}

void fault_write_member(struct json_writer *w, struct slice name, const char *text_or_null)
{
    json_key(w, name);
    if (text_or_null) {
        json_write_string(w, slice_from_cstr(text_or_null));
    } else {
        json_write_null(w);
    }
}

void fault_write_openai_error(struct json_writer *w, const struct fault_report *report)
{
    json_begin_object(w);
    json_member_string(w, SLICE("message"), report->message);
    fault_write_member(w, SLICE("type"), report->info->openai_type);
    fault_write_member(w, SLICE("param"), NULL);
    fault_write_member(w, SLICE("code"), report->info->openai_code);
    json_end_object(w);
}
