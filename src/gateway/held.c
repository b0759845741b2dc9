// SPDX-License-Identifier: MIT
#include "gateway/held.h"

#include "dialect/retry_delay.h"
#include "http/retry_hint.h"

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

// A header says it, or Google's body.
int64_t held_asked_ms(const struct held *held, int64_t now_wall_ms)
{
    int64_t ms = retry_hint_ms(held->resp.fields, held->resp.n_fields, now_wall_ms);
    return ms >= 0 ? ms : retry_delay_in_body(held_text(held));
}
