// SPDX-License-Identifier: MIT
// What is counted, and that every byte of what is told is Prometheus text format 0.0.4.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "gateway/metrics.h"
#include "gateway/process_metrics.h"
#include "gateway/scrape_reader.h"
#include "keys/algorithm.h"

#define MS UINT64_C(1000000)

static const struct metrics_gauges no_gauges = {0};

static void scrape(struct scrape *s, const struct metrics *metrics, const struct metrics_gauges *gauges)
{
    struct buf text = BUF_EMPTY;
    metrics_write(metrics, gauges, &text);
    process_metrics_write(1767323045678, &text);
    scrape_read_take(s, &text);
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
    assert_int_equal(scrape_n_series(&s, "droid2api_requests_total"), 0);
    scrape_assert_value(&s, "droid2api_gateway_overhead_seconds_count", 0);
    scrape_assert_value(&s, "droid2api_build_info{version=\"" DROID2API_VERSION "\"}", 1);
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
    scrape_assert_value(&s, "droid2api_requests_total{route=\"/v1/messages\",model=\"one\",status=\"200\"}", 2);
    scrape_assert_value(&s, "droid2api_requests_total{route=\"/v1/messages\",model=\"one\",status=\"502\"}", 1);
    scrape_assert_value(&s, "droid2api_requests_total{route=\"/v1/chat/completions\",model=\"one\",status=\"200\"}", 1);
    scrape_assert_value(&s, "droid2api_requests_total{route=\"/v1/messages\",model=\"two\",status=\"499\"}", 1);
    scrape_assert_value(&s, "droid2api_requests_total{route=\"other\",model=\"other\",status=\"404\"}", 1);
    assert_int_equal(scrape_n_series(&s, "droid2api_requests_total"), 5);
    scrape_assert_value(&s, "droid2api_request_duration_seconds_count{route=\"/v1/messages\",model=\"one\"}", 3);
    scrape_assert_value(&s, "droid2api_request_duration_seconds_sum{route=\"/v1/messages\",model=\"one\"}", 0.003);
    // Nothing was streamed and nothing measured.
    assert_int_equal(scrape_n_series(&s, "droid2api_time_to_first_token_seconds_count"), 0);
    assert_int_equal(scrape_n_series(&s, "droid2api_tokens_total"), 0);
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
        scrape_assert_value(&s, series, 1);
        scrape_deinit(&s);
    }
}

