// SPDX-License-Identifier: MIT
// Answers of the admin API: {"success":true,"data":…,"message"?:…} and {"success":false,"error":…,"message":…}.
// Whichever function answers, nothing of the exchange may be touched afterwards.
#pragma once

#include "admin/admin_internal.h"
#include "base/buf.h"
#include "json/json_writer.h"

// A success under construction: begin, write exactly one value (the data), send.
struct reply {
    struct buf body; // owned until it is sent
    struct json_writer w;
};
void reply_begin(struct reply *reply);
// `message` may be empty.
void reply_send(struct admin_exchange *x, struct reply *reply, struct slice message);
// The same of what comes out of the history: beside the data is `incomplete`, which says what they lack (`problem`), or
// null.
void reply_send_history(struct admin_exchange *x, struct reply *reply, struct slice problem);
// JSON that is not in the envelope; `body` is emptied.
void reply_send_raw(struct admin_exchange *x, struct buf *body);
// An answer that is not wanted any more.
void reply_drop(struct reply *reply);

void reply_fail(struct admin_exchange *x, unsigned status, struct slice message);
void reply_failf(struct admin_exchange *x, unsigned status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// The same with header lines of its own.
void reply_fail_with(struct admin_exchange *x, unsigned status, struct slice message, struct slice headers);
// Begins a success that comes as server-sent events: what follows goes out with server_write().
void reply_start_events(struct admin_exchange *x);
// A change that was refused, with the status that fits.
void reply_refuse(struct admin_exchange *x, enum key_store_refusal refusal);
unsigned reply_status_of(enum key_store_refusal refusal);

// The body of a failure on its own.
void reply_write_failure(struct buf *body, unsigned status, struct slice message);
// Header lines that every answer has.
void reply_write_headers(struct buf *headers, struct slice request_id, struct slice content_type);

// Times as the API tells them; 0 is null.
void reply_member_time(struct json_writer *w, struct slice name, int64_t wall_ms);
