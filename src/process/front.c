// SPDX-License-Identifier: MIT
#include "process/front.h"

#include "http/url.h"

static struct slice path_of(const struct h1_request *req)
{
    struct slice target = req->target;
    if (slice_starts_with(target, SLICE("/"))) {
        return slice_split(&target, '?');
    }
    struct url url;
    return url_parse_target(&url, target) == 0 ? url.path : target;
}

// The target does not change, so that nothing has to be remembered for an exchange to stay where it is.
static const struct http_server_handler *handler_of(const struct front *front, const struct server_exchange *ex,
                                                    void **arg_r)
{
    bool is_side = ex && front->side_serves(path_of(&ex->req));
    *arg_r = is_side ? front->side_arg : front->main_arg;
    return is_side ? front->side : front->main;
}

static void on_head(void *front, struct server_exchange *ex)
{
    void *arg;
    handler_of(front, ex, &arg)->on_head(arg, ex);
}

static void on_request(void *front, struct server_exchange *ex)
{
    void *arg;
    handler_of(front, ex, &arg)->on_request(arg, ex);
}

static void on_drain(void *front, struct server_exchange *ex)
{
    void *arg;
    handler_of(front, ex, &arg)->on_drain(arg, ex);
}

static void on_finished(void *front, struct server_exchange *ex)
{
    void *arg;
    handler_of(front, ex, &arg)->on_finished(arg, ex);
}

static void on_abort(void *front, struct server_exchange *ex)
{
    void *arg;
    handler_of(front, ex, &arg)->on_abort(arg, ex);
}

static void on_reject(void *front, struct server_exchange *ex, const struct http_reject *reject, struct buf *headers,
                      struct buf *body)
{
    void *arg;
    handler_of(front, ex, &arg)->on_reject(arg, ex, reject, headers, body);
}

const struct http_server_handler front_handler = {
    .on_head = on_head,
    .on_request = on_request,
    .on_drain = on_drain,
    .on_finished = on_finished,
    .on_abort = on_abort,
    .on_reject = on_reject,
};
