// SPDX-License-Identifier: MIT
// A place for each key that was tried, taken from the one that was tried least recently. A place is taken by changing
// its key and emptied after that, so for a moment it may tell of its last key; times that are too old help against most
// of it. Two processes may give one key two places; who reads counts it once.
#include "health/correlation.h"

#include <assert.h>
#include <stdatomic.h>

#include "health/shared_names.h"

// Arrays beside each other: the search for a key reads few lines.
struct correlation {
    _Atomic int64_t failed_ms;               // when the last failure of all was noted
    _Atomic uint64_t keys[CORRELATION_KEYS]; // 0: free
    _Atomic int64_t tried_ms[CORRELATION_KEYS];
    _Atomic uint64_t failures[CORRELATION_KEYS][CORRELATION_KINDS]; // the kind, then when; 0: none
};

struct shared_correlations {
    _Atomic uint64_t names[CORRELATION_ENDPOINTS];
    struct correlation correlations[CORRELATION_ENDPOINTS + 1]; // the last one is shared when the others are taken
};

enum {
    TICK_MS = 16,         // the unit of a failure's time, which has 32 bits: they are used up after two years
    NOTE_AGAIN_MS = 1000, // a key that goes on working is noted so often: not with each request
};

static int64_t time_of(const _Atomic int64_t *place)
{
    return atomic_load_explicit(place, memory_order_relaxed);
}

static uint64_t load(const _Atomic uint64_t *place)
{
    return atomic_load_explicit(place, memory_order_relaxed);
}

static void store(_Atomic uint64_t *place, uint64_t value)
{
    atomic_store_explicit(place, value, memory_order_relaxed);
}

// ---- times

static int64_t age(int64_t at_ms, int64_t now_ms)
{
    return (int64_t)((uint64_t)now_ms - (uint64_t)at_ms);
}

static bool is_recent(int64_t at_ms, int64_t now_ms)
{
    int64_t age_ms = age(at_ms, now_ms);
    return age_ms >= -CORRELATION_SKEW_MS && age_ms <= CORRELATION_WINDOW_MS;
}

// The line is left clean where nothing would change.
static void set_time(_Atomic int64_t *place, int64_t now_ms)
{
    if (time_of(place) != now_ms) {
        atomic_store_explicit(place, now_ms, memory_order_relaxed);
    }
}

static uint32_t tick(int64_t now_ms)
{
    return (uint32_t)((uint64_t)now_ms / TICK_MS);
}

static uint64_t pack_failure(uint32_t kind, int64_t now_ms)
{
    return (uint64_t)kind << 32 | tick(now_ms);
}

static uint32_t kind_of(uint64_t failure)
{
    return (uint32_t)(failure >> 32);
}

static int32_t age_ticks(uint64_t failure, int64_t now_ms)
{
    return (int32_t)(tick(now_ms) - (uint32_t)failure);
}

static bool is_recent_failure(uint64_t failure, int64_t now_ms)
{
    int32_t ticks = age_ticks(failure, now_ms);
    return failure != 0 && ticks >= -CORRELATION_SKEW_MS / TICK_MS && ticks <= CORRELATION_WINDOW_MS / TICK_MS;
}

// ---- places

// The greater, the less is lost with it. Free and forgotten ones come before all others.
static int64_t staleness(const struct correlation *correlation, size_t place, int64_t now_ms)
{
    int64_t at_ms = time_of(&correlation->tried_ms[place]);
    bool is_free = load(&correlation->keys[place]) == 0 || !is_recent(at_ms, now_ms);
    return is_free ? INT64_MAX : age(at_ms, now_ms);
}

static size_t stalest_place(const struct correlation *correlation, int64_t now_ms)
{
    size_t stalest = 0;
    for (size_t i = 1; i < CORRELATION_KEYS; i++) {
        if (staleness(correlation, i, now_ms) > staleness(correlation, stalest, now_ms)) {
            stalest = i;
        }
    }
    return stalest;
}

static bool find_place(const struct correlation *correlation, uint64_t key, size_t *place_r)
{
    for (size_t i = 0; i < CORRELATION_KEYS; i++) {
        if (load(&correlation->keys[i]) == key) {
            *place_r = i;
            return true;
        }
    }
    return false;
}

static void forget_failures(struct correlation *correlation, size_t place)
{
    for (size_t i = 0; i < CORRELATION_KINDS; i++) {
        if (load(&correlation->failures[place][i]) != 0) {
            store(&correlation->failures[place][i], 0);
        }
    }
}

