// SPDX-License-Identifier: MIT
// The objects that the files of this folder share, and the handlers that the router knows. Never included from outside
// of it.
#pragma once

#include "admin/admin.h"
#include "admin/admin_access.h"
#include "base/list.h"
#include "json/json_reader.h"

struct log_feed;
struct shape;

struct admin {
    struct admin_options options;         // its pointers are borrowed
    struct config *config;                // ref
    struct admin_guard *guard;            // owned
    struct list changes;                  // struct change: that are being written
    struct admin_config_door config_door; // without functions: there is none
    struct list config_changes;           // struct config_change: in the order of their turns
    struct log_feed *log_feed;            // owned; NULL without a live log
};

// One request and its answer. Lives in the arena of its server_exchange.
struct admin_exchange {
    struct admin *admin;        // borrowed
    struct server_exchange *ex; // borrowed; its arena is ours
    const struct admin_route *route;
    struct slice request_id;
    struct slice client; // address of who asks, as text
    struct slice id;     // from the path, decoded, or of what was made; empty where there is none
    struct slice query;  // without "?"
    bool is_served;      // it could be read, and is done or refused for what it says
    bool is_audited;     // it has an entry in the audit trail
    struct json_doc doc; // of the body, where the route reads one

    // What goes on after the handler has returned; NULL when nothing does.
    struct change *change;                      // is being written
    void *state;                                // of the handler, arena
    void (*on_drain)(struct admin_exchange *x); // the client has taken what was written
    void (*on_end)(struct admin_exchange *x);   // the exchange is over, one way or another
};

static inline struct arena *admin_arena(struct admin_exchange *x)
{
    return &x->ex->arena;
}

static inline struct key_store *admin_store(struct admin_exchange *x)
{
    return x->admin->options.store;
}

// The handlers, and the shapes of what they take. Each answers the exchange, at once or later, exactly once.
void admin_stats_show(struct admin_exchange *x); // admin_stats.c

void openapi_show(struct admin_exchange *x); // openapi.c

void keys_list(struct admin_exchange *x); // keys_list.c
extern const struct shape keys_list_query;

void keys_edit_show(struct admin_exchange *x); // keys_edit.c
void keys_edit_add(struct admin_exchange *x);
void keys_edit_change(struct admin_exchange *x);
void keys_edit_remove(struct admin_exchange *x);
void keys_edit_toggle(struct admin_exchange *x);
void keys_edit_set_notes(struct admin_exchange *x);
void keys_edit_set_pool(struct admin_exchange *x);
extern const struct shape keys_edit_show_query;
extern const struct shape keys_edit_add_body;
extern const struct shape keys_edit_change_body;
extern const struct shape keys_edit_toggle_body;
extern const struct shape keys_edit_notes_body;
extern const struct shape keys_edit_pool_body;

void keys_batch_add(struct admin_exchange *x); // keys_batch.c
void keys_batch_remove_disabled(struct admin_exchange *x);
void keys_batch_remove_banned(struct admin_exchange *x);
extern const struct shape keys_batch_add_body;

void keys_export(struct admin_exchange *x); // keys_export.c
extern const struct shape keys_export_query;

void key_testing_one(struct admin_exchange *x); // key_testing.c
void key_testing_all(struct admin_exchange *x);
extern const struct shape key_testing_all_body;

void admin_groups_list(struct admin_exchange *x); // admin_groups.c
void admin_groups_add(struct admin_exchange *x);
void admin_groups_change(struct admin_exchange *x);
void admin_groups_remove(struct admin_exchange *x);
extern const struct shape admin_groups_add_body;
extern const struct shape admin_groups_change_body;

void pool_config_show(struct admin_exchange *x); // pool_config.c
void pool_config_change(struct admin_exchange *x);
void pool_config_reset(struct admin_exchange *x);
extern const struct shape pool_config_body;

extern const struct shape models_config_body; // models_config.c
void models_config_show(struct admin_exchange *x);
void models_config_change(struct admin_exchange *x);

void cooldowns_list(struct admin_exchange *x); // cooldowns.c
void cooldowns_clear(struct admin_exchange *x);
void cooldowns_clear_key(struct admin_exchange *x);
extern const struct shape cooldowns_query;
extern const struct shape cooldowns_key_query;

void requests_list(struct admin_exchange *x); // requests.c
void requests_show(struct admin_exchange *x);
extern const struct shape requests_list_query;

void audit_list(struct admin_exchange *x); // audit.c
extern const struct shape audit_query;

void usage_stats_summary(struct admin_exchange *x); // usage_stats.c
void usage_stats_full(struct admin_exchange *x);
void usage_stats_today(struct admin_exchange *x);
void usage_stats_trend(struct admin_exchange *x);
void usage_stats_hourly(struct admin_exchange *x);
void usage_stats_keys(struct admin_exchange *x);
void usage_stats_reset(struct admin_exchange *x);
extern const struct shape usage_stats_choice_query;
extern const struct shape usage_stats_days_query;
extern const struct shape usage_stats_ranking_query;
extern const struct shape usage_stats_reset_body;
extern const struct shape logs_stream_query; // logs_stream.c
void logs_stream(struct admin_exchange *x);

extern const struct shape logs_history_query; // logs.c
void logs_history(struct admin_exchange *x);
void logs_stats(struct admin_exchange *x);
void logs_clear(struct admin_exchange *x);
bool logs_are_here(struct admin_exchange *x); // false: there is no live log, which has been answered

void token_usage_list(struct admin_exchange *x); // token_usage.c
void token_usage_show(struct admin_exchange *x);
void token_usage_summary(struct admin_exchange *x);
void token_usage_sync(struct admin_exchange *x);
void token_usage_cleanup(struct admin_exchange *x);
void token_usage_trend(struct admin_exchange *x);
void token_usage_clear(struct admin_exchange *x);
extern const struct shape token_usage_query;
extern const struct shape token_usage_trend_query;
