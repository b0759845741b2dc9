// SPDX-License-Identifier: MIT
// The last model requests, and what was tried for one of them.
#include "admin/query.h"
#include "admin/reply.h"
#include "store/iso8601.h"

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 1000, STATUS_MIN = 100, STATUS_MAX = 599 };

// ---- a list ---------------------------------------------------------------------------------------------------------

// "429", or a class of them: "4xx".
static void read_status(struct query_reader *query, struct admin_requests_filter *filter)
{
    struct slice text = query_text(query, SLICE("status"));
    uint64_t status = 0;
    if (text.len == 3 && slice_eq(slice_after(text, 1), SLICE("xx")) && text.ptr[0] >= '1' && text.ptr[0] <= '5') {
        filter->status_min = (unsigned)(text.ptr[0] - '0') * 100;
        filter->status_max = filter->status_min + 99;
    } else if (text.ptr && slice_to_u64(text, &status) && status >= STATUS_MIN && status <= STATUS_MAX) {
        filter->status_min = filter->status_max = (unsigned)status;
    } else if (text.ptr) {
        query_problem(query, SLICE("'status' must be a status (429) or a class of them (4xx)."));
    }
}

static int64_t read_before(struct query_reader *query)
{
    struct slice text = query_text(query, SLICE("before"));
    uint64_t ms = 0;
    int64_t wall_ms = 0;
    if (text.ptr && slice_to_u64(text, &ms) && ms > 0 && ms <= INT64_MAX) {
        return (int64_t)ms;
    }
    if (text.ptr && (!iso8601_read(text, &wall_ms) || wall_ms <= 0)) {
        query_problem(query, SLICE("'before' must be a time (2026-01-02T03:04:05.678Z) or milliseconds since 1970."));
    }
    return wall_ms;
}

static struct admin_requests_filter read_filter(struct query_reader *query)
{
    struct admin_requests_filter filter = {
        .limit = query_number(query, SLICE("limit"), 1, LIMIT_MAX, LIMIT_DEFAULT),
        .before_ms = read_before(query),
        .model = query_text(query, SLICE("model")),
        .key = query_text(query, SLICE("key")),
    };
    read_status(query, &filter);
    return filter;
}

void requests_list(struct admin_exchange *x)
{
    const struct admin_requests *requests = &x->admin->requests;
    struct query_reader query = query_read(x);
    struct admin_requests_filter filter = read_filter(&query);
    struct buf list = BUF_EMPTY;
    struct reply reply;
    if (!query_is_good(x, &query)) {
        return;
    }
    if (requests->list) {
        requests->list(requests->arg, &filter, &list);
    }
    reply_begin(&reply);
    json_write_raw(&reply.w, list.len ? buf_slice(&list) : SLICE("[]"));
    buf_deinit(&list);
    reply_send(x, &reply, SLICE_EMPTY);
}

// ---- one of them ----------------------------------------------------------------------------------------------------

void requests_show(struct admin_exchange *x)
{
    const struct admin_requests *requests = &x->admin->requests;
    struct buf request = BUF_EMPTY;
    struct reply reply;
    if (!requests->one || !requests->one(requests->arg, x->id, &request)) {
        reply_fail(x, 404, SLICE("No request with this id is remembered. Only the last ones are."));
        return;
    }
    reply_begin(&reply);
    json_write_raw(&reply.w, buf_slice(&request));
    buf_deinit(&request);
    reply_send(x, &reply, SLICE_EMPTY);
}
