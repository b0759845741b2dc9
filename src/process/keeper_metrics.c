// SPDX-License-Identifier: MIT
#include "process/keeper_metrics.h"

#include "base/clock.h"
#include "gateway/prometheus.h"
#include "keys/eligibility.h"

enum { COUNTING_SHARE = 100 }; // counting keys takes one part of so many of the time at most

// Each key has exactly one.
enum standing { STANDING_ACTIVE, STANDING_COOLING, STANDING_TEST_FAILED, STANDING_DISABLED, STANDING_BANNED };
enum { N_STANDINGS = STANDING_BANNED + 1 };
static const struct slice standing_names[N_STANDINGS] = {SLICE_INIT("active"), SLICE_INIT("cooling"),
                                                         SLICE_INIT("test_failed"), SLICE_INIT("disabled"),
                                                         SLICE_INIT("banned")};

struct group_count {
    uint64_t n[N_STANDINGS];
};

struct keeper_metrics {
    const struct key_table *table;
    const struct key_store *store;
    struct group_count groups[KEY_GROUPS_MAX];
    uint64_t good_until_ns; // as long the counts are good enough
};

struct keeper_metrics *keeper_metrics_new(const struct key_table *table, const struct key_store *store)
{
    struct keeper_metrics *metrics = mem_zalloc(sizeof(*metrics));
    metrics->table = table;
    metrics->store = store;
    return metrics;
}

void keeper_metrics_free(struct keeper_metrics *metrics)
{
    mem_free(metrics);
}

// ---- keys -----------------------------------------------------------------------------------------------------------

static enum standing standing_of(enum key_obstacle obstacle)
{
    switch (obstacle) {
    case KEY_IS_DISABLED: return STANDING_DISABLED;
    case KEY_IS_BANNED: return STANDING_BANNED;
    case KEY_HAS_FAILED_ITS_TEST: return STANDING_TEST_FAILED;
    case KEY_IS_COOLING: return STANDING_COOLING;
    case KEY_ELIGIBLE:
    case KEY_GONE:
    case KEY_IS_COOLING_FOR_MODEL:
    case KEY_IS_FULL:
    case KEY_IS_OVER_QUOTA:
    case KEY_WAS_TRIED: break;
    }
    return STANDING_ACTIVE;
}

static void count_keys(struct keeper_metrics *metrics, int64_t now_ms)
{
    const struct key_settings *settings = key_store_settings(metrics->store);
    uint32_t n = key_table_end(metrics->table);
    memset(metrics->groups, 0, sizeof(metrics->groups));
    for (uint32_t i = 0; i < n; i++) {
        const struct key_slot *slot = key_of(metrics->table, i);
        int64_t until_ms;
        enum key_obstacle obstacle = key_obstacle_of(slot, settings, 0, now_ms, &until_ms);
        uint16_t group = slot->group;
        if (obstacle != KEY_GONE) {
            metrics->groups[group < KEY_GROUPS_MAX ? group : 0].n[standing_of(obstacle)]++;
        }
    }
}

// Keys of groups that are not there (any more) are in `default`.
static void move_strays(struct keeper_metrics *metrics)
{
    for (uint32_t i = 1; i < KEY_GROUPS_MAX; i++) {
        struct group_count *stray = &metrics->groups[i];
        struct slice id;
        int32_t priority;
        if (i >= key_table_n_groups(metrics->table) || !key_table_group(metrics->table, i, &id, &priority)) {
            for (size_t k = 0; k < N_STANDINGS; k++) {
                metrics->groups[0].n[k] += stray->n[k];
                stray->n[k] = 0;
            }
        }
    }
}

static void look_at_keys(struct keeper_metrics *metrics)
{
    uint64_t start_ns = clock_monotonic_ns();
    if (start_ns >= metrics->good_until_ns) {
        count_keys(metrics, clock_wall_ms());
        move_strays(metrics);
        metrics->good_until_ns = start_ns + (clock_monotonic_ns() - start_ns) * COUNTING_SHARE;
    }
}

static void write_keys(struct keeper_metrics *metrics, struct buf *out)
{
    static const struct prometheus_family family = {
        "droid2api_keys", PROMETHEUS_GAUGE,
        "Keys by pool group; each has one status: active (may be used), cooling, test_failed, disabled or banned."};
    prometheus_begin(out, &family);
    look_at_keys(metrics);
    for (uint32_t i = 0; i < key_table_n_groups(metrics->table); i++) {
        struct slice id;
        int32_t priority;
        if (key_table_group(metrics->table, i, &id, &priority)) {
            for (size_t k = 0; k < N_STANDINGS; k++) {
                prometheus_count(out, &family, PROMETHEUS_LABELS({"pool", id}, {"status", standing_names[k]}),
                                 metrics->groups[i].n[k]);
            }
        }
    }
}

// ---- what is stored -------------------------------------------------------------------------------------------------

static void write_writes(const struct key_store_numbers *pool, const struct history_numbers *history, struct buf *out)
{
    static const struct prometheus_family writes = {
        "droid2api_store_write_seconds", PROMETHEUS_HISTOGRAM,
        "Durable writes off the loop, by document; of usage only their sum is known."};
    static const struct prometheus_family failures = {"droid2api_store_write_failures_total", PROMETHEUS_COUNTER,
                                                      "Writes that failed; they are tried again."};
    struct prometheus_labels of_pool = PROMETHEUS_LABELS({"document", SLICE("key_pool")});
    struct prometheus_labels of_usage = PROMETHEUS_LABELS({"document", SLICE("usage")});
    prometheus_begin(out, &writes);
    prometheus_histogram(out, &writes, of_pool, &pool->writes);
    prometheus_histogram_sum(out, &writes, of_usage, history->n_writes, history->write_seconds);
    prometheus_begin(out, &failures);
    prometheus_count(out, &failures, of_pool, pool->n_failed);
    prometheus_count(out, &failures, of_usage, history->n_writes_failed);
}

static void write_losses(const struct history_numbers *history, uint64_t n_usage_lost, struct buf *out)
{
    static const struct prometheus_family requests = {
        "droid2api_usage_records_lost_total", PROMETHEUS_COUNTER,
        "Requests of which only the sums are kept: there was no room on the way, or in the database."};
    static const struct prometheus_family audit = {"droid2api_audit_entries_lost_total", PROMETHEUS_COUNTER,
                                                   "Entries of the audit trail that could not be kept."};
    prometheus_begin(out, &requests);
    prometheus_count(out, &requests, PROMETHEUS_LABELS({"stage", SLICE("ring")}), n_usage_lost);
    prometheus_count(out, &requests, PROMETHEUS_LABELS({"stage", SLICE("database")}), history->n_requests_lost);
    prometheus_one(out, &audit, history->n_audit_lost);
}

static void write_neighbours(struct buf *out)
{
    static const struct prometheus_family redis = {"droid2api_redis_up", PROMETHEUS_GAUGE,
                                                   "Is Redis connected? 0 where none is used."};
    static const struct prometheus_family restarts = {"droid2api_worker_restarts_total", PROMETHEUS_COUNTER,
                                                      "Workers that died and were started again; 0 in one process."};
    prometheus_one(out, &redis, 0);
    prometheus_one(out, &restarts, 0);
}

void keeper_metrics_write(struct keeper_metrics *metrics, const struct history_numbers *history, uint64_t n_usage_lost,
                          struct buf *out)
{
    write_keys(metrics, out);
    write_writes(key_store_numbers(metrics->store), history, out);
    write_losses(history, n_usage_lost, out);
    write_neighbours(out);
}
