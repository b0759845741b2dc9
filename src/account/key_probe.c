// SPDX-License-Identifier: MIT
// Happy path: a beat → the keys are looked through, a piece a turn → the one that has waited longest is tested → a line
// in the log → the next beat. Failure modes: whatever a test says but success leaves the key banned. Ends when: closed.
#include "account/key_probe.h"

#include "base/log.h"
#include "base/random.h"
#include "keys/probe_queue.h"

enum {
    IDLE_BEATS = 6, // when no key was due
    MINUTE_MS = 60 * 1000,
};

struct key_prober {
    struct key_prober_options options;
    struct probe_queue queue;
    struct timer beat;
    struct key_test_run *run; // the probe that runs; NULL: none
};

static void on_beat(struct timer *timer);

// Gateways that share keys and were started together do not keep in step.
static void beat_after(struct key_prober *prober, unsigned n_beats)
{
    double pace_ms = prober->options.pace_ms * n_beats * (0.75 + random_unit() / 2);
    timer_start(&prober->options.loop->timers, &prober->beat, (uint64_t)pace_ms, on_beat);
}

static void on_outcome(void *arg, const struct key_test_outcome *outcome)
{
    if (outcome->is_success) {
        log_info("keys", "%.*s was banned; its probe succeeded, it is in use again", SLICE_ARG(outcome->id));
    } else {
        log_info("keys", "%.*s stays banned; its probe failed: %.*s", SLICE_ARG(outcome->id),
                 SLICE_ARG(outcome->message));
    }
}

static void on_end(void *arg)
{
    struct key_prober *prober = arg;
    prober->run = NULL;
}

static void probe(struct key_prober *prober, uint32_t slot)
{
    struct key_info info;
    struct arena arena;
    arena_init(&arena, 1024);
    if (key_read(prober->options.table, slot, &arena, &info)) {
        prober->run = key_tester_run(prober->options.tester, &info.id, 1, on_outcome, on_end, prober);
    }
    arena_deinit(&arena);
}

// After how many beats to go on; 0: soon, there is more to look at.
static unsigned go_on(struct key_prober *prober, int64_t wait_ms)
{
    struct key_table *table = prober->options.table;
    int64_t now_ms = prober->options.wall_ms();
    uint32_t slot;
    if (prober->queue.n == 0 && !probe_queue_look(&prober->queue, table, wait_ms, now_ms)) {
        return 0;
    }
    if (!probe_queue_take(&prober->queue, table, wait_ms, now_ms, &slot)) {
        return IDLE_BEATS;
    }
    probe(prober, slot);
    return 1;
}

static void on_beat(struct timer *timer)
{
    struct key_prober *prober = CONTAINER_OF(timer, struct key_prober, beat);
    struct key_settings settings;
    key_table_settings(prober->options.table, &settings);
    bool may_probe = settings.probe_minutes && !prober->run;
    beat_after(prober, may_probe ? go_on(prober, (int64_t)settings.probe_minutes * MINUTE_MS) : 1);
}

struct key_prober *key_prober_new(const struct key_prober_options *options)
{
    struct key_prober *prober = mem_zalloc(sizeof(*prober));
    prober->options = *options;
    timer_init(&prober->beat);
    beat_after(prober, 1);
    return prober;
}

void key_prober_close(struct key_prober *prober)
{
    timer_cancel(&prober->beat);
    if (prober->run) {
        key_test_run_forget(prober->run);
        prober->run = NULL;
    }
}

void key_prober_free(struct key_prober *prober)
{
    mem_free(prober);
}
