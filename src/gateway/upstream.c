// SPDX-License-Identifier: MIT
#include "gateway/upstream.h"

#include <assert.h>

#include "base/buf.h"
#include "keys/key_table.h"

static enum dialect dialect_of(enum model_type type)
{
    switch (type) {
    case MODEL_ANTHROPIC: return DIALECT_ANTHROPIC;
    case MODEL_OPENAI: return DIALECT_RESPONSES;
    case MODEL_COMMON: return DIALECT_CHAT;
    case MODEL_GOOGLE: return DIALECT_GEMINI;
    }
    return DIALECT_CHAT;
}

static struct slice default_provider(enum model_type type)
{
    switch (type) {
    case MODEL_ANTHROPIC: return SLICE("anthropic");
    case MODEL_OPENAI: return SLICE("azure_openai");
    case MODEL_COMMON: return SLICE("baseten");
    case MODEL_GOOGLE: return SLICE("google");
    }
    return SLICE_EMPTY;
}

static bool is_credential_header(enum header_name name)
{
    return name == HEADER_AUTHORIZATION || name == HEADER_X_API_KEY || name == HEADER_X_GOOG_API_KEY;
}

bool upstream_endpoint_sets(const struct config_endpoint *endpoint, struct slice name)
{
    for (size_t i = 0; i < endpoint->n_headers; i++) {
        if (slice_eq_nocase(endpoint->headers[i].name, name)) {
            return true;
        }
    }
    return false;
}

// A default line, unless the endpoint's configuration has that header.
static void add_default(struct buf *head, const struct config_endpoint *endpoint, const char *name, struct slice value)
{
    if (!upstream_endpoint_sets(endpoint, slice_from_cstr(name))) {
        h1_write_field(head, slice_from_cstr(name), value);
    }
}

static void add_host(struct buf *head, const struct config_endpoint *endpoint)
{
    bool is_v6 = slice_find_char(endpoint->host, ':') != SLICE_NOT_FOUND;
    bool is_default_port = endpoint->port == (endpoint->is_tls ? 443 : 80);
    if (upstream_endpoint_sets(endpoint, SLICE("host"))) {
        return;
    }
    buf_printf(head, "host: %s%.*s%s", is_v6 ? "[" : "", SLICE_ARG(endpoint->host), is_v6 ? "]" : "");
    if (!is_default_port) {
        buf_printf(head, ":%u", endpoint->port);
    }
    buf_append(head, SLICE("\r\n"));
}

static void write_fixed_head(struct upstream *upstream, const struct config *config, struct buf *head)
{
    const struct config_model *model = upstream->model;
    const struct config_endpoint *endpoint = model->endpoint;
    add_host(head, endpoint);
    add_default(head, endpoint, "content-type", SLICE("application/json"));
    // What passes is read for its usage, so it should come as it is.
    add_default(head, endpoint, "accept-encoding", SLICE("identity"));
    add_default(head, endpoint, "user-agent", config->user_agent);
    if (endpoint->is_factory) {
        add_default(head, endpoint, "x-factory-client", SLICE("cli"));
        add_default(head, endpoint, "x-api-provider",
                    model->provider.len ? model->provider : default_provider(model->type));
    }
    for (size_t i = 0; i < endpoint->n_headers; i++) {
        if (endpoint->headers[i].value.ptr) {
            h1_write_field(head, endpoint->headers[i].name, endpoint->headers[i].value);
        }
    }
}

static enum header_name auth_header(enum auth_style auth)
{
    switch (auth) {
    case AUTH_BEARER: return HEADER_AUTHORIZATION;
    case AUTH_X_API_KEY: return HEADER_X_API_KEY;
    case AUTH_X_GOOG_API_KEY: return HEADER_X_GOOG_API_KEY;
    }
    return HEADER_OTHER;
}

// The endpoint's headers carry a credential, or remove the line that one would be sent in.
static bool is_auth_overridden(const struct config_endpoint *endpoint)
{
    for (size_t i = 0; i < endpoint->n_headers; i++) {
        enum header_name name = header_name_of(endpoint->headers[i].name);
        if (name == auth_header(endpoint->auth) || (is_credential_header(name) && endpoint->headers[i].value.ptr)) {
            return true;
        }
    }
    return false;
}

static struct slice auth_line_of(const struct config_endpoint *endpoint)
{
    if (is_auth_overridden(endpoint)) {
        return SLICE_EMPTY;
    }
    switch (endpoint->auth) {
    case AUTH_BEARER: return SLICE("authorization: Bearer ");
    case AUTH_X_API_KEY: return SLICE("x-api-key: ");
    case AUTH_X_GOOG_API_KEY: return SLICE("x-goog-api-key: ");
    }
    return SLICE_EMPTY;
}

// What a routing is made with.
struct parts {
    struct http_client *client;
    struct metrics *metrics;
    struct health *health;
};

static struct breaker *find_breaker(const struct parts *parts, const char *kind, struct slice name, struct slice part)
{
    struct buf text = BUF_EMPTY;
    buf_printf(&text, "%s %.*s %.*s", kind, SLICE_ARG(name), SLICE_ARG(part));
    struct breaker *breaker = breaker_find(&parts->health->breakers, buf_slice(&text));
    buf_deinit(&text);
    return breaker;
}

