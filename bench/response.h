// SPDX-License-Identifier: MIT
// An HTTP/1.1 response read as it arrives, for the load generator. It shares no code with the gateway on purpose: what
// measures must not repeat the mistakes of what is measured.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum response_state {
    RESPONSE_STATUS_LINE,
    RESPONSE_HEADERS,
    RESPONSE_BODY, // content-length, `left` bytes to come
    RESPONSE_CHUNK_SIZE,
    RESPONSE_CHUNK_DATA, // `left` bytes to come
    RESPONSE_CHUNK_END,
    RESPONSE_TRAILERS,
    RESPONSE_UNTIL_CLOSE, // the end of the connection ends the body
    RESPONSE_DONE,
};

enum { RESPONSE_LINE_SIZE = 112 }; // longer header lines are cut: none of those that matter is longer

struct response {
    enum response_state state;
    int status;
    bool is_chunked;
    bool has_length;
    bool closes; // the connection is of no further use
    uint64_t left;
    size_t line_len;
    char line[RESPONSE_LINE_SIZE];
};

typedef void (*response_body_fn)(void *arg, const char *data, size_t len);

void response_init(struct response *r);

// Takes bytes from the connection; body bytes go to on_body. Stops at the end of the response. Returns how many bytes
// were taken, or -1 when they are not an HTTP response.
long response_feed(struct response *r, const char *data, size_t len, response_body_fn on_body, void *arg);

// The connection ended; is the response complete?
bool response_end(struct response *r);
