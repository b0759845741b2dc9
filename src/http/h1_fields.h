// SPDX-License-Identifier: MIT
// The header fields of a head, and what they say together about the message: shared by requests and responses.
#pragma once

#include "http/h1_head.h"

struct h1_fields {
    struct h1_field *fields; // the caller's array
    size_t n_fields;
    int64_t content_length; // H1_NO_LENGTH without one
    bool is_chunked;
    bool is_close;      // Connection: close
    bool is_keep_alive; // Connection: keep-alive
    bool expects_continue;
    struct slice host; // of the last Host
    size_t n_hosts;
};

// Takes the first line of *rest, without its CRLF. False when it is unterminated or has control characters.
MUST_USE bool h1_take_line(struct slice *rest, struct slice *line_r);

// `rest` is the head behind its start line, with the empty line. fields->fields is given, the rest is filled.
MUST_USE enum h1_result h1_parse_fields(struct h1_fields *fields, struct slice rest, unsigned minor_version,
                                        const struct h1_limits *limits);

// What version and Connection say together.
bool h1_fields_keep_alive(const struct h1_fields *fields, unsigned minor_version);

// "HTTP/1.0" or "HTTP/1.1". H1_BAD_VERSION for another version, H1_BAD_SYNTAX for something else.
MUST_USE enum h1_result h1_parse_version(struct slice text, uint8_t *minor_version_r);