static size_t take_place(struct correlation *correlation, uint64_t key, int64_t now_ms)
{
    size_t place = 0;
    while (!find_place(correlation, key, &place)) {
        place = stalest_place(correlation, now_ms);
        uint64_t last = load(&correlation->keys[place]);
        if (atomic_compare_exchange_strong(&correlation->keys[place], &last, key)) {
            forget_failures(correlation, place);
            break;
        }
    }
    return place;
}

// ---- failures

static int32_t failure_staleness(uint64_t failure, int64_t now_ms)
{
    return is_recent_failure(failure, now_ms) ? age_ticks(failure, now_ms) : INT32_MAX;
}

// Where this kind stands already, or else the stalest.
static _Atomic uint64_t *failure_to_replace(_Atomic uint64_t *failures, uint32_t kind, int64_t now_ms)
{
    size_t stalest = 0;
    for (size_t i = 0; i < CORRELATION_KINDS; i++) {
        uint64_t failure = load(&failures[i]);
        if (kind_of(failure) == kind) {
            return &failures[i];
        }
        if (failure_staleness(failure, now_ms) > failure_staleness(load(&failures[stalest]), now_ms)) {
            stalest = i;
        }
    }
    return &failures[stalest];
}

static void note_failure(struct correlation *correlation, uint64_t key, uint32_t kind, int64_t now_ms)
{
    size_t place = take_place(correlation, key, now_ms);
    store(failure_to_replace(correlation->failures[place], kind, now_ms), pack_failure(kind, now_ms));
    set_time(&correlation->tried_ms[place], now_ms);
    set_time(&correlation->failed_ms, now_ms);
}

static bool has_failed(const struct correlation *correlation, size_t place, uint32_t kind, int64_t now_ms)
{
    for (size_t i = 0; i < CORRELATION_KINDS; i++) {
        uint64_t failure = load(&correlation->failures[place][i]);
        if (kind_of(failure) == kind && is_recent_failure(failure, now_ms)) {
            return true;
        }
    }
    return false;
}

static void add_once(struct correlated_keys *keys, uint64_t key)
{
    for (size_t i = 0; i < keys->n; i++) {
        if (keys->keys[i] == key) {
            return;
        }
    }
    keys->keys[keys->n++] = key;
}

// Both without the key that failed just now.
static bool is_correlated(const struct correlated_keys *others, const struct correlated_keys *tried)
{
    size_t n_failed = others->n + 1;
    return n_failed >= CORRELATION_KEYS_MIN && n_failed * 2 >= tried->n + 1;
}

bool correlation_failure(struct correlation *correlation, uint64_t key, uint32_t kind, int64_t now_ms,
                         struct correlated_keys *others_r)
{
    assert(key != 0 && kind != 0);
    struct correlated_keys others = {.n = 0};
    struct correlated_keys tried = {.n = 0};
    note_failure(correlation, key, kind, now_ms);
    for (size_t i = 0; i < CORRELATION_KEYS; i++) {
        uint64_t other = load(&correlation->keys[i]);
        if (other == 0 || other == key || !is_recent(time_of(&correlation->tried_ms[i]), now_ms)) {
            continue;
        }
        add_once(&tried, other);
        if (has_failed(correlation, i, kind, now_ms)) {
            add_once(&others, other);
        }
    }
    if (!is_correlated(&others, &tried)) {
        return false;
    }
    *others_r = others;
    return true;
}

void correlation_success(struct correlation *correlation, uint64_t key, int64_t now_ms)
{
    assert(key != 0);
    if (!is_recent(time_of(&correlation->failed_ms), now_ms)) {
        return;
    }
    size_t place = take_place(correlation, key, now_ms);
    int64_t age_ms = age(time_of(&correlation->tried_ms[place]), now_ms);
    if (age_ms >= NOTE_AGAIN_MS || age_ms < 0) {
        set_time(&correlation->tried_ms[place], now_ms);
    }
    for (size_t i = place; i < CORRELATION_KEYS; i++) {
        if (load(&correlation->keys[i]) == key) {
            forget_failures(correlation, i);
        }
    }
}

// ---- the table

int correlation_table_create(struct correlation_table *table)
{
    int r = shm_region_create(&table->_region, sizeof(*table->_shared));
    if (r == 0) {
        table->_shared = table->_region.base;
    }
    return r;
}

void correlation_table_close(struct correlation_table *table)
{
    shm_region_close(&table->_region);
    table->_shared = NULL;
}

struct correlation *correlation_find(struct correlation_table *table, struct slice endpoint)
{
    struct shared_correlations *shared = table->_shared;
    return &shared->correlations[shared_names_find(shared->names, CORRELATION_ENDPOINTS, endpoint)];
}
