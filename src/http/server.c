// SPDX-License-Identifier: MIT
// Listening sockets, and all connections together.
#include <assert.h>
#include <errno.h>
#include <unistd.h>

#include "base/log.h"
#include "http/server_internal.h"

enum { ACCEPT_BURST = 64, ACCEPT_RETRY_MS = 100 };

struct listening {
    uv_poll_t poll;
    struct http_server *server; // borrowed
    struct timer retry;
    struct list link;
    int fd;
};

const struct http_server_limits http_server_limits_default = {
    .head = {.start_line_max = 8 * 1024, .head_max = 64 * 1024, .fields_max = H1_FIELDS_MAX},
    .body_max = UINT64_C(50) * 1024 * 1024,
    .connections_max = 20000,
    .header_timeout_ms = 30 * 1000,
    .idle_timeout_ms = 75 * 1000,
    .body_timeout_ms = 60 * 1000,
    .send_timeout_ms = 300 * 1000,
};

// ---- listening ------------------------------------------------------------------------------------------------------

static void on_accept(uv_poll_t *poll, int status, int events);

static void on_accept_retry(struct timer *timer)
{
    struct listening *listening = CONTAINER_OF(timer, struct listening, retry);
    uv_poll_start(&listening->poll, UV_READABLE, on_accept);
}

static void on_accept(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    struct listening *listening = CONTAINER_OF(poll, struct listening, poll);
    for (int i = 0; i < ACCEPT_BURST; i++) {
        struct address peer;
        socklen_t len = sizeof(peer);
        int fd = accept4(listening->fd, &peer.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            server_conn_accept(listening->server, fd, &peer);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            // The connection stays in the queue: look again when some have closed.
            log_warn("server", "cannot accept connections: %s", strerror(errno));
            uv_poll_stop(poll);
            timer_start(&listening->server->loop->timers, &listening->retry, ACCEPT_RETRY_MS, on_accept_retry);
        }
        return;
    }
}

void http_server_listen_take(struct http_server *server, int fd)
{
    struct listening *listening = mem_zalloc(sizeof(*listening));
    listening->server = server;
    listening->fd = fd;
    timer_init(&listening->retry);
    list_append(&server->listeners, &listening->link);
    uv_poll_init(&server->loop->uv, &listening->poll, fd);
    uv_poll_start(&listening->poll, UV_READABLE, on_accept);
}

static void on_listening_closed(uv_handle_t *handle)
{
    mem_free(CONTAINER_OF((uv_poll_t *)handle, struct listening, poll));
}

static void close_listeners(struct http_server *server)
{
    while (!list_is_empty(&server->listeners)) {
        struct listening *listening = CONTAINER_OF(server->listeners.next, struct listening, link);
        list_remove(&listening->link);
        timer_cancel(&listening->retry);
        uv_close((uv_handle_t *)&listening->poll, on_listening_closed);
        close(listening->fd);
    }
}

// ---- the server -----------------------------------------------------------------------------------------------------

struct http_server *http_server_new(struct loop *loop, const struct http_server_limits *limits,
                                    const struct http_server_handler *handler, void *arg)
{
    struct http_server *server = mem_zalloc(sizeof(*server));
    server->loop = loop;
    server->limits = *limits;
    server->handler = handler;
    server->arg = arg;
    list_init(&server->listeners);
    list_init(&server->conns);
    return server;
}

void http_server_set_handler(struct http_server *server, const struct http_server_handler *handler, void *arg)
{
    assert(server->n_conns == 0);
    server->handler = handler;
    server->arg = arg;
}

void http_server_set_limits(struct http_server *server, const struct http_server_limits *limits)
{
    server->limits = *limits;
}

void http_server_drain(struct http_server *server, void (*on_drained)(void *arg), void *arg)
{
    server->is_draining = true;
    close_listeners(server);
    if (server->n_conns == 0) {
        on_drained(arg);
        return;
    }
    server->on_drained = on_drained;
    server->on_drained_arg = arg;
    struct list *next;
    for (struct list *at = server->conns.next; at != &server->conns; at = next) {
        struct server_conn *conn = CONTAINER_OF(at, struct server_conn, link);
        next = at->next;
        if (conn->state == CONN_IDLE || conn->state == CONN_LINGER) {
            server_conn_close(conn);
        } else {
            conn->close_after = true;
        }
    }
}

void http_server_abort_all(struct http_server *server)
{
    close_listeners(server);
    struct list *next;
    for (struct list *at = server->conns.next; at != &server->conns; at = next) {
        struct server_conn *conn = CONTAINER_OF(at, struct server_conn, link);
        next = at->next;
        if (conn->state != CONN_CLOSING) {
            server_conn_abort(conn);
        }
    }
}

void http_server_free(struct http_server *server)
{
    assert(server->n_conns == 0);
    mem_free(server);
}

size_t http_server_n_connections(const struct http_server *server)
{
    return server->n_conns;
}

struct loop *http_server_loop(struct http_server *server)
{
    return server->loop;
}
