// SPDX-License-Identifier: MIT
#include "gateway/metrics.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/map.h"

enum { N_BUCKETS = 14, STATUSES_MAX = 32, OUTCOMES_MAX = 24 };

static const double bucket_bounds[N_BUCKETS] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300};
// For time spent in the gateway itself.
static const double overhead_bounds[N_BUCKETS] = {5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4,
                                                  1e-3, 2e-3, 5e-3, 1e-2, 5e-2, 0.25, 1};

struct histogram {
    uint64_t counts[N_BUCKETS + 1]; // not cumulative; the last is +Inf
    double sum_seconds;
};

struct status_count {
    unsigned status;
    uint64_t n;
};

struct series {
    struct status_count statuses[STATUSES_MAX];
    size_t n_statuses;
    struct histogram duration;
    struct histogram first_token;
};

enum { N_TOKEN_KINDS = 5 };
static const char *const token_kinds[N_TOKEN_KINDS] = {"input", "output", "reasoning", "cache_read", "cache_write"};

struct metrics_model {
    struct slice id;                      // owned
    struct series *routes[N_ROUTE_KINDS]; // owned; NULL until used
    uint64_t tokens[N_TOKEN_KINDS];
};

struct outcome_count {
    const char *outcome; // static
    uint64_t n;
};

struct outcome_counts {
    struct outcome_count rows[OUTCOMES_MAX];
    size_t n;
};

struct metrics_endpoint {
    struct slice name; // owned
    struct outcome_counts attempts;
};

struct metrics {
    struct map models;
    struct map endpoints;
    struct metrics_model *other;
    struct metrics_endpoint *other_endpoint;
    struct histogram overhead;
    uint64_t n_aborts[2];
    struct outcome_counts retries; // by reason
};

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

static void observe(struct histogram *histogram, const double *bounds, uint64_t ns)
{
    double seconds = (double)ns / 1e9; // correctly rounded, so that 30 s is 30
    size_t i = 0;
    while (i < N_BUCKETS && seconds > bounds[i]) {
        i++;
    }
    histogram->counts[i]++;
    histogram->sum_seconds += seconds;
}

