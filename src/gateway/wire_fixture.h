// SPDX-License-Identifier: MIT
// Test kit: the gateway between a client and an upstream that are both played by hand on plain sockets.
#pragma once

#include "config/config_fixture.h"
#include "gateway/gateway.h"
#include "keys/key_table.h"
#include "kit/loopback.h"
#include "usage/usage_feed.h"

struct wire {
    struct config_fixture *config;
    struct loop loop;
    struct gateway *gateway;
    struct key_table keys;
    bool has_keys;
    void *usage_memory;         // owned: of a ring
    struct shm_ring usage_ring; // its reader
    struct usage_feed *usage;   // owned
    struct arena usage_arena;   // of the facts that were taken last
    struct loopback_client client;
    struct loopback_client upstream;
    int upstream_listener;
    uint16_t upstream_port;
    uint16_t port;
    bool is_drained;
    bool is_closed;
};

int wire_set_up(void **state);
int wire_tear_down(void **state);

// data/config.json; a %u in it is the upstream's port, each time.
void wire_write_config(struct wire *f, const char *json);
// With the configuration that was written last, and connects the client. `environment` may be NULL.
void wire_start(struct wire *f, const char *environment);
// The same with a pool of keys "key-0", "key-1", …; before the configuration is loaded.
void wire_add_keys(struct wire *f, unsigned n);
void wire_reconnect(struct wire *f); // the client

#define WIRE_KEY "authorization: Bearer key-one\r\n"

// One request of the client.
void wire_ask(struct wire *f, const char *target, const char *headers, const char *body);
// The next request, all of it, as it comes to the upstream: on the connection that is there, else on a new one.
struct slice wire_take_request(struct wire *f);
// What the upstream sends.
void wire_answer(struct wire *f, const char *bytes);
void wire_answer_and_close(struct wire *f, const char *bytes);
// The client gets this text, sooner or later.
bool wire_client_sees(struct wire *f, const char *text);
struct slice wire_received(const struct wire *f); // by the client, until now
bool wire_has_text(struct slice bytes, const char *text);
bool wire_is_idle(void *wire); // for loopback_until(): no request is under way
// What was told of the request that ended first, once it has; valid until the next one is taken.
struct request_facts wire_take_facts(struct wire *f);
