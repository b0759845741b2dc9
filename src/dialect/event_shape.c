// SPDX-License-Identifier: MIT
#include "dialect/event_shape.h"

#include "json/json_scan.h"
#include "json/utf8.h"

// A piece of the event that is left out of the shape.
struct gap {
    size_t from;
    size_t to;
    enum shape_hole_kind kind;
};

// Behind what may stand in a hole, or NULL. A string ends at its quote, a number at the first other character.
static const char *skip_number(const char *at, const char *end)
{
    const char *start = at;
    while (at < end && json_is_digit(*at)) {
        at++;
    }
    bool has_leading_zero = at - start > 1 && *start == '0';
    return at > start && !has_leading_zero ? at : NULL;
}

static const char *skip_string(const char *at, const char *end)
{
    at = json_skip_plain_ascii(at, end);
    return at < end && *at == '"' ? at : NULL;
}

static const char *skip_text(const char *at, const char *end)
{
    const char *start = at;
    at = json_skip_plain_ascii(at, end); // most texts are that all through
    if (at < end && *at == '"') {
        return at;
    }
    while ((at = json_skip_plain(at, end)) < end && *at == '\\') {
        size_t len = json_escape_len(at, end);
        if (!len) {
            return NULL;
        }
        at += len;
    }
    struct slice text = slice_of(start, (size_t)(at - start));
    return at < end && *at == '"' && utf8_valid_len(text) == text.len ? at : NULL;
}

static const char *skip_hole(enum shape_hole_kind kind, const char *at, const char *end)
{
    switch (kind) {
    case HOLE_TEXT: return skip_text(at, end);
    case HOLE_NUMBER: return skip_number(at, end);
    case HOLE_STRING: return skip_string(at, end);
    }
    return NULL;
}

// ---- learning

// Where a member's value is; false when it is not there, or not once.
static bool find_gap(struct slice data, const struct shape_member *member, struct gap *gap_r)
{
    size_t at = slice_find(data, member->prefix);
    if (at == SLICE_NOT_FOUND || slice_find_last(data, member->prefix) != at) {
        return false;
    }
    const char *from = data.ptr + at + member->prefix.len;
    const char *to = skip_hole(member->kind, from, data.ptr + data.len);
    *gap_r = (struct gap){(size_t)(from - data.ptr), to ? (size_t)(to - data.ptr) : 0, member->kind};
    return to;
}

// Keeps them in order; false where two overlap.
static bool insert_gap(struct gap *gaps, size_t n, struct gap gap)
{
    size_t i = n;
    for (; i > 0 && gaps[i - 1].from >= gap.to; i--) {
        gaps[i] = gaps[i - 1];
    }
    gaps[i] = gap;
    return i == 0 || gaps[i - 1].to <= gap.from;
}

static bool add_bytes(struct event_shape *shape, struct slice bytes)
{
    if (bytes.len > SHAPE_BYTES_MAX - shape->n_bytes) {
        return false;
    }
    if (bytes.len) {
        memcpy(shape->bytes + shape->n_bytes, bytes.ptr, bytes.len);
    }
    shape->n_bytes += bytes.len;
    return true;
}

static bool fill(struct event_shape *shape, struct slice data, const struct gap *gaps, size_t n_gaps)
{
    size_t at = 0;
    shape->n_bytes = 0;
    shape->n_holes = n_gaps;
    for (size_t i = 0; i < n_gaps; i++) {
        if (!add_bytes(shape, slice_of(data.ptr + at, gaps[i].from - at))) {
            return false;
        }
        shape->holes[i].at = shape->n_bytes;
        shape->holes[i].kind = gaps[i].kind;
        at = gaps[i].to;
    }
    return add_bytes(shape, slice_after(data, at));
}

void event_shape_learn(struct event_shape *shape, struct slice name, struct slice data, struct slice text,
                       const struct shape_member *members, size_t n_members)
{
    size_t from = (size_t)(text.ptr - data.ptr);
    struct gap gaps[SHAPE_HOLES_MAX] = {{from, from + text.len, HOLE_TEXT}};
    size_t n_gaps = 1;
    bool is_good = name.len <= SHAPE_NAME_MAX;
    for (size_t i = 0; is_good && i < n_members && n_gaps < SHAPE_HOLES_MAX; i++) {
        struct gap gap;
        if (find_gap(data, &members[i], &gap)) {
            is_good = insert_gap(gaps, n_gaps++, gap);
        }
    }
    shape->is_set = is_good && fill(shape, data, gaps, n_gaps);
    if (shape->is_set && name.len) {
        memcpy(shape->name, name.ptr, name.len);
    }
    shape->name_len = name.len;
}

// ---- matching

bool event_shape_match(const struct event_shape *shape, struct slice name, struct slice data, struct slice *text_r)
{
    if (!shape->is_set || !data.len || !slice_eq(name, slice_of(shape->name, shape->name_len))) {
        return false;
    }
    const char *at = data.ptr;
    const char *end = data.ptr + data.len;
    size_t n_matched = 0;
    for (size_t i = 0; i < shape->n_holes; i++) {
        size_t n = shape->holes[i].at - n_matched;
        if ((size_t)(end - at) < n || memcmp(at, shape->bytes + n_matched, n) != 0) {
            return false;
        }
        n_matched += n;
        const char *behind = skip_hole(shape->holes[i].kind, at + n, end);
        if (!behind) {
            return false;
        }
        if (shape->holes[i].kind == HOLE_TEXT) {
            *text_r = slice_of(at + n, (size_t)(behind - at) - n);
        }
        at = behind;
    }
    size_t n_left = shape->n_bytes - n_matched;
    return (size_t)(end - at) == n_left && memcmp(at, shape->bytes + n_matched, n_left) == 0;
}
