// SPDX-License-Identifier: MIT
// The client side of HTTP/1.1: calls to upstreams over pooled keep-alive connections.
//
// Happy path of a call: client_call_start() → (resolve, connect, CONNECT, TLS | an idle connection) → request sent →
// on_head → on_body … on_body(last).
// Failure modes: on_fail with what happened and whether any byte of a response had come. A reused connection that dies
// before any response byte is retried once on a fresh one, unseen. Ends when: on_body(last), on_fail, or
// client_call_cancel() — after which no callback comes.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/slice.h"
#include "http/h1_head.h"
#include "net/loop.h"

struct http_client;
struct client_call;

// Where to connect.
struct http_origin {
    struct slice host; // name or address, without brackets
    uint16_t port;
    bool is_tls;
    // A CONNECT proxy; host empty without one.
    struct slice proxy_host;
    uint16_t proxy_port;
    struct slice proxy_authorization; // value of Proxy-Authorization, empty without credentials
};

struct http_client_limits {
    struct h1_limits head;
    uint32_t idle_per_origin; // connections kept
    uint32_t idle_timeout_ms; // how long
    uint32_t resolve_ttl_ms;  // how long an address is believed
};
extern const struct http_client_limits http_client_limits_default;

// Where to connect, as the client keeps it, with its pool of idle connections. Equal origins are the same handle; it
// lives as long as the client.
struct client_origin;
struct client_origin *http_client_origin(struct http_client *client, const struct http_origin *origin);

enum client_failure {
    CLIENT_FAIL_RESOLVE,         // the name has no address
    CLIENT_FAIL_CONNECT,         // refused, unreachable, …
    CLIENT_FAIL_CONNECT_TIMEOUT, // connect, CONNECT or TLS handshake took too long
    CLIENT_FAIL_PROXY,           // the proxy refused the tunnel
    CLIENT_FAIL_TLS,             // handshake or certificate
    CLIENT_FAIL_SEND,            // the connection broke while sending
    CLIENT_FAIL_CLOSED,          // it broke or ended before a complete head
    CLIENT_FAIL_HEADER_TIMEOUT,
    CLIENT_FAIL_PROTOCOL,  // what came is not HTTP/1.1
    CLIENT_FAIL_TRUNCATED, // it broke within the body
    CLIENT_FAIL_IDLE_TIMEOUT,
};
const char *client_failure_text(enum client_failure failure); // "connection refused or unreachable", …

struct client_request {
    struct client_origin *origin;
    enum http_method method;
    struct slice head;        // the whole head with its empty line; borrowed until the call ends
    const struct slice *body; // pieces; array and bytes borrowed until the call ends
    size_t n_body;
    uint32_t connect_timeout_ms; // 0: none, here and below
    uint32_t header_timeout_ms;  // from the end of sending to a complete final head
    uint32_t idle_timeout_ms;    // between two pieces of the body
};

struct client_call_events {
    // The final head; interim 1xx are swallowed. Slices are good during the call only.
    void (*on_head)(struct client_call *call, const struct h1_response *resp);
    // A piece of the body, decoded; good during the call; may be changed. `last` ends the call (len may be 0).
    void (*on_body)(struct client_call *call, char *bytes, size_t len, bool last);
    // The call has failed. `detail` is for the log and has no secrets.
    void (*on_fail)(struct client_call *call, enum client_failure failure, const char *detail);
};

struct client_conn;
struct dial;

// Embedded in the caller's object.
struct client_call {
    const struct client_call_events *events; // borrowed, static
    struct client_request req;
    bool has_response_bytes; // something of the response had come
    bool is_reused;          // it ran on a kept connection
    // Private to client.c and client_conn.c
    struct http_client *_client;
    struct client_conn *_conn; // while it runs on one
    struct dial *_dial;        // while one is being made
    size_t _sent;              // bytes of head and body that the kernel has
    bool _has_retried;
};

struct http_client *http_client_new(struct loop *loop, const struct http_client_limits *limits);
void http_client_close(struct http_client *client); // no call may be running; loop_deinit(), then free
void http_client_free(struct http_client *client);

// Callbacks never come from inside. Every failure comes through on_fail.
void client_call_start(struct http_client *client, struct client_call *call, const struct client_request *req,
                       const struct client_call_events *events);
void client_call_cancel(struct client_call *call); // the connection is closed at once; harmless after the end
// Nothing more is read until resumed, and the idle time-out is suspended. What was read already is still delivered.
void client_call_pause(struct client_call *call);
void client_call_resume(struct client_call *call);

struct http_client_counts {
    size_t n_idle;
    size_t n_busy;
};
struct http_client_counts http_client_count(const struct http_client *client);
struct http_client_counts http_client_count_origin(const struct client_origin *origin);
