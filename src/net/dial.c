// SPDX-License-Identifier: MIT
// Happy path:
//  - the name is resolved (at once when it is an address or known);
//  - connect() to the first address; every DIAL_STAGGER_MS, or when one fails, the next address is tried beside it;
//  - the first socket that connects wins, the others are closed;
//  - through a proxy: CONNECT host:port is sent, and a 2xx head comes back;
//  - with TLS: the handshake, with the certificate checked.
// Failure modes: no address; every address refused; time-out; the proxy says no or talks nonsense; TLS fails.
// Ends when: one event has been delivered; the memory goes when the last poll handle is closed.
#include "net/dial.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"

enum { DIAL_STAGGER_MS = 250, DIAL_PROXY_HEAD_MAX = 8192 };

struct dial;

struct attempt {
    uv_poll_t poll;
    struct dial *dial; // borrowed
    int fd;            // -1 while unused or after it was handed on
    bool is_open;      // the poll handle lives
};

struct dial {
    struct loop *loop;         // borrowed
    struct resolver *resolver; // borrowed
    struct tls_context *tls;   // borrowed
    struct dial_target target;
    const struct dial_events *events;
    void *arg;
    struct resolver_query *query; // while resolving
    struct resolver_result addresses;
    size_t n_tried;
    size_t n_failed;
    int last_error;
    struct attempt attempts[RESOLVER_ADDRESSES_MAX];
    struct attempt *winner;
    struct tls_session *session; // owned
    struct buf proxy;            // what goes to the proxy, then what it answers
    size_t proxy_sent;
    struct timer timeout;
    struct timer stagger; // also delivers failures that are known at once
    size_t n_handles;
    bool is_over;
};

/* Steps, in the order they happen */
static void on_resolved(void *arg, const struct resolver_result *result);
static void try_next_address(struct dial *dial);
static void on_connect_event(uv_poll_t *poll, int status, int events);
static void start_tunnel(struct dial *dial);
static void on_tunnel_event(uv_poll_t *poll, int status, int events);
static void start_tls(struct dial *dial);
static void on_tls_event(uv_poll_t *poll, int status, int events);
static void succeed(struct dial *dial);
static void fail(struct dial *dial, enum dial_failure failure, const char *detail);

// ---- the end, first because every step may lead there
// ----------------------------------------------------------------

static void free_if_done(struct dial *dial)
{
    if (dial->is_over && dial->n_handles == 0) {
        buf_deinit(&dial->proxy);
        mem_free(dial);
    }
}

static void on_attempt_closed(uv_handle_t *handle)
{
    struct attempt *attempt = CONTAINER_OF((uv_poll_t *)handle, struct attempt, poll);
    struct dial *dial = attempt->dial;
    dial->n_handles--;
    free_if_done(dial);
}

static void close_attempt(struct attempt *attempt)
{
    if (attempt->is_open) {
        attempt->is_open = false;
        uv_close((uv_handle_t *)&attempt->poll, on_attempt_closed);
    }
    if (attempt->fd >= 0) {
        close(attempt->fd);
        attempt->fd = -1;
    }
}

static void end(struct dial *dial)
{
    dial->is_over = true;
    timer_cancel(&dial->timeout);
    timer_cancel(&dial->stagger);
    if (dial->query) {
        resolver_cancel(dial->query);
        dial->query = NULL;
    }
    tls_session_free(dial->session, false);
    dial->session = NULL;
    for (size_t i = 0; i < RESOLVER_ADDRESSES_MAX; i++) {
        close_attempt(&dial->attempts[i]);
    }
    free_if_done(dial);
}

void dial_cancel(struct dial *dial)
{
    end(dial);
}

static void fail(struct dial *dial, enum dial_failure failure, const char *detail)
{
    char text[256];
    snprintf(text, sizeof(text), "%s", detail);
    const struct dial_events *events = dial->events;
    void *arg = dial->arg;
    end(dial);
    events->on_failed(arg, failure, text);
}

static void succeed(struct dial *dial)
{
    const struct dial_events *events = dial->events;
    void *arg = dial->arg;
    int fd = dial->winner->fd;
    struct tls_session *session = dial->session;
    dial->winner->fd = -1;
    dial->session = NULL;
    // The poll handle must be off the socket before the stream puts its own on it: uv_close() does that at once.
    end(dial);
    events->on_connected_take(arg, fd, session);
}

// ---- resolve --------------------------------------------------------------------------------------------------------

static struct slice host_to_reach(const struct dial *dial)
{
    return dial->target.proxy_host.len ? dial->target.proxy_host : dial->target.host;
}

static void fail_resolve(struct dial *dial, int r)
{
    char text[256];
    snprintf(text, sizeof(text), "cannot resolve %.*s: %s", SLICE_ARG(host_to_reach(dial)), uv_strerror(r));
    fail(dial, DIAL_FAIL_RESOLVE, text);
}

