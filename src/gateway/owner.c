// SPDX-License-Identifier: MIT
#include "gateway/owner.h"

#include "base/clock.h"
#include "dialect/kinship.h"
#include "gateway/conversion.h"
#include "gateway/lease.h"
#include "keys/affinity.h"

// Where there has never been another key, it need not be known what this one's own is.
static bool has_choice(const struct exchange *x)
{
    return key_table_end(x->gateway->keys) > 1;
}

// ---- what a request tells of itself ---------------------------------------------------------------------------------

// Clients that name their session in a header do it in one of these.
static bool is_session_header(const struct h1_field *field)
{
    static const uint64_t names = HEADER_BIT(HEADER_SESSION_DASH_ID) | HEADER_BIT(HEADER_SESSION_UNDERSCORE_ID) |
                                  HEADER_BIT(HEADER_X_CLAUDE_CODE_SESSION_ID) | HEADER_BIT(HEADER_X_SESSION_AFFINITY) |
                                  HEADER_BIT(HEADER_X_SESSION_ID);
    return (HEADER_BIT(field->id) & names) != 0;
}

static uint64_t conversation_of(struct exchange *x)
{
    const struct h1_request *req = &x->ex->req;
    for (size_t i = 0; i < req->n_fields; i++) {
        if (is_session_header(&req->fields[i]) && req->fields[i].value.len) {
            return affinity_tag(AFFINITY_CONVERSATION, req->fields[i].value);
        }
    }
    struct slice name = kinship_conversation(x->route.dialect, &x->doc, exchange_arena(x));
    return name.len ? affinity_tag(AFFINITY_CONVERSATION, name) : 0;
}

static bool find_owner(struct exchange *x, enum affinity_kind kind, struct slice text)
{
    return affinity_find(x->gateway->keys, kind, affinity_tag(kind, text), clock_wall_ms(), &x->lease->owner);
}

static void look_for_owner(struct exchange *x)
{
    struct slice seals[KINSHIP_SEALS_MAX];
    if (x->upstream->dialect == DIALECT_RESPONSES && !x->conversion) {
        struct slice before = kinship_previous_response(&x->doc, exchange_arena(x));
        if (before.len && find_owner(x, AFFINITY_RESPONSE_ID, before)) {
            x->lease->owner_is_needed = true;
            return;
        }
    }
    struct slice body = x->conversion ? buf_slice(&x->conversion->body) : x->doc.text;
    size_t n = kinship_seals(x->upstream->dialect, body, exchange_arena(x), seals);
    for (size_t i = 0; i < n && !find_owner(x, AFFINITY_OPAQUE, seals[i]); i++) {
    }
}

void owner_find(struct exchange *x)
{
    if (has_choice(x)) {
        bool has_affinity = key_selector_settings(x->gateway->selector)->has_affinity;
        x->lease->conversation = has_affinity ? conversation_of(x) : 0;
        look_for_owner(x);
    }
}

// ---- what an answer tells -------------------------------------------------------------------------------------------

static void own(struct exchange *x, enum affinity_kind kind, struct slice text)
{
    affinity_put(x->gateway->keys, affinity_tag(kind, text), x->lease->key.lease, clock_wall_ms());
}

void owner_note(struct exchange *x, struct slice text)
{
    struct slice seals[KINSHIP_SEALS_MAX];
    if (!lease_is_out(x) || !has_choice(x)) {
        return;
    }
    if (x->upstream->dialect == DIALECT_RESPONSES && !x->lease->has_response_id) {
        struct slice id = kinship_response_id(text, exchange_arena(x));
        x->lease->has_response_id = id.len > 0;
        if (id.len) {
            own(x, AFFINITY_RESPONSE_ID, id);
        }
    }
    size_t n = kinship_seals(x->upstream->dialect, text, exchange_arena(x), seals);
    for (size_t i = 0; i < n; i++) {
        own(x, AFFINITY_OPAQUE, seals[i]);
    }
}
