// SPDX-License-Identifier: MIT
#include "admin/body.h"

#include <stdarg.h>
#include <stdio.h>

#include "admin/reply.h"

enum { PROBLEM_MAX = 256, BODY_DEPTH_MAX = 32 };

static void refuse_json(struct admin_exchange *x, int r)
{
    size_t line = 1;
    size_t column = 1;
    if (r != JSON_E_SYNTAX) {
        reply_fail(x, 400, SLICE("The body is JSON of too many levels or parts."));
        return;
    }
    json_position(x->doc.text, x->doc.error_offset, &line, &column);
    reply_failf(x, 400, "The body is not valid JSON: %s at line %zu, column %zu.",
                x->doc.error ? x->doc.error : "syntax error", line, column);
}

bool body_parse(struct admin_exchange *x)
{
    static const struct json_options options = {.max_depth = BODY_DEPTH_MAX};
    struct slice text = slice_trim(x->ex->body).len ? x->ex->body : SLICE("{}");
    int r = json_parse(&x->doc, admin_arena(x), text, &options);
    if (r != 0) {
        refuse_json(x, r);
        return false;
    }
    if (!json_is(json_root(&x->doc), JSON_OBJECT)) {
        reply_fail(x, 400, SLICE("The body must be a JSON object."));
        return false;
    }
    return true;
}

struct body_reader body_read(struct admin_exchange *x)
{
    return (struct body_reader){.doc = &x->doc, .arena = admin_arena(x)};
}

bool body_is_good(struct admin_exchange *x, const struct body_reader *reader)
{
    if (reader->problem.len == 0) {
        return true;
    }
    reply_fail(x, 400, reader->problem);
    return false;
}

void body_problem(struct body_reader *reader, const char *format, ...)
{
    char text[PROBLEM_MAX];
    va_list args;
    if (reader->problem.len) {
        return;
    }
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    reader->problem = arena_dup(reader->arena, slice_from_cstr(text));
}

const struct json_node *body_member(const struct body_reader *reader, struct slice name)
{
    return json_get(reader->doc, json_root(reader->doc), name);
}

struct slice body_text(const struct body_reader *reader, struct slice name)
{
    const struct json_node *member = body_member(reader, name);
    if (!member) {
        return SLICE_EMPTY;
    }
    struct slice text = json_string(reader->doc, member, reader->arena);
    return text.ptr ? text : SLICE("");
}

int64_t body_integer(const struct body_reader *reader, struct slice name, int64_t nothing, int64_t fallback)
{
    const struct json_node *member = body_member(reader, name);
    int64_t value = nothing;
    return !member || (!json_is(member, JSON_NULL) && !json_int64(reader->doc, member, &value)) ? fallback : value;
}

double body_number(const struct body_reader *reader, struct slice name, double nothing, double fallback)
{
    const struct json_node *member = body_member(reader, name);
    double value = nothing;
    return !member || (!json_is(member, JSON_NULL) && !json_double(reader->doc, member, &value)) ? fallback : value;
}
