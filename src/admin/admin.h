// SPDX-License-Identifier: MIT
// The admin API: routes under /admin, served to whoever has the admin key.
#pragma once

#include "account/balance.h"
#include "account/key_test.h"
#include "config/config.h"
#include "http/server_conn.h"
#include "store/key_store.h"

struct admin;
struct history;
struct live_log;

struct admin_options {
    struct loop *loop;
    struct config *config; // a reference is taken
    struct key_table *table;
    struct key_store *store;
    struct key_tester *tester;
    struct balance_sync *balances;
    struct history *history;   // usage, requests, audit trail
    struct live_log *live_log; // NULL: nobody logs here
    const char *mode;          // "solo", "cluster"
    unsigned n_workers;
    int64_t started_wall_ms;
};
struct admin *admin_new(const struct admin_options *options);
void admin_set_config(struct admin *admin, struct config *config);
// What those who carry traffic remember of the last model requests. Both append one JSON value to `out`.
struct admin_requests_filter {
    size_t limit;
    int64_t before_ms; // only what ended earlier; 0: all
    unsigned status_min;
    unsigned status_max; // 0: any
    struct slice model;  // empty: any
    struct slice key;    // id; empty: any
};
struct admin_requests {
    void *arg;                                                // borrowed, as long as exchanges may begin
    bool (*one)(void *arg, struct slice id, struct buf *out); // an object; false: it is not known (any more)
    void (*list)(void *arg, const struct admin_requests_filter *filter, struct buf *out); // an array
};
// Before that, no requests are known.
void admin_set_requests(struct admin *admin, const struct admin_requests *requests);
// Lets those go who watch the log, since they would never end by themselves. Nobody can watch it afterwards.
void admin_drain(struct admin *admin);
void admin_free(struct admin *admin); // after the last exchange has ended, and before key_store_free()

// For exchanges of these paths: pass on every event of them, with `admin` as argument.
bool admin_serves(struct slice path); // "/admin", "/admin/…"
extern const struct http_server_handler admin_handler;
