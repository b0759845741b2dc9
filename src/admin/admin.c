// SPDX-License-Identifier: MIT
// The table of contents of an admin request:
//
//   head complete ─▶ who asks ─▶ may they ─▶ which route ─▶ (body comes) ─▶ query and body have
//                                                                    the route's shape ─▶ its handler
//
// Happy path: the handler answers at once, or after what it began (a write, a test, a query). Failure modes: each step
// answers by itself; a client that leaves ends the exchange, but not what it has changed. Ends when: the server says
// so.
#include "admin/admin.h"

#include <assert.h>

#include "admin/body.h"
#include "admin/change.h"
#include "admin/log_feed.h"
#include "admin/reply.h"
#include "admin/router.h"
#include "admin/shape.h"
#include "base/log.h"
#include "base/random.h"
#include "http/request_id.h"
#include "http/url.h"

// ---- the object -----------------------------------------------------------------------------------------------------

struct admin *admin_new(const struct admin_options *options)
{
    struct admin *admin = mem_zalloc(sizeof(*admin));
    admin->options = *options;
    admin->config = config_ref(options->config);
    admin->guard = admin_guard_new();
    list_init(&admin->changes);
    list_init(&admin->config_changes);
    if (options->live_log) {
        admin->log_feed = log_feed_new(options->loop, options->live_log);
    }
    return admin;
}

void admin_set_config(struct admin *admin, struct config *config)
{
    config_ref(config);
    config_unref(admin->config);
    admin->config = config;
}

void admin_set_config_door(struct admin *admin, const struct admin_config_door *door)
{
    admin->config_door = door ? *door : (struct admin_config_door){0};
}

void admin_drain(struct admin *admin)
{
    if (admin->log_feed) {
        log_feed_drain(admin->log_feed);
    }
}

void admin_free(struct admin *admin)
{
    assert(list_is_empty(&admin->config_changes)); // the loop has ended, and with it what was being written
    log_feed_free(admin->log_feed);
    change_forget_all(admin);
    admin_guard_free(admin->guard);
    config_unref(admin->config);
    mem_free(admin);
}

bool admin_serves(struct slice path)
{
    struct slice prefix = SLICE("/admin");
    return slice_starts_with(path, prefix) && (path.len == prefix.len || path.ptr[prefix.len] == '/');
}

// ---- the head -------------------------------------------------------------------------------------------------------

static struct admin_exchange *exchange_new(struct admin *admin, struct server_exchange *ex)
{
    struct admin_exchange *x = arena_zalloc(&ex->arena, sizeof(*x));
    x->admin = admin;
    x->ex = ex;
    x->request_id = request_id_of(&ex->arena, &ex->req);
    x->client = admin_client_address(admin->config, &ex->req, server_peer_address(ex));
    ex->user = x;
    return x;
}

static void refuse_for_now(struct admin_exchange *x, uint64_t retry_after_ms)
{
    struct slice header =
        arena_printf(admin_arena(x), "retry-after: %llu\r\n", (unsigned long long)(retry_after_ms + 999) / 1000);
    reply_fail_with(x, 429, SLICE("Too many wrong admin keys came from this address. Wait a minute."), header);
}

// True: go on.
static bool check_access(struct admin_exchange *x)
{
    struct admin *admin = x->admin;
    uint64_t retry_after_ms = 0;
    switch (admin_access_check(admin->guard, admin->config, &x->ex->req, x->client, loop_now_ms(admin->options.loop),
                               &retry_after_ms)) {
    case ADMIN_ALLOWED: return true;
    case ADMIN_FORBIDDEN:
        reply_fail(x, 403, SLICE("This address may not call the admin API (ADMIN_ALLOW_IPS)."));
        break;
    case ADMIN_NOT_CONFIGURED:
        reply_fail(x, 503,
                   SLICE("The admin API is off: set the environment variable ADMIN_ACCESS_KEY (or "
                         "ADMIN_ACCESS_KEY_FILE) to a long random text and start again."));
        break;
    case ADMIN_BLOCKED: refuse_for_now(x, retry_after_ms); break;
    case ADMIN_UNAUTHORIZED:
        log_warn("admin", "%.*s came with a missing or wrong admin key", SLICE_ARG(x->client));
        if (admin_access_n_failures(admin->guard, x->client, loop_now_ms(admin->options.loop)) == 1) {
            change_denied(x);
        }
        reply_fail(x, 401,
                   SLICE("The admin key is missing or wrong. Send it as 'x-admin-key: KEY' or "
                         "'Authorization: Bearer KEY'."));
        break;
    }
    return false;
}

static void refuse_route(struct admin_exchange *x, struct slice path, const struct router_match *match)
{
    if (match->allow.len) {
        struct slice header = arena_printf(admin_arena(x), "allow: %.*s\r\n", SLICE_ARG(match->allow));
        reply_fail_with(x, 405, SLICE("This route does not take this method."), header);
    } else {
        reply_fail(x, 404, SLICE("There is no such admin route."));
    }
}

static void on_head(void *arg, struct server_exchange *ex)
{
    struct admin_exchange *x = exchange_new(arg, ex);
    struct url url = {.path = SLICE_EMPTY};
    if (!check_access(x)) {
        return;
    }
    if (url_parse_target(&url, ex->req.target) != 0) {
        reply_fail(x, 400, SLICE("The request target is malformed."));
        return;
    }
    struct router_match match = router_find(admin_arena(x), url.path, ex->req.method);
    if (!match.route) {
        refuse_route(x, url.path, &match);
        return;
    }
    x->route = match.route;
    x->id = match.id;
    x->query = url.query;
}

// ---- what follows ---------------------------------------------------------------------------------------------------

static void on_request(void *arg, struct server_exchange *ex)
{
    (void)arg;
    struct admin_exchange *x = ex->user;
    const struct admin_route *route = x->route;
    if (route->query && !shape_check_query(x, route->query)) {
        return;
    }
    if (route->body && !body_parse(x)) {
        return;
    }
    x->is_served = true;
    if (!route->body || shape_check_body(x, route->body)) {
        route->serve(x);
    }
}

static void on_drain(void *arg, struct server_exchange *ex)
{
    (void)arg;
    struct admin_exchange *x = ex->user;
    if (x->on_drain) {
        x->on_drain(x);
    }
}

static void on_end(void *arg, struct server_exchange *ex)
{
    (void)arg;
    struct admin_exchange *x = ex->user;
    change_leave(x);
    if (x->on_end) {
        x->on_end(x);
    }
}

static void on_reject(void *arg, struct server_exchange *ex, const struct http_reject *reject, struct buf *headers,
                      struct buf *body)
{
    (void)arg;
    char id[RANDOM_UUID_SIZE];
    random_uuid(id);
    const struct admin_exchange *x = ex ? ex->user : NULL;
    struct slice request_id = x    ? x->request_id
                              : ex ? request_id_of(&ex->arena, &ex->req)
                                   : slice_of(id, RANDOM_UUID_SIZE - 1);
    reply_write_headers(headers, request_id, SLICE("application/json"));
    reply_write_failure(body, reject->status, slice_from_cstr(reject->text));
}

const struct http_server_handler admin_handler = {
    .on_head = on_head,
    .on_request = on_request,
    .on_drain = on_drain,
    .on_finished = on_end,
    .on_abort = on_end,
    .on_reject = on_reject,
};
