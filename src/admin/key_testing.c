// SPDX-License-Identifier: MIT
// Tests of keys, one or many. Many tell how far they are, if the client takes an event stream.
#include "admin/body.h"
#include "admin/change.h"
#include "admin/key_facts.h"
#include "admin/key_filter.h"
#include "admin/key_walk.h"
#include "admin/reply.h"
#include "http/sse_writer.h"

enum { HEARTBEAT_MS = 15 * 1000 };

struct testing {
    struct admin_exchange *x; // borrowed
    struct key_test_run *run; // NULL: ended, or not begun
    bool is_stream;
    bool is_late; // the client has not taken what was written
    size_t n_total;
    size_t n_all; // of those, the ones that are tested
    size_t n_tested;
    size_t n_success;
    size_t n_banned;
    struct reply reply; // of a single test; owned while has_reply
    bool has_reply;
    struct timer heartbeat;
};

// The client has left, or has its answer. Tests that run go on to their end.
static void on_end(struct admin_exchange *x)
{
    struct testing *testing = x->state;
    timer_cancel(&testing->heartbeat);
    if (testing->run) {
        key_test_run_forget(testing->run);
    }
    if (testing->has_reply) {
        reply_drop(&testing->reply);
    }
}

static struct testing *testing_new(struct admin_exchange *x)
{
    struct testing *testing = arena_zalloc(admin_arena(x), sizeof(*testing));
    testing->x = x;
    timer_init(&testing->heartbeat);
    x->state = testing;
    x->on_end = on_end;
    return testing;
}

static void write_outcome(struct json_writer *w, const struct key_test_outcome *outcome)
{
    json_member_bool(w, SLICE("success"), outcome->is_success);
    json_member_int(w, SLICE("status"), outcome->status);
    json_member_string(w, SLICE("message"), outcome->message);
    json_member_string(w, SLICE("key_status"), key_facts_status_name(outcome->key_status));
    json_member_int(w, SLICE("latency_ms"), outcome->latency_ms);
}

// ---- one ------------------------------------------------------------------------------------------------------------

static void on_single_outcome(void *arg, const struct key_test_outcome *outcome)
{
    struct testing *testing = arg;
    reply_begin(&testing->reply);
    json_begin_object(&testing->reply.w);
    write_outcome(&testing->reply.w, outcome);
    json_end_object(&testing->reply.w);
    testing->has_reply = true;
}

static void on_single_end(void *arg)
{
    struct testing *testing = arg;
    testing->run = NULL;
    if (testing->has_reply) {
        reply_send(testing->x, &testing->reply, SLICE_EMPTY);
    } else {
        reply_fail(testing->x, 404, SLICE("The key was removed before it could be tested."));
    }
}

void key_testing_one(struct admin_exchange *x)
{
    const struct key_record *record = key_store_find(admin_store(x), x->id);
    if (!record) {
        reply_refuse(x, KEY_STORE_NO_SUCH_KEY);
        return;
    }
    struct testing *testing = testing_new(x);
    change_audit(x, arena_printf(admin_arena(x), "tests key %.*s", SLICE_ARG(record->id)), "begun");
    testing->run = key_tester_run(x->admin->options.tester, &x->id, 1, on_single_outcome, on_single_end, testing);
}

// ---- many -----------------------------------------------------------------------------------------------------------

static void write_totals(struct json_writer *w, const struct testing *testing)
{
    json_member_int(w, SLICE("total"), (int64_t)testing->n_total);
    json_member_int(w, SLICE("tested"), (int64_t)testing->n_tested);
    json_member_int(w, SLICE("success"), (int64_t)testing->n_success);
    json_member_int(w, SLICE("failed"), (int64_t)(testing->n_tested - testing->n_success));
    json_member_int(w, SLICE("banned"), (int64_t)testing->n_banned);
}

static void on_heartbeat(struct timer *timer);

// Writes an event; the last one ends the answer, and the exchange with it.
static void send_event(struct testing *testing, struct slice name, struct buf *data, bool is_last)
{
    struct buf event = BUF_EMPTY;
    if (name.len) {
        sse_write_event(&event, name, buf_slice(data));
    } else {
        sse_write_comment(&event, SLICE("still testing"));
    }
    timer_start(&testing->x->admin->options.loop->timers, &testing->heartbeat, HEARTBEAT_MS, on_heartbeat);
    if (server_write(testing->x->ex, buf_slice(&event), is_last) != 0) {
        testing->is_late = true;
    }
    buf_deinit(&event);
}

