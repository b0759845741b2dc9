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
    struct history
        *history; // usage, requests, audit trail; NULL: nobody asks for them, and what is done is only logged
    struct live_log *live_log; // NULL: nobody logs here
    const char *mode;          // "solo", "cluster"
    unsigned n_workers;
    int64_t started_wall_ms;
};
struct admin *admin_new(const struct admin_options *options);
void admin_set_config(struct admin *admin, struct config *config);
// config.json and who reads it.
struct admin_config_door {
    void *arg; // borrowed
    // Would all be well with this text in place of the file? Messages, one line each, name members.
    bool (*check)(void *arg, struct slice text, struct buf *errors, struct buf *warnings);
    // Reads everything again and brings it into force. False: nothing has changed.
    bool (*reload)(void *arg, struct buf *errors);
};
// NULL, and before that: config.json cannot be changed.
void admin_set_config_door(struct admin *admin, const struct admin_config_door *door);
// After the last exchange has ended and history_close(), and before key_store_free() and history_free().
void admin_free(struct admin *admin);
// Lets those go who watch the log, since they would never end by themselves. Nobody can watch it afterwards.
void admin_drain(struct admin *admin);

// For exchanges of these paths: pass on every event of them, with `admin` as argument.
bool admin_serves(struct slice path); // "/admin", "/admin/…"
extern const struct http_server_handler admin_handler;
