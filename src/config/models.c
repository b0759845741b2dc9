// SPDX-License-Identifier: MIT
#include "config/models.h"

#include "config/endpoints.h"

static const char *const reasoning_names[] = {"auto", "off", "low", "medium", "high", "xhigh", NULL};
static const struct value_rule line_rule = {.type = VALUE_LINE};

#define FIELD(name) .field = offsetof(struct config_model, name)
static const struct member_rule members[] = {
    {.name = "id", .rule = {.type = VALUE_LINE}, FIELD(id), .is_required = true},
    {.name = "name", .rule = {.type = VALUE_LINE}, FIELD(name)},
    {.name = "type", .rule = {.type = VALUE_CHOICE, .choices = model_type_names}, FIELD(type), .is_required = true},
    {.name = "reasoning", .rule = {.type = VALUE_CHOICE, .choices = reasoning_names}, FIELD(reasoning)},
    {.name = "fast", .rule = {.type = VALUE_BOOL}, FIELD(fast)},
    {.name = "provider", .rule = {.type = VALUE_LINE}, FIELD(provider)},
    {.name = "upstream_model", .rule = {.type = VALUE_LINE}, FIELD(upstream_model)},
    {.name = "endpoint", .is_by_hand = true},
    {.name = "timeouts", .is_by_hand = true},
    {.name = "hold_back", .is_by_hand = true},
    {.name = "fallbacks", .is_by_hand = true},
};

// What is being read.
struct reading {
    struct config *config;
    bool is_builtin;
    bool has_endpoints; // without errors: otherwise it would be pointless to say that one is missing
};

// The endpoint that the model names. NULL when it is wrong, which has been said.
static const struct config_endpoint *named_endpoint(struct config *config, const struct json_place *place,
                                                    struct slice name, const struct config_model *model)
{
    struct config_endpoint *endpoint = endpoints_find(config, name);
    if (!endpoint) {
        json_place_error_value(place, &line_rule, SLICE("it may be the name of one of endpoint"));
        return NULL;
    }
    const struct config_endpoint *suited = endpoint_for_type(config, endpoint, model->type);
    if (!suited) {
        json_place_error_value(place, &line_rule,
                               arena_printf(place->file->arena,
                                            "its base_url is the route of another type, so it may not serve type %s",
                                            model_type_names[model->type]));
    }
    return suited;
}

static void find_endpoint(const struct reading *reading, const struct json_place *object, struct config_model *model)
{
    struct json_place place;
    struct slice name = SLICE_EMPTY;
    const char *type = model_type_names[model->type];
    if (json_place_member(object, SLICE("endpoint"), &place) && !json_place_read(&place, &line_rule, &name)) {
        return;
    }
    if (name.len > 0) {
        model->endpoint = named_endpoint(reading->config, &place, name, model);
        return;
    }
    model->endpoint = endpoints_find_by_type(reading->config, model->type);
    if (model->endpoint || !reading->has_endpoints) {
        return;
    }
    if (reading->is_builtin) {
        issues_warn(object->file->issues, "the built-in model %.*s is left out: there is no endpoint of type %s",
                    SLICE_ARG(model->id), type);
    } else {
        json_place_error(object, "(\"%.*s\") has no endpoint: none is of type %s, and it names none",
                         SLICE_ARG(model->id), type);
    }
}

// False when the model is not to be used.
static bool read_model(const struct reading *reading, const struct json_place *object, struct config_model *model)
{
    uint32_t n_errors = object->file->issues->n_errors;
    json_place_read_members(object, members, sizeof(members) / sizeof(*members), model);
    if (object->file->issues->n_errors > n_errors) {
        return false;
    }
    find_endpoint(reading, object, model);
    model->name = model->name.len > 0 ? model->name : model->id;
    model->timeouts = model->endpoint ? model->endpoint->timeouts : reading->config->timeouts;
    timeouts_read(object, &model->timeouts);
    model->hold_back = model->endpoint ? model->endpoint->hold_back : reading->config->hold_back;
    hold_back_read(object, &model->hold_back);
    const struct config_model *same = map_find(&reading->config->_models_by_id, model->id);
    if (same) {
        json_place_error(object, "has the id of another model, \"%.*s\"; each id may be there once",
                         SLICE_ARG(model->id));
    }
    return model->endpoint && !same;
}

