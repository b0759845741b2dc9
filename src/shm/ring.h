// SPDX-License-Identifier: MIT
// Messages from one process to another through shared memory: one writer, one reader, no lock, no system call. Bytes
// that are there belong together: a writer that is killed in the middle of a message leaves none, and a reader that is
// killed is followed by one that goes on where it was.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum { SHM_RING_HEAD = 128 }; // bytes of the memory that are not for messages

struct shm_ring_shared; // the layout of the memory

// Both sides have one of their own over the same memory.
struct shm_ring {
    struct shm_ring_shared *shared; // borrowed; aligned for 64 bytes
    size_t size;                    // of the memory, SHM_RING_HEAD included; a multiple of 64
    uint64_t _at;                   // of the writer: where the message under way begins; of the reader: where its ends
    bool _is_busy;                  // there is one: reserved and not committed, or looked at
};

// Memory of zeros is an empty ring. What a reader finds in it is not believed: a length that cannot be right (the
// memory was damaged) empties the ring, which is counted as lost.
struct shm_ring shm_ring_of(void *memory, size_t size);

// ---- the writer

// Room for a message of up to `len` bytes, or NULL: it is full now, or `len` is more than shm_ring_max(). Then write,
// and shm_ring_commit() what was written (at most `len`; 0: nothing).
void *shm_ring_reserve(struct shm_ring *ring, size_t len);
void shm_ring_commit(struct shm_ring *ring, size_t len);
size_t shm_ring_max(const struct shm_ring *ring); // of a message: a quarter of the ring

// ---- the reader

// The oldest message, valid until shm_ring_pop(); ptr NULL: there is none now.
struct slice shm_ring_peek(struct shm_ring *ring);
void shm_ring_pop(struct shm_ring *ring);

// ---- both

size_t shm_ring_used(const struct shm_ring *ring);        // bytes
uint64_t shm_ring_n_damaged(const struct shm_ring *ring); // how often it was emptied because it was damaged
