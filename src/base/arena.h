// SPDX-License-Identifier: MIT
// Memory that lives and dies together: bump allocation in growing blocks, freed as a whole.
#pragma once

#include <stddef.h>

#include "base/mem.h"
#include "base/slice.h"

struct arena_block;

struct arena {
    struct arena_block *_blocks; // owned; the newest first
    char *_next;                 // free space of the newest block
    char *_end;
    size_t _first_size;
    size_t _block_size; // of the next block; doubles up to 64 KB
};

// `first_block` bytes are taken at the first allocation, nothing before.
void arena_init(struct arena *arena, size_t first_block);
void arena_deinit(struct arena *arena); // leaves it as after arena_init; every pointer from it is void
// Makes every pointer from it void, too, but keeps the newest block (of 64 KB at most) for what comes next: for work in
// rounds.
void arena_reset(struct arena *arena);

// Aligned for any type. Never NULL.
void *arena_alloc(struct arena *arena, size_t size) __attribute__((returns_nonnull));
void *arena_zalloc(struct arena *arena, size_t size) __attribute__((returns_nonnull));

// Enlarges what arena_alloc() returned, like realloc: in place when it is the newest allocation, else by copying.
void *arena_grow(struct arena *arena, void *ptr, size_t size, size_t new_size) __attribute__((returns_nonnull));

// Bytes without alignment, for text.
char *arena_text(struct arena *arena, size_t len) __attribute__((returns_nonnull));
struct slice arena_dup(struct arena *arena, struct slice s);
char *arena_cstr(struct arena *arena, struct slice s); // with a NUL behind it
struct slice arena_concat(struct arena *arena, const struct slice *parts, size_t n_parts);
struct slice arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3), nonnull(2)));
