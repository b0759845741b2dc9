// SPDX-License-Identifier: MIT
#include "admin/key_filter.h"

#include "admin/key_facts.h"

const struct key_filter key_filter_all = {.status = KEY_FILTER_ANY_STATUS};

int key_filter_read_status(struct slice name)
{
    for (int status = KEY_ACTIVE; status <= KEY_BANNED; status++) {
        if (slice_eq(name, key_facts_status_name((enum key_status)status))) {
            return status;
        }
    }
    return KEY_FILTER_ANY_STATUS;
}

struct key_filter key_filter_read(struct query_reader *reader)
{
    return (struct key_filter){
        .status = key_filter_read_status(query_text(reader, SLICE("status"))),
        .group = query_text(reader, SLICE("poolGroup")),
        .provider = query_text(reader, SLICE("provider")),
    };
}

bool key_filter_takes(const struct key_filter *filter, const struct admin *admin, const struct key_record *record)
{
    return (filter->status == KEY_FILTER_ANY_STATUS ||
            key_facts_status(admin->options.table, record) == (enum key_status)filter->status) &&
           (!filter->group.ptr || slice_eq(filter->group, key_facts_group(admin->options.store, record))) &&
           (!filter->provider.ptr || slice_eq_nocase(filter->provider, record->provider));
}
