// SPDX-License-Identifier: MIT
// config.json: created, read, its sections, and the exact line of everything that can be wrong with it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config_fixture.h"

static void assert_slice(struct slice given, const char *expected)
{
    if (!slice_eq(given, slice_from_cstr(expected))) {
        fail_msg("\"%.*s\" is not \"%s\"", SLICE_ARG(given), expected);
    }
}

static const struct config *load_well(struct config_fixture *f, const char *json)
{
    config_fixture_write("data/config.json", json);
    const struct config *config = config_fixture_load(f, NULL, false);
    assert_string_equal(config_fixture_errors(f), "");
    assert_non_null(config);
    return config;
}

static const struct config_model *model(const struct config *config, const char *id)
{
    const struct config_model *found = config_find_model(config, slice_from_cstr(id));
    assert_non_null(found);
    return found;
}

static void assert_same_settings(const struct config *a, const struct config *b)
{
    assert_int_equal(a->port, b->port);
    assert_int_equal(a->public_models, b->public_models);
    assert_int_equal(a->max_body_bytes, b->max_body_bytes);
    assert_int_equal(a->max_connections, b->max_connections);
    assert_memory_equal(a->reasoning_budget, b->reasoning_budget, sizeof(a->reasoning_budget));
    assert_true(slice_eq(a->key_test_model, b->key_test_model));
    assert_int_equal(a->balance_sync.enabled, b->balance_sync.enabled);
    assert_true(slice_eq(a->balance_sync.base_url, b->balance_sync.base_url));
    assert_true(slice_eq(a->user_agent, b->user_agent));
    assert_true(slice_eq(a->system_prompt, b->system_prompt));
    assert_int_equal(a->n_models, b->n_models);
    for (size_t i = 0; i < a->n_models; i++) {
        assert_true(slice_eq(a->models[i].id, b->models[i].id));
        assert_int_equal(a->models[i].type, b->models[i].type);
        assert_true(slice_eq(a->models[i].endpoint->base_url, b->models[i].endpoint->base_url));
    }
}

