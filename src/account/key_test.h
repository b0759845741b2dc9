// SPDX-License-Identifier: MIT
// Tests of keys: one small generation each, through the gateway's own front door and the real path behind it, with this
// key and no other. Many at once are bounded and tell how far they are.
#pragma once

#include "account/web_call.h"
#include "config/config.h"
#include "keys/key_table.h"
#include "store/key_store.h"

struct key_tester;

struct key_tester_options {
    struct loop *loop;
    struct http_client *client;
    struct key_store *store;
    struct key_table *table;
    const char *url; // of the gateway itself: "http://127.0.0.1:3000"
};
struct key_tester *key_tester_new(const struct key_tester_options *options);
void key_tester_set_config(struct key_tester *tester, const struct config *config); // key_test.model, models
// All runs are forgotten; forgetting one once more is harmless until it is freed. Then loop_deinit(), then free.
void key_tester_close(struct key_tester *tester);
void key_tester_free(struct key_tester *tester);

struct key_test_outcome {
    struct slice id;
    bool is_success;
    unsigned status;      // of the gateway's answer; 0: none came
    struct slice message; // for a person
    uint32_t latency_ms;
    enum key_status key_status; // afterwards
    size_t n_done;              // of the run, this one included
    size_t n_all;
};

// Runs tests of the given keys (ids are copied): settings' concurrent_limit at once, at most 50, over all runs, which
// take turns. What a test says about the key itself the gateway notes in the table, before it answers. `on_outcome`
// comes for each, `on_end` after the last; never from inside.
struct key_test_run;
struct key_test_run *key_tester_run(struct key_tester *tester, const struct slice *ids, size_t n_ids,
                                    void (*on_outcome)(void *arg, const struct key_test_outcome *outcome),
                                    void (*on_end)(void *arg), void *arg);
// No more callbacks: what runs, runs to its end, what does not yet will not. The handle is void, as it is in on_end.
void key_test_run_forget(struct key_test_run *run);

// The header by which the gateway knows a test: the token of the table in hex digits, the key's slot and identity in
// decimal, with spaces between.
#define KEY_TEST_HEADER "x-droid2api-key-test"
