// SPDX-License-Identifier: MIT
#include "admin/shape.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "admin/query.h"
#include "admin/reply.h"
#include "base/iso8601.h"
#include "json/utf8.h"

enum { SHOWN_MAX = 48, DEPTH_MAX = 8 };

// ---- values that are listed -----------------------------------------------------------------------------------------

static bool next_value(struct slice *rest, struct slice *value_r)
{
    while (rest->ptr) {
        *value_r = slice_split(rest, ' ');
        if (value_r->len) {
            return true;
        }
    }
    return false;
}

int shape_find_value(const char *values, struct slice text)
{
    struct slice rest = slice_from_cstr(values);
    struct slice value;
    for (int i = 0; next_value(&rest, &value); i++) {
        if (slice_eq(value, text)) {
            return i;
        }
    }
    return -1;
}

// ---- what a problem says --------------------------------------------------------------------------------------------

// "all, active or banned"
static void append_values(struct buf *out, const char *values)
{
    struct slice rest = slice_from_cstr(values);
    struct slice value;
    struct slice next;
    bool has_next = next_value(&rest, &next);
    for (size_t i = 0; has_next; i++) {
        value = next;
        has_next = next_value(&rest, &next);
        buf_append(out, i == 0 ? SLICE_EMPTY : has_next ? SLICE(", ") : SLICE(" or "));
        buf_append(out, value);
    }
}

// " from 1 to 5", " above 0, up to 5", " of at least 1"
static void append_limits(struct buf *out, const struct shape_member *member)
{
    if (member->is_above_min) {
        buf_printf(out, " above %.15g", member->min);
        if (member->max != 0) {
            buf_printf(out, ", up to %.15g", member->max);
        }
    } else if (member->max != 0) {
        buf_printf(out, " from %.15g to %.15g", member->min, member->max);
    } else if (member->min != 0) {
        buf_printf(out, " of at least %.15g", member->min);
    }
}

static void append_size(struct buf *out, const struct shape_member *member, const char *of_what)
{
    if (member->max != 0 && member->min != 0) {
        buf_printf(out, " of %.15g to %.15g %s", member->min, member->max, of_what);
    } else if (member->max != 0) {
        buf_printf(out, " of at most %.15g %s", member->max, of_what);
    } else if (member->min != 0) {
        buf_printf(out, " of at least %.15g %s", member->min, of_what);
    }
}

static void append_expected(struct buf *out, const struct shape_member *member)
{
    switch (member->type) {
    case SHAPE_TEXT:
        if (member->values) {
            append_values(out, member->values);
            return;
        }
        buf_append(out, SLICE("a string"));
        append_size(out, member, "characters");
        return;
    case SHAPE_INTEGER:
        buf_append(out, SLICE("a whole number"));
        append_limits(out, member);
        return;
    case SHAPE_NUMBER:
        buf_append(out, SLICE("a number"));
        append_limits(out, member);
        return;
    case SHAPE_BOOL: buf_append(out, SLICE("true or false")); return;
    case SHAPE_TIME: buf_append(out, SLICE("a time (2026-01-02T03:04:05.678Z) or milliseconds since 1970")); return;
    case SHAPE_OBJECT: buf_append(out, SLICE("an object")); return;
    case SHAPE_LIST:
        buf_append(out, SLICE("a list"));
        append_size(out, member, "values");
        return;
    case SHAPE_TEXT_OR_LIST: buf_append(out, SLICE("a string or a list")); return;
    case SHAPE_ANY: buf_append(out, SLICE("a value")); return;
    }
}

// The beginning of what was given, not cut in the middle of a character.
static void append_shortened(struct buf *out, struct slice text)
{
    size_t len = text.len < SHOWN_MAX ? text.len : SHOWN_MAX;
    while (len < text.len && len > 0 && ((unsigned char)text.ptr[len] & 0xC0) == 0x80) {
        len--;
    }
    size_t from = out->len;
    buf_append(out, slice_of(text.ptr, len));
    text_replace_controls(out->ptr + from, len, ' ');
    buf_append(out, len < text.len ? SLICE("…") : SLICE_EMPTY);
}

// What is inside of others, or a secret, is not shown: "a list".
static void append_given(struct buf *out, const struct shape_member *member, const struct json_doc *doc,
                         const struct json_node *node)
{
    static const struct slice kinds[] = {[JSON_NULL] = SLICE_INIT("null"),       [JSON_FALSE] = SLICE_INIT("false"),
                                         [JSON_TRUE] = SLICE_INIT("true"),       [JSON_NUMBER] = SLICE_INIT("a number"),
                                         [JSON_STRING] = SLICE_INIT("a string"), [JSON_ARRAY] = SLICE_INIT("a list"),
                                         [JSON_OBJECT] = SLICE_INIT("an object")};
    bool is_shown = !member->is_secret && (json_is(node, JSON_STRING) || json_is(node, JSON_NUMBER));
    if (is_shown) {
        append_shortened(out, json_raw(doc, node));
    } else {
        buf_append(out, kinds[node->type]);
    }
}

