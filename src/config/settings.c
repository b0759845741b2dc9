// SPDX-License-Identifier: MIT
// A new setting is a field in config.h, a row here and a line in .env.example.
#include "config/settings.h"

#include <string.h>

static const char *const node_envs[] = {"production", "development", NULL};
static const char *const log_levels[] = {"debug", "info", "warn", "error", "off", NULL};
static const char *const log_formats[] = {"text", "json", NULL};
static const char *const translation_modes[] = {"normal", "strict", "lenient", NULL};
static const char *const affinities[] = {"auto", "off", NULL};
static const char *const algorithms[] = {
    "round-robin",   "random",         "least-used",  "weighted-score", "least-token-used",
    "max-remaining", "weighted-usage", "quota-aware", "time-window",    NULL,
};

enum { DAY_MS = 24 * 60 * 60 * 1000, HOUR_MS = 60 * 60 * 1000 };

#define FIELD(name) .field = offsetof(struct config, name)
#define BOOL .rule = {.type = VALUE_BOOL}
#define U16(low, high) .rule = {.type = VALUE_U16, .min = (low), .max = (high)}
#define U32(low, high) .rule = {.type = VALUE_U32, .min = (low), .max = (high)}
#define U64(low, high) .rule = {.type = VALUE_U64, .min = (low), .max = (high)}
#define I32(low, high) .rule = {.type = VALUE_I32, .min = (low), .max = (high)}
#define CHOICE(names) .rule = {.type = VALUE_CHOICE, .choices = (names)}
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
    {"DROID_REFRESH_KEY", NULL, NULL, "OAuth refresh token", TYPE(SECRET)},
    {"WORKOS_CLIENT_ID", NULL, NULL, "OAuth client id", TYPE(LINE)},
    {"OAUTH_TOKEN_URL", NULL, "https://api.workos.com/user_management/authenticate",
     "where a refresh token is exchanged", TYPE(URL)},
    {"ADMIN_ALLOW_IPS", NULL, NULL, "who may call the admin API: CIDR ranges separated by commas", TYPE(LINE)},
    {"TRUST_PROXY", NULL, NULL, "whose X-Forwarded-For is believed: CIDR ranges separated by commas", TYPE(LINE)},
    {"ADMIN_REQUIRE_STRONG_KEY", NULL, "false", "refuse to start with a weak ADMIN_ACCESS_KEY", BOOL},
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
    // Two rows, one field: where both are set the second one counts.
    {"KEY_POOL_REQUEST_TIMEOUT_MS", NULL, "10000",
     "to connect to a provider, where UPSTREAM_CONNECT_TIMEOUT_MS is not set; 0 is off",
     U32(0, DAY_MS), FIELD(timeouts.connect_ms)},
    {"UPSTREAM_CONNECT_TIMEOUT_MS", NULL, "10000", "to connect to a provider; 0 is off",
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
    {"STREAM_HOLD_BACK_MS", NULL, "0", "hold the first events back this long; -1 holds the whole answer",
     I32(-1, HOUR_MS)},
    {"STREAM_HOLD_BACK_EVENTS", NULL, "0", "hold this many first events back", U32(0, 100000)},
    {"POOL_WAIT_MS", NULL, "0", "wait this long for a key to come back; 0 is off", U32(0, HOUR_MS)},
    {"REASONING_BUDGET_LOW", "reasoning_tokens.low", "4096", "thinking tokens of reasoning level low",
     U32(1, 1000000), FIELD(reasoning_budget[0])},
    {"REASONING_BUDGET_MEDIUM", "reasoning_tokens.medium", "12288", "thinking tokens of reasoning level medium",
     U32(1, 1000000), FIELD(reasoning_budget[1])},
    {"REASONING_BUDGET_HIGH", "reasoning_tokens.high", "24576", "thinking tokens of reasoning level high",
     U32(1, 1000000), FIELD(reasoning_budget[2])},

    // Key pool
    {"KEY_POOL_ALGORITHM", NULL, "round-robin", "how a key is chosen", CHOICE(algorithms)},
    {"KEY_POOL_RETRY_ENABLED", NULL, "true", "try another key after a failure", BOOL},
    {"KEY_POOL_RETRY_MAX", NULL, "3", "retries per request", U32(0, 100)},
    {"KEY_POOL_RETRY_DELAY_MS", NULL, "1000", "delay before the same key or endpoint is tried again", U32(0, HOUR_MS)},
    {"KEY_POOL_AUTO_BAN_ENABLED", NULL, "true", "ban keys that fail", BOOL},
    {"KEY_POOL_ERROR_THRESHOLD", NULL, "5", "errors in a row that ban a key", U32(1, 100000)},
    {"KEY_POOL_BAN_402", NULL, "true", "ban a key whose credit is gone", BOOL},
    {"KEY_POOL_BAN_401", NULL, "false", "ban a key that is refused", BOOL},
    {"KEY_POOL_CONCURRENT_LIMIT", NULL, "100", "key tests and balance queries at once", U32(1, 100000)},
    {"KEY_POOL_MULTI_TIER_ENABLED", NULL, "false", "use groups of keys by priority", BOOL},
    {"KEY_POOL_AUTO_FALLBACK", NULL, "true", "go on to the next group when one has no eligible key", BOOL},
    {"KEY_POOL_STRICT_MODE", NULL, "false", "stop at the first group that has keys", BOOL},
    {"KEY_POOL_MAX_INFLIGHT_PER_KEY", NULL, "0", "requests in flight on one key; 0 is off", U32(0, 1000000)},
    {"KEY_POOL_AFFINITY", NULL, "auto", "the same conversation goes to the same key", CHOICE(affinities)},

    // Balances and history
    {"SYNC_INTERVAL_MINUTES", NULL, "30", "time between balance queries", U32(1, 100000)},
    {"BATCH_SIZE", NULL, "5", "balance queries at once", U32(1, 1000)},
    {"DATA_RETENTION_DAYS", NULL, "30", "days that usage is kept", U32(1, 3650)},
    {"NOTES_MAX_LENGTH", "limits.notes_max_length", "1000", "longest note of a key", U32(0, 1000000)},
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

// Splits "group.name"; the group is empty without a dot.
static struct slice split_place(const char *json, struct slice *name_r)
{
    struct slice rest = slice_from_cstr(json);
    struct slice group = slice_split(&rest, '.');
    if (!rest.ptr) {
        *name_r = group;
        return SLICE_EMPTY;
    }
    *name_r = rest;
    return group;
}

const struct setting *settings_find_json(struct slice group, struct slice name)
{
    for (size_t i = 0; i < N_SETTINGS; i++) {
        struct slice row_name;
        if (settings[i].json && slice_eq(split_place(settings[i].json, &row_name), group) && slice_eq(row_name, name)) {
            return &settings[i];
        }
    }
    return NULL;
}

bool settings_is_json_group(struct slice group)
{
    for (size_t i = 0; i < N_SETTINGS; i++) {
        struct slice name;
        if (group.len > 0 && settings[i].json && slice_eq(split_place(settings[i].json, &name), group)) {
            return true;
        }
    }
    return false;
}

static void describe(const struct setting *setting, struct buf *out)
{
    buf_printf(out, "%-32s %-20s %s", setting->env ? setting->env : setting->json,
               setting->fallback ? setting->fallback : "-", setting->help);
    if (setting->json) {
        buf_printf(out, " (config.json: %s)", setting->json);
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
