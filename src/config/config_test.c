// SPDX-License-Identifier: MIT
// The snapshot as a whole: precedence, every variable's error line, secrets from files, secrets never shown.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "config/config_fixture.h"
#include "config/settings.h"

static void assert_slice(struct slice given, const char *expected)
{
    if (!slice_eq(given, slice_from_cstr(expected))) {
        fail_msg("\"%.*s\" is not \"%s\"", SLICE_ARG(given), expected);
    }
}

static const struct config *load_well(struct config_fixture *f, const char *environment)
{
    const struct config *config = config_fixture_load(f, environment, false);
    assert_string_equal(config_fixture_errors(f), "");
    assert_non_null(config);
    return config;
}

static void defaults_without_anything(void **state)
{
    const struct config *config = load_well(*state, NULL);
    assert_string_equal(config_fixture_warnings(*state), "");
    assert_int_equal(config->port, 3000);
    assert_slice(config->host, "0.0.0.0");
    assert_int_equal(config->node_env, NODE_ENV_PRODUCTION);
    assert_int_equal(config->shutdown_grace_ms, 30000);
    assert_int_equal(config->max_body_bytes, 50 * 1024 * 1024);
    assert_int_equal(config->max_connections, 20000);
    assert_int_equal(config->log_level, LOG_INFO);
    assert_int_equal(config->log_format, LOG_FORMAT_TEXT);
    assert_slice(config->log_dir, "logs");
    assert_int_equal(config->log_retention_days, 14);
    assert_slice(config->data_dir, "data");
    assert_int_equal(config->n_access_keys, 0);
    assert_true(config->public_models);
    assert_slice(config->factory_api_key, "");
    assert_slice(config->admin_access_key, "");
    assert_false(config->has_weak_admin_key);
    assert_false(config->requires_strong_admin_key);
    assert_slice(config->refresh_key, "");
    assert_true(slice_starts_with(config->oauth_client_id, SLICE("client_")));
    assert_slice(config->oauth_token_url, "https://api.workos.com/user_management/authenticate");
    assert_int_equal(config->admin_allow.n_items, 0);
    assert_int_equal(config->trusted_proxies.n_items, 0);
    assert_true(config->balance_sync.enabled);
    assert_slice(config->balance_sync.base_url, "https://app.factory.ai");
    assert_int_equal(config->balance_sync.interval_minutes, 30);
    assert_int_equal(config->balance_sync.batch_size, 5);
    assert_slice(config->key_test_model, "");
    assert_int_equal(config->notes_max, 1000);
    assert_int_equal(config->retention_days, 30);
    assert_int_equal(config->timeouts.connect_ms, 10000);
    assert_int_equal(config->timeouts.header_ms, 600000);
    assert_int_equal(config->timeouts.first_token_ms, 0);
    assert_int_equal(config->timeouts.idle_ms, 300000);
    assert_int_equal(config->timeouts.total_ms, 0);
    assert_int_equal(config->stream_keepalive_ms, 15000);
    assert_int_equal(config->hold_back.ms, 0);
    assert_int_equal(config->hold_back.events, 0);
    assert_int_equal(config->pool_wait_ms, 0);
    assert_int_equal(config->pool_queue_max, 10000);
    assert_int_equal(config->reasoning_budget[0], 4096);
    assert_int_equal(config->reasoning_budget[1], 12288);
    assert_int_equal(config->reasoning_budget[2], 24576);
    assert_slice(config->system_prompt, "");
    assert_slice(config->user_agent, "droid2api/" DROID2API_VERSION);
    assert_int_equal(config->n_endpoints, 4);
    assert_int_equal(config->n_models, 9);
    assert_int_equal(config->n_proxies, 0);
}

static void environment_over_dotenv_over_file_over_default(void **state)
{
    struct config_fixture *f = *state;
    config_fixture_write("data/config.json", "{\"port\": 1001}");
    assert_int_equal(load_well(f, NULL)->port, 1001);
    config_fixture_write(".env", "PORT=1002\n");
    assert_int_equal(load_well(f, NULL)->port, 1002);
    assert_int_equal(load_well(f, "PORT=1003")->port, 1003);
    // What is empty is unset, wherever it is.
    assert_int_equal(load_well(f, "PORT=")->port, 1002);
    config_fixture_write(".env", "PORT=\n");
    assert_int_equal(load_well(f, "PORT=")->port, 1001);
    config_fixture_write("data/config.json", "{\"port\": null}");
    assert_int_equal(load_well(f, NULL)->port, 3000);
}

