// SPDX-License-Identifier: MIT
#include "shm/shared_words.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

enum { WORD = sizeof(uint64_t) };

// Any type may stand there.
struct word {
    uint64_t value;
} __attribute__((may_alias));

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

void shared_words_write(void *shared, const void *from, size_t len)
{
    assert((uintptr_t)shared % WORD == 0);
    struct word *to = shared;
    for (size_t at = 0; at < len; at += WORD) {
        uint64_t value = 0;
        memcpy(&value, (const char *)from + at, least(len - at, WORD));
        __atomic_store_n(&to[at / WORD].value, value, __ATOMIC_RELEASE);
    }
}

void shared_words_zero(void *shared, size_t len)
{
    assert((uintptr_t)shared % WORD == 0);
    struct word *to = shared;
    for (size_t at = 0; at < len; at += WORD) {
        __atomic_store_n(&to[at / WORD].value, 0, __ATOMIC_RELEASE);
    }
}

void shared_words_read(void *to, const void *shared, size_t len)
{
    assert((uintptr_t)shared % WORD == 0);
    const struct word *from = shared;
    size_t at = 0;
    for (; len - at >= WORD; at += WORD) {
        uint64_t value = __atomic_load_n(&from[at / WORD].value, __ATOMIC_ACQUIRE);
        memcpy((char *)to + at, &value, WORD); // of a fixed size: one instruction
    }
    if (at < len) {
        uint64_t value = __atomic_load_n(&from[at / WORD].value, __ATOMIC_ACQUIRE);
        memcpy((char *)to + at, &value, len - at);
    }
}
