// SPDX-License-Identifier: MIT
// The one allocator: never returns NULL. Out of memory aborts the process.
#pragma once

#include <stddef.h>

#define MUST_USE __attribute__((warn_unused_result))

// The object of type `type` whose member `member` is at `ptr`.
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

void *mem_alloc(size_t size) __attribute__((malloc, returns_nonnull));
void *mem_zalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *mem_realloc(void *ptr, size_t size) __attribute__((returns_nonnull));
void mem_free(void *ptr); // accepts NULL
// Gives free memory back to the system. Takes milliseconds for megabytes: for quiet moments.
void mem_trim(void);
