// SPDX-License-Identifier: MIT
// One connection to an upstream, private to the client: it runs one call at a time and goes back to its pool in
// between.
#pragma once

#include "base/list.h"
#include "http/chunked.h"
#include "http/client.h"
#include "net/resolver.h"
#include "net/stream.h"
#include "net/tls.h"

struct http_client {
    struct loop *loop; // borrowed
    struct http_client_limits limits;
    struct resolver *resolver; // owned
    struct tls_context *tls;   // owned; NULL until the first TLS origin
    struct list origins;
};

struct client_origin {
    struct list link;           // of the client's origins
    struct http_client *client; // borrowed
    struct http_origin target;  // slices owned by `names`
    struct buf names;
    struct list idle; // connections that wait, the latest first
    struct list busy; // connections with a call
    size_t n_idle;
    size_t n_busy;
};

enum client_conn_state {
    CLIENT_CONN_IDLE,   // in the pool
    CLIENT_CONN_HEAD,   // request going out, head of the response awaited
    CLIENT_CONN_LENGTH, // reading a body of known length
    CLIENT_CONN_CHUNKED,
    CLIENT_CONN_UNTIL_CLOSE,
    CLIENT_CONN_CLOSING,
};

struct client_conn {
    struct stream stream;
    struct client_origin *origin; // borrowed
    struct list link;             // of the origin's idle or busy list
    struct client_call *call;     // borrowed; NULL in the pool
    struct timer timer;
    struct buf input; // a part of a head
    struct h1_scan scan;
    struct chunked_decoder chunked;
    uint64_t body_left;
    uint32_t n_interim;
    enum client_conn_state state;
    bool keep_alive;
    bool is_sent; // the whole request is with the kernel
};

// Takes a connected socket.
struct client_conn *client_conn_new_take(struct client_origin *origin, int fd, struct tls_session *tls);
// Runs a call on an idle or new connection.
void client_conn_run(struct client_conn *conn, struct client_call *call);
// Closes; a call that runs on it hears nothing.
void client_conn_drop(struct client_conn *conn);
void client_conn_pause(struct client_conn *conn);
void client_conn_resume(struct client_conn *conn);

// The other way round, in client.c: the call goes on, on a fresh connection.
void client_call_redial(struct client_call *call);