static struct slice end_problem(struct arena *arena, struct buf *text)
{
    buf_append_char(text, '.');
    struct slice problem = arena_dup(arena, buf_slice(text));
    buf_deinit(text);
    return problem;
}

static void begin_problem(struct buf *text, const struct shape_member *member, struct slice name, const char *relation)
{
    buf_printf(text, "'%.*s' %s ", SLICE_ARG(name), relation);
    append_expected(text, member);
}

static struct slice missing_problem(struct arena *arena, const struct shape_member *member, struct slice name)
{
    struct buf text = BUF_EMPTY;
    begin_problem(&text, member, name, "is missing: it must be");
    return end_problem(arena, &text);
}

// ---- limits ---------------------------------------------------------------------------------------------------------

static bool is_within(const struct shape_member *member, double value)
{
    bool has_min = member->min != 0 || member->max != 0 || member->is_above_min;
    if (has_min && (member->is_above_min ? !(value > member->min) : !(value >= member->min))) {
        return false;
    }
    return member->max == 0 || value <= member->max;
}

static size_t count_characters(struct slice text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        n += ((unsigned char)text.ptr[i] & 0xC0) != 0x80;
    }
    return n;
}

static bool is_text_good(const struct shape_member *member, struct slice text)
{
    if (member->values) {
        return shape_find_value(member->values, text) >= 0;
    }
    return (member->min == 0 && member->max == 0) || is_within(member, (double)count_characters(text));
}

// ---- bodies ---------------------------------------------------------------------------------------------------------

static struct slice members_problem(struct admin_exchange *x, const struct shape_member *members, struct slice within,
                                    const struct json_node *object, unsigned depth);

static size_t count_elements(const struct json_doc *doc, const struct json_node *list)
{
    const struct json_node *element = NULL;
    size_t n = 0;
    while (json_next_element(doc, list, &element)) {
        n++;
    }
    return n;
}

static bool is_time(const struct json_doc *doc, const struct json_node *node, struct arena *arena)
{
    int64_t ms = 0;
    if (json_is(node, JSON_STRING)) {
        return iso8601_read(json_string(doc, node, arena), &ms) && ms > 0;
    }
    return json_int64(doc, node, &ms) && ms > 0;
}

// Type and limits of the value itself, not of what is in it.
static bool is_good(struct admin_exchange *x, const struct shape_member *member, const struct json_node *node)
{
    const struct json_doc *doc = &x->doc;
    int64_t whole = 0;
    double number = 0;
    switch (member->type) {
    case SHAPE_TEXT: return json_is(node, JSON_STRING) && is_text_good(member, json_string(doc, node, admin_arena(x)));
    case SHAPE_INTEGER: return json_int64(doc, node, &whole) && is_within(member, (double)whole);
    case SHAPE_NUMBER: return json_double(doc, node, &number) && is_within(member, number);
    case SHAPE_BOOL: return json_is(node, JSON_TRUE) || json_is(node, JSON_FALSE);
    case SHAPE_TIME: return is_time(doc, node, admin_arena(x));
    case SHAPE_OBJECT: return json_is(node, JSON_OBJECT);
    case SHAPE_LIST: return json_is(node, JSON_ARRAY) && is_within(member, (double)count_elements(doc, node));
    case SHAPE_TEXT_OR_LIST: return json_is(node, JSON_STRING) || json_is(node, JSON_ARRAY);
    case SHAPE_ANY: return true;
    }
    return false;
}

static struct slice value_problem(struct admin_exchange *x, const struct shape_member *member, struct slice name,
                                  const struct json_node *node, unsigned depth);

// A list says by itself what is in it; every element has the same rules.
static struct slice elements_problem(struct admin_exchange *x, const struct shape_member *list, struct slice name,
                                     const struct json_node *node, unsigned depth)
{
    const struct shape_member item = {.name = list->name,
                                      .type = list->items,
                                      .is_secret = list->is_secret,
                                      .values = list->values,
                                      .members = list->members};
    const struct json_node *element = NULL;
    struct slice problem = SLICE_EMPTY;
    if (item.type == SHAPE_ANY) {
        return problem; // whatever they are, and there may be many
    }
    for (size_t i = 0; problem.len == 0 && json_next_element(&x->doc, node, &element); i++) {
        // Names are made where they are needed: there may be many elements.
        if (item.members || !is_good(x, &item, element)) {
            struct slice of_element = arena_printf(admin_arena(x), "%.*s[%zu]", SLICE_ARG(name), i);
            problem = value_problem(x, &item, of_element, element, depth + 1);
        }
    }
    return problem;
}

