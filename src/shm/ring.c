// SPDX-License-Identifier: MIT
// Both sides count the bytes that they have been through, from the first one on; where a count stands in the ring is
// its remainder. A message is one word with its length, then its bytes, up to the next full word. It is in one piece:
// where the rest of the ring is too short for it, a word says so, and it is at the beginning.
#include "shm/ring.h"

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>

static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "a lock in shared memory would be held for ever by who dies with it");

enum { WORD = 8, LINE = 64 };
#define SKIP UINT64_MAX // in place of a length

struct shm_ring_shared {
    alignas(LINE) _Atomic uint64_t written; // changed by the writer
    alignas(LINE) _Atomic uint64_t read;    // changed by the reader
    _Atomic uint64_t n_damaged;             // so is this
    alignas(LINE) char bytes[];
};
static_assert(sizeof(struct shm_ring_shared) == SHM_RING_HEAD, "as the header says");

struct shm_ring shm_ring_of(void *memory, size_t size)
{
    assert(size % LINE == 0 && size > SHM_RING_HEAD && (uintptr_t)memory % LINE == 0);
    return (struct shm_ring){.shared = memory, .size = size};
}

static size_t capacity(const struct shm_ring *ring)
{
    return ring->size - SHM_RING_HEAD;
}

// Counts are always of full words; in damaged memory they are made so.
static uint64_t load(const _Atomic uint64_t *count, memory_order order)
{
    return atomic_load_explicit(count, order) & ~(uint64_t)(WORD - 1);
}

static char *place(struct shm_ring *ring, uint64_t count)
{
    return ring->shared->bytes + count % capacity(ring);
}

static size_t left_to_end(const struct shm_ring *ring, uint64_t count)
{
    return capacity(ring) - count % capacity(ring);
}

static uint64_t whole(uint64_t len)
{
    return WORD + ((len + WORD - 1) & ~(uint64_t)(WORD - 1));
}

static void put_length(struct shm_ring *ring, uint64_t count, uint64_t len)
{
    memcpy(place(ring, count), &len, sizeof(len));
}

size_t shm_ring_max(const struct shm_ring *ring)
{
    return capacity(ring) / 4 / WORD * WORD - WORD;
}

size_t shm_ring_used(const struct shm_ring *ring)
{
    uint64_t read = load(&ring->shared->read, memory_order_acquire);
    uint64_t used = load(&ring->shared->written, memory_order_acquire) - read;
    return used < capacity(ring) ? (size_t)used : capacity(ring);
}

uint64_t shm_ring_n_damaged(const struct shm_ring *ring)
{
    return atomic_load_explicit(&ring->shared->n_damaged, memory_order_relaxed);
}

// ---- the writer -----------------------------------------------------------------------------------------------------

// Nothing that is written here can be seen before the count is. Whatever a writer who died has left there is written
// over.
void *shm_ring_reserve(struct shm_ring *ring, size_t len)
{
    assert(!ring->_is_busy);
    uint64_t written = load(&ring->shared->written, memory_order_relaxed);
    uint64_t used = written - load(&ring->shared->read, memory_order_acquire);
    size_t end = left_to_end(ring, written);
    if (len > shm_ring_max(ring) || used > capacity(ring)) {
        return NULL;
    }
    uint64_t skipped = whole(len) <= end ? 0 : end;
    if (whole(len) + skipped > capacity(ring) - used) {
        return NULL;
    }
    if (skipped) {
        put_length(ring, written, SKIP);
    }
    ring->_at = written + skipped;
    ring->_is_busy = true;
    return place(ring, ring->_at) + WORD;
}

void shm_ring_commit(struct shm_ring *ring, size_t len)
{
    assert(ring->_is_busy && len <= shm_ring_max(ring));
    ring->_is_busy = false;
    if (len > 0) {
        put_length(ring, ring->_at, len);
        atomic_store_explicit(&ring->shared->written, ring->_at + whole(len), memory_order_release);
    }
}

// ---- the reader -----------------------------------------------------------------------------------------------------

static void empty(struct shm_ring *ring, uint64_t written)
{
    uint64_t n = atomic_load_explicit(&ring->shared->n_damaged, memory_order_relaxed);
    atomic_store_explicit(&ring->shared->n_damaged, n + 1, memory_order_relaxed);
    atomic_store_explicit(&ring->shared->read, written, memory_order_release);
}

static uint64_t length_at(struct shm_ring *ring, uint64_t count)
{
    uint64_t len;
    memcpy(&len, place(ring, count), sizeof(len));
    return len;
}

// Behind what was skipped, if something was. False: that cannot be right.
static bool find_message(struct shm_ring *ring, uint64_t read, uint64_t written, uint64_t *at_r, uint64_t *len_r)
{
    uint64_t at = read;
    uint64_t len = length_at(ring, at);
    if (len == SKIP) {
        at += left_to_end(ring, at);
        if (at - read >= written - read) { // nothing behind it
            return false;
        }
        len = length_at(ring, at);
    }
    *at_r = at;
    *len_r = len;
    return len > 0 && len <= shm_ring_max(ring) && whole(len) <= written - at && whole(len) <= left_to_end(ring, at);
}

struct slice shm_ring_peek(struct shm_ring *ring)
{
    uint64_t written = load(&ring->shared->written, memory_order_acquire);
    uint64_t read = load(&ring->shared->read, memory_order_relaxed);
    uint64_t at = 0;
    uint64_t len = 0;
    ring->_is_busy = false;
    if (written == read) {
        return SLICE_EMPTY;
    }
    if (written - read > capacity(ring) || !find_message(ring, read, written, &at, &len)) {
        empty(ring, written);
        return SLICE_EMPTY;
    }
    ring->_at = at + whole(len);
    ring->_is_busy = true;
    return slice_of(place(ring, at) + WORD, (size_t)len);
}

void shm_ring_pop(struct shm_ring *ring)
{
    assert(ring->_is_busy);
    ring->_is_busy = false;
    atomic_store_explicit(&ring->shared->read, ring->_at, memory_order_release);
}
