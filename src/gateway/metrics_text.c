// SPDX-License-Identifier: MIT
// The families of the traffic, as Prometheus reads them.
#include <stdio.h>

#include "gateway/metrics_internal.h"
#include "gateway/prometheus.h"
#include "keys/algorithm.h"

static struct slice status_text(unsigned status, char text[16])
{
    if (status == 0) {
        return SLICE("other");
    }
    return slice_of(text, (size_t)snprintf(text, 16, "%u", status));
}

static void write_requests(const struct metrics *metrics, struct buf *out)
{
    static const struct prometheus_family family = {"droid2api_requests_total", PROMETHEUS_COUNTER,
                                                    "Requests answered; status 499 is a client that left before."};
    size_t at = 0;
    prometheus_begin(out, &family);
    for (const struct map_entry *e; (e = map_next(&metrics->models, &at));) {
        const struct metrics_model *model = e->value;
        for (size_t route = 0; route < N_ROUTE_KINDS; route++) {
            const struct series *series = model->routes[route];
            for (size_t i = 0; series && i < series->n_statuses; i++) {
                char text[16];
                prometheus_count(out, &family,
                                 PROMETHEUS_LABELS({"route", slice_from_cstr(route_label((enum route_kind)route))},
                                                   {"model", model->id},
                                                   {"status", status_text(series->statuses[i].status, text)}),
                                 series->statuses[i].n);
            }
        }
    }
}

// A histogram of each route and model. `first_token` picks which.
static void write_latencies(const struct metrics *metrics, const struct prometheus_family *family, bool first_token,
                            struct buf *out)
{
    size_t at = 0;
    prometheus_begin(out, family);
    for (const struct map_entry *e; (e = map_next(&metrics->models, &at));) {
        const struct metrics_model *model = e->value;
        for (size_t route = 0; route < N_ROUTE_KINDS; route++) {
            const struct series *series = model->routes[route];
            const struct histogram *histogram = !series ? NULL : first_token ? &series->first_token : &series->duration;
            if (histogram && histogram_total(histogram)) {
                prometheus_histogram(out, family,
                                     PROMETHEUS_LABELS({"route", slice_from_cstr(route_label((enum route_kind)route))},
                                                       {"model", model->id}),
                                     histogram);
            }
        }
    }
}

static void write_times(const struct metrics *metrics, struct buf *out)
{
    static const struct prometheus_family duration = {"droid2api_request_duration_seconds", PROMETHEUS_HISTOGRAM,
                                                      "Time from the beginning of a request to the end of its answer."};
    static const struct prometheus_family first_token = {"droid2api_time_to_first_token_seconds", PROMETHEUS_HISTOGRAM,
                                                         "Time from the beginning of a request to its first content."};
    static const struct prometheus_family overhead = {"droid2api_gateway_overhead_seconds", PROMETHEUS_HISTOGRAM,
                                                      "Time that a request spent in the gateway, not upstream."};
    write_latencies(metrics, &duration, false, out);
    write_latencies(metrics, &first_token, true, out);
    prometheus_begin(out, &overhead);
    prometheus_histogram(out, &overhead, PROMETHEUS_NO_LABELS, &metrics->overhead);
}

static void write_tokens(const struct metrics *metrics, struct buf *out)
{
    static const struct prometheus_family family = {"droid2api_tokens_total", PROMETHEUS_COUNTER,
                                                    "Tokens that upstreams have reported."};
    size_t at = 0;
    prometheus_begin(out, &family);
    for (const struct map_entry *e; (e = map_next(&metrics->models, &at));) {
        const struct metrics_model *model = e->value;
        for (size_t i = 0; i < N_TOKEN_KINDS; i++) {
            if (model->tokens[i]) {
                prometheus_count(out, &family,
                                 PROMETHEUS_LABELS({"model", model->id}, {"kind", metrics_token_kinds[i]}),
                                 model->tokens[i]);
            }
        }
    }
}

