// SPDX-License-Identifier: MIT
// What operators did, the newest first: out of the history.
#include "admin/asking.h"
#include "admin/query.h"
#include "admin/shape.h"

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 1000 };

static const struct shape_member members[] = {
    {"limit", SHAPE_INTEGER, .min = 1, .max = LIMIT_MAX, .help = "How many entries; 50 if not said."},
    {"before", SHAPE_TIME, .help = "Only what was done earlier."},
    {.name = NULL},
};
const struct shape audit_query = {.members = members};

void audit_list(struct admin_exchange *x)
{
    struct query_reader query = query_read(x);
    uint32_t limit = query_integer(&query, SLICE("limit"), LIMIT_DEFAULT);
    int64_t before_ms = query_time(&query, SLICE("before"));
    struct asking *asking = asking_new(x);
    asking->ask = history_audit(x->admin->options.history, limit, before_ms, asking_answer, asking);
}
