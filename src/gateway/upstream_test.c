// SPDX-License-Identifier: MIT
// What a configuration makes of a request's fixed head, its credential line and its way.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "config/config_fixture.h"
#include "gateway/upstream.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

struct fixture {
    void *config; // owned: config fixture
    struct loop loop;
    struct http_client *client;
    struct metrics *metrics;
    struct health health;
    struct routing *routing; // ref: of the last load
};

static int setup(void **state)
{
    struct fixture *f = mem_zalloc(sizeof(*f));
    *state = f;
    loop_init(&f->loop);
    f->client = http_client_new(&f->loop, &http_client_limits_default);
    f->metrics = metrics_new();
    assert_int_equal(health_create(&f->health), 0);
    return config_fixture_setup(&f->config);
}

static void drop_routing(struct fixture *f)
{
    if (f->routing) {
        routing_unref(f->routing);
        f->routing = NULL;
    }
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    drop_routing(f);
    int r = config_fixture_teardown(&f->config);
    http_client_close(f->client);
    loop_deinit(&f->loop);
    http_client_free(f->client);
    metrics_free(f->metrics);
    health_close(&f->health);
    mem_free(f);
    return r;
}

static const struct routing *load(struct fixture *f, const char *file)
{
    config_fixture_write("data/config.json", file);
    struct config *config = config_fixture_load(f->config, NULL, false);
    assert_string_equal(config_fixture_errors(f->config), "");
    assert_non_null(config);
    drop_routing(f);
    f->routing = routing_new(config, f->client, f->metrics, &f->health);
    return f->routing;
}

// The upstream of a model "m" of this type with this endpoint (members behind its name) and this rest of the file.
static const struct upstream *load_one(struct fixture *f, const char *type, const char *endpoint, const char *rest)
{
    char file[2048];
    snprintf(file, sizeof(file),
             "{\"endpoint\": [{\"name\": \"e\", %s}], \"models\": [{\"id\": \"m\", \"type\": \"%s\", "
             "\"endpoint\": \"e\"}]%s%s}",
             endpoint, type, rest ? ", " : "", rest ? rest : "");
    return routing_find(load(f, file), SLICE("m"));
}

// ---- reading a head -------------------------------------------------------------------------------------------------

// Calls it a failure when a line is malformed.
static size_t count_lines(struct slice head, const char *name, struct slice *value_r)
{
    size_t n = 0;
    while (head.len) {
        size_t end = slice_find(head, SLICE("\r\n"));
        assert_true(end != SLICE_NOT_FOUND && end > 0);
        struct slice line = slice_of(head.ptr, end);
        size_t colon = slice_find(line, SLICE(": "));
        assert_true(colon != SLICE_NOT_FOUND && colon > 0);
        if (slice_eq_nocase(slice_of(line.ptr, colon), slice_from_cstr(name))) {
            *value_r = slice_after(line, colon + 2);
            n++;
        }
        head = slice_after(head, end + 2);
    }
    return n;
}

// `value` NULL: there is no such line. Else there is exactly one.
static void assert_line(const struct upstream *upstream, const char *name, const char *value)
{
    struct slice found = SLICE_EMPTY;
    size_t n = count_lines(upstream->fixed_head, name, &found);
    if (n != (value ? 1 : 0) || (value && !slice_eq(found, slice_from_cstr(value)))) {
        fail_msg("%zu lines \"%s: %.*s\", not \"%s\", in\n%.*s", n, name, SLICE_ARG(found), value ? value : "(none)",
                 SLICE_ARG(upstream->fixed_head));
    }
}

static void assert_auth_line(const struct upstream *upstream, const char *line)
{
    if (!slice_eq(upstream->auth_line, slice_from_cstr(line))) {
        fail_msg("\"%.*s\" is not \"%s\"", SLICE_ARG(upstream->auth_line), line);
    }
}

// ---- heads ----------------------------------------------------------------------------------------------------------

static void a_plain_endpoint_gets_these_lines_only(void **state)
{
    const struct upstream *upstream = load_one(*state, "anthropic", "\"base_url\": \"https://upstream.example\"", NULL);
    assert_true(slice_eq(upstream->fixed_head, SLICE("host: upstream.example\r\n"
                                                     "content-type: application/json\r\n"
                                                     "accept-encoding: identity\r\n"
                                                     "user-agent: droid2api/" DROID2API_VERSION "\r\n")));
    assert_false(upstream->is_factory);
    assert_int_equal(upstream->overridden, 0);
    assert_int_equal(upstream->n_ways, 1);
}

