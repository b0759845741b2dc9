// SPDX-License-Identifier: MIT
// Log front end: levels, and the sink that a process plugs in. Formatting happens only when the level is on.
// Secrets: print them through log_mask(), never as they are.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };

// One finished message. `area` names the part that speaks ("config", "upstream", …). Its first `short_len` bytes are
// what a terse reader wants; mostly that is all of it.
struct log_message {
    enum log_level level;
    const char *area;
    int64_t wall_ms;
    struct slice text;
    size_t short_len;
};
typedef void (*log_sink_fn)(void *arg, const struct log_message *message);

// Without a sink, messages go to standard error. The sink is called on the thread that logs.
void log_set_sink(log_sink_fn sink, void *arg);
void log_set_level(enum log_level level);
bool log_is_on(enum log_level level);

// One line; control characters in it are replaced, what is over 8 KB is cut.
void log_write(enum log_level level, const char *area, const char *format, ...) __attribute__((format(printf, 3, 4)));
// A line made by the caller, for those that come with every request: without control characters, short part first.
void log_emit(enum log_level level, const char *area, struct slice text, size_t short_len);
#define log_debug(area, ...) (log_is_on(LOG_DEBUG) ? log_write(LOG_DEBUG, area, __VA_ARGS__) : (void)0)
#define log_info(area, ...) (log_is_on(LOG_INFO) ? log_write(LOG_INFO, area, __VA_ARGS__) : (void)0)
#define log_warn(area, ...) (log_is_on(LOG_WARN) ? log_write(LOG_WARN, area, __VA_ARGS__) : (void)0)
#define log_error(area, ...) (log_is_on(LOG_ERROR) ? log_write(LOG_ERROR, area, __VA_ARGS__) : (void)0)

const char *log_level_name(enum log_level level); // "debug" … "off"
bool log_level_from_name(struct slice name, enum log_level *level_r);

// A secret as it may be shown: "fk-a…wxyz" from 16 characters on, else only how long it is.
enum { LOG_MASK_SIZE = 32 };
const char *log_mask(struct slice secret, char out[LOG_MASK_SIZE]);