static void on_resolved(void *arg, const struct resolver_result *result)
{
    struct dial *dial = arg;
    dial->query = NULL;
    if (result->r != 0) {
        fail_resolve(dial, result->r);
        return;
    }
    dial->addresses = *result;
    try_next_address(dial);
}

static void on_timeout(struct timer *timer)
{
    struct dial *dial = CONTAINER_OF(timer, struct dial, timeout);
    char text[256];
    snprintf(text, sizeof(text), "no connection to %.*s within %u ms", SLICE_ARG(host_to_reach(dial)),
             dial->target.timeout_ms);
    fail(dial, DIAL_FAIL_TIMEOUT, text);
}

static void on_bad_name(struct timer *timer)
{
    struct dial *dial = CONTAINER_OF(timer, struct dial, stagger);
    fail_resolve(dial, dial->last_error);
}

struct dial *dial_start(struct loop *loop, struct resolver *resolver, struct tls_context *tls,
                        const struct dial_target *target, const struct dial_events *events, void *arg)
{
    struct dial *dial = mem_zalloc(sizeof(*dial));
    dial->loop = loop;
    dial->resolver = resolver;
    dial->tls = tls;
    dial->target = *target;
    dial->events = events;
    dial->arg = arg;
    timer_init(&dial->timeout);
    timer_init(&dial->stagger);
    for (size_t i = 0; i < RESOLVER_ADDRESSES_MAX; i++) {
        dial->attempts[i] = (struct attempt){.dial = dial, .fd = -1};
    }
    if (target->timeout_ms) {
        timer_start(&loop->timers, &dial->timeout, target->timeout_ms, on_timeout);
    }
    struct slice host = host_to_reach(dial);
    if (resolver_find(resolver, host, &dial->addresses)) {
        // Connecting does not call back from inside: a refusal is told by the poll, and what connect() itself refuses
        // by a timer.
        try_next_address(dial);
        return dial;
    }
    dial->last_error = resolver_start(resolver, host, on_resolved, dial, &dial->query);
    if (dial->last_error != 0) {
        timer_start(&loop->timers, &dial->stagger, 0, on_bad_name);
    }
    return dial;
}

// ---- connect --------------------------------------------------------------------------------------------------------

static void on_stagger(struct timer *timer)
{
    struct dial *dial = CONTAINER_OF(timer, struct dial, stagger);
    if (dial->n_failed == dial->addresses.n_addresses) {
        char text[256];
        snprintf(text, sizeof(text), "cannot connect to %.*s port %u: %s", SLICE_ARG(host_to_reach(dial)),
                 dial->target.proxy_host.len ? dial->target.proxy_port : dial->target.port,
                 uv_strerror(dial->last_error));
        resolver_forget(dial->resolver, host_to_reach(dial));
        fail(dial, DIAL_FAIL_CONNECT, text);
        return;
    }
    try_next_address(dial);
}

static void count_failure(struct dial *dial, struct attempt *attempt, int r)
{
    close_attempt(attempt);
    dial->last_error = r;
    dial->n_failed++;
    timer_start(&dial->loop->timers, &dial->stagger, 0, on_stagger);
}

static int open_socket(const struct address *address)
{
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(fd, &address->any, address_len(address)) != 0 && errno != EINPROGRESS) {
        int r = -errno;
        close(fd);
        return r;
    }
    return fd;
}

static void try_next_address(struct dial *dial)
{
    if (dial->n_tried == dial->addresses.n_addresses) {
        return;
    }
    struct attempt *attempt = &dial->attempts[dial->n_tried];
    struct address *address = &dial->addresses.addresses[dial->n_tried++];
    address_set_port(address, dial->target.proxy_host.len ? dial->target.proxy_port : dial->target.port);
    int fd = open_socket(address);
    if (fd < 0) {
        count_failure(dial, attempt, fd);
        return;
    }
    attempt->fd = fd;
    attempt->is_open = true;
    dial->n_handles++;
    uv_poll_init(&dial->loop->uv, &attempt->poll, fd);
    uv_poll_start(&attempt->poll, UV_WRITABLE, on_connect_event);
    if (dial->n_tried < dial->addresses.n_addresses) {
        timer_start(&dial->loop->timers, &dial->stagger, DIAL_STAGGER_MS, on_stagger);
    }
}

static void on_connect_event(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    struct attempt *attempt = CONTAINER_OF(poll, struct attempt, poll);
    struct dial *dial = attempt->dial;
    int error = 0;
    socklen_t len = sizeof(error);
    getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error || status < 0) {
        count_failure(dial, attempt, error ? -error : UV_ECONNREFUSED);
        return;
    }
    timer_cancel(&dial->stagger);
    dial->winner = attempt;
    for (size_t i = 0; i < RESOLVER_ADDRESSES_MAX; i++) {
        if (&dial->attempts[i] != attempt) {
            close_attempt(&dial->attempts[i]);
        }
    }
    if (dial->target.proxy_host.len) {
        start_tunnel(dial);
    } else {
        start_tls(dial);
    }
}

