// SPDX-License-Identifier: MIT
// The text of a key's last error. Whoever fails writes it, so writers contend for the odd version: who does not get it
// leaves its text away, and so does everybody after a writer that died, until the slot is repaired.
#include <string.h>

#include "keys/key_table_internal.h"
#include "shm/shared_words.h"

enum { TEXT_SIZE = KEY_ERROR_MAX + 1, LOOKS = 16 };

static_assert(TEXT_SIZE % 8 == 0, "copied in words");

// The longest beginning that fits, has no NUL, and does not end within a character of UTF-8.
static size_t fitting_len(struct slice text)
{
    size_t len = strnlen(text.len ? text.ptr : "", text.len < TEXT_SIZE ? text.len : TEXT_SIZE);
    if (len <= KEY_ERROR_MAX) {
        return len;
    }
    len = KEY_ERROR_MAX;
    while (len > 0 && ((unsigned char)text.ptr[len] & 0xC0) == 0x80) {
        len--;
    }
    return len;
}

void key_set_last_error(struct key_slot *slot, struct slice text, int64_t now_ms)
{
    char padded[TEXT_SIZE] = {0};
    size_t len = fitting_len(text);
    if (len) {
        memcpy(padded, text.ptr, len);
    }
    atomic_store_explicit(&slot->last_error_ms, now_ms, memory_order_relaxed);
    uint32_t version = atomic_load_explicit(&slot->error_version, memory_order_relaxed);
    if (version % 2 != 0 || !atomic_compare_exchange_strong(&slot->error_version, &version, version + 1)) {
        return;
    }
    shared_words_write(slot->last_error, padded, TEXT_SIZE);
    version++;
    // Unless the slot was repaired meanwhile, for its writer had seemed dead.
    atomic_compare_exchange_strong(&slot->error_version, &version, version + 1);
}

void key_error_clear(struct key_slot *slot)
{
    uint32_t version = atomic_load_explicit(&slot->error_version, memory_order_relaxed) | 1;
    atomic_store_explicit(&slot->error_version, version, memory_order_release);
    shared_words_zero(slot->last_error, TEXT_SIZE);
    atomic_store_explicit(&slot->error_version, version + 1, memory_order_release);
}

struct slice key_last_error(const struct key_slot *slot, struct arena *arena)
{
    char text[TEXT_SIZE];
    for (int n = 0; n < LOOKS; n++) {
        uint32_t version = atomic_load_explicit(&slot->error_version, memory_order_acquire);
        if (version % 2 != 0) {
            continue;
        }
        shared_words_read(text, slot->last_error, TEXT_SIZE);
        if (atomic_load_explicit(&slot->error_version, memory_order_relaxed) == version) {
            return arena_dup(arena, slice_of(text, strnlen(text, KEY_ERROR_MAX)));
        }
    }
    return SLICE_EMPTY;
}
