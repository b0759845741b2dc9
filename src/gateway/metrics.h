// SPDX-License-Identifier: MIT
// Counters and histograms of the traffic, and their Prometheus text. Label values are bounded: routes of the table,
// configured models and endpoints, statuses that HTTP and providers know; everything else is `other`.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "dialect/usage.h"
#include "gateway/route.h"
#include "keys/key_settings.h"

struct metrics;
struct metrics_model;    // the series of one model
struct metrics_endpoint; // the counters of one endpoint

struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);

// The series of that name, made when new; "other" once there are METRICS_NAMES_MAX. They live as long as `metrics`.
enum { METRICS_NAMES_MAX = 1000 };
struct metrics_model *metrics_model(struct metrics *metrics, struct slice id);
struct metrics_endpoint *metrics_endpoint(struct metrics *metrics, struct slice name);

// One finished request.
struct metrics_request {
    struct metrics_model *model; // NULL: other
    enum route_kind route;
    unsigned status; // as sent; 499 when the client left before a status
    uint64_t duration_ns;
    uint64_t first_token_ns; // 0: none seen
    uint64_t overhead_ns;    // spent here rather than upstream; 0: not measured
    struct usage usage;
};
void metrics_count_request(struct metrics *metrics, const struct metrics_request *request);

// One attempt at an upstream. `outcome` is a static text: "ok", "http_4xx", "http_5xx", a failure's name, "cancelled".
void metrics_count_attempt(struct metrics_endpoint *endpoint, const char *outcome);

// Another attempt after one that failed. `reason` is a static text: blame_name().
void metrics_count_retry(struct metrics *metrics, const char *reason);

// A key of the pool was picked: by an algorithm (enum key_algorithm_id), or as one of these.
enum metrics_selection {
    METRICS_BY_AFFINITY = KEY_ALGORITHM_COUNT, // it is that of the conversation, or the only one that can read it
    METRICS_FOR_TEST,                          // of this very key
    N_METRICS_SELECTIONS,
};
void metrics_count_selection(struct metrics *metrics, unsigned selection);

// An attempt after which a key is banned, or cools down. `reason` is a static text: blame_name().
void metrics_count_ban(struct metrics *metrics, const char *reason);
void metrics_count_cooldown(struct metrics *metrics, const char *reason);

enum metrics_side { METRICS_CLIENT, METRICS_UPSTREAM };
void metrics_count_abort(struct metrics *metrics, enum metrics_side side);

// What is known elsewhere at the moment of a scrape.
struct metrics_gauges {
    size_t n_inflight;
    size_t n_waiting; // for a key
    size_t n_client_connections;
    uint64_t log_dropped;
};
// The same of one endpoint. All are as new after metrics_forget_endpoints().
struct metrics_endpoint_gauges {
    size_t n_idle; // connections
    size_t n_busy;
    size_t n_models_open; // models whose breaker is not closed
    bool is_open;         // its own breaker is not
    bool is_configured;
};
void metrics_forget_endpoints(struct metrics *metrics);
struct metrics_endpoint_gauges *metrics_endpoint_gauges(struct metrics_endpoint *endpoint);

void metrics_write(const struct metrics *metrics, const struct metrics_gauges *gauges, struct buf *out);
