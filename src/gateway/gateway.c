// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "gateway/gateway_internal.h"
#include "keys/selector.h"

static struct http_server_limits limits_of(const struct config *config)
{
    struct http_server_limits limits = http_server_limits_default;
    limits.body_max = config->max_body_bytes;
    limits.connections_max = config->max_connections;
    return limits;
}

const struct http_server_handler gateway_handler = {
    .on_head = exchange_on_head,
    .on_request = exchange_on_request,
    .on_drain = exchange_on_drain,
    .on_finished = exchange_on_finished,
    .on_abort = exchange_on_abort,
    .on_reject = exchange_on_reject,
};

// ---- memory after a storm

enum {
    STORM = 256, // requests at once
    CALM = 16,
    CALM_MS = 1000,
};

static void on_calm(struct timer *timer)
{
    struct gateway *gateway = CONTAINER_OF(timer, struct gateway, calm);
    if (gateway->n_inflight <= CALM) {
        gateway->n_storm = 0;
        mem_trim();
    }
}

// What a storm has taken is free behind it, but the allocator keeps it; the system may have better use for it.
void gateway_ends_one(struct gateway *gateway)
{
    gateway->n_storm = gateway->n_inflight > gateway->n_storm ? gateway->n_inflight : gateway->n_storm;
    gateway->n_inflight--;
    if (gateway->n_storm >= STORM && gateway->n_inflight <= CALM && !gateway->is_draining &&
        !timer_is_running(&gateway->calm)) {
        timer_start(&gateway->loop->timers, &gateway->calm, CALM_MS, on_calm);
    }
}

static void on_selector_tick(struct timer *timer)
{
    struct gateway *gateway = CONTAINER_OF(timer, struct gateway, selector_tick);
    key_selector_tick(gateway->selector, clock_wall_ms());
    wait_line_tick(gateway);
    timer_start(&gateway->loop->timers, timer, KEY_SELECTOR_TICK_MS, on_selector_tick);
}

static void use_keys(struct gateway *gateway, struct key_table *keys)
{
    timer_init(&gateway->selector_tick);
    wait_line_init(&gateway->line);
    if (keys) {
        gateway->keys = keys;
        gateway->selector = key_selector_new(keys);
        timer_start(&gateway->loop->timers, &gateway->selector_tick, KEY_SELECTOR_TICK_MS, on_selector_tick);
    }
}

// Without memory for it nothing can be served: the process ends, as for any other.
static void use_health(struct gateway *gateway)
{
    int r = health_create(&gateway->health);
    if (r != 0) {
        log_error("gateway", "cannot get memory for the health of endpoints: %s", strerror(-r));
        abort();
    }
}

struct gateway *gateway_new(struct loop *loop, const struct gateway_options *options)
{
    struct gateway *gateway = mem_zalloc(sizeof(*gateway));
    struct config *config = options->config;
    struct http_server_limits limits = limits_of(config);
    gateway->loop = loop;
    timer_init(&gateway->calm);
    gateway->log_dropped = options->log_dropped;
    gateway->write_more_metrics = options->write_more_metrics;
    gateway->more_metrics_arg = options->more_metrics_arg;
    gateway->tokens = options->tokens;
    gateway->usage = options->usage;
    use_keys(gateway, options->keys);
    gateway->started_wall_ms = clock_wall_ms();
    gateway->started_ns = clock_monotonic_ns();
    gateway->metrics = metrics_new();
    gateway->client = http_client_new(loop, &http_client_limits_default);
    use_health(gateway);
    gateway->routing = routing_new(config, gateway->client, gateway->metrics, &gateway->health);
    gateway->server = http_server_new(loop, &limits, &gateway_handler, gateway);
    return gateway;
}

void gateway_set_front(struct gateway *gateway, const struct http_server_handler *front, void *arg)
{
    http_server_set_handler(gateway->server, front, arg);
}

void gateway_listen_take(struct gateway *gateway, int fd)
{
    http_server_listen_take(gateway->server, fd);
}

void gateway_set_config(struct gateway *gateway, struct config *config)
{
    struct http_server_limits limits = limits_of(config);
    struct routing *before = gateway->routing;
    gateway->routing = routing_new(config, gateway->client, gateway->metrics, &gateway->health);
    routing_unref(before);
    http_server_set_limits(gateway->server, &limits);
}

void gateway_drain(struct gateway *gateway, void (*on_drained)(void *arg), void *arg)
{
    gateway->is_draining = true;
    http_server_drain(gateway->server, on_drained, arg);
}

void gateway_close(struct gateway *gateway)
{
    gateway->is_draining = true;
    timer_cancel(&gateway->selector_tick);
    timer_cancel(&gateway->calm);
    http_server_abort_all(gateway->server);
    http_client_close(gateway->client);
}

void gateway_free(struct gateway *gateway)
{
    http_server_free(gateway->server);
    http_client_free(gateway->client);
    routing_unref(gateway->routing);
    health_close(&gateway->health);
    metrics_free(gateway->metrics);
    key_selector_free(gateway->selector);
    mem_free(gateway);
}

size_t gateway_n_inflight(const struct gateway *gateway)
{
    return gateway->n_inflight;
}
