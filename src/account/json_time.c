// SPDX-License-Identifier: MIT
#include "account/json_time.h"

#include "base/iso8601.h"

// As seconds it is the year 5138, as milliseconds 1973: nobody means either.
static const int64_t seconds_end = 100000000000;
// The last whole number below which a double has them all.
static const double exact_end = 9007199254740992.0;

bool json_loose_double(const struct json_doc *doc, const struct json_node *node, double *value_r)
{
    if (json_is(node, JSON_NUMBER)) {
        return json_double(doc, node, value_r);
    }
    if (!json_is(node, JSON_STRING)) {
        return false;
    }
    struct json_doc inner;
    struct arena arena;
    arena_init(&arena, 256);
    bool is_number = json_parse(&inner, &arena, json_string(doc, node, &arena), NULL) == 0 &&
                     json_double(&inner, json_root(&inner), value_r);
    arena_deinit(&arena);
    return is_number;
}

bool json_loose_int(const struct json_doc *doc, const struct json_node *node, int64_t *value_r)
{
    double value;
    if (json_int64(doc, node, value_r)) {
        return true;
    }
    if (!json_loose_double(doc, node, &value) || value <= -exact_end || value >= exact_end) {
        return false;
    }
    *value_r = (int64_t)value;
    return true;
}

int64_t json_time_ms(const struct json_doc *doc, const struct json_node *node)
{
    int64_t value;
    if (json_loose_int(doc, node, &value)) {
        return value <= 0 ? 0 : value < seconds_end ? value * 1000 : value;
    }
    struct arena arena;
    arena_init(&arena, 256);
    bool is_time = json_is(node, JSON_STRING) && iso8601_read(json_string(doc, node, &arena), &value);
    arena_deinit(&arena);
    return is_time && value > 0 ? value : 0;
}
