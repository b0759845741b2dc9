// SPDX-License-Identifier: MIT
// Groups of keys, with how many keys of which status are in each.
#include "admin/body.h"
#include "admin/change.h"
#include "admin/key_facts.h"
#include "admin/reply.h"
#include "admin/shape.h"
#include "base/map.h"

#define NAME_ROW "name", SHAPE_TEXT, .max = 200
#define DESCRIPTION_ROW "description", SHAPE_TEXT, .may_be_null = true, .max = 2000
#define PRIORITY_ROW                                                                                                   \
    "priority", SHAPE_INTEGER, .max = 1000000, .help = "Keys of the group with the least one are used first"

static const struct slice default_id = SLICE_INIT("default");

// ---- looking --------------------------------------------------------------------------------------------------------

struct group_count {
    size_t n;
    size_t n_by_status[KEY_BANNED + 1];
    int64_t allowance; // of those keys whose balance is known
    int64_t used;
};

static void count_key(struct group_count *count, struct admin_exchange *x, const struct key_record *record)
{
    const struct key_slot *slot = key_facts_slot(x->admin->options.table, record);
    int64_t allowance = slot->synced_ms ? slot->allowance : -1;
    count->n++;
    count->n_by_status[key_facts_status(x->admin->options.table, record)]++;
    if (allowance > 0) {
        int64_t remaining = key_remaining(slot);
        count->allowance += allowance;
        count->used += remaining < allowance ? allowance - (remaining > 0 ? remaining : 0) : 0;
    }
}

static void write_group(struct json_writer *w, const struct key_group_record *group, const struct group_count *count)
{
    json_begin_object(w);
    json_member_string(w, SLICE("id"), group->id);
    json_member_string(w, SLICE("name"), group->name);
    json_member_int(w, SLICE("priority"), group->priority);
    json_member_string(w, SLICE("description"), group->description);
    json_member_int(w, SLICE("total"), (int64_t)count->n);
    json_member_int(w, SLICE("active"), (int64_t)count->n_by_status[KEY_ACTIVE]);
    json_member_int(w, SLICE("disabled"), (int64_t)count->n_by_status[KEY_DISABLED]);
    json_member_int(w, SLICE("banned"), (int64_t)count->n_by_status[KEY_BANNED]);
    json_key(w, SLICE("usage_rate"));
    if (count->allowance > 0) {
        json_write_double(w, (double)(count->used * 10000 / count->allowance) / 10000);
    } else {
        json_write_null(w);
    }
    json_end_object(w);
}

static struct key_group_record default_group(const struct key_table *table)
{
    struct slice id;
    int32_t priority = INT32_MAX;
    key_table_group(table, 0, &id, &priority);
    return (struct key_group_record){.id = default_id,
                                     .name = SLICE("default"),
                                     .description = SLICE("Keys that belong to no other group; they come last."),
                                     .priority = priority};
}

// counts[0] is that of `default`, where the keys of unknown groups are, too.
static void count_all(struct admin_exchange *x, struct group_count *counts, size_t n_groups)
{
    struct key_store *store = admin_store(x);
    struct map by_id;
    map_init(&by_id);
    for (size_t i = 0; i < n_groups; i++) {
        map_set(&by_id, key_store_group(store, i)->id, &counts[i + 1]);
    }
    for (size_t i = 0; i < key_store_n_keys(store); i++) {
        const struct key_record *record = key_store_key(store, i);
        struct group_count *count = map_find(&by_id, record->group);
        count_key(count ? count : &counts[0], x, record);
    }
    map_deinit(&by_id);
}

void admin_groups_list(struct admin_exchange *x)
{
    struct key_store *store = admin_store(x);
    size_t n_groups = key_store_n_groups(store);
    struct group_count *counts = arena_zalloc(admin_arena(x), (n_groups + 1) * sizeof(*counts));
    struct key_group_record last = default_group(x->admin->options.table);
    struct reply reply;
    count_all(x, counts, n_groups);
    reply_begin(&reply);
    json_begin_array(&reply.w);
    for (size_t i = 0; i < n_groups; i++) {
        write_group(&reply.w, key_store_group(store, i), &counts[i + 1]);
    }
    write_group(&reply.w, &last, &counts[0]);
    json_end_array(&reply.w);
    reply_send(x, &reply, SLICE_EMPTY);
}

// ---- changing -------------------------------------------------------------------------------------------------------

static void refuse(struct admin_exchange *x, enum key_store_refusal refusal)
{
    unsigned status = refusal == KEY_STORE_NO_SUCH_GROUP ? 404 : reply_status_of(refusal);
    reply_fail(x, status, slice_from_cstr(key_store_refusal_text(refusal)));
}