static struct way way_of(const struct parts *parts, const struct config_endpoint *endpoint,
                         const struct config_proxy *proxy)
{
    struct http_origin origin = {.host = endpoint->host, .port = endpoint->port, .is_tls = endpoint->is_tls};
    if (proxy) {
        origin.proxy_host = proxy->host;
        origin.proxy_port = proxy->port;
        origin.proxy_authorization = proxy->authorization;
    }
    return (struct way){
        .origin = http_client_origin(parts->client, &origin),
        .proxy_breaker = proxy ? find_breaker(parts, "proxy", proxy->name, SLICE_EMPTY) : NULL,
    };
}

static void find_ways(struct routing *routing, struct upstream *upstream, const struct parts *parts)
{
    const struct config *config = routing->config;
    const struct config_endpoint *endpoint = upstream->model->endpoint;
    bool takes_turns = !endpoint->proxy && config->n_proxies;
    upstream->through = arena_alloc(&routing->arena, (config->n_proxies + 1) * sizeof(*upstream->through));
    for (size_t i = 0; i < config->n_proxies; i++) {
        upstream->through[i] = way_of(parts, endpoint, &config->proxies[i]);
    }
    if (takes_turns) {
        upstream->ways = upstream->through;
        upstream->n_ways = config->n_proxies;
        return;
    }
    upstream->n_ways = 1;
    upstream->ways = arena_alloc(&routing->arena, sizeof(*upstream->ways));
    upstream->ways[0] = way_of(parts, endpoint, endpoint->proxy);
}

static void find_health(struct upstream *upstream, const struct parts *parts)
{
    const struct config_endpoint *endpoint = upstream->model->endpoint;
    upstream->breaker = find_breaker(parts, "model", endpoint->name, upstream->model->id);
    upstream->endpoint_breaker = find_breaker(parts, "endpoint", endpoint->name, SLICE_EMPTY);
    upstream->correlation = correlation_find(&parts->health->correlations, endpoint->name);
}

static void find_fallbacks(struct routing *routing, struct upstream *upstream)
{
    const struct config_model *model = upstream->model;
    upstream->fallbacks = arena_alloc(&routing->arena, (model->n_fallbacks + 1) * sizeof(*upstream->fallbacks));
    for (size_t i = 0; i < model->n_fallbacks; i++) {
        upstream->fallbacks[i] = &routing->upstreams[model->fallbacks[i] - routing->config->models];
    }
}

static void init_upstream(struct routing *routing, struct upstream *upstream, const struct config_model *model,
                          const struct parts *parts)
{
    const struct config_endpoint *endpoint = model->endpoint;
    struct buf head = BUF_EMPTY;
    upstream->model = model;
    upstream->dialect = dialect_of(model->type);
    upstream->is_factory = endpoint->is_factory;
    for (size_t i = 0; i < endpoint->n_headers; i++) {
        upstream->overridden |= HEADER_BIT(header_name_of(endpoint->headers[i].name));
    }
    upstream->overridden &= ~HEADER_BIT(HEADER_OTHER);
    write_fixed_head(upstream, routing->config, &head);
    upstream->fixed_head = arena_dup(&routing->arena, buf_slice(&head));
    buf_deinit(&head);
    upstream->auth_line = auth_line_of(endpoint);
    find_ways(routing, upstream, parts);
    find_health(upstream, parts);
    find_fallbacks(routing, upstream);
    upstream->series = metrics_model(parts->metrics, upstream->model->id);
    upstream->endpoint_series = metrics_endpoint(parts->metrics, upstream->model->endpoint->name);
}

const struct way *upstream_way_through(const struct routing *routing, const struct upstream *upstream, uint64_t proxy)
{
    for (size_t i = 0; i < routing->config->n_proxies; i++) {
        if (key_proxy_tag(routing->config->proxies[i].name) == proxy) {
            return &upstream->through[i];
        }
    }
    return NULL;
}

struct routing *routing_new(struct config *config, struct http_client *client, struct metrics *metrics,
                            struct health *health)
{
    struct parts parts = {client, metrics, health};
    struct routing *routing = mem_zalloc(sizeof(*routing));
    routing->config = config_ref(config);
    routing->n_refs = 1;
    arena_init(&routing->arena, 4096);
    routing->upstreams = arena_zalloc(&routing->arena, (config->n_models + 1) * sizeof(*routing->upstreams));
    for (size_t i = 0; i < config->n_models; i++) {
        init_upstream(routing, &routing->upstreams[i], &config->models[i], &parts);
    }
    return routing;
}

struct routing *routing_ref(struct routing *routing)
{
    routing->n_refs++;
    return routing;
}

void routing_unref(struct routing *routing)
{
    assert(routing->n_refs > 0);
    if (--routing->n_refs == 0) {
        config_unref(routing->config);
        arena_deinit(&routing->arena);
        mem_free(routing);
    }
}

struct upstream *routing_find(const struct routing *routing, struct slice model)
{
    const struct config_model *found = config_find_model(routing->config, model);
    return found ? &routing->upstreams[found - routing->config->models] : NULL;
}
