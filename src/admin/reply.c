// SPDX-License-Identifier: MIT
#include "admin/reply.h"

#include <stdarg.h>
#include <stdio.h>

#include "admin/change.h"
#include "base/clock.h"

enum { MESSAGE_MAX = 512 };

static const struct slice json_type = SLICE_INIT("application/json");

void reply_write_headers(struct buf *headers, struct slice request_id, struct slice content_type)
{
    h1_write_field(headers, SLICE("content-type"), content_type);
    h1_write_field(headers, SLICE("x-request-id"), request_id);
    // What is told here is nobody else's business, neither a cache's nor that of a page that guesses types.
    buf_append(headers, SLICE("cache-control: no-store\r\nx-content-type-options: nosniff\r\n"));
}

static void respond(struct admin_exchange *x, unsigned status, struct slice more_headers, struct buf *body)
{
    struct buf headers = BUF_EMPTY;
    struct buf sent = *body; // what `body` is a part of goes with the exchange
    *body = BUF_EMPTY;
    reply_write_headers(&headers, x->request_id, json_type);
    buf_append(&headers, more_headers);
    server_respond(x->ex, status, buf_slice(&headers), buf_slice(&sent));
    buf_deinit(&headers);
    buf_deinit(&sent);
}

// ---- successes ------------------------------------------------------------------------------------------------------

void reply_begin(struct reply *reply)
{
    reply->body = BUF_EMPTY;
    json_writer_init(&reply->w, &reply->body);
    json_begin_object(&reply->w);
    json_member_bool(&reply->w, SLICE("success"), true);
    json_key(&reply->w, SLICE("data"));
}

void reply_send(struct admin_exchange *x, struct reply *reply, struct slice message)
{
    if (message.len) {
        json_member_string(&reply->w, SLICE("message"), message);
    }
    json_end_object(&reply->w);
    respond(x, 200, SLICE_EMPTY, &reply->body);
}

void reply_send_history(struct admin_exchange *x, struct reply *reply, struct slice problem)
{
    json_key(&reply->w, SLICE("incomplete"));
    if (problem.len) {
        json_write_string(&reply->w, problem);
    } else {
        json_write_null(&reply->w);
    }
    reply_send(x, reply, SLICE_EMPTY);
}

void reply_start_events(struct admin_exchange *x)
{
    struct buf headers = BUF_EMPTY;
    reply_write_headers(&headers, x->request_id, SLICE("text/event-stream"));
    buf_append(&headers, SLICE("x-accel-buffering: no\r\n")); // a proxy in between must not gather events
    server_start(x->ex, 200, buf_slice(&headers), H1_NO_LENGTH);
    server_flush(x->ex);
    buf_deinit(&headers);
}

void reply_send_raw(struct admin_exchange *x, struct buf *body)
{
    respond(x, 200, SLICE_EMPTY, body);
}

void reply_drop(struct reply *reply)
{
    buf_deinit(&reply->body);
}

void reply_member_time(struct json_writer *w, struct slice name, int64_t wall_ms)
{
    char text[CLOCK_ISO8601_SIZE];
    json_key(w, name);
    if (wall_ms > 0) {
        clock_format_iso8601(text, wall_ms);
        json_write_string(w, slice_of(text, CLOCK_ISO8601_SIZE - 1));
    } else {
        json_write_null(w);
    }
}

// ---- failures -------------------------------------------------------------------------------------------------------

static struct slice error_name(unsigned status)
{
    switch (status) {
    case 400: return SLICE("Bad request");
    case 401: return SLICE("Unauthorized");
    case 403: return SLICE("Forbidden");
    case 404: return SLICE("Not found");
    case 405: return SLICE("Method not allowed");
    case 408: return SLICE("Request timeout");
    case 409: return SLICE("Conflict");
    case 413: return SLICE("Payload too large");
    case 422: return SLICE("Unprocessable");
    case 429: return SLICE("Too many requests");
    case 500: return SLICE("Internal error");
    case 503: return SLICE("Service unavailable");
    case 507: return SLICE("Insufficient storage");
    default: return slice_from_cstr(http_status_reason(status));
    }
}

void reply_write_failure(struct buf *body, unsigned status, struct slice message)
{
    struct json_writer w;
    json_writer_init(&w, body);
    json_begin_object(&w);
    json_member_bool(&w, SLICE("success"), false);
    json_member_string(&w, SLICE("error"), error_name(status));
    json_member_string(&w, SLICE("message"), message);
    json_end_object(&w);
}

void reply_fail_with(struct admin_exchange *x, unsigned status, struct slice message, struct slice headers)
{
    struct buf body = BUF_EMPTY;
    change_refused(x, status, message);
    reply_write_failure(&body, status, message);
    respond(x, status, headers, &body);
}

void reply_fail(struct admin_exchange *x, unsigned status, struct slice message)
{
    reply_fail_with(x, status, message, SLICE_EMPTY);
}

void reply_failf(struct admin_exchange *x, unsigned status, const char *format, ...)
{
    char text[MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    reply_fail(x, status, slice_from_cstr(text));
}

unsigned reply_status_of(enum key_store_refusal refusal)
{
    switch (refusal) {
    case KEY_STORE_OK: return 200;
    case KEY_STORE_EXISTS: return 409;
    case KEY_STORE_NO_SUCH_KEY: return 404;
    case KEY_STORE_FULL: return 507;
    case KEY_STORE_EMPTY:
    case KEY_STORE_TOO_LONG:
    case KEY_STORE_BAD_CHARACTER:
    case KEY_STORE_NO_SUCH_GROUP:
    case KEY_STORE_BAD_GROUP_ID:
    case KEY_STORE_DEFAULT_GROUP:
    case KEY_STORE_NOTES_TOO_LONG:
    case KEY_STORE_BAD_WEIGHT: break;
    }
    return 400;
}

void reply_refuse(struct admin_exchange *x, enum key_store_refusal refusal)
{
    reply_fail(x, reply_status_of(refusal), slice_from_cstr(key_store_refusal_text(refusal)));
}
