// SPDX-License-Identifier: MIT
// A growing byte buffer that owns its memory.
#pragma once

#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "base/slice.h"

struct buf {
    char *ptr; // owned; NULL while cap is 0
    size_t len;
    size_t cap;
};

#define BUF_EMPTY ((struct buf){NULL, 0, 0})

void buf_deinit(struct buf *buf); // frees the memory; the buffer is empty and usable again
void buf_clear(struct buf *buf);  // keeps the memory

// Where `extra` bytes go when there is no room for them yet; see buf_reserve().
char *buf_grow(struct buf *buf, size_t extra) __attribute__((returns_nonnull));

// Makes room for `extra` bytes behind len and returns where they go; the caller then adds to len what it wrote.
static inline char *buf_reserve(struct buf *buf, size_t extra)
{
    return buf->ptr && buf->cap - buf->len >= extra ? buf->ptr + buf->len : buf_grow(buf, extra);
}

static inline void buf_append(struct buf *buf, struct slice s)
{
    if (s.len) {
        memcpy(buf_reserve(buf, s.len), s.ptr, s.len);
        buf->len += s.len;
    }
}

static inline void buf_append_char(struct buf *buf, char c)
{
    *buf_reserve(buf, 1) = c;
    buf->len++;
}

void buf_append_u64(struct buf *buf, uint64_t value);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3), nonnull(2)));

// Drops the first `n` bytes.
void buf_consume(struct buf *buf, size_t n);

static inline struct slice buf_slice(const struct buf *buf)
{
    return slice_of(buf->ptr, buf->len);
}
