// SPDX-License-Identifier: MIT
// The last model requests, and what was tried for one of them.
#include "admin/query.h"
#include "admin/reply.h"
#include "admin/shape.h"
#include "base/iso8601.h"

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 1000, STATUS_MIN = 100, STATUS_MAX = 599 };

// ---- a list ---------------------------------------------------------------------------------------------------------

// "429", or a class of them: "4xx".
static bool read_status(struct slice text, struct admin_requests_filter *filter)
{
    uint64_t status = 0;
    if (text.len == 3 && slice_eq(slice_after(text, 1), SLICE("xx")) && text.ptr[0] >= '1' && text.ptr[0] <= '5') {
        filter->status_min = (unsigned)(text.ptr[0] - '0') * 100;
        filter->status_max = filter->status_min + 99;
        return true;
    }
    if (!slice_to_u64(text, &status) || status < STATUS_MIN || status > STATUS_MAX) {
        return false;
    }
    filter->status_min = filter->status_max = (unsigned)status;
    return true;
}

static struct slice check_status(struct admin_exchange *x, struct slice text)
{
    struct admin_requests_filter filter;
    return read_status(text, &filter) ? SLICE_EMPTY
                                      : SLICE("'status' must be a status (429) or a class of them (4xx).");
}

static int64_t read_before(struct query_reader *query)
{
    struct slice text = query_text(query, SLICE("before"));
    uint64_t ms = 0;
    int64_t wall_ms = 0;
    if (slice_to_u64(text, &ms)) {
        return (int64_t)ms;
    }
    return iso8601_read(text, &wall_ms) ? wall_ms : 0;
}

static const struct shape_member members[] = {
    {"limit", SHAPE_INTEGER, .min = 1, .max = LIMIT_MAX, .help = "50 if it is not given"},
    {"before", SHAPE_TIME, .help = "Only requests that ended earlier"},
    {"status", SHAPE_TEXT, .pattern = "^([1-5][0-9][0-9]|[1-5]xx)$", .check = check_status,
     .help = "A status (429), or a class of them (4xx)"},
    {"model", SHAPE_TEXT, .help = "The model as the client named it"},
    {"key", SHAPE_TEXT, .help = "The id of a key that was tried"},
    {NULL},
};
const struct shape requests_list_query = {.members = members};

static struct admin_requests_filter read_filter(struct query_reader *query)
{
    struct admin_requests_filter filter = {
        .limit = query_integer(query, SLICE("limit"), LIMIT_DEFAULT),
        .before_ms = read_before(query),
        .model = query_text(query, SLICE("model")),
        .key = query_text(query, SLICE("key")),
    };
    read_status(query_text(query, SLICE("status")), &filter);
    return filter;
}

void requests_list(struct admin_exchange *x)
{
    const struct admin_requests *requests = &x->admin->requests;
    struct query_reader query = query_read(x);
    struct admin_requests_filter filter = read_filter(&query);
    struct buf list = BUF_EMPTY;
    struct reply reply;
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
