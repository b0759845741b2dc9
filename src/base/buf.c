// SPDX-License-Identifier: MIT
#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

enum { BUF_CAP_MIN = 256 };

void buf_deinit(struct buf *buf)
{
    mem_free(buf->ptr);
    *buf = BUF_EMPTY;
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
}

char *buf_grow(struct buf *buf, size_t extra)
{
    size_t need = buf->len + extra;
    size_t cap = buf->cap ? buf->cap : BUF_CAP_MIN;
    while (cap < need) {
        cap *= 2;
    }
    buf->ptr = mem_realloc(buf->ptr, cap);
    buf->cap = cap;
    return buf->ptr + buf->len;
}

void buf_append_u64(struct buf *buf, uint64_t value)
{
    buf->len += format_u64(buf_reserve(buf, 20), value);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(len >= 0);
    buf_reserve(buf, (size_t)len + 1);
    va_start(args, format);
    vsnprintf(buf->ptr + buf->len, (size_t)len + 1, format, args);
    va_end(args);
    buf->len += (size_t)len;
}

void buf_consume(struct buf *buf, size_t n)
{
    assert(n <= buf->len);
    buf->len -= n;
    if (buf->len) {
        memmove(buf->ptr, buf->ptr + n, buf->len);
    }
}
