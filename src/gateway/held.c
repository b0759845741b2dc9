// SPDX-License-Identifier: MIT
#include "gateway/held.h"

static struct h1_response copy_head(struct arena *arena, const struct h1_response *resp)
{
    struct h1_response copy = *resp;
    copy.reason = arena_dup(arena, resp->reason);
    copy.fields = arena_alloc(arena, resp->n_fields * sizeof(*copy.fields) + 1);
    for (size_t i = 0; i < resp->n_fields; i++) {
        copy.fields[i] = (struct h1_field){arena_dup(arena, resp->fields[i].name),
                                           arena_dup(arena, resp->fields[i].value), resp->fields[i].id};
    }
    return copy;
}

struct held *held_new(struct arena *arena, const struct h1_response *resp)
{
    struct held *held = arena_zalloc(arena, sizeof(*held));
    held->resp = copy_head(arena, resp);
    return held;
}

void held_deinit(struct held *held)
{
    buf_deinit(&held->body);
}

struct slice held_field(const struct held *held, enum header_name name)
{
    const struct h1_field *field = h1_find_field(held->resp.fields, held->resp.n_fields, name);
    return field ? field->value : SLICE_EMPTY;
}

struct slice held_text(const struct held *held)
{
    struct slice encoding = held_field(held, HEADER_CONTENT_ENCODING);
    bool is_plain = encoding.len == 0 || slice_eq_nocase(encoding, SLICE("identity"));
    return is_plain ? buf_slice(&held->body) : SLICE_EMPTY;
}

int64_t held_asked_ms(const struct held *held, int64_t now_wall_ms)
{
    uint64_t seconds;
    (void)now_wall_ms;
    struct slice value = held_field(held, HEADER_RETRY_AFTER);
    return slice_to_u64(value, &seconds) && seconds < INT32_MAX ? (int64_t)seconds * 1000 : -1;
}
