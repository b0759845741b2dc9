// SPDX-License-Identifier: MIT
// What a configuration snapshot means for sending: for each model where to connect and what every request to it has in
// common, made once. Shared by the exchanges that began under it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "dialect/dialect.h"
#include "gateway/metrics.h"
#include "http/client.h"
#include "http/header_name.h"

// One model's way to its provider.
struct upstream {
    const struct config_model *model;
    enum dialect dialect;           // that it speaks
    struct client_origin **through; // one for each proxy of the configuration, whatever the endpoint's own way is
    struct client_origin **origins; // one without proxies, else one for each proxy, used in turn
    size_t n_origins;
    size_t next_origin;
    struct slice fixed_head; // header lines that are the same for all requests
    struct slice auth_line;  // "authorization: Bearer " and the like; empty: the endpoint's headers set or remove it
    uint64_t overridden;     // bit for each header_name that the endpoint's configuration sets or removes
    bool is_factory;
    struct metrics_model *series; // borrowed
    struct metrics_endpoint *endpoint_series;
};

// Reference-counted; all memory is its own.
struct routing {
    struct config *config; // ref
    struct arena arena;
    uint32_t n_refs;
    struct upstream *upstreams; // of config->models, in the same order
};

struct routing *routing_new(struct config *config, struct http_client *client, struct metrics *metrics);
struct routing *routing_ref(struct routing *routing);
void routing_unref(struct routing *routing);

// NULL when no model has that name.
struct upstream *routing_find(const struct routing *routing, struct slice model);

// The way to the endpoint through the proxy with that tag (keys/key_table.h); NULL: there is no such proxy.
struct client_origin *upstream_origin_through(const struct routing *routing, const struct upstream *upstream,
                                              uint64_t proxy);

// Does the endpoint's configuration set or remove this header? For names that header_name.h knows, upstream_overrides()
// says the same at once.
bool upstream_endpoint_sets(const struct config_endpoint *endpoint, struct slice name);

static inline bool upstream_overrides(const struct upstream *upstream, enum header_name name)
{
    return upstream->overridden >> name & 1;
}

// The model's name as the provider knows it.
static inline struct slice upstream_model_name(const struct upstream *upstream)
{
    return upstream->model->upstream_model.len ? upstream->model->upstream_model : upstream->model->id;
}