static void the_host_has_the_port_that_is_not_the_default(void **state)
{
    static const struct {
        const char *base_url;
        const char *host;
    } cases[] = {
        {"https://upstream.example", "upstream.example"},
        {"https://upstream.example:443", "upstream.example"},
        {"https://upstream.example:8443/v1", "upstream.example:8443"},
        {"https://upstream.example:80", "upstream.example:80"},
        {"http://upstream.example", "upstream.example"},
        {"http://upstream.example:80/", "upstream.example"},
        {"http://upstream.example:443", "upstream.example:443"},
        {"http://127.0.0.1:8080", "127.0.0.1:8080"},
        {"http://[::1]", "[::1]"},
        {"http://[2001:db8::1]:8080/base", "[2001:db8::1]:8080"},
        {"https://[::1]:443", "[::1]"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char endpoint[128];
        snprintf(endpoint, sizeof(endpoint), "\"base_url\": \"%s\"", cases[i].base_url);
        assert_line(load_one(*state, "common", endpoint, NULL), "host", cases[i].host);
    }
}

static void the_type_decides_dialect_and_credential_line(void **state)
{
    static const struct {
        const char *type;
        const char *auth;
        enum dialect dialect;
        const char *line;
    } cases[] = {
        {"anthropic", "", DIALECT_ANTHROPIC, "x-api-key: "},
        {"openai", "", DIALECT_RESPONSES, "authorization: Bearer "},
        {"common", "", DIALECT_CHAT, "authorization: Bearer "},
        {"google", "", DIALECT_GEMINI, "x-goog-api-key: "},
        {"anthropic", ", \"auth\": \"bearer\"", DIALECT_ANTHROPIC, "authorization: Bearer "},
        {"google", ", \"auth\": \"x-api-key\"", DIALECT_GEMINI, "x-api-key: "},
        {"common", ", \"auth\": \"x-goog-api-key\"", DIALECT_CHAT, "x-goog-api-key: "},
        {"anthropic", ", \"factory\": true", DIALECT_ANTHROPIC, "authorization: Bearer "},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char endpoint[128];
        snprintf(endpoint, sizeof(endpoint), "\"base_url\": \"http://upstream.example\"%s", cases[i].auth);
        const struct upstream *upstream = load_one(*state, cases[i].type, endpoint, NULL);
        assert_int_equal(upstream->dialect, cases[i].dialect);
        assert_auth_line(upstream, cases[i].line);
    }
}

static void factory_endpoints_get_their_headers(void **state)
{
    static const struct {
        const char *type;
        const char *provider;
    } cases[] = {{"anthropic", "anthropic"}, {"openai", "azure_openai"}, {"common", "baseten"}, {"google", "google"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct upstream *upstream =
            load_one(*state, cases[i].type, "\"base_url\": \"https://app.factory.ai\"", NULL);
        assert_true(upstream->is_factory);
        assert_line(upstream, "x-factory-client", "cli");
        assert_line(upstream, "x-api-provider", cases[i].provider);
    }
    struct fixture *f = *state;
    assert_line(routing_find(load(f, "{\"endpoint\": [{\"name\": \"e\", \"base_url\": \"https://app.factory.ai\"}], "
                                     "\"models\": [{\"id\": \"m\", \"type\": \"openai\", \"endpoint\": \"e\", "
                                     "\"provider\": \"own\"}]}"),
                             SLICE("m")),
                "x-api-provider", "own");
}

// The endpoints that are there without any configuration.
static void defaults_reach_factory(void **state)
{
    const struct routing *routing = load(*state, "{}");
    assert_true(routing->config->n_models > 0);
    for (size_t i = 0; i < routing->config->n_models; i++) {
        const struct upstream *upstream = &routing->upstreams[i];
        assert_true(upstream->is_factory);
        assert_line(upstream, "host", "app.factory.ai");
        assert_line(upstream, "x-factory-client", "cli");
        assert_auth_line(upstream, "authorization: Bearer ");
    }
}

static void endpoint_headers_add_replace_and_remove(void **state)
{
    const struct upstream *upstream =
        load_one(*state, "anthropic",
                 "\"base_url\": \"https://app.factory.ai\", \"headers\": {\"X-Factory-Client\": \"web\", "
                 "\"x-api-provider\": null, \"Accept-Encoding\": null, \"user-agent\": \"own/1\", \"x-own\": \"a: b\", "
                 "\"X-Session-Id\": \"fixed\", \"anthropic-version\": null, \"x-empty\": \"\"}",
                 NULL);
    assert_line(upstream, "x-factory-client", "web");
    assert_line(upstream, "x-api-provider", NULL);
    assert_line(upstream, "accept-encoding", NULL);
    assert_line(upstream, "user-agent", "own/1");
    assert_line(upstream, "x-own", "a: b");
    assert_line(upstream, "x-session-id", "fixed");
    assert_line(upstream, "x-empty", "");
    assert_line(upstream, "anthropic-version", NULL);
    assert_line(upstream, "content-type", "application/json");
    // What is written per request asks these.
    assert_true(upstream_overrides(upstream, HEADER_X_SESSION_ID));
    assert_true(upstream_overrides(upstream, HEADER_ANTHROPIC_VERSION));
    assert_false(upstream_overrides(upstream, HEADER_X_ASSISTANT_MESSAGE_ID));
    assert_false(upstream_overrides(upstream, HEADER_ANTHROPIC_BETA));
    assert_false(upstream_overrides(upstream, HEADER_OTHER));
    assert_auth_line(upstream, "authorization: Bearer ");
}

// A credential of the endpoint's own goes alone; a credential line that is removed is not sent.
static void endpoint_headers_decide_over_the_credential_line(void **state)
{
    static const struct {
        const char *type;
        const char *headers;
        const char *line;
    } cases[] = {
        {"anthropic", "\"x-api-key\": \"key-one\"", ""},
        {"anthropic", "\"Authorization\": \"Bearer key-one\"", ""},
        {"common", "\"x-api-key\": \"key-one\"", ""},
        {"common", "\"X-Goog-Api-Key\": \"key-one\"", ""},
        {"google", "\"authorization\": \"Bearer key-one\"", ""},
        {"anthropic", "\"x-api-key\": null", ""},
        {"common", "\"AUTHORIZATION\": null", ""},
        {"google", "\"x-goog-api-key\": null", ""},
        {"anthropic", "\"authorization\": null", "x-api-key: "},
        {"common", "\"x-api-key\": null", "authorization: Bearer "},
        {"common", "\"cookie\": \"a=b\"", "authorization: Bearer "},
        {"common", "\"x-api-keys\": \"key-one\"", "authorization: Bearer "},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char endpoint[160];
        snprintf(endpoint, sizeof(endpoint), "\"base_url\": \"http://upstream.example\", \"headers\": {%s}",
                 cases[i].headers);
        assert_auth_line(load_one(*state, cases[i].type, endpoint, NULL), cases[i].line);
    }
}

static void the_user_agent_is_configurable(void **state)
{
    const char *endpoint = "\"base_url\": \"http://upstream.example\"";
    assert_line(load_one(*state, "common", endpoint, "\"user_agent\": \"own/2 (x)\""), "user-agent", "own/2 (x)");
}

// ---- ways -----------------------------------------------------------------------------------------------------------

static struct client_origin *origin(struct fixture *f, uint16_t proxy_port, const char *authorization)
{
    struct http_origin origin = {.host = SLICE("upstream.example"), .port = 443, .is_tls = true};
    if (proxy_port) {
        origin.proxy_host = SLICE("proxy.example");
        origin.proxy_port = proxy_port;
        origin.proxy_authorization = slice_from_cstr(authorization);
    }
    return http_client_origin(f->client, &origin);
}

static const char two_proxies[] = "\"proxies\": [{\"name\": \"one\", \"url\": \"http://proxy.example:1001\"}, "
                                  "{\"name\": \"two\", \"url\": \"http://user:pass@proxy.example:1002\"}]";

static void without_proxies_there_is_one_way(void **state)
{
    const struct upstream *upstream = load_one(*state, "common", "\"base_url\": \"https://upstream.example\"", NULL);
    assert_int_equal(upstream->n_ways, 1);
    assert_ptr_equal(upstream->ways[0].origin, origin(*state, 0, NULL));
}

static void proxies_are_a_way_each(void **state)
{
    const struct upstream *upstream =
        load_one(*state, "common", "\"base_url\": \"https://upstream.example\"", two_proxies);
    assert_int_equal(upstream->n_ways, 2);
    assert_int_equal(upstream->next_way, 0);
    assert_ptr_equal(upstream->ways[0].origin, origin(*state, 1001, NULL));
    assert_ptr_equal(upstream->ways[1].origin, origin(*state, 1002, "Basic dXNlcjpwYXNz"));
}

static void an_endpoint_with_a_proxy_has_that_way_only(void **state)
{
    const struct upstream *upstream =
        load_one(*state, "common", "\"base_url\": \"https://upstream.example\", \"proxy\": \"two\"", two_proxies);
    assert_int_equal(upstream->n_ways, 1);
    assert_ptr_equal(upstream->ways[0].origin, origin(*state, 1002, "Basic dXNlcjpwYXNz"));
}

// A reload that changes nothing about the way keeps the pool of connections.
static void a_reload_keeps_the_way(void **state)
{
    struct client_origin *before =
        load_one(*state, "common", "\"base_url\": \"https://upstream.example\"", NULL)->ways[0].origin;
    assert_ptr_equal(
        load_one(*state, "anthropic", "\"base_url\": \"https://upstream.example:443/v1\"", NULL)->ways[0].origin,
        before);
}

// ---- looking up -----------------------------------------------------------------------------------------------------

static void models_are_found_by_id_and_redirect(void **state)
{
    struct fixture *f = *state;
    const struct routing *routing =
        load(f, "{\"endpoint\": [{\"name\": \"e\", \"base_url\": \"http://upstream.example\"}], \"models\": ["
                "{\"id\": \"a\", \"type\": \"common\", \"endpoint\": \"e\"},"
                "{\"id\": \"b\", \"type\": \"anthropic\", \"endpoint\": \"e\"}],"
                "\"model_redirects\": {\"old\": \"older\", \"older\": \"b\", \"a\": \"b\"}}");
    assert_ptr_equal(routing_find(routing, SLICE("b")), &routing->upstreams[1]);
    assert_ptr_equal(routing_find(routing, SLICE("old")), &routing->upstreams[1]);
    assert_ptr_equal(routing_find(routing, SLICE("a")), &routing->upstreams[1]);
    assert_null(routing_find(routing, SLICE("c")));
    assert_null(routing_find(routing, SLICE_EMPTY));
    assert_ptr_equal(routing->upstreams[0].series, metrics_model(f->metrics, SLICE("a")));
    assert_ptr_equal(routing->upstreams[1].endpoint_series, metrics_endpoint(f->metrics, SLICE("e")));
}

// A request that began under an old configuration still has all of it.
static void a_routing_outlives_its_configuration(void **state)
{
    struct fixture *f = *state;
    load_one(f, "common", "\"base_url\": \"http://upstream.example\"", NULL);
    struct routing *kept = routing_ref(f->routing);
    load_one(f, "common", "\"base_url\": \"http://other.example\"", NULL);
    assert_line(routing_find(kept, SLICE("m")), "host", "upstream.example");
    assert_line(routing_find(f->routing, SLICE("m")), "host", "other.example");
    assert_true(slice_eq(routing_find(kept, SLICE("m"))->model->endpoint->host, SLICE("upstream.example")));
    routing_unref(kept);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_plain_endpoint_gets_these_lines_only),
        TEST(the_host_has_the_port_that_is_not_the_default),
        TEST(the_type_decides_dialect_and_credential_line),
        TEST(factory_endpoints_get_their_headers),
        TEST(defaults_reach_factory),
        TEST(endpoint_headers_add_replace_and_remove),
        TEST(endpoint_headers_decide_over_the_credential_line),
        TEST(the_user_agent_is_configurable),
        TEST(without_proxies_there_is_one_way),
        TEST(proxies_are_a_way_each),
        TEST(an_endpoint_with_a_proxy_has_that_way_only),
        TEST(a_reload_keeps_the_way),
        TEST(models_are_found_by_id_and_redirect),
        TEST(a_routing_outlives_its_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
