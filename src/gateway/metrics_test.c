// SPDX-License-Identifier: MIT
// What is counted, and that every byte of the exposition is Prometheus text format 0.0.4: it is parsed here as strictly
// as a scraper does, and searched for what a scraper would only find out later (a series there twice, a histogram that
// does not add up).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/map.h"
#include "gateway/metrics.h"

#define MS UINT64_C(1000000)

// ---- a strict reader of the text format -----------------------------------------------------------------------------

enum family_type { FAMILY_COUNTER, FAMILY_GAUGE, FAMILY_HISTOGRAM };

struct sample {
    struct slice series; // "name{labels}" as written
    struct slice name;
    struct slice labels; // without braces
    double value;
};

// One scrape. Everything lives in the arena.
struct scrape {
    struct arena arena;
    struct buf text;
    struct map families; // by name
    struct map samples;  // by series
    // while reading
    struct slice family;
    enum family_type type;
    struct slice histogram; // labels without `le` of the histogram under way; ptr NULL outside of one
    double n_below;
    double bound;
};

static bool is_name(struct slice name, bool is_label)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c == ':' && !is_label);
        if (!is_letter && (i == 0 || c < '0' || c > '9')) {
            return false;
        }
    }
    return name.len > 0;
}

// `name="value"` at the front of *labels, and the comma behind it. Returns the value, unescaped.
static struct slice take_label(struct scrape *s, struct slice *labels, struct slice *name_r)
{
    size_t equals = slice_find_char(*labels, '=');
    assert_true(equals != SLICE_NOT_FOUND && equals + 1 < labels->len && labels->ptr[equals + 1] == '"');
    *name_r = slice_of(labels->ptr, equals);
    assert_true(is_name(*name_r, true));
    char *value = arena_text(&s->arena, labels->len);
    size_t len = 0;
    size_t i = equals + 2;
    for (; i < labels->len && labels->ptr[i] != '"'; i++) {
        char c = labels->ptr[i];
        if (c == '\\') {
            c = ++i < labels->len ? labels->ptr[i] : '\0';
            assert_true(c == '\\' || c == '"' || c == 'n');
            c = c == 'n' ? '\n' : c;
        }
        value[len++] = c;
    }
    assert_true(i < labels->len); // the closing quote
    struct slice rest = slice_after(*labels, i + 1);
    assert_true(rest.len == 0 || (rest.ptr[0] == ',' && rest.len > 1));
    *labels = rest.len ? slice_after(rest, 1) : SLICE_EMPTY;
    return slice_of(value, len);
}

static double to_number(struct scrape *s, struct slice text)
{
    char *end;
    char *copy = arena_cstr(&s->arena, text);
    double value = strtod(copy, &end);
    assert_true(text.len > 0 && *end == '\0' && isfinite(value));
    return value;
}

static void end_histogram(struct scrape *s)
{
    assert_null(s->histogram.ptr); // it ended with its _count
}

// "# HELP name text" and, on the next line, "# TYPE name type".
static void read_comment(struct scrape *s, struct slice line, struct slice *rest)
{
    static const struct slice types[] = {SLICE_INIT("counter"), SLICE_INIT("gauge"), SLICE_INIT("histogram")};
    struct slice type_line = slice_split(rest, '\n');
    end_histogram(s);
    assert_true(slice_starts_with(line, SLICE("# HELP ")));
    line = slice_after(line, 7);
    s->family = slice_split(&line, ' ');
    assert_true(is_name(s->family, false));
    assert_true(line.len > 0);
    assert_true(slice_starts_with(type_line, SLICE("# TYPE ")));
    type_line = slice_after(type_line, 7);
    assert_true(slice_eq(slice_split(&type_line, ' '), s->family));
    size_t type = 0;
    while (!slice_eq(type_line, types[type])) {
        assert_true(++type < 3);
    }
    s->type = (enum family_type)type;
    assert_int_equal(s->type == FAMILY_COUNTER, slice_ends_with(s->family, SLICE("_total")));
    assert_null(map_set(&s->families, s->family, s)); // each once
}