static void on_heartbeat(struct timer *timer)
{
    send_event(CONTAINER_OF(timer, struct testing, heartbeat), SLICE_EMPTY, NULL, false);
}

static void on_drain(struct admin_exchange *x)
{
    struct testing *testing = x->state;
    testing->is_late = false;
}

static void send_progress(struct testing *testing, const struct key_test_outcome *outcome)
{
    struct buf data = BUF_EMPTY;
    struct json_writer w;
    json_writer_init(&w, &data);
    json_begin_object(&w);
    json_key(&w, SLICE("progress"));
    json_begin_object(&w);
    json_member_int(&w, SLICE("to_test"), (int64_t)testing->n_all);
    write_totals(&w, testing);
    json_end_object(&w);
    json_key(&w, SLICE("key"));
    json_begin_object(&w);
    json_member_string(&w, SLICE("id"), outcome->id);
    write_outcome(&w, outcome);
    json_end_object(&w);
    json_end_object(&w);
    send_event(testing, SLICE("progress"), &data, false);
    buf_deinit(&data);
}

static void on_outcome(void *arg, const struct key_test_outcome *outcome)
{
    struct testing *testing = arg;
    testing->n_tested++;
    testing->n_success += outcome->is_success;
    testing->n_banned += outcome->key_status == KEY_BANNED;
    // Each event tells the whole progress, so that a slow client may miss some.
    if (testing->is_stream && !testing->is_late) {
        send_progress(testing, outcome);
    }
}

static void on_all_end(void *arg)
{
    struct testing *testing = arg;
    struct reply reply;
    testing->run = NULL;
    reply_begin(&reply);
    json_begin_object(&reply.w);
    write_totals(&reply.w, testing);
    json_end_object(&reply.w);
    if (!testing->is_stream) {
        reply_send(testing->x, &reply, SLICE_EMPTY);
        return;
    }
    json_end_object(&reply.w);
    send_event(testing, SLICE("done"), &reply.body, true);
    reply_drop(&reply);
}

static bool wants_stream(const struct admin_exchange *x)
{
    const struct h1_field *accept = h1_find_field(x->ex->req.fields, x->ex->req.n_fields, HEADER_ACCEPT);
    return accept && slice_find(accept->value, SLICE("text/event-stream")) != SLICE_NOT_FOUND;
}

static void begin_stream(struct testing *testing)
{
    struct admin_exchange *x = testing->x;
    testing->is_stream = true;
    x->on_drain = on_drain;
    reply_start_events(x);
    timer_start(&x->admin->options.loop->timers, &testing->heartbeat, HEARTBEAT_MS, on_heartbeat);
}

// What a test would only spend tokens on: an operator has put these aside. Who asks for them by status gets them.
static size_t without_disabled(struct admin_exchange *x, struct slice *ids, size_t n)
{
    size_t n_left = 0;
    for (size_t i = 0; i < n; i++) {
        const struct key_record *record = key_store_find(admin_store(x), ids[i]);
        if (key_facts_status(x->admin->options.table, record) != KEY_DISABLED) {
            ids[n_left++] = ids[i];
        }
    }
    return n_left;
}

static const struct shape_member members[] = {
    {"poolGroup", SHAPE_TEXT, .may_be_null = true, .help = "Only keys of this pool group"},
    {"status", SHAPE_TEXT, .may_be_null = true, .values = KEY_FILTER_STATUSES,
     .help = "Only keys of this status; all but disabled ones if it is not given"},
    {.name = NULL},
};
const struct shape key_testing_all_body = {.members = members};

void key_testing_all(struct admin_exchange *x)
{
    struct body_reader body = body_read(x);
    struct slice status = body_text(&body, SLICE("status"));
    struct slice group = body_text(&body, SLICE("poolGroup"));
    struct key_filter filter = {.status = key_filter_read_status(status), .group = group.len ? group : SLICE_EMPTY};
    struct testing *testing = testing_new(x);
    struct slice *ids = key_walk_choose(x, &filter, &testing->n_total);
    testing->n_all = status.len ? testing->n_total : without_disabled(x, ids, testing->n_total);
    change_audit(x, arena_printf(admin_arena(x), "tests %zu keys", testing->n_all), "begun");
    if (wants_stream(x)) {
        begin_stream(testing);
    }
    if (testing->n_all == 0) {
        on_all_end(testing);
        return;
    }
    testing->run = key_tester_run(x->admin->options.tester, ids, testing->n_all, on_outcome, on_all_end, testing);
}