static void count_status(struct series *series, unsigned status)
{
    size_t i = 0;
    while (i < series->n_statuses && series->statuses[i].status != status) {
        i++;
    }
    if (i == series->n_statuses) {
        if (i == STATUSES_MAX) {
            // More kinds of statuses than any real upstream has: the rest shares the last row.
            i--;
        } else {
            series->statuses[series->n_statuses++].status = status;
        }
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

void metrics_count_request(struct metrics *metrics, const struct metrics_request *request)
{
    struct metrics_model *model = request->model ? request->model : metrics->other;
    struct series **series = &model->routes[request->route];
    if (!*series) {
        *series = mem_zalloc(sizeof(**series));
    }
    count_status(*series, request->status);
    observe(&(*series)->duration, bucket_bounds, request->duration_ns);
    if (request->first_token_ns) {
        observe(&(*series)->first_token, bucket_bounds, request->first_token_ns);
    }
    if (request->overhead_ns) {
        observe(&metrics->overhead, overhead_bounds, request->overhead_ns);
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
        if (i == OUTCOMES_MAX) {
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

// ---- exposition (Prometheus text format 0.0.4) ----------------------------------------------------------------------

static void family(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP droid2api_%s %s\n# TYPE droid2api_%s %s\n", name, help, name, type);
}

static void label_value(struct buf *out, struct slice value)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (c == '\\' || c == '"' || c == '\n') {
            buf_append_char(out, '\\');
        }
        buf_append_char(out, c == '\n' ? 'n' : c);
    }
}

static void route_model_labels(struct buf *out, size_t route, struct slice model)
{
    buf_printf(out, "route=\"%s\",model=\"", route_label((enum route_kind)route));
    label_value(out, model);
    buf_append_char(out, '"');
}

static uint64_t total_of(const struct histogram *histogram)
{
    uint64_t n = 0;
    for (size_t i = 0; i <= N_BUCKETS; i++) {
        n += histogram->counts[i];
    }
    return n;
}

static void write_histogram(struct buf *out, const char *name, struct slice labels, const double *bounds,
                            const struct histogram *histogram)
{
    const char *comma = labels.len ? "," : "";
    uint64_t n = 0;
    for (size_t i = 0; i <= N_BUCKETS; i++) {
        char bound[32] = "+Inf";
        n += histogram->counts[i];
        if (i < N_BUCKETS) {
            snprintf(bound, sizeof(bound), "%g", bounds[i]);
        }
        buf_printf(out, "droid2api_%s_bucket{%.*s%sle=\"%s\"} %llu\n", name, SLICE_ARG(labels), comma, bound,
                   (unsigned long long)n);
    }
    const char *open = labels.len ? "{" : "";
    const char *close = labels.len ? "}" : "";
    buf_printf(out, "droid2api_%s_sum%s%.*s%s %.9g\n", name, open, SLICE_ARG(labels), close, histogram->sum_seconds);
    buf_printf(out, "droid2api_%s_count%s%.*s%s %llu\n", name, open, SLICE_ARG(labels), close, (unsigned long long)n);
}

static void write_requests(const struct metrics *metrics, struct buf *out)
{
    family(out, "requests_total", "counter", "Requests answered, by route, model and status.");
    size_t at = 0;
    for (const struct map_entry *e; (e = map_next(&metrics->models, &at));) {
        const struct metrics_model *model = e->value;
        for (size_t route = 0; route < N_ROUTE_KINDS; route++) {
            const struct series *series = model->routes[route];
            for (size_t i = 0; series && i < series->n_statuses; i++) {
                buf_append(out, SLICE("droid2api_requests_total{"));
                route_model_labels(out, route, model->id);
                buf_printf(out, ",status=\"%u\"} %llu\n", series->statuses[i].status,
                           (unsigned long long)series->statuses[i].n);
            }
        }
    }
}

static void write_route_histograms(const struct metrics *metrics, struct buf *out, bool first_token)
{
    const char *name = first_token ? "time_to_first_token_seconds" : "request_duration_seconds";
    family(out, name, "histogram",
           first_token ? "Time from the request to the first generated content." : "Time from the request to its end.");
    struct buf labels = BUF_EMPTY;
    size_t at = 0;
    for (const struct map_entry *e; (e = map_next(&metrics->models, &at));) {
        const struct metrics_model *model = e->value;
        for (size_t route = 0; route < N_ROUTE_KINDS; route++) {
            const struct series *series = model->routes[route];
            const struct histogram *histogram = series ? first_token ? &series->first_token : &series->duration : NULL;
            if (histogram && total_of(histogram)) {
                buf_clear(&labels);
                route_model_labels(&labels, route, model->id);
                write_histogram(out, name, buf_slice(&labels), bucket_bounds, histogram);
            }
        }
    }
    buf_deinit(&labels);
}

static void write_tokens(const struct metrics *metrics, struct buf *out)
{
    family(out, "tokens_total", "counter", "Tokens that upstreams have reported, by model and kind.");
    size_t at = 0;
    for (const struct map_entry *e; (e = map_next(&metrics->models, &at));) {
        const struct metrics_model *model = e->value;
        for (size_t i = 0; i < N_TOKEN_KINDS; i++) {
            if (model->tokens[i]) {
                buf_append(out, SLICE("droid2api_tokens_total{model=\""));
                label_value(out, model->id);
                buf_printf(out, "\",kind=\"%s\"} %llu\n", token_kinds[i], (unsigned long long)model->tokens[i]);
            }
        }
    }
}

static void write_attempts(const struct metrics *metrics, struct buf *out)
{
    family(out, "upstream_attempts_total", "counter", "Attempts at upstreams, by endpoint and outcome.");
    size_t at = 0;
    for (const struct map_entry *e; (e = map_next(&metrics->endpoints, &at));) {
        const struct metrics_endpoint *endpoint = e->value;
        for (size_t i = 0; i < endpoint->attempts.n; i++) {
            buf_append(out, SLICE("droid2api_upstream_attempts_total{endpoint=\""));
            label_value(out, endpoint->name);
            buf_printf(out, "\",outcome=\"%s\"} %llu\n", endpoint->attempts.rows[i].outcome,
                       (unsigned long long)endpoint->attempts.rows[i].n);
        }
    }
}

static void write_retries(const struct metrics *metrics, struct buf *out)
{
    family(out, "retries_total", "counter", "Further attempts for a request, by whose fault the one before was.");
    for (size_t i = 0; i < metrics->retries.n; i++) {
        buf_printf(out, "droid2api_retries_total{reason=\"%s\"} %llu\n", metrics->retries.rows[i].outcome,
                   (unsigned long long)metrics->retries.rows[i].n);
    }
}

static void write_gauges(const struct metrics *metrics, const struct metrics_gauges *gauges, struct buf *out)
{
    family(out, "inflight_requests", "gauge", "Model requests under way.");
    buf_printf(out, "droid2api_inflight_requests %zu\n", gauges->n_inflight);
    family(out, "open_connections", "gauge", "Open connections, by side.");
    buf_printf(out, "droid2api_open_connections{side=\"client\"} %zu\n", gauges->n_client_connections);
    buf_printf(out, "droid2api_open_connections{side=\"upstream\"} %zu\n",
               gauges->n_upstream_idle + gauges->n_upstream_busy);
    family(out, "upstream_connections", "gauge", "Connections to upstreams, by state.");
    buf_printf(out, "droid2api_upstream_connections{state=\"idle\"} %zu\n", gauges->n_upstream_idle);
    buf_printf(out, "droid2api_upstream_connections{state=\"busy\"} %zu\n", gauges->n_upstream_busy);
    family(out, "streams_aborted_total", "counter", "Answers that ended early, by the side that ended them.");
    buf_printf(out, "droid2api_streams_aborted_total{side=\"client\"} %llu\n",
               (unsigned long long)metrics->n_aborts[METRICS_CLIENT]);
    buf_printf(out, "droid2api_streams_aborted_total{side=\"upstream\"} %llu\n",
               (unsigned long long)metrics->n_aborts[METRICS_UPSTREAM]);
    family(out, "log_dropped_total", "counter", "Log lines dropped because their file or terminal was too slow.");
    buf_printf(out, "droid2api_log_dropped_total %llu\n", (unsigned long long)gauges->log_dropped);
    family(out, "build_info", "gauge", "Always 1; the version is a label.");
    buf_printf(out, "droid2api_build_info{version=\"%s\"} 1\n", DROID2API_VERSION);
}

static size_t resident_bytes(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file) {
        if (fscanf(file, "%*s %lu", &pages) != 1) {
            pages = 0;
        }
        fclose(file);
    }
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static size_t count_open_files(void)
{
    size_t n = 0;
    DIR *dir = opendir("/proc/self/fd");
    if (!dir) {
        return 0;
    }
    while (readdir(dir)) {
        n++;
    }
    closedir(dir);
    return n > 3 ? n - 3 : 0; // ".", ".." and the folder's own
}

// The families that every Prometheus client library has, under their usual names.
static void write_process(const struct metrics_gauges *gauges, struct buf *out)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
    buf_printf(
        out,
        "# HELP process_cpu_seconds_total User and system time spent.\n# TYPE process_cpu_seconds_total counter\n"
        "process_cpu_seconds_total %.6f\n",
        cpu);
    buf_printf(out,
               "# HELP process_resident_memory_bytes Resident memory.\n# TYPE process_resident_memory_bytes gauge\n"
               "process_resident_memory_bytes %zu\n",
               resident_bytes());
    buf_printf(out,
               "# HELP process_open_fds Open file descriptors.\n# TYPE process_open_fds gauge\n"
               "process_open_fds %zu\n",
               count_open_files());
    buf_printf(out,
               "# HELP process_start_time_seconds Start, in seconds since 1970.\n"
               "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds %.3f\n",
               (double)gauges->started_wall_ms / 1000);
}

void metrics_write(const struct metrics *metrics, const struct metrics_gauges *gauges, struct buf *out)
{
    write_requests(metrics, out);
    write_route_histograms(metrics, out, false);
    write_route_histograms(metrics, out, true);
    family(out, "gateway_overhead_seconds", "histogram", "Time that a request spent here rather than upstream.");
    write_histogram(out, "gateway_overhead_seconds", SLICE_EMPTY, overhead_bounds, &metrics->overhead);
    write_attempts(metrics, out);
    write_retries(metrics, out);
    write_tokens(metrics, out);
    write_gauges(metrics, gauges, out);
    write_process(gauges, out);
}
