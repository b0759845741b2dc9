// SPDX-License-Identifier: MIT
// The settings of the pool.
#include "admin/body.h"
#include "admin/change.h"
#include "admin/reply.h"
#include "admin/shape.h"
#include "store/key_settings_json.h"

static void answer_settings(struct admin_exchange *x)
{
    struct reply reply;
    reply_begin(&reply);
    key_settings_write(&reply.w, key_store_settings(admin_store(x)));
    reply_send(x, &reply, SLICE_EMPTY);
}

void pool_config_show(struct admin_exchange *x)
{
    answer_settings(x);
}

// The settings know their own rules.
const struct shape pool_config_body = {.write_schema = key_settings_write_schema};

void pool_config_change(struct admin_exchange *x)
{
    struct key_settings settings = *key_store_settings(admin_store(x));
    struct buf problem = BUF_EMPTY;
    if (!key_settings_merge(&settings, &x->doc, json_root(&x->doc), &problem)) {
        reply_fail(x, 400, arena_dup(admin_arena(x), buf_slice(&problem)));
        buf_deinit(&problem);
        return;
    }
    buf_deinit(&problem);
    key_store_set_settings(admin_store(x), &settings);
    change_commit(x, SLICE("changed the settings of the pool"), answer_settings);
}

void pool_config_reset(struct admin_exchange *x)
{
    key_store_reset_settings(admin_store(x));
    change_commit(x, SLICE("reset the settings of the pool"), answer_settings);
}
