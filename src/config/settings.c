// SPDX-License-Identifier: MIT
// A new setting is a field in config.h, a row here and a line in .env.example.
#include "config/settings.h"

#include <string.h>

static const char *const node_envs[] = {"production", "development", NULL};
static const char *const log_levels[] = {"debug", "info", "warn", "error", "off", NULL};
static const char *const log_formats[] = {"text", "json", NULL};
static const char *const translation_modes[] = {"normal", "strict", "lenient", NULL};
static const char *const affinities[] = {"off", "auto", NULL};
static const char *const algorithms[] = {
    "round-robin",   "random",         "least-used",  "weighted-score", "least-token-used",
    "max-remaining", "weighted-usage", "quota-aware", "time-window",    NULL,
};

#define TOKENS_MAX 9007199254740991 // what every reader of JSON takes without loss

enum { DAY_MS = 24 * 60 * 60 * 1000, HOUR_MS = 60 * 60 * 1000 };

#define FIELD(name) .field = offsetof(struct config, name)
#define BOOL .rule = {.type = VALUE_BOOL}
#define U16(low, high) .rule = {.type = VALUE_U16, .min = (low), .max = (high)}
#define U32(low, high) .rule = {.type = VALUE_U32, .min = (low), .max = (high)}
#define U64(low, high) .rule = {.type = VALUE_U64, .min = (low), .max = (high)}
#define I32(low, high) .rule = {.type = VALUE_I32, .min = (low), .max = (high)}
#define CHOICE(names) .rule = {.type = VALUE_CHOICE, .choices = (names)}
#define SWITCH(names) .rule = {.type = VALUE_SWITCH, .choices = (names)}
#define TYPE(name) .rule = {.type = VALUE_##name}

