// SPDX-License-Identifier: MIT
// What operators did, the newest first: out of the history.
#include "admin/query.h"
#include "admin/reply.h"
#include "admin/shape.h"
#include "store/history.h"

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 1000 };

static const struct shape_member members[] = {
    {"limit", SHAPE_INTEGER, .min = 1, .max = LIMIT_MAX, .help = "How many entries; 50 if not said."},
    {"before", SHAPE_TIME, .help = "Only what was done earlier."},
    {.name = NULL},
};
const struct shape audit_query = {.members = members};

struct asking {
    struct admin_exchange *x; // borrowed
    struct history_ask *ask;  // NULL: it was answered
};

static void leave(struct admin_exchange *x)
{
    struct asking *asking = x->state;
    if (asking->ask) {
        history_ask_forget(asking->ask);
    }
}

static void on_list(void *arg, struct slice json, struct slice problem)
{
    struct asking *asking = arg;
    struct reply reply;
    asking->ask = NULL;
    reply_begin(&reply);
    json_write_raw(&reply.w, json);
    reply_send_history(asking->x, &reply, problem);
}

void audit_list(struct admin_exchange *x)
{
    struct query_reader query = query_read(x);
    uint32_t limit = query_integer(&query, SLICE("limit"), LIMIT_DEFAULT);
    int64_t before_ms = query_time(&query, SLICE("before"));
    struct asking *asking = arena_zalloc(admin_arena(x), sizeof(*asking));
    asking->x = x;
    x->state = asking;
    x->on_end = leave;
    asking->ask = history_audit(x->admin->options.history, limit, before_ms, on_list, asking);
}
