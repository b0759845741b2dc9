// SPDX-License-Identifier: MIT
// The objects that the three files of the server side share: server.c (listening, all connections), server_conn.c (one
// connection and what comes in) and server_response.c (what goes out). Never included from elsewhere.
#pragma once

#include "base/list.h"
#include "http/chunked.h"
#include "http/server_conn.h"
#include "net/address.h"
#include "net/stream.h"

enum conn_state {
    CONN_IDLE,     // between requests
    CONN_HEAD,     // part of a head has come
    CONN_BODY,     // reading a request body
    CONN_EXCHANGE, // the handler works; the request is complete or was answered early
    CONN_LINGER,   // the last answer is out; what still comes is thrown away
    CONN_CLOSING,
};

enum exchange_state {
    EX_READING,  // nothing answered yet
    EX_STARTED,  // head made, still held
    EX_SENDING,  // head sent
    EX_FINISHED, // last byte handed over
};

struct body_reader {
    char *ptr;  // owned until the exchange has it
    size_t len; // so far
    size_t cap; // content-length, or room
    bool is_owned;
    struct chunked_decoder chunked;
};

struct server_conn {
    struct stream stream;
    struct http_server *server; // borrowed
    struct list link;           // of the server's connections
    struct server_exchange *ex; // owned; from a complete head to the end of the response
    struct buf input;           // owned: a part of a head, or pipelined bytes
    struct timer timer;
    struct h1_scan scan;
    char peer[ADDRESS_TEXT_SIZE]; // its address as text, not terminated
    uint8_t peer_len;
    enum conn_state state;
    uint64_t first_byte_ns;
    uint32_t linger_bytes;
    size_t n_unsent; // bytes held back when the send timer started
    bool peer_has_ended;
    bool close_after; // this response is the last
};

struct http_server {
    struct loop *loop; // borrowed
    struct http_server_limits limits;
    const struct http_server_handler *handler;
    void *arg;
    struct list listeners;
    struct list conns;
    size_t n_conns;
    bool is_draining;
    void (*on_drained)(void *arg);
    void *on_drained_arg;
    int64_t date_second; // of the cached date header
    char date[48];
};

// Response state that only this file sees; lives in the exchange's arena.
struct response {
    struct buf head; // owned; empty once sent
    bool is_chunked;
    bool is_close_delimited; // the end of the connection is the end of the body
    bool has_body;           // not HEAD, 204 or 304
    struct body_reader body;
};

static inline struct response *response_of(struct server_exchange *ex)
{
    return ex->_response;
}

// Takes a fresh connection into the server.
void server_conn_accept(struct http_server *server, int fd, const struct address *peer);
void server_conn_close(struct server_conn *conn); // one that has no exchange
void server_conn_abort(struct server_conn *conn); // with its exchange, if it has one

// From now on the client has to take some of what is held back for it.
void server_conn_watch_sending(struct server_conn *conn);
// The last byte of the response has been handed over.
void server_conn_end_exchange(struct server_conn *conn);
// The response ends here although it is not complete.
void server_conn_break_exchange(struct server_conn *conn);
