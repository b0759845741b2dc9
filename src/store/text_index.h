// SPDX-License-Identifier: MIT
// Finds records by a text in them: a set of pointers to slices, eight bytes a place, for when there are many. (map.h
// keeps key, value and hash in each place: quicker, but four times as large.)
#pragma once

#include <stddef.h>

#include "base/mem.h"
#include "base/slice.h"

struct text_index {
    const struct slice **_places; // owned; NULL in a free one
    size_t _cap;                  // a power of two, or 0
    size_t n;
};

void text_index_init(struct text_index *index);
void text_index_deinit(struct text_index *index);
void text_index_reserve(struct text_index *index, size_t n); // room for so many without growing

// `text` is borrowed, as long as it is in the index. Takes the place of an equal one.
void text_index_put(struct text_index *index, const struct slice *text);
const struct slice *text_index_find(const struct text_index *index, struct slice text); // NULL when there is none
void text_index_remove(struct text_index *index, struct slice text);                    // harmless when there is none
