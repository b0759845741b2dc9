// SPDX-License-Identifier: MIT
#include "admin/router.h"

#include "admin/admin_internal.h"
#include "admin/shape.h"
#include "http/url.h"

// A JSON object, or nothing.
static const struct shape any_body = {NULL};

// Where a name and an {id} fit both, the first one counts.
static const struct admin_route routes[] = {
    {HTTP_GET, "/admin/stats", admin_stats_show},
    {HTTP_GET, "/admin/stats/summary", usage_stats_summary, .query = &usage_stats_choice_query,
     .summary = "What was used, in all, today, and in the last 7 and 30 days"},
    {HTTP_GET, "/admin/stats/full", usage_stats_full, .query = &usage_stats_choice_query,
     .summary = "The same, with the last 30 days by day, model and key"},
    {HTTP_GET, "/admin/stats/today", usage_stats_today, .query = &usage_stats_choice_query,
     .summary = "What was used today, by hour and model"},
    {HTTP_GET, "/admin/stats/trend", usage_stats_trend, .query = &usage_stats_days_query,
     .summary = "What was used, day by day"},
    {HTTP_GET, "/admin/stats/hourly", usage_stats_hourly, .query = &usage_stats_days_query,
     .summary = "What was used, by day and hour of day: a heat map"},
    {HTTP_GET, "/admin/stats/keys", usage_stats_keys, .query = &usage_stats_ranking_query,
     .summary = "Keys by their success, or by what they were used for"},
    {HTTP_POST, "/admin/stats/reset", usage_stats_reset, .body = &usage_stats_reset_body, .action = "stats.reset",
     .summary = "Removes all usage statistics"},

    {HTTP_GET, "/admin/keys", keys_list},
    {HTTP_POST, "/admin/keys", keys_edit_add, .body = &any_body, .action = "keys.add"},
    {HTTP_POST, "/admin/keys/batch", keys_batch_add, .body = &any_body, .action = "keys.batch"},
    {HTTP_POST, "/admin/keys/test-all", key_testing_all, .body = &any_body, .action = "keys.test_all"},
    {HTTP_GET, "/admin/keys/export", keys_export, .action = "keys.export"},
    {HTTP_DELETE, "/admin/keys/disabled", keys_batch_remove_disabled, .action = "keys.remove_disabled"},
    {HTTP_DELETE, "/admin/keys/banned", keys_batch_remove_banned, .action = "keys.remove_banned"},
    {HTTP_GET, "/admin/keys/{id}", keys_edit_show, .action = "keys.reveal"},
    {HTTP_PUT, "/admin/keys/{id}", keys_edit_change, .body = &any_body, .action = "keys.change"},
    {HTTP_DELETE, "/admin/keys/{id}", keys_edit_remove, .action = "keys.remove"},
    {HTTP_PATCH, "/admin/keys/{id}/toggle", keys_edit_toggle, .body = &any_body, .action = "keys.toggle"},
    {HTTP_PATCH, "/admin/keys/{id}/notes", keys_edit_set_notes, .body = &any_body, .action = "keys.notes"},
    {HTTP_PATCH, "/admin/keys/{id}/pool", keys_edit_set_pool, .body = &any_body, .action = "keys.pool"},
    {HTTP_POST, "/admin/keys/{id}/test", key_testing_one, .action = "keys.test"},
    {HTTP_DELETE, "/admin/keys/{id}/cooldown", cooldowns_clear_key, .action = "cooldowns.clear"},

    {HTTP_GET, "/admin/pool-groups", admin_groups_list},
    {HTTP_POST, "/admin/pool-groups", admin_groups_add, .body = &any_body, .action = "groups.add"},
    {HTTP_PUT, "/admin/pool-groups/{id}", admin_groups_change, .body = &any_body, .action = "groups.change"},
    {HTTP_DELETE, "/admin/pool-groups/{id}", admin_groups_remove, .action = "groups.remove"},

    {HTTP_GET, "/admin/config", pool_config_show},
    {HTTP_PUT, "/admin/config", pool_config_change, .body = &any_body, .action = "config.change"},
    {HTTP_POST, "/admin/config/reset", pool_config_reset, .action = "config.reset"},

    {HTTP_GET, "/admin/models", models_config_show,
     .summary = "Models, endpoints, redirects, proxies and the system prompt, in the form of config.json"},
    {HTTP_PUT, "/admin/models", models_config_change, .body = &models_config_body, .action = "models.change",
     .summary = "Replaces the parts that are given, in config.json and in force"},

    {HTTP_GET, "/admin/cooldowns", cooldowns_list},
    {HTTP_DELETE, "/admin/cooldowns", cooldowns_clear, .action = "cooldowns.clear"},

    {HTTP_GET, "/admin/audit", audit_list, .query = &audit_query, .summary = "What operators did, the newest first"},

    {HTTP_GET, "/admin/requests", requests_list},
    {HTTP_GET, "/admin/requests/{id}", requests_show},

    {HTTP_GET, "/admin/logs/stream", logs_stream, .query = &logs_stream_query,
     .summary = "The log as it comes, as server-sent events"},
    {HTTP_GET, "/admin/logs/history", logs_history, .query = &logs_history_query,
     .summary = "The last entries of the log"},
    {HTTP_GET, "/admin/logs/stats", logs_stats, .summary = "Figures of the log, and where its files are"},
    {HTTP_DELETE, "/admin/logs/clear", logs_clear, .action = "logs.clear",
     .summary = "Forgets the entries in memory; files stay"},

    {HTTP_GET, "/admin/token/usage", token_usage_list},
    {HTTP_GET, "/admin/token/usage/{id}", token_usage_show},
    {HTTP_GET, "/admin/token/summary", token_usage_summary},
    {HTTP_GET, "/admin/token/stats", token_usage_summary},
    {HTTP_POST, "/admin/token/sync", token_usage_sync, .action = "token.sync"},
    {HTTP_POST, "/admin/token/cleanup", token_usage_cleanup, .action = "token.cleanup"},
    {HTTP_GET, "/admin/token/trend", token_usage_trend},
    {HTTP_DELETE, "/admin/token/cache", token_usage_clear, .action = "token.clear"},
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
