// SPDX-License-Identifier: MIT
#include "config/issues.h"

#include <stdarg.h>
#include <stdio.h>

static void append_line(struct buf *out, const char *format, va_list args)
    __attribute__((format(printf, 2, 0), nonnull(1, 2)));

static void append_line(struct buf *out, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    size_t len = n > 0 ? (size_t)n : 0;
    char *line = buf_reserve(out, len + 1);
    vsnprintf(line, len + 1, format, again);
    va_end(again);
    // A newline in a value must not look like an issue of its own.
    text_replace_controls(line, len, ' ');
    line[len] = '\n';
    out->len += len + 1;
}

void issues_error(struct issues *issues, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    append_line(issues->errors, format, args);
    va_end(args);
    issues->n_errors++;
}

void issues_warn(struct issues *issues, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    append_line(issues->warnings, format, args);
    va_end(args);
}
