// SPDX-License-Identifier: MIT
#include "config/endpoints.h"

#include "config/endpoint_path.h"
#include "http/url.h"

const char *const model_type_names[] = {"anthropic", "openai", "common", "google", NULL};
static const char *const auth_names[] = {"bearer", "x-api-key", "x-goog-api-key", NULL};

enum { DAY_MS = 24 * 60 * 60 * 1000 };
#define TIMEOUT(member)                                                                                                \
    {                                                                                                                  \
        .name = #member, .rule = {.type = VALUE_U32, .max = DAY_MS}, .field = offsetof(struct config_timeouts, member) \
    }
static const struct member_rule timeout_members[] = {
    TIMEOUT(connect_ms), TIMEOUT(header_ms), TIMEOUT(first_token_ms), TIMEOUT(idle_ms), TIMEOUT(total_ms),
};

static const struct member_rule hold_back_members[] = {
    {.name = "ms",
     .rule = {.type = VALUE_I32, .min = -1, .max = HOLD_BACK_MS_MAX},
     .field = offsetof(struct config_hold_back, ms)},
    {.name = "events",
     .rule = {.type = VALUE_U32, .max = HOLD_BACK_EVENTS_MAX},
     .field = offsetof(struct config_hold_back, events)},
};

// What an endpoint's object says, before it is put together. `proxy` is a name.
struct draft {
    struct slice name;
    struct slice base_url;
    struct slice proxy;
    enum model_type type;
    enum auth_style auth;
    bool is_factory;
    bool asks_usage;
};

static const struct value_rule url_rule = {.type = VALUE_URL};

#define FIELD(name) .field = offsetof(struct draft, name)
static const struct member_rule members[] = {
    {.name = "name", .rule = {.type = VALUE_LINE}, FIELD(name), .is_required = true},
    {.name = "type", .rule = {.type = VALUE_CHOICE, .choices = model_type_names}, FIELD(type)},
    {.name = "base_url", .rule = {.type = VALUE_URL}, FIELD(base_url), .is_required = true},
    {.name = "auth", .rule = {.type = VALUE_CHOICE, .choices = auth_names}, FIELD(auth)},
    {.name = "headers", .is_by_hand = true},
    {.name = "proxy", .rule = {.type = VALUE_LINE}, FIELD(proxy)},
    {.name = "timeouts", .is_by_hand = true},
    {.name = "hold_back", .is_by_hand = true},
    {.name = "asks_usage", .rule = {.type = VALUE_BOOL}, FIELD(asks_usage)},
    {.name = "factory", .rule = {.type = VALUE_BOOL}, FIELD(is_factory)},
};

void timeouts_read(const struct json_place *object, struct config_timeouts *timeouts)
{
    struct json_place member;
    if (json_place_member(object, SLICE("timeouts"), &member) && json_place_expect(&member, JSON_OBJECT, "an object")) {
        json_place_read_members(&member, timeout_members, sizeof(timeout_members) / sizeof(*timeout_members), timeouts);
    }
}

void hold_back_read(const struct json_place *object, struct config_hold_back *hold_back)
{
    struct json_place member;
    if (!json_place_member(object, SLICE("hold_back"), &member)) {
        return;
    }
    if (json_is(member.node, JSON_NUMBER)) {
        json_place_read(&member, &hold_back_members[0].rule, &hold_back->ms);
    } else if (json_place_expect(&member, JSON_OBJECT, "an object with ms and events, or a number of milliseconds")) {
        json_place_read_members(&member, hold_back_members, sizeof(hold_back_members) / sizeof(*hold_back_members),
                                hold_back);
    }
}

struct config_endpoint *endpoints_find(const struct config *config, struct slice name)
{
    for (size_t i = 0; i < config->n_endpoints; i++) {
        if (slice_eq(config->endpoints[i].name, name)) {
            return &config->endpoints[i];
        }
    }
    return NULL;
}

struct config_endpoint *endpoints_find_by_type(const struct config *config, enum model_type type)
{
    for (size_t i = 0; i < config->n_endpoints; i++) {
        if (config->endpoints[i].has_type && config->endpoints[i].type == type) {
            return &config->endpoints[i];
        }
    }
    return NULL;
}

