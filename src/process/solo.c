// SPDX-License-Identifier: MIT
// Happy path: listen → serve … → SIGTERM → drain → all handles closed → exit 0.
// Failure modes: the address is taken (told, exit 1); the drain takes longer than SHUTDOWN_GRACE_MS (what is left is
// broken off).
#include "process/solo.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "account/token_source.h"
#include "admin/live_log.h"
#include "base/buf.h"
#include "base/log.h"
#include "gateway/gateway.h"
#include "net/listener.h"
#include "process/front.h"
#include "process/keeper.h"
#include "process/log_sink.h"
#include "process/reload.h"
#include "shm/region.h"
#include "store/history.h"
#include "usage/usage_feed.h"

enum { N_SIGNALS = 3, USAGE_RING_SIZE = 512 * 1024, USAGE_TICK_MS = 500 };
static const int handled_signals[N_SIGNALS] = {SIGTERM, SIGINT, SIGHUP};

struct solo {
    struct loop loop;
    struct config *config; // ref
    const struct config_sources *sources;
    struct reload reload;
    struct keeper *keeper;
    struct gateway *gateway;
    struct front front;
    struct live_log *live_log;
    struct log_sink *log;
    struct shm_region usage_memory;
    struct usage_feed *usage;
    struct timer usage_tick;
    uv_signal_t signals[N_SIGNALS];
    struct timer grace;
    bool is_stopping;
    bool is_closed;
};

// ---- stopping -------------------------------------------------------------------------------------------------------

static void on_keeper_closed(void *arg)
{
    struct solo *solo = arg;
    for (size_t i = 0; i < N_SIGNALS; i++) {
        uv_close((uv_handle_t *)&solo->signals[i], NULL);
    }
    log_info("process", "stopped");
    log_sink_close(solo->log);
    loop_stop(&solo->loop);
}

// Requests first, since they change what is to be stored.
static void close_all(struct solo *solo)
{
    if (solo->is_closed) {
        return;
    }
    solo->is_closed = true;
    timer_cancel(&solo->grace);
    timer_cancel(&solo->usage_tick);
    gateway_close(solo->gateway);
    (void)usage_feed_flush(solo->usage);
    reload_close_door(&solo->reload);
    keeper_close(solo->keeper, on_keeper_closed, solo);
}

static void on_drained(void *arg)
{
    close_all(arg);
}

static void on_grace_over(struct timer *timer)
{
    struct solo *solo = CONTAINER_OF(timer, struct solo, grace);
    log_warn("process", "%zu requests did not end within %u ms and are broken off", gateway_n_inflight(solo->gateway),
             solo->config->shutdown_grace_ms);
    close_all(solo);
}

static void stop(struct solo *solo)
{
    if (solo->is_stopping) {
        close_all(solo);
        return;
    }
    solo->is_stopping = true;
    log_info("process", "stopping: %zu requests under way", gateway_n_inflight(solo->gateway));
    timer_start(&solo->loop.timers, &solo->grace, solo->config->shutdown_grace_ms, on_grace_over);
    admin_drain(keeper_admin(solo->keeper));
    gateway_drain(solo->gateway, on_drained, solo);
}

// ---- reloading ------------------------------------------------------------------------------------------------------

static void reload(struct solo *solo)
{
    struct buf errors = BUF_EMPTY;
    reload_config(&solo->reload, &errors);
    buf_deinit(&errors);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct solo *solo = handle->data;
    if (number == SIGHUP) {
        reload(solo);
    } else {
        stop(solo);
    }
}

// ---- starting -------------------------------------------------------------------------------------------------------

static int listen_or_explain(const struct config *config)
{
    char host[64];
    snprintf(host, sizeof(host), "%.*s", SLICE_ARG(config->host));
    int fd = listener_open(host, config->port);
    if (fd < 0) {
        fprintf(stderr, "droid2api: cannot listen on %s port %u: %s\n", host, config->port, uv_strerror(fd));
        if (fd == UV_EADDRINUSE) {
            fprintf(stderr, "Another program has this port. Stop it, or set PORT to another one.\n");
        }
    }
    return fd;
}

static void watch_signals(struct solo *solo)
{
    for (size_t i = 0; i < N_SIGNALS; i++) {
        uv_signal_init(&solo->loop.uv, &solo->signals[i]);
        solo->signals[i].data = solo;
        uv_signal_start(&solo->signals[i], on_signal, handled_signals[i]);
    }
}

static void tell_credential(const struct solo *solo)
{
    uint32_t n_keys = key_table_n_usable(keeper_keys(solo->keeper));
    unsigned level = token_source_level(keeper_tokens(solo->keeper));
    char masked[LOG_MASK_SIZE];
    if (solo->config->factory_api_key.len) {
        log_info("process", "upstream credential: FACTORY_API_KEY %s", log_mask(solo->config->factory_api_key, masked));
    } else if (n_keys) {
        log_info("process", "upstream credential: the key pool, %u keys in use", n_keys);
    } else if (level) {
        log_info("process", "upstream credential: %s", level == 3 ? "DROID_REFRESH_KEY" : "auth.json");
    } else {
        log_info("process", "upstream credential: the client's own (there is no other)");
    }
}

