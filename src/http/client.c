// SPDX-License-Identifier: MIT
#include "http/client.h"

#include <assert.h>

#include "http/client_conn.h"
#include "net/dial.h"

const struct http_client_limits http_client_limits_default = {
    .head = {.start_line_max = 8 * 1024, .head_max = 64 * 1024, .fields_max = H1_FIELDS_MAX},
    .idle_per_origin = 256,
    .idle_timeout_ms = 60 * 1000,
    .resolve_ttl_ms = 30 * 1000,
};

static const char *const failure_texts[] = {
    [CLIENT_FAIL_RESOLVE] = "the upstream's name cannot be resolved",
    [CLIENT_FAIL_CONNECT] = "the upstream cannot be reached",
    [CLIENT_FAIL_CONNECT_TIMEOUT] = "connecting to the upstream took too long",
    [CLIENT_FAIL_PROXY] = "the proxy refused or failed",
    [CLIENT_FAIL_TLS] = "no secure connection to the upstream",
    [CLIENT_FAIL_SEND] = "the upstream closed the connection while the request was being sent",
    [CLIENT_FAIL_CLOSED] = "the upstream closed the connection without an answer",
    [CLIENT_FAIL_HEADER_TIMEOUT] = "the upstream did not answer in time",
    [CLIENT_FAIL_PROTOCOL] = "the upstream's answer is not valid HTTP",
    [CLIENT_FAIL_TRUNCATED] = "the upstream's answer ended early",
    [CLIENT_FAIL_IDLE_TIMEOUT] = "the upstream's answer stood still for too long",
};

const char *client_failure_text(enum client_failure failure)
{
    return failure_texts[failure];
}

struct http_client *http_client_new(struct loop *loop, const struct http_client_limits *limits)
{
    struct http_client *client = mem_zalloc(sizeof(*client));
    client->loop = loop;
    client->limits = *limits;
    client->resolver = resolver_new(loop, limits->resolve_ttl_ms);
    list_init(&client->origins);
    return client;
}

static struct client_origin *origin_at(struct list *link)
{
    return CONTAINER_OF(link, struct client_origin, link);
}

void http_client_close(struct http_client *client)
{
    for (struct list *at = client->origins.next; at != &client->origins; at = at->next) {
        struct client_origin *origin = origin_at(at);
        assert(list_is_empty(&origin->busy));
        while (!list_is_empty(&origin->idle)) {
            client_conn_drop(CONTAINER_OF(origin->idle.next, struct client_conn, link));
        }
    }
    resolver_close(client->resolver);
}

void http_client_free(struct http_client *client)
{
    while (!list_is_empty(&client->origins)) {
        struct client_origin *origin = origin_at(client->origins.next);
        list_remove(&origin->link);
        buf_deinit(&origin->names);
        mem_free(origin);
    }
    resolver_free(client->resolver);
    tls_context_free(client->tls);
    mem_free(client);
}

static bool same_target(const struct http_origin *a, const struct http_origin *b)
{
    return a->port == b->port && a->is_tls == b->is_tls && a->proxy_port == b->proxy_port &&
           slice_eq_nocase(a->host, b->host) && slice_eq(a->proxy_host, b->proxy_host) &&
           slice_eq(a->proxy_authorization, b->proxy_authorization);
}

static struct client_origin *origin_new(struct http_client *client, const struct http_origin *target)
{
    struct client_origin *origin = mem_zalloc(sizeof(*origin));
    struct slice *names[] = {&origin->target.host, &origin->target.proxy_host, &origin->target.proxy_authorization};
    origin->client = client;
    origin->target = *target;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        buf_append(&origin->names, *names[i]);
    }
    const char *at = origin->names.ptr;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        names[i]->ptr = at;
        at += names[i]->len;
    }
    list_init(&origin->idle);
    list_init(&origin->busy);
    list_append(&client->origins, &origin->link);
    return origin;
}

struct client_origin *http_client_origin(struct http_client *client, const struct http_origin *target)
{
    for (struct list *at = client->origins.next; at != &client->origins; at = at->next) {
        if (same_target(&origin_at(at)->target, target)) {
            return origin_at(at);
        }
    }
    return origin_new(client, target);
}

struct http_client_counts http_client_count(const struct http_client *client)
{
    struct http_client_counts counts = {0};
    for (struct list *at = client->origins.next; at != &client->origins; at = at->next) {
        counts.n_idle += origin_at(at)->n_idle;
        counts.n_busy += origin_at(at)->n_busy;
    }
    return counts;
}

struct http_client_counts http_client_count_origin(const struct client_origin *origin)
{
    return (struct http_client_counts){origin->n_idle, origin->n_busy};
}

// ---- calls ----------------------------------------------------------------------------------------------------------

static void on_connected_take(void *arg, int fd, struct tls_session *tls)
{
    struct client_call *call = arg;
    call->_dial = NULL;
    call->is_reused = false;
    client_conn_run(client_conn_new_take(call->req.origin, fd, tls), call);
}

static void on_dial_failed(void *arg, enum dial_failure failure, const char *detail)
{
    static const enum client_failure failures[] = {
        [DIAL_FAIL_RESOLVE] = CLIENT_FAIL_RESOLVE,
        [DIAL_FAIL_CONNECT] = CLIENT_FAIL_CONNECT,
        [DIAL_FAIL_TIMEOUT] = CLIENT_FAIL_CONNECT_TIMEOUT,
        [DIAL_FAIL_PROXY] = CLIENT_FAIL_PROXY,
        [DIAL_FAIL_TLS] = CLIENT_FAIL_TLS,
    };
    struct client_call *call = arg;
    call->_dial = NULL;
    call->events->on_fail(call, failures[failure], detail);
}

void client_call_redial(struct client_call *call)
{
    static const struct dial_events events = {on_connected_take, on_dial_failed};
    struct http_client *client = call->_client;
    const struct http_origin *origin = &call->req.origin->target;
    struct dial_target target = {
        .host = origin->host,
        .port = origin->port,
        .is_tls = origin->is_tls,
        .proxy_host = origin->proxy_host,
        .proxy_port = origin->proxy_port,
        .proxy_authorization = origin->proxy_authorization,
        .timeout_ms = call->req.connect_timeout_ms,
    };
    if (origin->is_tls && !client->tls) {
        client->tls = tls_context_new();
    }
    call->_dial = dial_start(client->loop, client->resolver, client->tls, &target, &events, call);
}

void client_call_start(struct http_client *client, struct client_call *call, const struct client_request *req,
                       const struct client_call_events *events)
{
    struct client_origin *origin = req->origin;
    *call = (struct client_call){.events = events, .req = *req, ._client = client};
    if (list_is_empty(&origin->idle)) {
        client_call_redial(call);
        return;
    }
    call->is_reused = true;
    client_conn_run(CONTAINER_OF(origin->idle.next, struct client_conn, link), call);
}

void client_call_cancel(struct client_call *call)
{
    if (call->_dial) {
        dial_cancel(call->_dial);
        call->_dial = NULL;
    }
    if (call->_conn) {
        client_conn_drop(call->_conn);
    }
}

void client_call_pause(struct client_call *call)
{
    if (call->_conn) {
        client_conn_pause(call->_conn);
    }
}

void client_call_resume(struct client_call *call)
{
    if (call->_conn) {
        client_conn_resume(call->_conn);
    }
}
