// SPDX-License-Identifier: MIT
// The last model requests that this process has finished, for an operator who asks what became of one. A ring of
// records of one size: nothing is allocated when one is added, and the oldest one is overwritten. Texts that are longer
// than the space for them are cut, between two characters.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "dialect/usage.h"
#include "usage/trail.h"

enum {
    RECENT_REQUESTS = 1000, // that a process remembers
    RECENT_TRAIL_MAX = 16,  // entries of a trail, of either end one half; the rest are only counted
    // Bytes that are kept of each text. What is asked for (id, models, key) is cut in the same way.
    RECENT_ID_MAX = 128,
    RECENT_PATH_MAX = 48,
    RECENT_MODEL_MAX = 64,
    RECENT_ENDPOINT_MAX = 32,
    RECENT_KEY_MAX = 40,
    RECENT_CLIENT_MAX = 46,
};

// One finished request. Everything is copied but what is static.
struct recent_facts {
    struct slice id;
    struct slice path;           // never its query: a key may be in it
    struct slice model;          // as the client named it
    struct slice upstream_model; // that served, or was tried last; empty: none
    struct slice endpoint;
    struct slice key;          // id; empty: no key of the pool
    struct slice client;       // address
    const char *route;         // static: route_label()
    const char *dialect;       // static: of the client
    const char *fault;         // static: fault_name(); NULL: none
    const struct trail *trail; // NULL: none
    int64_t time_ms;           // wall time of its end
    int64_t ttft_ms;           // -1: no content was seen
    uint64_t duration_ms;
    struct usage usage;
    bool is_partial; // the answer was cut: `usage` is what was seen until then
    unsigned status; // that the client got; 0: none
    unsigned n_attempts;
};

struct recent;
struct recent *recent_new(size_t n);     // at least 1
void recent_free(struct recent *recent); // accepts NULL
void recent_add(struct recent *recent, const struct recent_facts *facts);

// Appends the JSON object of the newest request with that id, with its trail. False: there is none (any more).
bool recent_write_json(const struct recent *recent, struct slice id, struct buf *out);

struct recent_filter {
    size_t limit;
    int64_t before_ms; // only what ended earlier; 0: all
    unsigned status_min;
    unsigned status_max; // 0: any
    struct slice model;  // asked for, or served; empty: any
    struct slice key;    // id, of one that served or was tried; empty: any
};
// Appends a JSON array, the newest first, without trails.
void recent_write_list(const struct recent *recent, const struct recent_filter *filter, struct buf *out);
