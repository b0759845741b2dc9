// SPDX-License-Identifier: MIT
// All that a breaker knows is in one word, so that it changes as a whole, and nothing beside it has an order to keep.
// Each event is a function from one state to the next, tried until no other came between.
#include "health/breaker.h"

#include <assert.h>
#include <stdatomic.h>

#include "health/shared_names.h"

static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "a lock in shared memory would be held for ever by who dies with it");

struct breaker {
    _Atomic uint64_t state; // 0: closed, and nothing has failed
};

struct shared_breakers {
    _Atomic uint64_t names[BREAKERS_MAX];
    struct breaker breakers[BREAKERS_MAX + 1]; // the last one never opens
};

enum phase {
    CLOSED,
    OPEN,
    RESTING, // open because it was asked for: only time ends it
    PROBING,
};

struct state {
    enum phase phase;
    uint32_t n_failures; // CLOSED: in a row
    int64_t until_ms;    // otherwise: then the next one may probe
    int64_t span_ms;     // how long that was when it began
};

// ---- a state as a word

// From the lowest bit: the phase, then failures or the span, then the time, which lasts until the year 2527.
enum {
    PHASE_BITS = 2,
    SPAN_BITS = 18,
    SPAN_UNIT_MS = 16, // rounded up
};
#define TIME_MAX_MS ((INT64_C(1) << (64 - PHASE_BITS - SPAN_BITS)) - 1)

static_assert(BREAKER_REST_MAX_MS / SPAN_UNIT_MS < 1 << SPAN_BITS, "the longest rest fits");
static_assert(BREAKER_PROBE_MS <= BREAKER_REST_MAX_MS && BREAKER_OPEN_MS <= BREAKER_REST_MAX_MS, "nothing is longer");

// A number of failures that is never counted to.
#define NEVER_OPENS ((1U << SPAN_BITS) - 1)
static_assert(BREAKER_THRESHOLD < NEVER_OPENS, "it is counted to less");

static bool never_opens(struct state state)
{
    return state.phase == CLOSED && state.n_failures == NEVER_OPENS;
}

static uint64_t pack(struct state state)
{
    uint64_t span = (uint64_t)(state.span_ms + SPAN_UNIT_MS - 1) / SPAN_UNIT_MS;
    uint64_t middle = state.phase == CLOSED ? state.n_failures : span;
    return (uint64_t)state.until_ms << (SPAN_BITS + PHASE_BITS) | middle << PHASE_BITS | state.phase;
}

static struct state unpack(uint64_t word)
{
    uint32_t middle = (uint32_t)(word >> PHASE_BITS) & ((1U << SPAN_BITS) - 1);
    struct state state = {.phase = (enum phase)(word & ((1U << PHASE_BITS) - 1))};
    if (state.phase == CLOSED) {
        state.n_failures = middle;
    } else {
        state.until_ms = (int64_t)(word >> (SPAN_BITS + PHASE_BITS));
        state.span_ms = (int64_t)middle * SPAN_UNIT_MS;
    }
    return state;
}

// Any clock fits, and leaves room for the longest span.
static int64_t clamp_time(int64_t now_ms)
{
    int64_t max_ms = TIME_MAX_MS - BREAKER_REST_MAX_MS;
    return now_ms < 0 ? 0 : now_ms > max_ms ? max_ms : now_ms;
}

static struct state from_now(enum phase phase, int64_t now_ms, int64_t span_ms)
{
    return (struct state){.phase = phase, .until_ms = now_ms + span_ms, .span_ms = span_ms};
}

// ---- what it says

// A time further ahead than it ever was: the clock was set back, and what is left of the wait is anybody's guess.
static bool is_due(struct state state, int64_t now_ms)
{
    int64_t left_ms = state.until_ms - now_ms;
    return left_ms <= 0 || left_ms > state.span_ms + BREAKER_SKEW_MS;
}

static enum breaker_answer answer_of(struct state state, int64_t now_ms, int64_t *until_ms_r)
{
    if (state.phase == CLOSED) {
        return BREAKER_GO;
    }
    if (is_due(state, now_ms)) {
        return BREAKER_PROBE;
    }
    bool ends_any_time = state.phase == PROBING && state.until_ms > now_ms + BREAKER_OPEN_MS;
    *until_ms_r = ends_any_time ? now_ms + BREAKER_OPEN_MS : state.until_ms;
    return BREAKER_WAIT;
}