static enum auth_style default_auth(const struct config_endpoint *endpoint, enum model_type type)
{
    if (endpoint->is_factory) {
        return AUTH_BEARER;
    }
    return type == MODEL_ANTHROPIC ? AUTH_X_API_KEY : type == MODEL_GOOGLE ? AUTH_X_GOOG_API_KEY : AUTH_BEARER;
}

// The path of base_url, which is known to be a URL.
static struct slice base_path(const struct config_endpoint *endpoint)
{
    struct url url;
    return url_parse(&url, endpoint->base_url) == 0 ? url.path : SLICE("/");
}

// False when base_url is the route of another type.
static bool set_type(struct config_endpoint *endpoint, enum model_type type, struct arena *arena)
{
    endpoint->type = type;
    endpoint->has_type = true;
    if (!endpoint->_has_auth) {
        endpoint->auth = default_auth(endpoint, type);
    }
    return endpoint_path(type, base_path(endpoint), arena, &endpoint->path, &endpoint->is_generate_route) == 0;
}

const struct config_endpoint *endpoint_for_type(struct config *config, struct config_endpoint *endpoint,
                                                enum model_type type)
{
    if (!endpoint->_for_type[type]) {
        struct config_endpoint *copy = arena_alloc(&config->_arena, sizeof(*copy));
        *copy = *endpoint;
        if (!set_type(copy, type, &config->_arena)) {
            return NULL;
        }
        endpoint->_for_type[type] = copy;
    }
    return endpoint->_for_type[type];
}

static bool is_factory_host(struct slice host)
{
    struct slice domain = SLICE("factory.ai");
    if (host.len < domain.len || !slice_eq_nocase(slice_after(host, host.len - domain.len), domain)) {
        return false;
    }
    return host.len == domain.len || host.ptr[host.len - domain.len - 1] == '.';
}

static void read_base_url(const struct json_place *object, struct config_endpoint *endpoint, struct slice text)
{
    struct url url;
    int r = url_parse(&url, text);
    const char *fault = r != 0                  ? url_error_text(r)
                        : url.userinfo.len > 0  ? "it may have no credentials: they belong in the settings"
                        : url.query.ptr != NULL ? "it may have no query"
                                                : NULL;
    struct json_place place;
    if (fault && json_place_member(object, SLICE("base_url"), &place)) {
        json_place_error_value(
            &place, &url_rule,
            arena_printf(object->file->arena, "%s (endpoint \"%.*s\")", fault, SLICE_ARG(endpoint->name)));
        return;
    }
    endpoint->base_url = text;
    endpoint->host = url.host;
    endpoint->port = url.port;
    endpoint->is_tls = url.is_tls;
    endpoint->path = url.path;
}

// Of a header that frames the message or belongs to the connection.
static bool is_reserved(struct slice name)
{
    static const char *const reserved[] = {
        "host",   "connection", "content-length",      "transfer-encoding", "te", "trailer", "upgrade",
        "expect", "keep-alive", "proxy-authorization", "proxy-connection",
    };
    for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++) {
        if (slice_eq_nocase(name, slice_from_cstr(reserved[i]))) {
            return true;
        }
    }
    return false;
}

// A token of RFC 9110 §5.6.2.
static bool is_header_name(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        if (c <= ' ' || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c)) {
            return false;
        }
    }
    return name.len > 0;
}

static void read_header(const struct json_place *place, struct slice name, struct config_header *header)
{
    static const struct value_rule rule = {.type = VALUE_SECRET}; // it may well be a credential
    if (!is_header_name(name)) {
        json_place_error(place, "is not the name of a header");
    } else if (is_reserved(name)) {
        json_place_error(place, "is a header that only the gateway itself may set");
    } else if (!json_is(place->node, JSON_NULL)) {
        header->value = slice_of("", 0);
        json_place_read(place, &rule, &header->value);
    }
    header->name = arena_dup(place->file->strings, name);
}

