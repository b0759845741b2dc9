// SPDX-License-Identifier: MIT
// Finds the end of an HTTP/1.1 message head, in as many pieces as it comes, and rejects at once what no head may
// contain: a bare CR or LF, NUL or another control character, an over-long start line or head, too many fields, an
// obsolete line fold (RFC 9112 §2.2, §5.2, §11.2). The first offending byte decides, however the bytes came.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

struct h1_limits {
    uint32_t start_line_max; // bytes of the request or status line
    uint32_t head_max;       // bytes of the whole head
    uint32_t fields_max;     // header fields
};

// What head parsing can return beside 0.
enum h1_result {
    H1_OK = 0,
    H1_NEED_MORE = 1,       // the head is not complete yet
    H1_BAD_SYNTAX = 2,      // 400
    H1_START_LINE_LONG = 3, // 414 for a request
    H1_HEAD_LARGE = 4,      // 431: head_max or fields_max
    H1_BAD_FRAMING = 5,     // 400: Content-Length and Transfer-Encoding contradict or are malformed
    H1_BAD_VERSION = 6,     // 505: neither HTTP/1.0 nor HTTP/1.1
};

const char *h1_result_text(enum h1_result result); // for an error message

// Zero-initialised at the start of a head.
struct h1_scan {
    uint32_t _offset;     // bytes looked at
    uint32_t _line_start; // of the line under way
    uint32_t _n_lines;    // complete lines
};

// `bytes` is the head from its beginning: what was given before and whatever came since. On H1_OK, *head_len_r is the
// length of the head with its empty line. Up to two leading CRLF before a request line are the caller's to skip
// (RFC 9112 §2.2): h1_skip_empty_lines().
MUST_USE enum h1_result h1_scan(struct h1_scan *scan, const char *bytes, size_t len, const struct h1_limits *limits,
                                size_t *head_len_r);

// How many bytes of leading CRLF pairs to skip before a request line (a lone CR at the end counts as nothing yet).
size_t h1_skip_empty_lines(const char *bytes, size_t len);