// clang-format off
static const struct setting settings[] = {
    // Credentials
    {"FACTORY_API_KEY", NULL, NULL, "the key for the providers; goes before every other credential",
     TYPE(SECRET), FIELD(factory_api_key)},
    {"ADMIN_ACCESS_KEY", NULL, NULL, "opens the admin API and page",
     TYPE(SECRET), FIELD(admin_access_key)},
    {"API_ACCESS_KEY", NULL, NULL, "clients must present it, or one of several separated by commas",
     TYPE(SECRET_LIST), FIELD(_access_key_list)},
    {"DROID_REFRESH_KEY", NULL, NULL, "OAuth refresh token; used when there is neither FACTORY_API_KEY nor a usable key in the pool",
     TYPE(SECRET), FIELD(refresh_key)},
    {"WORKOS_CLIENT_ID", NULL, "client_01HNM792M5G5G1A2THWPXKFMXB", "OAuth client id that refresh tokens belong to",
     TYPE(LINE), FIELD(oauth_client_id)},
    {"OAUTH_TOKEN_URL", NULL, "https://api.workos.com/user_management/authenticate",
     "where a refresh token is exchanged", TYPE(WEB_URL), FIELD(oauth_token_url)},
    {"ADMIN_ALLOW_IPS", NULL, NULL, "who may call the admin API: CIDR ranges separated by commas; unset is everybody",
     TYPE(CIDR_LIST), FIELD(admin_allow)},
    {"TRUST_PROXY", NULL, NULL, "whose X-Forwarded-For is believed: CIDR ranges separated by commas",
     TYPE(CIDR_LIST), FIELD(trusted_proxies)},
    {"ADMIN_REQUIRE_STRONG_KEY", NULL, "false", "refuse to start with a weak ADMIN_ACCESS_KEY",
     BOOL, FIELD(requires_strong_admin_key)},
    {NULL, "public_models", "true", "lists of models need no access key", BOOL, FIELD(public_models)},

    // Server
    {"PORT", "port", "3000", "port to listen on; 0 takes a free one", U16(0, UINT16_MAX), FIELD(port)},
    {"HOST", NULL, "0.0.0.0", "address to listen on; :: takes IPv4 and IPv6", TYPE(ADDRESS), FIELD(host)},
    {"NODE_ENV", NULL, "production", "production: short console lines and a daily file; development: detailed console",
     CHOICE(node_envs), FIELD(node_env)},
    {"DATA_DIR", NULL, "data", "folder of config.json and all state", TYPE(PATH), FIELD(data_dir)},
    {"SHUTDOWN_GRACE_MS", NULL, "30000", "how long running requests may take to end at shutdown",
     U32(0, HOUR_MS), FIELD(shutdown_grace_ms)},
    {NULL, "limits.max_body_bytes", "52428800", "largest request body", U64(1024, UINT32_MAX), FIELD(max_body_bytes)},
    {NULL, "limits.max_answer_bytes", "67108864", "largest answer that is kept as a whole to be translated: for clients that do not stream, and of Responses",
     U64(1024, UINT32_MAX), FIELD(max_answer_bytes)},
    {NULL, "limits.max_connections", "20000", "client connections open at once",
     U32(1, 1000000), FIELD(max_connections)},

    // Log
    {"LOG_LEVEL", NULL, "info", "least severe level that is logged", CHOICE(log_levels), FIELD(log_level)},
    {"LOG_FORMAT", NULL, "text", "json writes one object a line, for log collectors",
     CHOICE(log_formats), FIELD(log_format)},
    {"LOG_DIR", NULL, "logs", "folder of the daily log files", TYPE(PATH), FIELD(log_dir)},
    {"LOG_RETENTION_DAYS", NULL, "14", "days a log file is kept; 0 keeps all", U32(0, 3650), FIELD(log_retention_days)},

    // Traffic
    {NULL, "user_agent", "droid2api/" DROID2API_VERSION, "user-agent towards providers", TYPE(LINE), FIELD(user_agent)},
    {NULL, "system_prompt", NULL, "text put before the client's system prompt", TYPE(TEXT), FIELD(system_prompt)},
    {"TRANSLATION_MODE", "translation", "normal",
     "what cannot be translated: normal warns or refuses, strict refuses all of it, lenient warns where it can",
     CHOICE(translation_modes), FIELD(translation)},
    {"CHAT_REASONING", "chat_reasoning", "true", "translated answers to Chat clients carry reasoning_content",
     BOOL, FIELD(chat_reasoning)},
    {"UPSTREAM_CONNECT_TIMEOUT_MS", NULL, "10000",
     "to connect to a provider; 0 is off; unset is KEY_POOL_REQUEST_TIMEOUT_MS",
     U32(0, DAY_MS), FIELD(timeouts.connect_ms)},
    {"UPSTREAM_HEADER_TIMEOUT_MS", NULL, "600000", "until the head of a provider's answer; 0 is off",
     U32(0, DAY_MS), FIELD(timeouts.header_ms)},
    {"UPSTREAM_FIRST_TOKEN_TIMEOUT_MS", NULL, "0", "until the first token of a stream; 0 is off",
     U32(0, DAY_MS), FIELD(timeouts.first_token_ms)},
    {"UPSTREAM_IDLE_TIMEOUT_MS", NULL, "300000", "silence of a provider within an answer; 0 is off",
     U32(0, DAY_MS), FIELD(timeouts.idle_ms)},
    {"UPSTREAM_TOTAL_TIMEOUT_MS", NULL, "0", "the whole of a request, retries included; 0 is off",
     U32(0, DAY_MS), FIELD(timeouts.total_ms)},
    {"STREAM_KEEPALIVE_MS", NULL, "15000", "heartbeat to the client of a silent stream; 0 is off",
     U32(0, HOUR_MS), FIELD(stream_keepalive_ms)},
    {"STREAM_HOLD_BACK_MS", "stream_hold_back.ms", "0",
     "hold the first events of a stream back this long, so that a failure among them is not seen; -1 holds the whole answer; 0 is off",
     I32(-1, HOLD_BACK_MS_MAX), FIELD(hold_back.ms)},
    {"STREAM_HOLD_BACK_EVENTS", "stream_hold_back.events", "0", "hold this many first events of a stream back; 0 is off",
     U32(0, HOLD_BACK_EVENTS_MAX), FIELD(hold_back.events)},
    {"POOL_WAIT_MS", "pool_wait_ms", "0", "wait this long for a key to come back; 0 is off",
     U32(0, HOUR_MS), FIELD(pool_wait_ms)},
    {NULL, "limits.pool_queue_max", "10000", "requests that may wait at once for a key to come back",
     U32(0, 1000000), FIELD(pool_queue_max)},
    {"REASONING_BUDGET_LOW", "reasoning_tokens.low", "4096", "thinking tokens of reasoning level low",
     U32(1, 1000000), FIELD(reasoning_budget[0])},
    {"REASONING_BUDGET_MEDIUM", "reasoning_tokens.medium", "12288", "thinking tokens of reasoning level medium",
     U32(1, 1000000), FIELD(reasoning_budget[1])},
    {"REASONING_BUDGET_HIGH", "reasoning_tokens.high", "24576", "thinking tokens of reasoning level high",
     U32(1, 1000000), FIELD(reasoning_budget[2])},

    // Key pool: where data/key_pool.json says nothing
    {"KEY_POOL_ALGORITHM", "key_pool.algorithm", "round-robin", "how a key is chosen",
     CHOICE(algorithms), FIELD(key_pool.algorithm)},
    {"KEY_POOL_RETRY_ENABLED", "key_pool.retry.enabled", "true", "try another key after a failure",
     BOOL, FIELD(key_pool.retries)},
    {"KEY_POOL_RETRY_MAX", "key_pool.retry.maxRetries|max", "3", "retries per request",
     U32(0, 100), FIELD(key_pool.retry_max)},
    {"KEY_POOL_RETRY_DELAY_MS", "key_pool.retry.retryDelay", "1000",
     "delay before the same key or endpoint is tried again", U32(0, HOUR_MS), FIELD(key_pool.retry_delay_ms)},
    {"KEY_POOL_AUTO_BAN_ENABLED", "key_pool.autoBan.enabled", "true", "ban keys that fail",
     BOOL, FIELD(key_pool.bans)},
    {"KEY_POOL_ERROR_THRESHOLD", "key_pool.autoBan.errorThreshold", "5", "errors in a row that ban a key",
     U32(1, 100000), FIELD(key_pool.ban_threshold)},
    {"KEY_POOL_BAN_402", "key_pool.autoBan.ban402|ban_402", "true", "ban a key whose credit is gone",
     BOOL, FIELD(key_pool.bans_402)},
    {"KEY_POOL_BAN_401", "key_pool.autoBan.ban401|ban_401", "false", "ban a key that is refused",
     BOOL, FIELD(key_pool.bans_401)},
    {NULL, "key_pool.autoBan.probeMinutes", "60", "minutes after which a banned key is probed; 0 is never",
     U32(0, 7 * 24 * 60), FIELD(key_pool.probe_minutes)},
    {"KEY_POOL_CONCURRENT_LIMIT", "key_pool.performance.concurrentLimit", "100",
     "key tests and balance queries at once; at most 50 are", U32(1, 100000), FIELD(key_pool.concurrent_limit)},
    {"KEY_POOL_REQUEST_TIMEOUT_MS", "key_pool.performance.requestTimeout", "10000",
     "for a key test and a balance query, in milliseconds; 0 is off", U32(0, DAY_MS), FIELD(key_pool.request_timeout_ms)},
    {"KEY_POOL_MULTI_TIER_ENABLED", "key_pool.multiTier.enabled", "false", "use groups of keys by priority",
     BOOL, FIELD(key_pool.has_tiers)},
    {"KEY_POOL_AUTO_FALLBACK", "key_pool.multiTier.autoFallback", "true",
     "go on to the next group when one has no eligible key", BOOL, FIELD(key_pool.falls_back)},
    {"KEY_POOL_STRICT_MODE", "key_pool.multiTier.strictMode", "false", "stop at the first group that has keys",
     BOOL, FIELD(key_pool.is_strict)},
    {NULL, "key_pool.quotaLimits.per_key_daily_limit", "0", "tokens a day and key, for quota-aware; 0 is off",
     U64(0, TOKENS_MAX), FIELD(key_pool.daily_limit)},
    {NULL, "key_pool.quotaLimits.per_key_monthly_limit", "0", "tokens a month and key, for quota-aware; 0 is off",
     U64(0, TOKENS_MAX), FIELD(key_pool.monthly_limit)},
    {NULL, "key_pool.quotaLimits.warning_threshold", "0.8", "part of a limit from which on the log warns",
     .rule = {.type = VALUE_RATIO}, FIELD(key_pool.warning_ratio)},
    {NULL, "key_pool.timeWindowHours", "24", "how far time-window looks back", U32(1, 31 * 24), FIELD(key_pool.window_hours)},
    {"KEY_POOL_MAX_INFLIGHT_PER_KEY", "key_pool.maxInflightPerKey", "0", "requests in flight on one key; 0 is off",
     U32(0, 1000000), FIELD(key_pool.max_inflight)},
    {"KEY_POOL_AFFINITY", "key_pool.affinity.mode", "auto", "the same conversation goes to the same key",
     SWITCH(affinities), FIELD(key_pool.has_affinity)},
    {NULL, "key_test.model", NULL, "model that tests of keys ask; unset takes one that suits the key",
     TYPE(LINE), FIELD(key_test_model)},
    {"NOTES_MAX_LENGTH", "limits.notes_max_length", "1000", "longest note of a key",
     U32(0, 1000000), FIELD(notes_max)},

    // Balances and history
    {NULL, "balance_sync.enabled", "true", "ask for the balances of Factory keys", BOOL, FIELD(balance_sync.enabled)},
    {NULL, "balance_sync.base_url", "https://app.factory.ai", "where balances are asked for",
     TYPE(WEB_URL), FIELD(balance_sync.base_url)},
    {"SYNC_INTERVAL_MINUTES", "balance_sync.interval_minutes", "30", "time between balance queries",
     U32(1, 100000), FIELD(balance_sync.interval_minutes)},
    {"BATCH_SIZE", "balance_sync.batch_size", "5", "keys whose balance is asked for in a second",
     U32(1, 1000), FIELD(balance_sync.batch_size)},
    {"DATA_RETENTION_DAYS", NULL, "30", "days that usage is kept", U32(1, 3650), FIELD(retention_days)},
    {"MAX_JSON_LOG_SIZE", NULL, "5000", "longest JSON text in a log line", U32(0, 10000000)},

    // Several processes and machines
    {"REDIS_HOST", NULL, NULL, "Redis server that joins several gateways; unset is off", TYPE(LINE)},
    {"REDIS_PORT", NULL, "6379", "its port", U16(1, UINT16_MAX)},
    {"REDIS_PASSWORD", NULL, NULL, "its password", TYPE(SECRET)},
    {"REDIS_DB", NULL, "0", "its database number", U32(0, 1000000)},
    {"REDIS_KEY_PREFIX", NULL, "droid2api:", "what its keys begin with", TYPE(LINE)},
    {"CLUSTER_MODE", NULL, "false", "several worker processes", BOOL},
    {"CLUSTER_WORKERS", NULL, NULL, "how many; unset takes one for each CPU", U32(1, 1024)},
};
// clang-format on

