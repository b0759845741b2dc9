// SPDX-License-Identifier: MIT
// The configuration as one immutable snapshot, made from environment, `.env` and config.json over built-in defaults.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/map.h"
#include "base/slice.h"
#include "config/cidr.h"
#include "keys/blame_rules.h"
#include "keys/key_settings.h"

enum model_type { MODEL_ANTHROPIC, MODEL_OPENAI, MODEL_COMMON, MODEL_GOOGLE }; // responses = openai, chat = common
enum { N_MODEL_TYPES = 4 };
enum reasoning_level {
    REASONING_AUTO,
    REASONING_OFF,
    REASONING_LOW,
    REASONING_MEDIUM,
    REASONING_HIGH,
    REASONING_XHIGH,
};
enum auth_style { AUTH_BEARER, AUTH_X_API_KEY, AUTH_X_GOOG_API_KEY };
enum node_env { NODE_ENV_PRODUCTION, NODE_ENV_DEVELOPMENT };
enum translation_mode { TRANSLATION_NORMAL, TRANSLATION_STRICT, TRANSLATION_LENIENT };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

// Durations of an attempt; 0 is off. Per model over per endpoint over global.
struct config_timeouts {
    uint32_t connect_ms;
    uint32_t header_ms;
    uint32_t first_token_ms;
    uint32_t idle_ms;
    uint32_t total_ms;
};

// How much of a streamed answer is kept before the client gets any: until `ms` have passed (-1: the whole of it) or
// `events` have come, whichever is first. Either is off at 0. Per model over per endpoint over global.
struct config_hold_back {
    int32_t ms;
    uint32_t events;
};
enum { HOLD_BACK_MS_MAX = 60 * 60 * 1000, HOLD_BACK_EVENTS_MAX = 10000 };

// One header line of an endpoint's configuration; value.ptr NULL removes the default header of that name.
struct config_header {
    struct slice name;
    struct slice value;
};

struct config_proxy {
    struct slice name;
    struct slice host;
    uint16_t port;
    struct slice authorization; // "Basic …", empty without credentials
};

struct config_endpoint {
    struct slice name;
    enum model_type type; // of the models that use it when they name none
    bool has_type;
    struct slice base_url;
    struct slice host;
    uint16_t port;
    bool is_tls;
    // The path of the generation route, complete with what base_url left out ("/v1/messages" and so on). Of type google
    // it is where the versioned API begins ("/v1beta"): "/models/{model}:{action}" goes behind it, unless
    // is_generate_route says that it is one route for all models, which are named in the body.
    struct slice path;
    bool is_generate_route;
    enum auth_style auth;
    bool is_factory; // one of Factory's: its headers are added
    struct config_header *headers;
    size_t n_headers;
    const struct config_proxy *proxy;  // NULL: `proxies` in turn, or none
    struct config_timeouts timeouts;   // resolved
    struct config_hold_back hold_back; // resolved
    bool asks_usage;                   // Chat streams are asked for their usage, whether or not the client asks
    bool _has_auth;
    // By type: itself, or a copy of it whose path and auth suit models of another type; NULL until one needs it.
    const struct config_endpoint *_for_type[N_MODEL_TYPES];
};

struct config_model {
    struct slice id;
    struct slice name;
    enum model_type type;
    enum reasoning_level reasoning;
    bool fast;
    struct slice provider;                  // x-api-provider; empty: by type
    struct slice upstream_model;            // empty: the id
    const struct config_endpoint *endpoint; // of the model's own type; not always an element of config->endpoints
    struct config_timeouts timeouts;        // resolved
    struct config_hold_back hold_back;      // resolved
    const struct config_model **fallbacks;  // in the order in which they are tried; never itself
    size_t n_fallbacks;
};
enum { FALLBACKS_MAX = 8 }; // of a model

// Balances of keys: which, where and how often they are asked for.
struct config_balance_sync {
    bool enabled;
    struct slice base_url; // without a trailing "/"
    uint32_t interval_minutes;
    uint32_t batch_size; // keys in a second
};

struct config {
    struct arena _arena;
    uint32_t _n_refs;

    struct slice file_text; // of config.json, byte for byte; ptr NULL: there was none, and none could be made

    // server
    uint16_t port;     // 0: a free one
    struct slice host; // an address
    enum node_env node_env;
    uint32_t shutdown_grace_ms;
    uint64_t max_body_bytes;
    uint32_t max_connections;

    // log
    enum log_level log_level;
    enum log_format log_format;
    struct slice log_dir;
    uint32_t log_retention_days; // 0: for ever

    struct slice data_dir;

    // access
    struct slice *access_keys;
    size_t n_access_keys;
    struct slice _access_key_list; // as given
    bool public_models;
    struct slice factory_api_key; // credential level 1; empty: none
    struct slice refresh_key;     // credential level 3, an OAuth refresh token; empty: none
    struct slice oauth_client_id;
    struct slice oauth_token_url;
    struct slice admin_access_key;
    bool has_weak_admin_key; // never with requires_strong_admin_key
    bool requires_strong_admin_key;
    struct cidr_list admin_allow;     // empty: everybody may call the admin API
    struct cidr_list trusted_proxies; // whose X-Forwarded-For is believed

    // traffic
    struct config_timeouts timeouts;
    struct config_hold_back hold_back;
    uint32_t stream_keepalive_ms; // 0: off
    uint32_t pool_wait_ms;        // for a key to come back; 0: not at all
    uint32_t pool_queue_max;      // requests that may wait so at once
    uint32_t reasoning_budget[3]; // low, medium, high
    struct slice system_prompt;   // empty: none
    struct slice user_agent;
    enum translation_mode translation; // what becomes of things that an upstream's dialect cannot say
    bool chat_reasoning;               // translated answers to Chat clients carry reasoning_content
    uint64_t max_answer_bytes;         // of an answer that must be read as a whole

    // key pool; where its own document says nothing
    struct key_settings key_pool;
    uint32_t notes_max; // characters
    struct config_balance_sync balance_sync;
    struct slice key_test_model; // empty: one that suits the key
    uint32_t retention_days;
    struct blame_rules failure_rules;

    struct config_model *models;
    size_t n_models;
    struct map _models_by_id; // config_find_model()
    struct map _redirects;    // to the model at the end of each chain
    struct config_endpoint *endpoints;
    size_t n_endpoints;
    struct config_proxy *proxies;
    size_t n_proxies;
};

// config.json is in the data folder.
#define CONFIG_FILE_NAME "config.json"
enum { CONFIG_FILE_MAX_LEN = 16 * 1024 * 1024 };

// What is read. Pointers are borrowed.
struct config_sources {
    char **environment;      // like environ
    const char *dotenv_path; // ".env"; a missing file is fine
    bool create_file;        // write config.json with the defaults when it is missing
    // NULL: config.json is read. Else this text is taken for what is in it, to learn what would come of that; messages
    // about it name members only, since there are no lines to look at.
    const struct slice *file_text;
};

// Builds a snapshot with one reference; keeps no state between calls. Reads files, so it blocks. On failure returns
// NULL and `errors` holds one line for each thing wrong: what and where it was, and what it may be; secrets masked.
// `warnings` gets lines about what is set and not understood.
struct config *config_load(const struct config_sources *sources, struct buf *errors, struct buf *warnings);
struct config *config_ref(struct config *config);
void config_unref(struct config *config); // accepts NULL

// The model that serves `id`, redirects followed; NULL when unknown.
const struct config_model *config_find_model(const struct config *config, struct slice id);

// One line for each setting: name, default, meaning. For --help.
void config_describe_settings(struct buf *out);
