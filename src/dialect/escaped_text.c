// SPDX-License-Identifier: MIT
#include "dialect/escaped_text.h"

// The length of the white space that `s` begins with: itself, or an escape; 0 when there is none.
static size_t space_len(struct slice s)
{
    static const struct slice ESCAPES[] = {
        SLICE_INIT("\\n"),     SLICE_INIT("\\r"),     SLICE_INIT("\\t"),     SLICE_INIT("\\f"),
        SLICE_INIT("\\u0020"), SLICE_INIT("\\u000a"), SLICE_INIT("\\u000d"), SLICE_INIT("\\u0009"),
        SLICE_INIT("\\u000c"), SLICE_INIT("\\u000b"),
    };
    if (s.len == 0 || s.ptr[0] != '\\') {
        return s.len && s.ptr[0] == ' ' ? 1 : 0;
    }
    for (size_t i = 0; i < sizeof(ESCAPES) / sizeof(ESCAPES[0]); i++) {
        if (slice_starts_with_nocase(s, ESCAPES[i])) {
            return ESCAPES[i].len;
        }
    }
    return 0;
}

bool escaped_text_is_blank(struct slice escaped)
{
    for (size_t len; (len = space_len(escaped)) > 0;) {
        escaped = slice_after(escaped, len);
    }
    return escaped.len == 0;
}

// A backslash that is itself escaped begins nothing.
static bool begins_escape(struct slice text, size_t at)
{
    size_t n = 0;
    while (n < at && text.ptr[at - n - 1] == '\\') {
        n++;
    }
    return n % 2 == 0;
}

static bool trim_once(struct slice *text)
{
    static const size_t LENGTHS[] = {1, 2, 6};
    for (size_t i = 0; i < sizeof(LENGTHS) / sizeof(LENGTHS[0]); i++) {
        if (text->len < LENGTHS[i]) {
            return false;
        }
        size_t at = text->len - LENGTHS[i];
        if (space_len(slice_after(*text, at)) == LENGTHS[i] && begins_escape(*text, at)) {
            text->len = at;
            return true;
        }
    }
    return false;
}

struct slice escaped_text_trim_end(struct slice escaped)
{
    while (trim_once(&escaped)) {
    }
    return escaped;
}
