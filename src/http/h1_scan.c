// SPDX-License-Identifier: MIT
#include "http/h1_scan.h"

#include <stdbool.h>

#include "http/h1_char.h"

const char *h1_result_text(enum h1_result result)
{
    switch (result) {
    case H1_OK: return "complete";
    case H1_NEED_MORE: return "the message head is not complete";
    case H1_BAD_SYNTAX: return "malformed message head";
    case H1_START_LINE_LONG: return "the start line is too long";
    case H1_HEAD_LARGE: return "the header fields are too large";
    case H1_BAD_FRAMING: return "contradictory or malformed Content-Length or Transfer-Encoding";
    case H1_BAD_VERSION: return "neither HTTP/1.0 nor HTTP/1.1";
    }
    return "unknown";
}

// White space at the beginning of a field line is an obsolete line fold (RFC 9112 §5.2).
static bool is_folded(const struct h1_scan *scan, const char *bytes, size_t end)
{
    return scan->_n_lines > 0 && scan->_line_start < end &&
           (bytes[scan->_line_start] == ' ' || bytes[scan->_line_start] == '\t');
}

// What is wrong is told by the first offending byte alone, so that the answer does not depend on how the bytes came.
enum h1_result h1_scan(struct h1_scan *scan, const char *bytes, size_t len, const struct h1_limits *limits,
                       size_t *head_len_r)
{
    size_t end = len < limits->head_max ? len : limits->head_max;
    for (;;) {
        if (is_folded(scan, bytes, end)) {
            return H1_BAD_SYNTAX;
        }
        size_t at = (size_t)(h1_find_control(bytes + scan->_offset, bytes + end) - bytes);
        if (scan->_n_lines == 0 && at > limits->start_line_max) {
            return H1_START_LINE_LONG;
        }
        scan->_offset = (uint32_t)at;
        if (at == end || (bytes[at] == '\r' && at + 1 == end)) {
            return len >= limits->head_max ? H1_HEAD_LARGE : H1_NEED_MORE;
        }
        if (bytes[at] != '\r' || bytes[at + 1] != '\n') {
            return H1_BAD_SYNTAX;
        }
        scan->_offset += 2;
        if (at == scan->_line_start) {
            if (scan->_n_lines == 0) {
                return H1_BAD_SYNTAX;
            }
            *head_len_r = scan->_offset;
            return H1_OK;
        }
        if (scan->_n_lines++ > limits->fields_max) {
            return H1_HEAD_LARGE;
        }
        scan->_line_start = scan->_offset;
    }
}

size_t h1_skip_empty_lines(const char *bytes, size_t len)
{
    size_t skip = 0;
    while (skip < 4 && len - skip >= 2 && bytes[skip] == '\r' && bytes[skip + 1] == '\n') {
        skip += 2;
    }
    return skip;
}
