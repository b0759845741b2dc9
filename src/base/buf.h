// SPDX-License-Identifier: MIT
// A growing byte buffer that owns its memory.
#pragma once

#include <stddef.h>

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

// Makes room for `extra` bytes behind len and returns where they go; the caller then adds to len what it wrote.
char *buf_reserve(struct buf *buf, size_t extra) __attribute__((returns_nonnull));
void buf_append(struct buf *buf, struct slice s);
void buf_append_char(struct buf *buf, char c);
void buf_append_u64(struct buf *buf, uint64_t value);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3), nonnull(2)));

// Drops the first `n` bytes.
void buf_consume(struct buf *buf, size_t n);

static inline struct slice buf_slice(const struct buf *buf)
{
    return slice_of(buf->ptr, buf->len);
}
