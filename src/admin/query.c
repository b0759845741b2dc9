// SPDX-License-Identifier: MIT
#include "admin/query.h"

#include "admin/reply.h"
#include "base/iso8601.h"
#include "http/url.h"

struct query_reader query_read(struct admin_exchange *x)
{
    return (struct query_reader){.query = x->query, .arena = admin_arena(x)};
}

bool query_is_good(struct admin_exchange *x, const struct query_reader *reader)
{
    if (reader->problem.len == 0) {
        return true;
    }
    reply_fail(x, 400, reader->problem);
    return false;
}

void query_problem(struct query_reader *reader, struct slice problem)
{
    if (reader->problem.len == 0) {
        reader->problem = problem;
    }
}

// A plus is a space, as forms send it.
static struct slice spaced(struct arena *arena, struct slice text)
{
    char *copy = arena_cstr(arena, text);
    for (size_t i = 0; i < text.len; i++) {
        copy[i] = (char)(copy[i] == '+' ? ' ' : copy[i]);
    }
    return slice_of(copy, text.len);
}

struct slice query_text(struct query_reader *reader, struct slice name)
{
    struct slice rest = reader->query;
    while (rest.ptr) {
        struct slice pair = slice_split(&rest, '&');
        struct slice value = pair;
        if (!url_query_is(pair, name)) {
            continue;
        }
        slice_split(&value, '=');
        if (!url_decode(reader->arena, spaced(reader->arena, value), &value)) {
            query_problem(reader,
                          arena_printf(reader->arena, "'%.*s' is not encoded as a query must be.", SLICE_ARG(name)));
            return SLICE_EMPTY;
        }
        return value.len ? value : SLICE_EMPTY;
    }
    return SLICE_EMPTY;
}

uint32_t query_integer(struct query_reader *reader, struct slice name, uint32_t fallback)
{
    uint64_t value = fallback;
    return slice_to_u64(query_text(reader, name), &value) && value <= UINT32_MAX ? (uint32_t)value : fallback;
}

int64_t query_time(struct query_reader *reader, struct slice name)
{
    struct slice text = query_text(reader, name);
    uint64_t ms = 0;
    int64_t wall_ms = 0;
    if (slice_to_u64(text, &ms)) {
        return (int64_t)ms;
    }
    return iso8601_read(text, &wall_ms) ? wall_ms : 0;
}

bool query_bool(struct query_reader *reader, struct slice name)
{
    struct slice text = query_text(reader, name);
    if (slice_eq_nocase(text, SLICE("true")) || slice_eq(text, SLICE("1"))) {
        return true;
    }
    if (text.ptr && !slice_eq_nocase(text, SLICE("false")) && !slice_eq(text, SLICE("0"))) {
        query_problem(reader, arena_printf(reader->arena, "'%.*s' must be true or false.", SLICE_ARG(name)));
    }
    return false;
}