static void answer_group(struct admin_exchange *x)
{
    const struct key_group_record *group = key_store_find_group(admin_store(x), x->id);
    struct group_count count = {.n = 0};
    struct reply reply;
    if (!group) {
        reply_fail(x, 404, SLICE("The group was changed, and removed by somebody else right after that."));
        return;
    }
    for (size_t i = 0; i < key_store_n_keys(admin_store(x)); i++) {
        const struct key_record *record = key_store_key(admin_store(x), i);
        if (slice_eq(record->group, x->id)) {
            count_key(&count, x, record);
        }
    }
    reply_begin(&reply);
    write_group(&reply.w, group, &count);
    reply_send(x, &reply, SLICE_EMPTY);
}

// Members that are given take the place of what is in *group.
static void read_group(const struct body_reader *body, struct key_group_record *group)
{
    struct slice name = body_text(body, SLICE("name"));
    struct slice description = body_text(body, SLICE("description"));
    group->name = name.ptr ? name : group->name;
    group->description = description.ptr ? description : group->description;
    group->priority = (int32_t)body_integer(body, SLICE("priority"), group->priority, group->priority);
}

static const struct shape_member add_members[] = {
    {"id", SHAPE_TEXT, .is_required = true, .pattern = "^[a-z0-9][a-z0-9_-]{0,63}$"},
    {NAME_ROW, .is_required = true},
    {PRIORITY_ROW, .is_required = true},
    {DESCRIPTION_ROW},
    {.name = NULL},
};
static const struct shape_member change_members[] = {
    {NAME_ROW},
    {PRIORITY_ROW},
    {DESCRIPTION_ROW},
    {.name = NULL},
};
const struct shape admin_groups_add_body = {.members = add_members};
const struct shape admin_groups_change_body = {.members = change_members};

void admin_groups_add(struct admin_exchange *x)
{
    struct body_reader body = body_read(x);
    struct key_group_record group = {.id = body_text(&body, SLICE("id")), .description = SLICE("")};
    read_group(&body, &group);
    enum key_store_refusal refusal = key_store_add_group(admin_store(x), &group);
    if (refusal != KEY_STORE_OK) {
        refuse(x, refusal == KEY_STORE_DEFAULT_GROUP ? KEY_STORE_EXISTS : refusal);
        return;
    }
    x->id = group.id;
    change_commit(x, arena_printf(admin_arena(x), "added pool group %.*s", SLICE_ARG(group.id)), answer_group);
}

void admin_groups_change(struct admin_exchange *x)
{
    struct body_reader body = body_read(x);
    const struct key_group_record *before = key_store_find_group(admin_store(x), x->id);
    if (!before) {
        refuse(x, slice_eq(x->id, default_id) ? KEY_STORE_DEFAULT_GROUP : KEY_STORE_NO_SUCH_GROUP);
        return;
    }
    struct key_group_record group = {.id = x->id,
                                     .name = arena_dup(admin_arena(x), before->name),
                                     .description = arena_dup(admin_arena(x), before->description),
                                     .priority = before->priority};
    read_group(&body, &group);
    enum key_store_refusal refusal = key_store_change_group(admin_store(x), &group);
    if (refusal != KEY_STORE_OK) {
        refuse(x, refusal);
        return;
    }
    change_commit(x, arena_printf(admin_arena(x), "changed pool group %.*s", SLICE_ARG(x->id)), answer_group);
}

static void answer_removed(struct admin_exchange *x)
{
    struct reply reply;
    reply_begin(&reply);
    json_begin_object(&reply.w);
    json_member_string(&reply.w, SLICE("deleted"), x->id);
    json_member_int(&reply.w, SLICE("affected_keys"), (int64_t) * (size_t *)x->state);
    json_end_object(&reply.w);
    reply_send(x, &reply, SLICE_EMPTY);
}

void admin_groups_remove(struct admin_exchange *x)
{
    size_t *n_keys = arena_zalloc(admin_arena(x), sizeof(*n_keys));
    enum key_store_refusal refusal = key_store_remove_group(admin_store(x), x->id, n_keys);
    if (refusal != KEY_STORE_OK) {
        refuse(x, refusal);
        return;
    }
    x->state = n_keys;
    struct slice what =
        arena_printf(admin_arena(x), "removed pool group %.*s, %zu keys now in default", SLICE_ARG(x->id), *n_keys);
    change_commit(x, what, answer_removed);
}
