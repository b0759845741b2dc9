// SPDX-License-Identifier: MIT
#include "admin/change.h"

#include <errno.h>

#include "admin/reply.h"
#include "admin/router.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/history.h"

struct change {
    struct key_store_commit commit; // of one that the store writes
    bool is_commit;
    struct list link;
    struct admin *admin;      // borrowed
    struct admin_exchange *x; // borrowed; NULL: the client has left
    void (*on_durable)(struct admin_exchange *x);
    const char *action; // static
    struct buf who;
    struct buf target;
    struct buf what;
};

// ---- entries --------------------------------------------------------------------------------------------------------

static void keep(struct admin *admin, const struct history_audit_entry *entry)
{
    if (admin->options.history) {
        history_add_audit(admin->options.history, entry);
    }
}

static void audit(struct admin *admin, const struct history_audit_entry *entry)
{
    log_info("admin", "%.*s %.*s: %.*s", SLICE_ARG(entry->who), SLICE_ARG(entry->detail), SLICE_ARG(entry->outcome));
    keep(admin, entry);
}

static struct slice action_of(const struct admin_exchange *x)
{
    return x->route->action ? slice_from_cstr(x->route->action) : SLICE_EMPTY;
}

static void audit_change(const struct change *change, const char *outcome)
{
    struct history_audit_entry entry = {
        .time_ms = clock_wall_ms(),
        .who = buf_slice(&change->who),
        .action = slice_from_cstr(change->action),
        .target = buf_slice(&change->target),
        .detail = buf_slice(&change->what),
        .outcome = slice_from_cstr(outcome),
    };
    audit(change->admin, &entry);
}

void change_audit(struct admin_exchange *x, struct slice what, const char *outcome)
{
    struct history_audit_entry entry = {
        .time_ms = clock_wall_ms(),
        .who = x->client,
        .action = action_of(x),
        .target = x->id,
        .detail = what,
        .outcome = slice_from_cstr(outcome),
    };
    x->is_audited = true;
    audit(x->admin, &entry);
}

void change_refused(struct admin_exchange *x, unsigned status, struct slice why)
{
    bool is_change = x->is_served && x->route->action && x->route->method != HTTP_GET;
    if (is_change && !x->is_audited) {
        change_audit(
            x, arena_printf(admin_arena(x), "asked for %s, got %u (%.*s)", x->route->action, status, SLICE_ARG(why)),
            "refused");
    }
}

void change_denied(struct admin_exchange *x)
{
    struct history_audit_entry entry = {
        .time_ms = clock_wall_ms(),
        .who = x->client,
        .action = SLICE("access.denied"),
        .detail = SLICE("came with a missing or wrong admin key"),
        .outcome = SLICE("refused"),
    };
    keep(x->admin, &entry);
}

// ---- changes --------------------------------------------------------------------------------------------------------

struct change *change_begin(struct admin_exchange *x, struct slice what)
{
    struct change *change = mem_zalloc(sizeof(*change));
    change->admin = x->admin;
    change->x = x;
    change->action = x->route->action ? x->route->action : "";
    buf_append(&change->who, x->client);
    buf_append(&change->target, x->id);
    buf_append(&change->what, what);
    list_append(&x->admin->changes, &change->link);
    x->change = change;
    x->is_audited = true;
    return change;
}

static void free_change(struct change *change)
{
    list_remove(&change->link);
    buf_deinit(&change->who);
    buf_deinit(&change->target);
    buf_deinit(&change->what);
    mem_free(change);
}

struct admin_exchange *change_end(struct change *change, int r)
{
    struct admin_exchange *x = change->x;
    if (r != 0) {
        buf_printf(&change->what, " (%s)", uv_strerror(r));
    }
    audit_change(change, r == 0 ? "done" : "not done");
    free_change(change);
    if (x) {
        x->change = NULL;
    }
    return x;
}

static void fail(struct admin_exchange *x, int r)
{
    bool is_full = r == -ENOSPC || r == -EDQUOT;
    reply_failf(x, is_full ? 507 : 500, "Nothing was changed: the pool could not be written (%s).", uv_strerror(r));
}

static void on_commit(struct key_store_commit *commit, int r)
{
    struct change *change = CONTAINER_OF(commit, struct change, commit);
    void (*on_durable)(struct admin_exchange *) = change->on_durable;
    struct admin_exchange *x = change_end(change, r);
    if (x && r == 0) {
        on_durable(x);
    } else if (x) {
        fail(x, r);
    }
}

void change_commit(struct admin_exchange *x, struct slice what, void (*on_durable)(struct admin_exchange *x))
{
    struct change *change = change_begin(x, what);
    change->is_commit = true;
    change->on_durable = on_durable;
    key_store_commit(admin_store(x), &change->commit, on_commit);
}

void change_leave(struct admin_exchange *x)
{
    if (x->change) {
        x->change->x = NULL;
    }
}

void change_forget_all(struct admin *admin)
{
    while (!list_is_empty(&admin->changes)) {
        struct change *change = CONTAINER_OF(admin->changes.next, struct change, link);
        if (change->is_commit) {
            key_store_forget(&change->commit);
        }
        audit_change(change, "shut down before the outcome was known");
        free_change(change);
    }
}