static void tell_start(const struct solo *solo, int fd)
{
    const struct config *config = solo->config;
    log_info("process", "droid2api %s listening on %.*s port %u, %zu models", DROID2API_VERSION,
             SLICE_ARG(config->host), listener_port(fd), config->n_models);
    tell_credential(solo);
    if (config->n_access_keys == 0) {
        log_warn("process", "API_ACCESS_KEY is not set: whoever reaches this port can use it");
    }
    if (config->has_weak_admin_key) {
        log_warn("process", "ADMIN_ACCESS_KEY is weak: use at least 16 characters that nobody can guess");
    }
}

// Where this process answers itself: an address that means all of them is none to connect to.
static void own_url(const struct config *config, int fd, char *url, size_t size)
{
    bool is_v6 = slice_find_char(config->host, ':') != SLICE_NOT_FOUND;
    struct slice host = config->host;
    if (slice_eq(host, SLICE("0.0.0.0")) || slice_eq(host, SLICE("::"))) {
        host = is_v6 ? SLICE("::1") : SLICE("127.0.0.1");
    }
    snprintf(url, size, is_v6 ? "http://[%.*s]:%u" : "http://%.*s:%u", SLICE_ARG(host), listener_port(fd));
}

static bool open_keeper(struct solo *solo, int fd)
{
    char url[128];
    struct buf errors = BUF_EMPTY;
    own_url(solo->config, fd, url, sizeof(url));
    solo->keeper = keeper_open(&solo->loop, solo->config, url, solo->live_log, &errors);
    if (!solo->keeper) {
        log_error("process", "%.*s", SLICE_ARG(buf_slice(&errors)));
        fprintf(stderr, "droid2api: %.*s\n", SLICE_ARG(buf_slice(&errors)));
    }
    buf_deinit(&errors);
    return solo->keeper;
}

// ---- requests that are over -----------------------------------------------------------------------------------------

// The history takes what is in the ring by itself; what did not fit into it must be told again.
static void on_usage_tick(struct timer *timer)
{
    struct solo *solo = CONTAINER_OF(timer, struct solo, usage_tick);
    (void)usage_feed_flush(solo->usage);
    timer_start(&solo->loop.timers, timer, USAGE_TICK_MS, on_usage_tick);
}

static void on_usage_filling(void *arg)
{
    struct solo *solo = arg;
    if (!solo->is_closed) {
        history_take(keeper_history(solo->keeper));
    }
}

// Without memory for it nothing could be counted: the process ends, as for any other.
static void open_usage(struct solo *solo)
{
    int r = shm_region_create(&solo->usage_memory, USAGE_RING_SIZE);
    if (r != 0) {
        log_error("process", "cannot get memory for what requests used: %s", strerror(-r));
        abort();
    }
    solo->usage = usage_feed_new(shm_ring_of(solo->usage_memory.base, solo->usage_memory.size));
    usage_feed_on_filling(solo->usage, on_usage_filling, solo);
    history_add_ring(keeper_history(solo->keeper), shm_ring_of(solo->usage_memory.base, solo->usage_memory.size));
    timer_start(&solo->loop.timers, &solo->usage_tick, USAGE_TICK_MS, on_usage_tick);
}

static void free_usage(struct solo *solo)
{
    usage_feed_free(solo->usage);
    shm_region_close(&solo->usage_memory);
}

static void write_keeper_metrics(void *arg, struct buf *out)
{
    struct solo *solo = arg;
    keeper_write_metrics(solo->keeper, 0, out);
}

static void open_gateway(struct solo *solo)
{
    open_usage(solo);
    struct gateway_options options = {
        .config = solo->config,
        .keys = keeper_keys(solo->keeper),
        .tokens = keeper_tokens(solo->keeper),
        .usage = solo->usage,
        .log_dropped = log_sink_dropped,
        .write_more_metrics = write_keeper_metrics,
        .more_metrics_arg = solo,
    };
    solo->gateway = gateway_new(&solo->loop, &options);
    solo->front = (struct front){
        .main = &gateway_handler,
        .main_arg = solo->gateway,
        .side = &admin_handler,
        .side_arg = keeper_admin(solo->keeper),
        .side_serves = admin_serves,
    };
    gateway_set_front(solo->gateway, &front_handler, &solo->front);
}

static void run(struct solo *solo, int fd)
{
    open_gateway(solo);
    solo->reload = (struct reload){solo->sources, &solo->config, solo->gateway, solo->keeper, solo->log};
    reload_open_door(&solo->reload);
    watch_signals(solo);
    tell_start(solo, fd);
    gateway_listen_take(solo->gateway, fd);
    loop_run(&solo->loop);
}

int solo_run_take(struct config *config, const struct config_sources *sources)
{
    int fd = listen_or_explain(config);
    if (fd < 0) {
        config_unref(config);
        return 1;
    }
    struct solo *solo = mem_zalloc(sizeof(*solo));
    solo->config = config;
    solo->sources = sources;
    timer_init(&solo->grace);
    timer_init(&solo->usage_tick);
    loop_init(&solo->loop);
    solo->live_log = live_log_new();
    solo->log = log_sink_new(&solo->loop, config, solo->live_log);
    bool is_open = open_keeper(solo, fd);
    if (is_open) {
        run(solo, fd);
    } else {
        close(fd);
        log_sink_close(solo->log);
    }
    loop_deinit(&solo->loop);
    if (is_open) {
        gateway_free(solo->gateway);
        keeper_free(solo->keeper);
        free_usage(solo);
    }
    log_sink_free(solo->log);
    live_log_free(solo->live_log);
    config_unref(solo->config);
    mem_free(solo);
    return is_open ? 0 : 1;
}