// ---- CONNECT proxy (RFC 9110 §9.3.6)
// ---------------------------------------------------------------------------------

static void start_tunnel(struct dial *dial)
{
    const struct dial_target *target = &dial->target;
    bool is_v6 = slice_find_char(target->host, ':') != SLICE_NOT_FOUND;
    const char *format =
        is_v6 ? "CONNECT [%.*s]:%u HTTP/1.1\r\nHost: [%.*s]:%u\r\n" : "CONNECT %.*s:%u HTTP/1.1\r\nHost: %.*s:%u\r\n";
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    buf_printf(&dial->proxy, format, SLICE_ARG(target->host), target->port, SLICE_ARG(target->host), target->port);
#pragma GCC diagnostic pop
    if (target->proxy_authorization.len) {
        buf_printf(&dial->proxy, "Proxy-Authorization: %.*s\r\n", SLICE_ARG(target->proxy_authorization));
    }
    buf_append(&dial->proxy, SLICE("\r\n"));
    uv_poll_start(&dial->winner->poll, UV_WRITABLE, on_tunnel_event);
}

static void send_to_proxy(struct dial *dial)
{
    ssize_t n =
        send(dial->winner->fd, dial->proxy.ptr + dial->proxy_sent, dial->proxy.len - dial->proxy_sent, MSG_NOSIGNAL);
    if (n < 0) {
        if (errno != EAGAIN) {
            fail(dial, DIAL_FAIL_PROXY, "the proxy closed the connection");
        }
        return;
    }
    dial->proxy_sent += (size_t)n;
    if (dial->proxy_sent == dial->proxy.len) {
        buf_clear(&dial->proxy);
        dial->proxy_sent = SIZE_MAX; // from here on the buffer holds the answer
        uv_poll_start(&dial->winner->poll, UV_READABLE, on_tunnel_event);
    }
}

// The answer is complete: only its status counts.
static void on_proxy_head(struct dial *dial, struct slice head)
{
    bool is_http = slice_starts_with(head, SLICE("HTTP/1.")) && head.len >= 12;
    if (is_http && head.ptr[8] == ' ' && head.ptr[9] == '2') {
        start_tls(dial);
        return;
    }
    char text[128];
    if (is_http) {
        snprintf(text, sizeof(text), "the proxy refused the tunnel with status %.3s", head.ptr + 9);
    } else {
        snprintf(text, sizeof(text), "the proxy's answer is not HTTP");
    }
    fail(dial, DIAL_FAIL_PROXY, text);
}

// Byte by byte up to the empty line, so that nothing behind the head is taken from the tunnel; it is one small head a
// connection.
static void read_from_proxy(struct dial *dial)
{
    for (;;) {
        char *at = buf_reserve(&dial->proxy, 1);
        ssize_t n = recv(dial->winner->fd, at, 1, 0);
        if (n < 0 && errno == EAGAIN) {
            return;
        }
        if (n <= 0) {
            fail(dial, DIAL_FAIL_PROXY, "the proxy closed the connection");
            return;
        }
        dial->proxy.len++;
        if (slice_ends_with(buf_slice(&dial->proxy), SLICE("\r\n\r\n"))) {
            on_proxy_head(dial, buf_slice(&dial->proxy));
            return;
        }
        if (dial->proxy.len == DIAL_PROXY_HEAD_MAX) {
            fail(dial, DIAL_FAIL_PROXY, "the proxy's answer has no end");
            return;
        }
    }
}

static void on_tunnel_event(uv_poll_t *poll, int status, int events)
{
    (void)events;
    struct dial *dial = CONTAINER_OF(poll, struct attempt, poll)->dial;
    if (status < 0) {
        fail(dial, DIAL_FAIL_PROXY, "the proxy closed the connection");
    } else if (dial->proxy_sent != SIZE_MAX) {
        send_to_proxy(dial);
    } else {
        read_from_proxy(dial);
    }
}

// ---- TLS ------------------------------------------------------------------------------------------------------------

static void step_tls(struct dial *dial)
{
    int r = tls_handshake(dial->session);
    if (r == 0) {
        succeed(dial);
    } else if (r < 0) {
        char text[256];
        snprintf(text, sizeof(text), "TLS with %.*s: %s", SLICE_ARG(dial->target.host), tls_error_text(dial->session));
        fail(dial, DIAL_FAIL_TLS, text);
    } else {
        uv_poll_start(&dial->winner->poll, r == TLS_WANT_READ ? UV_READABLE : UV_WRITABLE, on_tls_event);
    }
}

static void start_tls(struct dial *dial)
{
    if (!dial->target.is_tls) {
        succeed(dial);
        return;
    }
    dial->session = tls_session_new(dial->tls, dial->winner->fd, dial->target.host, dial->target.port);
    step_tls(dial);
}

static void on_tls_event(uv_poll_t *poll, int status, int events)
{
    (void)status; // an error shows in the handshake's own read
    (void)events;
    step_tls(CONTAINER_OF(poll, struct attempt, poll)->dial);
}
