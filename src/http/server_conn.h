// SPDX-License-Identifier: MIT
// The server side of HTTP/1.1: connections, and one exchange (request and response) at a time on each.
//
// Happy path of an exchange: on_head → (body is collected) → on_request → server_respond(), or server_start() →
// server_write() … server_write(last) → on_finished. Pipelined requests wait in the socket until then.
// Failure modes: malformed requests are answered here (through on_reject for the body) and the connection closes; the
// client leaving is on_abort, after which the exchange accepts no writes (they are ignored).
// Ends when: on_finished or on_abort has run, exactly one of them and exactly once, and nothing of the exchange may be
// touched afterwards. Its arena goes with it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "http/h1_head.h"
#include "net/loop.h"

struct http_server;
struct server_exchange;

struct http_server_limits {
    struct h1_limits head;
    uint64_t body_max;
    uint32_t connections_max;
    uint32_t header_timeout_ms; // for a whole head, from its first byte; also from accept to the first request
    uint32_t idle_timeout_ms;   // between requests
    uint32_t body_timeout_ms;   // without progress of the request body
    uint32_t send_timeout_ms;   // without progress of the response
};
extern const struct http_server_limits http_server_limits_default;

// Reasons why a request is answered by the connection itself.
struct http_reject {
    unsigned status;
    const char *text; // what was wrong, for the client
};

struct http_server_handler {
    // The head is complete, the body is not yet read. May answer at once (401, 404, …): then the body is not waited
    // for. NULL: every body is accepted.
    void (*on_head)(void *arg, struct server_exchange *ex);
    // Head and body are complete.
    void (*on_request)(void *arg, struct server_exchange *ex);
    void (*on_drain)(void *arg, struct server_exchange *ex); // after STREAM_PENDING of server_write()
    void (*on_finished)(void *arg, struct server_exchange *ex);
    void (*on_abort)(void *arg, struct server_exchange *ex);
    // Fills `body` and `headers` (complete lines) for an answer that the connection gives by itself. `ex` is NULL when
    // no head could be read. NULL: plain text.
    void (*on_reject)(void *arg, struct server_exchange *ex, const struct http_reject *reject, struct buf *headers,
                      struct buf *body);
};

struct server_exchange {
    struct arena arena;         // of everything that lives as long as the exchange
    struct h1_request req;      // slices and fields are in the arena
    struct slice body;          // complete in on_request
    struct http_server *server; // borrowed
    void *user;                 // of the handler; NULL at on_head
    uint64_t started_ns;        // monotonic: when the first byte of the request was seen
    // Private to server_conn.c
    struct server_conn *_conn;
    void *_response;
    uint8_t _state;
    bool _is_announced; // the handler has seen it, so it gets on_finished or on_abort
};

struct http_server *http_server_new(struct loop *loop, const struct http_server_limits *limits,
                                    const struct http_server_handler *handler, void *arg);
// Listens; several addresses may be added. `fd` is a bound and listening socket and is taken (net/listener.h makes
// one).
void http_server_listen_take(struct http_server *server, int fd);
// Only before there is a connection (asserted).
void http_server_set_handler(struct http_server *server, const struct http_server_handler *handler, void *arg);
void http_server_set_limits(struct http_server *server, const struct http_server_limits *limits);

// Closes listeners and idle connections; those with an exchange close after it. `on_drained` comes when none is left.
void http_server_drain(struct http_server *server, void (*on_drained)(void *arg), void *arg);
// Breaks all connections. Call loop_run() or loop_deinit() afterwards, then http_server_free().
void http_server_abort_all(struct http_server *server);
void http_server_free(struct http_server *server);
size_t http_server_n_connections(const struct http_server *server);
struct loop *http_server_loop(struct http_server *server);

// A whole response. `headers` is zero or more complete lines "name: value\r\n" without content-length, connection and
// date, which are added here. HEAD and 204/304 are respected: the body is then not sent.
void server_respond(struct server_exchange *ex, unsigned status, struct slice headers, struct slice body);

// A response whose body comes in pieces. content_length H1_NO_LENGTH: chunked (HTTP/1.0: until close). The head leaves
// with the first piece, or with server_flush().
void server_start(struct server_exchange *ex, unsigned status, struct slice headers, int64_t content_length);
void server_flush(struct server_exchange *ex);
// Forgets a started response whose head has not left yet: another one may be started. Else does nothing.
void server_discard(struct server_exchange *ex);
// Sends a piece; `last` ends the response (on_finished may come before this returns: do nothing afterwards). 0, or
// STREAM_PENDING: stop until on_drain.
int server_write(struct server_exchange *ex, struct slice bytes, bool last);
// Breaks the connection so that the response cannot be taken for complete. on_finished follows.
void server_break(struct server_exchange *ex);

bool server_has_started(const struct server_exchange *ex); // server_respond() or server_start() has been called
bool server_head_is_sent(const struct server_exchange *ex);
size_t server_pending(const struct server_exchange *ex); // response bytes that the kernel has not taken yet
// The client's address as text ("203.0.113.7", without a port), and its port.
struct slice server_peer_address(const struct server_exchange *ex);
// The connected socket, borrowed: for looking at it, or for writing what no server should (a simulator does). Whoever
// writes here and through server_write() mixes up his own response.
int server_socket(const struct server_exchange *ex);
