// SPDX-License-Identifier: MIT
// Happy path: lock → table → document → tokens, balances, tests, probes → admin. Failure modes: another program has the
// folder, or it cannot be read: told, nothing is touched.
#include "process/keeper.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "account/key_probe.h"
#include "account/token_source.h"
#include "base/clock.h"
#include "process/keeper_metrics.h"
#include "store/data_lock.h"
#include "store/history.h"

struct keeper {
    struct loop *loop;     // borrowed
    struct config *config; // ref
    char *folder;          // owned
    char *url;             // owned; NULL: no gateway runs on these data
    int lock;
    struct key_table table;
    bool has_table;
    struct key_store *store;
    struct http_client *client;
    struct token_source *tokens;
    struct key_tester *tester;
    struct key_prober *prober;
    struct balance_sync *balances;
    struct history *history;
    struct admin *admin;
    struct keeper_metrics *metrics;
    void (*on_closed)(void *arg);
    void *arg;
};

// ---- opening --------------------------------------------------------------------------------------------------------

static char *cstr(struct slice text)
{
    char *copy = mem_alloc(text.len + 1);
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return copy;
}

static bool lock_folder(struct keeper *keeper, struct buf *errors)
{
    struct arena arena;
    struct slice owner = SLICE_EMPTY;
    arena_init(&arena, 512);
    keeper->lock = data_lock_take(keeper->folder, &arena, &owner);
    if (keeper->lock == -EWOULDBLOCK) {
        struct slice line = slice_split(&owner, '\n');
        buf_printf(errors, "the data folder %s is in use by another droid2api (%.*s); set DATA_DIR to another one",
                   keeper->folder, SLICE_ARG(line));
    } else if (keeper->lock < 0) {
        buf_printf(errors, "the data folder %s cannot be used: %s", keeper->folder, strerror(-keeper->lock));
    } else {
        struct slice lines =
            arena_printf(&arena, "pid %d\naddress %s\n", (int)getpid(), keeper->url ? keeper->url : "");
        int r = data_lock_describe(keeper->lock, lines);
        if (r < 0) {
            log_warn("store", "%s/.lock cannot be written: %s", keeper->folder, strerror(-r));
        }
    }
    arena_deinit(&arena);
    return keeper->lock >= 0;
}

static bool open_store(struct keeper *keeper, struct buf *errors)
{
    int r = key_table_create(&keeper->table);
    if (r < 0) {
        buf_printf(errors, "no memory for the table of keys: %s", strerror(-r));
        return false;
    }
    keeper->has_table = true;
    struct key_store_options options = {
        .folder = keeper->folder, .settings = keeper->config->key_pool, .notes_max = keeper->config->notes_max};
    keeper->store = key_store_open(keeper->loop, &keeper->table, &options, errors);
    return keeper->store;
}

static void open_services(struct keeper *keeper, struct live_log *live_log)
{
    struct config *config = keeper->config;
    keeper->client = http_client_new(keeper->loop, &http_client_limits_default);
    struct key_tester_options tests = {keeper->loop, keeper->client, keeper->store, &keeper->table,
                                       keeper->url ? keeper->url : ""};
    keeper->tester = key_tester_new(&tests);
    key_tester_set_config(keeper->tester, config);
    struct key_prober_options probes = {keeper->loop, keeper->tester, &keeper->table, clock_wall_ms, KEY_PROBE_PACE_MS};
    keeper->prober = key_prober_new(&probes);
    struct balance_sync_options balances = {keeper->loop, keeper->client, keeper->store, &keeper->table,
                                            keeper->folder};
    keeper->balances = balance_sync_new(&balances);
    struct history_options history = {
        .loop = keeper->loop, .folder = keeper->folder, .retention_days = config->retention_days};
    keeper->history = history_new(&history);
    if (keeper->url) {
        keeper->tokens = token_source_new(keeper->loop, keeper->client, config, getenv("HOME"));
        balance_sync_set_config(keeper->balances, config);
    }
    struct admin_options admin = {
        .loop = keeper->loop,
        .config = config,
        .table = &keeper->table,
        .store = keeper->store,
        .tester = keeper->tester,
        .balances = keeper->balances,
        .history = keeper->history,
        .live_log = live_log,
        .mode = "solo",
        .n_workers = 1,
        .started_wall_ms = clock_wall_ms(),
    };
    keeper->admin = admin_new(&admin);
    keeper->metrics = keeper_metrics_new(&keeper->table, keeper->store);
}

