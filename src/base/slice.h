// SPDX-License-Identifier: MIT
// A borrowed piece of text: pointer and length, passed by value, never freed. Not NUL-terminated.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const char *ptr; // borrowed; may be NULL when len is 0
    size_t len;
};

// A string literal as a slice, also usable in static tables.
#define SLICE_INIT(literal)                                                                                            \
    {                                                                                                                  \
        (literal), sizeof(literal) - 1                                                                                 \
    }
#define SLICE(literal) ((struct slice)SLICE_INIT(literal))
#define SLICE_EMPTY ((struct slice){NULL, 0})

// For printf: "%.*s", SLICE_ARG(s). A negative precision would mean: up to a NUL.
#define SLICE_ARG(s) (int)((s).len < INT32_MAX ? (s).len : INT32_MAX), (s).ptr ? (s).ptr : ""

static inline struct slice slice_of(const char *ptr, size_t len)
{
    return (struct slice){ptr, len};
}

static inline struct slice slice_from_cstr(const char *text)
{
    return (struct slice){text, text ? strlen(text) : 0};
}

// From `from` to the end; empty when `from` is past the end.
static inline struct slice slice_after(struct slice s, size_t from)
{
    return from >= s.len ? SLICE_EMPTY : slice_of(s.ptr + from, s.len - from);
}

static inline bool slice_eq(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool slice_starts_with(struct slice s, struct slice prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

static inline bool slice_ends_with(struct slice s, struct slice suffix)
{
    return s.len >= suffix.len && (suffix.len == 0 || memcmp(s.ptr + s.len - suffix.len, suffix.ptr, suffix.len) == 0);
}

// ASCII case is ignored; other bytes must be the same.
bool slice_eq_nocase(struct slice a, struct slice b);
bool slice_starts_with_nocase(struct slice s, struct slice prefix);

// Compared in a time that depends on the length of `given` only: for secrets.
bool slice_eq_constant_time(struct slice given, struct slice secret);

// Without spaces and tabs at both ends.
struct slice slice_trim(struct slice s);
// Puts `with` in place of control characters (and DEL), so that a text stays one line.
void text_replace_controls(char *text, size_t len, char with);
// Not empty, and nothing in it but visible ASCII characters: what may stand in a header line, in one piece.
bool slice_is_visible(struct slice s);

// The first occurrence of `needle`, as an offset; SLICE_NOT_FOUND when there is none. An empty needle is at 0.
// Vectorised: meant for running over whole bodies.
#define SLICE_NOT_FOUND SIZE_MAX
size_t slice_find(struct slice haystack, struct slice needle);
// The last occurrence, searched from the end.
size_t slice_find_last(struct slice haystack, struct slice needle);
size_t slice_find_char(struct slice haystack, char c);

// Splits at the first `separator`: returns the part before it and moves *rest behind it. Without a separator the whole
// of *rest is returned and *rest becomes empty with ptr NULL.
struct slice slice_split(struct slice *rest, char separator);

// Decimal digits only, no sign, no space, no overflow. False leaves *value_r untouched.
bool slice_to_u64(struct slice s, uint64_t *value_r);

// Writes `value` in decimal to `out`, which has room for 20 bytes; returns the number of bytes.
size_t format_u64(char *out, uint64_t value);
