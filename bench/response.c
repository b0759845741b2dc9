// SPDX-License-Identifier: MIT
#include "response.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void response_init(struct response *r)
{
    r->state = RESPONSE_STATUS_LINE;
    r->status = 0;
    r->is_chunked = false;
    r->has_length = false;
    r->closes = false;
    r->left = 0;
    r->line_len = 0;
}

static bool starts_with(const char *line, const char *prefix)
{
    return strncasecmp(line, prefix, strlen(prefix)) == 0;
}

static int on_status_line(struct response *r)
{
    if (!starts_with(r->line, "HTTP/1.") || strlen(r->line) < 12) {
        return -1;
    }
    r->status = (int)strtol(r->line + 9, NULL, 10);
    r->closes = r->line[7] == '0';
    r->state = RESPONSE_HEADERS;
    return r->status >= 100 && r->status <= 599 ? 0 : -1;
}

static void on_head_end(struct response *r)
{
    if (r->status < 200) {
        response_init(r);
    } else if (r->status == 204 || r->status == 304) {
        r->state = RESPONSE_DONE;
    } else if (r->is_chunked) {
        r->state = RESPONSE_CHUNK_SIZE;
    } else if (r->has_length) {
        r->state = r->left > 0 ? RESPONSE_BODY : RESPONSE_DONE;
    } else {
        r->closes = true;
        r->state = RESPONSE_UNTIL_CLOSE;
    }
}

static int on_header_line(struct response *r)
{
    if (r->line_len == 0) {
        on_head_end(r);
    } else if (starts_with(r->line, "content-length:")) {
        char *end;
        r->left = strtoull(r->line + 15, &end, 10);
        r->has_length = true;
        return *end == '\0' ? 0 : -1;
    } else if (starts_with(r->line, "transfer-encoding:")) {
        r->is_chunked = strcasestr(r->line, "chunked") != NULL;
        return r->is_chunked ? 0 : -1;
    } else if (starts_with(r->line, "connection:")) {
        r->closes = strcasestr(r->line, "close") != NULL;
    }
    return 0;
}

static int on_chunk_size(struct response *r)
{
    char *end;
    r->left = strtoull(r->line, &end, 16);
    if (end == r->line || (*end != '\0' && *end != ';')) {
        return -1;
    }
    r->state = r->left > 0 ? RESPONSE_CHUNK_DATA : RESPONSE_TRAILERS;
    return 0;
}

static int on_line(struct response *r)
{
    switch (r->state) {
    case RESPONSE_STATUS_LINE: return on_status_line(r);
    case RESPONSE_HEADERS: return on_header_line(r);
    case RESPONSE_CHUNK_SIZE: return on_chunk_size(r);
    case RESPONSE_CHUNK_END: r->state = RESPONSE_CHUNK_SIZE; return r->line_len == 0 ? 0 : -1;
    case RESPONSE_TRAILERS: r->state = r->line_len == 0 ? RESPONSE_DONE : r->state; return 0;
    case RESPONSE_BODY:
    case RESPONSE_CHUNK_DATA:
    case RESPONSE_UNTIL_CLOSE:
    case RESPONSE_DONE: break;
    }
    return -1;
}

// Returns the bytes taken, which end with a line feed once the line is complete.
static long feed_line(struct response *r, const char *data, size_t len)
{
    const char *feed = memchr(data, '\n', len);
    size_t n = feed != NULL ? (size_t)(feed - data) : len;
    size_t room = RESPONSE_LINE_SIZE - 1 - r->line_len;
    size_t kept = n < room ? n : room;
    memcpy(r->line + r->line_len, data, kept);
    r->line_len += kept;
    if (feed == NULL) {
        return (long)n;
    }
    if (r->line_len > 0 && r->line[r->line_len - 1] == '\r') {
        r->line_len--;
    }
    r->line[r->line_len] = '\0';
    int rc = on_line(r);
    r->line_len = 0;
    return rc == 0 ? (long)n + 1 : -1;
}

static long feed_body(struct response *r, const char *data, size_t len, response_body_fn on_body, void *arg)
{
    size_t n = r->state == RESPONSE_UNTIL_CLOSE || len < r->left ? len : (size_t)r->left;
    on_body(arg, data, n);
    if (r->state != RESPONSE_UNTIL_CLOSE) {
        r->left -= n;
        if (r->left == 0) {
            r->state = r->state == RESPONSE_BODY ? RESPONSE_DONE : RESPONSE_CHUNK_END;
        }
    }
    return (long)n;
}

long response_feed(struct response *r, const char *data, size_t len, response_body_fn on_body, void *arg)
{
    size_t taken = 0;
    while (taken < len && r->state != RESPONSE_DONE) {
        bool in_body = r->state == RESPONSE_BODY || r->state == RESPONSE_CHUNK_DATA || r->state == RESPONSE_UNTIL_CLOSE;
        long n =
            in_body ? feed_body(r, data + taken, len - taken, on_body, arg) : feed_line(r, data + taken, len - taken);
        if (n < 0) {
            return -1;
        }
        taken += (size_t)n;
    }
    return (long)taken;
}

bool response_end(struct response *r)
{
    if (r->state == RESPONSE_UNTIL_CLOSE) {
        r->state = RESPONSE_DONE;
    }
    return r->state == RESPONSE_DONE;
}
