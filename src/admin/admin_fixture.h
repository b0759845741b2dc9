// SPDX-License-Identifier: MIT
// Test kit: the admin API on a real socket, over a real store in a folder of its own. A second server plays everything
// outside: the gateway through which keys are tested, and the provider who knows balances.
#pragma once

#include "admin/admin.h"
#include "base/buf.h"
#include "config/config_fixture.h"
#include "store/history.h"
#include "usage/usage_feed.h"
#include "json/json_reader.h"

struct loopback_client;

struct admin_fixture {
    struct config_fixture *config;
    struct loop loop;
    struct key_table table;
    struct key_store *store;
    struct http_client *http;
    struct balance_sync *balances;
    struct history *history;
    void *ring_memory; // owned
    struct usage_feed *feed;
    struct key_tester *tester;
    struct live_log *live_log;
    struct admin *admin;
    struct http_server *server;
    struct http_server *outside;
    struct loopback_client *client; // owned
    uint16_t port;
    uint16_t outside_port;

    // What the outside does.
    unsigned outside_status;             // of every answer
    const char *outside_body;            // borrowed
    bool outside_waits;                  // it does not answer before it is told to
    struct server_exchange *waiting[64]; // those that wait
    size_t n_waiting;
    size_t n_outside; // requests that it got

    // The last answer.
    struct arena arena; // of it
    unsigned status;
    struct slice head;
    struct slice body;
    struct json_doc doc; // of the body, if that is JSON
    bool is_json;
    bool was_chunked;
};

#define ADMIN_FIXTURE_KEY "a right and long key"

int admin_fixture_setup(void **state);
int admin_fixture_teardown(void **state);
// Lines "NAME=value" of the environment, beside the admin key; for tests that need others than the usual ones.
void admin_fixture_configure(struct admin_fixture *f, const char *environment);

// One request with the admin key, on a connection that is kept, and its whole answer. `body` may be NULL.
void admin_fixture_ask(struct admin_fixture *f, const char *method, const char *target, const char *body);
// The same with header lines instead of the key.
void admin_fixture_ask_with(struct admin_fixture *f, const char *method, const char *target, const char *headers,
                            struct slice body);
// Sends only.
void admin_fixture_send(struct admin_fixture *f, const char *method, const char *target, const char *headers,
                        struct slice body);
void admin_fixture_receive(struct admin_fixture *f, bool is_head);
// Lets the outside answer what waits.
void admin_fixture_release(struct admin_fixture *f);
// All that is begun is written; the store is opened anew, as after a restart.
void admin_fixture_restart(struct admin_fixture *f);

// A value of the last answer, by names and numbers of elements: "data.keys.0.id". NULL: there is none.
const struct json_node *admin_fixture_find(struct admin_fixture *f, const char *path);
// They fail the test when there is no such value.
const char *admin_fixture_text(struct admin_fixture *f, const char *path);
int64_t admin_fixture_int(struct admin_fixture *f, const char *path);
bool admin_fixture_bool(struct admin_fixture *f, const char *path);
bool admin_fixture_is_null(struct admin_fixture *f, const char *path);
size_t admin_fixture_count(struct admin_fixture *f, const char *path);       // elements of an array
const char *admin_fixture_header(struct admin_fixture *f, const char *name); // NULL: not there

// The status of the last answer is this one, and its envelope fits. Else the test fails and shows the body.
void admin_fixture_expect(struct admin_fixture *f, unsigned status);
// Adds a key; its id, which lives as long as the fixture.
const char *admin_fixture_add(struct admin_fixture *f, const char *secret, const char *group);
void admin_fixture_add_group(struct admin_fixture *f, const char *id); // of priority 1
// A request has ended, as those who carry traffic tell it: through the ring.
void admin_fixture_tell(struct admin_fixture *f, const struct request_facts *facts);
// The slot of a key that is in the table.
uint32_t admin_fixture_slot(struct admin_fixture *f, const char *secret);
// Of an active key, as if requests or an operator had done it.
void admin_fixture_put_aside(struct admin_fixture *f, const char *secret, enum key_status status);