static struct slice value_problem(struct admin_exchange *x, const struct shape_member *member, struct slice name,
                                  const struct json_node *node, unsigned depth)
{
    if (member->may_be_null && json_is(node, JSON_NULL)) {
        return SLICE_EMPTY;
    }
    if (!is_good(x, member, node)) {
        struct buf text = BUF_EMPTY;
        begin_problem(&text, member, name, "must be");
        buf_append(&text, SLICE("; it is "));
        append_given(&text, member, &x->doc, node);
        return end_problem(admin_arena(x), &text);
    }
    if (member->check) {
        return member->check(x, json_is(node, JSON_STRING) ? json_string(&x->doc, node, admin_arena(x))
                                                           : json_raw(&x->doc, node));
    }
    if (member->type == SHAPE_OBJECT) {
        return members_problem(x, member->members, name, node, depth + 1);
    }
    bool is_list = member->type == SHAPE_LIST || member->type == SHAPE_TEXT_OR_LIST;
    return is_list && json_is(node, JSON_ARRAY) ? elements_problem(x, member, name, node, depth) : SLICE_EMPTY;
}

// Goes down as far as the tables do.
static struct slice members_problem(struct admin_exchange *x, const struct shape_member *members, struct slice within,
                                    const struct json_node *object, unsigned depth)
{
    struct slice problem = SLICE_EMPTY;
    assert(depth < DEPTH_MAX);
    for (const struct shape_member *member = members; member && member->name && problem.len == 0; member++) {
        const struct json_node *node = json_get(&x->doc, object, slice_from_cstr(member->name));
        if (!node && !member->is_required) {
            continue;
        }
        struct slice name = within.len ? arena_printf(admin_arena(x), "%.*s.%s", SLICE_ARG(within), member->name)
                                       : slice_from_cstr(member->name);
        problem = node ? value_problem(x, member, name, node, depth) : missing_problem(admin_arena(x), member, name);
    }
    return problem;
}

struct slice shape_body_problem(struct admin_exchange *x, const struct shape *shape)
{
    return members_problem(x, shape->members, SLICE_EMPTY, json_root(&x->doc), 0);
}

// ---- queries --------------------------------------------------------------------------------------------------------

static bool is_number_text(const struct shape_member *member, struct arena *arena, struct slice text)
{
    const char *start = arena_cstr(arena, text);
    char *end = NULL;
    double value = strtod(start, &end);
    return text.len && *end == '\0' && isfinite(value) && is_within(member, value);
}

static bool is_time_text(struct slice text)
{
    uint64_t ms = 0;
    int64_t wall_ms = 0;
    if (slice_to_u64(text, &ms)) {
        return ms > 0 && ms <= INT64_MAX;
    }
    return iso8601_read(text, &wall_ms) && wall_ms > 0;
}

static bool is_parameter_good(const struct shape_member *member, struct arena *arena, struct slice text)
{
    uint64_t whole = 0;
    switch (member->type) {
    case SHAPE_TEXT: return is_text_good(member, text);
    case SHAPE_INTEGER: return slice_to_u64(text, &whole) && whole <= INT64_MAX && is_within(member, (double)whole);
    case SHAPE_NUMBER: return is_number_text(member, arena, text);
    case SHAPE_BOOL:
        return slice_eq_nocase(text, SLICE("true")) || slice_eq_nocase(text, SLICE("false")) ||
               slice_eq(text, SLICE("1")) || slice_eq(text, SLICE("0"));
    case SHAPE_TIME: return is_time_text(text);
    case SHAPE_ANY: return true;
    case SHAPE_OBJECT:
    case SHAPE_LIST:
    case SHAPE_TEXT_OR_LIST: break;
    }
    return false;
}

static struct slice parameter_problem(struct admin_exchange *x, const struct shape_member *member,
                                      struct query_reader *query)
{
    struct slice name = slice_from_cstr(member->name);
    struct slice text = query_text(query, name);
    if (query->problem.len) {
        return query->problem;
    }
    if (!text.ptr) {
        return member->is_required ? missing_problem(query->arena, member, name) : SLICE_EMPTY;
    }
    if (!is_parameter_good(member, query->arena, text)) {
        struct buf problem = BUF_EMPTY;
        begin_problem(&problem, member, name, "must be");
        buf_append(&problem, SLICE("; it is "));
        if (member->is_secret) {
            buf_append(&problem, SLICE("something else"));
        } else {
            append_shortened(&problem, text);
        }
        return end_problem(query->arena, &problem);
    }
    return member->check ? member->check(x, text) : SLICE_EMPTY;
}

struct slice shape_query_problem(struct admin_exchange *x, const struct shape *shape)
{
    struct query_reader query = query_read(x);
    struct slice problem = SLICE_EMPTY;
    for (const struct shape_member *member = shape->members; member && member->name && !problem.len; member++) {
        problem = parameter_problem(x, member, &query);
    }
    return problem;
}

// ---- answers --------------------------------------------------------------------------------------------------------

static bool answer(struct admin_exchange *x, struct slice problem)
{
    if (problem.len) {
        reply_fail(x, 400, problem);
    }
    return problem.len == 0;
}

bool shape_check_body(struct admin_exchange *x, const struct shape *shape)
{
    return answer(x, shape_body_problem(x, shape));
}

bool shape_check_query(struct admin_exchange *x, const struct shape *shape)
{
    return answer(x, shape_query_problem(x, shape));
}
