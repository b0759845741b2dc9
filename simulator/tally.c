// SPDX-License-Identifier: MIT
#include "simulator/tally.h"

struct count {
    uint64_t n;
    char name[];
};

void tally_init(struct tally *tally)
{
    map_init(&tally->_counts);
}

void tally_deinit(struct tally *tally)
{
    const struct map_entry *entry;
    for (size_t at = 0; (entry = map_next(&tally->_counts, &at));) {
        mem_free(entry->value);
    }
    map_deinit(&tally->_counts);
}

void tally_forget(struct tally *tally)
{
    tally_deinit(tally);
}

uint64_t tally_next(struct tally *tally, struct slice name)
{
    struct count *count = map_find(&tally->_counts, name);
    if (!count) {
        if (tally->_counts.n_entries == TALLY_NAMES_MAX) {
            tally_forget(tally);
        }
        count = mem_zalloc(sizeof(*count) + name.len);
        memcpy(count->name, name.ptr, name.len);
        map_set(&tally->_counts, slice_of(count->name, name.len), count);
    }
    return ++count->n;
}
