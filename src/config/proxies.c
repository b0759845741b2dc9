// SPDX-License-Identifier: MIT
// The `proxies` section of config.json: HTTP proxies that take CONNECT.
#include "config/endpoints.h"

#include "base/base64.h"
#include "http/url.h"

static const struct value_rule url_rule = {.type = VALUE_URL};

static const struct member_rule members[] = {
    {.name = "name", .rule = {.type = VALUE_LINE}, .field = offsetof(struct config_proxy, name)},
    {.name = "url", .rule = {.type = VALUE_URL}, .is_required = true, .is_by_hand = true},
};

// RFC 7617. False when the user information is no proper percent-encoding.
static bool basic_authorization(struct arena *arena, struct slice userinfo, struct slice *value_r)
{
    struct slice user;
    struct slice password;
    if (!url_decode(arena, slice_split(&userinfo, ':'), &user) || !url_decode(arena, userinfo, &password)) {
        return false;
    }
    struct slice credentials = arena_concat(arena, (const struct slice[]){user, SLICE(":"), password}, 3);
    char *encoded = arena_text(arena, base64_encoded_len(credentials.len));
    size_t len = base64_encode(encoded, credentials);
    *value_r = arena_concat(arena, (const struct slice[]){SLICE("Basic "), slice_of(encoded, len)}, 2);
    return true;
}

static const char *proxy_url_fault(const struct url *url)
{
    if (url->is_tls) {
        return "only http:// proxies are supported";
    }
    if (!url->has_port) {
        return "the port is missing";
    }
    if (!slice_eq(url->path, SLICE("/")) || url->query.ptr) {
        return "a proxy has no path and no query";
    }
    return NULL;
}

static void read_url(const struct json_place *place, struct config_proxy *proxy)
{
    struct arena *strings = place->file->strings;
    struct slice text = SLICE_EMPTY;
    if (!json_place_read(place, &url_rule, &text) || text.len == 0) {
        return;
    }
    struct url url;
    int r = url_parse(&url, text);
    const char *fault = r != 0 ? url_error_text(r) : proxy_url_fault(&url);
    if (!fault && url.userinfo.len > 0 && !basic_authorization(strings, url.userinfo, &proxy->authorization)) {
        fault = "user or password has a broken % sequence";
    }
    if (fault) {
        json_place_error_value(place, &url_rule,
                               arena_printf(place->file->arena, "%s; it may be http://user:password@host:port", fault));
        return;
    }
    proxy->host = url.host;
    proxy->port = url.port;
}

static void read_proxy(struct config *config, const struct json_place *element, size_t index)
{
    struct config_proxy *proxy = &config->proxies[index];
    struct json_place url;
    json_place_read_members(element, members, sizeof(members) / sizeof(*members), proxy);
    if (json_place_member(element, SLICE("url"), &url)) {
        read_url(&url, proxy);
    }
    for (size_t i = 0; i < index; i++) {
        if (proxy->name.len > 0 && slice_eq(config->proxies[i].name, proxy->name)) {
            json_place_error(element, "has the name of proxies[%zu], \"%.*s\"; each name may be there once", i,
                             SLICE_ARG(proxy->name));
        }
    }
}

void proxies_read(struct config *config, const struct json_place *section)
{
    config->n_proxies = json_place_count(section);
    config->proxies = arena_zalloc(&config->_arena, config->n_proxies * sizeof(*config->proxies));
    size_t index = 0;
    for (struct json_place element = {0}; json_place_next_element(section, &index, &element);) {
        if (json_place_expect(&element, JSON_OBJECT, "an object")) {
            read_proxy(config, &element, index);
        }
    }
}
