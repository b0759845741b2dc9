// SPDX-License-Identifier: MIT
// What a configuration snapshot means for sending: for each model where to connect and what every request to it has in
// common, made once. Shared by the exchanges that began under it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "dialect/dialect.h"
#include "gateway/metrics.h"
#include "health/health.h"
#include "http/client.h"
#include "http/header_name.h"

// How to get to an endpoint.
struct way {
    struct client_origin *origin;
    struct breaker *proxy_breaker; // NULL: it leads through no proxy
};

// One model and where it is served.
struct upstream {
    const struct config_model *model;
    enum dialect dialect; // that it speaks
    struct way *through;  // one for each proxy of the configuration, whatever the endpoint's own way is
    struct way *ways;     // one without proxies, else one for each proxy, used in turn
    size_t n_ways;
    size_t next_way;
    struct breaker *breaker;          // of this model at its endpoint: it may be overloaded while others are not
    struct breaker *endpoint_breaker; // of the endpoint as a whole: it is not reached
    struct correlation *correlation;  // of the endpoint
    struct upstream **fallbacks;      // n_fallbacks of the model
    struct slice fixed_head;          // header lines that are the same for all requests
    struct slice auth_line; // "authorization: Bearer " and the like; empty: the endpoint's headers set or remove it
    uint64_t overridden;    // bit for each header_name that the endpoint's configuration sets or removes
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

struct routing *routing_new(struct config *config, struct http_client *client, struct metrics *metrics,
                            struct health *health);
struct routing *routing_ref(struct routing *routing);
void routing_unref(struct routing *routing);

// NULL when no model has that name.
struct upstream *routing_find(const struct routing *routing, struct slice model);

// The way to the endpoint through the proxy with that tag (keys/key_table.h); NULL: there is no such proxy.
const struct way *upstream_way_through(const struct routing *routing, const struct upstream *upstream, uint64_t proxy);

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
