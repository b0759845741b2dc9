// SPDX-License-Identifier: MIT
// Balances of keys, as their provider tells them: fetched every SYNC_INTERVAL_MINUTES in batches and on demand, kept in
// data/token_usage.json and, for choosing, in the key table.
#pragma once

#include "account/web_call.h"
#include "config/config.h"
#include "keys/key_table.h"
#include "store/key_store.h"

struct balance_sync;

struct balance_sync_options {
    struct loop *loop;
    struct http_client *client;
    struct key_store *store;
    struct key_table *table;
    const char *folder;
};
// Reads token_usage.json (blocks); a missing or bad one is an empty one.
struct balance_sync *balance_sync_new(const struct balance_sync_options *options);
void balance_sync_set_config(struct balance_sync *sync, const struct config *config); // base URL, interval, batch
void balance_sync_close(struct balance_sync *sync);                                   // then loop_deinit(), then free
void balance_sync_free(struct balance_sync *sync);

struct balance_side {
    int64_t allowance; // totalAllowance; -1: not told
    int64_t used;      // orgTotalTokensUsed
    double used_ratio;
};
struct balance {
    bool is_success;
    struct slice error; // of a query that failed
    struct balance_side standard;
    struct balance_side premium;
    int64_t start_ms; // of the period; 0: not told, here and below
    int64_t end_ms;
    int64_t trial_end_ms;
    int64_t last_sync_ms;
};
// What is known of a key; NULL: nothing.
const struct balance *balance_find(const struct balance_sync *sync, struct slice key_id);
int64_t balance_last_full_sync_ms(const struct balance_sync *sync);

struct balance_result {
    size_t n_all;
    size_t n_success;
    const struct slice *failed; // ids
    size_t n_failed;
};
// Fetches the balances of these keys (copied; n 0: of all usable ones) and calls back when all are there and written.
// `fn` never comes from inside.
struct balance_run;
struct balance_run *balance_sync_run(struct balance_sync *sync, const struct slice *ids, size_t n_ids,
                                     void (*fn)(void *arg, const struct balance_result *result), void *arg);
void balance_run_forget(struct balance_run *run);
void balance_forget_all(struct balance_sync *sync); // DELETE /admin/token/cache
// Entries of keys that are gone, and those older than this; how many.
size_t balance_cleanup(struct balance_sync *sync, int64_t before_ms);
