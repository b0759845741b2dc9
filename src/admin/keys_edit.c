// SPDX-License-Identifier: MIT
// One key: shown, added, changed, removed.
#include "admin/body.h"
#include "admin/change.h"
#include "admin/key_facts.h"
#include "admin/key_json.h"
#include "admin/query.h"
#include "admin/reply.h"
#include "admin/shape.h"
#include "base/clock.h"

// ---- answers --------------------------------------------------------------------------------------------------------

static struct slice describe(struct admin_exchange *x, const char *what, const struct key_record *record)
{
    char masked[KEY_FACTS_MASK_SIZE];
    struct slice mask = key_facts_mask(record->secret, masked);
    return arena_printf(admin_arena(x), "%s key %.*s (%.*s)", what, SLICE_ARG(record->id), SLICE_ARG(mask));
}

static void answer_key(struct admin_exchange *x, const struct key_record *record, const struct key_view *view)
{
    struct reply reply;
    reply_begin(&reply);
    key_json_write(x, &reply.w, record, view);
    reply_send(x, &reply, SLICE_EMPTY);
}

// The key of x->id as it is now.
static void answer_changed(struct admin_exchange *x)
{
    const struct key_record *record = key_store_find(admin_store(x), x->id);
    if (!record) {
        reply_fail(x, 404, SLICE("The key was changed, and removed by somebody else right after that."));
        return;
    }
    answer_key(x, record, &(struct key_view){.now_ms = clock_wall_ms()});
}

// NULL: there is no such key, which has been answered.
static const struct key_record *find(struct admin_exchange *x)
{
    const struct key_record *record = key_store_find(admin_store(x), x->id);
    if (!record) {
        reply_refuse(x, KEY_STORE_NO_SUCH_KEY);
    }
    return record;
}

static const struct shape_member show_members[] = {
    {"reveal", SHAPE_BOOL, .help = "With the whole secret, which the audit trail tells"},
    {"includeTokenUsage", SHAPE_BOOL, .help = "With what is known of its balance"},
    {.name = NULL},
};
const struct shape keys_edit_show_query = {.members = show_members};

void keys_edit_show(struct admin_exchange *x)
{
    struct query_reader query = query_read(x);
    struct key_view view = {.now_ms = clock_wall_ms()};
    view.shows_secret = query_bool(&query, SLICE("reveal"));
    view.shows_balance = query_bool(&query, SLICE("includeTokenUsage"));
    const struct key_record *record = find(x);
    if (record) {
        if (view.shows_secret) {
            change_audit(x, describe(x, "revealed", record), "done");
        }
        answer_key(x, record, &view);
    }
}

// ---- what a key may be ----------------------------------------------------------------------------------------------

static struct slice check_provider(struct admin_exchange *x, struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool is_good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
        if (!is_good) {
            return SLICE("'provider' must be a name of small letters and digits.");
        }
    }
    return SLICE_EMPTY;
}

static struct slice check_proxy(struct admin_exchange *x, struct slice name)
{
    const struct config *config = x->admin->config;
    for (size_t i = 0; i < config->n_proxies; i++) {
        if (slice_eq(config->proxies[i].name, name)) {
            return SLICE_EMPTY;
        }
    }
    return name.len == 0 ? SLICE_EMPTY // none
                         : SLICE("'proxy' must be one of the proxies in the configuration, or empty for none.");
}

#define SECRET_ROW "key", SHAPE_TEXT, .is_secret = true, .help = "The secret; spaces around it are cut"
#define NOTES_ROW "notes", SHAPE_TEXT, .may_be_null = true, .help = "At most NOTES_MAX_LENGTH characters"
#define GROUP_ROW "poolGroup", SHAPE_TEXT, .may_be_null = true, .help = "One that exists; empty: default"
#define PROXY_ROW                                                                                                      \
    "proxy", SHAPE_TEXT, .may_be_null = true, .check = check_proxy,                                                    \
                         .help = "The name of a proxy in the configuration; empty: none"
#define WEIGHT_ROW "weight", SHAPE_NUMBER, .may_be_null = true, .is_above_min = true, .max = 1000000, .help = "Null: 1"
#define INFLIGHT_ROW "maxInflight", SHAPE_INTEGER, .may_be_null = true, .max = 1000000, .help = "0: any number"

static const struct shape_member add_members[] = {
    {SECRET_ROW, .is_required = true},
    {NOTES_ROW},
    {GROUP_ROW},
    {"provider", SHAPE_TEXT, .may_be_null = true, .max = 64, .pattern = "^[a-z0-9._-]*$", .check = check_provider,
     .help = "Else the beginning of the key tells"},
    {WEIGHT_ROW},
    {PROXY_ROW},
    {INFLIGHT_ROW},
    {.name = NULL},
};
static const struct shape_member change_members[] = {
    {SECRET_ROW}, {NOTES_ROW}, {GROUP_ROW}, {WEIGHT_ROW}, {PROXY_ROW}, {INFLIGHT_ROW}, {.name = NULL},
};
static const struct shape_member notes_members[] = {
    {NOTES_ROW, .is_required = true},
    {.name = NULL},
};
static const struct shape_member pool_members[] = {
    {GROUP_ROW, .is_required = true},
    {.name = NULL},
};
static const struct shape_member toggle_members[] = {
    {"status", SHAPE_TEXT, .may_be_null = true, .values = "active disabled",
     .help = "Without it an active key is disabled, and any other one active"},
    {.name = NULL},
};
const struct shape keys_edit_add_body = {.members = add_members};
const struct shape keys_edit_change_body = {.members = change_members};
const struct shape keys_edit_notes_body = {.members = notes_members};
const struct shape keys_edit_pool_body = {.members = pool_members};
const struct shape keys_edit_toggle_body = {.members = toggle_members};