static void every_supported_variable_reaches_its_field(void **state)
{
    const struct config *config = load_well(*state, "FACTORY_API_KEY=key-one\n"
                                                    "ADMIN_ACCESS_KEY=key two of an admin\n"
                                                    "API_ACCESS_KEY= key-three ,,key-four\n"
                                                    "PORT=0\n"
                                                    "HOST=::\n"
                                                    "NODE_ENV=development\n"
                                                    "DATA_DIR=state/\n"
                                                    "SHUTDOWN_GRACE_MS=1\n"
                                                    "LOG_LEVEL=debug\n"
                                                    "LOG_FORMAT=json\n"
                                                    "LOG_DIR=/var/log\n"
                                                    "LOG_RETENTION_DAYS=2\n"
                                                    "UPSTREAM_CONNECT_TIMEOUT_MS=3\n"
                                                    "UPSTREAM_HEADER_TIMEOUT_MS=4\n"
                                                    "UPSTREAM_FIRST_TOKEN_TIMEOUT_MS=5\n"
                                                    "UPSTREAM_IDLE_TIMEOUT_MS=6\n"
                                                    "UPSTREAM_TOTAL_TIMEOUT_MS=7\n"
                                                    "STREAM_KEEPALIVE_MS=8\n"
                                                    "STREAM_HOLD_BACK_MS=-1\n"
                                                    "STREAM_HOLD_BACK_EVENTS=12\n"
                                                    "POOL_WAIT_MS=13\n"
                                                    "REASONING_BUDGET_LOW=9\n"
                                                    "REASONING_BUDGET_MEDIUM=10\n"
                                                    "REASONING_BUDGET_HIGH=11");
    assert_string_equal(config_fixture_warnings(*state), "");
    assert_slice(config->factory_api_key, "key-one");
    assert_slice(config->admin_access_key, "key two of an admin");
    assert_int_equal(config->n_access_keys, 2);
    assert_slice(config->access_keys[0], "key-three");
    assert_slice(config->access_keys[1], "key-four");
    assert_int_equal(config->port, 0);
    assert_slice(config->host, "::");
    assert_int_equal(config->node_env, NODE_ENV_DEVELOPMENT);
    assert_slice(config->data_dir, "state");
    assert_int_equal(config->shutdown_grace_ms, 1);
    assert_int_equal(config->log_level, LOG_DEBUG);
    assert_int_equal(config->log_format, LOG_FORMAT_JSON);
    assert_slice(config->log_dir, "/var/log");
    assert_int_equal(config->log_retention_days, 2);
    assert_int_equal(config->timeouts.connect_ms, 3);
    assert_int_equal(config->timeouts.header_ms, 4);
    assert_int_equal(config->timeouts.first_token_ms, 5);
    assert_int_equal(config->timeouts.idle_ms, 6);
    assert_int_equal(config->timeouts.total_ms, 7);
    assert_int_equal(config->stream_keepalive_ms, 8);
    assert_int_equal(config->hold_back.ms, -1);
    assert_int_equal(config->hold_back.events, 12);
    assert_int_equal(config->pool_wait_ms, 13);
    assert_int_equal(config->reasoning_budget[0], 9);
    assert_int_equal(config->reasoning_budget[1], 10);
    assert_int_equal(config->reasoning_budget[2], 11);
}

static void connect_timeout_falls_back_to_the_key_pools(void **state)
{
    struct config_fixture *f = *state;
    assert_int_equal(load_well(f, "KEY_POOL_REQUEST_TIMEOUT_MS=5")->timeouts.connect_ms, 5);
    assert_int_equal(f->config->endpoints[0].timeouts.connect_ms, 5);
    assert_int_equal(load_well(f, "UPSTREAM_CONNECT_TIMEOUT_MS=6\nKEY_POOL_REQUEST_TIMEOUT_MS=5")->timeouts.connect_ms,
                     6);
    assert_int_equal(f->config->key_pool.request_timeout_ms, 5);
    config_fixture_write("data/config.json", "{\"key_pool\": {\"performance\": {\"requestTimeout\": 7}}}");
    assert_int_equal(load_well(f, NULL)->timeouts.connect_ms, 7);
    assert_int_equal(load_well(f, "UPSTREAM_CONNECT_TIMEOUT_MS=6")->timeouts.connect_ms, 6);
}

