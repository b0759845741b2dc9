// SPDX-License-Identifier: MIT
#include "gateway/route.h"

struct fixed_route {
    struct slice path;
    enum route_kind kind;
    enum route_group group;
    enum dialect dialect;
    bool is_post; // else GET and HEAD
};

static const struct fixed_route fixed_routes[] = {
    {SLICE_INIT("/v1/chat/completions"), ROUTE_CHAT, ROUTE_GROUP_MODEL, DIALECT_CHAT, true},
    {SLICE_INIT("/v1/responses"), ROUTE_RESPONSES, ROUTE_GROUP_MODEL, DIALECT_RESPONSES, true},
    {SLICE_INIT("/v1/responses/input_tokens"), ROUTE_RESPONSES_COUNT, ROUTE_GROUP_MODEL, DIALECT_RESPONSES, true},
    {SLICE_INIT("/v1/messages"), ROUTE_MESSAGES, ROUTE_GROUP_MODEL, DIALECT_ANTHROPIC, true},
    {SLICE_INIT("/v1/messages/count_tokens"), ROUTE_COUNT_TOKENS, ROUTE_GROUP_MODEL, DIALECT_ANTHROPIC, true},
    {SLICE_INIT("/v1/generate"), ROUTE_GENERATE, ROUTE_GROUP_MODEL, DIALECT_GEMINI, true},
    {SLICE_INIT("/v1/models"), ROUTE_MODELS, ROUTE_GROUP_LIST, DIALECT_CHAT, false},
    {SLICE_INIT("/v1beta/models"), ROUTE_GEMINI_MODELS, ROUTE_GROUP_LIST, DIALECT_GEMINI, false},
    {SLICE_INIT("/"), ROUTE_ROOT, ROUTE_GROUP_SERVICE, DIALECT_CHAT, false},
    {SLICE_INIT("/health"), ROUTE_HEALTH, ROUTE_GROUP_SERVICE, DIALECT_CHAT, false},
    {SLICE_INIT("/ready"), ROUTE_READY, ROUTE_GROUP_SERVICE, DIALECT_CHAT, false},
    {SLICE_INIT("/metrics"), ROUTE_METRICS, ROUTE_GROUP_SERVICE, DIALECT_CHAT, false},
    {SLICE_INIT("/favicon.ico"), ROUTE_FAVICON, ROUTE_GROUP_SERVICE, DIALECT_CHAT, false},
};

// Behind "/v1beta/models/{model}:" and "/v1/models/{model}:".
static const struct {
    struct slice action;
    enum route_kind kind;
} gemini_actions[] = {
    {SLICE_INIT("generateContent"), ROUTE_GEMINI_GENERATE},
    {SLICE_INIT("streamGenerateContent"), ROUTE_GEMINI_STREAM},
    {SLICE_INIT("countTokens"), ROUTE_GEMINI_COUNT},
};

static const char *const labels[N_ROUTE_KINDS] = {
    [ROUTE_NOT_FOUND] = "other",
    [ROUTE_CHAT] = "/v1/chat/completions",
    [ROUTE_RESPONSES] = "/v1/responses",
    [ROUTE_RESPONSES_COUNT] = "/v1/responses/input_tokens",
    [ROUTE_MESSAGES] = "/v1/messages",
    [ROUTE_COUNT_TOKENS] = "/v1/messages/count_tokens",
    [ROUTE_GENERATE] = "/v1/generate",
    [ROUTE_GEMINI_GENERATE] = "/v1beta/models:generateContent",
    [ROUTE_GEMINI_STREAM] = "/v1beta/models:streamGenerateContent",
    [ROUTE_GEMINI_COUNT] = "/v1beta/models:countTokens",
    [ROUTE_MODELS] = "/v1/models",
    [ROUTE_MODEL] = "/v1/models/{id}",
    [ROUTE_GEMINI_MODELS] = "/v1beta/models",
    [ROUTE_GEMINI_MODEL] = "/v1beta/models/{id}",
    [ROUTE_ROOT] = "/",
    [ROUTE_HEALTH] = "/health",
    [ROUTE_READY] = "/ready",
    [ROUTE_METRICS] = "/metrics",
    [ROUTE_FAVICON] = "/favicon.ico",
};

const char *route_label(enum route_kind kind)
{
    return labels[kind];
}