// Buckets in rising order and cumulative, then the sum, then the count, which is that of the last bucket.
static void check_histogram(struct scrape *s, const struct sample *sample)
{
    struct slice suffix = slice_after(sample->name, s->family.len);
    if (slice_eq(suffix, SLICE("_bucket"))) {
        size_t le = slice_find(sample->labels, SLICE("le=\""));
        assert_true(le != SLICE_NOT_FOUND);
        struct slice others = slice_of(sample->labels.ptr, le ? le - 1 : 0);
        struct slice text = slice_after(sample->labels, le + 4);
        assert_true(slice_ends_with(text, SLICE("\"")));
        text.len--;
        double bound = slice_eq(text, SLICE("+Inf")) ? INFINITY : to_number(s, text);
        if (s->histogram.ptr) {
            assert_true(slice_eq(others, s->histogram));
            assert_true(bound > s->bound && sample->value >= s->n_below);
        }
        s->histogram = others;
        s->bound = bound;
        s->n_below = sample->value;
        return;
    }
    assert_non_null(s->histogram.ptr);
    assert_true(slice_eq(sample->labels, s->histogram));
    assert_true(isinf(s->bound));
    assert_true(sample->value >= 0);
    if (slice_eq(suffix, SLICE("_count"))) {
        assert_true(sample->value == s->n_below);
        s->histogram = SLICE_EMPTY;
    } else {
        assert_true(slice_eq(suffix, SLICE("_sum")));
    }
}

static void check_labels(struct scrape *s, struct slice labels)
{
    struct slice names[8];
    size_t n = 0;
    while (labels.len) {
        assert_true(n < 8);
        take_label(s, &labels, &names[n]);
        for (size_t i = 0; i < n; i++) {
            assert_false(slice_eq(names[i], names[n]));
        }
        n++;
    }
}

static void read_sample(struct scrape *s, struct slice line)
{
    struct sample *sample = arena_zalloc(&s->arena, sizeof(*sample));
    size_t brace = slice_find_char(line, '{');
    size_t end = line.len;
    while (end > 0 && line.ptr[end - 1] != ' ') {
        end--;
    }
    assert_true(end > 1);
    sample->series = slice_of(line.ptr, end - 1);
    sample->name = sample->series;
    sample->value = to_number(s, slice_after(line, end));
    if (brace != SLICE_NOT_FOUND) {
        sample->name.len = brace;
        assert_true(sample->series.ptr[end - 2] == '}');
        sample->labels = slice_of(line.ptr + brace + 1, end - brace - 3);
        assert_true(sample->labels.len > 0);
    }
    assert_true(is_name(sample->name, false));
    check_labels(s, sample->labels);
    if (map_set(&s->samples, sample->series, sample)) {
        fail_msg("there twice: %.*s", SLICE_ARG(sample->series));
    }
    if (s->type == FAMILY_HISTOGRAM) {
        assert_true(slice_starts_with(sample->name, s->family));
        check_histogram(s, sample);
    } else {
        assert_true(slice_eq(sample->name, s->family)); // of the family above, so none is torn apart
        assert_true(sample->value >= 0);
    }
}

static const struct metrics_gauges no_gauges = {.started_wall_ms = 1};

static void scrape(struct scrape *s, const struct metrics *metrics, const struct metrics_gauges *gauges)
{
    *s = (struct scrape){.text = BUF_EMPTY};
    arena_init(&s->arena, 64 * 1024);
    map_init(&s->families);
    map_init(&s->samples);
    metrics_write(metrics, gauges, &s->text);
    assert_true(s->text.len > 0 && s->text.ptr[s->text.len - 1] == '\n');
    for (struct slice rest = slice_of(s->text.ptr, s->text.len - 1); rest.ptr;) {
        struct slice line = slice_split(&rest, '\n');
        assert_true(line.len > 0);
        if (line.ptr[0] == '#') {
            read_comment(s, line, &rest);
        } else {
            read_sample(s, line);
        }
    }
    end_histogram(s);
}

static void scrape_deinit(struct scrape *s)
{
    map_deinit(&s->families);
    map_deinit(&s->samples);
    arena_deinit(&s->arena);
    buf_deinit(&s->text);
}

