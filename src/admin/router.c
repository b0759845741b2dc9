// SPDX-License-Identifier: MIT
#include "admin/router.h"

#include "admin/admin_internal.h"
#include "admin/shape.h"
#include "http/url.h"

// A JSON object, or nothing.
static const struct shape any_body = {.members = NULL};

// Where a name and an {id} fit both, the first one counts.
static const struct admin_route routes[] = {
    {HTTP_GET, "/admin/stats", admin_stats_show},

    {HTTP_GET, "/admin/keys", keys_list},
    {HTTP_POST, "/admin/keys", keys_edit_add, .body = &any_body},
    {HTTP_POST, "/admin/keys/batch", keys_batch_add, .body = &any_body},
    {HTTP_POST, "/admin/keys/test-all", key_testing_all, .body = &any_body},
    {HTTP_GET, "/admin/keys/export", keys_export},
    {HTTP_DELETE, "/admin/keys/disabled", keys_batch_remove_disabled},
    {HTTP_DELETE, "/admin/keys/banned", keys_batch_remove_banned},
    {HTTP_GET, "/admin/keys/{id}", keys_edit_show},
    {HTTP_PUT, "/admin/keys/{id}", keys_edit_change, .body = &any_body},
    {HTTP_DELETE, "/admin/keys/{id}", keys_edit_remove},
    {HTTP_PATCH, "/admin/keys/{id}/toggle", keys_edit_toggle, .body = &any_body},
    {HTTP_PATCH, "/admin/keys/{id}/notes", keys_edit_set_notes, .body = &any_body},
    {HTTP_PATCH, "/admin/keys/{id}/pool", keys_edit_set_pool, .body = &any_body},
    {HTTP_POST, "/admin/keys/{id}/test", key_testing_one},
    {HTTP_DELETE, "/admin/keys/{id}/cooldown", cooldowns_clear_key},

    {HTTP_GET, "/admin/pool-groups", admin_groups_list},
    {HTTP_POST, "/admin/pool-groups", admin_groups_add, .body = &any_body},
    {HTTP_PUT, "/admin/pool-groups/{id}", admin_groups_change, .body = &any_body},
    {HTTP_DELETE, "/admin/pool-groups/{id}", admin_groups_remove},

    {HTTP_GET, "/admin/config", pool_config_show},
    {HTTP_PUT, "/admin/config", pool_config_change, .body = &any_body},
    {HTTP_POST, "/admin/config/reset", pool_config_reset},

    {HTTP_GET, "/admin/cooldowns", cooldowns_list},
    {HTTP_DELETE, "/admin/cooldowns", cooldowns_clear},

    {HTTP_GET, "/admin/requests", requests_list},
    {HTTP_GET, "/admin/requests/{id}", requests_show},

    {HTTP_GET, "/admin/token/usage", token_usage_list},
    {HTTP_GET, "/admin/token/usage/{id}", token_usage_show},
    {HTTP_GET, "/admin/token/summary", token_usage_summary},
    {HTTP_GET, "/admin/token/stats", token_usage_summary},
    {HTTP_POST, "/admin/token/sync", token_usage_sync},
    {HTTP_POST, "/admin/token/cleanup", token_usage_cleanup},
    {HTTP_GET, "/admin/token/trend", token_usage_trend},
    {HTTP_DELETE, "/admin/token/cache", token_usage_clear},
};
enum { N_ROUTES = sizeof(routes) / sizeof(*routes) };

// Segment by segment; *id_r is what stands at {id}, still encoded.
static bool matches(const char *pattern, struct slice path, struct slice *id_r)
{
    struct slice wanted = slice_from_cstr(pattern);
    while (wanted.ptr && path.ptr) {
        struct slice name = slice_split(&wanted, '/');
        struct slice given = slice_split(&path, '/');
        if (slice_eq(name, SLICE("{id}")) && given.len) {
            *id_r = given;
        } else if (!slice_eq(name, given)) {
            return false;
        }
    }
    return !wanted.ptr && !path.ptr;
}

struct allowed {
    bool has[HTTP_METHOD_OTHER];
};

static struct slice allow_text(struct arena *arena, const struct allowed *allowed)
{
    struct slice text = SLICE_EMPTY;
    for (int method = 0; method < HTTP_METHOD_OTHER; method++) {
        if (allowed->has[method]) {
            text = arena_printf(arena, "%.*s%s%s", SLICE_ARG(text), text.len ? ", " : "",
                                http_method_text((enum http_method)method));
        }
    }
    return text;
}

struct router_match router_find(struct arena *arena, struct slice path, enum http_method method)
{
    enum http_method asked = method == HTTP_HEAD ? HTTP_GET : method;
    struct router_match match = {.route = NULL};
    struct allowed allowed = {{false}};
    for (size_t i = 0; i < N_ROUTES; i++) {
        struct slice encoded = SLICE_EMPTY;
        struct slice id = SLICE_EMPTY;
        if (!matches(routes[i].pattern, path, &encoded) || !url_decode(arena, encoded, &id)) {
            continue;
        }
        allowed.has[routes[i].method] = true;
        allowed.has[HTTP_HEAD] |= routes[i].method == HTTP_GET;
        if (!match.route && routes[i].method == asked) {
            match.route = &routes[i];
            match.id = id;
        }
    }
    match.allow = allow_text(arena, &allowed);
    return match;
}

bool router_is_missing_part(struct slice path)
{
    static const struct slice parts[] = {SLICE_INIT("/admin/stats/"), SLICE_INIT("/admin/logs"),
                                         SLICE_INIT("/admin/audit"), SLICE_INIT("/admin/models")};
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        if (slice_starts_with(path, parts[i])) {
            return true;
        }
    }
    return false;
}
