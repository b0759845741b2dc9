// SPDX-License-Identifier: MIT
#include "usage/trail.h"

#include <assert.h>

#include "json/utf8.h"

enum { TRAIL_FIRST = 2, TRAIL_FIRST_HALF = TRAIL_MAX / 2, OMITTED_MAX_BYTES = 24 };

// ---- adding ---------------------------------------------------------------------------------------------------------

static void grow(struct trail *trail, struct arena *arena)
{
    uint32_t cap = trail->cap ? trail->cap * 2 : TRAIL_FIRST;
    size_t size = cap * sizeof(*trail->entries);
    trail->entries = trail->cap ? arena_grow(arena, trail->entries, trail->cap * sizeof(*trail->entries), size)
                                : arena_alloc(arena, size);
    trail->cap = cap;
}

static void drop_one(struct trail *trail)
{
    struct trail_entry *dropped = trail->entries + TRAIL_FIRST_HALF;
    memmove(dropped, dropped + 1, (TRAIL_MAX - TRAIL_FIRST_HALF - 1) * sizeof(*dropped));
    trail->n--;
    trail->n_dropped++;
}

void trail_add(struct trail *trail, struct arena *arena, const struct trail_entry *entry)
{
    if (trail->n == TRAIL_MAX) {
        drop_one(trail);
    } else if (trail->n == trail->cap) {
        grow(trail, arena);
    }
    trail->entries[trail->n++] = *entry;
}

// ---- for people -----------------------------------------------------------------------------------------------------

static void put_name(struct buf *out, struct slice name)
{
    size_t from = out->len;
    buf_append(out, name);
    if (name.len) {
        text_replace_controls(out->ptr + from, name.len, '?');
    }
}

// "main/sim key_1: ", of which each part may be missing.
static void put_place(struct buf *out, const struct trail_entry *entry)
{
    put_name(out, entry->endpoint);
    if (entry->model.len) {
        buf_append(out, entry->endpoint.len ? SLICE("/") : SLICE_EMPTY);
        put_name(out, entry->model);
    }
    if (entry->key.len) {
        buf_append(out, entry->endpoint.len || entry->model.len ? SLICE(" ") : SLICE_EMPTY);
        put_name(out, entry->key);
    }
    if (entry->endpoint.len || entry->model.len || entry->key.len) {
        buf_append(out, SLICE(": "));
    }
}

static void put_line_entry(struct buf *out, const struct trail_entry *entry)
{
    put_place(out, entry);
    buf_append(out, slice_from_cstr(entry->outcome));
    if (entry->status) {
        buf_append_char(out, ' ');
        buf_append_u64(out, entry->status);
    }
    if (entry->reason) {
        buf_append_char(out, ' ');
        buf_append(out, slice_from_cstr(entry->reason));
    }
    if (entry->took_ms || entry->status) { // what was passed over took no time
        buf_append_char(out, ' ');
        buf_append_u64(out, entry->took_ms);
        buf_append(out, SLICE(" ms"));
    }
}

void trail_write_line(const struct trail *trail, struct buf *out)
{
    for (uint32_t i = 0; i < trail->n; i++) {
        buf_append(out, i ? SLICE("; ") : SLICE_EMPTY);
        if (trail->n_dropped && i == trail->n / 2) {
            buf_append_u64(out, trail->n_dropped);
            buf_append(out, SLICE(" more; "));
        }
        put_line_entry(out, &trail->entries[i]);
    }
}

// ---- JSON -----------------------------------------------------------------------------------------------------------

static void put_escape(struct buf *out, uint32_t unit)
{
    static const char hex[] = "0123456789abcdef";
    char escape[] = {'\\', 'u', hex[unit >> 12 & 15], hex[unit >> 8 & 15], hex[unit >> 4 & 15], hex[unit & 15]};
    buf_append(out, slice_of(escape, sizeof(escape)));
}

// A character of two to four bytes, valid.
static uint32_t decode(const char *at, size_t len)
{
    uint32_t code_point = (unsigned char)at[0] & 0x7FU >> len;
    for (size_t i = 1; i < len; i++) {
        code_point = code_point << 6 | ((unsigned char)at[i] & 0x3FU);
    }
    return code_point;
}

static void put_wide(struct buf *out, uint32_t code_point)
{
    if (code_point < 0x10000) {
        put_escape(out, code_point);
    } else {
        put_escape(out, 0xD800 + ((code_point - 0x10000) >> 10));
        put_escape(out, 0xDC00 + (code_point & 0x3FF));
    }
}

static void put_ascii(struct buf *out, char c)
{
    if (c == '"' || c == '\\') {
        buf_append_char(out, '\\');
        buf_append_char(out, c);
    } else if (c < 0x20 || c == 0x7f) {
        put_escape(out, (uint32_t)c);
    } else {
        buf_append_char(out, c);
    }
}