static void check_method(struct route *route, enum http_method method, bool is_post)
{
    bool fits = is_post ? method == HTTP_POST : method == HTTP_GET || method == HTTP_HEAD;
    bool is_preflight = method == HTTP_OPTIONS && route->group != ROUTE_GROUP_SERVICE;
    route->allow = is_post ? "POST, OPTIONS" : route->group == ROUTE_GROUP_SERVICE ? "GET, HEAD" : "GET, HEAD, OPTIONS";
    route->is_wrong_method = !fits && !is_preflight;
}

// Which SDK asks for a model list shows in its headers: the path is the same for three dialects.
static enum dialect dialect_of_list(const struct h1_request *req)
{
    for (size_t i = 0; i < req->n_fields; i++) {
        if (req->fields[i].id == HEADER_X_GOOG_API_KEY || req->fields[i].id == HEADER_X_GOOG_API_CLIENT) {
            return DIALECT_GEMINI;
        }
        if (req->fields[i].id == HEADER_ANTHROPIC_VERSION) {
            return DIALECT_ANTHROPIC;
        }
    }
    return DIALECT_CHAT;
}

// "{id}" or "{id}:action" behind the prefix of a model route.
static void find_model_route(struct arena *arena, const struct h1_request *req, struct slice rest, bool is_v1beta,
                             struct route *route)
{
    size_t colon = rest.len;
    while (colon > 0 && rest.ptr[colon - 1] != ':') {
        colon--;
    }
    struct slice action = colon ? slice_after(rest, colon) : SLICE_EMPTY;
    for (size_t i = 0; i < sizeof(gemini_actions) / sizeof(*gemini_actions); i++) {
        if (slice_eq(action, gemini_actions[i].action)) {
            route->kind = gemini_actions[i].kind;
            route->group = ROUTE_GROUP_MODEL;
            route->dialect = DIALECT_GEMINI;
            rest.len = colon - 1;
        }
    }
    bool is_post = route->kind != ROUTE_NOT_FOUND;
    if (!is_post) {
        route->kind = is_v1beta ? ROUTE_GEMINI_MODEL : ROUTE_MODEL;
        route->group = ROUTE_GROUP_LIST;
        route->dialect = is_v1beta ? DIALECT_GEMINI : dialect_of_list(req);
    }
    if (rest.len == 0 || !url_decode(arena, rest, &route->model)) {
        route->kind = ROUTE_NOT_FOUND;
        route->group = ROUTE_GROUP_SERVICE;
        return;
    }
    check_method(route, req->method, is_post);
}

static enum dialect dialect_of_unknown(struct slice path)
{
    if (slice_starts_with(path, SLICE("/v1/messages"))) {
        return DIALECT_ANTHROPIC;
    }
    return slice_starts_with(path, SLICE("/v1beta/")) ? DIALECT_GEMINI : DIALECT_CHAT;
}

struct route route_find(struct arena *arena, const struct h1_request *req)
{
    struct route route = {.kind = ROUTE_NOT_FOUND, .group = ROUTE_GROUP_SERVICE, .dialect = DIALECT_CHAT};
    struct url url;
    if (url_parse_target(&url, req->target) != 0) {
        return route;
    }
    route.query = url.query;
    for (size_t i = 0; i < sizeof(fixed_routes) / sizeof(*fixed_routes); i++) {
        const struct fixed_route *fixed = &fixed_routes[i];
        if (slice_eq(url.path, fixed->path)) {
            route.kind = fixed->kind;
            route.group = fixed->group;
            route.dialect = fixed->kind == ROUTE_MODELS ? dialect_of_list(req) : fixed->dialect;
            check_method(&route, req->method, fixed->is_post);
            return route;
        }
    }
    route.dialect = dialect_of_unknown(url.path);
    if (slice_starts_with(url.path, SLICE("/v1beta/models/"))) {
        find_model_route(arena, req, slice_after(url.path, 15), true, &route);
    } else if (slice_starts_with(url.path, SLICE("/v1/models/"))) {
        find_model_route(arena, req, slice_after(url.path, 11), false, &route);
    }
    return route;
}

struct slice route_list_json(void)
{
    return SLICE("[\"GET /v1/models\",\"GET /v1/models/{id}\",\"POST /v1/chat/completions\",\"POST /v1/responses\","
                 "\"POST /v1/responses/input_tokens\",\"POST /v1/messages\",\"POST /v1/messages/count_tokens\",\"POST "
                 "/v1/generate\","
                 "\"GET /v1beta/models\",\"GET /v1beta/models/{id}\","
                 "\"POST /v1beta/models/{model}:generateContent\","
                 "\"POST /v1beta/models/{model}:streamGenerateContent\","
                 "\"POST /v1beta/models/{model}:countTokens\",\"GET /health\",\"GET /ready\",\"GET /metrics\"]");
}
