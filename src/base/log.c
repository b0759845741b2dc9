// SPDX-License-Identifier: MIT
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"

enum { LOG_LINE_MAX = 8192 };

static const char *const level_names[] = {"debug", "info", "warn", "error", "off"};

static void write_to_stderr(void *arg, const struct log_message *message)
{
    (void)arg;
    fprintf(stderr, "%s %s: %.*s\n", level_names[message->level], message->area, SLICE_ARG(message->text));
}

// The log is process-wide, as standard error is.
static struct {
    log_sink_fn sink;
    void *arg;
    enum log_level level;
} the_log = {write_to_stderr, NULL, LOG_INFO};

void log_set_sink(log_sink_fn sink, void *arg)
{
    the_log.sink = sink ? sink : write_to_stderr;
    the_log.arg = arg;
}

void log_set_level(enum log_level level)
{
    the_log.level = level;
}

bool log_is_on(enum log_level level)
{
    return level >= the_log.level;
}

void log_write(enum log_level level, const char *area, const char *format, ...)
{
    char line[LOG_LINE_MAX];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (n < 0) {
        return;
    }
    size_t len = (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1;
    // A newline in a name or an error text must not look like a line of its own.
    text_replace_controls(line, len, ' ');
    log_emit(level, area, slice_of(line, len), len);
}

void log_emit(enum log_level level, const char *area, struct slice text, size_t short_len)
{
    struct log_message message = {level, area, clock_wall_ms(), text, short_len};
    the_log.sink(the_log.arg, &message);
}

const char *log_level_name(enum log_level level)
{
    return level_names[level];
}

bool log_level_from_name(struct slice name, enum log_level *level_r)
{
    for (size_t i = 0; i < sizeof(level_names) / sizeof(*level_names); i++) {
        if (slice_eq_nocase(name, slice_from_cstr(level_names[i]))) {
            *level_r = (enum log_level)i;
            return true;
        }
    }
    return false;
}

const char *log_mask(struct slice secret, char out[LOG_MASK_SIZE])
{
    if (secret.len < 16) {
        snprintf(out, LOG_MASK_SIZE, "(%zu characters)", secret.len);
    } else {
        snprintf(out, LOG_MASK_SIZE, "%.4s…%.4s", secret.ptr, secret.ptr + secret.len - 4);
    }
    return out;
}
