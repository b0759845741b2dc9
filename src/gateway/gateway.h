// SPDX-License-Identifier: MIT
// The gateway as one object: what a process that carries traffic starts, reconfigures and drains.
#pragma once

#include "config/config.h"
#include "http/server_conn.h"
#include "net/loop.h"

struct buf;
struct gateway;
struct key_table;
struct token_source;
struct usage_feed;

struct gateway_options {
    struct config *config;
    struct key_table *keys;        // the pool; NULL: there is none
    struct token_source *tokens;   // NULL: there are none
    struct usage_feed *usage;      // is told of model requests that are over; NULL: nobody is told
    uint64_t (*log_dropped)(void); // asked at each scrape of the metrics
    // Appends families that others know (gateway/prometheus.h), at each scrape; NULL: there are none.
    void (*write_more_metrics)(void *arg, struct buf *out);
    void *more_metrics_arg;
};
struct gateway *gateway_new(struct loop *loop, const struct gateway_options *options);
// Somebody else gets the events of all exchanges, and passes those that are ours on to gateway_handler, with the
// gateway as its argument. Before gateway_listen_take().
void gateway_set_front(struct gateway *gateway, const struct http_server_handler *front, void *arg);
extern const struct http_server_handler gateway_handler;
// `fd` is a listening socket.
void gateway_listen_take(struct gateway *gateway, int fd);
// Requests that begin from now on see the new configuration; those under way keep theirs.
void gateway_set_config(struct gateway *gateway, struct config *config);

// No new connections; /ready says so; `on_drained` comes when the last response is out.
void gateway_drain(struct gateway *gateway, void (*on_drained)(void *arg), void *arg);
// Ends everything that is still under way. Then loop_deinit(), then gateway_free().
void gateway_close(struct gateway *gateway);
void gateway_free(struct gateway *gateway);

size_t gateway_n_inflight(const struct gateway *gateway);