static void assert_same_pool(const struct key_settings *a, const struct key_settings *b)
{
    assert_int_equal(a->algorithm, b->algorithm);
    assert_int_equal(a->retries, b->retries);
    assert_int_equal(a->retry_max, b->retry_max);
    assert_int_equal(a->retry_delay_ms, b->retry_delay_ms);
    assert_int_equal(a->bans, b->bans);
    assert_int_equal(a->ban_threshold, b->ban_threshold);
    assert_int_equal(a->bans_402, b->bans_402);
    assert_int_equal(a->bans_401, b->bans_401);
    assert_int_equal(a->probe_minutes, b->probe_minutes);
    assert_int_equal(a->concurrent_limit, b->concurrent_limit);
    assert_int_equal(a->request_timeout_ms, b->request_timeout_ms);
    assert_int_equal(a->has_tiers, b->has_tiers);
    assert_int_equal(a->falls_back, b->falls_back);
    assert_int_equal(a->is_strict, b->is_strict);
    assert_int_equal(a->daily_limit, b->daily_limit);
    assert_int_equal(a->monthly_limit, b->monthly_limit);
    assert_true(a->warning_ratio == b->warning_ratio);
    assert_int_equal(a->window_hours, b->window_hours);
    assert_int_equal(a->has_affinity, b->has_affinity);
    assert_int_equal(a->max_inflight, b->max_inflight);
}

// Every one of them differs from its default.
static const struct key_settings other_pool = {
    .algorithm = KEY_TIME_WINDOW,
    .retries = false,
    .retry_max = 1,
    .retry_delay_ms = 2,
    .bans = false,
    .ban_threshold = 3,
    .bans_402 = false,
    .bans_401 = true,
    .probe_minutes = 60,
    .concurrent_limit = 4,
    .request_timeout_ms = 5,
    .has_tiers = true,
    .falls_back = false,
    .is_strict = true,
    .warning_ratio = 0.8,
    .window_hours = 24,
    .has_affinity = false,
    .max_inflight = 6,
};

static void pool_by_variables(void **state)
{
    const struct config *config = load_well(*state, "KEY_POOL_ALGORITHM=time-window\n"
                                                    "KEY_POOL_RETRY_ENABLED=false\n"
                                                    "KEY_POOL_RETRY_MAX=1\n"
                                                    "KEY_POOL_RETRY_DELAY_MS=2\n"
                                                    "KEY_POOL_AUTO_BAN_ENABLED=no\n"
                                                    "KEY_POOL_ERROR_THRESHOLD=3\n"
                                                    "KEY_POOL_BAN_402=0\n"
                                                    "KEY_POOL_BAN_401=1\n"
                                                    "KEY_POOL_CONCURRENT_LIMIT=4\n"
                                                    "KEY_POOL_REQUEST_TIMEOUT_MS=5\n"
                                                    "KEY_POOL_MULTI_TIER_ENABLED=true\n"
                                                    "KEY_POOL_AUTO_FALLBACK=false\n"
                                                    "KEY_POOL_STRICT_MODE=true\n"
                                                    "KEY_POOL_MAX_INFLIGHT_PER_KEY=6\n"
                                                    "KEY_POOL_AFFINITY=off");
    assert_string_equal(config_fixture_warnings(*state), "");
    assert_same_pool(&config->key_pool, &other_pool);
}

static const char pool_json[] =
    "{\"key_pool\": {\"algorithm\": \"time-window\", \"retry\": {\"enabled\": false, \"max\": 1, \"retryDelay\": 2},"
    "\"autoBan\": {\"enabled\": false, \"errorThreshold\": 3, \"ban_402\": false, \"ban401\": true, \"probeMinutes\": "
    "7},"
    "\"performance\": {\"concurrentLimit\": 4, \"requestTimeout\": 5},"
    "\"multiTier\": {\"enabled\": true, \"autoFallback\": false, \"strictMode\": true},"
    "\"quotaLimits\": {\"per_key_daily_limit\": 8, \"per_key_monthly_limit\": 9, \"warning_threshold\": 0.25},"
    "\"timeWindowHours\": 10, \"maxInflightPerKey\": 6, \"affinity\": {\"mode\": \"off\"}}}";

