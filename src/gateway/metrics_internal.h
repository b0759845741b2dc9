// SPDX-License-Identifier: MIT
// What metrics.c counts and metrics_text.c tells.
#pragma once

#include "base/histogram.h"
#include "base/map.h"
#include "gateway/metrics.h"

enum {
    METRICS_STATUSES_MAX = 56, // as many as metrics.c tells apart, and the others
    METRICS_OUTCOMES_MAX = 24,
};

struct status_count {
    unsigned status; // 0: other
    uint64_t n;
};

struct series {
    struct status_count statuses[METRICS_STATUSES_MAX];
    size_t n_statuses;
    struct histogram duration;
    struct histogram first_token;
};

enum { N_TOKEN_KINDS = 5 };

struct metrics_model {
    struct slice id;                      // owned
    struct series *routes[N_ROUTE_KINDS]; // owned; NULL until used
    uint64_t tokens[N_TOKEN_KINDS];       // in the order of metrics_token_kinds
};
extern const struct slice metrics_token_kinds[N_TOKEN_KINDS];

struct outcome_count {
    const char *outcome; // static
    uint64_t n;
};

struct outcome_counts {
    struct outcome_count rows[METRICS_OUTCOMES_MAX];
    size_t n;
};

struct metrics_endpoint {
    struct slice name; // owned
    struct outcome_counts attempts;
    struct metrics_endpoint_gauges gauges;
};

struct metrics {
    struct map models;
    struct map endpoints;
    struct metrics_model *other;
    struct metrics_endpoint *other_endpoint;
    struct histogram overhead;
    uint64_t n_aborts[2];
    uint64_t n_selections[N_METRICS_SELECTIONS];
    struct outcome_counts retries; // by reason
    struct outcome_counts bans;
    struct outcome_counts cooldowns;
};
