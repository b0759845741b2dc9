// SPDX-License-Identifier: MIT
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

static void *or_abort(void *ptr, size_t size)
{
    if (!ptr) {
        fprintf(stderr, "out of memory: %zu bytes\n", size);
        abort();
    }
    return ptr;
}

void *mem_alloc(size_t size)
{
    return or_abort(malloc(size ? size : 1), size);
}

void *mem_zalloc(size_t size)
{
    return or_abort(calloc(1, size ? size : 1), size);
}

void *mem_realloc(void *ptr, size_t size)
{
    return or_abort(realloc(ptr, size ? size : 1), size);
}

void mem_free(void *ptr)
{
    free(ptr);
}

void mem_trim(void)
{
#if defined(__GLIBC__)
    malloc_trim(0);
#endif
}