struct keeper *keeper_open(struct loop *loop, struct config *config, const char *url, struct live_log *live_log,
                           struct buf *errors)
{
    struct keeper *keeper = mem_zalloc(sizeof(*keeper));
    keeper->loop = loop;
    keeper->config = config_ref(config);
    keeper->folder = cstr(config->data_dir);
    keeper->url = url ? cstr(slice_from_cstr(url)) : NULL;
    keeper->lock = -1;
    if (!lock_folder(keeper, errors) || !open_store(keeper, errors)) {
        keeper_free(keeper);
        return NULL;
    }
    open_services(keeper, live_log);
    return keeper;
}

// ---- the rest of its life -------------------------------------------------------------------------------------------

void keeper_set_config(struct keeper *keeper, struct config *config)
{
    struct config *before = keeper->config;
    keeper->config = config_ref(config);
    key_store_set_defaults(keeper->store, &config->key_pool, config->notes_max);
    token_source_set_config(keeper->tokens, config);
    key_tester_set_config(keeper->tester, config);
    balance_sync_set_config(keeper->balances, config);
    history_set_retention(keeper->history, config->retention_days);
    admin_set_config(keeper->admin, config);
    config_unref(before);
}

static void on_history_closed(void *arg)
{
    struct keeper *keeper = arg;
    http_client_close(keeper->client);
    keeper->on_closed(keeper->arg);
}

// What the store still wrote leaves its entries in the audit trail.
static void on_store_closed(void *arg)
{
    struct keeper *keeper = arg;
    history_close(keeper->history, on_history_closed, keeper);
}

static void close_store(struct keeper *keeper)
{
    key_store_close(keeper->store, on_store_closed, keeper);
}

// A refresh that is under way ends first: the token that it brings is in no other place.
static void on_tokens_drained(void *arg)
{
    struct keeper *keeper = arg;
    token_source_close(keeper->tokens);
    close_store(keeper);
}

void keeper_close(struct keeper *keeper, void (*on_closed)(void *arg), void *arg)
{
    keeper->on_closed = on_closed;
    keeper->arg = arg;
    key_prober_close(keeper->prober);
    key_tester_close(keeper->tester);
    balance_sync_close(keeper->balances);
    if (keeper->tokens) {
        token_source_drain(keeper->tokens, on_tokens_drained, keeper);
    } else {
        close_store(keeper);
    }
}

void keeper_free(struct keeper *keeper)
{
    if (keeper->admin) {
        keeper_metrics_free(keeper->metrics);
        admin_free(keeper->admin);
        history_free(keeper->history);
        balance_sync_free(keeper->balances);
        key_prober_free(keeper->prober);
        key_tester_free(keeper->tester);
        token_source_free(keeper->tokens);
        http_client_free(keeper->client);
        key_store_free(keeper->store);
    }
    if (keeper->has_table) {
        key_table_close(&keeper->table);
    }
    if (keeper->lock >= 0) {
        close(keeper->lock);
    }
    config_unref(keeper->config);
    mem_free(keeper->folder);
    mem_free(keeper->url);
    mem_free(keeper);
}

struct key_table *keeper_keys(struct keeper *keeper)
{
    return &keeper->table;
}

struct token_source *keeper_tokens(struct keeper *keeper)
{
    return keeper->tokens;
}

struct history *keeper_history(struct keeper *keeper)
{
    return keeper->history;
}

struct admin *keeper_admin(struct keeper *keeper)
{
    return keeper->admin;
}

void keeper_write_metrics(struct keeper *keeper, uint64_t n_usage_lost, struct buf *out)
{
    struct history_numbers history = {0}; // nothing is recorded, so nothing is lost
    keeper_metrics_write(keeper->metrics, &history, n_usage_lost, out);
}
