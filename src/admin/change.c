// SPDX-License-Identifier: MIT
#include "admin/change.h"

#include <errno.h>

#include "admin/reply.h"
#include "base/log.h"

struct change {
    struct key_store_commit commit;
    struct list link;
    struct admin_exchange *x; // borrowed; NULL: the client has left
    void (*on_durable)(struct admin_exchange *x);
    struct buf who;
    struct buf what;
};

static void audit(struct slice who, struct slice what, const char *outcome)
{
    log_info("admin", "%.*s %.*s: %s", SLICE_ARG(who), SLICE_ARG(what), outcome);
}

void change_audit(const struct admin_exchange *x, struct slice what, const char *outcome)
{
    audit(x->client, what, outcome);
}

static void free_change(struct change *change)
{
    list_remove(&change->link);
    buf_deinit(&change->who);
    buf_deinit(&change->what);
    mem_free(change);
}

static void fail(struct admin_exchange *x, int r)
{
    bool is_full = r == -ENOSPC || r == -EDQUOT;
    reply_failf(x, is_full ? 507 : 500, "Nothing was changed: the pool could not be written (%s).", uv_strerror(r));
}

static void on_commit(struct key_store_commit *commit, int r)
{
    struct change *change = CONTAINER_OF(commit, struct change, commit);
    struct admin_exchange *x = change->x;
    void (*on_durable)(struct admin_exchange *) = change->on_durable;
    if (r != 0) {
        buf_printf(&change->what, " (%s)", uv_strerror(r));
    }
    audit(buf_slice(&change->who), buf_slice(&change->what), r == 0 ? "done" : "not done");
    free_change(change);
    if (!x) {
        return;
    }
    x->change = NULL;
    if (r == 0) {
        on_durable(x);
    } else {
        fail(x, r);
    }
}

void change_commit(struct admin_exchange *x, struct slice what, void (*on_durable)(struct admin_exchange *x))
{
    struct change *change = mem_zalloc(sizeof(*change));
    change->x = x;
    change->on_durable = on_durable;
    buf_append(&change->who, x->client);
    buf_append(&change->what, what);
    list_append(&x->admin->changes, &change->link);
    x->change = change;
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
        key_store_forget(&change->commit);
        audit(buf_slice(&change->who), buf_slice(&change->what), "shut down before the outcome was known");
        free_change(change);
    }
}
