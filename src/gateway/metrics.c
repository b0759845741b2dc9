// SPDX-License-Identifier: MIT
// Counting; metrics_text.c tells what was counted.
#include "gateway/metrics_internal.h"

#include <assert.h>

static const double latency_bounds[HISTOGRAM_BOUNDS] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                                        1,     2.5,  5,     10,   30,  60,   300};
// For time spent in the gateway itself.
static const double overhead_bounds[HISTOGRAM_BOUNDS] = {5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4,
                                                         1e-3, 2e-3, 5e-3, 1e-2, 5e-2, 0.25, 1};

const struct slice metrics_token_kinds[N_TOKEN_KINDS] = {SLICE_INIT("input"), SLICE_INIT("output"),
                                                         SLICE_INIT("reasoning"), SLICE_INIT("cache_read"),
                                                         SLICE_INIT("cache_write")};

static struct slice dup_slice(struct slice s)
{
    char *copy = mem_alloc(s.len);
    memcpy(copy, s.ptr, s.len);
    return slice_of(copy, s.len);
}

struct metrics_model *metrics_model(struct metrics *metrics, struct slice id)
{
    struct metrics_model *model = map_find(&metrics->models, id);
    if (model) {
        return model;
    }
    if (metrics->models.n_entries >= METRICS_NAMES_MAX) {
        return metrics->other;
    }
    model = mem_zalloc(sizeof(*model));
    model->id = dup_slice(id);
    map_set(&metrics->models, model->id, model);
    return model;
}

struct metrics_endpoint *metrics_endpoint(struct metrics *metrics, struct slice name)
{
    struct metrics_endpoint *endpoint = map_find(&metrics->endpoints, name);
    if (endpoint) {
        return endpoint;
    }
    if (metrics->endpoints.n_entries >= METRICS_NAMES_MAX) {
        return metrics->other_endpoint;
    }
    endpoint = mem_zalloc(sizeof(*endpoint));
    endpoint->name = dup_slice(name);
    map_set(&metrics->endpoints, endpoint->name, endpoint);
    return endpoint;
}

struct metrics *metrics_new(void)
{
    struct metrics *metrics = mem_zalloc(sizeof(*metrics));
    map_init(&metrics->models);
    map_init(&metrics->endpoints);
    metrics->other = metrics_model(metrics, SLICE("other"));
    metrics->other_endpoint = metrics_endpoint(metrics, SLICE("other"));
    histogram_init(&metrics->overhead, overhead_bounds);
    return metrics;
}

void metrics_free(struct metrics *metrics)
{
    size_t at = 0;
    for (const struct map_entry *e; (e = map_next(&metrics->models, &at));) {
        struct metrics_model *model = e->value;
        for (size_t i = 0; i < N_ROUTE_KINDS; i++) {
            mem_free(model->routes[i]);
        }
        mem_free((char *)model->id.ptr);
        mem_free(model);
    }
    at = 0;
    for (const struct map_entry *e; (e = map_next(&metrics->endpoints, &at));) {
        struct metrics_endpoint *endpoint = e->value;
        mem_free((char *)endpoint->name.ptr);
        mem_free(endpoint);
    }
    map_deinit(&metrics->models);
    map_deinit(&metrics->endpoints);
    mem_free(metrics);
}

// ---- counting -------------------------------------------------------------------------------------------------------

// Others would be a series for each number that an upstream makes up.
static bool is_known(unsigned status)
{
    return (status >= 200 && status <= 206) || status == 304 || (status >= 400 && status <= 431) || status == 451 ||
           status == 499 || (status >= 500 && status <= 511) || status == 529;
}

static void count_status(struct series *series, unsigned status)
{
    size_t i = 0;
    status = is_known(status) ? status : 0;
    while (i < series->n_statuses && series->statuses[i].status != status) {
        i++;
    }
    if (i == series->n_statuses) {
        series->statuses[series->n_statuses++].status = status;
    }
    series->statuses[i].n++;
}

static void count_tokens(struct metrics_model *model, const struct usage *usage)
{
    const int64_t tokens[N_TOKEN_KINDS] = {usage->input, usage->output, usage->reasoning, usage->cache_read,
                                           usage->cache_write};
    for (size_t i = 0; i < N_TOKEN_KINDS; i++) {
        model->tokens[i] += tokens[i] > 0 ? (uint64_t)tokens[i] : 0;
    }
}

static struct series *series_of(struct metrics_model *model, enum route_kind route)
{
    if (!model->routes[route]) {
        struct series *series = mem_zalloc(sizeof(*series));
        histogram_init(&series->duration, latency_bounds);
        histogram_init(&series->first_token, latency_bounds);
        model->routes[route] = series;
    }
    return model->routes[route];
}

void metrics_count_request(struct metrics *metrics, const struct metrics_request *request)
{
    struct metrics_model *model = request->model ? request->model : metrics->other;
    struct series *series = series_of(model, request->route);
    count_status(series, request->status);
    histogram_add(&series->duration, request->duration_ns);
    if (request->first_token_ns) {
        histogram_add(&series->first_token, request->first_token_ns);
    }
    if (request->overhead_ns) {
        histogram_add(&metrics->overhead, request->overhead_ns);
    }
    count_tokens(model, &request->usage);
}

static void count_outcome(struct outcome_counts *counts, const char *outcome)
{
    size_t i = 0;
    while (i < counts->n && strcmp(counts->rows[i].outcome, outcome) != 0) {
        i++;
    }
    if (i == counts->n) {
        if (i == METRICS_OUTCOMES_MAX) {
            return;
        }
        counts->rows[counts->n++].outcome = outcome;
    }
    counts->rows[i].n++;
}

void metrics_count_attempt(struct metrics_endpoint *endpoint, const char *outcome)
{
    count_outcome(&endpoint->attempts, outcome);
}

void metrics_count_retry(struct metrics *metrics, const char *reason)
{
    count_outcome(&metrics->retries, reason);
}

void metrics_count_abort(struct metrics *metrics, enum metrics_side side)
{
    metrics->n_aborts[side]++;
}

void metrics_count_selection(struct metrics *metrics, unsigned selection)
{
    assert(selection < N_METRICS_SELECTIONS);
    metrics->n_selections[selection]++;
}

void metrics_count_ban(struct metrics *metrics, const char *reason)
{
    count_outcome(&metrics->bans, reason);
}

void metrics_count_cooldown(struct metrics *metrics, const char *reason)
{
    count_outcome(&metrics->cooldowns, reason);
}

// ---- at a scrape ----------------------------------------------------------------------------------------------------

void metrics_forget_endpoints(struct metrics *metrics)
{
    size_t at = 0;
    for (const struct map_entry *e; (e = map_next(&metrics->endpoints, &at));) {
        *metrics_endpoint_gauges(e->value) = (struct metrics_endpoint_gauges){0};
    }
}

struct metrics_endpoint_gauges *metrics_endpoint_gauges(struct metrics_endpoint *endpoint)
{
    return &endpoint->gauges;
}