// ---- changes --------------------------------------------------------------------------------------------------------

static struct slice read_group(const struct body_reader *body)
{
    struct slice group = body_text(body, SLICE("poolGroup"));
    return group.ptr && group.len == 0 ? SLICE("default") : group;
}

// What both adding and changing take.
static struct key_draft read_draft(const struct body_reader *body)
{
    return (struct key_draft){
        .secret = slice_trim(body_text(body, SLICE("key"))),
        .notes = body_text(body, SLICE("notes")),
        .group = read_group(body),
        .proxy = body_text(body, SLICE("proxy")),
        .weight = body_number(body, SLICE("weight"), 1, 0),
        .max_inflight = body_integer(body, SLICE("maxInflight"), 0, -1),
    };
}

void keys_edit_add(struct admin_exchange *x)
{
    struct body_reader body = body_read(x);
    struct key_draft draft = read_draft(&body);
    const struct key_record *record = NULL;
    struct slice provider = body_text(&body, SLICE("provider"));
    draft.provider = provider.len ? provider : SLICE_EMPTY;
    enum key_store_refusal refusal = key_store_add(admin_store(x), &draft, &record);
    if (refusal != KEY_STORE_OK) {
        reply_refuse(x, refusal);
        return;
    }
    x->id = arena_dup(admin_arena(x), record->id);
    change_commit(x, describe(x, "added", record), answer_changed);
}

// Makes the change, and answers when it is durable.
static void change(struct admin_exchange *x, const char *what, const struct key_draft *draft)
{
    enum key_store_refusal refusal = key_store_change(admin_store(x), x->id, draft);
    if (refusal != KEY_STORE_OK) {
        reply_refuse(x, refusal);
        return;
    }
    change_commit(x, describe(x, what, key_store_find(admin_store(x), x->id)), answer_changed);
}

void keys_edit_change(struct admin_exchange *x)
{
    struct body_reader body = body_read(x);
    struct key_draft draft = read_draft(&body);
    change(x, "changed", &draft);
}

void keys_edit_set_notes(struct admin_exchange *x)
{
    struct body_reader body = body_read(x);
    struct key_draft draft = {.notes = body_text(&body, SLICE("notes")), .max_inflight = -1};
    change(x, "changed the notes of", &draft);
}

void keys_edit_set_pool(struct admin_exchange *x)
{
    struct body_reader body = body_read(x);
    struct key_draft draft = {.group = read_group(&body), .max_inflight = -1};
    struct slice what = arena_printf(admin_arena(x), "moved to pool '%.*s':", SLICE_ARG(draft.group));
    change(x, arena_cstr(admin_arena(x), what), &draft);
}

static enum key_status wanted_status(const struct body_reader *body, enum key_status now)
{
    struct slice name = body_text(body, SLICE("status"));
    if (name.len) {
        return slice_eq(name, SLICE("active")) ? KEY_ACTIVE : KEY_DISABLED;
    }
    return now == KEY_ACTIVE ? KEY_DISABLED : KEY_ACTIVE;
}

void keys_edit_toggle(struct admin_exchange *x)
{
    struct body_reader body = body_read(x);
    const struct key_record *record = find(x);
    if (!record) {
        return;
    }
    enum key_status status = wanted_status(&body, key_facts_status(x->admin->options.table, record));
    enum key_store_refusal refusal = key_store_set_status(admin_store(x), x->id, status);
    if (refusal != KEY_STORE_OK) {
        reply_refuse(x, refusal);
        return;
    }
    change_commit(x, describe(x, status == KEY_ACTIVE ? "activated" : "disabled", record), answer_changed);
}

// ---- removal --------------------------------------------------------------------------------------------------------

// The key is gone by then; its last words were kept.
static void answer_removed(struct admin_exchange *x)
{
    reply_send(x, x->state, SLICE("The key has been removed."));
}

static void drop_last_words(struct admin_exchange *x)
{
    reply_drop(x->state);
}

void keys_edit_remove(struct admin_exchange *x)
{
    const struct key_record *record = find(x);
    if (!record) {
        return;
    }
    struct reply *reply = arena_alloc(admin_arena(x), sizeof(*reply));
    reply_begin(reply);
    key_json_write(x, &reply->w, record, &(struct key_view){.now_ms = clock_wall_ms()});
    x->state = reply;
    x->on_end = drop_last_words;
    struct slice what = describe(x, "removed", record);
    enum key_store_refusal refusal = key_store_remove(admin_store(x), x->id);
    if (refusal != KEY_STORE_OK) {
        reply_refuse(x, refusal);
        return;
    }
    change_commit(x, what, answer_removed);
}
