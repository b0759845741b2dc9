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

unsigned fault_status_in(enum fault fault, enum dialect dialect)
{
    static const struct {
        enum fault fault;
        enum dialect dialect;
        unsigned status;
    } others[] = {
        {FAULT_UPSTREAM_OVERLOADED, DIALECT_ANTHROPIC, 529},
        {FAULT_UNPROCESSABLE, DIALECT_ANTHROPIC, 400},
        {FAULT_BILLING, DIALECT_CHAT, 429},
        {FAULT_BILLING, DIALECT_RESPONSES, 429},
        {FAULT_BILLING, DIALECT_GEMINI, 403},
        {FAULT_REGION, DIALECT_GEMINI, 400},
        {FAULT_UNPROCESSABLE, DIALECT_GEMINI, 400},
        {FAULT_UPSTREAM_AUTH, DIALECT_GEMINI, 400},
        {FAULT_REQUEST_TOO_LARGE, DIALECT_GEMINI, 400},
        {FAULT_UPSTREAM_PROTOCOL, DIALECT_GEMINI, 500},
        {FAULT_UPSTREAM_TRUNCATED, DIALECT_GEMINI, 500},
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        if (others[i].fault == fault && others[i].dialect == dialect) {
            return others[i].status;
        }
    }
    return fault_status(fault);
}

// ---- reports

static struct fault_report report_of(enum fault fault, struct slice message, struct slice request_id)
{
    return (struct fault_report){
        .fault = fault,
        .info = &FAULT_INFOS[fault],
        .status = FAULT_INFOS[fault].status,
        .message = message,
        .request_id = request_id,
        .retry_after_s = -1,
    };
}

struct fault_report fault_report_of(const struct neutral_error *error, enum dialect dialect, struct slice request_id)
{
    struct fault_report report = report_of(error->fault, error->message, request_id);
    report.status = fault_status_in(error->fault, dialect);
    report.type = error->type;
    report.code = error->code;
    report.param = error->param;
    report.retry_after_s = error->retry_after_s;
    return report;
}

static void write_body(enum dialect dialect, const struct fault_report *report, struct buf *out)
{
    struct json_writer w;
    json_writer_init(&w, out);
    dialect_spoke(dialect)->write_error(&w, report);
}

void fault_write_body(enum fault fault, enum dialect dialect, struct slice message, struct slice request_id,
                      struct buf *out)
{
    struct fault_report report = report_of(fault, message, request_id);
    write_body(dialect, &report, out);
}

void fault_write_event(enum fault fault, enum dialect dialect, struct slice message, struct slice request_id,
                       struct buf *out)
{
    struct fault_report report = report_of(fault, message, request_id);
    dialect_spoke(dialect)->write_error_event(out, &report);
}

void fault_write_error_body(const struct neutral_error *error, enum dialect dialect, struct slice request_id,
                            struct buf *out)
{
    struct fault_report report = fault_report_of(error, dialect, request_id);
    write_body(dialect, &report, out);
}

void fault_write_error_event(const struct neutral_error *error, enum dialect dialect, struct slice request_id,
                             struct buf *out)
{
    struct fault_report report = fault_report_of(error, dialect, request_id);
    dialect_spoke(dialect)->write_error_event(out, &report);
}

// ---- by status

enum fault fault_of_upstream_status(unsigned status)
{
    switch (status) {
    case 401: return FAULT_UPSTREAM_AUTH;
    case 402: return FAULT_BILLING;
    case 403: return FAULT_PERMISSION;
    case 404: return FAULT_NOT_FOUND;
    case 408: return FAULT_UPSTREAM_TIMEOUT;
    case 409: return FAULT_CONFLICT;
    case 413: return FAULT_REQUEST_TOO_LARGE;
    case 422: return FAULT_UNPROCESSABLE;
    case 429: return FAULT_RATE_LIMIT;
    case 499: return FAULT_CANCELLED;
    case 501: return FAULT_NOT_IMPLEMENTED;
    case 502: return FAULT_UPSTREAM_UNREACHABLE;
    case 503:
    case 529: return FAULT_UPSTREAM_OVERLOADED;
    case 504: return FAULT_UPSTREAM_TIMEOUT;
    default: return status < 500 ? FAULT_INVALID_REQUEST : FAULT_UPSTREAM_SERVER;
    }
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

// What was said, else what the fault says.
static void write_text_or(struct json_writer *w, struct slice name, struct slice said, const char *text_or_null)
{
    if (said.len) {
        json_member_string(w, name, said);
    } else {
        fault_write_member(w, name, text_or_null);
    }
}

void fault_write_openai_error(struct json_writer *w, const struct fault_report *report)
{
    json_begin_object(w);
    json_member_string(w, SLICE("message"), report->message);
    write_text_or(w, SLICE("type"), report->type, report->info->openai_type);
    write_text_or(w, SLICE("param"), report->param, NULL);
    write_text_or(w, SLICE("code"), report->code, report->info->openai_code);
    json_end_object(w);
}
