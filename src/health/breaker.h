// SPDX-License-Identifier: MIT
// Is it worth trying? One breaker for each thing on the way that can be down as a whole: an endpoint, a proxy. Kept in
// memory that all processes share, so that what one has learnt all know, and one of them tries for all. No clock and
// no I/O.
//
//   closed ──(BREAKER_THRESHOLD failures in a row)──▶ open ──(BREAKER_OPEN_MS)──▶ half open: one probe
//     ▲                                                ▲                              │
//     └──────────────── success ◀──────────────────────┼───────── failure ◀───────────┘
//
// An outage is often over as suddenly as it began, and a probe is only a request that had to be tried somewhere, so the
// wait does not grow.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/slice.h"
#include "shm/region.h"

enum {
    BREAKERS_MAX = 16 * 1024, // endpoints, models at them and proxies, old ones, too; unused pages take no memory
    BREAKER_THRESHOLD = 5,
    BREAKER_OPEN_MS = 750,
    BREAKER_PROBE_MS = 60 * 1000, // a probe of which nothing was heard for so long is given up: its process died
    BREAKER_REST_MAX_MS = 3600 * 1000,
    BREAKER_SKEW_MS = 1000, // processes look at their clocks once a turn of their loops: so much may they differ
};

struct breaker; // in shared memory

struct breaker_table {
    struct shm_region _region;
    struct shared_breakers *_shared; // in the region
};

// 0 or a negative errno code.
MUST_USE int breaker_table_create(struct breaker_table *table);
void breaker_table_close(struct breaker_table *table);

// The breaker of that name ("endpoint main", "proxy eu"); the same in all processes, and to be kept until the table is
// closed. Never NULL: names that a full table has no room for get one that never opens, since nobody may pay for the
// outage of another one.
struct breaker *breaker_find(struct breaker_table *table, struct slice name);

enum breaker_answer {
    BREAKER_GO,    // closed
    BREAKER_PROBE, // it was open; this request finds out for all: say breaker_success(), _failure() or _abandon()
    BREAKER_WAIT,  // ask again at *until_ms_r. Somebody may be finding out just now: then that is soon, and a guess
};
// *until_ms_r is set with BREAKER_WAIT only. Clocks may jump: no wait is longer than it was meant to be, but for
// BREAKER_SKEW_MS.
enum breaker_answer breaker_ask(struct breaker *breaker, int64_t now_ms, int64_t *until_ms_r);
// The same without taking the probe: BREAKER_PROBE means that one could be made.
enum breaker_answer breaker_look(const struct breaker *breaker, int64_t now_ms, int64_t *until_ms_r);

// Whoever succeeds, closes it, if it began before it opened: it works. Only a rest that was asked for stays.
void breaker_success(struct breaker *breaker);
// Does nothing while it is open; during a probe everybody's failure counts as that of the probe.
void breaker_failure(struct breaker *breaker, int64_t now_ms);
// For the one with the probe. Nothing was learnt: the next one may probe.
void breaker_abandon(struct breaker *breaker);
// It has asked for a rest: open until then, whatever was counted, then a probe. Never longer than BREAKER_REST_MAX_MS,
// and never shorter than the wait it is in.
void breaker_rest(struct breaker *breaker, int64_t now_ms, int64_t until_ms);