static void write_attempts(const struct metrics *metrics, struct buf *out)
{
    static const struct prometheus_family family = {"droid2api_upstream_attempts_total", PROMETHEUS_COUNTER,
                                                    "Attempts at upstreams, by what became of them."};
    size_t at = 0;
    prometheus_begin(out, &family);
    for (const struct map_entry *e; (e = map_next(&metrics->endpoints, &at));) {
        const struct metrics_endpoint *endpoint = e->value;
        for (size_t i = 0; i < endpoint->attempts.n; i++) {
            struct slice outcome = slice_from_cstr(endpoint->attempts.rows[i].outcome);
            prometheus_count(out, &family, PROMETHEUS_LABELS({"endpoint", endpoint->name}, {"outcome", outcome}),
                             endpoint->attempts.rows[i].n);
        }
    }
}

static void write_reasons(const struct outcome_counts *counts, const struct prometheus_family *family, struct buf *out)
{
    prometheus_begin(out, family);
    for (size_t i = 0; i < counts->n; i++) {
        prometheus_count(out, family, PROMETHEUS_LABELS({"reason", slice_from_cstr(counts->rows[i].outcome)}),
                         counts->rows[i].n);
    }
}

static void write_failures(const struct metrics *metrics, struct buf *out)
{
    static const struct prometheus_family retries = {"droid2api_retries_total", PROMETHEUS_COUNTER,
                                                     "Further attempts, by whose fault the one before was."};
    static const struct prometheus_family bans = {"droid2api_key_bans_total", PROMETHEUS_COUNTER,
                                                  "Keys that an answer got banned, by whose fault it was."};
    static const struct prometheus_family cooldowns = {"droid2api_key_cooldowns_total", PROMETHEUS_COUNTER,
                                                       "Attempts after which their key cools down, by whose fault."};
    write_reasons(&metrics->retries, &retries, out);
    write_reasons(&metrics->bans, &bans, out);
    write_reasons(&metrics->cooldowns, &cooldowns, out);
}

static struct slice selection_name(unsigned selection)
{
    switch (selection) {
    case METRICS_BY_AFFINITY: return SLICE("affinity");
    case METRICS_FOR_TEST: return SLICE("test");
    default: return key_algorithm_of((enum key_algorithm_id)selection)->name;
    }
}

static void write_selections(const struct metrics *metrics, struct buf *out)
{
    static const struct prometheus_family family = {
        "droid2api_key_selections_total", PROMETHEUS_COUNTER,
        "Keys picked: by an algorithm, by affinity (the key of the conversation), or for a test of the key."};
    prometheus_begin(out, &family);
    for (unsigned i = 0; i < N_METRICS_SELECTIONS; i++) {
        prometheus_count(out, &family, PROMETHEUS_LABELS({"algorithm", selection_name(i)}), metrics->n_selections[i]);
    }
}

// ---- what is so just now --------------------------------------------------------------------------------------------

static void write_open_connections(const struct metrics *metrics, const struct metrics_gauges *gauges, struct buf *out)
{
    static const struct prometheus_family family = {"droid2api_open_connections", PROMETHEUS_GAUGE,
                                                    "Connections of clients, and to upstreams."};
    size_t n_upstream = 0;
    size_t at = 0;
    for (const struct map_entry *e; (e = map_next(&metrics->endpoints, &at));) {
        const struct metrics_endpoint *endpoint = e->value;
        n_upstream += endpoint->gauges.n_idle + endpoint->gauges.n_busy;
    }
    prometheus_begin(out, &family);
    prometheus_count(out, &family, PROMETHEUS_LABELS({"side", SLICE("client")}), gauges->n_client_connections);
    prometheus_count(out, &family, PROMETHEUS_LABELS({"side", SLICE("upstream")}), n_upstream);
}

