// SPDX-License-Identifier: MIT
// HTTP/1.1 message heads: parsing of a complete head (as h1_scan() found it) into slices of it, strict against request
// smuggling (RFC 9112 §§3–6, RFC 9110 §5).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "http/h1_scan.h"
#include "http/header_name.h"

struct h1_field {
    struct slice name;   // as written
    struct slice value;  // without surrounding white space
    enum header_name id; // HEADER_OTHER when it is none of the known
};

enum { H1_FIELDS_MAX = 100 };
enum { H1_NO_LENGTH = -1 };

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_METHOD_OTHER,
};

struct h1_request {
    enum http_method method;
    struct slice method_text;
    struct slice target;   // as sent: origin form, absolute form or "*"
    uint8_t minor_version; // 0 or 1
    bool keep_alive;       // what version and Connection say together
    bool is_chunked;
    bool expects_continue;   // Expect: 100-continue (HTTP/1.1 only)
    int64_t content_length;  // H1_NO_LENGTH without one; never set together with is_chunked
    struct h1_field *fields; // the caller's array of at least limits->fields_max
    size_t n_fields;
};

// Rejected with H1_BAD_FRAMING: Transfer-Encoding together with Content-Length, in HTTP/1.0, repeated, or anything but
// exactly "chunked"; Content-Length that is no plain number up to 2^63-1 or is repeated, even with the same value.
// Rejected with H1_BAD_SYNTAX: spaces before a colon, names that are no token, control characters in values, a target
// with controls or spaces or non-ASCII, more than single spaces in the request line, HTTP/1.1 without exactly one Host
// (in HTTP/1.0: with more than one), a Host with characters that no host and port have.
MUST_USE enum h1_result h1_parse_request(struct h1_request *req, const char *head, size_t head_len,
                                         const struct h1_limits *limits);

struct h1_response {
    uint16_t status; // 100…999
    struct slice reason;
    uint8_t minor_version;
    bool keep_alive;
    bool is_chunked;
    int64_t content_length;  // H1_NO_LENGTH: none given, so the body ends with the connection unless is_chunked
    struct h1_field *fields; // the caller's array
    size_t n_fields;
};

// The same strictness. Transfer-Encoding other than "chunked" as the only coding is H1_BAD_FRAMING; with both framings
// the message is rejected as well (we never guess where an answer ends).
MUST_USE enum h1_result h1_parse_response(struct h1_response *resp, const char *head, size_t head_len,
                                          const struct h1_limits *limits);

// Does a response to this method with this status have a body at all (RFC 9112 §6.3)?
bool h1_response_has_body(enum http_method request_method, uint16_t status);

// Appends "name: value" and the line end. Neither may hold a line break.
void h1_write_field(struct buf *out, struct slice name, struct slice value);

// The first field with this id, or NULL.
const struct h1_field *h1_find_field(const struct h1_field *fields, size_t n_fields, enum header_name id);

const char *http_method_text(enum http_method method); // NULL for HTTP_METHOD_OTHER
const char *http_status_reason(unsigned status);       // "OK", …; "Unknown" for what is not registered