// -1: there is no such series.
static double value_of(const struct scrape *s, const char *series)
{
    const struct sample *sample = map_find(&s->samples, slice_from_cstr(series));
    return sample ? sample->value : -1;
}

static void assert_value(const struct scrape *s, const char *series, double expected)
{
    double value = value_of(s, series);
    if (fabs(value - expected) > 1e-6 * fabs(expected)) {
        fail_msg("%s is %g, not %g", series, value, expected);
    }
}

static double sum_of(const struct scrape *s, const char *name)
{
    double sum = 0;
    size_t at = 0;
    for (const struct map_entry *e; (e = map_next(&s->samples, &at));) {
        const struct sample *sample = e->value;
        sum += slice_eq(sample->name, slice_from_cstr(name)) ? sample->value : 0;
    }
    return sum;
}

static size_t n_series(const struct scrape *s, const char *name)
{
    size_t n = 0;
    size_t at = 0;
    for (const struct map_entry *e; (e = map_next(&s->samples, &at));) {
        n += slice_eq(((const struct sample *)e->value)->name, slice_from_cstr(name));
    }
    return n;
}

// ---- tests ----------------------------------------------------------------------------------------------------------

static int make_metrics(void **state)
{
    *state = metrics_new();
    return 0;
}

static int free_metrics(void **state)
{
    metrics_free(*state);
    return 0;
}

static void count(struct metrics *metrics, struct metrics_model *model, enum route_kind route, unsigned status,
                  uint64_t duration_ns)
{
    struct metrics_request request = {
        .model = model, .route = route, .status = status, .duration_ns = duration_ns, .usage = USAGE_UNKNOWN};
    metrics_count_request(metrics, &request);
}

static void nothing_counted_is_well_formed(void **state)
{
    struct scrape s;
    scrape(&s, *state, &no_gauges);
    assert_int_equal(n_series(&s, "droid2api_requests_total"), 0);
    assert_value(&s, "droid2api_gateway_overhead_seconds_count", 0);
    assert_value(&s, "droid2api_build_info{version=\"" DROID2API_VERSION "\"}", 1);
    scrape_deinit(&s);
}

static void requests_are_counted_by_route_model_and_status(void **state)
{
    struct metrics *metrics = *state;
    struct metrics_model *one = metrics_model(metrics, SLICE("one"));
    struct metrics_model *two = metrics_model(metrics, SLICE("two"));
    struct scrape s;
    count(metrics, one, ROUTE_MESSAGES, 200, MS);
    count(metrics, one, ROUTE_MESSAGES, 200, MS);
    count(metrics, one, ROUTE_MESSAGES, 502, MS);
    count(metrics, one, ROUTE_CHAT, 200, MS);
    count(metrics, two, ROUTE_MESSAGES, 499, MS);
    count(metrics, NULL, ROUTE_NOT_FOUND, 404, MS);
    scrape(&s, metrics, &no_gauges);
    assert_value(&s, "droid2api_requests_total{route=\"/v1/messages\",model=\"one\",status=\"200\"}", 2);
    assert_value(&s, "droid2api_requests_total{route=\"/v1/messages\",model=\"one\",status=\"502\"}", 1);
    assert_value(&s, "droid2api_requests_total{route=\"/v1/chat/completions\",model=\"one\",status=\"200\"}", 1);
    assert_value(&s, "droid2api_requests_total{route=\"/v1/messages\",model=\"two\",status=\"499\"}", 1);
    assert_value(&s, "droid2api_requests_total{route=\"other\",model=\"other\",status=\"404\"}", 1);
    assert_int_equal(n_series(&s, "droid2api_requests_total"), 5);
    assert_value(&s, "droid2api_request_duration_seconds_count{route=\"/v1/messages\",model=\"one\"}", 3);
    assert_value(&s, "droid2api_request_duration_seconds_sum{route=\"/v1/messages\",model=\"one\"}", 0.003);
    // Nothing was streamed and nothing measured.
    assert_int_equal(n_series(&s, "droid2api_time_to_first_token_seconds_count"), 0);
    assert_int_equal(n_series(&s, "droid2api_tokens_total"), 0);
    scrape_deinit(&s);
}

