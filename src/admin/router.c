// SPDX-License-Identifier: MIT
#include "admin/router.h"

#include "admin/admin_internal.h"
#include "admin/shape.h"
#include "http/url.h"

// Where a name and an {id} fit both, the first one counts.
static const struct admin_route routes[] = {
    {HTTP_GET, "/admin/openapi.json", openapi_show, .media = "application/json", .summary = "This document"},

    {HTTP_GET, "/admin/stats", admin_stats_show, .summary = "The pool and the gateway in a few numbers"},
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

    {HTTP_GET, "/admin/keys", keys_list, .query = &keys_list_query, .summary = "A page of the keys"},
    {HTTP_POST, "/admin/keys", keys_edit_add, .body = &keys_edit_add_body, .action = "keys.add",
     .summary = "Adds a key"},
    {HTTP_POST, "/admin/keys/batch", keys_batch_add, .body = &keys_batch_add_body, .action = "keys.batch",
     .summary = "Adds many keys in one durable write"},
    {HTTP_POST, "/admin/keys/test-all", key_testing_all, .body = &key_testing_all_body, .action = "keys.test_all",
     .summary = "Tests keys; tells how far it is, if asked for text/event-stream"},
    {HTTP_GET, "/admin/keys/export", keys_export, .query = &keys_export_query, .media = "text/plain",
     .action = "keys.export", .summary = "The keys themselves, as a file"},
    {HTTP_DELETE, "/admin/keys/disabled", keys_batch_remove_disabled, .action = "keys.remove_disabled",
     .summary = "Removes all disabled keys"},
    {HTTP_DELETE, "/admin/keys/banned", keys_batch_remove_banned, .action = "keys.remove_banned",
     .summary = "Removes all banned keys"},
    {HTTP_GET, "/admin/keys/{id}", keys_edit_show, .query = &keys_edit_show_query, .action = "keys.reveal",
     .summary = "One key"},
    {HTTP_PUT, "/admin/keys/{id}", keys_edit_change, .body = &keys_edit_change_body, .action = "keys.change",
     .summary = "Changes the members of a key that are given"},
    {HTTP_DELETE, "/admin/keys/{id}", keys_edit_remove, .action = "keys.remove", .summary = "Removes a key"},
    {HTTP_PATCH, "/admin/keys/{id}/toggle", keys_edit_toggle, .body = &keys_edit_toggle_body, .action = "keys.toggle",
     .summary = "Flips a key between active and disabled, or sets which"},
    {HTTP_PATCH, "/admin/keys/{id}/notes", keys_edit_set_notes, .body = &keys_edit_notes_body, .action = "keys.notes",
     .summary = "Changes the notes of a key"},
    {HTTP_PATCH, "/admin/keys/{id}/pool", keys_edit_set_pool, .body = &keys_edit_pool_body, .action = "keys.pool",
     .summary = "Moves a key to another pool group"},
    {HTTP_POST, "/admin/keys/{id}/test", key_testing_one, .action = "keys.test",
     .summary = "Tests a key with a real request"},
    {HTTP_DELETE, "/admin/keys/{id}/cooldown", cooldowns_clear_key, .query = &cooldowns_key_query,
     .action = "cooldowns.clear", .summary = "Ends the cooldowns of a key"},

    {HTTP_GET, "/admin/pool-groups", admin_groups_list, .summary = "All pool groups, with how many keys are in each"},
    {HTTP_POST, "/admin/pool-groups", admin_groups_add, .body = &admin_groups_add_body, .action = "groups.add",
     .summary = "Adds a pool group"},
    {HTTP_PUT, "/admin/pool-groups/{id}", admin_groups_change, .body = &admin_groups_change_body,
     .action = "groups.change", .summary = "Changes the members of a pool group that are given"},
    {HTTP_DELETE, "/admin/pool-groups/{id}", admin_groups_remove, .action = "groups.remove",
     .summary = "Removes a pool group; its keys go to default"},

    {HTTP_GET, "/admin/config", pool_config_show, .summary = "The settings of the pool"},
    {HTTP_PUT, "/admin/config", pool_config_change, .body = &pool_config_body, .action = "config.change",
     .summary = "Changes the settings that are given"},
    {HTTP_POST, "/admin/config/reset", pool_config_reset, .action = "config.reset",
     .summary = "Sets the settings of the pool back to the defaults"},

    {HTTP_GET, "/admin/models", models_config_show,
     .summary = "Models, endpoints, redirects, proxies and the system prompt, in the form of config.json"},
    {HTTP_PUT, "/admin/models", models_config_change, .body = &models_config_body, .action = "models.change",
     .summary = "Replaces the parts that are given, in config.json and in force"},

    {HTTP_GET, "/admin/cooldowns", cooldowns_list, .query = &cooldowns_query,
     .summary = "Which keys cool down, of which model, until when and why"},
    {HTTP_DELETE, "/admin/cooldowns", cooldowns_clear, .query = &cooldowns_query, .action = "cooldowns.clear",
     .summary = "Ends cooldowns"},

    {HTTP_GET, "/admin/audit", audit_list, .query = &audit_query, .summary = "What operators did, the newest first"},

    {HTTP_GET, "/admin/requests", requests_list, .query = &requests_list_query, .summary = "The last model requests"},
    {HTTP_GET, "/admin/requests/{id}", requests_show, .summary = "The whole trail of one recent request"},

    {HTTP_GET, "/admin/logs/stream", logs_stream, .query = &logs_stream_query, .media = "text/event-stream",
     .summary = "The log as it comes, as server-sent events"},
    {HTTP_GET, "/admin/logs/history", logs_history, .query = &logs_history_query,
     .summary = "The last entries of the log"},
    {HTTP_GET, "/admin/logs/stats", logs_stats, .summary = "Figures of the log, and where its files are"},
    {HTTP_DELETE, "/admin/logs/clear", logs_clear, .action = "logs.clear",
     .summary = "Forgets the entries in memory; files stay"},

    {HTTP_GET, "/admin/token/usage", token_usage_list, .query = &token_usage_query,
     .summary = "The balances of all keys"},
    {HTTP_GET, "/admin/token/usage/{id}", token_usage_show, .query = &token_usage_query,
     .summary = "The balance of one key"},
    {HTTP_GET, "/admin/token/summary", token_usage_summary, .summary = "All balances added up"},
    {HTTP_GET, "/admin/token/stats", token_usage_summary, .summary = "The same as /admin/token/summary"},
    {HTTP_POST, "/admin/token/sync", token_usage_sync, .action = "token.sync",
     .summary = "Fetches the balances of all keys"},
    {HTTP_POST, "/admin/token/cleanup", token_usage_cleanup, .action = "token.cleanup",
     .summary = "Removes balances that are old or of keys that are gone"},
    {HTTP_GET, "/admin/token/trend", token_usage_trend, .query = &token_usage_trend_query,
     .summary = "Tokens used, day by day"},
    {HTTP_DELETE, "/admin/token/cache", token_usage_clear, .action = "token.clear",
     .summary = "Forgets all balances until the next query"},
};
enum { N_ROUTES = sizeof(routes) / sizeof(*routes) };

const struct admin_route *router_routes(size_t *n_r)
{
    *n_r = N_ROUTES;
    return routes;
}

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

// A proxy in front takes dot segments for something else than a name: whoever sends them means no key.
static bool is_id(struct slice id)
{
    return !slice_eq(id, SLICE(".")) && !slice_eq(id, SLICE(".."));
}

struct router_match router_find(struct arena *arena, struct slice path, enum http_method method)
{
    enum http_method asked = method == HTTP_HEAD ? HTTP_GET : method;
    struct router_match match = {.route = NULL};
    struct allowed allowed = {{false}};
    for (size_t i = 0; i < N_ROUTES; i++) {
        struct slice encoded = SLICE_EMPTY;
        struct slice id = SLICE_EMPTY;
        if (!matches(routes[i].pattern, path, &encoded) || !url_decode(arena, encoded, &id) || !is_id(id)) {
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
