// SPDX-License-Identifier: MIT
#include "simulator/memo.h"

struct remembered {
    struct answer *answer; // ref
    char key[];
};

void memo_init(struct memo *memo)
{
    map_init(&memo->_entries);
    memo->_key = BUF_EMPTY;
}

static void forget(struct memo *memo)
{
    const struct map_entry *entry;
    for (size_t at = 0; (entry = map_next(&memo->_entries, &at));) {
        struct remembered *remembered = entry->value;
        answer_unref(remembered->answer);
        mem_free(remembered);
    }
    map_deinit(&memo->_entries);
}

void memo_deinit(struct memo *memo)
{
    forget(memo);
    buf_deinit(&memo->_key);
}

struct answer *memo_find(struct memo *memo, const struct slice *parts, size_t n_parts)
{
    size_t len = 0;
    buf_clear(&memo->_key);
    for (size_t i = 0; i < n_parts; i++) {
        len += parts[i].len + 1;
    }
    if (len > MEMO_KEY_MAX) {
        return NULL;
    }
    for (size_t i = 0; i < n_parts; i++) {
        buf_append(&memo->_key, parts[i]);
        buf_append_char(&memo->_key, '\0'); // in no target and in no header
    }
    struct remembered *remembered = map_find(&memo->_entries, buf_slice(&memo->_key));
    return remembered ? remembered->answer : NULL;
}

void memo_add(struct memo *memo, struct answer *answer)
{
    struct slice key = buf_slice(&memo->_key);
    if (key.len == 0) {
        return;
    }
    if (memo->_entries.n_entries == MEMO_ENTRIES_MAX) {
        forget(memo);
    }
    struct remembered *remembered = mem_alloc(sizeof(*remembered) + key.len);
    remembered->answer = answer_ref(answer);
    memcpy(remembered->key, key.ptr, key.len);
    map_set(&memo->_entries, slice_of(remembered->key, key.len), remembered);
}
