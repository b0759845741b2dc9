// SPDX-License-Identifier: MIT
// Happy path: an error is held → its body is complete → lease_settle() says whose fault it was → another key, or the
// client is told. Ends when: the next attempt runs, or the answer is on its way.
#include "gateway/failover.h"

#include "dialect/translate.h"
#include "gateway/lease.h"

// An error that is longer is passed on while it comes, judged by its beginning.
enum { HELD_MAX = 256 * 1024 };

struct held {
    struct h1_response resp; // arena
    struct buf body;         // owned
};

static struct slice field_value(const struct h1_response *resp, enum header_name name)
{
    const struct h1_field *field = h1_find_field(resp->fields, resp->n_fields, name);
    return field ? field->value : SLICE_EMPTY;
}

static struct h1_response copy_head(struct arena *arena, const struct h1_response *resp)
{
    struct h1_response copy = *resp;
    copy.reason = arena_dup(arena, resp->reason);
    copy.fields = arena_alloc(arena, resp->n_fields * sizeof(*copy.fields) + 1);
    for (size_t i = 0; i < resp->n_fields; i++) {
        copy.fields[i] = (struct h1_field){arena_dup(arena, resp->fields[i].name),
                                           arena_dup(arena, resp->fields[i].value), resp->fields[i].id};
    }
    return copy;
}

bool failover_holds(struct exchange *x, const struct h1_response *resp)
{
    if (resp->status < 400 || !lease_is_out(x)) {
        return false;
    }
    x->held = arena_zalloc(exchange_arena(x), sizeof(*x->held));
    x->held->resp = copy_head(exchange_arena(x), resp);
    return true;
}

void failover_deinit(struct exchange *x)
{
    if (x->held) {
        buf_deinit(&x->held->body);
        x->held = NULL;
    }
}

// What is compressed although we asked for identity is not judged by its text.
static struct slice readable_text(const struct held *held)
{
    struct slice encoding = field_value(&held->resp, HEADER_CONTENT_ENCODING);
    bool is_plain = encoding.len == 0 || slice_eq_nocase(encoding, SLICE("identity"));
    return is_plain ? buf_slice(&held->body) : SLICE_EMPTY;
}

static int64_t retry_after_ms(const struct h1_response *resp)
{
    uint64_t seconds;
    struct slice value = field_value(resp, HEADER_RETRY_AFTER);
    return slice_to_u64(value, &seconds) && seconds < INT32_MAX ? (int64_t)seconds * 1000 : -1;
}

static enum blame judge(struct exchange *x)
{
    struct attempt_evidence evidence = {
        .event = ATTEMPT_ANSWERED,
        .status = x->held->resp.status,
        .text = readable_text(x->held),
        .retry_after_ms = retry_after_ms(&x->held->resp),
    };
    return lease_settle(x, &evidence);
}

static const char *done_to_key(const struct key_consequence *consequence)
{
    return consequence->is_banned ? "is banned" : consequence->cooldown_until_ms ? "rests for a while" : "stays in use";
}

// The upstream's reason in the client's dialect, and what it means for the key.
static void tell_client(struct exchange *x, enum blame blame)
{
    const struct held *held = x->held;
    struct arena *arena = exchange_arena(x);
    struct neutral_error error;
    translate_read_error(arena, x->upstream->dialect, held->resp.status, readable_text(held),
                         field_value(&held->resp, HEADER_RETRY_AFTER), &error);
    struct slice message = translate_hide_secret(arena, error.message, x->lease->key.secret);
    error.message = arena_printf(arena, "%.*s (key %.*s %s; %zu tried)", SLICE_ARG(message),
                                 SLICE_ARG(x->lease->key.id), done_to_key(&x->lease->consequence), x->lease->n_tried);
    int64_t wait_s = lease_wait_s(x);
    if (wait_s > 0 && blame == BLAME_KEY_MODEL) {
        // What one key said of itself is not the point any more: all of them rest.
        x->retry_after_s = wait_s;
        exchange_fail(x, FAULT_NO_AVAILABLE_KEY, error.message);
        return;
    }
    error.retry_after_s = wait_s > 0 ? wait_s : error.retry_after_s;
    // A refusal keeps its status: it says what the operator has to see to.
    unsigned status = held->resp.status <= 403 ? held->resp.status : fault_status_in(error.fault, x->route.dialect);
    struct buf body = held->body; // that `error` points into
    x->held = NULL;
    exchange_fail_as(x, &error, status);
    buf_deinit(&body);
}

// What was held goes its usual way; more of it may follow.
static void release(struct exchange *x, bool last)
{
    struct held held = *x->held;
    x->held = NULL;
    if (relay_begin(x, &held.resp)) {
        relay_on_body(x, held.body.ptr, held.body.len, last);
    }
    buf_deinit(&held.body);
}

bool failover_on_piece(struct exchange *x, struct slice piece, bool last)
{
    struct held *held = x->held;
    buf_append(&held->body, piece);
    if (!last && held->body.len < HELD_MAX) {
        return true;
    }
    enum blame blame = judge(x);
    bool wants_another = blame_wants_another_key(blame);
    if (wants_another && !x->lease->only.identity && lease_take_another(x)) {
        attempt_cancel(x);
        failover_deinit(x);
        attempt_again(x);
        return false;
    }
    if (wants_another) {
        attempt_cancel(x);
        tell_client(x, blame);
        return false;
    }
    release(x, last);
    return !last;
}
