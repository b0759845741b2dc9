// SPDX-License-Identifier: MIT
// The owner of everything that is stored: the lock of the data folder, the key pool with its document, tokens,
// balances, key tests, and the admin API over them. What carries traffic gets the key table and the tokens from here.
#pragma once

#include "admin/admin.h"
#include "config/config.h"
#include "net/loop.h"

struct keeper;

// Takes the data folder and reads what is in it; blocks. NULL: it cannot be had, `errors` says why in one line.
// `url` is where the gateway itself answers, for tests of keys ("http://127.0.0.1:3000"; copied). NULL: there is none,
// and the data are only looked at and changed: nobody is asked for tokens or balances.
// `live_log` is borrowed; NULL: nobody logs into one.
struct keeper *keeper_open(struct loop *loop, struct config *config, const char *url, struct live_log *live_log,
                           struct buf *errors);
void keeper_set_config(struct keeper *keeper, struct config *config);
// Writes what is not yet written, then calls back; no admin exchange may be under way. Then loop_deinit(), then free.
void keeper_close(struct keeper *keeper, void (*on_closed)(void *arg), void *arg);
void keeper_free(struct keeper *keeper); // the lock goes with it

struct key_table *keeper_keys(struct keeper *keeper);
struct token_source *keeper_tokens(struct keeper *keeper); // NULL without a gateway
struct history *keeper_history(struct keeper *keeper);
struct admin *keeper_admin(struct keeper *keeper);
// What it knows for a scrape of the metrics. `n_usage_lost`: records of requests that did not reach it.
void keeper_write_metrics(struct keeper *keeper, uint64_t n_usage_lost, struct buf *out);
