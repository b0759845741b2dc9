// SPDX-License-Identifier: MIT
// Searches over the text of an event, to find out whether parsing it is worth while. They run for every event of every
// stream.
#include "dialect/dialect_internal.h"
#include "json/json_scan.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

size_t usage_skip_spaces(struct slice s, size_t at)
{
    while (at < s.len && json_is_space(s.ptr[at])) {
        at++;
    }
    return at;
}

// The place behind `token` and spaces before it; SLICE_NOT_FOUND when something else is there.
static size_t skip_token(struct slice s, size_t at, struct slice token)
{
    at = usage_skip_spaces(s, at);
    return slice_starts_with(slice_after(s, at), token) ? at + token.len : SLICE_NOT_FOUND;
}

struct slice usage_peek_type(struct slice data)
{
    static const struct slice TOKENS[] = {SLICE_INIT("{"), SLICE_INIT("\"type\""), SLICE_INIT(":"), SLICE_INIT("\"")};
    enum { LONGEST_TYPE = 64 };
    size_t at = 0;
    for (size_t i = 0; i < sizeof(TOKENS) / sizeof(TOKENS[0]) && at != SLICE_NOT_FOUND; i++) {
        at = skip_token(data, at, TOKENS[i]);
    }
    struct slice rest = slice_after(data, at);
    size_t len = slice_find_char(slice_of(rest.ptr, rest.len < LONGEST_TYPE ? rest.len : LONGEST_TYPE), '"');
    return len == SLICE_NOT_FOUND ? SLICE_EMPTY : slice_of(rest.ptr, len);
}

// Is the quote at `at` the end of this name, and has the member a value that is not null? Inside of a string the quotes
// of a name would be escaped.
static bool is_member_at(struct slice data, size_t at, struct slice name)
{
    if (at <= name.len || data.ptr[at - 1] != name.ptr[name.len - 1] || data.ptr[at - name.len - 1] != '"' ||
        memcmp(data.ptr + at - name.len, name.ptr, name.len) != 0) {
        return false;
    }
    size_t colon = usage_skip_spaces(data, at + 1);
    if (colon == data.len || data.ptr[colon] != ':') {
        return false;
    }
    size_t value = usage_skip_spaces(data, colon + 1);
    return value < data.len && data.ptr[value] != 'n';
}

struct name_set {
    const struct slice *names;
    size_t n_names;
    uint64_t last_bytes; // a bit for the low six bits of each name's last byte: most quotes are done with by that
};

static struct name_set name_set_of(const struct slice *names, size_t n_names)
{
    struct name_set set = {names, n_names, 0};
    for (size_t i = 0; i < n_names; i++) {
        set.last_bytes |= UINT64_C(1) << (names[i].ptr[names[i].len - 1] & 63);
    }
    return set;
}

static inline bool is_any_member_at(struct slice data, size_t at, const struct name_set *set)
{
    if (at == 0 || (set->last_bytes >> (data.ptr[at - 1] & 63) & 1) == 0) {
        return false;
    }
    for (size_t i = 0; i < set->n_names; i++) {
        if (is_member_at(data, at, set->names[i])) {
            return true;
        }
    }
    return false;
}

// One pass for all names: it stops at the quotes that have a colon or a space behind them.
bool usage_states(struct slice data, const struct slice *names, size_t n_names)
{
    const struct name_set set = name_set_of(names, n_names);
    size_t i = 0;
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i colon = _mm_set1_epi8(':');
    const __m128i space = _mm_set1_epi8(' ');
    for (; i + 17 <= data.len; i += 16) {
        __m128i here = _mm_loadu_si128((const __m128i *)(const void *)(data.ptr + i));
        __m128i next = _mm_loadu_si128((const __m128i *)(const void *)(data.ptr + i + 1));
        __m128i is_space = _mm_cmpeq_epi8(_mm_max_epu8(next, space), space);
        __m128i is_end = _mm_or_si128(_mm_cmpeq_epi8(next, colon), is_space);
        unsigned hits = (unsigned)_mm_movemask_epi8(_mm_and_si128(_mm_cmpeq_epi8(here, quote), is_end));
        for (; hits; hits &= hits - 1) {
            if (is_any_member_at(data, i + (size_t)__builtin_ctz(hits), &set)) {
                return true;
            }
        }
    }
#endif
    for (; i < data.len; i++) {
        if (data.ptr[i] == '"' && is_any_member_at(data, i, &set)) {
            return true;
        }
    }
    return false;
}