static void the_longest_are_in_the_last_bucket_only(void **state)
{
    struct scrape s;
    count(*state, NULL, ROUTE_ROOT, 200, UINT64_MAX);
    scrape(&s, *state, &no_gauges);
    scrape_assert_value(&s, "droid2api_request_duration_seconds_bucket{route=\"/\",model=\"other\",le=\"300\"}", 0);
    scrape_assert_value(&s, "droid2api_request_duration_seconds_bucket{route=\"/\",model=\"other\",le=\"+Inf\"}", 1);
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
    scrape_assert_value(&s, "droid2api_time_to_first_token_seconds_sum{route=\"/v1/responses\",model=\"m\"}", 0.8);
    scrape_assert_value(
        &s, "droid2api_time_to_first_token_seconds_bucket{route=\"/v1/responses\",model=\"m\",le=\"0.25\"}", 0);
    scrape_assert_value(
        &s, "droid2api_time_to_first_token_seconds_bucket{route=\"/v1/responses\",model=\"m\",le=\"0.5\"}", 2);
    scrape_assert_value(&s, "droid2api_gateway_overhead_seconds_count", 2);
    scrape_assert_value(&s, "droid2api_gateway_overhead_seconds_sum", 0.00006);
    scrape_assert_value(&s, "droid2api_gateway_overhead_seconds_bucket{le=\"2e-05\"}", 0);
    scrape_assert_value(&s, "droid2api_gateway_overhead_seconds_bucket{le=\"5e-05\"}", 2);
    scrape_assert_value(&s, "droid2api_tokens_total{model=\"m\",kind=\"input\"}", 20);
    scrape_assert_value(&s, "droid2api_tokens_total{model=\"m\",kind=\"output\"}", 40);
    scrape_assert_value(&s, "droid2api_tokens_total{model=\"m\",kind=\"reasoning\"}", 10);
    assert_int_equal(scrape_n_series(&s, "droid2api_tokens_total"), 3); // neither zero nor unknown
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
    assert_int_equal(scrape_n_series(&s, "droid2api_requests_total"), N);
    assert_int_equal(scrape_n_series(&s, "droid2api_upstream_attempts_total"), N);
    size_t at = 0;
    for (const struct map_entry *e; (e = map_next(&s.samples, &at));) {
        const struct sample *sample = e->value;
        for (struct slice labels = sample->labels, name; labels.len;) {
            struct slice value = scrape_take_label(&s, &labels, &name);
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
    assert_int_equal(scrape_n_series(&s, "droid2api_requests_total"), METRICS_NAMES_MAX);
    assert_int_equal(scrape_n_series(&s, "droid2api_upstream_attempts_total"), METRICS_NAMES_MAX);
    scrape_assert_value(&s, "droid2api_requests_total{route=\"/v1/chat/completions\",model=\"other\",status=\"200\"}",
                        2 * (N - METRICS_NAMES_MAX + 1));
    assert_true(scrape_sum(&s, "droid2api_requests_total") == 2 * N);
    assert_true(scrape_sum(&s, "droid2api_upstream_attempts_total") == 2 * N);
    scrape_deinit(&s);
}

// An upstream may answer with any status: what nobody knows is one series, and the total is right.
static void statuses_are_bounded(void **state)
{
    static const unsigned kept[] = {200, 204, 304, 400, 418, 429, 451, 499, 500, 503, 511, 529};
    struct scrape s;
    for (unsigned status = 0; status < 1000; status++) {
        count(*state, NULL, ROUTE_CHAT, status, MS);
    }
    scrape(&s, *state, &no_gauges);
    assert_int_equal(scrape_n_series(&s, "droid2api_requests_total"), 56);
    assert_true(scrape_sum(&s, "droid2api_requests_total") == 1000);
    for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++) {
        char series[128];
        snprintf(series, sizeof(series),
                 "droid2api_requests_total{route=\"/v1/chat/completions\",model=\"other\",status=\"%u\"}", kept[i]);
        scrape_assert_value(&s, series, 1);
    }
    scrape_assert_value(&s, "droid2api_requests_total{route=\"/v1/chat/completions\",model=\"other\",status=\"other\"}",
                        1000 - 55);
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
    scrape_assert_value(&s, "droid2api_upstream_attempts_total{endpoint=\"e\",outcome=\"truncated\"}", 2);
    scrape_assert_value(&s, "droid2api_upstream_attempts_total{endpoint=\"e\",outcome=\"ok\"}", 1);
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
    assert_int_equal(scrape_n_series(&s, "droid2api_upstream_attempts_total"), N);
    scrape_deinit(&s);
}

static void gauges_and_aborts_are_shown(void **state)
{
    static const struct metrics_gauges gauges = {
        .n_inflight = 1, .n_waiting = 7, .n_client_connections = 2, .log_dropped = 5};
    struct scrape s;
    metrics_count_abort(*state, METRICS_CLIENT);
    metrics_count_abort(*state, METRICS_CLIENT);
    metrics_count_abort(*state, METRICS_UPSTREAM);
    scrape(&s, *state, &gauges);
    scrape_assert_value(&s, "droid2api_inflight_requests", 1);
    scrape_assert_value(&s, "droid2api_waiting_requests", 7);
    scrape_assert_value(&s, "droid2api_open_connections{side=\"client\"}", 2);
    scrape_assert_value(&s, "droid2api_open_connections{side=\"upstream\"}", 0);
    scrape_assert_value(&s, "droid2api_log_dropped_total", 5);
    scrape_assert_value(&s, "droid2api_streams_aborted_total{side=\"client\"}", 2);
    scrape_assert_value(&s, "droid2api_streams_aborted_total{side=\"upstream\"}", 1);
    scrape_assert_value(&s, "process_start_time_seconds", 1767323045.678);
    assert_true(scrape_value(&s, "process_resident_memory_bytes") > 100000);
    assert_true(scrape_value(&s, "process_virtual_memory_bytes") > scrape_value(&s, "process_resident_memory_bytes"));
    assert_true(scrape_value(&s, "process_open_fds") >= 2);
    assert_true(scrape_value(&s, "process_max_fds") > scrape_value(&s, "process_open_fds"));
    assert_true(scrape_value(&s, "process_cpu_seconds_total") >= 0);
    scrape_deinit(&s);
}

// Endpoints that a reload has taken away have no connections of their own; what they still have is `other`'s.
static void endpoints_are_told_as_configured(void **state)
{
    struct metrics *metrics = *state;
    struct scrape s;
    *metrics_endpoint_gauges(metrics_endpoint(metrics, SLICE("gone"))) =
        (struct metrics_endpoint_gauges){.n_idle = 9, .is_open = true, .is_configured = true};
    metrics_count_attempt(metrics_endpoint(metrics, SLICE("gone")), "ok");
    metrics_forget_endpoints(metrics);
    *metrics_endpoint_gauges(metrics_endpoint(metrics, SLICE("here"))) = (struct metrics_endpoint_gauges){
        .n_idle = 3, .n_busy = 4, .n_models_open = 2, .is_open = true, .is_configured = true};
    metrics_endpoint_gauges(metrics_endpoint(metrics, SLICE("other")))->n_busy = 1;
    scrape(&s, metrics, &no_gauges);
    scrape_assert_value(&s, "droid2api_upstream_connections{endpoint=\"here\",state=\"idle\"}", 3);
    scrape_assert_value(&s, "droid2api_upstream_connections{endpoint=\"here\",state=\"busy\"}", 4);
    scrape_assert_value(&s, "droid2api_upstream_connections{endpoint=\"other\",state=\"idle\"}", 0);
    scrape_assert_value(&s, "droid2api_upstream_connections{endpoint=\"other\",state=\"busy\"}", 1);
    scrape_assert_value(&s, "droid2api_open_connections{side=\"upstream\"}", 8);
    scrape_assert_value(&s, "droid2api_breakers_open{endpoint=\"here\",of=\"endpoint\"}", 1);
    scrape_assert_value(&s, "droid2api_breakers_open{endpoint=\"here\",of=\"models\"}", 2);
    assert_int_equal(scrape_n_series(&s, "droid2api_breakers_open"), 2);
    assert_int_equal(scrape_n_series(&s, "droid2api_upstream_connections"), 4);
    scrape_assert_value(&s, "droid2api_upstream_attempts_total{endpoint=\"gone\",outcome=\"ok\"}", 1);
    scrape_deinit(&s);
}

// All are there from the start, so that a rate of each is right from its first pick on.
static void every_way_to_pick_a_key_is_told(void **state)
{
    struct metrics *metrics = *state;
    struct scrape s;
    for (unsigned i = 0; i < N_METRICS_SELECTIONS; i++) {
        for (unsigned n = 0; n < i; n++) {
            metrics_count_selection(metrics, i);
        }
    }
    scrape(&s, metrics, &no_gauges);
    assert_int_equal(scrape_n_series(&s, "droid2api_key_selections_total"), N_METRICS_SELECTIONS);
    for (unsigned i = 0; i < KEY_ALGORITHM_COUNT; i++) {
        char series[128];
        snprintf(series, sizeof(series), "droid2api_key_selections_total{algorithm=\"%.*s\"}",
                 SLICE_ARG(key_algorithm_of((enum key_algorithm_id)i)->name));
        scrape_assert_value(&s, series, i);
    }
    scrape_assert_value(&s, "droid2api_key_selections_total{algorithm=\"affinity\"}", METRICS_BY_AFFINITY);
    scrape_assert_value(&s, "droid2api_key_selections_total{algorithm=\"test\"}", METRICS_FOR_TEST);
    scrape_deinit(&s);
}

static void what_happens_to_keys_is_told_by_reason(void **state)
{
    struct metrics *metrics = *state;
    struct scrape s;
    metrics_count_retry(metrics, "key_model");
    metrics_count_ban(metrics, "key_credit");
    metrics_count_cooldown(metrics, "key_model");
    metrics_count_cooldown(metrics, "key_model");
    scrape(&s, metrics, &no_gauges);
    scrape_assert_value(&s, "droid2api_retries_total{reason=\"key_model\"}", 1);
    scrape_assert_value(&s, "droid2api_key_bans_total{reason=\"key_credit\"}", 1);
    scrape_assert_value(&s, "droid2api_key_cooldowns_total{reason=\"key_model\"}", 2);
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
        TEST(endpoints_are_told_as_configured),
        TEST(every_way_to_pick_a_key_is_told),
        TEST(what_happens_to_keys_is_told_by_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
