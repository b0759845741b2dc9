// SPDX-License-Identifier: MIT
#include "simulator/plans.h"

void plans_init(struct plans *plans)
{
    map_init(&plans->_by_model);
    plans->_last_number = 0;
}

void plans_deinit(struct plans *plans)
{
    const struct map_entry *entry;
    for (size_t at = 0; (entry = map_next(&plans->_by_model, &at));) {
        mem_free(entry->value);
    }
    map_deinit(&plans->_by_model);
}

void plans_set(struct plans *plans, struct slice model, struct slice script, int64_t end_ms)
{
    plans_drop(plans, model);
    struct plan *plan = mem_zalloc(sizeof(*plan) + model.len + script.len);
    memcpy(plan->_bytes, model.ptr, model.len);
    memcpy(plan->_bytes + model.len, script.ptr, script.len);
    plan->number = ++plans->_last_number;
    plan->end_ms = end_ms;
    plan->script = slice_of(plan->_bytes + model.len, script.len);
    map_set(&plans->_by_model, slice_of(plan->_bytes, model.len), plan);
}

void plans_drop(struct plans *plans, struct slice model)
{
    mem_free(map_remove(&plans->_by_model, model));
}

const struct plan *plans_find(const struct plans *plans, struct slice model, int64_t now_ms)
{
    const struct plan *plan = map_find(&plans->_by_model, slice_split(&model, '~'));
    return plan && (plan->end_ms == 0 || now_ms < plan->end_ms) ? plan : NULL;
}

bool plans_is_empty(const struct plans *plans)
{
    return plans->_by_model.n_entries == 0;
}