static void read_headers(const struct json_place *object, struct config_endpoint *endpoint)
{
    struct json_place headers;
    if (!json_place_member(object, SLICE("headers"), &headers) ||
        !json_place_expect(&headers, JSON_OBJECT, "an object of header names and values")) {
        return;
    }
    struct slice name;
    endpoint->headers = arena_zalloc(object->file->strings, json_place_count(&headers) * sizeof(*endpoint->headers));
    for (struct json_place header = {0}; json_place_next_member(&headers, &name, &header);) {
        read_header(&header, name, &endpoint->headers[endpoint->n_headers++]);
    }
}

static void find_proxy(const struct config *config, const struct json_place *object, struct config_endpoint *endpoint,
                       struct slice name)
{
    struct json_place place;
    for (size_t i = 0; i < config->n_proxies && name.len > 0; i++) {
        if (slice_eq(config->proxies[i].name, name)) {
            endpoint->proxy = &config->proxies[i];
        }
    }
    if (name.len > 0 && !endpoint->proxy && json_place_member(object, SLICE("proxy"), &place)) {
        static const struct value_rule rule = {.type = VALUE_LINE};
        json_place_error_value(&place, &rule, SLICE("it may be the name of one of proxies"));
    }
}

// In this order: what the file says, a name that is a type (as older files have it), the route that base_url ends in.
static void find_type(const struct json_place *object, struct config_endpoint *endpoint, const struct draft *draft)
{
    static const struct value_rule rule = {.type = VALUE_CHOICE, .choices = model_type_names};
    enum model_type type = draft->type;
    struct json_place place;
    if (!json_place_member(object, SLICE("type"), &place) &&
        !value_from_text(&rule, endpoint->name, object->file->arena, &type) &&
        !endpoint_path_type(base_path(endpoint), &type)) {
        return;
    }
    if (!set_type(endpoint, type, object->file->strings) && json_place_member(object, SLICE("base_url"), &place)) {
        json_place_error_value(&place, &url_rule,
                               arena_printf(object->file->arena, "it may not be the route of another type than %s",
                                            model_type_names[type]));
    }
    endpoint->_for_type[type] = endpoint;
}

static void check_name(const struct config *config, const struct json_place *object, size_t index)
{
    struct slice name = config->endpoints[index].name;
    for (size_t i = 0; i < index; i++) {
        if (name.len > 0 && slice_eq(config->endpoints[i].name, name)) {
            json_place_error(object, "has the name of endpoint[%zu], \"%.*s\"; each name may be there once", i,
                             SLICE_ARG(name));
        }
    }
}

static void read_endpoint(struct config *config, const struct json_place *object, size_t index)
{
    struct config_endpoint *endpoint = &config->endpoints[index];
    struct draft draft = {.asks_usage = true};
    struct json_place given;
    json_place_read_members(object, members, sizeof(members) / sizeof(*members), &draft);
    endpoint->name = draft.name;
    check_name(config, object, index);
    if (draft.base_url.len > 0) {
        read_base_url(object, endpoint, draft.base_url);
    }
    endpoint->_has_auth = json_place_member(object, SLICE("auth"), &given);
    endpoint->auth = draft.auth;
    endpoint->is_factory =
        json_place_member(object, SLICE("factory"), &given) ? draft.is_factory : is_factory_host(endpoint->host);
    endpoint->timeouts = config->timeouts;
    timeouts_read(object, &endpoint->timeouts);
    endpoint->hold_back = config->hold_back;
    hold_back_read(object, &endpoint->hold_back);
    endpoint->asks_usage = draft.asks_usage;
    read_headers(object, endpoint);
    find_proxy(config, object, endpoint, draft.proxy);
    find_type(object, endpoint, &draft);
}

void endpoints_read(struct config *config, const struct json_place *section)
{
    config->n_endpoints = json_place_count(section);
    config->endpoints = arena_zalloc(&config->_arena, config->n_endpoints * sizeof(*config->endpoints));
    size_t index = 0;
    for (struct json_place element = {0}; json_place_next_element(section, &index, &element);) {
        if (json_place_expect(&element, JSON_OBJECT, "an object")) {
            read_endpoint(config, &element, index);
        }
    }
}
