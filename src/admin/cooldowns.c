// SPDX-License-Identifier: MIT
// Which keys cool down, of which model, until when and why; and their early end.
#include "admin/change.h"
#include "admin/key_facts.h"
#include "admin/key_filter.h"
#include "admin/reply.h"
#include "base/clock.h"
#include "keys/consequences.h"

// ---- the names of models --------------------------------------------------------------------------------------------

// The table knows models by numbers that stand for what is sent upstream; of configured ones the name can be found.
static struct slice name_sent(const struct config_model *model)
{
    return model->upstream_model.len ? model->upstream_model : model->id;
}

static struct slice model_name(struct admin_exchange *x, uint32_t tag)
{
    const struct config *config = x->admin->config;
    for (size_t i = 0; i < config->n_models; i++) {
        if (key_model_tag(name_sent(&config->models[i])) == tag) {
            return name_sent(&config->models[i]);
        }
    }
    return SLICE("(no longer configured)");
}

// The number of a model that an operator names as clients do, or as it is sent.
static uint32_t model_tag(struct admin_exchange *x, struct slice name)
{
    const struct config_model *model = config_find_model(x->admin->config, name);
    return key_model_tag(model ? name_sent(model) : name);
}

// ---- choice ---------------------------------------------------------------------------------------------------------

struct choice {
    struct key_filter filter;
    uint32_t model; // 0: any, and those of the key as a whole
    int64_t now_ms;
};

#define MODEL_ROW "model", SHAPE_TEXT, .help = "Only cooldowns of this model, as clients name it or as it is sent"
static const struct shape_member members[] = {
    {KEY_FILTER_GROUP},
    {MODEL_ROW},
    {.name = NULL},
};
static const struct shape_member key_members[] = {
    {MODEL_ROW},
    {.name = NULL},
};
const struct shape cooldowns_query = {.members = members};
const struct shape cooldowns_key_query = {.members = key_members};

static struct choice read_choice(struct admin_exchange *x)
{
    struct choice choice = {.filter = {.status = KEY_FILTER_ANY_STATUS}, .now_ms = clock_wall_ms()};
    struct query_reader query = query_read(x);
    struct slice model = query_text(&query, SLICE("model"));
    choice.filter.group = query_text(&query, SLICE("poolGroup"));
    choice.model = model.ptr ? model_tag(x, model) : 0;
    return choice;
}

static bool is_cooling_for(const struct key_model_cooldown *cooldown, const struct choice *choice)
{
    uint32_t model = cooldown->model;
    return model && cooldown->until_ms > choice->now_ms && (!choice->model || choice->model == model);
}

// How many cooldowns of a key there are; each is told to `tell`, which may be NULL.
static size_t walk(struct admin_exchange *x, const struct key_record *record, const struct choice *choice,
                   void (*tell)(struct admin_exchange *x, struct json_writer *w, const struct key_record *record,
                                uint32_t model, int64_t until_ms),
                   struct json_writer *w)
{
    const struct key_slot *slot = key_facts_slot(x->admin->options.table, record);
    int64_t until_ms = choice->model ? 0 : key_facts_cooling_until(slot, choice->now_ms);
    size_t n = 0;
    if (until_ms) {
        n++;
        if (tell) {
            tell(x, w, record, 0, until_ms);
        }
    }
    for (size_t i = 0; i < KEY_MODEL_COOLDOWNS; i++) {
        if (is_cooling_for(&slot->cooldowns[i], choice)) {
            n++;
            if (tell) {
                tell(x, w, record, slot->cooldowns[i].model, slot->cooldowns[i].until_ms);
            }
        }
    }
    return n;
}

// ---- looking --------------------------------------------------------------------------------------------------------

static void write_cooldown(struct admin_exchange *x, struct json_writer *w, const struct key_record *record,
                           uint32_t model, int64_t until_ms)
{
    json_begin_object(w);
    json_member_string(w, SLICE("key"), record->id);
    json_key(w, SLICE("model"));
    if (model) {
        json_write_string(w, model_name(x, model));
    } else {
        json_write_null(w); // all of them
    }
    reply_member_time(w, SLICE("until"), until_ms);
    struct slice reason = key_last_error(key_facts_slot(x->admin->options.table, record), admin_arena(x));
    json_member_string(w, SLICE("reason"), reason.len ? reason : SLICE("The provider asked for it."));
    json_end_object(w);
}

void cooldowns_list(struct admin_exchange *x)
{
    struct choice choice = read_choice(x);
    struct reply reply;
    reply_begin(&reply);
    json_begin_array(&reply.w);
    for (size_t i = 0; i < key_store_n_keys(admin_store(x)); i++) {
        const struct key_record *record = key_store_key(admin_store(x), i);
        if (key_filter_takes(&choice.filter, x->admin, record)) {
            walk(x, record, &choice, write_cooldown, &reply.w);
        }
    }
    json_end_array(&reply.w);
    reply_send(x, &reply, SLICE_EMPTY);
}

// ---- ending them ----------------------------------------------------------------------------------------------------

static size_t clear(struct admin_exchange *x, const struct key_record *record, const struct choice *choice)
{
    size_t n = walk(x, record, choice, NULL, NULL);
    if (n) {
        key_clear_cooldown(x->admin->options.table, record->slot, choice->model, choice->now_ms);
    }
    return n;
}

static void answer_cleared(struct admin_exchange *x)
{
    struct reply reply;
    reply_begin(&reply);
    json_begin_object(&reply.w);
    json_member_int(&reply.w, SLICE("cleared"), (int64_t) * (size_t *)x->state);
    json_end_object(&reply.w);
    reply_send(x, &reply, SLICE_EMPTY);
}

// They are in the document, too, and must not come back with it.
static void commit_cleared(struct admin_exchange *x, size_t n, struct slice of_what)
{
    size_t *n_cleared = arena_alloc(admin_arena(x), sizeof(*n_cleared));
    *n_cleared = n;
    x->state = n_cleared;
    change_commit(x, arena_printf(admin_arena(x), "ended %zu cooldowns of %.*s", n, SLICE_ARG(of_what)),
                  answer_cleared);
}

void cooldowns_clear(struct admin_exchange *x)
{
    struct choice choice = read_choice(x);
    size_t n = 0;
    for (size_t i = 0; i < key_store_n_keys(admin_store(x)); i++) {
        const struct key_record *record = key_store_key(admin_store(x), i);
        if (key_filter_takes(&choice.filter, x->admin, record)) {
            n += clear(x, record, &choice);
        }
    }
    commit_cleared(x, n, SLICE("all keys that were chosen"));
}

void cooldowns_clear_key(struct admin_exchange *x)
{
    struct choice choice = read_choice(x);
    const struct key_record *record = key_store_find(admin_store(x), x->id);
    if (!record) {
        reply_refuse(x, KEY_STORE_NO_SUCH_KEY);
        return;
    }
    commit_cleared(x, clear(x, record, &choice), arena_printf(admin_arena(x), "key %.*s", SLICE_ARG(record->id)));
}