// A bound belongs to its bucket, one nanosecond more does not.
static void bounds_are_inclusive(void **state)
{
    static const struct {
        uint64_t ms;
        const char *le;
    } bounds[] = {{5, "0.005"},  {10, "0.01"},  {25, "0.025"}, {50, "0.05"},   {100, "0.1"},
                  {250, "0.25"}, {500, "0.5"},  {1000, "1"},   {2500, "2.5"},  {5000, "5"},
                  {10000, "10"}, {30000, "30"}, {60000, "60"}, {300000, "300"}};
    struct metrics *metrics = *state;
    for (size_t i = 0; i < sizeof(bounds) / sizeof(*bounds); i++) {
        char name[32];
        char series[160];
        struct scrape s;
        snprintf(name, sizeof(name), "m%zu", i);
        struct metrics_model *model = metrics_model(metrics, slice_from_cstr(name));
        count(metrics, model, ROUTE_CHAT, 200, bounds[i].ms * MS);
        count(metrics, model, ROUTE_CHAT, 200, bounds[i].ms * MS + 1);
        scrape(&s, metrics, &no_gauges);
        snprintf(series, sizeof(series),
                 "droid2api_request_duration_seconds_bucket{route=\"/v1/chat/completions\",model=\"m%zu\",le=\"%s\"}",
                 i, bounds[i].le);
        assert_value(&s, series, 1);
        scrape_deinit(&s);
    }
}

static void the_longest_are_in_the_last_bucket_only(void **state)
{
    struct scrape s;
    count(*state, NULL, ROUTE_ROOT, 200, UINT64_MAX);
    scrape(&s, *state, &no_gauges);
    assert_value(&s, "droid2api_request_duration_seconds_bucket{route=\"/\",model=\"other\",le=\"300\"}", 0);
    assert_value(&s, "droid2api_request_duration_seconds_bucket{route=\"/\",model=\"other\",le=\"+Inf\"}", 1);
    scrape_deinit(&s);
}

static void first_tokens_overhead_and_tokens_are_counted_when_known(void **state)
{
    struct metrics *metrics = *state;
    struct metrics_request request = {
        .model = metrics_model(metrics, SLICE("m")),
        .route = ROUTE_RESPONSES,
        .status = 200,
        .duration_ns = 900 * MS,
        .first_token_ns = 400 * MS,
        .overhead_ns = 30000,
        .usage = {.input = 10, .output = 20, .reasoning = 5, .cache_read = 0, .cache_write = -1},
    };
    struct scrape s;
    metrics_count_request(metrics, &request);
    metrics_count_request(metrics, &request);
    scrape(&s, metrics, &no_gauges);
    assert_value(&s, "droid2api_time_to_first_token_seconds_sum{route=\"/v1/responses\",model=\"m\"}", 0.8);
    assert_value(&s, "droid2api_time_to_first_token_seconds_bucket{route=\"/v1/responses\",model=\"m\",le=\"0.25\"}",
                 0);
    assert_value(&s, "droid2api_time_to_first_token_seconds_bucket{route=\"/v1/responses\",model=\"m\",le=\"0.5\"}", 2);
    assert_value(&s, "droid2api_gateway_overhead_seconds_count", 2);
    assert_value(&s, "droid2api_gateway_overhead_seconds_sum", 0.00006);
    assert_value(&s, "droid2api_gateway_overhead_seconds_bucket{le=\"2e-05\"}", 0);
    assert_value(&s, "droid2api_gateway_overhead_seconds_bucket{le=\"5e-05\"}", 2);
    assert_value(&s, "droid2api_tokens_total{model=\"m\",kind=\"input\"}", 20);
    assert_value(&s, "droid2api_tokens_total{model=\"m\",kind=\"output\"}", 40);
    assert_value(&s, "droid2api_tokens_total{model=\"m\",kind=\"reasoning\"}", 10);
    assert_int_equal(n_series(&s, "droid2api_tokens_total"), 3); // neither zero nor unknown
    scrape_deinit(&s);
}

