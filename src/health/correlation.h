// SPDX-License-Identifier: MIT
// When many keys fail alike at once, it is not the keys: it is our address, a proxy, or the provider. The detector
// remembers, for each endpoint, which keys were tried in the last CORRELATION_WINDOW_MS and how they failed. Those that
// succeeded count from the first failure on; before, nothing is noted at all. In shared memory; no clock and no I/O.
// What is noted by several processes at once may be lost now and then: it is a suspicion, and costs nothing but a later
// one.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/slice.h"
#include "shm/region.h"

enum {
    CORRELATION_WINDOW_MS = 10 * 1000,
    CORRELATION_KEYS_MIN = 3,   // so many keys, and at least half of those that were tried
    CORRELATION_KEYS = 32,      // that are remembered of an endpoint: the latest
    CORRELATION_KINDS = 4,      // ways of failing that are remembered of a key: the latest
    CORRELATION_SKEW_MS = 1000, // clocks of processes may differ by so much; what is further ahead is forgotten
    CORRELATION_ENDPOINTS = 256,
};

struct correlation; // of one endpoint, in shared memory

struct correlation_table {
    struct shm_region _region;
    struct shared_correlations *_shared; // in the region
};

// 0 or a negative errno code.
MUST_USE int correlation_table_create(struct correlation_table *table);
void correlation_table_close(struct correlation_table *table);

// To be kept until the table is closed. Never NULL: when the table is full, the others share an entry.
struct correlation *correlation_find(struct correlation_table *table, struct slice endpoint);

// A key as the caller knows it: whatever makes it unique. Never 0.
struct correlated_keys {
    uint64_t keys[CORRELATION_KEYS];
    size_t n;
};

// `kind` tells one way of failing from another (never 0). True: it is correlated. Then *others_r has the other keys
// that have failed in this way within the window, each named once: what was done to them should be undone. They are
// named again with each further failure.
bool correlation_failure(struct correlation *correlation, uint64_t key, uint32_t kind, int64_t now_ms,
                         struct correlated_keys *others_r);
// A key that works: its failures are forgotten. Costs one load where nothing has failed of late.
void correlation_success(struct correlation *correlation, uint64_t key, int64_t now_ms);
