// SPDX-License-Identifier: MIT
// Balances of keys, as their provider tells them: fetched every SYNC_INTERVAL_MINUTES in batches and on demand, kept in
// data/token_usage.json and, for choosing, in the key table.
#pragma once

#include "account/balance_answer.h"
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

// What is known of a key; NULL: nothing.
const struct balance *balance_find(const struct balance_sync *sync, struct slice key_id);
struct balance_summary balance_summary(const struct balance_sync *sync);
int64_t balance_last_full_sync_ms(const struct balance_sync *sync);

struct balance_result {
    size_t n_all;
    size_t n_success;
    const struct slice *failed; // ids
    size_t n_failed;
};
// Fetches the balances of these keys (copied; n 0: of all usable ones of Factory) and calls back when all are there and
// written. Other providers' keys count as failed: nobody can be asked. `fn` never comes from inside; the handle is void
// in it. Beginning BATCH_SIZE keys a second, and settings' concurrent_limit at once, at most 50, over all runs; a key
// whose provider is busy (429, 5xx, no answer) is asked again twice, later. Runs for all keys come one after the other,
// and do not ask again what others have been told since they were begun.
struct balance_run;
struct balance_run *balance_sync_run(struct balance_sync *sync, const struct slice *ids, size_t n_ids,
                                     void (*fn)(void *arg, const struct balance_result *result), void *arg);
void balance_run_forget(struct balance_run *run);   // it goes on, unseen
void balance_forget_all(struct balance_sync *sync); // DELETE /admin/token/cache; the table forgets them, too
// Entries of keys that are gone, and those older than this; how many.
size_t balance_cleanup(struct balance_sync *sync, int64_t before_ms);