static void pool_by_config_json(void **state)
{
    struct config_fixture *f = *state;
    struct key_settings expected = other_pool;
    expected.probe_minutes = 7;
    expected.daily_limit = 8;
    expected.monthly_limit = 9;
    expected.warning_ratio = 0.25;
    expected.window_hours = 10;
    config_fixture_write("data/config.json", pool_json);
    assert_same_pool(&load_well(f, NULL)->key_pool, &expected);
    assert_string_equal(config_fixture_warnings(f), "");
    // The environment goes before it.
    expected.retry_max = 90;
    expected.has_affinity = true;
    assert_same_pool(&load_well(f, "KEY_POOL_RETRY_MAX=90\nKEY_POOL_AFFINITY=auto")->key_pool, &expected);
}

static void accounts_by_variables(void **state)
{
    const struct config *config = load_well(*state, "DROID_REFRESH_KEY=key-one\n"
                                                    "WORKOS_CLIENT_ID=client\n"
                                                    "OAUTH_TOKEN_URL=http://127.0.0.1:1/token/\n"
                                                    "ADMIN_ALLOW_IPS=127.0.0.0/8, ::1\n"
                                                    "TRUST_PROXY=10.0.0.1\n"
                                                    "ADMIN_REQUIRE_STRONG_KEY=true\n"
                                                    "ADMIN_ACCESS_KEY=a key of 17 chars\n"
                                                    "SYNC_INTERVAL_MINUTES=1\n"
                                                    "BATCH_SIZE=2\n"
                                                    "DATA_RETENTION_DAYS=3\n"
                                                    "NOTES_MAX_LENGTH=4");
    assert_string_equal(config_fixture_warnings(*state), "");
    assert_slice(config->refresh_key, "key-one");
    assert_slice(config->oauth_client_id, "client");
    assert_slice(config->oauth_token_url, "http://127.0.0.1:1/token");
    assert_int_equal(config->admin_allow.n_items, 2);
    assert_true(cidr_list_has(&config->admin_allow, SLICE("127.0.0.1")));
    assert_false(cidr_list_has(&config->admin_allow, SLICE("10.0.0.1")));
    assert_true(cidr_list_has(&config->trusted_proxies, SLICE("10.0.0.1")));
    assert_true(config->requires_strong_admin_key);
    assert_false(config->has_weak_admin_key);
    assert_int_equal(config->balance_sync.interval_minutes, 1);
    assert_int_equal(config->balance_sync.batch_size, 2);
    assert_int_equal(config->retention_days, 3);
    assert_int_equal(config->notes_max, 4);
}

static void weak_admin_keys(void **state)
{
    struct config_fixture *f = *state;
    static const char weak[] = "ADMIN_ACCESS_KEY is weak: take one of at least 16 characters that is in no manual";
    static const char *const keys[] = {"ADMIN_ACCESS_KEY=admin", "ADMIN_ACCESS_KEY=0123456789abcde",
                                       "ADMIN_ACCESS_KEY=Your-Admin-Password", "ADMIN_ACCESS_KEY=aaaaaaaaaaaaaaaaaaaa"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        char environment[128];
        assert_true(load_well(f, keys[i])->has_weak_admin_key);
        assert_memory_equal(config_fixture_warnings(f), weak, strlen(weak));
        snprintf(environment, sizeof(environment), "%s\nADMIN_REQUIRE_STRONG_KEY=true", keys[i]);
        assert_null(config_fixture_load(f, environment, false));
        assert_memory_equal(config_fixture_errors(f), weak, strlen(weak));
    }
}

