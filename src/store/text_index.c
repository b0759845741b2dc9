// SPDX-License-Identifier: MIT
#include "store/text_index.h"

#include "base/fnv.h"
#include "base/random.h"

enum { CAP_MIN = 8 };

// What is indexed comes from an operator, but a start that cannot be guessed costs nothing.
static size_t home_of(const struct text_index *index, struct slice text)
{
    uint64_t hash = fnv_add(FNV_START ^ random_process_seed(), text);
    return (hash ^ hash >> 32) & (index->_cap - 1);
}

void text_index_init(struct text_index *index)
{
    *index = (struct text_index){0};
}

void text_index_deinit(struct text_index *index)
{
    mem_free(index->_places);
    text_index_init(index);
}

// Where the text is, or would be.
static size_t place_of(const struct text_index *index, struct slice text)
{
    size_t at = home_of(index, text);
    while (index->_places[at] && !slice_eq(*index->_places[at], text)) {
        at = (at + 1) & (index->_cap - 1);
    }
    return at;
}

static void resize(struct text_index *index, size_t cap)
{
    struct text_index old = *index;
    index->_cap = cap;
    index->_places = mem_zalloc(cap * sizeof(*index->_places));
    for (size_t i = 0; i < old._cap; i++) {
        if (old._places[i]) {
            index->_places[place_of(index, *old._places[i])] = old._places[i];
        }
    }
    mem_free(old._places);
}

void text_index_reserve(struct text_index *index, size_t n)
{
    size_t cap = index->_cap ? index->_cap : CAP_MIN;
    while (n * 4 > cap * 3) {
        cap *= 2;
    }
    if (cap > index->_cap) {
        resize(index, cap);
    }
}

void text_index_put(struct text_index *index, const struct slice *text)
{
    text_index_reserve(index, index->n + 1);
    size_t at = place_of(index, *text);
    index->n += index->_places[at] == NULL;
    index->_places[at] = text;
}

const struct slice *text_index_find(const struct text_index *index, struct slice text)
{
    return index->_cap ? index->_places[place_of(index, text)] : NULL;
}

void text_index_remove(struct text_index *index, struct slice text)
{
    size_t gap = index->_cap ? place_of(index, text) : 0;
    if (!index->_cap || !index->_places[gap]) {
        return;
    }
    // Close the gap: later entries of the run move up unless they already stand at or behind their home.
    size_t mask = index->_cap - 1;
    for (size_t at = (gap + 1) & mask; index->_places[at]; at = (at + 1) & mask) {
        size_t home = home_of(index, *index->_places[at]);
        if (((at - home) & mask) >= ((at - gap) & mask)) {
            index->_places[gap] = index->_places[at];
            gap = at;
        }
    }
    index->_places[gap] = NULL;
    index->n--;
}