static void label_values_come_back_as_they_were(void **state)
{
    static const struct slice names[] = {
        SLICE_INIT("quote\" and \\ backslash"),
        SLICE_INIT("line\nfeed"),
        SLICE_INIT("line feed"),
        SLICE_INIT("\\n"),
        SLICE_INIT("\\"),
        SLICE_INIT("\""),
        SLICE_INIT("a,b=\"c\"}"),
        SLICE_INIT("\xC3\xA9t\xC3\xA9 \t"),
        SLICE_INIT(""),
    };
    enum { N = sizeof(names) / sizeof(*names) };
    struct metrics *metrics = *state;
    struct scrape s;
    bool is_seen[N] = {false};
    for (size_t i = 0; i < N; i++) {
        count(metrics, metrics_model(metrics, names[i]), ROUTE_CHAT, 200, MS);
        metrics_count_attempt(metrics_endpoint(metrics, names[i]), "ok");
    }
    scrape(&s, metrics, &no_gauges);
    assert_int_equal(n_series(&s, "droid2api_requests_total"), N);
    assert_int_equal(n_series(&s, "droid2api_upstream_attempts_total"), N);
    size_t at = 0;
    for (const struct map_entry *e; (e = map_next(&s.samples, &at));) {
        const struct sample *sample = e->value;
        for (struct slice labels = sample->labels, name; labels.len;) {
            struct slice value = take_label(&s, &labels, &name);
            for (size_t i = 0; i < N && slice_eq(name, SLICE("endpoint")); i++) {
                is_seen[i] |= slice_eq(value, names[i]);
            }
        }
    }
    for (size_t i = 0; i < N; i++) {
        assert_true(is_seen[i]);
    }
    scrape_deinit(&s);
}

// However many names a configuration goes through while it is reloaded, the series stay bounded and nothing is lost.
static void names_are_bounded(void **state)
{
    enum { N = METRICS_NAMES_MAX + 500 };
    struct metrics *metrics = *state;
    struct metrics_model *other = metrics_model(metrics, SLICE("other"));
    struct metrics_endpoint *other_endpoint = metrics_endpoint(metrics, SLICE("other"));
    struct scrape s;
    for (unsigned turn = 0; turn < 2; turn++) {
        for (unsigned i = 0; i < N; i++) {
            char text[32];
            snprintf(text, sizeof(text), "name-%u", i);
            struct slice name = slice_from_cstr(text);
            struct metrics_model *model = metrics_model(metrics, name);
            struct metrics_endpoint *endpoint = metrics_endpoint(metrics, name);
            // "other" is one of them.
            assert_int_equal(model == other, i >= METRICS_NAMES_MAX - 1);
            assert_int_equal(endpoint == other_endpoint, i >= METRICS_NAMES_MAX - 1);
            assert_ptr_equal(model, metrics_model(metrics, name));
            count(metrics, model, ROUTE_CHAT, 200, MS);
            metrics_count_attempt(endpoint, "ok");
        }
    }
    scrape(&s, metrics, &no_gauges);
    assert_int_equal(n_series(&s, "droid2api_requests_total"), METRICS_NAMES_MAX);
    assert_int_equal(n_series(&s, "droid2api_upstream_attempts_total"), METRICS_NAMES_MAX);
    assert_value(&s, "droid2api_requests_total{route=\"/v1/chat/completions\",model=\"other\",status=\"200\"}",
                 2 * (N - METRICS_NAMES_MAX + 1));
    assert_true(sum_of(&s, "droid2api_requests_total") == 2 * N);
    assert_true(sum_of(&s, "droid2api_upstream_attempts_total") == 2 * N);
    scrape_deinit(&s);
}

// An upstream may answer with any status: the rows are bounded, the total is right.
static void statuses_are_bounded(void **state)
{
    struct scrape s;
    for (unsigned status = 100; status < 1000; status++) {
        count(*state, NULL, ROUTE_CHAT, status, MS);
    }
    scrape(&s, *state, &no_gauges);
    assert_true(n_series(&s, "droid2api_requests_total") <= 32);
    assert_true(sum_of(&s, "droid2api_requests_total") == 900);
    scrape_deinit(&s);
}

