// SPDX-License-Identifier: MIT
// A table for a terminal: columns as wide as their widest text, two spaces between them.
#pragma once

#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"

enum { TEXT_TABLE_COLUMNS_MAX = 12 };

struct text_table {
    struct arena *arena; // borrowed
    size_t n_columns;
    size_t widths[TEXT_TABLE_COLUMNS_MAX];
    struct buf _cells; // of struct slice, row by row
    size_t _n_cells;
};

// `titles` is the first row.
void text_table_init(struct text_table *table, struct arena *arena, const struct slice *titles, size_t n_columns);
void text_table_deinit(struct text_table *table);
// The next cell of the row under way. Control characters become '?': what somebody noted must not steer a terminal.
void text_table_add(struct text_table *table, struct slice text);
void text_table_add_int(struct text_table *table, int64_t value);
void text_table_write(const struct text_table *table, struct buf *out);

// Columns that this UTF-8 text takes; East Asian characters take two.
size_t text_width(struct slice text);
