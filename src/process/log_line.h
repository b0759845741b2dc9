// SPDX-License-Identifier: MIT
// One message as a line of text or JSON.
#pragma once

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "process/daily_file.h"

// A time as text; kept, since many messages come within one second.
struct log_stamp {
    int64_t _second;
    char text[CLOCK_ISO8601_SIZE];
    char day[DAILY_FILE_DAY_SIZE]; // local time
};
void log_stamp_init(struct log_stamp *stamp);
void log_stamp_set(struct log_stamp *stamp, int64_t wall_ms);

enum log_line_form {
    LOG_LINE_TERSE, // time of day and what a terse reader wants
    LOG_LINE_FULL,
    LOG_LINE_JSON, // what the access log says has members of its own
};
void log_line_append(struct buf *out, const struct log_stamp *stamp, const struct log_message *message,
                     enum log_line_form form);