void models_read(struct config *config, const struct json_place *section, bool is_builtin)
{
    struct reading reading = {config, is_builtin, section->file->issues->n_errors == 0};
    config->models = arena_zalloc(&config->_arena, json_place_count(section) * sizeof(*config->models));
    size_t index = 0;
    for (struct json_place element = {0}; json_place_next_element(section, &index, &element);) {
        struct config_model *model = &config->models[config->n_models];
        *model = (struct config_model){0};
        if (json_place_expect(&element, JSON_OBJECT, "an object") && read_model(&reading, &element, model)) {
            map_set(&config->_models_by_id, model->id, model);
            config->n_models++;
        }
    }
}

// The name that `name` is redirected to; false when it is not.
static bool redirect_of(const struct json_place *section, struct slice name, struct slice *to_r)
{
    const struct json_doc *doc = &section->file->doc;
    const struct json_node *to = json_get(doc, section->node, name);
    if (!json_is(to, JSON_STRING)) {
        return false;
    }
    *to_r = json_string(doc, to, section->file->arena);
    return true;
}

static void read_redirect(struct config *config, const struct json_place *section, const struct json_place *redirect,
                          struct slice from)
{
    struct slice to = SLICE_EMPTY;
    if (!json_place_read(redirect, &line_rule, &to)) {
        return;
    }
    int n_steps = 1;
    while (n_steps <= REDIRECTS_MAX && redirect_of(section, to, &to)) {
        n_steps++;
    }
    struct config_model *model = map_find(&config->_models_by_id, to);
    if (n_steps > REDIRECTS_MAX) {
        json_place_error_value(
            redirect, &line_rule,
            arena_printf(section->file->arena, "it leads in a circle, or takes more than %d steps", REDIRECTS_MAX));
    } else if (!model) {
        json_place_error_value(
            redirect, &line_rule,
            arena_printf(section->file->arena, "it leads to \"%.*s\", which is no model", SLICE_ARG(to)));
    } else {
        map_set(&config->_redirects, arena_dup(&config->_arena, from), model);
    }
}

void redirects_read(struct config *config, const struct json_place *section)
{
    struct slice from;
    for (struct json_place redirect = {0}; json_place_next_member(section, &from, &redirect);) {
        if (!json_is(redirect.node, JSON_NULL)) {
            read_redirect(config, section, &redirect, from);
        }
    }
}

// What is wrong with a fallback of a model that has some already; NULL: nothing.
static const char *fallback_fault(const struct config_model *model, const struct config_model *fallback)
{
    if (!fallback) {
        return "it may be the id of another model, or redirected to one";
    }
    if (fallback == model) {
        return "it is the model itself";
    }
    for (size_t i = 0; i < model->n_fallbacks; i++) {
        if (model->fallbacks[i] == fallback) {
            return "it is there twice";
        }
    }
    return NULL;
}

static void read_fallbacks(struct config *config, const struct json_place *list, struct config_model *model,
                           bool knows_all)
{
    size_t n = json_place_count(list);
    if (n > FALLBACKS_MAX) {
        json_place_error(list, "has %zu models; it may have %d", n, FALLBACKS_MAX);
        return;
    }
    model->fallbacks = arena_zalloc(&config->_arena, n * sizeof(struct config_model *));
    size_t index = 0;
    for (struct json_place element = {0}; json_place_next_element(list, &index, &element);) {
        struct slice id = SLICE_EMPTY;
        if (!json_place_read(&element, &line_rule, &id)) {
            continue;
        }
        const struct config_model *fallback = config_find_model(config, id);
        const char *fault = fallback_fault(model, fallback);
        if (!fault) {
            model->fallbacks[model->n_fallbacks++] = fallback;
        } else if (fallback || knows_all) {
            json_place_error_value(&element, &line_rule, slice_from_cstr(fault));
        }
    }
}

void fallbacks_read(struct config *config, const struct json_place *section)
{
    // Otherwise the one that is missing may well be one with an error.
    bool knows_all = config->n_models == json_place_count(section);
    size_t index = 0;
    for (struct json_place element = {0}; json_place_next_element(section, &index, &element);) {
        struct json_place id;
        struct json_place list;
        if (!json_is(element.node, JSON_OBJECT) || !json_place_member(&element, SLICE("fallbacks"), &list) ||
            !json_place_expect(&list, JSON_ARRAY, "an array of model ids") ||
            !json_place_member(&element, SLICE("id"), &id) || !json_is(id.node, JSON_STRING)) {
            continue;
        }
        struct slice name = json_string(&id.file->doc, id.node, id.file->arena);
        struct config_model *model = map_find(&config->_models_by_id, name);
        if (model && !model->fallbacks) { // otherwise two have that id, which has been said
            read_fallbacks(config, &list, model, knows_all);
        }
    }
}
