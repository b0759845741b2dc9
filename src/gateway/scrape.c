// SPDX-License-Identifier: MIT
// GET /metrics: asks everybody who knows a number, and tells all.
#include "base/clock.h"
#include "base/map.h"
#include "gateway/gateway_internal.h"
#include "gateway/process_metrics.h"

// Connections that were told for one endpoint already, and how many.
struct told {
    struct map origins;
    size_t n_idle;
    size_t n_busy;
};

static bool is_open(const struct breaker *breaker, int64_t now_ms)
{
    int64_t until_ms;
    return breaker_look(breaker, now_ms, &until_ms) != BREAKER_GO;
}

// Who shares an origin with an endpoint before it has nothing.
static void tell_connections(struct told *told, struct metrics_endpoint_gauges *gauges, const struct way *ways,
                             size_t n_ways)
{
    for (size_t i = 0; i < n_ways; i++) {
        struct slice name = slice_of((const char *)&ways[i].origin, sizeof(ways[i].origin));
        if (!map_find(&told->origins, name)) {
            struct http_client_counts counts = http_client_count_origin(ways[i].origin);
            map_set(&told->origins, name, ways[i].origin);
            gauges->n_idle += counts.n_idle;
            gauges->n_busy += counts.n_busy;
            told->n_idle += counts.n_idle;
            told->n_busy += counts.n_busy;
        }
    }
}

// What no endpoint of the configuration has is of one that went with a reload.
static void tell_endpoints(struct gateway *gateway, int64_t now_ms)
{
    const struct routing *routing = gateway->routing;
    struct told told = {.n_idle = 0};
    map_init(&told.origins);
    metrics_forget_endpoints(gateway->metrics);
    for (size_t i = 0; i < routing->config->n_models; i++) {
        const struct upstream *upstream = &routing->upstreams[i];
        struct metrics_endpoint_gauges *gauges = metrics_endpoint_gauges(upstream->endpoint_series);
        gauges->is_configured = true;
        gauges->is_open = is_open(upstream->endpoint_breaker, now_ms);
        gauges->n_models_open += is_open(upstream->breaker, now_ms);
        tell_connections(&told, gauges, upstream->ways, upstream->n_ways);
        tell_connections(&told, gauges, upstream->through, routing->config->n_proxies);
    }
    struct http_client_counts all = http_client_count(gateway->client);
    struct metrics_endpoint_gauges *rest = metrics_endpoint_gauges(metrics_endpoint(gateway->metrics, SLICE("other")));
    rest->n_idle += all.n_idle - told.n_idle;
    rest->n_busy += all.n_busy - told.n_busy;
    map_deinit(&told.origins);
}

void scrape_answer(struct exchange *x)
{
    struct gateway *gateway = x->gateway;
    struct metrics_gauges gauges = {
        .n_inflight = gateway->n_inflight,
        .n_waiting = gateway->line.n,
        .n_client_connections = http_server_n_connections(gateway->server),
        .log_dropped = gateway->log_dropped ? gateway->log_dropped() : 0,
    };
    struct buf body = BUF_EMPTY;
    tell_endpoints(gateway, clock_wall_ms());
    metrics_write(gateway->metrics, &gauges, &body);
    if (gateway->write_more_metrics) {
        gateway->write_more_metrics(gateway->more_metrics_arg, &body);
    }
    process_metrics_write(gateway->started_wall_ms, &body);
    exchange_respond(x, 200, SLICE("text/plain; version=0.0.4; charset=utf-8"), buf_slice(&body));
    buf_deinit(&body);
}
