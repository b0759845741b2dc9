// SPDX-License-Identifier: MIT
// Test kit: an HTTP server on loopback that answers as the test says, a client, a data folder of its own, what was
// logged, and, where wanted, a pool of keys.
#pragma once

#include "http/client.h"
#include "http/server_conn.h"
#include "keys/key_table.h"
#include "net/loop.h"
#include "store/key_store.h"

struct account_fixture {
    struct loop loop;
    struct http_server *server;
    struct http_client *client;
    char url[64];     // of the server: "http://127.0.0.1:1234"
    char folder[64];  // of data, made; removed at the end
    struct buf seen;  // a line for each request: "POST /path?query body"
    struct buf heads; // its headers, "name: value\n"
    struct buf log;   // a line for each message
    size_t n_requests;
    // Answers a request; NULL: it is held back.
    void (*answer)(struct account_fixture *f, struct server_exchange *ex);
    struct server_exchange *held; // the latest that was held back, as long as its client waits
    void *user;                   // the test's
    struct key_table table;       // of account_open_pool()
    struct key_store *store;      // of it, else NULL
    struct arena arena;           // of ids
    const char *body;             // of account_answer_text()
    unsigned status;              // of it
};

void account_fixture_init(struct account_fixture *f);
// Everything that runs on the loop must have been closed.
void account_fixture_run_out(struct account_fixture *f); // the loop ends; then free what lived on it
void account_fixture_deinit(struct account_fixture *f);

// An empty pool, closed by account_fixture_run_out().
void account_open_pool(struct account_fixture *f, const struct key_settings *settings);
struct slice account_add_key(struct account_fixture *f, const char *secret); // its id
void account_add_keys(struct account_fixture *f, const struct slice *secrets, size_t n, struct slice *ids_r);
void account_remove_key(struct account_fixture *f, struct slice id);
struct key_slot *account_key(struct account_fixture *f, struct slice id);

// Answers with f->status and f->body.
void account_answer_text(struct account_fixture *f, struct server_exchange *ex);

bool account_until(struct account_fixture *f, bool (*holds)(void *arg), void *arg);
bool account_until_requests(struct account_fixture *f, size_t n);
// Lets the loop turn until a timer of this many milliseconds has fired, for showing that something does not happen.
void account_turn(struct account_fixture *f, unsigned ms);

struct slice account_file(struct account_fixture *f, const char *name, struct arena *arena); // empty: it is missing
void account_write_file(struct account_fixture *f, const char *name, const char *text);
bool account_logged(const struct account_fixture *f, const char *text);
size_t account_log_lines(const struct account_fixture *f);
