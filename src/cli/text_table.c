// SPDX-License-Identifier: MIT
#include "cli/text_table.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "json/utf8.h"

struct range {
    uint32_t first;
    uint32_t last;
};

// Unicode's East Asian Width W and F, in large pieces.
static const struct range wide[] = {
    {0x1100, 0x115F}, {0x2E80, 0x303E}, {0x3041, 0xA4CF}, {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},
    {0xFE30, 0xFE6F}, {0xFF00, 0xFF60}, {0xFFE0, 0xFFE6}, {0x1F300, 0x1FAFF}, {0x20000, 0x3FFFD},
};

static uint32_t decode(const char *at, size_t len)
{
    static const uint8_t first_mask[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t code_point = (uint8_t)at[0] & first_mask[len];
    for (size_t i = 1; i < len; i++) {
        code_point = code_point << 6 | ((uint8_t)at[i] & 0x3F);
    }
    return code_point;
}

static size_t width_of(uint32_t code_point)
{
    for (size_t i = 0; i < sizeof(wide) / sizeof(*wide); i++) {
        if (code_point >= wide[i].first && code_point <= wide[i].last) {
            return 2;
        }
    }
    return 1;
}

static bool is_control(uint32_t code_point)
{
    return code_point < 0x20 || (code_point >= 0x7F && code_point < 0xA0) || code_point == 0x2028 ||
           code_point == 0x2029 || (code_point >= 0x202A && code_point <= 0x202E) ||
           (code_point >= 0x2066 && code_point <= 0x2069);
}

size_t text_width(struct slice text)
{
    size_t width = 0;
    for (size_t at = 0; at < text.len;) {
        size_t len = utf8_char_len(text.ptr + at, text.ptr + text.len);
        width += len ? width_of(decode(text.ptr + at, len)) : 1;
        at += len ? len : 1;
    }
    return width;
}

static struct slice clean(struct arena *arena, struct slice text)
{
    char *copy = arena_text(arena, text.len);
    size_t n = 0;
    for (size_t at = 0; at < text.len;) {
        size_t len = utf8_char_len(text.ptr + at, text.ptr + text.len);
        if (len == 0 || is_control(decode(text.ptr + at, len))) {
            copy[n++] = '?';
        } else {
            memcpy(copy + n, text.ptr + at, len);
            n += len;
        }
        at += len ? len : 1;
    }
    return slice_of(copy, n);
}

void text_table_init(struct text_table *table, struct arena *arena, const struct slice *titles, size_t n_columns)
{
    assert(n_columns <= TEXT_TABLE_COLUMNS_MAX);
    *table = (struct text_table){.arena = arena, .n_columns = n_columns};
    for (size_t i = 0; i < n_columns; i++) {
        text_table_add(table, titles[i]);
    }
}

void text_table_deinit(struct text_table *table)
{
    buf_deinit(&table->_cells);
}

void text_table_add(struct text_table *table, struct slice text)
{
    struct slice cell = clean(table->arena, text);
    size_t *width = &table->widths[table->_n_cells++ % table->n_columns];
    size_t own_width = text_width(cell);
    *width = own_width > *width ? own_width : *width;
    buf_append(&table->_cells, slice_of((const char *)&cell, sizeof(cell)));
}

void text_table_add_int(struct text_table *table, int64_t value)
{
    text_table_add(table, arena_printf(table->arena, "%lld", (long long)value));
}

void text_table_write(const struct text_table *table, struct buf *out)
{
    for (size_t i = 0; i < table->_n_cells; i++) {
        struct slice cell;
        memcpy(&cell, table->_cells.ptr + i * sizeof(cell), sizeof(cell));
        size_t column = i % table->n_columns;
        buf_append(out, cell);
        if (column + 1 == table->n_columns) {
            buf_append_char(out, '\n');
            continue;
        }
        for (size_t pad = text_width(cell); pad < table->widths[column] + 2; pad++) {
            buf_append_char(out, ' ');
        }
    }
}
