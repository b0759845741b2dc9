// SPDX-License-Identifier: MIT
// One finished request: what is kept of it, and its form as bytes, in which another process and the database can read
// it. Texts that are longer than the space for them are cut, between two characters.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"
#include "dialect/usage.h"
#include "usage/trail.h"

enum {
    REQUEST_TRAIL_MAX = 16, // entries of a trail, of either end one half; the rest are only counted
    REQUEST_ID_MAX = 128,
    REQUEST_PATH_MAX = 48,
    REQUEST_MODEL_MAX = 64,
    REQUEST_ENDPOINT_MAX = 32,
    REQUEST_KEY_MAX = 40,
    REQUEST_CLIENT_MAX = 46,
    REQUEST_NAME_MAX = 32, // of what is static: routes, dialects, faults, outcomes, reasons
    REQUEST_TRACE_MAX = 32,
    REQUEST_RECORD_MAX = 4352,
};

// How it ended, as sums count it: each request is one of these.
enum request_end {
    REQUEST_SUCCESS,
    REQUEST_FAILED,  // the client got an error, or a stream that broke
    REQUEST_ABORTED, // the client left
};

struct request_facts {
    struct slice id;
    struct slice path;           // never its query: a key may be in it
    struct slice model;          // as the client named it
    struct slice counted_model;  // the configured model that it counts for; empty: none
    struct slice upstream_model; // that served, or was tried last; empty: none
    struct slice endpoint;
    struct slice key;      // id; empty: no key of the pool
    struct slice client;   // address
    struct slice trace_id; // of W3C trace context; empty: none was given
    struct slice route;    // route_label()
    struct slice dialect;  // of the client
    struct slice fault;    // fault_name(); empty: none
    struct trail trail;    // its outcomes and reasons are static for who encodes, in the record after decoding
    int64_t time_ms;       // wall time of its end
    int64_t ttft_ms;       // -1: no content was seen
    uint64_t duration_ms;
    struct usage usage;
    enum request_end end;
    bool is_partial; // the answer was cut: `usage` is what was seen until then
    unsigned status; // that the client got; 0: none
    unsigned n_attempts;
};

// Writes it to `out`, which has room for REQUEST_RECORD_MAX bytes; how many it took.
size_t request_record_encode(const struct request_facts *facts, char *out);
// False: that is no record. Texts point into `bytes`; the entries of the trail are in the arena.
bool request_record_decode(struct slice bytes, struct arena *arena, struct request_facts *facts_r);

// The entries of a trail that count: all, or where there are more than REQUEST_TRAIL_MAX, of either end one half.
uint32_t request_trail_n(const struct trail *trail);
const struct trail_entry *request_trail_at(const struct trail *trail, uint32_t i);

// At most `max` bytes, without a part of a character at the end: how texts are cut, so that what is asked for can be,
// too.
struct slice request_text_cut(struct slice text, size_t max);

// The JSON object that the admin API tells, with or without its trail.
void request_record_write_json(const struct request_facts *facts, bool with_trail, struct buf *out);

struct request_filter {
    size_t limit;
    int64_t before_ms; // only what ended earlier; 0: all
    unsigned status_min;
    unsigned status_max; // 0: any
    struct slice model;  // asked for, or served; empty: any
    struct slice key;    // id, of one that served or was tried; empty: any
};
bool request_filter_takes(const struct request_filter *filter, const struct request_facts *facts); // but for the limit