static void created_file_equals_the_defaults(void **state)
{
    struct config_fixture *f = *state;
    struct stat st;
    struct config *without = config_ref(config_fixture_load(f, NULL, false));
    assert_int_equal(access("data", F_OK), -1);
    struct config *first = config_ref(config_fixture_load(f, NULL, true));
    assert_string_equal(config_fixture_warnings(f), "");
    assert_int_equal(stat("data", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(stat("data/config.json", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    struct config *second = config_fixture_load(f, NULL, true);
    assert_string_equal(config_fixture_errors(f), "");
    assert_string_equal(config_fixture_warnings(f), "");
    assert_same_settings(first, without);
    assert_same_settings(second, without);
    config_unref(first);
    config_unref(without);
}

static void file_is_not_created_over_an_old_one_or_after_an_error(void **state)
{
    struct config_fixture *f = *state;
    assert_null(config_fixture_load(f, "PORT=x", true));
    assert_int_equal(access("data", F_OK), -1);
    config_fixture_write("data/config.json", "{\"port\": 1}");
    assert_int_equal(config_fixture_load(f, NULL, true)->port, 1);
    assert_int_equal(config_fixture_load(f, NULL, true)->port, 1);
}

static void failing_to_create_is_a_warning(void **state)
{
    struct config_fixture *f = *state;
    config_fixture_write("data", "a file, no folder");
    assert_non_null(config_fixture_load(f, NULL, true));
    assert_string_equal(config_fixture_warnings(f),
                        "data/config.json cannot be created, going on with the defaults: Not a directory\n");
}

// As the Node project writes it: endpoints without type, models without endpoint.
static void file_of_the_node_project(void **state)
{
    struct config_fixture *f = *state;
    const struct config *config = load_well(
        f, "\xef\xbb\xbf{\r\n"
           "  \"port\": 3001,\r\n"
           "  \"model_redirects\": {\"claude-3-5-haiku\": \"claude-haiku\", \"fast\": \"claude-3-5-haiku\"},\r\n"
           "  \"endpoint\": [\r\n"
           "    {\"name\": \"openai\", \"base_url\": \"https://app.factory.ai/api/llm/o/v1/responses\"},\r\n"
           "    {\"name\": \"anthropic\", \"base_url\": \"https://app.factory.ai/api/llm/a/v1/messages\"},\r\n"
           "    {\"name\": \"common\", \"base_url\": \"https://app.factory.ai/api/llm/o/v1/chat/completions\"},\r\n"
           "    {\"name\": \"google\", \"base_url\": \"https://app.factory.ai/api/llm/g/v1/generate\"}\r\n"
           "  ],\r\n"
           "  \"proxies\": [],\r\n"
           "  \"models\": [\r\n"
           "    {\"name\": \"Haiku\", \"id\": \"claude-haiku\", \"type\": \"anthropic\", \"reasoning\": \"auto\", "
           "\"provider\": \"anthropic\"},\r\n"
           "    {\"name\": \"GPT\", \"id\": \"gpt-x\", \"type\": \"openai\", \"reasoning\": \"xhigh\", \"fast\": "
           "true},\r\n"
           "    {\"name\": \"GLM\", \"id\": \"glm-x\", \"type\": \"common\", \"reasoning\": \"off\"},\r\n"
           "    {\"id\": \"gemini-x\", \"type\": \"google\", \"upstream_model\": \"gemini-y\"}\r\n"
           "  ],\r\n"
           "  \"dev_mode\": false,\r\n"
           "  \"user_agent\": \"factory-cli/1\",\r\n"
           "  \"system_prompt\": \"One.\\n\\nTwo.\"\r\n"
           "}\r\n");
    assert_string_equal(config_fixture_warnings(f), "data/config.json:17:15: dev_mode is unknown and ignored\n");
    assert_int_equal(config->port, 3001);
    assert_slice(config->user_agent, "factory-cli/1");
    assert_slice(config->system_prompt, "One.\n\nTwo.");
    assert_int_equal(config->n_models, 4);
    assert_ptr_equal(model(config, "fast"), model(config, "claude-haiku"));
    assert_ptr_equal(model(config, "claude-3-5-haiku"), model(config, "claude-haiku"));
    assert_null(config_find_model(config, SLICE("claude")));
    assert_slice(model(config, "claude-haiku")->name, "Haiku");
    assert_slice(model(config, "claude-haiku")->provider, "anthropic");
    assert_slice(model(config, "gemini-x")->name, "gemini-x");
    assert_slice(model(config, "gemini-x")->upstream_model, "gemini-y");
    assert_int_equal(model(config, "gpt-x")->reasoning, REASONING_XHIGH);
    assert_true(model(config, "gpt-x")->fast);
    assert_int_equal(model(config, "glm-x")->reasoning, REASONING_OFF);
    assert_int_equal(model(config, "gemini-x")->reasoning, REASONING_AUTO);
    const struct config_endpoint *google = model(config, "gemini-x")->endpoint;
    assert_slice(google->host, "app.factory.ai");
    assert_slice(google->path, "/api/llm/g/v1/generate");
    assert_true(google->is_generate_route && google->is_tls && google->is_factory && google->has_type);
    assert_int_equal(google->port, 443);
    for (size_t i = 0; i < config->n_models; i++) {
        assert_int_equal(config->models[i].endpoint->type, config->models[i].type);
        assert_int_equal(config->models[i].endpoint->auth, AUTH_BEARER);
    }
}

static void settings_of_the_file(void **state)
{
    const struct config *config = load_well(*state, "{\"public_models\": false, \"reasoning_tokens\": {\"low\": 1},"
                                                    " \"limits\": {\"max_body_bytes\": 2048, \"max_connections\": 2}}");
    assert_false(config->public_models);
    assert_int_equal(config->reasoning_budget[0], 1);
    assert_int_equal(config->reasoning_budget[1], 12288);
    assert_int_equal(config->max_body_bytes, 2048);
    assert_int_equal(config->max_connections, 2);
    assert_int_equal(config->n_models, 9);
}

static void endpoints_of_other_providers(void **state)
{
    static const struct {
        const char *endpoint; // members beside the name "e" and the type
        enum model_type type;
        const char *host;
        uint16_t port;
        const char *path;
        enum auth_style auth;
        bool is_factory;
    } cases[] = {
        {"\"base_url\": \"https://api.anthropic.com\"", MODEL_ANTHROPIC, "api.anthropic.com", 443, "/v1/messages",
         AUTH_X_API_KEY, false},
        {"\"base_url\": \"https://api.openai.com/v1\"", MODEL_OPENAI, "api.openai.com", 443, "/v1/responses",
         AUTH_BEARER, false},
        {"\"base_url\": \"http://127.0.0.1:8080/v1/\"", MODEL_COMMON, "127.0.0.1", 8080, "/v1/chat/completions",
         AUTH_BEARER, false},
        {"\"base_url\": \"http://[::1]:8080\"", MODEL_GOOGLE, "::1", 8080, "/v1beta", AUTH_X_GOOG_API_KEY, false},
        {"\"base_url\": \"https://h\", \"auth\": \"bearer\"", MODEL_ANTHROPIC, "h", 443, "/v1/messages", AUTH_BEARER,
         false},
        {"\"base_url\": \"https://h\", \"auth\": \"x-api-key\"", MODEL_COMMON, "h", 443, "/v1/chat/completions",
         AUTH_X_API_KEY, false},
        {"\"base_url\": \"http://h\", \"factory\": true", MODEL_ANTHROPIC, "h", 80, "/v1/messages", AUTH_BEARER, true},
        {"\"base_url\": \"https://FACTORY.ai\"", MODEL_ANTHROPIC, "FACTORY.ai", 443, "/v1/messages", AUTH_BEARER, true},
        {"\"base_url\": \"https://eu.factory.ai\", \"factory\": false", MODEL_ANTHROPIC, "eu.factory.ai", 443,
         "/v1/messages", AUTH_X_API_KEY, false},
        {"\"base_url\": \"https://notfactory.ai\"", MODEL_ANTHROPIC, "notfactory.ai", 443, "/v1/messages",
         AUTH_X_API_KEY, false},
    };
    static const char *const types[] = {"anthropic", "openai", "common", "google"};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char json[512];
        snprintf(json, sizeof(json), "{\"endpoint\": [{\"name\": \"e\", \"type\": \"%s\", %s}], \"models\": []}",
                 types[cases[i].type], cases[i].endpoint);
        const struct config *config = load_well(*state, json);
        const struct config_endpoint *endpoint = &config->endpoints[0];
        assert_int_equal(endpoint->type, cases[i].type);
        assert_slice(endpoint->host, cases[i].host);
        assert_int_equal(endpoint->port, cases[i].port);
        assert_slice(endpoint->path, cases[i].path);
        assert_int_equal(endpoint->auth, cases[i].auth);
        assert_int_equal(endpoint->is_factory, cases[i].is_factory);
    }
}

// An endpoint without type serves models of several, each at its own route; one with a type those of others by name.
static void endpoint_named_by_models_of_several_types(void **state)
{
    const struct config *config = load_well(
        *state,
        "{\"endpoint\": [{\"name\": \"any\", \"base_url\": \"https://h/api/v1\"},"
        " {\"name\": \"openai\", \"base_url\": \"https://o/v1\"}],"
        " \"models\": [{\"id\": \"a\", \"type\": \"anthropic\", \"endpoint\": \"any\"},"
        " {\"id\": \"b\", \"type\": \"common\", \"endpoint\": \"any\"},"
        " {\"id\": \"c\", \"type\": \"common\", \"endpoint\": \"any\"},"
        " {\"id\": \"d\", \"type\": \"openai\"}, {\"id\": \"e\", \"type\": \"common\", \"endpoint\": \"openai\"}]}");
    assert_int_equal(config->n_endpoints, 2);
    assert_false(config->endpoints[0].has_type);
    assert_slice(model(config, "a")->endpoint->path, "/api/v1/messages");
    assert_int_equal(model(config, "a")->endpoint->auth, AUTH_X_API_KEY);
    assert_slice(model(config, "b")->endpoint->path, "/api/v1/chat/completions");
    assert_int_equal(model(config, "b")->endpoint->auth, AUTH_BEARER);
    assert_ptr_equal(model(config, "b")->endpoint, model(config, "c")->endpoint);
    assert_ptr_equal(model(config, "d")->endpoint, &config->endpoints[1]);
    assert_slice(model(config, "e")->endpoint->path, "/v1/chat/completions");
    assert_slice(model(config, "e")->endpoint->name, "openai");
}

static void first_endpoint_of_the_type_serves(void **state)
{
    const struct config *config =
        load_well(*state, "{\"endpoint\": [{\"name\": \"x\", \"type\": \"common\", \"base_url\": \"https://x\"},"
                          " {\"name\": \"y\", \"base_url\": \"https://y/v1/messages\"},"
                          " {\"name\": \"anthropic\", \"base_url\": \"https://z\"}],"
                          " \"models\": [{\"id\": \"a\", \"type\": \"anthropic\"},"
                          " {\"id\": \"b\", \"type\": \"anthropic\", \"endpoint\": \"anthropic\"}]}");
    assert_slice(model(config, "a")->endpoint->name, "y"); // its type follows from the route
    assert_slice(model(config, "b")->endpoint->name, "anthropic");
}

static void timeouts_of_model_over_endpoint_over_global(void **state)
{
    struct config_fixture *f = *state;
    config_fixture_write("data/config.json",
                         "{\"endpoint\": [{\"name\": \"openai\", \"base_url\": \"https://h\","
                         " \"timeouts\": {\"connect_ms\": 20, \"idle_ms\": 0}}],"
                         " \"models\": [{\"id\": \"a\", \"type\": \"openai\", \"timeouts\": {\"connect_ms\": 30}},"
                         " {\"id\": \"b\", \"type\": \"openai\"}]}");
    const struct config *config =
        config_fixture_load(f, "UPSTREAM_CONNECT_TIMEOUT_MS=10\nUPSTREAM_HEADER_TIMEOUT_MS=11", false);
    assert_non_null(config);
    assert_int_equal(model(config, "a")->timeouts.connect_ms, 30);
    assert_int_equal(model(config, "a")->timeouts.header_ms, 11);
    assert_int_equal(model(config, "a")->timeouts.idle_ms, 0);
    assert_int_equal(model(config, "b")->timeouts.connect_ms, 20);
    assert_int_equal(config->endpoints[0].timeouts.connect_ms, 20);
    assert_int_equal(config->endpoints[0].timeouts.header_ms, 11);
    assert_int_equal(config->timeouts.connect_ms, 10);
}

static void assert_hold_back(struct config_hold_back given, int32_t ms, uint32_t events)
{
    assert_int_equal(given.ms, ms);
    assert_int_equal(given.events, events);
}

static void hold_back_of_model_over_endpoint_over_global(void **state)
{
    struct config_fixture *f = *state;
    config_fixture_write(
        "data/config.json",
        "{\"stream_hold_back\": {\"ms\": 1, \"events\": 2},"
        " \"endpoint\": [{\"name\": \"openai\", \"base_url\": \"https://h\", \"hold_back\": {\"ms\": 20}},"
        " {\"name\": \"common\", \"base_url\": \"https://h\"}],"
        " \"models\": [{\"id\": \"a\", \"type\": \"openai\", \"hold_back\": {\"events\": 10000}},"
        " {\"id\": \"b\", \"type\": \"openai\"}, {\"id\": \"c\", \"type\": \"openai\", \"hold_back\": -1},"
        " {\"id\": \"d\", \"type\": \"common\", \"hold_back\": {}},"
        " {\"id\": \"e\", \"type\": \"common\", \"endpoint\": \"openai\"}]}");
    const struct config *config = config_fixture_load(f, "STREAM_HOLD_BACK_EVENTS=3", false);
    assert_string_equal(config_fixture_errors(f), "");
    assert_hold_back(config->hold_back, 1, 3);
    assert_hold_back(config->endpoints[0].hold_back, 20, 3);
    assert_hold_back(config->endpoints[1].hold_back, 1, 3);
    assert_hold_back(model(config, "a")->hold_back, 20, 10000);
    assert_hold_back(model(config, "b")->hold_back, 20, 3);
    assert_hold_back(model(config, "c")->hold_back, -1, 3);
    assert_hold_back(model(config, "d")->hold_back, 1, 3);
    assert_hold_back(model(config, "e")->hold_back, 20, 3);
}

static void endpoints_ask_for_usage_unless_told_not_to(void **state)
{
    const struct config *config =
        load_well(*state, "{\"endpoint\": [{\"name\": \"common\", \"base_url\": \"https://h\", \"asks_usage\": false},"
                          " {\"name\": \"openai\", \"base_url\": \"https://h\", \"asks_usage\": true},"
                          " {\"name\": \"google\", \"base_url\": \"https://h\"}],"
                          " \"models\": [{\"id\": \"a\", \"type\": \"openai\", \"endpoint\": \"common\"}]}");
    assert_false(config->endpoints[0].asks_usage);
    assert_true(config->endpoints[1].asks_usage);
    assert_true(config->endpoints[2].asks_usage);
    assert_false(model(config, "a")->endpoint->asks_usage);
}

static void fallbacks_of_models(void **state)
{
    const struct config *config =
        load_well(*state, "{\"models\": [{\"id\": \"a\", \"type\": \"openai\", \"fallbacks\": [\"old\", \"b\"]},"
                          " {\"id\": \"b\", \"type\": \"anthropic\", \"fallbacks\": []},"
                          " {\"id\": \"c\", \"type\": \"common\", \"fallbacks\": [\"a\"]},"
                          " {\"id\": \"d\", \"type\": \"google\", \"fallbacks\": null}],"
                          " \"model_redirects\": {\"old\": \"older\", \"older\": \"d\"}}");
    assert_int_equal(model(config, "a")->n_fallbacks, 2);
    assert_ptr_equal(model(config, "a")->fallbacks[0], model(config, "d"));
    assert_ptr_equal(model(config, "a")->fallbacks[1], model(config, "b"));
    assert_int_equal(model(config, "b")->n_fallbacks, 0);
    assert_int_equal(model(config, "c")->n_fallbacks, 1);
    assert_ptr_equal(model(config, "c")->fallbacks[0], model(config, "a"));
    assert_int_equal(model(config, "d")->n_fallbacks, 0);
}

static void rules_about_failures(void **state)
{
    const struct config *config = load_well(
        *state,
        "{\"failure_rules\": ["
        "{\"status\": 429, \"blame\": \"client\"},"
        "{\"status\": [300, 999], \"contains\": \"Zu VIEL \\u00dc\", \"blame\": \"endpoint\", \"cooldown_s\": 0},"
        "{\"status\": \"4XX\", \"contains\": \"\", \"blame\": \"key_model\", \"cooldown_s\": 2678400},"
        "{\"status\": \"9xx\", \"contains\": null, \"blame\": \"key_credit\", \"cooldown_s\": null},"
        "{\"status\": [500, 500], \"blame\": \"key_refused\"},"
        "{\"status\": 300, \"blame\": \"address\"},"
        "{\"status\": 999, \"blame\": \"provider\"}]}");
    static const struct {
        unsigned first;
        unsigned last;
        const char *contains;
        enum blame blame;
        int64_t cooldown_ms;
    } expected[] = {
        {429, 429, "", BLAME_CLIENT, -1},
        {300, 999, "zu viel \xc3\x9c", BLAME_ENDPOINT, 0},
        {400, 499, "", BLAME_KEY_MODEL, INT64_C(2678400000)},
        {900, 999, "", BLAME_KEY_CREDIT, -1},
        {500, 500, "", BLAME_KEY_REFUSED, -1},
        {300, 300, "", BLAME_ADDRESS, -1},
        {999, 999, "", BLAME_PROVIDER, -1},
    };
    assert_int_equal(config->failure_rules.n, sizeof(expected) / sizeof(*expected));
    for (size_t i = 0; i < config->failure_rules.n; i++) {
        const struct blame_rule *rule = &config->failure_rules.rules[i];
        assert_int_equal(rule->first, expected[i].first);
        assert_int_equal(rule->last, expected[i].last);
        assert_slice(rule->contains, expected[i].contains);
        assert_string_equal(blame_name(rule->blame), blame_name(expected[i].blame));
        assert_int_equal(rule->cooldown_ms, expected[i].cooldown_ms);
    }
    assert_int_equal(load_well(*state, "{}")->failure_rules.n, 0);
}

// `n` rules, which are all the same.
static const char *rules_text(struct buf *text, size_t n)
{
    buf_clear(text);
    buf_append(text, SLICE("{\"failure_rules\": ["));
    for (size_t i = 0; i < n; i++) {
        buf_printf(text, "%s{\"status\": 429, \"blame\": \"client\"}", i == 0 ? "" : ", ");
    }
    buf_append(text, SLICE("]}"));
    buf_append_char(text, '\0');
    return text->ptr;
}

static void sixty_four_rules_at_most(void **state)
{
    struct config_fixture *f = *state;
    struct buf text = BUF_EMPTY;
    assert_int_equal(load_well(f, rules_text(&text, 64))->failure_rules.n, 64);
    config_fixture_write("data/config.json", rules_text(&text, 65));
    assert_null(config_fixture_load(f, NULL, false));
    assert_string_equal(config_fixture_errors(f),
                        "data/config.json:1:19: failure_rules has 65 rules; it may have 64\n");
    buf_deinit(&text);
}

static void headers_and_proxies(void **state)
{
    const struct config *config =
        load_well(*state, "{\"proxies\": [{\"url\": \"http://p:1\"},"
                          " {\"name\": \"q\", \"url\": \"http://us%20er:pa%3Ass:x@[::1]:65535/\"},"
                          " {\"url\": \"http://user@p:2\"}],"
                          " \"endpoint\": [{\"name\": \"openai\", \"base_url\": \"https://h\", \"proxy\": \"q\","
                          " \"headers\": {\"x-one\": \"1\", \"X-Two\": null, \"x-three\": \"\"}},"
                          " {\"name\": \"common\", \"base_url\": \"https://h\", \"proxy\": \"\", \"headers\": null}],"
                          " \"models\": []}");
    assert_int_equal(config->n_proxies, 3);
    assert_slice(config->proxies[0].host, "p");
    assert_int_equal(config->proxies[0].port, 1);
    assert_slice(config->proxies[0].authorization, "");
    assert_slice(config->proxies[1].host, "::1");
    assert_slice(config->proxies[1].authorization, "Basic dXMgZXI6cGE6c3M6eA==");
    assert_slice(config->proxies[2].authorization, "Basic dXNlcjo=");
    const struct config_endpoint *endpoint = &config->endpoints[0];
    assert_ptr_equal(endpoint->proxy, &config->proxies[1]);
    assert_int_equal(endpoint->n_headers, 3);
    assert_slice(endpoint->headers[0].name, "x-one");
    assert_slice(endpoint->headers[0].value, "1");
    assert_slice(endpoint->headers[1].name, "X-Two");
    assert_null(endpoint->headers[1].value.ptr);
    assert_slice(endpoint->headers[2].value, "");
    assert_non_null(endpoint->headers[2].value.ptr);
    assert_null(config->endpoints[1].proxy);
    assert_int_equal(config->endpoints[1].n_headers, 0);
}

static void redirects_take_up_to_eight_steps(void **state)
{
    struct config_fixture *f = *state;
    const struct config *config = load_well(
        f, "{\"model_redirects\": {\"1\": \"2\", \"2\": \"3\", \"3\": \"4\", \"4\": \"5\", \"5\": \"6\", \"6\": \"7\","
           " \"7\": \"8\", \"8\": \"gpt-5.1\", \"glm-4.6\": \"gpt-5.1\", \"off\": null}}");
    assert_slice(model(config, "1")->id, "gpt-5.1");
    assert_slice(model(config, "glm-4.6")->id, "gpt-5.1"); // a redirect goes before a model
    assert_null(config_find_model(config, SLICE("off")));
}

static void warnings(void **state)
{
    struct config_fixture *f = *state;
    static const struct {
        const char *json;
        const char *warnings;
    } cases[] = {
        {"{\"modles\": []}", "data/config.json:1:12: modles is unknown and ignored\n"},
        {"{\"a b\": 1}", "data/config.json:1:9: [\"a b\"] is unknown and ignored\n"},
        {"{\"limits\": {\"max_boby\": 1}}", "data/config.json:1:25: limits.max_boby is unknown and ignored\n"},
        {"{\"key_pool\": {\"retry\": {\"maximum\": 1}, \"autoBan\": null}, \"key_test\": null}",
         "data/config.json:1:36: key_pool.retry.maximum is unknown and ignored\n"},
        {"{\"key_pool\": {\"retry\": {\"retry\": {\"max\": 1}}}, \"balance_sync\": {\"url\": 1}}",
         "data/config.json:1:34: key_pool.retry.retry is unknown and ignored\n"
         "data/config.json:1:72: balance_sync.url is unknown and ignored\n"},
        {"{\"models\": [{\"id\": \"a\", \"type\": \"openai\", \"fallbacks\": [], \"hold_back\": null, \"x\": 1}]}",
         "data/config.json:1:84: models[0].x is unknown and ignored\n"},
        {"{\"models\": [{\"id\": \"a\", \"type\": \"openai\", \"hold_back\": {\"s\": 1}}]}",
         "data/config.json:1:62: models[0].hold_back.s is unknown and ignored\n"},
        {"{\"failure_rules\": [{\"status\": 429, \"blame\": \"client\", \"cooldown\": 1}], \"stream_hold_back\": "
         "{\"m\": 1}}",
         "data/config.json:1:98: stream_hold_back.m is unknown and ignored\n"
         "data/config.json:1:67: failure_rules[0].cooldown is unknown and ignored\n"},
        {"{\"endpoint\": [{\"name\": \"openai\", \"base_url\": \"https://h\", \"url\": 1, \"timeouts\": {\"idle\": "
         "1}}],"
         " \"models\": []}",
         "data/config.json:1:66: endpoint[0].url is unknown and ignored\n"
         "data/config.json:1:90: endpoint[0].timeouts.idle is unknown and ignored\n"},
        {"{\"proxies\": [{\"url\": \"http://h:1\", \"weight\": 1}]}",
         "data/config.json:1:46: proxies[0].weight is unknown and ignored\n"},
        {"{\"endpoint\": [{\"name\": \"openai\", \"base_url\": \"https://h\"}, {\"name\": \"anthropic\", \"base_url\": "
         "\"https://h\"}]}",
         "the built-in model glm-4.6 is left out: there is no endpoint of type common\n"
         "the built-in model gemini-3-pro-preview is left out: there is no endpoint of type google\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        load_well(f, cases[i].json);
        assert_string_equal(config_fixture_warnings(f), cases[i].warnings);
    }
}

#define ENDPOINT(members) "{\"models\": [], \"endpoint\": [{\"name\": \"e\", " members "}]}"
#define MODEL(members) "{\"models\": [{" members "}]}"
#define AT "data/config.json:"

#define FALLBACKS(list)                                                                                                \
    "{\"models\": [{\"id\": \"a\", \"type\": \"openai\", \"fallbacks\": " list                                         \
    "}, {\"id\": \"b\", \"type\": \"openai\"}],"                                                                       \
    " \"model_redirects\": {\"to-a\": \"a\", \"to-b\": \"b\"}}"
#define RULE(status, blame) "{\"failure_rules\": [{\"status\": " status ", \"blame\": " blame "}]}"
#define STATUSES "a status from 300 to 999, [from, to], or a class like \"4xx\""

static void errors(void **state)
{
    struct config_fixture *f = *state;
    static const struct {
        const char *json;
        const char *errors;
    } cases[] = {
        // The file
        {"{\n  \"port\": 3000,\n  oops\n}", AT "3:3: not JSON: key expected\n"},
        {"", AT "1:1: not JSON: unexpected end\n"},
        {"[]", AT "1:1: the file is an array; it may be an object\n"},
        // Settings
        {"{\"port\": \"3000\"}", AT "1:10: port is \"3000\"; it may be a whole number from 0 to 65535\n"},
        {"{\"port\": 65536}", AT "1:10: port is 65536; it may be a whole number from 0 to 65535\n"},
        // No more than the pool's own document and the admin API take.
        {"{\"key_pool\": {\"timeWindowHours\": 745}}",
         AT "1:34: key_pool.timeWindowHours is 745; it may be a whole number from 1 to 744\n"},
        {"{\"key_pool\": {\"autoBan\": {\"probeMinutes\": 10081}}}",
         AT "1:43: key_pool.autoBan.probeMinutes is 10081; it may be a whole number from 0 to 10080\n"},
        {"{\"key_pool\": {\"quotaLimits\": {\"per_key_daily_limit\": 9007199254740992}}}",
         AT "1:54: key_pool.quotaLimits.per_key_daily_limit is 9007199254740992; it may be a whole number from 0 to "
            "9007199254740991\n"},
        {"{\"public_models\": \"no\"}", AT "1:19: public_models is \"no\"; it may be true or false\n"},
        {"{\"limits\": 5}", AT "1:12: limits is a number; it may be an object\n"},
        {"{\"limits\": {\"max_connections\": 0}}",
         AT "1:32: limits.max_connections is 0; it may be a whole number from 1 to 1000000\n"},
        {"{\"user_agent\": \"a\\nb\"}", AT "1:16: user_agent is \"a b\"; it may be text without control characters\n"},
        {"{\"system_prompt\": [\"a\"]}", AT "1:19: system_prompt is an array; it may be text\n"},
        // Sections
        {"{\"models\": {}}", AT "1:12: models is an object; it may be an array of models\n"},
        {"{\"endpoint\": {}}", AT "1:14: endpoint is an object; it may be an array of endpoints\n"},
        {"{\"proxies\": true}", AT "1:13: proxies is true; it may be an array of proxies\n"},
        {"{\"model_redirects\": []}", AT "1:21: model_redirects is an array; it may be an object of model ids\n"},
        {"{\"models\": [1]}", AT "1:13: models[0] is a number; it may be an object\n"},
        {"{\"endpoint\": [null], \"models\": []}", AT "1:15: endpoint[0] is null; it may be an object\n"},
        {"{\"proxies\": [\"http://h:1\"]}", AT "1:14: proxies[0] is (10 characters); it may be an object\n"},
        // Models
        {MODEL("\"type\": \"openai\""), AT "1:13: models[0] has no id; it may be text without control characters\n"},
        {MODEL("\"id\": \"\", \"type\": \"openai\""),
         AT "1:13: models[0] has no id; it may be text without control characters\n"},
        {MODEL("\"id\": \"a\""), AT "1:13: models[0] has no type; it may be anthropic, openai, common or google\n"},
        {MODEL("\"id\": \"a\", \"type\": \"gpt\""),
         AT "1:33: models[0].type is \"gpt\"; it may be anthropic, openai, common or google\n"},
        {MODEL("\"id\": \"a\", \"type\": \"openai\", \"reasoning\": \"hgh\""),
         AT "1:56: models[0].reasoning is \"hgh\"; it may be auto, off, low, medium, high or xhigh\n"},
        {MODEL("\"id\": \"a\", \"type\": \"openai\", \"fast\": 1"),
         AT "1:51: models[0].fast is 1; it may be true or false\n"},
        {MODEL("\"id\": \"a\", \"type\": \"openai\", \"endpoint\": \"x\""),
         AT "1:55: models[0].endpoint is \"x\"; it may be the name of one of endpoint\n"},
        {MODEL("\"id\": \"a\", \"type\": \"openai\", \"endpoint\": 1"),
         AT "1:55: models[0].endpoint is 1; it may be text without control characters\n"},
        {MODEL("\"id\": \"a\", \"type\": \"openai\", \"endpoint\": \"google\""), AT
         "1:55: models[0].endpoint is \"google\"; its base_url is the route of another type, so it may not serve type "
         "openai\n"},
        {MODEL("\"id\": \"a\", \"type\": \"openai\", \"timeouts\": 5"),
         AT "1:55: models[0].timeouts is a number; it may be an object\n"},
        {MODEL("\"id\": \"a\", \"type\": \"openai\", \"timeouts\": {\"idle_ms\": -1}"),
         AT "1:67: models[0].timeouts.idle_ms is -1; it may be a whole number from 0 to 86400000\n"},
        {"{\"models\": [{\"id\": \"a\", \"type\": \"openai\"},\n{\"id\": \"a\", \"type\": \"common\"}]}",
         AT "2:1: models[1] has the id of another model, \"a\"; each id may be there once\n"},
        {"{\"endpoint\": [], \"models\": [{\"id\": \"a\", \"type\": \"openai\"}]}",
         AT "1:29: models[0] (\"a\") has no endpoint: none is of type openai, and it names none\n"},
        // Endpoints
        {"{\"models\": [], \"endpoint\": [{\"base_url\": \"https://h\"}]}",
         AT "1:29: endpoint[0] has no name; it may be text without control characters\n"},
        {ENDPOINT("\"type\": \"openai\""), AT "1:29: endpoint[0] has no base_url; it may be a URL\n"},
        {ENDPOINT("\"base_url\": 5"), AT "1:55: endpoint[0].base_url is 5; it may be a URL\n"},
        {ENDPOINT("\"base_url\": \"api.openai.com/v1\""),
         AT "1:55: endpoint[0].base_url is \"api.openai.com/v1\"; it must begin with http:// or https:// (endpoint "
            "\"e\")\n"},
        {ENDPOINT("\"base_url\": \"https://h/v1?x=1\""),
         AT "1:55: endpoint[0].base_url is \"https://h/v1…\"; it may have no query (endpoint \"e\")\n"},
        {ENDPOINT("\"base_url\": \"https://u:p@h/v1\""),
         AT "1:55: endpoint[0].base_url is \"https://…@h/v1\"; it may have no credentials: they belong in the settings "
            "(endpoint \"e\")\n"},
        {ENDPOINT("\"base_url\": \"https://h\", \"type\": \"any\""),
         AT "1:76: endpoint[0].type is \"any\"; it may be anthropic, openai, common or google\n"},
        {ENDPOINT("\"base_url\": \"https://h/v1/messages\", \"type\": \"openai\""),
         AT "1:55: endpoint[0].base_url is \"https://h/v1/messages\"; it may not be the route of another type than "
            "openai\n"},
        {ENDPOINT("\"base_url\": \"https://h\", \"auth\": \"basic\""),
         AT "1:76: endpoint[0].auth is \"basic\"; it may be bearer, x-api-key or x-goog-api-key\n"},
        {ENDPOINT("\"base_url\": \"https://h\", \"factory\": 1"),
         AT "1:79: endpoint[0].factory is 1; it may be true or false\n"},
        {ENDPOINT("\"base_url\": \"https://h\", \"proxy\": \"p\""),
         AT "1:77: endpoint[0].proxy is \"p\"; it may be the name of one of proxies\n"},
        {ENDPOINT("\"base_url\": \"https://h\", \"headers\": []"),
         AT "1:79: endpoint[0].headers is an array; it may be an object of header names and values\n"},
        {ENDPOINT("\"base_url\": \"https://h\", \"headers\": {\"a b\": \"1\"}"),
         AT "1:87: endpoint[0].headers[\"a b\"] is not the name of a header\n"},
        {ENDPOINT("\"base_url\": \"https://h\", \"headers\": {\"Content-Length\": \"1\"}"),
         AT "1:98: endpoint[0].headers[\"Content-Length\"] is a header that only the gateway itself may set\n"},
        {ENDPOINT("\"base_url\": \"https://h\", \"headers\": {\"x\": 1}"),
         AT "1:85: endpoint[0].headers.x is a number; it may be text without control characters\n"},
        {"{\"models\": [], \"endpoint\": [{\"name\": \"e\", \"base_url\": \"https://h\"},\n"
         "{\"name\": \"e\", \"base_url\": \"https://i\"}]}",
         AT "2:1: endpoint[1] has the name of endpoint[0], \"e\"; each name may be there once\n"},
        // Proxies
        {"{\"proxies\": [{}]}", AT "1:14: proxies[0] has no url; it may be a URL\n"},
        {"{\"proxies\": [{\"url\": 1}]}", AT "1:22: proxies[0].url is 1; it may be a URL\n"},
        {"{\"proxies\": [{\"url\": \"https://h:1\"}]}",
         AT "1:22: proxies[0].url is \"https://h:1\"; only http:// proxies are supported; it may be "
            "http://user:password@host:port\n"},
        {"{\"proxies\": [{\"url\": \"http://u:p@h\"}]}",
         AT "1:22: proxies[0].url is \"http://…@h\"; the port is missing; it may be http://user:password@host:port\n"},
        {"{\"proxies\": [{\"url\": \"http://h:1/x\"}]}",
         AT "1:22: proxies[0].url is \"http://h:1/x\"; a proxy has no path and no query; it may be "
            "http://user:password@host:port\n"},
        {"{\"proxies\": [{\"url\": \"http://u%00:p@h:1\"}]}",
         AT "1:22: proxies[0].url is \"http://…@h:1\"; user or password has a broken % sequence; it may be "
            "http://user:password@host:port\n"},
        {"{\"proxies\": [{\"url\": \"h:1\"}]}",
         AT "1:22: proxies[0].url is \"h:1\"; it must begin with http:// or https://; it may be "
            "http://user:password@host:port\n"},
        {"{\"proxies\": [{\"name\": \"p\", \"url\": \"http://h:1\"}, {\"name\": \"p\", \"url\": \"http://h:2\"}]}",
         AT "1:50: proxies[1] has the name of proxies[0], \"p\"; each name may be there once\n"},
        // Redirects
        {"{\"model_redirects\": {\"a\": 1}}",
         AT "1:27: model_redirects.a is 1; it may be text without control characters\n"},
        {"{\"model_redirects\": {\"a.b\": \"c\"}}",
         AT "1:29: model_redirects[\"a.b\"] is \"c\"; it leads to \"c\", which is no model\n"},
        {"{\"model_redirects\": {\"a\": \"a\"}}",
         AT "1:27: model_redirects.a is \"a\"; it leads in a circle, or takes more than 8 steps\n"},
        {"{\"model_redirects\": {\"a\": \"b\", \"b\": \"a\"}}",
         AT "1:27: model_redirects.a is \"b\"; it leads in a circle, or takes more than 8 steps\n" AT
            "1:37: model_redirects.b is \"a\"; it leads in a circle, or takes more than 8 steps\n"},
        // Several at once
        // Fallbacks
        {FALLBACKS("1"), AT "1:56: models[0].fallbacks is a number; it may be an array of model ids\n"},
        {FALLBACKS("[1]"), AT "1:57: models[0].fallbacks[0] is 1; it may be text without control characters\n"},
        {FALLBACKS("[\"b\", \"\"]"),
         AT "1:62: models[0].fallbacks[1] is \"\"; it may be the id of another model, or redirected to one\n"},
        {FALLBACKS("[\"x\", \"a\"]"),
         AT "1:57: models[0].fallbacks[0] is \"x\"; it may be the id of another model, or redirected to one\n" AT
            "1:62: models[0].fallbacks[1] is \"a\"; it is the model itself\n"},
        {FALLBACKS("[\"to-a\"]"), AT "1:57: models[0].fallbacks[0] is \"to-a\"; it is the model itself\n"},
        {FALLBACKS("[\"b\", \"to-b\"]"), AT "1:62: models[0].fallbacks[1] is \"to-b\"; it is there twice\n"},
        {FALLBACKS("[1, 2, 3, 4, 5, 6, 7, 8, 9]"), AT "1:56: models[0].fallbacks has 9 models; it may have 8\n"},
        // It may well be the one with the error.
        {"{\"models\": [{\"id\": \"a\", \"type\": \"openai\", \"fallbacks\": [\"b\", \"a\"]}, {\"id\": \"b\"}]}",
         AT "1:69: models[1] has no type; it may be anthropic, openai, common or google\n" AT
            "1:62: models[0].fallbacks[1] is \"a\"; it is the model itself\n"},
        {"{\"models\": [{\"id\": \"a\", \"type\": \"openai\", \"fallbacks\": [\"b\"]}, {\"id\": \"b\", \"type\": "
         "\"openai\"},"
         " {\"id\": \"a\", \"type\": \"openai\", \"fallbacks\": [\"b\"]}]}",
         AT "1:95: models[2] has the id of another model, \"a\"; each id may be there once\n"},
        // Hold-back
        {MODEL("\"id\": \"a\", \"type\": \"openai\", \"hold_back\": \"1s\""),
         AT "1:56: models[0].hold_back is (2 characters); it may be an object with ms and events, or a number of "
            "milliseconds\n"},
        {MODEL("\"id\": \"a\", \"type\": \"openai\", \"hold_back\": -2"),
         AT "1:56: models[0].hold_back is -2; it may be a whole number from -1 to 3600000\n"},
        {MODEL("\"id\": \"a\", \"type\": \"openai\", \"hold_back\": {\"ms\": 3600001, \"events\": 10001}"),
         AT "1:63: models[0].hold_back.ms is 3600001; it may be a whole number from -1 to 3600000\n" AT
            "1:82: models[0].hold_back.events is 10001; it may be a whole number from 0 to 10000\n"},
        {"{\"stream_hold_back\": 5}", AT "1:22: stream_hold_back is a number; it may be an object\n"},
        {"{\"pool_wait_ms\": 3600001, \"limits\": {\"pool_queue_max\": 1000001}}",
         AT "1:18: pool_wait_ms is 3600001; it may be a whole number from 0 to 3600000\n" AT
            "1:56: limits.pool_queue_max is 1000001; it may be a whole number from 0 to 1000000\n"},
        // Failure rules
        {"{\"failure_rules\": {}}", AT "1:19: failure_rules is an object; it may be an array of rules\n"},
        {"{\"failure_rules\": [429]}", AT "1:20: failure_rules[0] is a number; it may be an object\n"},
        {"{\"failure_rules\": [{}]}", AT
         "1:20: failure_rules[0] has no blame; it may be client, key_credit, key_refused, key_model, address, provider "
         "or endpoint\n" AT "1:20: failure_rules[0] has no status; it may be " STATUSES "\n"},
        {RULE("429", "\"nobody\""), AT "1:45: failure_rules[0].blame is \"nobody\"; it may be client, key_credit, "
                                       "key_refused, key_model, address, provider or endpoint\n"},
        {RULE("299", "\"client\""), AT "1:31: failure_rules[0].status is 299; it may be " STATUSES "\n"},
        {RULE("1000", "\"client\""), AT "1:31: failure_rules[0].status is 1000; it may be " STATUSES "\n"},
        {RULE("\"2xx\"", "\"client\""), AT "1:31: failure_rules[0].status is \"2xx\"; it may be " STATUSES "\n"},
        {RULE("\"4x\"", "\"client\""), AT "1:31: failure_rules[0].status is \"4x\"; it may be " STATUSES "\n"},
        {RULE("\"429\"", "\"client\""), AT "1:31: failure_rules[0].status is \"429\"; it may be " STATUSES "\n"},
        {RULE("true", "\"client\""), AT "1:31: failure_rules[0].status is true; it may be " STATUSES "\n"},
        {RULE("[]", "\"client\""), AT "1:31: failure_rules[0].status is an array; it may be " STATUSES "\n"},
        {RULE("[429]", "\"client\""), AT "1:31: failure_rules[0].status is an array; it may be " STATUSES "\n"},
        {RULE("[430, 429]", "\"client\""), AT "1:31: failure_rules[0].status is an array; it may be " STATUSES "\n"},
        {RULE("[429, 430, 431]", "\"client\""),
         AT "1:31: failure_rules[0].status is an array; it may be " STATUSES "\n"},
        {RULE("429", "\"client\", \"contains\": 5, \"cooldown_s\": -1"),
         AT "1:67: failure_rules[0].contains is 5; it may be text\n" AT
            "1:84: failure_rules[0].cooldown_s is -1; it may be a whole number from 0 to 2678400\n"},
        // All of them at once
        {"{\"port\": -1, \"public_models\": 0, \"proxies\": 1}",
         AT "1:10: port is -1; it may be a whole number from 0 to 65535\n" AT
            "1:31: public_models is 0; it may be true or false\n" AT
            "1:45: proxies is a number; it may be an array of proxies\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        config_fixture_write("data/config.json", cases[i].json);
        assert_null(config_fixture_load(f, NULL, true));
        assert_string_equal(config_fixture_errors(f), cases[i].errors);
    }
}

static void nine_redirects_are_too_many(void **state)
{
    struct config_fixture *f = *state;
    config_fixture_write("data/config.json", "{\"model_redirects\": {\"1\": \"2\", \"2\": \"3\", \"3\": \"4\", \"4\": "
                                             "\"5\", \"5\": \"6\", \"6\": \"7\", \"7\": \"8\", \"8\": \"9\", \"9\": "
                                             "\"gpt-5.1\"}}");
    assert_null(config_fixture_load(f, NULL, false));
    assert_string_equal(config_fixture_errors(f),
                        AT "1:27: model_redirects.1 is \"2\"; it leads in a circle, or takes more than 8 steps\n");
}

static void the_environment_does_not_hide_a_bad_file(void **state)
{
    struct config_fixture *f = *state;
    config_fixture_write("data/config.json", "{\"port\": \"x\"}");
    assert_null(config_fixture_load(f, "PORT=1", false));
    assert_string_equal(config_fixture_errors(f), AT "1:10: port is \"x\"; it may be a whole number from 0 to 65535\n");
}

static void file_that_cannot_be_read(void **state)
{
    struct config_fixture *f = *state;
    assert_int_equal(mkdir("data", 0700), 0);
    assert_int_equal(mkdir("data/config.json", 0700), 0);
    assert_null(config_fixture_load(f, NULL, true));
    assert_string_equal(config_fixture_errors(f), "data/config.json cannot be read: Is a directory\n");
}

static void other_data_folders(void **state)
{
    struct config_fixture *f = *state;
    config_fixture_write("state/config.json", "{\"port\": 0.5}");
    assert_null(config_fixture_load(f, "DATA_DIR=state/", false));
    assert_string_equal(config_fixture_errors(f),
                        "state/config.json:1:10: port is 0.5; it may be a whole number from 0 to 65535\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, config_fixture_setup, config_fixture_teardown)

static void a_text_in_place_of_the_file(void **state)
{
    static const struct {
        const char *text;
        const char *errors;
    } rows[] = {
        {"{\"models\":[{\"id\":\"a\",\"type\":\"common\"}]}", ""},
        {"{", "config.json:1:2: not JSON: unexpected end\n"},
        {"[]", "the file is an array; it may be an object\n"},
        {"{\"port\":-1}", "port is -1; it may be a whole number from 0 to 65535\n"},
        {"{\n\n\"models\":[{\"id\":\"a\",\"type\":\"b\"}]}",
         "models[0].type is \"b\"; it may be anthropic, openai, common or google\n"},
    };
    struct config_fixture *f = *state;
    static char none[] = "LOG_LEVEL=warn";
    char *environment[] = {none, NULL};
    load_well(f, "{\"port\":7}");
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct slice text = slice_from_cstr(rows[i].text);
        struct config_sources sources = {.environment = environment, .create_file = true, .file_text = &text};
        struct buf errors = BUF_EMPTY;
        struct buf warnings = BUF_EMPTY;
        struct config *config = config_load(&sources, &errors, &warnings);
        assert_slice(buf_slice(&errors), rows[i].errors);
        assert_int_equal(warnings.len, 0);
        assert_int_equal(config == NULL, rows[i].errors[0] != '\0');
        if (config) {
            assert_int_equal(config->port, 3000); // of the file, nothing counts
            assert_int_equal(config->n_models, 1);
            assert_true(slice_eq(config->file_text, text));
        }
        config_unref(config);
        buf_deinit(&errors);
        buf_deinit(&warnings);
    }
}

static void the_text_in_force_is_kept(void **state)
{
    struct config_fixture *f = *state;
    assert_null(config_fixture_load(f, NULL, false)->file_text.ptr);
    config_fixture_load(f, NULL, true); // made
    struct slice made = arena_dup(&f->config->_arena, f->config->file_text);
    assert_true(slice_starts_with(made, SLICE("{\n  \"port\": 3000")));
    struct config *first = config_ref(f->config);
    assert_true(slice_eq(config_fixture_load(f, NULL, true)->file_text, made)); // read
    config_unref(first);
    assert_slice(load_well(f, "\xef\xbb\xbf{ }\n")->file_text, "\xef\xbb\xbf{ }\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_text_in_place_of_the_file),
        TEST(the_text_in_force_is_kept),
        TEST(created_file_equals_the_defaults),
        TEST(file_is_not_created_over_an_old_one_or_after_an_error),
        TEST(failing_to_create_is_a_warning),
        TEST(file_of_the_node_project),
        TEST(settings_of_the_file),
        TEST(endpoints_of_other_providers),
        TEST(endpoint_named_by_models_of_several_types),
        TEST(first_endpoint_of_the_type_serves),
        TEST(timeouts_of_model_over_endpoint_over_global),
        TEST(hold_back_of_model_over_endpoint_over_global),
        TEST(endpoints_ask_for_usage_unless_told_not_to),
        TEST(fallbacks_of_models),
        TEST(rules_about_failures),
        TEST(sixty_four_rules_at_most),
        TEST(headers_and_proxies),
        TEST(redirects_take_up_to_eight_steps),
        TEST(warnings),
        TEST(errors),
        TEST(nine_redirects_are_too_many),
        TEST(the_environment_does_not_hide_a_bad_file),
        TEST(file_that_cannot_be_read),
        TEST(other_data_folders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