static void put_string(struct buf *out, struct slice text)
{
    const char *at = text.ptr;
    const char *end = text.len ? text.ptr + text.len : text.ptr;
    buf_append_char(out, '"');
    while (at < end) {
        size_t len = utf8_char_len(at, end);
        if (len == 1) {
            put_ascii(out, *at);
        } else {
            put_wide(out, len ? decode(at, len) : 0xFFFD);
        }
        at += len ? len : 1;
    }
    buf_append_char(out, '"');
}

// Of an object that was begun; the first member comes without a comma.
static void put_member(struct buf *out, struct slice name)
{
    buf_append(out, out->ptr[out->len - 1] == '{' ? SLICE("\"") : SLICE(",\""));
    buf_append(out, name);
    buf_append(out, SLICE("\":"));
}

static void put_text(struct buf *out, struct slice name, struct slice text)
{
    if (text.len) {
        put_member(out, name);
        put_string(out, text);
    }
}

static void put_number(struct buf *out, struct slice name, uint64_t value)
{
    put_member(out, name);
    buf_append_u64(out, value);
}

static void put_json_entry(struct buf *out, const struct trail_entry *entry)
{
    buf_append_char(out, '{');
    put_text(out, SLICE("endpoint"), entry->endpoint);
    put_text(out, SLICE("model"), entry->model);
    put_text(out, SLICE("key"), entry->key);
    put_text(out, SLICE("outcome"), slice_from_cstr(entry->outcome));
    put_text(out, SLICE("reason"), slice_from_cstr(entry->reason));
    if (entry->status) {
        put_number(out, SLICE("status"), entry->status);
    }
    put_number(out, SLICE("began_ms"), entry->began_ms);
    put_number(out, SLICE("took_ms"), entry->took_ms);
    buf_append_char(out, '}');
}

static void put_omitted(struct buf *out, uint32_t n)
{
    buf_append_char(out, '{');
    put_number(out, SLICE("omitted"), n);
    buf_append_char(out, '}');
}

static void separate(struct buf *out)
{
    if (out->ptr[out->len - 1] != '[') {
        buf_append_char(out, ',');
    }
}

// The first `n_first` entries and the last `n_last`.
static void put_ends(struct buf *out, const struct trail *trail, uint32_t n_first, uint32_t n_last)
{
    uint32_t n_omitted = trail->n - n_first - n_last + trail->n_dropped;
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < n_first; i++) {
        separate(out);
        put_json_entry(out, &trail->entries[i]);
    }
    if (n_omitted) {
        separate(out);
        put_omitted(out, n_omitted);
    }
    for (uint32_t i = trail->n - n_last; i < trail->n; i++) {
        separate(out);
        put_json_entry(out, &trail->entries[i]);
    }
    buf_append_char(out, ']');
}

void trail_write_json(const struct trail *trail, struct buf *out)
{
    uint32_t n_first = trail->n / 2;
    put_ends(out, trail, n_first, trail->n - n_first);
}

// ---- in a header ----------------------------------------------------------------------------------------------------

// What still fits: the last entry first, since it says how it ended, then alternately one of either end.
struct fitting {
    const size_t *sizes; // of the entries, with a comma
    size_t room;
    uint32_t n_first;
    uint32_t n_last;
};

static bool take(struct fitting *fitting, uint32_t i)
{
    bool fits = fitting->sizes[i] <= fitting->room;
    fitting->room -= fits ? fitting->sizes[i] : 0;
    return fits;
}

// The gap stays where entries were dropped: there can be one only.
static void fit(const struct trail *trail, struct fitting *fitting)
{
    uint32_t first_max = trail->n / 2;
    uint32_t last_max = trail->n - first_max;
    bool takes_first = true;
    bool takes_last = true;
    while (takes_first || takes_last) {
        takes_last = takes_last && fitting->n_last < last_max && take(fitting, trail->n - 1 - fitting->n_last);
        fitting->n_last += takes_last;
        takes_first = takes_first && fitting->n_first < first_max && take(fitting, fitting->n_first);
        fitting->n_first += takes_first;
    }
}

static size_t measure(const struct trail *trail, size_t sizes[TRAIL_MAX])
{
    struct buf text = BUF_EMPTY;
    size_t whole = 0;
    assert(trail->n <= TRAIL_MAX);
    for (uint32_t i = 0; i < trail->n; i++) {
        buf_clear(&text);
        put_json_entry(&text, &trail->entries[i]);
        sizes[i] = text.len + 1;
        whole += sizes[i];
    }
    buf_deinit(&text);
    return whole;
}

void trail_write_header_json(const struct trail *trail, size_t max_bytes, struct buf *out)
{
    size_t sizes[TRAIL_MAX];
    size_t brackets = 2;
    size_t whole = measure(trail, sizes) + brackets;
    if (!trail->n_dropped && whole <= max_bytes) {
        trail_write_json(trail, out);
    } else if (max_bytes >= brackets + OMITTED_MAX_BYTES) {
        struct fitting fitting = {.sizes = sizes, .room = max_bytes - brackets - OMITTED_MAX_BYTES};
        fit(trail, &fitting);
        put_ends(out, trail, fitting.n_first, fitting.n_last);
    } else if (max_bytes >= brackets) {
        buf_append(out, SLICE("[]"));
    }
}