enum { N_SETTINGS = sizeof(settings) / sizeof(*settings) };

const struct setting *settings_rows(size_t *n_r)
{
    *n_r = N_SETTINGS;
    return settings;
}

// The group of a place, empty without one; behind it the spellings of the name.
static struct slice split_place(const char *json, struct slice *names_r)
{
    struct slice place = slice_from_cstr(json);
    size_t dot = slice_find_last(place, SLICE("."));
    *names_r = dot == SLICE_NOT_FOUND ? place : slice_after(place, dot + 1);
    return slice_of(json, dot == SLICE_NOT_FOUND ? 0 : dot);
}

static bool is_spelling(struct slice names, struct slice name)
{
    while (names.ptr) {
        if (slice_eq(slice_split(&names, '|'), name)) {
            return true;
        }
    }
    return false;
}

const struct setting *settings_find_json(struct slice group, struct slice name)
{
    for (size_t i = 0; i < N_SETTINGS; i++) {
        struct slice names;
        if (settings[i].json && slice_eq(split_place(settings[i].json, &names), group) && is_spelling(names, name)) {
            return &settings[i];
        }
    }
    return NULL;
}

bool settings_is_json_group(struct slice group)
{
    for (size_t i = 0; i < N_SETTINGS && group.len > 0; i++) {
        struct slice place = slice_from_cstr(settings[i].json);
        if (slice_starts_with(place, group) && slice_starts_with(slice_after(place, group.len), SLICE("."))) {
            return true;
        }
    }
    return false;
}

static void describe(const struct setting *setting, struct buf *out)
{
    struct slice spellings = slice_from_cstr(setting->json);
    struct slice place = slice_split(&spellings, '|');
    struct slice name = setting->env ? slice_from_cstr(setting->env) : place;
    buf_printf(out, "%-32.*s %-20s %s", SLICE_ARG(name), setting->fallback ? setting->fallback : "-", setting->help);
    if (setting->json) {
        buf_printf(out, " (config.json: %.*s)", SLICE_ARG(place));
    }
    if (setting->rule.type == VALUE_SECRET || setting->rule.type == VALUE_SECRET_LIST) {
        buf_printf(out, " (or %s_FILE)", setting->env);
    }
    buf_append(out, setting->field == 0 ? SLICE(" (not supported yet)\n") : SLICE("\n"));
}

void config_describe_settings(struct buf *out)
{
    for (size_t i = 0; i < N_SETTINGS; i++) {
        describe(&settings[i], out);
    }
}
