// SPDX-License-Identifier: MIT
#include "config/failure_rules.h"

enum { STATUS_MIN = 300, STATUS_MAX = 999, COOLDOWN_MAX_S = 31 * 24 * 60 * 60 };

static const struct value_rule line_rule = {.type = VALUE_LINE};
static const struct value_rule status_rule = {.type = VALUE_U32, .min = STATUS_MIN, .max = STATUS_MAX};
static const char status_expected[] = "a status from 300 to 999, [from, to], or a class like \"4xx\"";

// In the order of blame_of_name.
static const char *const blame_names[] = {"client",  "key_credit", "key_refused", "key_model",
                                          "address", "provider",   "endpoint",    NULL};
static const enum blame blame_of_name[] = {
    BLAME_CLIENT, BLAME_KEY_CREDIT, BLAME_KEY_REFUSED, BLAME_KEY_MODEL, BLAME_ADDRESS, BLAME_PROVIDER, BLAME_ENDPOINT,
};

// What a rule's object says.
struct draft {
    struct slice contains;
    unsigned blame; // index of its name
    uint32_t cooldown_s;
};

#define FIELD(name) .field = offsetof(struct draft, name)
static const struct member_rule members[] = {
    {.name = "status", .is_by_hand = true},
    {.name = "contains", .rule = {.type = VALUE_TEXT}, FIELD(contains)},
    {.name = "blame", .rule = {.type = VALUE_CHOICE, .choices = blame_names}, FIELD(blame), .is_required = true},
    {.name = "cooldown_s", .rule = {.type = VALUE_U32, .max = COOLDOWN_MAX_S}, FIELD(cooldown_s)},
};

// "4xx"
static bool read_class(const struct json_place *place, struct blame_rule *rule)
{
    struct slice text = json_string(&place->file->doc, place->node, place->file->arena);
    if (text.len != 3 || *text.ptr < '3' || *text.ptr > '9' || !slice_eq_nocase(slice_after(text, 1), SLICE("xx"))) {
        return false;
    }
    rule->first = (unsigned)(*text.ptr - '0') * 100;
    rule->last = rule->first + 99;
    return true;
}

// [from, to]
static bool read_range(const struct json_place *place, struct blame_rule *rule)
{
    uint32_t bounds[2] = {0};
    size_t index = 0;
    for (struct json_place bound = {0}; json_place_next_element(place, &index, &bound);) {
        if (index >= 2 ||
            !value_from_json(&status_rule, &place->file->doc, bound.node, place->file->arena, &bounds[index])) {
            return false;
        }
    }
    rule->first = bounds[0];
    rule->last = bounds[1];
    return bounds[0] > 0 && bounds[0] <= bounds[1];
}

static bool read_single(const struct json_place *place, struct blame_rule *rule)
{
    uint32_t status;
    if (!value_from_json(&status_rule, &place->file->doc, place->node, place->file->arena, &status)) {
        return false;
    }
    rule->first = rule->last = status;
    return true;
}

static void read_status(const struct json_place *object, struct blame_rule *rule)
{
    struct json_place place;
    if (!json_place_member(object, SLICE("status"), &place)) {
        json_place_error(object, "has no status; it may be %s", status_expected);
        return;
    }
    bool is_valid = json_is(place.node, JSON_STRING)  ? read_class(&place, rule)
                    : json_is(place.node, JSON_ARRAY) ? read_range(&place, rule)
                                                      : read_single(&place, rule);
    if (!is_valid) {
        json_place_error_value(&place, &line_rule, arena_printf(place.file->arena, "it may be %s", status_expected));
    }
}

static struct slice lower_case(struct arena *arena, struct slice text)
{
    char *low = arena_text(arena, text.len);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        low[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    return slice_of(low, text.len);
}

static void read_rule(const struct json_place *object, struct blame_rule *rule)
{
    struct draft draft = {0};
    struct json_place given;
    json_place_read_members(object, members, sizeof(members) / sizeof(*members), &draft);
    read_status(object, rule);
    rule->contains = lower_case(object->file->strings, draft.contains);
    rule->blame = blame_of_name[draft.blame];
    rule->cooldown_ms = json_place_member(object, SLICE("cooldown_s"), &given) ? (int64_t)draft.cooldown_s * 1000 : -1;
}

void failure_rules_read(struct config *config, const struct json_place *section)
{
    size_t n = json_place_count(section);
    if (n > FAILURE_RULES_MAX) {
        json_place_error(section, "has %zu rules; it may have %d", n, FAILURE_RULES_MAX);
        return;
    }
    struct blame_rule *rules = arena_zalloc(&config->_arena, n * sizeof(*rules));
    size_t index = 0;
    for (struct json_place element = {0}; json_place_next_element(section, &index, &element);) {
        if (json_place_expect(&element, JSON_OBJECT, "an object")) {
            read_rule(&element, &rules[index]);
        }
    }
    config->failure_rules = (struct blame_rules){rules, n};
}
