// SPDX-License-Identifier: MIT
// Memory that several processes share. Its size is reserved, not taken: a page exists from its first use on, and reads
// as zeros before.
#pragma once

#include <stddef.h>

#include "base/mem.h"

struct shm_region {
    void *base;  // page-aligned; the address differs between processes, so nothing in it may be a pointer into it
    size_t size; // bytes
    int fd;      // a memory file; a child that inherits it maps the same memory
};

// A new region of zeros, left out of core dumps. The descriptor is closed on exec: who hands it to a program duplicates
// it. 0 or a negative errno code.
MUST_USE int shm_region_create(struct shm_region *region, size_t size);
// The region behind an inherited descriptor, which is taken, and closed when this fails. 0 or a negative errno code
// (-EINVAL: it was not made by shm_region_create()).
MUST_USE int shm_region_attach_take(struct shm_region *region, int fd);
// Unmaps it here and closes the descriptor; other processes keep it.
void shm_region_close(struct shm_region *region);