static void bad_variables(void **state)
{
    struct config_fixture *f = *state;
    static const struct {
        const char *environment;
        const char *dotenv;
        const char *errors;
    } cases[] = {
        {"PORT=abc", NULL, "PORT is \"abc\" in the environment; it may be a whole number from 0 to 65535\n"},
        {NULL, "\nPORT=70000", "PORT is \"70000\" in .env:2; it may be a whole number from 0 to 65535\n"},
        {"HOST=localhost", NULL, "HOST is \"localhost\" in the environment; it may be an IPv4 or IPv6 address\n"},
        {"NODE_ENV=test", NULL, "NODE_ENV is \"test\" in the environment; it may be production or development\n"},
        {"LOG_LEVEL=loud", NULL,
         "LOG_LEVEL is \"loud\" in the environment; it may be debug, info, warn, error or off\n"},
        {"LOG_FORMAT=xml", NULL, "LOG_FORMAT is \"xml\" in the environment; it may be text or json\n"},
        {"LOG_RETENTION_DAYS=-1", NULL,
         "LOG_RETENTION_DAYS is \"-1\" in the environment; it may be a whole number from 0 to 3650\n"},
        {"UPSTREAM_IDLE_TIMEOUT_MS=5s", NULL,
         "UPSTREAM_IDLE_TIMEOUT_MS is \"5s\" in the environment; it may be a whole number from 0 to 86400000\n"},
        {"KEY_POOL_REQUEST_TIMEOUT_MS=5s", NULL,
         "KEY_POOL_REQUEST_TIMEOUT_MS is \"5s\" in the environment; it may be a whole number from 0 to 86400000\n"},
        {"REASONING_BUDGET_LOW=0", NULL,
         "REASONING_BUDGET_LOW is \"0\" in the environment; it may be a whole number from 1 to 1000000\n"},
        {"DATA_DIR=a\tb", NULL,
         "DATA_DIR is \"a b\" in the environment; it may be a path without control characters\n"},
        {"API_ACCESS_KEY=,", NULL,
         "API_ACCESS_KEY is (1 characters) in the environment; it may be keys separated by commas, without control "
         "characters\n"},
        {NULL, "FACTORY_API_KEY=\"key-one\\nkey-two-two\"",
         "FACTORY_API_KEY is key-…-two in .env:1; it may be text without control characters\n"},
        {"OAUTH_TOKEN_URL=https://host/token?a=b", NULL,
         "OAUTH_TOKEN_URL is \"https://host/token…\" in the environment; it may be an http:// or https:// URL without "
         "credentials and query\n"},
        {"TRUST_PROXY=10.0.0.0/40", NULL,
         "TRUST_PROXY is \"10.0.0.0/40\" in the environment; it may be addresses or CIDR ranges separated by commas\n"},
        {"KEY_POOL_AFFINITY=yes", NULL, "KEY_POOL_AFFINITY is \"yes\" in the environment; it may be off or auto\n"},
        {"STREAM_HOLD_BACK_MS=-2", NULL,
         "STREAM_HOLD_BACK_MS is \"-2\" in the environment; it may be a whole number from -1 to 3600000\n"},
        {"STREAM_HOLD_BACK_EVENTS=10001", NULL,
         "STREAM_HOLD_BACK_EVENTS is \"10001\" in the environment; it may be a whole number from 0 to 10000\n"},
        // Not built yet, but a value that can never be right is one today.
        {"CLUSTER_MODE=perhaps", NULL, "CLUSTER_MODE is \"perhaps\" in the environment; it may be true or false\n"},
        {"KEY_POOL_ALGORITHM=best", NULL,
         "KEY_POOL_ALGORITHM is \"best\" in the environment; it may be round-robin, random, least-used, "
         "weighted-score, least-token-used, max-remaining, weighted-usage, quota-aware or time-window\n"},
        // All of them at once.
        {"PORT=x\nLOG_LEVEL=y", "words\nHOST=z",
         ".env:1: not a line of the form NAME=value\n"
         "PORT is \"x\" in the environment; it may be a whole number from 0 to 65535\n"
         "HOST is \"z\" in .env:2; it may be an IPv4 or IPv6 address\n"
         "LOG_LEVEL is \"y\" in the environment; it may be debug, info, warn, error or off\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        config_fixture_write(".env", cases[i].dotenv);
        assert_null(config_fixture_load(f, cases[i].environment, false));
        assert_string_equal(config_fixture_errors(f), cases[i].errors);
    }
}

static void every_supported_variable_has_an_error_that_names_it(void **state)
{
    struct config_fixture *f = *state;
    size_t n_rows;
    const struct setting *rows = settings_rows(&n_rows);
    for (size_t i = 0; i < n_rows; i++) {
        char environment[128];
        if (!rows[i].env) {
            continue;
        }
        snprintf(environment, sizeof(environment), "%s=\x01", rows[i].env);
        assert_null(config_fixture_load(f, environment, false));
        assert_memory_equal(config_fixture_errors(f), rows[i].env, strlen(rows[i].env));
        assert_string_equal(config_fixture_warnings(f), "");
    }
}

static void what_is_not_built_yet_warns_when_set(void **state)
{
    struct config_fixture *f = *state;
    load_well(f, "CLUSTER_MODE=true\nREDIS_HOST=\nREDIS_PASSWORD=key-one");
    assert_string_equal(config_fixture_warnings(f), "REDIS_PASSWORD is set but not supported by this version yet\n"
                                                    "CLUSTER_MODE is set but not supported by this version yet\n");
}

static void secrets_from_files(void **state)
{
    struct config_fixture *f = *state;
    static const struct {
        const char *content;
        const char *key;
    } cases[] = {
        {"key-one\n", "key-one"}, {"key-one", "key-one"}, {"key-one\r\n", "key-one"}, {" key one ", " key one "}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        config_fixture_write("secret", cases[i].content);
        assert_slice(load_well(f, "FACTORY_API_KEY_FILE=./secret")->factory_api_key, cases[i].key);
    }
    config_fixture_write("secret", "key-one,key-two\n");
    config_fixture_write(".env", "API_ACCESS_KEY_FILE=./secret\nADMIN_ACCESS_KEY_FILE=\nREDIS_PASSWORD_FILE=secret");
    assert_int_equal(load_well(f, "API_ACCESS_KEY=")->n_access_keys, 2);
    assert_string_equal(config_fixture_warnings(f), "REDIS_PASSWORD is set but not supported by this version yet\n");
}

static void bad_secret_files(void **state)
{
    struct config_fixture *f = *state;
    static const struct {
        const char *environment;
        const char *content; // of ./secret
        const char *errors;
    } cases[] = {
        {"FACTORY_API_KEY_FILE=./missing", "x",
         "FACTORY_API_KEY_FILE is ./missing in the environment, a file that cannot be read: No such file or "
         "directory\n"},
        {"FACTORY_API_KEY_FILE=key-one-instead-of-a-file", "x",
         "FACTORY_API_KEY_FILE is key-…file in the environment, a file that cannot be read: No such file or "
         "directory\n"},
        {"ADMIN_ACCESS_KEY_FILE=./secret", "\n",
         "ADMIN_ACCESS_KEY_FILE is ./secret in the environment, a file that is empty\n"},
        {"ADMIN_ACCESS_KEY_FILE=./secret\nADMIN_ACCESS_KEY=x", "x",
         "ADMIN_ACCESS_KEY and ADMIN_ACCESS_KEY_FILE are both set; only one of them may be\n"},
        {"DROID_REFRESH_KEY_FILE=./secret\nDROID_REFRESH_KEY=x", "x",
         "DROID_REFRESH_KEY and DROID_REFRESH_KEY_FILE are both set; only one of them may be\n"},
        {"API_ACCESS_KEY_FILE=./secret", "key-one\nkey-two-two",
         "API_ACCESS_KEY is key-…-two in ./secret; it may be keys separated by commas, without control characters\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        config_fixture_write("secret", cases[i].content);
        assert_null(config_fixture_load(f, cases[i].environment, false));
        assert_string_equal(config_fixture_errors(f), cases[i].errors);
    }
}

static void dotenv_that_cannot_be_read(void **state)
{
    struct config_fixture *f = *state;
    assert_int_equal(mkdir(".env", 0700), 0);
    assert_null(config_fixture_load(f, NULL, false));
    assert_string_equal(config_fixture_errors(f), ".env cannot be read: Is a directory\n");
}

// A marker in every place where a secret can be, each of them wrong in some way.
static void secrets_are_never_shown(void **state)
{
    struct config_fixture *f = *state;
    static const char *const environments[] = {
        "FACTORY_API_KEY=key-MARKER\x01-key",    "API_ACCESS_KEY=,\x01MARKER,",
        "ADMIN_ACCESS_KEY=key\x01MARKERkey-key", "REDIS_PASSWORD=key\x01MARKER",
        "DROID_REFRESH_KEY=key\x01MARKER",       "FACTORY_API_KEY_FILE=keyMARKERkeykey",
        "REDIS_PASSWORD=keykeyMARKERkeykey",     "OAUTH_TOKEN_URL=http://MARKER@host\x01/?MARKER",
    };
    static const char *const dotenvs[] = {
        "MARKER", "=MARKER", "FACTORY_API_KEY=\"MARKER", "FACTORY_API_KEY='a'MARKER", "FACTORY_API_KEY=\"MARKER\\q\"",
    };
    static const char *const files[] = {
        "{\"proxies\": [{\"url\": \"https://user:MARKER@host:1\"}]}",
        "{\"proxies\": [{\"url\": \"http://MARKER:MARKER@host\"}]}",
        "{\"proxies\": [{\"url\": \"MARKER@host:1\"}]}",
        "{\"proxies\": [{\"url\": \"http://host:1/?MARKER\"}]}",
        "{\"proxies\": [{\"url\": [\"http://MARKER@host:1\"]}]}",
        "{\"proxies\": [\"http://user:MARKER@host:1\"]}",
        "{\"proxies\": \"http://user:MARKER@host:1\"}",
        "{\"endpoint\": [{\"name\": \"a\", \"base_url\": \"https://user:MARKER@host\"}]}",
        "{\"endpoint\": [{\"name\": \"a\", \"base_url\": \"https://host?key=MARKER\"}]}",
        "{\"endpoint\": [{\"name\": \"a\", \"base_url\": \"https://host#MARKER\"}]}",
        "{\"endpoint\": [{\"name\": \"a\", \"base_url\": \"https://h\", \"headers\": {\"x\": \"k\\nMARKER\"}}]}",
        "{\"endpoint\": [{\"name\": \"a\", \"base_url\": \"https://h\", \"headers\": {\"x\": [\"MARKER\"]}}]}",
        "{\"endpoint\": [{\"name\": \"a\", \"base_url\": \"https://h\", \"headers\": \"MARKER\"}]}",
        "{\"endpoint\": [{\"name\": \"a\", \"base_url\": \"https://h\", \"headers\": {\"host\": \"MARKER\"}}]}",
        "{\"proxies\": [{\"url\": \"MARKER\" MARKER",
    };
    for (size_t i = 0; i < sizeof(environments) / sizeof(*environments); i++) {
        config_fixture_load(f, environments[i], false);
        assert_true(f->errors.len + f->warnings.len > 0);
        assert_null(strstr(config_fixture_errors(f), "MARKER"));
        assert_null(strstr(config_fixture_warnings(f), "MARKER"));
    }
    for (size_t i = 0; i < sizeof(dotenvs) / sizeof(*dotenvs); i++) {
        config_fixture_write(".env", dotenvs[i]);
        assert_null(config_fixture_load(f, NULL, false));
        assert_null(strstr(config_fixture_errors(f), "MARKER"));
    }
    config_fixture_write(".env", NULL);
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        config_fixture_write("data/config.json", files[i]);
        assert_null(config_fixture_load(f, NULL, false));
        assert_null(strstr(config_fixture_errors(f), "MARKER"));
        assert_null(strstr(config_fixture_warnings(f), "MARKER"));
    }
}

static void references_are_counted(void **state)
{
    struct config_fixture *f = *state;
    config_fixture_load(f, "HOST=::1", false);
    struct config *kept = config_ref(f->config);
    config_fixture_load(f, "HOST=::2", false);
    assert_slice(kept->host, "::1");
    config_unref(kept);
    config_unref(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, config_fixture_setup, config_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(defaults_without_anything),
        TEST(environment_over_dotenv_over_file_over_default),
        TEST(every_supported_variable_reaches_its_field),
        TEST(connect_timeout_falls_back_to_the_key_pools),
        TEST(pool_by_variables),
        TEST(pool_by_config_json),
        TEST(accounts_by_variables),
        TEST(weak_admin_keys),
        TEST(bad_variables),
        TEST(every_supported_variable_has_an_error_that_names_it),
        TEST(what_is_not_built_yet_warns_when_set),
        TEST(secrets_from_files),
        TEST(bad_secret_files),
        TEST(dotenv_that_cannot_be_read),
        TEST(secrets_are_never_shown),
        TEST(references_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