static void write_upstream_connections(const struct metrics *metrics, struct buf *out)
{
    static const struct prometheus_family family = {
        "droid2api_upstream_connections", PROMETHEUS_GAUGE,
        "Connections to upstreams; of those that endpoints share, the first one in the configuration has all."};
    size_t at = 0;
    prometheus_begin(out, &family);
    for (const struct map_entry *e; (e = map_next(&metrics->endpoints, &at));) {
        const struct metrics_endpoint *endpoint = e->value;
        const struct metrics_endpoint_gauges *gauges = &endpoint->gauges;
        if (gauges->is_configured || endpoint == metrics->other_endpoint) {
            prometheus_count(out, &family, PROMETHEUS_LABELS({"endpoint", endpoint->name}, {"state", SLICE("idle")}),
                             gauges->n_idle);
            prometheus_count(out, &family, PROMETHEUS_LABELS({"endpoint", endpoint->name}, {"state", SLICE("busy")}),
                             gauges->n_busy);
        }
    }
}

static void write_breakers(const struct metrics *metrics, struct buf *out)
{
    static const struct prometheus_family family = {
        "droid2api_breakers_open", PROMETHEUS_GAUGE,
        "Breakers that are not closed: of an endpoint as a whole (0 or 1), and of its models."};
    size_t at = 0;
    prometheus_begin(out, &family);
    for (const struct map_entry *e; (e = map_next(&metrics->endpoints, &at));) {
        const struct metrics_endpoint *endpoint = e->value;
        const struct metrics_endpoint_gauges *gauges = &endpoint->gauges;
        if (gauges->is_configured) {
            prometheus_count(out, &family, PROMETHEUS_LABELS({"endpoint", endpoint->name}, {"of", SLICE("endpoint")}),
                             gauges->is_open);
            prometheus_count(out, &family, PROMETHEUS_LABELS({"endpoint", endpoint->name}, {"of", SLICE("models")}),
                             gauges->n_models_open);
        }
    }
}

static void write_aborts(const struct metrics *metrics, struct buf *out)
{
    static const struct prometheus_family family = {"droid2api_streams_aborted_total", PROMETHEUS_COUNTER,
                                                    "Answers that ended early, by the side that ended them."};
    prometheus_begin(out, &family);
    prometheus_count(out, &family, PROMETHEUS_LABELS({"side", SLICE("client")}), metrics->n_aborts[METRICS_CLIENT]);
    prometheus_count(out, &family, PROMETHEUS_LABELS({"side", SLICE("upstream")}), metrics->n_aborts[METRICS_UPSTREAM]);
}

static void write_gauges(const struct metrics *metrics, const struct metrics_gauges *gauges, struct buf *out)
{
    static const struct prometheus_family inflight = {"droid2api_inflight_requests", PROMETHEUS_GAUGE,
                                                      "Model requests under way."};
    static const struct prometheus_family waiting = {"droid2api_waiting_requests", PROMETHEUS_GAUGE,
                                                     "Of them, those that wait for a key of the pool."};
    prometheus_one(out, &inflight, gauges->n_inflight);
    prometheus_one(out, &waiting, gauges->n_waiting);
    write_open_connections(metrics, gauges, out);
    write_upstream_connections(metrics, out);
    write_breakers(metrics, out);
}

static void write_program(const struct metrics_gauges *gauges, struct buf *out)
{
    static const struct prometheus_family dropped = {"droid2api_log_dropped_total", PROMETHEUS_COUNTER,
                                                     "Log lines dropped because their file or terminal was too slow."};
    static const struct prometheus_family build = {"droid2api_build_info", PROMETHEUS_GAUGE,
                                                   "Always 1; the version is a label."};
    prometheus_one(out, &dropped, gauges->log_dropped);
    prometheus_begin(out, &build);
    prometheus_count(out, &build, PROMETHEUS_LABELS({"version", SLICE(DROID2API_VERSION)}), 1);
}

void metrics_write(const struct metrics *metrics, const struct metrics_gauges *gauges, struct buf *out)
{
    write_requests(metrics, out);
    write_times(metrics, out);
    write_attempts(metrics, out);
    write_failures(metrics, out);
    write_tokens(metrics, out);
    write_selections(metrics, out);
    write_aborts(metrics, out);
    write_gauges(metrics, gauges, out);
    write_program(gauges, out);
}