static uint64_t load(const struct breaker *breaker)
{
    return atomic_load_explicit(&breaker->state, memory_order_relaxed);
}

// False: *word is what another has made of it meanwhile.
static bool replace(struct breaker *breaker, uint64_t *word, struct state next)
{
    return atomic_compare_exchange_weak_explicit(&breaker->state, word, pack(next), memory_order_relaxed,
                                                 memory_order_relaxed);
}

enum breaker_answer breaker_look(const struct breaker *breaker, int64_t now_ms, int64_t *until_ms_r)
{
    return answer_of(unpack(load(breaker)), clamp_time(now_ms), until_ms_r);
}

enum breaker_answer breaker_ask(struct breaker *breaker, int64_t now_ms, int64_t *until_ms_r)
{
    uint64_t word = load(breaker);
    now_ms = clamp_time(now_ms);
    for (;;) {
        enum breaker_answer answer = answer_of(unpack(word), now_ms, until_ms_r);
        if (answer != BREAKER_PROBE || replace(breaker, &word, from_now(PROBING, now_ms, BREAKER_PROBE_MS))) {
            return answer;
        }
    }
}

// ---- what happens to it

static struct state after_success(struct state state)
{
    return state.phase == RESTING || never_opens(state) ? state : (struct state){.phase = CLOSED};
}

static struct state after_failure(struct state state, int64_t now_ms)
{
    if (never_opens(state)) {
        return state;
    }
    if (state.phase == CLOSED && state.n_failures + 1 < BREAKER_THRESHOLD) {
        state.n_failures++;
        return state;
    }
    if (state.phase == CLOSED || state.phase == PROBING) {
        return from_now(OPEN, now_ms, BREAKER_OPEN_MS);
    }
    return state; // began before it opened, and tells nothing new
}

static int64_t at_most(int64_t value, int64_t limit)
{
    return value < limit ? value : limit;
}

static struct state after_rest(struct state state, int64_t now_ms, int64_t until_ms)
{
    if (never_opens(state)) {
        return state;
    }
    bool is_waiting = (state.phase == OPEN || state.phase == RESTING) && !is_due(state, now_ms);
    int64_t later_ms = is_waiting && state.until_ms > until_ms ? state.until_ms : until_ms;
    return from_now(RESTING, now_ms, at_most(later_ms - now_ms, BREAKER_REST_MAX_MS));
}

void breaker_success(struct breaker *breaker)
{
    uint64_t word = load(breaker);
    while (word != 0) {
        struct state next = after_success(unpack(word));
        if (pack(next) == word || replace(breaker, &word, next)) {
            return;
        }
    }
}

void breaker_failure(struct breaker *breaker, int64_t now_ms)
{
    uint64_t word = load(breaker);
    struct state next;
    do {
        next = after_failure(unpack(word), clamp_time(now_ms));
    } while (pack(next) != word && !replace(breaker, &word, next));
}

void breaker_abandon(struct breaker *breaker)
{
    uint64_t word = load(breaker);
    while (unpack(word).phase == PROBING && !replace(breaker, &word, (struct state){.phase = OPEN})) {
    }
}

void breaker_rest(struct breaker *breaker, int64_t now_ms, int64_t until_ms)
{
    uint64_t word = load(breaker);
    now_ms = clamp_time(now_ms);
    while (until_ms > now_ms && !replace(breaker, &word, after_rest(unpack(word), now_ms, until_ms))) {
    }
}

// ---- the table

int breaker_table_create(struct breaker_table *table)
{
    int r = shm_region_create(&table->_region, sizeof(*table->_shared));
    if (r == 0) {
        table->_shared = table->_region.base;
        struct state never = {.phase = CLOSED, .n_failures = NEVER_OPENS};
        atomic_store(&table->_shared->breakers[BREAKERS_MAX].state, pack(never));
    }
    return r;
}

void breaker_table_close(struct breaker_table *table)
{
    shm_region_close(&table->_region);
    table->_shared = NULL;
}

struct breaker *breaker_find(struct breaker_table *table, struct slice name)
{
    return &table->_shared->breakers[shared_names_find(table->_shared->names, BREAKERS_MAX, name)];
}
