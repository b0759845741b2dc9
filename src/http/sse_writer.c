// SPDX-License-Identifier: MIT
#include "http/sse_writer.h"

// Takes the first line of *rest; a line ends in CR, LF or CRLF. After the last one rest->ptr is NULL.
static struct slice take_line(struct slice *rest)
{
    struct slice line = *rest;
    size_t len = 0;
    while (len < line.len && line.ptr[len] != '\r' && line.ptr[len] != '\n') {
        len++;
    }
    if (len == line.len) {
        *rest = SLICE_EMPTY;
        return line;
    }
    size_t next = len + 1;
    next += line.ptr[len] == '\r' && next < line.len && line.ptr[next] == '\n';
    *rest = slice_of(line.ptr + next, line.len - next);
    return slice_of(line.ptr, len);
}

static void write_line(struct buf *out, struct slice field, struct slice value)
{
    char *at = buf_reserve(out, field.len + value.len + 1);
    memcpy(at, field.ptr, field.len);
    if (value.len > 0) {
        memcpy(at + field.len, value.ptr, value.len);
    }
    at[field.len + value.len] = '\n';
    out->len += field.len + value.len + 1;
}

static void write_lines(struct buf *out, struct slice field, struct slice text)
{
    do {
        write_line(out, field, take_line(&text));
    } while (text.ptr);
    buf_append_char(out, '\n');
}

void sse_write_event(struct buf *out, struct slice name, struct slice data)
{
    if (name.len > 0) {
        write_line(out, SLICE("event: "), take_line(&name));
    }
    write_lines(out, SLICE("data: "), data);
}

void sse_write_comment(struct buf *out, struct slice text)
{
    write_lines(out, SLICE(": "), text);
}
