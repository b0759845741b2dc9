// SPDX-License-Identifier: MIT
// Ids of calls that every provider takes: unique in a request, and at most 64 characters of [A-Za-z0-9_-].
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/slice.h"

bool call_id_is_valid(struct slice id); // as far as its characters go

struct call_ids {
    struct arena *_arena; // borrowed
    struct map _taken;    // id → how many calls had it
    uint64_t _n_calls;
};

void call_ids_init(struct call_ids *ids, struct arena *arena);
void call_ids_deinit(struct call_ids *ids);

// The id for the next call, which the client calls `id` (maybe nothing). What it is depends on the calls so far only.
struct slice call_ids_settle(struct call_ids *ids, struct slice id);