// Two files that name the same outcome have two texts.
static void an_outcome_is_its_text_not_its_address(void **state)
{
    static const char here[] = "truncated";
    static const char there[] = "truncated";
    struct metrics_endpoint *endpoint = metrics_endpoint(*state, SLICE("e"));
    struct scrape s;
    assert_ptr_not_equal(here, there);
    metrics_count_attempt(endpoint, here);
    metrics_count_attempt(endpoint, there);
    metrics_count_attempt(endpoint, "ok");
    scrape(&s, *state, &no_gauges);
    assert_value(&s, "droid2api_upstream_attempts_total{endpoint=\"e\",outcome=\"truncated\"}", 2);
    assert_value(&s, "droid2api_upstream_attempts_total{endpoint=\"e\",outcome=\"ok\"}", 1);
    scrape_deinit(&s);
}

// Every outcome that the gateway has today gets a row.
static void all_outcomes_have_room(void **state)
{
    static const char *const outcomes[] = {
        "ok",
        "http_3xx",
        "http_4xx",
        "http_5xx",
        "resolve",
        "connect",
        "connect_timeout",
        "proxy",
        "tls",
        "send",
        "closed",
        "header_timeout",
        "protocol",
        "truncated",
        "idle_timeout",
        "first_token_timeout",
        "total_timeout",
        "cancelled",
    };
    enum { N = sizeof(outcomes) / sizeof(*outcomes) };
    struct metrics_endpoint *endpoint = metrics_endpoint(*state, SLICE("e"));
    struct scrape s;
    for (size_t i = 0; i < N; i++) {
        metrics_count_attempt(endpoint, outcomes[i]);
    }
    scrape(&s, *state, &no_gauges);
    assert_int_equal(n_series(&s, "droid2api_upstream_attempts_total"), N);
    scrape_deinit(&s);
}

static void gauges_and_aborts_are_shown(void **state)
{
    static const struct metrics_gauges gauges = {.n_inflight = 1,
                                                 .n_client_connections = 2,
                                                 .n_upstream_idle = 3,
                                                 .n_upstream_busy = 4,
                                                 .log_dropped = 5,
                                                 .started_wall_ms = 1767323045678};
    struct scrape s;
    metrics_count_abort(*state, METRICS_CLIENT);
    metrics_count_abort(*state, METRICS_CLIENT);
    metrics_count_abort(*state, METRICS_UPSTREAM);
    scrape(&s, *state, &gauges);
    assert_value(&s, "droid2api_inflight_requests", 1);
    assert_value(&s, "droid2api_open_connections{side=\"client\"}", 2);
    assert_value(&s, "droid2api_open_connections{side=\"upstream\"}", 7);
    assert_value(&s, "droid2api_upstream_connections{state=\"idle\"}", 3);
    assert_value(&s, "droid2api_upstream_connections{state=\"busy\"}", 4);
    assert_value(&s, "droid2api_log_dropped_total", 5);
    assert_value(&s, "droid2api_streams_aborted_total{side=\"client\"}", 2);
    assert_value(&s, "droid2api_streams_aborted_total{side=\"upstream\"}", 1);
    assert_value(&s, "process_start_time_seconds", 1767323045.678);
    assert_true(value_of(&s, "process_resident_memory_bytes") > 100000);
    assert_true(value_of(&s, "process_open_fds") >= 2);
    assert_true(value_of(&s, "process_cpu_seconds_total") >= 0);
    scrape_deinit(&s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_metrics, free_metrics)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_counted_is_well_formed),
        TEST(requests_are_counted_by_route_model_and_status),
        TEST(bounds_are_inclusive),
        TEST(the_longest_are_in_the_last_bucket_only),
        TEST(first_tokens_overhead_and_tokens_are_counted_when_known),
        TEST(label_values_come_back_as_they_were),
        TEST(names_are_bounded),
        TEST(statuses_are_bounded),
        TEST(an_outcome_is_its_text_not_its_address),
        TEST(all_outcomes_have_room),
        TEST(gauges_and_aborts_are_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
