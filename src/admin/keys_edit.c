// SPDX-License-Identifier: MIT
// One key: shown, added, changed, removed.
#include "admin/body.h"
#include "admin/change.h"
#include "admin/key_facts.h"
#include "admin/key_json.h"
#include "admin/query.h"
#include "admin/reply.h"
#include "base/clock.h"

enum { PROVIDER_MAX = 64, WEIGHT_MAX = 1000000, INFLIGHT_MAX = 1000000 };

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

void keys_edit_show(struct admin_exchange *x)
{
    struct query_reader query = query_read(x);
    struct key_view view = {.now_ms = clock_wall_ms()};
    view.shows_secret = query_bool(&query, SLICE("reveal"));
    view.shows_balance = query_bool(&query, SLICE("includeTokenUsage"));
    const struct key_record *record = query_is_good(x, &query) ? find(x) : NULL;
    if (!query.problem.len && record) {
        if (view.shows_secret) {
            change_audit(x, describe(x, "revealed", record), "done");
        }
        answer_key(x, record, &view);
    }
}

// ---- changes --------------------------------------------------------------------------------------------------------

static bool is_provider_name(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool is_good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
        if (!is_good) {
            return false;
        }
    }
    return name.len > 0 && name.len <= PROVIDER_MAX;
}

static bool is_proxy(const struct config *config, struct slice name)
{
    for (size_t i = 0; i < config->n_proxies; i++) {
        if (slice_eq(config->proxies[i].name, name)) {
            return true;
        }
    }
    return name.len == 0; // none
}

// What both adding and changing take.
static void read_placement(struct body_reader *body, struct key_draft *draft)
{
    draft->secret = slice_trim(body_text(body, SLICE("key")));
    draft->notes = body_text(body, SLICE("notes"));
    draft->group = body_text(body, SLICE("poolGroup"));
    if (draft->group.ptr && draft->group.len == 0) {
        draft->group = SLICE("default");
    }
}

static void read_traffic(struct admin_exchange *x, struct body_reader *body, struct key_draft *draft)
{
    int64_t max_inflight = 0;
    draft->proxy = body_text(body, SLICE("proxy"));
    if (draft->proxy.ptr && !is_proxy(x->admin->config, draft->proxy)) {
        body_problem(body, "'proxy' is '%.*s', which is none of the proxies in the configuration.",
                     SLICE_ARG(draft->proxy));
    }
    if (body_number(body, SLICE("weight"), 1, &draft->weight) && !(draft->weight > 0 && draft->weight <= WEIGHT_MAX)) {
        body_problem(body, "'weight' must be a number above 0, up to %d.", WEIGHT_MAX);
    }
    if (body_integer(body, SLICE("maxInflight"), 0, INFLIGHT_MAX, 0, &max_inflight)) {
        draft->max_inflight = max_inflight;
    }
}

void keys_edit_add(struct admin_exchange *x)
{
    struct body_reader body = body_read(x);
    struct key_draft draft = {.max_inflight = -1};
    const struct key_record *record = NULL;
    read_placement(&body, &draft);
    read_traffic(x, &body, &draft);
    draft.provider = body_text(&body, SLICE("provider"));
    if (draft.provider.len == 0) {
        draft.provider = SLICE_EMPTY;
    } else if (!is_provider_name(draft.provider)) {
        body_problem(&body, "'provider' must be a name of small letters and digits.");
    }
    if (!body_is_good(x, &body)) {
        return;
    }
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
    struct key_draft draft = {.max_inflight = -1};
    read_placement(&body, &draft);
    read_traffic(x, &body, &draft);
    if (body_is_good(x, &body)) {
        change(x, "changed", &draft);
    }
}

void keys_edit_set_notes(struct admin_exchange *x)
{
    struct body_reader body = body_read(x);
    struct key_draft draft = {.max_inflight = -1};
    draft.notes = body_required_text(&body, SLICE("notes"));
    if (body_is_good(x, &body)) {
        change(x, "changed the notes of", &draft);
    }
}

void keys_edit_set_pool(struct admin_exchange *x)
{
    struct body_reader body = body_read(x);
    struct key_draft draft = {.max_inflight = -1};
    draft.group = body_required_text(&body, SLICE("poolGroup"));
    if (draft.group.ptr && draft.group.len == 0) {
        draft.group = SLICE("default");
    }
    if (body_is_good(x, &body)) {
        struct slice what = arena_printf(admin_arena(x), "moved to pool '%.*s':", SLICE_ARG(draft.group));
        change(x, arena_cstr(admin_arena(x), what), &draft);
    }
}

static enum key_status wanted_status(struct body_reader *body, enum key_status now)
{
    struct slice name = body_text(body, SLICE("status"));
    if (slice_eq(name, SLICE("active")) || slice_eq(name, SLICE("disabled"))) {
        return slice_eq(name, SLICE("active")) ? KEY_ACTIVE : KEY_DISABLED;
    }
    if (name.len) {
        body_problem(body, "'status' must be active or disabled.");
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
    if (!body_is_good(x, &body)) {
        return;
    }
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
