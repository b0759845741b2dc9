// SPDX-License-Identifier: MIT
// What was tried for a request, and why: one entry for each attempt, each wait and each thing that was passed over. For
// the operator (the log, /admin/requests/{id}), and for a client that asks for it and may know.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"

enum { TRAIL_MAX = 64 }; // entries that are kept of one request; the rest are only counted

struct trail_entry {
    struct slice endpoint; // borrowed: its name; of something that lives as long as the request
    struct slice model;    // as it is sent upstream
    struct slice key;      // id; empty: no key of the pool
    const char *outcome;   // static: "ok", "http_4xx", "connect", "first_token_timeout", …; "skipped", "waited"
    const char *reason;    // static: blame_name(), "breaker", "cooling", …; NULL: none
    unsigned status;       // of the upstream; 0: none
    uint32_t began_ms;     // since the request was complete
    uint32_t took_ms;
};

struct trail {
    struct trail_entry *entries; // arena
    uint32_t n;                  // at most TRAIL_MAX
    uint32_t cap;
    uint32_t n_dropped; // out of the middle, behind the first half of `entries`: how it began and how it ended stay
};

void trail_add(struct trail *trail, struct arena *arena, const struct trail_entry *entry);
// One line for people: "main/sim key_1: http_4xx 429 key_model 12 ms; waited 1000 ms; backup/sim2: ok 200 8 ms".
// Control characters in names become '?'.
void trail_write_line(const struct trail *trail, struct buf *out);
// A compact JSON array: [{"endpoint":…,"model":…,"key":…,"outcome":…,"reason":…,"status":…,"began_ms":…,"took_ms":…}].
// What is empty is left out. Where entries were dropped, {"omitted":7} says how many. ASCII without control characters,
// whatever is in the names, so that it may stand in a header.
void trail_write_json(const struct trail *trail, struct buf *out);
// The same in at most `max_bytes`: as many of the last and of the first entries as fit. Nothing is written where there
// is no room for an empty array.
void trail_write_header_json(const struct trail *trail, size_t max_bytes, struct buf *out);
