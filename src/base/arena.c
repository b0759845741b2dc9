// SPDX-License-Identifier: MIT
#include "base/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { ARENA_BLOCK_MAX = 64 * 1024 };

struct arena_block {
    struct arena_block *older; // owned
    size_t len;
    alignas(max_align_t) char bytes[];
};

void arena_init(struct arena *arena, size_t first_block)
{
    *arena = (struct arena){._first_size = first_block, ._block_size = first_block};
}

void arena_deinit(struct arena *arena)
{
    struct arena_block *block = arena->_blocks;
    while (block) {
        struct arena_block *older = block->older;
        mem_free(block);
        block = older;
    }
    arena_init(arena, arena->_first_size);
}

void arena_reset(struct arena *arena)
{
    struct arena_block *kept = arena->_blocks;
    if (!kept) {
        return;
    }
    if (kept->len > ARENA_BLOCK_MAX) {
        arena_deinit(arena);
        return;
    }
    arena->_blocks = kept->older;
    if (arena->_blocks) {
        size_t block_size = arena->_block_size;
        arena_deinit(arena);
        arena->_block_size = block_size;
    }
    kept->older = NULL;
    arena->_blocks = kept;
    arena->_next = kept->bytes;
    arena->_end = kept->bytes + kept->len;
}

// A large request gets a block of its own behind the newest, so that the free space of that one is not lost.
static char *add_block(struct arena *arena, size_t size)
{
    bool is_large = size > arena->_block_size / 2;
    size_t block_size = is_large ? size : arena->_block_size;
    struct arena_block *block = mem_alloc(sizeof(*block) + block_size);
    block->len = block_size;
    if (is_large && arena->_blocks) {
        block->older = arena->_blocks->older;
        arena->_blocks->older = block;
        return block->bytes;
    }
    block->older = arena->_blocks;
    arena->_blocks = block;
    arena->_next = block->bytes + size;
    arena->_end = block->bytes + block_size;
    if (arena->_block_size < ARENA_BLOCK_MAX) {
        arena->_block_size *= 2;
    }
    return block->bytes;
}

char *arena_text(struct arena *arena, size_t len)
{
    if ((size_t)(arena->_end - arena->_next) < len) {
        return add_block(arena, len);
    }
    char *text = arena->_next;
    if (!text) {
        return add_block(arena, len);
    }
    arena->_next += len;
    return text;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    size_t pad = -(uintptr_t)arena->_next & (alignof(max_align_t) - 1);
    if (!arena->_next || (size_t)(arena->_end - arena->_next) < pad + size) {
        return add_block(arena, size);
    }
    char *ptr = arena->_next + pad;
    arena->_next = ptr + size;
    return ptr;
}

void *arena_zalloc(struct arena *arena, size_t size)
{
    return memset(arena_alloc(arena, size), 0, size);
}

void *arena_grow(struct arena *arena, void *ptr, size_t size, size_t new_size)
{
    bool is_newest = (char *)ptr + size == arena->_next;
    if (is_newest && (size_t)(arena->_end - (char *)ptr) >= new_size) {
        arena->_next = (char *)ptr + new_size;
        return ptr;
    }
    // What has a block of its own, the one behind the newest, moves with it.
    struct arena_block *own = arena->_blocks ? arena->_blocks->older : NULL;
    if (own && own->bytes == ptr && own->len == size) {
        own = mem_realloc(own, sizeof(*own) + new_size);
        own->len = new_size;
        arena->_blocks->older = own;
        return own->bytes;
    }
    return memcpy(arena_alloc(arena, new_size), ptr, size);
}

struct slice arena_dup(struct arena *arena, struct slice s)
{
    return arena_concat(arena, &s, 1);
}

char *arena_cstr(struct arena *arena, struct slice s)
{
    char *text = arena_text(arena, s.len + 1);
    if (s.len) {
        memcpy(text, s.ptr, s.len);
    }
    text[s.len] = '\0';
    return text;
}

struct slice arena_concat(struct arena *arena, const struct slice *parts, size_t n_parts)
{
    size_t len = 0;
    for (size_t i = 0; i < n_parts; i++) {
        len += parts[i].len;
    }
    char *text = arena_text(arena, len);
    char *at = text;
    for (size_t i = 0; i < n_parts; i++) {
        if (parts[i].len) {
            memcpy(at, parts[i].ptr, parts[i].len);
            at += parts[i].len;
        }
    }
    return slice_of(text, len);
}

struct slice arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(len >= 0);
    char *text = arena_text(arena, (size_t)len + 1);
    va_start(args, format);
    vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    return slice_of(text, (size_t)len);
}
