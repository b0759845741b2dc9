// SPDX-License-Identifier: MIT
// Model requests that have ended, and what was tried for one of them: out of the history.
#include "admin/asking.h"
#include "admin/query.h"
#include "admin/reply.h"
#include "admin/shape.h"

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 1000, STATUS_MIN = 100, STATUS_MAX = 599 };

// ---- a list ---------------------------------------------------------------------------------------------------------

// "429", or a class of them: "4xx".
static bool read_status(struct slice text, struct request_filter *filter)
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
    struct request_filter filter;
    return read_status(text, &filter) ? SLICE_EMPTY
                                      : SLICE("'status' must be a status (429) or a class of them (4xx).");
}

static const struct shape_member members[] = {
    {"limit", SHAPE_INTEGER, .min = 1, .max = LIMIT_MAX, .help = "50 if it is not given"},
    {"before", SHAPE_TIME, .help = "Only requests that ended earlier"},
    {"status", SHAPE_TEXT, .pattern = "^([1-5][0-9][0-9]|[1-5]xx)$", .check = check_status,
     .help = "A status (429), or a class of them (4xx)"},
    {"model", SHAPE_TEXT, .help = "The model as the client named it, or as it was served"},
    {"key", SHAPE_TEXT, .help = "The id of a key that served or was tried"},
    {.name = NULL},
};
const struct shape requests_list_query = {.members = members};

static struct request_filter read_filter(struct query_reader *query)
{
    struct request_filter filter = {
        .limit = query_integer(query, SLICE("limit"), LIMIT_DEFAULT),
        .before_ms = query_time(query, SLICE("before")),
        .model = query_text(query, SLICE("model")),
        .key = query_text(query, SLICE("key")),
    };
    read_status(query_text(query, SLICE("status")), &filter);
    return filter;
}

void requests_list(struct admin_exchange *x)
{
    struct query_reader query = query_read(x);
    struct request_filter filter = read_filter(&query);
    struct asking *asking = asking_new(x);
    asking->ask = history_requests(x->admin->options.history, &filter, asking_answer, asking);
}

// ---- one of them ----------------------------------------------------------------------------------------------------

static void on_one(void *arg, struct slice json, struct slice problem)
{
    struct asking *asking = arg;
    asking->ask = NULL;
    if (json.len) {
        asking_answer(asking, json, problem);
    } else if (problem.len) {
        reply_failf(asking->x, 503, "This request is none of the last ones, and the others cannot be seen now: %.*s.",
                    SLICE_ARG(problem));
    } else {
        reply_fail(asking->x, 404, SLICE("No request with this id is remembered."));
    }
}

void requests_show(struct admin_exchange *x)
{
    struct asking *asking = asking_new(x);
    asking->ask = history_request(x->admin->options.history, x->id, on_one, asking);
}
