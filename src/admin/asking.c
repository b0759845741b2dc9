// SPDX-License-Identifier: MIT
#include "admin/asking.h"

#include "admin/reply.h"

static void leave(struct admin_exchange *x)
{
    struct asking *asking = x->state;
    if (asking->ask) {
        history_ask_forget(asking->ask);
    }
}

struct asking *asking_new(struct admin_exchange *x)
{
    struct asking *asking = arena_zalloc(admin_arena(x), sizeof(*asking));
    asking->x = x;
    x->state = asking;
    x->on_end = leave;
    return asking;
}

void asking_answer(void *arg, struct slice json, struct slice problem)
{
    struct asking *asking = arg;
    struct reply reply;
    asking->ask = NULL;
    reply_begin(&reply);
    json_write_raw(&reply.w, json);
    reply_send_history(asking->x, &reply, problem);
}
